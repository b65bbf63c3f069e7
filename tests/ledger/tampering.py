"""What somebody with the database in his hands can do; everything is rolled back afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, text

from ledger.storage.db import Reader, is_sqlite
from migrations.fences import FENCED, fence


def _drop(connection: Connection) -> None:
    sqlite = is_sqlite(connection)
    for table in FENCED:
        for operation in ("update", "delete", "replace" if sqlite else "truncate"):
            on = "" if sqlite else f" ON {table}"
            connection.execute(text(f"DROP TRIGGER {table}_no_{operation}{on}"))
    if not sqlite:
        connection.execute(text("DROP FUNCTION ledger_refuse()"))


def drop_fences(engine: Engine) -> None:
    """Take the fences down for good."""
    with engine.begin() as connection:
        _drop(connection)


@contextmanager
def unfenced(engine: Engine) -> Iterator[Connection]:
    """Yield a transaction without fences, foreign keys and checks; nothing of it is kept."""
    with engine.connect() as connection:
        if is_sqlite(connection):
            connection.exec_driver_sql("PRAGMA ignore_check_constraints=ON")
            connection.rollback()
        with connection.begin() as transaction:
            if is_sqlite(connection):
                connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
            else:
                connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            _drop(connection)
            yield connection
            transaction.rollback()
        if is_sqlite(connection):
            connection.exec_driver_sql("PRAGMA ignore_check_constraints=OFF")


def covered(connection: Connection) -> Reader:
    """Put the fences back up, as one would to hide the traces, and return the reader for the verifier."""
    fence(connection)
    return Reader(connection)
