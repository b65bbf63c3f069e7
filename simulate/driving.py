"""Playing a world through the real way in: every act judged, signed and recorded, late ones late."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from api.demo.clock import StoryClock
from api.demo.steps import Act, By, Ids, NewKey
from api.demo.wastes import WASTES
from api.home import OPERATOR, ROOTS, Home, give_key
from api.recorder import Signing, record
from manifest import events as e
from manifest.body import Body
from manifest.vocabulary import Role, local_date, local_noon
from simulate.loads import ALL, STEP_G, Load, Lot, World
from simulate.registers import Registrar

_LAG = timedelta(seconds=4)
Timed = tuple[datetime, int, Act | NewKey]


@dataclass(slots=True)
class Played:
    """A world as it stands in a ledger: the manifest of each load, and the lots of what stays in store."""

    manifests: dict[str, Load] = field(default_factory=dict)
    lots: dict[str, tuple[Lot, bool]] = field(default_factory=dict)
    acts: int = 0


class Script:
    """Turns a world into steps with the time at which each is entered."""

    def __init__(self, world: World, ids: Ids) -> None:
        self._world, self._ids = world, ids
        self._order = count()
        self._numbers: dict[tuple[str, int], count[int]] = {}
        self.played = Played()

    def steps(self) -> Iterator[Timed]:
        """Yield every step in the order in which it is entered, up to the world's last day."""
        last = local_noon(self._world.end)
        entered = Registrar(self._ids, self._world).enter()
        made: list[Timed] = [(step.at, next(self._order), step) for step in entered]
        for load in self._world.loads:
            made += self._load(load)
        for generator, lot, hoarded in self._world.stored:
            made.append(self._stored(generator.party, generator.site, lot, hoarded=hoarded))
        yield from (step for step in sorted(made, key=lambda step: step[:2]) if step[0] < last)

    def _timed(self, entered: datetime, at: datetime, body: Body, *by: By, stream: str) -> Timed:
        return entered, next(self._order), self._ids.act(at, body, *by, stream=stream)

    def _stored(self, party: str, site: str, lot: Lot, *, hoarded: bool) -> Timed:
        name = self._ids.new(lot.declared_at)
        self.played.lots[name] = (lot, hoarded)
        kind = e.OpeningDeclared if lot.opening else e.GenerationDeclared
        body = kind(
            lot=name, site=site, code=lot.code, state=WASTES[lot.code].state, mass_g=lot.mass_g,
            generated_on=lot.generated_on,
        )  # fmt: skip
        return self._timed(lot.declared_at, lot.declared_at, body, By(party, Role.GENERATOR), stream=name)

    def _load(self, load: Load) -> Iterator[Timed]:
        """Yield the steps of a load; what is entered late keeps its order."""
        generator = By(load.generator.party, Role.GENERATOR)
        facility = By(load.facility.party, Role.TREATMENT_FACILITY)
        carrier = self._world.parties.carriers[load.carrier]
        hauler = By(carrier.party, Role.TRANSPORTER)
        begun = load.handed_over_at - timedelta(hours=2)
        late = load.entered_after
        manifest = self._ids.new(begun)
        self.played.manifests[manifest] = load
        lines = []
        for number, lot in enumerate(load.lots, start=1):
            name = self._ids.new(begun)
            declared = min(lot.declared_at, begun - timedelta(hours=1))
            body = e.GenerationDeclared(
                lot=name, site=load.generator.site, code=lot.code, state=WASTES[lot.code].state,
                mass_g=lot.mass_g, generated_on=min(lot.generated_on, local_date(declared)),
            )  # fmt: skip
            yield self._timed(declared + late, declared, body, generator, stream=name)
            method = WASTES[lot.code].methods[0]
            lines.append(
                e.LineDeclared(
                    line=number, code=lot.code, name=WASTES[lot.code].name, state=WASTES[lot.code].state,
                    mass_g=lot.mass_g, planned_methods=(method,), lots=(e.Draw(lot=name, mass_g=lot.mass_g),),
                )
            )  # fmt: skip
        entered = begun + late
        order = timedelta(0)

        def act(at: datetime, body: Body, *by: By) -> Timed:
            nonlocal entered, order
            entered = max(at + late, entered + timedelta(seconds=10))
            return self._timed(entered, at, body, *by, stream=manifest)

        facility_code = f"1-2-9.{900 + int(load.facility.slug[-2:])}.VX"
        year = local_date(begun).year
        series = self._numbers.setdefault((load.facility.slug, year), count(1))
        approval = f"approval:{carrier.slug}:{load.facility.slug}"
        yield act(
            begun,
            e.Registered(
                number=e.Number(sequence=next(series), year=year, issuer=facility_code),
                generator=load.generator.party, site=load.generator.site, facility=load.facility.party,
                facility_site=load.facility.site, permit=load.facility.permit,
                carriers=(
                    e.CarrierPlanned(
                        party=carrier.party, permit=f"permit:{carrier.slug}", approval=approval
                    ),
                ),
                lines=tuple(lines), form="tt02-2022",
            ),
            generator,
        )  # fmt: skip
        leg = e.HandedOver(leg=1, giver=load.generator.party, taker=carrier.party, vehicle_plate=load.plate)
        yield act(load.handed_over_at, leg, generator, hauler)
        if load.arrived_at is None:
            return
        yield act(load.arrived_at, e.Arrived(vehicle_plate=load.plate), facility)
        net = {line.line: _net(line.mass_g, load.off) for line in lines}
        assert load.decided_at is not None
        weighed = load.arrived_at + (load.decided_at - load.arrived_at) / 2
        ticket = f"PC-{manifest[-6:]}"
        yield act(
            weighed,
            e.Weighed(
                instrument="Cân ô tô 80 t",
                lines=tuple(e.LineWeighed(line=n, net_g=g, ticket=f"{ticket}/{n}") for n, g in net.items()),
            ),
            facility,
        )
        yield from self._decided(load, net, act, hauler, generator)

    def _decided(
        self, load: Load, net: Mapping[int, int], act: Callable[..., Timed], hauler: By, generator: By
    ) -> Iterator[Timed]:
        facility = By(load.facility.party, Role.TREATMENT_FACILITY)
        decided, treated = load.decided_at, load.treated_at
        assert decided is not None
        back = e.Returned(giver=hauler.party, vehicle_plate=load.plate)
        if load.refused_permille == ALL:
            yield act(decided, e.Refused(reason="Không đúng thành phần đã khai"), facility)
            yield act(decided + timedelta(hours=20), back, hauler, generator)
            return
        refused = dict.fromkeys(net, 0)
        refused[1] = net[1] * load.refused_permille // 1000 // STEP_G * STEP_G
        kept = {n: grams - refused[n] for n, grams in net.items()}
        yield act(
            decided,
            e.Accepted(
                lines=tuple(
                    e.LineDecided(
                        line=n, accepted_g=kept[n], refused_g=refused[n],
                        reason="Lẫn tạp chất" if refused[n] else None,
                    )
                    for n in net
                )
            ),
            facility,
        )  # fmt: skip
        if refused[1]:
            yield act(decided + timedelta(hours=20), back, hauler, generator)
        if treated is None:
            return
        parts = tuple(
            e.LineTreated(
                line=n, mass_g=grams, methods=(WASTES[load.lots[n - 1].code].methods[0],),
                treated_on=local_date(treated),
            )
            for n, grams in kept.items()
            if grams
        )  # fmt: skip
        # What was refused goes home first, so that the acts are in their order.
        after = decided + timedelta(hours=21 if refused[1] else 0)
        treated = max(treated, after)
        yield act(treated, e.Treated(parts=parts), facility)
        if load.completed_at is not None:
            yield act(max(load.completed_at, treated), e.Completed(), facility)


def _net(declared_g: int, off: int) -> int:
    return max(round(declared_g * (1000 + off) / 1000 / STEP_G) * STEP_G, STEP_G)


def play(
    home: Home, clock: StoryClock, world: World, progress: Callable[[int], None] = lambda _: None
) -> Played:
    """Play a world into an empty deployment; a refusal means that the world is wrong."""
    ids = Ids(world.seed)
    script = Script(world, ids)
    keys = {OPERATOR: home.root(ROOTS[0])}
    for entered, _, step in script.steps():
        now = clock.advance(entered + _LAG)
        if isinstance(step, NewKey):
            sponsor = Signing(step.sponsor.party, step.sponsor.role, keys[step.sponsor.party].signer)
            keys[step.party] = give_key(home, step.party, step.name, sponsor, now=now)
            continue
        signings = [Signing(by.party, by.role, keys[by.party].signer) for by in step.by]
        record(
            home.ledger, step.body, signings, stream=step.stream, occurred_at=step.at, now=now, idem=step.idem
        )
        script.played.acts += 1
        progress(script.played.acts)
    return script.played
