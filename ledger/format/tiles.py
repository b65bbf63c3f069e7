"""The tree as tiles of C2SP tlog-tiles: how a batch of leaves changes them, and proofs read from them.

A tile is a run of up to 256 hashes of one level. Level 0 has the leaf hashes; each higher level has the root
of every *full* tile of the level below it, so that ``size >> 8 * level`` hashes stand at a level.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

from ledger.errors import Conflict, Malformed, Problem
from ledger.format.tree import EMPTY_ROOT, CompactRange, Proof, is_subtree, node_hash, subtree_place

TILE_WIDTH = 256
HASH_BYTES = 32
TILE_BYTES = TILE_WIDTH * HASH_BYTES
TILE_HEIGHT = 8
MAX_ENTRY_BYTES = 0xFFFF
MAX_BUNDLE_BYTES = TILE_WIDTH * (2 + MAX_ENTRY_BYTES)

_PATH = re.compile(r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")
_TOP = 63

ReadTile = Callable[[int, int], bytes]
"""Give the hashes of the tile at (level, index), as many as there are; none when there is no such tile."""


class Grown(NamedTuple):
    """What a tile holds after a batch; ``new`` when it held nothing before."""

    hashes: bytes
    new: bool


def grow(read: ReadTile, size: int, leaves: Sequence[bytes]) -> dict[tuple[int, int], Grown]:
    """Return the tiles, by (level, index), that ``leaves`` change when they come after ``size`` others.

    ``read`` is asked only for the tile at the right edge of a level, at most once for each. Raises Conflict
    when that tile has fewer hashes than the size says.
    """
    grown: dict[tuple[int, int], Grown] = {}
    added, level = b"".join(leaves), 0
    while added:
        tile, place = divmod(size, TILE_WIDTH)
        kept = tile_at(read, level, tile, place) if place else b""
        row = kept + added
        above = []
        for start in range(0, len(row), TILE_BYTES):
            hashes = row[start : start + TILE_BYTES]
            grown[level, tile] = Grown(hashes, new=start > 0 or not place)
            if len(hashes) == TILE_BYTES:
                above.append(tile_root(hashes))
            tile += 1
        added, level, size = b"".join(above), level + 1, size >> TILE_HEIGHT
    return grown


def tile_root(hashes: bytes) -> bytes:
    """Return the root over the hashes of a full tile, or of any run of a power of two of them."""
    sha256 = hashlib.sha256  # a local name: this is the innermost loop of the writer
    while len(hashes) > HASH_BYTES:
        hashes = b"".join(
            [sha256(b"\x01" + hashes[i : i + 64]).digest() for i in range(0, len(hashes), 2 * HASH_BYTES)]
        )
    return hashes


def tile_at(read: ReadTile, level: int, tile: int, width: int) -> bytes:
    """Return the first ``width`` hashes of a tile; raise Conflict when it has fewer."""
    hashes = bytes(read(level, tile)[: width * HASH_BYTES])
    if len(hashes) != width * HASH_BYTES:
        raise Conflict(Problem("ledger.tile_missing", "", {"level": level, "tile": tile}))
    return hashes


@dataclass(frozen=True, slots=True)
class Place:
    """A tile with as many hashes as it is to have; ``level`` is None for a bundle of entries."""

    level: int | None
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """Where it is served, relative to the log's prefix."""
        kind = "entries" if self.level is None else str(self.level)
        groups = [f"{self.index % 1000:03}"]
        rest = self.index // 1000
        while rest:
            groups.insert(0, f"x{rest % 1000:03}")
            rest //= 1000
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{kind}/{'/'.join(groups)}{partial}"


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """Return the path of a tile: ``tile/0/x001/x234/067``, with ``.p/W`` when it is partial."""
    return Place(level, index, width).path


def bundle_path(index: int, width: int = TILE_WIDTH) -> str:
    """Return the path of a bundle of entries."""
    return Place(None, index, width).path


def parse_path(path: str) -> Place:
    """Return the tile or bundle that ``path`` names; raise Malformed unless it is exactly its path."""
    found = _PATH.fullmatch(path)
    if found is None:
        raise Malformed(Problem("ledger.tile_path_malformed"))
    level = None if found[1] == "entries" else int(found[1])
    index = int(found[2].replace("x", "").replace("/", ""))
    place = Place(level, index, int(found[3] or TILE_WIDTH))
    if place.path != path or place.width > TILE_WIDTH or (level is not None and level > _TOP):
        raise Malformed(Problem("ledger.tile_path_malformed"))
    return place


def width_at(size: int, level: int, index: int) -> int:
    """Return how many hashes the tile has in a tree of ``size``; 0 when there is no such tile."""
    return min(max((size >> TILE_HEIGHT * level) - index * TILE_WIDTH, 0), TILE_WIDTH)


def places(size: int, start: int = 0) -> Iterator[Place]:
    """Yield the tiles of a tree of ``size`` that hold more than they held at ``start``, level by level."""
    level = 0
    while (stop := size >> TILE_HEIGHT * level) > (first := start >> TILE_HEIGHT * level):
        for index in range(first // TILE_WIDTH, -(-stop // TILE_WIDTH)):
            yield Place(level, index, min(stop - index * TILE_WIDTH, TILE_WIDTH))
        level += 1


class _Nodes:
    """The nodes of a tree, worked out from its tiles; each tile is read once."""

    def __init__(self, read: ReadTile, size: int) -> None:
        self._read = read
        self._size = size
        self._tiles: dict[tuple[int, int], bytes] = {}

    def node(self, height: int, index: int) -> bytes:
        """Return the root of the complete subtree over the leaves [index << height, index + 1 << height)."""
        level, above = divmod(height, TILE_HEIGHT)
        tile, first = divmod(index << above, TILE_WIDTH)
        if (level, tile) not in self._tiles:
            width = width_at(self._size, level, tile)
            self._tiles[level, tile] = tile_at(self._read, level, tile, width)
        hashes = self._tiles[level, tile]
        return tile_root(hashes[first * HASH_BYTES : (first + (1 << above)) * HASH_BYTES])

    def complete(self, start: int, stop: int) -> list[bytes]:
        """Return the roots of the largest complete subtrees over [start, stop), a subtree, left to right."""
        found = []
        while start < stop:
            height = (stop - start).bit_length() - 1
            found.append(self.node(height, start >> height))
            start += 1 << height
        return found

    def root(self, start: int, stop: int) -> bytes:
        """Return the root over the leaves [start, stop), a subtree."""
        return reduce(lambda right, left: node_hash(left, right), reversed(self.complete(start, stop)))

    def path(self, index: int, first: int) -> Proof:
        """Return the siblings, from height ``first`` up, on the way from leaf ``index`` to the root."""
        inner = (index ^ (self._size - 1)).bit_length()
        proof = []
        for height in range(first, inner):
            start = (index >> height ^ 1) << height
            proof.append(self.root(start, min(start + (1 << height), self._size)))
        lefts = [height for height in range(max(first, inner), index.bit_length()) if index >> height & 1]
        return (*proof, *(self.node(height, (index >> height) - 1) for height in lefts))


def range_at(read: ReadTile, size: int) -> CompactRange:
    """Return the compact range over the first ``size`` leaves; raise Conflict where tiles are missing."""
    return CompactRange(size, _Nodes(read, size).complete(0, size))


def root_at(read: ReadTile, size: int) -> bytes:
    """Return the root over the first ``size`` leaves; raise Conflict where tiles are missing."""
    return _Nodes(read, size).root(0, size) if size else EMPTY_ROOT


def inclusion(read: ReadTile, index: int, size: int) -> Proof:
    """Return the audit path of a leaf in the tree of ``size``; raise ValueError when there is no such leaf.

    This and the proofs below read O(log size) tiles and raise Conflict where one is missing.
    """
    if not 0 <= index < size:
        raise ValueError("index outside the tree")
    return _Nodes(read, size).path(index, 0)


def consistency(read: ReadTile, old: int, size: int) -> Proof:
    """Return the proof that the first ``old`` leaves are a prefix; raise ValueError when they cannot be."""
    return subtree(read, 0, old, size)


def subtree(read: ReadTile, start: int, stop: int, size: int) -> Proof:
    """Return the subtree consistency proof of [start, stop) in the tree of ``size``.

    Raises ValueError when that is no subtree or not inside the tree.
    """
    if not is_subtree(start, stop) or stop > size:
        raise ValueError("no subtree of the tree")
    nodes = _Nodes(read, size)
    first, known = subtree_place(start, stop, size)
    seed = () if known else (nodes.node(first, (stop - 1) >> first),)
    return (*seed, *nodes.path(stop - 1, first))


def pack_bundle(entries: Sequence[bytes]) -> bytes:
    """Return the bundle of up to 256 entries: each after its length, two bytes, big-endian."""
    if len(entries) > TILE_WIDTH or any(len(entry) > MAX_ENTRY_BYTES for entry in entries):
        raise ValueError("too many entries, or too long a one")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def unpack_bundle(data: bytes) -> list[bytes]:
    """Return the entries of a bundle; raise Malformed when its lengths do not add up."""
    entries: list[bytes] = []
    at = 0
    while at < len(data):
        start = at + 2
        at = start + int.from_bytes(data[at:start], "big")
        if at > len(data) or len(entries) == TILE_WIDTH:
            raise Malformed(Problem("ledger.bundle_malformed"))
        entries.append(data[start:at])
    return entries
