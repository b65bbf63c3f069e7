"""Drills on signatures and keys: acts repeated, sent elsewhere, signed by the wrong key or by half a key."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import Any

from sqlalchemy import update

from ledger.format.checkpoint import Receipt
from ledger.format.entry import Envelope, entry_hash
from ledger.format.event import Actor, Event
from ledger.format.signature import (
    ED25519_SMALL_ORDER,
    P256_ORDER,
    Algorithm,
    b64,
    spki,
)
from ledger.storage.db import reading
from ledger.storage.store import KEY
from ledger.verifying.verify import verify
from ledger.writing.writer import Recorded
from tests.drills.drill import Who, drill
from tests.drills.hands import column, dishonest_writer, in_hand, rechain, set_entry
from tests.drills.stage import Stage
from tests.drills.watch import Found, both, guard, holders, published, refusal, refusals, start_up, verifier
from tests.ledger.world import NOTE, START, World, envelope, signer
from verifier import ctnh_verify

ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


def counted(world: World, key_seq: int, by: str = "binh.2", **changed: Any) -> Event:
    """Return the act of a key that counts."""
    actor = Actor(party="binh", role="writer", kid=signer(by).kid, key_seq=key_seq)
    return world.event(NOTE, [actor], {"text": f"act {key_seq}"}, **changed)


def again(world: World, event: Event, **changed: Any) -> Callable[[], object]:
    """Return how to hand in an event anew, signed by its own key."""
    made = replace(event, **changed)
    return lambda: world.ledger.submit(envelope(made, signer("binh.2")), now=world.now())


@drill(
    18,
    "A valid act is handed in again: as it is, under another `idem`, or other words under its `idem`.",
    {
        Who.VERIFIER: ("ledger.key_seq_gap", "ledger.stream_broken"),
        Who.SECOND: ("ledger.key_seq_gap", "ledger.stream_broken"),
        Who.WRITER: ("ledger.idempotency_conflict", "ledger.key_seq_gap", "ledger.stale_stream"),
        Who.OFFLINE: ("ledger.key_seq_gap", "ledger.stream_broken"),
    },
)
def replayed(stage: Stage) -> Found:
    world = stage.world
    first = counted(world, 0, stream="counted")
    done = world.submit(first, signer("binh.2"))
    same = world.ledger.submit(envelope(first, signer("binh.2")), now=world.now())
    assert (same.repeated, same.note) == (True, done.note), "the bytes themselves get the first receipt again"
    new = counted(world, 0).idem
    if not stage.attacked:
        honest = counted(world, 1, stream="counted", stream_prev=done.envelope_hash)
        return refusal(Who.WRITER, again(world, honest)) | published(stage)
    found = refusal(Who.WRITER, again(world, first, body={"text": "other words"}))
    found |= refusal(Who.WRITER, again(world, first, idem=new))
    plain = replace(first, actors=(replace(first.actors[0], key_seq=1),), idem=new)
    found |= refusal(Who.WRITER, again(world, plain))
    with dishonest_writer("writer._check_place", "writer.check_count"):
        again(world, first, idem=new)()
    return found | published(stage)


@drill(
    19,
    "An act that was signed for another log, or for another party, is handed in.",
    {
        Who.VERIFIER: ("ledger.other_origin",),
        Who.SECOND: ("ledger.other_origin",),
        Who.WRITER: ("ledger.other_origin", "ledger.signature_invalid"),
        Who.OFFLINE: ("ledger.other_origin",),
    },
)
def from_elsewhere(stage: Stage) -> Found:
    world = stage.world
    key = signer("binh.2")
    home = world.written("to whom it may concern", key, party="binh", stream="third")
    away = replace(home, origin="ledger.example/elsewhere") if stage.attacked else home
    data = envelope(away, key)
    named = envelope(home, key).replace(b'"party":"binh"', b'"party":"anna"') if stage.attacked else data
    found = refusal(Who.WRITER, lambda: world.ledger.submit(data, now=world.now()))
    found |= refusal(Who.WRITER, lambda: world.ledger.submit(named, now=world.now()))
    if stage.attacked:
        with dishonest_writer("writer.Ledger._check_origin"):
            world.ledger.submit(data, now=world.now())
    return found | published(stage)


@drill(
    20,
    "An act is signed by a key that is revoked, or not registered yet, at that position.",
    {
        Who.VERIFIER: ("ledger.key_revoked",),
        Who.SECOND: ("ledger.key_revoked",),
        Who.WRITER: ("ledger.key_revoked", "ledger.key_unknown"),
        Who.OFFLINE: ("ledger.key_revoked",),
    },
)
def wrong_time_for_a_key(stage: Stage) -> Found:
    world = stage.world
    names = ("an", "chi") if stage.attacked else ("binh.2",)
    found: Found = set()
    for name in names:
        event = world.written("late or early", signer(name), party=name, stream=f"by/{name}")
        found |= refusal(Who.WRITER, partial(world.submit, event, signer(name)))
    if stage.attacked:
        with dishonest_writer("writer.check_signatures"):
            world.note("late", by="an", stream="late")
    return found | published(stage)


@drill(
    21,
    "The revocation of a stolen key is moved behind an act that it signed afterwards, all else made to fit.",
    {
        Who.VERIFIER: ("ledger.checkpoint_mismatch",),
        Who.SECOND: ("ledger.checkpoint_mismatch",),
        Who.GUARD: ("ledger.guard_mismatch",),
        Who.START_UP: ("ledger.forked",),
        Who.HOLDER: ("ledger.proof_invalid",),
        Who.OFFLINE: ("ledger.checkpoint_mismatch",),
    },
)
def key_events_reordered(stage: Stage) -> Found:
    world = stage.world
    if stage.attacked:
        with dishonest_writer("writer.check_signatures"):
            world.note("by the thief", by="an", stream="late")
        world.checkpoint()
        with in_hand(world.engine) as connection:
            late, revoked = (column(connection, seq, "recorded_at") for seq in (12, 9))
            for old, new in ((9, 99), (12, 9), (99, 12)):
                set_entry(connection, old, seq=new)
            set_entry(connection, 9, recorded_at=revoked)
            set_entry(connection, 12, recorded_at=late)
            connection.execute(update(KEY).where(KEY.c.until == 9).values(until=12))
            rechain(connection)
    else:
        world.note("by its owner", by="binh.2", stream="late")
        world.checkpoint()
    return (
        verifier(world)
        | both(stage.shown(world), stage.trust)
        | guard(world, stage.guard)
        | start_up(world, stage.guard)
        | holders(world.recorded, world)
    )


@drill(
    23,
    "The operator takes an act of a device in, gives a receipt, and never records it.",
    {
        Who.VERIFIER: ("ledger.key_seq_gap",),
        Who.SECOND: ("ledger.key_seq_gap",),
        Who.WRITER: ("ledger.key_seq_gap",),
        Who.HOLDER: ("ledger.proof_invalid",),
        Who.OFFLINE: ("ledger.key_seq_gap",),
    },
)
def act_dropped(stage: Stage) -> Found:
    world = stage.world
    key = signer("binh.2")
    world.submit(counted(world, 0, stream="device/1"), key)
    second = counted(world, 1, stream="device/2")
    receipts = [] if stage.attacked else [world.submit(second, key)]
    third = counted(world, 2, stream="device/3")
    found = refusal(Who.WRITER, lambda: world.submit(third, key))
    if stage.attacked:
        receipts.append(promised(world, second))
        with dishonest_writer("writer.check_count"):
            world.submit(third, key)
    return found | published(stage) | holders(receipts, world)


@drill(
    26,
    "A signature's twin (`S` + order, high `s`) is recorded; a key of small order is registered.",
    {
        Who.VERIFIER: ("ledger.signature_invalid",),
        Who.SECOND: ("ledger.key_not_accepted", "ledger.signature_invalid"),
        Who.WRITER: ("ledger.key_not_accepted", "ledger.signature_invalid"),
        Who.OFFLINE: ("ledger.signature_invalid",),
    },
)
def malleable(stage: Stage) -> Found:
    world = stage.world.register("duc", Algorithm.P256)
    found: Found = set()
    for name, algorithm in (("binh.2", Algorithm.ED25519), ("duc", Algorithm.P256)):
        event = world.written("once", signer(name, algorithm), party=name, stream=f"by/{name}")
        data = event.to_bytes()
        line = signer(name, algorithm).sign_event(data)
        if stage.attacked:
            line = replace(line, value=b64(twin(line.parts[0], algorithm)))
        send = partial(world.ledger.submit, Envelope((line,), data).to_bytes(), now=world.now())
        refused = refusal(Who.WRITER, send)
        assert bool(refused) is stage.attacked, name
        found |= refused
        if stage.attacked:
            with dishonest_writer("writer.check_signatures"):
                send()
    seen = published(stage)
    assert not stage.attacked or invalid_at(world) == {13, 14}, "each twin is found, not one of them"
    keys = [spki(signer("chi").public_key)]
    if stage.attacked:
        keys = [keys[0][:-32] + point for point in sorted(ED25519_SMALL_ORDER)]
    fields = [registration_of(key) for key in keys]
    registrations = []
    for key in fields:
        event = replace(
            world.registration("chi", signer("chi")), body={"key": key}, stream=f"keys/{key['kid']}"
        )
        data = envelope(event, signer("chi"), signer("operator-a"))
        registrations.append(partial(world.ledger.submit, data, now=world.now()))
    return (
        found
        | seen
        | refusals(Who.SECOND, [partial(ctnh_verify.read_party_key, key, 0) for key in fields])
        | refusals(Who.WRITER, registrations)
    )


def invalid_at(world: World) -> set[int | None]:
    """Return where the verifier finds signatures that do not hold."""
    with reading(world.engine) as reader:
        report = verify(reader, trust=world.trust)
    return {one.seq for one in report.findings if one.code == "ledger.signature_invalid"}


def promised(world: World, event: Event) -> Recorded:
    """Return the receipt that a lying operator signs for an act that is not recorded."""
    receipt = Receipt(world.origin, 13, entry_hash(envelope(event, signer("binh.2"))), START)
    return Recorded(receipt, world.log_signer.sign(receipt.text, START), "")


def twin(signature: bytes, algorithm: Algorithm) -> bytes:
    """Return another spelling of a signature, over the same bytes by the same key."""
    half = signature[32:]
    if algorithm is Algorithm.ED25519:
        return signature[:32] + (int.from_bytes(half, "little") + ED25519_ORDER).to_bytes(32, "little")
    return signature[:32] + (P256_ORDER - int.from_bytes(half, "big")).to_bytes(32, "big")


def registration_of(der: bytes) -> dict[str, Any]:
    """Return the fields of a key as an event brings them, whatever key it is."""
    return {
        "party": "chi", "kid": sha256(der).hexdigest(), "algorithm": "ed25519", "public_key": b64(der),
        "custody": "device",
    }  # fmt: skip
