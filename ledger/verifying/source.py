"""Rows and tiles for a scan, past SQLAlchemy: from a connection at hand, or from one of a process's own."""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import psycopg

from ledger.format.entry import MAX_ENTRY_BYTES
from ledger.format.packing import unpack
from ledger.format.tiles import HASH_BYTES, TILE_BYTES, TILE_WIDTH
from ledger.verifying.scan import Row, Source

AT_ONCE = 64  # rows that stay in the processor's cache
MAPPED = 1 << 40

_BOUNDED = ("header", "signatures", "event")


def _columns(length: str) -> str:
    # Nothing absurdly long gets into memory: NULL in its place is no bytes, and that is found.
    bounded = (f"CASE WHEN {length}({name}) <= {MAX_ENTRY_BYTES} THEN {name} END" for name in _BOUNDED)
    return ", ".join(("seq", "recorded_at", "stream", "stream_seq", "key", "idem", *bounded))


def _two(length: str) -> str:
    return ", ".join(
        f"CASE WHEN {length}({name}) <= {MAX_ENTRY_BYTES} THEN {name} END" for name in _BOUNDED[1:]
    )


class SqliteSource:
    """A log in a SQLite file.

    Whoever stops half-way must leave no cursor behind: the connection would go on seeing the database as it
    was then, even after its transaction. A cursor is therefore closed by the generator that reads from it.
    """

    def __init__(self, connection: sqlite3.Connection, log: int) -> None:
        self._connection = connection
        self._log = log

    def rows(self, start: int, stop: int) -> Iterable[list[Row]]:
        """Yield the entries of a range."""
        query = f"""
            SELECT {_columns("length")} FROM ledger_entry
            WHERE log = ? AND seq >= ? AND seq < ? ORDER BY seq
        """  # noqa: S608  our own names
        with closing(self._connection.execute(query, (self._log, start, stop))) as found:
            while rows := found.fetchmany(AT_ONCE):
                yield _unpacked(rows)

    def before(self, places: Sequence[tuple[int, int]], seq: int) -> Iterable[Row]:
        """Yield what stands at places of streams before a position."""
        query = f"""
            SELECT stream, stream_seq, {_two("length")} FROM ledger_entry
            WHERE log = ? AND stream = ? AND stream_seq = ? AND seq < ?
        """  # noqa: S608  our own names
        with closing(self._connection.cursor()) as cursor:
            for place in places:
                for number, stream_seq, kept, event in cursor.execute(query, (self._log, *place, seq)):
                    yield number, stream_seq, unpack(kept, len(event)), event

    def past(self, stream: int, start: int, stop: int, seq: int) -> Iterable[Row]:
        """Yield what stands at the places [start, stop) of a stream before a position."""
        query = f"""
            SELECT seq, {_two("length")} FROM ledger_entry
            WHERE log = ? AND stream = ? AND stream_seq >= ? AND stream_seq < ? AND seq < ?
        """  # noqa: S608  our own names
        with closing(self._connection.execute(query, (self._log, stream, start, stop, seq))) as found:
            for at, kept, event in found:
                yield at, unpack(kept, len(event)), event

    def standing(self, places: Sequence[tuple[int, int]], seq: int) -> Iterable[Row]:
        """Yield stream, stream_seq and seq of what stands at places of streams, or later, before ``seq``."""
        query = """
            SELECT stream, stream_seq, seq FROM ledger_entry
            WHERE log = ? AND stream = ? AND stream_seq >= ? AND seq < ?
        """
        with closing(self._connection.cursor()) as cursor:
            for place in places:
                yield from cursor.execute(query, (self._log, *place, seq))

    def streams(self, numbers: Sequence[int]) -> Iterable[Row]:
        """Yield stream, name, length and head of streams as their table has them."""
        query = "SELECT stream, name, length, head FROM ledger_stream WHERE log = ? AND stream = ?"
        with closing(self._connection.cursor()) as cursor:
            for number in numbers:
                yield from cursor.execute(query, (self._log, number))

    def leaves(self, start: int, stop: int) -> bytes:
        """Return the stored leaf hashes of a range."""
        query = """
            SELECT hashes FROM ledger_tile WHERE log = ? AND level = 0 AND tile >= ? AND tile < ?
            AND length(hashes) <= ? ORDER BY tile
        """
        first, last = start // TILE_WIDTH, -(-stop // TILE_WIDTH)
        with closing(self._connection.execute(query, (self._log, first, last, TILE_BYTES))) as found:
            return _cut(found, start, stop)


class PostgresSource:
    """A log in PostgreSQL, read in the transaction of a connection."""

    def __init__(self, connection: "psycopg.Connection[Any]", log: int) -> None:
        self._cursor = connection.cursor(binary=True)
        self._log = log

    def rows(self, start: int, stop: int) -> Iterable[list[Row]]:
        """Yield the entries of a range."""
        query = f"""
            SELECT {_columns("octet_length")} FROM ledger_entry
            WHERE log = %s AND seq >= %s AND seq < %s ORDER BY seq
        """  # noqa: S608  our own names
        for first in range(start, stop, AT_ONCE):
            found = self._cursor.execute(query, (self._log, first, min(first + AT_ONCE, stop)), prepare=True)
            if rows := found.fetchall():
                yield _unpacked(rows)

    def before(self, places: Sequence[tuple[int, int]], seq: int) -> Iterable[Row]:
        """Yield what stands at places of streams before a position."""
        query = f"""
            SELECT stream, stream_seq, {_two("octet_length")}
            FROM unnest(%s::bigint[], %s::int[]) AS wanted (stream, stream_seq)
            JOIN ledger_entry USING (stream, stream_seq) WHERE log = %s AND seq < %s
        """  # noqa: S608  our own names
        streams, numbers = [place[0] for place in places], [place[1] for place in places]
        found = self._cursor.execute(query, (streams, numbers, self._log, seq)).fetchall()
        return [(stream, at, unpack(kept, len(event)), event) for stream, at, kept, event in found]

    def past(self, stream: int, start: int, stop: int, seq: int) -> Iterable[Row]:
        """Yield what stands at the places [start, stop) of a stream before a position."""
        query = f"""
            SELECT seq, {_two("octet_length")} FROM ledger_entry
            WHERE log = %s AND stream = %s AND stream_seq >= %s AND stream_seq < %s AND seq < %s
        """  # noqa: S608  our own names
        found = self._cursor.execute(query, (self._log, stream, start, stop, seq)).fetchall()
        return [(at, unpack(kept, len(event)), event) for at, kept, event in found]

    def standing(self, places: Sequence[tuple[int, int]], seq: int) -> Iterable[Row]:
        """Yield stream, stream_seq and seq of what stands at places of streams, or later, before ``seq``."""
        query = """
            SELECT e.stream, e.stream_seq, e.seq
            FROM unnest(%s::bigint[], %s::int[]) AS wanted (stream, stream_seq)
            JOIN ledger_entry e ON e.stream = wanted.stream AND e.stream_seq >= wanted.stream_seq
            WHERE e.log = %s AND e.seq < %s
        """
        streams, numbers = [place[0] for place in places], [place[1] for place in places]
        return self._cursor.execute(query, (streams, numbers, self._log, seq)).fetchall()

    def streams(self, numbers: Sequence[int]) -> Iterable[Row]:
        """Yield stream, name, length and head of streams as their table has them."""
        query = "SELECT stream, name, length, head FROM ledger_stream WHERE log = %s AND stream = ANY(%s)"
        return self._cursor.execute(query, (self._log, list(numbers))).fetchall()

    def leaves(self, start: int, stop: int) -> bytes:
        """Return the stored leaf hashes of a range."""
        query = """
            SELECT hashes FROM ledger_tile WHERE log = %s AND level = 0 AND tile >= %s AND tile < %s
            AND octet_length(hashes) <= %s ORDER BY tile
        """
        first, last = start // TILE_WIDTH, -(-stop // TILE_WIDTH)
        return _cut(self._cursor.execute(query, (self._log, first, last, TILE_BYTES)), start, stop)


def _unpacked(rows: Iterable[Row]) -> list[Row]:
    """Return rows of entries with the signatures as the lines they are."""
    # Spelt out because it is the faster by two thirds. What is no bytes has no length and fails here, which
    # is as good as being found.
    return [
        (seq, at, stream, stream_seq, key, idem, header, unpack(kept, len(event)), event)
        for seq, at, stream, stream_seq, key, idem, header, kept, event in rows
    ]


def _cut(found: Iterable[tuple[Any, ...]], start: int, stop: int) -> bytes:
    skipped = start % TILE_WIDTH * HASH_BYTES
    return b"".join(hashes for (hashes,) in found)[skipped : skipped + (stop - start) * HASH_BYTES]


@dataclass(frozen=True, slots=True)
class Place:
    """Where another process finds the log: a SQLite file, or a PostgreSQL server and a snapshot."""

    log: int
    sqlite: str | None = None
    postgres: str | None = None
    snapshot: str | None = None


def open_source(place: Place) -> Source:
    """Return a source with a read-only connection of its own, which lives as long as the process."""
    if place.sqlite is not None:
        file = sqlite3.connect(f"file:{quote(place.sqlite)}?mode=ro", uri=True, timeout=30)
        file.execute("PRAGMA query_only=ON")
        file.execute(f"PRAGMA mmap_size={MAPPED}")  # a fifth less for each row
        return SqliteSource(file, place.log)
    assert place.postgres is not None
    connection = psycopg.connect(place.postgres)
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    if place.snapshot is not None:
        connection.execute(f"SET TRANSACTION SNAPSHOT '{place.snapshot}'")
    return PostgresSource(connection, place.log)
