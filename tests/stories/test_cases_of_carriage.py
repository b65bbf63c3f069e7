"""Who carries, in which vehicle, and where a load goes from there, over TCP; the full check follows each."""

from datetime import date, timedelta
from typing import Any

from tests.api.homes import (
    AUTHORITY,
    CARRIER,
    CODE,
    COMPETITOR,
    FACILITY,
    GENERATOR,
    OTHER_CODE,
    PLATE,
    TONNE,
)
from tests.api.test_problems import problem
from tests.stories.conftest import Served
from tests.stories.test_journeys import grams, status

HASH = "cd" * 32
OTHER_PLATE = "29H-678.90"
OF_FACILITY = {"carriers": [{"party": FACILITY}]}


def both_codes(story: Served, mass_g: int = 100_000) -> list[dict[str, Any]]:
    """Return two lines, one for each code."""
    lines = []
    for number, code in enumerate((CODE, OTHER_CODE), start=1):
        lot = story.lot(mass_g, code=code)
        lines.append({
            "line": number, "code": code, "name": "Chất thải", "state": "liquid", "mass_g": mass_g,
            "planned_methods": ["TC"], "lots": [{"lot": lot, "mass_g": mass_g}],
        })  # fmt: skip
    return lines


def linked(story: Served, name: str) -> dict[str, Any]:
    """Give the first facility a narrow permit and an approval to pass the other code on."""
    ends = (date.fromisoformat(story.today) + timedelta(days=300)).isoformat()
    permit = {
        "permit": f"permit:{name}", "party": FACILITY, "permit_kind": "treatment", "number": name,
        "valid_from": "2024-01-01", "valid_to": ends, "vehicles": [PLATE],
        "lines": [{"code": CODE, "methods": ["TC"], "mass_g_year": TONNE}],
    }  # fmt: skip
    act(story, AUTHORITY, "permit.granted.v1", permit)
    linkage = {
        "linkage": f"linkage:{name}", "first": FACILITY, "second": COMPETITOR, "number": "9/VB-LK",
        "codes": [OTHER_CODE], "valid_from": "2024-01-01", "valid_to": ends, "document_sha256": HASH,
    }  # fmt: skip
    act(story, AUTHORITY, "linkage.approved.v1", linkage)
    second = {
        "party": COMPETITOR, "site": "site:facility-2", "permit": "permit:facility-2",
        "linkage": f"linkage:{name}", "consent": "generator_signed",
    }  # fmt: skip
    return {"permit": f"permit:{name}", "second": second, "lines": both_codes(story), **OF_FACILITY}


def act(story: Served, party: str, kind: str, body: dict[str, Any], **around: Any) -> dict[str, Any]:
    """Have a party act with its key in custody."""
    return story.did(story.post(party, "/acts", {"kind": kind, "body": body, **around}))


def in_facility(story: Served, manifest: str) -> None:
    """Bring both lines of a manifest into the first facility."""
    story.hand_over(manifest, taker=FACILITY)
    story.arrive(manifest)
    lines = [{"line": n, "net_g": 100_000, "ticket": f"PC-{n}"} for n in (1, 2)]
    story.facility(manifest, "weighing", instrument="Cân 60 tấn", lines=lines)
    lines = [{"line": n, "accepted_g": 100_000, "refused_g": 0} for n in (1, 2)]
    story.facility(manifest, "reception", lines=lines)


def treated(story: Served, party: str, manifest: str, number: int, mass_g: int = 100_000) -> None:
    """Have a facility treat a line today."""
    part = {"line": number, "mass_g": mass_g, "methods": ["TC"], "treated_on": story.today}
    story.did(story.post(party, f"/manifests/{manifest}/treatments", {"parts": [part]}))


def test_a_generator_carries_its_own_waste_in_its_own_vehicle(story: Served) -> None:
    vehicle = {
        "vehicle": "vehicle:own", "party": GENERATOR, "plate": OTHER_PLATE, "gps_account": "gps-01",
        "valid_from": "2024-01-01", "document_sha256": HASH,
    }  # fmt: skip
    act(story, GENERATOR, "vehicle.registered.v1", vehicle)
    manifest = story.register(100_000, carriers=[{"party": GENERATOR}])
    path = f"/manifests/{manifest}/handovers"
    leaves = {"taker": GENERATOR, "vehicle_plate": PLATE}
    found = problem(story.post(GENERATOR, path, leaves), 422, "manifest.vehicle_not_own")
    assert found["errors"][0]["facts"] == {"plate": PLATE}
    story.did(story.post(GENERATOR, path, leaves | {"vehicle_plate": OTHER_PLATE}))
    assert status(story, manifest)["holder"] == GENERATOR
    story.facility(manifest, "arrival", vehicle_plate=OTHER_PLATE)
    story.weigh(manifest, 100_000)
    story.accept(manifest, 100_000)
    story.treat(manifest, 100_000)
    story.facility(manifest, "completion")
    assert grams(story, manifest)["treated_service"] == 100_000


def test_who_only_carries_needs_the_approved_link_with_the_facility(story: Served) -> None:
    planned = {"carriers": [{"party": CARRIER, "permit": "permit:carrier"}]}
    body = story.registration(100_000, **planned)
    problem(story.post(GENERATOR, "/manifests", body), 422, "manifest.approval_missing")
    linked_up = {"party": CARRIER, "permit": "permit:carrier", "approval": "approval:carrier:facility"}
    manifest = story.did(story.post(GENERATOR, "/manifests", body | {"carriers": [linked_up]}))["manifest"]
    story.hand_over(manifest)
    assert status(story, manifest)["holder"] == CARRIER


def test_a_load_passes_through_several_hands_on_its_way(story: Served) -> None:
    carriers = [
        {"party": CARRIER, "permit": "permit:carrier", "approval": "approval:carrier:facility"},
        {"party": FACILITY},
    ]
    manifest = story.register(100_000, carriers=carriers)
    story.hand_over(manifest)
    story.hand_over(manifest, CARRIER, FACILITY)
    story.arrive(manifest)
    story.weigh(manifest, 100_000)
    story.accept(manifest, 100_000)
    shown = status(story, manifest)
    assert [leg["taker"] for leg in shown["legs"]] == [CARRIER, FACILITY]


def test_after_a_breakdown_half_of_the_load_goes_on_in_another_truck(story: Served) -> None:
    manifest = story.register(100_000)
    story.hand_over(manifest)
    moved = {"from_plate": PLATE, "to_plate": OTHER_PLATE, "lines": [{"line": 1, "mass_g": 40_000}]}
    story.did(story.post(CARRIER, f"/manifests/{manifest}/transshipments", moved))
    assert status(story, manifest)["vehicles"] == 2
    story.facility(manifest, "arrival", vehicle_plate=OTHER_PLATE)
    early = {"instrument": "Cân 60 tấn", "lines": [{"line": 1, "net_g": 100_000, "ticket": "PC-1"}]}
    answer = story.post(FACILITY, f"/manifests/{manifest}/weighing", early)
    problem(answer, 422, "manifest.vehicles_on_the_way")
    story.facility(manifest, "arrival", vehicle_plate=PLATE)
    story.weigh(manifest, 100_000)
    story.accept(manifest, 100_000)
    assert grams(story, manifest)["at_facility"] == 100_000


def test_what_the_first_facility_may_not_treat_goes_on_to_the_linked_second_one(story: Served) -> None:
    manifest = story.register(1, **linked(story, "hai-noi"))
    in_facility(story, manifest)
    treated(story, FACILITY, manifest, 1)
    onward = {"vehicle_plate": PLATE, "lines": [2], "taker": COMPETITOR}
    part = story.did(story.post(FACILITY, f"/manifests/{manifest}/forwardings", onward), 200)
    story.did(story.post(COMPETITOR, "/acts/countersign", part))
    received = {
        "line": 2, "net_g": 99_000, "ticket": "PC-9", "accepted_g": 90_000, "refused_g": 9_000,
        "reason": "Lẫn nước",
    }  # fmt: skip
    path = f"/manifests/{manifest}/second-reception"
    story.did(story.post(COMPETITOR, path, {"instrument": "Cân 40 tấn", "lines": [received]}))
    treated(story, COMPETITOR, manifest, 2, 90_000)
    back = {"vehicle_plate": PLATE}
    part = story.did(story.post(COMPETITOR, f"/manifests/{manifest}/return", back), 200)
    story.did(story.post(GENERATOR, "/acts/countersign", part))
    story.did(story.post(COMPETITOR, f"/manifests/{manifest}/completion"))
    shown = status(story, manifest)
    assert (shown["status"], shown["second"]) == ("completed", COMPETITOR)
    held = grams(story, manifest)
    assert held["treated_service"] == 190_000
    assert sum(held.values()) == 0


def test_a_third_facility_is_refused_and_the_article_is_named(story: Served) -> None:
    manifest = story.register(1, **linked(story, "ba"))
    in_facility(story, manifest)
    path = f"/manifests/{manifest}/forwardings"
    third = {"vehicle_plate": PLATE, "lines": [2], "facility": "org:third"}
    found = problem(story.post(FACILITY, path, third), 422, "manifest.third_facility")
    assert "72(3)" in found["errors"][0]["message"]
    story.did(story.post(FACILITY, path, {"vehicle_plate": PLATE, "lines": [2]}))
    again = {"vehicle_plate": PLATE, "lines": [2]}
    problem(story.post(FACILITY, path, again), 422, "manifest.third_facility")


def test_a_facility_tells_why_it_stores_what_it_has_not_treated(story: Served) -> None:
    """The clock of a server runs as it runs: what is older is entered with the day on which it happened."""
    past = date.fromisoformat(story.today) - timedelta(days=200)

    def at(hour: int) -> str:
        return f"{past.isoformat()}T{hour:02d}:00:00.000Z"

    lot = story.lot(100_000, generated_on=past.isoformat())
    line = {
        "line": 1, "code": CODE, "name": "Dầu thải", "state": "liquid", "mass_g": 100_000,
        "planned_methods": ["TC"], "lots": [{"lot": lot, "mass_g": 100_000}],
    }  # fmt: skip
    number = {"sequence": 700, "year": past.year, "issuer": "9-9-9"}
    block = {
        "block": "block:past", "party": FACILITY, "issuer": "9-9-9", "year": past.year, "first": 700,
        "last": 710,
    }  # fmt: skip
    act(story, "org:operator", "numbers.allocated.v1", block)
    body = story.registration(1, lines=[line], number=number, **OF_FACILITY) | {"occurred_at": at(1)}
    manifest = story.did(story.post(GENERATOR, "/manifests", body))["manifest"]
    asked = {"taker": FACILITY, "vehicle_plate": PLATE, "occurred_at": at(2)}
    part = story.did(story.post(GENERATOR, f"/manifests/{manifest}/handovers", asked), 200)
    story.did(story.post(FACILITY, "/acts/countersign", part))
    story.facility(manifest, "arrival", vehicle_plate=PLATE, occurred_at=at(3))
    weighed = [{"line": 1, "net_g": 100_000, "ticket": "PC-1"}]
    story.facility(manifest, "weighing", instrument="Cân", lines=weighed, occurred_at=at(4))
    decided = [{"line": 1, "accepted_g": 100_000, "refused_g": 0}]
    story.facility(manifest, "reception", lines=decided, occurred_at=at(5))
    told = {"reason": "Lò đốt bảo dưỡng", "sent_to": "Bộ Nông nghiệp và Môi trường", "document_sha256": HASH}
    path = f"/manifests/{manifest}/storage-notice"
    early = told | {"occurred_at": (past + timedelta(days=100)).isoformat() + "T01:00:00.000Z"}
    problem(story.post(FACILITY, path, early), 422, "manifest.notice_too_early")
    story.did(story.post(FACILITY, path, told))
    shown = status(story, manifest)
    assert (shown["status"], shown["left_g"]) == ("accepted", 100_000)
    assert shown["storage_notified_at"] is not None


def test_an_export_counts_once_its_disposal_is_certified(story: Served) -> None:
    ends = (date.fromisoformat(story.today) + timedelta(days=300)).isoformat()
    consent = {
        "permit": "permit:export", "party": FACILITY, "permit_kind": "export", "number": "12/XK",
        "valid_from": "2024-01-01", "valid_to": ends, "document_sha256": HASH,
        "lines": [{"code": CODE, "mass_g_year": TONNE}],
    }  # fmt: skip
    act(story, AUTHORITY, "permit.granted.v1", consent)
    block = {
        "country": "JP", "entry_gate": "Cảng Yokohama", "exit_gate": "Cảng Hải Phòng", "vehicle": "Tàu biển",
        "consent_number": "12/XK",
    }  # fmt: skip
    manifest = story.register(100_000, permit="permit:export", export=block)
    story.hand_over(manifest)
    answer = story.post(FACILITY, f"/manifests/{manifest}/arrival", {"vehicle_plate": PLATE})
    problem(answer, 422, "manifest.goes_abroad")
    story.facility(manifest, "exit", exit_gate="Cảng Hải Phòng", declaration="TK-01")
    assert status(story, manifest)["status"] == "exported"
    assert grams(story, manifest)["in_transit"] == 100_000
    disposed = [{"line": 1, "mass_g": 100_000, "method": "TC"}]
    story.facility(
        manifest, "disposal-certificates", certificate="CN-1", certificate_sha256=HASH,
        disposed_on=story.today, lines=disposed,
    )  # fmt: skip
    story.facility(manifest, "completion")
    assert status(story, manifest)["status"] == "completed"
    assert grams(story, manifest)["exported"] == 100_000
