"""A monitor: follows a log from outside, remembers how far, and proves it when the log shows two faces.

It reads checkpoints from one or more sources (the log itself, mirrors, notes that somebody else was given),
and demands that all of them, and what it remembers, are prefixes of one another.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from ledger.errors import Conflict, Malformed, Problem, Refused
from ledger.format.checkpoint import Checkpoint, claimed_checkpoint, open_checkpoint
from ledger.format.note import NoteKey, open_note
from ledger.format.policy import Policy
from ledger.format.tiles import ReadTile, consistency, root_at
from ledger.format.tree import EMPTY_ROOT, verify_consistency
from ledger.report import Finding
from ledger.watching.remote import Source

FORMAT = 1
MEMORY = "memory"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS followed (
    one INTEGER PRIMARY KEY CHECK (one = 1), origin TEXT NOT NULL, note TEXT, checked_at INTEGER
);
CREATE TABLE IF NOT EXISTS shown (source TEXT PRIMARY KEY, size INTEGER NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class SplitView:
    """Two checkpoints of one log that cannot both be true, provable to anybody who has its keys.

    Of the same size they have other roots. Of different sizes, ``path`` is a consistency proof from
    ``prefix_root``, the root that the second gives to the first's size, to the second's root.
    """

    origin: str
    first: str
    second: str
    prefix_root: bytes = b""
    path: tuple[bytes, ...] = ()

    def convicts(self, keys: Sequence[NoteKey]) -> bool:
        """Tell whether the log of ``keys`` has signed both, and they contradict each other."""
        try:
            first = open_checkpoint(self.first, keys, self.origin)
            second = open_checkpoint(self.second, keys, self.origin)
        except Refused:
            return False
        if first.size == second.size:
            return first.root != second.root
        if first.size == 0:
            return first.root != EMPTY_ROOT
        follows = verify_consistency(first.size, second.size, self.path, self.prefix_root, second.root)
        return follows and first.root != self.prefix_root

    def to_json(self) -> bytes:
        """Return the proof file's bytes."""
        made = {
            "format": FORMAT,
            "kind": "split_view",
            "origin": self.origin,
            "first": self.first,
            "second": self.second,
            "prefix_root": self.prefix_root.hex(),
            "path": [node.hex() for node in self.path],
        }
        return json.dumps(made, indent=2, ensure_ascii=False).encode() + b"\n"


def parse_split_view(data: bytes) -> SplitView:
    """Return the proof of a file's bytes; raise Malformed when it is none. It convicts nobody by itself."""
    try:
        match json.loads(data):
            case {
                "format": 1,
                "kind": "split_view",
                "origin": str(origin),
                "first": str(first),
                "second": str(second),
                "prefix_root": str(prefix),
                "path": list(path),
            }:
                nodes = tuple(bytes.fromhex(node) for node in path)
                for text in (origin, first, second):
                    text.encode()  # half of a surrogate pair is no text
                return SplitView(origin, first, second, bytes.fromhex(prefix), nodes)
    except (ValueError, TypeError, RecursionError) as error:
        raise Malformed(Problem("ledger.split_view_malformed")) from error
    raise Malformed(Problem("ledger.split_view_malformed"))


@dataclass(frozen=True, slots=True)
class Followed:
    """What one round found; ``size`` and ``root`` are those of the last checkpoint that was verified."""

    origin: str
    size: int
    root: str
    findings: tuple[Finding, ...]
    proofs: tuple[Path, ...]

    @property
    def ok(self) -> bool:
        """Whether there was nothing to say."""
        return not self.findings


@dataclass(slots=True)
class _Seen:
    """A verified checkpoint and where it came from; ``read`` gives the tiles under it, checked."""

    name: str
    note: str
    checkpoint: Checkpoint
    read: ReadTile | None = None


class Monitor:
    """One log followed from a folder that keeps the memory (SQLite) and the proofs."""

    def __init__(
        self, folder: Path, origin: str, keys: Sequence[NoteKey], policy: Policy | None = None
    ) -> None:
        """Open or begin the memory; raise Conflict when it is that of another log."""
        self.folder = folder
        self.origin = origin
        self.keys = tuple(keys)
        self.policy = policy
        folder.mkdir(parents=True, exist_ok=True)
        with closing(self._connect()) as database:
            database.executescript(_SCHEMA)
            database.execute("INSERT OR IGNORE INTO followed VALUES (1, ?, NULL, NULL)", (origin,))
            (found,) = database.execute("SELECT origin FROM followed").fetchone()
        if found != origin:
            raise Conflict(Problem("ledger.other_origin", "", {"expected": found}))

    def remembered(self) -> str | None:
        """Return the note of the last checkpoint that was verified, None before the first."""
        with closing(self._connect()) as database:
            (note,) = database.execute("SELECT note FROM followed").fetchone()
        return None if note is None else str(note)

    def follow(
        self,
        sources: Iterable[Source],
        *,
        now: datetime,
        max_age: timedelta | None = None,
        notes: Iterable[tuple[str, str]] = (),
    ) -> Followed:
        """Look at every source once, and at ``notes``, which have a name and no tiles behind them.

        With ``max_age`` a source whose checkpoint is older by the times of the witnesses (without witnesses,
        by the log's own) is named as stale. Raises NotAllowed when what is remembered is not of these keys.
        """
        round_ = _Round(self, now, max_age)
        kept = self.remembered()
        if kept is not None:
            round_.seen.append(_Seen(MEMORY, kept, open_checkpoint(kept, self.keys, self.origin)))
        for source in sources:
            round_.look(source)
        for name, note in notes:
            round_.take(name, note)
        newest = round_.compare()
        if newest is not None:
            self._remember(newest.note, round_.shown, now)
        last = newest.checkpoint if newest else Checkpoint(self.origin, 0, EMPTY_ROOT)
        return Followed(self.origin, last.size, last.root.hex(), tuple(round_.findings), tuple(round_.proofs))

    def shown(self, source: str) -> int:
        """Return the largest size that a source has shown so far."""
        with closing(self._connect()) as database:
            row = database.execute("SELECT size FROM shown WHERE source = ?", (source,)).fetchone()
        return int(row[0]) if row else 0

    def _remember(self, note: str, shown: dict[str, int], now: datetime) -> None:
        with closing(self._connect()) as database:
            database.execute("BEGIN IMMEDIATE")
            (kept,) = database.execute("SELECT note FROM followed").fetchone()
            # Another process may have gone further meanwhile.
            if kept is None or claimed_checkpoint(kept).size <= claimed_checkpoint(note).size:
                database.execute("UPDATE followed SET note = ?, checked_at = ?", (note, int(now.timestamp())))
            database.executemany(
                "INSERT INTO shown VALUES (?, ?) ON CONFLICT DO UPDATE SET size = max(size, excluded.size)",
                shown.items(),
            )
            database.execute("COMMIT")

    def _connect(self) -> sqlite3.Connection:
        database = sqlite3.connect(self.folder / "monitor.db", timeout=30, isolation_level=None)
        database.execute("PRAGMA synchronous = FULL")
        return database

    def keep_proof(self, found: SplitView) -> Path:
        """Write a proof file and return its path: the same contradiction goes to the same file."""
        data = found.to_json()
        heads = "".join(claimed_checkpoint(note).text for note in (found.first, found.second))
        path = self.folder / f"split-view-{sha256(heads.encode()).hexdigest()[:16]}.json"
        path.write_bytes(data)
        return path


@dataclass(slots=True)
class _Round:
    """One look at all sources."""

    monitor: Monitor
    now: datetime
    max_age: timedelta | None
    seen: list[_Seen] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    proofs: list[Path] = field(default_factory=list)
    shown: dict[str, int] = field(default_factory=dict)

    def add(self, code: str, detail: str) -> None:
        self.findings.append(Finding(None, code, detail))

    def look(self, source: Source) -> None:
        """Take what a source shows; its tiles too, once they make the root that is signed."""
        try:
            note = source.note()
        except Refused as refused:
            self.add(refused.code, source.name)
            return
        found = self.take(source.name, note)
        if found is None:
            return
        head = found.checkpoint
        self.shown[source.name] = head.size
        if head.size < self.monitor.shown(source.name):
            self.add("ledger.checkpoint_behind", f"{source.name}: {head.size}")
        if self.max_age is not None:
            self._age(source.name, note, self.max_age)
        read = source.tiles(head.size)
        try:
            sound = root_at(read, head.size) == head.root
        except Refused as refused:
            self.add(refused.code, source.name)
            return
        if sound:
            found.read = read
        else:
            self.add("ledger.checkpoint_mismatch", f"{source.name}: tiles")

    def take(self, name: str, note: str) -> _Seen | None:
        """Take a note in when the log has signed it."""
        monitor = self.monitor
        try:
            offered = claimed_checkpoint(note).origin
            if offered != monitor.origin:
                self.add("ledger.other_origin", f"{name}: {offered}")
                return None
            checkpoint = open_checkpoint(note, monitor.keys, monitor.origin)
            if monitor.policy is not None and not monitor.policy.reached(monitor.policy.cosigned(note)):
                self.add("ledger.quorum_missing", f"{name}: {checkpoint.size}")
        except Refused as refused:
            self.add(refused.code, name)
            return None
        self.seen.append(_Seen(name, note, checkpoint))
        return self.seen[-1]

    def _age(self, name: str, note: str, max_age: timedelta) -> None:
        # A time that is ahead says as little about now as one that is long past.
        now, span = self.now.timestamp(), max_age.total_seconds()
        policy = self.monitor.policy
        if policy is not None and policy.quorum is not None:
            cosigned = policy.cosigned(note)
            fresh = policy.reached([witness for witness, at in cosigned.items() if abs(now - at) <= span])
            newest = max(cosigned.values(), default=0)
        else:
            times = open_note(note, self.monitor.keys).timestamps
            newest = max((at for at in times if at is not None), default=0)
            fresh = abs(now - newest) <= span
        if not fresh:
            said = datetime.fromtimestamp(newest, UTC).isoformat() if newest in range(1, 2**36) else "-"
            self.add("ledger.checkpoint_stale", f"{name}: {said}")

    def compare(self) -> _Seen | None:
        """Hold every checkpoint against the largest one that follows from memory and has tiles; return that.

        What no tiles reach stays unproved and is named. Without memory or tiles nothing is returned.
        """
        memory = next((one for one in self.seen if one.name == MEMORY), None)
        rest = sorted((one for one in self.seen if one is not memory), key=_size, reverse=True)
        main = memory
        for one in [one for one in rest if one.read and _size(one) >= (_size(memory) if memory else 0)]:
            rest.remove(one)
            if memory is None or self._agree(memory, one):
                main = one
                break
        against = main or (rest.pop(0) if rest else None)
        for one in rest:
            assert against is not None
            self._agree(*sorted((one, against), key=_size))
        return main

    def _agree(self, smaller: _Seen, larger: _Seen) -> bool:
        first, second = smaller.checkpoint, larger.checkpoint
        if first.size == second.size:
            return first.root == second.root or self._split(smaller, larger)
        if first.size == 0:
            return first.root == EMPTY_ROOT or self._split(smaller, larger)
        read = larger.read
        if read is None:
            self.add(
                "ledger.consistency_unproved", f"{smaller.name}: {first.size}, {larger.name}: {second.size}"
            )
            return False
        try:
            prefix, path = root_at(read, first.size), consistency(read, first.size, second.size)
        except Refused as refused:
            self.add(refused.code, larger.name)
            return False
        # The tiles at the edge made the root; those further in are believed only when they do as well.
        if not verify_consistency(first.size, second.size, path, prefix, second.root):
            self.add("ledger.checkpoint_mismatch", f"{larger.name}: tiles")
            return False
        return prefix == first.root or self._split(smaller, larger, prefix, path)

    def _split(self, first: _Seen, second: _Seen, prefix: bytes = b"", path: tuple[bytes, ...] = ()) -> bool:
        found = SplitView(self.monitor.origin, first.note, second.note, prefix, path)
        assert found.convicts(self.monitor.keys), "whoever is accused here must be convicted elsewhere too"
        sizes = f"{first.name}: {first.checkpoint.size}, {second.name}: {second.checkpoint.size}"
        self.add("ledger.split_view", sizes)
        self.proofs.append(self.monitor.keep_proof(found))
        return False


def _size(one: _Seen) -> int:
    return one.checkpoint.size
