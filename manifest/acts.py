"""Judging the manifest's acts: load what the ledger says of it, apply the rules, say which rows follow."""

from collections.abc import Iterator
from datetime import date

from ledger.errors import NotAllowed, NotFound, Problem, RuleBroken, refuse
from ledger.format.event import Event, parse
from ledger.format.keys import Key
from ledger.storage.store import StoredEntry
from ledger.writing.changes import RECORDED_AT, SEQ, Add, Change, Insert, Put, Reads
from manifest import corrections, lookups, rules
from manifest.accounts import Posting
from manifest.authority import ASSURANCE
from manifest.body import Body
from manifest.consignment import Manifest
from manifest.events import (
    Accepted,
    Arrived,
    Completed,
    CorrectionProposed,
    HandedOver,
    Registered,
    Returned,
    Treated,
    Weighed,
    read_body,
)
from manifest.lifecycle import next_status, step
from manifest.lots.declassification import no_manifest_needed
from manifest.lots.following import batch_parts, open_shares_g
from manifest.postings import Terms
from manifest.reference import Reference, ReferenceRefused
from manifest.views import (
    ACT,
    MANIFEST,
    MANIFEST_LINE,
    MANIFEST_PARTY,
    NUMBER_BLOCK,
    PERMIT_USE,
    SITE,
)
from manifest.vocabulary import ManifestId, Role, local_date


def load(reads: Reads, manifest: str, reference: Reference) -> Manifest:
    """Return a manifest by replaying its stream; one without events is new.

    ``reference`` is the edition as installed: each act is read under the limits that the ledger had set
    before it.
    """
    state = reads.memo.get(manifest)
    if isinstance(state, Manifest):
        return state
    state = Manifest(id=ManifestId(manifest))
    for stored in reads.stream(manifest):
        event, body = read_stored(stored)
        terms = _terms(reads, lookups.reference_at(reads, reference, stored.seq), state, body, event)
        state, _ = step(state, body, event.occurred_at, event.actors[0].party, terms)
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


def _terms(reads: Reads, reference: Reference, state: Manifest, body: Body, event: Event) -> Terms:
    permit = state.header.permit if state.header else getattr(body, "permit", None)
    return lookups.terms(reads, reference, permit, local_date(event.occurred_at))


def judge_act(
    reads: Reads, event: Event, body: Body, keys: tuple[Key, ...], base: Reference
) -> tuple[list[Change], tuple[Posting, ...]]:
    """Return the rows and postings of a manifest's act; raise Refused when a rule forbids it."""
    before = load(reads, event.stream, base)
    reference = lookups.reference_at(reads, base)
    next_status(before.status, type(body))
    on = local_date(event.occurred_at)
    refuse(_actors(before, event, body), NotAllowed)
    in_order = rules.in_order(event.occurred_at, before.last_at)
    refuse([*in_order, *_rules(reads, before, event, body, reference)])
    if isinstance(body, Completed) and (open_g := open_shares_g(reads, before.id)):
        raise RuleBroken(Problem("manifest.shares_open", "", {"open_g": open_g}))
    party = event.actors[0].party
    after, made = step(before, body, event.occurred_at, party, _terms(reads, reference, before, body, event))
    reads.memo[event.stream] = after
    changes = [*_rows(before, after, body), _act_row(event, keys), *_permit_use(before, after, on)]
    return changes, made


def _actors(before: Manifest, event: Event, body: Body) -> Iterator[Problem]:
    """Yield problems of parties that act in another's place: each act belongs to a named party."""
    registered = body if isinstance(body, Registered) else before.registered
    first = event.actors[0].party
    match body:
        case HandedOver():
            expected: tuple[str, ...] = (body.giver, body.taker)
        case Returned():
            expected = (body.giver, registered.generator)
        case CorrectionProposed():
            involved = {registered.generator, registered.facility, before.holder}
            involved |= {carrier.party for carrier in registered.carriers}
            expected = (first,) if first in involved else (registered.generator,)
        case _ if event.kind.startswith("manifest.correction_"):
            expected = (first,)
        case _:
            generator_acts = event.actors[0].role == Role.GENERATOR
            expected = (registered.generator if generator_acts else registered.facility,)
    for index, (actor, party) in enumerate(zip(event.actors, expected, strict=True)):
        if actor.party != party:
            yield Problem("manifest.party_not_in_place", f"/actors/{index}/party", {"expected": party})


def _rules(
    reads: Reads, before: Manifest, event: Event, body: Body, reference: Reference
) -> Iterator[Problem]:
    on = local_date(event.occurred_at)
    match body:
        case Registered():
            yield from _registration(reads, body, reference, on)
        case HandedOver():
            yield from rules.hand_over(before, body, reference, on)
            if not before.legs:
                lots = _lots(reads, before.registered)
                yield from rules.draws(before.registered.lines, before.registered.site, lots, on)
        case Arrived():
            yield from rules.plate_of_leg(before, body.vehicle_plate, len(before.legs), "/body/vehicle_plate")
        case Weighed() | Accepted():
            yield from rules.every_line(before, body)
        case Treated():
            yield from rules.treatment(before, body, reference, event.occurred_at)
            yield from batch_parts(reads, reference, before.registered, body, event.occurred_at)
        case Returned():
            if body.giver != before.holder:
                yield Problem("manifest.giver_not_holder", "/body/giver", {"holder": before.holder})
            if before.refused_g == 0:
                yield Problem("manifest.nothing_refused", "")
            yield from rules.plate_of_leg(before, body.vehicle_plate, len(before.legs), "/body/vehicle_plate")
        case CorrectionProposed():
            yield from corrections.rules_of(before, body)


def _registration(reads: Reads, body: Registered, reference: Reference, on: date) -> Iterator[Problem]:
    yield from rules.lines(body, reference, on)
    if body.generator == body.facility:
        # Whoever treats its own waste does so on site; a manifest needs a second pair of eyes.
        yield Problem("manifest.generator_is_facility", "/body/facility")
    site = reads.one(SITE, site=body.site)
    if site is None or site["party"] != body.generator:
        yield Problem("manifest.site_not_yours", "/body/site")
    facility_site = reads.one(SITE, site=body.facility_site)
    if facility_site is None or facility_site["party"] != body.facility:
        yield Problem("manifest.site_unknown", "/body/facility_site")
    try:
        edition = reference.form_edition(on).edition
    except ReferenceRefused as refused:
        yield Problem(refused.code, "/body/form", refused.facts)
    else:
        if body.form != edition:
            yield Problem("manifest.form_not_valid", "/body/form", {"expected": edition})
    yield from _number(reads, body, on)
    yield from rules.draws(body.lines, body.site, _lots(reads, body), on)
    yield from no_manifest_needed(reads, reference, body, on)
    used = lookups.permit_used(reads, body.permit, on.year)
    yield from rules.permitted(body, lookups.permit(reads, body.permit), used, on)
    permits = {
        carrier.permit: known
        for carrier in body.carriers
        if carrier.permit and (known := lookups.permit(reads, carrier.permit))
    }
    approvals = {
        carrier.approval: found
        for carrier in body.carriers
        if carrier.approval and (found := lookups.approval(reads, carrier.approval))
    }
    yield from rules.carriers(body, permits, approvals, on)


def _number(reads: Reads, body: Registered, on: date) -> Iterator[Problem]:
    number = body.number
    if number.year != on.year:
        yield Problem("manifest.number_of_other_year", "/body/number/year", {"expected": on.year})
    blocks = reads.rows(NUMBER_BLOCK, issuer=number.issuer, year=number.year)
    parties = {body.generator, body.facility}
    good = any(
        block["party"] in parties and block["first"] <= number.sequence <= block["last"] for block in blocks
    )
    if not good:
        yield Problem("manifest.number_not_allocated", "/body/number", {"number": str(number)})
    taken = reads.one(MANIFEST, issuer=number.issuer, year=number.year, sequence=number.sequence)
    if taken is not None:
        yield Problem("manifest.number_taken", "/body/number", {"number": str(number)})


def _lots(reads: Reads, body: Registered) -> dict[str, rules.LotFacts]:
    return {
        draw.lot: found
        for line in body.lines
        for draw in line.lots
        if (found := lookups.lot_facts(reads, draw.lot)) is not None
    }


def _act_row(event: Event, keys: tuple[Key, ...]) -> Change:
    row = {
        "manifest": event.stream,
        "seq": SEQ,
        "kind": event.kind,
        "occurred_at": event.occurred_at,
        "recorded_at": RECORDED_AT,
        "parties": ",".join(actor.party for actor in event.actors),
        "assurance": min(ASSURANCE[key.custody] for key in keys),
    }
    return Insert(ACT, row)


def _permit_use(before: Manifest, after: Manifest, on: date) -> Iterator[Change]:
    """Yield what an act adds to the use of the permit: accepted grams, and corrections of them.

    A correction counts in the year in which the load was accepted.
    """
    decided = after.decided_at
    year = local_date(decided).year if decided else on.year
    for old, new in zip(before.lines, after.lines, strict=False):
        delta = (new.mass.accepted_g or 0) - (old.mass.accepted_g or 0)
        if delta:
            key = {"permit": after.registered.permit, "code": new.declared.code, "year": year}
            yield Add(PERMIT_USE, key, "accepted_g", delta)


def _rows(before: Manifest, after: Manifest, body: Body) -> Iterator[Change]:
    registered = after.registered
    key = {"manifest": after.id}
    row = {
        "status": after.status.value,
        "holder": after.holder,
        "transferred_at": after.legs[0].at if after.legs else None,
        "arrived_at": after.arrived_at,
        "decided_at": after.decided_at,
        "completed_at": after.completed_at,
        "accepted_g": sum(line.mass.accepted_g or 0 for line in after.lines),
        "refused_g": sum(line.mass.refused_g for line in after.lines),
        "left_g": after.left_g,
        "corrections_open": len(after.corrections),
        "seq": SEQ,
    }
    if isinstance(body, Registered):
        names = ("generator", "site", "facility", "facility_site", "permit", "form")
        row |= {name: getattr(registered, name) for name in names}
        row |= {
            "number": str(registered.number),
            "issuer": registered.number.issuer,
            "year": registered.number.year,
            "sequence": registered.number.sequence,
            "registered_at": after.registered_at,
            "declared_g": sum(line.mass.declared_g for line in after.lines),
        }
        for party, role in _parties(registered):
            yield Put(MANIFEST_PARTY, {**key, "party": party, "role": role.value}, {})
    yield Put(MANIFEST, key, row)
    if after.lines != before.lines:
        for line in after.lines:
            yield Put(MANIFEST_LINE, {**key, "line": line.number}, _line_row(after, line.number))


def _parties(registered: Registered) -> set[tuple[str, Role]]:
    carriers = {
        (carrier.party, Role.TRANSPORTER)
        for carrier in registered.carriers
        if carrier.party not in {registered.generator, registered.facility}
    }
    return carriers | {
        (registered.generator, Role.GENERATOR),
        (registered.facility, Role.TREATMENT_FACILITY),
    }


def _line_row(manifest: Manifest, number: int) -> dict[str, object]:
    line = manifest.line(number)
    assert line is not None
    declared, mass = line.declared, line.mass
    return {
        "code": declared.code,
        "name": declared.name,
        "state": declared.state.value,
        "planned_methods": ",".join(declared.planned_methods),
        "declared_g": mass.declared_g,
        "net_g": mass.net_g,
        "accepted_g": mass.accepted_g,
        "refused_g": mass.refused_g,
        "treated_g": mass.treated_g,
        "interim_g": mass.interim_g,
        "batched_g": mass.batched_g,
    }
