"""The registers before the first load: authorities, parties, keys, sites, permits, linkages, numbers."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from hashlib import sha256
from itertools import count

from api.demo.clock import FIRST_DAY, LAST_DAY, REGISTERS_OPEN_ON, moment
from api.demo.generators import TREATED_ON_SITE, Area, Generator
from api.demo.roster import (
    CARRIERS,
    DEPARTMENT,
    DEPARTMENT_NAME,
    FACILITIES,
    PARK_BOARD,
    PARK_BOARD_NAME,
    Carrier,
    Facility,
    facility_of,
)
from api.demo.steps import By, Ids, NewKey, Step
from api.demo.wastes import WASTES
from api.home import OPERATOR
from manifest import reference
from manifest.body import Body
from manifest.register import events as r
from manifest.text import tax_code_of
from manifest.vocabulary import IdentifierKind, PermitKind, Role, SiteKind, ZoneKind

_OPERATOR = By(OPERATOR, Role.OPERATOR)
_SERIALS_FROM = 930_700_100
_A_DAYS_ENTRIES = 60
_VALID_FROM, _VALID_TO = date(2024, 1, 1), date(2028, 12, 31)
_YEARLY_G = 600_000_000
_CARRIED_G = 2_000_000_000
_NO_TAX_CODE = "Hộ sản xuất trong làng nghề, chưa được cấp mã số thuế"


class Registrar:
    """Writes the register's steps one after another, some minutes apart on successive days."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._entry = count()
        self._serials = (code for n in count(_SERIALS_FROM, 7) if (code := tax_code_of(n)))

    def enter(self, members: Sequence[Generator]) -> Iterator[Step]:
        """Yield everything that has to stand in the registers before waste moves."""
        yield from self._party(DEPARTMENT, DEPARTMENT_NAME, _OPERATOR, Role.AUTHORITY)
        yield from self._party(PARK_BOARD, PARK_BOARD_NAME, _OPERATOR, Role.AUTHORITY)
        department = By(DEPARTMENT, Role.AUTHORITY)
        for facility in FACILITIES:
            yield from self._facility(facility, department)
        for carrier in CARRIERS:
            yield from self._carrier(carrier, department)
        for generator in members:
            in_park = generator.area is Area.PARK
            yield from self._generator(generator, By(PARK_BOARD, Role.AUTHORITY) if in_park else department)
        for generator in members:
            if generator.agent is not None:
                yield self._mandate(generator, generator.agent)

    def _at(self) -> datetime:
        day, place = divmod(next(self._entry), _A_DAYS_ENTRIES)
        return moment(REGISTERS_OPEN_ON + timedelta(days=day), 8) + timedelta(minutes=8 * place + 5)

    def _act(self, body: Body, *by: By, stream: str) -> Step:
        return self._ids.act(self._at(), body, *by, stream=stream)

    def _party(
        self,
        party: str,
        name: str,
        by: By,
        *roles: Role,
        address: str = "Thành phố Hà Nội",
        taxed: bool = True,
    ) -> Iterator[Step]:
        entered = r.OrganisationRegistered(
            party=party,
            name=name,
            roles=roles,
            identifier_kind=IdentifierKind.TAX_CODE if taxed else IdentifierKind.NONE,
            identifier=next(self._serials) if taxed else None,
            reason=None if taxed else _NO_TAX_CODE,
            address=address,
            phone=_phone(party),
        )
        yield self._act(entered, by, stream=party)
        yield NewKey(at=self._at(), party=party, name=name, sponsor=by)
        yield self._act(r.OrganisationAdmitted(party=party), by, stream=party)

    def _facility(self, facility: Facility, by: By) -> Iterator[Step]:
        roles = (Role.TREATMENT_FACILITY, Role.TRANSPORTER, Role.GENERATOR)
        yield from self._party(facility.party, facility.name, by, *roles, address=facility.address)
        site = r.SiteRegistered(
            site=facility.site,
            party=facility.party,
            name="Cơ sở xử lý chất thải nguy hại",
            site_kind=SiteKind.TREATMENT,
            zone_kind=ZoneKind.OUTSIDE,
            district=facility.district,
            commune=facility.commune,
            province=facility.province,
            address=facility.address,
            phone=_phone(facility.site),
            code=facility.issuer,
        )
        yield self._act(site, by, stream=facility.site)
        number = f"GPMT {facility.issuer[6:9]}/2023 (minh họa)"
        lines = tuple(
            r.PermitLine(code=code, methods=(*methods, "SC"), mass_g_year=_YEARLY_G)
            for code in WASTES
            if (methods := facility.methods_for(code))
        )
        permit = r.PermitGranted(
            permit=facility.permit,
            party=facility.party,
            permit_kind=PermitKind.TREATMENT,
            number=number,
            lines=lines,
            vehicles=facility.plates,
            document_sha256=None if facility.confirmed else sha256(number.encode()).hexdigest(),
            valid_from=_VALID_FROM,
            valid_to=_VALID_TO,
        )
        # What no authority has confirmed is the holder's own word, with the document's hash («tự khai»).
        signed = by if facility.confirmed else By(facility.party, Role.TREATMENT_FACILITY)
        yield self._act(permit, signed, stream=facility.permit)
        # As far as the permit reaches, so that whoever serves the story's data later can go on with it.
        for year in range(FIRST_DAY.year, _VALID_TO.year + 1):
            block = r.NumbersAllocated(
                block=f"block:{facility.slug}:{year}",
                party=facility.party,
                issuer=facility.issuer,
                year=year,
                first=1,
                last=9_999,
            )
            yield self._act(block, by, stream=block.block)

    def _carrier(self, carrier: Carrier, by: By) -> Iterator[Step]:
        yield from self._party(carrier.party, carrier.name, by, Role.TRANSPORTER)
        permit = r.PermitGranted(
            permit=carrier.permit,
            party=carrier.party,
            permit_kind=PermitKind.CARRIAGE,
            number=f"GPVC {carrier.plates[0][4:7]}/2023 (minh họa)",
            lines=tuple(r.PermitLine(code=code, mass_g_year=_CARRIED_G) for code in carrier.codes),
            vehicles=carrier.plates,
            valid_from=_VALID_FROM,
            valid_to=_VALID_TO,
        )
        yield self._act(permit, by, stream=carrier.permit)
        for slug in carrier.facilities:
            approval = r.ApprovalGranted(
                approval=carrier.approval(slug),
                carrier=carrier.party,
                facility=facility_of(slug).party,
                number=f"{carrier.plates[0][4:7]}/VB-LK (minh họa)",
                valid_from=_VALID_FROM,
                valid_to=_VALID_TO,
            )
            yield self._act(approval, by, stream=approval.approval)

    def _generator(self, generator: Generator, by: By) -> Iterator[Step]:
        site = _site(generator)
        taxed = generator.has_tax_code
        yield from self._party(
            generator.party, generator.name, by, Role.GENERATOR, address=site.address, taxed=taxed
        )
        yield self._act(site, by, stream=site.site)
        for on_site in TREATED_ON_SITE:
            if on_site.slug != generator.slug or on_site.permit is None:
                continue
            yearly_g = 24 * on_site.monthly_kg * 1000
            permit = r.PermitGranted(
                permit=on_site.permit,
                party=generator.party,
                permit_kind=PermitKind.ENVIRONMENTAL,
                number="GPMT 931/2024 (minh họa)",
                valid_from=_VALID_FROM,
                valid_to=_VALID_TO,
                lines=(r.PermitLine(code=on_site.code, methods=on_site.methods, mass_g_year=yearly_g),),
            )
            yield self._act(permit, By(DEPARTMENT, Role.AUTHORITY), stream=permit.permit)

    def _mandate(self, generator: Generator, agent: str) -> Step:
        mandate = r.MandateGranted(
            mandate=f"mandate:{generator.slug}",
            principal=generator.party,
            agent=agent,
            role=Role.GENERATOR,
            valid_from=REGISTERS_OPEN_ON,
            valid_to=LAST_DAY + timedelta(days=92),
        )
        return self._act(mandate, By(generator.party, Role.GENERATOR), stream=mandate.mandate)


def _site(generator: Generator) -> r.SiteRegistered:
    places = reference.default()
    zone = None if generator.area is Area.SERVICE else places.zone(generator.zone)
    district = generator.zone if zone is None else zone.district
    assert district is not None, "the demo takes zones whose district is known"
    in_village = generator.area is Area.VILLAGE
    plot = sha256(generator.slug.encode()).digest()[0] % 90 + 1
    where = [
        f"Số {plot}" if zone is None or in_village else f"Lô {plot}",
        *([] if zone is None else [zone.name]),
        places.area(district, FIRST_DAY).name,
        "Hà Nội",
    ]
    return r.SiteRegistered(
        site=generator.site,
        party=generator.party,
        name="Cơ sở phát sinh chất thải nguy hại",
        site_kind=generator.site_kind,
        zone_kind=ZoneKind.OUTSIDE if zone is None else zone.kind,
        zone=None if zone is None else zone.id,
        district=district,
        commune=generator.commune,
        province="Thành phố Hà Nội",
        address=", ".join(where),
        phone=_phone(generator.site),
        code=None if in_village else f"01.9{plot:05d}.T",
    )


def _phone(of: str) -> str:
    """Return a telephone number that nobody has."""
    return f"024 0000 {int.from_bytes(sha256(of.encode()).digest()[:2], 'big') % 10_000:04d}"
