"""What a proposed correction has to say: a field that may change, where, and a value that can be."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime

from ledger.errors import Problem
from ledger.format.event import parse_time
from manifest import plausibility, rules
from manifest.consignment import Manifest
from manifest.correcting.events import CorrectionRequested
from manifest.correcting.fields import FIELDS, Ruling
from manifest.correcting.process import line_of
from manifest.correcting.shown import difference
from manifest.events import CorrectionProposed
from manifest.reference import Reference
from manifest.vocabulary import Consent, CorrectedField, VehicleKind, local_date

# Which of a proposal's values may be left out: the rest of a treated part stays as it is.
_SOME_OF = {CorrectedField.TREATED}


def never(event: CorrectionProposed | CorrectionRequested) -> Iterator[Problem]:
    """Yield a problem when a field is asked for that never changes, and what to do instead."""
    ruling = FIELDS[event.field]
    if ruling.consent is Consent.NONE:
        facts = {"field": event.field.value, "instead": ruling.instead.value if ruling.instead else ""}
        yield Problem("manifest.correction_never", "/body/field", facts)


def proposed(
    before: Manifest, event: CorrectionProposed, reference: Reference, at: datetime
) -> Iterator[Problem]:
    """Yield problems of a proposal: its field, the place that it names, and the new value."""
    ruling = FIELDS[event.field]
    found = [*never(event)] or [*place(before, event), *_values(event, ruling)]
    yield from found
    if not found:
        yield from _value(before, event, reference, local_date(before.registered_at or at), at)


def place(before: Manifest, event: CorrectionProposed | CorrectionRequested) -> Iterator[Problem]:
    """Yield a problem when the leg, line or part that an act names is not there."""
    match FIELDS[event.field].where:
        case "leg" if event.leg is None or event.leg > len(before.legs):
            yield Problem("manifest.leg_unknown", "/body/leg")
        case "line" if event.line is None or before.line(event.line) is None:
            yield Problem("manifest.line_unknown", "/body/line", {"line": event.line or 0})
        case "part" if event.part is None or event.part > len(before.parts):
            yield Problem("manifest.part_unknown", "/body/part", {"parts": len(before.parts)})


def _values(event: CorrectionProposed, ruling: Ruling) -> Iterator[Problem]:
    missing = [name for name in ruling.value if getattr(event, name) is None]
    if event.field not in _SOME_OF or len(missing) == len(ruling.value):
        for name in missing:
            yield Problem("manifest.field_missing", f"/body/{name}")


def _value(
    before: Manifest, event: CorrectionProposed, reference: Reference, on: date, at: datetime
) -> Iterator[Problem]:
    line = line_of(before, event)
    leg = None if event.leg is None else before.legs[event.leg - 1]
    match event.field:
        case CorrectedField.VEHICLE_PLATE:
            yield from rules.plate_of_leg(before, event.value or "", event.leg or 1, "/body/value")
        case CorrectedField.VEHICLE_KIND if leg is not None and event.vehicle_kind is VehicleKind.ROAD:
            yield from rules.plate(leg.vehicle_plate, "/body/leg")
            mass_g = sum(one.mass.declared_g for one in before.lines)
            yield from rules.road_limit(mass_g, reference, local_date(leg.at), "/body/vehicle_kind")
        case CorrectedField.ARRIVAL:
            yield from _arrival(before, event.arrived_at or "", at)
        case CorrectedField.PACKAGES if line is not None and event.packages is not None:
            packed = replace(line.declared, packages=event.packages)
            for problem in plausibility.containers([packed], reference, on):
                yield replace(problem, path="/body/packages")
        case CorrectedField.CODE:
            yield from rules.waste_code(reference, event.code or "", on, "/body/code")
        case CorrectedField.TREATED:
            yield from _part(before, event, reference, at)
    if changes_nothing(before, event):
        name = (FIELDS[event.field].value or ("line",))[0]
        yield Problem("manifest.nothing_changes", f"/body/{name}")


def _arrival(before: Manifest, text: str, at: datetime) -> Iterator[Problem]:
    """Yield problems of a time of arrival: after the last leg began, before whatever came next."""
    try:
        arrived_at = parse_time(text)
    except ValueError:
        yield Problem("manifest.date_invalid", "/body/arrived_at")
        return
    latest = min(filter(None, (before.weighed_at, before.decided_at, at)))
    if arrived_at > latest or (before.legs and arrived_at < before.legs[-1].at):
        yield Problem("manifest.time_out_of_order", "/body/arrived_at")


def _part(
    before: Manifest, event: CorrectionProposed, reference: Reference, at: datetime
) -> Iterator[Problem]:
    if event.methods is not None:
        yield from rules.methods(reference, event.methods, local_date(at), "/body/methods")
    if event.treated_on is not None:
        earliest = local_date(before.decided_at) if before.decided_at else None
        yield from rules.dates("/body/treated_on", event.treated_on, earliest=earliest, latest=local_date(at))


def changes_nothing(before: Manifest, event: CorrectionProposed) -> bool:
    """Tell whether a proposal says what stands there already."""
    old, new = difference(before, event)
    return all(old[name] == value for name, value in new.items() if name != "lots")
