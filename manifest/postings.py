"""From a manifest's act to its postings: which grams of which lot move between which accounts, to zero.

Amounts of a line are divided over its lots in proportion to what each lot has in the account that they
leave, by the largest remainder, so that no lot gives more than it has.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from ledger.errors import Problem, RuleBroken
from manifest.accounts import Posting, Slot, allocate, move, spread
from manifest.consignment import Line, Manifest, Part
from manifest.events import (
    Accepted,
    HandedOver,
    LineDeclared,
    LineTreated,
    Refused,
    Returned,
    Treated,
)
from manifest.lots.postings import source_of
from manifest.quantity import Difference, LineMass, credited, difference
from manifest.vocabulary import Account, LotId, LotKind, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What postings depend on besides the manifest and the event, as of the date of the act.

    ``tolerance_g`` gives the difference that is still restated of a line that should have been so many grams;
    ``is_final`` tells whether a list of methods ends the waste, ``permits`` whether the facility's permit
    names these methods for a code on the day of treatment; ``kind_of`` and ``site_of`` give the kind and the
    site of a lot drawn from, ``arose_on`` the day on which it came to be booked.
    """

    tolerance_g: Callable[[LineDeclared, int, LineMass], int]
    is_final: Callable[[tuple[str, ...]], bool]
    permits: Callable[[str, tuple[str, ...], date], bool]
    kind_of: Callable[[str], LotKind]
    site_of: Callable[[str], str]
    arose_on: Callable[[str], date | None] = lambda _: None

    def tolerance_of(self, line: Line) -> int:
        """Return the tolerance of a line at the first scale, in grams."""
        return self.tolerance_g(line.declared, line.mass.declared_g, line.mass)

    def part(self, line: Line, declared: LineTreated) -> Part:
        """Return a treated part of a line as it is judged, before its grams are looked for."""
        return Part(
            declared,
            final=self.is_final(declared.methods),
            permitted=self.permits(line.declared.code, declared.methods, declared.treated_on),
            made=(),
        )

    def source(self, lot: str) -> Slot:
        """Return the account that a lot's grams come from."""
        return source_of(self.kind_of(lot), self.site_of(lot))

    def store(self, lot: str) -> Slot:
        """Return where a lot is stored while it is at home."""
        return Slot(Account.STORED, self.site_of(lot))


def postings(before: Manifest, event: object, terms: Terms) -> tuple[Posting, ...]:
    """Return the postings of a manifest's act, judged on the manifest before it; none for most acts."""
    match event:
        case HandedOver():
            return _handed_over(before, event, terms)
        case Accepted() | Refused():
            accepted = {item.line: item.accepted_g for item in getattr(event, "lines", ())}
            return tuple(
                posting
                for line in before.lines
                for posting in decided(
                    before, line, accepted.get(line.number, 0), terms.tolerance_of(line), terms.source
                )
            )
        case Returned():
            return tuple(_returned(before, event, terms))
    return ()


def _handed_over(before: Manifest, event: HandedOver, terms: Terms) -> tuple[Posting, ...]:
    target = Slot(Account.IN_TRANSIT, event.taker)
    if before.legs:
        return _all_of(before, Slot(Account.IN_TRANSIT, event.giver), target, Reason.HANDED_OVER)
    return tuple(
        posting
        for line in before.lines
        for lot, grams in line.drawn
        for posting in move(lot, grams, terms.store(lot), target, Reason.HANDED_OVER, line=line.number)
    )


def _all_of(before: Manifest, source: Slot, target: Slot, reason: Reason) -> tuple[Posting, ...]:
    if source == target:
        return ()
    return tuple(
        posting
        for line in before.lines
        for lot, grams in before.on_line(line, source)
        for posting in move(lot, grams, source, target, reason, line=line.number)
    )


def _returned(before: Manifest, event: Returned, terms: Terms) -> Iterator[Posting]:
    """Yield what brings each refused line back to where its lots are at home."""
    carried = Slot(Account.IN_TRANSIT, event.giver)
    for line in before.lines:
        if before.brings_back(line) == event.giver:
            for lot, grams in before.on_line(line, carried):
                yield from move(lot, grams, carried, terms.store(lot), Reason.RETURNED, line=line.number)


def decided(
    before: Manifest, line: Line, accepted_g: int, tolerance_g: int, source: Callable[[str], Slot]
) -> Iterator[Posting]:
    """Yield the postings of one line at the scale of the first facility.

    Until this act all that the line drew is in transit, so the shares are those of the signed register event.
    """
    found = difference(line.mass.declared_g, line.mass.arrived_g, tolerance_g)
    carried = Slot(Account.IN_TRANSIT, before.holder)
    taken_g = credited(accepted_g, found.unexplained_g)
    site = before.registered.facility_site
    yield from at_scale(line, line.drawn, found, taken_g, carried=carried, site=site, source=source)


def at_scale(
    line: Line,
    shares: Sequence[tuple[LotId, int]],
    found: Difference,
    taken_g: int,
    *,
    carried: Slot,
    site: str,
    source: Callable[[str], Slot],
) -> Iterator[Posting]:
    """Yield the postings of a line that is weighed and taken at a site: the difference first, then the rest.

    ``shares`` is what each lot has in the hands of whoever carried it there; what is not taken stays there.
    Where nobody's grams are in those hands, more that arrived is divided as the line was drawn.
    """
    base = shares if any(grams for _, grams in shares) else line.drawn
    unexplained = Slot(Account.UNEXPLAINED, site)
    numbered: dict[str, Any] = {"line": line.number}
    for lot, part in shared(found.restated_g, base):
        yield from move(lot, part, source(lot), carried, Reason.RESTATED, **numbered)
    for lot, part in shared(found.unexplained_g, base):
        if part > 0:
            yield from move(lot, part, source(lot), unexplained, Reason.DIFFERENCE, **numbered)
        else:
            yield from move(lot, -part, carried, unexplained, Reason.DIFFERENCE, **numbered)

    moved = dict(shared(found.restated_g + min(found.unexplained_g, 0), base))
    left = [(lot, grams + moved.get(lot, 0)) for lot, grams in shares]
    for lot, part in allocate(taken_g, left):
        yield from move(lot, part, carried, Slot(Account.AT_FACILITY, site), Reason.ACCEPTED, **numbered)


def shared(grams: int, shares: Sequence[tuple[LotId, int]]) -> list[tuple[LotId, int]]:
    """Divide a difference of either sign over the lots."""
    if grams < 0:
        return [(lot, -part) for lot, part in allocate(-grams, shares)]
    return [(lot, int(part)) for lot, part in spread(grams, shares)] if grams else []


def treated_parts(before: Manifest, event: Treated, terms: Terms) -> tuple[Part, ...]:
    """Return the parts of an act of treatment with the postings of each."""
    held = dict(before.held)
    made: list[Part] = []
    for index, declared in enumerate(event.parts):
        line = before.line(declared.line)
        assert line is not None, "rules have seen every line"
        part = terms.part(line, declared)
        part = replace(part, made=treated_part(before, held, line, part, f"/body/parts/{index}/mass_g"))
        post(held, part.made)
        made.append(part)
    return tuple(made)


def treated_part(
    before: Manifest, held: Mapping[tuple[int, Slot, LotId], int], line: Line, part: Part, path: str
) -> tuple[Posting, ...]:
    """Return the postings of one treated part of a line, of which ``held`` says where its grams are."""
    site, declared = before.site_of(line), part.declared
    fresh, interim = Slot(Account.AT_FACILITY, site), Slot(Account.INTERIM, site)
    target, reason = interim, Reason.INTERIM if declared.batch is None else Reason.BATCHED
    if part.final and part.permitted:
        target, reason = Slot(Account.TREATED_SERVICE, site), Reason.TREATED
    elif part.final:
        # What has happened is recorded; without a permit line it is credited to nobody (decision B18).
        target, reason = Slot(Account.UNEXPLAINED, site), Reason.TREATED_WITHOUT_BASIS
    made: list[Posting] = []
    wanted = declared.mass_g
    for source in (fresh, interim) if part.final or declared.batch else (fresh,):
        shares = [(lot, held.get((line.number, source, lot), 0)) for lot in line.lots]
        # What is not in the accounts is an unexplained surplus: treated, but credited to nobody.
        amount = min(wanted, sum(grams for _, grams in shares))
        wanted -= amount
        for lot, grams in allocate(amount, shares):
            made += move(
                lot,
                grams,
                source,
                target,
                reason,
                line=line.number,
                method=declared.methods[-1],
                on=declared.treated_on,
                batch=declared.batch,
            )
    if wanted and declared.batch:
        # Of a surplus nobody knows whose it is, so nothing could stand for it.
        facts = {"mass_g": declared.mass_g, "held_g": declared.mass_g - wanted}
        raise RuleBroken(Problem("manifest.batch_beyond_accounts", path, facts))
    return tuple(made)


def post(held: dict[tuple[int, Slot, LotId], int], made: Iterable[Posting]) -> None:
    """Add postings to what the lines of a manifest hold; zeros are left out.

    What goes into a batch leaves the line: its fate is the batch's.
    """
    for posting in made:
        if posting.batch is not None:
            continue
        assert posting.line is not None, "a manifest's postings name their line"
        place = (posting.line, Slot(posting.account, posting.place), posting.lot)
        held[place] = held.get(place, 0) + posting.grams
        if held[place] == 0:
            del held[place]
