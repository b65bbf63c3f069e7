"""The only code that inserts entries: entry, leaf, tiles, stream, key and head of many commands at once.

Statements run past SQLAlchemy, which would cost more than the database does. What follows from the head (the
tiles at the right edge, the next numbers) is remembered between batches for as long as the head stands where
this writer left it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from typing import Any

from sqlalchemy import BigInteger, Integer, LargeBinary, SmallInteger, Table, text
from sqlalchemy.exc import IntegrityError

from ledger.errors import Conflict, Problem
from ledger.failpoints import reach
from ledger.format.entry import TAG
from ledger.format.keys import Key, counted_after, ended, introduced
from ledger.format.tiles import Grown, grow
from ledger.storage.db import Reader, Row, Writer, driver, is_sqlite, run_many
from ledger.storage.store import ENTRY, HEAD, KEY, STREAM, TILE, one, tile_reader
from ledger.types import ms_text
from ledger.writing.prepared import Appended, Prepared

# Below this many rows a COPY costs more than it saves.
_COPY_FROM = 8
_ROWS = 50


@dataclass(slots=True)
class Placed:
    """A command with its place in the log, not durable yet.

    ``stream`` and ``stream_seq`` say where it stands in its stream, ``key`` is the number of its first
    actor's key, ``keys`` are those that it brings and ``first_key`` is the number of the first of them.
    """

    prepared: Prepared
    appended: Appended
    stream: int
    stream_seq: int
    key: int
    keys: tuple[Key, ...]
    first_key: int


class Appender:
    """Writes the ledger's own tables for one log; used under the writer's lock only."""

    def __init__(self, log: int, origin: str) -> None:
        self._log = log
        self._header = f"\0{TAG}\norigin {origin}\nseq "
        self._hash: bytes | None = None
        self._edge: dict[tuple[int, int], bytes] = {}
        self._next_stream = 0
        self._next_key = 0
        # Commands that come together are of the same millisecond, mostly: the last one, and its text.
        self._time = (-1, "")

    def begin(self, reader: Reader) -> Row:
        """Return the head, and learn what follows from it unless it stands where this writer left it."""
        head = one(reader, HEAD, log=self._log)
        assert head is not None, "a log has its head from the start"
        if head["hash"] != self._hash:
            self._edge = {}
            self._next_stream = _next(reader, STREAM, "stream", self._log)
            self._next_key = _next(reader, KEY, "key", self._log)
        # Until the commit nothing here is sure; `settle` says so.
        self._hash = None
        return head

    def settle(self, head: Row) -> None:
        """Remember that the log stands at this head, durably."""
        self._hash = head["hash"]

    def place(self, head: Row, prepared: Prepared) -> tuple[Row, Placed]:
        """Return the head after a command, and the command with its place."""
        seq = head["size"]
        recorded_ms = max(prepared.now_ms, head["recorded_at"])
        if self._time[0] != recorded_ms:
            self._time = recorded_ms, ms_text(recorded_ms)
        # `entry_hash` of `header_bytes` and the envelope, in one copy: this is the inner loop of the writer.
        header = f"{self._header}{seq}\nrecorded_at {self._time[1]}\nprev {head['hash'].hex()}\n"
        leaf = sha256(b"".join((header.encode(), prepared.signatures, prepared.event))).digest()
        if prepared.stream is not None:
            stream, stream_seq = prepared.stream
        else:
            stream, stream_seq = self._next_stream, 0
            self._next_stream += 1
        keys = introduced(prepared.act.event, seq) if prepared.about_keys else ()
        first, key = self._next_key, prepared.key
        self._next_key += len(keys)
        if key is None:
            key = first + [new.kid for new in keys].index(prepared.act.event.actors[0].kid)
        appended = Appended(seq, leaf, recorded_ms, prepared.envelope_hash)
        placed = Placed(prepared, appended, stream, stream_seq, key, keys, first)
        return {"size": seq + 1, "hash": leaf, "recorded_at": recorded_ms}, placed

    def write(self, writer: Writer, before: Row, after: Row, placed: Sequence[Placed]) -> None:
        """Write commands that follow one another from head to head; raise Conflict where they cannot."""
        try:
            self._write(writer, before, after, placed)
        except IntegrityError as error:
            raise Conflict(Problem("ledger.constraint", "", {"table": ENTRY.name})) from error

    def _write(self, writer: Writer, before: Row, after: Row, placed: Sequence[Placed]) -> None:
        insert_rows(writer, ENTRY, [self._entry(act) for act in placed])
        reach("entries_written")
        self._tiles(writer, before["size"], [act.appended.leaf for act in placed])
        reach("tiles_written")
        self._streams(writer, placed)
        self._keys(writer, placed)
        moved = writer.execute(
            _MOVE_HEAD,
            {"log": self._log, "size": before["size"], "hash": before["hash"]}
            | {"new_size": after["size"], "new_hash": after["hash"], "new_time": after["recorded_at"]},
        )
        if moved.rowcount != 1:
            raise Conflict(Problem("ledger.head_moved"))

    def _entry(self, act: Placed) -> tuple[Any, ...]:
        prepared, appended = act.prepared, act.appended
        return (
            self._log,
            appended.seq,
            act.stream,
            act.stream_seq,
            act.key,
            prepared.idem,
            appended.recorded_ms,
            b"",  # the header follows from the columns and the leaf before
            prepared.packed,
            prepared.event,
        )

    def _tiles(self, writer: Writer, size: int, leaves: Sequence[bytes]) -> None:
        stored = tile_reader(writer, self._log)

        def read(level: int, tile: int) -> bytes:
            known = self._edge.get((level, tile))
            return stored(level, tile) if known is None else known

        grown = grow(read, size, leaves)
        new = [(self._log, level, tile, row.hashes) for (level, tile), row in grown.items() if row.new]
        old = [(row.hashes, self._log, level, tile) for (level, tile), row in grown.items() if not row.new]
        if new:
            insert_rows(writer, TILE, new)
        if old:
            run_many(writer, _GROW_TILE, old)
        self._edge = _right_edge(grown, self._edge)

    def _streams(self, writer: Writer, placed: Sequence[Placed]) -> None:
        new, old = [], []
        for act in placed:
            head = act.appended.envelope_hash
            if act.prepared.stream is None:
                new.append((self._log, act.stream, act.prepared.stream_name, 1, head))
            else:
                old.append((act.stream, act.stream_seq + 1, head))
        if new:
            insert_rows(writer, STREAM, new)
        if old:
            _move_streams(writer, self._log, old)

    def _keys(self, writer: Writer, placed: Sequence[Placed]) -> None:
        for act in [act for act in placed if act.prepared.about_keys or act.prepared.counts]:
            event, seq = act.prepared.act.event, act.appended.seq
            counted = counted_after(event) if act.prepared.counts else {}
            for kid, count in counted.items():
                run_many(writer, _COUNT_KEY, [(count, self._log, kid)])
            if not act.prepared.about_keys:
                continue
            rows = [
                _key_row(self._log, number, key, counted.get(key.kid))
                for number, key in enumerate(act.keys, start=act.first_key)
            ]
            if rows:
                insert_rows(writer, KEY, rows)
            if (gone := ended(event)) is not None:
                run_many(writer, _END_KEY, [(seq, self._log, gone)])


def _key_row(log: int, number: int, key: Key, counted: int | None) -> tuple[Any, ...]:
    named = (key.kid, key.party, key.algorithm.value, key.custody, key.public_key, key.since, key.until)
    return (log, number, *named, counted)


def _next(reader: Reader, table: Table, column: str, log: int) -> int:
    query = text(f"SELECT MAX({column}) FROM {table.name} WHERE log = :log")  # noqa: S608  our own names
    last = reader.execute(query, {"log": log}).scalar()
    return 0 if last is None else int(last) + 1


def _right_edge(
    grown: dict[tuple[int, int], Grown], before: dict[tuple[int, int], bytes]
) -> dict[tuple[int, int], bytes]:
    edge = {level: (tile, hashes) for (level, tile), hashes in before.items()}
    for (level, tile), row in grown.items():
        if level not in edge or tile >= edge[level][0]:
            edge[level] = (tile, row.hashes)
    return {(level, tile): hashes for level, (tile, hashes) in edge.items()}


_MOVE_HEAD = text(
    "UPDATE ledger_head SET size = :new_size, hash = :new_hash, recorded_at = :new_time "
    "WHERE log = :log AND size = :size AND hash = :hash"
)
_GROW_TILE = "UPDATE ledger_tile SET hashes = ? WHERE log = ? AND level = ? AND tile = ?"
_COUNT_KEY = "UPDATE ledger_key SET counted = ? WHERE log = ? AND kid = ?"
_END_KEY = "UPDATE ledger_key SET until = ? WHERE log = ? AND kid = ?"


def _move_streams(writer: Writer, log: int, rows: Sequence[tuple[int, int, str]]) -> None:
    """Set length and head of streams given by their numbers."""
    set_to = "UPDATE ledger_stream SET length = moved.length, head = moved.head FROM"
    where = "WHERE ledger_stream.log = ? AND ledger_stream.stream = moved.stream"
    with driver(writer) as own:
        if is_sqlite(writer):
            for start in range(0, len(rows), _ROWS):
                part = rows[start : start + _ROWS]
                values = ", ".join(["(?, ?, ?)"] * len(part))
                with_rows = f"WITH moved (stream, length, head) AS (VALUES {values})"
                own.execute(f"{with_rows} {set_to} moved {where}", (*chain.from_iterable(part), log))
            return
        # Numbers and hex digits: spelt as arrays here, which the driver would do value by value.
        unnested = "unnest(%s::bigint[], %s::int[], %s::text[]) AS moved (stream, length, head)"
        columns = [f"{{{','.join(map(str, column))}}}" for column in zip(*rows, strict=True)]
        own.execute(f"{set_to} {unnested} {where.replace('?', '%s')}", (*columns, log))


def insert_rows(writer: Writer, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows given as tuples in the order of the table's columns."""
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    marks = ", ".join("?" * len(table.columns))
    if is_sqlite(writer):
        # Many rows to a statement: the driver lets other threads in after each, and has to wait for them.
        with driver(writer) as own:
            for start in range(0, len(rows), _ROWS):
                part = rows[start : start + _ROWS]
                values = ", ".join([f"({marks})"] * len(part))
                statement = f"INSERT INTO {table.name} ({names}) VALUES {values}"  # noqa: S608  our own names
                own.execute(statement, tuple(chain.from_iterable(part)))
        return
    if len(rows) < _COPY_FROM:
        run_many(writer, f"INSERT INTO {table.name} ({names}) VALUES ({marks})", rows)  # noqa: S608  our own names
        return
    statement = f"COPY {table.name} ({names}) FROM STDIN (FORMAT BINARY)"
    with driver(writer) as own, own.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types([_copy_type(column.type) for column in table.columns])
        for row in rows:
            copy.write_row(row)


def _copy_type(kind: Any) -> str:
    match kind:  # the two other whole numbers are Integers to SQLAlchemy, so the order counts
        case SmallInteger():
            return "int2"
        case BigInteger():
            return "int8"
        case Integer():
            return "int4"
        case LargeBinary():
            return "bytea"
    return "text"
