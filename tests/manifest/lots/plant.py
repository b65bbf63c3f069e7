"""What a facility does with batches: a plant that pours, empties and treats, beside the world's verbs."""

from dataclasses import dataclass
from typing import Any

from manifest import events as e
from manifest.lots import events as lots
from manifest.lots.views import LOT_SHARE
from manifest.views import BALANCE, NUMBER_BLOCK
from manifest.vocabulary import Account, Role, State
from tests.world import CODE, FACILITY, PLATE, World, line

Outputs = tuple[int, ...]


@dataclass
class Plant:
    """A facility of a world."""

    world: World
    party: str = FACILITY

    @property
    def site(self) -> str:
        """The facility's site."""
        return f"site:{self.party[4:]}"

    def act(self, body: Any, stream: str) -> None:
        """Record an act of the facility."""
        self.world.act(body, (self.party, Role.TREATMENT_FACILITY), stream=stream)

    def id(self) -> str:
        """Return a new id."""
        return self.world.id()

    def taken(
        self, generator: str, draws: list[tuple[str, int]], net_g: int | None = None, code: str = CODE
    ) -> str:
        """Bring a load that draws from these lots, weigh it, accept it whole; return its manifest."""
        world, mass = self.world, sum(grams for _, grams in draws)
        drawn = tuple(e.Draw(lot=lot, mass_g=grams) for lot, grams in draws)
        world.register(
            line(mass_g=mass, lots=drawn, code=code, planned_methods=("SC", "TC")),
            generator=generator,
            site=f"site:{generator[4:]}",
            facility=self.party,
            facility_site=self.site,
            permit=f"permit:{self.party[4:]}",
            carriers=(e.CarrierPlanned(party=self.party),),
            number=self._number(),
        )
        manifest = world.manifest
        handed = e.HandedOver(leg=1, giver=generator, taker=self.party, vehicle_plate=PLATE)
        both = [(generator, Role.GENERATOR), (self.party, Role.TREATMENT_FACILITY)]
        world.act(handed, *both, stream=manifest)
        net = mass if net_g is None else net_g
        self.act(e.Arrived(vehicle_plate=PLATE), manifest)
        weighed = (e.LineWeighed(line=1, net_g=net, ticket="PC-1"),)
        self.act(e.Weighed(instrument="Cân 80 t", lines=weighed), manifest)
        self.act(e.Accepted(lines=(e.LineDecided(line=1, accepted_g=net, refused_g=0),)), manifest)
        return manifest

    def _number(self) -> e.Number:
        """Return the next number of the facility's own series."""
        issuer = f"1-2-3.{'047' if self.party == FACILITY else '048'}.VX"
        if not self.world.rows(NUMBER_BLOCK, party=self.party):
            self.world.allocate(self.party, issuer=issuer)
        return e.Number(sequence=self.world.sequence + 1, year=2025, issuer=issuer)

    def pour(self, manifest: str, mass_g: int, batch: str, methods: tuple[str, ...] = ("SC",)) -> None:
        """Put a part of the manifest's line into a batch."""
        part = e.LineTreated(line=1, mass_g=mass_g, methods=methods, treated_on=self.world.today, batch=batch)
        self.act(e.Treated(parts=(part,)), manifest)

    def charge(self, batch: str, *taken: tuple[str, int], **changed: Any) -> None:
        """Put lots of the own store into a batch."""
        masses = tuple(lots.LotMass(lot=lot, mass_g=grams) for lot, grams in taken)
        fields: dict[str, Any] = {
            "batch": batch, "site": self.site, "lots": masses, "methods": ("SC",),
            "charged_on": self.world.today,
        }  # fmt: skip
        self.act(lots.BatchCharged(**(fields | changed)), batch)

    def empty(self, batch: str, *masses: int, residues: Outputs = (), **changed: Any) -> list[str]:
        """Empty a batch into child lots (and residues) of these masses; return their ids."""
        ids = [self.id() for _ in (*masses, *residues)]
        made = [self.output(lot, mass) for lot, mass in zip(ids, (*masses, *residues), strict=True)]
        fields: dict[str, Any] = {
            "batch": batch, "discharged_on": self.world.today,
            "outputs": tuple(made[: len(masses)]), "residues": tuple(made[len(masses) :]),
        }  # fmt: skip
        self.act(lots.BatchDischarged(**(fields | changed)), batch)
        return ids

    @staticmethod
    def output(lot: str, mass_g: int, code: str = CODE) -> lots.Output:
        """Return what comes out of a batch."""
        return lots.Output(lot=lot, code=code, state=State.LIQUID, mass_g=mass_g)

    def treat(self, manifest: str, mass_g: int, methods: tuple[str, ...] = ("TC",)) -> None:
        """Treat a part of the manifest's line."""
        part = e.LineTreated(line=1, mass_g=mass_g, methods=methods, treated_on=self.world.today)
        self.act(e.Treated(parts=(part,)), manifest)

    def treat_lot(self, lot: str, mass_g: int, **changed: Any) -> None:
        """Treat a part of a lot in the own store."""
        fields: dict[str, Any] = {
            "lot": lot, "mass_g": mass_g, "methods": ("TC",), "treated_on": self.world.today,
            "permit": f"permit:{self.party[4:]}",
        }  # fmt: skip
        self.act(lots.LotTreated(**(fields | changed)), lot)

    def complete(self, manifest: str) -> None:
        """Confirm that nothing of the manifest is left."""
        self.act(e.Completed(), manifest)

    def grams(self, lot: str) -> dict[tuple[str, str], int]:
        """Return where a lot's grams are, by account and place."""
        rows = self.world.rows(BALANCE, lot=lot)
        return {(row["account"], row["place"]): row["grams"] for row in rows if row["grams"]}

    def held(self, lot: str, account: Account) -> int:
        """Return a lot's grams in an account."""
        return self.world.grams(account, lot=lot)

    def open_shares(self, of: str) -> dict[str, int]:
        """Return what a batch or a child lot still stands for, by lot."""
        rows = self.world.rows(LOT_SHARE, of=of, account=Account.INTERIM.value)
        found: dict[str, int] = {}
        for row in rows:
            found[row["lot"]] = found.get(row["lot"], 0) + row["grams"]
        return {lot: grams for lot, grams in found.items() if grams}
