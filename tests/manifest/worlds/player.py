"""What may come next with the manifests of a random world, most of it allowed."""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from ledger.storage.db import Row
from manifest import events as e
from manifest.body import Body
from manifest.cases import events as c
from manifest.cases.parts import LineDisposed, LineMoved, LineReceived, Listed
from manifest.consignment import Line, Manifest
from manifest.obligation_views import OBLIGATION, OBLIGATION_LOT
from manifest.views import MANIFEST, MANIFEST_LINE
from manifest.vocabulary import Role, Status
from tests.manifest.cases.helpers import HASH, on_paper
from tests.manifest.lots.independent import parted
from tests.manifest.worlds import stage
from tests.manifest.worlds.lot_player import LotPlayer, Move
from tests.world import (
    CODE,
    OTHER_FACILITY,
    SECOND_CARRIER,
    Who,
    line,
)


class ManifestPlayer(LotPlayer):
    """Draws the next acts of manifests."""

    def register(self) -> Move | None:
        """Return a new manifest, of any case that fits what is in store."""
        kind = self.one_of(stage.KINDS)
        fields = dict(stage.CASES[kind])
        if kind == "round":
            rounds = sorted({row["round"] for row in self.world.rows(MANIFEST) if row["round"]})
            fields["round"] = self.one_of([*rounds, self.world.id()])
        also = ("site:household",) if kind == "listed" else ()
        owed = self.world.rows(OBLIGATION, generator=str(fields["generator"]), state="returned")
        if owed and not also and self.chance(2):
            one = self.one_of(sorted(owed, key=lambda row: str(row["obligation"])))
            fields["settles"] = (one["obligation"],)
            lines = self._lines_of(str(fields["site"]), one)
        else:
            lines = self._lines(str(fields["site"]), also, second=kind == "second")
        if not lines:
            return None
        drawn = {draw.lot for one in lines for draw in one["lots"]}
        if any(row["lot"] in drawn for row in self.stock(*also)):
            fields["listed"] = (Listed(party=stage.HOUSEHOLD, site="site:household"),)
        body = self.world.registered(*lines, **fields)
        body = replace(body, number=replace(body.number, issuer=stage.ISSUERS[body.facility]))
        who: Who = (body.generator, Role.GENERATOR)
        if kind == "plain" and self.chance(4):  # the facility enters what stands on the generator's paper
            paper = f"GIAY-{body.number.sequence}"
            body = replace(body, on_paper=on_paper(body.generator), paper_number=paper)
            who = (body.generator, Role.GENERATOR, body.facility)
        return Move(body=body, who=(who,), stream=self.world.id())

    def _lines_of(self, site: str, owed: Row) -> list[dict[str, Any]]:
        """Return lines that take away all that is left of the lots of a refusal."""
        lots = {row["lot"] for row in self.world.rows(OBLIGATION_LOT, obligation=owed["obligation"])}
        by_code: dict[str, list[e.Draw]] = {}
        for row in self.stock(site):
            if row["lot"] in lots:
                by_code.setdefault(row["code"], []).append(e.Draw(lot=row["lot"], mass_g=row["grams"]))
        return [
            line(n, code=code, mass_g=sum(draw.mass_g for draw in draws), lots=tuple(draws))
            for n, (code, draws) in enumerate(sorted(by_code.items()), start=1)
        ]

    def _lines(self, site: str, also: tuple[str, ...], *, second: bool) -> list[dict[str, Any]]:
        found = self.stock(site, *also)
        # What goes on to a second facility has a code of its own.
        codes = sorted({row["code"] for row in found})
        made: list[dict[str, Any]] = []
        left = {row["lot"]: row["grams"] for row in found}
        for number in range(1, self.draw(st.integers(2 if second else 1, 3)) + 1):
            code = codes[number % len(codes)] if second and codes else self.one_of(codes or [CODE])
            fitting = [row["lot"] for row in found if row["code"] == code and left[row["lot"]]]
            if not fitting:
                continue
            chosen = self.draw(st.lists(st.sampled_from(fitting), min_size=1, max_size=3, unique=True))
            draws = []
            for lot in chosen:
                mass_g = self.grams(left[lot])
                left[lot] -= mass_g
                draws.append(e.Draw(lot=lot, mass_g=mass_g))
            total = sum(draw.mass_g for draw in draws)
            made.append(line(len(made) + 1, code=code, mass_g=total, lots=tuple(draws)))
        return made

    def advance(self, row: Row) -> Move | None:
        """Return what a manifest does next, one of what its state lets one expect."""
        now = self.manifest(row["manifest"])
        match now.status:
            case Status.REGISTERED:
                made = self.cancelled(now) if self.chance(12) else self.handed_over(now)
            case Status.IN_TRANSIT:
                made = self._on_the_road(now)
            case Status.ARRIVED:
                made = self._at_the_gate(now)
            case Status.WEIGHED:
                made = self.refused(now) if self.chance(6) else self.accepted(now)
            case Status.REFUSED | Status.COMPLETED:
                made = self.returned(now)
            case Status.EXPORTED:
                made = self.completed(now) if not now.left_g else self.certified(now)
            case Status.ACCEPTED | Status.IN_TREATMENT:
                made = self._inside(now)
            case _:
                made = None
        return made

    def anything(self, row: Row) -> Move | None:
        """Return any act of a manifest, whatever its state."""
        now = self.manifest(row["manifest"])
        made: Move | None = self.one_of(
            (self.cancelled, self.handed_over, self.transshipped, self.arrived, self.weighed, self.accepted,
             self.refused, self.returned, self.treated, self.forwarded, self.received, self.exported,
             self.certified, self.completed, self.notified)
        )(now)  # fmt: skip
        return made

    def without_network(self, row: Row) -> Move | None:
        """Return an act of those who often have no network: on the road, at the gate, on the way home."""
        now = self.manifest(row["manifest"])
        if now.status is Status.IN_TRANSIT:
            return self.one_of((self.handed_over, self.handed_over, self.transshipped, self.arrived))(now)
        return self.returned(now) if now.refused_g else self.anything(row)

    def _on_the_road(self, now: Manifest) -> Move | None:
        if now.registered.export is not None:
            return self.exported(now)
        choice = self.draw(st.integers(0, 9))
        if choice == 0:
            return self.handed_over(now)
        return self.transshipped(now) if choice == 1 else self.arrived(now)

    def _at_the_gate(self, now: Manifest) -> Move | None:
        if set(now.vehicles) - now.gate:
            return self.arrived(now)
        return self.refused(now) if self.chance(8) else self.weighed(now)

    def _inside(self, now: Manifest) -> Move | None:
        under_way = [one.mass.second for one in now.lines if one.mass.second is not None]
        if any(second.accepted_g is None for second in under_way) and not self.chance(4):
            return self.received(now)
        if now.registered.second is not None and not under_way and not self.chance(4):
            return self.forwarded(now)
        if now.refused_g and self.chance(3):
            return self.returned(now)
        return self.treated(now) if now.left_g else self.completed(now)

    def _by(self, now: Manifest, body: Body, party: str | None = None) -> Move:
        who: Who = (party or now.registered.facility, Role.TREATMENT_FACILITY)
        return Move(body=body, who=(who,), stream=now.id)

    def _as(self, now: Manifest, party: str) -> Who:
        if party == now.registered.generator:
            return (party, Role.GENERATOR)
        return (party, Role.TRANSPORTER)

    def cancelled(self, now: Manifest) -> Move | None:
        """Return that a manifest is called off."""
        who: Who = (now.registered.generator, Role.GENERATOR)
        return Move(body=e.Cancelled(reason="Đổi lịch thu gom"), who=(who,), stream=now.id)

    def handed_over(self, now: Manifest) -> Move | None:
        """Return the next hand-over; now and then to somebody who was not planned."""
        planned = [carrier.party for carrier in now.registered.carriers]
        taker = SECOND_CARRIER if self.chance(12) else self.one_of(planned)
        giver, leg = now.holder, len(now.legs) + 1
        plate = self.one_of(stage.PLATES[:2])
        papers = on_paper(giver) if giver != taker and self.chance(6) else ()
        body = e.HandedOver(leg=leg, giver=giver, taker=taker, vehicle_plate=plate, on_paper=papers)
        both = (self._as(now, giver), self._as(now, taker))
        return Move(body=body, who=both[1:] if papers or giver == taker else both, stream=now.id)

    def transshipped(self, now: Manifest) -> Move | None:
        """Return grams that change vehicles."""
        source = self.one_of(sorted(now.vehicles) or [stage.PLATES[0]])
        loads = now.vehicles.get(source, {})
        moved = tuple(
            LineMoved(line=number, mass_g=self.grams(grams)) for number, grams in loads.items() if grams
        )
        if not moved:
            return None
        target = self.one_of(stage.PLATES)
        body = c.Transshipped(from_plate=source, to_plate=target, lines=moved)
        return Move(body=body, who=(self._as(now, now.holder),), stream=now.id)

    def arrived(self, now: Manifest) -> Move | None:
        """Return a vehicle at the gate."""
        waiting = sorted(set(now.vehicles) - now.gate) or [stage.PLATES[0]]
        return self._by(now, e.Arrived(vehicle_plate=self.one_of(waiting)))

    def weighed(self, now: Manifest) -> Move | None:
        """Return a scale that says the same, a little or a lot more or less."""
        in_round = now.registered.round is not None and now.legs and not self.chance(6)
        ticket_g, shares = self._round(now) if in_round else (None, {})
        items = tuple(
            e.LineWeighed(
                line=one.number,
                net_g=shares[one.number] if shares else self.net(one.mass.declared_g),
                ticket=f"PC-{one.number}",
            )
            for one in now.lines
        )
        return self._by(now, e.Weighed(instrument="Cân 80 t số 1", lines=items, round_net_g=ticket_g))

    def _round(self, now: Manifest) -> tuple[int, dict[int, int]]:
        """Return what one ticket for a whole round says, and the shares of this manifest's lines."""
        rows = self.world.rows(MANIFEST, round=now.registered.round, facility=now.registered.facility)
        rows = sorted((row for row in rows if row["transferred_at"]), key=lambda row: str(row["manifest"]))
        lines = [
            (f"{row['manifest']}/{one['line']}", one["declared_g"])
            for row in rows
            for one in sorted(
                self.world.rows(MANIFEST_LINE, manifest=row["manifest"]), key=lambda one: int(one["line"])
            )
        ]
        known = [row["round_net_g"] for row in rows if row["round_net_g"] is not None]
        ticket_g = known[0] if known else max(self.net(sum(grams for _, grams in lines)), 1)
        parts = parted(ticket_g, dict(lines))
        return ticket_g, {one.number: parts[f"{now.id}/{one.number}"] for one in now.lines}

    def net(self, declared_g: int) -> int:
        """Draw what a scale says of a mass."""
        permille = self.one_of((0, 0, 0, 20, -20, 300, -300, 3000, -1000))
        return declared_g + declared_g * permille // 1000 + self.one_of((0, 0, 1, 7))

    def accepted(self, now: Manifest) -> Move | None:
        """Return what is taken, and what is refused."""

        def decided(one: Line) -> e.LineDecided:
            net = one.mass.arrived_g
            refused = self.grams(net, least=0) if self.chance(4) else 0
            reason = "Lẫn nước" if refused else None
            return e.LineDecided(line=one.number, accepted_g=net - refused, refused_g=refused, reason=reason)

        return self._by(now, e.Accepted(lines=tuple(map(decided, now.lines))))

    def refused(self, now: Manifest) -> Move | None:
        """Return that the whole load is refused."""
        return self._by(now, e.Refused(reason="Không đúng loại đã khai"))

    def returned(self, now: Manifest) -> Move | None:
        """Return that what was refused is back."""
        carriers = sorted({who for one in now.lines if (who := now.brings_back(one))})
        giver = self.one_of(carriers or [now.holder])
        generator: Who = (now.registered.generator, Role.GENERATOR)
        body = e.Returned(giver=giver, vehicle_plate=stage.PLATES[0])
        same = giver == generator[0]
        return Move(body=body, who=(generator,) if same else (self._as(now, giver), generator), stream=now.id)

    def treated(self, now: Manifest) -> Move | None:
        """Return parts treated: ended, prepared, poured into a batch, or without a permit line."""
        in_hand = [one for one in now.lines if one.mass.left_g]
        if not in_hand:
            return None
        party = now.facility_of(self.one_of(in_hand))
        mine = [one for one in in_hand if now.facility_of(one) == party]
        chosen = mine if self.chance(3) else [self.one_of(mine)]
        how = self.one_of(("final", "final", "interim", "batch", "batch", "none"))
        parts = tuple(self._part(now, party, one, how) for one in chosen)
        return self._by(now, e.Treated(parts=parts), party)

    def _part(self, now: Manifest, party: str, one: Line, how: str) -> e.LineTreated:
        most = one.mass.untouched_g if how == "interim" else one.mass.left_g
        batch = self.batch(party, now.site_of(one)) if how == "batch" else None
        methods = {"final": self.one_of((("TC",), ("SC", "TC"))), "none": ("OH",)}.get(how, ("SC",))
        return e.LineTreated(
            line=one.number, mass_g=self.grams(max(most, 1)), methods=methods,
            treated_on=self.world.today, batch=batch,
        )  # fmt: skip

    def forwarded(self, now: Manifest) -> Move | None:
        """Return lines that go on to the second facility."""
        registered = now.registered
        whole = [one.number for one in now.lines if one.mass.second is None and one.mass.accepted_g]
        if not whole:
            return None
        chosen = tuple(sorted({self.one_of(whole), self.one_of(whole)}))
        taker = self.one_of((registered.facility, OTHER_FACILITY))
        body = c.Forwarded(facility=OTHER_FACILITY, taker=taker, vehicle_plate=stage.PLATES[0], lines=chosen)
        first: Who = (registered.facility, Role.TREATMENT_FACILITY)
        both = (first,) if taker == registered.facility else (first, (taker, Role.TREATMENT_FACILITY))
        return Move(body=body, who=both, stream=now.id)

    def received(self, now: Manifest) -> Move | None:
        """Return what the second facility weighed and decided."""
        items = []
        for one in now.lines:
            second = one.mass.second
            if second is not None and second.accepted_g is None:
                net = self.net(second.forwarded_g)
                refused = self.grams(net, least=0) if self.chance(4) else 0
                items.append(
                    LineReceived(
                        line=one.number, net_g=net, ticket="PC-2", accepted_g=net - refused,
                        refused_g=refused, reason="Lẫn nước" if refused else None,
                    )
                )  # fmt: skip
        if not items:
            return None
        return self._by(now, c.ReceivedSecond(instrument="Cân 40 t", lines=tuple(items)), OTHER_FACILITY)

    def notified(self, now: Manifest) -> Move | None:
        """Return a notice of storage."""
        body = c.StorageNotified(reason="Lò đốt bảo dưỡng", sent_to="Bộ", document_sha256=HASH)
        return self._by(now, body)

    def exported(self, now: Manifest) -> Move | None:
        """Return that a load left the country."""
        return self._by(now, c.Exported(exit_gate="Cảng Hải Phòng", declaration="TK-01"))

    def certified(self, now: Manifest) -> Move | None:
        """Return a certificate of disposal abroad."""
        items = tuple(
            LineDisposed(line=one.number, mass_g=self.grams(one.mass.left_g), method="TC")
            for one in now.lines
            if one.mass.left_g
        )
        if not items:
            return None
        body = c.DisposalCertified(
            certificate="CN-01", certificate_sha256=HASH, disposed_on=self.world.today, lines=items
        )
        return self._by(now, body)

    def completed(self, now: Manifest) -> Move | None:
        """Return that nothing is left, by whoever treated last."""
        return self._by(now, e.Completed(), now.treated_by)
