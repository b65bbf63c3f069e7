"""Beside the entries: lines of witnesses, and a table of checkpoints that somebody has emptied."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, insert, select, update

from ledger.format.checkpoint import claimed_checkpoint
from ledger.format.policy import Policy
from ledger.format.policy import parse as parse_policy
from ledger.format.trust import Trust
from ledger.publishing.guard import Guard
from ledger.publishing.publisher import keep_cosignatures
from ledger.report import Finding
from ledger.storage.db import reading
from ledger.storage.store import CHECKPOINT, COSIGNATURE, ENTRY, HEAD, TILE
from ledger.verifying.verify import verify, verify_new
from tests.ledger.machine_hands import in_hand
from tests.ledger.tlog import cosigners
from tests.ledger.world import ORIGIN, START, World

WITNESS = cosigners("witness.example/one")
STRANGER = cosigners("witness.example/two")


def policy() -> Policy:
    named = [f"witness w{n} {one.key}" for n, one in enumerate(WITNESS)]
    return parse_policy("\n".join([*named, "quorum none", ""]).encode())


@pytest.fixture
def world(engine: Engine) -> World:
    """A world with two cosigned checkpoints."""
    world = World(engine).open().register("an")
    for _ in range(2):
        size, note = world.checkpoint()
        lines = [one.sign_line(claimed_checkpoint(note).text, START) for one in (*WITNESS, *STRANGER)]
        assert keep_cosignatures(engine, world.log, size, lines) == len(lines)
        world.note()
    return world


def found(world: World, **beside: object) -> tuple[Finding, ...]:
    """Return what both verifications find, which must be the same."""
    with reading(world.engine) as reader:
        report = verify(reader, **beside)  # type: ignore[arg-type]
        new, _ = verify_new(reader, None, now=START, **beside)  # type: ignore[arg-type]
    assert report.findings == new.findings
    return report.findings


def test_lines_that_witnesses_gave_are_no_finding(world: World) -> None:
    assert not found(world, trust=world.trust, policy=policy())
    assert not found(world, trust=world.trust)


def test_a_line_that_its_witness_never_gave_is_found_under_a_policy(world: World) -> None:
    other = WITNESS[0].sign_line(f"{ORIGIN}\n9\n{'A' * 43}=\n", START)
    with in_hand(world.engine) as connection:
        here = COSIGNATURE.c.key_id == WITNESS[0].key.id.hex()
        connection.execute(update(COSIGNATURE).where(here, COSIGNATURE.c.size == 2).values(line=other))
    wrong = Finding(None, "ledger.cosignature_invalid", f"checkpoint 2: {WITNESS[0].name}")
    assert found(world, trust=world.trust, policy=policy()) == (wrong,)
    assert not found(world, trust=world.trust)  # nobody has said whose key it is


@pytest.mark.parametrize(
    "changed",
    [
        {"line": "no line"},
        {"name": "witness.example/three"},
        {"key_id": "00000000"},
        {"size": 77},  # no checkpoint of that size
    ],
    ids=lambda one: str(*one),
)
def test_a_line_out_of_its_place_is_found_without_a_policy(world: World, changed: dict[str, object]) -> None:
    with in_hand(world.engine) as connection:
        here = COSIGNATURE.c.key_id == STRANGER[1].key.id.hex()
        connection.execute(update(COSIGNATURE).where(here, COSIGNATURE.c.size == 2).values(**changed))
    assert {one.code for one in found(world, trust=world.trust)} == {"ledger.cosignature_invalid"}


def test_a_line_under_a_checkpoint_that_was_changed_is_one_finding(world: World) -> None:
    with in_hand(world.engine) as connection:
        connection.execute(update(CHECKPOINT).where(CHECKPOINT.c.size == 2).values(note="no note"))
    assert [one.code for one in found(world, trust=world.trust)] == ["ledger.note_malformed"]


def test_a_checkpoint_is_missed_as_long_as_a_line_of_a_witness_is_left_under_it(world: World) -> None:
    size, _ = world.checkpoint()
    with in_hand(world.engine) as connection:
        connection.execute(delete(CHECKPOINT).where(CHECKPOINT.c.size < size))
    report = found(world, trust=world.trust)
    assert {one.code for one in report} == {"ledger.cosignature_invalid"}
    with in_hand(world.engine) as connection:
        connection.execute(delete(COSIGNATURE))
    assert not found(world, trust=world.trust)  # the guard, and whoever was shown it, know of it


def test_new_lines_are_looked_at_on_top_of_a_state(world: World) -> None:
    with reading(world.engine) as reader:
        report, state = verify_new(reader, None, now=START, trust=world.trust, policy=policy())
        assert report.ok
    size, _ = world.checkpoint()
    row = {"log": world.log, "size": size, "name": WITNESS[0].name, "key_id": WITNESS[0].key.id.hex()}
    other = WITNESS[0].sign_line(f"{ORIGIN}\n9\n{'A' * 43}=\n", START)
    with world.engine.begin() as connection:
        connection.execute(insert(COSIGNATURE), row | {"line": other})
    with reading(world.engine) as reader:
        report, _ = verify_new(reader, state, now=START, trust=world.trust, policy=policy())
    assert {one.code for one in report.findings} == {"ledger.cosignature_invalid"}


def test_a_table_without_checkpoints_is_found_though_the_auditor_kept_one(world: World) -> None:
    _, note = world.checkpoint()
    trust = Trust(ORIGIN, world.log_keys, world.trust.root_kids, checkpoint=note)
    assert not found(world, trust=trust)
    with in_hand(world.engine) as connection:
        connection.execute(delete(COSIGNATURE))
        connection.execute(delete(CHECKPOINT))
    missing = (Finding(None, "ledger.checkpoint_missing"),)
    assert found(world, trust=trust) == found(world, trust=world.trust) == missing


def test_a_table_without_checkpoints_is_found_by_the_guard_alone(world: World, tmp_path: Path) -> None:
    guard = Guard(tmp_path / "guard.journal")
    _, first = world.checkpoint()
    guard.swap(None, first)
    world.note()
    guard.swap(first, world.checkpoint()[1])
    assert not found(world, guard=guard)
    with in_hand(world.engine) as connection:
        connection.execute(delete(COSIGNATURE))
        connection.execute(delete(CHECKPOINT))
    assert found(world, guard=guard) == (Finding(None, "ledger.checkpoint_missing"),)
    assert not found(world)  # self-consistent, which is all that anybody said


def test_what_is_missed_twice_is_said_once(world: World, tmp_path: Path) -> None:
    guard = Guard(tmp_path / "guard.journal")
    _, first = world.checkpoint()
    guard.swap(None, first)
    world.note()
    guard.swap(first, world.checkpoint()[1])
    with in_hand(world.engine) as connection:
        connection.execute(delete(COSIGNATURE))
        connection.execute(delete(CHECKPOINT))
    assert found(world, guard=guard, trust=world.trust) == (Finding(None, "ledger.checkpoint_missing"),)


def test_a_line_of_the_wrong_type_is_found(world: World) -> None:
    if world.engine.dialect.name != "sqlite":
        return  # its columns hold what they are for
    with in_hand(world.engine) as connection:
        here = "key_id = ? AND size = 2"
        connection.exec_driver_sql(
            f"UPDATE ledger_cosignature SET line = zeroblob(9) WHERE {here}",  # noqa: S608
            (STRANGER[1].key.id.hex(),),
        )
    assert "ledger.cosignature_invalid" in {one.code for one in found(world, trust=world.trust)}


class Busy(Guard):
    """A guard of a log that goes on while it is verified: somebody writes just before it is asked."""

    world: World
    more: int

    def last(self) -> str | None:
        """Let the log grow and be signed; return the newest note."""
        before = super().last()
        for _ in range(self.more):
            self.world.note()
        if self.more:
            self.swap(before, self.world.checkpoint()[1])
        return super().last()


def busy(world: World, folder: Path, more: int) -> Busy:
    guard = Busy(folder / "guard.journal")
    guard.swap(None, world.checkpoint()[1])
    guard.world, guard.more = world, more
    return guard


@pytest.mark.parametrize("more", [1, 3])
def test_a_log_that_goes_on_while_it_is_read_is_not_behind_its_guard(
    world: World, tmp_path: Path, more: int
) -> None:
    guard = busy(world, tmp_path, more)
    with reading(world.engine) as reader:
        reader.execute(select(HEAD)).all()  # what is read is as of now
        assert verify(reader, guard=guard, trust=world.trust).ok


@pytest.mark.parametrize("head", ["behind", "gone", "no number"])
def test_a_log_that_was_cut_is_behind_its_guard_whatever_became_of_its_head(
    world: World, tmp_path: Path, head: str
) -> None:
    world.note()
    guard = Guard(tmp_path / "guard.journal")
    size, note = world.checkpoint()
    guard.swap(None, note)
    with in_hand(world.engine) as connection:
        for table in (COSIGNATURE, CHECKPOINT):
            connection.execute(delete(table).where(table.c.size >= size))
        connection.execute(delete(ENTRY).where(ENTRY.c.seq >= size - 1))
        leaves = connection.scalar(select(TILE.c.hashes).where(TILE.c.level == 0)) or b""
        connection.execute(update(TILE).where(TILE.c.level == 0).values(hashes=leaves[:-32]))
        if head == "gone":
            connection.execute(delete(HEAD))
        elif head == "no number" and world.engine.dialect.name == "sqlite":
            connection.exec_driver_sql("UPDATE ledger_head SET size = 'many'")
        else:
            connection.execute(update(HEAD).values(size=size - 1))
    with reading(world.engine) as reader:
        report = verify(reader, guard=guard, trust=world.trust)
    assert "ledger.guard_ahead" in {one.code for one in report.findings}


def test_the_first_note_may_still_be_on_its_way_from_the_guard_to_the_table(
    world: World, tmp_path: Path
) -> None:
    guard = Guard(tmp_path / "guard.journal")
    guard.swap(None, world.checkpoint()[1])
    with in_hand(world.engine) as connection:
        connection.execute(delete(COSIGNATURE))
        connection.execute(delete(CHECKPOINT))
    assert not found(world, guard=guard)
