"""The files of an exported log, read without believing that any of them is what it should be.

They may be anybody's: up to a limit each, nothing but regular files inside the folder, no link followed.
"""

import os
import stat
from dataclasses import replace
from pathlib import Path

from ledger.errors import Malformed
from ledger.format.tiles import HASH_BYTES, MAX_BUNDLE_BYTES, TILE_BYTES, TILE_WIDTH, Place, unpack_bundle
from ledger.verifying.succession import Findings


class ExportFiles:
    """The files of an export; what is wrong with one becomes a finding."""

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
