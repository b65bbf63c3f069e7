"""A mirror: a full copy of a log in a folder, cosigned once it is whole and on the disk.

Protocol: c2sp.org/tlog-mirror. What comes in, pushed by the log or pulled from its files, comes in packages
of up to 256 entries, each proved to belong to a checkpoint that continues every one before. So a package can
be kept as soon as it is there, an interrupted upload goes on where it stopped, and what is kept never
contradicts a checkpoint of the log. The mirror's own checkpoint moves last.
"""

import fcntl
import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from ledger.errors import Conflict, Malformed, NotAllowed, NotFound, Problem
from ledger.format.checkpoint import Checkpoint, claimed_checkpoint, open_checkpoint
from ledger.format.note import NoteKey, NoteSigner, add_lines, decode
from ledger.format.tiles import (
    TILE_WIDTH,
    Place,
    consistency,
    pack_bundle,
    places,
    root_at,
    subtree,
    tile_at,
    tile_root,
    unpack_bundle,
    width_at,
)
from ledger.format.tree import leaf_hash, root, verify_subtree
from ledger.storage.durable import put_file, sync_folder
from ledger.watching.remote import CHECKPOINT, Source, check_entries, checked_tiles
from ledger.watching.witness import Answer, Request, Witness

MEMORY = "mirror.db"
LOCK = ".lock"
PENDING_KEPT = 16

_SCHEMA = """
CREATE TABLE IF NOT EXISTS pending (
    origin TEXT, size INTEGER, note TEXT NOT NULL, PRIMARY KEY (origin, size)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS progress (
    origin TEXT PRIMARY KEY, next INTEGER NOT NULL, cosigned_at INTEGER NOT NULL
) WITHOUT ROWID;
"""


class _Pending(Witness):
    """The witness's part of a mirror: it remembers the last few checkpoints, and signs nothing."""

    def _take(self, database: sqlite3.Connection, new: Checkpoint, note: str, at: int) -> None:
        super()._take(database, new, note, at)
        database.execute("INSERT OR REPLACE INTO pending VALUES (?, ?, ?)", (new.origin, new.size, note))
        database.execute(
            "DELETE FROM pending WHERE origin = ?1 AND size NOT IN"
            " (SELECT size FROM pending WHERE origin = ?1 ORDER BY size DESC LIMIT ?2)",
            (new.origin, PENDING_KEPT),
        )


@dataclass(frozen=True, slots=True)
class Package:
    """Entries [start, stop) of an upload; the proof is for the subtree [first, stop)."""

    first: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a mirror is: the checkpoint to upload to, and the first entry that it does not have."""

    pending: int
    next: int


class MirrorConflict(Conflict):
    """What is uploaded does not fit to where the mirror stands."""

    def __init__(self, standing: Standing) -> None:
        facts = {"pending": standing.pending, "next": standing.next}
        super().__init__(Problem("ledger.mirror_stands_elsewhere", "", facts))
        self.standing = standing


class Mirror:
    """Copies of logs below one folder; ``logs`` are the keys believed of each origin.

    ``signers`` are the mirror's own keys, distinct from those of any witness. Several threads and processes
    may work on one folder.
    """

    def __init__(
        self, folder: Path, logs: Mapping[str, Sequence[NoteKey]], signers: Sequence[NoteSigner]
    ) -> None:
        self.folder = folder
        self.logs = logs
        self.signers = tuple(signers)
        folder.mkdir(parents=True, exist_ok=True)
        self._witness = _Pending(folder / MEMORY, logs, ())
        with closing(self.connect()) as database:
            database.executescript(_SCHEMA)

    def place(self, origin: str) -> Path:
        """Return the folder of a log's copy: the SHA-256 of its origin, as it is served."""
        return self.folder / sha256(origin.encode()).hexdigest()

    def add_checkpoint(self, body: bytes, *, now: datetime) -> Answer:
        """Take a checkpoint to be mirrored, as a witness would; it is not cosigned before it is mirrored."""
        return self._witness.add_checkpoint(body, now=now)

    def standing(self, origin: str, wanted: int | None = None) -> Standing:
        """Return how far the copy is; the pending checkpoint is the one of size ``wanted`` where it is known.

        Raises NotFound for a log that is not mirrored here.
        """
        if origin not in self.logs:
            raise NotFound(Problem("ledger.log_unknown"))
        with closing(self.connect()) as database:
            sizes = [
                size for (size,) in database.execute("SELECT size FROM pending WHERE origin = ?", (origin,))
            ]
            row = database.execute("SELECT next FROM progress WHERE origin = ?", (origin,)).fetchone()
        size = wanted if wanted in sizes and wanted is not None else max(sizes, default=0)
        return Standing(size, row[0] if row else 0)

    def checkpoint(self, origin: str) -> Checkpoint | None:
        """Return the checkpoint up to which the copy is whole, None before the first."""
        path = self.place(origin) / CHECKPOINT
        return claimed_checkpoint(decode(path.read_bytes()), origin) if path.exists() else None

    def upload(self, origin: str, start: int, stop: int) -> "Upload":
        """Begin to take in entries [start, stop), where ``stop`` is the size of a pending checkpoint.

        Raises NotFound for another log, Malformed when the range is none, MirrorConflict when it does not
        fit to where the mirror stands.
        """
        standing = self.standing(origin, stop)
        if start > stop:
            raise Malformed(Problem("ledger.mirror_upload_malformed"))
        whole = self.checkpoint(origin)
        note = self._note(origin, stop)
        if note is None or start > standing.next or (whole is not None and stop < whole.size):
            raise MirrorConflict(standing)
        return Upload(self, origin, start, note)

    def _note(self, origin: str, size: int) -> str | None:
        with closing(self.connect()) as database:
            query = "SELECT note FROM pending WHERE origin = ? AND size = ?"
            row = database.execute(query, (origin, size)).fetchone()
        return None if row is None else str(row[0])

    def pull(self, source: Source, origin: str, *, now: datetime) -> Checkpoint:
        """Bring the copy of a log up to the checkpoint that a source shows; return where it stands then.

        Interrupted, it goes on where it stopped. Raises Refused when the source does not answer, shows what
        its log has not signed, or what contradicts what was mirrored before.
        """
        if origin not in self.logs:
            raise NotFound(Problem("ledger.log_unknown"))
        note = source.note()
        head = open_checkpoint(note, self.logs[origin], origin)
        read = source.tiles(head.size)
        known = self._witness.latest(origin)
        old = claimed_checkpoint(known).size if known else 0
        if old > head.size:
            raise Conflict(Problem("ledger.mirror_ahead", "", {"size": head.size, "mirrored": old}))
        proof = consistency(read, old, head.size) if old else ()
        answer = self.add_checkpoint(Request(old, proof, note).to_bytes(), now=now)
        if not answer.ok:
            raise Conflict(Problem("ledger.mirror_refused", "", {"status": answer.status, "size": head.size}))
        upload = self.upload(origin, min(self.standing(origin).next, head.size), head.size)
        for package in upload.packages():
            entries = list(source.entries(package.stop, package.start))
            upload.add(package, entries, subtree(read, package.first, package.stop, head.size))
        upload.finish(now=now)
        return head

    def connect(self) -> sqlite3.Connection:
        """Open the memory."""
        database = sqlite3.connect(self.folder / MEMORY, timeout=30, isolation_level=None)
        database.execute("PRAGMA synchronous = FULL")
        return database


class Upload:
    """Entries on their way into a mirror, up to one of its pending checkpoints."""

    def __init__(self, mirror: Mirror, origin: str, start: int, note: str) -> None:
        self._mirror = mirror
        self._origin = origin
        self._start = start
        self._note = note
        self._folder = mirror.place(origin)
        self.head = claimed_checkpoint(note, origin)

    def packages(self) -> Iterator[Package]:
        """Yield the packages in order; they are cut at multiples of 256."""
        first = self._start - self._start % TILE_WIDTH
        while first < self.head.size and self._start < self.head.size:
            stop = min(first + TILE_WIDTH, self.head.size)
            yield Package(first, max(first, self._start), stop)
            first = stop

    def add(self, package: Package, entries: Sequence[bytes], proof: Sequence[bytes]) -> None:
        """Keep the entries of a package once they are proved and on the disk.

        Raises NotAllowed when the proof does not hold, MirrorConflict when entries before are missing.
        """
        with self._alone() as database:
            standing = self._mirror.standing(self._origin, self.head.size)
            if package.start > standing.next:
                raise MirrorConflict(standing)
            before = self._stored(package)
            full = [*before, *entries]
            leaves = [leaf_hash(entry) for entry in full]
            proved = len(full) == package.stop - package.first and verify_subtree(
                package.first,
                package.stop,
                self.head.size,
                proof,
                subtree_root=root(leaves),
                tree_root=self.head.root,
            )
            if not proved:
                raise NotAllowed(Problem("ledger.proof_invalid", "", {"index": package.first}))
            if package.stop <= standing.next:
                return
            index, width = package.first // TILE_WIDTH, len(full)
            self._put(Place(None, index, width), pack_bundle(full))
            self._put(Place(0, index, width), b"".join(leaves))
            database.execute(
                "INSERT INTO progress VALUES (?1, ?2, 0) ON CONFLICT DO UPDATE SET next = ?2",
                (self._origin, package.stop),
            )

    def finish(self, *, now: datetime) -> list[str]:
        """Make this the mirror's checkpoint, on the disk, and return the mirror's lines under it.

        Raises MirrorConflict when entries are missing or the mirror is further by now.
        """
        with self._alone() as database:
            standing = self._mirror.standing(self._origin, self.head.size)
            whole = self._mirror.checkpoint(self._origin)
            if standing.next < self.head.size or (whole is not None and whole.size > self.head.size):
                raise MirrorConflict(standing)
            self._upper_tiles(whole.size if whole else 0)
            if root_at(self._read, self.head.size) != self.head.root:
                # Each package was proved when it came; the disk has changed since.
                raise Conflict(Problem("ledger.checkpoint_mismatch", "", {"size": self.head.size}))
            query = "SELECT cosigned_at FROM progress WHERE origin = ?"
            row = database.execute(query, (self._origin,)).fetchone()
            at = max(int(now.timestamp()), row[0] if row else 0)
            lines = [
                signer.sign_line(self.head.text, datetime.fromtimestamp(at, UTC))
                for signer in self._mirror.signers
            ]
            self._write(self._folder / CHECKPOINT, add_lines(self._note, lines).encode())
            database.execute(
                "INSERT INTO progress VALUES (?1, 0, ?2) ON CONFLICT DO UPDATE SET cosigned_at = ?2",
                (self._origin, at),
            )
            return lines

    def _stored(self, package: Package) -> list[bytes]:
        """Return the entries of the package's bundle that came earlier."""
        if package.start == package.first:
            return []
        found = unpack_bundle(self._read(None, package.first // TILE_WIDTH))
        return found[: package.start - package.first]

    def _upper_tiles(self, before: int) -> None:
        """Write what stands above the leaves and was not there at the size ``before``."""
        for place in places(self.head.size, before):
            if not place.level:
                continue
            level, index = place.level, place.index
            old = width_at(before, level, index)
            hashes = tile_at(self._read, level, index, old) if old else b""
            below = range(index * TILE_WIDTH + old, index * TILE_WIDTH + place.width)
            hashes += b"".join(tile_root(tile_at(self._read, level - 1, one, TILE_WIDTH)) for one in below)
            self._put(place, hashes)

    def _read(self, level: int | None, index: int) -> bytes:
        """Give a tile or a bundle from the disk, the widest that there is."""
        full = self._folder / Place(level, index).path
        if full.exists():
            return full.read_bytes()
        partial = full.with_name(full.name + ".p")
        widths = [int(path.name) for path in partial.glob("[1-9]*")] if partial.exists() else []
        return (partial / str(max(widths))).read_bytes() if widths else b""

    def _put(self, place: Place, data: bytes) -> None:
        path = self._folder / place.path
        if not path.exists():
            self._write(path, data)
        if place.width == TILE_WIDTH:
            # The full file answers for the partial ones, which would otherwise outgrow it many times.
            shutil.rmtree(path.with_name(path.name + ".p"), ignore_errors=True)

    def _write(self, path: Path, data: bytes) -> None:
        new = [folder for folder in path.parents if not folder.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        put_file(path, data)
        for folder in (path.parent, *(made.parent for made in new)):
            sync_folder(folder)

    @contextmanager
    def _alone(self) -> Iterator[sqlite3.Connection]:
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / LOCK).open("wb") as lock, closing(self._mirror.connect()) as database:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield database


def suffix(source: Source, start: int, keys: Sequence[NoteKey], origin: str) -> Iterator[bytes]:
    """Yield the entries from ``start`` to the end of what a mirror has, each checked against its checkpoint.

    ``keys`` are the log's. Raises Refused, before the entry that is not what the log has signed.
    """
    head = open_checkpoint(source.note(), keys, origin)
    read = checked_tiles(source, head)
    yield from check_entries(read, source.entries(head.size, start), start)
