"""What was written wrong is put right in the open, told over TCP; the full check follows each story."""

from datetime import date, timedelta
from typing import Any

from tests.api.homes import AUTHORITY, CARRIER, FACILITY, GENERATOR, OTHER_CODE, RIVAL
from tests.api.test_problems import problem
from tests.stories.conftest import Served
from tests.stories.test_journeys import grams, status


def propose(story: Served, manifest: str, party: str = FACILITY, **fields: Any) -> str:
    """Propose a correction; return its id."""
    body = {"line": 1, "reason": "Ghi nhầm"} | fields
    body = {name: value for name, value in body.items() if value is not None}
    return str(story.did(story.post(party, f"/manifests/{manifest}/corrections", body))["correction"])


def answer(
    story: Served, manifest: str, correction: str, how: str = "consent", party: str = GENERATOR
) -> None:
    """Answer a correction."""
    body = {} if how == "consent" else {"reason": "Đã xem lại"}
    story.did(story.post(party, f"/manifests/{manifest}/corrections/{correction}/{how}", body))


def shown(story: Served, manifest: str, party: str = GENERATOR) -> list[dict[str, Any]]:
    """Return the corrections of a manifest as a party sees them."""
    items: list[dict[str, Any]] = story.did(story.get(party, f"/manifests/{manifest}/corrections"), 200)[
        "items"
    ]
    return items


def test_a_wrong_split_waits_for_the_generator_and_both_see_the_difference(story: Served) -> None:
    manifest = story.arrived(500_000)
    story.accept(manifest, 300_000, 200_000)
    correction = propose(story, manifest, field="accepted_g", accepted_g=400_000)
    waiting = story.did(story.get(GENERATOR, "/corrections"), 200)["items"]
    assert [(one["correction"], one["yours"]) for one in waiting if one["manifest"] == manifest] == [
        (correction, True)
    ]
    second = {"field": "accepted_g", "line": 1, "accepted_g": 1, "reason": "Ghi nhầm"}
    found = problem(
        story.post(GENERATOR, f"/manifests/{manifest}/corrections", second), 409,
        "manifest.correction_open_already",
    )  # fmt: skip
    assert found["errors"][0]["facts"] == {"correction": correction}
    answer(story, manifest, correction)
    (one,) = shown(story, manifest)
    assert (one["before"], one["after"]) == ({"accepted_g": 300_000}, {"accepted_g": 400_000})
    assert (one["state"], one["waiting"]) == ("taken", [])
    assert (status(story, manifest)["accepted_g"], grams(story, manifest)["at_facility"]) == (
        400_000,
        400_000,
    )
    problem(story.get(RIVAL, f"/manifests/{manifest}/corrections"), 404, "manifest.unknown")


def test_a_facility_does_not_approve_its_own_proposal_by_a_mandate_of_the_generator(
    story: Served,
) -> None:
    ends = (date.fromisoformat(story.today) + timedelta(days=30)).isoformat()
    mandate = {
        "mandate": "mandate:own-voice", "principal": GENERATOR, "agent": FACILITY, "role": "generator",
        "valid_from": "2024-01-01", "valid_to": ends,
    }  # fmt: skip
    story.did(story.post(GENERATOR, "/acts", {"kind": "mandate.granted.v1", "body": mandate}))
    manifest = story.arrived(500_000)
    story.accept(manifest, 500_000)
    correction = propose(story, manifest, field="net_g", net_g=490_000)
    path = f"/manifests/{manifest}/corrections/{correction}/consent"
    as_generator = {"on_behalf_of": GENERATOR}
    problem(story.post(FACILITY, path, as_generator), 422, "manifest.correction_own_voice")
    assert status(story, manifest)["accepted_g"] == 500_000
    answer(story, manifest, correction)


def test_a_proposal_that_proves_wrong_itself_is_taken_back(story: Served) -> None:
    manifest = story.arrived(500_000)
    story.accept(manifest, 500_000)
    correction = propose(story, manifest, field="net_g", net_g=49_000)
    answer(story, manifest, correction, "withdrawal", FACILITY)
    answer(story, manifest, propose(story, manifest, field="net_g", net_g=490_000))
    assert [one["state"] for one in shown(story, manifest)] == ["withdrawn", "taken"]


def test_an_authority_asks_for_a_correction_and_sees_it_answered(story: Served) -> None:
    manifest = story.arrived(500_000)
    story.accept(manifest, 500_000)
    asked = {"field": "net_g", "line": 1, "reason": "Sổ cân của cơ sở ghi 490 kg"}
    path = f"/manifests/{manifest}/correction-requests"
    request = story.did(story.post(AUTHORITY, path, asked))["request"]
    wanted = story.did(story.get(FACILITY, "/correction-requests"), 200)["items"]
    assert request in {one["request"] for one in wanted}
    clocks = story.did(story.get(FACILITY, "/clocks?kind=correction"), 200)["items"]
    assert request in {one["subject"] for one in clocks}
    answer(story, manifest, propose(story, manifest, field="net_g", net_g=490_000, answers=request))
    seen = story.did(story.get(AUTHORITY, f"/manifests/{manifest}/corrections"), 200)
    assert [one["state"] for one in seen["requests"]] == ["answered"]
    assert status(story, manifest)["accepted_g"] == 490_000


def test_a_load_under_the_wrong_code_goes_over_to_a_lot_of_the_right_one(story: Served) -> None:
    manifest = story.arrived(500_000)
    old = status(story, manifest)["lines"][0]["lots"][0]["lot"]
    answer(story, manifest, propose(story, manifest, field="code", code=OTHER_CODE))
    line = status(story, manifest)["lines"][0]
    new = line["lots"][0]["lot"]
    assert (line["code"], new == old) == (OTHER_CODE, False)
    lot = story.did(story.get(GENERATOR, f"/lots/{new}"), 200)
    assert lot["code"] == OTHER_CODE
    assert lot["sources"] == [{"source_kind": "lot", "source": old}]
    story.accept(manifest, 500_000)
    story.treat(manifest, 500_000)
    story.facility(manifest, "completion")
    assert status(story, manifest)["status"] == "completed"


def test_a_treatment_booked_too_high_is_corrected_until_the_manifest_is_complete(story: Served) -> None:
    manifest = story.arrived(500_000)
    story.accept(manifest, 500_000)
    story.treat(manifest, 300_000)
    story.treat(manifest, 200_000)
    lower = propose(story, manifest, field="treated", line=None, part=1, mass_g=250_000)
    answer(story, manifest, lower)
    assert grams(story, manifest)["treated_service"] == 450_000
    story.treat(manifest, 50_000)
    story.facility(manifest, "completion")
    late = {"field": "treated", "part": 1, "mass_g": 1, "reason": "Ghi nhầm"}
    found = story.post(FACILITY, f"/manifests/{manifest}/corrections", late)
    problem(found, 422, "manifest.not_all_treated")


def test_who_the_parties_are_is_never_corrected_and_the_answer_says_what_to_do(story: Served) -> None:
    manifest = story.register(500_000)
    story.hand_over(manifest)
    asked = {"field": "parties", "value": RIVAL, "reason": "Nhầm chủ nguồn thải"}
    found = problem(
        story.post(CARRIER, f"/manifests/{manifest}/corrections", asked), 422, "manifest.correction_never"
    )
    assert found["errors"][0]["facts"] == {"field": "parties", "instead": "cancel_or_return"}
    fields = story.did(story.get(CARRIER, "/correctable-fields"), 200)["items"]
    assert {one["consent"] for one in fields} == {"none", "notify", "consent"}
