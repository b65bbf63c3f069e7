"""The guard: the signer's own memory of what it signed, in a file that no backup or restore touches.

The journal begins with a line that names its format. Each record after it is

    length of the note      4 bytes, big-endian
    digest                  SHA-256 over the digest before (zeros for the first), the length and the note
    check                   the first 4 bytes of SHA-256 over the 36 bytes before
    note                    a signed checkpoint, UTF-8

and is only ever appended. `swap` is a compare-and-swap across processes and holds whether or not anybody
leads: whoever did not see the last note cannot add the next. Nothing shortens a journal but the removal of a
record whose writer was stopped in the middle of it, before anyone was told that it stands.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from ledger.errors import Conflict, Malformed, Problem
from ledger.format.checkpoint import Checkpoint, claimed_checkpoint
from ledger.format.note import MAX_NOTE_BYTES
from ledger.storage.durable import sync_folder

MAGIC = b"ctnh-guard-v1\n"
_LENGTH, _DIGEST, _CHECK = 4, 32, 4
HEAD_BYTES = _LENGTH + _DIGEST + _CHECK


@dataclass(slots=True)
class _Place:
    """How far a journal has been read: its last whole record's head, digest and note, and where it ends."""

    end: int = 0
    head: bytes = b""
    digest: bytes = bytes(_DIGEST)
    note: str | None = None

    @property
    def head_at(self) -> int:
        """Where the last whole record begins."""
        return self.end - len((self.note or "").encode()) - len(self.head)


class Guard:
    """The journal at ``path``, for one log; it is made with the first note.

    What an object has read it does not read again: a journal that has shrunk or gone since is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._place = _Place()

    def last(self) -> str | None:
        """Return the newest note, None when there is none yet; raise Conflict when the journal is damaged."""
        try:
            with self.path.open("rb") as file, _locked(file, fcntl.LOCK_SH):
                self._read_on(file)
        except FileNotFoundError as error:
            if self._place.note is not None:
                raise _damaged(self.path, self._place.end) from error
        return self._place.note

    def swap(self, expected: str | None, new: str) -> None:
        """Append ``new`` durably, if ``expected`` is still the newest note (None: there is none).

        Raises Conflict: `ledger.guard_moved` when it is not, `ledger.guard_conflict` when ``new`` is of
        another log, has fewer entries, or the same number with another root, and `ledger.guard_damaged`.
        Raises Malformed when ``new`` is no checkpoint, OSError when it cannot be written; nothing was added.
        """
        head = claimed_checkpoint(new)
        fresh = self._place.note is None
        if fresh:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | (os.O_CREAT if fresh else 0)
        try:
            descriptor = os.open(self.path, flags, 0o600)
        except FileNotFoundError as error:
            raise _damaged(self.path, self._place.end) from error
        with os.fdopen(descriptor, "r+b", buffering=0) as file, _locked(file, fcntl.LOCK_EX):
            self._read_on(file)
            if self._place.note != expected:
                raise Conflict(Problem("ledger.guard_moved"))
            _check_follows(self._place.note, head)
            self._append(descriptor, new.encode())
        if fresh:
            # Its name must last as well; whoever made it may have been stopped before seeing to that.
            sync_folder(self.path.parent)

    def notes(self) -> Iterator[str]:
        """Yield every note from the first on; raise Conflict where the journal is damaged."""
        try:
            with self.path.open("rb") as file, _locked(file, fcntl.LOCK_SH):
                yield from (place.note for place in _records(file, _Place(), self.path) if place.note)
        except FileNotFoundError:
            return

    def _read_on(self, file: BinaryIO) -> None:
        """Read the records that are new since the last look."""
        place, size = self._place, os.fstat(file.fileno()).st_size
        if size < place.end or os.pread(file.fileno(), len(place.head), place.head_at) != place.head:
            raise _damaged(self.path, place.end)
        if size > place.end:
            for further in _records(file, place, self.path):
                self._place = further

    def _append(self, descriptor: int, note: bytes) -> None:
        start = self._place.end
        if os.fstat(descriptor).st_size > start:
            # Its writer was stopped before anyone was told that this record stands.
            os.ftruncate(descriptor, start)
        head, digest = _head(self._place.digest, note)
        record = (b"" if start else MAGIC) + head + note
        try:
            left = memoryview(record)
            while left:
                left = left[os.write(descriptor, left) :]
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, start)
            raise
        self._place = _Place(start + len(record), head, digest, note.decode())


def _head(before: bytes, note: bytes) -> tuple[bytes, bytes]:
    length = len(note).to_bytes(_LENGTH, "big")
    digest = sha256(before + length + note).digest()
    return length + digest + sha256(length + digest).digest()[:_CHECK], digest


def _records(file: BinaryIO, place: _Place, path: Path) -> Iterator[_Place]:
    """Yield the place after each whole record from ``place`` on.

    What ends before its record does was never whole. Anything else that does not fit is damage.
    """
    file.seek(place.end)
    end, digest = place.end, place.digest
    if end == 0:
        magic = file.read(len(MAGIC))
        if not MAGIC.startswith(magic):
            raise _damaged(path, 0)
        if magic != MAGIC:
            return
        end = len(MAGIC)
    while len(head := file.read(HEAD_BYTES)) == HEAD_BYTES:
        length = int.from_bytes(head[:_LENGTH], "big")
        checked = sha256(head[:-_CHECK]).digest()[:_CHECK] == head[-_CHECK:]
        if not checked or not 0 < length <= MAX_NOTE_BYTES:
            raise _damaged(path, end)
        data = file.read(length)
        if len(data) < length:
            return
        expected, digest = _head(digest, data)
        if expected != head:
            raise _damaged(path, end)
        end += HEAD_BYTES + length
        try:
            note = data.decode()
            claimed_checkpoint(note)
        except (Malformed, UnicodeDecodeError) as error:
            raise _damaged(path, end) from error
        yield _Place(end, head, digest, note)


def _check_follows(before: str | None, head: Checkpoint) -> None:
    if before is None:
        return
    last = claimed_checkpoint(before)
    grows = head.size > last.size or (head.size == last.size and head.root == last.root)
    if head.origin != last.origin or not grows:
        raise Conflict(Problem("ledger.guard_conflict", "", {"size": last.size, "found": head.size}))


def _damaged(path: Path, at: int) -> Conflict:
    return Conflict(Problem("ledger.guard_damaged", "", {"file": str(path), "at": at}))


@contextmanager
def _locked(file: BinaryIO, kind: int) -> Iterator[None]:
    fcntl.flock(file, kind)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)
