"""Batches over HTTP: what their facility sees, and that nobody else does."""

from typing import Any

from ledger.ids import uuid7
from tests.api.caller import Caller
from tests.api.homes import CODE, COMPETITOR, FACILITY, GENERATOR
from tests.api.test_problems import problem


def poured(api: Caller, mass_g: int = 500_000) -> tuple[str, str]:
    """Accept a load and pour it into a batch; return the manifest and the batch."""
    manifest = api.arrived(mass_g)
    api.accept(manifest, mass_g)
    batch = uuid7(api.furnished.home.clock())
    part = {"line": 1, "mass_g": mass_g, "methods": ["SC"], "treated_on": api.today, "batch": batch}
    api.facility(manifest, "treatments", parts=[part])
    return manifest, batch


def discharge(api: Caller, batch: str, *masses: int, **more: Any) -> list[str]:
    """Empty a batch into child lots; return them."""
    ids = [uuid7(api.furnished.home.clock()) for _ in masses]
    outputs = [
        {"lot": lot, "code": CODE, "state": "liquid", "mass_g": grams}
        for lot, grams in zip(ids, masses, strict=True)
    ]
    body = {"discharged_on": api.today, "outputs": outputs} | more
    api.did(api.post(FACILITY, f"/batches/{batch}/discharge", body))
    return ids


def test_a_batch_shows_what_went_in_and_what_came_out(api: Caller) -> None:
    manifest, batch = poured(api)
    child, other = discharge(api, batch, 300_000, 150_000)
    shown = api.did(api.get(FACILITY, f"/batches/{batch}"), 200)
    assert (shown["charged_g"], shown["output_g"], shown["broken_g"]) == (500_000, 450_000, 0)
    assert [(one["manifest"], one["line"], one["grams"]) for one in shown["inputs"]] == [
        (manifest, 1, 500_000)
    ]
    assert {one["lot"]: one["declared_g"] for one in shown["outputs"]} == {child: 300_000, other: 150_000}
    assert shown["shares"] == []
    lot = api.did(api.get(FACILITY, f"/lots/{child}"), 200)
    assert lot["sources"] == [{"source_kind": "batch", "source": batch}]
    assert [(one["account"], one["grams"]) for one in lot["stands_for"]] == [("interim", 333_333)]
    (row,) = api.did(api.get(FACILITY, "/batches"), 200)["items"]
    assert row["batch"] == batch
    assert api.did(api.get(FACILITY, "/batches?site=site:other"), 200)["items"] == []


def test_a_batch_is_its_facilitys_own_affair(api: Caller) -> None:
    manifest, batch = poured(api)
    for party in (GENERATOR, COMPETITOR):
        problem(api.get(party, f"/batches/{batch}"), 404, "manifest.batch_unknown")
        assert api.did(api.get(party, "/batches"), 200)["items"] == []
        body = {"discharged_on": api.today, "broken_g": 1}
        assert api.post(party, f"/batches/{batch}/discharge", body).status_code in {403, 404}
    problem(api.get(COMPETITOR, f"/manifests/{manifest}"), 404, "manifest.unknown")
    # Its generator sees what became of its own grams, not what they were mixed with.
    shares = api.did(api.get(GENERATOR, f"/manifests/{manifest}"), 200)["shares"]
    assert [(one["account"], one["grams"]) for one in shares] == [("interim", 500_000)]
    assert "of" not in shares[0]


def test_lots_of_one_entry_stand_on_one_page(api: Caller) -> None:
    _, batch = poured(api)
    children = discharge(api, batch, 100_000, 100_000, 100_000)
    seen: list[str] = []
    cursor = ""
    for _ in range(9):
        found = api.did(api.get(FACILITY, f"/lots?limit=2{cursor}"), 200)
        seen += [one["lot"] for one in found["items"]]
        if found["next"] is None:
            break
        cursor = f"&cursor={found['next']}"
    assert sorted(seen) == sorted(children)


def test_wrong_fields_are_named_in_the_request(api: Caller) -> None:
    _, batch = poured(api)
    body = {"discharged_on": "tomorrow", "outputs": [{"lot": "x", "code": CODE, "state": "gas", "mass_g": 0}]}
    answer = api.post(FACILITY, f"/batches/{batch}/discharge", body)
    assert answer.status_code == 422
    assert {one["path"] for one in answer.json()["errors"]} >= {"/discharged_on", "/outputs/0/state"}
    early = {"discharged_on": "1999-01-01", "broken_g": 5}
    answer = api.post(FACILITY, f"/batches/{batch}/discharge", early)
    assert answer.json()["errors"][0]["code"] == "manifest.date_invalid"


def test_lots_that_come_out_are_named_where_nobody_names_them(lite: Caller) -> None:
    _, batch = poured(lite)
    out = {"code": CODE, "state": "liquid", "mass_g": 400_000}
    named = out | {"lot": uuid7(lite.furnished.home.clock()), "mass_g": 50_000}
    body = {"discharged_on": lite.today, "outputs": [out, named], "residues": [out | {"mass_g": 9_000}]}

    done = lite.did(lite.post(FACILITY, f"/batches/{batch}/discharge", body))

    made = [one["lot"] for one in (*done["body"]["outputs"], *done["body"]["residues"])]
    assert made[1] == named["lot"]
    assert len(set(made)) == 3
    shown = lite.did(lite.get(FACILITY, f"/batches/{batch}"), 200)
    assert {one["lot"] for one in shown["outputs"]} == set(made)
    _, other = poured(lite)
    wrong = {"discharged_on": lite.today, "outputs": "all"}
    problem(lite.post(FACILITY, f"/batches/{other}/discharge", wrong), 422, "manifest.field_invalid")
    mixed = {"discharged_on": lite.today, "outputs": [out, 7]}
    problem(lite.post(FACILITY, f"/batches/{other}/discharge", mixed), 422, "manifest.field_invalid")
