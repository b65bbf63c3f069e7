"""A log as static files in the layout of C2SP tlog-tiles: checkpoint, tiles and bundles of entries.

What is written is computed from the entries' bytes and compared with the stored leaves and with the
checkpoint's root, so that an export never holds what the checkpoint does not commit to. Full tiles are
written once; a later run adds what is missing, and the file `checkpoint` moves last.
"""

import fcntl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ledger.errors import Conflict, Malformed, NotFound, Problem
from ledger.format.checkpoint import claimed_checkpoint
from ledger.format.note import MAX_NOTE_BYTES
from ledger.format.tiles import (
    TILE_BYTES,
    TILE_HEIGHT,
    TILE_WIDTH,
    Place,
    ReadTile,
    grow,
    pack_bundle,
    places,
    root_at,
    tile_at,
    width_at,
)
from ledger.publishing.published import Published, published, sound
from ledger.storage.db import Reader
from ledger.storage.durable import put_file, sync_folder
from ledger.storage.store import entries, split_hashes, tile_reader

CHECKPOINT = "checkpoint"
LOCK = ".lock"

Progress = Callable[[int, int], None]
"""Told how many entries are done, of how many."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What a run did: the size of the tree, from where on it was written, and the new files and bytes."""

    size: int
    start: int
    files: int
    bytes: int


def export(reader: Reader, log: int, folder: Path, *, progress: Progress | None = None) -> Exported:
    """Write the log up to its newest checkpoint into ``folder``, which is made when it is not there.

    Raises NotFound when the log has no checkpoint, and Conflict when entries, leaves and checkpoint do not
    belong together, when the folder holds another log or another past of this one, or when another run is
    at work in it.
    """
    now = published(reader, log)
    if now is None:
        raise NotFound(Problem("ledger.never_checkpointed"))
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        read = tile_reader(reader, log)
        before = _exported_size(folder, now, read)
        if any(not (folder / path).is_file() for path in _paths(before)):
            before = 0  # something is missing: look at every file again
        run = _Run(reader, now, folder)
        if before < now.size:
            run.entries(before, progress or _silent)
        run.checkpoint()
        return Exported(now.size, before, run.files, run.bytes)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / LOCK).open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(Problem("ledger.export_running")) from error
        yield


def _exported_size(folder: Path, now: Published, read: ReadTile) -> int:
    """Return the size that the folder's checkpoint has; it must be one of this log's own past."""
    path = folder / CHECKPOINT
    if not path.exists():
        return 0
    with path.open("rb") as file:
        data = file.read(MAX_NOTE_BYTES + 1)
    try:
        old = claimed_checkpoint(data.decode(), now.checkpoint.origin)
    except (Malformed, UnicodeDecodeError) as error:
        raise Conflict(Problem("ledger.export_of_another_log")) from error
    if old.size > now.size:
        raise Conflict(Problem("ledger.export_ahead", "", {"exported": old.size, "size": now.size}))
    if root_at(read, old.size) != old.root:
        raise Conflict(Problem("ledger.export_of_another_log"))
    return old.size


def _paths(size: int) -> Iterator[str]:
    for place in places(size):
        yield place.path
        if place.level == 0:
            yield Place(None, place.index, place.width).path


class _Run:
    """One run: it walks the entries tile by tile, with the right edge of each level at hand."""

    def __init__(self, reader: Reader, now: Published, folder: Path) -> None:
        self._reader = reader
        self._now = now
        self._folder = folder
        self._edge: dict[tuple[int, int], bytes] = {}
        self._touched: set[Path] = set()
        self.files = self.bytes = 0

    def entries(self, before: int, progress: Progress) -> None:
        """Write the bundles and tiles of the entries from ``before`` on, then compare the root."""
        size = self._now.size
        stored = tile_reader(self._reader, self._now.log)
        # The bundle that was partial is written anew, so reading begins where it does.
        first = before - before % TILE_WIDTH
        self._take_up(stored, first)
        for start in range(first, size, TILE_WIDTH):
            width = min(TILE_WIDTH, size - start)
            leaves = tile_at(stored, 0, start // TILE_WIDTH, width)
            data = sound(entries(self._reader, self._now.log, start=start, stop=start + width), start, leaves)
            self._put(Place(None, start // TILE_WIDTH, width), pack_bundle(data))
            self._tiles(start, split_hashes(leaves))
            progress(start + width, size)
        for (level, index), hashes in self._edge.items():
            self._put(Place(level, index, width_at(size, level, index)), hashes)
        if root_at(self._at_edge, size) != self._now.checkpoint.root:
            raise Conflict(Problem("ledger.checkpoint_mismatch", "", {"size": size}))

    def _take_up(self, stored: ReadTile, size: int) -> None:
        level = 0
        while of_level := size >> TILE_HEIGHT * level:
            index, width = divmod(of_level, TILE_WIDTH)
            if width:
                self._edge[level, index] = tile_at(stored, level, index, width)
            level += 1

    def _tiles(self, start: int, leaves: Sequence[bytes]) -> None:
        for (level, index), row in grow(self._at_edge, start, leaves).items():
            if len(row.hashes) == TILE_BYTES:
                self._put(Place(level, index), row.hashes)
                self._edge.pop((level, index), None)
            else:
                self._edge[level, index] = row.hashes

    def _at_edge(self, level: int, index: int) -> bytes:
        return self._edge.get((level, index), b"")

    def checkpoint(self) -> None:
        """Put the checkpoint in place, once everything it commits to is on the disk."""
        for folder in self._touched:
            sync_folder(folder)
        path = self._folder / CHECKPOINT
        data = self._now.note.encode()
        if not path.exists() or path.read_bytes() != data:
            self._write(path, data)
            sync_folder(self._folder)

    def _put(self, place: Place, data: bytes) -> None:
        path = self._folder / place.path
        if path.is_file():
            if path.stat().st_size != len(data) or path.read_bytes() != data:
                raise Conflict(Problem("ledger.export_differs", "", {"file": place.path}))
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        self._write(path, data)
        while path != self._folder:
            path = path.parent
            self._touched.add(path)

    def _write(self, path: Path, data: bytes) -> None:
        put_file(path, data)
        self.files += 1
        self.bytes += len(data)


def _silent(_done: int, _of: int) -> None:
    pass
