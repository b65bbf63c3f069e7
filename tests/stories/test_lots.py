"""Lots over TCP: tests, batches, residues, and the end of every gram, however often it was regrouped."""

from datetime import date
from typing import Any

from api.home import party_signing
from api.recorder import record
from ledger.ids import uuid7
from manifest.register.events import PermitGranted, PermitLine
from manifest.vocabulary import PermitKind, Role
from tests.api.homes import AUTHORITY, CODE, COMPETITOR, FACILITY, GENERATOR, OTHER_CODE, PLATE, RIVAL, TONNE
from tests.stories.conftest import Served


def load(
    story: Served,
    draws: list[tuple[str, int]],
    *,
    generator: str = GENERATOR,
    facility: str = FACILITY,
    code: str = CODE,
    net_g: int | None = None,
) -> str:
    """Bring lots of a generator to a facility in its own vehicle; accept what the scale says."""
    mass = sum(grams for _, grams in draws)
    line = {
        "line": 1, "code": code, "name": "Chất thải lẫn dầu", "state": "liquid", "mass_g": mass,
        "planned_methods": ["SC", "TC"], "lots": [{"lot": lot, "mass_g": grams} for lot, grams in draws],
    }  # fmt: skip
    body = {
        "site": f"site:{generator[4:]}", "facility": facility, "facility_site": f"site:{facility[4:]}",
        "permit": f"permit:{facility[4:]}", "carriers": [{"party": facility}], "lines": [line],
    }  # fmt: skip
    manifest = str(story.did(story.post(generator, "/manifests", body))["manifest"])
    story.hand_over(manifest, generator, facility)
    net = mass if net_g is None else net_g

    def act(name: str, **fields: Any) -> None:
        story.did(story.post(facility, f"/manifests/{manifest}/{name}", fields))

    act("arrival", vehicle_plate=PLATE)
    act("weighing", instrument="Cân 60 tấn", lines=[{"line": 1, "net_g": net, "ticket": "PC-1"}])
    act("reception", lines=[{"line": 1, "accepted_g": net, "refused_g": 0}])
    return manifest


def pour(story: Served, manifest: str, mass_g: int, batch: str, facility: str = FACILITY) -> None:
    """Put a part of a manifest's line into a batch."""
    part = {"line": 1, "mass_g": mass_g, "methods": ["SC"], "treated_on": story.today, "batch": batch}
    story.did(story.post(facility, f"/manifests/{manifest}/treatments", {"parts": [part]}))


def new_id(story: Served) -> str:
    """Return an id as a client makes one."""
    return uuid7(story.furnished.home.clock())


def empty(story: Served, batch: str, *masses: int, facility: str = FACILITY, **more: Any) -> list[str]:
    """Empty a batch into child lots of these masses."""
    ids = [new_id(story) for _ in masses]
    outputs = [
        {"lot": lot, "code": CODE, "state": "liquid", "mass_g": grams}
        for lot, grams in zip(ids, masses, strict=True)
    ]
    body = {"discharged_on": story.today, "outputs": outputs} | more
    story.did(story.post(facility, f"/batches/{batch}/discharge", body))
    return ids


def treat(story: Served, lot: str, mass_g: int, facility: str = FACILITY) -> None:
    """Treat a part of a lot in the facility's own store."""
    body = {
        "mass_g": mass_g, "methods": ["TC"], "treated_on": story.today, "permit": f"permit:{facility[4:]}",
    }  # fmt: skip
    story.did(story.post(facility, f"/lots/{lot}/treatments", body))


def complete(story: Served, manifest: str, facility: str = FACILITY) -> None:
    """Confirm that nothing of a manifest is left."""
    story.did(story.post(facility, f"/manifests/{manifest}/completion"))


def held(story: Served, lot: str, party: str = GENERATOR) -> dict[str, int]:
    """Return where a lot's grams are, by account, as its owner sees it."""
    found: dict[str, int] = {}
    for one in story.did(story.get(party, f"/lots/{lot}"), 200)["balances"]:
        found[one["account"]] = found.get(one["account"], 0) + one["grams"]
    return found


def test_a_waste_that_a_laboratory_finds_below_the_threshold_is_ordinary(story: Served) -> None:
    site = {"site": "site:rival", "code": OTHER_CODE, "state": "solid"}
    lot = story.lot(80_000, RIVAL, **site)
    certificate = {
        "certificate": "certificate:lots", "site": "site:rival", "code": OTHER_CODE,
        "process": "Lau máy dây chuyền 2", "number": "PT-21", "laboratory": "Trung tâm Quan trắc (giả định)",
        "sampled_on": story.today, "valid_from": story.today, "below_threshold": True,
        "document_sha256": "ab" * 32,
    }  # fmt: skip
    declassified = {"mass_g": 50_000, "certificate": "certificate:lots", "declassified_on": story.today}
    early = story.post(RIVAL, f"/lots/{lot}/declassifications", declassified)
    assert early.json()["errors"][0]["code"] == "manifest.certificate_does_not_cover"
    hazardous = load(story, [(story.lot(10_000, RIVAL, **site), 10_000)], generator=RIVAL, code=OTHER_CODE)
    story.did(story.post(RIVAL, "/certificates", certificate))
    line = {
        "line": 1, "code": OTHER_CODE, "name": "Giẻ lau", "state": "solid", "mass_g": 80_000,
        "planned_methods": ["TC"], "lots": [{"lot": lot, "mass_g": 80_000}],
    }  # fmt: skip
    asked = {
        "site": "site:rival", "facility": FACILITY, "facility_site": "site:facility",
        "permit": "permit:facility", "carriers": [{"party": FACILITY}], "lines": [line],
    }  # fmt: skip
    refused = story.post(RIVAL, "/manifests", asked)
    assert [one["code"] for one in refused.json()["errors"]] == ["manifest.ordinary_waste"]
    story.did(story.post(RIVAL, f"/lots/{lot}/declassifications", declassified))
    assert held(story, lot, RIVAL) == {"generated": -80_000, "stored": 30_000, "declassified": 50_000}
    # What left before the finding left as hazardous waste, and stays so.
    assert story.did(story.get(RIVAL, f"/manifests/{hazardous}"), 200)["status"] == "accepted"


def test_several_codes_in_one_container_are_poured_into_one_batch(story: Served) -> None:
    oil, rags = story.lot(120_000), story.lot(30_000, code=OTHER_CODE, state="solid")
    first = load(story, [(oil, 120_000)])
    second = load(story, [(rags, 30_000)], code=OTHER_CODE)
    batch = new_id(story)
    pour(story, first, 120_000, batch)
    pour(story, second, 30_000, batch)
    shown = story.did(story.get(FACILITY, f"/batches/{batch}"), 200)
    assert {one["lot"]: one["grams"] for one in shown["inputs"]} == {oil: 120_000, rags: 30_000}
    (fuel,) = empty(story, batch, 140_000)
    treat(story, fuel, 140_000)
    assert held(story, oil)["treated_service"] == 120_000
    assert held(story, rags)["treated_service"] == 30_000
    complete(story, first)
    complete(story, second)


def test_loads_of_three_generators_are_mixed_and_end_two_regroupings_later(story: Served) -> None:
    sources = {GENERATOR: 300_000, RIVAL: 200_001, COMPETITOR: 99_999}
    lots = {party: story.lot(mass, party) for party, mass in sources.items()}
    manifests = {
        party: load(story, [(lots[party], mass)], generator=party) for party, mass in sources.items()
    }
    batch = new_id(story)
    for party, mass in sources.items():
        pour(story, manifests[party], mass, batch)
    kept, sent = empty(story, batch, 250_000, 250_000)
    treat(story, kept, 250_000)
    assert held(story, lots[GENERATOR]) == {
        "generated": -300_000,
        "interim": 150_000,
        "treated_service": 150_000,
    }
    early = story.post(FACILITY, f"/manifests/{manifests[GENERATOR]}/completion")
    assert early.json()["errors"][0]["code"] == "manifest.shares_open"

    onward = load(story, [(sent, 250_000)], generator=FACILITY, facility=COMPETITOR, net_g=249_000)
    own = story.lot(51_000, COMPETITOR)
    second = new_id(story)
    pour(story, onward, 249_000, second, COMPETITOR)
    # Waste of the other facility's own making is no load: it is not poured in with what was brought.
    charged = {
        "site": "site:facility-2", "lots": [{"lot": own, "mass_g": 51_000}], "methods": ["SC"],
        "charged_on": story.today,
    }  # fmt: skip
    refused = story.post(COMPETITOR, f"/batches/{second}/charges", charged)
    assert refused.json()["errors"][0]["code"] == "manifest.lot_of_other_kind"
    (last,) = empty(story, second, 200_000, facility=COMPETITOR)
    treat(story, last, 80_000, COMPETITOR)
    treat(story, last, 120_000, COMPETITOR)
    for party, mass in sources.items():
        found = {
            name: grams for name, grams in held(story, lots[party], party).items() if name != "generated"
        }
        assert found == {"treated_service": mass}
        complete(story, manifests[party])
    complete(story, onward, COMPETITOR)
    ended = story.did(story.get(GENERATOR, f"/manifests/{manifests[GENERATOR]}"), 200)
    places = {one["place"]: one["grams"] for one in ended["shares"] if one["account"] == "treated_service"}
    assert places == {"site:facility": 150_000, "site:facility-2": 150_000}


def test_what_treatment_leaves_goes_away_on_a_manifest_of_its_own(story: Served) -> None:
    manifest = load(story, [(story.lot(100_000), 100_000)])
    batch = new_id(story)
    pour(story, manifest, 100_000, batch)
    sludge = new_id(story)
    residue = {"lot": sludge, "code": CODE, "state": "sludge", "mass_g": 8_000}
    (oil,) = empty(story, batch, 90_000, residues=[residue])
    treat(story, oil, 90_000)
    complete(story, manifest)
    later = {
        "site": "site:facility", "code": CODE, "state": "solid", "mass_g": 2_000,
        "generated_on": story.today, "manifests": [manifest],
    }  # fmt: skip
    ash = str(story.did(story.post(FACILITY, "/lots/residues", later))["lot"])
    shown = story.did(story.get(FACILITY, f"/lots/{ash}"), 200)
    assert shown["sources"] == [{"source_kind": "manifest", "source": manifest}]
    onward = load(story, [(sludge, 8_000), (ash, 2_000)], generator=FACILITY, facility=COMPETITOR)
    part = {"line": 1, "mass_g": 10_000, "methods": ["TĐ"], "treated_on": story.today}
    story.did(story.post(COMPETITOR, f"/manifests/{onward}/treatments", {"parts": [part]}))
    complete(story, onward, COMPETITOR)
    assert held(story, sludge, FACILITY)["treated_service"] == 8_000


def test_a_trace_is_lost_only_by_a_permit_and_never_counts_as_treated(story: Served) -> None:
    lot = story.lot(100_000)
    manifest, batch = load(story, [(lot, 100_000)]), new_id(story)
    pour(story, manifest, 100_000, batch)
    body = {"discharged_on": story.today, "broken_g": 60_000, "permit": "permit:facility"}
    refused = story.post(FACILITY, f"/batches/{batch}/discharge", body)
    assert refused.json()["errors"][0]["code"] == "manifest.break_not_permitted"
    home = story.furnished.home
    permit = PermitGranted(
        permit="permit:facility:break", party=FACILITY, permit_kind=PermitKind.TREATMENT, number="GPMT-9",
        valid_from=date(2024, 1, 1), valid_to=date(2034, 12, 31), traceability_break=True,
        lines=(PermitLine(code=CODE, methods=("TC",), mass_g_year=TONNE),),
    )  # fmt: skip
    now = home.clock()
    signing = party_signing(home, AUTHORITY, Role.AUTHORITY)
    record(home.ledger, permit, [signing], stream=permit.permit, occurred_at=now, now=now)
    (rest,) = empty(story, batch, 20_000, broken_g=60_000, permit="permit:facility:break")
    treat(story, rest, 20_000)
    assert held(story, lot) == {
        "generated": -100_000, "traceability_break": 75_000, "treated_service": 25_000,
    }  # fmt: skip
    complete(story, manifest)
    told = story.did(story.get(AUTHORITY, f"/ratio?by=code&from={story.today}&to={story.today}"), 200)
    assert told["total"]["traceability_break"] == 75_000
    assert not told["total"]["may_say_all_treated"]
