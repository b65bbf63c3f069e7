"""What is read back after a commit makes the leaves and tiles that are stored, or is refused."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, delete, insert, select, update

from ledger.errors import Conflict
from ledger.format.entry import header_bytes
from ledger.publishing.readback import CHUNK, read_back, row_leaves
from ledger.storage.db import Reader, reading, writing
from ledger.storage.store import ENTRY, LOG, TILE, entry_at, leaf_hashes
from tests.ledger.synthetic import Bulk
from tests.ledger.tampering import unfenced
from tests.ledger.world import ORIGIN, World

SIZE = 4700


@pytest.fixture(scope="module")
def long(module_engine: Engine) -> World:
    world = World(module_engine).open().register("an").register("binh")
    Bulk(world, text="x").add(SIZE - 3)
    with writing(module_engine, world.log) as writer:
        writer.execute(insert(LOG).values(log=2, origin="other.example/notes"))
    return world


def read(reader: Connection, start: int, stop: int) -> list[list[bytes]]:
    return list(read_back(Reader(reader), 1, ORIGIN, start, stop))


@pytest.mark.parametrize(
    ("start", "stop", "lengths"),
    [
        (0, 0, []),
        (0, 1, [1]),
        (0, SIZE, [CHUNK, SIZE - CHUNK]),
        (1, SIZE, [CHUNK - 1, SIZE - CHUNK]),
        (255, 256, [1]),
        (300, SIZE, [CHUNK + 256 - 300, SIZE - CHUNK - 256]),
        (SIZE - 1, SIZE, [1]),
    ],
)
def test_the_leaves_of_a_range_come_some_thousand_at_a_time(
    long: World, start: int, stop: int, lengths: list[int]
) -> None:
    with reading(long.engine) as reader:
        found = read(reader, start, stop)
        assert [leaf for leaves in found for leaf in leaves] == leaf_hashes(reader, 1)[start:stop]
    assert [len(leaves) for leaves in found] == lengths
    assert CHUNK == 4096


def test_a_header_that_is_kept_is_the_one_that_counts(long: World) -> None:
    with unfenced(long.engine) as connection:
        reader = Reader(connection)
        kept = entry_at(reader, 1, 700)
        assert kept is not None
        assert kept.header.startswith(b"ctnh-entry-v1\n")
        here = update(ENTRY).where(ENTRY.c.seq == 700)
        connection.execute(here.values(header=kept.header))
        assert len(read(reader, 690, 710)[0]) == 20
        connection.execute(here.values(header=header_bytes(ORIGIN, 700, "x", "0" * 64)))
        with pytest.raises(Conflict, match="leaf_mismatch"):
            read(reader, 690, 710)


def tile(level: int, number: int, change: Callable[[bytes], bytes]) -> Callable[[Connection], object]:
    def tamper(connection: Connection) -> None:
        here = (TILE.c.log == 1) & (TILE.c.level == level) & (TILE.c.tile == number)
        hashes = connection.execute(select(TILE.c.hashes).where(here)).scalar_one()
        connection.execute(update(TILE).where(here).values(hashes=change(bytes(hashes))))

    return tamper


def row(seq: int, **values: Any) -> Callable[[Connection], object]:
    return lambda connection: connection.execute(update(ENTRY).where(ENTRY.c.seq == seq).values(**values))


def gone(seq: int) -> Callable[[Connection], object]:
    return lambda connection: connection.execute(delete(ENTRY).where(ENTRY.c.seq == seq))


def flipped(at: int) -> Callable[[bytes], bytes]:
    return lambda hashes: hashes[:at] + bytes([hashes[at] ^ 1]) + hashes[at + 1 :]


@pytest.mark.parametrize(
    ("tamper", "code", "facts"),
    [
        (row(600, event=b"x"), "ledger.leaf_mismatch", {"start": 520}),
        (row(600, recorded_at=5), "ledger.leaf_mismatch", {"start": 520}),
        (tile(0, 2, flipped(32 * 88)), "ledger.leaf_mismatch", {"start": 520}),
        (tile(0, 2, lambda hashes: hashes[: 32 * 88]), "ledger.tile_missing", {"level": 0, "tile": 2}),
        (tile(1, 0, flipped(32 * 2)), "ledger.tile_mismatch", {"level": 1, "tile": 0}),
        (gone(520), "ledger.leaf_mismatch", {"start": 520}),
        (gone(600), "ledger.leaf_mismatch", {"start": 600}),
        (gone(999), "ledger.leaf_mismatch", {"start": 999}),
    ],
)
def test_what_is_not_as_it_was_committed_is_refused(
    long: World, tamper: Callable[[Connection], object], code: str, facts: dict[str, int]
) -> None:
    with unfenced(long.engine) as connection:
        assert len(read(connection, 520, 1000)[0]) == 480
        tamper(connection)
        with pytest.raises(Conflict) as refused:
            read(connection, 520, 1000)
    (problem,) = refused.value.problems
    assert (problem.code, problem.path, problem.facts) == (code, "", facts)


def test_the_leaf_ahead_is_part_of_the_first_row(long: World) -> None:
    with reading(long.engine) as reader:
        leaves = leaf_hashes(reader, 1)
        assert row_leaves(reader, 1, ORIGIN, 5, 9, before=leaves[4]) == leaves[5:9]
        assert row_leaves(reader, 1, ORIGIN, 5, 9, before=leaves[3])[0] != leaves[5]
        for log, origin in ((2, ORIGIN), (1, "other.example/notes")):
            with pytest.raises(Conflict):
                list(read_back(reader, log, origin, 5, 9))


def test_a_missing_leaf_ahead_is_refused(long: World) -> None:
    with unfenced(long.engine) as connection:
        connection.execute(delete(TILE).where(TILE.c.tile == 2))
        with pytest.raises(Conflict):
            read(connection, 768, 800)
