"""Whether a read set still holds: by what this writer has written since, and by asking the database again."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Table, select, tuple_

from ledger.storage.db import Reader, Row
from ledger.writing.changes import Add, Change, Insert, Placeholder, Put, Read

CHUNK = 400
MAX_SEQ = 2**63 - 1
Names = tuple[str, ...]
Values = tuple[Any, ...]
At = tuple[str, Names]
# Table and columns of a look-up, and the values: the one, or the tuple of several.
Place = tuple[At, Any]

STREAM_BY_NAME: At = ("ledger_stream", ("name",))
ENTRY_BY_IDEM: At = ("ledger_entry", ("idem", "key"))
_DIRECT = {at[0]: at for at in (STREAM_BY_NAME, ENTRY_BY_IDEM)}


class Written:
    """The rows that entries from ``floor`` on have written, as far as they are known: key, or more columns.

    Every entry writes a row of `ledger_stream` and one of `ledger_entry`: those are noted by the values that
    they are looked up by, and a look-up by any others counts as touched.
    """

    __slots__ = ("_idems", "_indices", "_latest", "_rows", "_streams", "floor")

    def __init__(self, floor: int) -> None:
        self.floor = floor
        self._rows: dict[str, list[tuple[Mapping[str, Any], int]]] = {}
        self._indices: dict[At, _Index] = {at: _Index(at, []) for at in _DIRECT.values()}
        self._streams = self._indices[STREAM_BY_NAME].last
        self._idems = self._indices[ENTRY_BY_IDEM].last
        # The last entry that wrote a row of any other table.
        self._latest = -1

    def add_entry(self, stream: str, idem: Values, seq: int) -> None:
        """Note what every entry writes: the name of its stream, its ``(idem, key)``."""
        self._streams[stream] = seq
        self._idems[idem] = seq

    def add(self, table: str, row: Mapping[str, Any], seq: int) -> None:
        """Note a row that the entry at a position has written."""
        self._rows.setdefault(table, []).append((row, seq))
        self._latest = seq

    def spares(self, stream: str, idem: Values, size: int) -> bool:
        """Tell at a glance that nothing was written since a size but rows of other streams and other entries.

        What looked at those two tables by nothing else than ``stream`` and ``idem`` still holds then.
        """
        last = self._streams.get(stream, -1), self._idems.get(idem, -1), self._latest
        return max(last) < size

    def add_changes(self, changes: Iterable[Change], seq: int) -> None:
        """Note the rows that the changes of an entry touch."""
        for change in changes:
            match change:
                case Insert(table, row):
                    known = {name: value for name, value in row.items() if not isinstance(value, Placeholder)}
                    self.add(table.name, known, seq)
                case Put(table, key) | Add(table, key):
                    # By any other column the row may be found now, or may no longer be.
                    self.add(table.name, key, seq)

    def touched(self, places: Sequence[Place], size: int) -> list[int]:
        """Return which look-ups made at a size could find something else now; in doubt, one does."""
        found = []
        indices = self._indices
        for n, (at, value) in enumerate(places):
            index = indices.get(at)
            if index is None:
                index = indices[at] = _Index(at, self._rows.setdefault(at[0], []))
            if index.taken < len(index.rows):
                index.take()
            if index.last.get(value, -1) >= size or index.partial >= size:
                found.append(n)
        return found


class _Index:
    """When values of some columns were last written; rows are taken in when they are asked for."""

    __slots__ = ("_pick", "last", "partial", "rows", "taken")

    def __init__(self, at: At, rows: list[tuple[Mapping[str, Any], int]]) -> None:
        table, columns = at
        self._pick = itemgetter(*columns) if columns else None
        self.rows = rows
        self.taken = 0
        self.last: dict[Any, int] = {}
        # The last row that did not say all the columns, and so may be any.
        self.partial = -1 if _DIRECT.get(table, at) == at else MAX_SEQ

    def take(self) -> None:
        """Take in the rows that were written since."""
        for row, seq in self.rows[self.taken :]:
            try:
                if self._pick is None:
                    self.partial = seq
                else:
                    self.last[self._pick(row)] = seq
            except KeyError:
                self.partial = seq
        self.taken = len(self.rows)


def asks_only(places: Iterable[Place], own: Sequence[Place]) -> bool:
    """Tell whether what is looked up in the tables that every entry writes is nothing else than ``own``."""
    return all(asked in own or asked[0][0] not in _DIRECT for asked in places)


def place(read: Read) -> Place:
    """Return what a look-up asked for."""
    columns = tuple([column for column, _ in read.equal])
    values = tuple([value for _, value in read.equal])
    return (read.table.name, columns), values[0] if len(values) == 1 else values


def moved(reader: Reader, log: int, reads: Iterable[Read]) -> set[Place]:
    """Return what was asked for by the look-ups that find other rows today; asked again set by set."""
    groups: dict[tuple[Table, Names], dict[Values, Read]] = {}
    for read in reads:
        columns, values = zip(*read.equal, strict=True) if read.equal else ((), ())
        groups.setdefault((read.table, columns), {})[values] = read
    found: set[Place] = set()
    for (table, columns), wanted in groups.items():
        rows = _rows(reader, log, table, columns, list(wanted))
        found.update(place(read) for values, read in wanted.items() if rows[values] != list(read.found))
    return found


def _rows(
    reader: Reader, log: int, table: Table, columns: Names, wanted: list[Values]
) -> defaultdict[Values, list[Row]]:
    names = table.columns.keys()
    query = select(table).where(table.c.log == log).order_by(*table.primary_key.columns)
    rows: defaultdict[Values, list[Row]] = defaultdict(list)
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
