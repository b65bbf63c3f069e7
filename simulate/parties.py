"""Who lives in a world: generators, carriers and facilities, and who does what on purpose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import exp, log
from random import Random
from statistics import NormalDist

from manifest import reference
from simulate.parameters import Between, Delay, Parameters

_P90 = NormalDist().inv_cdf(0.9)
_OF_THE_TABLE = 8  # the world has an eighth of the tonnes that the table of sectors gives
_WORKING_DAYS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Generator:
    """A generator: grams of each code a year, days between pick-ups, its fraud and the part of its waste."""

    slug: str
    sector: str
    zone: str | None
    yearly_g: Mapping[str, int]
    period_days: int
    facility: int
    carrier: int
    planned_g: Mapping[str, int]
    fraud: str | None = None
    part: float = 0.0

    @property
    def party(self) -> str:
        """The party's id."""
        return f"org:{self.slug}"

    @property
    def site(self) -> str:
        """The site's id."""
        return f"site:{self.slug}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facility:
    """A facility: grams that its lines can treat in a day, and how fast it works beside the others."""

    slug: str
    codes: frozenset[str]
    daily_g: int
    habit: float
    plates: tuple[str, ...]
    fraud: str | None = None
    part: float = 0.0

    @property
    def party(self) -> str:
        """The party's id."""
        return f"org:{self.slug}"

    @property
    def site(self) -> str:
        """The site's id."""
        return f"site:{self.slug}"

    @property
    def permit(self) -> str:
        """The permit's id."""
        return f"permit:{self.slug}"

    @property
    def issuer(self) -> str:
        """The code under which its manifests are numbered."""
        return f"1-2-9.{900 + int(self.slug[-2:])}.VX"


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """A carrier with its vehicles."""

    slug: str
    plates: tuple[str, ...]
    fraud: str | None = None
    part: float = 0.0

    @property
    def party(self) -> str:
        """The party's id."""
        return f"org:{self.slug}"

    @property
    def permit(self) -> str:
        """The permit's id."""
        return f"permit:{self.slug}"

    def approval(self, facility: Facility) -> str:
        """Return the id of the approved linkage with a facility."""
        return f"approval:{self.slug}:{facility.slug}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    """Everybody, and by how much this world's delays, magnitudes and mix differ from the figures."""

    generators: Sequence[Generator]
    facilities: Sequence[Facility]
    carriers: Sequence[Carrier]
    delay: float
    magnitude: float
    mix: Mapping[str, float] = field(default_factory=dict)


def lognormal(random: Random, delay: Delay, factor: float = 1.0) -> float:
    """Draw from a lognormal that has this median and this 90th percentile, in the delay's own unit."""
    sigma = log(delay.p90 / delay.median) / _P90
    return exp(random.gauss(log(delay.median * factor), sigma))


def between(random: Random, ends: Between) -> float:
    """Draw evenly between two ends given in permille."""
    return random.uniform(ends.least, ends.most) / 1000


def draw(given: Parameters, seed: int, *, generators: int | None = None) -> Parties:
    """Return the parties of a seed; a held-out seed varies delays, magnitudes and mix as well."""
    return _Draw(given, seed).parties(generators or given.size.generators)


class _Draw:
    """The dice of a seed."""

    def __init__(self, given: Parameters, seed: int) -> None:
        self.given = given
        self.random = Random(f"parties {seed}")  # noqa: S311  a repeatable world, no secret
        held_out = seed in given.held_out.seeds
        self.delay = self._factor(given.held_out.delay_permille, held_out=held_out)
        self.magnitude = self._factor(given.held_out.magnitude_permille, held_out=held_out)
        mix = given.held_out.mix_permille
        self.mix = {name: self._factor(mix, held_out=held_out) for name in given.frauds}
        self.plates = (f"29H-{number // 100:03d}.{number % 100:02d}" for number in count(10_000))
        self.tonnes = sum(sector.tonnes for sector in given.sectors.values())

    def _factor(self, ends: Between, *, held_out: bool) -> float:
        return between(self.random, ends) if held_out else 1.0

    def parties(self, generators: int) -> Parties:
        """Draw everybody."""
        return Parties(
            facilities=[self._facility(index) for index in range(self.given.size.facilities)],
            carriers=[self._carrier(index) for index in range(self.given.size.carriers)],
            generators=[self._generator(index) for index in range(generators)],
            delay=self.delay,
            magnitude=self.magnitude,
            mix=self.mix,
        )

    def _fraud(self, by: str) -> tuple[str | None, float]:
        """Draw whether a party of that kind commits one of the frauds, and for which part of its waste."""
        dice = self.random.random()
        for name, one in self.given.frauds.items():
            if one.by != by:
                continue
            share = one.share_permille / 1000 * self.mix[name]
            if dice < share:
                return name, min(between(self.random, one.grams_permille) * self.magnitude, 1.0)
            dice -= share
        return None, 0.0

    def _facility(self, index: int) -> Facility:
        fraud, part = self._fraud("facility")
        # Room for about twice what comes on average; who reports more than it treats has less.
        mean_g = self.tonnes * 1_000_000 // _OF_THE_TABLE / self.given.size.facilities / _WORKING_DAYS
        daily_g = int(mean_g * self.random.uniform(1.6, 2.6))
        if fraud in {"treated_little_reported_much", "borrowed_permit"}:
            daily_g = int(daily_g * max(1 - part, 0.1) / 2)
        return Facility(
            slug=f"xu-ly-{index + 1:02d}",
            codes=frozenset(code for sector in self.given.sectors.values() for code in sector.codes),
            daily_g=daily_g,
            habit=between(self.random, self.given.delays.facility_habit_permille),
            plates=tuple(next(self.plates) for _ in range(3)),
            fraud=fraud,
            part=part,
        )

    def _carrier(self, index: int) -> Carrier:
        fraud, part = self._fraud("carrier")
        plates = tuple(next(self.plates) for _ in range(4))
        return Carrier(slug=f"van-tai-{index + 1:02d}", plates=plates, fraud=fraud, part=part)

    def _generator(self, index: int) -> Generator:
        random, sectors = self.random, self.given.sectors
        sector = random.choices(list(sectors), [one.tonnes for one in sectors.values()])[0]
        counts = self.given.zones.generators_permille
        kind = random.choices(list(counts), list(counts.values()))[0]
        codes = sectors[sector].codes
        cuts = sorted(random.random() for _ in codes[1:])
        shares = [b - a for a, b in zip([0.0, *cuts], [*cuts, 1.0], strict=True)]
        kg = self._yearly_kg(kind)
        yearly = {code: max(int(kg * part) * 1000, 5_000) for code, part in zip(codes, shares, strict=True)}
        fraud, part = self._fraud("generator")
        return Generator(
            slug=f"co-so-{index + 1:04d}",
            sector=sector,
            zone=self._zone(kind),
            yearly_g=yearly,
            period_days=max(int(sectors[sector].period_days * random.uniform(0.7, 1.6)), 14),
            facility=random.randrange(self.given.size.facilities),
            carrier=random.randrange(self.given.size.carriers),
            # A plan is made before the year, and honestly wrong by a quarter either way.
            planned_g={
                code: int(grams * random.uniform(0.75, 1.3) // 1000) * 1000 for code, grams in yearly.items()
            },
            fraud=fraud,
            part=part,
        )

    def _yearly_kg(self, kind: str) -> float:
        """Draw how much a generator has in a year: the mean of its kind of place, spread out widely."""
        zones, sizes = self.given.zones, self.given.sizes
        weight = zones.tonnes_permille[kind] / zones.generators_permille[kind]
        mean_kg = self.tonnes * 1000 / _OF_THE_TABLE / self.given.size.generators * weight
        sigma = sizes.sigma_permille / 1000
        kg = mean_kg * exp(self.random.gauss(-sigma * sigma / 2, sigma))
        return min(max(kg, sizes.least_kg_year), sizes.most_kg_year)

    def _zone(self, kind: str) -> str | None:
        """Draw a zone of that kind from the register; None outside of zones."""
        known = [zone.id for zone in reference.default().zones() if zone.kind == kind and zone.district]
        return self.random.choice(known) if known else None
