"""Reading committed rows back: the leaves that they make, found to be those of the stored tree."""

from collections.abc import Iterator

from ledger.errors import Conflict, Problem
from ledger.format.entry import entry_hash, header_bytes
from ledger.format.packing import unpack
from ledger.format.tiles import HASH_BYTES, TILE_WIDTH, grow, tile_at
from ledger.storage.db import Reader, driver, is_sqlite
from ledger.storage.store import leaf_at, tile_reader
from ledger.types import ms_text

CHUNK = 16 * TILE_WIDTH


def read_back(reader: Reader, log: int, origin: str, start: int, stop: int) -> Iterator[list[bytes]]:
    """Yield the leaves of the rows in [start, stop), some thousand at a time.

    Raises Conflict when a row is missing, makes another leaf than the stored one, or when the tiles above are
    not what the leaves make of them: proofs are read from those.
    """
    read = tile_reader(reader, log)
    before = (leaf_at(reader, log, start - 1) or b"") if start else bytes(HASH_BYTES)
    while start < stop:
        end = min(stop, start - start % TILE_WIDTH + CHUNK)
        leaves = row_leaves(reader, log, origin, start, end, before=before)
        for (level, tile), row in grow(read, start, leaves).items():
            if tile_at(read, level, tile, len(row.hashes) // HASH_BYTES) != row.hashes:
                facts = {"level": level, "tile": tile}
                code = "ledger.tile_mismatch" if level else "ledger.leaf_mismatch"
                raise Conflict(Problem(code, "", facts if level else {"start": start}))
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
        before = entry_hash(b"".join((made, unpack(signatures, len(event)), event)))
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
