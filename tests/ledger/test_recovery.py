from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from ledger import failpoints
from ledger.continuity import recovery
from ledger.continuity.recovery import Recovered, recover
from ledger.errors import Refused, RuleBroken
from ledger.format.checkpoint import Checkpoint, claimed_checkpoint
from ledger.format.entry import parse_entry
from ledger.publishing.guard import Guard
from ledger.publishing.publisher import Publisher, publish
from ledger.publishing.standing import standing
from ledger.storage.db import open_engine, reading
from ledger.storage.store import ENTRY, HEAD, KEY, STREAM, TILE, entries, rows
from ledger.verifying.verify import verify
from ledger.writing.changes import Change, Reads
from ledger.writing.prepared import Act
from tests.ledger.incidents import copy_of
from tests.ledger.world import ORIGIN, World

FOLLOWING = (ENTRY, TILE, HEAD, STREAM, KEY)


def lose(engine: Engine, keep: int, guard: Guard) -> tuple[World, World, list[bytes]]:
    """Return a world as it lived on, one on the backup of its first entries, and the copy's bytes."""
    whole = World(engine).open().register("an").register("binh")
    for n in range(keep - 3):
        whole.note(f"note {n}")
    publish(engine, whole.log, ORIGIN, whole.log_signers, now=whole.now(), guard=guard)
    place = copy_of(engine)
    whole.note("after", stream="other")
    whole.revoke("an")
    whole.note("by binh", by="binh")
    whole.register("chi")
    whole.note("by chi", by="chi", stream="chi")
    publish(engine, whole.log, ORIGIN, whole.log_signers, now=whole.now(), guard=guard)
    with reading(engine) as reader:
        copy = [entry.data for entry in entries(reader, whole.log)]
    return whole, World(open_engine(place)), copy


@pytest.fixture
def guard(tmp_path: Path) -> Guard:
    return Guard(tmp_path / "guard.journal")


@pytest.fixture
def lost(engine: Engine, guard: Guard) -> Iterator[tuple[World, World, list[bytes]]]:
    whole, left, copy = lose(engine, 6, guard)
    yield whole, left, copy
    left.engine.dispose()


def signed(guard: Guard) -> Checkpoint:
    note = guard.last()
    assert note is not None
    return claimed_checkpoint(note)


def tables(engine: Engine) -> list[list[dict[str, Any]]]:
    with reading(engine) as reader:
        return [rows(reader, table) for table in FOLLOWING]


def test_what_was_lost_comes_back_to_the_byte(lost: tuple[World, World, list[bytes]], guard: Guard) -> None:
    whole, left, copy = lost
    with reading(left.engine) as reader:
        assert standing(reader, left.log, guard) is not None
    told: list[tuple[int, int]] = []
    done = recover(
        left.ledger, lambda start: copy[start:], signed(guard), progress=lambda *one: told.append(one)
    )
    assert done == Recovered(6, 11, 0)
    assert told == [(5, 5)]
    assert tables(left.engine) == tables(whole.engine)
    with reading(left.engine) as reader:
        assert standing(reader, left.log, guard) is None
        assert verify(reader, trust=left.trust, guard=guard).ok
    one = Publisher(left.engine, left.log, ORIGIN, left.log_signers, guard=guard)
    assert one.publish(left.now())[1] == guard.last()
    left.heads, left.numbers = dict(whole.heads), whole.numbers
    left.note("life goes on", by="binh")
    assert one.publish(left.now())[0] == 12


def test_personal_values_do_not_come_back_and_are_counted(engine: Engine, guard: Guard) -> None:
    world = World(engine).open()
    publish(engine, world.log, ORIGIN, world.log_signers, now=world.now(), guard=guard)
    left = World(open_engine(copy_of(engine)))
    rich = lived_in_again(world)
    publish(engine, world.log, ORIGIN, world.log_signers, now=world.now(), guard=guard)
    done = recover(left.ledger, lambda start: rich[start:], signed(guard))
    assert (done.start, done.stop, done.personal) == (1, len(rich), 1)
    with reading(left.engine) as reader:
        report = verify(reader, trust=left.trust, guard=guard)
    # They are gone without an order to erase them, and that is said until there is one.
    assert {finding.code for finding in report.findings} == {"ledger.vault_value_missing"}
    left.engine.dispose()


def lived_in_again(world: World) -> list[bytes]:
    from ledger.personal.vault import Secret  # noqa: PLC0415

    world.register("an")
    world.note("first", secrets={"driver": Secret("Nguyễn Văn A", "subject-1", b"s" * 32)})
    with reading(world.engine) as reader:
        return [entry.data for entry in entries(reader, world.log)]


def _swapped(copy: list[bytes]) -> list[bytes]:
    return [*copy[:7], copy[8], copy[7], *copy[9:]]


def _relinked(copy: list[bytes]) -> list[bytes]:
    """Another past, well linked from the first lost entry on: only the root tells."""
    made, before = list(copy[:6]), parse_entry(copy[6]).prev
    for data in copy[6:]:
        entry = parse_entry(data)
        later = entry.recorded_at.replace(microsecond=7000)
        entry = replace(entry, recorded_at=later, prev=before)
        made.append(entry.to_bytes())
        before = entry.hash.hex()
    return made


def _of_another(copy: list[bytes]) -> list[bytes]:
    return [data.replace(ORIGIN.encode(), b"ledger.example/other", 1) for data in copy]


WRONG: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str]] = {
    "short": (lambda copy: copy[:-1], "suffix_short"),
    "empty": (lambda _copy: [], "suffix_short"),
    "a bit": (
        lambda copy: [*copy[:8], copy[8][:-9] + b"x" + copy[8][-8:], *copy[9:]],
        "suffix_mismatch|malformed",
    ),
    "swapped": (_swapped, "suffix_mismatch"),
    "one left out": (lambda copy: [*copy[:7], *copy[8:]], "suffix_mismatch"),
    "relinked": (_relinked, "suffix_mismatch"),
    "of another log": (_of_another, "suffix_mismatch"),
    "no entries": (lambda copy: [b"nothing"] * len(copy), "malformed"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_copy_that_does_not_fit_writes_nothing(
    lost: tuple[World, World, list[bytes]], guard: Guard, name: str
) -> None:
    _, left, copy = lost
    make, code = WRONG[name]
    wrong, before = make(copy), tables(left.engine)
    with pytest.raises(Refused, match=code):
        recover(left.ledger, lambda start: wrong[start:], signed(guard))
    assert tables(left.engine) == before


def test_what_is_left_must_be_the_logs_own_beginning(engine: Engine, guard: Guard) -> None:
    _, left, copy = lose(engine, 6, guard)
    left.numbers = 900
    left.note("a note of another past", stream="past", by="binh")
    before = tables(left.engine)
    with pytest.raises(Refused, match="suffix_mismatch"):
        recover(left.ledger, lambda start: copy[start:], signed(guard))
    assert tables(left.engine) == before
    left.engine.dispose()


def test_a_log_that_lacks_nothing_is_left_alone(lost: tuple[World, World, list[bytes]], guard: Guard) -> None:
    whole, _, copy = lost
    with pytest.raises(Refused, match="nothing_missing"):
        recover(whole.ledger, lambda start: copy[start:], signed(guard))


def test_entries_are_judged_again_and_a_refusal_stops_it(
    lost: tuple[World, World, list[bytes]], guard: Guard
) -> None:
    _, left, copy = lost
    seen: list[Act] = []

    def judge(_reads: Reads, act: Act) -> tuple[Change, ...]:
        seen.append(act)
        if len(seen) == 3:
            raise RuleBroken
        return ()

    left.judge = judge
    before = tables(left.engine)
    with pytest.raises(RuleBroken):
        recover(left.ledger, lambda start: copy[start:], signed(guard))
    assert [act.now for act in seen] == [parse_entry(data).recorded_at for data in copy[6:9]]
    assert tables(left.engine) == before


def test_a_recovery_that_was_broken_off_goes_on(
    lost: tuple[World, World, list[bytes]], guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, left, copy = lost
    monkeypatch.setattr(recovery, "BATCH", 2)
    written = 0

    def crash() -> None:
        nonlocal written
        written += 1
        if written == 4:
            raise SystemExit

    failpoints.at("entries_written", crash)
    try:
        with pytest.raises(SystemExit):
            recover(left.ledger, lambda start: copy[start:], signed(guard))
    finally:
        failpoints.at("entries_written", None)
    with reading(left.engine) as reader:
        assert rows(reader, HEAD)[0]["size"] == 8
        problem = standing(reader, left.log, guard)
    assert problem is not None
    assert problem.code == "ledger.behind_guard"
    assert recover(left.ledger, lambda start: copy[start:], signed(guard)).start == 8
    assert tables(left.engine) == tables(whole.engine)


def test_a_copy_that_changes_while_it_is_read_is_not_written(
    lost: tuple[World, World, list[bytes]], guard: Guard
) -> None:
    _, left, copy = lost
    reads = iter([copy, _relinked(copy)])
    before = tables(left.engine)
    with pytest.raises(Refused, match="suffix_mismatch"):
        recover(left.ledger, lambda start: next(reads)[start:], signed(guard))
    assert tables(left.engine) == before
