from hashlib import sha256

import pytest
from sqlalchemy import Engine, text

from ledger.errors import Conflict, NotFound
from ledger.format.checkpoint import check_proof, claimed_checkpoint, parse_proof
from ledger.format.entry import entry_hash
from ledger.format.tiles import Place, unpack_bundle
from ledger.format.tree import verify_consistency
from ledger.publishing.published import (
    Published,
    bundle,
    log_by_hash,
    prove_entry,
    prove_growth,
    published,
    tile,
)
from ledger.storage.db import Reader, reading
from tests.ledger.tampering import unfenced
from tests.ledger.world import World


@pytest.fixture
def world(engine: Engine) -> World:
    """A log of 300 entries under a checkpoint, and one beyond it."""
    world = World(engine).open().register("an")
    for number in range(98):
        world.note(f"note {number}")
    world.checkpoint()
    for number in range(200):
        world.note(f"note {number}")
    world.checkpoint()
    world.note("beyond")
    return world


def newest(reader: Reader, world: World) -> Published:
    found = published(reader, world.log)
    assert found is not None
    return found


def test_every_entry_under_the_checkpoint_is_proved(world: World) -> None:
    with reading(world.engine) as reader:
        for seq in (0, 1, 99, 100, 255, 256, 299):
            proof = parse_proof(prove_entry(reader, world.log, seq).to_text())
            assert proof.extra is not None
            head = check_proof(proof, entry_hash(proof.extra), world.trust.log_keys, world.origin)
            assert (proof.index, head.size) == (seq, 300)
        for seq, code in ((300, "ledger.not_checkpointed"), (301, "ledger.entry_unknown")):
            with pytest.raises(NotFound) as caught:
                prove_entry(reader, world.log, seq)
            assert caught.value.code == code


def test_growth_is_proved_between_any_sizes_under_the_checkpoint(world: World) -> None:
    with reading(world.engine) as reader:
        now = newest(reader, world)
        for old, new in ((1, 1), (1, 300), (100, 300), (256, 300), (100, 257), (300, 300)):
            old_root, new_root, proof = prove_growth(reader, now, old, new)
            assert verify_consistency(old, new, proof, old_root, new_root)
        assert prove_growth(reader, now, 1, 300)[1] == now.checkpoint.root
        first = claimed_checkpoint(world.checkpoint()[1])  # of 301 entries; this reader's view is older
        assert first.size == 301
        for old, new in ((0, 300), (300, 299), (1, 301)):
            with pytest.raises(NotFound, match=r"ledger\.size_unknown"):
                prove_growth(reader, now, old, new)


def test_tiles_and_bundles_end_where_the_checkpoint_does(world: World) -> None:
    with reading(world.engine) as reader:
        now = newest(reader, world)
        assert len(tile(reader, now, Place(0, 1, 44))) == 44 * 32
        assert tile(reader, now, Place(0, 1, 7)) == tile(reader, now, Place(0, 1, 44))[: 7 * 32]
        entries = unpack_bundle(bundle(reader, now, Place(None, 1, 44)))
        assert b"".join(map(entry_hash, entries)) == tile(reader, now, Place(0, 1, 44))
        assert unpack_bundle(bundle(reader, now, Place(None, 1, 7))) == entries[:7]
        for level, index, width in ((0, 1, 45), (0, 2, 1), (1, 0, 2), (2, 0, 1)):
            with pytest.raises(NotFound, match=r"ledger\.tile_unknown"):
                tile(reader, now, Place(level, index, width))
        with pytest.raises(NotFound, match=r"ledger\.tile_unknown"):
            bundle(reader, now, Place(None, 1, 45))


CUT = "UPDATE ledger_tile SET hashes = (SELECT hashes FROM ledger_tile WHERE level = 1) WHERE tile = 1"


@pytest.mark.parametrize(
    ("statement", "seq", "code"),
    [
        ("DELETE FROM ledger_tile WHERE level = 1", 299, "ledger.tile_missing"),
        ("DELETE FROM ledger_tile WHERE level = 0 AND tile = 0", 7, "ledger.tile_missing"),
        (CUT, 7, "ledger.tile_missing"),
        ("UPDATE ledger_entry SET recorded_at = recorded_at + 1 WHERE seq = 7", 7, "ledger.proof_invalid"),
    ],
)
def test_no_proof_is_made_from_what_was_tampered_with(
    world: World, statement: str, seq: int, code: str
) -> None:
    with unfenced(world.engine) as connection:
        connection.execute(text(statement))
        with pytest.raises(Conflict) as caught:
            prove_entry(Reader(connection), world.log, seq)
        assert caught.value.code == code


def test_a_log_is_found_by_the_hash_of_its_origin(world: World) -> None:
    other = World(world.engine, origin="ledger.example/other").open()
    with reading(world.engine) as reader:
        assert published(reader, other.log) is None
        names = {world.log: world.origin, other.log: other.origin}
        for log, name in names.items():
            assert log_by_hash(reader, sha256(name.encode()).hexdigest()) == log
        with pytest.raises(NotFound, match=r"ledger\.log_hash_unknown"):
            log_by_hash(reader, sha256(b"ledger.example/none").hexdigest())
