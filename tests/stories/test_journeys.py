"""Whole journeys over TCP against a running server; each ends with the full check of the ledger."""

import base64
import signal
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from ledger.format.checkpoint import check_proof, open_receipt, parse_proof
from ledger.format.entry import Envelope
from ledger.format.keys import key_fields
from ledger.format.signature import KeySigner, pae
from ledger.ids import uuid7
from ledger.storage.db import reading
from ledger.storage.store import CHECKPOINT, rows
from tests.api.homes import CARRIER, FACILITY, GENERATOR, PLATE, RIVAL
from tests.stories.conftest import Served

ENVELOPE = {"Content-Type": "application/vnd.ctnh.envelope"}
ROLES = {GENERATOR: "generator", CARRIER: "transporter", FACILITY: "treatment_facility"}


def status(story: Served, manifest: str) -> dict[str, Any]:
    """Return a manifest as its generator sees it."""
    return story.did(story.get(GENERATOR, f"/manifests/{manifest}"), 200)


def grams(story: Served, manifest: str) -> dict[str, int]:
    """Return where a manifest's grams are, by account."""
    found: dict[str, int] = {}
    for one in status(story, manifest)["grams"]:
        found[one["account"]] = found.get(one["account"], 0) + one["grams"]
    return {account: held for account, held in found.items() if held}


def test_a_load_is_registered_carried_weighed_accepted_in_part_and_treated_in_parts(story: Served) -> None:
    manifest = story.register(500_000)
    story.hand_over(manifest)
    story.arrive(manifest)
    story.weigh(manifest, 498_000)
    story.accept(manifest, 400_000, 98_000)
    story.give_back(manifest)
    story.treat(manifest, 150_000)
    assert status(story, manifest)["left_g"] == 250_000
    story.treat(manifest, 250_000)
    story.facility(manifest, "completion")
    shown = status(story, manifest)
    assert shown["status"] == "completed"
    assert len(shown["acts"]) == 9
    held = grams(story, manifest)
    assert held["treated_service"] == 400_000
    assert sum(held.values()) == 0


def test_a_load_that_is_refused_goes_back_to_its_generator(story: Served) -> None:
    manifest = story.arrived(300_000)
    story.facility(manifest, "refusal", reason="Không đúng loại đã khai")
    story.give_back(manifest)
    assert status(story, manifest)["status"] == "returned"
    assert sum(grams(story, manifest).values()) == 0


def test_a_manifest_is_called_off_before_pick_up_and_its_lot_can_be_drawn_again(story: Served) -> None:
    body = story.registration(200_000)
    first = story.did(story.post(GENERATOR, "/manifests", body))
    story.did(story.post(GENERATOR, f"/manifests/{first['manifest']}/cancellation", {"reason": "Đổi lịch"}))
    second = story.did(story.post(GENERATOR, "/manifests", body))
    assert second["number"] != first["number"]
    assert status(story, first["manifest"])["status"] == "cancelled"


def test_a_wrong_weight_is_corrected_once_the_generator_agrees(story: Served) -> None:
    manifest = story.arrived(500_000)
    story.accept(manifest, 500_000)
    proposed = {"field": "net_g", "line": 1, "net_g": 490_000, "reason": "Đọc nhầm phiếu cân"}
    made = story.did(story.post(FACILITY, f"/manifests/{manifest}/corrections", proposed))
    assert status(story, manifest)["accepted_g"] == 500_000
    story.did(story.post(GENERATOR, f"/manifests/{manifest}/corrections/{made['correction']}/consent"))
    assert status(story, manifest)["accepted_g"] == 490_000
    assert sum(grams(story, manifest).values()) == 0


def test_parties_that_hold_their_own_keys_sign_for_themselves(story: Served) -> None:
    devices = {
        GENERATOR: KeySigner(ed25519.Ed25519PrivateKey.generate()),
        CARRIER: KeySigner(ec.generate_private_key(ec.SECP256R1())),
        FACILITY: KeySigner(ed25519.Ed25519PrivateKey.generate()),
    }
    for party, device in devices.items():
        holder = {"party": party, "role": "holder", "kid": device.kid}
        asked = {
            "kind": "key.registered.v1",
            "body": {"key": key_fields(device.public_key, party=party, custody="device")},
            "actors": [holder, {"party": party, "role": ROLES[party]}],
        }
        made = story.did(story.post(party, "/prepare", asked), 200)
        line = device.sign_event(made["event"].encode()).text()
        part = {"event": made["event"], "signatures": [line]}
        story.did(story.post(party, "/acts/countersign", part))

    def act(kind: str, body: dict[str, Any], stream: str, *parties: str) -> None:
        actors = [{"party": one, "role": ROLES[one], "kid": devices[one].kid} for one in parties]
        asked = {"kind": kind, "body": body, "stream": stream, "actors": actors}
        made = story.did(story.post(parties[0], "/prepare", asked), 200)
        data = made["event"].encode()
        assert base64.b64decode(made["pae"]) == pae(data)
        envelope = Envelope(tuple(devices[one].sign_event(data) for one in parties), data)
        answer = story.call("POST", parties[-1], "/events", content=envelope.to_bytes(), headers=ENVELOPE)
        story.did(answer)
        again = story.call("POST", parties[0], "/events", content=envelope.to_bytes(), headers=ENVELOPE)
        assert story.did(again, 200)["repeated"] is True

    manifest = uuid7(story.furnished.home.clock())
    number = {"sequence": 900, "year": int(story.today[:4]), "issuer": "1-2-3.047.VX"}
    registered = story.registration(100_000) | {"generator": GENERATOR, "number": number, "form": "tt02-2022"}
    act("manifest.registered.v1", registered, manifest, GENERATOR)
    handed = {"leg": 1, "giver": GENERATOR, "taker": CARRIER, "vehicle_plate": PLATE, "vehicle_kind": "road"}
    act("manifest.handed_over.v1", handed, manifest, GENERATOR, CARRIER)
    act("manifest.arrived.v1", {"vehicle_plate": PLATE}, manifest, FACILITY)
    lines = [{"line": 1, "net_g": 100_000, "ticket": "PC-9"}]
    act("manifest.weighed.v1", {"instrument": "Cân 60 tấn", "lines": lines}, manifest, FACILITY)
    lines = [{"line": 1, "accepted_g": 100_000, "refused_g": 0}]
    act("manifest.accepted.v1", {"lines": lines}, manifest, FACILITY)
    parts = [{"line": 1, "mass_g": 100_000, "methods": ["TC"], "treated_on": story.today}]
    act("manifest.treated.v1", {"parts": parts}, manifest, FACILITY)
    act("manifest.completed.v1", {}, manifest, FACILITY)
    shown = status(story, manifest)
    assert shown["status"] == "completed"
    assert {one["assurance"] for one in shown["acts"]} == {1}


def test_a_receipt_is_exchanged_for_a_proof_that_holds_offline(story: Served) -> None:
    home = story.furnished.home
    done = story.did(
        story.post(
            RIVAL,
            "/lots",
            {
                "site": "site:rival",
                "code": "17 02 03",
                "state": "liquid",
                "mass_g": 7,
                "generated_on": story.today,
            },
        )
    )
    receipt = open_receipt(done["receipt"], [home.signer.key], home.ledger.origin)
    home.checkpoint()
    proof = parse_proof(story.get(RIVAL, f"/entries/{receipt.seq}/proof").text)
    checked = check_proof(proof, receipt.entry_hash, [home.signer.key], home.ledger.origin)
    assert checked.size > receipt.seq


def test_what_was_answered_as_recorded_survives_the_death_of_the_server(own_server: Served) -> None:
    manifest = own_server.register()
    part = own_server.did(
        own_server.post(
            GENERATOR, f"/manifests/{manifest}/handovers", {"taker": CARRIER, "vehicle_plate": PLATE}
        ),
        200,
    )
    own_server.end(signal.SIGKILL)
    own_server.begin()
    done = own_server.did(own_server.post(CARRIER, "/acts/countersign", part))
    assert status(own_server, manifest)["status"] == "in_transit"
    assert own_server.end(signal.SIGTERM) == 0
    home = own_server.furnished.home
    with reading(home.engine) as reader:
        newest = rows(reader, CHECKPOINT, log=home.ledger.log)[-1]
    assert newest["size"] == done["seq"] + 1, "the last checkpoint covers what was recorded last"
