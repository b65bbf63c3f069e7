"""The manifest's life as a table, and how each act moves it: status, masses, custody, postings.

A move that the table does not name is refused. What an act means for grams is `postings`; who may sign it
and whether the law allows it is `rules` and `authority`.
"""

from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from ledger.errors import Conflict, Problem, RuleBroken
from manifest import quantity
from manifest.accounts import Posting, loses
from manifest.body import Body, Signed
from manifest.cases import abroad, carriage, copies, second
from manifest.cases.events import (
    CopiesDelivered,
    DisposalCertified,
    Exported,
    Forwarded,
    ReceivedSecond,
    StorageNotified,
    Transshipped,
)
from manifest.consignment import Happened, Leg, Line, Manifest
from manifest.correcting import process as corrections
from manifest.correcting.events import CorrectionRequested, CorrectionWithdrawn
from manifest.events import (
    Accepted,
    Arrived,
    Cancelled,
    Completed,
    CorrectionConsented,
    CorrectionDeclined,
    CorrectionProposed,
    HandedOver,
    Refused,
    Registered,
    Returned,
    Treated,
    Weighed,
)
from manifest.postings import Terms, post, postings, treated_parts
from manifest.quantity import LineMass
from manifest.vocabulary import Status

_CORRECTIONS = (
    CorrectionProposed, CorrectionConsented, CorrectionDeclined, CorrectionWithdrawn, CorrectionRequested,
)  # fmt: skip
# From the hand-over on there are copies to deliver; of a load that went back whole none is awaited.
_DELIVERABLE = tuple(
    status
    for status in Status
    if status not in {Status.NEW, Status.REGISTERED, Status.CANCELLED, Status.RETURNED}
)
_CORRECTABLE = tuple(status for status in Status if status not in {Status.NEW, Status.CANCELLED})

# (where the manifest is, what happened) -> where it is now. Anything not listed is refused.
TRANSITIONS: dict[tuple[Status, type[Body]], Status] = {
    (Status.NEW, Registered): Status.REGISTERED,
    (Status.REGISTERED, Cancelled): Status.CANCELLED,
    (Status.REGISTERED, HandedOver): Status.IN_TRANSIT,
    (Status.IN_TRANSIT, HandedOver): Status.IN_TRANSIT,
    (Status.IN_TRANSIT, Arrived): Status.ARRIVED,
    (Status.ARRIVED, Refused): Status.REFUSED,
    (Status.ARRIVED, Weighed): Status.WEIGHED,
    (Status.WEIGHED, Weighed): Status.WEIGHED,
    (Status.WEIGHED, Refused): Status.REFUSED,
    (Status.WEIGHED, Accepted): Status.ACCEPTED,
    (Status.REFUSED, Returned): Status.RETURNED,
    (Status.ACCEPTED, Treated): Status.IN_TREATMENT,
    (Status.IN_TREATMENT, Treated): Status.IN_TREATMENT,
    (Status.IN_TREATMENT, Completed): Status.COMPLETED,
    # The refused part of an accepted load goes back whenever the carrier gets there.
    (Status.ACCEPTED, Returned): Status.ACCEPTED,
    (Status.IN_TREATMENT, Returned): Status.IN_TREATMENT,
    (Status.COMPLETED, Returned): Status.COMPLETED,
    # A load in several vehicles: `manifest.cases.carriage`.
    (Status.IN_TRANSIT, Transshipped): Status.IN_TRANSIT,
    (Status.ARRIVED, Transshipped): Status.ARRIVED,
    (Status.ARRIVED, Arrived): Status.ARRIVED,
    # On to a second facility: `manifest.cases.second`.
    (Status.ACCEPTED, Forwarded): Status.ACCEPTED,
    (Status.IN_TREATMENT, Forwarded): Status.IN_TREATMENT,
    (Status.ACCEPTED, ReceivedSecond): Status.IN_TREATMENT,
    (Status.IN_TREATMENT, ReceivedSecond): Status.IN_TREATMENT,
    # Stored for longer than half a year: `manifest.cases.notice`.
    (Status.ACCEPTED, StorageNotified): Status.ACCEPTED,
    (Status.IN_TREATMENT, StorageNotified): Status.IN_TREATMENT,
    # Treated abroad: `manifest.cases.abroad`.
    (Status.IN_TRANSIT, Exported): Status.EXPORTED,
    (Status.EXPORTED, DisposalCertified): Status.EXPORTED,
    (Status.EXPORTED, Completed): Status.COMPLETED,
    # Copies reach their receivers: `manifest.cases.copies`.
    **{(status, CopiesDelivered): status for status in _DELIVERABLE},
    # A correction never moves a manifest.
    **{(status, event): status for status in _CORRECTABLE for event in _CORRECTIONS},
}

# A late act (`manifest.commuting`) may come when the manifest has moved on; it moves nothing any more.
LATE: dict[tuple[Status, type[Body]], Status] = {
    (Status.ARRIVED, HandedOver): Status.ARRIVED,
    (Status.WEIGHED, HandedOver): Status.WEIGHED,
}


def next_status(status: Status, event: type[Body], *, late: bool = False) -> Status:
    """Return where ``event`` takes a manifest; raise Conflict when the table has no such move."""
    target = TRANSITIONS.get((status, event)) or (LATE.get((status, event)) if late else None)
    if target is None:
        facts = {"status": status.value, "event": event.kind}
        raise Conflict(Problem("manifest.transition_refused", "/kind", facts))
    return target


def step(
    before: Manifest,
    event: Body,
    at: datetime,
    by: str,
    terms: Terms,
    *,
    late: bool = False,
    envelope_hash: str | None = None,
) -> tuple[Manifest, tuple[Posting, ...]]:
    """Return the manifest after ``event`` and the postings of it.

    ``at`` is the attested time, ``by`` the party of the first actor; ``late`` tells that the act was signed
    before others that are recorded already, and comes to what it would have come to before them. What comes
    from the log brings its ``envelope_hash``, by which later acts may name it. Raises Conflict for a move
    outside the table and RuleBroken when the masses do not allow the act.
    """
    status = next_status(before.status, type(event), late=late)
    on_paper = before.on_paper + (1 if isinstance(event, Signed) and event.on_paper else 0)
    after, made = _corrected_or_applied(before, event, at, by, terms)
    held = dict(before.held)
    # What makes or unmakes a lot is no grams of the manifest's, and names no line.
    post(held, (posting for posting in made if posting.line is not None))
    after = replace(after, status=status, last_at=at, on_paper=on_paper)
    after = copies.delivered(before, after, event, at)
    after = _as_if_before(before, after, event) if late else after
    past = before.past
    if envelope_hash is not None:
        past = (*past, Happened(envelope_hash, type(event), at, loses(made)))
    return replace(after, held=MappingProxyType(held), past=past), made


def _as_if_before(before: Manifest, after: Manifest, event: Body) -> Manifest:
    """Return a manifest after a late act, with what the acts before it have said and it must not undo."""
    # The load that changed hands on the road is the one that stands at the gate by now.
    at_gate = isinstance(event, HandedOver) and before.gate
    return replace(
        after,
        last_at=_later(before.last_at, after.last_at),
        arrived_at=_later(before.arrived_at, after.arrived_at),
        forwarded_at=_later(before.forwarded_at, after.forwarded_at),
        gate=frozenset(after.vehicles) if at_gate else after.gate,
    )


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(filter(None, (one, other)), default=None)


def _corrected_or_applied(
    before: Manifest, event: Body, at: datetime, by: str, terms: Terms
) -> tuple[Manifest, tuple[Posting, ...]]:
    if isinstance(event, corrections.ACTS):
        return corrections.correct(before, event, by, terms)
    after = _apply(before, event, at, by, terms)
    # Only masses that add up can be divided over lots, so they are judged first.
    if isinstance(event, Treated):
        parts = treated_parts(before, event, terms)
        made = tuple(posting for part in parts for posting in part.made)
        return replace(after, parts=(*before.parts, *parts)), made
    return after, (
        *postings(before, event, terms),
        *second.postings(before, event, terms),
        *abroad.postings(before, event),
    )


def _apply(before: Manifest, event: Body, at: datetime, by: str, terms: Terms) -> Manifest:
    match event:
        case Registered():
            lines = tuple(Line(line, LineMass(declared_g=line.mass_g)) for line in event.lines)
            return replace(before, header=event, lines=lines, registered_at=at)
        case HandedOver():
            leg = Leg(
                giver=event.giver,
                taker=event.taker,
                vehicle_kind=event.vehicle_kind,
                vehicle_plate=event.vehicle_plate,
                at=at,
            )
            vehicles = carriage.loaded(before, event.vehicle_plate)
            return replace(before, legs=(*before.legs, leg), vehicles=vehicles)
        case Weighed():
            found = {item.line: item for item in event.lines}
            weighed = before.with_masses(
                quantity.weigh(
                    line.mass,
                    found[line.number].net_g,
                    event.instrument_kind,
                    found[line.number].uncertainty_g,
                )
                for line in before.lines
            )
            return replace(weighed, weighed_at=before.weighed_at or at)
        case Accepted() | Refused():
            return replace(_decide(before, event, terms), decided_at=at)
        case Returned():
            return before.with_masses(_given_back(before, line, event.giver) for line in before.lines)
        case Treated():
            return replace(_treat(before, event, terms), treated_by=by)
        case Completed():
            if before.left_g:
                raise RuleBroken(Problem("manifest.not_all_treated", "", {"left_g": before.left_g}))
            return replace(before, completed_at=at)
    return _apply_case(before, event, at)


def _apply_case(before: Manifest, event: Body, at: datetime) -> Manifest:
    match event:
        case Arrived() | Transshipped():
            return carriage.apply(before, event, at)
        case Forwarded() | ReceivedSecond():
            return second.apply(before, event, at)
        case Exported() | DisposalCertified():
            return abroad.apply(before, event, at)
        case StorageNotified():
            return replace(before, storage_notified_at=at)
    return before


def _given_back(before: Manifest, line: Line, giver: str) -> LineMass:
    if before.brings_back(line) != giver:
        return line.mass
    return quantity.give_back(line.mass) if line.mass.second is None else quantity.give_back_second(line.mass)


def _decide(before: Manifest, event: Accepted | Refused, terms: Terms) -> Manifest:
    decided = {
        item.line: (item.accepted_g, item.refused_g, f"/body/lines/{index}")
        for index, item in enumerate(getattr(event, "lines", ()))
    }

    def mass(line: Line) -> LineMass:
        accepted_g, refused_g, path = decided.get(line.number, (0, line.mass.arrived_g, ""))
        return quantity.decide(line.mass, accepted_g, refused_g, terms.tolerance_of(line), path)

    return before.with_masses(map(mass, before.lines))


def _treat(before: Manifest, event: Treated, terms: Terms) -> Manifest:
    masses = {line.number: line.mass for line in before.lines}
    codes = {line.number: line.declared.code for line in before.lines}
    for index, part in enumerate(event.parts):
        masses[part.line] = quantity.treat(
            masses[part.line],
            part.mass_g,
            method=part.methods[-1],
            final=terms.is_final(part.methods),
            permitted=terms.permits(codes[part.line], part.methods, part.treated_on),
            path=f"/body/parts/{index}/mass_g",
            batched=part.batch is not None,
        )
    return before.with_masses(masses[line.number] for line in before.lines)
