import itertools
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, insert, update
from sqlalchemy import text as sql

from ledger import failpoints
from ledger.errors import Conflict, NotFound
from ledger.format.checkpoint import Checkpoint, check_proof, claimed_checkpoint, open_checkpoint, parse_proof
from ledger.format.entry import entry_hash, parse_entry
from ledger.format.note import NoteSigner, add_lines, open_note
from ledger.format.tree import EMPTY_ROOT, consistency_proof, root, verify_consistency
from ledger.publishing.guard import Guard
from ledger.publishing.leadership import Leadership
from ledger.publishing.published import prove_entry
from ledger.publishing.publisher import Publisher, keep_cosignatures, last_checkpoint, newest_note, publish
from ledger.publishing.standing import standing
from ledger.storage.db import reading, writing
from ledger.storage.store import CHECKPOINT, ENTRY, TILE, leaf_hashes, rows
from ledger.verifying.verify import verify
from ledger.writing import append
from tests.ledger.incidents import cut_back
from tests.ledger.tampering import drop_fences
from tests.ledger.world import ORIGIN, START, World, note_signer


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine).open().register("an")


def test_an_empty_log_has_a_checkpoint_too(engine: Engine) -> None:
    world = World(engine)
    size, note = world.checkpoint()
    assert size == 0
    assert open_checkpoint(note, world.log_keys, ORIGIN).root == EMPTY_ROOT


def test_checkpoints_follow_from_each_other(world: World) -> None:
    first = open_checkpoint(world.checkpoint()[1], world.log_keys, ORIGIN)
    world.note()
    world.note()
    second = open_checkpoint(world.checkpoint()[1], world.log_keys, ORIGIN)
    with reading(world.engine) as reader:
        leaves = leaf_hashes(reader, world.log)
        assert last_checkpoint(reader, world.log) == world.checkpoint()
    proof = consistency_proof(leaves, first.size)
    assert verify_consistency(first.size, second.size, proof, first.root, second.root)


def test_nothing_new_means_no_new_checkpoint(world: World) -> None:
    assert world.checkpoint() == world.checkpoint()
    with reading(world.engine) as reader:
        assert len(rows(reader, CHECKPOINT)) == 1


def test_every_entry_is_proved_offline(world: World) -> None:
    for i in range(5):
        world.note(f"note {i}")
    world.checkpoint()
    with reading(world.engine) as reader:
        texts = [prove_entry(reader, world.log, seq).to_text() for seq in range(7)]
    for seq, text in enumerate(texts):
        proof = parse_proof(text)
        assert proof.extra is not None
        assert parse_entry(proof.extra).seq == proof.index == seq
        assert check_proof(proof, entry_hash(proof.extra), world.log_keys, ORIGIN).size == 7


def test_what_is_not_there_or_not_yet_checkpointed_has_no_proof(world: World) -> None:
    with reading(world.engine) as reader:
        with pytest.raises(NotFound, match="not_checkpointed"):
            prove_entry(reader, world.log, 0)
        with pytest.raises(NotFound, match="entry_unknown"):
            prove_entry(reader, world.log, 9)
    world.checkpoint()
    world.note()
    with reading(world.engine) as reader, pytest.raises(NotFound, match="not_checkpointed"):
        prove_entry(reader, world.log, 2)


def test_a_byte_that_flipped_is_never_signed(world: World) -> None:
    world.checkpoint()
    world.note("before")
    drop_fences(world.engine)
    with writing(world.engine, world.log) as writer:
        event = rows(writer, ENTRY, seq=2)[0]["event"].replace(b"before", b"beFore")
        writer.execute(update(ENTRY).where(ENTRY.c.seq == 2).values(event=event))
    with pytest.raises(Conflict, match="leaf_mismatch"):
        world.checkpoint()


def test_a_rewritten_past_is_never_signed(world: World) -> None:
    world.checkpoint()
    world.note()
    drop_fences(world.engine)
    with writing(world.engine, world.log) as writer:
        hashes = bytearray(rows(writer, TILE)[0]["hashes"])
        hashes[0] ^= 1
        writer.execute(update(TILE).values(hashes=bytes(hashes)))
    with pytest.raises(Conflict, match="checkpoint_mismatch"):
        world.checkpoint()


@dataclass(frozen=True, slots=True)
class Overtaken(NoteSigner):
    """A signer during whose signing another publisher finishes."""

    world: World = field(kw_only=True)

    def sign_line(self, text: str, at: datetime) -> str:
        self.world.checkpoint()
        return NoteSigner(self.name, self.private).sign_line(text, at)


def test_two_publishers_at_once_leave_one_checkpoint(world: World) -> None:
    late = Overtaken(ORIGIN, world.log_signer.private, world=world)
    assert publish(world.engine, world.log, ORIGIN, [late], now=START) == world.checkpoint()
    with reading(world.engine) as reader:
        assert len(rows(reader, CHECKPOINT)) == 1


# With a guard.


@pytest.fixture
def guard(tmp_path: Path) -> Guard:
    return Guard(tmp_path / "elsewhere" / "guard.journal")


def publisher(world: World, guard: Guard, heartbeat: timedelta | None = None) -> Publisher:
    return Publisher(world.engine, world.log, ORIGIN, world.log_signers, guard=guard, heartbeat=heartbeat)


def many(world: World, count: int) -> None:
    for _ in range(count):
        world.note()


def sizes(guard: Guard) -> list[int]:
    return [claimed_checkpoint(note).size for note in guard.notes()]


def stored_sizes(world: World) -> list[int]:
    with reading(world.engine) as reader:
        return [row["size"] for row in rows(reader, CHECKPOINT)]


def test_guard_and_table_hold_the_same_notes(world: World, guard: Guard) -> None:
    one = publisher(world, guard)
    size, note = 0, ""
    for _ in range(3):
        world.note()
        size, note = one.publish(world.now())
        assert guard.last() == note
        assert open_checkpoint(note, world.log_keys, ORIGIN).size == size
    assert one.publish(world.now()) == (size, note)
    assert sizes(guard) == stored_sizes(world) == [3, 4, 5]


def test_a_publisher_that_remembers_signs_what_a_fresh_one_would(world: World, guard: Guard) -> None:
    one, note = publisher(world, guard), ""
    for count in (1, 254, 1, 300):
        many(world, count)
        _, note = one.publish(world.now())
        with reading(world.engine) as reader:
            leaves = leaf_hashes(reader, world.log)
        assert claimed_checkpoint(note).root == root(leaves)
    assert publisher(world, guard).publish(world.now())[1] == note


@pytest.mark.parametrize("point", ["checkpoint_signed", "guard_swapped", "checkpoint_stored"])
def test_what_was_signed_before_a_crash_is_what_stands_after_it(
    world: World, guard: Guard, point: str
) -> None:
    publisher(world, guard).publish(world.now())
    world.note()

    def crash() -> None:
        raise SystemExit

    failpoints.at(point, crash)
    try:
        with pytest.raises(SystemExit):
            publisher(world, guard).publish(world.now())
    finally:
        failpoints.at(point, None)
    told = guard.last()
    assert sizes(guard) == ([2] if point == "checkpoint_signed" else [2, 3])
    assert stored_sizes(world) == ([2, 3] if point == "checkpoint_stored" else [2])
    again = Guard(guard.path)
    _, note = publisher(world, again).publish(world.now())
    assert sizes(again) == stored_sizes(world) == [2, 3]
    with reading(world.engine) as reader:
        assert last_checkpoint(reader, world.log) == (3, note)
    assert point == "checkpoint_signed" or note == told


def test_a_note_that_only_the_guard_has_is_stored_before_another_is_signed(
    world: World, guard: Guard
) -> None:
    def crash() -> None:
        raise SystemExit

    for crashes in (1, 2):
        failpoints.at("guard_swapped", crash)
        try:
            with pytest.raises(SystemExit):
                publisher(world, guard).publish(world.now())
        finally:
            failpoints.at("guard_swapped", None)
        world.note()
        assert len(sizes(guard)) == crashes
        assert len(stored_sizes(world)) == crashes - 1
    publisher(world, guard).publish(world.now())
    assert sizes(guard) == stored_sizes(world)


def test_a_heartbeat_has_a_new_time_and_leaves_the_table_alone(world: World, guard: Guard) -> None:
    one = publisher(world, guard, heartbeat=timedelta(minutes=5))
    size, first = one.publish(START)
    assert one.publish(START + timedelta(seconds=299)) == (size, first)
    assert not one.is_due(START + timedelta(seconds=299))
    assert one.is_due(START + timedelta(seconds=300))
    again, beat = one.publish(START + timedelta(seconds=300))
    assert again == size
    assert beat != first
    assert claimed_checkpoint(beat) == claimed_checkpoint(first)
    times = [open_note(note, world.log_keys).timestamps[1] for note in (first, beat)]
    assert times == [int(START.timestamp()), int(START.timestamp()) + 300]
    assert stored_sizes(world) == [2]
    assert guard.last() == beat
    with reading(world.engine) as reader:
        assert last_checkpoint(reader, world.log) == (2, first)
        assert newest_note(reader, world.log, guard) == beat
        assert verify(reader, trust=world.trust).ok
    world.note()
    assert one.publish(START + timedelta(seconds=301))[0] == 3


def test_a_log_without_a_post_quantum_key_has_no_heartbeat(world: World, guard: Guard) -> None:
    one = Publisher(
        world.engine, world.log, ORIGIN, [world.log_signer], guard=guard, heartbeat=timedelta(minutes=5)
    )
    assert one.publish(START) == one.publish(START + timedelta(hours=1))
    assert len(sizes(guard)) == 1


def test_the_note_that_is_served_has_the_cosignatures(world: World, guard: Guard) -> None:
    size, note = publisher(world, guard).publish(START)
    line = note_signer("witness.example/one").sign_line(claimed_checkpoint(note).text, START)
    assert keep_cosignatures(world.engine, world.log, size, [line]) == 1
    assert keep_cosignatures(world.engine, world.log, size, [line]) == 0
    with reading(world.engine) as reader:
        assert newest_note(reader, world.log, guard) == add_lines(note, [line])


def flipped_between_hashing_and_tree(world: World) -> str:
    """Drill 17: the row is committed with a bit that was right while it was hashed; return the code."""
    whole = append.Appender._entry

    def flipped(self: append.Appender, placed: append.Placed) -> tuple[object, ...]:
        *row, event = whole(self, placed)
        return (*row, event[:-3] + bytes([event[-3] ^ 1]) + event[-2:])

    append.Appender._entry = flipped  # type: ignore[assignment, method-assign]
    try:
        world.note()
    finally:
        append.Appender._entry = whole  # type: ignore[method-assign]
    with pytest.raises(Conflict) as refused:
        world.checkpoint()
    return refused.value.code


def test_a_bit_that_flipped_between_hashing_and_tree_is_not_signed(world: World) -> None:
    world.checkpoint()
    assert flipped_between_hashing_and_tree(world) == "ledger.leaf_mismatch"
    assert stored_sizes(world) == [2]


def test_a_lost_row_and_a_wrong_upper_tile_are_not_signed(world: World, guard: Guard) -> None:
    one = publisher(world, guard)
    one.publish(world.now())
    many(world, 600)
    drop_fences(world.engine)
    with writing(world.engine, world.log) as writer:
        good = rows(writer, TILE, level=1)[0]["hashes"]
        writer.execute(update(TILE).where(TILE.c.level == 1).values(hashes=bytes(32) + good[32:]))
    with pytest.raises(Conflict, match="tile_mismatch"):
        one.publish(world.now())
    with writing(world.engine, world.log) as writer:
        writer.execute(update(TILE).where(TILE.c.level == 1).values(hashes=good))
        kept = rows(writer, ENTRY, seq=300)[0]
        writer.execute(delete(ENTRY).where(ENTRY.c.seq == 300))
    with pytest.raises(Conflict, match="leaf_mismatch"):
        one.publish(world.now())
    with writing(world.engine, world.log) as writer:
        writer.execute(insert(ENTRY), kept)
    assert one.publish(world.now())[0] == 602


def test_two_publishers_with_a_guard_sign_one_thing(world: World, guard: Guard) -> None:
    first, second = publisher(world, guard), publisher(world, Guard(guard.path))
    first.publish(world.now())
    second.publish(world.now())
    world.note()

    def overtake() -> None:
        failpoints.at("checkpoint_signed", None)
        second.publish(world.now())

    failpoints.at("checkpoint_signed", overtake)
    size, note = first.publish(world.now())
    assert sizes(guard) == stored_sizes(world) == [2, 3]
    assert (size, note) == (3, guard.last())


def test_a_log_that_the_guard_does_not_know_or_knows_otherwise_is_not_signed(
    world: World, guard: Guard, tmp_path: Path
) -> None:
    publisher(world, guard).publish(world.now())
    old = guard.path.read_bytes()
    world.note()
    publisher(world, guard).publish(world.now())
    (tmp_path / "old").write_bytes(old)
    other = Guard(tmp_path / "other")
    text = Checkpoint(ORIGIN, 1, b"x" * 32).text
    other.swap(None, world.log_signer.sign(text, START))
    ahead = Guard(tmp_path / "ahead")
    ahead.swap(None, world.log_signer.sign(Checkpoint(ORIGIN, 9, b"x" * 32).text, START))
    for stranger, code in (
        (Guard(tmp_path / "none"), "guard_missing"),
        (Guard(tmp_path / "old"), "guard_behind"),
        (other, "forked"),
        (ahead, "behind_guard"),
    ):
        before = list(stranger.notes())
        with pytest.raises(Conflict, match=code):
            publisher(world, stranger).publish(world.now())
        assert list(stranger.notes()) == before
    assert stored_sizes(world) == [2, 3]


def test_one_of_two_publishers_leads_on_postgres(world: World) -> None:
    first, second = Leadership(world.engine, world.log), Leadership(world.engine, world.log)
    assert first.lead()
    assert first.lead()
    if world.engine.dialect.name == "postgresql":
        assert not second.lead()
        first.resign()
    assert second.lead()
    second.resign()


@pytest.mark.postgres
def test_a_leader_whose_session_is_ended_leads_no_more_and_may_again(postgres_engine: Engine) -> None:
    world = World(postgres_engine).open()
    leader = Leadership(world.engine, world.log)
    assert leader.lead()
    held = leader._held
    assert held is not None
    session = held.execute(sql("SELECT pg_backend_pid()")).scalar_one()
    with world.engine.begin() as other:
        other.execute(sql("SELECT pg_terminate_backend(:session, 5000)"), {"session": session})
    assert not leader.lead()
    assert leader.lead()
    leader.resign()
    leader.resign()


def test_who_is_overtaken_again_and_again_gives_up(
    world: World, guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = publisher(world, guard)
    one.publish(world.now())
    world.note()
    notes = (f"note {number}" for number in itertools.count())
    monkeypatch.setattr(Guard, "last", lambda _: next(notes))
    monkeypatch.setattr(Publisher, "_standing", lambda *_: None)
    with pytest.raises(Conflict, match="guard_moved"):
        one.publish(world.now())


def test_a_publisher_that_remembers_sees_that_the_log_was_cut(world: World, guard: Guard) -> None:
    one = publisher(world, guard)
    many(world, 3)
    one.publish(world.now())
    cut_back(world.engine, world.log, 3)
    with pytest.raises(Conflict, match="behind_guard"):
        one.publish(world.now())


def test_growth_that_stored_tiles_do_not_prove_is_not_signed(
    world: World, guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = publisher(world, guard)
    one.publish(world.now())
    many(world, 3)
    monkeypatch.setattr("ledger.publishing.publisher.consistency", lambda *_: ())
    with pytest.raises(Conflict, match="tile_mismatch"):
        one.publish(world.now())


def test_a_note_of_another_key_is_never_old(world: World, guard: Guard) -> None:
    publisher(world, guard).publish(world.now())
    other = Publisher(
        world.engine, world.log, ORIGIN, [note_signer("evil")], guard=guard, heartbeat=timedelta(0)
    )
    assert not other.is_due(world.now())


_PUBLISHING = """
import sys
from datetime import timedelta
from pathlib import Path
from ledger.storage.db import open_engine
from ledger.publishing.guard import Guard
from ledger.publishing.publisher import Publisher
from tests.ledger.world import ORIGIN, World

url, path, run = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
world = World(open_engine(url), numbers=run * 100_000)
one = Publisher(world.engine, world.log, ORIGIN, world.log_signers, guard=Guard(path))
for n in range(100_000):
    seq = world.note(stream=f"run-{run}/{n}").receipt.seq
    print("recorded", seq, flush=True)
    if n % 3 == 0:
        print("signed", one.publish(world.now())[0], flush=True)
"""


def test_kill_9_between_recording_and_signing_loses_nothing(world: World, guard: Guard) -> None:
    publisher(world, guard).publish(world.now())
    url = world.engine.url.render_as_string(hide_password=False)
    recorded = signed = 0
    chance = random.Random(37)  # noqa: S311  no secret
    for run in range(1, 7):
        command = [sys.executable, "-c", _PUBLISHING, url, str(guard.path), str(run)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline()
        time.sleep(chance.uniform(0.02, 0.3))
        process.send_signal(signal.SIGKILL)
        lines = [line.split() for line in process.stdout.read().split("\n")[:-1]]
        process.wait()
        process.stdout.close()
        recorded = max([recorded, *(int(n) + 1 for what, n in lines if what == "recorded")])
        signed = max([signed, *(int(n) for what, n in lines if what == "signed")])
        again = Guard(guard.path)
        with reading(world.engine) as reader:
            assert standing(reader, world.log, again) is None
        last = again.last()
        assert last is not None
        assert claimed_checkpoint(last).size >= signed
        size, _ = publisher(world, again).publish(world.now())
        assert size >= recorded
        assert set(stored_sizes(world)) == set(sizes(again))
    assert signed > 6
    with reading(world.engine) as reader:
        report = verify(reader, trust=world.trust, guard=Guard(guard.path))
    assert report.ok, report.as_json()
