"""What the law, the permit and arithmetic ask of each act: functions of values that return problems.

Each takes facts that were looked up before, and no rule stops at the first mistake: whoever typed a form
gets them all, each with its path.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from ledger.errors import Problem
from manifest.consignment import Manifest
from manifest.events import (
    Accepted,
    HandedOver,
    LineDeclared,
    Registered,
    Returned,
    Treated,
    Weighed,
)
from manifest.reference import Reference, ReferenceRefused
from manifest.register.events import OrganisationRegistered
from manifest.text import has_only_latin_letters, is_branch_code, is_plate, is_tax_code
from manifest.vocabulary import (
    IdentifierKind,
    VehicleKind,
    local_date,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LotFacts:
    """What a line may draw from: a lot's site, code and date, and what is still stored of it."""

    site: str
    code: str
    generated_on: date
    stored_g: int


def letters(value: object, path: str = "/body") -> Iterator[Problem]:
    """Yield a problem for every text that holds a letter outside the Latin script."""
    if isinstance(value, str):
        if not value.isascii() and not has_only_latin_letters(value):
            yield Problem("manifest.letter_not_latin", path)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from letters(item, f"{path}/{key}")
    elif isinstance(value, Sequence):
        for index, item in enumerate(value):
            yield from letters(item, f"{path}/{index}")


def not_ahead(at: datetime, now: datetime, skew_s: int) -> Iterator[Problem]:
    """Yield a problem when an attested time runs ahead of our clock by more than the tolerance."""
    if at > now + timedelta(seconds=skew_s):
        yield Problem("manifest.time_in_future", "/occurred_at")


def in_order(at: datetime, last: datetime | None) -> Iterator[Problem]:
    """Yield a problem when an act is attested to lie before the one that it follows."""
    if last is not None and at < last:
        yield Problem("manifest.time_out_of_order", "/occurred_at")


def dates(path: str, day: date, *, earliest: date | None, latest: date) -> Iterator[Problem]:
    """Yield problems of a date that lies outside what is possible."""
    if day > latest:
        yield Problem("manifest.date_in_future", path, {"latest": latest.isoformat()})
    if earliest is not None and day < earliest:
        yield Problem("manifest.date_out_of_order", path, {"earliest": earliest.isoformat()})


def identifier(event: OrganisationRegistered) -> Iterator[Problem]:
    """Yield problems of a party's identifier (decision D24): check digit, or a reason for having none."""
    text = event.identifier or ""
    match event.identifier_kind:
        case IdentifierKind.TAX_CODE:
            if not is_tax_code(text):
                yield Problem("manifest.tax_code_invalid", "/body/identifier")
        case IdentifierKind.BRANCH_CODE:
            if not is_branch_code(text):
                yield Problem("manifest.tax_code_invalid", "/body/identifier")
        case IdentifierKind.NONE:
            if not event.reason:
                yield Problem("manifest.reason_missing", "/body/reason")
            if text:
                yield Problem("manifest.personal_data_in_event", "/body/identifier")
        case IdentifierKind.VAULTED:
            if text:
                yield Problem("manifest.personal_data_in_event", "/body/identifier")


def waste_code(reference: Reference, code: str, on: date, path: str) -> Iterator[Problem]:
    """Yield a problem when no waste has this code on a date."""
    try:
        reference.waste_code(code, on)
    except ReferenceRefused as refused:
        yield Problem(refused.code, path, refused.facts)


def methods(reference: Reference, given: Iterable[str], on: date, path: str) -> Iterator[Problem]:
    """Yield problems of treatment methods, as of a date; ``path`` is the list's."""
    for index, one in enumerate(given):
        yield from method(reference, one, on, f"{path}/{index}")


def method(reference: Reference, symbol: str, on: date, path: str) -> Iterator[Problem]:
    """Yield a problem when no treatment method has this symbol on a date."""
    try:
        reference.method(symbol, on)
    except ReferenceRefused as refused:
        yield Problem(refused.code, path, refused.facts)


def lines(event: Registered, reference: Reference, on: date) -> Iterator[Problem]:
    """Yield problems within the lines: numbers, codes, methods, masses, draws, the vehicle's limit."""
    for index, line in enumerate(event.lines):
        path = f"/body/lines/{index}"
        if line.line != index + 1:
            yield Problem("manifest.line_out_of_order", f"{path}/line", {"expected": index + 1})
        yield from waste_code(reference, line.code, on, f"{path}/code")
        yield from methods(reference, line.planned_methods, on, f"{path}/planned_methods")
        drawn = sum(draw.mass_g for draw in line.lots)
        if drawn != line.mass_g:
            yield Problem(
                "manifest.lots_do_not_sum", f"{path}/lots", {"mass_g": line.mass_g, "drawn_g": drawn}
            )
        if len({draw.lot for draw in line.lots}) != len(line.lots):
            yield Problem("manifest.lot_repeated", f"{path}/lots")
    if event.vehicle_kind is VehicleKind.ROAD:
        yield from road_limit(sum(line.mass_g for line in event.lines), reference, on, "/body/lines")


def road_limit(mass_g: int, reference: Reference, on: date, path: str) -> Iterator[Problem]:
    """Yield a problem when a load is more than a road vehicle can carry."""
    limit = reference.rule("road_vehicle_max_mass_g", on).integer
    if mass_g > limit:
        yield Problem("manifest.too_heavy_for_road", path, {"mass_g": mass_g, "limit_g": limit})


def draws(
    lines_declared: Sequence[LineDeclared],
    site: str,
    lots: Mapping[str, LotFacts],
    on: date,
    *,
    also: Collection[str] = (),
) -> Iterator[Problem]:
    """Yield problems of the lots drawn from: unknown, of another site, code or time, or with too little left.

    Lines may share a lot, so what is left of it for a line is what the lines before have left. ``also`` are
    the sites on the manifest's list.
    """
    drawn: dict[str, int] = {}
    for index, line in enumerate(lines_declared):
        for place, draw in enumerate(line.lots):
            path = f"/body/lines/{index}/lots/{place}"
            lot = lots.get(draw.lot)
            if lot is None:
                yield Problem("manifest.lot_unknown", f"{path}/lot")
            elif lot.site != site and lot.site not in also:
                yield Problem("manifest.lot_elsewhere", f"{path}/lot")
            elif lot.code != line.code:
                yield Problem("manifest.lot_of_other_code", f"{path}/lot", {"code": lot.code})
            elif lot.generated_on > on:
                earliest = {"earliest": lot.generated_on.isoformat()}
                yield Problem("manifest.date_out_of_order", f"{path}/lot", earliest)
            else:
                left_g = lot.stored_g - drawn.get(draw.lot, 0)
                drawn[draw.lot] = drawn.get(draw.lot, 0) + draw.mass_g
                if left_g < draw.mass_g:
                    facts = {"stored_g": max(left_g, 0), "mass_g": draw.mass_g}
                    yield Problem("manifest.lot_short", f"{path}/mass_g", facts)


def hand_over(before: Manifest, event: HandedOver, reference: Reference, on: date) -> Iterator[Problem]:
    """Yield problems of a hand-over: who has the load, who may take it, the vehicle."""
    registered = before.registered
    if event.giver != before.holder:
        yield Problem("manifest.giver_not_holder", "/body/giver", {"holder": before.holder})
    allowed = {carrier.party for carrier in registered.carriers} | {registered.facility}
    if event.taker not in allowed:
        yield Problem("manifest.taker_not_planned", "/body/taker")
    if event.leg != len(before.legs) + 1:
        yield Problem("manifest.leg_out_of_order", "/body/leg", {"expected": len(before.legs) + 1})
    if event.vehicle_kind is VehicleKind.ROAD:
        yield from plate(event.vehicle_plate, "/body/vehicle_plate")
        mass_g = sum(line.mass.declared_g for line in before.lines)
        yield from road_limit(mass_g, reference, on, "/body/vehicle_kind")


def plate(text: str, path: str) -> Iterator[Problem]:
    """Yield a problem when a road vehicle's plate is not written like one."""
    if not is_plate(text):
        yield Problem("manifest.plate_invalid", path)


def plate_of_leg(before: Manifest, text: str, number: int, path: str) -> Iterator[Problem]:
    """Yield a problem when a leg went by road and this cannot be its vehicle's plate."""
    if any(leg.vehicle_kind is VehicleKind.ROAD for leg in before.legs[number - 1 : number]):
        yield from plate(text, path)


def way_back(before: Manifest, event: Returned) -> Iterator[Problem]:
    """Yield problems of a return: who has what was refused in hand, and in which vehicle."""
    if before.refused_g == 0:
        yield Problem("manifest.nothing_refused", "")
    elif event.giver not in {before.brings_back(line) for line in before.lines}:
        holder = next(who for line in before.lines if (who := before.brings_back(line)))
        yield Problem("manifest.giver_not_holder", "/body/giver", {"holder": holder})
    yield from plate_of_leg(before, event.vehicle_plate, len(before.legs), "/body/vehicle_plate")


def every_line(before: Manifest, event: Weighed | Accepted) -> Iterator[Problem]:
    """Yield problems unless the act speaks of every line exactly once, and refusals have reasons."""
    expected = [line.number for line in before.lines]
    if sorted(item.line for item in event.lines) != sorted(expected):
        yield lines_incomplete(expected)
        return
    if not isinstance(event, Accepted):
        return
    for index, item in enumerate(event.lines):
        if item.refused_g and not item.reason:
            yield Problem("manifest.reason_missing", f"/body/lines/{index}/reason")
        line = before.line(item.line)
        if line is not None and item.accepted_g + item.refused_g != line.mass.arrived_g:
            facts = {
                "arrived_g": line.mass.arrived_g,
                "accepted_g": item.accepted_g,
                "refused_g": item.refused_g,
            }
            yield Problem("manifest.accepted_and_refused", f"/body/lines/{index}", facts)
    if not any(item.accepted_g for item in event.lines):
        yield Problem("manifest.nothing_accepted", "/body/lines")


def lines_incomplete(expected: Iterable[int]) -> Problem:
    """Return the problem of an act that does not speak of each of these lines exactly once."""
    return Problem("manifest.lines_incomplete", "/body/lines", {"expected": ", ".join(map(str, expected))})


def treatment(before: Manifest, event: Treated, reference: Reference, at: datetime) -> Iterator[Problem]:
    """Yield problems of treated parts: line, methods, and a date between acceptance and the act."""
    earliest = local_date(before.decided_at) if before.decided_at else None
    for index, part in enumerate(event.parts):
        path = f"/body/parts/{index}"
        line = before.line(part.line)
        if line is None:
            yield Problem("manifest.line_unknown", f"{path}/line", {"line": part.line})
            continue
        yield from methods(reference, part.methods, local_date(at), f"{path}/methods")
        yield from dates(f"{path}/treated_on", part.treated_on, earliest=earliest, latest=local_date(at))
