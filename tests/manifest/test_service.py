"""The judge behind the writer, on both databases: whole journeys and the rows that they leave."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest

from api.recorder import Signing, build_event, record
from ledger.errors import NotFound, Refused
from ledger.format.entry import Envelope
from ledger.ids import uuid7
from ledger.storage.db import reading
from ledger.storage.store import ENTRY
from ledger.writing.changes import Reads
from manifest import events as e
from manifest import reference
from manifest.acts import find
from manifest.register import events as r
from manifest.register.log import RuleSet
from manifest.views import (
    ACT,
    BALANCE,
    LOT,
    MANIFEST,
    MANIFEST_LINE,
    MANIFEST_PARTY,
    PDF,
    PERMIT_USE,
    POSTING,
    RULE,
    SITE,
)
from manifest.vocabulary import Account, Basis, CorrectedField, PermitKind, Role, State, VehicleKind, ZoneKind
from tests.world import (
    CARRIER,
    CODE,
    FACILITY,
    GENERATOR,
    OPERATOR,
    OTHER_CODE,
    PLATE,
    RIVAL,
    SECOND_CARRIER,
    TONNE,
    World,
    key_of,
    line,
    refused,
)

HALF = 500_000


# The main job


def test_a_whole_journey_step_by_step(world: World) -> None:
    seen = []

    def look() -> None:
        row = world.row(MANIFEST, manifest=world.manifest)
        seen.append((row["status"], row["holder"], row["accepted_g"], row["refused_g"], row["left_g"]))

    world.register()
    look()
    assert world.places() == {"generated": -HALF, "stored": HALF}
    world.hand_over()
    look()
    assert world.places() == {"generated": -HALF, "in_transit": HALF}
    for act in (world.arrive, lambda: world.weigh(HALF)):
        act()
        look()
    world.accept((HALF, 0))
    look()
    assert world.places() == {"generated": -HALF, "at_facility": HALF}
    world.treat(200_000)
    look()
    world.treat(300_000)
    assert world.places() == {"generated": -HALF, "treated_service": HALF}
    world.complete()
    look()
    assert seen == [
        ("registered", GENERATOR, 0, 0, 0),
        ("in_transit", CARRIER, 0, 0, 0),
        ("arrived", CARRIER, 0, 0, 0),
        ("weighed", CARRIER, 0, 0, 0),
        ("accepted", CARRIER, HALF, 0, HALF),
        ("in_treatment", CARRIER, HALF, 0, 300_000),
        ("completed", CARRIER, HALF, 0, 0),
    ]


def test_the_rows_of_a_journey(world: World) -> None:
    world.journey()
    head = world.row(MANIFEST)
    assert head["number"] == "1/2025/1-2-3.047.VX"
    assert (head["generator"], head["facility"], head["permit"]) == (GENERATOR, FACILITY, "permit:facility")
    assert world.last is not None
    assert head["seq"] == world.last.receipt.seq
    times = ["registered_at", "transferred_at", "arrived_at", "decided_at", "completed_at"]
    moments = [head[name] for name in times]
    assert moments == sorted(moments)
    assert all(moment.tzinfo is not None for moment in moments)
    parties = {(row["party"], row["role"]) for row in world.rows(MANIFEST_PARTY)}
    assert parties == {
        (GENERATOR, "generator"), (CARRIER, "transporter"), (FACILITY, "treatment_facility"),
    }  # fmt: skip
    detail = world.row(MANIFEST_LINE)
    assert (detail["code"], detail["planned_methods"], detail["state"]) == (CODE, "TC", "liquid")
    masses = [
        detail[f"{name}_g"] for name in ("declared", "net", "accepted", "refused", "treated", "interim")
    ]
    assert masses == [HALF, HALF, HALF, 0, HALF, 0]
    acts = world.rows(ACT, manifest=world.manifest)
    assert [row["kind"].split(".")[1] for row in acts] == [
        "registered", "handed_over", "arrived", "weighed", "accepted", "treated", "completed",
    ]  # fmt: skip
    assert {row["assurance"] for row in acts} == {0}
    assert acts[1]["parties"] == f"{GENERATOR},{CARRIER}"
    assert all(row["recorded_at"] == row["occurred_at"] for row in acts)


def test_balances_are_the_sums_of_postings(world: World) -> None:
    world.journey()
    world.register(line(mass_g=300_000)).hand_over().arrive().weigh(290_000).accept((200_000, 90_000))
    sums: dict[tuple[str, str, str], int] = {}
    for row in world.rows(POSTING):
        where = (row["lot"], row["account"], row["place"])
        sums[where] = sums.get(where, 0) + row["grams"]
    assert sums == {(row["lot"], row["account"], row["place"]): row["grams"] for row in world.rows(BALANCE)}
    assert sum(sums.values()) == 0
    booked = {row["posted_on"] for row in world.rows(POSTING, account="treated_service")}
    assert booked == {world.today}


def test_what_was_accepted_is_used_of_the_permit(world: World) -> None:
    world.register(line(mass_g=HALF), line(2, code=OTHER_CODE, mass_g=100_000, state=State.SOLID))
    world.hand_over().arrive().weigh(HALF, 100_000).accept((400_000, 100_000), (100_000, 0))
    used = {row["code"]: (row["accepted_g"], row["year"]) for row in world.rows(PERMIT_USE)}
    assert used == {CODE: (400_000, 2025), OTHER_CODE: (100_000, 2025)}
    world.register(line(mass_g=HALF)).hand_over().arrive().weigh(HALF).accept((HALF, 0))
    assert world.row(PERMIT_USE, code=CODE)["accepted_g"] == 900_000
    correction = world.propose(net_g=480_000)
    world.consent(correction)
    assert world.row(PERMIT_USE, code=CODE)["accepted_g"] == 880_000


def test_a_permit_that_is_used_up_takes_no_more(world: World) -> None:
    small = (r.PermitLine(code=CODE, methods=("TC",), mass_g_year=700_000),)
    world.add_permit(FACILITY, permit="permit:small", lines=small)
    world.register(permit="permit:small").hand_over().arrive().weigh(HALF).accept((HALF, 0))
    body = world.registered(line(mass_g=200_001), permit="permit:small")
    manifest = world.id()
    assert refused(lambda: world.act(body, (GENERATOR, Role.GENERATOR), stream=manifest)) == [
        ("manifest.permit_used_up", "/body/lines/0/mass_g")
    ]
    world.register(line(mass_g=200_000), permit="permit:small")


# Lots and their dimensions


def test_a_lot_lies_in_the_unit_of_the_map_of_its_day(world: World) -> None:
    world.now = datetime(2025, 7, 5, 2, 0, tzinfo=UTC)
    before = world.lot(generated_on=date(2025, 6, 30))
    after = world.lot(generated_on=date(2025, 7, 1))
    old, new = world.row(LOT, lot=before), world.row(LOT, lot=after)
    assert (old["area"], new["area"]) == ("017", "00493")
    for row in (old, new):
        assert (row["zone_kind"], row["zone"]) == ("park", "kcn-thang-long")
        assert (row["lot_kind"], row["basis"], row["party"]) == ("primary", "regular", GENERATOR)
    assert old["generated_on"] == date(2025, 6, 30)
    assert {row["posted_on"] for row in world.rows(POSTING, lot=before)} == {date(2025, 6, 30)}


def test_the_day_is_that_of_viet_nam(world: World) -> None:
    world.now = datetime(2025, 6, 30, 17, 30, tzinfo=UTC)
    assert world.row(LOT, lot=world.lot(generated_on=date(2025, 7, 1)))["area"] == "00493"


def test_a_site_that_is_not_on_the_map_has_no_unit(world: World) -> None:
    world.add_site(
        RIVAL, site="site:elsewhere", zone=None, zone_kind=ZoneKind.OUTSIDE, district=None, commune=None
    )
    assert world.row(LOT, lot=world.lot(party=RIVAL, site="site:elsewhere"))["area"] is None


def test_a_site_may_be_registered_anew_and_old_lots_stay(world: World) -> None:
    lot = world.lot()
    world.add_site(GENERATOR, name="Nhà máy mới", zone="kcn-noi-bai")
    assert world.row(SITE, site="site:generator")["name"] == "Nhà máy mới"
    assert world.row(LOT, lot=lot)["zone"] == "kcn-thang-long"
    assert world.row(LOT, lot=world.lot())["zone"] == "kcn-noi-bai"


def test_a_lot_of_the_hand_over_day_says_so(world: World) -> None:
    assert world.row(LOT, lot=world.lot(basis=Basis.AT_HANDOVER))["basis"] == "at_handover"


def test_opening_stock_is_a_row_of_its_own(world: World) -> None:
    lot = world.opening(70_000)
    assert world.places() == {"opening": -70_000, "stored": 70_000}
    assert world.row(LOT, lot=lot)["lot_kind"] == "opening"
    draws = (e.Draw(lot=lot, mass_g=70_000),)
    world.register(line(mass_g=70_000, lots=draws)).hand_over().arrive().weigh(69_000).accept((69_000, 0))
    assert world.places() == {"opening": -69_000, "at_facility": 69_000}


def test_a_lot_is_adjusted_while_it_is_stored(world: World) -> None:
    lot = world.lot(1000)
    world.adjust(lot, 500).adjust(lot, -1200)
    assert world.places() == {"generated": -300, "stored": 300}
    assert refused(lambda: world.adjust(lot, -301)) == [("manifest.lot_short", "/body/delta_g")]
    assert refused(lambda: world.adjust(lot, 0)) == [("manifest.nothing_changes", "/body/delta_g")]
    assert refused(lambda: world.adjust(lot, 1, party=RIVAL)) == [("manifest.lot_unknown", "/body/lot")]


def test_self_treatment_counts_with_a_permit_line_of_ones_own(world: World) -> None:
    lot = world.lot(1000)
    world.self_treat(lot, 100)
    assert world.places() == {"generated": -1000, "stored": 900, "unexplained": 100}
    world.add_permit(GENERATOR, kind=PermitKind.ENVIRONMENTAL, methods=("TĐ",))
    world.self_treat(lot, 200, permit="permit:generator")
    assert world.grams(Account.SELF_TREATED) == 200
    cases: tuple[dict[str, Any], ...] = (
        {"permit": "permit:facility"},
        {"permit": "permit:none"},
        {"permit": "permit:generator", "methods": ("TC",)},
        {"permit": "permit:generator", "methods": ("SC",)},
    )
    for number, changed in enumerate(cases, start=2):
        world.self_treat(lot, 100, **changed)
        assert world.grams(Account.UNEXPLAINED) == number * 100
    assert world.grams(Account.SELF_TREATED) == 200
    assert refused(lambda: world.self_treat(lot, 301)) == [("manifest.lot_short", "/body/mass_g")]


def test_a_carriage_permit_is_no_basis_for_self_treatment(world: World) -> None:
    world.add_permit(GENERATOR, kind=PermitKind.CARRIAGE, methods=("TĐ",))
    world.self_treat(world.lot(1000), 200, permit="permit:generator")
    assert world.grams(Account.SELF_TREATED) == 0


def test_self_treatment_under_a_permit_of_that_day(world: World) -> None:
    day = world.today
    ends = {"valid_from": day - timedelta(days=30), "valid_to": day}
    world.add_permit(GENERATOR, kind=PermitKind.ENVIRONMENTAL, methods=("TĐ",), **ends)
    lot = world.lot(1000)
    world.tick(days=3)
    world.self_treat(lot, 300, permit="permit:generator", treated_on=day)
    world.self_treat(lot, 300, permit="permit:generator", treated_on=day + timedelta(days=1))
    assert world.places() == {"generated": -1000, "stored": 400, "self_treated": 300, "unexplained": 300}


# Carriage


def test_the_load_goes_through_four_hands(world: World) -> None:
    papers = tuple(
        e.CarrierPlanned(party=party, permit=f"permit:{party[4:]}", approval=f"approval:{party[4:]}:facility")
        for party in (CARRIER,)
    )
    own = e.CarrierPlanned(party=GENERATOR)
    world.add_key("driver-2", CARRIER)
    world.register(carriers=(own, *papers))
    world.hand_over(GENERATOR, CARRIER).hand_over(CARRIER, CARRIER, keys=(CARRIER, "driver-2"))
    world.hand_over(CARRIER, FACILITY).hand_over(FACILITY, CARRIER)
    assert world.row(MANIFEST)["holder"] == CARRIER
    moved = [row["place"] for row in world.rows(POSTING, account="in_transit") if row["grams"] > 0]
    assert moved == [CARRIER, FACILITY, CARRIER]
    world.arrive().weigh(HALF).accept((HALF, 0)).treat(HALF).complete()
    assert world.places() == {"generated": -HALF, "treated_service": HALF}


def test_both_sign_a_hand_over_each_with_a_key_of_its_own(world: World) -> None:
    world.register()
    assert refused(lambda: world.hand_over(keys=(GENERATOR, GENERATOR))) == [
        ("ledger.actor_repeated", "/actors")
    ]
    world.legs = 0
    assert refused(lambda: world.hand_over(keys=(GENERATOR, FACILITY))) == [
        ("manifest.mandate_missing", "/actors/1/kid")
    ]
    world.legs = 0
    assert refused(lambda: world.hand_over(keys=(CARRIER, GENERATOR))) == [
        ("manifest.mandate_missing", "/actors/0/kid"), ("manifest.mandate_missing", "/actors/1/kid"),
    ]  # fmt: skip


def test_the_generator_carries_its_own_waste(world: World) -> None:
    world.add_key("own-driver", GENERATOR)
    world.register(carriers=(e.CarrierPlanned(party=GENERATOR),))
    world.hand_over(GENERATOR, GENERATOR, keys=(GENERATOR, "own-driver"))
    assert world.grams(Account.IN_TRANSIT, place=GENERATOR) == HALF
    world.arrive().weigh(HALF).accept((400_000, 100_000)).give_back(GENERATOR, key="own-driver")
    assert world.places() == {"generated": -HALF, "stored": 100_000, "at_facility": 400_000}
    assert {row["role"] for row in world.rows(MANIFEST_PARTY)} == {"generator", "treatment_facility"}


def test_the_facility_fetches_the_load_itself(world: World) -> None:
    world.register(carriers=(e.CarrierPlanned(party=FACILITY),)).hand_over(taker=FACILITY)
    world.arrive().weigh(HALF).accept((HALF, 0)).treat(HALF).complete()
    assert world.row(MANIFEST)["status"] == "completed"
    assert len(world.rows(MANIFEST_PARTY)) == 2


def test_a_load_may_go_by_water_beyond_the_limit_of_the_road(world: World) -> None:
    heavy = line(mass_g=60 * TONNE)
    world.register(heavy, vehicle_kind=VehicleKind.WATER)
    world.hand_over(vehicle_kind=VehicleKind.WATER, vehicle_plate="HN-1234 (sà lan)")
    body = e.Arrived(vehicle_plate="HN-1234 (sà lan)")
    world.act(body, (FACILITY, Role.TREATMENT_FACILITY), stream=world.manifest)
    correction = world.propose(field=CorrectedField.VEHICLE_PLATE, line=None, leg=1, value="HN-4321 (sà lan)")
    assert correction
    assert world.row(MANIFEST)["corrections_open"] == 0


# Refusal, return, scales


def test_a_part_is_refused_and_returned(world: World) -> None:
    world.register().hand_over().arrive().weigh(HALF).accept((300_000, 200_000))
    assert world.places() == {"generated": -HALF, "at_facility": 300_000, "in_transit": 200_000}
    world.treat(300_000).complete()
    world.give_back()
    assert world.places() == {"generated": -HALF, "treated_service": 300_000, "stored": 200_000}
    assert world.row(MANIFEST)["status"] == "completed"
    assert refused(world.give_back) == [("manifest.nothing_refused", "")]
    lot = world.row(LOT)["lot"]
    world.register(line(mass_g=200_000, lots=(e.Draw(lot=lot, mass_g=200_000),))).hand_over()
    assert world.grams(Account.STORED) == 0


def test_a_load_is_refused_at_the_gate_and_returned(world: World) -> None:
    world.register().hand_over().arrive().refuse()
    assert world.places() == {"generated": -HALF, "in_transit": HALF}
    assert world.row(MANIFEST)["refused_g"] == HALF
    world.give_back()
    assert world.places() == {"generated": -HALF, "stored": HALF}
    assert world.row(MANIFEST)["status"] == "returned"
    assert world.rows(PERMIT_USE) == []


def test_a_difference_within_tolerance_restates_the_lot(world: World) -> None:
    world.register().hand_over().arrive().weigh(HALF + 25_000).accept((HALF + 25_000, 0))
    assert world.places() == {"generated": -525_000, "at_facility": 525_000}


def test_a_shortage_beyond_tolerance_stays_unexplained_until_both_explain_it(world: World) -> None:
    world.register().hand_over().arrive().weigh(400_000).accept((400_000, 0)).treat(400_000).complete()
    assert world.places() == {"generated": -HALF, "treated_service": 400_000, "unexplained": 100_000}
    explain = world.propose(GENERATOR, field=CorrectedField.DIFFERENCE)
    assert refused(lambda: world.consent(explain, GENERATOR)) == [
        ("manifest.correction_not_yours", "/body/correction")
    ]
    assert refused(lambda: world.consent(explain, CARRIER)) == [
        ("manifest.correction_not_yours", "/body/correction")
    ]
    assert world.row(MANIFEST)["corrections_open"] == 1
    assert world.grams(Account.UNEXPLAINED) == 100_000
    world.consent(explain, FACILITY)
    assert world.places() == {"generated": -400_000, "treated_service": 400_000}
    assert world.row(MANIFEST)["corrections_open"] == 0


def test_a_surplus_beyond_tolerance_is_credited_only_when_it_is_explained(world: World) -> None:
    world.register().hand_over().arrive().weigh(600_000).accept((600_000, 0)).treat(600_000).complete()
    assert world.places() == {"generated": -600_000, "treated_service": HALF, "unexplained": 100_000}
    world.consent(world.propose(CARRIER, field=CorrectedField.DIFFERENCE), FACILITY)
    (open_,) = find_corrections(world)
    world.consent(open_, GENERATOR)
    assert world.places() == {"generated": -600_000, "treated_service": 600_000}


def find_corrections(world: World) -> list[str]:
    with reading(world.engine) as reader:
        state = find(Reads(reader, world.ledger.log), world.manifest, reference.default())
    return sorted(state.corrections)


def test_a_load_is_weighed_again_before_it_is_decided(world: World) -> None:
    world.register().hand_over().arrive().weigh(100_000).weigh(HALF).accept((HALF, 0))
    assert world.places() == {"generated": -HALF, "at_facility": HALF}


def test_treatment_without_a_permit_line_is_recorded_and_not_credited(world: World) -> None:
    world.register().hand_over().arrive().weigh(HALF).accept((HALF, 0))
    world.treat(100_000, methods=("HR",)).treat(400_000, methods=("SC", "TĐ")).complete()
    assert world.places() == {"generated": -HALF, "treated_service": 400_000, "unexplained": 100_000}


def test_pre_treatment_never_completes(world: World) -> None:
    world.register().hand_over().arrive().weigh(HALF).accept((HALF, 0)).treat(HALF, methods=("SC",))
    assert world.places() == {"generated": -HALF, "interim": HALF}
    assert refused(world.complete) == [("manifest.not_all_treated", "")]
    world.treat(HALF).complete()
    assert world.places() == {"generated": -HALF, "treated_service": HALF}


# Corrections


def test_a_net_mass_is_corrected_with_consent(world: World) -> None:
    world.register().hand_over().arrive().weigh(480_000).accept((480_000, 0))
    correction = world.propose(net_g=490_000)
    assert world.row(MANIFEST)["accepted_g"] == 480_000
    world.consent(correction)
    assert world.places() == {"generated": -490_000, "at_facility": 490_000}
    assert world.row(MANIFEST_LINE)["net_g"] == 490_000
    assert world.row(MANIFEST)["accepted_g"] == 490_000


def test_a_declined_correction_changes_nothing(world: World) -> None:
    world.register().hand_over().arrive().weigh(480_000).accept((480_000, 0))
    world.decline(world.propose(net_g=490_000))
    assert world.places() == {"generated": -480_000, "at_facility": 480_000}
    assert world.row(MANIFEST)["corrections_open"] == 0


@pytest.mark.parametrize("by", [GENERATOR, FACILITY, CARRIER])
def test_nobody_corrects_a_mass_alone(world: World, by: str) -> None:
    world.register().hand_over().arrive().weigh(480_000).accept((480_000, 0))
    before = world.places()
    world.propose(by, net_g=490_000)
    assert world.places() == before


def test_strangers_correct_nothing(world: World) -> None:
    world.register().hand_over().arrive().weigh(480_000).accept((480_000, 0))
    stranger = [("manifest.party_not_in_place", "/actors/0/party")]
    assert refused(lambda: world.propose(RIVAL, net_g=490_000)) == stranger
    assert refused(lambda: world.propose(SECOND_CARRIER, net_g=490_000)) == stranger
    correction = world.propose(net_g=490_000)
    assert refused(lambda: world.consent(correction, RIVAL)) == [
        ("manifest.correction_not_yours", "/body/correction")
    ]


# The same twice, and two at once


def envelope(world: World, body: Any, who: list[tuple[str, str]], stream: str, **changed: Any) -> bytes:
    signings = [Signing(party, role, key_of(party)) for party, role in who]
    with reading(world.engine) as reader:
        event = build_event(
            reader, world.ledger, body, [s.actor() for s in signings], stream=stream, occurred_at=world.now
        )
    data = replace(event, **changed).to_bytes()
    return Envelope(tuple(s.signer.sign_event(data) for s in signings), data).to_bytes()


def test_the_same_envelope_twice_gets_the_same_receipt(world: World) -> None:
    lot = world.id()
    body = e.GenerationDeclared(
        lot=lot, site="site:generator", code=CODE, state=State.LIQUID, mass_g=5, generated_on=world.today
    )
    data = envelope(world, body, [(GENERATOR, "generator")], lot)
    first = world.ledger.submit(data, now=world.now)
    again = world.ledger.submit(data, now=world.now + timedelta(days=2))
    assert (first.repeated, again.repeated) == (False, True)
    assert again.receipt == first.receipt
    assert world.grams(Account.STORED) == 5


def test_of_two_hand_overs_that_draw_the_same_lot_one_wins(world: World) -> None:
    lot = world.lot(HALF)
    share = line(mass_g=300_000, lots=(e.Draw(lot=lot, mass_g=300_000),))
    manifests = [world.register(share).manifest, world.register(share).manifest]
    body = e.HandedOver(leg=1, giver=GENERATOR, taker=CARRIER, vehicle_plate=PLATE)
    world.tick()
    start = Barrier(len(manifests))

    def submit(manifest: str) -> str:
        who = [(GENERATOR, "generator"), (CARRIER, "transporter")]
        data = envelope(world, body, who, manifest)
        start.wait()
        try:
            world.ledger.submit(data, now=world.now)
        except Refused as lost:
            return lost.code
        return "won"

    with ThreadPoolExecutor(len(manifests)) as pool:
        results = list(pool.map(submit, manifests))
    assert sorted(results) == ["manifest.lot_short", "won"]
    assert world.places() == {"generated": -HALF, "stored": 200_000, "in_transit": 300_000}
    assert sorted(row["status"] for row in world.rows(MANIFEST)) == ["in_transit", "registered"]


def test_many_at_once_are_all_recorded_in_a_gap_free_row(world: World) -> None:
    size = world.lot(1) and len(world.rows(ENTRY))

    def declare(number: int) -> int:
        lot = uuid7(world.now)
        body = e.GenerationDeclared(
            lot=lot,
            site="site:generator",
            code=CODE,
            state=State.LIQUID,
            mass_g=number,
            generated_on=world.today,
        )
        done = record(
            world.ledger, body, [Signing(GENERATOR, "generator", key_of(GENERATOR))],
            stream=lot, occurred_at=world.now, now=world.now,
        )  # fmt: skip
        return done.receipt.seq

    with ThreadPoolExecutor(4) as pool:
        seqs = sorted(pool.map(declare, range(1, 13)))
    assert seqs == list(range(int(size), int(size) + 12))
    assert world.grams(Account.STORED) == 1 + sum(range(1, 13))


# Rules, dates, streams


def set_rule(world: World, value: int, valid_from: date, **changed: Any) -> None:
    fields: dict[str, Any] = {
        "rule": "receipt_tolerance_permille", "value": value, "unit": "permille", "valid_from": valid_from,
        "source": "Quyết định thử", "confirmed": False,
    }  # fmt: skip
    body = RuleSet(**(fields | changed))
    both = ((OPERATOR, Role.OPERATOR), (OPERATOR, Role.OPERATOR, "root-2"))
    world.act(body, *both, stream=f"rule:{body.rule}")


def test_a_limit_that_is_set_later_moves_no_grams_of_the_past(world: World) -> None:
    world.register().hand_over().arrive().weigh(510_000).accept((510_000, 0))
    assert world.places() == {"generated": -510_000, "at_facility": 510_000}
    set_rule(world, 0, date(2025, 1, 1))
    world.treat(510_000).complete()
    assert world.places() == {"generated": -510_000, "treated_service": 510_000}
    world.register().hand_over().arrive().weigh(480_000).accept((480_000, 0))
    assert world.grams(Account.UNEXPLAINED) == 20_000
    assert world.row(RULE)["value"] == 0


def test_limits_are_set_for_what_is_known(world: World) -> None:
    assert refused(lambda: set_rule(world, 1, world.today, rule="no_such_rule")) == [
        ("reference.unknown_rule", "/body/rule")
    ]
    assert refused(lambda: set_rule(world, 1, world.today, unit="percent", valid_to=date(2020, 1, 1))) == [
        ("manifest.unit_differs", "/body/unit"), ("manifest.period_empty", "/body/valid_to"),
    ]  # fmt: skip


def test_an_act_said_to_be_older_than_every_limit_is_refused_by_name(world: World) -> None:
    old = datetime(2001, 1, 1, tzinfo=UTC)
    body = world.registered(number=e.Number(sequence=1, year=2001, issuer="1-2-3.047.VX"))
    found = refused(lambda: world.act(body, (GENERATOR, Role.GENERATOR), stream=world.id(), at=old))
    assert found == [("reference.rule_not_valid", "/occurred_at")]


def test_before_the_first_form_there_was_none_to_fill_in(world: World) -> None:
    old = datetime(2014, 1, 1, tzinfo=UTC)
    number = e.Number(sequence=1, year=2014, issuer="1-2-3.047.VX")
    body = world.registered(number=number, vehicle_kind=VehicleKind.RAIL)
    found = refused(lambda: world.act(body, (GENERATOR, Role.GENERATOR), stream=world.id(), at=old))
    assert ("reference.form_not_valid", "/body/form") in found


def test_the_end_of_the_calendar_is_only_a_time_in_the_future(world: World) -> None:
    end = datetime(9999, 12, 31, 23, 59, tzinfo=UTC)
    assert refused(
        lambda: world.act(world.registered(), (GENERATOR, Role.GENERATOR), stream=world.id(), at=end)
    ) == [("manifest.time_in_future", "/occurred_at")]


def test_nobody_can_write_into_the_stream_of_another_thing(world: World) -> None:
    world.register()
    wrong = [("manifest.stream_wrong", "/stream")]
    assert refused(lambda: world.lot(party=RIVAL, lot=world.manifest)) == wrong
    assert refused(lambda: world.opening(5, party=RIVAL, lot=world.manifest)) == wrong
    assert refused(lambda: world.grant(RIVAL, CARRIER, Role.GENERATOR, mandate=world.manifest)) == wrong
    plan = r.PlanDeclared(
        plan=world.manifest, site="site:rival", year=2025, lines=(r.CodeMass(code=CODE, mass_g=5),)
    )
    assert refused(lambda: world.act(plan, (RIVAL, Role.GENERATOR), stream=world.manifest)) == wrong
    lot, body = world.lot(), world.registered()
    assert refused(lambda: world.act(body, (GENERATOR, Role.GENERATOR), stream=lot)) == wrong
    world.hand_over().arrive()


def test_finding_a_manifest(world: World) -> None:
    world.journey()
    with reading(world.engine) as reader:
        reads = Reads(reader, world.ledger.log)
        found = find(reads, world.manifest, reference.default())
        assert (found.status, found.left_g, str(found.registered.number)) == (
            "completed", 0, "1/2025/1-2-3.047.VX",
        )  # fmt: skip
        with pytest.raises(NotFound) as missing:
            find(reads, world.id(), reference.default())
    assert missing.value.code == "manifest.unknown"


def test_a_pdf_is_issued_of_a_manifest_that_there_is(world: World) -> None:
    world.journey()
    assert world.last is not None
    fields: dict[str, Any] = {
        "manifest": world.manifest, "number": "1/2025/1-2-3.047.VX", "head": world.last.envelope_hash,
        "sha256": "ab" * 32, "size": 1000, "signatures": 1,
    }  # fmt: skip

    def issue(**changed: Any) -> object:
        body = e.PdfIssued(**(fields | changed))
        return world.act(body, (OPERATOR, Role.SERVICE, "service"), stream=f"pdf:{body.manifest}")

    unknown = [("manifest.unknown", "/body/manifest")]
    assert refused(lambda: issue(number="2/2025/1-2-3.047.VX")) == unknown
    assert refused(lambda: issue(manifest=world.id())) == unknown
    issue()
    assert world.row(PDF)["sha256"] == "ab" * 32
    by_hand = e.PdfIssued(**fields)
    assert refused(lambda: world.act(by_hand, (OPERATOR, Role.SERVICE), stream=f"pdf:{world.manifest}")) == [
        ("manifest.service_key_only", "/actors/0/kid")
    ]


def test_nobody_is_generator_and_facility_of_one_manifest(world: World) -> None:
    lot = world.lot(party=FACILITY)
    draw = e.Draw(lot=lot, mass_g=500_000)
    with pytest.raises(Refused) as refused:
        world.register(line(lots=(draw,)), generator=FACILITY, site="site:facility")
    found = {problem.code: problem.path for problem in refused.value.problems}
    assert found["manifest.generator_is_facility"] == "/body/facility"
