"""Rounds, households, hospitals and paper, told over TCP; each ends with the full check of the ledger."""

from typing import Any

from api.identity.tokens import make_api_key
from tests.api.homes import AUTHORITY, CARRIER, CODE, FACILITY, GENERATOR, PLATE, RIVAL, TONNE
from tests.api.test_problems import problem
from tests.stories.conftest import Served
from tests.stories.test_cases_of_carriage import HASH, OF_FACILITY, act
from tests.stories.test_journeys import grams, status

OPERATOR = "org:operator"


def slip(*parties: str, how: str = "paper") -> list[dict[str, str]]:
    """Return what says that these parties signed by hand."""
    return [{"party": party, "sha256": HASH, "how": how} for party in parties]


def household(story: Served, name: str, *, phone: bool = False) -> str:
    """Register and admit a household in a craft village; one with a phone gets a key."""
    party = f"org:{name}"
    body = {
        "party": party, "name": f"Hộ {name}", "roles": ["generator"], "identifier_kind": "none",
        "reason": "Hộ chưa có mã số", "address": "Hà Nội",
    }  # fmt: skip
    story.did(story.post(OPERATOR, "/organisations", body))
    if phone:
        home = story.furnished.home
        story.did(story.post(OPERATOR, "/keys", {"party": party}))
        key = make_api_key(home, party, name="story", scope="act", days=1, now=home.clock())
        story.furnished.keys[party] = key
    story.did(story.post(AUTHORITY, f"/organisations/{party}/admission"))
    site = {
        "site": f"site:{name}", "party": party, "name": "Xưởng", "site_kind": "workshop",
        "zone_kind": "craft_village", "zone": "ln-may-tre-dan-thon-3", "old_commune": "00505",
        "province": "Thành phố Hà Nội", "address": "Xã Liên Hà",
    }  # fmt: skip
    story.did(story.post(OPERATOR, "/sites", site))
    return party


def lot_on_paper(story: Served, helper: str, party: str, mass_g: int) -> dict[str, Any]:
    """Have a helper enter what a household has in store; return the receipt."""
    body = {
        "lot": None, "site": f"site:{party[4:]}", "code": CODE, "state": "liquid", "mass_g": mass_g,
        "generated_on": story.today, "on_paper": slip(party, how="assisted"),
    }  # fmt: skip
    del body["lot"]
    return story.did(story.post(helper, "/lots", body | {"on_behalf_of": party}))


def line(draws: list[dict[str, Any]]) -> dict[str, Any]:
    """Return one line that draws these lots."""
    return {
        "line": 1, "code": CODE, "name": "Dầu thải", "state": "liquid",
        "mass_g": sum(one["mass_g"] for one in draws), "planned_methods": ["TC"], "lots": draws,
    }  # fmt: skip


def test_one_truck_collects_from_small_producers_and_one_ticket_is_divided_to_the_gram(
    story: Served,
) -> None:
    round_id = "019b0000-0000-7000-8000-00000000aaaa"
    made = []
    for mass_g in (30_000, 50_000, 10_000):
        manifest = story.register(mass_g, round=round_id)
        story.hand_over(manifest)
        story.arrive(manifest)
        made.append(manifest)
    path = f"/rounds/{round_id}/shares?round_net_g=88001"
    shares = story.did(story.get(FACILITY, path), 200)["items"]
    assert sum(one["net_g"] for one in shares) == 88_001
    problem(story.get(RIVAL, path), 404, "manifest.round_unknown")
    for one in shares:
        weighed = {"line": 1, "net_g": one["net_g"], "ticket": "PC-CHUNG"}
        body = {"instrument": "Cân 60 tấn", "lines": [weighed], "round_net_g": 88_001}
        wrong = body | {"lines": [weighed | {"net_g": one["net_g"] + 1}]}
        place = f"/manifests/{one['manifest']}/weighing"
        problem(story.post(FACILITY, place, wrong), 422, "manifest.round_share_wrong")
        story.did(story.post(FACILITY, place, body))
        story.accept(one["manifest"], one["net_g"])
        story.treat(one["manifest"], one["net_g"])
    shown = status(story, made[0])
    assert shown["round_net_g"] == 88_001
    assert "shared_ticket" in shown["evidence"]["weakened_by"]


def test_households_at_a_collection_point_stand_on_the_list_of_one_manifest(story: Served) -> None:
    first, second = household(story, "ho-mot", phone=True), household(story, "ho-hai")
    point = {
        "point": "point:thon-3", "name": "Điểm thu gom thôn 3", "site": "site:generator",
        "operator": GENERATOR, "valid_from": "2024-01-01",
    }  # fmt: skip
    act(story, AUTHORITY, "collection_point.opened.v1", point)
    lots = [
        {"lot": story.lot(40_000, first), "mass_g": 40_000},
        {"lot": lot_on_paper(story, CARRIER, second, 20_000)["stream"], "mass_g": 20_000},
    ]
    rows = [{"party": party, "site": f"site:{party[4:]}"} for party in (first, second)]
    body = story.registration(
        1, lines=[line(lots)], listed=rows, collection_point="point:thon-3",
        on_paper=slip(second, how="assisted"),
    )  # fmt: skip
    found = problem(story.post(GENERATOR, "/manifests", body), 422, "manifest.listed_without_mandate")
    assert [one["path"] for one in found["errors"]] == ["/listed/0/party"]
    year = story.today[:4]
    mandate = {
        "mandate": "mandate:ho-mot", "principal": first, "agent": GENERATOR, "role": "generator",
        "valid_from": f"{year}-01-01", "valid_to": f"{year}-12-31",
    }  # fmt: skip
    act(story, first, "mandate.granted.v1", mandate)
    manifest = story.did(story.post(GENERATOR, "/manifests", body))["manifest"]
    story.hand_over(manifest)
    story.arrive(manifest)
    story.weigh(manifest, 60_000)
    story.accept(manifest, 30_000, 30_000)
    story.give_back(manifest)
    seen = story.did(story.get(first, f"/manifests/{manifest}"), 200)
    stored = {one["place"]: one["grams"] for one in seen["grams"] if one["account"] == "stored"}
    assert stored == {"site:ho-mot": 20_000 - 40_000, "site:ho-hai": 10_000 - 20_000}
    assert sum(grams(story, manifest).values()) == 0


def test_a_collection_point_is_a_place_and_no_generator(story: Served) -> None:
    point = {
        "point": "point:kho", "name": "Điểm tập kết", "site": "site:rival", "operator": GENERATOR,
        "valid_from": "2024-01-01",
    }  # fmt: skip
    act(story, AUTHORITY, "collection_point.opened.v1", point)
    body = story.registration(1000, collection_point="point:kho")
    problem(story.post(GENERATOR, "/manifests", body), 422, "manifest.collection_point_is_place")


def test_a_household_without_a_phone_is_helped_by_the_commune_and_may_contest(story: Served) -> None:
    party = household(story, "ho-ba")
    done = lot_on_paper(story, AUTHORITY, party, 5_000)
    answer = story.post(RIVAL, "/lots", {
        "site": "site:ho-ba", "code": CODE, "state": "liquid", "mass_g": 1, "generated_on": story.today,
        "on_paper": slip(party, how="assisted"), "on_behalf_of": party,
    })  # fmt: skip
    problem(answer, 403, "manifest.helper_not_allowed")
    (entered,) = [
        one for one in story.did(story.get(AUTHORITY, "/entered-acts"), 200)["items"] if one["party"] == party
    ]
    assert (entered["entered_by"], entered["contested"]) == (AUTHORITY, False)
    path = f"/entries/{done['seq']}/contest"
    problem(story.post(RIVAL, path, {"reason": "x"}), 403, "manifest.act_not_yours")
    story.did(story.post(AUTHORITY, path, {"reason": "Hộ nói không có lô này"}))
    problem(story.post(AUTHORITY, path, {"reason": "x"}), 409, "manifest.contested_already")
    upheld = {"outcome": "upheld", "reason": "Hộ nói không có lô này"}
    problem(story.post(AUTHORITY, f"{path}/settlement", upheld), 403, "manifest.contest_not_yours")
    story.did(story.post(AUTHORITY, f"{path}/settlement", upheld | {"outcome": "withdrawn"}))
    (entered,) = [
        one for one in story.did(story.get(AUTHORITY, "/entered-acts"), 200)["items"] if one["party"] == party
    ]
    assert (entered["contested"], entered["outcome"]) == (True, "withdrawn")


def test_a_driver_records_a_hand_over_that_the_generator_signs_on_paper(story: Served) -> None:
    manifest = story.register(100_000)
    asked = {"giver": GENERATOR, "taker": CARRIER, "vehicle_plate": PLATE, "on_paper": slip(GENERATOR)}
    done = story.did(story.post(CARRIER, f"/manifests/{manifest}/handovers", asked))
    shown = status(story, manifest)
    assert (shown["holder"], shown["on_paper"]) == (CARRIER, 1)
    assert [one["assurance"] for one in shown["acts"]] == [0, -1]
    assert "on_paper" in shown["evidence"]["weakened_by"]
    story.did(story.post(GENERATOR, f"/entries/{done['seq']}/contest", {"reason": "Chưa giao"}))
    assert status(story, manifest)["contested"] == 1
    settled = {"outcome": "dismissed", "reason": "Phiếu gốc có chữ ký của thủ kho"}
    problem(
        story.post(GENERATOR, f"/entries/{done['seq']}/contest/settlement", settled),
        403, "manifest.contest_not_yours",
    )  # fmt: skip
    story.did(story.post(AUTHORITY, f"/entries/{done['seq']}/contest/settlement", settled))
    assert status(story, manifest)["contested"] == 0


def test_a_whole_manifest_on_paper_is_entered_later_by_the_facility(story: Served) -> None:
    body = story.registration(100_000, paper_number="000123/GIAY", on_paper=slip(GENERATOR), **OF_FACILITY)
    body |= {"generator": GENERATOR, "on_behalf_of": GENERATOR}
    manifest = story.did(story.post(FACILITY, "/manifests", body))["manifest"]
    asked = {"giver": GENERATOR, "taker": FACILITY, "vehicle_plate": PLATE, "on_paper": slip(GENERATOR)}
    story.did(story.post(FACILITY, f"/manifests/{manifest}/handovers", asked))
    story.arrive(manifest)
    story.weigh(manifest, 100_000)
    story.accept(manifest, 100_000)
    story.treat(manifest, 100_000)
    story.facility(manifest, "completion")
    shown = status(story, manifest)
    assert (shown["status"], shown["paper_number"], shown["copies"]) == ("completed", "000123/GIAY", [])
    posted = {"copies": ["3", "4"], "means": "paper", "receipt_sha256": HASH}
    lacking = {"copies": ["3", "4"], "means": "paper"}
    refused = story.post(FACILITY, f"/manifests/{manifest}/copies", lacking)
    problem(refused, 422, "manifest.copy_receipt_missing")
    story.did(story.post(FACILITY, f"/manifests/{manifest}/copies", posted))
    shown = status(story, manifest)
    assert [(one["copy_name"], one["receiver"], one["means"]) for one in shown["copies"]] == [
        ("3", GENERATOR, "paper"), ("4", GENERATOR, "paper"),
    ]  # fmt: skip
    assert shown["copies_at"] is not None
    again = body | {"lines": story.registration(1)["lines"]}
    problem(story.post(FACILITY, "/manifests", again), 422, "manifest.paper_number_taken")


def test_a_hospital_hands_over_to_its_neighbour_by_a_record_and_no_manifest(story: Served) -> None:
    for site, party in (("site:clinic", GENERATOR), ("site:cluster", FACILITY)):
        body = {
            "site": site, "party": party, "name": "Bệnh viện", "site_kind": "hospital",
            "zone_kind": "outside", "old_commune": "00505",
            "province": "Thành phố Hà Nội", "address": "Hà Nội",
        }  # fmt: skip
        story.did(story.post(OPERATOR, "/sites", body))
    permit = {
        "permit": "permit:cluster", "party": FACILITY, "permit_kind": "environmental", "number": "GPMT-BV",
        "valid_from": "2024-01-01", "valid_to": "2040-01-01",
        "lines": [{"code": CODE, "methods": ["TC"], "mass_g_year": TONNE}],
    }  # fmt: skip
    act(story, AUTHORITY, "permit.granted.v1", permit)
    lot = story.lot(20_000, site="site:clinic")
    record = {
        "document": "handover_record", "site": "site:clinic", "facility_site": "site:cluster",
        "permit": "permit:cluster", "form": "biên bản bàn giao", **OF_FACILITY,
        "lines": [line([{"lot": lot, "mass_g": 20_000}])],
    }  # fmt: skip
    as_manifest = story.registration(1) | record | {"document": "manifest", "form": "tt02-2022"}
    problem(story.post(GENERATOR, "/manifests", as_manifest), 422, "manifest.permit_unknown")
    manifest = story.did(story.post(GENERATOR, "/manifests", story.registration(1) | record))["manifest"]
    story.hand_over(manifest, taker=FACILITY)
    story.arrive(manifest)
    story.weigh(manifest, 20_000)
    story.accept(manifest, 20_000)
    story.treat(manifest, 20_000)
    story.facility(manifest, "completion")
    assert status(story, manifest)["document"] == "handover_record"
