"""The tree as tiles of C2SP tlog-tiles: how a batch of leaves changes them, and proofs read from them.

A tile is a run of up to 256 hashes of one level. Level 0 has the leaf hashes; each higher level has the root
of every *full* tile of the level below it, so that ``size >> 8 * level`` hashes stand at a level.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ledger.errors import Conflict, Problem

TILE_WIDTH = 256
HASH_BYTES = 32
TILE_BYTES = TILE_WIDTH * HASH_BYTES
TILE_HEIGHT = 8

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
