"""Drills on rows: whoever has the database in hand changes, removes, adds or moves what stands in it."""

import re
from collections.abc import Callable

from sqlalchemy import Connection, Engine, delete, insert, select
from sqlalchemy.exc import DBAPIError

from ledger.storage.store import ENTRY
from tests.drills.drill import Who, drill
from tests.drills.hands import column, in_hand, rechain, reword, set_entry
from tests.drills.stage import Stage
from tests.drills.watch import Found, both, guard, holders, publisher, start_up, verifier


def watched(stage: Stage) -> Found:
    """Ask everybody who looks at the database or at what is served from it."""
    world = stage.world
    return (
        verifier(world)
        | both(stage.shown(world), stage.trust)
        | holders(world.recorded, world)
        | start_up(world, stage.guard)
    )


@drill(
    1,
    "One bit of an event's bytes is flipped in the database.",
    {
        Who.VERIFIER: ("ledger.leaf_mismatch", "ledger.signature_invalid"),
        Who.SECOND: ("ledger.leaf_mismatch", "ledger.signature_invalid"),
        Who.HOLDER: ("ledger.proof_invalid",),
        Who.OFFLINE: ("ledger.leaf_mismatch", "ledger.signature_invalid"),
    },
)
def bit_of_an_event(stage: Stage) -> Found:
    world = stage.world
    if stage.attacked:
        with in_hand(world.engine) as connection:
            reword(connection, 4, b"second", b"sdcond")
    return watched(stage)


@drill(
    2,
    "An event is changed, and its leaf hash and the head with it.",
    {
        Who.VERIFIER: (
            "ledger.checkpoint_mismatch",
            "ledger.leaf_mismatch",
            "ledger.signature_invalid",
            "ledger.stream_broken",
        ),
        Who.SECOND: (
            "ledger.checkpoint_mismatch",
            "ledger.leaf_mismatch",
            "ledger.signature_invalid",
            "ledger.stream_broken",
        ),
        Who.START_UP: ("ledger.forked",),
        Who.HOLDER: ("ledger.proof_invalid",),
        Who.OFFLINE: (
            "ledger.checkpoint_mismatch",
            "ledger.leaf_mismatch",
            "ledger.signature_invalid",
            "ledger.stream_broken",
        ),
    },
)
def event_and_leaf(stage: Stage) -> Found:
    if stage.attacked:
        with in_hand(stage.world.engine) as connection:
            reword(connection, 4, b"second", b"sdcond")
            rechain(connection, only=4)
    return watched(stage)


@drill(
    3,
    "An event is changed and everything after it hashed anew: chain, tiles, head.",
    {
        Who.VERIFIER: ("ledger.checkpoint_mismatch", "ledger.signature_invalid", "ledger.stream_broken"),
        Who.SECOND: ("ledger.checkpoint_mismatch", "ledger.signature_invalid", "ledger.stream_broken"),
        Who.GUARD: ("ledger.guard_mismatch",),
        Who.PUBLISHER: ("ledger.forked",),
        Who.START_UP: ("ledger.forked",),
        Who.HOLDER: ("ledger.proof_invalid",),
        Who.OFFLINE: ("ledger.checkpoint_mismatch", "ledger.signature_invalid", "ledger.stream_broken"),
    },
)
def suffix_rewritten(stage: Stage) -> Found:
    world = stage.world
    if stage.attacked:
        with in_hand(world.engine) as connection:
            reword(connection, 4, b"second", b"sdcond")
            rechain(connection)
    return watched(stage) | guard(world, stage.guard) | publisher(world, stage.guard)


@drill(
    6,
    "Columns of rows are edited: the recorded time, the key, the log.",
    {
        Who.VERIFIER: (
            "ledger.column_mismatch",
            "ledger.entry_missing",
            "ledger.leaf_mismatch",
            "ledger.log_unknown",
        ),
        Who.HOLDER: ("ledger.entry_unknown", "ledger.proof_invalid"),
    },
)
def columns_edited(stage: Stage) -> Found:
    world = stage.world
    if stage.attacked:
        with in_hand(world.engine) as connection:
            set_entry(connection, 4, recorded_at=column(connection, 4, "recorded_at") - 1)
            set_entry(connection, 7, key=1)
            set_entry(connection, 8, log=2)
    return verifier(world) | holders(world.recorded, world)


@drill(
    7,
    "A row in the middle is deleted.",
    {Who.VERIFIER: ("ledger.entry_missing",), Who.HOLDER: ("ledger.entry_unknown",)},
)
def middle_row_deleted(stage: Stage) -> Found:
    world = stage.world
    if stage.attacked:
        with in_hand(world.engine) as connection:
            connection.execute(delete(ENTRY).where(ENTRY.c.seq == 4))
    return verifier(world) | holders(world.recorded, world)


def refused_by_fence(engine: Engine, *acts: Callable[[Connection], object]) -> Found:
    """Try statements without touching the fences; each must be refused, or none."""
    found: list[Found] = []
    for act in acts:
        found.append(set())
        try:
            with engine.begin() as connection:
                act(connection)
        except DBAPIError as error:
            said = re.search(r"is append-only|UNIQUE constraint|unique constraint", str(error.orig))
            found[-1].add((Who.FENCE, said[0].lower() if said else str(error.orig)))
    assert all(found) or not any(found), found
    return set().union(*found)


def forged_row(connection: Connection, seq: int) -> None:
    """Put the last entry's row in a second time, at a place of the attacker's choice."""
    row = dict(connection.execute(select(ENTRY).where(ENTRY.c.seq == 11)).mappings().one())
    forged = {"seq": seq, "stream_seq": 900, "idem": b"0123456789abcdef"}
    connection.execute(insert(ENTRY), row | forged)


def row_between(connection: Connection) -> None:
    """Move the rows from 8 on, put a forged one in, and hash everything anew."""
    forged_row(connection, 900)
    for seq in range(11, 7, -1):
        set_entry(connection, seq, seq=seq + 1)
    set_entry(connection, 900, seq=8)
    rechain(connection)


@drill(
    11,
    "A forged row is inserted between two.",
    {
        Who.VERIFIER: (
            "ledger.checkpoint_mismatch",
            "ledger.column_mismatch",
            "ledger.key_table_mismatch",
            "ledger.stream_broken",
            "ledger.stream_table_mismatch",
            "ledger.time_runs_back",
        ),
        Who.SECOND: ("ledger.checkpoint_mismatch", "ledger.time_runs_back"),
        Who.START_UP: ("ledger.forked",),
        Who.HOLDER: ("ledger.proof_invalid",),
        Who.OFFLINE: ("ledger.checkpoint_mismatch", "ledger.time_runs_back"),
    },
    only={
        "sqlite": {Who.FENCE: ("is append-only",)},
        "postgres": {Who.FENCE: ("unique constraint",)},
    },
)
def row_inserted(stage: Stage) -> Found:
    world = stage.world
    found: Found = set()
    if stage.attacked:
        found = refused_by_fence(world.engine, lambda connection: forged_row(connection, 8))
        with in_hand(world.engine) as connection:
            row_between(connection)
    return found | watched(stage)


@drill(
    12,
    "Two rows change places.",
    {
        Who.VERIFIER: (
            "ledger.checkpoint_mismatch",
            "ledger.column_mismatch",
            "ledger.key_revoked",
            "ledger.stream_broken",
            "ledger.stream_table_mismatch",
            "ledger.time_runs_back",
        ),
        Who.SECOND: (
            "ledger.checkpoint_mismatch",
            "ledger.key_revoked",
            "ledger.stream_broken",
            "ledger.time_runs_back",
        ),
        Who.START_UP: ("ledger.forked",),
        Who.HOLDER: ("ledger.proof_invalid",),
        Who.OFFLINE: (
            "ledger.checkpoint_mismatch",
            "ledger.key_revoked",
            "ledger.stream_broken",
            "ledger.time_runs_back",
        ),
    },
)
def rows_swapped(stage: Stage) -> Found:
    if stage.attacked:
        with in_hand(stage.world.engine) as connection:
            for old, new in ((8, 99), (10, 8), (99, 10)):
                set_entry(connection, old, seq=new)
            rechain(connection)
    return watched(stage)
