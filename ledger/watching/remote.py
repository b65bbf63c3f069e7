"""A log read from outside: its checkpoint, tiles and bundles as static files, over HTTP or in a folder.

Format: c2sp.org/tlog-tiles.
"""

from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path

import httpx

from ledger.errors import Malformed, NotFound, Problem, Unavailable
from ledger.format.checkpoint import Checkpoint
from ledger.format.note import MAX_NOTE_BYTES, decode
from ledger.format.tiles import (
    HASH_BYTES,
    MAX_BUNDLE_BYTES,
    TILE_BYTES,
    TILE_WIDTH,
    Place,
    ReadTile,
    root_at,
    tile_at,
    tile_root,
    unpack_bundle,
    width_at,
)
from ledger.format.tree import leaf_hash
from ledger.watching.witness import TIMEOUT_S, bounded

# A log may give its entries to those alone who show an API key.
_CLOSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
CHECKPOINT = "checkpoint"

Get = Callable[[str, int], bytes]
"""Give the file at a path below the log's prefix, of at most so many bytes."""


class Source:
    """A place where a log can be read; nothing that comes from it is believed before it is checked."""

    def __init__(self, name: str, get: Get) -> None:
        self.name = name
        self._get = get

    def note(self) -> str:
        """Return the newest checkpoint; raise Unavailable, NotFound or Malformed."""
        return decode(self._get(CHECKPOINT, MAX_NOTE_BYTES))

    def tiles(self, size: int) -> ReadTile:
        """Return a reader of the tiles of the tree of ``size``; each is fetched once."""
        kept: dict[tuple[int, int], bytes] = {}

        def read(level: int, index: int) -> bytes:
            if (level, index) not in kept:
                place = Place(level, index, width_at(size, level, index))
                kept[level, index] = self._whole(place, TILE_BYTES)[: place.width * HASH_BYTES]
            return kept[level, index]

        return read

    def entries(self, size: int, start: int = 0) -> Iterator[bytes]:
        """Yield the entries [start, size) of the tree of ``size``; raise Malformed where they are no bundle.

        Nothing is checked but the form.
        """
        for index in range(start // TILE_WIDTH, -(-size // TILE_WIDTH)):
            place = Place(None, index, width_at(size, 0, index))
            found = unpack_bundle(self._whole(place, MAX_BUNDLE_BYTES))[: place.width]
            if len(found) != place.width:
                raise Malformed(Problem("ledger.bundle_malformed"))
            yield from found[max(start - index * TILE_WIDTH, 0) :]

    def _whole(self, place: Place, limit: int) -> bytes:
        try:
            return self._get(place.path, limit)
        except NotFound:
            if place.width == TILE_WIDTH:
                raise
            # A log may drop a partial file once it has the full one.
            return self._get(Place(place.level, place.index).path, limit)


def checked_tiles(place: Source, head: Checkpoint) -> ReadTile:
    """Return a reader of a source's tiles that gives only hashes which the root of ``head`` commits to.

    Raises Malformed, here or while reading, where they do not lead to it.
    """
    read = place.tiles(head.size)
    wrong = Malformed(Problem("ledger.checkpoint_mismatch", "", {"size": head.size}))
    # The partial tiles at the right edge make the root, all of their hashes; a full one is a hash above.
    if root_at(read, head.size) != head.root:
        raise wrong
    sound: set[tuple[int, int]] = set()

    def checked(level: int, index: int) -> bytes:
        hashes = read(level, index)
        if width_at(head.size, level, index) == TILE_WIDTH and (level, index) not in sound:
            above, place = divmod(index, TILE_WIDTH)
            if tile_root(hashes) != checked(level + 1, above)[place * HASH_BYTES :][:HASH_BYTES]:
                raise wrong
            sound.add((level, index))
        return hashes

    return checked


def check_entries(read: ReadTile, entries: Iterator[bytes], start: int) -> Iterator[bytes]:
    """Yield the entries from ``start`` on, each once its hash is that of its leaf; raise Malformed otherwise.

    ``read`` gives tiles that have been checked against a root.
    """
    for seq, entry in enumerate(entries, start):
        index, place = divmod(seq, TILE_WIDTH)
        leaf = tile_at(read, 0, index, place + 1)[-HASH_BYTES:]
        if leaf_hash(entry) != leaf:
            raise Malformed(Problem("ledger.leaf_mismatch", "", {"seq": seq}))
        yield entry


def source(where: str, http: httpx.Client) -> Source:
    """Return the source at a URL prefix or in a folder."""
    if where.startswith(("http://", "https://")):
        return Source(where, _over_http(where.rstrip("/"), http))
    return Source(where, _in_folder(Path(where)))


def _over_http(prefix: str, http: httpx.Client) -> Get:
    def get(path: str, limit: int) -> bytes:
        try:
            with http.stream("GET", f"{prefix}/{path}", timeout=TIMEOUT_S) as response:
                if response.status_code == HTTPStatus.NOT_FOUND:
                    raise NotFound(Problem("ledger.file_missing", "", {"path": path}))
                if response.status_code in _CLOSED:
                    raise Unavailable(Problem("ledger.source_closed", "", {"source": prefix}))
                if response.status_code != HTTPStatus.OK:
                    raise Unavailable(Problem("ledger.source_unavailable", "", {"source": prefix}))
                return bounded(response, limit)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(Problem("ledger.source_unavailable", "", {"source": prefix})) from error

    return get


def _in_folder(folder: Path) -> Get:
    def get(path: str, limit: int) -> bytes:
        try:
            with (folder / path).open("rb") as file:
                data = file.read(limit + 1)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFound(Problem("ledger.file_missing", "", {"path": path})) from error
        except OSError as error:
            raise Unavailable(Problem("ledger.source_unavailable", "", {"source": str(folder)})) from error
        if len(data) > limit:
            raise Malformed(Problem("ledger.answer_too_long", "", {"limit": limit}))
        return data

    return get
