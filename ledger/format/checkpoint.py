"""Checkpoints and receipts as signed notes; inclusion proofs as tlog-proof files.

Formats: c2sp.org/tlog-checkpoint, c2sp.org/tlog-proof.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ledger.errors import Malformed, NotAllowed, Problem
from ledger.format.event import parse_time, time_text
from ledger.format.note import MAX_NOTE_BYTES, NoteKey, b64, decimal, open_note, split_note, tree_head, unb64
from ledger.format.tree import verify_inclusion

RECEIPT_TAG = "ctnh-receipt-v1"
PROOF_TAG = "c2sp.org/tlog-proof@v1"
MAX_PROOF_BYTES = MAX_NOTE_BYTES + 128 * 1024  # an entry of 64 KiB in base64, and the path
MAX_PATH = 63


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log: how many entries, and the root of the tree over them.

    ``extensions`` are further lines that some logs write; ours never does, and nothing here reads them.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The note text: origin, size, root and extensions, a line each."""
        return "".join(f"{line}\n" for line in (self.origin, self.size, b64(self.root), *self.extensions))


def open_checkpoint(note: str, keys: Iterable[NoteKey], origin: str) -> Checkpoint:
    """Return the checkpoint of a note of this ``origin`` that the log's ``keys`` have signed.

    One signature of every kind of key among ``keys`` is asked for: a log that has a post-quantum key too
    is not believed on the strength of the other alone. Raises Malformed or NotAllowed.
    """
    keys = tuple(keys)
    opened = open_note(note, keys)
    missing = {key.kind for key in keys} - {key.kind for key in opened.signed_by}
    if missing:
        raise NotAllowed(Problem("ledger.note_half_signed", "", {"kind": min(missing).name}))
    return parse_checkpoint(opened.text, origin)


def parse_checkpoint(text: str, origin: str | None = None) -> Checkpoint:
    """Return the checkpoint of a note's text; raise Malformed when it is not one, or not of ``origin``."""
    found = Checkpoint(*tree_head(text))
    if origin not in {None, found.origin}:
        raise Malformed(Problem("ledger.checkpoint_malformed"))
    return found


def claimed_checkpoint(note: str, origin: str | None = None) -> Checkpoint:
    """Return what a note says of its log, whoever signed it; raise Malformed when it is no checkpoint."""
    return parse_checkpoint(split_note(note)[0], origin)


@dataclass(frozen=True, slots=True)
class Receipt:
    """The log's word, given after the commit, that an entry stands at a position.

    ``entry_hash`` is the entry's leaf hash; a receipt can later be exchanged for an inclusion proof.
    """

    origin: str
    seq: int
    entry_hash: bytes
    recorded_at: datetime

    @property
    def text(self) -> str:
        """The note text that the log signs."""
        return (
            f"{RECEIPT_TAG}\n{self.origin}\n{self.seq}\n{b64(self.entry_hash)}\n"
            f"{time_text(self.recorded_at)}\n"
        )


def open_receipt(note: str, keys: Iterable[NoteKey], origin: str) -> Receipt:
    """Return the receipt of a signed note of this ``origin``; raise Malformed or NotAllowed."""
    lines = open_note(note, keys).text.split("\n")
    if len(lines) != 6 or lines[:2] != [RECEIPT_TAG, origin]:  # noqa: PLR2004
        raise Malformed(Problem("ledger.receipt_malformed"))
    try:
        receipt = Receipt(origin, decimal(lines[2]), unb64(lines[3]), parse_time(lines[4]))
    except (Malformed, ValueError) as error:
        raise Malformed(Problem("ledger.receipt_malformed")) from error
    if len(receipt.entry_hash) != hashlib.sha256().digest_size:
        raise Malformed(Problem("ledger.receipt_malformed"))
    return receipt


@dataclass(frozen=True, slots=True)
class LogProof:
    """A tlog-proof: an entry's position, its path to the root, the checkpoint, and optional extra bytes."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: str
    extra: bytes | None = None

    def to_text(self) -> str:
        """Return the file's text."""
        lines = [PROOF_TAG]
        if self.extra is not None:
            lines.append(f"extra {b64(self.extra)}")
        lines += [f"index {self.index}", *(b64(node) for node in self.path)]
        return "\n".join(lines) + "\n\n" + self.checkpoint


def parse_proof(text: str) -> LogProof:
    """Return the proof of a tlog-proof file's text; raise Malformed when it is not one.

    The checkpoint has the form of a note; nothing of it is verified.
    """
    head, _, checkpoint = text.partition("\n\n")
    tag, *lines = head.split("\n")
    if tag != PROOF_TAG or len(text) > MAX_PROOF_BYTES:
        raise Malformed(Problem("ledger.proof_malformed"))
    try:
        extra = unb64(lines.pop(0).removeprefix("extra ")) if head.startswith(f"{tag}\nextra ") else None
        word, _, index = (lines or [""])[0].partition(" ")
        path = tuple(map(unb64, lines[1:]))
        found = LogProof(decimal(index), path, checkpoint, extra)
        claimed_checkpoint(checkpoint)
    except Malformed as error:
        raise Malformed(Problem("ledger.proof_malformed")) from error
    if (
        word != "index"
        or len(path) > MAX_PATH
        or any(len(node) != hashlib.sha256().digest_size for node in path)
    ):
        raise Malformed(Problem("ledger.proof_malformed"))
    return found


def check_proof(proof: LogProof, leaf: bytes, keys: Sequence[NoteKey], origin: str) -> Checkpoint:
    """Return the checkpoint under which ``leaf`` is proved; raise NotAllowed when it is not."""
    checkpoint = open_checkpoint(proof.checkpoint, keys, origin)
    if not verify_inclusion(leaf, proof.index, checkpoint.size, proof.path, checkpoint.root):
        raise NotAllowed(Problem("ledger.proof_invalid", "", {"index": proof.index}))
    return checkpoint
