"""Drill 40: whoever is asked to judge is given more than it can hold, or something that never ends."""

import gzip
import shutil
import struct
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from ledger.format import event as events
from ledger.format import policy as policies
from ledger.format import trust as trusts
from ledger.format.checkpoint import Checkpoint, claimed_checkpoint, parse_proof
from ledger.format.entry import parse_envelope
from ledger.format.stamp import check_token
from ledger.format.trust import Trust
from ledger.watching.mirror import Mirror
from ledger.watching.monitor import Monitor
from ledger.watching.remote import source
from ledger.watching.uploads import Header, Receiver
from ledger.watching.witness import Request, parse_request
from tests.drills.drill import PURE, Who, drill
from tests.drills.formats import EVENT, LOG
from tests.drills.stage import Stage
from tests.drills.watch import Found, both, refusal, refusals
from tests.ledger.tlog import ORIGIN, START, cosigners
from tests.ledger.world import signer
from tests.vectors.make_format import FORMAT
from verifier import ctnh_verify

MEGABYTE = 1 << 20
MOST_SECONDS = 20.0
MOST_BYTES = 64 * MEGABYTE


@contextmanager
def bounded() -> Iterator[None]:
    """Hold whoever judges to a time and a memory, what he was given not counted."""
    tracemalloc.start()
    began = time.process_time()
    try:
        yield
        used, (_, peak) = time.process_time() - began, tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used < MOST_SECONDS, used
    assert peak < MOST_BYTES, peak


@drill(
    40,
    "A claim of 10^9 entries, notes and files of megabytes, JSON 100,000 deep, a gzip bomb, endless proofs.",
    {
        Who.SECOND: (
            "ledger.bundle_malformed",
            "ledger.bundle_missing",
            "ledger.entry_malformed",
            "ledger.note_malformed",
            "ledger.note_signature_invalid",
            "ledger.policy_malformed",
            "ledger.tile_malformed",
            "ledger.tile_missing",
            "ledger.trust_malformed",
        ),
        Who.MONITOR: ("ledger.answer_too_long", "ledger.note_signature_invalid"),
        Who.MIRROR: ("ledger.proof_invalid",),
        Who.OFFLINE: (
            "ledger.bundle_malformed",
            "ledger.bundle_missing",
            "ledger.export_incomplete",
            "ledger.note_malformed",
            "ledger.note_signature_invalid",
            "ledger.tile_malformed",
            "ledger.tile_missing",
        ),
        Who.PARSER: (
            "ledger.anchor_malformed",
            "ledger.checkpoint_malformed",
            "ledger.entry_too_large",
            "ledger.envelope_length",
            "ledger.event_too_large",
            "ledger.json_too_deep",
            "ledger.note_malformed",
            "ledger.policy_malformed",
            "ledger.proof_malformed",
            "ledger.trust_malformed",
        ),
    },
    databases=(),
    elsewhere=PURE,
)
def too_much(stage: Stage) -> Found:
    return parsed(stage) | files(stage) | uploaded(stage)


def parsed(stage: Stage) -> Found:
    """Give parsers too much, or as much as is usual."""
    envelope = signer("an").sign_event(EVENT).text().encode() + b"\nlen %d\n\n" % len(EVENT) + EVENT
    note, proof = LOG.note(12), (b"p" * 32,)
    request = Request(3, proof, note).to_bytes()
    policy, trust = b"quorum none\n", (FORMAT / "good" / "short" / "trust.json").read_bytes()
    if not stage.attacked:
        good = [
            lambda: events.parse(EVENT),
            lambda: parse_envelope(envelope),
            lambda: claimed_checkpoint(note),
            lambda: parse_request(request),
            lambda: policies.parse(policy),
            lambda: trusts.parse(trust),
        ]
        return refusals(Who.PARSER, good) | refusals(
            Who.SECOND, [lambda: ctnh_verify.read_event(EVENT), lambda: ctnh_verify.read_trust(trust)]
        )
    deep = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    shallow = EVENT.replace(b'"10 kg"', b"[" * 20 + b"]" * 20)
    long = EVENT.replace(b"10 kg", b"9" * 20 * MEGABYTE)
    lines = note + "".join(f"— w{n}.example AAAAAAAA\n" for n in range(100_000))
    text = Checkpoint(ORIGIN, 10**40, bytes(32)).text + "\n" + note.partition("\n\n")[2]
    sent = envelope + b"x" * MEGABYTE
    proofs = Request(3, proof * 100_000, note).to_bytes()
    path = "c2sp.org/tlog-proof@v1\nindex 4\n" + "AAAA\n" * 500_000 + "\n" + note
    comments, spaces, brackets = b"# much\n" * 300_000 + policy, trust + b" " * 2 * MEGABYTE, b"[" * 100_000
    token = b"\x30\x84\xff\xff\xff\xff" + bytes(MEGABYTE)
    first = [
        lambda: events.parse(deep),
        lambda: events.parse(shallow),
        lambda: events.parse(long),
        lambda: parse_envelope(sent),
        lambda: parse_envelope(envelope.replace(b"len ", b"len 9")),
        lambda: claimed_checkpoint(lines),
        lambda: claimed_checkpoint(text),
        lambda: parse_request(proofs),
        lambda: parse_proof(path),
        lambda: policies.parse(comments),
        lambda: trusts.parse(spaces),
        lambda: trusts.parse(brackets),
        lambda: check_token(token, LOG.checkpoint(12), ()),
    ]
    other = [
        lambda: ctnh_verify.read_event(deep),
        lambda: ctnh_verify.read_event(shallow),
        lambda: ctnh_verify.read_event(long),
        lambda: ctnh_verify.read_trust(brackets),
        lambda: ctnh_verify.read_policy(comments),
        lambda: ctnh_verify.split_note(lines),
    ]
    with bounded():
        return refusals(Who.PARSER, first) | refusals(Who.SECOND, other)


def files(stage: Stage) -> Found:
    """Give both verifiers, and the monitor, files that are too large or are not there."""
    good = FORMAT / "good" / "short"
    trust = trusts.load(good / "trust.json")
    if not stage.attacked:
        return both(good, trust)
    found: Found = set()
    note = (good / "checkpoint").read_text(encoding="utf-8")
    size = note.split("\n")[1]
    for name, text in (
        ("claim", note.replace(f"\n{size}\n", f"\n{10**9}\n", 1)),
        ("vast", note * 20_000),
    ):
        folder = stage.folder / name
        shutil.copytree(good, folder)
        (folder / "checkpoint").write_text(text, encoding="utf-8")
        with bounded():
            found |= both(folder, trust) | followed(stage, folder, trust)
    folder = stage.folder / "tile"
    shutil.copytree(good, folder)
    for path in (folder / "tile").rglob("*"):
        if path.is_file():
            path.write_bytes(bytes(20 * MEGABYTE))
    with bounded():
        return found | both(folder, trust)


def followed(stage: Stage, folder: Path, trust: Trust) -> Found:
    """Have a monitor look at a folder that is new to it."""
    known = Monitor(stage.folder / "m", trust.origin, trust.log_keys)
    with httpx.Client() as http:
        round_ = known.follow([source(str(folder), http)], now=START)
    return {(Who.MONITOR, one.code) for one in round_.findings}


def uploaded(stage: Stage) -> Found:
    """Push a log to a mirror, or a bomb that unpacks to a thousand times its size."""
    mirror = Mirror(stage.folder / "mirror", {ORIGIN: LOG.keys}, cosigners("mirror.example/m"))
    assert mirror.add_checkpoint(Request(0, (), LOG.note(40)).to_bytes(), now=START).ok
    entries = b"".join(struct.pack(">H", len(entry)) + entry for entry in LOG.entries) + b"\0"
    body = Header(ORIGIN, 0, 40).to_bytes() + (bytes(200 * MEGABYTE) if stage.attacked else entries)
    receiver = Receiver(mirror, gzip=True)
    packed = gzip.compress(body, 9)
    with bounded():
        found = refusal(Who.MIRROR, lambda: receiver.feed(packed))
    assert receiver.whole is not stage.attacked
    return found
