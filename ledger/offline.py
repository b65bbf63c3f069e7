"""An exported log checked from its bytes, with nothing but the files and a trust file.

1. The note `checkpoint` says how many entries there are; after the walk it must be signed by the log's keys
   at that size, and its root be the one computed.
2. Each bundle is unpacked; each entry hashes to its leaf in the tile of level 0, stands at its position,
   links to the one before it, is signed by keys active there, continues its stream, and repeats no other.
3. Each tile above is what the leaves make of it.
4. A checkpoint that the auditor has kept is one of the log's past.

The files may be anybody's: they are read up to a limit each, nothing but regular files inside the folder, and
a size that is no more than a claim ends the walk after `MAX_MISSING` files that are not there.
"""

import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from ledger.checkpoint import Checkpoint, claimed_checkpoint, open_checkpoint
from ledger.errors import Malformed, Refused
from ledger.note import MAX_NOTE_BYTES
from ledger.report import Report
from ledger.succession import Findings, Succession
from ledger.tiles import (
    HASH_BYTES,
    MAX_BUNDLE_BYTES,
    TILE_BYTES,
    TILE_WIDTH,
    Place,
    grow,
    range_at,
    root_at,
    unpack_bundle,
)
from ledger.tree import EMPTY_ROOT
from ledger.trust import Trust

MAX_MISSING = 100

Progress = Callable[[int, int], None]
"""Told how many entries are done, of how many."""


def check_export(folder: Path, trust: Trust, *, progress: Progress | None = None) -> Report:
    """Check an exported log and report; raises nothing for what the files hold."""
    findings = Findings()
    files = _Files(folder, findings)
    try:
        note = (files.read("checkpoint", MAX_NOTE_BYTES) or b"").decode()
        claimed = claimed_checkpoint(note)
    except (Malformed, UnicodeDecodeError):
        findings.add(None, "ledger.note_malformed" if files.missing == 0 else "ledger.checkpoint_missing")
        return _report(trust, findings)
    with Succession(trust, findings) as succession:
        walk = _Walk(files, succession, _kept(trust, findings), claimed)
        walk.entries(progress)
        try:
            keys = succession.log_keys.at(claimed.size) or trust.log_keys
            open_checkpoint(note, keys, trust.origin)
        except Refused as error:
            findings.add(None, error.code, "checkpoint")
        return _report(trust, findings, walk, succession)


def _kept(trust: Trust, findings: Findings) -> Checkpoint | None:
    if trust.checkpoint is None:
        return None
    try:
        return open_checkpoint(trust.checkpoint, trust.log_keys, trust.origin)
    except Refused as error:
        findings.add(None, error.code, "kept checkpoint")
        return None


def _report(
    trust: Trust, findings: Findings, walk: "_Walk | None" = None, succession: Succession | None = None
) -> Report:
    return Report(
        ok=findings.count == 0,
        origin=trust.origin,
        size=walk.read if walk else 0,
        root=walk.root.hex() if walk else EMPTY_ROOT.hex(),
        findings=tuple(findings.kept),
        found=findings.count,
        trust="file",
        checkpoint_size=walk.claimed.size if walk else None,
        signatures=succession.signatures if succession else 0,
        personal_redacted=succession.commitments if succession else 0,
    )


class _Files:
    """The files of an export, of which none is believed to be what it should."""

    def __init__(self, folder: Path, findings: Findings) -> None:
        self._folder = folder
        self.findings = findings
        self._plain: dict[Path, bool] = {folder: True}
        self.missing = 0

    def read(self, path: str, limit: int) -> bytes | None:
        """Return a regular file's bytes, None where there is none; raise Malformed beyond the limit."""
        place = self._folder / path
        if not self._is_plain(place.parent):
            self.missing += 1
            return None
        try:
            # Neither a link out of the folder nor a pipe that never answers.
            descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            self.missing += 1
            return None
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode) or state.st_size > limit:
            os.close(descriptor)
            raise Malformed
        with os.fdopen(descriptor, "rb") as file:
            return file.read(limit)

    def _is_plain(self, folder: Path) -> bool:
        """Tell whether no part of the way to ``folder`` is a link."""
        if folder not in self._plain:
            try:
                own = stat.S_ISDIR(folder.lstat().st_mode)
            except OSError:
                return False
            self._plain[folder] = own and self._is_plain(folder.parent)
        return self._plain[folder]

    def tile(self, place: Place) -> bytes | None:
        """Return the hashes of a tile, from the full one where the partial one is gone, or None."""
        found = self._either(place, TILE_BYTES)
        if found is None:
            self.findings.add(None, "ledger.tile_missing", place.path)
            return None
        data, width = found
        if len(data) != width * HASH_BYTES:
            self.findings.add(None, "ledger.tile_malformed", place.path)
            return None
        return data[: place.width * HASH_BYTES]

    def bundle(self, place: Place) -> list[bytes] | None:
        """Return the entries of a bundle likewise."""
        found = self._either(place, MAX_BUNDLE_BYTES)
        if found is None:
            self.findings.add(None, "ledger.bundle_missing", place.path)
            return None
        data, width = found
        try:
            entries = unpack_bundle(data)
        except Malformed:
            entries = []
        if len(entries) != width:
            self.findings.add(None, "ledger.bundle_malformed", place.path)
            return None
        return entries[: place.width]

    def _either(self, place: Place, limit: int) -> tuple[bytes, int] | None:
        """Return the bytes of the file and the width it should have; what cannot be read has none."""
        before = self.missing
        for width in dict.fromkeys((place.width, TILE_WIDTH)):
            try:
                data = self.read(replace(place, width=width).path, limit)
            except Malformed:
                return b"", width
            if data is not None:
                self.missing = before
                return data, width
        self.missing = before + 1
        return None


class _Walk:
    """The way through the files, with the right edge of the tree that they make."""

    def __init__(
        self, files: _Files, succession: Succession, kept: Checkpoint | None, claimed: Checkpoint
    ) -> None:
        self.claimed = claimed
        self.read = 0
        self.root = EMPTY_ROOT
        self._files = files
        self._findings = files.findings
        self._succession = succession
        self._kept = kept
        self._edge: dict[tuple[int, int], bytes] = {}

    def entries(self, progress: Progress | None) -> None:
        """Check every bundle and tile, then the roots."""
        size = self.claimed.size
        whole = True
        if size == 0:
            self._findings.add(0, "ledger.entry_missing")  # without entry 0 a log was never opened
        for start in range(0, size, TILE_WIDTH):
            width = min(TILE_WIDTH, size - start)
            leaves = self._stretch(start, width)
            if self._files.missing >= MAX_MISSING:
                self._findings.add(start, "ledger.export_incomplete", f"{size - start} entries not looked at")
                return
            whole = whole and leaves is not None
            if whole and leaves is not None:
                self._check_kept(start, leaves)
                self._tiles(start, leaves)
            if progress is not None:
                progress(start + width, size)
        if self._kept is not None and self._kept.size > size:
            self._findings.add(size, "ledger.tail_missing", f"kept checkpoint of {self._kept.size}")
        if not whole:
            return
        for (level, index), hashes in self._edge.items():
            self._compare(Place(level, index, len(hashes) // HASH_BYTES), hashes)
        self.root = root_at(self._at_edge, size)
        if self.root != self.claimed.root:
            self._findings.add(None, "ledger.checkpoint_mismatch", "root")

    def _stretch(self, start: int, width: int) -> list[bytes] | None:
        """Check the entries of a bundle; return their leaves, None when one can be had from nowhere."""
        index = start // TILE_WIDTH
        tile = self._files.tile(Place(0, index, width))
        entries = self._files.bundle(Place(None, index, width))
        leaves = _split(tile) if tile is not None else [None] * width
        made = []
        for place, leaf in enumerate(leaves):
            if entries is None:
                self._succession.lose(leaf)
                made.append(leaf)
            else:
                self.read += 1
                digest = self._succession.take(start + place, entries[place], leaf)
                made.append(digest if leaf is None else leaf)
        known = [leaf for leaf in made if leaf is not None]
        return known if len(known) == width else None

    def _check_kept(self, start: int, leaves: Sequence[bytes]) -> None:
        kept = self._kept
        if kept is None or not start < kept.size <= start + len(leaves):
            return
        tree = range_at(self._at_edge, start)
        tree.extend(leaves[: kept.size - start])
        if tree.root() != kept.root:
            self._findings.add(None, "ledger.checkpoint_mismatch", f"kept checkpoint of {kept.size}")

    def _tiles(self, start: int, leaves: Sequence[bytes]) -> None:
        for (level, index), row in grow(self._at_edge, start, leaves).items():
            if len(row.hashes) < TILE_BYTES:
                self._edge[level, index] = row.hashes
                continue
            self._edge.pop((level, index), None)
            self._compare(Place(level, index), row.hashes)

    def _compare(self, place: Place, hashes: bytes) -> None:
        if place.level and self._files.tile(place) not in {None, hashes}:
            self._findings.add(None, "ledger.tile_mismatch", place.path)

    def _at_edge(self, level: int, index: int) -> bytes:
        return self._edge.get((level, index), b"")


def _split(hashes: bytes) -> list[bytes | None]:
    return [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
