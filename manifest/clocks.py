"""Clocks: what runs from when, until when, who is told before and who when it is late.

A clock is never stored: it is computed from dates in the views and from the rule table as of the day it
began, so a limit that changes changes every clock that begins after it. Limits in hours are ours and pause
while the system itself is recorded as down; limits in months are the law's and never do.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, date, datetime, timedelta
from enum import StrEnum

from manifest.reference import Reference, RuleNotValid
from manifest.vocabulary import day_begins, day_ends, local_date, months_later

_LAST = date(MAXYEAR - 1, 12, 31)


class ClockKind(StrEnum):
    """What is waited for."""

    IN_TRANSIT = "in_transit"
    ACCEPTANCE = "acceptance"
    TREATMENT = "treatment"
    LAST_COPIES = "last_copies"
    STORAGE = "storage"
    OBLIGATION = "obligation"
    CORRECTION = "correction"
    PERMIT_END = "permit_end"
    CONTRACT_END = "contract_end"
    CERTIFICATE_END = "certificate_end"
    RETENTION = "retention"


class ClockState(StrEnum):
    """Where a clock stands on a given moment."""

    RUNNING = "running"
    WARNED = "warned"
    LATE = "late"
    DONE = "done"
    DONE_LATE = "done_late"


class Told(StrEnum):
    """Who is told: parties by their part in the matter, and the authority of the place."""

    HOLDER = "holder"
    GENERATOR = "generator"
    FACILITY = "facility"
    OWNER = "owner"
    AUTHORITY = "authority"


@dataclass(frozen=True, slots=True)
class Reminder:
    """A reminder: the rule that says when, and who is told then."""

    rule: str
    told: tuple[Told, ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """What a kind of clock goes by: the rule of its limit, its reminders, who is told when it is late.

    A clock without a limit ends on a date of its own, such as a permit's last day; reminders of such a clock
    count back from it, all others from the start.
    """

    limit: str | None
    warnings: tuple[Reminder, ...]
    late: tuple[Told, ...]
    pauses: bool = False


_ALL = (Told.GENERATOR, Told.FACILITY, Told.AUTHORITY)

# The whole of who is told what, when. Sources of the limits stand in the rule table.
CLOCKS: dict[ClockKind, Terms] = {
    ClockKind.IN_TRANSIT: Terms(
        "in_transit_limit_hours",
        (Reminder("in_transit_warning_hours", (Told.HOLDER, Told.GENERATOR)),),
        (Told.HOLDER, *_ALL),
        pauses=True,
    ),
    ClockKind.ACCEPTANCE: Terms("acceptance_limit_hours", (), (Told.FACILITY, Told.GENERATOR), pauses=True),
    ClockKind.TREATMENT: Terms(
        "treatment_limit_months",
        (Reminder("facility_notice_warning_months", (Told.FACILITY,)),),
        _ALL,
    ),
    ClockKind.LAST_COPIES: Terms(
        "last_copies_limit_months",
        (
            Reminder("last_copies_warning_months", (Told.GENERATOR,)),
            Reminder("last_copies_last_warning_months", (Told.GENERATOR, Told.FACILITY)),
        ),
        _ALL,
    ),
    ClockKind.STORAGE: Terms(
        "storage_limit_months",
        (
            Reminder("storage_warning_months", (Told.GENERATOR,)),
            Reminder("storage_last_warning_months", (Told.GENERATOR,)),
        ),
        (Told.GENERATOR, Told.AUTHORITY),
    ),
    ClockKind.OBLIGATION: Terms(
        "obligation_limit_days",
        (Reminder("obligation_warning_days", (Told.HOLDER, Told.GENERATOR)),),
        (Told.HOLDER, *_ALL),
    ),
    ClockKind.CORRECTION: Terms(
        "correction_answer_days",
        (Reminder("correction_warning_days", (Told.OWNER,)),),
        (Told.GENERATOR, Told.FACILITY, Told.AUTHORITY),
    ),
    ClockKind.PERMIT_END: Terms(
        None,
        (
            Reminder("permit_end_warning_days", (Told.OWNER,)),
            Reminder("permit_end_last_warning_days", (Told.OWNER, Told.AUTHORITY)),
        ),
        (Told.OWNER, Told.AUTHORITY),
    ),
    ClockKind.CONTRACT_END: Terms(
        None, (Reminder("contract_end_warning_days", (Told.GENERATOR, Told.FACILITY)),), (Told.GENERATOR,)
    ),
    ClockKind.CERTIFICATE_END: Terms(
        None, (Reminder("certificate_end_warning_days", (Told.OWNER,)),), (Told.OWNER,)
    ),
    # Not late but free: before this day nothing of the manifest may be deleted.
    ClockKind.RETENTION: Terms("retention_years", (), ()),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """One running or stopped clock.

    ``subject`` names the manifest, lot or document; ``due`` is the moment after which it is late; ``told``
    are those to be told by now. ``source`` and ``confirmed`` are those of the rule behind the limit.
    """

    kind: ClockKind
    subject: str
    started: datetime
    due: datetime
    state: ClockState
    told: tuple[Told, ...]
    warnings: tuple[datetime, ...] = ()
    grams: int | None = None
    source: str | None = None
    confirmed: bool | None = None

    @property
    def due_on(self) -> date:
        """The last day in Viet Nam on which it is not late."""
        return local_date(self.due - timedelta(microseconds=1))


Outage = tuple[datetime, datetime]


def run(
    kind: ClockKind,
    subject: str,
    started: datetime | date,
    at: datetime,
    reference: Reference,
    *,
    ends: date | None = None,
    stopped: datetime | None = None,
    outages: Sequence[Outage] = (),
    grams: int | None = None,
    rules_of: date | None = None,
) -> Clock:
    """Return a clock as it stands at a moment.

    The limits are those of the day on which it started, or of ``rules_of``. A clock without a limit runs to
    the day ``ends``. ``stopped`` is when what was waited for happened. Raises RuleNotValid when a rule had no
    value on that day.
    """
    terms = CLOCKS[kind]
    begun = started if isinstance(started, datetime) else day_begins(started)
    day = rules_of or local_date(begun)
    source, confirmed = None, None
    if terms.limit is None:
        assert ends is not None, "a clock without a limit ends on a day of its own"
        due = day_ends(ends)
        warned = [due - timedelta(days=reference.rule(one.rule, ends).integer) for one in terms.warnings]
    else:
        rule = reference.rule(terms.limit, day)
        source, confirmed = rule.source, rule.confirmed
        pauses = outages if terms.pauses else ()
        due = _paused(begun, limit_from(begun, rule.integer, rule.unit), pauses)
        warned = [
            _paused(begun, limit_from(begun, found.integer, found.unit), pauses)
            for one in terms.warnings
            for found in [reference.rule(one.rule, day)]
        ]
    until = at if stopped is None else min(stopped, at)
    passed = [one.told for one, moment in zip(terms.warnings, warned, strict=True) if moment <= until]
    late = until >= due
    running = ClockState.LATE if late else ClockState.WARNED if passed else ClockState.RUNNING
    ended = stopped is not None and stopped <= at
    told: tuple[Told, ...] = ()
    if not ended:
        told = terms.late if late else passed[-1] if passed else ()
    return Clock(
        kind=kind,
        subject=subject,
        started=begun,
        due=due,
        state=(ClockState.DONE_LATE if late else ClockState.DONE) if ended else running,
        told=told,
        warnings=tuple(warned),
        grams=grams,
        source=source,
        confirmed=confirmed,
    )


def limit_from(start: datetime, value: int, unit: str) -> datetime:
    """Return when a limit has passed: hours to the moment, days, months and years to the end of that day."""
    day = local_date(start)
    match unit:
        case "hour":
            return start + timedelta(hours=value)
        case "day":
            return day_ends(day + timedelta(days=value))
        case "month":
            return day_ends(months_later(day, value) or _LAST)
        case "year":
            return day_ends(months_later(day, 12 * value) or _LAST)
    raise ValueError(f"not a unit of time for people: {unit}")


def _paused(start: datetime, due: datetime, outages: Iterable[Outage]) -> datetime:
    """Return a due moment moved on by the time in which the system was down while the clock ran."""
    for begins, ends in _joined(outages):
        down = ends - max(begins, start)
        if begins < due and down > timedelta(0):
            due += down
    return due


def _joined(outages: Iterable[Outage]) -> list[Outage]:
    """Return outages in order, those that overlap as one: no hour pauses a clock twice."""
    joined: list[Outage] = []
    for begins, ends in sorted(outages):
        if joined and begins <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], ends))
        else:
            joined.append((begins, ends))
    return joined


def known(reference: Reference, kind: ClockKind, day: date) -> bool:
    """Tell whether the rule table has the limits of a kind of clock for a day."""
    terms = CLOCKS[kind]
    try:
        for name in filter(None, (terms.limit, *(one.rule for one in terms.warnings))):
            reference.rule(name, day)
    except RuleNotValid:
        return False
    return True
