"""Who may take a waste: what somebody finds who has never registered a manifest."""

from typing import Any

from tests.api.caller import Caller
from tests.api.homes import AUTHORITY, CARRIER, CODE, FACILITY, GENERATOR, PLATE
from tests.api.test_problems import problem


def found(api: Caller, code: str = CODE, party: str = GENERATOR, more: str = "") -> list[dict[str, Any]]:
    answer = api.did(api.get(party, f"/facilities?code={code}{more}"), 200)
    assert answer["count"] == len(answer["items"])
    items: list[dict[str, Any]] = answer["items"]
    return items


def test_a_first_manifest_can_be_written_from_what_is_listed(api: Caller) -> None:
    (facility,) = [one for one in found(api) if one["facility"] == FACILITY]
    (carrier,) = [one for one in facility["carriers"] if one["party"] == CARRIER]
    body = api.registration() | {
        "facility": facility["facility"],
        "facility_site": facility["sites"][0]["facility_site"],
        "permit": facility["permit"],
        "carriers": [{name: carrier[name] for name in ("party", "permit", "approval")}],
    }
    assert body["lines"][0]["planned_methods"][0] in facility["methods"]

    manifest = api.did(api.post(GENERATOR, "/manifests", body))["manifest"]

    handed = {"taker": CARRIER, "vehicle_plate": PLATE}
    assert api.post(GENERATOR, f"/manifests/{manifest}/handovers", handed).status_code == 200


def test_it_is_listed_by_code_and_day_without_masses(lite: Caller) -> None:
    assert found(lite, CODE.replace(" ", "")) == found(lite)
    assert found(lite, "01 01 01") == []
    assert found(lite, more="&on=2001-01-01") == []
    assert not [name for one in found(lite) for name in one if name.endswith("_g")]
    problem(lite.get(GENERATOR, "/facilities"), 422, "manifest.field_missing")
    problem(lite.get(None, f"/facilities?code={CODE}"), 401, "api.unauthenticated")


def test_one_that_is_suspended_is_not_listed(lite: Caller) -> None:
    before = {one["facility"] for one in found(lite)}
    permit = next(one["permit"] for one in found(lite) if one["facility"] == FACILITY)
    body = {
        "register": "permit",
        "entry": permit,
        "valid_from": lite.today,
        "reason": "Kiểm tra đột xuất",
    }
    lite.did(lite.post(AUTHORITY, "/suspensions", body))

    assert {one["facility"] for one in found(lite)} == before - {FACILITY}
