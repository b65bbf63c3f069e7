"""Each noun route's good path, and the numbers that the server gives out."""

from api.serving import Publisher
from tests.api.caller import Caller
from tests.api.homes import CARRIER, CODE, FACILITY, GENERATOR, RIVAL
from tests.api.test_problems import problem


def test_a_manifest_goes_from_registration_to_completion(api: Caller) -> None:
    manifest = api.arrived(500_000)
    api.accept(manifest, 400_000, 100_000)
    api.give_back(manifest)
    api.treat(manifest, 150_000)
    api.treat(manifest, 250_000)
    api.facility(manifest, "completion")
    shown = api.did(api.get(GENERATOR, f"/manifests/{manifest}"), 200)
    assert shown["status"] == "completed"
    assert [(one["account"], one["grams"]) for one in shown["grams"] if one["grams"] > 0] == [
        ("stored", 100_000),
        ("treated_service", 400_000),
    ] or {one["account"]: one["grams"] for one in shown["grams"]}["treated_service"] == 400_000
    assert {one["assurance"] for one in shown["acts"]} == {0}
    assert shown["header"]["number"] == {"sequence": 1, "year": 2025, "issuer": "1-2-3.047.VX"}
    assert shown["lines"][0]["left_g"] == 0


def test_a_load_is_refused_and_goes_back(api: Caller) -> None:
    manifest = api.arrived()
    api.facility(manifest, "refusal", reason="Không đúng loại đã khai")
    api.give_back(manifest)
    assert api.get(GENERATOR, f"/manifests/{manifest}").json()["status"] == "returned"


def test_a_manifest_is_cancelled_before_pick_up_only(api: Caller) -> None:
    manifest = api.register()
    path = f"/manifests/{manifest}/cancellation"
    api.did(api.post(GENERATOR, path, {"reason": "Đổi lịch"}))
    problem(api.post(GENERATOR, path, {"reason": "Đổi lịch"}), 409, "manifest.transition_refused")


def test_a_correction_waits_for_those_it_touches(api: Caller) -> None:
    manifest = api.arrived()
    api.accept(manifest, 500_000)
    body = {"field": "net_g", "line": 1, "net_g": 490_000, "reason": "Đọc nhầm phiếu cân"}
    made = api.did(api.post(FACILITY, f"/manifests/{manifest}/corrections", body))
    open_ = api.get(GENERATOR, f"/manifests/{manifest}").json()["corrections"]
    assert [one["waiting"] for one in open_] == [[GENERATOR]]
    path = f"/manifests/{manifest}/corrections/{made['correction']}"
    problem(api.post(FACILITY, f"{path}/consent"), 422, "manifest.correction_not_yours")
    api.did(api.post(GENERATOR, f"{path}/consent"))
    shown = api.get(GENERATOR, f"/manifests/{manifest}").json()
    assert (shown["corrections"], shown["accepted_g"]) == ([], 490_000)
    other = api.did(api.post(FACILITY, f"/manifests/{manifest}/corrections", body | {"net_g": 480_000}))
    declined = f"/manifests/{manifest}/corrections/{other['correction']}/decline"
    api.did(api.post(GENERATOR, declined, {"reason": "Không đúng"}))
    assert api.get(GENERATOR, f"/manifests/{manifest}").json()["accepted_g"] == 490_000


def test_lots_are_declared_adjusted_and_treated_on_site(api: Caller) -> None:
    opening = api.lot(5_000, opening=True)
    lot = api.lot(10_000)
    adjusted = api.post(GENERATOR, f"/lots/{lot}/adjustments", {"delta_g": -1000, "reason": "Cân lại"})
    api.did(adjusted)
    treated = {"mass_g": 2000, "methods": ["TC"], "treated_on": "2025-04-02"}
    api.did(api.post(GENERATOR, f"/lots/{lot}/self-treatments", treated))
    shown = api.did(api.get(GENERATOR, f"/lots/{lot}"), 200)
    places = {one["account"]: one["grams"] for one in shown["balances"]}
    assert places["stored"] == 7000
    assert sum(places.values()) == 0
    listed = api.did(api.get(GENERATOR, "/lots?limit=1"), 200)
    assert [one["lot"] for one in listed["items"]] == [lot]
    rest = api.get(GENERATOR, f"/lots?cursor={listed['next']}&code={CODE}&site=site:generator").json()
    assert [one["lot"] for one in rest["items"]] == [opening]
    problem(api.post(GENERATOR, "/lots", {"opening": 1}), 422, "manifest.field_invalid")


def test_the_registers_are_filled_by_those_who_keep_them(api: Caller) -> None:
    new = "org:workshop"
    organisation = {
        "party": new, "name": "Hợp tác xã Cơ khí Thanh Thùy", "roles": ["generator"],
        "identifier_kind": "none", "reason": "Hộ kinh doanh", "address": "Xã Thanh Thùy",
    }  # fmt: skip
    api.did(api.post("org:operator", "/organisations", organisation))
    key = api.did(api.post("org:operator", "/keys", {"party": new}))
    assert key["custody"] == "custodial"
    api.did(api.post("org:department", f"/organisations/{new}/admission"))
    site = {
        "site": "site:workshop", "party": new, "name": "Xưởng", "site_kind": "workshop",
        "zone_kind": "outside", "province": "Thành phố Hà Nội", "address": "Xã Thanh Thùy",
    }  # fmt: skip
    api.did(api.post("org:operator", "/sites", site))
    dates = {"valid_from": "2025-01-01", "valid_to": "2030-01-01"}
    permit = {
        "permit": "permit:workshop", "party": new, "permit_kind": "environmental", "number": "GPMT-9",
        "lines": [{"code": CODE, "methods": ["TC"], "mass_g_year": 1000}], **dates,
    }  # fmt: skip
    api.did(api.post("org:department", "/permits", permit))
    approval = {
        "approval": "approval:x",
        "carrier": CARRIER,
        "facility": "org:facility-2",
        "number": "1",
        **dates,
    }
    api.did(api.post("org:department", "/approvals", approval))
    block = {"block": "block:x", "party": new, "issuer": "9-9", "year": 2025, "first": 1, "last": 2}
    api.did(api.post("org:operator", "/number-blocks", block))
    plan = {"site": "site:generator", "year": 2025, "lines": [{"code": CODE, "mass_g": 10}]}
    assert api.did(api.post(GENERATOR, "/plans", plan))["stream"] == "plan:generator:2025"
    second = api.did(api.post(GENERATOR, "/keys", {"name": "Ca đêm"}))
    kids = {one["kid"] for one in api.get(GENERATOR, f"/organisations/{GENERATOR}").json()["keys"]}
    assert second["kid"] in kids
    shown = api.did(api.get("org:operator", f"/organisations/{new}"), 200)
    assert shown["admitted"] is True
    assert [one["site"] for one in shown["sites"]] == ["site:workshop"]


def test_the_registers_are_closed_to_others(lite: Caller) -> None:
    before = lite.size
    body = {"party": GENERATOR}
    problem(lite.post(GENERATOR, f"/organisations/{RIVAL}/admission"), 403, "manifest.role_not_held")
    problem(lite.post(RIVAL, "/keys", body), 403, "api.authority_only")
    problem(lite.post("org:operator", "/keys", {"party": "org:nobody"}), 422, "manifest.party_unknown")
    problem(lite.post(RIVAL, "/keys", {"name": 1, "more": 1}), 422, "manifest.field_unknown")
    assert lite.size == before


def test_numbers_are_given_without_gaps_also_when_many_register_at_once(api: Caller) -> None:
    bodies = [api.registration(1000 + n) for n in range(6)]
    answers = api.post_together(GENERATOR, "/manifests", bodies)
    numbers = sorted(str(api.did(answer)["number"]) for answer in answers)
    assert numbers == [f"{n}/2025/1-2-3.047.VX" for n in range(1, 7)]


def test_a_number_that_is_named_is_the_one_given_and_the_gap_is_filled_last(lite: Caller) -> None:
    issuer = "1-2-3.047.VX"
    lite.register(number={"sequence": 999, "year": 2025, "issuer": issuer})
    body = lite.registration()
    assert lite.did(lite.post(GENERATOR, "/manifests", body))["number"] == f"1/2025/{issuer}"
    taken = lite.registration(number={"sequence": 999, "year": 2025, "issuer": issuer})
    problem(lite.post(GENERATOR, "/manifests", taken), 422, "manifest.number_taken")
    none = lite.registration(facility="org:facility-2")
    problem(lite.post(GENERATOR, "/manifests", none), 422, "api.no_number_left")
    problem(lite.post(GENERATOR, "/manifests", none | {"manifest": 5}), 422, "manifest.field_invalid")


def test_the_publisher_signs_what_was_recorded_and_rests_otherwise(api: Caller) -> None:
    home = api.furnished.home
    assert api.get(None, "/checkpoint").status_code == 404
    publisher = Publisher(home, every_s=0.01)
    publisher.start()
    api.lot()
    publisher.stop()
    note = api.get(None, "/checkpoint").text
    assert note.split("\n")[1] == str(api.size)
