"""How waste comes to be and waits: lots between pick-ups, opening stock, what stays or is treated there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from api.demo.clock import FIRST_DAY, LAST_DAY, moment, working_day, working_day_before
from api.demo.generators import TREATED_ON_SITE, Area, Generator, OnSite
from api.demo.plan import Ending, Journey
from api.demo.steps import Act, By, Ids
from api.demo.wastes import MEDICAL, WASTES, container
from manifest import events as e
from manifest.vocabulary import Basis, Role

# What is left unshipped at the end, as a share of what was shipped: parks have it fetched often.
_STAYS = {Area.PARK: 0.015, Area.CLUSTER: 0.045, Area.VILLAGE: 0.09, Area.SERVICE: 0.02}
_OPENING_EVERY = 4
_OLD_STOCK = "moc-thu-lo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """A lot that waits at a site."""

    id: str
    code: str
    mass_g: int
    on: date


def generator_by(generator: Generator) -> By:
    """Return how a generator signs: itself, or by its agent's key."""
    return By(generator.party, Role.GENERATOR, generator.agent)


class Yard:
    """The waste of one generator; ``acts`` collects what it declares, ``shipped_g`` what it gave away."""

    def __init__(self, generator: Generator, place: int, ids: Ids, random: Random) -> None:
        self.generator = generator
        self.acts: list[Act] = []
        self.waiting: list[Lot] = []
        self.mass_g: dict[str, int] = {}
        self._ids = ids
        self._random = random
        self._since = FIRST_DAY
        if place % _OPENING_EVERY == 0 or generator.slug == _OLD_STOCK:
            self._open()

    def load(self, journey: Journey) -> list[Lot]:
        """Declare what arose since the last pick-up; return that and what was waiting: the load."""
        random = self._random
        wanted = 4 if journey.ending is Ending.COMPLETED_MANY_LINES else random.choice((1, 1, 2, 2, 3))
        codes = list(self.generator.codes)
        chosen = [codes[0], *random.sample(codes[1:], k=min(wanted, len(codes)) - 1)]
        total = self.generator.load_kg * random.uniform(0.75, 1.25)
        weights = [random.uniform(0.8, 1.2) / (place + 1) for place in range(len(chosen))]
        load = list(self.waiting)
        for code, weight in zip(chosen, weights, strict=True):
            pieces = 3 if wanted > 3 else random.choice((1, 1, 1, 2))  # noqa: PLR2004
            for _ in range(pieces):
                at_handover = self.generator.area is Area.VILLAGE and random.random() < 1 / 6
                mass_kg = total * weight / sum(weights) / pieces
                load.append(self._declare(code, mass_kg, journey.day, at_handover=at_handover))
        self._since = journey.day
        self.waiting = load if journey.ending is Ending.CANCELLED else []
        return load

    def close(self, journeys: Sequence[Journey]) -> None:
        """Declare what arose after the last pick-up and is still there, and what was treated on site."""
        generator = self.generator
        stays_kg = generator.load_kg * len(journeys) * _STAYS[generator.area]
        if journeys and stays_kg and self._since < LAST_DAY:
            last = self._declare(generator.codes[0], stays_kg, LAST_DAY)
            if generator.area is Area.CLUSTER and generator.codes[0] == "07 03 04":
                self._adjust(last)
        for on_site in TREATED_ON_SITE:
            if on_site.slug == generator.slug:
                self.acts += self._treat(on_site)

    def _open(self) -> None:
        """Declare opening stock. One lot is older than the law allows and nobody ever fetches it."""
        old = self.generator.slug == _OLD_STOCK
        code = self.generator.codes[0]
        if code in MEDICAL:
            return
        on = date(2024, 2, 20) if old else FIRST_DAY - timedelta(days=self._random.randint(10, 60))
        mass_g = _round(self.generator.load_kg * self._random.uniform(0.2, 0.4) * 1000)
        at = moment(FIRST_DAY, 8, self._random.randint(0, 40))
        lot = Lot(id=self._ids.new(at), code=code, mass_g=mass_g, on=on)
        state = WASTES[code].state
        body = e.OpeningDeclared(
            lot=lot.id,
            site=self.generator.site,
            code=code,
            state=state,
            mass_g=mass_g,
            generated_on=on,
            container=container(state, mass_g),
        )
        self.acts.append(self._ids.act(at, body, generator_by(self.generator), stream=lot.id))
        if not old:
            self.waiting.append(lot)

    def _declare(self, code: str, mass_kg: float, before: date, *, at_handover: bool = False) -> Lot:
        """Declare a lot that arose between the last pick-up and that day."""
        random = self._random
        days = max((before - self._since).days, 1)
        on = working_day_before(before - timedelta(days=random.randint(1, max(1, min(days, 14)))))
        on = max(on, FIRST_DAY)
        if at_handover:
            # Declared only when the truck stands there: seen, allowed, and counted against coverage.
            on, basis, at = before, Basis.AT_HANDOVER, moment(before, 7, random.randint(0, 25))
        else:
            basis, at = Basis.REGULAR, moment(on, 16, random.randint(0, 59))
        mass_g = _round(mass_kg * 1000)
        lot = Lot(id=self._ids.new(at), code=code, mass_g=mass_g, on=on)
        state = WASTES[code].state
        body = e.GenerationDeclared(
            lot=lot.id,
            site=self.generator.site,
            code=code,
            state=state,
            mass_g=mass_g,
            generated_on=on,
            basis=basis,
            container=container(state, mass_g),
        )
        self.acts.append(self._ids.act(at, body, generator_by(self.generator), stream=lot.id))
        self.mass_g[code] = self.mass_g.get(code, 0) + mass_g
        return lot

    def _adjust(self, lot: Lot) -> None:
        at = moment(max(LAST_DAY, lot.on), 17, self._random.randint(0, 20))
        body = e.GenerationAdjusted(
            lot=lot.id, delta_g=-_round(lot.mass_g / 20), reason="Kiểm kê kho cuối quý III"
        )
        self.acts.append(self._ids.act(at, body, generator_by(self.generator), stream=lot.id))

    def _treat(self, on_site: OnSite) -> Iterator[Act]:
        for month in range(FIRST_DAY.month, LAST_DAY.month + 1):
            # Once a month it is booked, and some days later treated.
            self._since = date(FIRST_DAY.year, month, 8)
            mass_kg = on_site.monthly_kg * self._random.uniform(0.8, 1.1)
            lot = self._declare(on_site.code, mass_kg, date(FIRST_DAY.year, month, 16))
            day = working_day(date(FIRST_DAY.year, month, 22))
            body = e.SelfTreated(
                lot=lot.id,
                mass_g=lot.mass_g,
                methods=on_site.methods,
                treated_on=day,
                permit=on_site.permit,
            )
            yield self._ids.act(moment(day, 15), body, generator_by(self.generator), stream=lot.id)


def _round(grams: float) -> int:
    """Return grams as a scale at a generator's would show them: whole kilograms, or hundreds of grams."""
    step = 1000 if grams >= 100_000 else 100  # noqa: PLR2004
    return max(round(grams / step) * step, step)
