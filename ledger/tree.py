"""The Merkle tree of RFC 6962: roots, inclusion and consistency proofs, and how to check them.

Leaves and roots are 32-byte SHA-256 hashes; a proof is a tuple of such hashes, lowest level first.
"""

import hashlib
from collections.abc import Sequence
from functools import reduce

EMPTY_ROOT = hashlib.sha256(b"").digest()

Proof = tuple[bytes, ...]


def leaf_hash(data: bytes) -> bytes:
    """Return SHA-256(0x00 ‖ data)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes, the hash of the empty string when there are none."""
    if not leaves:
        return EMPTY_ROOT
    level = list(leaves)
    while len(level) > 1:
        paired = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            # The odd one rises unhashed: RFC 6962 splits at the largest power of two below the size.
            paired.append(level[-1])
        level = paired
    return level[0]


def inclusion_proof(leaves: Sequence[bytes], index: int) -> Proof:
    """Return the audit path of ``leaves[index]``; raise ValueError when there is no such leaf."""
    if not 0 <= index < len(leaves):
        raise ValueError("index outside the tree")
    if len(leaves) == 1:
        return ()
    split = _split(len(leaves))
    if index < split:
        return (*inclusion_proof(leaves[:split], index), root(leaves[split:]))
    return (*inclusion_proof(leaves[split:], index - split), root(leaves[:split]))


def consistency_proof(leaves: Sequence[bytes], old_size: int) -> Proof:
    """Return the proof that the first ``old_size`` leaves are a prefix of ``leaves``."""
    if not 0 < old_size <= len(leaves):
        raise ValueError("old size outside the tree")
    return _subproof(leaves, old_size, whole=True)


def _subproof(leaves: Sequence[bytes], old_size: int, *, whole: bool) -> Proof:
    if old_size == len(leaves):
        return () if whole else (root(leaves),)
    split = _split(len(leaves))
    if old_size <= split:
        return (*_subproof(leaves[:split], old_size, whole=whole), root(leaves[split:]))
    return (*_subproof(leaves[split:], old_size - split, whole=False), root(leaves[:split]))


def _split(size: int) -> int:
    return 1 << ((size - 1).bit_length() - 1)


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes) -> bool:
    """Tell whether ``proof`` shows ``leaf`` at ``index`` of the tree with ``size`` leaves and that root."""
    if not 0 <= index < size or not _hashes(leaf, expected, *proof):
        return False
    inner = (index ^ (size - 1)).bit_length()
    border = (index >> inner).bit_count()
    if len(proof) != inner + border:
        return False
    found = leaf
    for level, sibling in enumerate(proof):
        if level < inner and not index >> level & 1:
            found = node_hash(found, sibling)
        else:
            found = node_hash(sibling, found)
    return found == expected


def verify_consistency(
    old_size: int, size: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> bool:
    """Tell whether ``proof`` shows that the old tree is a prefix of the new one."""
    if not 0 < old_size <= size or not _hashes(old_root, new_root, *proof):
        return False
    if old_size == size:
        return not proof and old_root == new_root
    # The largest complete subtree that ends at old_size is the seed; when it is the whole old tree, its
    # root is known and the proof leaves it out.
    inner = ((old_size - 1) ^ (size - 1)).bit_length()
    border = ((old_size - 1) >> inner).bit_count()
    shift = (old_size & -old_size).bit_length() - 1
    inner -= shift
    seeded = old_size == 1 << shift
    start = 0 if seeded else 1
    if len(proof) != start + inner + border:
        return False
    seed = old_root if seeded else proof[0]
    position = (old_size - 1) >> shift
    old_found = new_found = seed
    for level, sibling in enumerate(proof[start:]):
        if level < inner and not position >> level & 1:
            new_found = node_hash(new_found, sibling)
        else:
            old_found = node_hash(sibling, old_found)
            new_found = node_hash(sibling, new_found)
    return old_found == old_root and new_found == new_root


def _hashes(*values: bytes) -> bool:
    return all(len(value) == hashlib.sha256().digest_size for value in values)


class CompactRange:
    """The roots of the complete subtrees over the leaves so far: enough to know the root at any size."""

    def __init__(self) -> None:
        self._nodes: list[tuple[int, bytes]] = []

    def push(self, leaf: bytes) -> None:
        """Add a leaf."""
        height = 0
        while self._nodes and self._nodes[-1][0] == height:
            leaf = node_hash(self._nodes.pop()[1], leaf)
            height += 1
        self._nodes.append((height, leaf))

    def root(self) -> bytes:
        """Return the root over the leaves so far."""
        if not self._nodes:
            return EMPTY_ROOT
        return reduce(lambda right, left: node_hash(left, right), (node for _, node in reversed(self._nodes)))
