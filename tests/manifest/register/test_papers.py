"""Papers in force on a day: permits, registrations, contracts, certificates, linkages."""

from datetime import date, timedelta
from typing import Any

from manifest import lookups
from manifest.register import documents as d
from manifest.register import events as r
from manifest.register import parties as p
from manifest.register.papers import certificate_for, contract, contract_between, linkage
from manifest.register.views import CERTIFICATE, CONFIRMATION, CONTRACT, REGISTRATION, REGISTRATION_LINE
from manifest.views import APPROVAL, PERMIT, PERMIT_LINE, PERMIT_VEHICLE, PLAN_LINE
from manifest.vocabulary import PermitKind, Register, Role
from tests.manifest.register.entries import (
    AS_FACILITY,
    AS_GENERATOR,
    AS_SECOND,
    HASH,
    asked,
    enter,
)
from tests.world import (
    AUTHORITY,
    CARRIER,
    CODE,
    FACILITY,
    GENERATOR,
    OTHER_CODE,
    OTHER_FACILITY,
    PLATE,
    RIVAL,
    TONNE,
    World,
    line,
    refused,
)


def permit(world: World, on: date | None) -> Any:
    return asked(world, lambda reads: lookups.permit(reads, "permit:facility", on))


# Permits


def test_a_permit_allows_what_its_amendment_of_the_day_says(world: World) -> None:
    enter(world, d.PermitAmended, vehicles=("30H-111.11",))
    before, after = permit(world, date(2025, 4, 30)), permit(world, date(2025, 5, 1))
    assert (set(before.lines), set(after.lines)) == ({CODE, OTHER_CODE}, {CODE})
    assert (before.lines[CODE][1], after.lines[CODE]) == (100 * TONNE, (("TC",), TONNE))
    assert permit(world, None).lines == after.lines
    vehicles = {row["plate"]: row["valid_to"] for row in world.rows(PERMIT_VEHICLE, permit="permit:facility")}
    assert vehicles == {PLATE: date(2025, 4, 30), "30H-111.11": None}
    assert world.row(PERMIT, permit="permit:facility")["confirmed"] is True
    assert refused(lambda: enter(world, d.PermitAmended)) == [
        ("manifest.change_out_of_order", "/body/valid_from")
    ]
    enter(world, d.PermitAmended, valid_from=date(2025, 6, 1), lines=None, valid_to=date(2025, 12, 31))
    assert permit(world, date(2025, 6, 1)).lines == after.lines, "the lines stay"
    assert permit(world, date(2026, 1, 1)).valid_on(date(2026, 1, 1)) is False


def test_a_manifest_is_judged_by_the_amendment_of_its_day(world: World) -> None:
    world.register()
    enter(world, d.PermitAmended, valid_from=world.today + timedelta(days=1))
    world.register()
    body = world.registered(line(mass_g=2 * TONNE))
    world.tick(days=1)
    assert refused(lambda: world.act(body, AS_GENERATOR, stream=world.id())) == [
        ("manifest.permit_used_up", "/body/lines/0/mass_g")
    ]


def test_what_the_holder_amends_rests_on_its_word_until_it_is_confirmed(world: World) -> None:
    enter(world, d.PermitAmended, AS_FACILITY)
    assert world.row(PERMIT, permit="permit:facility")["confirmed"] is False
    flags = {row["valid_from"]: row["confirmed"] for row in world.rows(PERMIT_LINE, permit="permit:facility")}
    assert flags == {date(2024, 1, 1): True, date(2025, 5, 1): False}
    enter(world, p.EntryConfirmed, entry="permit:facility")
    assert all(row["confirmed"] for row in world.rows(PERMIT_LINE, permit="permit:facility"))
    row = world.row(CONFIRMATION, kept_in="permit", entry="permit:facility")
    assert (row["authority"], row["confirmed_on"], row["document_sha256"]) == (AUTHORITY, world.today, HASH)
    assert refused(lambda: enter(world, p.EntryConfirmed, entry="permit:facility")) == [
        ("manifest.confirmed_already", "/body/entry")
    ]


def test_a_suspended_permit_takes_nothing_in(world: World) -> None:
    for permit_id in ("permit:facility", "permit:carrier"):
        enter(world, p.EntrySuspended, entry=permit_id, valid_from=world.today, valid_to=world.today)
    body = world.registered()
    assert refused(lambda: world.act(body, AS_GENERATOR, stream=world.id())) == [
        ("manifest.permit_suspended", "/body/permit"),
        ("manifest.permit_suspended", "/body/carriers/0/permit"),
    ]
    world.tick(days=1)
    world.act(body, AS_GENERATOR, stream=world.id())


def test_a_permit_that_was_ended_takes_nothing_in(world: World) -> None:
    body = world.registered()
    assert refused(
        lambda: enter(world, p.EntryEnded, AS_FACILITY, last_day=world.today - timedelta(days=1))
    ) == [("manifest.date_out_of_order", "/body/last_day")], "only an authority says that it had ended"
    enter(world, p.EntryEnded, last_day=world.today - timedelta(days=1))
    assert refused(lambda: world.act(body, AS_GENERATOR, stream=world.id())) == [
        ("manifest.permit_not_valid", "/body/permit")
    ]
    assert refused(lambda: enter(world, p.EntryEnded, last_day=date(2025, 12, 31))) == [
        ("manifest.nothing_changes", "/body/last_day")
    ]
    assert refused(lambda: enter(world, p.EntryEnded, last_day=date(2023, 12, 31))) == [
        ("manifest.period_empty", "/body/last_day")
    ]


def test_an_approval_ends_when_one_of_the_two_says_so(world: World) -> None:
    approval = "approval:carrier:facility"
    fields: dict[str, Any] = {"register": Register.APPROVAL, "entry": approval}
    assert refused(lambda: enter(world, p.EntryEnded, AS_GENERATOR, **fields)) == [
        ("manifest.not_your_document", "/body/entry")
    ]
    enter(world, p.EntryEnded, (CARRIER, Role.TRANSPORTER), **fields, last_day=world.today)
    assert world.row(APPROVAL, approval=approval)["valid_to"] == world.today
    body = world.registered()
    world.act(body, AS_GENERATOR, stream=world.id())
    world.tick(days=1)
    assert refused(lambda: world.act(world.registered(), AS_GENERATOR, stream=world.id())) == [
        ("manifest.approval_missing", "/body/carriers/0/approval")
    ]


# Registrations and plans


def test_a_registration_is_the_communes_word_or_the_producers_own(world: World) -> None:
    enter(world, d.RegistrationReceived, AS_GENERATOR)
    assert world.row(REGISTRATION)["confirmed"] is False
    assert world.row(REGISTRATION_LINE)["mass_g_year"] == TONNE
    enter(world, p.EntryConfirmed, register=Register.REGISTRATION, entry="registration:1")
    assert world.row(REGISTRATION)["confirmed"] is True
    wrong: dict[str, Any] = {"registration": "registration:2", "commune": "99999", "site": "site:rival"}
    assert refused(lambda: enter(world, d.RegistrationReceived, **wrong)) == [
        ("manifest.site_not_yours", "/body/site"), ("reference.unknown_area", "/body/commune"),
    ]  # fmt: skip


def test_a_plan_is_confirmed_with_all_its_lines(world: World) -> None:
    lines = tuple(r.CodeMass(code=code, mass_g=TONNE) for code in (CODE, OTHER_CODE))
    body = r.PlanDeclared(plan="plan:1", site="site:generator", year=2025, lines=lines)
    world.act(body, AS_GENERATOR, stream="plan:1")
    assert {row["confirmed"] for row in world.rows(PLAN_LINE)} == {False}
    enter(world, p.EntryConfirmed, register=Register.PLAN, entry="plan:1")
    assert {row["confirmed"] for row in world.rows(PLAN_LINE)} == {True}


# Contracts


def test_a_contract_binds_once_all_its_parties_have_signed(world: World) -> None:
    enter(world, d.ContractMade, AS_GENERATOR, third=OTHER_FACILITY)

    def told(on: date = date(2025, 6, 1)) -> Any:
        return asked(world, lambda reads: contract_between(reads, GENERATOR, FACILITY, on))

    assert told().agreed is False
    enter(world, d.ContractAgreed, AS_FACILITY)
    assert told().agreed is False, "the third party has not"
    enter(world, d.ContractAgreed, AS_SECOND)
    assert (told().agreed, told().third) == (True, OTHER_FACILITY)
    assert told().covers(CODE, "017")
    assert not told().covers(OTHER_CODE, "017")
    assert not told().covers(CODE, "001")
    assert told(date(2026, 1, 1)) is None
    assert asked(world, lambda reads: contract(reads, "contract:1", date(2025, 6, 1))).facility == FACILITY
    for who, problem in ((AS_SECOND, "agreed_already"), ((RIVAL, Role.GENERATOR), "not_your_document")):
        assert refused(lambda: enter(world, d.ContractAgreed, who)) == [  # noqa: B023
            (f"manifest.{problem}", "/body/contract")
        ]
    newer: dict[str, Any] = {"contract": "contract:2", "valid_from": date(2025, 5, 1), "codes": ()}
    enter(world, d.ContractMade, AS_GENERATOR, **newer)
    assert told().contract == "contract:1", "the newer one has been signed by one alone"
    enter(
        world, p.EntryEnded, AS_GENERATOR, register=Register.CONTRACT, entry="contract:1",
        last_day=date(2025, 5, 31),
    )  # fmt: skip
    assert told().contract == "contract:2"
    assert told().covers(OTHER_CODE)
    assert world.row(CONTRACT, contract="contract:1")["valid_to"] == date(2025, 5, 31)


# Certificates


def test_the_newest_sample_of_a_source_speaks(world: World) -> None:
    enter(world, d.CertificateIssued, AS_GENERATOR)

    def told(on: date, code: str = OTHER_CODE, site: str = "site:generator") -> Any:
        return asked(world, lambda reads: certificate_for(reads, GENERATOR, site, code, on))

    valid = date(2025, 6, 1)
    assert (told(valid).certificate, told(valid).confirmed) == ("certificate:1", False)
    assert told(date(2025, 2, 9)) is told(date(2025, 8, 10)) is None
    assert told(valid, CODE) is told(valid, site="site:rival") is None
    world.tick(days=60)
    above: dict[str, Any] = {
        "certificate": "certificate:2",
        "sampled_on": date(2025, 5, 20),
        "valid_from": date(2025, 5, 25),
    }
    enter(world, d.CertificateIssued, **above, below_threshold=False)
    assert told(date(2025, 5, 24)).certificate == "certificate:1"
    assert told(date(2025, 5, 25)) is None, "the newer sample was above the threshold"
    enter(
        world, p.EntryEnded, register=Register.CERTIFICATE, entry="certificate:2", last_day=date(2025, 5, 26)
    )
    assert told(date(2025, 5, 27)).certificate == "certificate:1"
    assert len(world.rows(CERTIFICATE)) == 2


def test_waste_that_is_always_hazardous_has_no_certificate(world: World) -> None:
    wrong: dict[str, Any] = {"code": CODE, "valid_from": date(2025, 1, 31)}
    assert refused(lambda: enter(world, d.CertificateIssued, **wrong)) == [
        ("manifest.date_out_of_order", "/body/valid_from"),
        ("manifest.code_always_hazardous", "/body/code"),
    ]
    assert refused(lambda: enter(world, d.CertificateIssued, sampled_on=date(2025, 9, 1), code="1")) == [
        ("manifest.date_in_future", "/body/sampled_on"),
        ("manifest.date_out_of_order", "/body/valid_from"),
        ("reference.unknown_waste_code", "/body/code"),
    ]


# Linkages


def test_a_linkage_names_what_the_second_may_treat(world: World) -> None:
    enter(world, d.LinkageApproved)
    found = asked(world, lambda reads: linkage(reads, "linkage:1"))
    assert (found.first, found.second, found.codes, found.confirmed) == (
        FACILITY, OTHER_FACILITY, {CODE}, True,
    )  # fmt: skip
    assert (found.valid_on(date(2024, 12, 31)), found.valid_on(date(2025, 12, 31))) == (False, True)
    assert asked(world, lambda reads: linkage(reads, "linkage:none")) is None
    world.add_party("org:carries", "Công ty Chỉ chở", Role.TREATMENT_FACILITY, identifier="0100109106")
    world.add_permit("org:carries", kind=PermitKind.CARRIAGE)
    wrong: dict[str, Any] = {"linkage": "linkage:2", "first": "org:carries", "second": FACILITY}
    assert refused(
        lambda: enter(world, d.LinkageApproved, **wrong, codes=(CODE, "16 01 12"), contract="contract:none")
    ) == [
        ("manifest.permit_unknown", "/body/first"), ("manifest.permit_lacks_code", "/body/codes/1"),
        ("manifest.contract_unknown", "/body/contract"),
    ]  # fmt: skip
    assert refused(lambda: enter(world, d.LinkageApproved, linkage="linkage:2", second=FACILITY)) == [
        ("manifest.parties_same", "/body/second")
    ]
    enter(world, d.ContractMade, AS_GENERATOR, third=OTHER_FACILITY)
    enter(world, d.LinkageApproved, AS_SECOND, linkage="linkage:2", contract="contract:1")
    assert asked(world, lambda reads: linkage(reads, "linkage:2")).confirmed is False
