"""How Alembic runs here: one transaction under the writer's lock, against the models of every layer."""

import importlib
import os

from alembic import context
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlmodel import SQLModel

from ledger.storage.db import is_sqlite, open_engine, writing

# Modules that define tables. A new one is named here, so that `alembic check` sees its tables.
MODELS = (
    "ledger.storage.store",
    "manifest.views",
    "api.identity.store",
    "api.drafting.store",
    "api.firstrun.store",
)
# A migration that cannot get its lock gives up, and does not queue every writer behind itself.
LOCK_TIMEOUT = "5s"


def run(connection: Connection) -> None:
    """Run the migrations on an open transaction; whoever opened it commits."""
    for module in MODELS:
        importlib.import_module(module)
    if not is_sqlite(connection):
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        # SQLite can roll back DDL; Alembic assumes the driver's own transaction handling, which cannot.
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def main() -> None:
    """Use the caller's connection, or open the database that the environment names."""
    if context.is_offline_mode():
        raise CommandError("the fences depend on the database: run the migrations against one")
    given = context.config.attributes.get("connection")
    if given is not None:
        run(given)
        return
    place = os.environ.get("CTNH_DATABASE_URL")
    if not place:
        raise CommandError("set CTNH_DATABASE_URL to the database to migrate")
    engine = open_engine(place)
    try:
        with writing(engine, 0) as writer:
            run(writer)
    finally:
        engine.dispose()


main()
