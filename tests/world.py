"""A small world that acts: operators, an authority, two generators, two carriers and two facilities.

Everything goes through the real writer and the real judge. `world.register().hand_over()…` plays the main
job; each verb takes what the test is about as keywords and leaves the rest typical.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from random import Random
from typing import Any, Self

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from sqlalchemy import Engine, Table

from api.recorder import Signing, record
from ledger.errors import Refused
from ledger.format.keys import key_fields
from ledger.format.note import NoteSigner
from ledger.format.signature import KeySigner
from ledger.ids import uuid7
from ledger.personal.vault import Secret
from ledger.storage.db import Row, reading
from ledger.storage.store import rows
from ledger.writing.writer import Ledger, Recorded
from manifest import events as e
from manifest import reference
from manifest.body import Body
from manifest.register import events as r
from manifest.register.log import EditionAdopted, KeyRegistered, KeyRevoked, KeyRotated, LogOpened
from manifest.service import Judge
from manifest.text import tax_code_of
from manifest.views import BALANCE
from manifest.vocabulary import (
    Account,
    CorrectedField,
    IdentifierKind,
    PermitKind,
    Role,
    SiteKind,
    State,
    VehicleKind,
    ZoneKind,
    local_date,
)

Who = tuple[str, str] | tuple[str, str, str]

ORIGIN = "ledger.example/ha-noi"
START = datetime(2025, 4, 1, 1, 0, tzinfo=UTC)
CODE = "17 02 03"
OTHER_CODE = "18 02 01"
FORM = "tt02-2022"
OPERATOR, AUTHORITY = "org:operator", "org:department"
GENERATOR, RIVAL = "org:generator", "org:rival"
CARRIER, SECOND_CARRIER = "org:carrier", "org:carrier-2"
FACILITY, OTHER_FACILITY = "org:facility", "org:facility-2"
TONNE = 1_000_000
PLATE = "29C-123.45"


@lru_cache(maxsize=256)
def key_of(name: str) -> KeySigner:
    """Return the signer of a name: the same P-256 key in every run."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest(), "big") >> 1
    return KeySigner(ec.derive_private_key(seed, ec.SECP256R1()))


@lru_cache(maxsize=1)
def log_signer() -> NoteSigner:
    """Return the log's own key."""
    seed = hashlib.sha256(b"log").digest()
    return NoteSigner(ORIGIN, ed25519.Ed25519PrivateKey.from_private_bytes(seed))


def refused(act: Callable[[], object]) -> list[tuple[str, str]]:
    """Return code and path of each problem of an act that has to be refused."""
    with pytest.raises(Refused) as caught:
        act()
    return [(problem.code, problem.path) for problem in caught.value.problems]


def line(number: int = 1, **changed: Any) -> dict[str, Any]:
    """Return a line's fields without its lots."""
    typical = {
        "line": number, "code": CODE, "name": "Dầu bôi trơn tổng hợp thải", "state": State.LIQUID,
        "mass_g": 500_000, "planned_methods": ("TC",), "containers": "2 phuy 200 L",
    }  # fmt: skip
    return typical | changed


@dataclass
class World:
    """A ledger of waste with its clock; `World.open(engine)` makes it ready for a first manifest."""

    engine: Engine
    ledger: Ledger
    now: datetime = START
    random: Random = field(default_factory=lambda: Random(307))  # noqa: S311  a seeded world, no secret
    manifest: str = ""
    sequence: int = 0
    legs: int = 0
    last: Recorded | None = None

    @classmethod
    def open(cls, engine: Engine) -> Self:
        """Return a world whose registers are filled."""
        judge = Judge(reference.default())
        world = cls(engine, Ledger(engine, ORIGIN, judge=judge, signer=log_signer()))
        world._open_log()
        world._enter_parties()
        return world

    def copied(self, engine: Engine) -> "World":
        """Return this world as it stands, on a copy of its database."""
        random = Random()  # noqa: S311  a seeded world, no secret
        random.setstate(self.random.getstate())
        ledger = Ledger(engine, ORIGIN, judge=Judge(reference.default()), signer=log_signer())
        return replace(self, engine=engine, ledger=ledger, random=random)

    def id(self) -> str:
        """Return a new UUIDv7 of this world's clock."""
        return uuid7(self.now, self.random)

    @property
    def today(self) -> date:
        """The date in Viet Nam."""
        return local_date(self.now)

    def tick(self, **delta: float) -> Self:
        """Let time pass: an hour, or as said."""
        self.now += timedelta(**(delta or {"hours": 1}))
        return self

    def act(
        self,
        body: Body,
        *signings: Who,
        stream: str,
        at: datetime | None = None,
        secrets: dict[str, Secret] | None = None,
    ) -> Recorded:
        """Record a body for (party, role) or (party, role, name of another key); a minute passes first."""
        self.tick(minutes=1)
        signed = [Signing(who[0], who[1], key_of(who[-1] if len(who) > 2 else who[0])) for who in signings]
        self.last = record(
            self.ledger,
            body,
            signed,
            stream=stream,
            occurred_at=at or self.now,
            now=self.now,
            secrets=secrets,
        )
        return self.last

    def _open_log(self) -> None:
        roots = ("org:operator", "root-2")
        fields = [key_fields(key_of(name).public_key, party=OPERATOR, custody="device") for name in roots]
        edition = reference.default().edition
        opened = LogOpened(
            format=1,
            operator="Đơn vị vận hành sổ cái (giả định)",
            log_keys=(str(log_signer().key),),
            root_keys=tuple(fields),
            reference={"name": edition.name, "sha256": edition.sha256},
        )
        both: list[Who] = [(OPERATOR, Role.OPERATOR), (OPERATOR, Role.OPERATOR, "root-2")]
        self.act(opened, *both, stream="log")
        adopted = EditionAdopted(name=edition.name, sha256=edition.sha256, files=dict(edition.files))
        self.act(adopted, *both, stream="reference")
        self.add_key("service", OPERATOR, custody="service")

    def _enter_parties(self) -> None:
        self.add_party(AUTHORITY, "Sở Nông nghiệp và Môi trường (giả định)", Role.AUTHORITY)
        self.add_party(GENERATOR, "Công ty TNHH Cơ khí Ngọc Lũ Xanh", Role.GENERATOR)
        self.add_party(RIVAL, "Công ty CP Sơn Mạ Phú Bình An", Role.GENERATOR)
        self.add_party(CARRIER, "Công ty Vận tải Hồng Hà Sạch", Role.TRANSPORTER)
        self.add_party(SECOND_CARRIER, "Công ty Vận tải Sông Đáy Xanh", Role.TRANSPORTER)
        for party, name in (
            (FACILITY, "Công ty Xử lý Ba Vì Sạch"),
            (OTHER_FACILITY, "Công ty Xử lý Sóc Sơn Mới"),
        ):
            self.add_party(party, name, Role.TREATMENT_FACILITY, Role.GENERATOR, Role.TRANSPORTER)
        for party in (GENERATOR, RIVAL, FACILITY, OTHER_FACILITY):
            self.add_site(party)
        for party in (FACILITY, OTHER_FACILITY):
            self.add_permit(party)
        for party in (CARRIER, SECOND_CARRIER):
            self.add_permit(party, kind=PermitKind.CARRIAGE, methods=())
            self.add_approval(party, FACILITY)
        self.allocate(FACILITY)

    def add_key(
        self, name: str, party: str, *, custody: str = "custodial", sponsor: str = OPERATOR
    ) -> Recorded:
        """Register the key of a name for a party."""
        fields = key_fields(key_of(name).public_key, party=party, custody=custody)
        role = Role.OPERATOR if sponsor == OPERATOR else Role.AUTHORITY
        return self.act(
            KeyRegistered(key=fields),
            (party, "holder", name),
            (sponsor, role),
            stream=f"key:{fields['kid']}",
        )

    def add_party(self, party: str, name: str, *roles: Role, admit: bool = True, **changed: Any) -> None:
        """Register a party, its key and its admission."""
        serial = int.from_bytes(hashlib.sha256(party.encode()).digest()[:3], "big")
        code = next(code for n in range(serial, serial + 99) if (code := tax_code_of(n)))
        fields: dict[str, Any] = {
            "party": party, "name": name, "roles": roles, "identifier_kind": IdentifierKind.TAX_CODE,
            "identifier": code, "address": "Số 1 phố Đê La Thành, Hà Nội", "phone": "024 0000 0000",
        }  # fmt: skip
        self.act(r.OrganisationRegistered(**(fields | changed)), (OPERATOR, Role.OPERATOR), stream=party)
        self.add_key(party, party)
        if admit:
            self.act(r.OrganisationAdmitted(party=party), (OPERATOR, Role.OPERATOR), stream=party)

    def add_site(self, party: str, **changed: Any) -> None:
        """Register the site of a party, in a park of Đông Anh."""
        fields: dict[str, Any] = {
            "site": f"site:{party[4:]}", "party": party, "name": "Nhà máy số 1",
            "site_kind": SiteKind.FACTORY, "zone_kind": ZoneKind.PARK, "zone": "kcn-thang-long",
            "district": "017", "commune": "00493",
            "province": "Thành phố Hà Nội", "address": "Lô A1, KCN Thăng Long", "code": "01.000123.T",
        }  # fmt: skip
        body = r.SiteRegistered(**(fields | changed))
        self.act(body, (OPERATOR, Role.OPERATOR), stream=body.site)

    def add_permit(
        self,
        party: str,
        *,
        kind: PermitKind = PermitKind.TREATMENT,
        methods: tuple[str, ...] = ("TC", "TĐ", "SC"),
        **changed: Any,
    ) -> None:
        """Grant a permit for both codes, 100 tonnes a year each."""
        lines = tuple(
            r.PermitLine(code=code, methods=methods, mass_g_year=100 * TONNE) for code in (CODE, OTHER_CODE)
        )
        fields: dict[str, Any] = {
            "permit": f"permit:{party[4:]}", "party": party, "permit_kind": kind,
            "number": f"GPMT-{changed.get('permit', party)}", "valid_from": date(2024, 1, 1),
            "valid_to": date(2028, 12, 31), "lines": lines, "vehicles": (PLATE,),
        }  # fmt: skip
        body = r.PermitGranted(**(fields | changed))
        self.act(body, (AUTHORITY, Role.AUTHORITY), stream=body.permit)

    def add_approval(self, carrier: str, facility: str, **changed: Any) -> None:
        """Approve that a carrier works for a facility."""
        fields: dict[str, Any] = {
            "approval": f"approval:{carrier[4:]}:{facility[4:]}", "carrier": carrier, "facility": facility,
            "number": "12/VB-LK", "valid_from": date(2024, 1, 1), "valid_to": date(2028, 12, 31),
        }  # fmt: skip
        body = r.ApprovalGranted(**(fields | changed))
        self.act(body, (AUTHORITY, Role.AUTHORITY), stream=body.approval)

    def allocate(self, party: str, **changed: Any) -> None:
        """Allocate manifest numbers of 2025 to a party."""
        fields: dict[str, Any] = {
            "block": f"block:{party[4:]}",
            "party": party,
            "issuer": "1-2-3.047.VX",
            "year": 2025,
        }
        body = r.NumbersAllocated(**(fields | {"first": 1, "last": 999} | changed))
        self.act(body, (OPERATOR, Role.OPERATOR), stream=body.block)

    def lot(self, mass_g: int = 500_000, *, party: str = GENERATOR, **changed: Any) -> str:
        """Declare a lot generated today and return its id."""
        fields: dict[str, Any] = {
            "lot": self.id(), "site": f"site:{party[4:]}", "code": CODE, "state": State.LIQUID,
            "mass_g": mass_g, "generated_on": self.today,
        }  # fmt: skip
        body = e.GenerationDeclared(**(fields | changed))
        self.act(body, (party, Role.GENERATOR), stream=body.lot)
        return body.lot

    def registered(self, *lines: dict[str, Any], **changed: Any) -> e.Registered:
        """Return a register event; lots are declared for lines that name none."""
        self.sequence += 1
        declared = []
        for item in lines or (line(),):
            lots = item.get("lots") or (
                e.Draw(
                    lot=self.lot(item["mass_g"], code=item["code"], state=item["state"]),
                    mass_g=item["mass_g"],
                ),
            )
            declared.append(e.LineDeclared(**(item | {"lots": lots})))
        fields: dict[str, Any] = {
            "number": e.Number(sequence=self.sequence, year=2025, issuer="1-2-3.047.VX"),
            "generator": GENERATOR, "site": "site:generator", "facility": FACILITY,
            "facility_site": "site:facility", "permit": "permit:facility", "form": FORM,
            "lines": tuple(declared),
            "carriers": (
                e.CarrierPlanned(
                    party=CARRIER, permit="permit:carrier", approval="approval:carrier:facility"
                ),
            ),
        }  # fmt: skip
        return e.Registered(**(fields | changed))

    def register(self, *lines: dict[str, Any], **changed: Any) -> Self:
        """Register a new manifest; the verbs after this one act on it."""
        body = self.registered(*lines, **changed)
        self.manifest, self.legs = self.id(), 0
        self.act(body, (body.generator, Role.GENERATOR), stream=self.manifest)
        return self

    def hand_over(
        self,
        giver: str = GENERATOR,
        taker: str = CARRIER,
        *,
        keys: tuple[str, str] | None = None,
        **changed: Any,
    ) -> Self:
        """Hand the load over, signed by both; ``keys`` names other keys than the parties' first ones."""
        self.legs += 1
        fields: dict[str, Any] = {"leg": self.legs, "giver": giver, "taker": taker, "vehicle_plate": PLATE}
        body = e.HandedOver(**({"vehicle_kind": VehicleKind.ROAD} | fields | changed))
        names = keys or (giver, taker)
        both = [
            (party, self._carries(party), name) for party, name in zip((giver, taker), names, strict=True)
        ]
        self.act(body, *both, stream=self.manifest)
        return self

    @staticmethod
    def _carries(party: str) -> Role:
        carries = {CARRIER, SECOND_CARRIER, FACILITY, OTHER_FACILITY}
        return Role.TRANSPORTER if party in carries else Role.GENERATOR

    def _facility(self, body: Body) -> Self:
        self.act(body, (FACILITY, Role.TREATMENT_FACILITY), stream=self.manifest)
        return self

    def arrive(self) -> Self:
        """Bring the load to the gate."""
        return self._facility(e.Arrived(vehicle_plate=PLATE))

    def weigh(self, *net_g: int) -> Self:
        """Weigh lines 1, 2, …"""
        weighed = tuple(
            e.LineWeighed(line=n, net_g=g, ticket=f"PC-{n}") for n, g in enumerate(net_g, start=1)
        )
        return self._facility(e.Weighed(instrument="Cân 80 t số 1", lines=weighed))

    def accept(self, *decided: tuple[int, int]) -> Self:
        """Accept and refuse (grams, grams) of lines 1, 2, …"""
        lines = tuple(
            e.LineDecided(
                line=n, accepted_g=a, refused_g=r_, reason="Lẫn nước, không đúng mã" if r_ else None
            )
            for n, (a, r_) in enumerate(decided, start=1)
        )
        return self._facility(e.Accepted(lines=lines))

    def refuse(self) -> Self:
        """Refuse the whole load."""
        return self._facility(e.Refused(reason="Không đúng loại đã khai"))

    def give_back(self, giver: str = CARRIER, *, key: str | None = None) -> Self:
        """Return what was refused."""
        body = e.Returned(giver=giver, vehicle_plate=PLATE)
        first = (giver, self._carries(giver), key or giver)
        self.act(body, first, (GENERATOR, Role.GENERATOR), stream=self.manifest)
        return self

    def treat(self, mass_g: int, number: int = 1, methods: tuple[str, ...] = ("TC",), **changed: Any) -> Self:
        """Treat a part of a line today."""
        fields: dict[str, Any] = {
            "line": number,
            "mass_g": mass_g,
            "methods": methods,
            "treated_on": self.today,
        }
        return self._facility(e.Treated(parts=(e.LineTreated(**(fields | changed)),)))

    def complete(self) -> Self:
        """Confirm that nothing is left."""
        return self._facility(e.Completed())

    def propose(self, by: str = FACILITY, **changed: Any) -> str:
        """Propose a correction, of the net mass of line 1 unless said otherwise; return its id."""
        fields: dict[str, Any] = {
            "correction": self.id(), "field": CorrectedField.NET_MASS, "line": 1,
            "reason": "Đọc nhầm phiếu cân",
        }  # fmt: skip
        body = e.CorrectionProposed(**(fields | changed))
        self.act(body, (by, self._speaks(by)), stream=self.manifest)
        return body.correction

    def consent(self, correction: str, by: str = GENERATOR) -> Self:
        """Agree to a correction."""
        body = e.CorrectionConsented(correction=correction)
        self.act(body, (by, self._speaks(by)), stream=self.manifest)
        return self

    def decline(self, correction: str, by: str = GENERATOR) -> Self:
        """Decline a correction."""
        body = e.CorrectionDeclined(correction=correction, reason="Phiếu cân ghi đúng")
        self.act(body, (by, self._speaks(by)), stream=self.manifest)
        return self

    def _speaks(self, party: str) -> Role:
        return Role.TREATMENT_FACILITY if party in {FACILITY, OTHER_FACILITY} else self._carries(party)

    def opening(self, mass_g: int, *, party: str = GENERATOR, **changed: Any) -> str:
        """Declare opening stock that arose a year ago; return the lot."""
        fields: dict[str, Any] = {
            "lot": self.id(), "site": f"site:{party[4:]}", "code": CODE, "state": State.LIQUID,
            "mass_g": mass_g, "generated_on": self.today - timedelta(days=365),
        }  # fmt: skip
        body = e.OpeningDeclared(**(fields | changed))
        self.act(body, (party, Role.GENERATOR), stream=body.lot)
        return body.lot

    def adjust(self, lot: str, delta_g: int, *, party: str = GENERATOR) -> Self:
        """Adjust a lot in store."""
        body = e.GenerationAdjusted(lot=lot, delta_g=delta_g, reason="Cân lại tại kho")
        self.act(body, (party, Role.GENERATOR), stream=lot)
        return self

    def self_treat(self, lot: str, mass_g: int, *, party: str = GENERATOR, **changed: Any) -> Self:
        """Treat a part of a lot on its own site."""
        fields: dict[str, Any] = {"mass_g": mass_g, "methods": ("TĐ",), "treated_on": self.today}
        self.act(e.SelfTreated(lot=lot, **(fields | changed)), (party, Role.GENERATOR), stream=lot)
        return self

    def grant(self, principal: str, agent: str, role: Role, **changed: Any) -> str:
        """Let an agent sign for a principal this year; return the mandate."""
        fields: dict[str, Any] = {
            "mandate": f"mandate:{principal[4:]}:{agent[4:]}:{role}", "principal": principal, "agent": agent,
            "role": role, "valid_from": date(2025, 1, 1), "valid_to": date(2025, 12, 31),
        }  # fmt: skip
        body = r.MandateGranted(**(fields | changed))
        self.act(body, (principal, self._speaks(principal)), stream=body.mandate)
        return body.mandate

    def revoke_mandate(self, mandate: str, principal: str) -> Self:
        """End a mandate."""
        body = r.MandateRevoked(mandate=mandate)
        self.act(body, (principal, self._speaks(principal)), stream=mandate)
        return self

    def rotate_key(self, party: str, old: str, new: str, *, custody: str = "custodial") -> Self:
        """Put a new key in the place of an old one."""
        kid = key_of(old).kid
        fields = key_fields(key_of(new).public_key, party=party, custody=custody)
        body = KeyRotated(kid=kid, key=fields)
        both: list[Who] = [(party, Role.HOLDER, old), (party, Role.HOLDER, new)]
        self.act(body, *both, stream=f"key:{kid}")
        return self

    def revoke_key(self, name: str, by: Who = (OPERATOR, Role.OPERATOR)) -> Self:
        """End a key."""
        kid = key_of(name).kid
        self.act(KeyRevoked(kid=kid, reason="Mất thiết bị"), by, stream=f"key:{kid}")
        return self

    def rows(self, table: Table, **equal: Any) -> list[Row]:
        """Return the rows of a view whose columns have these values."""
        with reading(self.engine) as reader:
            return rows(reader, table, log=self.ledger.log, **equal)

    def row(self, table: Table, **equal: Any) -> Row:
        """Return the one row of a view whose columns have these values."""
        (found,) = self.rows(table, **equal)
        return found

    def places(self) -> dict[str, int]:
        """Return the grams in every account that holds some."""
        found = {account.value: self.grams(account) for account in Account}
        return {account: grams for account, grams in found.items() if grams}

    def grams(self, account: Account, **equal: Any) -> int:
        """Return the grams in an account, over all lots and places or of those named."""
        return sum(row["grams"] for row in self.rows(BALANCE, account=account.value, **equal))

    def cancel(self) -> Self:
        """Call the manifest off."""
        body = e.Cancelled(reason="Đổi lịch thu gom")
        self.act(body, (GENERATOR, Role.GENERATOR), stream=self.manifest)
        return self

    def journey(self, mass_g: int = 500_000) -> Self:
        """Play one manifest from registration to completion."""
        return (
            self.register(line(mass_g=mass_g)).hand_over().arrive().weigh(mass_g).accept((mass_g, 0))
            .treat(mass_g).complete()
        )  # fmt: skip
