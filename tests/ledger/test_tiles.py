from collections.abc import Iterable, Iterator
from itertools import cycle, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import Conflict
from ledger.tiles import TILE_WIDTH, ReadTile, grow
from ledger.tree import leaf_hash, root

WIDEST = 70_000
LEAVES = [leaf_hash(b"%d" % i) for i in range(WIDEST)]


class Tiles:
    """Tiles kept as the writer keeps them: what `grow` says is put in, and every read is counted."""

    def __init__(self, size: int = 0) -> None:
        self.held: dict[tuple[int, int], bytes] = {}
        self.reads: list[tuple[int, int]] = []
        self.size = 0
        if size:
            self.add(LEAVES[:size])

    def read(self, level: int, tile: int) -> bytes:
        self.reads.append((level, tile))
        return self.held.get((level, tile), b"")

    def add(self, leaves: list[bytes]) -> None:
        changed = grow(self.read, self.size, leaves)
        for place, (hashes, new) in changed.items():
            assert new is (place not in self.held)
            assert hashes.startswith(self.held.get(place, b""))
            self.held[place] = hashes
        self.size += len(leaves)


def expected_tiles(leaves: list[bytes]) -> dict[tuple[int, int], bytes]:
    """Return every tile by its definition: hash i of level l is the root over 256**l leaves."""
    held: dict[tuple[int, int], bytes] = {}
    level, span = 0, 1
    while len(leaves) >= span:
        hashes = [root(leaves[i * span : (i + 1) * span]) for i in range(len(leaves) // span)]
        for tile in range(0, len(hashes), TILE_WIDTH):
            held[level, tile // TILE_WIDTH] = b"".join(hashes[tile : tile + TILE_WIDTH])
        level, span = level + 1, span * TILE_WIDTH
    return held


def split(leaves: list[bytes], cuts: Iterable[int]) -> Iterator[list[bytes]]:
    for start, stop in pairwise([0, *sorted(cuts), len(leaves)]):
        yield leaves[start:stop]


def reading(hashes: bytes) -> ReadTile:
    return lambda _level, _tile: hashes


def test_tiles_grown_one_by_one_are_those_of_the_definition_at_every_size() -> None:
    tiles = Tiles()
    for size in range(301):
        assert tiles.held == expected_tiles(LEAVES[:size])
        tiles.add(LEAVES[size : size + 1])


@pytest.mark.parametrize("size", [255, 256, 257, 511, 512, 65_535, 65_536, 65_537, WIDEST])
def test_tiles_grown_at_once_are_those_of_the_definition(size: int) -> None:
    assert Tiles(size).held == expected_tiles(LEAVES[:size])


def test_a_tree_of_70000_has_the_tiles_that_the_specification_counts() -> None:
    held = Tiles(WIDEST).held
    widths = {level: [len(held[at]) // 32 for at in sorted(held) if at[0] == level] for level in range(4)}
    assert widths[0] == [256] * 273 + [112]
    assert widths[1] == [256, 17]
    assert widths[2] == [1]
    assert widths[3] == []


@given(st.integers(0, WIDEST), st.lists(st.integers(0, WIDEST), max_size=12))
def test_how_the_leaves_are_split_into_batches_changes_nothing(size: int, cuts: list[int]) -> None:
    tiles = Tiles()
    for batch in split(LEAVES[:size], [cut for cut in cuts if cut <= size]):
        tiles.add(batch)
    assert tiles.held == Tiles(size).held


def test_batches_of_any_width_up_to_a_third_level() -> None:
    widths = cycle([1, 7, 255, 256, 257, 1000, 3000])
    tiles = Tiles()
    while tiles.size < WIDEST:
        tiles.reads.clear()
        before = tiles.size
        tiles.add(LEAVES[tiles.size : tiles.size + next(widths)])
        edge = {(level, before >> 8 * level >> 8) for level in range(3)}
        assert set(tiles.reads) <= edge
        assert len(tiles.reads) == len(set(tiles.reads))
    assert tiles.held == expected_tiles(LEAVES)


def test_a_tile_that_is_shorter_than_the_size_says_is_refused() -> None:
    for size, held in ((5, LEAVES[:4]), (5, []), (1000, LEAVES[:231])):
        with pytest.raises(Conflict, match=r"ledger\.tile_missing"):
            grow(reading(b"".join(held)), size, [LEAVES[size]])


def test_a_tile_that_is_longer_than_the_size_says_is_cut() -> None:
    grown = grow(reading(b"".join(LEAVES[:9])), 5, [LEAVES[5]])
    assert grown == {(0, 0): (b"".join(LEAVES[:6]), False)}


def test_no_leaves_change_nothing() -> None:
    assert grow(Tiles().read, 5, []) == {}
