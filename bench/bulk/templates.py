"""Reading journeys out of a log: what belongs together, what was signed, and which rows came to stand.

The log is replayed through the judge, which says of every entry what follows from it. Streams that name one
another, as a manifest its lots and a round its manifests, are one journey.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Table

from ledger.format.event import Event, parse
from ledger.storage.db import Reader
from ledger.storage.store import StoredEntry, entries
from ledger.types import to_ms
from ledger.writing.changes import RECORDED_AT, SEQ, Add, Change, Insert, Placeholder, Put, Reads
from ledger.writing.prepared import Act
from manifest.events import Registered
from manifest.reference import Reference
from manifest.replay import Replay
from manifest.service import Judge
from manifest.views import PERMIT_USE
from manifest.vocabulary import VIETNAM

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
DAY = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}")
# Columns that hold the position of an entry.
PLACES = frozenset({"seq", "since", "until", "kept_seq", "proposed_seq", "settled_seq"})
_DECIDED = re.compile(r"manifest\.(accepted|exported)")
Values = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class At:
    """A value that only the log gives: the position or the time of a journey's entry."""

    what: str
    entry: int


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it stands when the entry ``last`` of the journey, which touches it last, is written."""

    table: Table
    values: Mapping[str, Any]
    last: int


@dataclass(frozen=True, slots=True)
class Use:
    """Grams that an entry adds to the use of a permit, in the year in which ``decided`` was signed."""

    permit: str
    code: str
    grams: int
    entry: int
    decided: int


@dataclass(slots=True)
class Journey:
    """Entries that belong together, in their order, with the rows that follow from them."""

    entries: list[StoredEntry] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    changes: list[tuple[Change, ...]] = field(default_factory=list)

    @property
    def manifests(self) -> list[str]:
        """The manifests of the journey, in the order in which they were registered."""
        return [event.stream for event in self.events if event.kind == Registered.kind]

    @property
    def times(self) -> list[int]:
        """Milliseconds since 1970 at which the entries were recorded."""
        return [to_ms(entry.recorded_at) for entry in self.entries]

    def rows(self) -> tuple[list[Row], list[Use]]:
        """Return the rows that the journey leaves, and what it adds to sums that it shares with others."""
        places = {entry.seq: n for n, entry in enumerate(self.entries)}
        made: dict[tuple[str, Values], tuple[Table, dict[str, Any], int]] = {}
        used: list[Use] = []
        for n, changes in enumerate(self.changes):
            for change in changes:
                if isinstance(change, Add) and change.table is PERMIT_USE:
                    used.append(self._use(change, n))
                    continue
                key, values = _written(change, n, places)
                at = (change.table.name, tuple(key.values()))
                blank = {column.name: None for column in change.table.columns if column.name != "log"}
                old = made[at][1] if at in made else {**blank, **key}
                if isinstance(change, Add):
                    values = {change.column: (old[change.column] or 0) + change.amount}
                made[at] = (change.table, old | values, n)
        return [Row(table, values, last) for table, values, last in made.values()], used

    def _use(self, change: Add, n: int) -> Use:
        stream = self.events[n].stream
        decided = [
            m for m in range(n + 1) if self.events[m].stream == stream and _DECIDED.match(self.events[m].kind)
        ]
        year = change.key["year"]
        good = [m for m in (*decided, n) if self.events[m].occurred_at.astimezone(VIETNAM).year == year]
        permit, code = str(change.key["permit"]), str(change.key["code"])
        first = self.events[n].kind == "manifest.received_second.v1"
        return Use(permit, code, change.amount, n, n if first else good[0])


def journeys(reader: Reader, log: int, reference: Reference, *, since: date) -> list[Journey]:
    """Return the journeys with manifests of which nothing is older than ``since``, in the log's order."""
    listening = _Listening(log, reference)
    told: list[tuple[StoredEntry, Event, tuple[Change, ...]]] = []
    for entry in entries(reader, log):
        listening.take(entry)
        told.append((entry, parse(entry.event), listening.heard.pop()))
    groups = _Groups()
    for _, event, _ in told:
        groups.join(list(_named(event)))
    found: defaultdict[str, Journey] = defaultdict(Journey)
    for entry, event, changes in told:
        if named := list(_named(event)):
            journey = found[groups.of(named[0])]
            journey.entries.append(entry)
            journey.events.append(event)
            journey.changes.append(changes)
    return [one for one in found.values() if one.manifests and min(_days(one.events)) >= since]


def _named(event: Event) -> Iterator[str]:
    """Yield the ids that an event speaks of, its stream's first."""
    yield from UUID.findall(event.stream)
    yield from _ids(event.body)


def _ids(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield from UUID.findall(value)
        case Mapping():
            for item in value.values():
                yield from _ids(item)
        case list() | tuple():
            for item in value:
                yield from _ids(item)


def _days(events: Iterable[Event]) -> Iterator[date]:
    """Yield the days that events are of and speak of."""
    for event in events:
        yield event.occurred_at.astimezone(VIETNAM).date()
        yield from _dates(event.body)


def _dates(value: Any) -> Iterator[date]:
    match value:
        case str() if DAY.fullmatch(value):
            yield date.fromisoformat(value)
        case Mapping():
            for item in value.values():
                yield from _dates(item)
        case list() | tuple():
            for item in value:
                yield from _dates(item)


def _written(change: Change, n: int, places: Mapping[int, int]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return primary key and values of a change, with positions and times of entries by their place."""

    def said(name: str, value: Any) -> Any:
        if isinstance(value, Placeholder):
            assert value in {SEQ, RECORDED_AT}
            return At("seq" if value is SEQ else "recorded", n)
        if name in PLACES and value is not None:
            return At("seq", places[value])
        return value

    given = change.row if isinstance(change, Insert) else change.key
    named = {name: said(name, value) for name, value in given.items()}
    if isinstance(change, Put):
        named |= {name: said(name, value) for name, value in change.row.items()}
    keys = [column.name for column in change.table.primary_key.columns if column.name != "log"]
    return {name: named[name] for name in keys}, named


class _Heard(Judge):
    """A judge that keeps what it last said."""

    def __init__(self, reference: Reference) -> None:
        super().__init__(reference)
        self.said: list[tuple[Change, ...]] = []

    def __call__(self, reads: Reads, act: Act) -> tuple[Change, ...]:
        said = super().__call__(reads, act)
        self.said.append(said)
        return said


class _Listening(Replay):
    def __init__(self, log: int, reference: Reference) -> None:
        super().__init__(log, reference)
        judge = _Heard(reference)
        self._judge = judge
        self.heard = judge.said


class _Groups:
    """Names that belong together, directly or through others."""

    def __init__(self) -> None:
        self._of: dict[str, str] = {}

    def of(self, name: str) -> str:
        while (above := self._of.setdefault(name, name)) != name:
            name = above
        return name

    def join(self, names: list[str]) -> None:
        for name in names[1:]:
            self._of[self.of(name)] = self.of(names[0])
