"""What a judgement has read, and what it wants written: plain values that outlive their transaction.

A command is judged outside the writer's lock. The read set lets the writer see whether the judgement still
holds; the changes are the view rows that go in with the entry, in the same transaction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Table

from ledger.storage.db import Reader, Row
from ledger.storage.predecessor import whole_stream
from ledger.storage.store import STREAM, StoredEntry, rows


class Placeholder:
    """A value that only the writer knows."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


SEQ: Final = Placeholder("SEQ")
RECORDED_AT: Final = Placeholder("RECORDED_AT")


@dataclass(frozen=True, slots=True)
class Insert:
    """A new row."""

    table: Table
    row: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Put:
    """A row under its primary key, new or in place of the one that is there."""

    table: Table
    key: Mapping[str, Any]
    row: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Add:
    """An amount added to a number of the row under that key; the row is made when there is none."""

    table: Table
    key: Mapping[str, Any]
    column: str
    amount: int


Change = Insert | Put | Add


@dataclass(frozen=True, slots=True)
class Read:
    """A look-up by equality, with the rows that it found."""

    table: Table
    equal: tuple[tuple[str, Any], ...]
    found: tuple[Row, ...]


class Reads:
    """The look-ups of one judgement: each is remembered, so that the writer can ask again."""

    def __init__(self, reader: Reader, log: int) -> None:
        self.log = log
        # What a judge has worked out from its look-ups, kept for as long as they hold.
        self.memo: dict[str, Any] = {}
        self.reader = reader
        self._seen: dict[tuple[str, tuple[tuple[str, Any], ...]], Read] = {}

    def rows(self, table: Table, **equal: Any) -> list[Row]:
        """Return the rows of this log whose columns have these values."""
        wanted = tuple(sorted(equal.items()))
        known = self._seen.get((table.name, wanted))
        if known is None:
            known = Read(table, wanted, tuple(rows(self.reader, table, log=self.log, **equal)))
            self._seen[table.name, wanted] = known
        return [dict(row) for row in known.found]

    def one(self, table: Table, **equal: Any) -> Row | None:
        """Return the row of this log whose columns have these values, or None."""
        found = self.rows(table, **equal)
        assert len(found) <= 1, f"{table.name} has several rows for {equal}"
        return found[0] if found else None

    def stream(self, name: str) -> list[StoredEntry]:
        """Return the entries of a stream; what is read is its head, which stands for all before it."""
        self.one(STREAM, name=name)
        return whole_stream(self.reader, self.log, name)

    @property
    def seen(self) -> tuple[Read, ...]:
        """The read set so far."""
        return tuple(self._seen.values())
