"""The registers on both databases: what may be entered, and by whom."""

from datetime import date
from functools import partial
from typing import Any

from sqlalchemy import Engine

from ledger.format.keys import key_fields
from ledger.writing.writer import Ledger
from manifest import events as e
from manifest.reference import default
from manifest.register import events as r
from manifest.register.log import LogOpened
from manifest.service import Judge
from manifest.views import (
    MANIFEST,
    NUMBER_BLOCK,
    ORGANISATION,
    PERMIT,
    PLAN_LINE,
)
from manifest.vocabulary import PermitKind, Role, ZoneKind
from tests.world import (
    AUTHORITY,
    CARRIER,
    CODE,
    FACILITY,
    GENERATOR,
    OPERATOR,
    ORIGIN,
    OTHER_CODE,
    OTHER_FACILITY,
    RIVAL,
    SECOND_CARRIER,
    TONNE,
    Who,
    World,
    key_of,
    log_signer,
    refused,
)

HALF = 500_000


# Numbers


def test_numbers_come_from_blocks_that_do_not_overlap(world: World) -> None:
    for first, last in ((999, 2000), (1, 1), (500, 600)):
        assert refused(partial(world.allocate, GENERATOR, first=first, last=last)) == [
            ("manifest.numbers_overlap", "/body/first")
        ]
    world.allocate(GENERATOR, first=1000, last=1000)
    world.allocate(RIVAL, first=1, last=10, year=2026)
    assert len(world.rows(NUMBER_BLOCK)) == 3
    assert refused(lambda: world.allocate("org:none", first=7, last=6, issuer="X")) == [
        ("manifest.period_empty", "/body/last"), ("manifest.party_unknown", "/body/party"),
    ]  # fmt: skip
    number = e.Number(sequence=1000, year=2025, issuer="1-2-3.047.VX")
    world.register(number=number)
    assert world.row(MANIFEST)["number"] == "1000/2025/1-2-3.047.VX"


def test_the_number_of_a_cancelled_manifest_stays_used(world: World) -> None:
    world.register().cancel()
    assert world.row(MANIFEST)["status"] == "cancelled"
    assert world.places() == {"generated": -HALF, "stored": HALF}
    world.sequence = 0
    body = world.registered()
    assert refused(lambda: world.act(body, (GENERATOR, Role.GENERATOR), stream=world.id())) == [
        ("manifest.number_taken", "/body/number")
    ]


# Registers


def test_plans_are_declared_for_ones_own_site(world: World) -> None:
    def plan(party: str, *codes: str, **changed: Any) -> object:
        lines = tuple(r.CodeMass(code=code, mass_g=TONNE) for code in codes)
        fields: dict[str, Any] = {"plan": "plan:1", "site": "site:generator", "year": 2025, "lines": lines}
        body = r.PlanDeclared(**(fields | changed))
        return world.act(body, (party, Role.GENERATOR), stream=body.plan)

    plan(GENERATOR, CODE, OTHER_CODE)
    assert {(row["code"], row["mass_g"]) for row in world.rows(PLAN_LINE)} == {
        (CODE, TONNE),
        (OTHER_CODE, TONNE),
    }
    assert refused(lambda: plan(RIVAL, CODE)) == [("manifest.site_not_yours", "/body/site")]
    assert refused(lambda: plan(GENERATOR, CODE, "99 99 99", CODE)) == [
        ("reference.unknown_waste_code", "/body/lines/1/code"), ("manifest.line_repeated", "/body/lines"),
    ]  # fmt: skip


def test_organisations_are_who_they_say(world: World) -> None:
    taken = world.row(ORGANISATION, party=GENERATOR)["identifier"]
    cases: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
        ({"identifier": "0100109107"}, [("manifest.tax_code_invalid", "/body/identifier")]),
        ({"identifier": taken}, [("manifest.identifier_taken", "/body/identifier")]),
        ({"party": GENERATOR}, [("manifest.party_known_already", "/body/party")]),
        ({"roles": (Role.OPERATOR,)}, [("manifest.role_not_given", "/body/roles")]),
        ({"roles": (Role.GENERATOR, Role.SERVICE)}, [("manifest.role_not_given", "/body/roles")]),
    ]
    for changed, expected in cases:
        fields: dict[str, Any] = {"identifier": "0100109106"} | changed
        party = fields.pop("party", "org:new")
        roles = fields.pop("roles", (Role.GENERATOR,))
        assert refused(partial(world.add_party, party, "Tên mới", *roles, **fields)) == expected


def test_a_party_without_identifier_is_registered_with_the_reason(world: World) -> None:
    fields = {"identifier_kind": "none", "identifier": None, "reason": "hộ làng nghề chưa có mã số"}
    body = r.OrganisationRegistered.read(
        {"party": "org:household", "name": "Hộ bà Lụa", "roles": ["generator"], "address": "Hà Nội"}
        | {name: value for name, value in fields.items() if value}
    )
    world.act(body, (OPERATOR, Role.OPERATOR), stream=body.party)
    row = world.row(ORGANISATION, party="org:household")
    assert (row["identifier"], row["admitted"]) == (None, False)


def test_admission_comes_once_and_to_who_is_registered(world: World) -> None:
    def admit(party: str) -> object:
        return world.act(r.OrganisationAdmitted(party=party), (AUTHORITY, Role.AUTHORITY), stream=party)

    assert refused(lambda: admit("org:none")) == [("manifest.party_unknown", "/body/party")]
    assert refused(lambda: admit(GENERATOR)) == [("manifest.party_admitted_already", "/body/party")]


def test_sites_lie_where_the_map_has_a_place(world: World) -> None:
    wrong = {"zone": "kcn-none", "district": "999", "commune": "00001", "site": "site:x"}
    assert refused(lambda: world.add_site("org:none", **wrong)) == [
        ("manifest.party_unknown", "/body/party"),
        ("reference.unknown_zone", "/body/zone"),
        ("reference.unknown_area", "/body/district"),
        ("reference.unknown_area", "/body/commune"),
    ]
    assert refused(lambda: world.add_site(GENERATOR, zone_kind=ZoneKind.CLUSTER)) == [
        ("manifest.zone_of_other_kind", "/body/zone_kind")
    ]
    assert refused(lambda: world.add_site(GENERATOR, district="00493", commune="017")) == [
        ("reference.area_not_valid", "/body/district"), ("reference.area_not_valid", "/body/commune"),
    ]  # fmt: skip


def test_a_permit_is_confirmed_by_the_authority_or_the_holders_own_word(world: World) -> None:
    assert world.row(PERMIT, permit="permit:facility")["confirmed"] is True
    fields: dict[str, Any] = {
        "permit": "permit:own", "party": FACILITY, "permit_kind": PermitKind.TREATMENT, "number": "1",
        "valid_from": date(2025, 1, 1), "valid_to": date(2025, 12, 31),
        "lines": (r.PermitLine(code=CODE, methods=("TC",), mass_g_year=TONNE),),
    }  # fmt: skip

    def grant(party: str, **changed: Any) -> object:
        body = r.PermitGranted(**(fields | changed))
        role = Role.TREATMENT_FACILITY if party == FACILITY else Role.GENERATOR
        return world.act(body, (party, role), stream=body.permit)

    assert refused(lambda: grant(FACILITY)) == [("manifest.document_missing", "/body/document_sha256")]
    assert refused(lambda: grant(RIVAL, document_sha256="ab" * 32)) == [
        ("manifest.not_your_document", "/body/party")
    ]
    grant(FACILITY, document_sha256="ab" * 32)
    assert world.row(PERMIT, permit="permit:own")["confirmed"] is False
    assert refused(lambda: grant(FACILITY, document_sha256="ab" * 32)) == [
        ("manifest.permit_known_already", "/body/permit")
    ]
    bad = (
        r.PermitLine(code=CODE, methods=("XX",), mass_g_year=1), r.PermitLine(code=CODE, mass_g_year=1),
        r.PermitLine(code="99 99 99", mass_g_year=1),
    )  # fmt: skip
    changed = {"permit": "permit:bad", "lines": bad, "vehicles": ("x",), "valid_to": date(2024, 1, 1)}
    assert refused(lambda: grant(FACILITY, document_sha256="ab" * 32, **changed)) == [
        ("manifest.period_empty", "/body/valid_to"),
        ("reference.unknown_method", "/body/lines/0/methods/0"),
        ("reference.unknown_waste_code", "/body/lines/2/code"),
        ("manifest.line_repeated", "/body/lines"),
        ("manifest.plate_invalid", "/body/vehicles/0"),
    ]
    unknown = {"permit": "permit:x", "party": "org:none"}
    by_authority = r.PermitGranted(**(fields | unknown))
    assert refused(lambda: world.act(by_authority, (AUTHORITY, Role.AUTHORITY), stream="permit:x")) == [
        ("manifest.party_unknown", "/body/party")
    ]


def test_an_approval_is_given_by_the_authority_or_said_by_one_of_the_two(world: World) -> None:
    fields: dict[str, Any] = {
        "approval": "approval:own", "carrier": CARRIER, "facility": OTHER_FACILITY, "number": "1",
        "valid_from": date(2025, 1, 1), "valid_to": date(2025, 12, 31), "document_sha256": "ab" * 32,
    }  # fmt: skip

    def grant(party: str, role: Role, **changed: Any) -> object:
        body = r.ApprovalGranted(**(fields | changed))
        return world.act(body, (party, role), stream=body.approval)

    assert refused(lambda: grant(SECOND_CARRIER, Role.TRANSPORTER)) == [
        ("manifest.not_your_document", "/body/carrier")
    ]
    assert refused(lambda: grant(CARRIER, Role.TRANSPORTER, document_sha256=None)) == [
        ("manifest.document_missing", "/body/document_sha256")
    ]
    grant(OTHER_FACILITY, Role.TREATMENT_FACILITY)
    assert refused(lambda: grant(CARRIER, Role.TRANSPORTER)) == [
        ("manifest.approval_known_already", "/body/approval")
    ]
    wrong = {"approval": "approval:x", "carrier": "org:none", "valid_to": date(2024, 1, 1)}
    assert refused(lambda: grant(AUTHORITY, Role.AUTHORITY, **wrong)) == [
        ("manifest.period_empty", "/body/valid_to"), ("manifest.party_unknown", "/body/carrier"),
    ]  # fmt: skip


def test_a_log_is_opened_by_one_operator(engine: Engine) -> None:
    ledger = Ledger(engine, ORIGIN, judge=Judge(default()), signer=log_signer())
    world = World(engine, ledger)
    roots = [(OPERATOR, "root-1"), (RIVAL, "root-2")]
    body = LogOpened(
        format=1,
        operator="Hai đơn vị",
        log_keys=(str(log_signer().key),),
        root_keys=tuple(
            key_fields(key_of(name).public_key, party=party, custody="device") for party, name in roots
        ),
        reference={},
    )
    signers: list[Who] = [(party, Role.OPERATOR, name) for party, name in roots]
    assert refused(lambda: world.act(body, *signers, stream="log")) == [
        ("manifest.operator_ambiguous", "/body/root_keys")
    ]
