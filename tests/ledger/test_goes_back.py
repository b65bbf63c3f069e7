"""Acts that were signed offline and name an earlier event of their stream: taken, and verified everywhere."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, delete, update

from ledger.errors import Conflict
from ledger.format.entry import envelope_hash, parse_envelope
from ledger.format.event import Event
from ledger.publishing.export import export
from ledger.report import Report
from ledger.storage.db import Reader, reading
from ledger.storage.store import ENTRY, STREAM, rows
from ledger.verifying import fast
from ledger.verifying.ancestors import earlier
from ledger.verifying.fast import Fast
from ledger.verifying.incremental import Incremental
from ledger.verifying.offline import check_export
from ledger.verifying.verify import verify, verify_new
from ledger.writing.writer import Recorded
from migrations.fences import fence
from tests.ledger.machine_hands import in_hand
from tests.ledger.synthetic import Bulk
from tests.ledger.tampering import covered, drop_fences, unfenced
from tests.ledger.test_dishonest import unchecked
from tests.ledger.world import START, World, envelope, signer, uuid7
from verifier import ctnh_verify

Found = set[tuple[int | None, str]]


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine).open().register("an").register("binh")


def back(world: World, ancestor: str | None, **changed: Any) -> Event:
    """A note that binh signed offline, on an event of its stream."""
    return world.written("late", signer("binh"), party="binh", stream_prev=ancestor, offline=True, **changed)


def found(report: Report) -> Found:
    return {(finding.seq, finding.code.removeprefix("ledger.")) for finding in report.findings}


def by_the_walk(reader: Reader, world: World, monkeypatch: pytest.MonkeyPatch) -> Found:
    with monkeypatch.context() as patched:
        patched.setattr(Fast, "prove", lambda _: False)
        return found(verify(reader, trust=world.trust, subjects=world.subjects)) - {
            (None, "verifiers_disagree")
        }


def by_both_files(reader: Reader, world: World, folder: Path) -> tuple[Found, Found]:
    export(reader, world.log, folder)
    first = found(check_export(folder, world.trust))
    _, second = ctnh_verify.verify(folder, ctnh_verify.read_trust(world.trust.to_json()))
    return first, {(seq, code.removeprefix("ledger.")) for seq, code, _ in second.kept}


def everywhere(world: World, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Found:
    """Return what every verifier finds; all of them have to find the same."""
    world.checkpoint()
    with reading(world.engine) as reader:
        walked = by_the_walk(reader, world, monkeypatch)
        assert found(verify(reader, trust=world.trust, subjects=world.subjects)) == walked
        proved = Fast(reader, world.origin, world.trust).knowing(None, world.subjects).prove()
        assert proved is not bool(walked)
        assert by_both_files(reader, world, folder) == (walked, walked)
    return walked


def test_any_earlier_event_of_the_stream_may_be_named(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = world.note("one").envelope_hash
    second = world.note("two").envelope_hash
    world.note("elsewhere", stream="other")
    world.submit(back(world, first), signer("binh"))
    late = world.submit(back(world, second), signer("binh"))
    world.submit(back(world, first), signer("binh"))
    world.submit(back(world, late.envelope_hash), signer("binh"))
    # Whoever has network goes on from the head, which is the last of them.
    world.note("after them")
    assert everywhere(world, tmp_path, monkeypatch) == set()


def test_the_head_may_be_named_offline_too(world: World) -> None:
    world.note("one")
    assert world.submit(back(world, world.heads["notes"]), signer("binh")).receipt.seq == 4


@pytest.mark.parametrize("name", ["null", "nobody's", "another stream's", "its own stream's first, online"])
def test_nothing_else_may_be_named(world: World, name: str) -> None:
    first = world.note("one").envelope_hash
    world.note("two")
    other = world.note("elsewhere", stream="other").envelope_hash
    named = {"null": None, "nobody's": "ab" * 32, "another stream's": other}.get(name, first)
    event = back(world, named)
    if named == first:
        event = world.written("late", signer("binh"), party="binh", stream_prev=first)
    size = len(world.recorded)
    with pytest.raises(Conflict, match="stale_stream") as refused:
        world.submit(event, signer("binh"))
    assert refused.value.problems[0].facts == {"head": world.heads["notes"]}
    assert len(world.recorded) == size


def test_a_stream_is_not_begun_by_going_back(world: World) -> None:
    named = world.note("one").envelope_hash
    with pytest.raises(Conflict, match="stale_stream"):
        world.submit(back(world, named, stream="new"), signer("binh"))


def test_the_same_act_twice_gets_its_first_receipt(world: World) -> None:
    first = world.note("one").envelope_hash
    world.note("two")
    event = back(world, first)
    done = world.submit(event, signer("binh"))
    world.note("three")
    again = world.submit(event, signer("binh"))
    assert (again.receipt, again.repeated) == (done.receipt, True)


def test_of_two_on_one_ancestor_both_are_taken_one_after_the_other(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = world.note("one").envelope_hash
    acts = [back(world, first) for _ in range(2)]
    with reading(world.engine) as reader:  # both judged before either is written
        data = [envelope(event, signer("binh")) for event in acts]
        prepared = [world.ledger.prepare(reader, one, now=world.now()) for one in data]
    tickets = [world.ledger.put(one) for one in prepared]  # type: ignore[arg-type]
    assert [ticket.result().seq for ticket in tickets] == [4, 5]
    assert everywhere(world, tmp_path, monkeypatch) == set()


# An operator whose writer takes places as they come, and who signs the checkpoint over what comes out.


def later_one(world: World, first: str) -> tuple[Event, str]:
    """An act that is recorded later, and its hash, which whoever signed it can tell beforehand."""
    event = back(world, first)
    return event, envelope_hash(envelope(event, signer("binh")))


@pytest.mark.parametrize("name", ["null", "nobody's", "another stream's", "a later one", "online"])
def test_an_act_made_to_name_anything_else_is_found_by_every_verifier(
    world: World, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = world.note("one").envelope_hash
    world.note("two")
    other = world.note("elsewhere", stream="other").envelope_hash
    later, its = later_one(world, first)
    unchecked(monkeypatch, "_check_place")
    named = {"null": None, "nobody's": "ab" * 32, "another stream's": other, "a later one": its}
    if name == "online":
        world.note("late", by="binh", stream_prev=first)
    else:
        world.submit(back(world, named[name]), signer("binh"))
    world.submit(later, signer("binh"))
    assert everywhere(world, tmp_path, monkeypatch) == {(6, "stream_broken")}


def test_a_stream_begun_by_going_back_is_found(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = world.note("one").envelope_hash
    unchecked(monkeypatch, "_check_place")
    world.submit(back(world, first, stream="new"), signer("binh"))
    assert everywhere(world, tmp_path, monkeypatch) == {(4, "stream_broken")}


def test_whoever_leaves_the_ancestor_out_is_found(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.note("one")
    left_out = world.written("two", signer("an"), party="an")
    unchecked(monkeypatch, "_check_place")
    world.note("three")
    world.submit(back(world, envelope_hash(envelope(left_out, signer("an")))), signer("binh"))
    assert everywhere(world, tmp_path, monkeypatch) == {(5, "stream_broken")}


# Whoever has the database in his hands.


def goes_back(engine: Engine) -> World:
    """3 one, 4 two, 5 elsewhere, 6 three, 7 late on two, 8 four."""
    world = World(engine).open().register("an").register("binh")
    world.note("one")
    second = world.note("two").envelope_hash
    world.note("elsewhere", stream="other")
    world.note("three")
    world.submit(back(world, second), signer("binh"))
    world.note("four")
    world.checkpoint()
    return world


Tampered = tuple[int, dict[str, Any], Found]
TAMPERED: dict[str, Tampered] = {
    "the ancestor's bytes": (4, {"event": b"x"}, {(4, "leaf_mismatch"), (4, "entry_malformed")}),
    "the ancestor's stream": (4, {"stream": 4, "stream_seq": 9}, {(4, "column_mismatch")}),
    "the act's stream": (7, {"stream": 4, "stream_seq": 9}, {(7, "column_mismatch")}),
    "the act's bytes": (7, {"event": b"x"}, {(7, "leaf_mismatch"), (7, "entry_malformed")}),
    "the one between": (6, {"event": b"x"}, {(6, "leaf_mismatch"), (6, "entry_malformed")}),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_what_is_damaged_around_it_is_named_once(module_world: World, name: str) -> None:
    seq, values, expected = TAMPERED[name]
    world = module_world
    with unfenced(world.engine) as connection:
        connection.execute(update(ENTRY).where(ENTRY.c.seq == seq).values(**values))
        assert found(verify(covered(connection), trust=world.trust)) == expected


@pytest.mark.parametrize("seq", [3, 4, 6, 7])
def test_an_entry_that_is_gone_is_all_that_is_found(module_world: World, seq: int) -> None:
    with unfenced(module_world.engine) as connection:
        connection.execute(delete(ENTRY).where(ENTRY.c.seq == seq))
        report = verify(covered(connection), trust=module_world.trust)
    assert found(report) == {(seq, "entry_missing")}


@pytest.fixture(scope="module")
def module_world(module_engine: Engine) -> World:
    return goes_back(module_engine)


# Ranges, other processes, and what an auditor has kept.


@pytest.mark.parametrize("width", [1, 2, 3, 5, 64])
def test_ranges_of_any_width_prove_it(
    module_world: World, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fast, "RANGE", {True: width, False: width})
    for signatures in (True, False):
        with reading(module_world.engine) as reader:
            run = Fast(reader, module_world.origin, module_world.trust, signatures=signatures)
            assert run.knowing(None, module_world.subjects).prove()


def test_other_processes_prove_it(sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    world = goes_back(sqlite_engine)
    monkeypatch.setattr(fast, "WORTH_IT", {True: 0, False: 0})
    monkeypatch.setattr(fast, "RANGE", {True: 3, False: 3})
    with reading(world.engine) as reader:
        assert Fast(reader, world.origin, world.trust, jobs=2).knowing(None, world.subjects).prove()


def test_what_is_new_may_go_back_to_what_is_old(world: World) -> None:
    first = world.note("one").envelope_hash
    second = world.note("two").envelope_hash
    Bulk(world, by=("an",)).add(300)
    with reading(world.engine) as reader:
        _, state = verify_new(reader, None, now=START)
    assert state is not None
    assert state.tree.size == 305
    for ancestor in (first, second, first):
        world.submit(back(world, ancestor), signer("binh"))
    with reading(world.engine) as reader:
        report, following = verify_new(reader, state, now=START)
        full, whole = verify_new(reader, None, now=START)
    assert (report.ok, report.since, report.size) == (True, 305, 308)
    assert full.ok
    assert following is not None
    assert whole is not None
    assert following.to_json() == whole.to_json()


def test_what_is_new_may_not_go_back_to_what_was_put_in_since(sqlite_engine: Engine) -> None:
    world = World(sqlite_engine).open().register("an").register("binh")
    world.note("one")
    third = replace(world.written("forged", signer("binh"), party="binh"), idem=uuid7(777))
    world.note("two")
    world.note("three")
    with reading(world.engine) as reader:
        _, state = verify_new(reader, None, now=START)
    assert state is not None
    forged = parse_envelope(envelope(third, signer("binh")))
    drop_fences(world.engine)
    with world.engine.begin() as connection:
        put = {"signatures": forged.head, "event": forged.event, "idem": UUID(third.idem).bytes, "key": 3}
        connection.execute(update(ENTRY).where(ENTRY.c.seq == 4).values(**put))
        fence(connection)
    world.submit(back(world, forged.hash), signer("binh"))
    with reading(world.engine) as reader:
        attempt = Incremental(reader, None, state).knowing(None, None)
        assert not attempt.prove()
        report, following = verify_new(reader, state, now=START)
    assert (4, "leaf_mismatch") in found(report)
    assert following is None


@pytest.mark.parametrize("event", [b"no event", 7, b"x" * 100_000], ids=["no event", "a number", "too long"])
def test_what_is_no_event_any_more_is_no_ancestor(sqlite_engine: Engine, event: object) -> None:
    world = World(sqlite_engine).open().register("an").register("binh")
    first, second = (world.note(text) for text in ("one", "two"))
    assert ancestors(world, first) >= {first.envelope_hash, second.envelope_hash}
    with in_hand(world.engine) as connection:
        change = "UPDATE ledger_entry SET event = ? WHERE seq = ?"
        connection.exec_driver_sql(change, (event, first.receipt.seq))
    assert first.envelope_hash not in ancestors(world, first)
    assert second.envelope_hash in ancestors(world, first)


def test_a_log_whose_beginning_is_illegible_has_no_predecessors_to_ask(sqlite_engine: Engine) -> None:
    world = World(sqlite_engine).open().register("an").register("binh")
    first = world.note("one")
    with in_hand(world.engine) as connection:
        connection.exec_driver_sql("UPDATE ledger_entry SET event = ? WHERE seq = 0", (b"no event",))
    assert first.envelope_hash in ancestors(world, first)


def ancestors(world: World, note: Recorded) -> set[str]:
    """Return what a further act of a note's stream may name."""
    with reading(world.engine) as reader:
        (row,) = rows(reader, ENTRY, log=world.log, seq=note.receipt.seq)
        (stream,) = rows(reader, STREAM, log=world.log, stream=row["stream"])
        return earlier(reader, world.log, stream["name"], row["stream"], 99)
