"""What happened and is refused is kept, credits nobody, and stands once an authority has decided so."""

import json
from typing import Any

from ledger.format import canonical
from ledger.format.entry import Envelope
from ledger.format.signature import KeySigner
from ledger.ids import uuid7
from ledger.storage.db import reading
from ledger.verifying.verify import verify
from manifest.reference import default
from manifest.replay import audit
from tests.api.caller import Caller
from tests.api.homes import AUTHORITY, CODE, FACILITY, GENERATOR, RIVAL
from tests.api.test_events import device_of, send
from tests.api.test_problems import problem

TOO_MUCH = 50_000_000  # grams: more than one road vehicle carries


def registered_offline(api: Caller, signer: KeySigner, *, offline: bool = True, **changed: Any) -> bytes:
    """Return the envelope of a registration that a device signed, with or without network."""
    body = api.registration(TOO_MUCH) | {
        "generator": GENERATOR,
        "form": "tt02-2022",
        "number": {"sequence": 7, "year": 2025, "issuer": "1-2-3.047.VX"},
    }
    asked = {
        "kind": "manifest.registered.v1",
        "body": body | changed,
        "actors": [{"party": GENERATOR, "role": "generator", "kid": signer.kid}],
    }
    made = api.did(api.post(GENERATOR, "/prepare", asked), 200)
    event = json.loads(made["event"]) | ({"offline": True} if offline else {})
    data = canonical.encode(event)
    return Envelope((signer.sign_event(data),), data).to_bytes()


def kept(api: Caller, envelope: bytes) -> dict[str, Any]:
    return api.did(send(api, GENERATOR, envelope), 202)


def clean(api: Caller) -> bool:
    with reading(api.furnished.home.engine) as reader:
        return verify(reader, further=[audit(default())]).ok


def test_what_was_signed_offline_is_kept_and_stands_once_it_is_accepted(api: Caller) -> None:
    envelope = registered_offline(api, device_of(api, GENERATOR))
    before = api.size
    claim = kept(api, envelope)
    assert [one["code"] for one in claim["problem"]["errors"]] == ["manifest.too_heavy_for_road"]
    assert kept(api, envelope)["claim"] == claim["claim"]
    assert api.size == before + 1
    assert api.get(GENERATOR, "/manifests").json()["items"] == []
    shown = api.get(GENERATOR, f"/claims/{claim['claim']}").json()
    assert (shown["state"], shown["codes"]) == ("kept", ["manifest.too_heavy_for_road"])
    decision = {"outcome": "accepted", "reason": "Hai xe, ghi chung một chứng từ"}
    problem(
        api.post(GENERATOR, f"/claims/{claim['claim']}/resolution", decision), 403, "manifest.role_not_held"
    )
    done = api.did(api.post(AUTHORITY, f"/claims/{claim['claim']}/resolution", decision))
    assert done["problem"] is None
    assert done["act"]["stream"] == shown["manifest"]
    assert [one["manifest"] for one in api.get(GENERATOR, "/manifests").json()["items"]] == [
        shown["manifest"]
    ]
    again = api.post(AUTHORITY, f"/claims/{claim['claim']}/resolution", decision)
    problem(again, 409, "manifest.claim_decided")
    assert clean(api)


def test_what_is_rejected_stays_out_and_stays_seen(api: Caller) -> None:
    envelope = registered_offline(api, device_of(api, GENERATOR))
    claim = kept(api, envelope)["claim"]
    refused = {"outcome": "rejected", "reason": "Không có chuyến này"}
    done = api.did(api.post(AUTHORITY, f"/claims/{claim}/resolution", refused))
    assert done["act"] is None
    size = api.size
    assert kept(api, envelope)["claim"] == claim
    assert api.size == size
    assert api.get(AUTHORITY, "/claims", params={"state": "rejected"}).json()["count"] == 1
    assert clean(api)


def test_no_decision_makes_grams_that_are_not_there(api: Caller) -> None:
    signer = device_of(api, GENERATOR)
    lot = api.lot(1000)
    line = {
        "line": 1, "code": "17 02 03", "name": "Dầu thải", "state": "liquid", "mass_g": 2000,
        "planned_methods": ["TC"], "lots": [{"lot": lot, "mass_g": 2000}],
    }  # fmt: skip
    claim = kept(api, registered_offline(api, signer, lines=[line]))
    assert [one["code"] for one in claim["problem"]["errors"]] == ["manifest.lot_short"]
    accepted = {"outcome": "accepted", "reason": "Đã xảy ra"}
    done = api.did(api.post(AUTHORITY, f"/claims/{claim['claim']}/resolution", accepted))
    assert done["act"] is None
    assert [one["code"] for one in done["problem"]["errors"]] == ["manifest.lot_short"]
    assert clean(api)


def test_a_claim_is_seen_by_its_parties_and_by_those_who_oversee(lite: Caller) -> None:
    claim = kept(lite, registered_offline(lite, device_of(lite, GENERATOR)))["claim"]
    assert lite.get(AUTHORITY, "/claims").json()["count"] == 1
    for party in (RIVAL, FACILITY):
        assert lite.get(party, "/claims").json()["items"] == []
        problem(lite.get(party, f"/claims/{claim}"), 404, "manifest.claim_unknown")
    problem(
        lite.post(AUTHORITY, "/claims/none/resolution", {"outcome": "x", "reason": "x"}),
        422,
        "manifest.field_invalid",
    )


def test_who_signed_online_may_still_say_that_it_happened(lite: Caller) -> None:
    envelope = registered_offline(lite, device_of(lite, GENERATOR), offline=False)
    problem(send(lite, GENERATOR, envelope), 422, "manifest.too_heavy_for_road")
    answer = lite.post(GENERATOR, "/claims", {"envelope": envelope.decode()})
    assert answer.status_code == 202
    assert answer.headers["location"].endswith(answer.json()["claim"])
    light = registered_offline(lite, device_of(lite, GENERATOR), offline=False, lines=[_light(lite)])
    assert lite.post(GENERATOR, "/claims", {"envelope": light.decode()}).status_code == 201


def _light(api: Caller) -> dict[str, Any]:
    return {
        "line": 1, "code": "17 02 03", "name": "Dầu thải", "state": "liquid", "mass_g": 1000,
        "planned_methods": ["TC"], "lots": [{"lot": api.lot(1000), "mass_g": 1000}],
    }  # fmt: skip


def test_a_forgery_is_no_claim(lite: Caller) -> None:
    signer = device_of(lite, GENERATOR)
    good = registered_offline(lite, signer)
    size = lite.size
    forged = good.replace(b'"mass_g":50000000', b'"mass_g":51000000')
    assert forged != good
    problem(send(lite, GENERATOR, forged), 403, "ledger.signature_invalid")
    problem(send(lite, RIVAL, good), 403, "api.not_your_act")
    assert lite.size == size


def test_in_a_list_each_stands_is_kept_or_falls_for_itself(lite: Caller) -> None:
    signer = device_of(lite, GENERATOR)
    envelope = registered_offline(lite, signer)
    items = [{"envelope": envelope.decode()}, {"envelope": "x"}]
    results = lite.did(lite.post(GENERATOR, "/events", items), 207)["results"]
    assert [one["status"] for one in results] == [202, 422]
    assert results[0]["claim"]


def test_whoever_holds_no_key_hands_in_what_has_happened_too(api: Caller) -> None:
    body = api.registration(TOO_MUCH) | {
        "generator": GENERATOR,
        "form": "tt02-2022",
        "number": {"sequence": 8, "year": 2025, "issuer": "1-2-3.047.VX"},
    }
    asked = {"kind": "manifest.registered.v1", "body": body, "stream": uuid7(api.furnished.home.clock())}
    before = api.size

    problem(api.post(GENERATOR, "/acts", asked), 422, "manifest.too_heavy_for_road")
    assert api.size == before
    claim = api.did(api.post(GENERATOR, "/claims", asked), 202)

    assert [one["code"] for one in claim["problem"]["errors"]] == ["manifest.too_heavy_for_road"]
    assert api.size == before + 1
    shown = api.get(GENERATOR, f"/claims/{claim['claim']}").json()
    assert (shown["state"], shown["parties"]) == ("kept", [GENERATOR])
    problem(api.post(GENERATOR, "/claims", {"kind": "manifest.registered.v1"}), 422, "ledger.field_missing")
    problem(api.post(GENERATOR, "/claims", asked | {"role": 7}), 422, "manifest.field_invalid")
    assert clean(api)


def test_what_nothing_refuses_is_recorded_without_a_claim(lite: Caller) -> None:
    lot = {"site": "site:generator", "code": CODE, "state": "liquid", "mass_g": 1000, "basis": "regular"}
    lot |= {"lot": uuid7(lite.furnished.home.clock()), "generated_on": lite.today}
    asked = {"kind": "generation.declared.v1", "body": lot}

    done = lite.did(lite.post(GENERATOR, "/claims", asked), 201)

    assert done["kind"] == "generation.declared.v1"
    assert lite.get(GENERATOR, "/claims").json()["count"] == 0
