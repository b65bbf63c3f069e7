"""The Merkle tree of RFC 6962: roots, inclusion and consistency proofs, and how to check them.

Leaves and roots are 32-byte SHA-256 hashes; a proof is a tuple of such hashes, lowest level first.
"""

import hashlib
import re
from collections.abc import Sequence
from functools import reduce
from typing import Any

EMPTY_ROOT = hashlib.sha256(b"").digest()

Proof = tuple[bytes, ...]

_HEX = re.compile(r"[0-9a-f]{64}")


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
    return verify_subtree(0, old_size, size, proof, subtree_root=old_root, tree_root=new_root)


def is_subtree(start: int, stop: int) -> bool:
    """Tell whether [start, stop) is a subtree: ``start`` divides by a power of two no less than its width."""
    return 0 <= start < stop and start % (1 << (stop - start - 1).bit_length()) == 0


def subtree_place(start: int, stop: int, size: int) -> tuple[int, bool]:
    """Return the height at which a proof for the subtree [start, stop) begins, and whether its root is known.

    It is known, and left out of the proof, when the subtree is itself a node of the tree of ``size``.
    """
    height = (stop - start - 1).bit_length()
    if stop == size or stop - start == 1 << height:
        return height, True
    # The largest complete subtree that ends where the other ends is a node of both.
    return (stop & -stop).bit_length() - 1, False


def verify_subtree(
    start: int, stop: int, size: int, proof: Sequence[bytes], *, subtree_root: bytes, tree_root: bytes
) -> bool:
    """Tell whether ``proof`` shows that the leaves [start, stop) of the tree have ``subtree_root``.

    This is the subtree consistency proof of draft-ietf-plants-merkle-tree-certs; from 0 it is that of
    RFC 6962.
    """
    if not is_subtree(start, stop) or stop > size or not _hashes(subtree_root, tree_root, *proof):
        return False
    first, known = subtree_place(start, stop, size)
    inner = max(((stop - 1) ^ (size - 1)).bit_length(), first)
    siblings = [*range(first, inner), *_ones((stop - 1) >> inner, inner)]
    if len(proof) != len(siblings) + (not known):
        return False
    within = found = subtree_root if known else proof[0]
    top = (stop - start - 1).bit_length()
    for height, sibling in zip(siblings, proof[not known :], strict=True):
        if not (stop - 1) >> height & 1:
            found = node_hash(found, sibling)
            continue
        found = node_hash(sibling, found)
        if height < top:
            within = node_hash(sibling, within)
    return within == subtree_root and found == tree_root


def _ones(number: int, offset: int) -> list[int]:
    return [offset + bit for bit in range(number.bit_length()) if number >> bit & 1]


def _hashes(*values: bytes) -> bool:
    return all(len(value) == hashlib.sha256().digest_size for value in values)


class CompactRange:
    """The roots of the complete subtrees over the leaves so far: enough to know the root at any size."""

    def __init__(self, size: int = 0, nodes: Sequence[bytes] = ()) -> None:
        """Take up a range where it was left; raise ValueError when ``nodes`` are not those of a ``size``."""
        heights = _ones(size, 0) if size >= 0 else None
        if heights is None or len(nodes) != len(heights) or not _hashes(*nodes):
            raise ValueError("not the nodes of that size")
        self.size = size
        self._nodes = list(zip(reversed(heights), nodes, strict=True))  # (height, root)

    @property
    def nodes(self) -> tuple[bytes, ...]:
        """The subtrees' roots from left to right: one for each bit of ``size`` that is set, highest first."""
        return tuple(node for _, node in self._nodes)

    def push(self, leaf: bytes) -> None:
        """Add a leaf."""
        self._add(0, leaf)

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Add leaves, a whole level at a time: much faster than one by one."""
        self.size += len(leaves)
        level, height = list(leaves), 0
        sha256 = hashlib.sha256
        done = []
        while level:
            if self._nodes and self._nodes[-1][0] == height:
                level.insert(0, self._nodes.pop()[1])
            if len(level) % 2:
                done.append((height, level.pop()))
            pairs = iter(level)
            level = [
                sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)
            ]
            height += 1
        self._nodes += reversed(done)

    def join(self, right: "CompactRange") -> None:
        """Add the leaves of ``right``, a range of its own that begins where this one ends.

        Raises ValueError when its subtrees would not be ones of the whole: this size must divide by the
        width of the largest.
        """
        if right.size and self.size % (1 << (right.size.bit_length() - 1)):
            raise ValueError("the ranges are not aligned")
        for height, node in zip(reversed(_ones(right.size, 0)), right.nodes, strict=True):
            self._add(height, node)

    def _add(self, height: int, node: bytes) -> None:
        self.size += 1 << height
        while self._nodes and self._nodes[-1][0] == height:
            node = node_hash(self._nodes.pop()[1], node)
            height += 1
        self._nodes.append((height, node))

    def root(self) -> bytes:
        """Return the root over the leaves so far."""
        if not self._nodes:
            return EMPTY_ROOT
        return reduce(lambda right, left: node_hash(left, right), (node for _, node in reversed(self._nodes)))

    def to_json(self) -> dict[str, Any]:
        """Return the range as plain values."""
        return {"size": self.size, "nodes": [node.hex() for node in self.nodes]}

    @classmethod
    def from_json(cls, value: object) -> "CompactRange":
        """Return the range of what `to_json` gave; raise ValueError for anything else."""
        match value:
            case {"size": int(size), "nodes": list(nodes), **rest} if not rest and type(size) is int:
                if all(isinstance(node, str) and _HEX.fullmatch(node) for node in nodes):
                    return cls(size, [bytes.fromhex(node) for node in nodes])
        raise ValueError("not a compact range")
