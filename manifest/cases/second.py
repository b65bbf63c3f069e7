"""A second facility takes over what the first may not treat: forwarding, its scale, what stays with whom.

Waste as received passes through two facilities at most, and the second has to treat it itself
(NĐ 08/2022 Điều 72(3), 73(2)). A line goes on whole, before any method has touched it.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from ledger.errors import Fact, Problem
from manifest import quantity, rules
from manifest.accounts import Posting, Slot, move
from manifest.cases.events import Forwarded, ReceivedSecond
from manifest.cases.parts import ARTICLE
from manifest.consignment import Line, Manifest
from manifest.events import Treated
from manifest.postings import Terms, at_scale
from manifest.quantity import LineMass, credited, difference
from manifest.vocabulary import Account, Reason


def forwarding(before: Manifest, event: Forwarded) -> Iterator[Problem]:
    """Yield problems of a forwarding: where it goes, who carries it, which lines.

    Whoever has waste that was forwarded to it may not pass it on: a third facility is refused by its
    article (NĐ 08/2022 Điều 73(2)).
    """
    registered = before.registered
    second = registered.second
    if second is None:
        yield Problem("manifest.second_not_planned", "/body/facility")
        return
    if event.facility != second.party:
        yield Problem("manifest.third_facility", "/body/facility", {"article": ARTICLE, "limit": 2})
    if event.taker not in {registered.facility, second.party}:
        yield Problem("manifest.taker_not_planned", "/body/taker")
    yield from rules.plate(event.vehicle_plate, "/body/vehicle_plate")
    if len(set(event.lines)) != len(event.lines):
        yield rules.lines_incomplete(line.number for line in before.lines)
    for index, number in enumerate(event.lines):
        line = before.line(number)
        if line is None:
            yield Problem("manifest.line_unknown", f"/body/lines/{index}", {"line": number})
        elif line.mass.second is not None:
            yield Problem("manifest.third_facility", f"/body/lines/{index}", {"article": ARTICLE, "limit": 2})


def reception(before: Manifest, event: ReceivedSecond) -> Iterator[Problem]:
    """Yield problems of what the second facility decided: all that is on the way, refusals with reasons."""
    expected = sorted(line.number for line in before.lines if _on_the_way(line))
    if sorted(item.line for item in event.lines) != expected:
        yield rules.lines_incomplete(expected)
    for index, item in enumerate(event.lines):
        if item.refused_g and not item.reason:
            yield Problem("manifest.reason_missing", f"/body/lines/{index}/reason")


def in_hand(before: Manifest, event: Treated, by: str) -> Iterator[Problem]:
    """Yield problems of treated parts that the facility which signs does not have at its site."""
    for index, part in enumerate(event.parts):
        line = before.line(part.line)
        if line is None:
            continue
        facility = before.facility_of(line)
        if facility != by or _on_the_way(line):
            facts: dict[str, Fact] = {"line": part.line, "facility": facility}
            yield Problem("manifest.line_elsewhere", f"/body/parts/{index}/line", facts)


def completion(before: Manifest, by: str) -> Iterator[Problem]:
    """Yield a problem when another facility than the one that treated last says that all is done."""
    if before.treated_by not in {None, by}:
        yield Problem("manifest.completes_last", "/actors/0/party", {"expected": str(before.treated_by)})


def apply(before: Manifest, event: Forwarded | ReceivedSecond, at: datetime) -> Manifest:
    """Return the manifest after lines went on, or after the second facility decided on them."""
    masses = {line.number: line.mass for line in before.lines}
    if isinstance(event, Forwarded):
        for index, number in enumerate(event.lines):
            masses[number] = quantity.forward(masses[number], event.taker, f"/body/lines/{index}")
        after = replace(before, forwarded_at=at)
    else:
        for index, item in enumerate(event.lines):
            masses[item.line] = quantity.receive_second(
                masses[item.line], item.net_g, item.accepted_g, item.refused_g, f"/body/lines/{index}"
            )
        after = replace(before, received_second_at=at)
    return after.with_masses(masses[line.number] for line in before.lines)


def postings(before: Manifest, event: object, terms: Terms) -> tuple[Posting, ...]:
    """Return what forwarding and the second scale move: out of the first site, then into the second."""
    match event:
        case Forwarded():
            return tuple(_forwarded(before, event))
        case ReceivedSecond():
            return tuple(_received(before, event, terms))
    return ()


def _on_the_way(line: Line) -> bool:
    return line.mass.second is not None and line.mass.second.accepted_g is None


def _forwarded(before: Manifest, event: Forwarded) -> Iterator[Posting]:
    source = Slot(Account.AT_FACILITY, before.registered.facility_site)
    target = Slot(Account.IN_TRANSIT, event.taker)
    for number in event.lines:
        line = before.line(number)
        assert line is not None, "rules have seen every line"
        for lot, grams in before.on_line(line, source):
            yield from move(lot, grams, source, target, Reason.FORWARDED, line=number)


def _received(before: Manifest, event: ReceivedSecond, terms: Terms) -> Iterator[Posting]:
    assert before.registered.second is not None, "only a planned second facility receives"
    for item in event.lines:
        line = before.line(item.line)
        second = line.mass.second if line is not None else None
        assert line is not None, "rules have seen every line"
        assert second is not None, "rules have seen that it was forwarded"
        carried = Slot(Account.IN_TRANSIT, second.taker)
        shares = before.on_line(line, carried)
        held_g = sum(grams for _, grams in shares)
        tolerance_g = terms.tolerance_g(line.declared, second.forwarded_g, LineMass(declared_g=1))
        found = difference(second.forwarded_g, item.net_g, tolerance_g)
        # What the first scale found beyond the declared mass is in no account; less arriving eats that first.
        lost_g = max(min(found.restated_g, 0) + min(found.unexplained_g, 0), -held_g)
        found = replace(
            found,
            restated_g=lost_g if found.restated_g < 0 else found.restated_g,
            unexplained_g=lost_g if found.unexplained_g < 0 else found.unexplained_g,
        )
        there_g = held_g + found.restated_g + min(found.unexplained_g, 0)
        hidden_g = second.forwarded_g - held_g
        taken_g = min(credited(item.accepted_g, hidden_g + found.unexplained_g), there_g)
        yield from at_scale(
            line,
            shares,
            found,
            taken_g,
            carried=carried,
            site=before.registered.second.site,
            source=terms.source,
        )
