"""What a process reads with a connection of its own is what the log holds."""

import sqlite3

import pytest
from sqlalchemy import Engine, text

from ledger.storage.db import reading
from ledger.storage.store import ENTRY, leaf_hashes, rows
from ledger.verifying.scan import Anomaly, Source
from ledger.verifying.source import AT_ONCE, Place, SqliteSource, open_source
from tests.ledger.synthetic import Bulk
from tests.ledger.world import World, lived_in


@pytest.fixture
def world(engine: Engine) -> World:
    return lived_in(engine)


def place(world: World, snapshot: str | None = None) -> Place:
    url = world.engine.url
    if url.get_backend_name() == "sqlite":
        return Place(world.log, sqlite=url.database)
    server = url.set(drivername="postgresql").render_as_string(hide_password=False)
    return Place(world.log, postgres=server, snapshot=snapshot)


def close(source: Source) -> None:
    if isinstance(source, SqliteSource):
        source._connection.close()
    else:
        source._cursor.connection.close()  # type: ignore[attr-defined]


def test_rows_and_leaves_are_those_of_the_log(world: World) -> None:
    with reading(world.engine) as reader:
        stored, leaves = rows(reader, ENTRY, log=world.log), leaf_hashes(reader, world.log)
    source = open_source(place(world))
    read = [row for part in source.rows(0, 99) for row in part]
    assert [(row[0], row[1], row[-1]) for row in read] == [
        (row["seq"], row["recorded_at"], row["event"]) for row in stored
    ]
    assert all(row[-2].startswith(b"pae ") for row in read)
    assert source.leaves(2, 12) == b"".join(leaves[2:])
    assert list(source.rows(500, 700)) == []
    last = stored[-1]
    (before,) = source.before([(last["stream"], last["stream_seq"] - 1)], last["seq"])
    assert before[:2] == (last["stream"], last["stream_seq"] - 1)
    close(source)


def test_whoever_stops_half_way_sees_later_what_came_meanwhile(sqlite_engine: Engine) -> None:
    world = World(sqlite_engine).open().register("an")
    Bulk(world, by=("an",), text="").add(2 * AT_ONCE)
    connection = sqlite3.connect(str(sqlite_engine.url.database))
    source = SqliteSource(
        connection, world.log
    )  # still there afterwards, as in whoever holds on to a failure

    def fail() -> None:
        for part in source.rows(0, 9 * AT_ONCE):
            raise Anomaly(len(part))

    with pytest.raises(Anomaly):
        fail()
    world.note("later")
    ((count,),) = connection.execute("SELECT count(*) FROM ledger_entry")
    assert count == 2 + 2 * AT_ONCE + 1
    connection.close()


@pytest.mark.postgres
def test_a_snapshot_does_not_see_what_comes_after_it(postgres_engine: Engine) -> None:
    world = lived_in(postgres_engine)
    with reading(world.engine) as reader:
        snapshot = str(reader.execute(text("SELECT pg_export_snapshot()")).scalar())
        world.note("later", by="binh.2")
        source = open_source(place(world, snapshot))
        seen = [row[0] for part in source.rows(0, 99) for row in part]
        close(source)
    assert seen == list(range(12))
