from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, update

from ledger.continuity import epoch
from ledger.errors import Conflict, Malformed, NotAllowed, Refused
from ledger.format.checkpoint import claimed_checkpoint
from ledger.format.entry import envelope_hash
from ledger.format.event import Actor, Event, parse
from ledger.format.keys import key_fields
from ledger.format.note import NoteSigner
from ledger.publishing.guard import Guard
from ledger.publishing.publisher import publish
from ledger.report import Finding, Report
from ledger.storage.db import open_engine, reading, writing
from ledger.storage.predecessor import (
    Predecessor,
    closed,
    newest,
    next_origin,
    predecessor,
    predecessor_of,
    whole_stream,
)
from ledger.storage.store import ENTRY, KEY, STREAM, TILE, rows
from ledger.verifying.verify import verify
from tests.ledger.incidents import copy_of
from tests.ledger.tampering import drop_fences
from tests.ledger.test_dishonest import unchecked
from tests.ledger.world import OPERATORS, ORIGIN, START, World, envelope, note_signer, signer

SECOND = f"{ORIGIN}/2"
UNTIL = START + timedelta(days=30)


class Broken:
    """A world that lost its last entries for good, and what its actors still hold of them."""

    def __init__(self, engine: Engine, guard: Guard) -> None:
        whole = World(engine).open().register("an").register("binh")
        whole.note("first")
        whole.revoke("binh")
        publish(engine, whole.log, ORIGIN, whole.log_signers, now=whole.now(), guard=guard)
        place = copy_of(engine)
        self.held = whole.written("lost", signer("an"), party="an")
        whole.submit(self.held, signer("an"))
        whole.note("lost too", stream="other")
        publish(engine, whole.log, ORIGIN, whole.log_signers, now=whole.now(), guard=guard)
        note = guard.last()
        assert note is not None
        self.note = note
        self.engine = open_engine(place)
        self.old = World(self.engine, numbers=500)
        self.new = World(self.engine, origin=SECOND, numbers=600)
        self.new.heads = self.old.heads = self._heads()

    def _heads(self) -> dict[str, str]:
        with reading(self.engine) as reader:
            return {row["name"]: row["head"] for row in rows(reader, STREAM, log=self.old.log)}

    def declaration(self, **changed: Any) -> Predecessor:
        with reading(self.engine) as reader:
            made = epoch.declare(reader, ORIGIN, self.note, lost=(5, 7), cause="two disks", until=UNTIL)
        return replace(made, **changed)

    def opening(self, before: Predecessor, **body: Any) -> Event:
        return self.new.opening(**before.body() | body)

    def go_on(self, **changed: Any) -> World:
        self.begin(self.opening(self.declaration(**changed)))
        with reading(self.engine) as reader:
            self.new.ledger.accepted = epoch.accepted(reader, self.new.log)
        return self.new

    def begin(self, event: Event, by: tuple[str, ...] = OPERATORS) -> None:
        epoch.begin(self.new.ledger, envelope(event, *map(signer, by)), now=self.new.now())
        self.new.heads = self.new.heads | {"log": self.head("log")}

    def head(self, stream: str) -> str:
        with reading(self.engine) as reader:
            return str(rows(reader, STREAM, log=self.new.log, name=stream)[0]["head"])

    def verified(self) -> Report:
        self.new.checkpoint()
        with reading(self.engine) as reader:
            return verify(reader, trust=self.new.trust)


@pytest.fixture
def broken(engine: Engine, tmp_path: Path) -> Iterator[Broken]:
    made = Broken(engine, Guard(tmp_path / "guard.journal"))
    yield made
    made.engine.dispose()


@pytest.mark.parametrize(
    ("origin", "after"),
    [("a.example/x", "a.example/x/2"), ("a.example/x/2", "a.example/x/3"), ("a/9", "a/10"), ("a/1", "a/1/2")],
)
def test_logs_that_go_on_are_counted(origin: str, after: str) -> None:
    assert next_origin(origin) == after


def test_a_log_goes_on_from_what_survives(broken: Broken) -> None:
    world = broken.go_on()
    world.note("life goes on")
    world.register("chi").note("by chi", by="chi", stream="chi")
    world.revoke("an")
    report = broken.verified()
    assert report.ok, report.as_json()
    assert (report.origin, report.size) == (SECOND, 5)
    with reading(broken.engine) as reader:
        assert newest(reader, ORIGIN) == SECOND
        before = predecessor_of(reader, world.log)
        keys = {row["kid"]: (row["since"], row["until"]) for row in rows(reader, KEY, log=world.log)}
        streams = {row["name"]: row["length"] for row in rows(reader, STREAM, log=world.log)}
        notes = whole_stream(reader, world.log, "notes")
    assert before == broken.declaration()
    assert claimed_checkpoint(before.note).size == 7
    assert keys[signer("an").kid] == (1 - 5, 4)
    assert keys[signer("binh").kid] == (2 - 5, 4 - 5)
    assert [keys[signer(name).kid] for name in OPERATORS] == [(0, None)] * 2
    assert streams == {"log": 2, "keys/an": 2, "keys/binh": 2, "notes": 2, "keys/chi": 1, "chi": 1}
    assert [(entry.seq, parse(entry.event).body["text"]) for entry in notes] == [
        (-2, "first"),
        (1, "life goes on"),
    ]


def test_a_key_that_had_ended_stays_ended_and_none_that_was_taken_over_is_a_root(broken: Broken) -> None:
    world = broken.go_on()
    with pytest.raises(NotAllowed, match="key_revoked"):
        world.note("from the grave", by="binh")
    with pytest.raises(NotAllowed, match="key_known_already"):
        world.register("an")


def test_what_was_signed_for_the_predecessor_counts_for_a_while(broken: Broken) -> None:
    world = broken.go_on()
    held = envelope(broken.held, signer("an"))
    taken = world.ledger.submit(held, now=UNTIL)
    world.heads["notes"] = taken.envelope_hash
    world.note("and on", stream="notes")
    report = broken.verified()
    assert report.ok, report.as_json()
    late = broken.new.written("late", signer("an"), party="an", origin=ORIGIN)
    with pytest.raises(Conflict, match="other_origin"):
        world.ledger.submit(envelope(late, signer("an")), now=UNTIL + timedelta(milliseconds=1))


def test_what_was_signed_offline_goes_back_to_before_the_break(broken: Broken) -> None:
    first = broken.new.heads["notes"]
    world = broken.go_on()
    world.note("life goes on")
    world.note("late", stream_prev=first, offline=True)
    # What is lost is nobody's ancestor.
    gone = envelope_hash(envelope(broken.held, signer("an")))
    with pytest.raises(Conflict, match="stale_stream"):
        world.note("later", stream_prev=gone, offline=True)
    report = broken.verified()
    assert report.ok, report.as_json()


def test_an_act_on_what_is_lost_is_found(broken: Broken, monkeypatch: pytest.MonkeyPatch) -> None:
    world = broken.go_on()
    unchecked(monkeypatch, "_check_place")
    world.note("late", stream_prev=envelope_hash(envelope(broken.held, signer("an"))), offline=True)
    assert [(found.seq, found.code) for found in broken.verified().findings] == [(1, "ledger.stream_broken")]


def test_an_event_of_the_predecessor_after_its_time_is_found(broken: Broken) -> None:
    world = broken.go_on()
    world.ledger.accepted = {ORIGIN: UNTIL + timedelta(days=1)}
    world.ledger.submit(envelope(broken.held, signer("an")), now=UNTIL + timedelta(hours=1))
    findings = [(finding.seq, finding.code) for finding in broken.verified().findings]
    assert findings == [(1, "ledger.other_origin")]


def test_the_old_log_is_closed(broken: Broken) -> None:
    with reading(broken.engine) as reader:
        assert closed(reader, ORIGIN) is None
    broken.go_on()
    with reading(broken.engine) as reader:
        problem = closed(reader, ORIGIN)
        assert problem is not None
        assert (problem.code, problem.facts) == ("ledger.log_closed", {"successor": SECOND})
        assert closed(reader, SECOND) is None
        assert verify(reader, origin=ORIGIN).ok


def test_a_second_break_counts_on(broken: Broken) -> None:
    second = broken.go_on()
    second.note("in the second")
    _, note = second.checkpoint()
    third = World(broken.engine, origin=f"{ORIGIN}/3", numbers=800, heads=dict(second.heads))
    with reading(broken.engine) as reader:
        before = epoch.declare(reader, SECOND, note, lost=(2, 9), cause="again", until=UNTIL)
    event = third.opening(**before.body())
    epoch.begin(third.ledger, envelope(event, *map(signer, OPERATORS)), now=third.now())
    with reading(broken.engine) as reader:
        assert newest(reader, ORIGIN) == third.origin
        third.heads["notes"] = rows(reader, STREAM, log=third.log, name="notes")[0]["head"]
        assert [entry.seq for entry in whole_stream(reader, third.log, "notes")] == [-4, -1]
    third.note("in the third")
    third.checkpoint()
    with reading(broken.engine) as reader:
        report = verify(reader, trust=third.trust)
    assert report.ok, report.as_json()


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "another root": ({"root": b"x" * 32}, "predecessor_mismatch"),
    "fewer survive": ({"size": 4, "lost": (4, 7)}, "predecessor_mismatch"),
    "more survive": ({"size": 6, "lost": (6, 7)}, "predecessor_mismatch"),
    "less is lost than was signed": ({"lost": (5, 6)}, "predecessor_mismatch"),
    "nothing is lost": ({"lost": (5, 5)}, "field_invalid"),
    "another log": ({"origin": "ledger.example/other"}, "field_invalid"),
    "no note": ({"note": "anything"}, "predecessor_mismatch"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_declaration_that_is_not_so_opens_nothing(broken: Broken, name: str) -> None:
    changed, code = WRONG[name]
    with pytest.raises(Refused, match=code):
        broken.begin(broken.opening(broken.declaration(**changed)))
    with reading(broken.engine) as reader:
        for table in (ENTRY, KEY, STREAM):
            assert rows(reader, table, log=broken.new.log) == []
        assert newest(reader, ORIGIN) == ORIGIN


def test_a_note_that_the_log_has_not_signed_is_no_witness_of_the_loss(broken: Broken) -> None:
    stranger = NoteSigner(ORIGIN, note_signer("stranger").private)
    text = f"{ORIGIN}\n7\n{'A' * 43}=\n"
    with pytest.raises(Conflict, match="predecessor_mismatch"):
        broken.begin(broken.opening(broken.declaration(note=stranger.sign(text, START))))


def taken_over(broken: Broken) -> Event:
    """Return the opening of a successor by somebody whose keys the old log knows, but not as its roots."""
    names = ("an", "stranger")
    fields = [key_fields(signer(name).public_key, party=name, custody="service") for name in names]
    actors = tuple(Actor(party=name, role="operator", kid=signer(name).kid) for name in names)
    return replace(broken.opening(broken.declaration(), root_keys=fields), actors=actors)


def test_nobody_but_the_root_keys_takes_a_log_on(broken: Broken, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotAllowed, match="root_keys_missing"):
        broken.begin(taken_over(broken), by=("an", "stranger"))
    whole = epoch.seed_of

    def blind(*given: Any) -> epoch.Seed:
        return replace(whole(*given), strangers=())

    with monkeypatch.context() as patched:
        patched.setattr(epoch, "seed_of", blind)
        broken.begin(taken_over(broken), by=("an", "stranger"))
    broken.new.checkpoint()
    with reading(broken.engine) as reader:
        codes = [finding.code for finding in verify(reader, origin=SECOND).findings]
    assert codes == ["ledger.root_keys_missing"] * 2


def test_the_lost_range_is_what_is_missing(broken: Broken) -> None:
    for lost in ((4, 7), (6, 7), (5, 5), (5, 6)):
        with reading(broken.engine) as reader, pytest.raises(Conflict, match="lost_range_wrong"):
            epoch.declare(reader, ORIGIN, broken.note, lost=lost, cause="x", until=UNTIL)


def test_nothing_follows_from_a_log_that_is_not_there(broken: Broken) -> None:
    before = broken.declaration()
    with reading(broken.engine) as reader:
        with pytest.raises(Conflict, match="predecessor_missing"):
            epoch.seed_of(reader, "nobody.example/x", 1, frozenset())
        with pytest.raises(Conflict, match="predecessor_missing"):
            epoch.declare(reader, "nobody.example/x", broken.note, lost=(5, 7), cause="none", until=UNTIL)
        missing = list(epoch._declared(reader, replace(before, origin="nobody.example/x")))
        assert [finding.code for finding in missing] == ["ledger.predecessor_missing"]
        assert list(epoch.before_the_break(reader, broken.old.log, lambda _: [])) == []


def test_a_log_that_names_no_predecessor_is_not_begun_as_a_successor(broken: Broken) -> None:
    with pytest.raises(Malformed):
        broken.begin(broken.new.opening())


def test_what_is_wrong_with_the_predecessor_is_said_under_its_name(broken: Broken) -> None:
    world = broken.go_on()
    told = [Finding(None, "ledger.tail_missing", "checkpoint 7"), Finding(3, "ledger.leaf_mismatch")]
    with reading(broken.engine) as reader:
        found = list(epoch.before_the_break(reader, world.log, lambda _: told))
    assert found == [Finding(3, "ledger.leaf_mismatch", f"{ORIGIN}: ")]


def test_a_log_opens_once(broken: Broken) -> None:
    broken.go_on()
    with pytest.raises(Conflict, match="opening_out_of_place"):
        broken.go_on()


@pytest.mark.parametrize(
    "change",
    [
        {"size": True},
        {"size": "5"},
        {"root": "zz"},
        {"lost": {"from": 5}},
        {"lost": {"from": 5, "to": 7, "more": 1}},
        {"cause": 5},
        {"note": None},
        {"surplus": 1},
        {"origin": SECOND},
    ],
)
def test_a_declaration_out_of_form_is_refused(broken: Broken, change: dict[str, Any]) -> None:
    body = broken.declaration().body()
    body["predecessor"] |= change
    event = broken.new.opening(**body)
    with pytest.raises(Malformed):
        predecessor(event)


# What somebody with the database in his hands does to the old log or the new one is found.


def _edit_old_event(broken: Broken) -> None:
    with writing(broken.engine, broken.old.log) as writer:
        row = rows(writer, ENTRY, log=broken.old.log, seq=3)[0]
        changed = row["event"].replace(b"first", b"other")
        at = (ENTRY.c.log == broken.old.log) & (ENTRY.c.seq == 3)
        writer.execute(update(ENTRY).where(at).values(event=changed))


def _edit_old_tile(broken: Broken) -> None:
    with writing(broken.engine, broken.old.log) as writer:
        row = rows(writer, TILE, log=broken.old.log)[0]
        writer.execute(
            update(TILE).where(TILE.c.log == broken.old.log).values(hashes=bytes(32) + row["hashes"][32:])
        )


def _append_to_old(broken: Broken) -> None:
    broken.old.note("quietly", stream="quiet")


def _bring_a_key_back(broken: Broken) -> None:
    with writing(broken.engine, broken.new.log) as writer:
        at = (KEY.c.log == broken.new.log) & (KEY.c.kid == signer("binh").kid)
        writer.execute(update(KEY).where(at).values(until=None))


def _make_a_root(broken: Broken) -> None:
    with writing(broken.engine, broken.new.log) as writer:
        at = (KEY.c.log == broken.new.log) & (KEY.c.kid == signer("an").kid)
        writer.execute(update(KEY).where(at).values(since=0))


def _move_a_stream(broken: Broken) -> None:
    with writing(broken.engine, broken.new.log) as writer:
        at = (STREAM.c.log == broken.new.log) & (STREAM.c.name == "keys/an")
        writer.execute(update(STREAM).where(at).values(head="0" * 64))


TAMPERING: dict[str, tuple[Callable[[Broken], None], set[str]]] = {
    "an event of the old log": (_edit_old_event, {"ledger.leaf_mismatch"}),
    "a tile of the old log": (_edit_old_tile, {"ledger.predecessor_mismatch"}),
    "one more entry in the old log": (_append_to_old, {"ledger.predecessor_mismatch"}),
    "a key that had ended": (_bring_a_key_back, {"ledger.key_table_mismatch"}),
    "a key made a root": (_make_a_root, {"ledger.key_table_mismatch"}),
    "the head of a stream": (_move_a_stream, {"ledger.stream_table_mismatch"}),
}


@pytest.mark.parametrize("name", TAMPERING)
def test_what_is_done_to_either_log_is_found(broken: Broken, name: str) -> None:
    tamper, expected = TAMPERING[name]
    world = broken.go_on()
    world.note("life goes on")
    assert broken.verified().ok
    drop_fences(broken.engine)
    tamper(broken)
    with reading(broken.engine) as reader:
        codes = {finding.code for finding in verify(reader, trust=world.trust).findings}
    assert expected <= codes - {"ledger.fence_missing"}
