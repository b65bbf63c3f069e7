"""Drills on the database itself: its fences, catalogue, files and tiles, and the memory of its writer."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from sqlite3 import connect
from unittest.mock import patch
from uuid import uuid4

from sqlalchemy import URL, Connection, Engine, make_url, select, text, update

from ledger.storage.db import Row, is_sqlite, open_engine
from ledger.storage.store import TILE
from ledger.writing.append import Appender, Placed
from ledger.writing.prepared import Prepared
from tests.conftest import skip
from tests.drills.drill import Who, drill
from tests.drills.entries import refused_by_fence, watched
from tests.drills.hands import column, in_hand, reword
from tests.drills.stage import Stage
from tests.drills.watch import Found, guard, holders, publisher, verifier

REPLACE = "INSERT OR REPLACE INTO ledger_entry SELECT * FROM changed"
UPSERT = (
    "INSERT INTO ledger_entry SELECT * FROM changed "
    "ON CONFLICT (log, seq) DO UPDATE SET event = excluded.event"
)


def replaced(connection: Connection) -> None:
    """Write over a row by inserting it again."""
    connection.execute(text("CREATE TABLE changed AS SELECT * FROM ledger_entry WHERE seq = 4"))
    event = column(connection, 4, "event").replace(b"second", b"sdcond")
    connection.execute(text("UPDATE changed SET event = :event"), {"event": event})
    connection.execute(text(REPLACE if connection.dialect.name == "sqlite" else UPSERT))
    connection.execute(text("DROP TABLE changed"))


@drill(
    13,
    "A row is written over by an insert: `INSERT OR REPLACE`, on PostgreSQL `ON CONFLICT DO UPDATE`.",
    {
        Who.VERIFIER: ("ledger.leaf_mismatch", "ledger.signature_invalid"),
        Who.SECOND: ("ledger.leaf_mismatch", "ledger.signature_invalid"),
        Who.FENCE: ("is append-only",),
        Who.HOLDER: ("ledger.proof_invalid",),
        Who.OFFLINE: ("ledger.leaf_mismatch", "ledger.signature_invalid"),
    },
)
def row_replaced(stage: Stage) -> Found:
    world = stage.world
    found: Found = set()
    if stage.attacked:
        found = refused_by_fence(world.engine, replaced)
        with in_hand(world.engine) as connection:
            replaced(connection)
    return found | watched(stage)


def edited(connection: Connection) -> None:
    reword(connection, 4, b"second", b"sdcond")


def as_a_replica(connection: Connection) -> None:
    """Edit as a replica does, for which ordinary triggers sleep."""
    if connection.dialect.name != "sqlite":
        connection.execute(text("SET LOCAL session_replication_role = replica"))
    edited(connection)


@drill(
    14,
    "The fences are gone round (as a replica does), then taken away for an edit.",
    {
        Who.VERIFIER: ("ledger.fence_missing", "ledger.leaf_mismatch", "ledger.signature_invalid"),
        Who.SECOND: ("ledger.leaf_mismatch", "ledger.signature_invalid"),
        Who.FENCE: ("is append-only",),
        Who.HOLDER: ("ledger.proof_invalid",),
        Who.OFFLINE: ("ledger.leaf_mismatch", "ledger.signature_invalid"),
    },
)
def fences_down(stage: Stage) -> Found:
    world = stage.world
    found: Found = set()
    if stage.attacked:
        found = refused_by_fence(world.engine, edited, as_a_replica)
        with in_hand(world.engine, covered=False) as connection:
            edited(connection)
    return found | watched(stage)


def edit_file(path: Path) -> None:
    """Change one byte of an event where it lies on the disk."""
    data = path.read_bytes()
    assert data.count(b'"text":"second"') == 1, "the attacker knows what to look for"
    path.write_bytes(data.replace(b'"text":"second"', b'"text":"sdcond"'))


def edit_sqlite(engine: Engine) -> None:
    """Edit the database's file while nobody has it open."""
    assert engine.url.database is not None
    path = Path(engine.url.database)
    with closing(connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    edit_file(path)


def edit_postgres(engine: Engine) -> str:
    """Edit the table's file; return the place of a database on such files, which nobody has in memory yet."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CHECKPOINT"))
        where = "SELECT current_setting('data_directory'), pg_relation_filepath('ledger_entry')"
        folder, path = connection.execute(text(where)).one()
    engine.dispose()
    if not (Path(folder) / path).exists():
        skip("the files of this server are not on this machine")
    edit_file(Path(folder) / path)
    name = f"ctnh_copy_{uuid4().hex}"
    run_on(
        engine.url.set(database="postgres"),
        f"CREATE DATABASE {name} TEMPLATE {engine.url.database} STRATEGY file_copy",
    )
    return engine.url.set(database=name).render_as_string(hide_password=False)


def run_on(url: URL, statement: str) -> None:
    """Run a statement outside a transaction."""
    engine = open_engine(url.render_as_string(hide_password=False))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(statement))
    engine.dispose()


@drill(
    15,
    "The file is edited on the disk while the database is stopped; then the catalogue, to lose the fences.",
    {
        Who.VERIFIER: ("ledger.fence_missing", "ledger.leaf_mismatch", "ledger.signature_invalid"),
        Who.HOLDER: ("ledger.proof_invalid",),
    },
    only={
        "postgres": {
            Who.VERIFIER: (
                "ledger.head_mismatch",
                "ledger.key_table_mismatch",
                "ledger.stream_table_mismatch",
                "ledger.tail_missing",
                "ledger.unreadable",
                "ledger.vault_mismatch",
            )
        },
    },
)
def file_edited(stage: Stage) -> Found:
    world = stage.world
    found: Found = set()
    if stage.attacked and stage.is_sqlite:
        edit_sqlite(world.engine)
    elif stage.attacked:
        place = edit_postgres(world.engine)
        world = replace(world, engine=stage.open(place))
        world.subjects = stage.world.subjects
        found = verifier(world)
        # The page's checksum was in the way. It keys nothing, so an attacker computes it anew.
        run_on(
            make_url(place), f"ALTER DATABASE {world.engine.url.database} SET ignore_checksum_failure = on"
        )
        world.engine.dispose()
    found |= verifier(world) | holders(stage.world.recorded, world)
    if stage.attacked:
        edit_catalogue(world.engine)
        found |= verifier(world)
    return found


def edit_catalogue(engine: Engine) -> None:
    """Take the fences of the entries out of the catalogue's own tables, past every statement for it."""
    with engine.begin() as connection:
        if is_sqlite(connection):
            connection.execute(text("PRAGMA writable_schema = ON"))
            connection.execute(
                text("DELETE FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'ledger_entry'")
            )
            connection.execute(text("PRAGMA writable_schema = RESET"))
        else:
            connection.execute(text("SET LOCAL allow_system_table_mods = on"))
            asleep = "UPDATE pg_trigger SET tgenabled = 'D' WHERE tgrelid = 'ledger_entry'::regclass"
            connection.execute(text(asleep))


@drill(
    16,
    "One hash in a tile is edited, no entry.",
    {
        Who.VERIFIER: ("ledger.checkpoint_mismatch", "ledger.leaf_mismatch"),
        Who.SECOND: ("ledger.checkpoint_mismatch", "ledger.leaf_mismatch"),
        Who.GUARD: ("ledger.guard_mismatch",),
        Who.PUBLISHER: ("ledger.forked",),
        Who.START_UP: ("ledger.forked",),
        Who.HOLDER: ("ledger.proof_invalid",),
        Who.OFFLINE: ("ledger.checkpoint_mismatch", "ledger.leaf_mismatch"),
    },
)
def tile_edited(stage: Stage) -> Found:
    world = stage.world
    if stage.attacked:
        with in_hand(world.engine) as connection:
            hashes = bytearray(connection.execute(select(TILE.c.hashes)).scalar_one())
            hashes[4 * 32] ^= 1
            connection.execute(update(TILE).values(hashes=bytes(hashes)))
    return watched(stage) | guard(world, stage.guard) | publisher(world, stage.guard)


def misplaced(honest: Callable[..., tuple[Row, Placed]]) -> Callable[..., tuple[Row, Placed]]:
    """Return the placing of entries in a memory in which one bit of each leaf flips."""

    def place(appender: Appender, head: Row, prepared: Prepared) -> tuple[Row, Placed]:
        after, placed = honest(appender, head, prepared)
        leaf = bytes([placed.appended.leaf[0] ^ 4]) + placed.appended.leaf[1:]
        return after | {"hash": leaf}, replace(placed, appended=replace(placed.appended, leaf=leaf))

    return place


@drill(
    17,
    "A bit of a leaf flips in memory, between hashing the entry and putting it into the tree.",
    {Who.VERIFIER: ("ledger.leaf_mismatch",), Who.PUBLISHER: ("ledger.leaf_mismatch",)},
)
def bit_in_memory(stage: Stage) -> Found:
    world = stage.world
    if stage.attacked:
        with patch.object(Appender, "place", misplaced(Appender.place)):
            world.note("while the memory is bad", by="binh.2")
    else:
        world.note("while the memory is good", by="binh.2")
    return publisher(world, stage.guard) | verifier(world)
