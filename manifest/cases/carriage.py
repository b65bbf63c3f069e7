"""Vehicles: a load that goes on in several of them, when each is at the gate, and own carriage.

The holder of the load stays the same; what changes is which of its vehicles has which grams. They are
counted as declared, for nothing on the road has been weighed.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from types import MappingProxyType

from ledger.errors import Problem
from manifest import rules
from manifest.cases.events import Transshipped
from manifest.consignment import Manifest
from manifest.events import Arrived, HandedOver, Registered
from manifest.reference import Reference

Loads = Mapping[str, Mapping[int, int]]


def loaded(before: Manifest, plate: str) -> Loads:
    """Return the one vehicle that has the whole load after a hand-over."""
    return MappingProxyType({plate: {line.number: line.mass.declared_g for line in before.lines}})


def transshipment(before: Manifest, event: Transshipped, reference: Reference, on: date) -> Iterator[Problem]:
    """Yield problems of grams that change vehicles: two plates, enough in the first, room in the second."""
    source = before.vehicles.get(event.from_plate)
    if source is None or event.from_plate in before.gate:
        yield Problem("manifest.vehicle_not_on_the_way", "/body/from_plate")
        return
    yield from rules.plate(event.to_plate, "/body/to_plate")
    if event.to_plate == event.from_plate:
        yield Problem("manifest.nothing_changes", "/body/to_plate")
    if event.to_plate in before.gate:
        yield Problem("manifest.vehicle_not_on_the_way", "/body/to_plate")
    if len({item.line for item in event.lines}) != len(event.lines):
        yield rules.lines_incomplete(line.number for line in before.lines)
    for index, item in enumerate(event.lines):
        loaded_g = source.get(item.line, 0)
        if item.mass_g > loaded_g:
            facts = {"mass_g": item.mass_g, "loaded_g": loaded_g}
            yield Problem("manifest.more_than_loaded", f"/body/lines/{index}/mass_g", facts)
    moved_g = sum(item.mass_g for item in event.lines)
    total_g = moved_g + sum(before.vehicles.get(event.to_plate, {}).values())
    yield from rules.road_limit(total_g, reference, on, "/body/lines")


def arrival(before: Manifest, event: Arrived) -> Iterator[Problem]:
    """Yield a problem when a load in several vehicles is said to arrive in one that is not on the way."""
    several = len(before.vehicles) > 1 or before.gate
    if several and event.vehicle_plate not in set(before.vehicles) - before.gate:
        yield Problem("manifest.vehicle_not_on_the_way", "/body/vehicle_plate")


def all_arrived(before: Manifest) -> Iterator[Problem]:
    """Yield a problem while a vehicle with a part of the load is still on the way."""
    missing = sorted(set(before.vehicles) - before.gate)
    if missing:
        yield Problem("manifest.vehicles_on_the_way", "", {"plates": ", ".join(missing)})


def in_one_vehicle(before: Manifest) -> Iterator[Problem]:
    """Yield a problem when a load that is spread over vehicles is handed over as if it were in one."""
    if len(before.vehicles) > 1:
        yield Problem("manifest.load_on_several_vehicles", "/body/vehicle_plate")


def carries_itself(registered: Registered) -> bool:
    """Tell whether nobody but the generator is planned to carry."""
    return {carrier.party for carrier in registered.carriers} == {registered.generator}


def own_vehicle(registered: Registered, event: HandedOver, plates: Collection[str]) -> Iterator[Problem]:
    """Yield a problem when a generator carries in a vehicle that its register does not have.

    A generator may carry its own waste in vehicles that it owns and no others (NĐ 08/2022 Điều 69(3)).
    ``plates`` are those registered for it on that day; one that has none registered is not held to them.
    """
    own = carries_itself(registered) or event.taker == registered.generator
    if own and event.giver == registered.generator and plates and event.vehicle_plate not in plates:
        yield Problem("manifest.vehicle_not_own", "/body/vehicle_plate", {"plate": event.vehicle_plate})


def apply(before: Manifest, event: Transshipped | Arrived, at: datetime) -> Manifest:
    """Return the manifest after grams changed vehicles, or after one of them arrived."""
    if isinstance(event, Arrived):
        known = event.vehicle_plate in before.vehicles
        gate = before.gate | ({event.vehicle_plate} if known else set(before.vehicles))
        return replace(before, arrived_at=at, gate=frozenset(gate))
    moved = {item.line: item.mass_g for item in event.lines}
    source = dict(before.vehicles[event.from_plate])
    target = dict(before.vehicles.get(event.to_plate, {}))
    for number, grams in moved.items():
        source[number] -= grams
        target[number] = target.get(number, 0) + grams
    loads = {**before.vehicles, event.from_plate: source, event.to_plate: target}
    left = {plate: load for plate, load in loads.items() if any(load.values())}
    return replace(before, vehicles=MappingProxyType(left))


def renamed(before: Manifest, old: str, new: str) -> Manifest:
    """Return the manifest with a plate written right, wherever its load is counted.

    Where the right plate has a load already, it was one vehicle all the time.
    """
    loads: dict[str, dict[int, int]] = {}
    for plate, load in before.vehicles.items():
        mine = loads.setdefault(new if plate == old else plate, {})
        for number, grams in load.items():
            mine[number] = mine.get(number, 0) + grams
    gate = frozenset(new if plate == old else plate for plate in before.gate)
    return replace(before, vehicles=MappingProxyType(loads), gate=gate)
