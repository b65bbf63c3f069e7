"""Writing many entries and rows at once: the ledger's appender, and rows of the views by the thousand."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Boolean, Date, Integer, SmallInteger, Table

from bench.bulk.stamps import Sealed, packed
from ledger.storage.db import Writer, driver, is_sqlite
from ledger.storage.store import STREAM
from ledger.types import UtcDateTime
from ledger.writing.append import Appender, Placed
from ledger.writing.prepared import Prepared


class Command(Prepared):
    """A sealed entry as the appender takes it; nothing of how the service judges is known of it."""

    def __init__(self, sealed: Sealed, stream: tuple[int, int] | None) -> None:
        self.stream_name = sealed.stream
        self.stream = stream
        self.key = sealed.key
        self.now_ms = sealed.recorded_ms
        self.idem = sealed.idem
        self.envelope_hash = sealed.hash
        self.signatures = sealed.head
        self.event = sealed.event
        self.packed = packed(sealed.head)
        self.about_keys = False
        self.counts = False


class BulkAppender(Appender):
    """The ledger's appender for batches in which a stream may stand several times."""

    def _streams(self, writer: Writer, placed: Sequence[Placed]) -> None:
        """Write each stream once, as the last of its commands leaves it."""
        first: dict[int, Placed] = {}
        last: dict[int, Placed] = {}
        for act in placed:
            first.setdefault(act.stream, act)
            last[act.stream] = act
        merged = []
        for stream, begun in first.items():
            ended = last[stream]
            if begun.prepared.stream is None:
                continue
            merged.append(ended)
        new = [
            (self._log, stream, begun.prepared.stream_name, last[stream].stream_seq + 1,
             last[stream].appended.envelope_hash)
            for stream, begun in first.items()
            if begun.prepared.stream is None
        ]  # fmt: skip
        if new:
            insert_many(writer, STREAM, new)
        super()._streams(writer, merged)


def insert_many(writer: Writer, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows given as tuples in the order of the table's columns, each value as the driver takes it."""
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    if is_sqlite(writer):
        marks = ", ".join("?" * len(table.columns))
        with driver(writer) as own:
            own.executemany(f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})', rows)  # noqa: S608  our own names
        return
    types = [_copy_type(column.type) for column in table.columns]
    statement = f'COPY "{table.name}" ({names}) FROM STDIN (FORMAT BINARY)'
    with driver(writer) as own, own.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)


def _copy_type(kind: Any) -> str:
    match kind:  # some kinds are others' too, so the order counts
        case UtcDateTime():
            return "int8"
        case SmallInteger():
            return "int2"
        case BigInteger():
            return "int8"
        case Integer():
            return "int4"
        case Boolean():
            return "bool"
        case Date():
            return "date"
    return "text"
