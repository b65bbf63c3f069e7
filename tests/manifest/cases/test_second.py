"""Linked facilities: what goes on to the second one, what it finds, and that there is no third."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from ledger.errors import RuleBroken
from manifest import events as e
from manifest.cases import events as c
from manifest.cases.parts import ARTICLE, GENERATOR_SIGNED, LineReceived, Second
from manifest.quantity import LineMass, receive_second
from manifest.quantity import forward as send_on
from manifest.register import documents as d
from manifest.register import events as r
from manifest.views import ACT, MANIFEST, MANIFEST_LINE, MANIFEST_PARTY, PERMIT_USE, POSTING
from manifest.vocabulary import Account, Role
from manifest.wording import message
from tests.manifest.cases.helpers import HALF, by, refuses
from tests.manifest.register.entries import AS_FACILITY, AS_GENERATOR, AS_SECOND, enter
from tests.world import (
    CARRIER,
    CODE,
    FACILITY,
    GENERATOR,
    OTHER_CODE,
    OTHER_FACILITY,
    PLATE,
    TONNE,
    World,
    line,
)

TAKES: dict[str, Any] = {
    "party": OTHER_FACILITY, "site": "site:facility-2", "permit": "permit:facility-2", "linkage": "linkage:1",
    "consent": GENERATOR_SIGNED,
}  # fmt: skip
BY_FACILITY = {"carriers": (e.CarrierPlanned(party=FACILITY),)}


def second(**changed: Any) -> Second:
    return Second(**(TAKES | changed))


def linked(world: World) -> World:
    """Let the first facility treat one code only, and pass the other on with an approval."""
    lines = (r.PermitLine(code=CODE, methods=("TC",), mass_g_year=100 * TONNE),)
    world.add_permit(FACILITY, permit="permit:narrow", lines=lines)
    enter(world, d.LinkageApproved, codes=(OTHER_CODE,))
    return world


def registered(world: World, **changed: Any) -> e.Registered:
    both = (line(), line(2, code=OTHER_CODE))
    return world.registered(
        *both, **({"permit": "permit:narrow", "second": second()} | BY_FACILITY | changed)
    )


def accepted(world: World, refused_g: int = 0) -> World:
    """Bring both lines into the first facility."""
    body = registered(linked(world))
    world.manifest, world.legs = world.id(), 0
    world.act(body, AS_GENERATOR, stream=world.manifest)
    world.hand_over(GENERATOR, FACILITY).arrive().weigh(HALF, HALF)
    return world.accept((HALF, 0), (HALF - refused_g, refused_g))


def forward(world: World, *lines: int, taker: str = FACILITY, facility: str = OTHER_FACILITY) -> None:
    body = c.Forwarded(facility=facility, taker=taker, vehicle_plate=PLATE, lines=lines or (2,))
    signers = [AS_FACILITY] if taker == FACILITY else [AS_FACILITY, (taker, Role.TREATMENT_FACILITY)]
    world.act(body, *signers, stream=world.manifest)


def receive(world: World, net_g: int = HALF, refused_g: int = 0, number: int = 2) -> None:
    item = LineReceived(
        line=number, net_g=net_g, ticket="PC-9", accepted_g=net_g - refused_g, refused_g=refused_g,
        reason="Lẫn nước" if refused_g else None,
    )  # fmt: skip
    by(world, c.ReceivedSecond(instrument="Cân 40 t", lines=(item,)), OTHER_FACILITY)


def treat_second(world: World, mass_g: int, number: int = 2) -> None:
    part = e.LineTreated(line=number, mass_g=mass_g, methods=("TC",), treated_on=world.today)
    by(world, e.Treated(parts=(part,)), OTHER_FACILITY)


def test_a_line_goes_on_to_the_second_facility_and_is_treated_there(world: World) -> None:
    accepted(world)
    used = {row["code"]: row["accepted_g"] for row in world.rows(PERMIT_USE, permit="permit:narrow")}
    assert used == {CODE: HALF, OTHER_CODE: HALF}
    forward(world)
    assert world.grams(Account.IN_TRANSIT, place=FACILITY) == HALF
    receive(world)
    assert world.grams(Account.AT_FACILITY, place="site:facility-2") == HALF
    used = {row["code"]: row["accepted_g"] for row in world.rows(PERMIT_USE, permit="permit:narrow")}
    assert used == {CODE: HALF, OTHER_CODE: 0}
    assert [row["accepted_g"] for row in world.rows(PERMIT_USE, permit="permit:facility-2")] == [HALF]
    world.treat(HALF)
    treat_second(world, HALF)
    by(world, e.Completed(), OTHER_FACILITY)
    shown = world.row(MANIFEST)
    assert (shown["status"], shown["second"], shown["left_g"]) == ("completed", OTHER_FACILITY, 0)
    assert None not in {shown["forwarded_at"], shown["received_second_at"]}
    assert world.grams(Account.TREATED_SERVICE, place="site:facility-2") == HALF
    sites = [row["facility_site"] for row in world.rows(MANIFEST_LINE)]
    assert sites == ["site:facility", "site:facility-2"]
    assert {row["party"] for row in world.rows(MANIFEST_PARTY)} == {GENERATOR, FACILITY, OTHER_FACILITY}
    assert world.rows(ACT, kind="manifest.forwarded.v1")[0]["parties"] == FACILITY


def test_the_second_facility_fetches_it_itself(world: World) -> None:
    accepted(world)
    forward(world, taker=OTHER_FACILITY)
    assert world.grams(Account.IN_TRANSIT, place=OTHER_FACILITY) == HALF
    receive(world)
    assert world.grams(Account.IN_TRANSIT) == 0


@pytest.mark.parametrize(
    ("net_g", "refused_g", "where"),
    [
        (HALF - 10, 0, {Account.AT_FACILITY: HALF - 10}),
        (HALF + 10, 0, {Account.AT_FACILITY: HALF + 10}),
        (HALF - 100_000, 0, {Account.AT_FACILITY: HALF - 100_000, Account.UNEXPLAINED: 100_000}),
        (HALF + 100_000, 0, {Account.AT_FACILITY: HALF, Account.UNEXPLAINED: 100_000}),
        (HALF, 1000, {Account.AT_FACILITY: HALF - 1000, Account.IN_TRANSIT: 1000}),
        (HALF, HALF, {Account.IN_TRANSIT: HALF}),
        (0, 0, {Account.UNEXPLAINED: HALF}),
    ],
)
def test_the_second_scale_posts_its_own_difference(
    world: World, net_g: int, refused_g: int, where: dict[Account, int]
) -> None:
    accepted(world)
    forward(world)
    receive(world, net_g, refused_g)
    held = {
        account: world.grams(account, lot=world.rows(POSTING, line=2)[0]["lot"])
        for account in (Account.AT_FACILITY, Account.UNEXPLAINED, Account.IN_TRANSIT)
    }
    assert {account: grams for account, grams in held.items() if grams} == where
    assert sum(row["grams"] for row in world.rows(POSTING)) == 0


def test_a_line_of_which_nothing_is_credited_goes_on_and_grows(world: World) -> None:
    body = registered(linked(world))
    world.manifest, world.legs = world.id(), 0
    world.act(body, AS_GENERATOR, stream=world.manifest)
    world.hand_over(GENERATOR, FACILITY).arrive().weigh(HALF, 2 * HALF)
    world.accept((HALF, 0), (100_000, 2 * HALF - 100_000)).give_back(FACILITY)
    forward(world)
    receive(world, 100_010)
    assert world.grams(Account.AT_FACILITY, place="site:facility-2") == 10
    treat_second(world, 100_010)
    assert world.grams(Account.TREATED_SERVICE) == 10
    assert sum(row["grams"] for row in world.rows(POSTING)) == 0


def test_what_the_second_facility_refuses_goes_back_to_the_generator(world: World) -> None:
    accepted(world)
    forward(world)
    receive(world, HALF, 1000)
    shown = world.row(MANIFEST)
    assert (shown["refused_g"], shown["accepted_g"], shown["left_g"]) == (1000, 2 * HALF, 2 * HALF - 1000)
    wrong = e.Returned(giver=CARRIER, vehicle_plate=PLATE)
    both = ((CARRIER, Role.TRANSPORTER), AS_GENERATOR)
    assert refuses(world, lambda: world.act(wrong, *both, stream=world.manifest)) == [
        ("manifest.giver_not_holder", "/body/giver")
    ]
    world.give_back(FACILITY)
    assert world.grams(Account.STORED, place="site:generator") == 1000
    assert world.grams(Account.IN_TRANSIT) == 0
    again = e.Returned(giver=FACILITY, vehicle_plate=PLATE)
    facility = (FACILITY, Role.TRANSPORTER)
    assert refuses(world, lambda: world.act(again, facility, AS_GENERATOR, stream=world.manifest)) == [
        ("manifest.nothing_refused", "")
    ]


def test_what_was_refused_is_back_before_a_line_goes_on(world: World) -> None:
    accepted(world, refused_g=1000)
    assert refuses(world, lambda: forward(world)) == [("manifest.return_first", "/body/lines/0")]
    world.give_back(FACILITY)
    forward(world)
    assert world.grams(Account.IN_TRANSIT, place=FACILITY) == HALF - 1000


def test_a_third_facility_is_refused_by_its_article(world: World) -> None:
    accepted(world)
    third = ("manifest.third_facility", "/body/facility")
    assert refuses(world, lambda: forward(world, facility="org:third")) == [third]
    forward(world)
    on_again = ("manifest.third_facility", "/body/lines/0")
    assert refuses(world, lambda: forward(world)) == [on_again]
    receive(world)
    assert refuses(world, lambda: forward(world)) == [on_again]
    carriers = (
        e.CarrierPlanned(party=CARRIER, permit="permit:carrier", approval="approval:carrier:facility"),
    )
    body = registered(world, carriers=carriers)
    assert refuses(world, lambda: world.act(body, AS_GENERATOR, stream=world.id())) == [
        ("manifest.third_facility", "/body/carriers")
    ]


def test_a_third_facility_names_the_article_in_both_languages() -> None:
    for language in ("vi", "en"):
        assert "72(3)" in message("manifest.third_facility", {"article": ARTICLE, "limit": 2}, language)


def test_each_facility_speaks_of_what_it_has(world: World) -> None:
    accepted(world)
    elsewhere = [("manifest.line_elsewhere", "/body/parts/0/line")]
    assert refuses(world, lambda: treat_second(world, 1)) == elsewhere
    forward(world)
    assert refuses(world, lambda: treat_second(world, 1)) == elsewhere, "it is on the way"
    assert refuses(world, lambda: world.treat(1, 2)) == elsewhere
    receive(world)
    assert refuses(world, lambda: world.treat(1, 2)) == elsewhere
    assert refuses(world, lambda: receive(world)) == [("manifest.lines_incomplete", "/body/lines")]
    treat_second(world, HALF)
    assert refuses(world, lambda: by(world, e.Completed(), OTHER_FACILITY)) == [
        ("manifest.not_all_treated", "")
    ]
    world.treat(HALF)
    assert refuses(world, lambda: by(world, e.Completed(), OTHER_FACILITY)) == [
        ("manifest.completes_last", "/actors/0/party")
    ]
    world.complete()


def test_a_line_that_a_method_has_touched_stays(world: World) -> None:
    accepted(world)
    world.treat(1000, 2)
    assert refuses(world, lambda: forward(world, 2)) == [("manifest.line_not_whole", "/body/lines/0")]


def test_only_whole_lines_that_the_linkage_names_go_on(world: World) -> None:
    accepted(world)
    assert refuses(world, lambda: forward(world, 1)) == [("manifest.linkage_lacks_code", "/body/lines/0")]
    assert refuses(world, lambda: forward(world, 3)) == [("manifest.line_unknown", "/body/lines/0")]
    assert refuses(world, lambda: forward(world, 2, 2)) == [("manifest.lines_incomplete", "/body/lines")]
    carrier = c.Forwarded(facility=OTHER_FACILITY, taker=CARRIER, vehicle_plate="xe", lines=(2,))
    both = (AS_FACILITY, (CARRIER, Role.TRANSPORTER))
    assert refuses(world, lambda: world.act(carrier, *both, stream=world.manifest)) == [
        ("manifest.taker_not_planned", "/body/taker"), ("manifest.plate_invalid", "/body/vehicle_plate"),
    ]  # fmt: skip
    forward(world)
    item = LineReceived(line=2, net_g=HALF, ticket="PC", accepted_g=HALF - 1, refused_g=1)
    body = c.ReceivedSecond(instrument="Cân", lines=(item,))
    assert refuses(world, lambda: by(world, body, OTHER_FACILITY)) == [
        ("manifest.reason_missing", "/body/lines/0/reason")
    ]
    body = replace(body, lines=(replace(item, refused_g=2, reason="ướt"),))
    assert refuses(world, lambda: by(world, body, OTHER_FACILITY)) == [
        ("manifest.accepted_and_refused", "/body/lines/0")
    ]


def test_only_what_is_on_the_way_is_weighed_at_the_second_scale() -> None:
    line = LineMass(declared_g=10, net_g=10, accepted_g=10)
    with pytest.raises(RuleBroken, match=r"manifest\.line_not_forwarded"):
        receive_second(line, 10, 10, 0, "/body/lines/0")
    there = receive_second(send_on(line, FACILITY, ""), 10, 4, 6, "")
    assert (there.due_g, there.left_g, there.outstanding_g) == (4, 4, 6)
    with pytest.raises(RuleBroken, match=r"manifest\.line_not_forwarded"):
        receive_second(there, 10, 10, 0, "")


def test_nothing_goes_on_where_no_second_facility_is_planned(world: World) -> None:
    world.register().hand_over().arrive().weigh(HALF).accept((HALF, 0))
    assert refuses(world, lambda: forward(world, 1)) == [("manifest.second_not_planned", "/body/facility")]


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"party": FACILITY, "site": "site:facility", "permit": "permit:facility"},
         [("manifest.second_is_first", "/body/second/party"),
          ("manifest.linkage_missing", "/body/second/linkage")]),
        ({"site": "site:rival"}, [("manifest.site_unknown", "/body/second/site")]),
        ({"permit": "permit:facility"}, [("manifest.permit_unknown", "/body/second/permit")]),
        ({"linkage": "linkage:none"}, [("manifest.linkage_missing", "/body/second/linkage")]),
        ({"linkage": "linkage:ended"}, [("manifest.linkage_missing", "/body/second/linkage")]),
        ({"linkage": "linkage:other"}, [("manifest.linkage_lacks_code", "/body/lines/1/code")]),
        ({"consent": "contract:none"}, [("manifest.consent_missing", "/body/second/consent")]),
        ({"consent": "contract:two"}, [("manifest.consent_missing", "/body/second/consent")]),
        ({"consent": "contract:open"}, [("manifest.consent_missing", "/body/second/consent")]),
    ],
)  # fmt: skip
def test_a_second_facility_needs_its_papers(
    world: World, changed: dict[str, Any], problem: list[tuple[str, str]]
) -> None:
    linked(world)
    ended: dict[str, Any] = {"linkage": "linkage:ended", "codes": (OTHER_CODE,)}
    enter(world, d.LinkageApproved, **ended, valid_from=date(2024, 1, 1), valid_to=date(2025, 3, 1))
    enter(world, d.LinkageApproved, linkage="linkage:other", codes=(CODE,))
    enter(world, d.ContractMade, AS_GENERATOR, contract="contract:two")
    enter(world, d.ContractMade, AS_GENERATOR, contract="contract:open", third=OTHER_FACILITY)
    body = registered(world, second=second(**changed))
    assert refuses(world, lambda: world.act(body, AS_GENERATOR, stream=world.id())) == problem


def test_a_three_party_contract_stands_for_the_consent(world: World) -> None:
    linked(world)
    enter(world, d.ContractMade, AS_GENERATOR, third=OTHER_FACILITY, codes=())
    body = registered(world, second=second(consent="contract:1"))
    enter(world, d.ContractAgreed, AS_FACILITY)
    enter(world, d.ContractAgreed, AS_SECOND)
    manifest = world.id()
    world.act(body, AS_GENERATOR, stream=manifest)
    assert world.row(MANIFEST, manifest=manifest)["second"] == OTHER_FACILITY


def test_the_first_facility_may_treat_something_itself(world: World) -> None:
    linked(world)
    body = registered(world, lines=registered(world).lines[1:])
    alone = replace(body, lines=(replace(body.lines[0], line=1),))
    assert refuses(world, lambda: world.act(alone, AS_GENERATOR, stream=world.id())) == [
        ("manifest.first_treats_nothing", "/body/permit")
    ]


def test_a_line_that_went_on_is_not_corrected_at_the_first_scale(world: World) -> None:
    accepted(world)
    forward(world)
    assert refuses(world, lambda: world.propose(line=2, net_g=HALF - 1000)) == [
        ("manifest.correction_out_of_reach", "/body/line")
    ]
