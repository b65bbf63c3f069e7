"""The registers over HTTP: entered by noun, read as of a day, seen by whom they concern."""

from typing import Any

from tests.api.caller import Caller
from tests.api.homes import AUTHORITY, CARRIER, CODE, COMPETITOR, FACILITY, GENERATOR, PLATE, RIVAL
from tests.api.test_problems import problem

HASH = "ab" * 32
OPERATOR = "org:operator"
OTHER_CODE = "18 02 01"


def items(api: Caller, party: str, path: str) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = api.did(api.get(party, path), 200)["items"]
    return answer


def test_a_site_is_listed_where_it_lay_on_the_day_by_the_map_asked_for(api: Caller) -> None:
    moved = {
        "valid_from": "2025-07-15", "zone_kind": "cluster", "zone": "ccn-lien-ha-dong-anh", "district": "017",
        "commune": "00475", "reason": "Di dời vào cụm",
    }  # fmt: skip
    api.did(api.post(OPERATOR, "/sites/site:generator/placements", moved))

    def told(query: str) -> tuple[str, str, str]:
        (one,) = items(api, GENERATOR, f"/sites?{query}")
        return one["zone_kind"], one["area"], one["status"]

    first = told("on=2025-06-30")
    assert first[0] != "cluster"
    assert len(first[1]) == 3, "a district"
    assert len(told("on=2025-06-30&map=today")[1]) == 5, "today's commune, in the view alone"
    assert told("on=2025-07-15") == ("cluster", "00475", "declared")
    assert items(api, RIVAL, "/sites?on=2025-07-15")[0]["site"] == "site:rival"
    problem(api.post(GENERATOR, "/sites/site:generator/placements", moved), 403, "manifest.role_not_held")


def test_a_zone_and_a_point_are_open_to_all(lite: Caller) -> None:
    zone = {
        "zone": "ccn-moi", "name": "CCN Mới", "zone_kind": "cluster", "counts_for_t1": True,
        "district": "017", "document_sha256": HASH,
    }  # fmt: skip
    lite.did(lite.post(AUTHORITY, "/zones", zone))
    changed = {"valid_from": "2024-01-01", "station": "operating", "station_meets_rules": True}
    lite.did(lite.post(AUTHORITY, "/zones/ccn-moi/changes", changed))
    village = {
        "assessment": "assessment:1", "instrument": "TT 31/2016, Phụ lục 3", "assessed_on": "2025-01-01",
        "verdict": "polluted", "document_sha256": HASH,
    }  # fmt: skip
    lite.did(lite.post(AUTHORITY, "/zones/ln-may-tre-dan-thon-3/assessments", village))
    problem(
        lite.post(AUTHORITY, "/zones/ccn-moi/assessments", village | {"assessment": "assessment:2"}),
        422,
        "manifest.zone_no_village",
    )
    point = {"point": "point:1", "name": "Điểm thu gom", "site": "site:generator", "valid_from": "2025-01-01"}
    lite.did(lite.post(OPERATOR, "/collection-points", point))
    shown = lite.did(lite.get(RIVAL, "/zone-targets?on=2025-01-01"), 200)["targets"]
    assert [one["name"] for one in shown] == ["T2", "T3", "T4"]
    assert "ccn-moi" in shown[0]["unknown"], "nobody has said whether it operates"
    (seen,) = items(lite, RIVAL, "/zones?on=2024-01-01")
    assert seen["facts"]["station"]["value"] == "operating"
    assert (seen["status"], seen["confirmed_by"]["authority"]) == ("confirmed", AUTHORITY)
    assert items(lite, RIVAL, "/zones?on=2023-12-31")[0]["facts"].keys() == {"counts_for_t1"}
    assert [one["point"] for one in items(lite, RIVAL, "/collection-points")] == ["point:1"]
    assert items(lite, RIVAL, "/collection-points?on=2024-12-31") == []


def test_papers_are_read_as_of_a_day_by_those_they_concern(lite: Caller) -> None:
    contract = {
        "contract": "contract:1", "number": "01/HĐ", "generator": GENERATOR, "facility": FACILITY,
        "codes": [CODE], "signed_on": "2025-01-01", "valid_from": "2025-01-01", "valid_to": "2025-12-31",
        "document_sha256": HASH,
    }  # fmt: skip
    lite.did(lite.post(GENERATOR, "/contracts", contract))
    lite.did(lite.post(FACILITY, "/contracts/contract:1/agreement"))
    certificate = {
        "certificate": "certificate:1", "site": "site:generator", "code": OTHER_CODE, "process": "Lau máy",
        "number": "KQ-1", "laboratory": "Phòng thử nghiệm", "sampled_on": "2025-01-02",
        "valid_from": "2025-01-03", "below_threshold": True, "document_sha256": HASH,
    }  # fmt: skip
    lite.did(lite.post(GENERATOR, "/certificates", certificate))
    line = {
        "treatment_line": "line:1", "site": "site:facility", "name": "Lò số 1", "methods": ["TĐ"],
        "states": ["liquid"], "mass_g_day": 1_000_000, "valid_from": "2025-01-01", "document_sha256": HASH,
    }  # fmt: skip
    lite.did(lite.post(FACILITY, "/treatment-lines", line))
    vehicle = {"vehicle": "vehicle:1", "plate": PLATE, "valid_from": "2025-01-01", "document_sha256": HASH}
    lite.did(lite.post(GENERATOR, "/vehicles", vehicle))
    registration = {
        "registration": "registration:1", "site": "site:generator", "number": "1/ĐKMT",
        "valid_from": "2025-01-01", "lines": [{"code": CODE, "mass_g": 5}], "document_sha256": HASH,
    }  # fmt: skip
    lite.did(lite.post(GENERATOR, "/registrations", registration))
    mine = ("contracts", "certificates", "vehicles", "registrations")
    for name in (*mine, "treatment-lines"):
        owner = FACILITY if name == "treatment-lines" else GENERATOR
        assert len(items(lite, owner, f"/{name}?on=2025-06-01")) == 1, name
        assert items(lite, owner, f"/{name}?on=2024-06-01") == [], name
        assert items(lite, COMPETITOR, f"/{name}?on=2025-06-01") == [], name
        assert len(items(lite, AUTHORITY, f"/{name}?on=2025-06-01")) == 1, name
    (seen,) = items(lite, FACILITY, "/contracts?on=2025-06-01")
    assert (seen["codes"], seen["agreed_generator"], seen["agreed_facility"]) == ([CODE], True, True)
    confirm = {"register": "certificate", "entry": "certificate:1", "document_sha256": HASH}
    problem(lite.post(GENERATOR, "/confirmations", confirm), 403, "manifest.role_not_held")
    lite.did(lite.post(AUTHORITY, "/confirmations", confirm))
    (seen,) = items(lite, GENERATOR, "/certificates?on=2025-06-01")
    assert (seen["status"], seen["confirmed_by"]["document_sha256"]) == ("confirmed", HASH)
    end = {"register": "certificate", "entry": "certificate:1", "last_day": "2025-05-31", "reason": "Đổi sơn"}
    lite.did(lite.post(AUTHORITY, "/endings", end))
    assert items(lite, GENERATOR, "/certificates?on=2025-06-01") == []
    kinds = {"contract.agreed.v1", "register.confirmed.v1", "register.ended.v1"}
    for party, expected in ((GENERATOR, kinds), (COMPETITOR, set())):
        events = lite.did(lite.get(party, "/feed?limit=500"), 200)["items"]
        assert {one["kind"] for one in events} & kinds == expected


def test_a_permit_is_shown_as_it_was_on_the_day(lite: Caller) -> None:
    amended = {
        "valid_from": "2026-01-01", "document_sha256": HASH,
        "lines": [{"code": CODE, "methods": ["TC"], "mass_g_year": 7}],
    }  # fmt: skip
    lite.did(lite.post(FACILITY, "/permits/permit:facility/amendments", amended))
    suspended = {
        "register": "permit", "entry": "permit:facility", "valid_from": "2026-02-01",
        "valid_to": "2026-02-28", "reason": "Kiểm tra",
    }  # fmt: skip
    lite.did(lite.post(AUTHORITY, "/suspensions", suspended))

    def told(on: str) -> dict[str, Any]:
        (one,) = items(lite, FACILITY, f"/permits?on={on}")
        return one

    assert told("2025-12-31")["lines"][0]["mass_g_year"] != 7
    assert [line["mass_g_year"] for line in told("2026-01-01")["lines"]] == [7]
    assert [told(on)["suspended"] for on in ("2026-01-31", "2026-02-28", "2026-03-01")] == [
        False,
        True,
        False,
    ]
    assert (told("2026-01-01")["status"], told("2026-01-01")["confirmed_by"]) == ("declared", None)
    assert items(lite, FACILITY, "/permits?on=2010-01-01") == []
    lifted = {"register": "permit", "entry": "permit:facility", "valid_from": "2026-02-10"}
    lite.did(lite.post(AUTHORITY, "/resumptions", lifted))
    assert told("2026-02-10")["suspended"] is False


def test_a_mandate_for_one_consignment_shows_that_one_alone(lite: Caller) -> None:
    mine, other = lite.register(), lite.register()
    lot = lite.lot()
    mandate = {
        "mandate": "mandate:one", "agent": COMPETITOR, "role": "generator", "manifest": mine,
        "valid_from": "2025-01-01", "valid_to": "2030-12-31",
    }  # fmt: skip
    lite.did(lite.post(GENERATOR, "/mandates", mandate))
    assert lite.get(COMPETITOR, f"/manifests/{mine}").status_code == 200
    assert [one["manifest"] for one in items(lite, COMPETITOR, "/manifests")] == [mine]
    for hidden in (f"/manifests/{other}", f"/lots/{lot}"):
        assert lite.get(COMPETITOR, hidden).status_code == 404
    called_off = {"reason": "Đổi lịch", "on_behalf_of": GENERATOR}
    problem(lite.post(COMPETITOR, f"/manifests/{other}/cancellation", called_off), 404, "manifest.unknown")
    lite.did(lite.post(COMPETITOR, f"/manifests/{mine}/cancellation", called_off))


def test_a_role_to_come_is_not_held_yet(lite: Caller) -> None:
    changed = {"valid_from": "2040-01-01", "roles": ["generator"]}
    lite.did(lite.post(OPERATOR, f"/organisations/{CARRIER}/changes", changed))
    lot = {
        "site": "site:generator", "code": CODE, "state": "liquid", "mass_g": 5, "generated_on": lite.today,
    }  # fmt: skip
    problem(lite.post(CARRIER, "/lots", lot), 403, "manifest.role_not_held")
    manifest = lite.register()
    lite.hand_over(manifest)  # it still carries


def test_a_party_is_listed_as_it_was_on_the_day(lite: Caller) -> None:
    changed = {"valid_from": "2025-08-01", "name": "Công ty Tên mới"}
    lite.did(lite.post(OPERATOR, f"/organisations/{GENERATOR}/changes", changed))
    (before,) = items(lite, GENERATOR, "/organisations?on=2025-07-31")
    (after,) = items(lite, GENERATOR, "/organisations?on=2025-08-01")
    assert (before["name"] != "Công ty Tên mới", after["name"]) == (True, "Công ty Tên mới")
    everyone = {one["party"] for one in items(lite, AUTHORITY, "/organisations")}
    assert {GENERATOR, RIVAL, CARRIER, FACILITY} <= everyone
    page = lite.did(lite.get(AUTHORITY, "/organisations?limit=2"), 200)
    assert len(page["items"]) == 2
    assert page["next"]
    for name in ("approvals", "mandates", "plans", "linkages"):
        assert lite.get(CARRIER, f"/{name}").status_code == 200
    problem(lite.get(CARRIER, "/approvals?on=x"), 422, "manifest.date_invalid")
