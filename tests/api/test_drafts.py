"""Drafts: written by either side, rehearsed, agreed by the facility, registered by the generator."""

from typing import Any

import pytest

from tests.api.caller import Caller
from tests.api.homes import AUTHORITY, CARRIER, FACILITY, GENERATOR, RIVAL
from tests.api.test_problems import problem


def drafted(api: Caller, party: str = GENERATOR, **changed: Any) -> dict[str, Any]:
    return api.did(api.post(party, "/drafts", {"body": api.registration() | changed}))


def agreed(api: Caller, draft: dict[str, Any]) -> dict[str, Any]:
    return api.did(
        api.post(FACILITY, f"/drafts/{draft['draft']}/agreement", {"version": draft["version"]}), 200
    )


def test_a_draft_becomes_a_manifest_when_both_sides_have_agreed(api: Caller) -> None:
    before = api.size
    draft = drafted(api)
    path = f"/drafts/{draft['draft']}"
    lots = api.size - before  # the lot that the draft draws from, and nothing of the draft itself
    assert lots == 1
    assert api.get(FACILITY, path).json()["body"] == draft["body"]
    problem(api.post(GENERATOR, f"{path}/registration", {"version": 1}), 422, "api.draft_not_agreed")
    assert agreed(api, draft)["agreed"]
    done = api.did(api.post(GENERATOR, f"{path}/registration", {"version": 1}))
    assert done["manifest"] == draft["draft"]
    assert api.size == before + 2
    assert api.get(GENERATOR, "/drafts").json()["items"] == []
    problem(api.post(GENERATOR, f"{path}/registration", {"version": 1}), 409, "api.draft_changed")
    assert api.size == before + 2


def test_the_facility_drafts_too_and_a_change_ends_the_agreement(lite: Caller) -> None:
    body = lite.registration() | {"generator": GENERATOR}
    draft = lite.did(lite.post(FACILITY, "/drafts", {"body": body}))
    agreed(lite, draft)
    path = f"/drafts/{draft['draft']}"
    changed = lite.did(
        lite.call("PUT", GENERATOR, path, json={"version": 1, "body": body | {"vehicle_kind": "rail"}}), 200
    )
    assert (changed["version"], changed["agreed"]) == (2, False)
    problem(lite.post(GENERATOR, f"{path}/registration", {"version": 2}), 422, "api.draft_not_agreed")
    stale = lite.call("PUT", FACILITY, path, json={"version": 1, "body": body})
    problem(stale, 409, "api.draft_changed")
    agreed(lite, changed)
    lite.did(lite.post(GENERATOR, f"{path}/registration", {"version": 2}))


def test_only_the_facility_agrees_and_only_the_author_discards(lite: Caller) -> None:
    draft = drafted(lite)
    path = f"/drafts/{draft['draft']}"
    problem(lite.post(GENERATOR, f"{path}/agreement", {"version": 1}), 403, "api.draft_of_other_side")
    problem(lite.call("DELETE", FACILITY, path), 403, "api.draft_of_other_side")
    assert lite.call("DELETE", GENERATOR, path).status_code == 204
    problem(lite.get(GENERATOR, path), 404, "api.draft_unknown")


def test_a_draft_is_seen_by_its_two_sides_alone(lite: Caller) -> None:
    draft = drafted(lite)
    path = f"/drafts/{draft['draft']}"
    for party in (RIVAL, CARRIER, AUTHORITY):
        problem(lite.get(party, path), 404, "api.draft_unknown")
        assert lite.get(party, "/drafts").json()["items"] == []
        problem(lite.post(party, f"{path}/agreement", {"version": 1}), 404, "api.draft_unknown")
        problem(lite.call("DELETE", party, path), 404, "api.draft_unknown")


def test_a_rehearsal_says_all_that_would_refuse_it_to_either_side_and_writes_nothing(lite: Caller) -> None:
    draft = drafted(lite)
    lines = [draft["body"]["lines"][0] | {"code": "99 99 99", "planned_methods": ["XX"]}]
    wrong = lite.did(lite.post(GENERATOR, "/drafts", {"body": draft["body"] | {"lines": lines}}))
    before = lite.size
    for party in (GENERATOR, FACILITY):
        good = lite.did(lite.post(party, f"/drafts/{draft['draft']}/rehearsal"), 200)
        assert good == {"ok": True, "problems": []}
        bad = lite.did(lite.post(party, f"/drafts/{wrong['draft']}/rehearsal"), 200)
        found = {(one["path"], one["code"]) for one in bad["problems"]}
        assert ("/lines/0/code", "reference.unknown_waste_code") in found
        assert ("/lines/0/planned_methods/0", "reference.unknown_method") in found
    empty = lite.did(lite.post(GENERATOR, "/drafts", {}))
    missing = lite.did(lite.post(GENERATOR, f"/drafts/{empty['draft']}/rehearsal"), 200)
    assert {"/lines", "/site"} <= {one["path"] for one in missing["problems"]}
    assert {one["message"] for one in missing["problems"]} == {"Chưa điền ô bắt buộc."}
    assert lite.size == before


def test_repeating_the_last_takes_everything_over_but_number_and_lots(lite: Caller) -> None:
    problem(lite.post(GENERATOR, "/drafts", {"repeat": "last"}), 404, "api.nothing_to_repeat")
    first = lite.register(300_000)
    old, new = lite.lot(200_000), lite.lot(200_000)
    draft = lite.did(lite.post(GENERATOR, "/drafts", {"repeat": "last"}))
    body = draft["body"]
    assert "number" not in body
    assert body["facility"] == FACILITY
    assert body["lines"][0]["lots"] == [{"lot": old, "mass_g": 200_000}, {"lot": new, "mass_g": 100_000}]
    assert lite.did(lite.post(GENERATOR, "/drafts", {"repeat": first}))["body"] == body
    problem(lite.post(RIVAL, "/drafts", {"repeat": first}), 404, "manifest.unknown")
    agreed(lite, draft)
    lite.did(lite.post(GENERATOR, f"/drafts/{draft['draft']}/registration", {"version": 1}))


def test_a_template_is_its_author_s_alone_and_drafts_begin_from_it(lite: Caller) -> None:
    body = {"facility": FACILITY, "facility_site": "site:facility", "permit": "permit:facility"}
    asked = {"name": "Dầu thải hằng tháng", "body": body}
    template = lite.did(lite.post(GENERATOR, "/templates", asked))
    assert [one["name"] for one in lite.get(GENERATOR, "/templates").json()["items"]] == [asked["name"]]
    assert lite.get(FACILITY, "/templates").json()["items"] == []
    problem(lite.post(FACILITY, "/drafts", {"template": template["template"]}), 404, "api.draft_unknown")
    problem(lite.post(GENERATOR, "/drafts", {"template": None}), 422, "manifest.field_invalid")
    begun = {"template": template["template"], "body": {"site": "site:generator"}}
    made = lite.did(lite.post(GENERATOR, "/drafts", begun))
    assert made["body"] == body | {"site": "site:generator", "generator": GENERATOR}
    assert lite.get(GENERATOR, "/drafts").json()["count"] == 1


@pytest.mark.parametrize(
    ("asked", "code", "path"),
    [
        ({"body": 1}, "manifest.field_invalid", "/body"),
        ({"nonsense": 1}, "manifest.field_unknown", "/nonsense"),
        ({"name": "x" * 301}, "manifest.field_invalid", "/name"),
        ({"repeat": 7}, "manifest.field_invalid", "/repeat"),
        ({"template": 7}, "manifest.field_invalid", "/template"),
        ({"body": {"facility": 7}}, "manifest.field_invalid", "/body/facility"),
    ],
)
def test_bad_input_is_named_and_nothing_is_kept(
    lite: Caller, asked: dict[str, Any], code: str, path: str
) -> None:
    answer = problem(lite.post(GENERATOR, "/drafts", asked), 422, code)
    assert answer["errors"][0]["path"] == path
    assert lite.get(GENERATOR, "/drafts").json()["items"] == []


def test_a_version_has_to_be_said(lite: Caller) -> None:
    draft = drafted(lite)
    for path in ("agreement", "registration"):
        answer = lite.post(GENERATOR, f"/drafts/{draft['draft']}/{path}", {"version": "1"})
        problem(answer, 422, "manifest.integer_required")
        answer = lite.post(GENERATOR, f"/drafts/{draft['draft']}/{path}", {})
        problem(answer, 422, "manifest.field_missing")
