"""Drills on time and on what is shown to others: dates, time stamps, two faces, exports."""

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import insert

from ledger.format.checkpoint import claimed_checkpoint
from ledger.format.entry import ZERO, parse_entry
from ledger.format.event import Actor
from ledger.format.stamp import Stamp, accept, question
from ledger.format.tree import leaf_hash
from ledger.publishing.anchor import ANCHORED, ANCHORS, anchored
from ledger.storage.db import reading, writing
from ledger.storage.store import ANCHOR, entries
from ledger.watching.monitor import parse_split_view
from tests import tsa
from tests.drills.drill import Who, drill
from tests.drills.hands import dishonest_writer, lay_out, signed_head
from tests.drills.stage import LOG_KEYS, Stage
from tests.drills.watch import Found, both, keeping, mirror, monitor, published, refusal, verifier, witness
from tests.ledger.world import START, World, envelope, signer
from tests.tsa import Mode

AUTHORITY = "tsa.example"
TSA_ROOTS = (tsa.pem(tsa.root()),)


def stamp(world: World, at: datetime, mode: Mode = Mode.CORRECT, *, swap: bool = False) -> None:
    """Have the newest checkpoint stamped and record it, as a service that checks nothing would."""
    checkpoint = claimed_checkpoint(world.checkpoint()[1])
    about = claimed_checkpoint(world.checkpoint()[1]) if not swap else replace(checkpoint, size=5)
    token = tsa.make_token(hashlib.sha256(about.text.encode()).digest(), at, mode=mode)
    row = {"log": world.log, "size": checkpoint.size, "authority": AUTHORITY, "token": token}
    with writing(world.engine, world.log) as writer:
        writer.execute(insert(ANCHOR), row)
    operator = signer("operator-a")
    actor = Actor(party="operator-a", role="operator", kid=operator.kid)
    body = anchored(Stamp(token, at), checkpoint, AUTHORITY)
    world.submit(world.event(ANCHORED, [actor], body, stream=ANCHORS), operator)


def stamped(world: World) -> Found:
    """Verify with the roots of the authority."""
    found = verifier(world, replace(world.trust, tsa_roots=TSA_ROOTS))
    return {(Who.ANCHOR if code.startswith("ledger.anchor") else who, code) for who, code in found}


@drill(
    22,
    "Entries are dated back: one against those before it, then the whole log against the outside.",
    {
        Who.VERIFIER: ("ledger.anchor_time", "ledger.time_runs_back"),
        Who.SECOND: ("ledger.time_runs_back",),
        Who.OFFLINE: ("ledger.time_runs_back",),
        Who.ANCHOR: ("ledger.anchor_time",),
    },
)
def dated_back(stage: Stage) -> Found:
    world = stage.world
    now = world.now().replace(microsecond=0)
    stamp(world, now + timedelta(hours=1) if stage.attacked else now)
    found = stamped(world)
    event = world.written("earlier", signer("binh.2"), party="binh", stream="third")
    data = envelope(event, signer("binh.2"))
    if stage.attacked:
        with dishonest_writer("append.max"):
            world.ledger.submit(data, now=START - timedelta(days=1))
    else:
        world.ledger.submit(data, now=world.now())
    return found | published(stage)


@drill(
    38,
    "A time stamp over other data, of an ended or unknown authority, or broken: as an answer, and as kept.",
    {
        Who.ANCHOR: (
            "ledger.anchor_expired",
            "ledger.anchor_malformed",
            "ledger.anchor_mismatch",
            "ledger.anchor_nonce",
            "ledger.anchor_untrusted",
        )
    },
)
def false_stamps(stage: Stage) -> Found:
    world = stage.world
    now = world.now().replace(microsecond=0)
    checkpoint = claimed_checkpoint(world.checkpoint()[1])
    modes = [Mode.CORRECT]
    if stage.attacked:
        modes = [
            Mode.OTHER_DATA, Mode.EXPIRED, Mode.EXPIRED_ABOVE, Mode.FOREIGN, Mode.NO_PURPOSE,
            Mode.OTHER_CERTIFICATE, Mode.BROKEN_SIGNATURE, Mode.WRONG_NONCE, Mode.GARBAGE,
        ]  # fmt: skip
    found: Found = set()
    answered: dict[Mode, Found] = {}
    for mode in modes:
        asked = question(checkpoint)
        answer = tsa.Authority(lambda: now, mode).answer(asked.as_bytes())
        refused = refusal(Who.ANCHOR, partial(accept, answer, asked, checkpoint, TSA_ROOTS, now))
        assert bool(refused) is stage.attacked, mode
        answered[mode] = refused
        found |= refused
    kept: Found = set()
    for mode in modes[:6]:
        world.note("one more", by="binh.2")
        stamp(world, now, mode)
        kept |= answered[mode]
        assert stamped(world) == kept, mode
    return found | kept


@drill(
    24,
    "The log shows two faces: two checkpoints of one size and other roots, each signed by its keys.",
    {Who.WITNESS: ("409",), Who.MONITOR: ("ledger.split_view",), Who.MIRROR: ("ledger.mirror_refused",)},
)
def split_view(stage: Stage) -> Found:
    world = stage.world
    folder = stage.shown(world)
    assert not monitor(stage, folder) | mirror(stage, folder)
    other = stage.fork if stage.attacked else world
    note = other.checkpoint()[1]
    second_face = stage.shown(other, "second")
    found = witness(stage.cosign(12, (), note))
    found |= monitor(stage, second_face)
    found |= mirror(stage, second_face)
    found |= monitor(stage, notes=[("what a colleague was shown", note)])
    if stage.attacked:
        (evidence,) = stage.witness.evidence()
        assert (evidence.kind, evidence.offered) == ("same_size", note)
        proofs = [parse_split_view(path.read_bytes()) for path in stage.monitor.folder.glob("split-view-*")]
        assert proofs
        assert all(proof.convicts(LOG_KEYS) for proof in proofs), "the proof needs nobody's word"
    return found


@drill(
    36,
    "The exporter lies: it leaves entries out, changes one, drops a tile, or signs a shorter log anew.",
    {
        Who.SECOND: (
            "ledger.bundle_malformed",
            "ledger.bundle_missing",
            "ledger.checkpoint_mismatch",
            "ledger.leaf_mismatch",
            "ledger.link_broken",
            "ledger.signature_invalid",
            "ledger.stream_broken",
            "ledger.tail_missing",
            "ledger.tile_missing",
        ),
        Who.OFFLINE: (
            "ledger.bundle_malformed",
            "ledger.bundle_missing",
            "ledger.checkpoint_mismatch",
            "ledger.leaf_mismatch",
            "ledger.link_broken",
            "ledger.signature_invalid",
            "ledger.stream_broken",
            "ledger.tail_missing",
            "ledger.tile_missing",
        ),
    },
)
def false_export(stage: Stage) -> Found:
    world = stage.world
    with reading(world.engine) as reader:
        data = [entry.data for entry in entries(reader, world.log)]
    note = stage.note_at(12)
    trust = keeping(stage.trust, note)
    if not stage.attacked:
        return both(lay_out(stage.folder / "honest", data, note), trust)
    changed = [*data[:4], data[4].replace(b"second", b"sdcond"), *data[5:]]
    without = data[:7] + data[8:]
    closed: list[bytes] = []
    for seq, entry in enumerate(map(parse_entry, without)):
        prev = leaf_hash(closed[-1]).hex() if closed else ZERO
        closed.append(replace(entry, seq=seq, prev=prev).to_bytes())
    tiles = {(0, 0): b"".join(map(leaf_hash, data))}
    exports = {
        "last left out": lay_out(stage.folder / "a", data[:11], note, tiles=tiles, size=12),
        "one left out": lay_out(stage.folder / "b", without, note, tiles=tiles, size=12),
        "one left out, files made to fit": lay_out(stage.folder / "c", closed, note),
        "one left out, signed anew": lay_out(
            stage.folder / "d", closed, signed_head(world.origin, closed, world.log_signers)
        ),
        "one changed": lay_out(stage.folder / "e", changed, note, tiles=tiles),
        "one changed, tiles made to fit": lay_out(stage.folder / "f", changed, note),
        "cut and signed anew": lay_out(
            stage.folder / "g", data[:9], signed_head(world.origin, data[:9], world.log_signers)
        ),
        "a tile dropped": lay_out(stage.folder / "h", data, note),
    }
    (stage.folder / "h" / "tile/0/000.p/12").unlink()
    found: Found = set()
    for name, folder in exports.items():
        seen = both(folder, trust)
        assert {who for who, _ in seen} == {Who.OFFLINE, Who.SECOND}, name
        found |= seen
    return found
