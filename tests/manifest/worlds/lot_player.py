"""What may come next with the lots and batches of a random world, most of it allowed.

A player draws and answers; it records nothing. Masses are whole grams.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from hypothesis import strategies as st

from ledger.storage.db import Row, reading
from ledger.writing.changes import Reads
from manifest import events as e
from manifest.acts import find
from manifest.body import Body
from manifest.consignment import Manifest
from manifest.lots import events as lots
from manifest.lots.views import BATCH
from manifest.reference import default
from manifest.views import BALANCE, LOT, MANIFEST
from manifest.vocabulary import Account, LotKind, Role, State, Status
from tests.manifest.cases.helpers import on_paper
from tests.manifest.worlds import stage
from tests.world import (
    CARRIER,
    CODE,
    OTHER_CODE,
    RIVAL,
    Who,
    World,
)

T = TypeVar("T")
_OWN_KINDS = {LotKind.CHILD.value, LotKind.SECONDARY.value, LotKind.OPENING.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """An act that somebody is about to sign."""

    body: Body
    who: tuple[Who, ...]
    stream: str


@dataclass(slots=True)
class LotPlayer:
    """Draws the next acts on lots and batches of a world."""

    world: World
    draw: Callable[[st.SearchStrategy[Any]], Any]

    def one_of(self, items: Sequence[T]) -> T:
        """Draw one of some things."""
        index: int = self.draw(st.integers(0, len(items) - 1))
        return items[index]

    def grams(self, most: int, *, least: int = 1) -> int:
        """Draw grams up to a limit; often all of it, and often very few, where roundings show."""
        if most <= least:
            return most
        few = st.integers(least, min(most, least + 20))
        found: int = self.draw(st.one_of(st.just(most), few, st.integers(least, most)))
        return found

    def chance(self, of: int) -> bool:
        """Draw whether something happens once in so many times."""
        return bool(self.draw(st.integers(1, of)) == of)

    def manifest(self, manifest: str) -> Manifest:
        """Return a manifest as its events say."""
        with reading(self.world.engine) as reader:
            return find(Reads(reader, self.world.ledger.log), manifest, default())

    def manifests(self, *, done: bool = False) -> list[Row]:
        """Return the manifests to act on, in the order of their ids; finished ones only if asked."""
        rows = self.world.rows(MANIFEST)
        over = () if done else (Status.COMPLETED, Status.CANCELLED, Status.RETURNED)
        return sorted((row for row in rows if row["status"] not in over), key=lambda row: row["manifest"])

    def stock(self, *sites: str) -> list[Row]:
        """Return the lots in store at some sites, with their ``grams``."""
        stored = {
            (row["lot"], row["place"]): row["grams"]
            for row in self.world.rows(BALANCE, account=Account.STORED.value)
        }
        found = [
            {**row, "grams": grams}
            for row in self.world.rows(LOT)
            if row["site"] in sites and (grams := stored.get((row["lot"], row["site"]), 0)) > 0
        ]
        return sorted(found, key=lambda row: str(row["lot"]))

    # Lots

    def arisen(self) -> Move:
        """Return a declaration of a new lot, or of opening stock."""
        site = self.one_of(sorted(stage.SITES))
        party, lot = stage.SITES[site], self.world.id()
        fields: dict[str, Any] = {
            "lot": lot, "site": site, "code": self.one_of((CODE, CODE, OTHER_CODE)),
            "state": self.one_of((State.LIQUID, State.SLUDGE)), "mass_g": self.grams(30_000),
        }  # fmt: skip
        if party == stage.HOUSEHOLD and self.chance(2):
            paper = on_paper(party)
            body: Body = e.GenerationDeclared(**fields, generated_on=self.world.today, on_paper=paper)
            return Move(body=body, who=((party, Role.GENERATOR, CARRIER),), stream=lot)
        if party in stage.FACILITIES or self.chance(4):
            body = e.OpeningDeclared(**fields, generated_on=self.world.today - timedelta(days=90))
        else:
            body = e.GenerationDeclared(**fields, generated_on=self.world.today)
        return Move(body=body, who=((party, Role.GENERATOR),), stream=lot)

    def of_lot(self) -> Move | None:
        """Return an act on a lot in store: adjusted, self-treated, declassified, treated by its facility."""
        found = self.stock(*stage.SITES)
        if not found:
            return None
        children = [row for row in found if row["lot_kind"] == LotKind.CHILD]
        row = self.one_of(children if children and self.chance(2) else found)
        lot, party, today = row["lot"], row["party"], self.world.today
        mass_g = self.grams(row["grams"])
        fields: dict[str, Any] = {"lot": lot, "mass_g": mass_g}
        if party in stage.FACILITIES and row["lot_kind"] in _OWN_KINDS and not self.chance(4):
            permit = self.one_of((f"permit:{party[4:]}", f"permit:{party[4:]}", None))
            methods = self.one_of((("TC",), ("SC", "TĐ")))
            treated = lots.LotTreated(**fields, methods=methods, treated_on=today, permit=permit)
            return Move(body=treated, who=((party, Role.TREATMENT_FACILITY),), stream=lot)
        kinds = ["adjusted", "self"] + ["ordinary"] * (party == RIVAL)
        match self.one_of(kinds):
            case "adjusted":
                delta = self.one_of((mass_g, -mass_g))
                body: Body = e.GenerationAdjusted(lot=lot, delta_g=delta, reason="Cân lại tại kho")
            case "self":
                permit = self.one_of(("permit:own", None))
                body = e.SelfTreated(**fields, methods=("TĐ",), treated_on=today, permit=permit)
            case _:
                body = lots.Declassified(**fields, certificate="certificate:1", declassified_on=today)
        return Move(body=body, who=((party, Role.GENERATOR),), stream=lot)

    def residue(self) -> Move | None:
        """Return a residue of a batch or of manifests."""
        party = self.one_of(stage.FACILITIES)
        site = f"site:{party[4:]}"
        batches = sorted(row["batch"] for row in self.world.rows(BATCH, site=site))
        taken = [
            row["manifest"]
            for row in self.manifests(done=True)
            if site in {row["facility_site"], row["second_site"]} and row["accepted_g"]
        ]
        if not batches and not taken:
            return None
        fields: dict[str, Any] = {
            "lot": self.world.id(), "site": site, "code": OTHER_CODE, "state": State.SLUDGE,
            "mass_g": self.grams(5_000), "generated_on": self.world.today,
        }  # fmt: skip
        if batches and (not taken or self.chance(2)):
            fields["batch"] = self.one_of(batches)
        else:
            fields["manifests"] = (self.one_of(taken),)
        body = lots.ResidueDeclared(**fields)
        return Move(body=body, who=((party, Role.TREATMENT_FACILITY),), stream=body.lot)

    # Batches

    def batch(self, party: str, site: str) -> str:
        """Draw a batch that is open at a site, or a new one."""
        rows = self.world.rows(BATCH, party=party, site=site)
        open_ = sorted(row["batch"] for row in rows if row["discharged_on"] is None)
        return self.one_of(open_) if open_ and not self.chance(4) else self.world.id()

    def charge(self) -> Move | None:
        """Return own lots put into a batch."""
        site = self.one_of(sorted(site for site, owner in stage.SITES.items() if owner in stage.FACILITIES))
        party = stage.SITES[site]
        found = [row for row in self.stock(site) if row["lot_kind"] in _OWN_KINDS]
        children = [row for row in found if row["lot_kind"] == LotKind.CHILD]
        if children and not self.chance(4):  # so that networks grow deep
            found = children
        if not found:
            return None
        chosen = self.draw(st.lists(st.sampled_from(range(len(found))), min_size=1, max_size=3, unique=True))
        masses = tuple(
            lots.LotMass(lot=found[n]["lot"], mass_g=self.grams(found[n]["grams"])) for n in chosen
        )
        body = lots.BatchCharged(
            batch=self.batch(party, site), site=site, lots=masses, methods=("SC",),
            charged_on=self.world.today,
        )  # fmt: skip
        return Move(body=body, who=((party, Role.TREATMENT_FACILITY),), stream=body.batch)

    def discharge(self) -> Move | None:
        """Return a batch that comes out: child lots, residues, and now and then what nobody can trace."""
        rows = [row for row in self.world.rows(BATCH) if row["discharged_on"] is None]
        if not rows:
            return None
        row = self.one_of(sorted(rows, key=lambda row: str(row["batch"])))
        most = 2 * row["charged_g"]
        masses = [self.grams(most) for _ in range(self.draw(st.integers(0, 3)))]
        broken = self.grams(most) if self.chance(5) or not masses else 0

        def output(mass_g: int) -> lots.Output:
            return lots.Output(lot=self.world.id(), code=CODE, state=State.LIQUID, mass_g=mass_g)

        body = lots.BatchDischarged(
            batch=row["batch"],
            discharged_on=self.world.today,
            outputs=tuple(map(output, masses)),
            residues=(output(self.grams(500)),) if self.chance(4) else (),
            broken_g=broken,
            permit=f"permit:break:{row['party'][4:]}" if broken and not self.chance(5) else None,
        )
        return Move(body=body, who=((row["party"], Role.TREATMENT_FACILITY),), stream=body.batch)
