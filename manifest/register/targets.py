"""Targets T2 to T4 of plan 307, counted from the register of zones as of a day.

A zone of which the register does not say whether it counts is shown as unknown, never left out in silence.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

from ledger.writing.changes import Reads
from manifest.reference import Reference
from manifest.register.views import ZONE
from manifest.register.zones import ZoneOn, zone_on
from manifest.vocabulary import StationStatus, Verdict, ZoneKind, ZoneStatus

_CLUSTERS = {ZoneKind.CLUSTER, ZoneKind.CRAFT_VILLAGE_CLUSTER}
_COUNTED = {ZoneStatus.OPERATING.value, ZoneStatus.NEW.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A target on a day: the zones that reach it, those that count and do not, and those not known enough."""

    name: str
    reached: tuple[str, ...]
    missing: tuple[str, ...]
    unknown: tuple[str, ...]


def targets(reads: Reads, reference: Reference, on: date) -> tuple[Target, ...]:
    """Return targets T2 (wastewater station), T3 (classified) and T4 (conditions met) as of a day.

    Source: plan 307/KH-UBND I.2. T2 counts clusters that operate or are newly built, T3 and T4 the craft
    villages that have their title on that day (decision C22).
    """
    zones = list(_zones(reads, reference, on))
    clusters = [zone for kind, zone in zones if kind in _CLUSTERS]
    villages = [zone for kind, zone in zones if kind is ZoneKind.CRAFT_VILLAGE]
    return (
        _target("T2", clusters, "status", _is_built, _has_station),
        _target("T3", villages, "recognised", _has_title, lambda zone: zone.pollution is not None),
        _target("T4", villages, "recognised", _has_title, _meets_conditions),
    )


def _zones(reads: Reads, reference: Reference, on: date) -> Iterator[tuple[ZoneKind, ZoneOn]]:
    kinds = {zone.id: zone.kind for zone in reference.zones()}
    kinds |= {row["zone"]: ZoneKind(row["zone_kind"]) for row in reads.rows(ZONE)}
    for name, kind in sorted(kinds.items()):
        yield kind, zone_on(reads, name, on)


def _target(
    name: str,
    zones: list[ZoneOn],
    fact: str,
    counts: Callable[[ZoneOn], bool],
    reaches: Callable[[ZoneOn], bool],
) -> Target:
    known = [zone for zone in zones if fact in zone.facts]
    counted = [zone for zone in known if counts(zone)]
    return Target(
        name=name,
        reached=tuple(zone.zone for zone in counted if reaches(zone)),
        missing=tuple(zone.zone for zone in counted if not reaches(zone)),
        unknown=tuple(zone.zone for zone in zones if fact not in zone.facts),
    )


def _is_built(zone: ZoneOn) -> bool:
    return zone.facts["status"] in _COUNTED


def _has_title(zone: ZoneOn) -> bool:
    return zone.recognised


def _has_station(zone: ZoneOn) -> bool:
    return zone.facts.get("station") == StationStatus.OPERATING


def _meets_conditions(zone: ZoneOn) -> bool:
    return zone.conditions is Verdict.MEETS_CONDITIONS
