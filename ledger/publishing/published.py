"""What a log has published: the newest checkpoint with its cosignatures, and the tiles and entries under it.

Nothing that a checkpoint does not commit to leaves by here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import select

from ledger.errors import Conflict, NotFound, Problem
from ledger.format.checkpoint import Checkpoint, LogProof, claimed_checkpoint
from ledger.format.note import add_lines
from ledger.format.tiles import (
    TILE_WIDTH,
    Place,
    consistency,
    inclusion,
    pack_bundle,
    root_at,
    tile_at,
    width_at,
)
from ledger.format.tree import Proof, verify_inclusion
from ledger.storage.db import Reader
from ledger.storage.store import (
    CHECKPOINT,
    COSIGNATURE,
    LOG,
    StoredEntry,
    entries,
    entry_at,
    rows,
    split_hashes,
    tile_reader,
)


@dataclass(frozen=True, slots=True)
class Published:
    """The newest checkpoint of a log: the note with every cosignature there is, and what it says."""

    log: int
    note: str
    checkpoint: Checkpoint

    @property
    def size(self) -> int:
        """How many entries are under the checkpoint."""
        return self.checkpoint.size


def published(reader: Reader, log: int) -> Published | None:
    """Return the newest checkpoint of a log, None when it has none yet."""
    newest = select(CHECKPOINT).where(CHECKPOINT.c.log == log).order_by(CHECKPOINT.c.size.desc()).limit(1)
    row = reader.execute(newest).first()
    if row is None:
        return None
    lines = [found["line"] for found in rows(reader, COSIGNATURE, log=log, size=row.size)]
    note = add_lines(row.note, lines) if lines else row.note
    return Published(log, note, claimed_checkpoint(note))


def log_by_hash(reader: Reader, origin_hash: str) -> int:
    """Return the log whose origin has this SHA-256, in hex; raise NotFound when there is none."""
    for row in rows(reader, LOG):
        if sha256(row["origin"].encode()).hexdigest() == origin_hash:
            return int(row["log"])
    raise NotFound(Problem("ledger.log_hash_unknown"))


def tile(reader: Reader, of: Published, place: Place) -> bytes:
    """Return the hashes of a tile under the checkpoint; raise NotFound when it has no such tile."""
    _check_committed(of, place)
    assert place.level is not None
    return tile_at(tile_reader(reader, of.log), place.level, place.index, place.width)


def bundle(reader: Reader, of: Published, place: Place) -> bytes:
    """Return the bundle of entries under the checkpoint; raise NotFound when it has no such bundle.

    Raises Conflict when an entry's bytes are not those of its leaf: what was tampered with is not passed on.
    """
    _check_committed(of, place)
    start = place.index * TILE_WIDTH
    leaves = tile_at(tile_reader(reader, of.log), 0, place.index, place.width)
    return pack_bundle(sound(entries(reader, of.log, start=start, stop=start + place.width), start, leaves))


def sound(found: Iterable[StoredEntry], start: int, leaves: bytes) -> list[bytes]:
    """Return the bytes of consecutive entries from ``start`` on, once each is found to make its leaf."""
    made = list(found)
    for seq, leaf in enumerate(split_hashes(leaves), start=start):
        entry = made[seq - start] if seq - start < len(made) else None
        if entry is None or entry.seq != seq or entry.hash != leaf:
            raise Conflict(Problem("ledger.leaf_mismatch", "", {"seq": seq}))
    return [entry.data for entry in made]


def _check_committed(of: Published, place: Place) -> None:
    if place.width > width_at(of.size, place.level or 0, place.index):
        raise NotFound(Problem("ledger.tile_unknown", "", {"size": of.size}))


def prove_entry(reader: Reader, log: int, seq: int) -> LogProof:
    """Return the proof that the entry at ``seq`` is under the newest checkpoint; the entry is its extra.

    Raises NotFound when there is no such entry or no checkpoint over it yet, and Conflict when tiles, entry
    and checkpoint do not belong together.
    """
    entry = entry_at(reader, log, seq)
    if entry is None:
        raise NotFound(Problem("ledger.entry_unknown", "", {"seq": seq}))
    of = published(reader, log)
    if of is None or of.size <= seq:
        raise NotFound(Problem("ledger.not_checkpointed", "", {"seq": seq}))
    path = inclusion(tile_reader(reader, log), seq, of.size)
    if not verify_inclusion(entry.hash, seq, of.size, path, of.checkpoint.root):
        raise Conflict(Problem("ledger.proof_invalid", "", {"index": seq}))
    return LogProof(seq, path, of.note, entry.data)


def prove_growth(reader: Reader, of: Published, old: int, new: int) -> tuple[bytes, bytes, Proof]:
    """Return the roots at two sizes, and the proof that the first tree is a prefix of the second.

    Raises NotFound unless 0 < ``old`` ≤ ``new`` and the newest checkpoint reaches ``new``.
    """
    if not 0 < old <= new <= of.size:
        raise NotFound(Problem("ledger.size_unknown", "", {"old": old, "new": new, "size": of.size}))
    read = tile_reader(reader, of.log)
    return root_at(read, old), root_at(read, new), consistency(read, old, new)
