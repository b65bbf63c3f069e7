"""Engines and transactions: one behaviour on SQLite and on PostgreSQL.

A Reader is a read-only transaction that never waits for a writer. A Writer holds the log's lock from its
first statement on: `BEGIN IMMEDIATE` on SQLite, a transaction-scoped advisory lock on PostgreSQL.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NewType

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

Reader = NewType("Reader", Connection)
Writer = NewType("Writer", Reader)

_BEGIN = "ctnh_begin"
# A connection for each thread that judges or reads, and a few for what runs beside them.
_POOL: dict[str, Any] = {"pool_size": 16, "max_overflow": 48}
# The advisory lock's first number keeps this program's locks apart from others in the same database.
LOCK_SPACE = 0x43544E48
# The driver asks every value of another type than its own whether it wants to be something else, and counts
# bytes among those. An answer at hand is quicker than its search for one; `bytes` gives back what it gets.
sqlite3.register_adapter(bytes, bytes)


def database_url(place: str) -> str:
    """Return the SQLAlchemy URL of ``place``: a URL, or the path of a SQLite file."""
    if "://" not in place:
        return f"sqlite:///{Path(place)}"
    if place.startswith(("postgresql://", "postgres://")):
        return "postgresql+psycopg://" + place.partition("://")[2]
    return place


def open_engine(place: str) -> Engine:
    """Return an engine for ``place`` with the settings that the ledger relies on."""
    url = make_url(database_url(place))
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"timeout": 30}, **_POOL)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return create_engine(url, isolation_level="READ COMMITTED", pool_pre_ping=True, **_POOL)


def _prepare_sqlite(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    # The driver's own transaction handling would begin too late and commit before DDL.
    connection.isolation_level = None
    try:
        _set_sqlite(connection)
    except UnicodeDecodeError as error:
        # What the driver says of a damaged file may quote bytes of it that are no text.
        raise sqlite3.DatabaseError("database disk image is malformed") from error


def _set_sqlite(connection: DBAPIConnection) -> None:
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # NORMAL may lose an acknowledged commit when the power goes
        "foreign_keys=ON",
        "recursive_triggers=ON",  # otherwise INSERT OR REPLACE deletes without firing the delete trigger
        "cache_size=-262144",
        "wal_autocheckpoint=20000",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    _driver(connection, connection.get_execution_options().get(_BEGIN, "BEGIN"))


def _driver(connection: Connection, statement: str) -> None:
    """Run a statement without parameters or result past SQLAlchemy, which would cost more than it."""
    connection.connection.cursor().execute(statement)


def assert_isolation(engine: Engine) -> None:
    """Raise RuntimeError unless a writer on PostgreSQL runs READ COMMITTED.

    Under REPEATABLE READ the statement that waits for the lock takes the snapshot, and the head read after it
    is stale: the keys would still bar a fork, and every second batch would fail.
    """
    with engine.connect() as connection:
        if is_sqlite(connection):
            return
        found = connection.execute(text("SHOW transaction_isolation")).scalar_one()
    if found != "read committed":
        raise RuntimeError(f"the writer needs READ COMMITTED, and this database gives {found}")


@contextmanager
def driver(connection: Connection) -> Iterator[Any]:
    """Yield the driver's own connection; its errors come out as SQLAlchemy's."""
    library = connection.dialect.loaded_dbapi
    try:
        yield connection.connection.driver_connection
    except library.Error as error:
        raise DBAPIError.instance(
            None, None, error, library.Error, hide_parameters=True, dialect=connection.dialect
        ) from error


def run_many(connection: Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Run a statement for each row of parameters past SQLAlchemy; ``?`` stands for a parameter."""
    with driver(connection) as own:
        if is_sqlite(connection):
            own.executemany(statement, rows)
        else:
            own.cursor().executemany(statement.replace("?", "%s"), rows)


def is_sqlite(connection: Connection) -> bool:
    """Tell which of the two databases this is."""
    return connection.dialect.name == "sqlite"


@contextmanager
def reading(engine: Engine) -> Iterator[Reader]:
    """Yield a read-only transaction with one view of the database."""
    with engine.connect() as connection:
        if is_sqlite(connection):
            with _rolled_back(connection):
                _driver(connection, "PRAGMA query_only=ON")
                try:
                    yield Reader(connection)
                finally:
                    _driver(connection, "PRAGMA query_only=OFF")
        else:
            snapshot = connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
            with _rolled_back(snapshot):
                yield Reader(snapshot)


@contextmanager
def _rolled_back(connection: Connection) -> Iterator[None]:
    """Run a transaction that has nothing to commit: of a damaged file even that would fail, after all."""
    transaction = connection.begin()
    try:
        yield
    finally:
        transaction.rollback()


@contextmanager
def attempting(reader: Reader) -> Iterator[None]:
    """Run statements of which one may fail, and pass the failure on with the transaction still good.

    PostgreSQL would answer nothing more in it.
    """
    reader.exec_driver_sql("SAVEPOINT attempt")
    try:
        yield
    except BaseException:
        reader.exec_driver_sql("ROLLBACK TO SAVEPOINT attempt")
        raise
    finally:
        reader.exec_driver_sql("RELEASE SAVEPOINT attempt")


@contextmanager
def writing(engine: Engine, log: int) -> Iterator[Writer]:
    """Yield the one writing transaction of ``log``; commit at the end, roll back on any exception.

    On PostgreSQL the transaction is READ COMMITTED: under REPEATABLE READ the snapshot would be taken by
    the very statement that waits for the lock, and the head read after it would be stale.
    """
    with engine.connect() as connection:
        connection = connection.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})  # noqa: PLW2901
        with _in_memory(connection), connection.begin():
            if not is_sqlite(connection):
                connection.execute(
                    text("SELECT pg_advisory_xact_lock(:space, :log)"), {"space": LOCK_SPACE, "log": log}
                )
            yield Writer(Reader(connection))


@contextmanager
def _in_memory(connection: Connection) -> Iterator[None]:
    """Have SQLite keep what a statement of many rows sets aside in memory, and not in a temporary file.

    A batch is small; what a reader sorts may be as long as the log.
    """
    if not is_sqlite(connection):
        yield
        return
    _driver(connection, "PRAGMA temp_store=MEMORY")
    try:
        yield
    finally:
        _driver(connection, "PRAGMA temp_store=DEFAULT")


Row = dict[str, Any]
