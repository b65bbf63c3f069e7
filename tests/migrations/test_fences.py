"""Raw SQL against the record is refused, on both databases, by whoever may connect."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, select, text, update
from sqlalchemy.event import listen
from sqlalchemy.exc import IntegrityError, ProgrammingError

from ledger.storage.db import reading
from ledger.storage.store import TILE
from ledger.verifying.verify import verify
from migrations.fences import APPENDER, FENCED, OWNER, READER, grant_roles, may_grant_roles
from tests.ledger.world import World, lived_in

REFUSED = "is append-only"


@pytest.fixture(scope="module")
def world(module_engine: Engine) -> Iterator[World]:
    world = lived_in(module_engine)
    yield world
    with reading(module_engine) as reader:
        assert verify(reader, trust=world.trust).ok


def refused(engine: Engine, statement: str) -> None:
    with engine.connect() as connection, pytest.raises(IntegrityError, match=REFUSED):
        connection.execute(text(statement))


UPSERT = """
    INSERT INTO ledger_entry SELECT * FROM ledger_entry WHERE seq = 3
    ON CONFLICT (log, seq) DO UPDATE SET event = excluded.event
"""
EVERYWHERE = [
    "UPDATE ledger_entry SET event = event",
    "UPDATE ledger_entry SET stream = 1 WHERE seq = 0",
    "DELETE FROM ledger_entry WHERE seq = 11",
    "DELETE FROM ledger_entry",
    "UPDATE ledger_checkpoint SET note = 'x'",
    "DELETE FROM ledger_checkpoint",
    "DELETE FROM ledger_tile",
    "UPDATE ledger_log SET origin = 'other.example/log'",
    "DELETE FROM ledger_log",
    "UPDATE ledger_tile SET tile = 1",
    "UPDATE ledger_tile SET level = 1",
    "UPDATE ledger_tile SET hashes = substr(hashes, 1, 32)",
    "UPDATE ledger_tile SET hashes = substr(hashes, 2)",
    UPSERT,
]


@pytest.mark.parametrize("statement", EVERYWHERE)
def test_the_record_only_grows(world: World, statement: str) -> None:
    refused(world.engine, statement)


def test_a_tile_grows_at_its_end(world: World) -> None:
    with world.engine.connect() as connection:
        hashes = connection.execute(select(TILE.c.hashes)).scalar_one()
        assert connection.execute(update(TILE).values(hashes=hashes + bytes(32))).rowcount == 1
        connection.rollback()


COLUMNS = "recorded_at, header, signatures, event FROM ledger_entry WHERE seq = 3"
REPLACED = [
    "INSERT OR REPLACE INTO ledger_entry SELECT * FROM ledger_entry WHERE seq = 3",
    f"INSERT OR REPLACE INTO ledger_entry SELECT log, 99, stream, stream_seq, key, x'00', {COLUMNS}",
    f"INSERT OR REPLACE INTO ledger_entry SELECT log, 99, stream, 99, key, idem, {COLUMNS}",
    "UPDATE OR REPLACE ledger_entry SET seq = 4 WHERE seq = 3",
    "INSERT OR REPLACE INTO ledger_checkpoint SELECT * FROM ledger_checkpoint",
    "INSERT OR REPLACE INTO ledger_tile VALUES (1, 0, 0, x'00')",
    "INSERT OR REPLACE INTO ledger_log VALUES (1, 'other.example/log')",
    "INSERT OR REPLACE INTO ledger_log SELECT 2, origin FROM ledger_log",
]


@pytest.mark.parametrize("statement", REPLACED)
@pytest.mark.parametrize("recursive", ["ON", "OFF"])
def test_or_replace_replaces_nothing(sqlite_engine: Engine, statement: str, recursive: str) -> None:
    world = lived_in(sqlite_engine)
    with sqlite_engine.connect() as connection:
        # Without recursive triggers OR REPLACE deletes unseen by the trigger against deleting.
        connection.exec_driver_sql(f"PRAGMA recursive_triggers={recursive}")
        with pytest.raises(IntegrityError, match=REFUSED):
            connection.execute(text(statement))
        connection.rollback()
        connection.exec_driver_sql("PRAGMA recursive_triggers=ON")
    with reading(sqlite_engine) as reader:
        assert verify(reader, trust=world.trust).ok


@pytest.mark.postgres
@pytest.mark.parametrize("table", FENCED)
def test_truncate_is_refused(postgres_engine: Engine, table: str) -> None:
    refused(postgres_engine, f"TRUNCATE {table} CASCADE")


@pytest.mark.postgres
@pytest.mark.parametrize(
    "statement", ["DELETE FROM ledger_entry", "UPDATE ledger_entry SET key = 9", "TRUNCATE ledger_entry"]
)
def test_playing_a_replica_does_not_put_the_fences_to_sleep(postgres_engine: Engine, statement: str) -> None:
    lived_in(postgres_engine)
    with postgres_engine.connect() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        with pytest.raises(IntegrityError, match=REFUSED):
            connection.execute(text(statement))


def act_as(connection: Connection, role: str) -> None:
    connection.execute(text(f"SET LOCAL ROLE {role}"))


ALLOWED = {
    APPENDER: [
        "SELECT * FROM ledger_entry",
        "INSERT INTO ledger_log VALUES (9, 'ninth.example/log')",
        "UPDATE ledger_tile SET hashes = hashes",
        "UPDATE ledger_head SET size = size",
        "DELETE FROM vault_value",
    ],
    READER: ["SELECT * FROM ledger_entry", "SELECT * FROM vault_value", "SELECT * FROM alembic_version"],
}
FORBIDDEN = {
    APPENDER: [
        "UPDATE ledger_entry SET key = 9",
        "DELETE FROM ledger_entry",
        "TRUNCATE ledger_entry",
        "ALTER TABLE ledger_entry DISABLE TRIGGER ALL",
        "DROP TRIGGER ledger_entry_no_update ON ledger_entry",
        "UPDATE ledger_key SET public_key = ''",
        "UPDATE vault_value SET value = ''",
        "UPDATE alembic_version SET version_num = ''",
        "SET session_replication_role = replica",
    ],
    READER: [
        "INSERT INTO ledger_log VALUES (9, 'ninth.example/log')",
        "DELETE FROM vault_value",
        "UPDATE ledger_head SET size = 9",
    ],
}


@pytest.mark.postgres
@pytest.mark.parametrize(("role", "statement"), [(r, s) for r, all_ in ALLOWED.items() for s in all_])
def test_a_role_can_do_its_work(postgres_engine: Engine, role: str, statement: str) -> None:
    with postgres_engine.connect() as connection:
        act_as(connection, role)
        connection.execute(text(statement))
        connection.rollback()


@pytest.mark.postgres
@pytest.mark.parametrize(("role", "statement"), [(r, s) for r, all_ in FORBIDDEN.items() for s in all_])
def test_a_role_can_do_nothing_else(postgres_engine: Engine, role: str, statement: str) -> None:
    with postgres_engine.connect() as connection:
        act_as(connection, role)
        with pytest.raises(ProgrammingError, match=r"denied|must be owner"):
            connection.execute(text(statement))


@pytest.mark.postgres
def test_nobody_logs_in_as_the_owner_and_granting_again_changes_nothing(postgres_engine: Engine) -> None:
    with postgres_engine.begin() as connection:
        grant_roles(connection)
        query = "SELECT rolname FROM pg_roles WHERE rolname LIKE 'ctnh%' AND NOT rolcanlogin ORDER BY 1"
        assert connection.execute(text(query)).scalars().all() == sorted([APPENDER, OWNER, READER])
        query = "SELECT tableowner FROM pg_tables WHERE tablename = 'ledger_entry'"
        assert connection.execute(text(query)).scalar_one() == OWNER


@pytest.mark.postgres
def test_an_appender_runs_the_ledger(postgres_engine: Engine) -> None:
    """The login that serves needs no more than the appender has."""
    listen(
        postgres_engine, "begin", lambda connection: connection.exec_driver_sql(f"SET LOCAL ROLE {APPENDER}")
    )
    world = lived_in(postgres_engine)
    with reading(postgres_engine) as reader:
        assert verify(reader, trust=world.trust).ok


def test_only_postgres_has_roles(sqlite_engine: Engine) -> None:
    with sqlite_engine.connect() as connection:
        assert not may_grant_roles(connection)
