"""Checkpoints: read back what is to be committed to, sign its head, remember it in the guard, publish it.

The order is: committed rows → leaves → root → signatures → guard → table. Whatever stops the program in
between, the guard knows of every note that was ever signed, and the next run puts it into the table. A note
over the same number of entries (a heartbeat, with a later time in its post-quantum line) goes into the guard
alone: the table keeps one note per size for ever.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, insert, select

from ledger.errors import Conflict, Malformed, NotAllowed, Problem
from ledger.failpoints import reach
from ledger.format.checkpoint import Checkpoint, claimed_checkpoint
from ledger.format.note import NoteSigner, add_lines, make_note, open_note, parse_line
from ledger.format.tiles import consistency, range_at
from ledger.format.tree import CompactRange, verify_consistency
from ledger.publishing.guard import Guard
from ledger.publishing.readback import read_back
from ledger.publishing.standing import behind, standing
from ledger.storage.db import Reader, reading, writing
from ledger.storage.store import CHECKPOINT, COSIGNATURE, HEAD, one, rows, tile_reader

# A publisher that was overtaken looks again; whoever loses this often has no business signing here.
_ATTEMPTS = 3


def last_checkpoint(reader: Reader, log: int) -> tuple[int, str] | None:
    """Return size and note of the newest checkpoint in the table, or None."""
    query = (
        select(CHECKPOINT.c.size, CHECKPOINT.c.note)
        .where(CHECKPOINT.c.log == log)
        .order_by(CHECKPOINT.c.size.desc())
        .limit(1)
    )
    row = reader.execute(query).first()
    return None if row is None else (row.size, row.note)


def newest_note(reader: Reader, log: int, guard: Guard) -> str | None:
    """Return the note to serve: the newest in the table, or the guard's later one of the same size.

    Every cosignature of that size is among its lines. None while there is no checkpoint.
    """
    last = last_checkpoint(reader, log)
    if last is None:
        return None
    size, note = last
    beat = guard.last()
    if beat is not None and claimed_checkpoint(beat) == claimed_checkpoint(note):
        note = beat
    lines = [row["line"] for row in rows(reader, COSIGNATURE, log=log, size=size)]
    return add_lines(note, lines) if lines else note


@dataclass(frozen=True, slots=True)
class _State:
    """What was signed last: the guard's note (or the table's, without a guard), and the range under it."""

    note: str | None
    tree: CompactRange
    missing: bool  # the table has not got it yet


class Publisher:
    """Signs one log's checkpoints with every one of ``signers``.

    Several may run at once: the guard lets one of them add a note, and the others see it. Without a guard
    (a log of which nothing was ever published) the table alone stands in for it. ``heartbeat`` is the age at
    which a note is signed anew though nothing was recorded, None for never.
    """

    def __init__(
        self,
        engine: Engine,
        log: int,
        origin: str,
        signers: Sequence[NoteSigner],
        *,
        guard: Guard | None = None,
        heartbeat: timedelta | None = None,
    ) -> None:
        self._engine = engine
        self._log = log
        self._origin = origin
        self._signers = tuple(signers)
        self._guard = guard
        self._heartbeat = heartbeat
        self._state: _State | None = None

    def is_due(self, now: datetime) -> bool:
        """Tell whether `publish` would sign something."""
        with reading(self._engine) as reader:
            head, last = one(reader, HEAD, log=self._log), last_checkpoint(reader, self._log)
        size = 0 if head is None else head["size"]
        note = self._guard.last() if self._guard is not None else None
        return size > (last[0] if last else 0) or (note is not None and self._is_old(note, now))

    def publish(self, now: datetime) -> tuple[int, str]:
        """Sign a checkpoint over all entries and return its size and note; the last one when nothing is new.

        The committed rows are read back and hashed first: a bit that flipped between hashing and tree would
        otherwise be signed for ever. Raises Conflict, and signs nothing, when rows and leaves disagree, when
        the log does not begin with what was signed before, or when the guard is missing, behind or damaged.
        """
        for _ in range(_ATTEMPTS):
            try:
                return self._publish(now)
            except Conflict as conflict:
                self._state = None
                if conflict.code != "ledger.guard_moved":
                    raise
        raise Conflict(Problem("ledger.guard_moved"))

    def _publish(self, now: datetime) -> tuple[int, str]:
        # Asked before the log is looked at: a later note may be over entries that this look does not see.
        remembered = None if self._guard is None else self._guard.last()
        with reading(self._engine) as reader:
            state = self._state = self._take_up(reader, remembered)
            head = one(reader, HEAD, log=self._log)
            size = 0 if head is None else int(head["size"])
            tree = CompactRange(state.tree.size, state.tree.nodes)
            for leaves in read_back(reader, self._log, self._origin, tree.size, size):
                tree.extend(leaves)
            self._check_growth(reader, state.tree, tree)
        note = state.note
        if note is not None and state.missing:
            # Its signer was stopped between guard and table. Only the newest note may ever be in one alone.
            self._store(state.tree.size, note)
        if note is None or tree.size > state.tree.size or self._is_old(note, now):
            checkpoint = Checkpoint(self._origin, tree.size, tree.root())
            lines = [signer.sign_line(checkpoint.text, now) for signer in self._signers]
            note = make_note(checkpoint.text, lines)
            reach("checkpoint_signed")
            if self._guard is not None and note != state.note:
                self._guard.swap(state.note, note)
                reach("guard_swapped")
        else:
            return tree.size, note
        note = self._store(tree.size, note)
        reach("checkpoint_stored")
        self._state = _State(note, tree, missing=False)
        return tree.size, note

    def _take_up(self, reader: Reader, remembered: str | None) -> _State:
        """Return what was signed last, as far as the log agrees with it and the guard does not move."""
        last = last_checkpoint(reader, self._log)
        note = last[1] if last else None
        if self._guard is not None:
            problem = self._standing(reader)
            if self._guard.last() != remembered:
                raise Conflict(Problem("ledger.guard_moved"))
            if problem is not None:
                raise Conflict(problem)
            note = remembered
        known = self._state
        if known is not None and known.note == note and not known.missing:
            return known
        signed = Checkpoint(self._origin, 0, b"") if note is None else claimed_checkpoint(note, self._origin)
        tree = range_at(tile_reader(reader, self._log), signed.size)
        if note is not None and tree.root() != signed.root:
            raise Conflict(Problem("ledger.checkpoint_mismatch", "", {"size": signed.size}))
        if last is not None and last[0] == signed.size and claimed_checkpoint(last[1]).root != tree.root():
            raise Conflict(Problem("ledger.checkpoint_mismatch", "", {"size": signed.size}))
        return _State(note, tree, missing=last is None or last[0] < signed.size)

    def _standing(self, reader: Reader) -> Problem | None:
        assert self._guard is not None
        known = self._state
        if known is None or known.note != self._guard.last():
            return standing(reader, self._log, self._guard)
        head = one(reader, HEAD, log=self._log)
        size = 0 if head is None else int(head["size"])
        if size < known.tree.size:
            return behind(known.tree.size, size)
        return None

    def _check_growth(self, reader: Reader, old: CompactRange, new: CompactRange) -> None:
        """Prove from the stored tiles, as others will, that what was signed before is a prefix."""
        if 0 < old.size < new.size:
            proof = consistency(tile_reader(reader, self._log), old.size, new.size)
            if not verify_consistency(old.size, new.size, proof, old.root(), new.root()):
                raise Conflict(Problem("ledger.tile_mismatch", "", {"level": 0, "tile": 0}))

    def _is_old(self, note: str, now: datetime) -> bool:
        """Tell whether a note's own time is so long ago that silence would look like an attack."""
        if self._heartbeat is None:
            return False
        try:
            opened = open_note(note, [signer.key for signer in self._signers])
        except (NotAllowed, Malformed):
            return False
        signed_at = max((at for at in opened.timestamps if at is not None), default=None)
        return signed_at is not None and now.timestamp() - signed_at >= self._heartbeat.total_seconds()

    def _store(self, size: int, note: str) -> str:
        """Put the note into the table; return the one to go by, that of a heartbeat or whoever was first."""
        with writing(self._engine, self._log) as writer:
            known = one(writer, CHECKPOINT, log=self._log, size=size)
            if known is None:
                writer.execute(insert(CHECKPOINT), {"log": self._log, "size": size, "note": note})
        return note if known is None or self._guard is not None else str(known["note"])


def publish(
    engine: Engine,
    log: int,
    origin: str,
    signers: Sequence[NoteSigner],
    *,
    now: datetime,
    guard: Guard | None = None,
) -> tuple[int, str]:
    """Sign a checkpoint over all entries, once; see `Publisher`, which remembers what it has read."""
    return Publisher(engine, log, origin, signers, guard=guard).publish(now)


def keep_cosignatures(engine: Engine, log: int, size: int, lines: Iterable[str]) -> int:
    """Keep signature lines that others gave for the checkpoint of that size; return how many are new.

    The first line of a key stays: the table is never changed. Raises Malformed for what is no line.
    """
    new = 0
    with writing(engine, log) as writer:
        for line in map(parse_line, lines):
            place = {"log": log, "size": size, "name": line.name, "key_id": line.key_id.hex()}
            if one(writer, COSIGNATURE, **place) is None:
                writer.execute(insert(COSIGNATURE), place | {"line": str(line)})
                new += 1
    return new
