"""Several logs in one database: each for itself, and bound together by the log of logs."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, delete, insert, update

from ledger.errors import Conflict, Refused
from ledger.format.checkpoint import claimed_checkpoint
from ledger.format.event import Actor
from ledger.format.keys import HOLDER, REGISTERED, key_fields
from ledger.publishing.logs import (
    HOLDS,
    LOG_ANCHORED,
    LogAnchored,
    behind,
    check,
    is_log_of_logs,
    judge,
    logs_origin,
)
from ledger.report import Report
from ledger.storage.db import reading
from ledger.storage.store import CHECKPOINT, ENTRY, LOG, TILE, rows
from ledger.verifying.verify import verify
from ledger.writing.changes import Change, Reads
from ledger.writing.prepared import Act
from tests.ledger.tampering import covered, unfenced
from tests.ledger.world import OPERATORS, ORIGIN, World, envelope, signer

OTHER = "ledger.example/letters"
LOGS = "ledger.example/logs"
SERVICE = "anchoring"
OPERATOR = "operator"


def found(report: Report) -> set[tuple[int | None, str, str]]:
    return {(one.seq, one.code.removeprefix("ledger."), one.detail) for one in report.findings}


def report_of(world: World, connection: Any = None) -> Report:
    if connection is not None:
        return verify(connection, origin=world.origin, trust=world.trust)
    with reading(world.engine) as reader:
        return verify(reader, origin=world.origin, trust=world.trust)


def side_by_side(engine: Engine) -> tuple[World, World]:
    """Return two logs of one database whose entries were written in turns."""
    first, second = World(engine), World(engine, origin=OTHER)
    for world in (first, second):
        world.open()
    for world in (second, first):
        world.register("an")
    for number in range(4):
        first.note(f"note {number}")
        second.note(f"letter {number}")
        second.note(f"another {number}", stream="other")
    for world in (first, second):
        world.checkpoint()
    return first, second


# Side by side.


def test_logs_that_are_written_in_turns_verify_each_for_itself(engine: Engine) -> None:
    first, second = side_by_side(engine)
    reports = [report_of(world) for world in (first, second)]
    assert [(report.ok, report.size, report.origin) for report in reports] == [
        (True, 6, ORIGIN),
        (True, 10, OTHER),
    ]
    assert reports[0].root != reports[1].root
    assert reports[0].checkpoint_size == 6


def test_logs_that_are_written_at_the_same_time_do_not_disturb_each_other(engine: Engine) -> None:
    worlds = side_by_side(engine)

    def write(world: World) -> None:
        for number in range(25):
            world.note(f"at once {number}", stream=f"stream/{number % 3}")
            if number % 10 == 0:
                world.checkpoint()

    with ThreadPoolExecutor(len(worlds)) as pool:
        for done in [pool.submit(write, world) for world in worlds]:
            done.result()
    for world, before in zip(worlds, (6, 10), strict=True):
        world.checkpoint()
        report = report_of(world)
        assert (report.findings, report.size) == ((), before + 25)
        assert [recorded.receipt.seq for recorded in world.recorded] == list(range(before + 25))


def test_an_event_of_one_log_is_refused_by_the_other(engine: Engine) -> None:
    """Drill 19: replay of an event from another ledger."""
    first, second = side_by_side(engine)
    by = signer("an")
    data = envelope(first.written("once", by, party="an"), by)
    first.ledger.submit(data, now=first.now())
    with pytest.raises(Conflict, match=r"ledger\.other_origin"):
        second.ledger.submit(data, now=second.now())
    assert report_of(second).size == 10


def test_an_entry_that_was_moved_to_the_other_log_is_found_there(engine: Engine) -> None:
    """Drill 19, with the database in hand: the row copied over, its leaf and all that follows from it."""
    first, second = side_by_side(engine)
    with reading(engine) as reader:
        (moved,) = rows(reader, ENTRY, log=first.log, seq=5)
    with unfenced(engine) as connection:
        connection.execute(
            update(ENTRY)
            .where(ENTRY.c.log == second.log, ENTRY.c.seq == 9)
            .values(event=moved["event"], signatures=moved["signatures"])
        )
        reader = covered(connection)
        assert (9, "leaf_mismatch", "") in found(report_of(second, reader))
        assert report_of(first, reader).ok


Tamper = Callable[[Connection, int], None]


def change_event(connection: Connection, log: int) -> None:
    place = (ENTRY.c.log == log) & (ENTRY.c.seq == 3)
    connection.execute(update(ENTRY).where(place).values(event=b"{}"))


def drop_entry(connection: Connection, log: int) -> None:
    connection.execute(delete(ENTRY).where(ENTRY.c.log == log, ENTRY.c.seq == 5))


def change_tile(connection: Connection, log: int) -> None:
    connection.execute(update(TILE).where(TILE.c.log == log).values(hashes=bytes(32)))


def drop_all(connection: Connection, log: int) -> None:
    for table in (ENTRY, TILE, CHECKPOINT):
        connection.execute(delete(table).where(table.c.log == log))


@pytest.mark.parametrize("tamper", [change_event, drop_entry, change_tile, drop_all])
@pytest.mark.parametrize("which", [0, 1])
def test_what_is_done_to_one_log_leaves_the_other_clean(engine: Engine, tamper: Tamper, which: int) -> None:
    worlds = side_by_side(engine)
    harmed, other = worlds[which], worlds[1 - which]
    with unfenced(engine) as connection:
        tamper(connection, harmed.log)
        reader = covered(connection)
        assert not report_of(harmed, reader).ok
        assert report_of(other, reader).ok


# The log of logs.


def log_of_logs(engine: Engine) -> World:
    """Return an opened log of logs with a key that anchors."""

    def judged(reads: Reads, act: Act) -> tuple[Change, ...]:
        return judge(reads, act)

    world = World(engine, judge=judged, origin=LOGS)
    fields = [key_fields(signer(name).public_key, party=OPERATOR, custody="device") for name in OPERATORS]
    opening = world.opening(root_keys=fields, holds=HOLDS)
    world.submit(opening, *(signer(name) for name in OPERATORS))
    register(world, SERVICE)
    return world


def register(world: World, name: str, *, sponsor: str = OPERATORS[0], **changed: Any) -> None:
    holder, vouching = signer(name), signer(sponsor)
    fields = key_fields(holder.public_key, party=OPERATOR, custody="service") | changed
    actors = [
        Actor(party=fields["party"], role=HOLDER, kid=holder.kid),
        Actor(party=OPERATOR, role="operator", kid=vouching.kid),
    ]
    stream = f"key:{holder.kid}"
    world.submit(world.event(REGISTERED, actors, {"key": fields}, stream=stream), holder, vouching)


def anchor(
    world: World, body: dict[str, Any], by: str = SERVICE, role: str = "service", **changed: Any
) -> None:
    key = signer(by)
    actor = Actor(party=OPERATOR, role=role, kid=key.kid)
    world.submit(world.event(LOG_ANCHORED, [actor], body, **{"stream": body["origin"]} | changed), key)


def news(world: World) -> list[LogAnchored]:
    with reading(world.engine) as reader:
        return behind(reader, world.log)


def anchor_all(world: World) -> list[LogAnchored]:
    made = news(world)
    for one in made:
        anchor(world, one.write())
    return made


def logs_report(world: World, connection: Any = None) -> Report:
    if connection is not None:
        return verify(connection, origin=LOGS, trust=world.trust, further=[check])
    with reading(world.engine) as reader:
        return verify(reader, origin=LOGS, trust=world.trust, further=[check])


def bound(engine: Engine) -> tuple[World, World, World]:
    """Return two logs and the log of logs, which has the checkpoints of both, at two sizes of the first."""
    first, second = side_by_side(engine)
    logs = log_of_logs(engine)
    anchor_all(logs)
    first.note("after")
    first.checkpoint()
    anchor_all(logs)
    logs.checkpoint()
    return first, second, logs


def test_its_name_follows_from_the_host() -> None:
    assert logs_origin("ledger.example/ha-noi") == LOGS


def test_it_takes_the_newest_checkpoint_of_each_log_once(engine: Engine) -> None:
    first, second = side_by_side(engine)
    logs = log_of_logs(engine)
    assert [(one.origin, one.size) for one in anchor_all(logs)] == [(ORIGIN, 6), (OTHER, 10)]
    assert news(logs) == []
    first.note("after")
    assert news(logs) == []  # no checkpoint over it yet
    size, note = first.checkpoint()
    (made,) = anchor_all(logs)
    assert made == LogAnchored(
        origin=ORIGIN,
        size=size,
        root=claimed_checkpoint(note, ORIGIN).root.hex(),
        note_sha256=hashlib.sha256(note.encode()).hexdigest(),
    )
    logs.checkpoint()
    assert news(logs) == []  # its own least of all
    assert logs_report(logs).ok
    assert all(report_of(world).ok for world in (first, second))


def test_it_is_told_from_the_others_by_its_opening(engine: Engine) -> None:
    first, _, logs = bound(engine)
    with reading(engine) as reader:
        assert [is_log_of_logs(reader, log) for log in (first.log, logs.log, 99)] == [False, True, False]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"root": "00" * 32}, "logs_mismatch"),
        ({"note_sha256": "00" * 32}, "logs_mismatch"),
        ({"size": 5}, "logs_mismatch"),
        ({"size": 0}, "field_invalid"),
        ({"size": True}, "field_invalid"),
        ({"root": "0"}, "field_invalid"),
        ({"note_sha256": None}, "field_invalid"),
        ({"more": 1}, "field_invalid"),
    ],
)
def test_what_is_not_a_checkpoint_of_the_log_is_refused(
    engine: Engine, changed: dict[str, Any], code: str
) -> None:
    side_by_side(engine)
    logs = log_of_logs(engine)
    body = news(logs)[0].write() | changed
    with pytest.raises(Refused) as caught:
        anchor(logs, body)
    assert caught.value.code == f"ledger.{code}"


def test_sizes_never_go_back(engine: Engine) -> None:
    first, _ = side_by_side(engine)
    logs = log_of_logs(engine)
    old = news(logs)[0].write()
    first.note("after")
    first.checkpoint()
    anchor_all(logs)
    for _ in range(2):  # neither to a smaller one nor again to the same
        with pytest.raises(Refused, match=r"ledger\.logs_size_back"):
            anchor(logs, old)
        with reading(engine) as reader:
            newest = rows(reader, CHECKPOINT, log=first.log)[-1]["note"]
        old = LogAnchored.of(newest, ORIGIN).write()


def test_a_log_of_another_database_is_taken_at_its_word(engine: Engine) -> None:
    logs = log_of_logs(engine)
    body = {"origin": "far.example/log", "size": 3, "root": "ab" * 32, "note_sha256": "cd" * 32}
    anchor(logs, body)
    with pytest.raises(Refused, match=r"ledger\.logs_size_back"):
        anchor(logs, body)
    logs.checkpoint()
    assert logs_report(logs).ok


def test_only_its_own_kinds_in_their_own_streams_come_in(engine: Engine) -> None:
    side_by_side(engine)
    logs = log_of_logs(engine)
    body = news(logs)[0].write()
    operator = signer(OPERATORS[0])
    actor = Actor(party=OPERATOR, role="operator", kid=operator.kid)
    with pytest.raises(Refused, match=r"ledger\.logs_kind"):
        logs.submit(logs.event("note.written.v1", [actor], {"text": "a note"}), operator)
    with pytest.raises(Refused, match=r"ledger\.logs_stream"):
        anchor(logs, body, stream=OTHER)
    with pytest.raises(Refused, match=r"ledger\.logs_stream"):
        anchor(logs, body | {"origin": LOGS})
    with pytest.raises(Refused, match=r"ledger\.logs_stream"):
        anchor(logs, body | {"origin": "key:1"})
    with pytest.raises(Refused, match=r"ledger\.logs_stream"):
        logs.submit(logs.event("key.revoked.v1", [actor], {"kid": signer(SERVICE).kid}), operator)


def test_only_the_key_that_anchors_anchors_and_it_does_nothing_else(engine: Engine) -> None:
    side_by_side(engine)
    logs = log_of_logs(engine)
    body = news(logs)[0].write()
    for by, role in ((OPERATORS[0], "service"), (SERVICE, "operator")):
        with pytest.raises(Refused, match=r"ledger\.not_allowed"):
            anchor(logs, body, by=by, role=role)
    with pytest.raises(Refused, match=r"ledger\.not_allowed"):
        register(logs, "further", sponsor=SERVICE)
    with pytest.raises(Refused, match=r"ledger\.not_allowed"):
        register(logs, "stranger", party="stranger")


def test_a_log_is_no_log_of_logs_unless_it_says_so(engine: Engine) -> None:
    world = World(engine, judge=judge, origin=LOGS)
    with pytest.raises(Refused, match=r"ledger\.field_invalid"):
        world.open()


def rewritten(connection: Connection, log: int) -> None:
    tile = connection.execute(TILE.select().where(TILE.c.log == log, TILE.c.level == 0)).mappings().one()
    hashes = bytes(32) + bytes(tile["hashes"])[32:]
    connection.execute(update(TILE).where(TILE.c.log == log, TILE.c.level == 0).values(hashes=hashes))


def cut_short(connection: Connection, log: int) -> None:
    tile = connection.execute(TILE.select().where(TILE.c.log == log, TILE.c.level == 0)).mappings().one()
    hashes = bytes(tile["hashes"])[: 5 * 32]
    connection.execute(update(TILE).where(TILE.c.log == log, TILE.c.level == 0).values(hashes=hashes))


def other_note(connection: Connection, log: int) -> None:
    connection.execute(update(CHECKPOINT).where(CHECKPOINT.c.log == log).values(note="another"))


def no_note(connection: Connection, log: int) -> None:
    connection.execute(delete(CHECKPOINT).where(CHECKPOINT.c.log == log))


@pytest.mark.parametrize(
    ("tamper", "what"), [(rewritten, "root"), (cut_short, "root"), (other_note, "note"), (no_note, "note")]
)
def test_a_log_that_was_rewritten_is_named_with_every_anchor_it_breaks(
    engine: Engine, tamper: Tamper, what: str
) -> None:
    first, _, logs = bound(engine)
    with unfenced(engine) as connection:
        tamper(connection, first.log)
        report = logs_report(logs, covered(connection))
    assert found(report) == {
        (2, "logs_mismatch", f"{ORIGIN} 6: {what}"),
        (4, "logs_mismatch", f"{ORIGIN} 7: {what}"),
    }
    assert logs_report(logs).ok


def test_a_log_without_an_anchor_is_named(engine: Engine) -> None:
    _, _, logs = bound(engine)
    World(engine, origin="ledger.example/third").open()
    assert found(logs_report(logs)) == {(None, "logs_missing", "ledger.example/third")}


def test_a_log_that_was_renamed_or_added_by_hand_is_named(engine: Engine) -> None:
    _, second, logs = bound(engine)
    with unfenced(engine) as connection:
        connection.execute(update(LOG).where(LOG.c.log == second.log).values(origin="ledger.example/x"))
        connection.execute(insert(LOG), {"log": 77, "origin": "ledger.example/y"})
        report = logs_report(logs, covered(connection))
    assert found(report) == {
        (None, "logs_missing", "ledger.example/x"),
        (None, "logs_missing", "ledger.example/y"),
    }


def test_what_a_dishonest_judge_let_in_is_named(engine: Engine) -> None:
    """Whoever runs the log of logs can sign what he likes; reading it again shows it."""
    first, _, logs = bound(engine)
    logs.judge = lambda _reads, _act: ()
    with reading(engine) as reader:
        old = LogAnchored.of(rows(reader, CHECKPOINT, log=first.log)[0]["note"], ORIGIN).write()
    anchor(logs, old)
    anchor(logs, {**old, "size": 7, "root": "00" * 32})
    anchor(logs, {**old, "size": "7"})
    anchor(logs, {**old, "origin": OTHER, "size": 11}, stream="elsewhere")
    key = signer(SERVICE)
    actor = Actor(party=OPERATOR, role="service", kid=key.kid)
    logs.submit(logs.event("note.written.v1", [actor], {}), key)
    logs.checkpoint()
    assert found(logs_report(logs)) == {
        (5, "logs_size_back", ORIGIN),
        (6, "logs_size_back", ORIGIN),
        (6, "logs_mismatch", f"{ORIGIN} 7: root"),
        (7, "field_invalid", "body"),
        (8, "logs_stream", OTHER),
        (8, "logs_mismatch", f"{OTHER} 11: root"),
        (9, "logs_kind", "note.written.v1"),
    }
