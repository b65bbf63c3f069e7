"""Acts signed by hand: who enters them for whom, what they are worth, and how they are contested."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from manifest import events as e
from manifest.body import Body
from manifest.cases.events import Contested, ContestSettled
from manifest.cases.views import CONTEST, ENTERED_ACT
from manifest.views import ACT, LOT, MANIFEST
from manifest.vocabulary import ContestOutcome, Entering, IdentifierKind, Role, State
from tests.manifest.cases.helpers import HALF, HASH, by, on_paper, refuses
from tests.manifest.register.entries import AS_AUTHORITY, AS_GENERATOR
from tests.world import (
    AUTHORITY,
    CARRIER,
    CODE,
    FACILITY,
    GENERATOR,
    PLATE,
    RIVAL,
    World,
)

HOUSEHOLD = "org:household"


def household(world: World) -> None:
    none: dict[str, Any] = {
        "identifier_kind": IdentifierKind.NONE,
        "identifier": None,
        "reason": "Hộ chưa có mã số thuế",
    }
    world.add_party(HOUSEHOLD, "Hộ sản xuất", Role.GENERATOR, **none)
    world.add_site(HOUSEHOLD)


def lot_of(world: World, helper: str, *, slip: bool = True) -> e.GenerationDeclared:
    body = e.GenerationDeclared(
        lot=world.id(), site="site:household", code=CODE, state=State.LIQUID, mass_g=1000,
        generated_on=world.today, on_paper=on_paper(HOUSEHOLD, how=Entering.ASSISTED) if slip else (),
    )  # fmt: skip
    world.act(body, (HOUSEHOLD, Role.GENERATOR, helper), stream=body.lot)
    return body


def contest(world: World, seq: int, party: str = GENERATOR, role: Role = Role.GENERATOR) -> None:
    body = Contested(seq=seq, reason="Hộ không giao chuyến này")
    world.act(body, (party, role), stream=f"contest:{seq}")


def test_the_commune_enters_for_a_household_without_a_phone(world: World) -> None:
    household(world)
    lot = lot_of(world, AUTHORITY).lot
    assert world.row(LOT, lot=lot)["party"] == HOUSEHOLD
    row = world.row(ENTERED_ACT)
    assert (row["party"], row["entered_by"], row["how"], row["sha256"]) == (
        HOUSEHOLD, AUTHORITY, "assisted", HASH
    )  # fmt: skip
    lot_of(world, CARRIER)
    assert {row["entered_by"] for row in world.rows(ENTERED_ACT)} == {AUTHORITY, CARRIER}


def test_nobody_enters_for_others_without_a_slip_or_from_anywhere(world: World) -> None:
    household(world)
    assert refuses(world, lambda: lot_of(world, CARRIER, slip=False)) == [
        ("manifest.mandate_missing", "/actors/0/kid")
    ]
    assert refuses(world, lambda: lot_of(world, RIVAL)) == [("manifest.helper_not_allowed", "/actors/0/kid")]


def test_a_driver_takes_over_what_the_generator_signs_on_paper(world: World) -> None:
    world.register()
    body = e.HandedOver(leg=1, giver=GENERATOR, taker=CARRIER, vehicle_plate=PLATE, on_paper=on_paper())
    world.act(body, (CARRIER, Role.TRANSPORTER), stream=world.manifest)
    act = world.row(ACT, kind=body.kind)
    assert (set(act["parties"].split(",")), act["assurance"]) == ({CARRIER, GENERATOR}, -1)
    assert world.row(ENTERED_ACT)["entered_by"] == CARRIER
    assert world.row(MANIFEST)["on_paper"] == 1


@pytest.mark.parametrize(
    ("papers", "who", "problem"),
    [
        ((), (CARRIER, Role.TRANSPORTER), ("manifest.actors_wrong", "/actors")),
        ((CARRIER,), (CARRIER, Role.TRANSPORTER), ("manifest.actors_wrong", "/actors")),
        ((GENERATOR,), (FACILITY, Role.TRANSPORTER), ("manifest.party_not_in_place", "/actors/0/party")),
        ((GENERATOR,), (CARRIER, Role.AUTHORITY), ("manifest.role_wrong", "/actors/0/role")),
        ((GENERATOR, RIVAL), (CARRIER, Role.TRANSPORTER),
         ("manifest.on_paper_not_a_party", "/body/on_paper/1/party")),
    ],
)  # fmt: skip
def test_only_who_signed_by_hand_may_be_missing(
    world: World, papers: tuple[str, ...], who: tuple[str, str], problem: tuple[str, str]
) -> None:
    world.register()
    slips = on_paper(*papers) if papers else ()
    body = e.HandedOver(leg=1, giver=GENERATOR, taker=CARRIER, vehicle_plate=PLATE, on_paper=slips)
    assert problem in refuses(world, lambda: world.act(body, who, stream=world.manifest))


def test_a_whole_paper_manifest_is_entered_later_by_the_facility(world: World) -> None:
    then = world.now
    body = world.registered(paper_number="000123/GIAY", on_paper=on_paper())
    world.tick(days=30)
    world.manifest = world.id()

    def enter(body: Body, who: str, role: Role, hours: int) -> None:
        world.act(body, (who, role, FACILITY), stream=world.manifest, at=then + timedelta(hours=hours))

    enter(body, GENERATOR, Role.GENERATOR, 1)
    both = on_paper(GENERATOR, CARRIER)
    handed = e.HandedOver(leg=1, giver=GENERATOR, taker=CARRIER, vehicle_plate=PLATE, on_paper=both)
    enter(handed, GENERATOR, Role.GENERATOR, 2)
    enter(e.Arrived(vehicle_plate=PLATE), FACILITY, Role.TREATMENT_FACILITY, 3)
    weighed = (e.LineWeighed(line=1, net_g=HALF, ticket="PC-1"),)
    enter(e.Weighed(instrument="Cân 80 t", lines=weighed), FACILITY, Role.TREATMENT_FACILITY, 4)
    decided = (e.LineDecided(line=1, accepted_g=HALF, refused_g=0),)
    enter(e.Accepted(lines=decided), FACILITY, Role.TREATMENT_FACILITY, 5)
    shown = world.row(MANIFEST)
    assert (shown["status"], shown["paper_number"], shown["on_paper"]) == ("accepted", "000123/GIAY", 2)
    assert [row["assurance"] for row in world.rows(ACT)] == [-1, -1, 0, 0, 0]
    world.tick()
    again = replace(world.registered(), paper_number="000123/GIAY")
    assert refuses(world, lambda: world.act(again, AS_GENERATOR, stream=world.id())) == [
        ("manifest.paper_number_taken", "/body/paper_number")
    ]


def test_a_stranger_enters_no_manifest_for_others(world: World) -> None:
    body = world.registered(on_paper=on_paper())
    who = (GENERATOR, Role.GENERATOR, RIVAL)
    assert refuses(world, lambda: world.act(body, who, stream=world.id())) == [
        ("manifest.helper_not_allowed", "/actors/0/kid")
    ]
    world.register()
    handed = e.HandedOver(leg=1, giver=GENERATOR, taker=CARRIER, vehicle_plate=PLATE, on_paper=on_paper())
    others = (GENERATOR, Role.GENERATOR, RIVAL)
    assert ("manifest.helper_not_allowed", "/actors/0/kid") in refuses(
        world, lambda: world.act(handed, others, stream=world.manifest)
    )


def test_nobody_but_an_authority_enters_what_a_facility_accepts(world: World) -> None:
    world.register().hand_over().arrive().weigh(HALF)
    decided = (e.LineDecided(line=1, accepted_g=HALF, refused_g=0),)
    body = e.Accepted(lines=decided, on_paper=on_paper(FACILITY))

    def enter(helper: str) -> None:
        world.act(body, (FACILITY, Role.TREATMENT_FACILITY, helper), stream=world.manifest)

    assert refuses(world, lambda: enter(CARRIER)) == [("manifest.helper_not_allowed", "/actors/0/kid")]
    enter(AUTHORITY)
    assert world.row(ACT, kind=body.kind)["assurance"] == -1


def test_the_giver_signs_alone_for_a_taker_on_paper(world: World) -> None:
    world.register()
    body = e.HandedOver(
        leg=1, giver=GENERATOR, taker=CARRIER, vehicle_plate=PLATE, on_paper=on_paper(CARRIER)
    )
    world.act(body, AS_GENERATOR, stream=world.manifest)
    assert world.row(MANIFEST)["holder"] == CARRIER


def entered(world: World) -> int:
    """Return the entry of a registration that the facility entered for the generator."""
    world.manifest = world.id()
    who = (GENERATOR, Role.GENERATOR, FACILITY)
    done = world.act(world.registered(on_paper=on_paper()), who, stream=world.manifest)
    return int(done.receipt.seq)


def test_who_was_entered_for_contests_it_within_thirty_days(world: World) -> None:
    seq = entered(world)
    assert refuses(world, lambda: contest(world, seq, RIVAL)) == [
        ("manifest.act_not_yours", "/actors/0/party")
    ]
    world.tick(days=29)
    contest(world, seq)
    row = world.row(CONTEST)
    assert (row["party"], row["contested_by"], row["stream"]) == (GENERATOR, GENERATOR, world.manifest)
    assert world.row(MANIFEST)["contested"] == 1
    assert refuses(world, lambda: contest(world, seq)) == [("manifest.contested_already", "/body/seq")]


def test_an_authority_contests_for_others(world: World) -> None:
    seq = entered(world)
    contest(world, seq, AUTHORITY, Role.AUTHORITY)
    assert world.row(CONTEST)["party"] == GENERATOR


def test_a_contest_comes_in_time_and_about_an_entered_act(world: World) -> None:
    seq = entered(world)
    world.tick(days=31)
    assert refuses(world, lambda: contest(world, seq)) == [("manifest.contest_too_late", "/occurred_at")]
    assert refuses(world, lambda: contest(world, seq - 1)) == [("manifest.act_not_entered", "/body/seq")]
    body = Contested(seq=seq, reason="x")
    assert refuses(world, lambda: world.act(body, AS_AUTHORITY, stream="contest:1")) == [
        ("manifest.stream_wrong", "/stream")
    ]


def settle(world: World, seq: int, outcome: ContestOutcome, party: str, role: Role) -> None:
    body = ContestSettled(seq=seq, outcome=outcome, reason="Đã xem phiếu gốc")
    world.act(body, (party, role), stream=f"contest:{seq}")


def test_an_authority_settles_a_contest_and_the_grade_follows(world: World) -> None:
    seq = entered(world)
    assert refuses(
        world, lambda: settle(world, seq, ContestOutcome.DISMISSED, AUTHORITY, Role.AUTHORITY)
    ) == [("manifest.contest_unknown", "/body/seq")]
    contest(world, seq)
    assert world.row(MANIFEST)["contested"] == 1
    not_theirs = [("manifest.contest_not_yours", "/body/outcome")]
    for outcome, party, role in (
        (ContestOutcome.UPHELD, GENERATOR, Role.GENERATOR),  # nobody is judge in its own matter
        (ContestOutcome.DISMISSED, CARRIER, Role.TRANSPORTER),
        (ContestOutcome.WITHDRAWN, CARRIER, Role.TRANSPORTER),
        (ContestOutcome.WITHDRAWN, AUTHORITY, Role.AUTHORITY),
    ):
        assert refuses(world, partial(settle, world, seq, outcome, party, role)) == not_theirs
    settle(world, seq, ContestOutcome.DISMISSED, AUTHORITY, Role.AUTHORITY)
    row = world.row(CONTEST)
    assert (row["outcome"], row["settled_by"], row["settled_reason"]) == (
        "dismissed", AUTHORITY, "Đã xem phiếu gốc"
    )  # fmt: skip
    assert world.row(MANIFEST)["contested"] == 0
    assert refuses(
        world, lambda: settle(world, seq, ContestOutcome.WITHDRAWN, GENERATOR, Role.GENERATOR)
    ) == [("manifest.contest_settled_already", "/body/seq")]


@pytest.mark.parametrize(
    ("outcome", "who", "left"),
    [
        (ContestOutcome.WITHDRAWN, (GENERATOR, Role.GENERATOR), 0),
        (ContestOutcome.UPHELD, (AUTHORITY, Role.AUTHORITY), 1),
    ],
)
def test_a_contest_taken_back_counts_no_more_and_one_upheld_does(
    world: World, outcome: ContestOutcome, who: tuple[str, Role], left: int
) -> None:
    seq = entered(world)
    contest(world, seq)
    settle(world, seq, outcome, *who)
    assert world.row(MANIFEST)["contested"] == left


def test_no_party_takes_the_name_of_a_contest(world: World) -> None:
    assert refuses(world, lambda: world.add_party("contest:1", "Công ty", Role.GENERATOR)) == [
        ("manifest.stream_wrong", "/stream")
    ]
    by_hand = e.Cancelled(reason="Đổi lịch", on_paper=on_paper(RIVAL))
    world.register()
    assert refuses(world, lambda: by(world, by_hand, GENERATOR, Role.GENERATOR)) == [
        ("manifest.on_paper_not_a_party", "/body/on_paper/0/party")
    ]
