"""A world's registers: who there is, where, under which permits and plans, before anything moves."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import count

from api.demo.steps import By, Ids, NewKey, Step
from api.home import OPERATOR
from manifest import reference
from manifest.body import Body
from manifest.register import events as r
from manifest.register.places import TreatmentLineSet
from manifest.text import tax_code_of
from manifest.vocabulary import (
    IdentifierKind,
    PermitKind,
    Role,
    SiteKind,
    State,
    ZoneKind,
    local_noon,
)
from simulate.loads import World
from simulate.parties import Carrier, Facility, Generator

AUTHORITY = "org:so-nnmt"
METHODS = ("HR", "TC", "TĐ", "TH", "OH", "SC")
_OPERATOR, _DEPARTMENT = By(OPERATOR, Role.OPERATOR), By(AUTHORITY, Role.AUTHORITY)
_VALID_FROM, _VALID_TO = date(2024, 1, 1), date(2029, 12, 31)
_LEAD = timedelta(days=21)


class Registrar:
    """Enters everybody, one after the other, in the weeks before the first day."""

    def __init__(self, ids: Ids, world: World) -> None:
        self._ids, self._world = ids, world
        self._tick = count(1)
        self._serials = (code for n in count(930_700_100, 7) if (code := tax_code_of(n)))
        self._begin = local_noon(world.first) - _LEAD

    def enter(self) -> Iterator[Step]:
        """Yield the steps that fill the registers."""
        yield from self._party(AUTHORITY, "Sở (mô phỏng)", _OPERATOR, Role.AUTHORITY)
        for facility in self._world.parties.facilities:
            yield from self._facility(facility)
        for carrier in self._world.parties.carriers:
            yield from self._carrier(carrier)
        for generator in self._world.parties.generators:
            yield from self._generator(generator)

    def _at(self) -> datetime:
        return self._begin + timedelta(seconds=20 * next(self._tick))

    def _act(self, body: Body, *by: By, stream: str) -> Step:
        return self._ids.act(self._at(), body, *by, stream=stream)

    def _party(self, party: str, name: str, by: By, *roles: Role) -> Iterator[Step]:
        body = r.OrganisationRegistered(
            party=party, name=name, roles=roles, identifier_kind=IdentifierKind.TAX_CODE,
            identifier=next(self._serials), address="Thành phố Hà Nội",
        )  # fmt: skip
        yield self._act(body, by, stream=party)
        yield NewKey(at=self._at(), party=party, name=name, sponsor=by)
        yield self._act(r.OrganisationAdmitted(party=party), by, stream=party)

    def _facility(self, facility: Facility) -> Iterator[Step]:
        roles = (Role.TREATMENT_FACILITY, Role.TRANSPORTER, Role.GENERATOR)
        yield from self._party(facility.party, facility.slug, _DEPARTMENT, *roles)
        yield self._act(
            r.SiteRegistered(
                site=facility.site, party=facility.party, name=facility.slug, site_kind=SiteKind.TREATMENT,
                zone_kind=ZoneKind.OUTSIDE, district="016", commune="00385", province="Thành phố Hà Nội",
                address="Hà Nội", code=facility.issuer,
            ),
            _DEPARTMENT,
            stream=facility.site,
        )  # fmt: skip
        lines = tuple(
            r.PermitLine(code=code, methods=METHODS, mass_g_year=facility.daily_g * 365)
            for code in sorted(facility.codes)
        )
        yield self._act(
            r.PermitGranted(
                permit=facility.permit, party=facility.party, permit_kind=PermitKind.TREATMENT,
                number=f"GPMT {facility.slug[-2:]}/2024 (mô phỏng)", lines=lines, vehicles=facility.plates,
                valid_from=_VALID_FROM, valid_to=_VALID_TO,
            ),
            _DEPARTMENT,
            stream=facility.permit,
        )  # fmt: skip
        line = f"line:{facility.slug}"
        yield self._act(
            TreatmentLineSet(
                treatment_line=line, party=facility.party, site=facility.site, name="Dây chuyền",
                methods=METHODS, states=tuple(State), mass_g_day=facility.daily_g, valid_from=_VALID_FROM,
            ),
            _DEPARTMENT,
            stream=line,
        )  # fmt: skip
        years = range(self._world.end.year - 1, self._world.end.year + 1)
        for year in years:
            block = r.NumbersAllocated(
                block=f"block:{facility.slug}:{year}", party=facility.party, year=year,
                issuer=facility.issuer, first=1, last=99_999,
            )  # fmt: skip
            yield self._act(block, _DEPARTMENT, stream=block.block)

    def _carrier(self, carrier: Carrier) -> Iterator[Step]:
        yield from self._party(carrier.party, carrier.slug, _DEPARTMENT, Role.TRANSPORTER)
        facilities = self._world.parties.facilities
        codes = sorted(set().union(*(facility.codes for facility in facilities)))
        permit = r.PermitGranted(
            permit=carrier.permit, party=carrier.party, permit_kind=PermitKind.CARRIAGE,
            number=f"GPVC {carrier.slug[-2:]}/2024 (mô phỏng)", vehicles=carrier.plates,
            lines=tuple(r.PermitLine(code=code, mass_g_year=10**12) for code in codes),
            valid_from=_VALID_FROM, valid_to=_VALID_TO,
        )  # fmt: skip
        yield self._act(permit, _DEPARTMENT, stream=permit.permit)
        for facility in facilities:
            approval = r.ApprovalGranted(
                approval=carrier.approval(facility), carrier=carrier.party,
                facility=facility.party, number=f"{carrier.slug[-2:]}/VB-LK (mô phỏng)",
                valid_from=_VALID_FROM, valid_to=_VALID_TO,
            )  # fmt: skip
            yield self._act(approval, _DEPARTMENT, stream=approval.approval)

    def _generator(self, generator: Generator) -> Iterator[Step]:
        yield from self._party(generator.party, generator.slug, _DEPARTMENT, Role.GENERATOR)
        zone = None if generator.zone is None else reference.default().zone(generator.zone)
        workshop = zone is not None and zone.kind is ZoneKind.CRAFT_VILLAGE
        yield self._act(
            r.SiteRegistered(
                site=generator.site, party=generator.party, name=generator.slug,
                site_kind=SiteKind.WORKSHOP if workshop else SiteKind.FACTORY,
                zone_kind=ZoneKind.OUTSIDE if zone is None else zone.kind, zone=generator.zone,
                district="016" if zone is None else zone.district, province="Thành phố Hà Nội",
                address="Hà Nội",
            ),
            _DEPARTMENT,
            stream=generator.site,
        )  # fmt: skip
        for year in range(self._world.first.year, self._world.end.year + 1):
            plan = r.PlanDeclared(
                plan=f"plan:{generator.slug}:{year}", site=generator.site, year=year,
                lines=tuple(
                    r.CodeMass(code=code, mass_g=grams) for code, grams in generator.planned_g.items()
                ),
            )  # fmt: skip
            yield self._act(plan, By(generator.party, Role.GENERATOR), stream=plan.plan)
