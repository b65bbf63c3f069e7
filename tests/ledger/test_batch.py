"""Many commands in one transaction: each gets its own answer, whatever becomes of the others."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, Engine
from sqlalchemy.event import listen, remove
from sqlalchemy.exc import OperationalError, ProgrammingError, StatementError

from ledger import failpoints
from ledger.errors import Conflict, Problem, Refused, RuleBroken, Unavailable
from ledger.format.entry import ZERO
from ledger.format.event import Actor, Event
from ledger.storage.db import Reader, reading, writing
from ledger.storage.store import HEAD, KEY, one, rows
from ledger.writing import batch
from ledger.writing.changes import Add, Change, Put, Reads
from ledger.writing.conflicts import Place
from ledger.writing.prepared import Act, Appended, Prepared, Ticket
from ledger.writing.writer import Ledger
from tests.ledger.test_writer import BALANCE, METADATA, assert_ok, counts
from tests.ledger.world import NOTE, ORIGIN, World, accept, envelope, note_signer, signer

PATIENCE_S = 60


@pytest.fixture
def world(engine: Engine) -> Iterator[World]:
    METADATA.create_all(engine)
    made = World(engine).open().register("an")
    yield made
    for point in failpoints.POINTS:
        failpoints.at(point, None)
    made.ledger.close()


def draw(reads: Reads, act: Act) -> tuple[Change, ...]:
    """Take what the note says from the balance, if it is there; a note of 0 breaks the judge."""
    grams = int(act.event.body["text"])
    row = reads.one(BALANCE, account=1)
    left = 10 if row is None else row["grams"]
    if grams > left:
        raise RuleBroken(left=left)
    return (Put(BALANCE, {"account": 1}, {"grams": left - grams}),)


def judged(world: World, text: str, *, stream: str | None = None) -> Prepared:
    """Return a note in a stream of its own, judged on the log as it stands."""
    name = stream or f"notes/{world.number()}"
    event = world.written(text, signer("an"), party="an", stream=name)
    return prepared(world, event)


def prepared(world: World, event: Event) -> Prepared:
    with reading(world.engine) as reader:
        found = world.ledger.prepare(reader, envelope(event, signer("an")), now=world.now())
    assert isinstance(found, Prepared)
    return found


@contextmanager
def together() -> Iterator[None]:
    """Have everything that is put in meanwhile go into one batch."""
    gate = threading.Event()
    failpoints.at("locked", lambda: assert_true(gate.wait(PATIENCE_S)))
    try:
        yield
    finally:
        gate.set()


def assert_true(value: bool) -> None:
    assert value


def put_all(world: World, commands: list[Prepared]) -> list[Ticket]:
    with together():
        return [world.ledger.put(command) for command in commands]


def outcome(ticket: Ticket) -> int | str:
    """Return the position, or the code of the refusal, or the name of the fault."""
    try:
        return ticket.result().seq
    except Refused as refused:
        return refused.code
    except Exception as fault:  # noqa: BLE001  any, by its name
        return type(fault).__name__


def outcomes(world: World, commands: list[Prepared]) -> list[int | str]:
    return [outcome(ticket) for ticket in put_all(world, commands)]


def grams(world: World, account: int = 1) -> int:
    with reading(world.engine) as reader:
        row = one(reader, BALANCE, log=world.log, account=account)
    return -1 if row is None else int(row["grams"])


@pytest.mark.parametrize(("second", "answer", "left"), [("4", 3, 0), ("5", "ledger.rule_broken", 4)])
def test_the_second_draw_on_a_balance_is_judged_after_the_first(
    world: World, second: str, answer: int | str, left: int
) -> None:
    world.judge = draw
    assert outcomes(world, [judged(world, "6"), judged(world, second)]) == [2, answer]
    assert grams(world) == left
    assert_ok(world)


def blind(_reads: Reads, act: Act) -> tuple[Change, ...]:
    """Post the number without looking: only the table's constraint forbids."""
    return (Add(BALANCE, {"account": 1}, "grams", int(act.event.body["text"])),)


def test_what_a_constraint_forbids_fails_alone(world: World) -> None:
    world.judge = blind
    commands = [judged(world, text) for text in ("5", "-9", "1", "-9", "-2")]
    assert outcomes(world, commands) == [2, "ledger.constraint", 3, "ledger.constraint", 4]
    assert grams(world) == 4
    assert_ok(world)


def test_an_earlier_command_s_fault_is_not_laid_at_the_next_one_s_door(world: World) -> None:
    """The second is judged again, and for that what came before is written: the fault is not its own."""
    world.judge = lambda reads, act: blind(reads, act) if act.event.body["text"] == "-1" else draw(reads, act)
    assert outcomes(world, [judged(world, "-1"), judged(world, "3"), judged(world, "4")]) == [
        "ledger.constraint",
        2,
        3,
    ]
    assert grams(world) == 3
    assert_ok(world)


def test_a_judge_that_breaks_under_the_lock_answers_that_command_alone(world: World) -> None:
    def judge(reads: Reads, act: Act) -> tuple[Change, ...]:
        changes = draw(reads, act)
        if act.event.body["text"] == "2" and threading.current_thread().name.startswith("writer-"):
            raise ZeroDivisionError
        return changes

    world.judge = judge
    commands = [judged(world, text) for text in ("1", "2", "3")]
    assert outcomes(world, commands) == [2, "ZeroDivisionError", 3]
    assert grams(world) == 6
    assert_ok(world)


def test_what_no_database_takes_fails_alone(world: World) -> None:
    """A fault of neither rule nor constraint: a value that cannot be bound."""

    def judge(_reads: Reads, act: Act) -> tuple[Change, ...]:
        bad = act.event.body["text"] == "bad"
        return (Put(BALANCE, {"account": world.number()}, {"grams": object() if bad else 1}),)

    world.judge = judge
    tickets = put_all(world, [judged(world, text) for text in ("good", "bad", "good")])
    assert [outcome(tickets[n]) for n in (0, 2)] == [2, 3]
    with pytest.raises((ProgrammingError, StatementError)):
        tickets[1].result()
    assert_ok(world)


def test_a_query_that_fails_under_the_lock_spoils_nothing_for_the_others(world: World) -> None:
    def judge(reads: Reads, act: Act) -> tuple[Change, ...]:
        changes = draw(reads, act)
        if act.event.body["text"] == "2" and threading.current_thread().name.startswith("writer-"):
            reads.reader.exec_driver_sql("SELEC nonsense")
        return changes

    world.judge = judge
    tickets = put_all(world, [judged(world, text) for text in ("1", "2", "3")])
    if world.engine.dialect.name == "sqlite":
        # Its driver calls this what it calls a disk that is gone: then nobody gets in, and anybody may retry.
        assert [outcome(ticket) for ticket in tickets] == ["OperationalError"] * 3
    else:
        assert [outcome(ticket) for ticket in tickets] == [2, "ProgrammingError", 3]
    failpoints.at("locked", None)
    world.judge = accept
    world.note()
    assert_ok(world)


def test_what_is_left_over_from_one_batch_goes_into_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "MAX_JUDGED_AGAIN", 2)
    batches = []
    failpoints.at("checked", lambda: batches.append(1))
    world.judge = draw
    assert outcomes(world, [judged(world, "1") for _ in range(8)]) == list(range(2, 10))
    assert grams(world) == 2
    assert len(batches) == 4, "one that fits and two judged again, then two each, and a last one"
    assert_ok(world)


def test_more_than_a_batch_holds_waits_for_the_next(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "MAX_BATCH", 3)
    assert outcomes(world, [judged(world, "x") for _ in range(10)]) == list(range(2, 12))
    assert_ok(world)


def test_the_same_envelope_twice_in_a_batch_is_one_entry(world: World) -> None:
    event = world.written("once", signer("an"), party="an", stream="once")
    first, again = put_all(world, [prepared(world, event), prepared(world, event)])
    assert (first.result().repeated, again.result().repeated) == (False, True)
    assert first.result().seq == again.result().seq == 2
    assert first.result().leaf == again.result().leaf
    assert_ok(world)


def test_one_key_counts_two_acts_of_a_batch(world: World) -> None:
    """The count is a row that the first of them moves: what was judged on the old one is refused."""

    def counted(number: int) -> Prepared:
        actor = Actor(party="an", role="writer", kid=signer("an").kid, key_seq=number)
        return prepared(world, world.event(NOTE, [actor], {"text": "x"}, stream=f"counted/{world.number()}"))

    first, second = counted(0), counted(0)
    found = outcomes(world, [first, second])
    assert found[0] == 2
    assert isinstance(found[1], str), "the same number was taken"
    assert outcomes(world, [counted(1)]) == [3]
    with reading(world.engine) as reader:
        assert {row["counted"] for row in rows(reader, KEY, kid=signer("an").kid)} == {1}
    assert_ok(world)


def elsewhere(world: World) -> Ledger:
    """Return the log as another process has it open."""
    return Ledger(world.engine, ORIGIN, judge=world._judged, signer=note_signer())


def test_what_another_process_wrote_is_asked_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    again = []
    judge_again = world.ledger._batcher._judge_again

    def watch(reader: Reader, before: Prepared) -> Prepared | Appended:
        again.append(before.act.event.body["text"])
        return judge_again(reader, before)

    monkeypatch.setattr(world.ledger._batcher, "_judge_again", watch)
    world.judge = lambda reads, act: draw(reads, act) if act.event.body["text"] != "free" else ()
    commands = [judged(world, text) for text in ("free", "4", "free", "4")]
    other = elsewhere(world)
    event = world.written("3", signer("an"), party="an", stream="other")
    assert other.submit(envelope(event, signer("an")), now=world.now()).receipt.seq == 2
    other.close()
    assert outcomes(world, commands) == [3, 4, 5, "ledger.rule_broken"]
    assert again == ["4", "4"], "the free ones still held"
    assert grams(world) == 3
    assert_ok(world)


def test_a_judgement_on_a_longer_history_is_made_again(world: World) -> None:
    """As after a restore while commands wait: what they rest on is not there any more."""
    ahead = judged(world, "x")
    ahead.size, ahead.head = 50, b"\1" * 32
    aside = judged(world, "y")
    aside.head = b"\1" * 32
    assert outcomes(world, [ahead, aside]) == [2, 3]
    assert_ok(world)


def test_two_openings_in_one_batch_are_one(engine: Engine) -> None:
    world = World(engine)
    data = [envelope(world.opening(), signer("operator-a"), signer("operator-b")) for _ in range(2)]
    with reading(engine) as reader:
        commands = [world.ledger.prepare(reader, one, now=world.now()) for one in data]
    assert all(isinstance(command, Prepared) and command.head.hex() == ZERO for command in commands)
    with together():
        tickets = [world.ledger.put(command) for command in commands if isinstance(command, Prepared)]
    assert [outcome(ticket) for ticket in tickets] == [0, "ledger.opening_out_of_place"]
    failpoints.at("locked", None)
    world.ledger.close()


def test_an_outage_before_the_lock_answers_everyone_and_the_writer_lives(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = [judged(world, "x") for _ in range(3)]

    @contextmanager
    def gone(*_: object) -> Iterator[None]:
        raise OperationalError("BEGIN", {}, Exception("no connection"))
        yield

    with monkeypatch.context() as patch:
        patch.setattr(batch, "writing", gone)
        tickets = [world.ledger.put(command) for command in commands]
        assert [outcome(ticket) for ticket in tickets] == ["OperationalError"] * 3
        thread = world.ledger._batcher._thread
    assert outcomes(world, commands) == [2, 3, 4]
    assert world.ledger._batcher._thread is thread
    assert_ok(world)


@pytest.mark.parametrize("point", [p for p in failpoints.POINTS[:7] if p != "locked"])
def test_a_fault_at_any_point_leaves_a_writer_that_goes_on(world: World, point: str) -> None:
    def fail() -> None:
        failpoints.at(point, None)
        raise OSError

    failpoints.at(point, fail)
    (found,) = outcomes(world, [judged(world, "x")])
    assert found == "OSError"
    with reading(world.engine) as reader:
        head = one(reader, HEAD, log=world.log)
    assert head is not None
    assert head["size"] == (3 if point == "after_commit" else 2)
    failpoints.at(point, fail)
    # Of several each is tried by itself then, and what stands already is found.
    assert outcomes(world, [judged(world, "y"), judged(world, "z")]) == [head["size"], head["size"] + 1]
    assert_ok(world)


def answer_lost(commit: Callable[[Connection], None]) -> Callable[[Connection], None]:
    """Return what makes one commit of a writer end without an answer, after having done what is given."""

    def lose(connection: Connection) -> None:
        if "ctnh_begin" in connection.get_execution_options():
            commit(connection)
            raise OperationalError("COMMIT", {}, Exception("the connection went away"))

    return lose


def _commits(connection: Connection) -> None:
    connection.connection.cursor().execute("COMMIT")


def _rolls_back(connection: Connection) -> None:
    connection.connection.cursor().execute("ROLLBACK")


@contextmanager
def one_lost(world: World, commit: Callable[[Connection], None]) -> Iterator[None]:
    def once(connection: Connection) -> None:
        if "ctnh_begin" in connection.get_execution_options():
            remove(world.engine, "commit", once)
            lose(connection)

    lose = answer_lost(commit)
    listen(world.engine, "commit", once)
    yield


def test_a_commit_whose_answer_was_lost_is_looked_up(world: World) -> None:
    world.judge = draw
    commands = [judged(world, "6"), judged(world, "6"), judged(world, "1")]
    with one_lost(world, _commits):
        assert outcomes(world, commands) == [2, "ledger.rule_broken", 3]
    assert grams(world) == 3
    assert outcomes(world, [judged(world, "1")]) == [4]
    assert_ok(world)


def test_a_commit_that_never_happened_is_told_as_what_it_was(world: World) -> None:
    commands = [judged(world, "x"), judged(world, "y")]
    before = counts(world.engine)
    with one_lost(world, _rolls_back):
        assert outcomes(world, commands) == ["OperationalError"] * 2
    assert counts(world.engine) == before
    assert outcomes(world, commands) == [2, 3]
    assert_ok(world)


def test_one_by_one_a_lost_answer_is_looked_up_too(world: World) -> None:
    world.judge = blind
    commands = [judged(world, text) for text in ("-9", "2", "3")]
    with one_lost(world, _commits):
        assert outcomes(world, commands) == ["ledger.constraint", 2, 3]
    assert_ok(world)


def test_a_doubt_that_cannot_be_resolved_is_told_and_the_same_act_finds_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = world.written("x", signer("an"), party="an", stream="doubt")
    command, calls = prepared(world, event), iter(range(9))

    @contextmanager
    def first_only(engine: Engine, log: int) -> Iterator[object]:
        if next(calls):
            raise OperationalError("BEGIN", {}, Exception("no connection"))
        with writing(engine, log) as writer:
            yield writer

    with monkeypatch.context() as patch, one_lost(world, _commits):
        patch.setattr(batch, "writing", first_only)
        (ticket,) = put_all(world, [command])
        with pytest.raises(Unavailable, match="outcome_unknown"):
            ticket.result()
    again = world.ledger.submit(envelope(event, signer("an")), now=world.now())
    assert (again.receipt.seq, again.repeated) == (2, True)
    assert_ok(world)


def test_other_bytes_found_under_the_key_of_a_lost_answer_are_a_conflict(world: World) -> None:
    """Whoever waited has handed other bytes in elsewhere, under the same idem, and those were faster."""
    event = world.written("x", signer("an"), party="an", stream="raced")
    other = world.written("y", signer("an"), party="an", stream="raced", idem=event.idem)

    def overtaken(connection: Connection) -> None:
        _rolls_back(connection)
        second = elsewhere(world)
        second.submit(envelope(other, signer("an")), now=world.now())
        second.close()

    with one_lost(world, overtaken):
        assert outcomes(world, [prepared(world, event)]) == ["ledger.idempotency_conflict"]
    assert_ok(world)


def test_whoever_bars_the_writer_keeps_everything_out(world: World) -> None:
    command = judged(world, "x")
    sizes = []

    def barred(size: int) -> Problem | None:
        sizes.append(size)
        return Problem("ledger.behind_guard")

    before = counts(world.engine)
    world.ledger.bar(barred)
    assert outcomes(world, [command]) == ["ledger.behind_guard"]
    assert (sizes, counts(world.engine)) == ([2], before)
    world.ledger.bar(lambda _size: None)
    assert outcomes(world, [command]) == [2]
    assert_ok(world)


def test_a_full_queue_refuses_and_loses_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "MAX_QUEUE", 3)
    commands = [judged(world, "x") for _ in range(4)]
    with together():
        tickets = [world.ledger.put(command) for command in commands[:3]]
        with pytest.raises(Unavailable, match="queue_full") as caught:
            world.ledger.put(commands[3])
    assert caught.value.problems[0].facts == {"limit": 3}
    assert [outcome(ticket) for ticket in tickets] == [2, 3, 4]
    # What stands is found again, and what was refused goes in.
    monkeypatch.undo()
    assert outcomes(world, commands) == [2, 3, 4, 5]
    assert_ok(world)


def test_closing_answers_all_that_wait_and_takes_nothing_more(world: World) -> None:
    commands = [judged(world, "x") for _ in range(500)]
    late = judged(world, "late")
    with ThreadPoolExecutor(1) as pool:
        with together():
            tickets = [world.ledger.put(command) for command in commands]
            closed = pool.submit(world.ledger.close)
            while not world.ledger._batcher._closing:
                threading.Event().wait(0.001)
            with pytest.raises(Unavailable, match=r"ledger\.closing"):
                world.ledger.put(late)
        closed.result(PATIENCE_S)
    assert [outcome(ticket) for ticket in tickets] == list(range(2, 502))
    assert counts(world.engine)["size"] == 502
    world.ledger.close()
    assert_ok(world)


def test_a_writer_that_nobody_used_closes(engine: Engine) -> None:
    ledger = Ledger(engine, ORIGIN, judge=accept, signer=note_signer())
    ledger.close()
    with pytest.raises(Unavailable, match=r"ledger\.closing"):
        World(engine).ledger.__class__.put(ledger, None)  # type: ignore[arg-type]


def test_only_the_first_answer_counts() -> None:
    ticket, appended = Ticket(), Appended(1, b"", 0, "")
    ticket.answer(appended)
    ticket.answer(Conflict())
    assert ticket.result() is appended
    assert ticket.result() is appended, "whoever asks twice is told the same"


def test_of_a_batch_that_fits_no_row_is_asked_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """While nobody else writes, the writer knows by itself what still holds."""
    world.note()

    def never(*_: object) -> set[Place]:
        raise AssertionError

    monkeypatch.setattr(batch, "moved", never)
    assert outcomes(world, [judged(world, "x") for _ in range(5)]) == list(range(3, 8))
