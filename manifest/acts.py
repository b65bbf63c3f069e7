"""Judging the manifest's acts: load what the ledger says of it, apply the rules, say which rows follow."""

from collections.abc import Iterator
from datetime import date

from ledger.errors import Conflict, NotAllowed, NotFound, Problem, refuse
from ledger.format.event import Event, parse
from ledger.storage.store import StoredEntry
from ledger.writing.changes import Change, Reads
from ledger.writing.prepared import Act
from manifest import commuting, lookups, obligations, plausibility, registration, rows, rules, signing
from manifest.accounts import Posting
from manifest.body import Body
from manifest.cases import abroad, carriage, copies, notice, planned, rounds, second
from manifest.cases.events import (
    CopiesDelivered,
    DisposalCertified,
    Exported,
    Forwarded,
    ReceivedSecond,
    StorageNotified,
    Transshipped,
)
from manifest.claims import judge as claims
from manifest.consignment import Manifest
from manifest.correcting import judge as correcting
from manifest.correcting.process import line_of
from manifest.events import (
    Accepted,
    Arrived,
    Completed,
    CorrectionConsented,
    CorrectionProposed,
    HandedOver,
    Refused,
    Registered,
    Returned,
    Treated,
    Weighed,
    read_body,
)
from manifest.lifecycle import next_status, step
from manifest.lots.following import batch_parts, open_shares_g
from manifest.postings import Terms
from manifest.reference import Reference
from manifest.register.lookups import vehicles_of
from manifest.vocabulary import ManifestId, Role, local_date


def load(reads: Reads, manifest: str, reference: Reference) -> Manifest:
    """Return a manifest by replaying its stream; one without events is new.

    ``reference`` is the edition as installed: each act is read under the limits that the ledger had set
    before it, and by the permit as it was known then.
    """
    state = reads.memo.get(manifest)
    if isinstance(state, Manifest):
        return state
    state = Manifest(id=ManifestId(manifest))
    for stored in reads.stream(manifest):
        event, body = read_stored(stored)
        then = lookups.reference_at(reads, reference, stored.seq)
        terms = _terms(reads, then, state, body, event, seq=stored.seq)
        by, late = event.actors[0].party, commuting.is_late(state, event)
        at, named = event.occurred_at, stored.envelope_hash
        state, _ = step(state, body, at, by, terms, late=late, envelope_hash=named)
    return state


def read_stored(stored: StoredEntry) -> tuple[Event, Body]:
    """Return the event of a stored entry and its typed body."""
    event = parse(stored.event)
    return event, read_body(event.kind, event.body)


def find(reads: Reads, manifest: str, reference: Reference) -> Manifest:
    """Return a manifest that exists; raise NotFound when there is none."""
    state = load(reads, manifest, reference)
    if state.header is None:
        raise NotFound(Problem("manifest.unknown", "", {"manifest": manifest}))
    return state


def judge_act(
    reads: Reads, given: Act, body: Body, base: Reference
) -> tuple[list[Change], tuple[Posting, ...]]:
    """Return the rows and postings of a manifest's act; raise Refused when a rule forbids it.

    What an authority has accepted as a claim passes in spite of the limits that had refused it.
    """
    event = given.event
    before = load(reads, event.stream, base)
    reference = lookups.reference_at(reads, base)
    late = commuting.late(before, event)
    out_of_order = [*commuting.problems(late, body, event.occurred_at)] if late else []
    out_of_order = _left(reads, given, out_of_order)
    _check_move(before, body, late, out_of_order)
    on = local_date(event.occurred_at)
    refuse(signing.in_place(before, event, body), NotAllowed)
    in_order = rules.in_order(event.occurred_at, late.after if late else before.last_at)
    found = [
        *out_of_order,
        *in_order,
        *_rules(reads, before, event, body, reference),
        *correcting.problems(reads, before, given, body, reference),
    ]
    refuse(_left(reads, given, found))
    terms = _terms(reads, reference, before, body, event)
    by = event.actors[0].party
    at, named = event.occurred_at, given.envelope.hash
    after, made = step(before, body, at, by, terms, late=late is not None, envelope_hash=named)
    if late is not None:
        refuse(_left(reads, given, [*commuting.unexplained(late, body, made)]))
    reads.memo[event.stream] = after
    act = rows.act_row(before, event, body, given.keys)
    corrected = correcting.rows(reads, before, after, given, body)
    owed = obligations.rows(reads, before, after, event.occurred_at)
    done = obligations.settled(reads, before, event.occurred_at) if isinstance(body, Completed) else ()
    changes = [*rows.rows(before, after, body, terms), act, *rows.permit_use(before, after, on)]
    changes += rows.copies_delivered(before, after, body, reference)
    return [*changes, *corrected, *owed, *done], made


def _left(reads: Reads, given: Act, found: list[Problem]) -> list[Problem]:
    """Return the problems of an act that no accepted claim of it lifts."""
    lifted = claims.lifted(reads, given.envelope.hash) if found else frozenset()
    return [problem for problem in found if problem.code not in lifted]


def _check_move(before: Manifest, body: Body, late: commuting.Late | None, order: list[Problem]) -> None:
    """Raise Conflict when the manifest does not allow an act where it is, with what is wrong in its order."""
    try:
        next_status(before.status, type(body), late=late is not None)
    except Conflict as refused:
        raise Conflict([*order, *refused.problems]) from refused


def _terms(
    reads: Reads, reference: Reference, state: Manifest, body: Body, event: Event, *, seq: int | None = None
) -> Terms:
    """Return the terms of an act, by the permit of whoever acts: the first facility or the second.

    ``seq`` is where it stands in the ledger, if it does.

    A correction goes by those of the facility that has the line, and of the day of its decision.
    """
    registered = state.header or (body if isinstance(body, Registered) else None)
    permit = registered.permit if registered else None
    facility, on = event.actors[0].party, local_date(event.occurred_at)
    proposed = body if isinstance(body, CorrectionProposed) else None
    if isinstance(body, CorrectionConsented) and body.correction in state.corrections:
        proposed = state.corrections[body.correction].proposed
    if proposed is not None:
        line = line_of(state, proposed)
        facility = "" if line is None else state.facility_of(line)
        on = on if state.decided_at is None else local_date(state.decided_at)
    if registered and registered.second and facility == registered.second.party:
        permit = registered.second.permit
    return lookups.terms(reads, reference, permit, on, seq=seq)


def _rules(
    reads: Reads, before: Manifest, event: Event, body: Body, reference: Reference
) -> Iterator[Problem]:
    on = local_date(event.occurred_at)
    by = event.actors[0].party
    match body:
        case Registered():
            yield from registration.problems(reads, body, event.stream, reference, on)
        case HandedOver():
            yield from rules.hand_over(before, body, reference, on)
            yield from carriage.in_one_vehicle(before)
            yield from carriage.own_vehicle(before.registered, body, vehicles_of(reads, body.giver, on))
            yield from _payload(reads, before, body, reference, on)
            if not before.legs:
                yield from registration.pick_up(reads, before.registered, on)
                yield from rounds.joining(reads, before.registered)
        case Arrived():
            yield from abroad.staying(before)
            yield from carriage.arrival(before, body)
            yield from rules.plate_of_leg(before, body.vehicle_plate, len(before.legs), "/body/vehicle_plate")
        case Weighed() | Accepted() | Refused():
            yield from carriage.all_arrived(before)
            if isinstance(body, Weighed | Accepted):
                yield from rules.every_line(before, body)
            if isinstance(body, Weighed):
                yield from rounds.weighing(reads, before, body)
        case Treated():
            yield from rules.treatment(before, body, reference, event.occurred_at)
            yield from second.in_hand(before, body, by)
            yield from batch_parts(reads, reference, before, event, body)
        case Completed():
            yield from _completion(reads, before, event)
        case Returned():
            yield from rules.way_back(before, body)
        case Forwarded():
            yield from second.forwarding(before, body)
            yield from planned.passing_on(reads, before, body, on)
        case _:
            yield from _rules_of_case(before, event, body, reference, on)


def _payload(
    reads: Reads, before: Manifest, body: HandedOver, reference: Reference, on: date
) -> Iterator[Problem]:
    """Yield a problem when the load is beyond what the vehicle's registration lets one believe."""
    known = vehicles_of(reads, body.taker, on) | vehicles_of(reads, body.giver, on)
    vehicle = known.get(body.vehicle_plate)
    mass_g = sum(line.mass.declared_g for line in before.lines)
    allowed_g = vehicle.payload_g if vehicle else None
    yield from plausibility.payload(mass_g, allowed_g, reference, on, "/body/vehicle_plate")


def _rules_of_case(
    before: Manifest, event: Event, body: Body, reference: Reference, on: date
) -> Iterator[Problem]:
    by = event.actors[0].party
    match body:
        case Transshipped():
            yield from carriage.transshipment(before, body, reference, on)
        case ReceivedSecond():
            yield from second.reception(before, body)
        case StorageNotified():
            yield from notice.notice(before, by, reference, on)
        case CopiesDelivered():
            yield from copies.delivery(before, body, reference)
        case Exported():
            yield from abroad.leaving(before)
        case DisposalCertified():
            yield from abroad.certificate(before, body, reference, on)


def _completion(reads: Reads, before: Manifest, event: Event) -> Iterator[Problem]:
    actor = event.actors[0]
    if actor.role == Role.GENERATOR and before.registered.export is None:
        yield Problem(
            "manifest.role_wrong", "/actors/0/role", {"role": actor.role, "expected": "treatment_facility"}
        )
        return
    yield from second.completion(before, actor.party)
    if open_g := open_shares_g(reads, before.id):
        yield Problem("manifest.shares_open", "", {"open_g": open_g})
