"""Bad entries of the registers: each is refused by name, and nothing at all is written."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import SQLModel

from ledger.errors import Refused
from ledger.storage.db import reading
from manifest.body import Body
from manifest.register import documents as d
from manifest.register import events as r
from manifest.register import parties as p
from manifest.register import places as q
from manifest.register.judge import stream_of
from manifest.vocabulary import Register, Role, ZoneKind
from tests.conftest import POSTGRES
from tests.manifest.conftest import world_on
from tests.manifest.register.entries import (
    AS_AUTHORITY,
    AS_FACILITY,
    AS_GENERATOR,
    AS_OPERATOR,
    CLUSTER,
    HOME,
    SPLIT,
    VILLAGE,
    enter,
    typical,
)
from tests.world import CODE, FACILITY, GENERATOR, OPERATOR, PLATE, RIVAL, Who, World

AS_RIVAL: Who = (RIVAL, Role.GENERATOR)
PAST = date(1800, 1, 1)
TWICE = (r.CodeMass(code=CODE, mass_g=1), r.CodeMass(code=CODE, mass_g=2))


def on(register: Register, entry: str, **more: Any) -> dict[str, Any]:
    return {"register": register, "entry": entry, **more}


# Kind, what is changed of the typical event, who signs, code and path of every problem.
Case = tuple[str, type[Body], dict[str, Any], Who, dict[str, str]]
CASES: list[Case] = [
    # Parties
    ("nothing changes of a party", p.OrganisationChanged, {"name": None}, AS_OPERATOR,
     {"manifest.nothing_changes": "/body"}),
    ("a party that is not there", p.OrganisationChanged, {"party": "org:none"}, AS_OPERATOR,
     {"manifest.party_unknown": "/body/party"}),
    ("a role that is never given", p.OrganisationChanged, {"roles": (Role.SERVICE,)}, AS_OPERATOR,
     {"manifest.role_not_given": "/body/roles"}),
    ("other roles for the operator", p.OrganisationChanged, {"party": OPERATOR, "roles": (Role.GENERATOR,)},
     AS_AUTHORITY, {"manifest.role_not_given": "/body/roles"}),
    ("a change before one that is there", p.OrganisationChanged, {"valid_from": date(2025, 2, 1)},
     AS_OPERATOR, {"manifest.change_out_of_order": "/body/valid_from"}),
    ("a change before any law", p.OrganisationChanged, {"party": RIVAL, "valid_from": PAST}, AS_OPERATOR,
     {"manifest.date_out_of_order": "/body/valid_from"}),
    ("a party changes itself", p.OrganisationChanged, {}, AS_GENERATOR,
     {"manifest.role_wrong": "/actors/0/role"}),
    # Status
    ("confirming what is not there", p.EntryConfirmed, on(Register.PERMIT, "permit:none"), AS_AUTHORITY,
     {"manifest.entry_unknown": "/body/entry"}),
    ("confirming what is confirmed", p.EntryConfirmed, on(Register.PERMIT, "permit:facility"), AS_AUTHORITY,
     {"manifest.confirmed_already": "/body/entry"}),
    ("confirming one's own entry", p.EntryConfirmed, on(Register.VEHICLE, "vehicle:1"), AS_GENERATOR,
     {"manifest.role_wrong": "/actors/0/role"}),
    ("ending what has no end", p.EntryEnded, on(Register.SITE, "site:generator"), AS_AUTHORITY,
     {"manifest.not_for_register": "/body/register"}),
    ("ending what is not there", p.EntryEnded, on(Register.LINKAGE, "linkage:none"), AS_AUTHORITY,
     {"manifest.entry_unknown": "/body/entry"}),
    ("ending another's paper", p.EntryEnded, {}, AS_RIVAL, {"manifest.not_your_document": "/body/entry"}),
    ("ending after the end", p.EntryEnded, {"last_day": date(2040, 1, 1)}, AS_AUTHORITY,
     {"manifest.nothing_changes": "/body/last_day"}),
    ("ending before the beginning", p.EntryEnded, {"last_day": PAST}, AS_AUTHORITY,
     {"manifest.period_empty": "/body/last_day"}),
    ("ending in the past as its holder", p.EntryEnded, {"last_day": date(2025, 1, 1)}, AS_FACILITY,
     {"manifest.date_out_of_order": "/body/last_day"}),
    ("suspending what cannot be", p.EntrySuspended, on(Register.CONTRACT, "contract:1"), AS_AUTHORITY,
     {"manifest.not_for_register": "/body/register"}),
    ("suspending the operator", p.EntrySuspended, on(Register.ORGANISATION, OPERATOR), AS_AUTHORITY,
     {"manifest.not_for_register": "/body/entry"}),
    ("suspending for no time", p.EntrySuspended, {"valid_to": PAST}, AS_AUTHORITY,
     {"manifest.period_empty": "/body/valid_to"}),
    ("suspending twice", p.EntrySuspended, on(Register.ORGANISATION, RIVAL), AS_AUTHORITY,
     {"manifest.suspended_already": "/body/valid_from"}),
    ("resuming what runs", p.EntryResumed, {}, AS_AUTHORITY, {"manifest.not_suspended": "/body/valid_from"}),
    # Vehicles
    ("a vehicle of two owners", p.VehicleRegistered, {"vehicle": "vehicle:2", "party": RIVAL}, AS_RIVAL,
     {"manifest.vehicle_entered_already": "/body/plate"}),
    ("a vehicle twice", p.VehicleRegistered, {"plate": "29C-999.99"}, AS_GENERATOR,
     {"manifest.entry_known_already": "/body/vehicle"}),
    ("a vehicle of one who generates nothing", p.VehicleRegistered,
     {"vehicle": "vehicle:3", "party": "org:carrier", "plate": "x"}, AS_AUTHORITY,
     {"manifest.role_not_held": "/body/party", "manifest.plate_invalid": "/body/plate"}),
    ("a vehicle for another", p.VehicleRegistered, {"vehicle": "vehicle:3", "plate": "29C-999.99"}, AS_RIVAL,
     {"manifest.not_your_document": "/body/party"}),
    ("a vehicle without its paper", p.VehicleRegistered,
     {"vehicle": "vehicle:3", "plate": "29C-999.99", "document_sha256": None}, AS_GENERATOR,
     {"manifest.document_missing": "/body/document_sha256"}),
    # Places
    ("a site that is not there", q.SitePlaced, {"site": "site:none"}, AS_OPERATOR,
     {"manifest.site_unknown": "/body/site"}),
    ("a zone that is not there", q.SitePlaced, {"zone": "ccn-none"}, AS_OPERATOR,
     {"reference.unknown_zone": "/body/zone"}),
    ("a zone of another kind", q.SitePlaced, {"zone_kind": ZoneKind.PARK}, AS_OPERATOR,
     {"manifest.zone_of_other_kind": "/body/zone_kind"}),
    ("a new commune of a split one, not measured", q.SitePlaced, {"old_commune": SPLIT}, AS_OPERATOR,
     {"manifest.coordinates_missing": "/body/commune"}),
    ("a commune of elsewhere", q.SitePlaced, {"old_commune": "00004", "commune": None}, AS_OPERATOR,
     {"manifest.commune_elsewhere": "/body/old_commune"}),
    ("units of the other map", q.SitePlaced, {"district": HOME, "commune": "017"}, AS_OPERATOR,
     {"reference.area_not_valid": "/body/district"}),
    ("a zone twice", q.ZoneRegistered, {}, AS_AUTHORITY, {"manifest.entry_known_already": "/body/zone"}),
    ("a listed zone as another kind", q.ZoneRegistered, {"zone": CLUSTER, "zone_kind": ZoneKind.PARK},
     AS_AUTHORITY, {"manifest.zone_of_other_kind": "/body/zone_kind"}),
    ("outside is no zone", q.ZoneRegistered, {"zone": "ngoai", "zone_kind": ZoneKind.OUTSIDE}, AS_AUTHORITY,
     {"manifest.zone_of_other_kind": "/body/zone_kind"}),
    ("a zone in units that are none", q.ZoneRegistered,
     {"zone": "ccn-x", "district": "999", "communes": ("99999",)}, AS_AUTHORITY,
     {"reference.unknown_area": "/body/district"}),
    ("no fact of a zone", q.ZoneChanged, {"recognised": None}, AS_AUTHORITY,
     {"manifest.nothing_changes": "/body"}),
    ("a title without a decision", q.ZoneChanged, {"decision": None}, AS_AUTHORITY,
     {"manifest.decision_missing": "/body/decision"}),
    ("a title for a cluster", q.ZoneChanged, {"zone": CLUSTER}, AS_AUTHORITY,
     {"manifest.zone_no_village": "/body/zone"}),
    ("facts of a zone that is not there", q.ZoneChanged, {"zone": "ln-none"}, AS_AUTHORITY,
     {"reference.unknown_zone": "/body/zone"}),
    ("a reporting unit that is not there", q.ZoneChanged, {"reporting_unit": "org:none"}, AS_AUTHORITY,
     {"manifest.party_unknown": "/body/reporting_unit"}),
    ("an assessment of tomorrow", q.ZoneAssessed,
     {"assessment": "assessment:2", "assessed_on": date(2030, 1, 1)}, AS_AUTHORITY,
     {"manifest.date_in_future": "/body/assessed_on"}),
    ("an assessment twice", q.ZoneAssessed, {}, AS_AUTHORITY,
     {"manifest.entry_known_already": "/body/assessment"}),
    ("a point without a place", q.CollectionPointOpened, {"point": "point:2", "site": "site:none"},
     AS_AUTHORITY, {"manifest.site_unknown": "/body/site"}),
    ("a point in no zone", q.CollectionPointOpened, {"point": "point:2", "zone": "ln-none"}, AS_AUTHORITY,
     {"reference.unknown_zone": "/body/zone"}),
    ("a point twice", q.CollectionPointOpened, {}, AS_AUTHORITY,
     {"manifest.entry_known_already": "/body/point"}),
    ("a generator without a decision", q.CollectionPointOpened,
     {"point": "point:2", "operator": GENERATOR, "operator_is_generator": True}, AS_AUTHORITY,
     {"manifest.decision_missing": "/body/generator_decision"}),
    ("a point that closes before it opens", q.CollectionPointOpened, {"point": "point:2", "valid_to": PAST},
     AS_AUTHORITY, {"manifest.period_empty": "/body/valid_to"}),
    ("a line of another's site", q.TreatmentLineSet, {"treatment_line": "line:2", "site": "site:generator"},
     AS_FACILITY, {"manifest.site_not_yours": "/body/site"}),
    ("a line of one who treats nothing", q.TreatmentLineSet,
     {"treatment_line": "line:2", "party": GENERATOR, "site": "site:generator"}, AS_AUTHORITY,
     {"manifest.role_not_held": "/body/party"}),
    # Papers
    ("an amendment of nothing", d.PermitAmended, {"permit": "permit:none"}, AS_FACILITY,
     {"manifest.permit_unknown": "/body/permit"}),
    ("an amendment that says nothing", d.PermitAmended, {"lines": None}, AS_FACILITY,
     {"manifest.nothing_changes": "/body"}),
    ("an amendment of another's permit", d.PermitAmended, {}, AS_RIVAL,
     {"manifest.not_your_document": "/body/permit"}),
    ("an amendment without its paper", d.PermitAmended, {"document_sha256": None}, AS_FACILITY,
     {"manifest.document_missing": "/body/document_sha256"}),
    ("an amendment from before the permit", d.PermitAmended, {"valid_from": date(2024, 1, 1)}, AS_AUTHORITY,
     {"manifest.change_out_of_order": "/body/valid_from"}),
    ("an amendment that ends before it begins", d.PermitAmended, {"valid_to": date(2025, 1, 1)},
     AS_AUTHORITY, {"manifest.period_empty": "/body/valid_to"}),
    ("a registration without lines that differ", d.RegistrationReceived, {"lines": TWICE}, AS_GENERATOR,
     {"manifest.line_repeated": "/body/lines"}),
    ("a registration for another", d.RegistrationReceived, {}, AS_RIVAL,
     {"manifest.not_your_document": "/body/party"}),
    ("a contract among others", d.ContractMade, {"contract": "contract:2"}, AS_RIVAL,
     {"manifest.not_your_document": "/body/generator"}),
    ("a contract with oneself", d.ContractMade, {"contract": "contract:2", "generator": FACILITY},
     AS_FACILITY, {"manifest.parties_same": "/body/facility"}),
    ("a contract with one who does not treat", d.ContractMade, {"contract": "contract:2", "facility": RIVAL},
     AS_GENERATOR, {"manifest.role_not_held": "/body/facility"}),
    ("a contract for areas that are none", d.ContractMade, {"contract": "contract:2", "areas": ("99999",)},
     AS_GENERATOR, {"reference.unknown_area": "/body/areas/0"}),
    ("a contract signed tomorrow", d.ContractMade, {"contract": "contract:2", "signed_on": date(2030, 1, 1)},
     AS_GENERATOR, {"manifest.date_in_future": "/body/signed_on"}),
    ("a contract twice", d.ContractMade, {}, AS_GENERATOR,
     {"manifest.entry_known_already": "/body/contract"}),
    ("agreeing to nothing", d.ContractAgreed, {"contract": "contract:none"}, AS_FACILITY,
     {"manifest.contract_unknown": "/body/contract"}),
    ("agreeing twice", d.ContractAgreed, {}, AS_GENERATOR, {"manifest.agreed_already": "/body/contract"}),
    ("agreeing for others", d.ContractAgreed, {}, AS_RIVAL, {"manifest.not_your_document": "/body/contract"}),
    ("a certificate of what is always hazardous", d.CertificateIssued, {"code": CODE}, AS_GENERATOR,
     {"manifest.code_always_hazardous": "/body/code"}),
    ("a certificate of another's site", d.CertificateIssued, {"site": "site:rival"}, AS_GENERATOR,
     {"manifest.site_not_yours": "/body/site"}),
    ("a certificate before its sample", d.CertificateIssued, {"valid_from": date(2025, 1, 1)}, AS_GENERATOR,
     {"manifest.date_out_of_order": "/body/valid_from"}),
    ("a linkage with oneself", d.LinkageApproved, {"second": FACILITY}, AS_AUTHORITY,
     {"manifest.parties_same": "/body/second"}),
    ("a linkage for what the second may not treat", d.LinkageApproved, {"codes": ("16 01 12",)},
     AS_AUTHORITY, {"manifest.permit_lacks_code": "/body/codes/0"}),
    ("a linkage by a contract that is none", d.LinkageApproved, {"contract": "contract:1"}, AS_AUTHORITY,
     {"manifest.contract_unknown": "/body/contract"}),
    ("a linkage among others", d.LinkageApproved, {}, (
        "org:third", Role.TREATMENT_FACILITY,
    ), {"manifest.not_your_document": "/body/first"}),
]  # fmt: skip


@pytest.fixture(scope="module", params=["sqlite", POSTGRES])
def filled(request: pytest.FixtureRequest) -> Iterator[tuple[World, dict[str, list[Any]]]]:
    with world_on(request.param, request) as world:
        world.add_party("org:third", "Công ty Xử lý thứ ba", Role.TREATMENT_FACILITY, identifier="0100109106")
        enter(world, p.OrganisationChanged, AS_OPERATOR)
        enter(world, p.VehicleRegistered, AS_GENERATOR)
        enter(world, q.ZoneRegistered)
        enter(world, q.ZoneAssessed)
        enter(world, q.CollectionPointOpened)
        enter(world, d.ContractMade, AS_GENERATOR)
        enter(world, p.EntrySuspended, **on(Register.ORGANISATION, RIVAL))
        yield world, dump(world)


def dump(world: World) -> dict[str, list[Any]]:
    with reading(world.engine) as reader:
        return {
            table.name: sorted((tuple(row) for row in reader.execute(select(table))), key=repr)
            for table in SQLModel.metadata.sorted_tables
        }


@pytest.mark.parametrize("case", CASES, ids=[one[0] for one in CASES])
def test_a_bad_entry_is_refused_by_name_and_writes_nothing(
    filled: tuple[World, dict[str, list[Any]]], case: Case
) -> None:
    _, kind, changed, who, expected = case
    world, before = filled
    body = typical(kind, **changed)
    with pytest.raises(Refused) as refused:
        world.act(body, who, stream=str(stream_of(body)))
    found = {problem.code: problem.path for problem in reversed(refused.value.problems)}
    assert found == expected
    assert dump(world) == before


def test_an_entry_belongs_to_the_stream_of_its_thing(filled: tuple[World, dict[str, list[Any]]]) -> None:
    world, before = filled
    for kind, stream in ((q.ZoneChanged, CLUSTER), (p.EntryConfirmed, VILLAGE), (d.ContractAgreed, PLATE)):
        who = AS_FACILITY if kind is d.ContractAgreed else AS_AUTHORITY
        with pytest.raises(Refused) as refused:
            world.act(typical(kind), who, stream=stream)
        assert "manifest.stream_wrong" in {problem.code for problem in refused.value.problems} or (
            refused.value.code == "ledger.field_invalid"
        )
    assert dump(world) == before


def test_every_refusal_of_the_dated_registers_has_a_case() -> None:
    covered = {code for case in CASES for code in case[4]}
    assert {
        "manifest.entry_known_already", "manifest.entry_unknown", "manifest.not_for_register",
        "manifest.confirmed_already", "manifest.suspended_already", "manifest.not_suspended",
        "manifest.change_out_of_order", "manifest.commune_elsewhere", "manifest.coordinates_missing",
        "manifest.zone_no_village", "manifest.decision_missing", "manifest.vehicle_entered_already",
        "manifest.parties_same", "manifest.contract_unknown", "manifest.agreed_already",
        "manifest.code_always_hazardous",
    } <= covered  # fmt: skip
