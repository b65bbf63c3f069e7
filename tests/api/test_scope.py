"""Nobody sees or touches what is another's, nor learns that it exists."""

from datetime import timedelta

import pytest

from ledger.format.checkpoint import check_proof, parse_proof
from tests.api.caller import Caller
from tests.api.homes import AUTHORITY, CARRIER, CODE, COMPETITOR, FACILITY, GENERATOR, PLATE, RIVAL, Ticking
from tests.api.test_problems import problem

OUTSIDERS = (RIVAL, COMPETITOR)
INSIDERS = (GENERATOR, CARRIER, FACILITY, AUTHORITY, "org:operator")
NOWHERE = "0195eedc-ce38-7423-8976-daefe2ce2ed3"


def test_a_manifest_is_seen_by_its_parties_and_by_those_who_oversee(api: Caller) -> None:
    manifest = api.register()
    number = api.get(GENERATOR, f"/manifests/{manifest}").json()["number"]
    for party in INSIDERS:
        assert api.get(party, f"/manifests/{manifest}").status_code == 200
        assert api.get(party, f"/manifests/by-number/{number}").json()["manifest"] == manifest
        assert [one["manifest"] for one in api.get(party, "/manifests").json()["items"]] == [manifest]
    for party in OUTSIDERS:
        assert api.get(party, "/manifests").json()["items"] == []
        foreign = problem(api.get(party, f"/manifests/{manifest}"), 404, "manifest.unknown")
        missing = problem(api.get(party, f"/manifests/{NOWHERE}"), 404, "manifest.unknown")
        hidden = {"request_id": "", "errors": "", "title": ""}
        assert foreign | hidden == missing | hidden
        problem(api.get(party, f"/manifests/by-number/{number}"), 404, "manifest.unknown")
        problem(api.get(party, "/manifests/by-number/77/2025/1-2-3.047.VX"), 404, "manifest.unknown")


@pytest.mark.parametrize(
    ("act", "body"),
    [
        ("arrival", {"vehicle_plate": PLATE}),
        ("arrival", {"nonsense": 1}),
        ("weighing", {"instrument": "x", "lines": [{"line": 1, "net_g": 1, "ticket": "x"}]}),
        ("refusal", {"reason": "x"}),
        ("completion", {}),
        ("cancellation", {"reason": "x"}),
        ("handovers", {"taker": CARRIER, "vehicle_plate": PLATE}),
        ("return", {"vehicle_plate": PLATE}),
        ("corrections", {"field": "net_g", "line": 1, "net_g": 1, "reason": "x"}),
        (f"corrections/{NOWHERE}/consent", {}),
    ],
)
def test_an_act_in_a_foreign_manifest_is_answered_as_in_one_that_is_not_there(
    lite: Caller, act: str, body: dict[str, object]
) -> None:
    manifest = lite.register()
    before = lite.size
    for party in OUTSIDERS:
        for name in (manifest, NOWHERE):
            problem(lite.post(party, f"/manifests/{name}/{act}", body), 404, "manifest.unknown")
    assert lite.size == before


def test_neither_the_raw_door_nor_the_prepared_bytes_let_one_probe(lite: Caller) -> None:
    manifest = lite.register()
    for name in (manifest, NOWHERE):
        asked = {"kind": "manifest.arrived.v1", "body": {"vehicle_plate": PLATE}, "stream": name}
        problem(lite.post(COMPETITOR, "/acts", asked), 404, "manifest.unknown")
        actors = [{"party": COMPETITOR, "role": "treatment_facility"}]
        problem(lite.post(COMPETITOR, "/prepare", asked | {"actors": actors}), 404, "manifest.unknown")
    taken = lite.registration() | {"manifest": manifest}
    problem(lite.post(RIVAL, "/manifests", taken), 404, "manifest.unknown")


def test_lots_sites_permits_and_keys_are_their_own(api: Caller) -> None:
    lot = api.lot()
    assert [one["lot"] for one in api.get(AUTHORITY, "/lots").json()["items"]] == [lot]
    assert api.get(RIVAL, "/lots").json()["items"] == []
    assert api.get(RIVAL, f"/lots/{lot}").status_code == 404
    problem(
        api.post(RIVAL, f"/lots/{lot}/adjustments", {"delta_g": 1, "reason": "x"}),
        422,
        "manifest.lot_unknown",
    )
    assert set(api.get(RIVAL, f"/organisations/{GENERATOR}").json()) == {"party", "name", "roles", "admitted"}
    assert api.get(GENERATOR, f"/organisations/{GENERATOR}").json()["sites"]
    assert api.get(RIVAL, "/organisations/org:nobody").status_code == 404
    assert api.get(RIVAL, "/permits").json()["items"] == []
    assert len(api.get(FACILITY, "/permits").json()["items"]) == 1
    assert len(api.get(AUTHORITY, "/permits").json()["items"]) == 3


def test_entries_and_proofs_follow_what_a_party_may_see(api: Caller) -> None:
    manifest = api.register()
    acts = api.get(GENERATOR, f"/manifests/{manifest}").json()["acts"]
    seq = acts[0]["seq"]
    home = api.furnished.home
    problem(api.get(GENERATOR, f"/entries/{seq}/proof"), 404, "ledger.not_checkpointed")
    home.checkpoint()
    for party in INSIDERS:
        shown = api.did(api.get(party, f"/entries/{seq}"), 200)
        proof = parse_proof(api.get(party, f"/entries/{seq}/proof").text)
        leaf = bytes.fromhex(shown["entry_hash"])
        assert check_proof(proof, leaf, [home.signer.key], home.ledger.origin).size == api.size
        assert proof.extra == shown["entry"].encode()
    for party in OUTSIDERS:
        problem(api.get(party, f"/entries/{seq}"), 404, "ledger.entry_unknown")
        problem(api.get(party, f"/entries/{seq}/proof"), 404, "ledger.entry_unknown")
    problem(api.get(AUTHORITY, "/entries/99999"), 404, "ledger.entry_unknown")
    assert api.get(RIVAL, "/entries/0").json()["kind"] == "log.opened.v1"


def test_the_feed_is_ordered_replayable_and_scoped(api: Caller) -> None:
    manifest = api.arrived()
    seen: dict[str, list[int]] = {}
    for party in (GENERATOR, RIVAL, AUTHORITY):
        after, found, more = -1, [], True
        while more:
            answer = api.did(api.get(party, f"/feed?after={after}&limit=7"), 200)
            found += answer["items"]
            after, more = answer["next"], answer["more"]
        seen[party] = [one["seq"] for one in found]
        assert seen[party] == sorted(set(seen[party]))
        of_manifest = [one for one in found if one["stream"] == manifest]
        assert bool(of_manifest) == (party != RIVAL)
    assert seen[AUTHORITY] == list(range(api.size))
    assert set(seen[RIVAL]) < set(seen[AUTHORITY])
    assert api.get(GENERATOR, f"/feed?after={api.size}").json()["items"] == []


def test_lists_are_paged_by_a_cursor_and_filtered(api: Caller) -> None:
    made = [api.register(1000 + n) for n in range(5)]
    api.did(api.post(GENERATOR, f"/manifests/{made[0]}/cancellation", {"reason": "x"}))
    found: list[str] = []
    cursor = ""
    while True:
        answer = api.did(api.get(GENERATOR, f"/manifests?limit=2{cursor}"), 200)
        found += [one["manifest"] for one in answer["items"]]
        if answer["next"] is None:
            break
        cursor = f"&cursor={answer['next']}"
    assert found == [made[0], *reversed(made[1:])]
    for query, count in (
        ("status=cancelled", 1),
        ("status=registered", 4),
        (f"code={CODE}", 5),
        ("code=18 02 01", 0),
        (f"generator={GENERATOR}&facility={FACILITY}", 5),
        (f"generator={RIVAL}", 0),
        ("from=2025-04-02&to=2025-04-02", 5),
        ("from=2025-04-03", 0),
        ("to=2025-04-01", 0),
        ("oldest_first=true&limit=1", 1),
    ):
        assert len(api.get(GENERATOR, f"/manifests?{query}").json()["items"]) == count, query


def test_a_permit_shows_what_is_used_and_left_this_year(api: Caller) -> None:
    manifest = api.arrived(500_000)
    api.accept(manifest, 500_000)
    (permit,) = api.get(FACILITY, "/permits").json()["items"]
    line = next(one for one in permit["lines"] if one["code"] == CODE)
    assert (line["used_g"], line["left_g"]) == (500_000, 99_500_000)
    (before,) = api.get(FACILITY, "/permits?year=2024").json()["items"]
    assert {one["used_g"] for one in before["lines"]} == {0}


def test_codes_and_areas_are_public_and_found_without_marks(lite: Caller) -> None:
    plain = {one["code"] for one in lite.get(None, "/codes?q=dau dong co").json()["items"]}
    marked = {one["code"] for one in lite.get(None, "/codes?q=DẦU động cơ").json()["items"]}
    assert CODE in plain
    assert plain == marked
    assert [one["code"] for one in lite.get(None, "/codes?q=17 02 03").json()["items"]] == [CODE]
    assert lite.get(None, "/codes/170203?on=2025-04-01").json()["code"] == CODE
    problem(lite.get(None, "/codes/99 99 99"), 404, "reference.unknown_waste_code")
    problem(lite.get(None, "/codes/dầu"), 404, "reference.unknown_waste_code")
    assert lite.get(None, "/areas?on=2025-06-30").json()["count"] == 30
    assert lite.get(None, "/areas?on=2025-07-01").json()["count"] == 126


def test_the_ratio_is_for_those_who_oversee(api: Caller) -> None:
    api.lot(1000)
    problem(api.get(GENERATOR, "/ratio"), 403, "api.authority_only")
    table = api.did(api.get(AUTHORITY, "/ratio?from=2025-01-01&to=2025-12-31&by=zone-kind,quarter"), 200)
    assert table["total"]["generated"] == 1000
    problem(api.get(AUTHORITY, "/ratio?by=luck"), 422, "manifest.dimension_unknown")


def test_a_party_that_is_not_admitted_sees_its_own_and_may_not_act(lite: Caller) -> None:
    organisation = {
        "party": "org:new", "name": "Công ty Mới", "roles": ["authority"], "identifier_kind": "none",
        "reason": "x", "address": "Hà Nội",
    }  # fmt: skip
    lite.did(lite.post("org:operator", "/organisations", organisation))
    lite.did(lite.post("org:operator", "/keys", {"party": "org:new"}))
    from api.identity.tokens import make_api_key  # noqa: PLC0415

    home = lite.furnished.home
    key = make_api_key(home, "org:new", name="x", now=home.clock())
    lite.register()
    assert lite.get(key, "/manifests").json()["items"] == []
    problem(lite.get(key, "/ratio"), 403, "api.authority_only")
    problem(lite.post(key, f"/organisations/{RIVAL}/admission"), 403, "manifest.party_not_admitted")
    clock = home.clock
    assert isinstance(clock, Ticking)
    clock.now += timedelta(days=366)
    assert lite.get(key, "/me").status_code == 401


def test_a_mandate_for_one_manifest_opens_that_one_in_every_list(lite: Caller) -> None:
    manifest, other = lite.register(), lite.register()
    for name in (manifest, other):
        wanted = {"field": "paper_number", "reason": "Số trên giấy ghi nhầm"}
        lite.did(lite.post(AUTHORITY, f"/manifests/{name}/correction-requests", wanted))
    mandate = {
        "mandate": "mandate:one", "agent": RIVAL, "role": "generator", "manifest": manifest,
        "valid_from": "2025-01-01", "valid_to": "2025-12-31",
    }  # fmt: skip
    lite.did(lite.post(GENERATOR, "/mandates", mandate))
    for path in ("/manifests", "/correction-requests"):
        items = lite.did(lite.get(RIVAL, path), 200)["items"]
        assert [one["manifest"] for one in items] == [manifest]
        assert {one["manifest"] for one in lite.did(lite.get(GENERATOR, path), 200)["items"]} == {
            manifest,
            other,
        }
