"""What a judgement has read, and what it wants written: plain values that outlive their transaction.

A command is judged outside the writer's lock. The read set lets the writer see whether the judgement still
holds; the changes are the view rows that go in with the entry, in the same transaction.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from sqlalchemy import Table
from sqlalchemy.exc import IntegrityError

from ledger.db import Reader, Row, Writer
from ledger.errors import Conflict, Problem
from ledger.statements import adding, inserting, named, updating
from ledger.store import STREAM, StoredEntry, one, rows, stream_events


class _Placeholder:
    """A value that only the writer knows."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


SEQ: Final = _Placeholder("SEQ")
RECORDED_AT: Final = _Placeholder("RECORDED_AT")


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
        return stream_events(self.reader, self.log, name)

    @property
    def seen(self) -> tuple[Read, ...]:
        """The read set so far."""
        return tuple(self._seen.values())


def still_holds(reader: Reader, log: int, seen: tuple[Read, ...]) -> bool:
    """Tell whether every look-up of a read set finds today what it found then."""
    return all(rows(reader, read.table, log=log, **dict(read.equal)) == list(read.found) for read in seen)


def write(writer: Writer, log: int, changes: Iterable[Change], known: Mapping[_Placeholder, Any]) -> None:
    """Carry out changes in order; raise Conflict when a constraint of a table forbids one.

    Rows that are new go in together, table by table, so a change may not read what an insert before it made.
    """
    filling = partial(_filled, known)
    new: dict[Table, list[Row]] = {}
    table: Table | None = None
    try:
        for change in changes:
            table = change.table
            match change:
                case Insert(table, row):
                    new.setdefault(table, []).append({"log": log, **filling(row)})
                case Put(table, key, row):
                    _put(writer, table, {"log": log, **filling(key)}, filling(row))
                case Add(table, key, column, amount):
                    _add(writer, table, {"log": log, **filling(key)}, column, amount)
        for table, made in new.items():
            writer.execute(inserting(table), made)
    except IntegrityError as error:
        facts = {"table": table.name if table is not None else ""}
        raise Conflict(Problem("ledger.constraint", "", facts)) from error


def _filled(known: Mapping[_Placeholder, Any], values: Mapping[str, Any]) -> Row:
    return {
        name: known[value] if isinstance(value, _Placeholder) else value for name, value in values.items()
    }


def _put(writer: Writer, table: Table, key: Row, row: Row) -> None:
    if row:
        done = writer.execute(updating(table, tuple(key), tuple(row)), named(key) | row)
        there = done.rowcount > 0
    else:
        there = one(writer, table, **key) is not None
    if not there:
        writer.execute(inserting(table), {**key, **row})


def _add(writer: Writer, table: Table, key: Row, column: str, amount: int) -> None:
    # An upsert would check the constraint against the amount alone, which may well be negative.
    added = writer.execute(adding(table, tuple(key), column), named(key) | {"amount": amount})
    if added.rowcount == 0:
        writer.execute(inserting(table), {**key, column: amount})
