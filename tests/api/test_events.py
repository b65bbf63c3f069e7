"""Envelopes as clients make them, the bytes to sign, and acts signed in custody."""

import base64
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from ledger.format.checkpoint import open_receipt
from ledger.format.entry import Envelope
from ledger.format.keys import key_fields
from ledger.format.signature import KeySigner, pae
from ledger.ids import uuid7
from ledger.storage.db import reading
from ledger.storage.store import SEALED, rows
from tests.api.caller import API, Answer, Caller
from tests.api.homes import CARRIER, CODE, FACILITY, GENERATOR, PLATE, RIVAL, TONNE
from tests.api.test_problems import problem

ENVELOPE = {"Content-Type": "application/vnd.ctnh.envelope"}


def lot_body(caller: Caller, **changed: Any) -> dict[str, Any]:
    """Return the body of a lot's declaration."""
    now = caller.furnished.home.clock()
    typical = {"lot": uuid7(now), "site": "site:generator", "code": CODE, "state": "liquid", "mass_g": 1000}
    return typical | {"generated_on": now.date().isoformat()} | changed


def device_of(caller: Caller, party: str) -> KeySigner:
    """Register a device key of a party: its holder signs, and the party's key in custody vouches for it."""
    signer = KeySigner(ed25519.Ed25519PrivateKey.generate())
    asked = {
        "kind": "key.registered.v1",
        "body": {"key": key_fields(signer.public_key, party=party, custody="device")},
        "actors": [
            {"party": party, "role": "holder", "kid": signer.kid},
            {"party": party, "role": "generator"},
        ],
    }
    made = caller.did(caller.post(party, "/prepare", asked), 200)
    line = signer.sign_event(made["event"].encode()).text()
    done = caller.post(party, "/acts/countersign", {"event": made["event"], "signatures": [line]})
    caller.did(done)
    return signer


def signed(caller: Caller, signer: KeySigner, **changed: Any) -> bytes:
    """Return the envelope of a lot's declaration that a device signed over prepared bytes."""
    asked = {
        "kind": "generation.declared.v1",
        "body": lot_body(caller, **changed),
        "actors": [{"party": GENERATOR, "role": "generator", "kid": signer.kid}],
    }
    made = caller.did(caller.post(GENERATOR, "/prepare", asked), 200)
    data = made["event"].encode()
    assert base64.b64decode(made["pae"]) == pae(data)
    return Envelope((signer.sign_event(data),), data).to_bytes()


def send(caller: Caller, party: str, envelope: bytes, **headers: str) -> Answer:
    """Send an envelope as bytes."""
    return caller.call("POST", party, "/events", content=envelope, headers=ENVELOPE | headers)


def test_an_envelope_is_recorded_once_and_answered_with_the_same_receipt(api: Caller) -> None:
    envelope = signed(api, device_of(api, GENERATOR))
    first = send(api, GENERATOR, envelope)
    size = api.size
    again = send(api, GENERATOR, envelope)
    assert (first.status_code, again.status_code) == (201, 200)
    one, two = first.json(), again.json()
    assert (one.pop("repeated"), two.pop("repeated")) == (False, True)
    assert one == two
    assert api.size == size
    home = api.furnished.home
    receipt = open_receipt(one["receipt"], [home.signer.key], home.ledger.origin)
    assert (receipt.seq, receipt.entry_hash.hex()) == (one["seq"], one["entry_hash"])
    assert first.headers["location"] == f"{API}/entries/{one['seq']}"


def test_other_bytes_under_a_used_key_are_a_conflict(api: Caller) -> None:
    signer = device_of(api, GENERATOR)
    idem = uuid7(api.furnished.home.clock())
    bodies = [lot_body(api), lot_body(api, mass_g=2000)]
    envelopes = []
    for body in bodies:
        asked = {
            "kind": "generation.declared.v1",
            "body": body,
            "actors": [{"party": GENERATOR, "role": "generator", "kid": signer.kid}],
        }
        made = api.post(GENERATOR, "/prepare", asked, headers={"Idempotency-Key": idem}).json()
        data = made["event"].encode()
        envelopes.append(Envelope((signer.sign_event(data),), data).to_bytes())
    assert send(api, GENERATOR, envelopes[0], **{"Idempotency-Key": idem}).status_code == 201
    problem(send(api, GENERATOR, envelopes[1]), 409, "ledger.idempotency_conflict")


def test_the_idempotency_key_must_be_the_events_own(lite: Caller) -> None:
    envelope = signed(lite, device_of(lite, GENERATOR))
    before = lite.size
    other = {"Idempotency-Key": uuid7(lite.furnished.home.clock())}
    problem(send(lite, GENERATOR, envelope, **other), 422, "api.idempotency_key_differs")
    problem(send(lite, GENERATOR, envelope, **{"Idempotency-Key": "x"}), 422, "ledger.field_invalid")
    assert lite.size == before


def test_a_list_is_answered_item_by_item(api: Caller) -> None:
    signer = device_of(api, GENERATOR)
    good, other = signed(api, signer).decode(), signed(api, signer, mass_g=0 + 5).decode()
    broken = good.replace('"mass_g":1000', '"mass_g":9999')
    items = [{"envelope": good}, {"envelope": "x"}, {"envelope": broken}, {"envelope": good}, 7]
    answer = api.post(GENERATOR, "/events", [*items, {"envelope": other}])
    assert answer.status_code == 207
    results = answer.json()["results"]
    assert [one["status"] for one in results] == [201, 422, 409, 200, 422, 201]
    assert results[0]["receipt"]["entry_hash"] == results[3]["receipt"]["entry_hash"]
    assert results[1]["problem"]["code"] == "ledger.envelope_malformed"
    assert results[4]["problem"]["errors"][0]["path"] == "/envelope"


def test_a_list_has_at_most_a_hundred_items_and_no_key(lite: Caller) -> None:
    many = lite.post(GENERATOR, "/events", [{"envelope": "x"}] * 101)
    problem(many, 422, "manifest.list_too_long")
    problem(lite.post(GENERATOR, "/events", []), 422, "manifest.list_too_long")
    key = {"Idempotency-Key": uuid7(lite.furnished.home.clock())}
    keyed = lite.post(GENERATOR, "/events", [{"envelope": "x"}], headers=key)
    problem(keyed, 422, "api.idempotency_key_of_list")
    extra = lite.post(GENERATOR, "/events", {"envelope": "x", "note": 1})
    problem(extra, 422, "ledger.field_unknown")


def test_a_forged_signature_is_not_allowed(lite: Caller) -> None:
    signer = device_of(lite, GENERATOR)
    envelope = signed(lite, signer)
    data = envelope.partition(b"\n\n")[2]
    line = replace(signer.sign_event(data), value="A" * 86)
    forged = Envelope((line,), data).to_bytes()
    problem(send(lite, GENERATOR, forged), 403, "ledger.signature_invalid")


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda e: e.replace(b'{"actors"', b'{"actors":[],"actors"', 1), "ledger.envelope_length"),
        (lambda e: e[:-1], "ledger.envelope_length"),
        (lambda _: b"", "ledger.envelope_malformed"),
        (lambda _: b"\xff" * 50, "ledger.envelope_malformed"),
        (lambda e: e + b"x" * 70_000, "ledger.entry_too_large"),
    ],
)
def test_a_damaged_envelope_is_named(lite: Caller, damage: Any, code: str) -> None:
    envelope = signed(lite, device_of(lite, GENERATOR))
    before = lite.size
    problem(send(lite, GENERATOR, damage(envelope)), 422, code)
    assert lite.size == before


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ('{"a":1,"a":1}', "ledger.duplicate_key"),
        ('{"a": 1}', "ledger.json_not_canonical"),
        ('{"a":1.5}', "ledger.float_forbidden"),
        ('{"a":"i\u0300"}', "ledger.text_not_nfc"),
        ("[]", "ledger.event_not_object"),
        ("{}", "ledger.field_missing"),
    ],
)
def test_an_event_outside_the_profile_is_named(lite: Caller, event: str, code: str) -> None:
    signer = KeySigner(ed25519.Ed25519PrivateKey.generate())
    data = event.encode()
    envelope = Envelope((signer.sign_event(data),), data).to_bytes()
    problem(send(lite, GENERATOR, envelope), 422, code)
    told = lite.call(
        "POST", GENERATOR, "/events", content=envelope, headers=ENVELOPE | {"Accept-Language": "en"}
    )
    assert told.headers["content-language"] == "en"


def test_who_is_no_actor_may_not_submit_but_a_registrar_may(api: Caller) -> None:
    envelope = signed(api, device_of(api, GENERATOR))
    problem(send(api, RIVAL, envelope), 403, "api.not_your_act")
    assert send(api, "org:department", envelope).status_code == 201


def test_what_a_client_prepares_names_the_party_that_asks(lite: Caller) -> None:
    asked = {
        "kind": "generation.declared.v1",
        "body": lot_body(lite),
        "actors": [{"party": RIVAL, "role": "generator"}],
    }
    problem(lite.post(GENERATOR, "/prepare", asked), 403, "api.not_your_act")
    problem(lite.post(GENERATOR, "/prepare", asked | {"actors": []}), 422, "ledger.actors_invalid")
    problem(lite.post(GENERATOR, "/prepare", asked | {"actors": [{"party": 1}]}), 422, "ledger.actor_invalid")
    problem(lite.post(GENERATOR, "/prepare", asked | {"kind": "waste.v1"}), 422, "manifest.kind_unknown")
    problem(lite.post(GENERATOR, "/prepare", asked | {"more": 1}), 422, "ledger.field_unknown")
    problem(lite.post(GENERATOR, "/prepare", {}), 422, "ledger.field_missing")
    problem(lite.post(GENERATOR, "/prepare", asked | {"stream": 1}), 422, "ledger.field_invalid")


def test_a_key_of_nobody_here_cannot_be_filled_in(lite: Caller) -> None:
    asked = {
        "kind": "generation.declared.v1",
        "body": lot_body(lite),
        "actors": [{"party": "org:nobody", "role": "generator"}],
    }
    found = problem(lite.post(GENERATOR, "/prepare", asked), 422, "api.no_key_in_custody")
    assert found["errors"][0]["path"] == "/actors/0/kid"


def test_an_act_signed_in_custody_has_assurance_zero(api: Caller) -> None:
    done = api.did(api.post(GENERATOR, "/acts", {"kind": "generation.declared.v1", "body": lot_body(api)}))
    assert UUID(done["stream"]).version == 7
    assert done["kind"] == "generation.declared.v1"


def test_acts_of_several_are_begun_elsewhere(lite: Caller) -> None:
    asked = {"kind": "manifest.handed_over.v1", "body": {}, "stream": lite.register()}
    problem(lite.post(GENERATOR, "/acts", asked), 422, "api.act_of_several")
    lots = {"kind": "manifest.arrived.v1", "body": {"vehicle_plate": PLATE}}
    problem(lite.post(FACILITY, "/acts", lots), 422, "ledger.field_missing")
    role = {"kind": "generation.declared.v1", "body": lot_body(lite), "role": 1}
    problem(lite.post(GENERATOR, "/acts", role), 422, "manifest.field_invalid")


def test_an_act_in_a_role_one_does_not_hold_is_not_allowed(lite: Caller) -> None:
    asked = {"kind": "generation.declared.v1", "body": lot_body(lite)}
    problem(lite.post(CARRIER, "/acts", asked), 403, "manifest.role_not_held")
    problem(lite.post(CARRIER, "/acts", asked | {"role": "generator"}), 403, "manifest.role_not_held")


def test_the_same_noun_under_the_same_key_is_recorded_once(api: Caller) -> None:
    key = {"Idempotency-Key": uuid7(api.furnished.home.clock())}
    body = api.registration()
    first = api.post(GENERATOR, "/manifests", body, headers=key)
    again = api.post(GENERATOR, "/manifests", body, headers=key)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() | {"repeated": True} == again.json()
    body["lines"][0]["name"] = "Khác"
    problem(api.post(GENERATOR, "/manifests", body, headers=key), 409, "ledger.idempotency_conflict")
    bad = api.post(GENERATOR, "/manifests", body, headers={"Idempotency-Key": "1"})
    problem(bad, 422, "ledger.field_invalid")


def test_a_countersignature_is_given_only_where_it_is_ones_turn(lite: Caller) -> None:
    manifest = lite.register()
    asked = {"taker": CARRIER, "vehicle_plate": PLATE}
    part = lite.did(lite.post(GENERATOR, f"/manifests/{manifest}/handovers", asked), 200)
    assert part["awaits"]["party"] == CARRIER
    before = lite.size
    problem(lite.post(GENERATOR, "/acts/countersign", part), 403, "api.not_yours_to_sign")
    problem(lite.post(RIVAL, "/acts/countersign", part), 404, "manifest.unknown")
    twice = part | {"signatures": part["signatures"] * 2}
    problem(lite.post(CARRIER, "/acts/countersign", twice), 422, "api.nothing_to_sign")
    changed = part | {"event": part["event"].replace("29C-123.45", "29C-123.46")}
    problem(lite.post(CARRIER, "/acts/countersign", changed), 403, "ledger.signature_invalid")
    problem(lite.post(CARRIER, "/acts/countersign", {}), 422, "ledger.field_missing")
    problem(lite.post(CARRIER, "/acts/countersign", [1]), 422, "api.object_expected")
    many = part | {"signatures": ["x"] * 9}
    problem(lite.post(CARRIER, "/acts/countersign", many), 422, "manifest.list_too_long")
    none = lite.did(lite.post(CARRIER, "/acts/countersign", part))
    assert lite.size == before + 1
    again = lite.did(lite.post(CARRIER, "/acts/countersign", part), 200)
    assert again["entry_hash"] == none["entry_hash"]


def test_the_giver_hears_of_a_mistake_before_the_taker_does(lite: Caller) -> None:
    manifest = lite.register()
    path = f"/manifests/{manifest}/handovers"
    found = problem(
        lite.post(GENERATOR, path, {"taker": CARRIER, "vehicle_plate": "xe máy"}),
        422,
        "manifest.plate_invalid",
    )
    assert found["errors"][0]["path"] == "/vehicle_plate"
    asked = {"vehicle_plate": PLATE}
    problem(lite.post(GENERATOR, path, asked | {"taker": GENERATOR}), 422, "manifest.taker_not_planned")
    problem(lite.post(GENERATOR, path, asked | {"taker": "org:nobody"}), 422, "manifest.party_unknown")
    problem(
        lite.post(GENERATOR, path, asked | {"taker": CARRIER, "taker_kid": 1}), 422, "manifest.field_invalid"
    )


def test_personal_values_go_into_the_vault_and_only_their_commitments_into_the_ledger(api: Caller) -> None:
    manifest = api.register()
    asked = {
        "taker": CARRIER,
        "vehicle_plate": PLATE,
        "secrets": {"driver": {"value": "Trần Văn Tài", "subject": "person:tai"}},
    }
    part = api.did(api.post(GENERATOR, f"/manifests/{manifest}/handovers", asked), 200)
    done = api.did(api.post(CARRIER, "/acts/countersign", part))
    home = api.furnished.home
    with reading(home.engine) as reader:
        (kept,) = rows(reader, SEALED, log=home.ledger.log)
    assert kept["subject"] == "person:tai"
    assert "Tài".encode() not in kept["sealed"]
    shown = api.did(api.get(CARRIER, f"/entries/{done['seq']}"), 200)
    assert "Tài" not in shown["entry"]
    acts = api.did(api.get(FACILITY, f"/manifests/{manifest}"), 200)["acts"]
    assert acts[-1]["personal"] == {"driver": "Trần Văn Tài"}
    part["secrets"]["driver"]["salt"] = "x"
    problem(api.post(CARRIER, "/acts/countersign", part), 422, "manifest.field_invalid")


def test_an_agent_acts_under_a_mandate_and_only_then(api: Caller) -> None:
    body = lot_body(api, mass_g=TONNE)
    problem(api.post(RIVAL, "/lots", body | {"on_behalf_of": GENERATOR}), 403, "manifest.mandate_missing")
    mandate = {
        "mandate": "mandate:1",
        "agent": RIVAL,
        "role": "generator",
        "valid_from": "2025-01-01",
        "valid_to": "2026-01-01",
    }
    api.did(api.post(GENERATOR, "/mandates", mandate))
    lot = api.did(api.post(RIVAL, "/lots", body | {"on_behalf_of": GENERATOR}))["lot"]
    assert api.get(RIVAL, f"/lots/{lot}").json()["party"] == GENERATOR
    api.did(api.post(GENERATOR, "/mandates/mandate:1/revocation"))
    assert api.get(RIVAL, f"/lots/{lot}").status_code == 404


def test_a_revoked_signing_key_signs_no_more(api: Caller) -> None:
    signer = device_of(api, GENERATOR)
    envelope = signed(api, signer)
    api.did(api.post(GENERATOR, f"/keys/{signer.kid}/revocation", {"reason": "Mất điện thoại"}))
    problem(send(api, GENERATOR, envelope), 403, "ledger.key_revoked")
