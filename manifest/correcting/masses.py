"""Correcting what the scale said: net mass, what was accepted of it, and how a difference came about.

The decision is reversed and posted again on the day on which it was made, so that figures by day stand as if
it had been right from the beginning. An explained difference moves on the day on which it is explained.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from ledger.errors import Problem, RuleBroken
from manifest.accounts import Posting, Slot, allocate, move
from manifest.consignment import Line, Manifest
from manifest.events import CorrectionProposed
from manifest.postings import Terms, decided, shared
from manifest.quantity import LineMass, correct_net, correct_split, resolve
from manifest.vocabulary import Account, CorrectedField, Reason, local_date


def corrected(before: Manifest, line: Line, proposed: CorrectionProposed) -> LineMass:
    """Return the masses of a line after a correction; raise RuleBroken where they do not allow it."""
    match proposed.field:
        case CorrectedField.DIFFERENCE:
            return resolve(line.mass)
        case CorrectedField.NET_MASS:
            assert proposed.net_g is not None, "rules have seen the mass"
            return correct_net(line.mass, proposed.net_g)
    assert proposed.accepted_g is not None, "rules have seen the mass"
    mass = correct_split(line.mass, proposed.accepted_g)
    if not any(other.mass.accepted_g for other in before.lines if other is not line) and not mass.accepted_g:
        raise RuleBroken(Problem("manifest.nothing_accepted", "/body/accepted_g"))
    return mass


def postings(
    before: Manifest, line: Line, mass: LineMass, field: CorrectedField, terms: Terms
) -> Iterator[Posting]:
    """Yield the postings of a corrected mass: reversals, then what should have been."""
    if field is CorrectedField.DIFFERENCE:
        yield from _resolved(before, line, terms)
        return
    yield from reversals(decision(before, line, terms.source))
    yield from decision(before, replace(line, mass=mass), terms.source)


def decision(before: Manifest, line: Line, source: Callable[[str], Slot]) -> Iterator[Posting]:
    """Yield what the decision on a line posted, on its day."""
    assert before.decided_at is not None, "only a decision is corrected"
    on = local_date(before.decided_at)
    mass = line.mass
    for posting in decided(before, line, mass.accepted_g or 0, mass.tolerance_g or 0, source):
        yield replace(posting, on=on)


def reversals(made: Iterable[Posting]) -> Iterator[Posting]:
    """Yield the opposite of postings, on the same days."""
    for posting in made:
        yield replace(posting, grams=-posting.grams, reason=Reason.REVERSED)


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
