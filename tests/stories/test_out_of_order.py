"""Acts that were signed without network and arrive after others, over TCP; the full check follows each."""

import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519

from ledger.format import canonical
from ledger.format.entry import Envelope
from ledger.format.keys import key_fields
from ledger.format.signature import KeySigner
from tests.api.homes import AUTHORITY, CARRIER, FACILITY, GENERATOR, PLATE
from tests.api.test_events import send
from tests.api.test_problems import problem
from tests.stories.conftest import Served
from tests.stories.test_journeys import grams, status

OTHER_PLATE = "29H-678.90"
ON_THE_ROAD = {
    "leg": 2, "giver": CARRIER, "taker": CARRIER, "vehicle_kind": "road", "vehicle_plate": OTHER_PLATE,
}  # fmt: skip


def phone_of(story: Served, party: str, role: str) -> KeySigner:
    """Register the key of somebody's phone."""
    signer = KeySigner(ed25519.Ed25519PrivateKey.generate())
    asked = {
        "kind": "key.registered.v1",
        "body": {"key": key_fields(signer.public_key, party=party, custody="device")},
        "actors": [{"party": party, "role": "holder", "kid": signer.kid}, {"party": party, "role": role}],
    }
    made = story.did(story.post(party, "/prepare", asked), 200)
    line = signer.sign_event(made["event"].encode()).text()
    story.did(story.post(party, "/acts/countersign", {"event": made["event"], "signatures": [line]}))
    return signer


def without_network(story: Served, signer: KeySigner, party: str, role: str, **act: Any) -> bytes:
    """Return what a phone signs on the newest act that it had seen before it lost its network."""
    asked = act | {"actors": [{"party": party, "role": role, "kid": signer.kid}]}
    made = story.did(story.post(party, "/prepare", asked), 200)
    data = canonical.encode(json.loads(made["event"]) | {"offline": True})
    return Envelope((signer.sign_event(data),), data).to_bytes()


def weighed(net_g: int) -> dict[str, Any]:
    lines = [{"line": 1, "net_g": net_g, "ticket": "PC-7", "uncertainty_g": 0}]
    return {"instrument": "Cân sàn số 2", "lines": lines}


def on_another_vehicle(story: Served, manifest: str) -> bytes:
    """Hand a load over on the road, to another vehicle of the same carrier, where there is no network."""
    phone = phone_of(story, CARRIER, "transporter")
    act = {"kind": "manifest.handed_over.v1", "body": ON_THE_ROAD, "stream": manifest}
    return without_network(story, phone, CARRIER, "transporter", **act)


def test_the_driver_s_phone_had_no_network_and_the_weighbridge_was_quicker(story: Served) -> None:
    manifest = story.register(100_000)
    story.hand_over(manifest)
    envelope = on_another_vehicle(story, manifest)
    story.facility(manifest, "arrival", vehicle_plate=OTHER_PLATE)
    story.weigh(manifest, 101_000)
    assert status(story, manifest)["vehicle_plate"] == PLATE
    done = story.did(send(story, CARRIER, envelope))
    meanwhile = ["manifest.arrived.v1", "manifest.weighed.v1"]
    assert [one["kind"] for one in done["recorded_after"]] == meanwhile
    assert done["seq"] > max(one["seq"] for one in done["recorded_after"])
    assert story.did(send(story, CARRIER, envelope), 200)["recorded_after"] == done["recorded_after"]
    now = status(story, manifest)
    assert (now["status"], now["vehicle_plate"], now["holder"]) == ("weighed", OTHER_PLATE, CARRIER)
    story.accept(manifest, 101_000)
    story.treat(manifest, 101_000)
    assert "recorded_after" not in story.facility(manifest, "completion")
    assert grams(story, manifest)["treated_service"] == 101_000


def test_what_was_refused_is_brought_home_while_the_rest_is_treated(story: Served) -> None:
    manifest = story.arrived(100_000)
    story.weigh(manifest, 100_000)
    story.accept(manifest, 60_000, 40_000)
    phone = phone_of(story, GENERATOR, "generator")
    body = {"giver": CARRIER, "vehicle_plate": PLATE, "on_paper": [
        {"party": CARRIER, "sha256": "cd" * 32, "how": "paper"}]}  # fmt: skip
    act = {"kind": "manifest.returned.v1", "body": body, "stream": manifest}
    envelope = without_network(story, phone, GENERATOR, "generator", **act)
    story.treat(manifest, 60_000)
    story.facility(manifest, "completion")
    done = story.did(send(story, GENERATOR, envelope))
    assert len(done["recorded_after"]) == 2
    assert status(story, manifest)["status"] == "completed"
    found = grams(story, manifest)
    # Of what left the store 40 kg are back in it.
    assert (found["treated_service"], found["stored"], found.get("in_transit", 0)) == (60_000, -60_000, 0)


def test_where_the_order_matters_an_authority_decides_and_the_bytes_stand(story: Served) -> None:
    manifest = story.arrived(100_000)
    scale = phone_of(story, FACILITY, "treatment_facility")
    act = {"kind": "manifest.weighed.v1", "body": weighed(97_000), "stream": manifest}
    envelope = without_network(story, scale, FACILITY, "treatment_facility", **act)
    story.weigh(manifest, 100_000)
    kept = story.did(send(story, FACILITY, envelope), 202)
    (found,) = kept["problem"]["errors"]
    assert (found["code"], found["path"]) == ("manifest.order_matters", "/stream_prev")
    assert found["facts"] == {"event": "manifest.weighed.v1", "since": "manifest.weighed.v1"}
    assert story.did(send(story, FACILITY, envelope), 202)["claim"] == kept["claim"]
    decision = {"outcome": "accepted", "reason": "Phiếu cân số 2 là đúng"}
    decided = story.did(story.post(AUTHORITY, f"/claims/{kept['claim']}/resolution", decision))
    assert decided["problem"] is None
    assert [one["kind"] for one in decided["act"]["recorded_after"]] == ["manifest.weighed.v1"]
    story.accept(manifest, 97_000)
    assert grams(story, manifest)["at_facility"] == 97_000


def test_a_load_that_was_taken_in_meanwhile_changes_hands_no_more(story: Served) -> None:
    manifest = story.register(100_000)
    story.hand_over(manifest)
    envelope = on_another_vehicle(story, manifest)
    story.arrive(manifest)
    story.weigh(manifest, 100_000)
    story.accept(manifest, 100_000)
    kept = story.did(send(story, CARRIER, envelope), 202)
    codes = [one["code"] for one in kept["problem"]["errors"]]
    assert codes == ["manifest.order_matters", "manifest.transition_refused"]
    decision = {"outcome": "accepted", "reason": "Đã xem nhật trình xe"}
    decided = story.did(story.post(AUTHORITY, f"/claims/{kept['claim']}/resolution", decision))
    assert decided["act"] is None
    assert [one["code"] for one in decided["problem"]["errors"]] == ["manifest.transition_refused"]


def test_whoever_has_network_names_the_newest_act(story: Served) -> None:
    manifest = story.arrived(100_000)
    scale = phone_of(story, FACILITY, "treatment_facility")
    asked = {
        "kind": "manifest.weighed.v1", "body": weighed(97_000), "stream": manifest,
        "actors": [{"party": FACILITY, "role": "treatment_facility", "kid": scale.kid}],
    }  # fmt: skip
    data = story.did(story.post(FACILITY, "/prepare", asked), 200)["event"].encode()
    story.weigh(manifest, 100_000)
    answer = send(story, FACILITY, Envelope((scale.sign_event(data),), data).to_bytes())
    problem(answer, 409, "ledger.stale_stream")
