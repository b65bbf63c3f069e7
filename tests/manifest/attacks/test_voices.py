"""One voice that would speak as two: agents, branches, helpers, lists, and whoever keeps the registers."""

from functools import partial
from typing import Any

from ledger.storage.db import reading
from manifest import events as e
from manifest.body import Body
from manifest.cases.parts import Listed
from manifest.evidence import Grade
from manifest.grading import evidence
from manifest.lots import events as lots
from manifest.register import events as r
from manifest.register import parties as p
from manifest.views import MANIFEST, ORGANISATION, PLAN_LINE
from manifest.vocabulary import IdentifierKind, PermitKind, Register, Role, State
from tests.manifest.cases.helpers import HALF, on_paper, refuses
from tests.manifest.lots.test_declassification import TESTED, certify
from tests.manifest.register.entries import AS_GENERATOR, AS_OPERATOR, enter
from tests.world import (
    AUTHORITY,
    CARRIER,
    CODE,
    FACILITY,
    GENERATOR,
    PLATE,
    RIVAL,
    TONNE,
    World,
    line,
)

BRANCH, AGENT = "org:branch", "org:agent"
OWN_VOICE = [("manifest.correction_own_voice", "/actors/0/kid")]
HELPER = [("manifest.helper_not_allowed", "/actors/0/kid")]


def accepted(world: World) -> World:
    return world.register().hand_over().arrive().weigh(HALF).accept((HALF, 0))


def consent(world: World, correction: str, key: str, *, slip: bool = False) -> None:
    papers = on_paper(GENERATOR) if slip else ()
    body = e.CorrectionConsented(correction=correction, on_paper=papers)
    world.act(body, (GENERATOR, Role.GENERATOR, key), stream=world.manifest)


def test_nobody_but_an_authority_enters_a_consent_that_stands_on_paper(world: World) -> None:
    correction = accepted(world).propose(net_g=HALF - 1)
    for helper in (CARRIER, FACILITY):
        assert refuses(world, partial(consent, world, correction, helper, slip=True)) == HELPER
    consent(world, correction, AUTHORITY, slip=True)


def test_a_branch_of_the_proposer_is_no_other_voice_when_it_signs_for_the_generator(world: World) -> None:
    code = world.row(ORGANISATION, party=FACILITY)["identifier"]
    branch: dict[str, Any] = {"identifier_kind": IdentifierKind.BRANCH_CODE, "identifier": f"{code}-001"}
    world.add_party(BRANCH, "Chi nhánh số 1", Role.TRANSPORTER, **branch)
    world.grant(GENERATOR, BRANCH, Role.GENERATOR)
    correction = accepted(world).propose(net_g=HALF - 1)
    assert refuses(world, lambda: consent(world, correction, BRANCH)) == OWN_VOICE


def test_whoever_signs_for_both_sides_agrees_for_neither_to_what_the_other_proposed(world: World) -> None:
    world.add_party(AGENT, "Công ty Dịch vụ Hồ sơ", Role.TRANSPORTER)
    world.grant(GENERATOR, AGENT, Role.GENERATOR)
    mandate = world.grant(FACILITY, AGENT, Role.TREATMENT_FACILITY)
    correction = accepted(world).propose(net_g=HALF - 1)
    assert refuses(world, lambda: consent(world, correction, AGENT)) == OWN_VOICE
    world.revoke_mandate(mandate, FACILITY)
    consent(world, correction, AGENT)


def test_two_parties_that_one_agent_signs_for_are_one_voice(world: World) -> None:
    world.add_party(AGENT, "Công ty Dịch vụ Hồ sơ", Role.TRANSPORTER)
    for party, role in ((GENERATOR, Role.GENERATOR), (FACILITY, Role.TREATMENT_FACILITY)):
        world.grant(party, AGENT, role)
    body, world.manifest, world.legs = world.registered(), world.id(), 0
    world.act(body, (GENERATOR, Role.GENERATOR, AGENT), stream=world.manifest)
    world.hand_over(keys=(AGENT, CARRIER))
    for act in (
        e.Arrived(vehicle_plate=PLATE),
        e.Weighed(instrument="Cân 80 t", lines=(e.LineWeighed(line=1, net_g=HALF, ticket="PC-1"),)),
    ):
        world.act(act, (FACILITY, Role.TREATMENT_FACILITY, AGENT), stream=world.manifest)
    with reading(world.engine) as reader:
        told = evidence(reader, world.ledger.log, world.row(MANIFEST, manifest=world.manifest))
    assert (told.grade, told.voices) == (Grade.B, 2), "the carrier, and one voice for generator and facility"


def test_a_facility_stands_on_no_list_of_what_it_treats_itself(world: World) -> None:
    world.grant(FACILITY, GENERATOR, Role.GENERATOR)
    draws = [e.Draw(lot=world.lot(100, party=party), mass_g=100) for party in (GENERATOR, FACILITY)]
    listed = (Listed(party=FACILITY, site="site:facility"),)
    body = world.registered(line(mass_g=200, lots=tuple(draws)), listed=listed)
    assert refuses(world, lambda: world.act(body, AS_GENERATOR, stream=world.id())) == [
        ("manifest.generator_is_facility", "/body/listed/0/party")
    ]


def enter_for(world: World, body: Body, stream: str, helper: str) -> None:
    """Enter an act that the rival signed by hand."""
    world.act(body, (RIVAL, Role.GENERATOR, helper), stream=stream)


def test_a_helper_ends_no_waste_for_others_and_adjusts_only_what_it_has_entered(world: World) -> None:
    world.add_permit(RIVAL, kind=PermitKind.ENVIRONMENTAL, permit="permit:rival")
    papers: dict[str, Any] = {"on_paper": on_paper(RIVAL)}
    lot, tested = world.lot(HALF, party=RIVAL), world.lot(HALF, party=RIVAL, code=TESTED)
    certificate = certify(world, party=RIVAL, site="site:rival")
    adjusted = e.GenerationAdjusted(lot=lot, delta_g=-1, reason="Cân lại", **papers)
    today, done = world.today, {"mass_g": 1, **papers}
    self_treated = e.SelfTreated(lot=lot, methods=("TĐ",), treated_on=today, permit="permit:rival", **done)
    ordinary = lots.Declassified(lot=tested, certificate=certificate, declassified_on=today, **done)
    acts: tuple[tuple[Body, str], ...] = ((adjusted, lot), (self_treated, lot), (ordinary, tested))
    for act, stream in acts:
        entered = partial(enter_for, world, act, stream)
        assert refuses(world, partial(entered, CARRIER)) == HELPER
        entered(AUTHORITY)
    declared = e.GenerationDeclared(
        lot=world.id(), site="site:rival", code=CODE, state=State.LIQUID, mass_g=HALF,
        generated_on=world.today, **papers,
    )  # fmt: skip
    world.act(declared, (RIVAL, Role.GENERATOR, CARRIER), stream=declared.lot)
    mistyped = e.GenerationAdjusted(lot=declared.lot, delta_g=-1, reason="Gõ nhầm", **papers)
    assert (
        refuses(world, lambda: world.act(mistyped, (RIVAL, Role.GENERATOR, FACILITY), stream=declared.lot))
        == HELPER
    )
    world.act(mistyped, (RIVAL, Role.GENERATOR, CARRIER), stream=declared.lot)


def test_who_keeps_the_registers_does_not_stand_in_them(world: World) -> None:
    roles = (Role.AUTHORITY, Role.TREATMENT_FACILITY)
    assert refuses(world, lambda: world.add_party("org:both", "Sở kiêm cơ sở", *roles)) == [
        ("manifest.role_not_given", "/body/roles")
    ]
    for party, changed in ((FACILITY, (Role.AUTHORITY,)), (AUTHORITY, (Role.GENERATOR,))):
        body = p.OrganisationChanged(party=party, valid_from=world.today, roles=changed)
        change = partial(world.act, body, AS_OPERATOR, stream=party)
        assert refuses(world, change) == [("manifest.role_not_given", "/body/roles")]


def test_nobody_slips_lines_into_the_plan_that_an_authority_confirms_for_another(world: World) -> None:
    def plan(party: str, mass_g: int) -> r.PlanDeclared:
        lines = (r.CodeMass(code=CODE, mass_g=mass_g),)
        return r.PlanDeclared(plan="plan:2025", site=f"site:{party[4:]}", year=2025, lines=lines)

    world.act(plan(GENERATOR, TONNE), AS_GENERATOR, stream="plan:2025")
    smuggled = plan(RIVAL, 1)
    assert refuses(world, lambda: world.act(smuggled, (RIVAL, Role.GENERATOR), stream="plan:2025")) == [
        ("manifest.entry_known_already", "/body/plan")
    ]
    world.act(plan(GENERATOR, 2 * TONNE), AS_GENERATOR, stream="plan:2025")
    enter(world, p.EntryConfirmed, register=Register.PLAN, entry="plan:2025")
    row = world.row(PLAN_LINE)
    assert (row["party"], row["mass_g"], row["confirmed"]) == (GENERATOR, 2 * TONNE, True)
