from dataclasses import dataclass, field
from datetime import datetime

import pytest
from sqlalchemy import Engine, update

from ledger.checkpoint import check_proof, open_checkpoint, parse_proof
from ledger.db import reading, writing
from ledger.entry import entry_hash, parse_entry
from ledger.errors import Conflict, NotFound
from ledger.note import NoteSigner
from ledger.published import prove_entry as prove
from ledger.publisher import last_checkpoint, publish
from ledger.store import CHECKPOINT, ENTRY, TILE, leaf_hashes, rows
from ledger.tree import EMPTY_ROOT, consistency_proof, verify_consistency
from tests.ledger.tampering import drop_fences
from tests.ledger.world import ORIGIN, START, World


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine).open().register("an")


def test_an_empty_log_has_a_checkpoint_too(engine: Engine) -> None:
    world = World(engine)
    size, note = world.checkpoint()
    assert size == 0
    assert open_checkpoint(note, world.log_keys, ORIGIN).root == EMPTY_ROOT


def test_checkpoints_follow_from_each_other(world: World) -> None:
    first = open_checkpoint(world.checkpoint()[1], world.log_keys, ORIGIN)
    world.note()
    world.note()
    second = open_checkpoint(world.checkpoint()[1], world.log_keys, ORIGIN)
    with reading(world.engine) as reader:
        leaves = leaf_hashes(reader, world.log)
        assert last_checkpoint(reader, world.log) == world.checkpoint()
    proof = consistency_proof(leaves, first.size)
    assert verify_consistency(first.size, second.size, proof, first.root, second.root)


def test_nothing_new_means_no_new_checkpoint(world: World) -> None:
    assert world.checkpoint() == world.checkpoint()
    with reading(world.engine) as reader:
        assert len(rows(reader, CHECKPOINT)) == 1


def test_every_entry_is_proved_offline(world: World) -> None:
    for i in range(5):
        world.note(f"note {i}")
    world.checkpoint()
    with reading(world.engine) as reader:
        texts = [prove(reader, world.log, seq).to_text() for seq in range(7)]
    for seq, text in enumerate(texts):
        proof = parse_proof(text)
        assert proof.extra is not None
        assert parse_entry(proof.extra).seq == proof.index == seq
        assert check_proof(proof, entry_hash(proof.extra), world.log_keys, ORIGIN).size == 7


def test_what_is_not_there_or_not_yet_checkpointed_has_no_proof(world: World) -> None:
    with reading(world.engine) as reader:
        with pytest.raises(NotFound, match="not_checkpointed"):
            prove(reader, world.log, 0)
        with pytest.raises(NotFound, match="entry_unknown"):
            prove(reader, world.log, 9)
    world.checkpoint()
    world.note()
    with reading(world.engine) as reader, pytest.raises(NotFound, match="not_checkpointed"):
        prove(reader, world.log, 2)


def test_a_byte_that_flipped_is_never_signed(world: World) -> None:
    world.checkpoint()
    world.note("before")
    drop_fences(world.engine)
    with writing(world.engine, world.log) as writer:
        event = rows(writer, ENTRY, seq=2)[0]["event"].replace(b"before", b"beFore")
        writer.execute(update(ENTRY).where(ENTRY.c.seq == 2).values(event=event))
    with pytest.raises(Conflict, match="leaf_mismatch"):
        world.checkpoint()


def test_a_rewritten_past_is_never_signed(world: World) -> None:
    world.checkpoint()
    world.note()
    drop_fences(world.engine)
    with writing(world.engine, world.log) as writer:
        hashes = bytearray(rows(writer, TILE)[0]["hashes"])
        hashes[0] ^= 1
        writer.execute(update(TILE).values(hashes=bytes(hashes)))
    with pytest.raises(Conflict, match="checkpoint_mismatch"):
        world.checkpoint()


@dataclass(frozen=True, slots=True)
class Overtaken(NoteSigner):
    """A signer during whose signing another publisher finishes."""

    world: World = field(kw_only=True)

    def sign_line(self, text: str, at: datetime) -> str:
        self.world.checkpoint()
        return NoteSigner(self.name, self.private).sign_line(text, at)


def test_two_publishers_at_once_leave_one_checkpoint(world: World) -> None:
    late = Overtaken(ORIGIN, world.log_signer.private, world=world)
    assert publish(world.engine, world.log, ORIGIN, [late], now=START) == world.checkpoint()
    with reading(world.engine) as reader:
        assert len(rows(reader, CHECKPOINT)) == 1
