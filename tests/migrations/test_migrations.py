"""The schema that the migrations make is the schema of the models."""

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Engine, inspect, text
from sqlmodel import SQLModel

import ledger.storage.store  # noqa: F401  its tables belong to the metadata
from api.database import migrations_config, newest_revision, revision_of, upgrade
from ledger.storage.db import open_engine, reading

LEDGER_TABLES = {
    "ledger_log", "ledger_entry", "ledger_tile", "ledger_head",
    "ledger_stream", "ledger_key", "ledger_checkpoint", "vault_value",
}  # fmt: skip


def test_upgrading_from_empty_makes_the_models(engine: Engine) -> None:
    with engine.connect() as connection:
        assert set(inspect(connection).get_table_names()) >= LEDGER_TABLES | {"alembic_version"}
        assert compare_metadata(MigrationContext.configure(connection), SQLModel.metadata) == []


def test_there_is_one_head() -> None:
    assert ScriptDirectory.from_config(migrations_config()).get_heads() == [newest_revision()]


def test_the_check_of_alembic_finds_nothing_to_do(sqlite_engine: Engine) -> None:
    config = migrations_config()
    with sqlite_engine.begin() as connection:
        config.attributes["connection"] = connection
        command.check(config)


def test_upgrading_twice_changes_nothing(engine: Engine) -> None:
    upgrade(engine)
    assert revision_of(engine) == newest_revision()


def test_a_database_never_migrated_has_no_revision(tmp_path: Path) -> None:
    engine = open_engine(str(tmp_path / "new.db"))
    assert revision_of(engine) is None
    engine.dispose()


def test_a_failing_migration_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = open_engine(str(tmp_path / "broken.db"))
    broken = "CREATE TRIGGER broken BEFORE DELETE ON no_such_table BEGIN SELECT 1; END"
    monkeypatch.setattr("migrations.fences.sqlite_fences", lambda _: iter([("broken", broken)]))
    with pytest.raises(Exception, match="no_such_table"):
        upgrade(engine)
    with reading(engine) as reader:
        assert reader.execute(text("SELECT count(*) FROM sqlite_master")).scalar_one() == 0
    engine.dispose()


def test_the_command_line_takes_the_database_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cli.db"
    monkeypatch.setenv("CTNH_DATABASE_URL", str(path))
    command.upgrade(migrations_config(), "head")
    engine = open_engine(str(path))
    assert revision_of(engine) == newest_revision()
    engine.dispose()


def test_without_a_database_the_command_line_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CTNH_DATABASE_URL", raising=False)
    with pytest.raises(CommandError, match="CTNH_DATABASE_URL"):
        command.upgrade(migrations_config(), "head")


def test_printing_sql_is_refused() -> None:
    with pytest.raises(CommandError, match="run the migrations against"):
        command.upgrade(migrations_config(), "head", sql=True)
