"""Schemas under which a verifier reads something else than everybody else, and fences in name only."""

import pytest
from sqlalchemy import Connection, Engine, text

from ledger.storage.db import Reader, reading
from ledger.storage.schema import FENCED
from ledger.verifying.verify import verify
from tests.ledger.world import lived_in

NO_FENCE = "BEGIN SELECT RAISE(ABORT, 'ledger_entry is append-only'); END"


def told(engine: Engine, depth: str = "full") -> set[tuple[str, str]]:
    with reading(engine) as reader:
        return {(one.code, one.detail) for one in verify(reader, depth=depth).findings}


def run(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def changed(what: str) -> set[tuple[str, str]]:
    return {("ledger.schema_changed", what)}


def test_fences_that_never_refuse_or_stand_elsewhere_are_named(sqlite_engine: Engine) -> None:
    lived_in(sqlite_engine)
    run(
        sqlite_engine,
        "CREATE TABLE elsewhere (a)",
        "DROP TRIGGER ledger_entry_no_update",
        f"CREATE TRIGGER ledger_entry_no_update BEFORE UPDATE ON ledger_entry WHEN 0 {NO_FENCE}",
        "DROP TRIGGER ledger_entry_no_delete",
        f"CREATE TRIGGER ledger_entry_no_delete BEFORE DELETE ON elsewhere {NO_FENCE}",
    )
    names = ("ledger_entry_no_update", "ledger_entry_no_delete")
    assert told(sqlite_engine) == {("ledger.fence_missing", name) for name in names}


def test_a_trigger_of_somebody_else_is_named(sqlite_engine: Engine) -> None:
    lived_in(sqlite_engine)
    run(sqlite_engine, "CREATE TRIGGER odd AFTER INSERT ON ledger_entry BEGIN SELECT 1; END")
    assert told(sqlite_engine) == changed("odd")


def test_a_view_in_the_place_of_a_table_is_named(sqlite_engine: Engine) -> None:
    lived_in(sqlite_engine)
    run(
        sqlite_engine,
        "CREATE TABLE hidden AS SELECT * FROM ledger_head",
        "DROP TABLE ledger_head",
        "CREATE VIEW ledger_head AS SELECT * FROM hidden",
    )
    assert told(sqlite_engine) == changed("ledger_head")


def _in_schema(connection: Connection, *statements: str) -> None:
    for statement in ("PRAGMA writable_schema=ON", *statements, "PRAGMA writable_schema=RESET"):
        connection.exec_driver_sql(statement)


@pytest.mark.parametrize("depth", ["full", "hashes"])
def test_an_index_that_keeps_what_the_table_no_longer_holds_is_named(
    sqlite_engine: Engine, depth: str
) -> None:
    """The verifier's walk reads the index alone, whoever looks an entry up reads the changed row."""
    lived_in(sqlite_engine)
    row = "sqlite_master (type, name, tbl_name, rootpage, sql)"
    columns = "log, seq, recorded_at, stream, stream_seq, key, idem, header, signatures, event"
    fence = "SELECT sql FROM sqlite_master WHERE name = 'ledger_entry_no_update'"
    with sqlite_engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE INDEX kept ON ledger_entry ({columns})")
        query = "SELECT rootpage, sql FROM sqlite_master WHERE name = 'kept'"
        page, made = connection.exec_driver_sql(query).one()
        stands = connection.exec_driver_sql(fence).scalar_one()
        _in_schema(connection, "DELETE FROM sqlite_master WHERE name = 'kept'")
        connection.exec_driver_sql("DROP TRIGGER ledger_entry_no_update")
        connection.exec_driver_sql("UPDATE ledger_entry SET event = x'00' WHERE seq = 3")
        connection.exec_driver_sql(stands)
        _in_schema(
            connection,
            f"INSERT INTO {row} VALUES ('index', 'kept', 'ledger_entry', {page}, '{made}')",  # noqa: S608  our own
        )
        connection.commit()
    assert told(sqlite_engine, depth) >= changed("kept")


def test_an_index_that_hides_an_entry_is_named(sqlite_engine: Engine) -> None:
    lived_in(sqlite_engine)
    with sqlite_engine.connect() as connection:
        hiding = "sqlite_autoindex_ledger_entry_2"
        partial = "CREATE UNIQUE INDEX most ON ledger_entry (log, stream, stream_seq) WHERE seq <> 3"
        connection.exec_driver_sql(partial)
        page = connection.exec_driver_sql("SELECT rootpage FROM sqlite_master WHERE name = 'most'").scalar()
        _in_schema(
            connection,
            "DELETE FROM sqlite_master WHERE name = 'most'",
            f"UPDATE sqlite_master SET rootpage = {page} WHERE name = '{hiding}'",  # noqa: S608  our own
        )
        connection.commit()
    assert told(sqlite_engine) >= changed("ledger_entry: index")


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("what", "statement"),
    [
        ("ledger_entry", "ALTER TABLE ledger_entry ENABLE ROW LEVEL SECURITY"),
        ("ledger_entry", "CREATE RULE odd AS ON INSERT TO ledger_entry DO ALSO NOTHING"),
        ("ledger_entry", "CREATE TABLE heir () INHERITS (ledger_entry)"),
        (
            "odd",
            (
                "CREATE TRIGGER odd AFTER INSERT ON ledger_entry"
                " FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()"
            ),
        ),
    ],
)
def test_what_answers_for_a_table_is_named(postgres_engine: Engine, what: str, statement: str) -> None:
    lived_in(postgres_engine)
    run(postgres_engine, statement)
    assert told(postgres_engine) == changed(what)


@pytest.mark.postgres
def test_a_view_before_the_tables_is_named(postgres_engine: Engine) -> None:
    lived_in(postgres_engine)
    run(
        postgres_engine,
        "ALTER TABLE ledger_head RENAME TO hidden",
        "CREATE VIEW ledger_head AS SELECT * FROM hidden",
    )
    assert told(postgres_engine) == changed("ledger_head")


@pytest.mark.postgres
def test_functions_before_those_of_the_server_are_named(postgres_engine: Engine) -> None:
    lived_in(postgres_engine)
    with postgres_engine.connect() as connection:
        connection.execute(text("SET search_path = public, pg_catalog"))
        report = verify(Reader(connection))
    assert {(one.code, one.detail) for one in report.findings} == changed("search_path")


@pytest.mark.postgres
@pytest.mark.parametrize(
    "statement",
    [
        (
            "DROP TRIGGER {0} ON ledger_tile;"
            " CREATE TRIGGER {0} BEFORE UPDATE ON ledger_tile FOR EACH ROW WHEN (false)"
            " EXECUTE FUNCTION ledger_refuse(); ALTER TABLE ledger_tile ENABLE ALWAYS TRIGGER {0}"
        ),
        (
            "DROP TRIGGER {0} ON ledger_tile; CREATE TABLE elsewhere (a int);"
            " CREATE TRIGGER {0} BEFORE UPDATE ON elsewhere FOR EACH ROW"
            " EXECUTE FUNCTION ledger_refuse(); ALTER TABLE elsewhere ENABLE ALWAYS TRIGGER {0}"
        ),
    ],
)
def test_a_fence_that_never_refuses_is_named(postgres_engine: Engine, statement: str) -> None:
    lived_in(postgres_engine)
    run(postgres_engine, statement.format("ledger_tile_no_update"))
    assert told(postgres_engine) == {("ledger.fence_missing", "ledger_tile_no_update")}


@pytest.mark.postgres
def test_fences_whose_function_does_nothing_are_named(postgres_engine: Engine) -> None:
    lived_in(postgres_engine)
    run(
        postgres_engine,
        "CREATE OR REPLACE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RETURN NEW; RAISE EXCEPTION 'never'; END $$",
    )
    assert len(told(postgres_engine)) == 3 * len(FENCED)
