"""Two acts on one manifest in either order, judged in memory: what each order makes of accounts and views."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from api.recorder import Signing
from ledger.errors import Refused
from ledger.format.entry import Envelope, envelope_hash
from ledger.format.event import Event
from ledger.storage.db import reading
from ledger.storage.store import STREAM, StoredEntry, entries
from ledger.types import to_ms
from manifest.cases.views import ENTERED_ACT
from manifest.reference import default
from manifest.replay import MemoryReads, Replay, replay
from manifest.views import ACT, POSTING, VIEW_TABLES
from tests.manifest.worlds.lot_player import Move
from tests.world import World, key_of

# Rows of these belong to one act; a position in any other is of the act that touched the row last.
_OF_ONE_ACT = {ACT.name, POSTING.name, ENTERED_ACT.name}
_PLACES = ("seq", "since", "until", "kept_seq", "proposed_seq", "settled_seq", "act_seq")
Views = dict[str, list[tuple[tuple[str, Any], ...]]]


@dataclass(frozen=True)
class Signed:
    """A move and when its signers say that it happened."""

    move: Move
    at: datetime


@dataclass(frozen=True)
class Both:
    """What two orders come to: the views, and what refuses an order."""

    natural: Views | tuple[str, ...]
    late: Views | tuple[str, ...]

    @property
    def allowed(self) -> tuple[bool, bool]:
        return isinstance(self.natural, dict), isinstance(self.late, dict)


def replayed(world: World, size: int | None = None) -> Replay:
    """Return the replay of the first ``size`` entries of a world's log, or of all."""
    with reading(world.engine) as reader:
        stored = entries(reader, world.ledger.log, stop=size)
        done, findings = replay(stored, world.ledger.log, default())
        done.reads.size += 1
    assert findings == []
    return done


def forked(before: Replay) -> Replay:
    """Return a replay that goes its own way from here."""
    made = Replay(before.reads.log, default())
    made.reads.size, made.reads.memo = before.reads.size, dict(before.reads.memo)
    for name, rows in before.reads.tables.items():
        made.reads.tables[name].rows = dict(rows.rows)
    made._ring._keys = dict(before._ring._keys)
    return made


def head_of(reads: MemoryReads, stream: str) -> str | None:
    """Return the envelope hash of the newest act of a stream."""
    row = reads.one(STREAM, name=stream)
    return None if row is None else str(row["head"])


def entry(world: World, act: Signed, *, seq: int, prev: str | None, now: datetime) -> StoredEntry:
    """Return the entry of an act that was signed offline on the envelope ``prev``."""
    move = act.move
    signings = [Signing(who[0], who[1], key_of(who[-1] if len(who) > 2 else who[0])) for who in move.who]
    event = Event(
        origin=world.ledger.origin,
        kind=move.body.kind,
        stream=move.stream,
        stream_prev=prev,
        actors=tuple(signing.actor() for signing in signings),
        idem=world.id(),
        occurred_at=act.at,
        body=move.body.write(),
        offline=True,
    )
    data = event.to_bytes()
    envelope = Envelope(tuple(one.signer.sign_event(data) for one in signings), data)
    return StoredEntry(seq, b"", envelope.head, data, {"recorded_at": to_ms(now)})


def in_either_order(world: World, before: Replay, late: Signed, since: Sequence[Signed]) -> Both:
    """Record ``since`` and then ``late``, which was signed before any of them, and all by their times.

    All are recorded at the same moment, so that only their order differs.
    """
    # Of two at the same time the late one came first.
    by_time = sorted((late, *since), key=lambda act: (act.at, act is not late))
    return Both(
        natural=_views_after(world, before, by_time), late=_views_after(world, before, (*since, late), late)
    )


def gone_on(world: World, before: Replay, acts: Sequence[Signed]) -> Replay | None:
    """Return the replay after acts that each know the one before, None where one is refused."""
    done = forked(before)
    try:
        _take(world, done, acts)
    except Refused:
        return None
    return done


def _views_after(
    world: World, before: Replay, acts: Sequence[Signed], late: Signed | None = None
) -> Views | tuple[str, ...]:
    done = forked(before)
    try:
        names = _take(world, done, acts, late)
    except Refused as refused:
        return tuple(problem.code for problem in refused.problems)
    made = _changed(before.reads, done.reads, names)
    state = done.reads.memo[acts[0].move.stream]
    made["manifest as a value"] = [(("state", replace(state, past=())),)]
    return made


def _take(world: World, replay: Replay, acts: Sequence[Signed], late: Signed | None = None) -> dict[int, str]:
    """Record acts in this order, the late one on what was the head before; return which stands where."""
    seq, now = replay.reads.size, world.now + timedelta(minutes=10)
    base = head = head_of(replay.reads, acts[0].move.stream)
    names: dict[int, str] = {}
    for n, act in enumerate(acts):
        made = entry(world, act, seq=seq + n, prev=base if act is late else head, now=now)
        names[seq + n] = act.move.body.kind + str(act.at)
        replay.take(made)
        head = envelope_hash(made.signatures + made.event)
    return names


def _changed(before: MemoryReads, after: MemoryReads, names: Mapping[int, str]) -> Views:
    """Return the rows of all views that acts have written, with the acts in the place of their positions."""
    made: Views = {}
    for table in VIEW_TABLES:
        known = names if table.name in _OF_ONE_ACT else dict.fromkeys(names, "new")
        old = before.tables[table.name].rows
        rows = [
            tuple(
                (name, known.get(value, value) if name in _PLACES else value)
                for name, value in sorted(row.items())
            )
            for key, row in after.tables[table.name].rows.items()
            if old.get(key) is not row and old.get(key) != row
        ]
        made[table.name] = sorted(rows, key=repr)
    return made
