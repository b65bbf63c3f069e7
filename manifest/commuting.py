"""Acts that arrive late: which may stand after what was recorded since the act that they were signed on.

An act signed without network names the newest act that its signers had. Where others were recorded since, it
stands after them, in the order of the log, if the table says that it comes to the same as if it had stood
before them, and if the judge, who sees the manifest as it is now, lets it in. Otherwise it is kept as a
claim.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ledger.errors import Conflict, Problem
from ledger.format.event import Event
from manifest.accounts import Posting, loses
from manifest.body import Body
from manifest.cases.events import (
    DisposalCertified,
    Exported,
    Forwarded,
    ReceivedSecond,
    StorageNotified,
    Transshipped,
)
from manifest.consignment import Happened, Manifest
from manifest.correcting.events import CorrectionRequested, CorrectionWithdrawn
from manifest.events import (
    Accepted,
    Arrived,
    Completed,
    CorrectionDeclined,
    HandedOver,
    Refused,
    Returned,
    Treated,
    Weighed,
)


class When(StrEnum):
    """When a late act must have happened, against one that was recorded since."""

    ANY = "any"
    BEFORE = "before"
    AFTER = "after"


def _any(*kinds: type[Body]) -> dict[type[Body], When]:
    return dict.fromkeys(kinds, When.ANY)


# What asks for a correction, or ends one that has not taken effect, moves neither load nor grams.
_OFFICE = _any(CorrectionRequested, CorrectionDeclined, CorrectionWithdrawn)
_LOAD = _any(
    HandedOver, Transshipped, Arrived, Weighed, Accepted, Refused, Returned, Treated, Forwarded,
    ReceivedSecond, StorageNotified, Completed, Exported, DisposalCertified,
)  # fmt: skip

# A late act -> what may have been recorded since, and when it must have happened against that. What is not
# listed does not commute: a decision rests on what was weighed, a consent on what was proposed.
COMMUTES: dict[type[Body], dict[type[Body], When]] = {
    # On the road, while the gate already has the load.
    HandedOver: {Arrived: When.BEFORE, Weighed: When.BEFORE, **_OFFICE},
    # A vehicle breaks down while others of the same load are at the gate, or break down too.
    Transshipped: {Transshipped: When.ANY, Arrived: When.ANY, **_OFFICE},
    Arrived: {HandedOver: When.AFTER, Arrived: When.ANY, **_OFFICE},
    Weighed: _OFFICE,
    Accepted: _OFFICE,
    Refused: _OFFICE,
    # What was refused is on its way home while the rest is treated.
    Returned: {**_any(Treated, Completed, Forwarded, Returned, StorageNotified), **_OFFICE},
    Treated: {**_any(Returned, Forwarded, ReceivedSecond, StorageNotified), **_OFFICE},
    # Lines go on one by one; each has its own grams.
    Forwarded: {**_any(Treated, Returned, Forwarded, StorageNotified), **_OFFICE},
    ReceivedSecond: {**_any(Treated, StorageNotified), **_OFFICE},
    StorageNotified: {**_any(Treated, Returned, Forwarded, ReceivedSecond), **_OFFICE},
    Completed: {Returned: When.ANY, **_OFFICE},
    Exported: _OFFICE,
    DisposalCertified: _OFFICE,
    CorrectionDeclined: {**_LOAD, CorrectionRequested: When.ANY},
    CorrectionWithdrawn: {**_LOAD, CorrectionRequested: When.ANY},
    CorrectionRequested: {**_LOAD, CorrectionDeclined: When.ANY, CorrectionWithdrawn: When.ANY},
}

ORDER_MATTERS = "manifest.order_matters"


@dataclass(frozen=True, slots=True)
class Late:
    """Where an act stands that was signed offline: what it follows, and what was recorded since."""

    after: datetime | None
    since: Sequence[Happened]


def is_late(before: Manifest, event: Event) -> bool:
    """Tell whether an act was signed offline on another act than the newest one."""
    return event.offline and event.stream_prev != before.head


def late(before: Manifest, event: Event) -> Late | None:
    """Return where a late act stands, None for one that names the head of its stream.

    Raises Conflict when it names no act of the manifest.
    """
    past = before.past
    if not is_late(before, event):
        return None
    at = next((n for n, one in enumerate(past, start=1) if one.envelope_hash == event.stream_prev), 0)
    if not at:
        raise Conflict(Problem("ledger.stale_stream", "/stream_prev", {"head": before.head or "null"}))
    return Late(max(one.at for one in past[:at]), past[at:])


def problems(act: Late, body: Body, at: datetime) -> Iterator[Problem]:
    """Yield problems of a late act: what was recorded since does not commute, or its time is not in order."""
    allowed = COMMUTES.get(type(body), {})
    for one in act.since:
        when = allowed.get(one.event)
        if when is None or (one.lost and type(body) not in _OFFICE):
            yield _matters(body, one)
            return
    for one in act.since:
        when = allowed[one.event]
        if (when is When.BEFORE and at > one.at) or (when is When.AFTER and at < one.at):
            yield Problem("manifest.time_out_of_order", "/occurred_at")
            return


def unexplained(act: Late, body: Body, made: Iterable[Posting]) -> Iterator[Problem]:
    """Yield a problem when grams of a late act go where nobody can say what became of them.

    What is lost is counted against what was lost before it, so there the order shows.
    """
    moved = next((one for one in act.since if one.event not in _OFFICE), None)
    if moved is not None and loses(made):
        yield _matters(body, moved)


def _matters(body: Body, since: Happened) -> Problem:
    return Problem(ORDER_MATTERS, "/stream_prev", {"event": body.kind, "since": since.event.kind})
