"""What happens in a world: lots that arise, loads that are carried, and beside each what really became of it.

Pure. A load says what the ledger is told (``lots``, moments, masses, who) and what is true (``untreated_g``:
grams that no method has treated or ever will, ``fraud``: why). Moments that never come are None.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from random import Random

from manifest.vocabulary import local_noon
from simulate.parameters import Parameters
from simulate.parties import Facility, Generator, Parties, between, draw, lognormal

STEP_G = 100
ALL = 1000  # permille
_LORRY_G = 22_000_000
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """Waste of a code at a site: when its generator enters it, and the grams that it does not enter."""

    code: str
    mass_g: int
    generated_on: date
    declared_at: datetime
    opening: bool = False
    hidden_g: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A load from registration to completion, as the ledger is told of it, and as it was.

    ``off`` is by how much the scale differs from what was declared, in permille; ``refused_permille`` what
    the facility sends back; ``entered_after`` how much later than they happened acts are entered.
    """

    generator: Generator
    facility: Facility
    carrier: int
    plate: str
    lots: tuple[Lot, ...]
    handed_over_at: datetime
    arrived_at: datetime | None
    decided_at: datetime | None
    treated_at: datetime | None
    completed_at: datetime | None
    off: int = 0
    refused_permille: int = 0
    corrected: bool = False
    wrong_plate: bool = False
    entered_after: timedelta = timedelta(0)
    fraud: str | None = None
    untreated_g: int = 0

    @property
    def declared_g(self) -> int:
        """The grams that were declared."""
        return sum(lot.mass_g for lot in self.lots)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A whole world: parties, loads by their hand-overs, lots that stay, its first and last day."""

    seed: int
    parties: Parties
    loads: tuple[Load, ...]
    stored: tuple[tuple[Generator, Lot, bool], ...]
    ghosts: tuple[Generator, ...]
    first: date
    end: date


def world(given: Parameters, seed: int, *, generators: int | None = None) -> World:
    """Return the world of a seed."""
    parties = draw(given, seed, generators=generators)
    first = given.size.first_day
    end = _end(given)
    loads: list[Load] = []
    stored: list[tuple[Generator, Lot, bool]] = []
    for member in parties.generators:
        if member.fraud == "ghost_generator":
            continue
        life = _Life(given, parties, member, seed)
        loads += life.loads()
        stored += life.stored
    ghosts = tuple(one for one in parties.generators if one.fraud == "ghost_generator")
    loads.sort(key=lambda load: (load.handed_over_at, load.generator.slug))
    loads = list(_with_vehicles(loads, parties))
    return World(
        seed=seed, parties=parties, loads=tuple(_booked_twice(loads, seed, parties)),
        stored=tuple(stored), ghosts=ghosts, first=first, end=end,
    )  # fmt: skip


def _end(given: Parameters) -> date:
    return given.size.first_day + timedelta(days=given.size.months * 365 // 12)


class _Life:
    """One generator's year."""

    def __init__(self, given: Parameters, parties: Parties, member: Generator, seed: int) -> None:
        self.given, self.parties, self.member = given, parties, member
        self.random = Random(f"{seed} {member.slug}")  # noqa: S311  a repeatable world, no secret
        self.first = given.size.first_day
        self.end = _end(given)
        self.stored: list[tuple[Generator, Lot, bool]] = []

    def loads(self) -> Iterator[Load]:
        """Yield the loads; what is left in store at the end is in ``stored``."""
        if self.member.fraud == "hoarding_over_a_year":
            self._hoard()
        day = self.first + timedelta(days=self.random.randint(3, self.member.period_days))
        before = self.first
        while day < self.end:
            lots = self._lots(before, day)
            if self.member.fraud == "splitting_under_thresholds":
                for part in _split(lots, 5):
                    yield self._load(part, day + timedelta(days=self.random.randint(0, 4)))
            else:
                for part in _split(lots, -(-sum(lot.mass_g for lot in lots) // _LORRY_G)):
                    yield self._load(part, day)
            before = day
            day += timedelta(days=max(7, round(self.member.period_days * self.random.uniform(0.8, 1.3))))
        for lot in self._lots(before, self.end):
            self.stored.append((self.member, lot, False))

    def _lots(self, before: date, day: date) -> tuple[Lot, ...]:
        days = (day - before).days
        season = self.given.seasons.permille[day.month - 1] / 1000
        found = []
        for code, yearly_g in self.member.yearly_g.items():
            made_g = yearly_g * days / 365 * season * self.random.uniform(0.8, 1.25)
            hidden = self.member.part if self.member.fraud in {"code_laundering", "weight_shaving"} else 0.0
            mass_g = max(round(made_g * (1 - hidden) / STEP_G) * STEP_G, STEP_G)
            arose = before + timedelta(days=self.random.randint(0, max(days - 1, 0)))
            noon = local_noon(arose)
            declared = min(noon + _DAY * self.random.randint(0, 3), local_noon(day) - _DAY / 4)
            found.append(
                Lot(
                    code=code, mass_g=mass_g, generated_on=arose, declared_at=max(declared, noon),
                    hidden_g=round(made_g * hidden),
                )
            )  # fmt: skip
        return tuple(found)

    def _hoard(self) -> None:
        """Leave old stock where it is: declared at the start, and never handed over."""
        for code, yearly_g in self.member.yearly_g.items():
            arose = self.first - timedelta(days=self.random.randint(120, 420))
            mass_g = max(round(yearly_g * self.member.part / STEP_G) * STEP_G, STEP_G)
            at = local_noon(self.first) + timedelta(days=self.random.randint(0, 20))
            lot = Lot(code=code, mass_g=mass_g, generated_on=arose, declared_at=at, opening=True)
            self.stored.append((self.member, lot, True))

    def _load(self, lots: tuple[Lot, ...], day: date) -> Load:
        given, random, member = self.given, self.random, self.member
        carrier = self.parties.carriers[member.carrier]
        facility = self.parties.facilities[member.facility]
        delays, mistakes, slow = given.delays, given.mistakes, self.parties.delay * facility.habit
        handed = local_noon(day) + timedelta(minutes=random.randint(-240, 240))
        arrived = handed + timedelta(
            hours=max(lognormal(random, delays.transit_hours, self.parties.delay), 0.3)
        )
        decided = arrived + timedelta(hours=max(lognormal(random, delays.decision_hours, slow), 0.2))
        late = 9 if self._happens(mistakes["slow_treatment_permille"]) else 1
        treated = decided + timedelta(days=max(lognormal(random, delays.treatment, slow) * late, 0.1))
        completed = treated + timedelta(days=max(lognormal(random, delays.completion, slow), 0.05))
        load = Load(
            generator=member, facility=facility, carrier=member.carrier, plate=random.choice(carrier.plates),
            lots=lots, handed_over_at=handed, arrived_at=arrived, decided_at=decided, treated_at=treated,
            completed_at=completed, off=self._off(),
            refused_permille=self._refused(),
            corrected=self._happens(mistakes["corrected_weight_permille"]),
            wrong_plate=self._happens(mistakes["wrong_plate_permille"]),
            entered_after=self._entered_after(),
        )  # fmt: skip
        if self._happens(mistakes["refused_whole_permille"]):
            load = replace(load, refused_permille=ALL, treated_at=None, completed_at=None)
        if self._happens(mistakes["forgotten_completion_permille"]):
            load = replace(load, completed_at=None)
        if self._happens(mistakes["honest_lost_record_permille"]):
            load = replace(load, treated_at=None, completed_at=None)
        return self._wronged(load)

    def _happens(self, permille: int) -> bool:
        return self.random.random() * 1000 < permille

    def _refused(self) -> int:
        part = self._happens(self.given.mistakes["refused_part_permille"])
        return self.random.randint(30, 400) if part else 0

    def _off(self) -> int:
        scales = self.given.scales
        if self._happens(scales.mistake_permille_of_loads):
            return round(between(self.random, scales.mistake_size_permille) * 1000) * self.random.choice(
                (-1, 1)
            )
        return round(self.random.gauss(scales.bias_permille, scales.typical_permille))

    def _entered_after(self) -> timedelta:
        if self.member.fraud == "back_dating":
            return timedelta(days=self.random.randint(20, 90))
        if self._happens(self.given.mistakes["late_entry_permille"]):
            return timedelta(hours=lognormal(self.random, self.given.delays.entry_hours, 6))
        return timedelta(hours=0)

    def _wronged(self, load: Load) -> Load:
        """Return the load as whoever does wrong makes it, and what of it is never treated."""
        carrier, facility = self.parties.carriers[load.carrier], load.facility
        member = self.member
        hidden_g = sum(lot.hidden_g for lot in load.lots)
        if member.fraud in {"code_laundering", "weight_shaving"}:
            return replace(load, fraud=member.fraud, untreated_g=hidden_g)
        if member.fraud == "splitting_under_thresholds":
            # A part of what is called one small load after the other goes elsewhere.
            return replace(load, fraud=member.fraud, off=-45, untreated_g=load.declared_g * 45 // 1000)
        if member.fraud == "colluding_pair":
            lost_g = round(load.declared_g * member.part)
            soon = load.handed_over_at + timedelta(hours=1)
            return replace(
                load, fraud=member.fraud, untreated_g=lost_g, off=0, arrived_at=soon,
                decided_at=soon + timedelta(minutes=5), treated_at=soon + timedelta(minutes=10),
                completed_at=soon + timedelta(minutes=15), refused_permille=0,
            )  # fmt: skip
        if member.fraud == "back_dating":
            return replace(load, fraud=member.fraud)
        if carrier.fraud == "dumped_in_transit" and self.random.random() < carrier.part:
            gone = replace(load, arrived_at=None, decided_at=None, treated_at=None, completed_at=None)
            return replace(gone, fraud=carrier.fraud, untreated_g=load.declared_g)
        if facility.fraud in {"treated_little_reported_much", "borrowed_permit", "circular_trade"}:
            return replace(load, fraud=facility.fraud, untreated_g=round(load.declared_g * facility.part))
        return load


def _split(lots: tuple[Lot, ...], parts: int) -> Iterator[tuple[Lot, ...]]:
    """Yield the lots as so many small loads."""
    for index in range(parts):
        share = []
        for lot in lots:
            mass_g = lot.mass_g // parts // STEP_G * STEP_G
            mass_g = lot.mass_g - mass_g * (parts - 1) if index == parts - 1 else mass_g
            if mass_g:
                share.append(replace(lot, mass_g=mass_g))
        if share:
            yield tuple(share)


def _with_vehicles(loads: list[Load], parties: Parties) -> Iterator[Load]:
    """Yield the loads, each in a vehicle that is not on the road; where all are, in a rented one."""
    free_at: dict[str, datetime] = {}
    for load in loads:
        carrier = parties.carriers[load.carrier]
        rented = (f"30H-{load.carrier + 1:03d}.{n:02d}" for n in range(100))
        plates = (*carrier.plates, *rented)
        plate = next(one for one in plates if free_at.get(one, load.handed_over_at) <= load.handed_over_at)
        back = load.arrived_at or load.handed_over_at + timedelta(hours=12)
        free_at[plate] = back + timedelta(minutes=30)
        yield replace(load, plate=plate)


def _booked_twice(loads: list[Load], seed: int, parties: Parties) -> Iterator[Load]:
    """Yield the loads; some carriers use one journey for two: the second load never reached a facility."""
    random = Random(f"{seed} twice")  # noqa: S311  a repeatable world, no secret
    last: dict[int, Load] = {}
    for load in loads:
        carrier = parties.carriers[load.carrier]
        before = last.get(load.carrier)
        doubled = (
            carrier.fraud == "double_booked_load"
            and load.fraud is None
            and before is not None
            and before.facility is load.facility
            and before.arrived_at is not None
            and load.handed_over_at - before.handed_over_at < timedelta(days=2)
            and random.random() < carrier.part * 2
        )
        if doubled and before is not None:
            moved = load.handed_over_at - before.handed_over_at
            yield replace(
                load, plate=before.plate, handed_over_at=before.handed_over_at + timedelta(minutes=20),
                arrived_at=before.arrived_at, decided_at=before.decided_at,
                treated_at=load.treated_at and load.treated_at - moved,
                completed_at=load.completed_at and load.completed_at - moved,
                fraud="double_booked_load", untreated_g=load.declared_g,
            )  # fmt: skip
            continue
        last[load.carrier] = load
        yield load
