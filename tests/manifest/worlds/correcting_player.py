"""What may come next with what was written wrong: proposals of every field, answers, an authority's wish."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from ledger.format.event import time_text
from ledger.storage.db import Row
from manifest import events as e
from manifest.body import Body
from manifest.consignment import Line, Manifest
from manifest.correcting.events import CorrectionRequested, CorrectionWithdrawn
from manifest.correcting.views import CORRECTION_REQUEST
from manifest.vocabulary import CorrectedField, Packaging, Role, State, VehicleKind
from tests.manifest.worlds import stage
from tests.manifest.worlds.lot_player import Move
from tests.manifest.worlds.player import ManifestPlayer
from tests.world import AUTHORITY, CODE, OTHER_CODE, Who

# What moves grams is drawn more often than what is words alone.
_FIELDS = (
    *CorrectedField, CorrectedField.NET_MASS, CorrectedField.NET_MASS, CorrectedField.SPLIT,
    CorrectedField.SPLIT, CorrectedField.DIFFERENCE, CorrectedField.DIFFERENCE, CorrectedField.TREATED,
    CorrectedField.TREATED, CorrectedField.TREATED, CorrectedField.CODE, CorrectedField.CODE,
    CorrectedField.STATE,
)  # fmt: skip


class Player(ManifestPlayer):
    """Draws the next acts of a world."""

    def correction(self, row: Row) -> Move | None:
        """Return a correction that is proposed or taken back, an answer, or an authority's wish."""
        now = self.manifest(row["manifest"])
        if now.corrections and not self.chance(6):
            return self._answer(now)
        one = self.one_of(now.lines)
        field = self.one_of(_FIELDS)
        if self.chance(12):
            wish = CorrectionRequested(
                request=self.world.id(), field=field, line=one.number, reason="Số liệu không khớp"
            )
            return Move(body=wish, who=((AUTHORITY, Role.AUTHORITY),), stream=now.id)
        fields: dict[str, Any] = {"correction": self.world.id(), "field": field, "reason": "Ghi nhầm"}
        fields |= self._where(now, one, field) | self._what(now, one, field)
        wishes = self.world.rows(CORRECTION_REQUEST, manifest=now.id, field=field.value, state="open")
        if wishes and wishes[0]["line"] == fields.get("line"):
            fields["answers"] = wishes[0]["request"]
        parties = [now.registered.generator, now.facility_of(one), now.facility_of(one), now.holder]
        return self._said(now, e.CorrectionProposed(**fields), self.one_of(parties))

    def _answer(self, now: Manifest) -> Move:
        found = now.corrections[self.one_of(sorted(now.corrections))]
        name = found.proposed.correction
        body: Body = e.CorrectionConsented(correction=name)
        if self.chance(4):
            body = e.CorrectionDeclined(correction=name, reason="Phiếu ghi đúng")
        if self.chance(8):
            body = CorrectionWithdrawn(correction=name, reason="Đã rõ")
            return self._said(now, body, found.by)
        return self._said(now, body, self.one_of(sorted(found.waiting)))

    def _said(self, now: Manifest, body: Body, party: str) -> Move:
        role = Role.TREATMENT_FACILITY if party in stage.FACILITIES else Role.TRANSPORTER
        if party == now.registered.generator:
            role = Role.GENERATOR
        who: Who = (party, role)
        return Move(body=body, who=(who,), stream=now.id)

    def _where(self, now: Manifest, one: Line, field: CorrectedField) -> dict[str, Any]:
        if field in {CorrectedField.VEHICLE_PLATE, CorrectedField.VEHICLE_KIND}:
            return {"leg": max(len(now.legs), 1)}
        if field is CorrectedField.TREATED:
            return {"part": self.one_of(range(1, len(now.parts) + 1)) if now.parts else 1}
        return {} if field in {CorrectedField.ARRIVAL, CorrectedField.PAPER_NUMBER} else {"line": one.number}

    def _what(self, now: Manifest, one: Line, field: CorrectedField) -> dict[str, Any]:
        wrong_code = OTHER_CODE if one.declared.code == CODE else CODE
        arrived = (now.arrived_at or self.world.now) - timedelta(seconds=self.grams(90))
        values: dict[CorrectedField, Callable[[], dict[str, Any]]] = {
            CorrectedField.VEHICLE_PLATE: lambda: {"value": self.one_of(stage.PLATES)},
            CorrectedField.VEHICLE_KIND: lambda: {"vehicle_kind": self.one_of(tuple(VehicleKind))},
            CorrectedField.ARRIVAL: lambda: {"arrived_at": time_text(arrived)},
            CorrectedField.PAPER_NUMBER: lambda: {"value": f"GIAY-{self.grams(9)}"},
            CorrectedField.WASTE_NAME: lambda: {"name": "Dầu thải khác"},
            CorrectedField.CONTAINERS: lambda: {"value": "3 phuy 200 L"},
            CorrectedField.PACKAGES: lambda: {
                "packages": (e.Packages(kind=self.one_of(tuple(Packaging)), count=self.grams(5)),)
            },
            CorrectedField.STATE: lambda: {
                "state": self.one_of(tuple(State)), "lots": tuple(self.world.id() for _ in one.lots),
            },
            CorrectedField.CODE: lambda: {
                "code": wrong_code, "lots": tuple(self.world.id() for _ in one.lots),
            },
            CorrectedField.NET_MASS: lambda: {"net_g": self.net(one.mass.arrived_g)},
            CorrectedField.SPLIT: lambda: {"accepted_g": self.grams(one.mass.arrived_g, least=0)},
            CorrectedField.TREATED: lambda: self._treated_otherwise(now),
        }  # fmt: skip
        return values.get(field, dict)()

    def _treated_otherwise(self, now: Manifest) -> dict[str, Any]:
        most = sum(part.declared.mass_g for part in now.parts) or 1
        if self.chance(2):
            return {"mass_g": self.grams(most)}
        methods = self.one_of((("TC",), ("SC",), ("SC", "TC"), ("OH",)))
        return {"methods": methods, "mass_g": self.grams(most)} if self.chance(2) else {"methods": methods}
