from collections.abc import Iterable, Iterator
from functools import cache
from itertools import cycle, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import Conflict, Malformed
from ledger.format.tiles import (
    MAX_BUNDLE_BYTES,
    TILE_WIDTH,
    Place,
    ReadTile,
    bundle_path,
    consistency,
    grow,
    inclusion,
    pack_bundle,
    parse_path,
    places,
    range_at,
    root_at,
    subtree,
    tile_path,
    unpack_bundle,
    width_at,
)
from ledger.format.tree import (
    Proof,
    consistency_proof,
    inclusion_proof,
    is_subtree,
    leaf_hash,
    root,
    verify_consistency,
    verify_inclusion,
    verify_subtree,
)

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


GROWN = Tiles(WIDEST)
SIZES = [*range(1, 40), 255, 256, 257, 300, 511, 512, 513, 700]


@cache
def naive(start: int, stop: int) -> bytes:
    return root(LEAVES[start:stop])


def subproof(start: int, stop: int, low: int, high: int, *, known: bool = True) -> Proof:
    """Return SUBTREE_SUBPROOF as draft-ietf-plants-merkle-tree-certs writes it, in absolute positions."""
    if (start, stop) == (low, high):
        return () if known else (naive(low, high),)
    split = low + (1 << (high - low - 1).bit_length() - 1)
    if stop <= split:
        return (*subproof(start, stop, low, split, known=known), naive(split, high))
    if start >= split:
        return (*subproof(start, stop, split, high, known=known), naive(low, split))
    return (*subproof(split, stop, split, high, known=False), naive(low, split))


@pytest.mark.parametrize("size", SIZES)
def test_roots_and_proofs_are_those_of_the_definition(size: int) -> None:
    assert root_at(GROWN.read, size) == naive(0, size)
    assert range_at(GROWN.read, size).root() == naive(0, size)
    step = 1 if size < 40 else 13
    for index in range(0, size, step):
        assert inclusion(GROWN.read, index, size) == inclusion_proof(LEAVES[:size], index)
        assert consistency(GROWN.read, index + 1, size) == consistency_proof(LEAVES[:size], index + 1)


@pytest.mark.parametrize("size", SIZES)
def test_subtree_proofs_are_those_of_the_definition(size: int) -> None:
    step = 1 if size < 40 else 16
    for start in range(0, size, step):
        for stop in {*range(start + 1, size, step), size}:
            if not is_subtree(start, stop):
                continue
            proof = subtree(GROWN.read, start, stop, size)
            roots = {"subtree_root": naive(start, stop), "tree_root": naive(0, size)}
            assert proof == subproof(start, stop, 0, size)
            assert verify_subtree(start, stop, size, proof, **roots)
            assert not verify_subtree(start, stop, size, (*proof, bytes(32)), **roots)
            assert not verify_subtree(start, stop, size, proof[:-1], **roots) or not proof


@given(st.integers(1, WIDEST), st.data())
def test_proofs_of_any_size_hold_and_read_each_tile_once(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    GROWN.reads.clear()
    path = inclusion(GROWN.read, index, size)
    assert len(GROWN.reads) == len(set(GROWN.reads)) <= 6
    head = root_at(GROWN.read, size)
    assert verify_inclusion(LEAVES[index], index, size, path, head)
    GROWN.reads.clear()
    prefix = consistency(GROWN.read, index + 1, size)
    assert len(GROWN.reads) == len(set(GROWN.reads)) <= 6
    assert verify_consistency(index + 1, size, prefix, root_at(GROWN.read, index + 1), head)


def test_a_proof_needs_no_tile_beyond_its_size() -> None:
    tiles = Tiles(600)
    before = [inclusion(tiles.read, 3, 300), consistency(tiles.read, 257, 300)]
    tiles.held = {
        place: hashes[: 32 * width_at(300, *place)]
        for place, hashes in tiles.held.items()
        if width_at(300, *place)
    }
    assert [inclusion(tiles.read, 3, 300), consistency(tiles.read, 257, 300)] == before


def test_a_missing_tile_is_refused() -> None:
    tiles = Tiles(600)
    for place in list(tiles.held):
        kept = tiles.held.pop(place)
        with pytest.raises(Conflict, match=r"ledger\.tile_missing"):
            [inclusion(tiles.read, index, 600) for index in (0, 300, 599)]
        tiles.held[place] = kept


def test_there_is_no_proof_outside_the_tree() -> None:
    for index in (-1, 5):
        with pytest.raises(ValueError, match="outside"):
            inclusion(GROWN.read, index, 5)
    for start, stop in ((0, 0), (0, 6), (-1, 1), (1, 3), (2, 5), (3, 2)):
        with pytest.raises(ValueError, match="no subtree"):
            subtree(GROWN.read, start, stop, 5)


@pytest.mark.parametrize(
    ("place", "path"),
    [
        (Place(0, 0), "tile/0/000"),
        (Place(0, 1_234_067), "tile/0/x001/x234/067"),
        (Place(63, 999, 1), "tile/63/999.p/1"),
        (Place(2, 1000, 255), "tile/2/x001/000.p/255"),
        (Place(None, 1_000_000), "tile/entries/x001/x000/000"),
        (Place(None, 7, 12), "tile/entries/007.p/12"),
    ],
)
def test_paths_are_those_of_the_specification(place: Place, path: str) -> None:
    assert place.path == path
    assert parse_path(path) == place
    if place.level is None:
        assert bundle_path(place.index, place.width) == path
    else:
        assert tile_path(place.level, place.index, place.width) == path


@pytest.mark.parametrize(
    "path",
    [
        "", "tile/0", "tile/0/0", "tile/0/00", "tile/0/0000", "tile/0/x000", "tile/0/x000/000",
        "tile/00/000", "tile/01/000", "tile/64/000", "tile/-1/000", "tile/0/1000", "tile/0/001/000",
        "tile/0/x001/x000", "tile/0/000.p", "tile/0/000.p/", "tile/0/000.p/0", "tile/0/000.p/01",
        "tile/0/000.p/256", "tile/0/000.p/999", "tile/0/000.p/1/", "/tile/0/000", "tile/0/000\n",
        "tile/0/\u0660\u0660\u0660", "tile/entries/../000", "tile/entry/000", "tile/0/X001/000",
        "tile/0/" + "x999/" * 6 + "000",
    ],
)  # fmt: skip
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(Malformed, match=r"^ledger\.tile_path_malformed  {}$"):
        parse_path(path)


@given(st.none() | st.integers(0, 63), st.integers(0, 10**18 - 1), st.integers(1, 256))
def test_paths_read_back(level: int | None, index: int, width: int) -> None:
    place = Place(level, index, width)
    assert parse_path(place.path) == place


@given(st.integers(0, WIDEST), st.integers(0, WIDEST))
def test_the_places_of_a_tree_are_its_tiles(size: int, start: int) -> None:
    held = {(place.level, place.index): place.width for place in places(size)}
    assert held == {place: len(hashes) // 32 for place, hashes in Tiles(size).held.items()}
    before = {(place.level, place.index): place.width for place in places(start)}
    new = {(place.level, place.index): place.width for place in places(size, start)}
    assert new == {place: width for place, width in held.items() if width > before.get(place, 0)}
    for (level, index), width in held.items():
        assert level is not None
        assert width_at(size, level, index) == width
    assert list(places(1)) == [Place(0, 0, 1)]
    assert [width_at(size, 0, -(-size // 256) + beyond) for beyond in (0, 1)] == [0, 0]


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_bundles_read_back(entries: list[bytes]) -> None:
    assert unpack_bundle(pack_bundle(entries)) == entries


def test_a_bundle_is_lengths_and_entries() -> None:
    assert pack_bundle([b"ab", b"", b"c" * 258]) == b"\x00\x02ab\x00\x00\x01\x02" + b"c" * 258
    assert len(pack_bundle([bytes(0xFFFF)] * 256)) == MAX_BUNDLE_BYTES
    for entries in ([bytes(0x10000)], [b""] * 257):
        with pytest.raises(ValueError, match="too"):
            pack_bundle(entries)


@pytest.mark.parametrize("data", [b"\x00", b"\x00\x01", b"\x00\x02a", b"\x00\x00\x00", b"\x00\x00" * 257])
def test_a_bundle_whose_lengths_do_not_add_up_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed, match=r"^ledger\.bundle_malformed  {}$"):
        unpack_bundle(data)


def test_a_tile_with_too_few_hashes_is_named() -> None:
    tiles = Tiles(700)
    tiles.held[0, 2] = tiles.held[0, 2][:-1]
    with pytest.raises(Conflict) as refused:
        range_at(tiles.read, 700)
    assert [(p.code, p.path, p.facts) for p in refused.value.problems] == [
        ("ledger.tile_missing", "", {"level": 0, "tile": 2})
    ]
