"""The fast way finds a log clean only when the walk does, however long it is and whoever reads it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, Table, delete, insert, select, text, update

from ledger.format.tree import root
from ledger.report import Report
from ledger.storage.db import Reader, open_engine, reading
from ledger.storage.store import ENTRY, HEAD, KEY, STREAM, TILE
from ledger.verifying import fast
from ledger.verifying.fast import Fast
from ledger.verifying.leaves import Leaves
from ledger.verifying.scan import Anomaly, count
from ledger.verifying.verify import verify
from tests.ledger.synthetic import Bulk
from tests.ledger.tampering import covered, drop_fences, unfenced
from tests.ledger.world import ORIGIN, World, lived_in

SIZE = 1100


def long_log(engine: Engine) -> World:
    """A log of 1,100 entries: four full tiles, streams that cross them, the first of many kinds."""
    world = lived_in(engine)
    bulk = Bulk(world, by=("binh.2",))
    bulk.add(700)
    world.checkpoint()
    bulk.add(SIZE - 700 - 12)
    world.checkpoint()
    return world


@pytest.fixture(scope="module")
def long(module_engine: Engine) -> World:
    return long_log(module_engine)


def found(report: Report) -> set[tuple[int | None, str]]:
    return {(finding.seq, finding.code.removeprefix("ledger.")) for finding in report.findings}


def proved(connection: Connection, world: World, **options: Any) -> bool:
    run = Fast(Reader(connection), ORIGIN, world.trust, **options)
    return run.knowing(None, world.subjects).prove()


def test_a_long_log_is_proved_and_the_walk_says_the_same(
    long: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with reading(long.engine) as reader:
        quick = verify(reader, trust=long.trust, subjects=long.subjects)
        monkeypatch.setattr(Fast, "prove", lambda _: False)
        slow = verify(reader, trust=long.trust, subjects=long.subjects)
    assert (quick.ok, quick.size) == (True, SIZE)
    assert found(slow) == {(None, "verifiers_disagree")}
    kept = ("size", "root", "signatures", "checkpoint", "personal", "anchors", "trust")
    assert [quick.as_json()[name] for name in kept] == [slow.as_json()[name] for name in kept]


Tamper = Callable[[Connection], object]


def row(seq: int, **values: Any) -> Tamper:
    return lambda connection: connection.execute(update(ENTRY).where(ENTRY.c.seq == seq).values(**values))


def tile(level: int, number: int, change: Callable[[bytes], bytes]) -> Tamper:
    def tamper(connection: Connection) -> None:
        here = (TILE.c.level == level) & (TILE.c.tile == number)
        hashes = connection.execute(select(TILE.c.hashes).where(here)).scalar_one()
        connection.execute(update(TILE).where(here).values(hashes=change(hashes)))

    return tamper


def added(level: int, number: int, hashes: bytes) -> Tamper:
    values = {"log": 1, "level": level, "tile": number, "hashes": hashes}
    return lambda connection: connection.execute(insert(TILE), values)


def exchanged(connection: Connection, one: int, other: int) -> None:
    for old, new in ((one, 10_000), (other, one), (10_000, other)):
        connection.execute(update(ENTRY).where(ENTRY.c.seq == old).values(seq=new))


Found = set[tuple[int | None, str]]


def gone(table: Table, **equal: Any) -> Tamper:
    return lambda connection: connection.execute(delete(table).filter_by(**equal))


UPPER: dict[str, tuple[Tamper, Found]] = {
    "changed": (tile(1, 0, lambda hashes: bytes([hashes[0] ^ 1]) + hashes[1:]), {(None, "tile_mismatch")}),
    "cut": (tile(1, 0, lambda hashes: hashes[:-32]), {(None, "tile_mismatch")}),
    "too long": (tile(1, 0, lambda hashes: hashes + hashes[:32]), {(None, "tile_mismatch")}),
    "gone": (gone(TILE, level=1), {(None, "tile_mismatch")}),
    "one too many": (added(1, 1, b"h" * 32), {(None, "tile_malformed")}),
    "a level too many": (added(2, 0, b"h" * 32), {(None, "tile_malformed")}),
    "a level that cannot be": (added(63, 0, b"h" * 32), {(None, "tile_malformed")}),
    "not whole": (
        tile(1, 0, lambda hashes: hashes[:-1]),
        {(None, "tile_malformed"), (None, "tile_mismatch")},
    ),
}


@pytest.mark.parametrize("name", UPPER)
def test_upper_tiles_follow_from_the_leaves(long: World, name: str) -> None:
    tamper, expected = UPPER[name]
    with unfenced(long.engine) as connection:
        tamper(connection)
        report = verify(covered(connection), trust=long.trust)
        assert not proved(connection, long)
    assert found(report) == expected


def changed(table: Table, equal: dict[str, Any], **values: Any) -> Tamper:
    return lambda connection: connection.execute(update(table).filter_by(**equal).values(**values))


LATE: dict[str, tuple[Tamper, Found]] = {
    "event": (row(1000, event=b"x"), {(1000, "leaf_mismatch"), (1000, "entry_malformed")}),
    "time": (row(1000, recorded_at=5), {(1000, "leaf_mismatch")}),
    "stream": (row(1000, stream=0, stream_seq=900), {(1000, "column_mismatch")}),
    "key": (row(1000, key=0), {(1000, "column_mismatch")}),
    "idem": (row(1000, idem=b"0123456789abcdef"), {(1000, "column_mismatch")}),
    "idem too short": (row(1000, idem=b"0"), {(1000, "column_mismatch")}),
    "swapped": (
        lambda connection: exchanged(connection, 1000, 1001),
        {(1000, "leaf_mismatch"), (1001, "leaf_mismatch")},
    ),
    "gone": (gone(ENTRY, seq=1000), {(1000, "entry_missing")}),
    "leaf": (
        tile(0, 3, lambda hashes: hashes[:32] + bytes(32) + hashes[64:]),
        {(769, "leaf_mismatch"), (None, "tile_mismatch"), (None, "checkpoint_mismatch")},
    ),
    "tile": (gone(TILE, tile=4), {(seq, "leaf_missing") for seq in range(1024, SIZE)}),
}
BESIDE: dict[str, tuple[Tamper, Found]] = {
    "stream's head": (changed(STREAM, {"stream": 60}, head="0" * 64), {(None, "stream_table_mismatch")}),
    "stream's name": (changed(STREAM, {"stream": 60}, name="x"), {(None, "stream_table_mismatch")}),
    "key's count": (changed(KEY, {"key": 2}, counted=3), {(None, "key_table_mismatch")}),
    "head": (changed(HEAD, {}, hash=bytes(32)), {(None, "head_mismatch")}),
}


@pytest.mark.parametrize("name", LATE | BESIDE)
def test_what_is_done_to_a_long_log_is_named(long: World, name: str) -> None:
    tamper, expected = (LATE | BESIDE)[name]
    with unfenced(long.engine) as connection:
        tamper(connection)
        report = verify(covered(connection), trust=long.trust)
    assert found(report) == expected


@pytest.mark.parametrize("name", LATE)
def test_without_signatures_hashes_and_numbers_are_still_proved(long: World, name: str) -> None:
    with unfenced(long.engine) as connection:
        LATE[name][0](connection)
        assert not proved(covered(connection), long, signatures=False)
    with reading(long.engine) as reader:
        assert proved(reader, long, signatures=False)


@pytest.fixture(scope="module")
def long_sqlite(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    engine = open_engine(str(shutil.copy(sqlite_template, tmp_path_factory.mktemp("long") / "long.db")))
    yield long_log(engine)
    engine.dispose()


@settings(max_examples=15)
@given(st.data())
def test_nothing_that_is_changed_anywhere_is_proved(long_sqlite: World, data: st.DataObject) -> None:
    table = data.draw(st.sampled_from([ENTRY, ENTRY, ENTRY, TILE, STREAM, KEY, HEAD]))
    with unfenced(long_sqlite.engine) as connection:
        rowids = connection.execute(select(text("rowid")).select_from(table)).scalars().all()
        rowid = data.draw(st.sampled_from(rowids))
        column = data.draw(st.sampled_from([c for c in table.columns if c.name not in {"log", "header"}]))
        where = text(f"rowid = {rowid}")
        value = connection.execute(select(column).where(where)).scalar_one()
        if isinstance(value, bytes):
            new: Any = bytearray(value)
            new[data.draw(st.integers(0, len(value) - 1))] ^= data.draw(st.integers(1, 255))
            new = bytes(new)
        elif isinstance(value, int):
            new = value + data.draw(st.sampled_from([-1, 1, 2, 1000]))
        else:
            new = "x" if value is None else value + "x"
        if column.type.python_type is int and isinstance(new, str):
            new = 7
        try:
            connection.execute(update(table).where(where).values({column.name: new}))
        except Exception:  # noqa: BLE001  a key is taken already
            return
        report = verify(covered(connection), trust=long_sqlite.trust, subjects=long_sqlite.subjects)
        assert not report.ok
        assert "ledger.verifiers_disagree" not in {finding.code for finding in report.findings}


@pytest.mark.parametrize("depth", ["full", "hashes"])
def test_other_processes_prove_the_same(engine: Engine, depth: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast, "WORTH_IT", {True: 0, False: 0})
    monkeypatch.setattr(fast, "RANGE", {True: 512, False: 512})
    world = long_log(engine)
    done: list[tuple[int, int]] = []
    with reading(engine) as reader:
        report = verify(
            reader, trust=world.trust, depth=depth, jobs=2, progress=lambda at, of: done.append((at, of))
        )
        alone = verify(reader, trust=world.trust)
    assert report.ok
    assert done == [(512, SIZE), (1024, SIZE), (SIZE, SIZE)]
    assert report.root == alone.root
    drop_fences(engine)
    with engine.begin() as connection:
        row(1000, key=0)(connection)
    with reading(engine) as reader:
        report = verify(reader, trust=world.trust, depth=depth, jobs=2)
    assert {(1000, "column_mismatch"), (None, "fence_missing")} == found(report)


def test_when_only_the_fast_way_objects_that_is_a_finding(
    long: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Fast, "_merge", lambda *_: 1 / 0)
    with reading(long.engine) as reader:
        report = verify(reader, trust=long.trust)
    assert found(report) == {(None, "verifiers_disagree")}


def test_roots_at_any_size_follow_from_the_tiles(long: World) -> None:
    with reading(long.engine) as reader:
        leaves = Leaves(reader, 1)
        assert list(leaves.survey()) == []
        leaves.raise_levels()
        every = [leaf for seq in range(SIZE) if (leaf := leaves.leaf(seq))]
        for size in (0, 1, 255, 256, 257, 1024, SIZE):
            assert leaves.root(size) == root(every[:size])
        assert leaves.root(SIZE + 1) is None
        assert leaves.leaf(SIZE) is None


@pytest.mark.parametrize("numbers", [[0, 1, 2], [None, None, 0, 1], [5, 6], [None]])
def test_a_key_that_counts_goes_on(numbers: list[int | None]) -> None:
    counted: dict[str, tuple[int | None, int | None]] = {}
    for number in numbers:
        count(counted, "key", number)
    assert counted == {"key": (numbers[0], numbers[-1])}


@pytest.mark.parametrize("numbers", [[0, 2], [0, None], [None, 1], [3, 3], [None, 0, 0], [0, 1, 3]])
def test_a_key_that_leaves_out_a_number_is_an_anomaly(numbers: list[int | None]) -> None:
    counted: dict[str, tuple[int | None, int | None]] = {}
    for number in numbers[:-1]:
        count(counted, "key", number)
    with pytest.raises(Anomaly):
        count(counted, "key", numbers[-1])
