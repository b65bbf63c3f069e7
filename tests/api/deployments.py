"""A small deployment for documents: a generator, a carrier and a facility whose keys are kept."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

from api.home import OPERATOR, ROOTS, Home, give_key, make_home, party_signing
from api.recorder import Signing, record
from api.settings import Settings
from ledger.ids import uuid7
from ledger.personal.vault import Secret
from manifest import events as e
from manifest.body import Body
from manifest.register import events as r
from manifest.vocabulary import Basis, IdentifierKind, PermitKind, Role, SiteKind, State, ZoneKind

GENERATOR, CARRIER, FACILITY, AUTHORITY = "org:gen", "org:car", "org:fac", "org:dep"
NAMES = {
    GENERATOR: "Công ty TNHH Mạ kẽm Thử Nghiệm",
    CARRIER: "Công ty CP Vận chuyển Thử Nghiệm",
    FACILITY: "Công ty CP Xử lý Thử Nghiệm",
    AUTHORITY: "Sở Nông nghiệp và Môi trường (thử nghiệm)",
}
ROLES = {
    GENERATOR: Role.GENERATOR,
    CARRIER: Role.TRANSPORTER,
    FACILITY: Role.TREATMENT_FACILITY,
    AUTHORITY: Role.AUTHORITY,
}
CODE = "17 02 03"


@dataclass
class Deployment:
    """A home whose parties act on a clock that the test moves."""

    folder: Path
    database: str
    now: datetime = datetime(2025, 5, 5, 1, 0, tzinfo=UTC)
    home: Home = field(init=False)
    manifest: str = ""

    def __post_init__(self) -> None:
        settings = Settings(
            database_url=self.database, data_dir=self.folder / "data", origin="ledger.example/test"
        )
        self.home = make_home(settings, lambda: self.now)
        for party in NAMES:
            self._enter(party)
        self._registers()

    def act(self, body: Body, *who: Signing, stream: str, names: dict[str, str] | None = None) -> int:
        """Record an act a minute later; ``names`` are put into the vault."""
        self.now += timedelta(minutes=1)
        secrets = {key: Secret(name, f"person:{name}") for key, name in (names or {}).items()}
        done = record(
            self.home.ledger, body, who, stream=stream, occurred_at=self.now, now=self.now, secrets=secrets
        )
        return done.receipt.seq

    def of(self, party: str) -> Signing:
        """Return a party's kept key, in its own role."""
        return party_signing(self.home, party, ROLES[party])

    def journey(self) -> str:
        """Play a manifest to its end and return its id."""
        gen, car, fac = (self.of(party) for party in (GENERATOR, CARRIER, FACILITY))
        lot = uuid7(self.now)
        self.act(
            e.GenerationDeclared(
                lot=lot, site="site:gen", code=CODE, state=State.LIQUID, mass_g=1_234_500,
                generated_on=self.now.date(), basis=Basis.REGULAR,
            ),
            gen,
            stream=lot,
        )  # fmt: skip
        self.manifest = uuid7(self.now)
        self.act(self._registered(lot), gen, stream=self.manifest, names={"signer_name": "Đỗ Thị Ngọc Ánh"})
        self.act(
            e.HandedOver(leg=1, giver=GENERATOR, taker=CARRIER, vehicle_plate="29C-123.45"),
            gen, car, stream=self.manifest,
            names={"signer_name": "Đỗ Thị Ngọc Ánh", "driver_name": "Lê Văn Quyết"},
        )  # fmt: skip
        weighed = (e.LineWeighed(line=1, net_g=1_230_000, ticket="PC-1"),)
        decided = (e.LineDecided(line=1, accepted_g=1_230_000, refused_g=0),)
        part = e.LineTreated(line=1, mass_g=1_230_000, methods=("TĐ",), treated_on=self.now.date())
        for body in (
            e.Arrived(vehicle_plate="29C-123.45"),
            e.Weighed(instrument="Cân số 1", lines=weighed),
            e.Accepted(lines=decided),
            e.Treated(parts=(part,)),
            e.Completed(),
        ):
            self.act(body, fac, stream=self.manifest, names={"signer_name": "Phạm Quốc Huỳnh"})
        return self.manifest

    def _registered(self, lot: str) -> e.Registered:
        drawn = e.LineDeclared(
            line=1, code=CODE, name="Dầu động cơ, hộp số và bôi trơn tổng hợp thải", state=State.LIQUID,
            mass_g=1_234_500, planned_methods=("TĐ",), lots=(e.Draw(lot=lot, mass_g=1_234_500),),
        )  # fmt: skip
        return e.Registered(
            number=e.Number(sequence=7, year=2025, issuer="1-2-3.047.VX"), generator=GENERATOR,
            site="site:gen", facility=FACILITY, facility_site="site:fac", permit="permit:fac",
            form="tt02-2022", lines=(drawn,),
            carriers=(e.CarrierPlanned(party=CARRIER, permit="permit:car", approval="approval:car"),),
        )  # fmt: skip

    def _enter(self, party: str) -> None:
        operator = self.home.root(ROOTS[0])
        body = r.OrganisationRegistered(
            party=party, name=NAMES[party], roles=(ROLES[party],), identifier_kind=IdentifierKind.NONE,
            reason="dữ liệu thử", address="Số 1 phố Thử, Hà Nội", phone="024 0000 0000",
        )  # fmt: skip
        self.act(body, operator, stream=party)
        give_key(self.home, party, NAMES[party], operator, now=self.now)
        self.act(r.OrganisationAdmitted(party=party), operator, stream=party)

    def _registers(self) -> None:
        operator, authority = self.home.root(ROOTS[0]), self.of(AUTHORITY)
        for site, party, kind in (
            ("site:gen", GENERATOR, SiteKind.FACTORY),
            ("site:fac", FACILITY, SiteKind.TREATMENT),
        ):
            self.act(
                r.SiteRegistered(
                    site=site, party=party, name="Cơ sở 1", site_kind=kind, zone_kind=ZoneKind.PARK,
                    zone="kcn-thang-long", district="017", commune="00493", province="Thành phố Hà Nội",
                    address="Lô A1, KCN Thăng Long",
                ),
                operator,
                stream=site,
            )  # fmt: skip
        lines = (r.PermitLine(code=CODE, methods=("TĐ",), mass_g_year=10**9),)
        for permit, party, permit_kind in (
            ("permit:fac", FACILITY, PermitKind.TREATMENT),
            ("permit:car", CARRIER, PermitKind.CARRIAGE),
        ):
            self.act(
                r.PermitGranted(
                    permit=permit, party=party, permit_kind=permit_kind, number=f"GP {permit}",
                    valid_from=datetime(2024, 1, 1, tzinfo=UTC).date(),
                    valid_to=datetime(2028, 12, 31, tzinfo=UTC).date(), lines=lines,
                ),
                authority,
                stream=permit,
            )  # fmt: skip
        approval = r.ApprovalGranted(
            approval="approval:car", carrier=CARRIER, facility=FACILITY, number="1/LK",
            valid_from=datetime(2024, 1, 1, tzinfo=UTC).date(),
            valid_to=datetime(2028, 12, 31, tzinfo=UTC).date(),
        )  # fmt: skip
        self.act(approval, authority, stream="approval:car")
        block = r.NumbersAllocated(
            block="block:1", party=FACILITY, issuer="1-2-3.047.VX", year=2025, first=1, last=99
        )
        self.act(block, operator, stream="block:1")


def deployment(folder: Path, engine: Engine) -> Deployment:
    """Return a deployment in ``folder`` on the database of ``engine``."""
    return Deployment(folder, engine.url.render_as_string(hide_password=False))


__all__ = ["CARRIER", "FACILITY", "GENERATOR", "NAMES", "OPERATOR", "Deployment", "deployment"]
