"""Verification on top of what an earlier run has seen: only what is new is read, nothing old may change."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, delete, insert, update

from ledger.errors import Malformed
from ledger.format.event import Actor
from ledger.format.keys import key_fields
from ledger.personal.vault import Secret
from ledger.report import Report
from ledger.storage.db import reading
from ledger.storage.store import ENTRY, HEAD, KEY, SEALED, STREAM, TILE
from ledger.verifying.incremental import Incremental, State, load_state, parse_state, save_state
from ledger.verifying.verify import verify, verify_new
from tests.ledger.synthetic import Bulk
from tests.ledger.tampering import covered, unfenced
from tests.ledger.world import START, World, lived_in, signer

OLD, SIZE = 700, 1000


def check(world: World, state: State | None, **options: Any) -> tuple[Report, State | None]:
    with reading(world.engine) as reader:
        return verify_new(reader, state, now=START, trust=world.trust, subjects=world.subjects, **options)


def after(world: World) -> State:
    report, state = check(world, None)
    assert report.ok
    assert state is not None
    return state


def grown(engine: Engine) -> tuple[World, State]:
    """A log of 1,000 entries, and what was known of it when it had 700."""
    world = lived_in(engine)
    bulk = Bulk(world, by=("binh.2",))
    bulk.add(OLD - 12)
    world.checkpoint()
    state = after(world)
    bulk.add(SIZE - OLD - 3)
    world.note("more", by="binh.2", secrets={"driver": Secret("Trần B", "subject-3", b"u" * 32)})
    world.register("chi")
    world.note("hers", by="chi", stream="other")
    world.checkpoint()
    return world, state


@pytest.fixture(scope="module")
def later(module_engine: Engine) -> tuple[World, State]:
    return grown(module_engine)


def test_only_what_is_new_is_read_and_the_state_is_that_of_a_full_run(
    later: tuple[World, State],
) -> None:
    world, state = later
    report, following = check(world, state, audited=[0, 1, 2, 99])
    full, whole = check(world, None)
    assert (report.ok, report.size, report.since) == (True, SIZE, OLD)
    assert report.root == full.root
    assert report.as_json()["checkpoint"] == {"size": SIZE}
    assert report.signatures == SIZE - OLD + 1
    assert following is not None
    assert whole is not None
    assert following.to_json() == whole.to_json()


def test_a_state_is_kept_and_read_again(later: tuple[World, State], tmp_path: Path) -> None:
    _, state = later
    path = tmp_path / "deep" / "state.json"
    assert load_state(path) is None
    save_state(path, state)
    found = load_state(path)
    assert found is not None
    assert found.to_json() == state.to_json()
    assert [entry.name for entry in path.parent.iterdir()] == ["state.json"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"format": 1', b'"format": 2'),
        (b'"streams": ', b'"streams": "x" , "z":'),
        (b'"root": "', b'"root": "0'),
        (b"{", b"["),
    ],
)
def test_a_damaged_state_is_refused(later: tuple[World, State], old: bytes, new: bytes) -> None:
    data = later[1].to_json()
    assert old in data
    with pytest.raises(Malformed):
        parse_state(data.replace(old, new, 1))


def test_nothing_new_is_fine(later: tuple[World, State]) -> None:
    world, _ = later
    state = after(world)
    report, following = check(world, state)
    assert (report.ok, report.since) == (True, SIZE)
    assert following is not None
    assert following.to_json() == state.to_json()


def test_under_another_trust_file_everything_is_read(later: tuple[World, State]) -> None:
    world, state = later
    report, _ = check(world, replace(state, trust=None))
    assert (report.ok, report.since) == (True, 0)


def test_the_log_s_own_keys_are_taken_up(engine: Engine) -> None:
    world = lived_in(engine)
    state = after(world)
    assert state.log_key_entries == (0,)
    world.note("more", by="binh.2")
    world.checkpoint()
    report, _ = check(world, state)
    assert (report.ok, report.since) == (True, 12)


Tamper = Callable[[Connection], object]


def row(seq: int, **values: Any) -> Tamper:
    return lambda connection: connection.execute(update(ENTRY).where(ENTRY.c.seq == seq).values(**values))


def grow_tile(connection: Connection) -> None:
    connection.execute(insert(TILE), {"log": 1, "level": 1, "tile": 1, "hashes": b"h" * 32})


NEW: dict[str, Tamper] = {
    "event": row(800, event=b"x"),
    "time": row(800, recorded_at=1),
    "stream": row(800, stream=0, stream_seq=50),
    "key": row(800, key=0),
    "idem": row(800, idem=b"0123456789abcdef"),
    "gone": lambda connection: connection.execute(delete(ENTRY).where(ENTRY.c.seq == 999)),
    "upper tile": lambda connection: connection.execute(
        update(TILE).where(TILE.c.level == 1).values(hashes=b"h" * 96)
    ),
    "upper tile too many": grow_tile,
    "leaf": lambda connection: connection.execute(
        update(TILE).where(TILE.c.level == 0, TILE.c.tile == 3).values(hashes=b"h" * 32 * 232)
    ),
    "head": lambda connection: connection.execute(update(HEAD).values(size=SIZE + 1)),
    "stream's head": lambda connection: connection.execute(
        update(STREAM).where(STREAM.c.stream == 3).values(head="0" * 64)
    ),
    "stream too many": lambda connection: connection.execute(
        insert(STREAM), {"log": 1, "stream": 9999, "name": "ghost", "length": 1, "head": "0" * 64}
    ),
    "key's custody": lambda connection: connection.execute(
        update(KEY).where(KEY.c.key == 1).values(custody="device")
    ),
    "value": lambda connection: connection.execute(delete(SEALED).where(SEALED.c.subject == "subject-3")),
}


@pytest.mark.parametrize("name", NEW)
def test_what_is_done_to_what_is_new_is_found(later: tuple[World, State], name: str) -> None:
    world, state = later
    with unfenced(world.engine) as connection:
        NEW[name](connection)
        reader = covered(connection)
        assert not Incremental(reader, world.trust, state).knowing(None, world.subjects).prove()
        report, following = verify_new(reader, state, now=START, trust=world.trust, subjects=world.subjects)
        full = verify(reader, trust=world.trust, subjects=world.subjects)
    assert following is None
    assert report.findings == full.findings


def test_an_old_tile_drawn_by_lot_is_looked_at_again(later: tuple[World, State]) -> None:
    world, state = later
    with unfenced(world.engine) as connection:
        row(300, key=0)(connection)
        reader = covered(connection)
        assert Incremental(reader, world.trust, state).prove()
        assert not Incremental(reader, world.trust, state, audited=[1]).prove()
        assert Incremental(reader, world.trust, state, audited=[0]).prove()


def test_an_old_stream_that_goes_on_is_proved_by_its_last_event(engine: Engine) -> None:
    world = lived_in(engine)
    state = after(world)
    world.note("more", by="binh.2")
    with unfenced(engine) as connection:
        row(11, recorded_at=5)(connection)
        report, _ = verify_new(covered(connection), state, now=START, trust=world.trust)
    assert (11, "ledger.leaf_mismatch") in {(found.seq, found.code) for found in report.findings}


def test_a_log_that_was_rewritten_or_cut_is_refused(new_engine: Callable[[], Engine]) -> None:
    whole, other, shorter = new_engine(), new_engine(), new_engine()
    world = lived_in(whole)
    state = after(world)
    rewritten = World(other).open().register("an").register("binh")
    for number in range(20):
        rewritten.note(f"other {number}")
    rewritten.checkpoint()
    cut = World(shorter).open().register("an").register("binh")
    cut.note("first")
    cut.checkpoint()
    for made in (rewritten, cut):
        report, following = check(made, state)
        assert [finding.code for finding in report.findings] == ["ledger.log_rewritten"]
        assert following is None


def test_keys_and_their_counts_go_on(engine: Engine) -> None:
    world = World(engine).open().register("an")
    key = signer("an")

    def counted(number: int | None) -> None:
        actor = Actor(party="an", role="writer", kid=key.kid, key_seq=number)
        world.submit(world.event("note.written.v1", [actor], {"text": "counted"}), key)

    counted(0)
    world.checkpoint()
    state = after(world)
    assert [found.counted for found in state.keys] == [None, None, 0]
    counted(1)
    world.revoke("an")
    report, following = check(world, state)
    assert report.ok
    assert following is not None
    assert [(found.counted, found.until) for found in following.keys] == [(None, None), (None, None), (1, 4)]
    assert key_fields(key.public_key, party="an", custody="device")["kid"] == following.keys[2].kid
