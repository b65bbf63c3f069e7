"""Playing a world through the real way in: every act judged, signed and recorded, late ones late."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from api.demo.clock import StoryClock
from api.demo.steps import Act, By, Ids, NewKey
from api.demo.story import Player
from api.demo.wastes import WASTES
from api.home import Home
from manifest import events as e
from manifest.body import Body
from manifest.vocabulary import CorrectedField, Role, local_date, local_noon
from simulate.loads import ALL, STEP_G, Load, Lot, World
from simulate.parties import Carrier
from simulate.registers import Registrar

_REGISTERED_BEFORE = timedelta(hours=2)
_WAY_BACK = timedelta(hours=20)
_CORRECTED_BY = 15  # permille
Timed = tuple[datetime, int, Act | NewKey]


@dataclass(slots=True)
class Played:
    """A world as it stands in a ledger: the manifest of each load, and the lots of what stays in store."""

    manifests: dict[str, Load] = field(default_factory=dict)
    lots: dict[str, tuple[Lot, bool]] = field(default_factory=dict)


class Script:
    """Turns a world into steps with the time at which each is entered."""

    def __init__(self, world: World, ids: Ids) -> None:
        self._world, self.ids = world, ids
        self._order = count()
        self._numbers: dict[tuple[str, int], count[int]] = {}
        self.played = Played()

    def steps(self) -> Iterator[Timed]:
        """Yield every step in the order in which it is entered, up to the world's last day."""
        last = local_noon(self._world.end)
        entered = Registrar(self.ids, self._world).enter()
        made: list[Timed] = [(step.at, next(self._order), step) for step in entered]
        for load in self._world.loads:
            made += self._trip(load).steps()
        for generator, lot, hoarded in self._world.stored:
            made.append(self._stored(generator.party, generator.site, lot, hoarded=hoarded))
        yield from (step for step in sorted(made, key=lambda step: step[:2]) if step[0] < last)

    def timed(self, entered: datetime, at: datetime, body: Body, *by: By, stream: str) -> Timed:
        """Return a step that happened at one time and is entered at another."""
        return entered, next(self._order), self.ids.act(at, body, *by, stream=stream)

    def _stored(self, party: str, site: str, lot: Lot, *, hoarded: bool) -> Timed:
        name = self.ids.new(lot.declared_at)
        self.played.lots[name] = (lot, hoarded)
        kind = e.OpeningDeclared if lot.opening else e.GenerationDeclared
        body = kind(
            lot=name, site=site, code=lot.code, state=WASTES[lot.code].state, mass_g=lot.mass_g,
            generated_on=lot.generated_on,
        )  # fmt: skip
        return self.timed(lot.declared_at, lot.declared_at, body, By(party, Role.GENERATOR), stream=name)

    def _trip(self, load: Load) -> "_Trip":
        carrier = self._world.parties.carriers[load.carrier]
        series = (load.facility.slug, local_date(load.handed_over_at).year)
        sequence = next(self._numbers.setdefault(series, count(1)))
        trip = _Trip(
            self, load, carrier, e.Number(sequence=sequence, year=series[1], issuer=load.facility.issuer)
        )
        self.played.manifests[trip.manifest] = load
        return trip


class _Trip:
    """One load as its parties tell of it; what is entered late is so from the first act to the last."""

    def __init__(self, script: Script, load: Load, carrier: Carrier, number: e.Number) -> None:
        self._script, self._load, self._carrier, self._number = script, load, carrier, number
        self._begun = load.handed_over_at - _REGISTERED_BEFORE
        self._entered = self._begun
        self.manifest = script.ids.new(self._begun)
        self._generator = By(load.generator.party, Role.GENERATOR)
        self._facility = By(load.facility.party, Role.TREATMENT_FACILITY)
        self._hauler = By(carrier.party, Role.TRANSPORTER)

    def steps(self) -> Iterator[Timed]:
        """Yield every step of the load, in its order."""
        load = self._load
        lots = [self._script.ids.new(self._begun) for _ in load.lots]
        yield from map(self._declared, load.lots, lots)
        lines = tuple(map(_line, range(1, len(lots) + 1), load.lots, lots))
        yield self._act(self._begun, self._registered(lines), self._generator)
        leg = e.HandedOver(
            leg=1, giver=self._generator.party, taker=self._hauler.party, vehicle_plate=load.plate
        )
        yield self._act(load.handed_over_at, leg, self._generator, self._hauler)
        if load.arrived_at is None or load.decided_at is None:
            return
        yield self._act(load.arrived_at, e.Arrived(vehicle_plate=load.plate), self._facility)
        if load.wrong_plate:
            yield self._act(load.arrived_at, self._other_plate(), self._hauler)
        net = {line.line: _net(line.mass_g, load.off) for line in lines}
        between = load.arrived_at + (load.decided_at - load.arrived_at) / 2
        yield self._act(between, self._weighed(net), self._facility)
        yield from self._decided(net, load.decided_at)

    def _act(self, at: datetime, body: Body, *by: By) -> Timed:
        late = self._load.entered_after
        self._entered = max(at + late, self._entered + timedelta(seconds=10))
        return self._script.timed(self._entered, at, body, *by, stream=self.manifest)

    def _declared(self, lot: Lot, name: str) -> Timed:
        declared = min(lot.declared_at, self._begun - timedelta(hours=1))
        body = e.GenerationDeclared(
            lot=name, site=self._load.generator.site, code=lot.code, state=WASTES[lot.code].state,
            mass_g=lot.mass_g, generated_on=min(lot.generated_on, local_date(declared)),
        )  # fmt: skip
        late = declared + self._load.entered_after
        return self._script.timed(late, declared, body, self._generator, stream=name)

    def _registered(self, lines: tuple[e.LineDeclared, ...]) -> e.Registered:
        facility, carrier = self._load.facility, self._carrier
        approval = carrier.approval(facility)
        planned = e.CarrierPlanned(party=carrier.party, permit=carrier.permit, approval=approval)
        return e.Registered(
            number=self._number, generator=self._generator.party, site=self._load.generator.site,
            facility=facility.party, facility_site=facility.site, permit=facility.permit,
            carriers=(planned,), lines=lines, form="tt02-2022",
        )  # fmt: skip

    def _weighed(self, net: Mapping[int, int]) -> e.Weighed:
        ticket = f"PC-{self.manifest[-6:]}"
        lines = tuple(e.LineWeighed(line=n, net_g=g, ticket=f"{ticket}/{n}") for n, g in net.items())
        return e.Weighed(instrument="Cân ô tô 80 t", lines=lines)

    def _decided(self, net: dict[int, int], at: datetime) -> Iterator[Timed]:
        load = self._load
        back = e.Returned(giver=self._hauler.party, vehicle_plate=load.plate)
        if load.refused_permille == ALL:
            yield self._act(at, e.Refused(reason="Không đúng thành phần đã khai"), self._facility)
            yield self._act(at + _WAY_BACK, back, self._hauler, self._generator)
            return
        refused = dict.fromkeys(net, 0) | {1: net[1] * load.refused_permille // ALL // STEP_G * STEP_G}
        yield self._act(at, _accepted(net, refused), self._facility)
        if refused[1]:
            at += _WAY_BACK
            yield self._act(at, back, self._hauler, self._generator)
        elif load.corrected and net[1] > STEP_G:
            net[1] -= max(net[1] * _CORRECTED_BY // 1000 // STEP_G, 1) * STEP_G
            at += timedelta(hours=1)
            proposed = self._other_mass(at, net[1])
            yield self._act(at, proposed, self._facility)
            consent = e.CorrectionConsented(correction=proposed.correction)
            at += timedelta(hours=4)
            yield self._act(at, consent, self._generator)
        yield from self._treated({n: net[n] - refused[n] for n in net}, at)

    def _treated(self, kept: Mapping[int, int], after: datetime) -> Iterator[Timed]:
        """Yield treatment and completion, which come once everything before them is settled."""
        load = self._load
        if load.treated_at is None:
            return
        at = max(load.treated_at, after)
        parts = tuple(
            e.LineTreated(line=n, mass_g=g, methods=_method(load.lots[n - 1]), treated_on=local_date(at))
            for n, g in kept.items()
            if g
        )
        yield self._act(at, e.Treated(parts=parts), self._facility)
        if load.completed_at is not None:
            yield self._act(max(load.completed_at, at), e.Completed(), self._facility)

    def _other_plate(self) -> e.CorrectionProposed:
        plate = self._load.plate
        return e.CorrectionProposed(
            correction=self._script.ids.new(self._begun), field=CorrectedField.VEHICLE_PLATE, leg=1,
            value=f"{plate[:-1]}{(int(plate[-1]) + 1) % 10}", reason="Ghi nhầm biển số",
        )  # fmt: skip

    def _other_mass(self, at: datetime, net_g: int) -> e.CorrectionProposed:
        return e.CorrectionProposed(
            correction=self._script.ids.new(at), field=CorrectedField.NET_MASS, line=1, net_g=net_g,
            reason="Ghi nhầm bì xe",
        )  # fmt: skip


def _line(number: int, lot: Lot, name: str) -> e.LineDeclared:
    waste = WASTES[lot.code]
    return e.LineDeclared(
        line=number, code=lot.code, name=waste.name, state=waste.state, mass_g=lot.mass_g,
        planned_methods=_method(lot), lots=(e.Draw(lot=name, mass_g=lot.mass_g),),
    )  # fmt: skip


def _method(lot: Lot) -> tuple[str, ...]:
    return WASTES[lot.code].methods[:1]


def _accepted(net: Mapping[int, int], refused: Mapping[int, int]) -> e.Accepted:
    decided = (
        e.LineDecided(
            line=n, accepted_g=net[n] - refused[n], refused_g=refused[n],
            reason="Lẫn tạp chất" if refused[n] else None,
        )
        for n in net
    )  # fmt: skip
    return e.Accepted(lines=tuple(decided))


def _net(declared_g: int, off: int) -> int:
    """Return what a scale says of a mass that it sees so many permille off."""
    return max(round(declared_g * (1000 + off) / 1000 / STEP_G) * STEP_G, STEP_G)


def play(
    home: Home, clock: StoryClock, world: World, progress: Callable[[int], None] = lambda _: None
) -> Played:
    """Play a world into an empty deployment; a refusal means that the world is wrong."""
    script, player = Script(world, Ids(world.seed)), Player(home, clock)
    for done, (entered, _, step) in enumerate(script.steps(), start=1):
        player.play(step, entered)
        progress(done)
    return script.played
