"""The whole story as a list of steps in the order of their times: pure, and the same for the same seed."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from operator import attrgetter
from random import Random

from api.demo.clock import FIRST_DAY, moment
from api.demo.endings import tell
from api.demo.generators import Generator, generators
from api.demo.lots import Yard, generator_by
from api.demo.people import People
from api.demo.plan import Ending, plan
from api.demo.registers import Registrar
from api.demo.steps import Ids, Step
from api.demo.trips import Trip
from manifest.register.events import CodeMass, PlanDeclared

SEED = 307
_ANNOUNCED_ON = date(2025, 3, 31)
_KG_100 = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A consignment as the story tells it; ``open_g`` is what waits for somebody at the end."""

    manifest: str
    number: str
    ending: Ending
    generator: str
    facility: str
    since: date
    open_g: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """The steps, the consignments they tell of, and the generators that take part."""

    steps: tuple[Step, ...]
    told: tuple[Told, ...]
    generators: tuple[Generator, ...]


def write(seed: int = SEED, scale: float = 1.0) -> Script:
    """Return the story of a seed; a scale below 1 tells a smaller one with the same endings."""
    ids = Ids(seed)
    random = Random(f"story {seed}")  # noqa: S311  a repeatable story, no secret
    people = People(Random(f"people {seed}"))  # noqa: S311  as above
    members = tuple(generators(scale))
    steps: list[Step] = list(Registrar(ids).enter(members))

    yards = {member.slug: Yard(member, place, ids, random) for place, member in enumerate(members)}
    journeys = plan(seed, scale)
    sequences: Counter[str] = Counter()
    told: list[Told] = []
    for journey in journeys:
        sequences[journey.facility.issuer] += 1
        load = yards[journey.generator.slug].load(journey)
        sequence = sequences[journey.facility.issuer]
        trip = Trip(journey, load, sequence, ids=ids, people=people, random=random)
        open_g = tell(trip)
        steps += trip.acts
        told.append(
            Told(
                manifest=trip.id,
                number=str(trip.number),
                ending=journey.ending,
                generator=journey.generator.party,
                facility=journey.facility.party,
                since=trip.day,
                open_g=open_g,
            )
        )
    for yard in yards.values():
        yard.close([journey for journey in journeys if journey.generator is yard.generator])
        steps += yard.acts
    steps += _announced(yards.values(), ids, random)
    return Script(steps=tuple(sorted(steps, key=attrgetter("at"))), told=tuple(told), generators=members)


def _announced(yards: Iterable[Yard], ids: Ids, random: Random) -> Iterator[Step]:
    """Yield the declared plans of the year: about twice what the half-year brings, as guesses go."""
    for place, yard in enumerate(yards):
        generator = yard.generator
        if not generator.declares_plan or not yard.mass_g:
            continue
        lines = tuple(
            CodeMass(code=code, mass_g=max(round(mass_g * random.uniform(1.8, 2.3) / _KG_100), 1) * _KG_100)
            for code, mass_g in sorted(yard.mass_g.items())
        )
        body = PlanDeclared(
            plan=f"plan:{generator.slug}:2025", site=generator.site, year=FIRST_DAY.year, lines=lines
        )
        at = moment(_ANNOUNCED_ON, 9 + place // 10, 5 * (place % 10))
        yield ids.act(at, body, generator_by(generator), stream=body.plan)


def by_ending(told: Iterable[Told]) -> Mapping[Ending, tuple[Told, ...]]:
    """Return the consignments of each ending, in the order of the list of endings."""
    groups: defaultdict[Ending, list[Told]] = defaultdict(list)
    for item in told:
        groups[item.ending].append(item)
    return {ending: tuple(groups[ending]) for ending in Ending}
