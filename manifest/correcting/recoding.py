"""Correcting the code or the state of a line: its grams go over to new lots, from their source on.

A lot has one code and one state, every ratio is cut by them, and other manifests may draw from the same lot.
So the lot stays as it is for everybody else, and the grams of this line leave it as if they had never been
in it: all that they did is reversed on the day of each act, and done again by a lot of the right code that
arose on the same day at the same site.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from ledger.errors import Problem, RuleBroken
from manifest.accounts import Posting, Slot, move
from manifest.consignment import Line, Manifest
from manifest.correcting.masses import decision, reversals
from manifest.events import CorrectionProposed, Draw
from manifest.postings import Terms
from manifest.quantity import in_reach
from manifest.vocabulary import Account, LotId, LotKind, Reason, local_date


def recoded(line: Line, proposed: CorrectionProposed, terms: Terms) -> Line:
    """Return the line with another code or state and its new lots; raise RuleBroken where it is too late."""
    mass = line.mass
    if mass.accepted_g is not None:
        in_reach(mass)
    if any(terms.kind_of(lot) is LotKind.CHILD for lot in line.lots):
        # What came out of a batch has the code that the batch gave it.
        facts = {"kind": LotKind.CHILD.value}
        raise RuleBroken(Problem("manifest.lot_of_other_kind", "/body/line", facts))
    lots = proposed.lots or ()
    if len(lots) != len(line.lots) or len(set(lots)) != len(lots):
        raise RuleBroken(
            Problem("manifest.correction_lots_wrong", "/body/lots", {"expected": len(line.lots)})
        )
    draws = tuple(
        Draw(lot=lot, mass_g=draw.mass_g) for lot, draw in zip(lots, line.declared.lots, strict=True)
    )
    declared = replace(
        line.declared,
        code=proposed.code or line.declared.code,
        state=proposed.state or line.declared.state,
        lots=draws,
    )
    after = replace(line, declared=declared)
    if mass.accepted_g is None:
        return after
    return replace(after, mass=replace(mass, tolerance_g=terms.tolerance_of(after)))


def postings(before: Manifest, line: Line, after: Line, terms: Terms) -> Iterator[Posting]:
    """Yield the postings: the old lots undone to their source, then the new ones from theirs."""
    old_of = dict(zip(after.lots, line.lots, strict=True))

    def store(lot: str) -> Slot:
        return terms.store(old_of.get(LotId(lot), LotId(lot)))

    def source(lot: str) -> Slot:
        return terms.source(old_of.get(LotId(lot), LotId(lot)))

    yield from reversals(_journey(before, line, store, source))
    for lot, grams in line.drawn:
        yield from move(lot, grams, store(lot), source(lot), Reason.RECODED, on=terms.arose_on(lot))
    for lot, grams in after.drawn:
        on = terms.arose_on(old_of[lot])
        yield from move(lot, grams, source(lot), store(lot), Reason.RECODED, on=on)
    yield from _journey(before, after, store, source)


def _journey(
    before: Manifest, line: Line, store: Callable[[str], Slot], source: Callable[[str], Slot]
) -> Iterator[Posting]:
    """Yield what a line's grams did from the store to the decision, on the day of each act."""
    for lot, grams in line.drawn:
        place = store(lot)
        for leg in before.legs:
            target = Slot(Account.IN_TRANSIT, leg.taker)
            if target != place:
                yield from move(
                    lot, grams, place, target, Reason.HANDED_OVER, line=line.number, on=local_date(leg.at)
                )
            place = target
    if line.mass.accepted_g is not None:
        yield from decision(before, line, source)
