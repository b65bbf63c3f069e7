"""The registers over TCP: who may act from when, what holds on which day, whose word it is."""

from datetime import date, timedelta
from typing import Any

from api.identity.tokens import make_api_key
from tests.api.homes import AUTHORITY, CARRIER, CODE, FACILITY, GENERATOR, RIVAL
from tests.api.test_problems import problem
from tests.stories.conftest import Served

OPERATOR = "org:operator"
HASH = "cd" * 32
KS_CODE = "18 02 01"


def days_on(story: Served, days: int) -> str:
    """Return a date so many days from today."""
    return (date.fromisoformat(story.today) + timedelta(days=days)).isoformat()


def listed(story: Served, party: str, path: str) -> list[dict[str, Any]]:
    """Return the items of a list."""
    found: list[dict[str, Any]] = story.did(story.get(party, path), 200)["items"]
    return found


def test_an_organisation_acts_once_the_department_has_admitted_it(story: Served) -> None:
    new = "org:lang-nghe"
    story.did(
        story.post(
            OPERATOR,
            "/organisations",
            {
                "party": new, "name": "Hợp tác xã Mạ Tam Kim", "roles": ["generator"],
                "identifier_kind": "none", "reason": "Hộ kinh doanh chưa có mã số", "address": "Hà Nội",
            },
        )
    )  # fmt: skip
    story.did(story.post(OPERATOR, "/keys", {"party": new}))
    home = story.furnished.home
    story.furnished.keys[new] = make_api_key(home, new, name="story", scope="act", days=1, now=home.clock())
    site = {
        "site": "site:lang-nghe", "party": new, "name": "Xưởng", "site_kind": "workshop",
        "zone_kind": "craft_village", "zone": "ln-may-tre-dan-thon-3", "old_commune": "00484",
        "province": "Thành phố Hà Nội", "address": "Xã Liên Hà",
    }  # fmt: skip
    story.did(story.post(OPERATOR, "/sites", site))
    lot = {
        "site": "site:lang-nghe", "code": CODE, "state": "liquid", "mass_g": 1000,
        "generated_on": story.today,
    }  # fmt: skip
    problem(story.post(new, "/lots", lot), 403, "manifest.party_not_admitted")
    (before,) = [one for one in listed(story, AUTHORITY, "/organisations") if one["party"] == new]
    assert (before["admitted"], before["status"]) == (False, "declared")
    story.did(story.post(AUTHORITY, f"/organisations/{new}/admission"))
    story.did(story.post(new, "/lots", lot))
    (after,) = listed(story, new, "/organisations")
    assert (after["admitted"], after["status"]) == (True, "confirmed")
    assert after["confirmed_by"]["authority"] == AUTHORITY


def test_a_workshop_in_a_split_commune_is_undetermined_until_it_is_measured_and_moves(story: Served) -> None:
    place = {
        "site": "site:rival-2", "party": RIVAL, "name": "Xưởng mạ", "site_kind": "workshop",
        "zone_kind": "outside", "old_commune": "00484", "province": "Thành phố Hà Nội",
        "address": "Xã Liên Hà",
    }  # fmt: skip
    story.did(story.post(OPERATOR, "/sites", place))

    def told(query: str = "") -> tuple[Any, ...]:
        (one,) = [one for one in listed(story, RIVAL, f"/sites?{query}") if one["site"] == "site:rival-2"]
        return one["zone_kind"], one["area"], one["undetermined"]

    assert told("on=2025-06-30") == ("outside", "017", False)
    assert told("on=2025-07-01") == told("on=2025-06-30&map=today") == ("outside", None, True)
    problem(story.post(OPERATOR, "/sites", place | {"commune": "00475"}), 422, "manifest.coordinates_missing")
    measured = {"commune": "00475", "latitude_e6": 21_150_000, "longitude_e6": 105_910_000}
    story.did(story.post(OPERATOR, "/sites", place | measured))
    assert told() == ("outside", "00475", False)
    moved = {
        "valid_from": story.today, "zone_kind": "cluster", "zone": "ccn-lien-ha-dong-anh",
        "district": "017", "commune": "00475", "reason": "Di dời vào cụm công nghiệp",
    }  # fmt: skip
    story.did(story.post(AUTHORITY, "/sites/site:rival-2/placements", moved))
    lot = {"site": "site:rival-2", "code": CODE, "state": "liquid", "mass_g": 1000}
    for day in (days_on(story, -1), story.today):
        story.did(story.post(RIVAL, "/lots", lot | {"generated_on": day}))
    kinds = {one["generated_on"]: one["zone_kind"] for one in listed(story, RIVAL, "/lots?site=site:rival-2")}
    assert kinds == {days_on(story, -1): "outside", story.today: "cluster"}


def test_what_a_holder_declares_stays_its_own_word_until_the_department_confirms_it(story: Served) -> None:
    certificate = {
        "certificate": "certificate:story", "site": "site:generator", "code": KS_CODE,
        "process": "Lau chùi máy", "number": "KQ-7", "laboratory": "Trung tâm Quan trắc (giả định)",
        "sampled_on": days_on(story, -10), "valid_from": days_on(story, -5), "valid_to": days_on(story, 100),
        "below_threshold": True, "document_sha256": HASH,
    }  # fmt: skip
    refused = problem(
        story.post(GENERATOR, "/certificates", certificate | {"code": CODE}),
        422,
        "manifest.code_always_hazardous",
    )
    assert refused["errors"][0]["path"] == "/code"
    story.did(story.post(GENERATOR, "/certificates", certificate))
    assert [one["status"] for one in listed(story, GENERATOR, "/certificates")] == ["declared"]
    confirm = {"register": "certificate", "entry": "certificate:story", "document_sha256": HASH}
    story.did(story.post(AUTHORITY, "/confirmations", confirm))
    (seen,) = listed(story, GENERATOR, "/certificates")
    assert (seen["status"], seen["confirmed_by"]["confirmed_on"]) == ("confirmed", story.today)
    assert listed(story, RIVAL, "/certificates") == []
    assert listed(story, GENERATOR, f"/certificates?on={days_on(story, -6)}") == []


def test_a_contract_is_agreed_to_by_both_and_ended_by_one(story: Served) -> None:
    contract = {
        "contract": "contract:story", "number": "01/2026/HĐ", "generator": GENERATOR, "facility": FACILITY,
        "signed_on": days_on(story, -30), "valid_from": days_on(story, -30), "document_sha256": HASH,
    }  # fmt: skip
    story.did(story.post(GENERATOR, "/contracts", contract))
    problem(story.post(GENERATOR, "/contracts/contract:story/agreement"), 422, "manifest.agreed_already")
    story.did(story.post(FACILITY, "/contracts/contract:story/agreement"))
    (seen,) = listed(story, FACILITY, "/contracts")
    assert (seen["agreed_generator"], seen["agreed_facility"]) == (True, True)
    end = {
        "register": "contract", "entry": "contract:story", "last_day": story.today, "reason": "Hết việc",
    }  # fmt: skip
    problem(story.post(RIVAL, "/endings", end), 422, "manifest.not_your_document")
    story.did(story.post(GENERATOR, "/endings", end))
    assert len(listed(story, FACILITY, "/contracts")) == 1
    assert listed(story, FACILITY, f"/contracts?on={days_on(story, 1)}") == []


def test_a_suspended_carrier_begins_nothing_new_and_brings_home_what_it_has(story: Served) -> None:
    under_way, waiting = story.register(10_000), story.register(10_000)
    story.hand_over(under_way)
    suspended = {
        "register": "organisation", "entry": CARRIER, "valid_from": story.today,
        "reason": "Kết luận kiểm tra",
    }  # fmt: skip
    story.did(story.post(AUTHORITY, "/suspensions", suspended))
    problem(story.post(GENERATOR, "/manifests", story.registration(10_000)), 422, "manifest.party_suspended")
    asked = {"taker": CARRIER, "vehicle_plate": "29C-123.45"}
    refused = story.post(GENERATOR, f"/manifests/{waiting}/handovers", asked)
    problem(refused, 403, "manifest.party_suspended")
    story.arrive(under_way)
    story.weigh(under_way, 10_000)
    story.accept(under_way, 6_000, 4_000)
    story.give_back(under_way)
    lifted = {"register": "organisation", "entry": CARRIER, "valid_from": days_on(story, 1)}
    story.did(story.post(AUTHORITY, "/resumptions", lifted))
