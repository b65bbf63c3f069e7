"""Whether a read set still holds: by what this writer has written since, and by asking the database again."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Table, select, tuple_

from ledger.changes import Add, Change, Insert, Put, Read
from ledger.db import Reader, Row

CHUNK = 400
Names = tuple[str, ...]


class Written:
    """The rows that a stretch of entries has written, as far as they are known: a key, or more columns."""

    def __init__(self) -> None:
        self._rows: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
        self._indices: dict[tuple[str, Names], _Index] = {}

    def add(self, table: str, row: Mapping[str, Any]) -> None:
        """Note a row that was written."""
        self._rows[table].append(row)
        for (name, columns), index in self._indices.items():
            if name == table:
                index.add(columns, row)

    def add_changes(self, changes: Iterable[Change]) -> None:
        """Note the rows that changes touch."""
        for change in changes:
            match change:
                case Insert(table, row):
                    self.add(table.name, row)
                case Put(table, key, row):
                    self.add(table.name, {**key, **row})
                case Add(table, key):
                    self.add(table.name, key)

    def touches(self, read: Read) -> bool:
        """Tell whether a look-up could find something else now; in doubt, yes."""
        name = read.table.name
        if name not in self._rows:
            return False
        columns = tuple(column for column, _ in read.equal)
        index = self._indices.get((name, columns))
        if index is None:
            index = self._indices[name, columns] = _Index()
            for row in self._rows[name]:
                index.add(columns, row)
        return index.partial or tuple(value for _, value in read.equal) in index.values


class _Index:
    """The written values of some columns; ``partial`` when a written row did not say them all."""

    __slots__ = ("partial", "values")

    def __init__(self) -> None:
        self.values: set[tuple[Any, ...]] = set()
        self.partial = False

    def add(self, columns: Names, row: Mapping[str, Any]) -> None:
        try:
            self.values.add(tuple([row[column] for column in columns]))
        except KeyError:
            self.partial = True


Place = tuple[str, tuple[tuple[str, Any], ...]]


def moved(reader: Reader, log: int, reads: Iterable[Read]) -> set[Place]:
    """Return the look-ups, by table and values, that find other rows today; asked set by set."""
    groups: dict[tuple[Table, Names], dict[tuple[Any, ...], Read]] = {}
    for read in reads:
        columns = tuple(column for column, _ in read.equal)
        values = tuple(value for _, value in read.equal)
        groups.setdefault((read.table, columns), {})[values] = read
    found: set[Place] = set()
    for (table, columns), wanted in groups.items():
        rows = _rows(reader, log, table, columns, list(wanted))
        found.update(
            (table.name, read.equal) for values, read in wanted.items() if rows[values] != list(read.found)
        )
    return found


def place(read: Read) -> Place:
    """Return what names a look-up."""
    return (read.table.name, read.equal)


def _rows(
    reader: Reader, log: int, table: Table, columns: Names, wanted: list[tuple[Any, ...]]
) -> defaultdict[tuple[Any, ...], list[Row]]:
    names = table.columns.keys()
    query = select(table).where(table.c.log == log).order_by(*table.primary_key.columns)
    rows: defaultdict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for start in range(0, len(wanted), CHUNK):
        part = wanted[start : start + CHUNK]
        narrowed = query
        # NULL equals nothing in SQL: such a look-up finds no row, then as now.
        if len(columns) == 1:
            narrowed = query.where(table.c[columns[0]].in_([value for (value,) in part]))
        elif columns:
            narrowed = query.where(tuple_(*(table.c[column] for column in columns)).in_(part))
        for row in reader.execute(narrowed):
            found = dict(zip(names, row, strict=True))
            rows[tuple(found[column] for column in columns)].append(found)
    return rows
