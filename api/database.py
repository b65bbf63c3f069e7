"""Bringing a database up to the newest schema, from the migrations that the package brings along."""

from importlib import resources

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine
from sqlalchemy.exc import ProgrammingError

from ledger.storage.db import Reader, Writer, reading, writing
from ledger.storage.store import LOG, rows
from manifest.reference import default
from manifest.replay import rebuild
from migrations.fences import grant_roles, may_grant_roles


def migrations_config() -> Config:
    """Return Alembic's configuration for the installed package `migrations`, without alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(resources.files("migrations")).replace("%", "%%"))
    return config


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the database of ``engine`` to ``revision``, in one transaction, under the writer's lock.

    A schema that has moved reads the ledger into its views anew: migrations make those tables empty.
    On PostgreSQL the roles are granted too when the current user may create roles; a hosted database often
    does not allow it, and the triggers stand without them.
    """
    config = migrations_config()
    with writing(engine, 0) as writer:
        config.attributes["connection"] = writer
        before = _revision(writer)
        command.upgrade(config, revision)
        if before not in {None, _revision(writer)}:
            for log in rows(writer, LOG):
                rebuild(writer, log["log"], default())
        if may_grant_roles(writer):
            _try_to_grant(writer)


def _try_to_grant(writer: Writer) -> None:
    try:
        with writer.begin_nested():
            grant_roles(writer)
    except ProgrammingError:
        # The roles exist but belong to somebody else: an administrator has to grant them.
        return


def revision_of(engine: Engine) -> str | None:
    """Return the revision that the database is at, None when it was never migrated."""
    with reading(engine) as reader:
        return _revision(reader)


def _revision(reader: Reader) -> str | None:
    return MigrationContext.configure(reader).get_current_revision()


def newest_revision() -> str:
    """Return the revision that this program needs."""
    head = ScriptDirectory.from_config(migrations_config()).get_current_head()
    assert head is not None
    return head
