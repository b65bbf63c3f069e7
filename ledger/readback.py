"""Reading committed rows back: the leaves that they make, each found to be the stored one."""

from collections.abc import Iterator

from ledger.db import Reader, driver, is_sqlite
from ledger.entry import entry_hash, header_bytes
from ledger.errors import Conflict, Problem
from ledger.store import HASH_BYTES, TILE_WIDTH, leaf_at, tile_reader
from ledger.tiles import tile_at
from ledger.types import ms_text

CHUNK = 16 * TILE_WIDTH


def read_back(reader: Reader, log: int, origin: str, start: int, stop: int) -> Iterator[list[bytes]]:
    """Yield the leaves of the rows in [start, stop), some thousand at a time.

    Raises Conflict when a row is missing or makes another leaf than the stored one.
    """
    read = tile_reader(reader, log)
    before = (leaf_at(reader, log, start - 1) or b"") if start else bytes(HASH_BYTES)
    while start < stop:
        end = min(stop, start - start % TILE_WIDTH + CHUNK)
        leaves = row_leaves(reader, log, origin, start, end, before=before)
        for tile in range(start // TILE_WIDTH, -(-end // TILE_WIDTH)):
            first, last = max(start, tile * TILE_WIDTH), min(end, (tile + 1) * TILE_WIDTH)
            stored = tile_at(read, 0, tile, last - tile * TILE_WIDTH)
            found = b"".join(leaves[first - start : last - start])
            if stored[(first - tile * TILE_WIDTH) * HASH_BYTES :] != found:
                raise Conflict(Problem("ledger.leaf_mismatch", "", {"start": first}))
        yield leaves
        start, before = end, leaves[-1]


def row_leaves(reader: Reader, log: int, origin: str, start: int, stop: int, *, before: bytes) -> list[bytes]:
    """Return the leaf hashes that the rows in [start, stop) make; ``before`` is the leaf ahead of them.

    Rows are read past SQLAlchemy, which would cost more than hashing them. Raises Conflict when one is
    missing.
    """
    leaves = []
    for seq, (found, recorded_at, header, signatures, event) in zip(
        range(start, stop), _raw_entries(reader, log, start, stop), strict=False
    ):
        if found != seq:
            break
        made = header or header_bytes(origin, seq, ms_text(recorded_at), before.hex())
        before = entry_hash(b"".join((made, signatures, event)))
        leaves.append(before)
    if len(leaves) != stop - start:
        raise Conflict(Problem("ledger.leaf_mismatch", "", {"start": start + len(leaves)}))
    return leaves


def _raw_entries(
    reader: Reader, log: int, start: int, stop: int
) -> list[tuple[int, int, bytes, bytes, bytes]]:
    with driver(reader) as own:
        cursor = own.cursor() if is_sqlite(reader) else own.cursor(binary=True)
        statement = _ENTRIES if is_sqlite(reader) else _ENTRIES.replace("?", "%s")
        cursor.execute(statement, (log, start, stop))
        found: list[tuple[int, int, bytes, bytes, bytes]] = cursor.fetchall()
        cursor.close()
    return found


_ENTRIES = (
    "SELECT seq, recorded_at, header, signatures, event FROM ledger_entry "
    "WHERE log = ? AND seq >= ? AND seq < ? ORDER BY seq"
)
