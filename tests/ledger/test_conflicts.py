"""Whether a judgement still holds: what the writer remembers never misses what the database would show."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Column, Engine, Integer, MetaData, Table, Text

from ledger.storage.db import open_engine, reading, writing
from ledger.storage.store import ENTRY, KEY, STREAM
from ledger.writing import conflicts
from ledger.writing.apply import Changes
from ledger.writing.changes import RECORDED_AT, SEQ, Add, Change, Insert, Put, Read, Reads
from ledger.writing.conflicts import MAX_SEQ, Written, moved, place
from tests.ledger.world import START

METADATA = MetaData()
# Looked up by its key, by part of it, by the owner (which stays what it was first), or whole.
HELD = Table(
    "test_held",
    METADATA,
    Column("log", Integer, primary_key=True, autoincrement=False),
    Column("account", Integer, primary_key=True, autoincrement=False),
    Column("place", Text, primary_key=True),
    Column("owner", Text),
    Column("grams", BigInteger, nullable=False),
    Column("seq", BigInteger),
)
PLACES, OWNERS, ACCOUNTS = ("kho", "bãi"), ("an", "binh", "chi"), range(3)


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = open_engine(str(tmp_path_factory.mktemp("held") / "held.db"))
    METADATA.create_all(engine)
    yield engine
    engine.dispose()


def owner_of(key: dict[str, Any]) -> str:
    return OWNERS[(key["account"] + len(key["place"])) % 3]


keys = st.builds(
    lambda account, where: {"account": account, "place": where},
    st.sampled_from(ACCOUNTS),
    st.sampled_from(PLACES),
)
whole = st.builds(
    lambda key, grams: Put(HELD, key, {"owner": owner_of(key), "grams": grams, "seq": SEQ}),
    keys,
    st.integers(0, 9),
)
new = st.builds(
    lambda key, grams: Insert(HELD, {**key, "owner": owner_of(key), "grams": grams, "seq": SEQ}),
    keys,
    st.integers(0, 9),
)
partly = st.builds(lambda key, grams: Put(HELD, key, {"grams": grams}), keys, st.integers(0, 9))
added = st.builds(lambda key, grams: Add(HELD, key, "grams", grams), keys, st.integers(-3, 3))
looks = st.one_of(
    keys,
    st.just({}),
    st.fixed_dictionaries({"account": st.sampled_from(ACCOUNTS)}),
    st.fixed_dictionaries({"place": st.sampled_from(PLACES)}),
    st.fixed_dictionaries({"owner": st.sampled_from((*OWNERS, "nobody"))}),
    st.fixed_dictionaries({"owner": st.sampled_from(OWNERS), "place": st.sampled_from(PLACES)}),
)
# What an entry changes, and what somebody looked up just before it.
steps = st.lists(
    st.tuples(st.lists(st.one_of(new, whole, partly, added), max_size=3), st.lists(looks, max_size=3)),
    max_size=12,
)


def possible(changes: Sequence[Change], there: set[tuple[object, ...]]) -> list[Change]:
    """Return the changes that the table takes: no row twice, and none begun without what it must have."""
    taken: list[Change] = []
    for change in changes:
        row = change.row if isinstance(change, Insert) else change.key
        at = (row["account"], row["place"])
        if any(_at(other) == at for other in taken):
            continue
        if (
            isinstance(change, Insert)
            if at in there
            else isinstance(change, Put) and "owner" not in change.row
        ):
            continue
        if isinstance(change, Add) and at not in there:
            continue
        taken.append(change)
    there.update(_at(change) for change in taken)
    return taken


def _at(change: Change) -> tuple[object, ...]:
    row = change.row if isinstance(change, Insert) else change.key
    return row["account"], row["place"]


_logs = iter(range(1, 1 << 30))


@given(steps)
def test_what_is_remembered_never_misses_what_has_moved(
    held: Engine, played: list[tuple[list[Change], list[dict[str, object]]]]
) -> None:
    log, written, there = next(_logs), Written(floor=0), set[tuple[object, ...]]()
    made: list[tuple[int, Read]] = []
    for seq, (changes, looked) in enumerate(played):
        with reading(held) as reader:
            reads = Reads(reader, log)
            for equal in looked:
                reads.rows(HELD, **equal)
            made += [(seq, read) for read in reads.seen]
        taken = possible(changes, there)
        written.add_changes(taken, seq)
        gathered = Changes(log)
        gathered.gather(taken, {SEQ: seq, RECORDED_AT: START})
        with writing(held, log) as writer:
            gathered.write(writer)
        with reading(held) as reader:
            for size, read in made:
                if moved(reader, log, [read]):
                    assert written.touched([place(read)], size) == [0], (size, read)


def test_what_was_written_before_does_not_touch() -> None:
    written = Written(floor=0)
    written.add_changes([Put(HELD, {"account": 1, "place": "kho"}, {"owner": "an", "grams": 1})], 4)
    looked = [Read(HELD, tuple(sorted(at.items())), ()) for at in _EQUALS]
    places = [place(read) for read in looked]
    assert written.touched(places, 5) == []
    assert written.touched(places, 4) == [0, 1, 3, 4], "by its owner it may have been found before"
    # What is not said of a row may be anything.
    written.add(HELD.name, {"account": 2}, 6)
    assert written.touched(places, 5) == [0, 1, 2, 3, 4]


_EQUALS: tuple[dict[str, object], ...] = (
    {"account": 1, "place": "kho"},
    {},
    {"account": 1, "place": "bãi"},
    {"owner": "an"},
    {"owner": "binh"},
)


def test_every_entry_is_noted_by_its_stream_and_its_key() -> None:
    written = Written(floor=0)
    written.add_entry("notes", (b"i", 1), 7)
    written.add(KEY.name, {"kid": "k", "party": "an"}, 8)
    by = {
        "stream": Read(STREAM, (("name", "notes"),), ()),
        "other stream": Read(STREAM, (("name", "others"),), ()),
        "idem": Read(ENTRY, (("idem", b"i"), ("key", 1)), ()),
        "other idem": Read(ENTRY, (("idem", b"j"), ("key", 1)), ()),
        "any entry": Read(ENTRY, (("seq", 3),), ()),
        "any stream": Read(STREAM, (("stream", 0),), ()),
        "key": Read(KEY, (("kid", "k"),), ()),
        "other key": Read(KEY, (("kid", "l"),), ()),
        "ended key": Read(KEY, (("until", 3),), ()),
    }
    names = list(by)
    found = [names[n] for n in written.touched([place(read) for read in by.values()], 7)]
    assert found == ["stream", "idem", "any entry", "any stream", "key", "ended key"]
    assert written.touched([place(by["stream"]), place(by["key"])], 8) == [1]
    assert Written(floor=MAX_SEQ).touched([place(by["key"])], 0) == []


def test_look_ups_are_asked_again_set_by_set(held: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conflicts, "CHUNK", 2)
    log = next(_logs)
    rows = [
        {"log": log, "account": n, "place": "kho", "owner": None if n == 4 else "an", "grams": n, "seq": n}
        for n in range(5)
    ]
    with writing(held, log) as writer:
        writer.execute(HELD.insert(), rows)
    with reading(held) as reader:
        reads = Reads(reader, log)
        for n in range(6):
            reads.rows(HELD, account=n)
            reads.rows(HELD, account=n, place="kho")
        reads.rows(HELD)
        reads.rows(HELD, owner=None)
        seen = reads.seen
        assert moved(reader, log, seen) == set()
        assert moved(reader, log, []) == set()
    with writing(held, log) as writer:
        writer.execute(HELD.update().where(HELD.c.account == 3, HELD.c.log == log).values(grams=9))
        writer.execute(HELD.insert(), [rows[0] | {"account": 5}])
    with reading(held) as reader:
        found = moved(reader, log, seen)
    expected = {place(read) for read in seen if dict(read.equal).get("account") in {3, 5} or not read.equal}
    assert found == expected
