"""Corrections: who must agree, what they change, and the grams that move when they take effect.

The old value stays in the log for ever. What takes effect reverses the postings that rested on it and books
them again.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from types import MappingProxyType

from ledger.errors import Conflict, Problem, RuleBroken
from manifest.accounts import Posting, Slot, allocate, move
from manifest.body import Body
from manifest.cases import carriage
from manifest.consignment import Correction, Line, Manifest
from manifest.events import CorrectionConsented, CorrectionDeclined, CorrectionProposed
from manifest.postings import Terms, decided, shared
from manifest.quantity import LineMass, correct_net, resolve
from manifest.rules import plate_of_leg
from manifest.vocabulary import Account, Consent, CorrectedField, Reason

# What a correction of a field needs before it takes effect.
CONSENT: dict[CorrectedField, Consent] = {
    CorrectedField.VEHICLE_PLATE: Consent.NOTIFY,
    CorrectedField.NET_MASS: Consent.CONSENT,
    CorrectedField.DIFFERENCE: Consent.CONSENT,
}


def rules_of(before: Manifest, event: CorrectionProposed) -> Iterator[Problem]:
    """Yield problems of a proposed correction: the field's own values, and a line or leg that exists."""
    if event.field is CorrectedField.VEHICLE_PLATE:
        if event.leg is None or event.leg > len(before.legs):
            yield Problem("manifest.leg_unknown", "/body/leg")
        if event.value is None:
            yield Problem("manifest.field_missing", "/body/value")
        elif event.leg is not None:
            yield from plate_of_leg(before, event.value, event.leg, "/body/value")
        return
    line = None if event.line is None else before.line(event.line)
    if line is None:
        yield Problem("manifest.line_unknown", "/body/line")
    elif line.mass.accepted_g is None or line.mass.resolved:
        yield Problem("manifest.correction_out_of_time", "/body/line")
    elif event.field is CorrectedField.DIFFERENCE and line.mass.difference.unexplained_g == 0:
        yield Problem("manifest.nothing_changes", "/body/line")
    if event.field is CorrectedField.NET_MASS and event.net_g is None:
        yield Problem("manifest.field_missing", "/body/net_g")


def correct(
    before: Manifest, event: CorrectionProposed | CorrectionConsented | CorrectionDeclined, by: str
) -> Manifest:
    """Return the manifest after an act of correcting; raise Refused where it is not open, or not yours."""
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
        old = legs[proposed.leg - 1]
        legs[proposed.leg - 1] = replace(old, vehicle_plate=proposed.value)
        after = replace(before, legs=tuple(legs))
        return carriage.renamed(after, old.vehicle_plate, proposed.value)
    line, mass = corrected_mass(before, proposed)
    return before.with_masses(mass if item is line else item.mass for item in before.lines)


def made(before: Manifest, event: Body, by: str, terms: Terms) -> tuple[Posting, ...]:
    """Return the postings of a correction when this very act makes it take effect."""
    if isinstance(event, CorrectionConsented):
        found = before.corrections.get(event.correction)
        if found is not None and found.waiting == {by}:
            return corrected(before, found.proposed, terms)
    if isinstance(event, CorrectionProposed) and not waits_for(before, event, by):
        return corrected(before, event, terms)
    return ()


def corrected(before: Manifest, correction: CorrectionProposed, terms: Terms) -> tuple[Posting, ...]:
    """Return the postings of a correction that takes effect: reversals, then what should have been."""
    if correction.field is CorrectedField.VEHICLE_PLATE:
        return ()
    line, mass = corrected_mass(before, correction)
    if correction.field is CorrectedField.DIFFERENCE:
        return tuple(_resolved(before, line, terms))
    tolerance = line.mass.tolerance_g or 0
    made = decided(before, line, line.mass.accepted_g or 0, tolerance, terms.source)
    reversed_ = [replace(posting, grams=-posting.grams, reason=Reason.REVERSED) for posting in made]
    again = decided(before, replace(line, mass=mass), mass.accepted_g or 0, tolerance, terms.source)
    return (*reversed_, *again)


def corrected_mass(before: Manifest, correction: CorrectionProposed) -> tuple[Line, LineMass]:
    """Return the line that a correction of a mass is about, and its masses after it."""
    line = before.line(correction.line or 0)
    assert line is not None, "rules have seen the line"
    if correction.field is CorrectedField.DIFFERENCE:
        return line, resolve(line.mass)
    assert correction.net_g is not None, "rules have seen the mass"
    return line, correct_net(line.mass, correction.net_g)


def _resolved(before: Manifest, line: Line, terms: Terms) -> Iterator[Posting]:
    """Yield what an explained difference becomes: lots restated down, or a surplus put where it really is.

    Only the difference itself moves: what was treated without a permit line stays unexplained, whoever
    agrees. Of a surplus, what was treated under a permit line is credited after all, what is left of the
    accepted part lies at the facility, and the refused part goes where all that was refused is.
    """
    registered, mass = before.registered, line.mass
    unexplained, at_facility, interim, treated = (
        Slot(account, registered.facility_site)
        for account in (Account.UNEXPLAINED, Account.AT_FACILITY, Account.INTERIM, Account.TREATED_SERVICE)
    )
    surplus_g = mass.difference.unexplained_g
    shares = shared(surplus_g, line.drawn)
    if surplus_g < 0:
        for lot, part in shares:
            yield from move(lot, -part, unexplained, terms.source(lot), Reason.RESOLVED, line=line.number)
        return
    held = {slot: sum(grams for _, grams in before.on_line(line, slot)) for slot in (interim, treated)}
    accepted_g = mass.accepted_g or 0
    refused_g = surplus_g - min(accepted_g, surplus_g)
    credited_g = mass.treated_g - mass.without_basis_g - held[treated]
    in_accounts = sum(grams for _, grams in before.on_line(line, at_facility)) + held[interim]
    untreated_g = mass.left_g - in_accounts
    carried = Slot(Account.IN_TRANSIT, before.holder)
    targets: tuple[tuple[Callable[[str], Slot], int, str | None], ...] = (
        (lambda _: treated, credited_g, mass.last_method),
        (lambda _: at_facility, untreated_g, None),
        (terms.store if mass.returned else lambda _: carried, refused_g, None),
    )
    for target_of, wanted, method in targets:
        poured = allocate(wanted, shares)
        shares = [(lot, grams - part) for (lot, grams), (_, part) in zip(shares, poured, strict=True)]
        for lot, part in poured:
            target = target_of(lot)
            yield from move(lot, part, unexplained, target, Reason.RESOLVED, line=line.number, method=method)
