"""The stored tree of a log: leaf hashes tile by tile, and the levels above, compared with the one below."""

from collections import OrderedDict
from collections.abc import Iterator

from sqlalchemy import select

from ledger.format.tiles import HASH_BYTES, TILE_BYTES, TILE_HEIGHT, TILE_WIDTH, root_at, tile_root
from ledger.report import Finding
from ledger.storage.db import Reader
from ledger.storage.raw import raw_column, raw_length
from ledger.storage.store import TILE

KEPT = 64  # tiles in memory
MAX_LEVEL = 7  # a tree of 2^63 leaves has no higher tile


class Leaves:
    """What `ledger_tile` holds for a log; ``count`` is how many leaves, ``sound`` whether they are in place.

    In memory are the lengths of the tiles and the levels above the leaves, about 50 bytes for 256 leaves.
    """

    def __init__(self, reader: Reader, log: int) -> None:
        self.count = 0
        self.sound = True
        self._reader = reader
        self._log = log
        self._lengths: dict[tuple[int, int], int] = {}  # by level and tile
        self._above: list[bytearray] = []  # levels 1, 2, …: what they must be
        self._cache: OrderedDict[tuple[int, int], bytes] = OrderedDict()

    def survey(self) -> Iterator[Finding]:
        """Learn which tiles there are; yield a finding for each that is out of place or of a wrong length."""
        level_tile = [raw_column(self._reader, TILE, name) for name in ("level", "tile")]
        query = select(*level_tile, raw_length(self._reader, TILE, "hashes")).select_from(TILE)
        query = query.where(TILE.c.log == self._log).order_by(TILE.c.level, TILE.c.tile)
        for level, tile, found in map(tuple, self._reader.execute(query)):
            length = found or 0
            good = 0 < length <= TILE_BYTES and length % HASH_BYTES == 0
            if level == 0:
                good = good and tile == self.count / TILE_WIDTH
                self.sound = self.sound and good
            if not good or level not in range(MAX_LEVEL + 1) or tile is None:
                yield Finding(None, "ledger.tile_malformed", f"level {level}, tile {tile}")
            if level is not None and tile is not None:
                self._lengths[level, tile] = length
                if level == 0:
                    self.count += min(length, TILE_BYTES) // HASH_BYTES

    def leaf(self, seq: int) -> bytes | None:
        """Return the stored leaf of a position, or None."""
        tile, place = divmod(seq, TILE_WIDTH)
        found = self.stored(0, tile)[place * HASH_BYTES : (place + 1) * HASH_BYTES]
        return found if len(found) == HASH_BYTES else None

    def stored(self, level: int, tile: int) -> bytes:
        """Return the stored hashes of a tile; none when there is no such tile, or an impossible one."""
        place = (level, tile)
        if not 0 < self._lengths.get(place, 0) <= TILE_BYTES:
            return b""
        if place not in self._cache:
            hashes = raw_column(self._reader, TILE, "hashes", TILE_BYTES)
            query = select(hashes).select_from(TILE)
            query = query.where(TILE.c.log == self._log, TILE.c.level == level, TILE.c.tile == tile)
            self._cache[place] = bytes(self._reader.execute(query).scalar() or b"")
            if len(self._cache) > KEPT:
                self._cache.popitem(last=False)
        self._cache.move_to_end(place)
        return self._cache[place]

    def raise_levels(self) -> None:
        """Compute the levels above from the stored leaves."""
        for tile in range(self.count // TILE_WIDTH):
            self.push(tile_root(self.stored(0, tile)))

    def push(self, roots: bytes) -> None:
        """Take in the roots of the next full tiles of leaves."""
        level = 0
        while roots:
            if level == len(self._above):
                self._above.append(bytearray())
            row = self._above[level]
            full = len(row) // TILE_BYTES
            row += roots
            roots = b"".join(
                tile_root(bytes(row[tile * TILE_BYTES : (tile + 1) * TILE_BYTES]))
                for tile in range(full, len(row) // TILE_BYTES)
            )
            level += 1

    def compare(self, start: int = 0) -> Iterator[Finding]:
        """Compare the stored upper tiles with what follows; ``start`` leaves are known and left out.

        Call it once every level is there.
        """
        for level, row in enumerate(self._above, 1):
            first = start >> TILE_HEIGHT * (level + 1)
            for tile in range(first, -(-len(row) // TILE_BYTES)):
                if self.stored(level, tile) != row[tile * TILE_BYTES : (tile + 1) * TILE_BYTES]:
                    there = "" if (level, tile) in self._lengths else ": missing"
                    yield Finding(None, "ledger.tile_mismatch", f"level {level}, tile {tile}{there}")
        for level, tile in sorted(self._lengths):
            above = self._above[level - 1] if 0 < level <= len(self._above) else b""
            if 0 < level <= MAX_LEVEL and not 0 <= tile * TILE_BYTES < len(above):
                yield Finding(None, "ledger.tile_malformed", f"level {level}, tile {tile}: superfluous")

    def read(self, level: int, tile: int) -> bytes:
        """Return a tile for proofs: leaves as they are stored, the levels above as they follow from them."""
        if level == 0:
            return self.stored(0, tile)
        row = self._above[level - 1] if level <= len(self._above) else b""
        return bytes(row[tile * TILE_BYTES : (tile + 1) * TILE_BYTES])

    def root(self, size: int) -> bytes | None:
        """Return the root over the first leaves, None when they are not all in place."""
        return root_at(self.read, size) if self.sound and 0 <= size <= self.count else None
