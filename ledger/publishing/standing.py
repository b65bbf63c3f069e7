"""How a log stands to what its guard remembers, and whether it may go on."""

from sqlalchemy import func, select

from ledger.errors import Conflict, Problem
from ledger.format.checkpoint import claimed_checkpoint
from ledger.format.tiles import root_at
from ledger.publishing.guard import Guard
from ledger.storage.db import Reader
from ledger.storage.predecessor import closed
from ledger.storage.store import CHECKPOINT, HEAD, one, origin_of, tile_reader


def standing(reader: Reader, log: int, guard: Guard) -> Problem | None:
    """Tell what keeps the log from going on, by what the guard remembers; None when nothing does.

    `ledger.behind_guard`: entries that were signed are not there. `ledger.forked`: others stand in their
    place. `ledger.guard_missing` and `ledger.guard_behind`: the table has checkpoints that the guard does not
    know of. A journal that is damaged is a problem too.
    """
    try:
        return _standing(reader, log, guard)
    except Conflict as damaged:  # the journal, or the tiles
        return damaged.problems[0]


def _standing(reader: Reader, log: int, guard: Guard) -> Problem | None:
    note, size = guard.last(), _size(reader, log)
    stored = reader.execute(select(func.max(CHECKPOINT.c.size)).where(CHECKPOINT.c.log == log)).scalar()
    if note is None:
        return None if stored is None else Problem("ledger.guard_missing")
    signed = claimed_checkpoint(note)
    # What is left of a log that was cut off must still be its own beginning.
    known = signed if signed.size <= size else None
    if known is None:
        for earlier in map(claimed_checkpoint, guard.notes()):
            known = earlier if earlier.size <= size else known
    if known is not None and root_at(tile_reader(reader, log), known.size) != known.root:
        return Problem("ledger.forked", "", {"size": known.size})
    if size < signed.size:
        return behind(signed.size, size)
    if stored is not None and stored > signed.size:
        return Problem("ledger.guard_behind", "", {"size": stored, "found": signed.size})
    return None


def behind(signed: int, found: int) -> Problem:
    """Return the problem of a log that has fewer entries than were signed."""
    return Problem("ledger.behind_guard", "", {"size": signed, "found": found})


def _size(reader: Reader, log: int) -> int:
    head = one(reader, HEAD, log=log)
    return 0 if head is None else int(head["size"])


class Floor:
    """What a writer asks before it appends: the ``problem`` that was last found, or a log that has shrunk."""

    def __init__(self, log: int, guard: Guard) -> None:
        self.problem: Problem | None = None
        self._log = log
        self._guard = guard
        self._note: str | None = None
        self._least = 0

    def look(self, reader: Reader) -> Problem | None:
        """Compare log and guard anew; return what keeps the log from going on."""
        successor = closed(reader, origin_of(reader, self._log))
        self.problem = successor or standing(reader, self._log, self._guard)
        return self.problem

    def __call__(self, size: int) -> Problem | None:
        """Return what keeps a log of ``size`` entries from taking one more, None when nothing does."""
        if self.problem is not None:
            return self.problem
        try:
            note = self._guard.last()
        except Conflict as damaged:
            return damaged.problems[0]
        except OSError:
            # A disk that is away for a while keeps nobody from recording, only from signing.
            note = self._note
        if note is not self._note and note is not None:
            self._note, self._least = note, claimed_checkpoint(note).size
        return behind(self._least, size) if size < self._least else None
