"""Everything an auditor checks, as numbered steps; each collects findings and goes on.

1. The log has its row, and entry 0 opens it with the root keys and log keys that the trust file names.
2. Each entry: positions are dense, the bytes hash to the stored leaf and parse exactly, header and row agree
   on log and position, ``prev`` is the leaf before, and time never runs back.
3. Each number beside the bytes says what the bytes say.
4. Each signature holds under a key active at that position; each event continues its stream; no ``idem``
   of a key comes twice.
5. The tables that follow from the entries are what a replay gives, no row belongs to a log that is not
   there, and the fences stand.
6. Every checkpoint is signed by a log key, and its root is the root over the stored leaves. Every anchor is
   recorded by an entry, of such a checkpoint, and its time stamp holds where the trust file names roots.
   What the guard remembers is a prefix of the log.
7. Every personal value opens a commitment of some event; one that is gone was erased by an entry, and is then
   redacted, not tampered with.
8. The caller's own steps: the replay of what the events mean, once the entries themselves are sound; after a
   damaged entry every later act would look forbidden.

Nothing that a row holds makes it stop, and a damaged entry is not followed further than it is legible: what
hangs on it is then taken from the numbers and tables beside it, so that one change is one finding and not a
thousand.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import text

from ledger.anchor import anchors
from ledger.checkpoint import Checkpoint, claimed_checkpoint, open_checkpoint
from ledger.db import Reader, is_sqlite
from ledger.erasure import check_vault
from ledger.errors import Refused
from ledger.guard import Guard
from ledger.keys import Key
from ledger.raw import raw_rows
from ledger.report import Report, Step
from ledger.store import CHECKPOINT, HEAD, KEY, STREAM
from ledger.subjects import Subjects
from ledger.tree import EMPTY_ROOT
from ledger.trust import Trust
from ledger.walk import KEY_COLUMNS, Walk

FENCED = (
    "ledger_log", "ledger_entry", "ledger_tile", "ledger_checkpoint", "ledger_cosignature", "ledger_anchor",
)  # fmt: skip
# A trigger that stands in name only, or that sleeps for a replica, is no fence.
_SQLITE_FENCES = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND sql LIKE '%RAISE(ABORT%'"
_POSTGRES_FENCES = """
    SELECT t.tgname FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
    WHERE t.tgenabled = 'A' AND p.prosrc LIKE '%RAISE EXCEPTION%'
"""


def verify(
    reader: Reader,
    *,
    origin: str | None = None,
    trust: Trust | None = None,
    further: Sequence[Step] = (),
    guard: Guard | None = None,
    subjects: Subjects | None = None,
) -> Report:
    """Check the log ``origin`` (or the one that the trust file names, or the only one) and report.

    Without ``trust`` the log is measured against the keys that it names itself, which proves that it is
    consistent, not that it is the right one. ``guard`` is the signer's memory outside the database and
    ``subjects`` are the keys of personal values, where they are at hand. Raises nothing for what rows hold.
    """
    run = _Run(reader, origin or (trust.origin if trust else None), trust)
    run.guard, run.subjects = guard, subjects
    run.steps(run.log_row, run.tiles, run.entries)
    run.meant = bool(further) and not run.found
    run.steps(run.derived, run.fences, run.checkpoints, run.anchors, run.guarded, run.vault)
    if run.meant:
        run.steps(*(partial(run.caller, step) for step in further))
    return run.report()


class _Run(Walk):
    """The walk, and the steps that look at what stands beside the entries."""

    guard: Guard | None = None
    subjects: Subjects | None = None

    # 5. The tables that follow from the entries, and the fences.

    def derived(self) -> None:
        """Compare `ledger_stream`, `ledger_key` and `ledger_head` with the replay."""
        self._stream_table()
        keys = {self.key_numbers[key.kid]: _key_row(key) for key in self.ring.all()}
        for number, *values in raw_rows(self.reader, KEY, "key", *KEY_COLUMNS, log=self.log):
            if keys.pop(number, None) != values:
                self.add(None, "ledger.key_table_mismatch", f"key {number}")
        for number in keys:
            self.add(None, "ledger.key_table_mismatch", f"key {number} has no row")
        heads = list(raw_rows(self.reader, HEAD, "size", "hash", "recorded_at", log=self.log))
        if len(heads) != 1:
            self.add(None, "ledger.head_mismatch", f"{len(heads)} rows")
            return
        size, last_hash, recorded_at = heads[0]
        if size != self.size:
            self.add(None, "ledger.head_mismatch", "size")
            self.add_range("ledger.entry_beyond_head", self.size if size is None else size, self.size)
        elif last_hash not in {self.leaves.leaf(self.size - 1), self.last_hash}:
            self.add(None, "ledger.head_mismatch", "hash")
        elif self.last_time is not None and recorded_at != self.last_time:
            self.add(None, "ledger.head_mismatch", "recorded_at")

    def _stream_table(self) -> None:
        expected = {stream.number: (name, stream) for name, stream in self.streams.items()}
        unexplained = self.lost
        for number, name, length, head in raw_rows(
            self.reader, STREAM, "stream", "name", "length", "head", log=self.log
        ):
            known, stream = expected.pop(number, (None, None))
            if stream is None:
                unexplained -= 1  # the entry that began it may be among the lost
                good = unexplained >= 0
            else:
                skipped = self._skipped(length, stream.length, stream.lost)
                same = length == stream.length + skipped and (skipped > 0 or head == stream.head)
                good = name == known and same
            if not good:
                self.add(None, "ledger.stream_table_mismatch", f"stream {number}")
        for number in expected:
            self.add(None, "ledger.stream_table_mismatch", f"stream {number} has no row")

    def fences(self) -> None:
        """Look for the triggers by their names: gone or asleep, somebody has been at the schema."""
        sqlite = is_sqlite(self.reader)
        standing = set(self.reader.execute(text(_SQLITE_FENCES if sqlite else _POSTGRES_FENCES)).scalars())
        for table in FENCED:
            for operation in ("update", "delete", "replace" if sqlite else "truncate"):
                if f"{table}_no_{operation}" not in standing:
                    self.add(None, "ledger.fence_missing", f"{table}_no_{operation}")

    # 6. Checkpoints against the tree over the stored leaves.

    def checkpoints(self) -> None:
        """Check every stored checkpoint, and compute the root on the way."""
        for size, checkpoint in self._signed_heads():
            self.checkpoint_size = size
            if size > self.size:
                self.add(self.size, "ledger.tail_missing", f"checkpoint {size}")
            root = self.leaves.root(size)
            if root is not None:
                self.roots[size] = root
                if root != checkpoint.root:
                    self.add(None, "ledger.checkpoint_mismatch", f"checkpoint {size}: root")
        if self.trust is not None and self.checkpoint_size is None and self.size:
            # With nothing signed over them the entries are whatever the last one to hold the database made.
            self.add(None, "ledger.checkpoint_missing")
        self.root = self.leaves.root(self.leaves.count) or EMPTY_ROOT

    def anchors(self) -> None:
        """Check what outside authorities say of the checkpoints."""
        roots = self.trust.tsa_roots if self.trust else ()
        for finding in anchors(
            self.reader,
            self.log,
            origin=self.origin,
            root_at=self.roots.get,
            tsa_roots=roots,
            tally=self.anchored,
        ):
            self.add(finding.seq, finding.code, finding.detail)

    def _signed_heads(self) -> list[tuple[int, Checkpoint]]:
        """Return the checkpoints that a log key has signed, the one that the auditor kept among them."""
        stored = [tuple(row) for row in raw_rows(self.reader, CHECKPOINT, "size", "note", log=self.log)]
        kept = self.trust.checkpoint if self.trust else None
        heads = []
        for size, note in [*stored, *([(None, kept)] if kept is not None else [])]:
            try:
                claimed = claimed_checkpoint(note or "", self.origin)
                checkpoint = open_checkpoint(note or "", self.log_keys_at(claimed.size), self.origin)
            except Refused as error:
                self.add(None, error.code, f"checkpoint {size}")
                continue
            if note is not kept and checkpoint.size != size:
                self.add(None, "ledger.checkpoint_mismatch", f"checkpoint {size}: size")
                continue
            heads.append((checkpoint.size, checkpoint))
        return sorted(heads, key=lambda head: head[0])

    def guarded(self) -> None:
        """Compare the log with the signer's memory of it."""
        if self.guard is None:
            return
        self.guard_state = "checked"
        try:
            note = self.guard.last()
            if note is None:
                return
            claimed = claimed_checkpoint(note, self.origin)
            remembered = open_checkpoint(note, self.log_keys_at(claimed.size), self.origin)
        except Refused as error:
            self.add(None, "ledger.guard_mismatch", error.code)
            return
        if remembered.size > self.leaves.count:
            self.add(self.size, "ledger.guard_ahead", f"checkpoint {remembered.size}")
        elif self.leaves.root(remembered.size) != remembered.root:
            self.add(None, "ledger.guard_mismatch", f"checkpoint {remembered.size}")

    # 7. Personal values.

    def vault(self) -> None:
        """Compare the vault with what the entries promise and erase."""
        self.personal = check_vault(self.reader, self.log, self.promises, self.subjects, lost=self.lost > 0)
        for finding in self.personal.findings:
            self.add(finding.seq, finding.code, finding.detail)

    # 8. Whatever else the caller wants to know.

    def caller(self, step: Step) -> None:
        """Run a step of the caller's."""
        try:
            for finding in step(self.reader, self.log):
                self.add(finding.seq, finding.code, finding.detail)
        except Refused as error:
            self.add(None, error.code, "replay")


def _key_row(key: Key) -> list[Any]:
    return [getattr(key, name) for name in KEY_COLUMNS]
