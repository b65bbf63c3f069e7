"""A deployment for tests: keys, registers, parties with keys in custody, accounts and API keys.

It is made once per process and kind of database, and copied for every test; its clock stands where it is put.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import URL, text

from api.home import OPERATOR, Clock, Home, give_key, make_home, open_home, party_signing
from api.identity.tokens import make_api_key
from api.recorder import Signing, record
from api.settings import Settings
from ledger.storage.db import open_engine
from manifest.body import Body
from manifest.register import events as r
from manifest.text import tax_code_of
from manifest.vocabulary import IdentifierKind, PermitKind, Role, SiteKind, ZoneKind, local_date

ORIGIN = "ledger.example/ha-noi"
AUTHORITY, GENERATOR, RIVAL = "org:department", "org:generator", "org:rival"
CARRIER, FACILITY, COMPETITOR = "org:carrier", "org:facility", "org:facility-2"
CODE, OTHER_CODE, TONNE, PLATE = "17 02 03", "18 02 01", 1_000_000, "29C-123.45"
START = datetime(2025, 4, 1, 1, 0, tzinfo=UTC)
_TREATS = (Role.TREATMENT_FACILITY, Role.GENERATOR, Role.TRANSPORTER)
PARTIES: dict[str, tuple[str, tuple[Role, ...]]] = {
    AUTHORITY: ("Sở Nông nghiệp và Môi trường (giả định)", (Role.AUTHORITY,)),
    GENERATOR: ("Công ty TNHH Cơ khí Ngọc Lũ Xanh", (Role.GENERATOR,)),
    RIVAL: ("Công ty CP Sơn Mạ Phú Bình An", (Role.GENERATOR,)),
    CARRIER: ("Công ty Vận tải Hồng Hà Sạch", (Role.TRANSPORTER,)),
    FACILITY: ("Công ty Xử lý Ba Vì Sạch", _TREATS),
    COMPETITOR: ("Công ty Xử lý Sóc Sơn Mới", _TREATS),
}


@dataclass
class Ticking:
    """A clock that tests move; every look at it takes a second."""

    now: datetime = START + timedelta(days=1)

    def __call__(self) -> datetime:
        """Return the time."""
        self.now += timedelta(seconds=1)
        return self.now


@dataclass
class Furnished:
    """A deployment, the API keys of its parties, and how to sign for them."""

    home: Home
    keys: dict[str, str] = field(default_factory=dict)

    def bearer(self, party: str) -> dict[str, str]:
        """Return the headers of a party."""
        return {"Authorization": f"Bearer {self.keys[party]}"}


def settings_of(folder: Path, database: str, **changed: Any) -> Settings:
    """Return the settings of a deployment in a folder."""
    fields: dict[str, Any] = {"database_url": database, "data_dir": folder / "data", "origin": ORIGIN}
    return Settings(**(fields | changed))


def furnish(settings: Settings, clock: Clock) -> dict[str, str]:
    """Make a deployment whose registers are filled; return an API key of each party and close it."""
    home = make_home(settings, clock)
    root = home.root("root-1")

    def enter(body: Body, stream: str, signing: Signing = root) -> None:
        now = clock()
        record(home.ledger, body, [signing], stream=stream, occurred_at=now, now=now)

    serial = 10_000_000
    for party, (name, roles) in PARTIES.items():
        serial += 1000
        code = next(found for n in range(serial, serial + 99) if (found := tax_code_of(n)))
        enter(
            r.OrganisationRegistered(
                party=party,
                name=name,
                roles=roles,
                identifier_kind=IdentifierKind.TAX_CODE,
                identifier=code,
                address="Số 1 phố Đê La Thành, Hà Nội",
            ),
            party,
        )
        give_key(home, party, name, root, now=clock())
        enter(r.OrganisationAdmitted(party=party), party)
    _sites_and_permits(home, clock, enter)
    keys = {
        party: make_api_key(home, party, name="test", scope="act", days=3000, now=clock())
        for party in (*PARTIES, OPERATOR)
    }
    home.close()
    return keys


def _sites_and_permits(home: Home, clock: Clock, enter: Any) -> None:
    authority = party_signing(home, AUTHORITY, Role.AUTHORITY)
    for party in (GENERATOR, RIVAL, FACILITY, COMPETITOR):
        site = f"site:{party[4:]}"
        body = r.SiteRegistered(
            site=site,
            party=party,
            name="Nhà máy số 1",
            site_kind=SiteKind.FACTORY,
            zone_kind=ZoneKind.PARK,
            zone="kcn-thang-long",
            district="017",
            commune="00493",
            province="Thành phố Hà Nội",
            address="Lô A1, KCN Thăng Long",
        )
        enter(body, site)
    for party, kind in (
        (FACILITY, PermitKind.TREATMENT),
        (COMPETITOR, PermitKind.TREATMENT),
        (CARRIER, PermitKind.CARRIAGE),
    ):
        methods = ("TC", "TĐ", "SC") if kind is PermitKind.TREATMENT else ()
        permit = r.PermitGranted(
            permit=f"permit:{party[4:]}",
            party=party,
            permit_kind=kind,
            number=f"GPMT-{party[4:]}",
            valid_from=date(2024, 1, 1),
            valid_to=date(2034, 12, 31),
            lines=tuple(
                r.PermitLine(code=code, methods=methods, mass_g_year=100 * TONNE)
                for code in (CODE, OTHER_CODE)
            ),
            vehicles=(PLATE,),
        )
        enter(permit, permit.permit, authority)
    approval = r.ApprovalGranted(
        approval="approval:carrier:facility",
        carrier=CARRIER,
        facility=FACILITY,
        number="12/VB-LK",
        valid_from=date(2024, 1, 1),
        valid_to=date(2034, 12, 31),
    )
    enter(approval, approval.approval, authority)
    block = r.NumbersAllocated(
        block="block:facility",
        party=FACILITY,
        issuer="1-2-3.047.VX",
        year=local_date(clock()).year,
        first=1,
        last=999,
    )
    enter(block, block.block)


@contextmanager
def sqlite_copies(template: Path, keys: dict[str, str], folder: Path) -> Iterator[Any]:
    """Yield how to open copies of a furnished deployment on SQLite."""
    opened: list[Home] = []

    def new(clock: Clock, **changed: Any) -> Furnished:
        place = folder / uuid4().hex
        shutil.copytree(template, place)
        home = open_home(settings_of(place, str(place / "ctnh.db"), **changed), clock)
        opened.append(home)
        return Furnished(home, dict(keys))

    yield new
    for home in opened:
        home.close()


@contextmanager
def postgres_copies(
    server: URL, name: str, template: Path, keys: dict[str, str], folder: Path
) -> Iterator[Any]:
    """Yield how to open copies of a furnished deployment on PostgreSQL."""
    opened: list[Home] = []

    def new(clock: Clock, **changed: Any) -> Furnished:
        place = folder / uuid4().hex
        shutil.copytree(template, place)
        database = f"ctnh_{uuid4().hex}"
        run(server, f"CREATE DATABASE {database} TEMPLATE {name}")
        url = server.set(database=database).render_as_string(hide_password=False)
        home = open_home(settings_of(place, url, **changed), clock)
        opened.append(home)
        return Furnished(home, dict(keys))

    yield new
    for home in opened:
        home.close()
        run(server, f"DROP DATABASE {home.engine.url.database} WITH (FORCE)")


def run(server: URL, statement: str) -> None:
    """Run a statement outside a transaction."""
    engine = open_engine(server.render_as_string(hide_password=False))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(statement))
    engine.dispose()
