"""What a user would pick instead, in the same run: plain tables, a key-value log, a commit for each act."""

import os
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Engine

from bench.notes import Notes, undisturbed
from bench.result import Result
from ledger.writing.prepared import Prepared

BATCH = 1000


def naive(notes: Notes, count: int, database: str) -> Result:
    """Append one command after the other, each with a commit of its own."""
    prepared = notes.prepare(range(10_000, 10_000 + count))
    with undisturbed():
        began = time.perf_counter()
        for one in prepared:
            notes.ledger.put(one).result()
        took = time.perf_counter() - began
    return Result(name=f"{database}: one commit for each command", value=count / took, unit="entries/s")


def plain_sqlite(folder: Path, prepared: Sequence[Prepared]) -> Result:
    """Insert the events as rows of a plain table with a unique id, 1,000 to a durable transaction."""
    database = sqlite3.connect(folder / "plain.db", isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-262144", "wal_autocheckpoint=20000"):
        database.execute(f"PRAGMA {pragma}")
    database.execute("CREATE TABLE event (seq INTEGER PRIMARY KEY, idem BLOB UNIQUE, event BLOB)")
    began = time.perf_counter()
    for start in range(0, len(prepared), BATCH):
        database.execute("BEGIN IMMEDIATE")
        rows = [(one.idem, one.act.envelope.event) for one in prepared[start : start + BATCH]]
        database.executemany("INSERT INTO event (idem, event) VALUES (?, ?)", rows)
        database.execute("COMMIT")
    took = time.perf_counter() - began
    size = _size(database)
    database.close()
    return Result(
        name="plain SQLite table, no chain, no proof",
        value=len(prepared) / took,
        unit="entries/s",
        beside={"bytes_per_entry": round(size / len(prepared), 1)},
    )


def plain_postgres(engine: Engine, prepared: Sequence[Prepared]) -> Result:
    """Copy the events into a plain table with a unique id, 1,000 to a durable transaction."""
    connection = engine.raw_connection()
    own = connection.driver_connection
    assert own is not None
    own.execute("CREATE TABLE plain_event (seq bigserial PRIMARY KEY, idem bytea UNIQUE, event bytea)")
    own.commit()
    began = time.perf_counter()
    for start in range(0, len(prepared), BATCH):
        statement = "COPY plain_event (idem, event) FROM STDIN (FORMAT BINARY)"
        with own.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types(["bytea", "bytea"])
            for one in prepared[start : start + BATCH]:
                copy.write_row((one.idem, one.act.envelope.event))
        own.commit()
    took = time.perf_counter() - began
    size = own.execute("SELECT pg_total_relation_size('plain_event')").fetchone()[0]
    own.execute("DROP TABLE plain_event")
    own.commit()
    connection.close()
    return Result(
        name="plain PostgreSQL table, COPY, no chain, no proof",
        value=len(prepared) / took,
        unit="entries/s",
        beside={"bytes_per_entry": round(size / len(prepared), 1)},
    )


def key_value(folder: Path, prepared: Sequence[Prepared]) -> Result | None:
    """Put the events under their numbers into LMDB, 1,000 to a durable transaction; None without LMDB."""
    try:
        import lmdb  # noqa: PLC0415  a comparison, installed for development only
    except ImportError:
        return None
    store = lmdb.open(str(folder / "lmdb"), map_size=1 << 32)
    began = time.perf_counter()
    for start in range(0, len(prepared), BATCH):
        with store.begin(write=True) as transaction:
            for n, one in enumerate(prepared[start : start + BATCH], start=start):
                transaction.put(n.to_bytes(8, "big"), one.act.envelope.event, append=True)
    took = time.perf_counter() - began
    store.close()
    return Result(name="LMDB, events by number", value=len(prepared) / took, unit="entries/s")


def append_only_file(folder: Path, prepared: Sequence[Prepared]) -> Result:
    """Write the events one after the other into a file, with fdatasync after each 1,000."""
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        began = time.perf_counter()
        for start in range(0, len(prepared), BATCH):
            file.write(b"".join(one.act.envelope.event for one in prepared[start : start + BATCH]))
            file.flush()
            os.fdatasync(file.fileno())
        took = time.perf_counter() - began
    return Result(name="append-only file, no index", value=len(prepared) / took, unit="entries/s")


def _size(database: sqlite3.Connection) -> int:
    pages = database.execute("PRAGMA page_count").fetchone()[0]
    return int(pages) * int(database.execute("PRAGMA page_size").fetchone()[0])
