"""Bringing a database up to the newest schema, from the migrations that the package brings along."""

from importlib import resources

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, select
from sqlalchemy.exc import ProgrammingError

from ledger.storage.db import Reader, Writer, reading, writing
from ledger.storage.store import LOG, rows
from manifest.reference import default
from manifest.replay import rebuild
from manifest.views import VIEW_TABLES
from migrations.fences import grant_roles, may_grant_roles


def migrations_config() -> Config:
    """Return Alembic's configuration for the installed package `migrations`, without alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(resources.files("migrations")).replace("%", "%%"))
    return config


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the database of ``engine`` to ``revision``, in one transaction, under the writer's lock.

    Where a migration has made the views empty, the ledger is read into them anew.
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
                if _views_empty(writer, log["log"]):
                    rebuild(writer, log["log"], default())
        if may_grant_roles(writer):
            _try_to_grant(writer)


def _views_empty(reader: Reader, log: int) -> bool:
    """Tell whether nothing of a log stands in any view: reading millions of entries anew takes hours."""
    return not any(
        reader.execute(select(table.c.log).where(table.c.log == log).limit(1)).first()
        for table in VIEW_TABLES
    )


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
