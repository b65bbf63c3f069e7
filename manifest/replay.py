"""The views from nothing: replay the ledger through the judge in memory, compare with the tables, or rebuild.

Replaying judges every act again, at its own time and on the state of its own moment, so it is also the
auditor's answer to whether what stands in the ledger was allowed to be written.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace as dataclass_replace
from typing import Any

from sqlalchemy import Boolean, Date, String, Table, delete, insert, select, text

from ledger.errors import NotAllowed, Problem, Refused
from ledger.format.event import Event
from ledger.format.keys import KeyRing, ended, introduced
from ledger.report import Finding
from ledger.storage.db import Reader, Row, Writer, is_sqlite
from ledger.storage.predecessor import predecessor_of
from ledger.storage.store import ENTRY, KEY, STREAM, StoredEntry, entries, log_number
from ledger.writing.changes import RECORDED_AT, SEQ, Add, Change, Insert, Put, Reads
from ledger.writing.prepared import Act
from manifest.acts import read_stored
from manifest.reference import Reference
from manifest.service import Judge
from manifest.views import LOT, VIEW_TABLES

# Columns that hold the position of an entry.
_PLACES = ("seq", "since", "until", "kept_seq", "proposed_seq", "settled_seq")
Names = tuple[str, ...]
Values = tuple[Any, ...]


class _Rows:
    """A table in memory, with an index for every combination of columns that was asked for."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.key: Names = tuple(c.name for c in table.primary_key.columns if c.name != "log")
        self.rows: dict[Values, Row] = {}
        self._indices: dict[Names, defaultdict[Values, dict[Values, Row]]] = {}

    def find(self, equal: Mapping[str, Any]) -> list[Row]:
        names = tuple(sorted(equal))
        index = self._indices.get(names)
        if index is None:
            index = self._indices[names] = defaultdict(dict)
            for key, row in self.rows.items():
                index[tuple(row[name] for name in names)][key] = row
        found = index.get(tuple(equal[name] for name in names), {})
        return [found[key] for key in sorted(found)]

    def put(self, row: Row) -> None:
        key = tuple(row[name] for name in self.key)
        old = self.rows.get(key)
        for names, index in self._indices.items():
            if old is not None:
                index[tuple(old[name] for name in names)].pop(key, None)
            index[tuple(row[name] for name in names)][key] = row
        self.rows[key] = row

    def get(self, key: Mapping[str, Any]) -> Row | None:
        return self.rows.get(tuple(key[name] for name in self.key))


class MemoryReads(Reads):
    """The look-ups of a judge, answered from a replay instead of the database."""

    def __init__(self, log: int) -> None:
        self.log = log
        self.size = 0  # how many entries stand before the one that is judged
        self.memo: dict[str, Any] = {}
        self.tables = {table.name: _Rows(table) for table in (*VIEW_TABLES, KEY, STREAM)}

    def rows(self, table: Table, **equal: Any) -> list[Row]:
        """Return the rows whose columns have these values; of an entry only that it is there."""
        if table is ENTRY:
            return [dict(equal)] if 0 <= equal["seq"] < self.size else []
        return self.tables[table.name].find(equal)

    def stream(self, name: str) -> list[StoredEntry]:
        """Answer with nothing: the manifests of a replay are remembered, not loaded again."""
        assert not self.rows(STREAM, name=name), "a replayed manifest stands in the memo"
        return []

    def apply(self, change: Change, known: Mapping[Any, Any]) -> None:
        """Carry out one change."""
        rows = self.tables[change.table.name]
        blank = {column.name: None for column in change.table.columns} | {"log": self.log}

        def filled(values: Mapping[str, Any]) -> Row:
            return {
                name: known.get(value, value) if value in known else value for name, value in values.items()
            }

        match change:
            case Insert(_, row):
                rows.put(blank | filled(row))
            case Put(_, key, row):
                rows.put((rows.get(key) or blank) | filled(key) | filled(row))
            case Add(_, key, column, amount):
                old = rows.get(key) or blank | filled(key) | {column: 0}
                rows.put(old | {column: int(old[column] or 0) + amount})

    def take_over(self, log: int, size: int) -> None:
        """Move every row into another log, its positions ``size`` further back."""
        self.log, self.size = log, 0
        for name, rows in self.tables.items():
            moved = [moved_row(row, log, size) for row in rows.rows.values()]
            self.tables[name] = _Rows(rows.table)
            for row in moved:
                self.tables[name].put(row)


def moved_row(row: Mapping[str, Any], log: int, size: int) -> Row:
    """Return a row as it stands in the log that goes on after ``size`` entries of its own."""
    places = {name: row[name] - size for name in _PLACES if row.get(name) is not None}
    return {**row, **({"log": log} if "log" in row else {}), **places}


class _Ring(KeyRing):
    def shift(self, size: int) -> None:
        """Count positions from ``size`` on."""
        for kid, key in self._keys.items():
            until = None if key.until is None else key.until - size
            self._keys[kid] = dataclass_replace(key, since=key.since - size, until=until)


class Replay:
    """A replay of a log: `reads` holds the views as they stand after the entries taken so far."""

    def __init__(self, log: int, reference: Reference) -> None:
        self.reads = MemoryReads(log)
        self._judge = Judge(reference)
        self._ring = _Ring()

    def go_on(self, log: int, size: int) -> None:
        """Take the views over into the log that goes on from this one after ``size`` entries.

        Positions count from the first entry of the new log, so those so far are below zero.
        """
        self.reads.take_over(log, size)
        self._ring.shift(size)

    def take(self, stored: StoredEntry) -> None:
        """Judge the next entry and write what follows; raise Refused when it was not allowed."""
        event, _ = read_stored(stored)
        envelope = stored.envelope
        self.reads.size = stored.seq
        new = {key.kid: key for key in introduced(event, stored.seq)}
        keys = [new.get(actor.kid) or self._ring.get(actor.kid) for actor in event.actors]
        known = tuple(key for key in keys if key is not None)
        try:
            if len(known) != len(keys):
                raise NotAllowed(Problem("ledger.key_unknown", "/actors"))
            act = Act(event, envelope, known, stored.recorded_at)
            for change in self._judge(self.reads, act):
                self.reads.apply(change, {SEQ: stored.seq, RECORDED_AT: stored.recorded_at})
        finally:
            # Keys and streams are the ledger's own: they stand whether or not the act was allowed.
            self._learn(event, stored)

    def _learn(self, event: Event, stored: StoredEntry) -> None:
        seq = stored.seq
        self._ring.learn(event, seq)
        head = {"head": stored.envelope_hash}
        self.reads.tables[STREAM.name].put({"stream": event.stream, "name": event.stream, **head})
        for kid in [*(key.kid for key in introduced(event, seq)), ended(event)]:
            if kid is not None and (key := self._ring.get(kid)) is not None:
                self.reads.tables[KEY.name].put(
                    {"key": kid, "kid": kid, "party": key.party, "since": key.since, "until": key.until}
                )


def replay(
    stored: Iterable[StoredEntry], log: int, reference: Reference, before: Replay | None = None
) -> tuple[Replay, list[Finding]]:
    """Return the replay of entries, and a finding for each one that the judge would not have let in.

    With the replay of the log ``before``, it goes on from there.
    """
    done = before or Replay(log, reference)
    findings = []
    for entry in stored:
        try:
            done.take(entry)
        except Refused as refused:
            findings.append(Finding(entry.seq, "manifest.act_not_allowed", str(refused)))
    return done, findings


def replay_before(reader: Reader, log: int, reference: Reference) -> tuple[Replay | None, list[Finding]]:
    """Return where a log with a predecessor begins, and what was not allowed in the latter; else None."""
    before = predecessor_of(reader, log)
    found = None if before is None else log_number(reader, before.origin)
    if before is None or found is None:
        return None, []
    earlier, findings = replay_before(reader, found[0], reference)
    done, more = replay(entries(reader, found[0], stop=before.size), found[0], reference, earlier)
    done.go_on(log, before.size)
    moved = [Finding(None, one.code, f"{before.origin} {one.seq}: {one.detail}") for one in more]
    return done, [*findings, *moved]


def audit(reference: Reference) -> Any:
    """Return the verification step that replays the ledger and compares every view with its table."""

    def step(reader: Reader, log: int) -> Iterator[Finding]:
        before, earlier = replay_before(reader, log, reference)
        done, findings = replay(entries(reader, log), log, reference, before)
        yield from (*earlier, *findings)
        for table in VIEW_TABLES:
            expected = done.reads.tables[table.name]
            yield from _compare(reader, log, table, expected, done.reads.tables[LOT.name])

    return step


def _compare(reader: Reader, log: int, table: Table, expected: _Rows, lots: _Rows) -> Iterator[Finding]:
    spelt = list(_misspelt(reader, log, table))
    if spelt:
        # Such a row reads like the right one here and is another to the database that sums it up.
        yield from (Finding(None, "manifest.view_differs", f"{table.name}: {name}") for name in spelt)
        return
    missing = dict(expected.rows)
    for mapping in reader.execute(select(table).where(table.c.log == log)).mappings():
        row = dict(mapping)
        key = tuple(row[name] for name in expected.key)
        wanted = missing.pop(key, None)
        place = f"{table.name} {'/'.join(map(str, key))}"
        if wanted is None:
            yield Finding(_seq(row, lots), "manifest.view_row_unexpected", place)
        elif wanted != row:
            columns = ", ".join(name for name in row if row[name] != wanted[name])
            yield Finding(_seq(wanted, lots), "manifest.view_differs", f"{place}: {columns}")
    for key, row in missing.items():
        place = f"{table.name} {'/'.join(map(str, key))}"
        yield Finding(_seq(row, lots), "manifest.view_row_missing", place)


def _misspelt(reader: Reader, log: int, table: Table) -> Iterator[str]:
    """Yield the columns in which SQLite holds something that is not in its column's one form."""
    if not is_sqlite(reader):
        return
    for column in table.columns:
        name = f'"{column.name}"'
        match column.type:
            case Date():
                good = f"typeof({name}) = 'text' AND length({name}) = 10 AND date({name}) IS {name}"
            case Boolean():
                good = f"{name} IN (0, 1) AND typeof({name}) = 'integer'"
            case String():
                good = f"typeof({name}) = 'text'"
            case _:
                good = f"typeof({name}) = 'integer'"
        query = (
            f'SELECT 1 FROM "{table.name}" WHERE log = :log AND {name} IS NOT NULL AND NOT ({good}) LIMIT 1'  # noqa: S608  our own names
        )
        if reader.execute(text(query), {"log": log}).first() is not None:
            yield column.name


def _seq(row: Row, lots: _Rows) -> int | None:
    """Return the entry behind a row: its own, or the one that declared the lot whose balance it is."""
    lot = lots.get({"lot": row["lot"]}) if "lot" in row else None
    found: int | None = row.get("seq", lot["seq"] if lot else None)
    return found


def rebuild(writer: Writer, log: int, reference: Reference) -> list[Finding]:
    """Write the views anew from the ledger; return a finding for each entry that was not allowed in."""
    before, earlier = replay_before(writer, log, reference)
    done, findings = replay(list(entries(writer, log)), log, reference, before)
    for table in VIEW_TABLES:
        writer.execute(delete(table).where(table.c.log == log))
        made = list(done.reads.tables[table.name].rows.values())
        if made:
            writer.execute(insert(table), made)
    return [*earlier, *findings]
