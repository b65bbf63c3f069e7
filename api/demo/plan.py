"""Which consignments there will be, and how each ends: a pure plan from a seed.

Every generator has its pick-ups over the two quarters. Each ending is given to so many of them, to some
areas more readily than to others, so that parks come close to everything treated and craft villages do not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from random import Random

from api.demo.clock import FIRST_DAY, LAST_DAY, working_day, working_day_before
from api.demo.generators import Area, Generator, generators
from api.demo.roster import CARRIERS, FACILITIES, Carrier, Facility


class Ending(StrEnum):
    """How a consignment ends, as far as the story goes: its label in the demo."""

    COMPLETED = "completed"
    COMPLETED_AFTER_INTERIM = "completed_after_interim"
    COMPLETED_IN_PARTS = "completed_in_parts"
    COMPLETED_MANY_LINES = "completed_many_lines"
    COMPLETED_OWN_CARRIAGE = "completed_own_carriage"
    COMPLETED_FACILITY_CARRIAGE = "completed_facility_carriage"
    COMPLETED_TWO_LEGS = "completed_two_legs"
    DIFFERENCE_UNEXPLAINED = "difference_unexplained"
    DIFFERENCE_RESOLVED = "difference_resolved"
    PART_REFUSED_RETURNED = "part_refused_returned"
    REFUSED_RETURNED = "refused_returned"
    REFUSED_NOT_RETURNED = "refused_not_returned"
    NEVER_ARRIVED = "never_arrived"
    IN_TRANSIT = "in_transit"
    AWAITING_ACCEPTANCE = "awaiting_acceptance"
    ACCEPTED_NEVER_TREATED = "accepted_never_treated"
    NEVER_TREATED_SINCE_APRIL = "never_treated_since_april"
    INTERIM_ONLY = "interim_only"
    PARTLY_TREATED = "partly_treated"
    TREATED_NOT_COMPLETED = "treated_not_completed"
    CANCELLED = "cancelled"
    REGISTERED = "registered"
    NEVER_PICKED_UP = "never_picked_up"
    CORRECTED_PLATE = "corrected_plate"
    CORRECTED_MASS = "corrected_mass"
    CORRECTION_DECLINED = "correction_declined"


class Carriage(StrEnum):
    """Who carries, and in how many legs."""

    CARRIER = "carrier"
    TWO_LEGS = "two_legs"
    FACILITY = "facility"
    OWN = "own"


class When(StrEnum):
    """Which of a generator's pick-ups an ending may take: some only make sense at an end of the story."""

    ANY = "any"
    EARLY_APRIL = "early_april"
    NOT_LAST = "not_last"
    LAST_DAYS = "last_days"


# How readily a pick-up of an area takes an ending: evenly, or where waste more often goes astray.
_EVENLY = {Area.PARK: 1.0, Area.CLUSTER: 1.0, Area.VILLAGE: 1.0, Area.SERVICE: 1.0}
_ASTRAY = {Area.PARK: 1.0, Area.CLUSTER: 3.0, Area.VILLAGE: 9.0, Area.SERVICE: 1.5}
_LARGE = {Area.PARK: 3.0, Area.CLUSTER: 2.0, Area.VILLAGE: 0.2, Area.SERVICE: 1.0}
_SMALL = {Area.PARK: 0.01, Area.CLUSTER: 2.0, Area.VILLAGE: 3.0, Area.SERVICE: 0.01}

# Ending -> how many of 300, who is likely, and which pick-up. COMPLETED takes the rest.
_ROWS: dict[Ending, tuple[int, dict[Area, float], When]] = {
    Ending.NEVER_TREATED_SINCE_APRIL: (4, _ASTRAY, When.EARLY_APRIL),
    Ending.REGISTERED: (3, _EVENLY, When.LAST_DAYS),
    Ending.IN_TRANSIT: (3, _EVENLY, When.LAST_DAYS),
    Ending.AWAITING_ACCEPTANCE: (2, _EVENLY, When.LAST_DAYS),
    Ending.CANCELLED: (6, _EVENLY, When.NOT_LAST),
    Ending.REFUSED_RETURNED: (4, _ASTRAY, When.ANY),
    Ending.REFUSED_NOT_RETURNED: (3, _ASTRAY, When.ANY),
    Ending.NEVER_ARRIVED: (3, _ASTRAY, When.ANY),
    Ending.ACCEPTED_NEVER_TREATED: (5, _ASTRAY, When.ANY),
    Ending.INTERIM_ONLY: (3, _ASTRAY, When.ANY),
    Ending.PARTLY_TREATED: (7, _ASTRAY, When.ANY),
    Ending.NEVER_PICKED_UP: (3, _ASTRAY, When.ANY),
    Ending.DIFFERENCE_UNEXPLAINED: (4, _EVENLY, When.ANY),
    Ending.DIFFERENCE_RESOLVED: (1, _LARGE, When.ANY),
    Ending.PART_REFUSED_RETURNED: (7, _EVENLY, When.ANY),
    Ending.TREATED_NOT_COMPLETED: (5, _EVENLY, When.ANY),
    Ending.CORRECTED_PLATE: (5, _EVENLY, When.ANY),
    Ending.CORRECTED_MASS: (3, _EVENLY, When.ANY),
    Ending.CORRECTION_DECLINED: (1, _EVENLY, When.ANY),
    Ending.COMPLETED_OWN_CARRIAGE: (8, _SMALL, When.ANY),
    Ending.COMPLETED_TWO_LEGS: (9, _EVENLY, When.ANY),
    Ending.COMPLETED_AFTER_INTERIM: (14, _EVENLY, When.ANY),
    Ending.COMPLETED_MANY_LINES: (18, _LARGE, When.ANY),
    Ending.COMPLETED_IN_PARTS: (18, _LARGE, When.ANY),
    Ending.COMPLETED_FACILITY_CARRIAGE: (40, _EVENLY, When.ANY),
}
MANIFESTS = 300

_FIRST_PICKUP = FIRST_DAY + timedelta(days=8)
_LAST_PICKUP = LAST_DAY - timedelta(days=15)
_CARRIAGE = {
    Ending.COMPLETED_OWN_CARRIAGE: Carriage.OWN,
    Ending.COMPLETED_FACILITY_CARRIAGE: Carriage.FACILITY,
    Ending.COMPLETED_TWO_LEGS: Carriage.TWO_LEGS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """A planned consignment: whose, on which day, by whom, to whom, and how it ends."""

    generator: Generator
    day: date
    ending: Ending
    carriage: Carriage
    carrier: Carrier
    facility: Facility


def counts(scale: float = 1.0) -> dict[Ending, int]:
    """Return how many consignments have each ending: 300 at scale 1, and at least one of each."""
    scaled = {ending: max(1, round(count * scale)) for ending, (count, _, _) in _ROWS.items()}
    rest = round(MANIFESTS * scale) - sum(scaled.values())
    return {Ending.COMPLETED: max(1, rest), **scaled}


def plan(seed: int, scale: float = 1.0) -> tuple[Journey, ...]:
    """Return all consignments in the order of their days."""
    random = Random(f"journeys {seed}")  # noqa: S311  a repeatable story, no secret
    wanted = counts(scale)
    taken = _endings(_pickups(list(generators(scale)), sum(wanted.values())), wanted, random)
    journeys = [journey for pickups in taken for journey in _of_generator(pickups, random)]
    return tuple(sorted(journeys, key=lambda journey: (journey.day, journey.generator.slug)))


@dataclass(slots=True)
class _Pickup:
    generator: Generator
    place: int
    of: int
    ending: Ending = Ending.COMPLETED
    taken: bool = False

    def suits(self, when: When) -> bool:
        """Tell whether an ending of that kind can be given to it."""
        last = self.place == self.of - 1
        match when:
            case When.EARLY_APRIL:
                return self.place == 0 and not last
            case When.LAST_DAYS:
                return last and self.of > 1
            case When.NOT_LAST:
                return not last
        return True


def _pickups(members: Sequence[Generator], total: int) -> list[list[_Pickup]]:
    """Share ``total`` pick-ups out among the generators that report, by the largest remainder."""
    reporting = [generator for generator in members if generator.pickups]
    weight = sum(generator.pickups for generator in reporting)
    shares = [generator.pickups * total // weight for generator in reporting]
    order = sorted(range(len(reporting)), key=lambda i: (-(reporting[i].pickups * total % weight), i))
    for index in order[: total - sum(shares)]:
        shares[index] += 1
    return [
        [_Pickup(generator, place, share) for place in range(share)]
        for generator, share in zip(reporting, shares, strict=True)
    ]


def _endings(pickups: list[list[_Pickup]], wanted: dict[Ending, int], random: Random) -> list[list[_Pickup]]:
    """Give each ending to as many pick-ups as it is to have; what is left over is completed."""
    for ending, (_, likely, when) in _ROWS.items():
        for _ in range(wanted[ending]):
            free = [
                pickup for group in pickups for pickup in group if not pickup.taken and pickup.suits(when)
            ]
            weights = [likely[pickup.generator.area] for pickup in free]
            chosen = random.choices(free, weights)[0]
            chosen.ending, chosen.taken = ending, True
    return pickups


def _of_generator(pickups: Sequence[_Pickup], random: Random) -> Iterator[Journey]:
    earliest = FIRST_DAY + timedelta(days=1)
    for pickup in pickups:
        day = max(_day(pickup, random), earliest)
        earliest = working_day(day + timedelta(days=2))
        generator = pickup.generator
        carriage = _CARRIAGE.get(pickup.ending, Carriage.CARRIER)
        able = [carrier for carrier in CARRIERS if carrier.medical == generator.medical]
        carrier = able[_steady(generator, len(able))]
        linked = [
            facility
            for facility in FACILITIES
            if facility.slug in carrier.facilities and all(map(facility.methods_for, generator.codes))
        ]
        # Two thirds of the loads of a generator go to its usual facility.
        facility = linked[0] if random.random() < 2 / 3 else random.choice(linked)
        yield Journey(generator=generator, day=day, ending=pickup.ending, carriage=carriage, carrier=carrier,
                      facility=facility)  # fmt: skip


def _day(pickup: _Pickup, random: Random) -> date:
    when = _ROWS[pickup.ending][2] if pickup.ending in _ROWS else When.ANY
    if when is When.EARLY_APRIL:
        return working_day(FIRST_DAY + timedelta(days=random.randint(1, 3)))
    if when is When.LAST_DAYS:
        # Only what was picked up on the very last day can still be on its way without being late.
        back = 0 if pickup.ending is Ending.IN_TRANSIT else random.randint(0, 1)
        return working_day_before(LAST_DAY - timedelta(days=back))
    span = (_LAST_PICKUP - _FIRST_PICKUP).days
    share = (pickup.place + random.uniform(0.25, 0.75)) / pickup.of
    if pickup.place == pickup.of - 1:
        share = random.uniform(0.96, 1.0)
    return working_day(_FIRST_PICKUP + timedelta(days=round(span * share)))


def _steady(generator: Generator, choices: int) -> int:
    """Return a choice that stays the same for a generator: its contract runs all year."""
    return sum(generator.slug.encode()) % choices
