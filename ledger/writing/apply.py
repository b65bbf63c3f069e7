"""Carrying out the changes of many acts at once: sums added up, rows put and inserted table by table."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Table, select, tuple_
from sqlalchemy.exc import IntegrityError

from ledger.errors import Conflict, Problem
from ledger.storage.db import Row, Writer
from ledger.storage.statements import adding, inserting, named, updating
from ledger.writing.changes import Add, Change, Insert, Placeholder, Put

Key = tuple[Any, ...]
_CHUNK = 400


class Changes:
    """Changes gathered from acts, to be written together.

    Acts that touch the same row in different ways do not fit together: `takes` says so beforehand, and the
    writer then writes what is gathered first.
    """

    def __init__(self, log: int) -> None:
        self._log = log
        self._inserts: dict[Table, list[Row]] = {}
        self._puts: dict[Table, dict[Key, tuple[Row, Row]]] = {}
        self._adds: dict[tuple[Table, str], dict[Key, tuple[Row, int]]] = {}
        self._touched: dict[tuple[str, Key], str] = {}

    def takes(self, changes: Iterable[Change]) -> bool:
        """Tell whether these changes leave what is gathered in force, in whatever order they are written."""
        return all(
            self._touched.get((change.table.name, key), _kind(change)) == _kind(change)
            for change in changes
            if (key := _key(change)) is not None
        )

    def gather(self, changes: Iterable[Change], known: Mapping[Placeholder, Any]) -> None:
        """Take in the changes of one act, with what only the writer knows."""
        for change in changes:
            key = _key(change)
            if key is not None:
                self._touched.setdefault((change.table.name, key), _kind(change))
            match change:
                case Insert(table, row):
                    self._inserts.setdefault(table, []).append({"log": self._log, **_filled(row, known)})
                case Put(table, where, row):
                    at = self._at(where, known)
                    puts = self._puts.setdefault(table, {})
                    old = puts.get(tuple(at.values()), (at, {}))[1]
                    puts[tuple(at.values())] = (at, old | _filled(row, known))
                case Add(table, where, column, amount):
                    at = self._at(where, known)
                    adds = self._adds.setdefault((table, column), {})
                    old_sum = adds.get(tuple(at.values()), (at, 0))[1]
                    adds[tuple(at.values())] = (at, old_sum + amount)

    def _at(self, where: Mapping[str, Any], known: Mapping[Placeholder, Any]) -> Row:
        # In one order, so that a key is one key in whatever order a judge names its columns.
        return {"log": self._log, **dict(sorted(_filled(where, known).items()))}

    def write(self, writer: Writer) -> None:
        """Write what was gathered; raise Conflict when a constraint of a table forbids it."""
        table: Table | None = None
        try:
            for table, puts in self._puts.items():
                _put(writer, table, list(puts.values()))
            for (table, column), adds in self._adds.items():
                _add(writer, table, column, list(adds.values()))
            for table, made in self._inserts.items():
                writer.execute(inserting(table), made)
        except IntegrityError as error:
            facts = {"table": table.name if table is not None else ""}
            raise Conflict(Problem("ledger.constraint", "", facts)) from error


def _kind(change: Change) -> str:
    return f"add {change.column}" if isinstance(change, Add) else type(change).__name__


def _key(change: Change) -> Key | None:
    """Return the primary key that a change is about, None for one that only the writer can complete."""
    given = change.row if isinstance(change, Insert) else change.key
    key = tuple(given.get(column.name) for column in change.table.primary_key.columns if column.name != "log")
    return None if any(isinstance(value, Placeholder) for value in key) else key


def _filled(values: Mapping[str, Any], known: Mapping[Placeholder, Any]) -> Row:
    return {name: known[value] if isinstance(value, Placeholder) else value for name, value in values.items()}


def _there(writer: Writer, table: Table, keys: list[Row]) -> set[Key]:
    """Return which of these keys have a row."""
    names = list(keys[0])
    columns = [table.c[name] for name in names]
    found: set[Key] = set()
    for start in range(0, len(keys), _CHUNK):
        part = [tuple(key[name] for name in names) for key in keys[start : start + _CHUNK]]
        found.update(tuple(row) for row in writer.execute(select(*columns).where(tuple_(*columns).in_(part))))
    return found


def _put(writer: Writer, table: Table, puts: list[tuple[Row, Row]]) -> None:
    there = _there(writer, table, [key for key, _ in puts])
    by_columns: dict[tuple[tuple[str, ...], bool], list[tuple[Row, Row]]] = {}
    for key, row in puts:
        by_columns.setdefault((tuple(row), tuple(key.values()) in there), []).append((key, row))
    for (columns, exists), same in by_columns.items():
        if not exists:
            writer.execute(inserting(table), [{**key, **row} for key, row in same])
        elif columns:
            statement = updating(table, tuple(same[0][0]), columns)
            writer.execute(statement, [named(key) | row for key, row in same])


def _add(writer: Writer, table: Table, column: str, adds: list[tuple[Row, int]]) -> None:
    # An upsert would check the constraint against the amount alone, which may well be negative.
    there = _there(writer, table, [key for key, _ in adds])
    old = [named(key) | {"amount": amount} for key, amount in adds if tuple(key.values()) in there]
    new = [{**key, column: amount} for key, amount in adds if tuple(key.values()) not in there]
    if old:
        writer.execute(adding(table, tuple(adds[0][0]), column), old)
    if new:
        writer.execute(inserting(table), new)
