"""Everything an auditor checks, as numbered steps; each collects findings and goes on.

1. The log has its row, and entry 0 opens it with the root keys and log keys that the trust file names.
2. Each entry: positions are dense, the bytes hash to the stored leaf and parse exactly, header and row agree
   on log and position, ``prev`` is the leaf before, and time never runs back.
3. Each number beside the bytes says what the bytes say.
4. Each signature holds under a key active at that position; each event continues its stream, at the head
   or, signed offline, at any earlier event of it; no ``idem`` of a key comes twice.
5. The tables that follow from the entries are what a replay gives, no row belongs to a log that is not
   there, the fences stand word for word, and nothing but plain tables answers; indices hold what the
   tables do.
6. Every checkpoint is signed by a log key, and its root is the root over the stored leaves. Every line of a
   witness is one, under such a checkpoint, and holds where the policy names its key. Every anchor is
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

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from ledger.continuity.epoch import before_the_break, follows
from ledger.format.event import time_text
from ledger.format.keys import Key
from ledger.format.policy import Policy
from ledger.format.trust import Trust
from ledger.personal.subjects import Subjects
from ledger.publishing.guard import Guard
from ledger.report import Finding, Report, Step
from ledger.storage.db import Reader
from ledger.storage.raw import raw_rows
from ledger.storage.store import HEAD, KEY, STREAM
from ledger.verifying.fast import Fast, Progress
from ledger.verifying.incremental import Incremental, State, state_of, trust_digest
from ledger.verifying.steps import Steps
from ledger.verifying.walk import KEY_COLUMNS

DEPTHS = ("full", "hashes")


def verify(
    reader: Reader,
    *,
    origin: str | None = None,
    trust: Trust | None = None,
    further: Sequence[Step] = (),
    guard: Guard | None = None,
    subjects: Subjects | None = None,
    policy: Policy | None = None,
    depth: str = "full",
    jobs: int = 1,
    progress: Progress | None = None,
) -> Report:
    """Check the log ``origin`` (or the one that the trust file names, or the only one) and report.

    Without ``trust`` the log is measured against the keys that it names itself, which proves that it is
    consistent, not that it is the right one. ``guard`` is the signer's memory outside the database and
    ``subjects`` are the keys of personal values, where they are at hand; ``policy`` names the witnesses whose
    lines beside the checkpoints are looked at. With the depth ``hashes`` neither
    signatures are looked at nor what they sign, as long as all hashes and numbers are right. With more than
    one of ``jobs`` other processes read too: what is committed. Raises nothing for what rows hold.

    A log is first proved clean the fast way. Where that does not succeed the walk says why; should it find
    nothing, the ways disagree, and that is a finding.
    """
    origin = origin or (trust.origin if trust else None)
    beside = (guard, subjects, policy)
    run = _verified(reader, origin, trust, beside, depth=depth, jobs=jobs, progress=progress)
    if further and run.sound:
        run.meant = True
        run.further(further)
    return run.report()


def verify_new(
    reader: Reader,
    state: State | None,
    *,
    now: datetime,
    origin: str | None = None,
    trust: Trust | None = None,
    guard: Guard | None = None,
    subjects: Subjects | None = None,
    policy: Policy | None = None,
    audited: Iterable[int] = (),
    jobs: int = 1,
    progress: Progress | None = None,
) -> tuple[Report, State | None]:
    """Check what is new since ``state``, and some old tiles of leaves; return the report and the next state.

    Without a state, or under another trust file, everything is checked. There is no next state when something
    was found; a log that does not begin with what the state saw is found rewritten. What the events mean is
    not replayed.
    """
    beside = (guard, subjects, policy)
    verified_at = time_text(now)
    if state is not None and state.trust == trust_digest(trust) and origin in {None, state.origin}:
        attempt = Incremental(reader, trust, state, audited=audited, progress=progress).knowing(*beside)
        if attempt.prove():
            return attempt.report(), state_of(attempt, trust, verified_at)
    origin = origin or (trust.origin if trust else None)
    run = _verified(reader, origin, trust, beside, jobs=jobs, progress=progress)
    if state is not None and (
        run.origin != state.origin or run.leaves.root(state.tree.size) != state.tree.root()
    ):
        run.add(None, "ledger.log_rewritten", f"size {state.tree.size}")
    clean = isinstance(run, Fast) and not run.found
    return run.report(), state_of(run, trust, verified_at) if isinstance(run, Fast) and clean else None


def _verified(
    reader: Reader,
    origin: str | None,
    trust: Trust | None,
    beside: tuple[Guard | None, Subjects | None, Policy | None],
    *,
    depth: str = "full",
    jobs: int = 1,
    progress: Progress | None = None,
    after: frozenset[str] = frozenset(),
) -> Steps:
    """Return a run that took every step but the caller's; ``after`` are the logs that go on from this."""
    signatures = DEPTHS.index(depth) == 0
    fast = Fast(reader, origin, trust, signatures=signatures, jobs=jobs, progress=progress).knowing(*beside)
    before = follows(reader, origin)
    if before is None and fast.prove():
        return fast
    careful = _Careful(reader, origin, trust).knowing(*beside)
    careful.walk()
    if before is not None:
        later = after | {careful.origin}

        def earlier(name: str) -> Iterable[Finding]:
            if name in later:  # a log cannot come before itself
                return [Finding(0, "ledger.predecessor_mismatch", name)]
            alone = (None, None, beside[2])
            return _verified(reader, name, None, alone, depth=depth, after=later).report().findings

        for finding in before_the_break(reader, careful.log, earlier):
            careful.add(finding.seq, finding.code, finding.detail)
        careful.sound = not careful.found
    elif not careful.found:
        # Other processes may have looked at something else; what this one sees is what is reported.
        again = Fast(reader, origin, trust, signatures=signatures).knowing(*beside)
        if jobs > 1 and again.prove():
            return again
        careful.add(None, "ledger.verifiers_disagree")
    return careful


class _Careful(Steps):
    """The walk, with the tables that follow from the entries."""

    def walk(self) -> None:
        """Take every step but the caller's."""
        self.steps(self.log_row, self.take_up, self.tiles, self.entries)
        self.sound = not self.found
        self.steps(self.derived)
        self.beside()

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


def _key_row(key: Key) -> list[Any]:
    return [getattr(key, name) for name in KEY_COLUMNS]
