import base64
import hashlib
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.tree import (
    EMPTY_ROOT,
    CompactRange,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root,
    verify_consistency,
    verify_inclusion,
)
from tests.ledger.vectors import read, vectors

WIDEST = 130
LEAVES = [leaf_hash(b"%d" % i) for i in range(WIDEST)]


@cache
def naive(start: int, stop: int) -> bytes:
    """Return MTH as RFC 6962 section 2.1 writes it."""
    if stop == start:
        return hashlib.sha256(b"").digest()
    if stop - start == 1:
        return LEAVES[start]
    split = 1
    while split * 2 < stop - start:
        split *= 2
    return node_hash(naive(start, start + split), naive(start + split, stop))


def sizes() -> list[int]:
    return [*range(65), 65, 66, 95, 96, 127, 128, 129, 130]


@pytest.mark.parametrize("size", sizes())
def test_roots_and_inclusion_are_those_of_the_definition(size: int) -> None:
    assert root(LEAVES[:size]) == naive(0, size)
    step = 1 if size <= 64 else 7
    for index in range(0, size, step):
        proof = inclusion_proof(LEAVES[:size], index)
        assert verify_inclusion(LEAVES[index], index, size, proof, naive(0, size))
        assert (
            not verify_inclusion(LEAVES[index], (index + 1) % size, size, proof, naive(0, size)) or size == 1
        )
        assert (
            not verify_inclusion(LEAVES[(index + 1) % size], index, size, proof, naive(0, size)) or size == 1
        )
        assert not verify_inclusion(LEAVES[index], index, size, (*proof, bytes(32)), naive(0, size))


@pytest.mark.parametrize("size", sizes()[1:])
def test_consistency_holds_for_every_older_size(size: int) -> None:
    step = 1 if size <= 64 else 7
    for old in range(1, size + 1, step):
        proof = consistency_proof(LEAVES[:size], old)
        assert verify_consistency(old, size, proof, naive(0, old), naive(0, size))
        assert not verify_consistency(old, size, (*proof, bytes(32)), naive(0, old), naive(0, size))
        if old < size:
            assert not verify_consistency(old, size, proof, naive(0, old), naive(0, size - 1))
            assert not verify_consistency(old, size, proof, naive(1, old + 1), naive(0, size))
            assert not verify_consistency(old, size, proof[:-1], naive(0, old), naive(0, size))


@given(st.integers(1, WIDEST), st.data())
def test_a_changed_proof_proves_nothing(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = [bytearray(node) for node in inclusion_proof(LEAVES[:size], index)]
    if not proof:
        return
    at = data.draw(st.integers(0, len(proof) - 1))
    proof[at][data.draw(st.integers(0, 31))] ^= 1 << data.draw(st.integers(0, 7))
    assert not verify_inclusion(LEAVES[index], index, size, [bytes(n) for n in proof], naive(0, size))


def test_there_is_no_proof_outside_the_tree() -> None:
    for index in (-1, 3):
        with pytest.raises(ValueError, match="outside"):
            inclusion_proof(LEAVES[:3], index)
    for old in (0, 4):
        with pytest.raises(ValueError, match="outside"):
            consistency_proof(LEAVES[:3], old)
    assert not verify_inclusion(LEAVES[0], 0, 0, (), EMPTY_ROOT)
    assert not verify_inclusion(LEAVES[0], 0, 1, (), LEAVES[0][:31])
    assert not verify_consistency(0, 1, (), EMPTY_ROOT, LEAVES[0])
    assert not verify_consistency(2, 1, (), LEAVES[0], LEAVES[0])


def test_a_node_cannot_pass_for_a_leaf() -> None:
    assert leaf_hash(LEAVES[0] + LEAVES[1]) != node_hash(LEAVES[0], LEAVES[1])


@pytest.mark.parametrize("size", sizes())
def test_a_growing_tree_knows_its_root_at_every_size(size: int) -> None:
    tree = CompactRange()
    for leaf in LEAVES[:size]:
        tree.push(leaf)
    assert tree.root() == naive(0, size)


def test_consecutive_roots_differ() -> None:
    assert all(naive(0, a) != naive(0, b) for a, b in pairwise(range(WIDEST)))


def unpacked(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def proof_of(vector: dict[str, Any]) -> list[bytes]:
    return [unpacked(node) for node in vector["proof"] or ()]


def test_the_public_inclusion_vectors() -> None:
    verdicts = set()
    for path in vectors("merkle/inclusion"):
        vector = read(path)
        holds = verify_inclusion(
            unpacked(vector["leafHash"]),
            vector["leafIdx"],
            vector["treeSize"],
            proof_of(vector),
            unpacked(vector["root"]),
        )
        assert holds is not vector["wantErr"], path
        verdicts.add(holds)
    assert verdicts == {True, False}


def test_the_public_consistency_vectors() -> None:
    verdicts = set()
    for path in vectors("merkle/consistency"):
        vector = read(path)
        old, new = unpacked(vector["root1"]), unpacked(vector["root2"])
        holds = verify_consistency(vector["size1"], vector["size2"], proof_of(vector), old, new)
        # One accepted vector has a text of twelve bytes for a root; here a root is a hash or nothing.
        expected = not vector["wantErr"] and len(old) == len(new) == 32
        assert holds is expected, path
        verdicts.add(holds)
    assert verdicts == {True, False}
