"""Corrections through the judge: each field, who agrees, and what follows for grams, permits and lots."""

import json
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from ledger.format.event import time_text
from manifest import events as e
from manifest.correcting.events import CorrectionRequested, CorrectionWithdrawn
from manifest.correcting.views import CORRECTION, CORRECTION_REQUEST
from manifest.lots.views import LOT_SOURCE
from manifest.views import LOT, MANIFEST, MANIFEST_LINE, PERMIT_USE, POSTING
from manifest.vocabulary import (
    Account,
    CorrectedField,
    Entering,
    Packaging,
    Role,
    State,
    VehicleKind,
)
from tests.manifest.cases.helpers import on_paper as by_hand
from tests.manifest.cases.helpers import refuses
from tests.world import AUTHORITY, CARRIER, CODE, FACILITY, GENERATOR, OTHER_CODE, TONNE, World, line

HALF = 500_000


def withdraw(world: World, correction: str, by: str) -> None:
    body = CorrectionWithdrawn(correction=correction, reason="Đã xem lại phiếu")
    world.act(body, (by, world._speaks(by)), stream=world.manifest)


def ask(world: World, **changed: Any) -> str:
    fields: dict[str, Any] = {"field": CorrectedField.NET_MASS, "line": 1, "reason": "Lệch sổ cân"}
    body = CorrectionRequested(request=world.id(), **(fields | changed))
    world.act(body, (AUTHORITY, Role.AUTHORITY), stream=world.manifest)
    return body.request


def difference(world: World, correction: str) -> tuple[Any, Any, str]:
    row = world.row(CORRECTION, correction=correction)
    return json.loads(row["before"]), json.loads(row["after"]), row["state"]


def accepted(world: World, net_g: int = HALF, refused_g: int = 0) -> World:
    return world.register().hand_over().arrive().weigh(net_g).accept((net_g - refused_g, refused_g))


# How it goes


def test_one_is_open_at_a_time_and_a_notice_needs_no_turn(world: World) -> None:
    accepted(world)
    first = world.propose(net_g=490_000)
    assert refuses(world, lambda: world.propose(GENERATOR, net_g=480_000)) == [
        ("manifest.correction_open_already", "/body/correction")
    ]
    named = world.propose(field=CorrectedField.WASTE_NAME, name="Dầu thải lẫn nước")
    assert world.row(MANIFEST_LINE)["name"] == "Dầu thải lẫn nước"
    assert world.row(CORRECTION, correction=named)["state"] == "taken"
    world.consent(first)
    assert difference(world, first) == ({"net_g": HALF}, {"net_g": 490_000}, "taken")
    world.propose(net_g=480_000)


def test_whoever_proposed_it_takes_it_back_and_nobody_else(world: World) -> None:
    accepted(world)
    correction = world.propose(net_g=490_000)
    assert refuses(world, lambda: withdraw(world, correction, GENERATOR)) == [
        ("manifest.correction_not_yours", "/body/correction")
    ]
    withdraw(world, correction, FACILITY)
    row = world.row(CORRECTION)
    assert (row["state"], row["waiting"], row["settled_seq"]) == ("withdrawn", "", row["seq"])
    assert refuses(world, lambda: world.consent(correction)) == [
        ("manifest.correction_not_open", "/body/correction")
    ]
    assert world.row(MANIFEST)["corrections_open"] == 0


def test_nobody_approves_an_own_proposal_by_a_mandate_or_by_a_paper(world: World) -> None:
    world.grant(GENERATOR, FACILITY, Role.GENERATOR)
    accepted(world)
    correction = world.propose(net_g=490_000)
    agreed = e.CorrectionConsented(correction=correction)
    own_key = (GENERATOR, Role.GENERATOR, FACILITY)
    expected = [("manifest.correction_own_voice", "/actors/0/kid")]
    assert refuses(world, lambda: world.act(agreed, own_key, stream=world.manifest)) == expected
    taken_down = e.CorrectionConsented(correction=correction, on_paper=by_hand(how=Entering.ASSISTED))
    assert refuses(world, lambda: world.act(taken_down, own_key, stream=world.manifest)) == expected
    by_carrier = (GENERATOR, Role.GENERATOR, CARRIER)
    assert refuses(world, lambda: world.act(taken_down, by_carrier, stream=world.manifest)) == [
        ("manifest.helper_not_allowed", "/actors/0/kid")
    ]
    by_authority = (GENERATOR, Role.GENERATOR, AUTHORITY)
    world.act(taken_down, by_authority, stream=world.manifest)
    row = world.row(CORRECTION)
    assert (row["state"], row["voices"]) == ("taken", ",".join(sorted((AUTHORITY, FACILITY, GENERATOR))))


def test_one_voice_does_not_agree_twice(world: World) -> None:
    world.grant(GENERATOR, FACILITY, Role.GENERATOR)
    accepted(world)
    correction = world.propose(CARRIER, net_g=490_000)
    world.consent(correction, FACILITY)
    agreed = e.CorrectionConsented(correction=correction)
    as_generator = (GENERATOR, Role.GENERATOR, FACILITY)
    assert refuses(world, lambda: world.act(agreed, as_generator, stream=world.manifest)) == [
        ("manifest.correction_own_voice", "/actors/0/kid")
    ]
    assert world.row(CORRECTION)["waiting"] == GENERATOR


def test_an_authority_asks_and_a_proposal_that_names_it_answers(world: World) -> None:
    accepted(world)
    request = ask(world)
    assert refuses(world, lambda: world.propose(answers=world.id(), net_g=1)) == [
        ("manifest.request_not_open", "/body/answers")
    ]
    fields: dict[str, Any] = {"field": CorrectedField.WASTE_NAME, "name": "Dầu", "answers": request}
    assert refuses(world, lambda: world.propose(**fields)) == [
        ("manifest.request_of_other_field", "/body/field")
    ]
    correction = world.propose(net_g=490_000, answers=request)
    assert world.row(CORRECTION_REQUEST)["state"] == "answered"
    world.decline(correction)
    assert world.row(CORRECTION_REQUEST)["state"] == "open", "a proposal that falls answers nothing"
    world.consent(world.propose(net_g=490_000, answers=request))
    row = world.row(CORRECTION_REQUEST)
    assert (row["state"], row["correction"]) == ("answered", world.rows(CORRECTION)[-1]["correction"])
    assert refuses(world, lambda: world.propose(net_g=480_000, answers=request)) == [
        ("manifest.request_not_open", "/body/answers")
    ]


@pytest.mark.parametrize(
    "field", [CorrectedField.PARTIES, CorrectedField.NUMBER, CorrectedField.DECLARED_MASS]
)
def test_parties_number_and_declared_mass_are_never_corrected(world: World, field: CorrectedField) -> None:
    world.register()
    expected = [("manifest.correction_never", "/body/field")]
    assert refuses(world, lambda: world.propose(field=field)) == expected
    assert refuses(world, lambda: ask(world, field=field)) == expected


# What says where and how


def test_words_are_corrected_by_notice(world: World) -> None:
    world.register()
    world.propose(GENERATOR, field=CorrectedField.PAPER_NUMBER, line=None, value="0012/2025")
    assert world.row(MANIFEST)["paper_number"] == "0012/2025"
    world.propose(GENERATOR, field=CorrectedField.CONTAINERS, value="3 phuy")
    world.hand_over()
    world.propose(
        CARRIER, field=CorrectedField.VEHICLE_KIND, line=None, leg=1, vehicle_kind=VehicleKind.WATER
    )
    shown = [(row["field"], json.loads(row["after"]), row["state"]) for row in world.rows(CORRECTION)]
    assert sorted(shown, key=str) == [
        ("containers", {"value": "3 phuy"}, "taken"),
        ("paper_number", {"value": "0012/2025"}, "taken"),
        ("vehicle_kind", {"vehicle_kind": "water"}, "taken"),
    ]
    again: dict[str, Any] = {"field": CorrectedField.CONTAINERS, "value": "3 phuy"}
    assert refuses(world, lambda: world.propose(GENERATOR, **again)) == [
        ("manifest.nothing_changes", "/body/value")
    ]


def test_packages_change_the_tolerance_only_before_the_decision(world: World) -> None:
    drums = (e.Packages(kind=Packaging.DRUM, count=5, volume_ml=200_000),)
    world.register().hand_over()
    correction = world.propose(GENERATOR, field=CorrectedField.PACKAGES, packages=drums)
    world.arrive().weigh(HALF).accept((HALF, 0))
    assert refuses(world, lambda: world.consent(correction, FACILITY)) == [
        ("manifest.correction_out_of_time", "/body/field")
    ]


def test_a_time_of_arrival_lies_between_departure_and_the_scale(world: World) -> None:
    world.register().hand_over().tick()
    left_at = world.now
    world.tick().arrive().tick().weigh(HALF)
    for moment in (left_at - timedelta(hours=9), world.now + timedelta(seconds=30)):
        late: dict[str, Any] = {
            "field": CorrectedField.ARRIVAL,
            "line": None,
            "arrived_at": time_text(moment),
        }
        assert refuses(world, partial(world.propose, **late)) == [
            ("manifest.time_out_of_order", "/body/arrived_at")
        ]
    right = time_text(left_at)
    correction = world.propose(field=CorrectedField.ARRIVAL, line=None, arrived_at=right)
    assert world.row(CORRECTION)["waiting"] == CARRIER
    world.consent(correction, CARRIER)
    assert world.row(MANIFEST)["arrived_at"] == left_at


# Masses


def test_what_was_accepted_is_divided_anew(world: World) -> None:
    accepted(world, refused_g=200_000)
    world.consent(world.propose(field=CorrectedField.SPLIT, accepted_g=400_000))
    assert world.places() == {"generated": -HALF, "at_facility": 400_000, "in_transit": 100_000}
    assert world.row(PERMIT_USE)["accepted_g"] == 400_000
    row = world.row(MANIFEST)
    assert (row["accepted_g"], row["refused_g"], row["left_g"]) == (400_000, 100_000, 400_000)
    world.give_back()
    assert refuses(world, lambda: world.propose(field=CorrectedField.SPLIT, accepted_g=1)) == [
        ("manifest.correction_out_of_reach", "/body/line")
    ]


def test_a_treated_part_gets_its_mass_its_method_and_its_day(world: World) -> None:
    accepted(world).treat(300_000, methods=("SC",)).treat(400_000)
    treated_on = world.today
    world.tick(days=3)
    shorter = world.propose(field=CorrectedField.TREATED, line=None, part=2, mass_g=350_000)
    world.consent(shorter)
    assert world.places() == {"generated": -HALF, "treated_service": 350_000, "interim": 150_000}
    assert difference(world, shorter) == ({"mass_g": 400_000}, {"mass_g": 350_000}, "taken")
    first: dict[str, Any] = {"field": CorrectedField.TREATED, "line": None, "part": 1, "methods": ("TC",)}
    assert refuses(world, lambda: world.propose(**first)) == [
        ("manifest.treated_more_than_accepted", "/body/mass_g")
    ], "the part that follows would find too little left"
    world.consent(
        world.propose(field=CorrectedField.TREATED, line=None, part=2, mass_g=200_000, treated_on=world.today)
    )
    world.consent(world.propose(**first))
    assert world.places() == {"generated": -HALF, "treated_service": HALF}
    world.complete()
    on: dict[Any, int] = {}
    for row in world.rows(POSTING, account=Account.TREATED_SERVICE.value):
        on[row["posted_on"]] = on.get(row["posted_on"], 0) + row["grams"]
    assert on == {treated_on: 300_000, world.today: 200_000}
    assert refuses(
        world,
        lambda: world.propose(field=CorrectedField.TREATED, line=None, part=2, mass_g=1),
    ) == [("manifest.not_all_treated", "/body/mass_g")]


# Codes: a lot has one


def test_a_corrected_code_takes_its_grams_to_a_lot_of_that_code(world: World) -> None:
    lot = world.lot(TONNE)
    world.register(line(lots=(e.Draw(lot=lot, mass_g=HALF),))).hand_over().tick(days=1)
    world.arrive().weigh(510_000).accept((410_000, 100_000))
    new = world.id()
    correction = world.propose(field=CorrectedField.CODE, code=OTHER_CODE, lots=(new,))
    assert world.rows(LOT, lot=new) == []
    world.tick(days=5)
    world.consent(correction)
    old, made = world.row(LOT, lot=lot), world.row(LOT, lot=new)
    assert (made["code"], made["declared_g"]) == (OTHER_CODE, HALF)
    names = ("lot_kind", "party", "site", "generated_on", "zone_kind", "zone", "area", "state")
    assert [made[name] for name in names] == [old[name] for name in names]
    assert world.row(LOT_SOURCE, lot=new)["source"] == lot
    assert world.grams(Account.GENERATED, lot=lot) == -HALF
    assert world.grams(Account.STORED, lot=lot) == HALF, "the rest of the lot stays as it was"
    assert world.grams(Account.GENERATED, lot=new) == -510_000
    assert world.grams(Account.AT_FACILITY, lot=new) == 410_000
    assert world.grams(Account.IN_TRANSIT, lot=new) == 100_000
    used = {row["code"]: row["accepted_g"] for row in world.rows(PERMIT_USE)}
    assert used == {CODE: 0, OTHER_CODE: 410_000}
    days = {row["posted_on"] for row in world.rows(POSTING, lot=new)}
    assert world.today not in days, "it is booked on the days on which it happened"
    assert world.row(MANIFEST_LINE)["code"] == OTHER_CODE
    world.give_back().treat(410_000).complete()
    assert world.grams(Account.STORED, lot=new) == 100_000


def test_a_state_is_corrected_like_a_code_and_lots_must_be_new(world: World) -> None:
    world.register().hand_over()
    for lots, path in (((), "lots"), ((world.id(), world.id()), "lots")):
        wrong: dict[str, Any] = {"field": CorrectedField.STATE, "state": State.SLUDGE, "lots": lots}
        assert refuses(world, partial(world.propose, **wrong)) == [
            ("manifest.correction_lots_wrong", f"/body/{path}")
        ]
    known = world.lot()
    taken: dict[str, Any] = {"field": CorrectedField.STATE, "state": State.SLUDGE, "lots": (known,)}
    assert refuses(world, lambda: world.propose(**taken)) == [("manifest.lot_known_already", "/body/lots")]
    new = world.id()
    world.consent(world.propose(field=CorrectedField.STATE, state=State.SLUDGE, lots=(new,)))
    assert (world.row(LOT, lot=new)["state"], world.row(LOT, lot=new)["code"]) == ("sludge", CODE)
    assert world.grams(Account.IN_TRANSIT, lot=new) == HALF


def test_a_code_that_was_treated_is_out_of_reach(world: World) -> None:
    accepted(world).treat(1)
    code: dict[str, Any] = {"field": CorrectedField.CODE, "code": OTHER_CODE, "lots": (world.id(),)}
    assert refuses(world, lambda: world.propose(**code)) == [
        ("manifest.correction_out_of_reach", "/body/line")
    ]


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"line": 9, "net_g": 1}, ("manifest.line_unknown", "/body/line")),
        ({"net_g": None}, ("manifest.field_missing", "/body/net_g")),
        (
            {"field": CorrectedField.TREATED, "line": None, "mass_g": 1},
            ("manifest.part_unknown", "/body/part"),
        ),
        (
            {"field": CorrectedField.VEHICLE_PLATE, "line": None, "leg": 4, "value": "29C-1"},
            ("manifest.leg_unknown", "/body/leg"),
        ),
        (
            {"field": CorrectedField.VEHICLE_PLATE, "line": None, "leg": 1, "value": "xe"},
            ("manifest.plate_invalid", "/body/value"),
        ),
        ({"field": CorrectedField.DIFFERENCE}, ("manifest.nothing_changes", "/body/line")),
        ({"field": CorrectedField.SPLIT, "accepted_g": 0}, ("manifest.nothing_accepted", "/body/accepted_g")),
        (
            {"field": CorrectedField.SPLIT, "accepted_g": HALF + 1},
            ("manifest.accepted_and_refused", "/body/accepted_g"),
        ),
        (
            {"field": CorrectedField.ARRIVAL, "line": None, "arrived_at": "2025-02-31T00:00:00.000Z"},
            ("manifest.date_invalid", "/body/arrived_at"),
        ),
        (
            {"field": CorrectedField.CODE, "code": "99 99 99", "lots": ()},
            ("reference.unknown_waste_code", "/body/code"),
        ),
    ],
)
def test_a_proposal_that_makes_no_sense_writes_nothing(
    world: World, changed: dict[str, Any], problem: tuple[str, str]
) -> None:
    accepted(world)
    assert refuses(world, lambda: world.propose(**changed))[:1] == [problem]
