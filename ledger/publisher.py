"""Checkpoints: re-read what is to be committed to, sign its head, keep the note; and proofs under it."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Engine, insert, select

from ledger.checkpoint import Checkpoint, LogProof, claimed_checkpoint
from ledger.db import Reader, reading, writing
from ledger.errors import Conflict, NotFound, Problem
from ledger.note import NoteSigner, make_note
from ledger.store import CHECKPOINT, entries, entry_at, leaf_hashes
from ledger.tree import inclusion_proof, root


def last_checkpoint(reader: Reader, log: int) -> tuple[int, str] | None:
    """Return size and note of the newest checkpoint of a log, or None."""
    query = (
        select(CHECKPOINT.c.size, CHECKPOINT.c.note)
        .where(CHECKPOINT.c.log == log)
        .order_by(CHECKPOINT.c.size.desc())
        .limit(1)
    )
    row = reader.execute(query).first()
    return None if row is None else (row.size, row.note)


def publish(
    engine: Engine,
    log: int,
    origin: str,
    signers: Sequence[NoteSigner],
    *,
    now: datetime,
    remembered: str | None = None,
) -> tuple[int, str]:
    """Sign a checkpoint over all entries and return its size and note; the last one when nothing is new.

    Every one of ``signers`` adds its line, at the time ``now``.

    The committed rows are read back and hashed again first: a bit that flipped between hashing and tree
    would otherwise be signed for ever. ``remembered`` is the note that the signer itself last made, kept
    outside the database: a log that does not begin with it is never signed again. Raises Conflict for that,
    when rows and leaves disagree, or when the last checkpoint is not a prefix.
    """
    with reading(engine) as reader:
        leaves = leaf_hashes(reader, log)
        if remembered is not None:
            own = claimed_checkpoint(remembered, origin)
            if own.size > len(leaves) or root(leaves[: own.size]) != own.root:
                raise Conflict(Problem("ledger.log_rewritten", "", {"size": own.size}))
        last = last_checkpoint(reader, log)
        start, note = last or (0, "")
        if start == len(leaves) and last is not None:
            return last
        if last is not None and claimed_checkpoint(note, origin).root != root(leaves[:start]):
            raise Conflict(Problem("ledger.checkpoint_mismatch", "", {"size": start}))
        read_back = [entry.hash for entry in entries(reader, log, start=start)]
        if read_back != leaves[start:]:
            raise Conflict(Problem("ledger.leaf_mismatch", "", {"start": start}))
    checkpoint = Checkpoint(origin, len(leaves), root(leaves))
    signed = make_note(checkpoint.text, [signer.sign_line(checkpoint.text, now) for signer in signers])
    with writing(engine, log) as writer:
        known = last_checkpoint(writer, log)
        if known is not None and known[0] >= checkpoint.size:
            return known
        writer.execute(insert(CHECKPOINT), {"log": log, "size": checkpoint.size, "note": signed})
    return checkpoint.size, signed


def prove(reader: Reader, log: int, seq: int) -> LogProof:
    """Return the proof that the entry at ``seq`` is under the newest checkpoint; the entry is its extra.

    Raises NotFound when there is no such entry or no checkpoint over it yet.
    """
    entry = entry_at(reader, log, seq)
    last = last_checkpoint(reader, log)
    if entry is None:
        raise NotFound(Problem("ledger.entry_unknown", "", {"seq": seq}))
    if last is None or last[0] <= seq:
        raise NotFound(Problem("ledger.not_checkpointed", "", {"seq": seq}))
    size, note = last
    return LogProof(seq, inclusion_proof(leaf_hashes(reader, log)[:size], seq), note, entry.data)
