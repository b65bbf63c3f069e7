"""What is waited for, as each party sees it, and the rules behind it."""

from datetime import timedelta

from tests.api.caller import Caller
from tests.api.homes import AUTHORITY, CARRIER, FACILITY, GENERATOR, RIVAL, Ticking


def clocks(api: Caller, party: str, **asked: str) -> dict[str, dict[str, object]]:
    items = api.get(party, "/clocks", params=asked).json()["items"]
    return {one["kind"]: one for one in items if one["kind"] not in {"permit_end", "storage"}}


def test_a_load_on_the_way_runs_for_its_parties_and_for_nobody_else(api: Caller) -> None:
    manifest = api.register()
    api.hand_over(manifest)
    for party in (GENERATOR, CARRIER, FACILITY, AUTHORITY):
        found = clocks(api, party)
        assert {one["subject"] for one in found.values()} == {manifest}
        assert set(found) == {"in_transit", "treatment", "last_copies"}
        assert found["in_transit"]["state"] == "running"
        assert found["treatment"]["source"] == "NĐ 08/2022/NĐ-CP, Điều 72(4), 71(4)"
    assert clocks(api, RIVAL) == {}


def test_time_makes_it_late_and_says_who_is_told(api: Caller) -> None:
    manifest = api.register()
    api.hand_over(manifest)
    clock = api.furnished.home.clock
    assert isinstance(clock, Ticking)
    clock.now += timedelta(hours=49)
    late = clocks(api, GENERATOR, kind="in_transit")["in_transit"]
    assert late["state"] == "late"
    assert "authority" in late["told"]  # type: ignore[operator]


def test_stored_lots_and_permits_have_clocks_of_their_own(lite: Caller) -> None:
    lite.register()
    kinds = {one["kind"] for one in lite.get(AUTHORITY, "/clocks").json()["items"]}
    assert {"storage", "permit_end"} <= kinds
    own = lite.get(RIVAL, "/clocks", params={"kind": "storage"}).json()["items"]
    assert own == []


def test_a_site_has_its_class_from_what_it_declared(lite: Caller) -> None:
    lite.register()
    found = lite.get(GENERATOR, "/producers", params={"year": "2025"}).json()
    assert found["year"] == 2025
    [one] = found["items"]
    assert one["party"] == GENERATOR
    assert sum(one["months_g"]) == one["year_g"] > 0
    assert one["class"] == ("permit" if max(one["months_g"]) >= 100_000 else "small")
    assert lite.get(RIVAL, "/producers", params={"year": "2025"}).json()["items"] == []


def test_every_limit_says_where_it_comes_from(lite: Caller) -> None:
    items = lite.get(RIVAL, "/rules").json()["items"]
    assert all(one["source"] and one["unit"] and one["valid_from"] for one in items)
    assert any(one["confirmed"] for one in items)
    assert all(one["verified_on"] is None for one in items)


def test_a_manifest_under_other_rules_says_what_differs(lite: Caller) -> None:
    manifest = lite.register()
    lite.hand_over(manifest)
    path = f"/manifests/{manifest}/rejudged"
    assert lite.get(GENERATOR, path).json()["items"] == []
    old = lite.get(GENERATOR, path, params={"on": "2021-05-01"}).json()["items"]
    assert {"subject": "form", "then": "tt02-2022", "now": "tt36-2015"} in old
    assert lite.get(RIVAL, path).status_code == 404


def test_a_manifest_shows_what_it_rests_on(lite: Caller) -> None:
    manifest = lite.register()
    shown = lite.get(GENERATOR, f"/manifests/{manifest}").json()["evidence"]
    assert shown == {"grade": "C", "voices": 1, "weakened_by": ["not_weighed"]}
    lite.hand_over(manifest)
    lite.arrive(manifest)
    lite.weigh(manifest, 500_000)
    shown = lite.get(GENERATOR, f"/manifests/{manifest}").json()["evidence"]
    # Three parties that have nothing to do with each other, all by keys in custody.
    assert shown == {"grade": "B", "voices": 3, "weakened_by": []}
