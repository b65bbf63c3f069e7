"""Every clock that runs for somebody: manifests on their way, lots in store, papers that end."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, and_, or_, select

from ledger.storage.db import Reader, Row
from ledger.writing.changes import Reads
from manifest.clocks import Clock, ClockKind, Outage, known, run
from manifest.correcting.views import CORRECTION, CORRECTION_REQUEST
from manifest.lookups import reference_at
from manifest.obligation_views import OBLIGATION
from manifest.outages.judge import outages
from manifest.reference import Reference
from manifest.register.views import CERTIFICATE, CONTRACT
from manifest.views import BALANCE, LOT, MANIFEST, PERMIT
from manifest.vocabulary import (
    Account,
    CorrectionState,
    ObligationState,
    RequestState,
    Status,
    local_date,
)

# Where a manifest has to be for each of its clocks to run, what it starts from and what stops it. A notice of
# temporary storage by the facility ends the generator's duty to report and nothing else (decision B15).
_OF_MANIFEST: tuple[tuple[ClockKind, str, tuple[str, ...]], ...] = (
    (ClockKind.IN_TRANSIT, "transferred_at", ("arrived_at", "exported_at")),
    (ClockKind.ACCEPTANCE, "arrived_at", ("decided_at",)),
    (ClockKind.TREATMENT, "transferred_at", ("completed_at",)),
    (ClockKind.LAST_COPIES, "transferred_at", ("copies_at", "storage_notified_at")),
)
_OVER = (Status.CANCELLED.value, Status.RETURNED.value)


@dataclass(frozen=True, slots=True)
class _Paper:
    """A kind of paper that ends: its clock, its table, its name, whose it is, and what makes two the same."""

    kind: ClockKind
    table: Table
    name: str
    owners: tuple[str, ...]
    same: tuple[str, ...]


_PAPERS = (
    _Paper(ClockKind.PERMIT_END, PERMIT, "permit", ("party",), ("permit",)),
    _Paper(
        ClockKind.CONTRACT_END, CONTRACT, "contract", ("generator", "facility", "third"),
        ("generator", "facility"),
    ),
    _Paper(
        ClockKind.CERTIFICATE_END, CERTIFICATE, "certificate", ("party",),
        ("party", "site", "code", "process"),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Whose clocks are asked for, at which moment: those of ``parties``, or everybody's where it is None.

    At most ``most`` manifests, lots and papers each are looked at, oldest first.
    """

    log: int
    at: datetime
    parties: frozenset[str] | None
    most: int = 1000

    def among(self, *columns: ColumnElement[str]) -> list[ColumnElement[bool]]:
        """Return the condition that one of the columns names a party that asks."""
        if self.parties is None:
            return []
        return [or_(*(column.in_(sorted(self.parties)) for column in columns))]


def clocks(reader: Reader, base: Reference, watch: Watch) -> list[Clock]:
    """Return the clocks that run, those that are due first standing first."""
    reference = reference_at(Reads(reader, watch.log), base)
    found = [
        *_of_manifests(reader, reference, watch),
        *_of_lots(reader, reference, watch),
        *_of_papers(reader, reference, watch),
        *_of_corrections(reader, reference, watch),
        *_of_obligations(reader, reference, watch),
    ]
    return sorted(found, key=lambda clock: (clock.due, clock.kind, clock.subject))


def of_manifest(row: Row, at: datetime, reference: Reference, down: Sequence[Outage] = ()) -> list[Clock]:
    """Return the clocks of one manifest, stopped ones and the time of its keeping included.

    ``down`` are the times in which the system could not be used.
    """
    found = []
    for kind, start, stops in _OF_MANIFEST:
        if row[start] is not None and row["status"] not in _OVER and _known(reference, kind, row[start]):
            stopped = _stopped(row, stops)
            clock = run(kind, row["manifest"], row[start], at, reference, stopped=stopped, outages=down)
            found.append(clock)
    if row["completed_at"] is not None and _known(reference, ClockKind.RETENTION, row["completed_at"]):
        found.append(run(ClockKind.RETENTION, row["manifest"], row["completed_at"], at, reference))
    return found


def _stopped(row: Row, stops: Sequence[str]) -> datetime | None:
    return min((row[name] for name in stops if row[name] is not None), default=None)


def _known(reference: Reference, kind: ClockKind, moment: datetime) -> bool:
    return known(reference, kind, local_date(moment))


def _each(reader: Reader, query: Select[Any]) -> Iterator[Row]:
    return (dict(row) for row in reader.execute(query).mappings())


def _of_manifests(reader: Reader, reference: Reference, watch: Watch) -> Iterator[Clock]:
    query = (
        select(MANIFEST)
        .where(
            MANIFEST.c.log == watch.log,
            MANIFEST.c.transferred_at.is_not(None),
            or_(MANIFEST.c.completed_at.is_(None), MANIFEST.c.copies_at.is_(None)),
            MANIFEST.c.status.not_in(_OVER),
            *watch.among(MANIFEST.c.generator, MANIFEST.c.facility, MANIFEST.c.second, MANIFEST.c.holder),
        )
        .order_by(MANIFEST.c.transferred_at)
        .limit(watch.most)
    )
    stops = {kind: stop for kind, _, stop in _OF_MANIFEST}
    down = outages(reader, watch.log)
    for row in _each(reader, query):
        for clock in of_manifest(row, watch.at, reference, down):
            # The time of its keeping waits for nobody: it is shown with the manifest alone.
            if clock.kind in stops and _stopped(row, stops[clock.kind]) is None:
                yield clock


def _of_lots(reader: Reader, reference: Reference, watch: Watch) -> Iterator[Clock]:
    query = (
        select(LOT.c.lot, LOT.c.generated_on, BALANCE.c.grams)
        .join(BALANCE, and_(BALANCE.c.log == LOT.c.log, BALANCE.c.lot == LOT.c.lot))
        .where(
            LOT.c.log == watch.log,
            BALANCE.c.account == Account.STORED.value,
            BALANCE.c.grams > 0,
            *watch.among(LOT.c.party),
        )
        .order_by(LOT.c.generated_on)
        .limit(watch.most)
    )
    for row in _each(reader, query):
        started, grams = row["generated_on"], int(row["grams"])
        if known(reference, ClockKind.STORAGE, started):
            yield run(ClockKind.STORAGE, row["lot"], started, watch.at, reference, grams=grams)


def _of_papers(reader: Reader, reference: Reference, watch: Watch) -> Iterator[Clock]:
    """Yield the clocks of papers that end; one that another of its kind outlasts is over without a word."""
    for paper in _PAPERS:
        table = paper.table
        query = select(table).where(
            table.c.log == watch.log,
            table.c.valid_from <= local_date(watch.at),
            *watch.among(*(table.c[name] for name in paper.owners)),
        )
        endless = table.c.valid_to.is_(None)  # the two databases do not agree on where these stand
        last: dict[tuple[str, ...], Row] = {}
        for row in _each(reader, query.order_by(endless, table.c.valid_to).limit(watch.most)):
            same = tuple(row[name] for name in paper.same)
            if same not in last or _end(last[same]) <= _end(row):
                last[same] = row
        for row in last.values():
            ends = row["valid_to"]
            if ends is not None and known(reference, paper.kind, ends):
                yield run(paper.kind, row[paper.name], row["valid_from"], watch.at, reference, ends=ends)


def _end(row: Row) -> date:
    ends: date | None = row["valid_to"]
    return ends or date.max


def _of_corrections(reader: Reader, reference: Reference, watch: Watch) -> Iterator[Clock]:
    """Yield the clocks of corrections that wait for an answer, and of requests that nobody has answered."""
    asked = CORRECTION.c
    waiting = (
        select(asked.correction.label("subject"), asked.proposed_at.label("started"), asked.waiting)
        .where(
            asked.log == watch.log,
            asked.state == CorrectionState.PROPOSED.value,
            *_waits_for(asked.waiting, watch),
        )
        .order_by(asked.proposed_at)
        .limit(watch.most)
    )
    wanted = CORRECTION_REQUEST.c
    requests = (
        select(wanted.request.label("subject"), wanted.requested_at.label("started"))
        .where(
            wanted.log == watch.log,
            wanted.state == RequestState.OPEN.value,
            *watch.among(wanted.generator, wanted.facility),
        )
        .order_by(wanted.requested_at)
        .limit(watch.most)
    )
    for query in (waiting, requests):
        for row in _each(reader, query):
            whom = set(row.get("waiting", "").split(","))
            mine = watch.parties is None or "waiting" not in row or bool(whom & watch.parties)
            if mine and _known(reference, ClockKind.CORRECTION, row["started"]):
                yield run(ClockKind.CORRECTION, row["subject"], row["started"], watch.at, reference)


def _waits_for(column: ColumnElement[str], watch: Watch) -> list[ColumnElement[bool]]:
    """Return the condition that a list of parties may name one that asks: exactly is seen row by row."""
    if watch.parties is None:
        return []
    return [or_(*(column.contains(party, autoescape=True) for party in sorted(watch.parties)))]


def _of_obligations(reader: Reader, reference: Reference, watch: Watch) -> Iterator[Clock]:
    owed = OBLIGATION.c
    query = (
        select(OBLIGATION)
        .where(
            owed.log == watch.log,
            owed.state.in_([ObligationState.REFUSED.value, ObligationState.RETURNED.value]),
            *watch.among(owed.generator, owed.carrier, owed.facility),
        )
        .order_by(owed.opened_at)
        .limit(watch.most)
    )
    for row in _each(reader, query):
        if _known(reference, ClockKind.OBLIGATION, row["opened_at"]):
            name, grams = row["obligation"], int(row["left_g"])
            yield run(ClockKind.OBLIGATION, name, row["opened_at"], watch.at, reference, grams=grams)
