"""Nobody knows whether a commit happened: the idempotency key finds out."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from ledger import failpoints
from ledger.errors import Unavailable
from ledger.storage.db import open_engine, reading
from ledger.storage.store import HEAD, one
from ledger.writing.writer import Ledger, Recorded
from tests.crash.child import event, judge, now
from tests.crash.cluster import Cluster
from tests.crash.ground import Ground, until
from tests.crash.lossy import Lossy
from tests.ledger.world import ORIGIN, envelope, note_signer, signer

pytestmark = pytest.mark.postgres


@contextmanager
def through(url: str) -> Iterator[Ledger]:
    engine = open_engine(url)
    ledger = Ledger(engine, ORIGIN, judge=judge, signer=note_signer())
    yield ledger
    ledger.close()
    engine.dispose()


def size(ground: Ground) -> int:
    with ground.engine() as engine, reading(engine) as reader:
        head = one(reader, HEAD, log=ground.log)
    assert head is not None
    return int(head["size"])


def note(number: int = 900) -> bytes:
    return envelope(event(number, 0, 0, None), signer("an"))


@pytest.fixture
def line(server: Cluster, folder: Path) -> Iterator[Lossy]:
    with Lossy(folder, server.data) as made:
        yield made


def test_an_answer_lost_on_the_way_is_found_by_the_key(
    postgres_ground: Ground, line: Lossy, server: Cluster, folder: Path
) -> None:
    url = postgres_ground.url.replace(str(server.data), str(folder))
    with through(url) as ledger:
        line.armed = True
        done = ledger.submit(note(), now=now())
        assert (line.lost, done.receipt.seq, done.repeated) == (1, 2, True)
        assert size(postgres_ground) == 3
        assert ledger.submit(note(), now=now()) == done
        assert ledger.submit(note(901), now=now()).receipt.seq == 3
    postgres_ground.check([])
    assert not postgres_ground.tally.findings


def test_a_doubt_that_lasts_is_told_and_the_same_act_gets_its_receipt(
    postgres_ground: Ground, line: Lossy, server: Cluster, folder: Path
) -> None:
    url = postgres_ground.url.replace(str(server.data), str(folder))
    with through(url) as ledger:
        line.armed = line.and_shut = True
        with pytest.raises(Unavailable, match="outcome_unknown"):
            ledger.submit(note(), now=now())
        assert size(postgres_ground) == 3, "it had happened"
        with pytest.raises(OperationalError):
            ledger.submit(note(901), now=now())
        line.shut = False
        done = ledger.submit(note(), now=now())
        assert (done.receipt.seq, done.repeated) == (2, True)
        assert ledger.submit(note(901), now=now()).receipt.seq == 3
    postgres_ground.check([])
    assert not postgres_ground.tally.findings


def test_a_server_process_killed_before_its_commit_has_written_nothing(
    postgres_ground: Ground, server: Cluster
) -> None:
    """The commit is asked of a process that is dead, and the whole server goes into recovery with it."""
    killed: list[int] = []

    def kill() -> None:
        failpoints.at("before_commit", None)
        query = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
        killed.extend(int(str(row[0])) for row in server.run(query))
        os.kill(killed[0], signal.SIGKILL)

    recorded: list[Recorded] = []
    with through(postgres_ground.url) as ledger:
        failpoints.at("before_commit", kill)
        with pytest.raises((Unavailable, OperationalError)):
            ledger.submit(note(), now=now())

        def again() -> bool:
            with suppress(OperationalError, Unavailable):
                recorded.append(ledger.submit(note(), now=now()))
            return bool(recorded)

        until(again)
    assert len(killed) == 1
    assert (recorded[0].receipt.seq, recorded[0].repeated) == (2, False)
    assert size(postgres_ground) == 3
    postgres_ground.check([])
    assert not postgres_ground.tally.findings


def test_fsync_is_on(server: Cluster) -> None:
    assert server.run("SHOW fsync") == [("on",)]
