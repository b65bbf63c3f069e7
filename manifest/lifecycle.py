"""The manifest's life as a table, and how each act moves it: status, masses, custody, postings.

A move that the table does not name is refused. What an act means for grams is `postings`; who may sign it
and whether the law allows it is `rules` and `authority`.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from ledger.errors import Conflict, Problem, RuleBroken
from manifest import quantity
from manifest.accounts import Posting
from manifest.body import Body
from manifest.consignment import Correction, Leg, Line, Manifest
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
from manifest.postings import Terms, corrected, corrected_mass, post, postings
from manifest.quantity import LineMass
from manifest.vocabulary import Consent, CorrectedField, Status

_CORRECTIONS = (CorrectionProposed, CorrectionConsented, CorrectionDeclined)
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
    # A correction never moves a manifest.
    **{(status, event): status for status in _CORRECTABLE for event in _CORRECTIONS},
}

# What a correction of a field needs before it takes effect.
CONSENT: dict[CorrectedField, Consent] = {
    CorrectedField.VEHICLE_PLATE: Consent.NOTIFY,
    CorrectedField.NET_MASS: Consent.CONSENT,
    CorrectedField.DIFFERENCE: Consent.CONSENT,
}


def next_status(status: Status, event: type[Body]) -> Status:
    """Return where ``event`` takes a manifest; raise Conflict when the table has no such move."""
    target = TRANSITIONS.get((status, event))
    if target is None:
        facts = {"status": status.value, "event": event.kind}
        raise Conflict(Problem("manifest.transition_refused", "/kind", facts))
    return target


def step(
    before: Manifest, event: Body, at: datetime, by: str, terms: Terms
) -> tuple[Manifest, tuple[Posting, ...]]:
    """Return the manifest after ``event`` and the postings of it.

    ``at`` is the attested time, ``by`` the party of the first actor. Raises Conflict for a move outside the
    table and RuleBroken when the masses do not allow the act.
    """
    status = next_status(before.status, type(event))
    after = replace(_apply(before, event, at, by, terms), status=status, last_at=at)
    # Only masses that add up can be divided over lots, so they are judged first.
    made = (*postings(before, event, terms), *_corrections_made(before, event, by, terms))
    held = dict(before.held)
    post(held, made)
    return replace(after, held=MappingProxyType(held)), made


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
            return replace(before, legs=(*before.legs, leg))
        case Arrived():
            return replace(before, arrived_at=at)
        case Weighed():
            net = {item.line: item.net_g for item in event.lines}
            return _with(before, (quantity.weigh(line.mass, net[line.number]) for line in before.lines))
        case Accepted() | Refused():
            return replace(_decide(before, event, terms), decided_at=at)
        case Returned():
            return _with(before, (quantity.give_back(line.mass) for line in before.lines))
        case Treated():
            return _treat(before, event, terms)
        case Completed():
            if before.left_g:
                raise RuleBroken(Problem("manifest.not_all_treated", "", {"left_g": before.left_g}))
            return replace(before, completed_at=at)
        case CorrectionProposed() | CorrectionConsented() | CorrectionDeclined():
            return _correct(before, event, by)
    return before


def _with(before: Manifest, masses: Iterable[LineMass]) -> Manifest:
    lines = tuple(replace(line, mass=mass) for line, mass in zip(before.lines, masses, strict=True))
    return replace(before, lines=lines)


def _decide(before: Manifest, event: Accepted | Refused, terms: Terms) -> Manifest:
    decided = {
        item.line: (item.accepted_g, item.refused_g, f"/body/lines/{index}")
        for index, item in enumerate(getattr(event, "lines", ()))
    }
    masses = [
        quantity.decide(line.mass, *decided.get(line.number, (0, line.mass.arrived_g, "")))
        for line in before.lines
    ]
    return replace(_with(before, masses), tolerance_permille=terms.tolerance_permille)


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
        )
    return _with(before, (masses[line.number] for line in before.lines))


def _correct(
    before: Manifest, event: CorrectionProposed | CorrectionConsented | CorrectionDeclined, by: str
) -> Manifest:
    open_ = dict(before.corrections)
    if isinstance(event, CorrectionProposed):
        if event.correction in open_ or event.correction in before.settled:
            raise Conflict(Problem("manifest.correction_known_already", "/body/correction"))
        waiting = waits_for(before, event, by)
        correction = Correction(event, by, waiting)
    else:
        found = open_.pop(event.correction, None)
        if found is None:
            raise Conflict(Problem("manifest.correction_not_open", "/body/correction"))
        if by not in found.waiting:
            raise RuleBroken(Problem("manifest.correction_not_yours", "/body/correction"))
        if isinstance(event, CorrectionDeclined):
            return _settle(before, open_, event.correction)
        correction = replace(found, waiting=found.waiting - {by})
    if correction.waiting:
        open_[event.correction] = correction
        return replace(before, corrections=MappingProxyType(open_))
    return _settle(_take_effect(before, correction.proposed), open_, event.correction)


def _settle(before: Manifest, open_: dict[str, Correction], correction: str) -> Manifest:
    return replace(before, corrections=MappingProxyType(open_), settled=before.settled | {correction})


def waits_for(before: Manifest, event: CorrectionProposed, by: str) -> frozenset[str]:
    """Return who has to agree to a correction: generator and facility for masses, nobody for the rest."""
    if CONSENT[event.field] is Consent.NOTIFY:
        return frozenset()
    return frozenset({before.registered.generator, before.registered.facility}) - {by}


def _take_effect(before: Manifest, proposed: CorrectionProposed) -> Manifest:
    if proposed.field is CorrectedField.VEHICLE_PLATE:
        assert proposed.leg is not None, "rules have seen the leg"
        assert proposed.value is not None, "rules have seen the plate"
        legs = list(before.legs)
        legs[proposed.leg - 1] = replace(legs[proposed.leg - 1], vehicle_plate=proposed.value)
        return replace(before, legs=tuple(legs))
    line, mass = corrected_mass(before, proposed)
    return _with(before, (mass if item is line else item.mass for item in before.lines))


def _corrections_made(before: Manifest, event: Body, by: str, terms: Terms) -> tuple[Posting, ...]:
    """Return the postings of a correction when this very act makes it take effect."""
    if isinstance(event, CorrectionConsented):
        found = before.corrections.get(event.correction)
        if found is not None and found.waiting == {by}:
            return corrected(before, found.proposed, terms)
    if isinstance(event, CorrectionProposed) and not waits_for(before, event, by):
        return corrected(before, event, terms)
    return ()
