"""Files that are not what was written to them: noticed, wherever it matters."""

import os
import sqlite3
import subprocess
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from api.database import upgrade
from ledger.publishing.guard import Guard
from ledger.storage.db import open_engine, reading
from ledger.verifying.verify import verify
from tests.conftest import skip
from tests.crash import disk
from tests.crash.cluster import cluster
from tests.crash.conftest import sqlite_ground
from tests.crash.damage import torn_postgres, torn_sqlite
from tests.crash.ground import Ground, Nursery, chance
from tests.ledger.world import ORIGIN


def test_torn_pages_of_sqlite_are_reported_or_lie_where_nothing_is(folder: Path) -> None:
    place = folder / "ctnh.db"
    engine = open_engine(str(place))
    upgrade(engine)
    engine.dispose()
    torn = torn_sqlite(place, folder, 20, chance())
    assert torn.holds(), torn
    assert torn.reported > 0, torn


@pytest.mark.postgres
@pytest.mark.parametrize("checksums", [True, False])
def test_torn_pages_of_postgresql_are_reported(folder: Path, *, checksums: bool) -> None:
    with cluster() as server:
        if not checksums:
            server.without_checksums()
        torn = torn_postgres(server, server.new(), folder, 4, chance(3))
    assert torn.holds(), torn
    assert torn.reported > 0, torn


def test_a_disk_that_fills_up_fails_the_act_and_nothing_else(folder: Path, nursery: Nursery) -> None:
    try:
        with disk.small_disk(folder, 16) as place:
            ground = sqlite_ground(folder, nursery, "disk/ctnh.db")
            tally = disk.filled_up(ground, place, 2)
    except PermissionError as error:
        skip(str(error))
    assert tally.holds(), tally
    assert set(tally.errors) <= TOLD


@pytest.mark.postgres
def test_postgresql_on_a_disk_that_fills_up_loses_nothing(folder: Path, nursery: Nursery) -> None:
    try:
        with disk.small_disk(folder, 256) as place, cluster(_SMALL, folder=place, segment_mb=1) as server:
            ground = Ground(server.new(), folder, nursery)
            tally = disk.filled_up(ground, place, 1, server)
    except PermissionError as error:
        skip(str(error))
    assert tally.holds(), tally
    assert set(tally.errors) <= TOLD


# What whoever waits is told: an outage of the database, a doubt that the same act resolves, or the end.
TOLD = {"OperationalError", "ledger.outcome_unknown", "ledger.closing"}
_SMALL = {"max_wal_size": "8MB", "min_wal_size": "2MB", "shared_buffers": "16MB"}


def test_a_limit_on_files_fails_the_act_and_nothing_else(folder: Path, nursery: Nursery) -> None:
    tally = disk.limited(sqlite_ground(folder, nursery), 1 << 21)
    assert tally.holds(), tally
    assert set(tally.errors) <= TOLD


def test_what_may_not_be_written_can_be_read(folder: Path, nursery: Nursery) -> None:
    """A process of a user who has no right to write: each act fails, reading goes on."""
    if os.geteuid() != 0:
        skip("only the superuser may act as somebody else")
    ground = sqlite_ground(folder, nursery)
    with ground.engine() as held, held.connect() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM ledger_head").scalar_one()
        folder.chmod(0o755)
        work = ground.work(threads=2, user=65534, guard=None)
        Path(work.journal).touch()
        Path(work.journal).chmod(0o666)
        assert nursery.wait(nursery.start(work)) == 0
    folder.chmod(0o777)
    ground.check([work])
    assert ground.tally.errors == {"OperationalError": 2}
    assert (ground.tally.in_flight, ground.tally.recorded) == (2, 0), "nothing was written"
    assert not ground.tally.findings


def test_a_file_system_that_may_not_be_written_is_read(folder: Path, nursery: Nursery) -> None:
    ground = sqlite_ground(folder, nursery)
    work = ground.work(entries=3)
    assert nursery.wait(nursery.start(work)) == 0
    seen = folder.parent / f"{folder.name}-ro"
    seen.mkdir()
    try:
        subprocess.run(["mount", "--bind", str(folder), str(seen)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        seen.rmdir()
        skip("no file system can be mounted here")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(seen)], check=True)
        with ground.engine() as held, held.connect() as connection:
            connection.exec_driver_sql("SELECT count(*) FROM ledger_head").scalar_one()
            place = str(seen / "ctnh.db")
            engine = open_engine(place)
            with reading(engine) as reader:
                assert verify(reader, origin=ORIGIN, guard=Guard(ground.guard)).ok
            engine.dispose()
            refused = ground.work(threads=2, url=place, guard=None)
            assert nursery.wait(nursery.start(refused)) == 0
    finally:
        subprocess.run(["umount", str(seen)], check=True)
        seen.rmdir()
    ground.check([work, refused])
    assert ground.tally.errors == {"OperationalError": 2}
    tally = ground.final()
    assert tally.holds(), tally
    assert (tally.found, tally.in_flight, tally.recorded) == (12, 2, 0)


def test_what_is_said_of_a_damaged_file_need_be_no_text(folder: Path) -> None:
    """The database names what it cannot read, in the bytes that stand there."""
    place = folder / "small.db"
    made = sqlite3.connect(place)
    made.execute("CREATE TABLE zzzz (a)")
    made.close()
    broken = place.read_bytes().replace(b"CREATE TABLE", b"CREATE TABLF")
    place.write_bytes(broken.replace(b"zzzzzzzz", b"\xedzzz\xedzzz"))
    engine = open_engine(str(place))
    with pytest.raises(DBAPIError, match="malformed"), reading(engine):
        pass
    engine.dispose()
