"""Drills on the past: the log is cut, put back, forked or frozen, with the keys of the log in hand or not."""

from datetime import timedelta

from sqlalchemy import Engine, text

from ledger.publishing.guard import Guard
from ledger.publishing.publisher import publish
from ledger.publishing.standing import Floor
from ledger.storage.db import is_sqlite, reading, writing
from ledger.storage.store import HEAD, one
from ledger.writing.append import Appender
from ledger.writing.prepared import Appended
from tests.drills.drill import Who, drill
from tests.drills.stage import Stage
from tests.drills.watch import (
    Found,
    both,
    guard,
    holders,
    keeping,
    monitor,
    publisher,
    refusal,
    start_up,
    verifier,
    witness,
)
from tests.ledger.incidents import cut_back
from tests.ledger.tampering import drop_fences
from tests.ledger.world import ORIGIN, START, envelope, signer

V = Who.VERIFIER


@drill(
    4,
    "The past is rewritten with every key in hand, the log's and the writers', and signed anew.",
    {
        Who.VERIFIER: ("ledger.checkpoint_mismatch",),
        Who.SECOND: ("ledger.checkpoint_mismatch",),
        Who.GUARD: ("ledger.guard_conflict", "ledger.guard_mismatch"),
        Who.PUBLISHER: ("ledger.forked",),
        Who.START_UP: ("ledger.forked",),
        Who.WITNESS: ("409", "422"),
        Who.MONITOR: ("ledger.split_view",),
        Who.HOLDER: ("ledger.proof_invalid",),
        Who.OFFLINE: ("ledger.checkpoint_mismatch",),
    },
)
def resigned(stage: Stage) -> Found:
    kept = stage.world.checkpoint()[1]
    monitor(stage, stage.shown(stage.world))
    world = stage.fork if stage.attacked else stage.world
    note = world.checkpoint()[1]
    trust = keeping(stage.trust, kept)
    same = stage.cosign(12, (), note)
    if stage.attacked:
        world.note("one lie more", by="binh")
        longer = world.checkpoint()[1]
        later = stage.cosign(12, stage.proof(world, 12, 13), longer)
    else:
        later = same
    folder = stage.shown(world, "again")
    assert not verifier(world) | both(folder, stage.trust), "by itself the other past is sound"
    return (
        verifier(world, trust)
        | both(folder, trust)
        | guard(world, stage.guard)
        | start_up(world, stage.guard)
        | publisher(world, stage.guard)
        | refusal(Who.GUARD, lambda: stage.guard.swap(stage.guard.last(), note))
        | witness(same)
        | witness(later)
        | holders(stage.world.recorded, world)
        | monitor(stage, folder)
    )


@drill(
    8,
    "The last entries are cut off, with their leaves, checkpoints and head.",
    {
        Who.VERIFIER: ("ledger.key_table_mismatch", "ledger.stream_table_mismatch", "ledger.tail_missing"),
        Who.SECOND: ("ledger.tail_missing",),
        Who.GUARD: ("ledger.guard_ahead",),
        Who.PUBLISHER: ("ledger.behind_guard",),
        Who.START_UP: ("ledger.behind_guard",),
        Who.WITNESS: ("409",),
        Who.MONITOR: ("ledger.consistency_unproved",),
        Who.HOLDER: ("ledger.entry_unknown",),
        Who.OFFLINE: ("ledger.tail_missing",),
    },
)
def tail_cut(stage: Stage) -> Found:
    world = stage.world
    kept = world.checkpoint()[1]
    monitor(stage, stage.shown(world))
    if stage.attacked:
        cut_back(world.engine, world.log, 9)
    found = publisher(world, stage.guard)
    # Whoever holds the log's keys signs what is left without asking the guard.
    size, note = publish(world.engine, world.log, ORIGIN, world.log_signers, now=world.now())
    before = 5 if stage.attacked else 12
    folder = stage.shown(world, "again")
    trust = keeping(stage.trust, kept)
    return (
        found
        | witness(stage.cosign(before, stage.proof(world, before, size), note))
        | verifier(world, trust)
        | both(folder, trust)
        | guard(world, stage.guard)
        | start_up(world, stage.guard)
        | holders(world.recorded, world)
        | monitor(stage, folder)
    )


@drill(
    9,
    "Yesterday's backup of the database is put back.",
    {
        Who.WRITER: ("ledger.behind_guard",),
        Who.GUARD: ("ledger.guard_ahead",),
        Who.PUBLISHER: ("ledger.behind_guard",),
        Who.START_UP: ("ledger.behind_guard",),
    },
)
def backup_restored(stage: Stage) -> Found:
    stage.with_backup()
    today = stage.world
    world = stage.restored if stage.attacked else today
    found = start_up(world, stage.guard) | guard(world, stage.guard) | publisher(world, stage.guard)
    world.ledger.bar(Floor(world.log, stage.guard))
    world.heads = dict(today.heads) if not stage.attacked else {"notes": today.recorded[4].envelope_hash}
    by = "an" if stage.attacked else "binh.2"
    return found | refusal(Who.WRITER, lambda: world.note("as if nothing had happened", by=by))


@drill(
    10,
    "Yesterday's backup is put back, and the guard deleted or put back with it.",
    {
        Who.PUBLISHER: ("ledger.guard_missing",),
        Who.START_UP: ("ledger.guard_missing",),
        Who.WITNESS: ("409", "422"),
        Who.HOLDER: ("ledger.proof_invalid",),
    },
)
def backup_and_guard(stage: Stage) -> Found:
    stage.with_backup()
    today = stage.world
    if not stage.attacked:
        today.note("another day", by="binh.2")
        note = today.checkpoint()[1]
        answer = stage.cosign(12, stage.proof(today, 12, 13), note)
        return start_up(today, stage.guard) | witness(answer) | holders(today.recorded, today)
    world = stage.restored
    found = start_up(world, Guard(stage.folder / "guard.new")) | publisher(
        world, Guard(stage.folder / "guard.new")
    )
    memory = Guard(stage.folder / "guard.yesterday")
    assert not start_up(world, memory), "nothing here remembers: others must"
    world.guard = memory
    world.heads = {"notes": today.recorded[4].envelope_hash}
    for number in range(8):
        world.note(f"another past {number}")
    note = world.checkpoint()[1]
    return (
        found
        | witness(stage.cosign(5, stage.proof(world, 5, 13), note))
        | witness(stage.cosign(12, stage.proof(world, 12, 13), note))
        | holders(today.recorded, world)
    )


@drill(
    25,
    "Two writers append at once from the same head: the lock is lost, or the head read is stale.",
    {Who.WRITER: ("ledger.constraint", "ledger.head_moved")},
)
def two_sequencers(stage: Stage) -> Found:
    world = stage.world
    event = world.written("theirs", signer("binh.2"), party="binh.2")
    data = envelope(event, signer("binh.2"))
    with reading(world.engine) as reader:
        prepared = world.ledger.prepare(reader, data, now=world.now())
        stale = one(reader, HEAD, log=world.log)
        other = Appender(world.log, world.origin)
        other.begin(reader)
    assert stale is not None
    assert not isinstance(prepared, Appended)
    if stage.attacked:
        world.note("ours", by="binh.2")

    def append() -> None:
        after, placed = other.place(stale, prepared)
        with writing(world.engine, world.log) as writer:
            other.write(writer, stale, after, [placed])

    found = refusal(Who.WRITER, append)
    if stage.attacked:
        unlock(world.engine)
        found |= refusal(Who.WRITER, append)
    return found


def unlock(engine: Engine) -> None:
    """Take away what keeps a place in the log from being taken twice: keys and fences."""
    drop_fences(engine)
    with engine.begin() as connection:
        if is_sqlite(connection):
            for statement in (
                "CREATE TABLE bare AS SELECT * FROM ledger_entry",
                "DROP TABLE ledger_entry",
                "ALTER TABLE bare RENAME TO ledger_entry",
            ):
                connection.execute(text(statement))
            return
        keys = (
            "SELECT conname FROM pg_constraint "
            "WHERE conrelid = 'ledger_entry'::regclass AND contype IN ('p', 'u')"
        )
        for name in connection.execute(text(keys)).scalars().all():
            connection.execute(text(f"ALTER TABLE ledger_entry DROP CONSTRAINT {name}"))


@drill(
    37,
    "An old checkpoint, valid as it is, is served for days.",
    {Who.MONITOR: ("ledger.checkpoint_stale",)},
)
def frozen(stage: Stage) -> Found:
    world = stage.world
    folder = stage.shown(world)
    now = START + (timedelta(days=3) if stage.attacked else timedelta(minutes=2))
    return monitor(stage, folder, now=now, max_age=timedelta(hours=1))
