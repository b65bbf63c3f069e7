"""What the ledger says of a PDF: the proof beside it holds the entry that names the hash of its bytes."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ledger.errors import Malformed, NotAllowed, Problem
from ledger.format.checkpoint import Checkpoint, check_proof, parse_proof
from ledger.format.entry import entry_hash, parse_entry
from ledger.format.event import parse
from ledger.format.trust import Trust
from manifest.events import PdfIssued


@dataclass(frozen=True, slots=True)
class ProvedDocument:
    """A document that the ledger has issued: its entry, and the checkpoint under which that is proved."""

    seq: int
    recorded_at: datetime
    issued: PdfIssued
    checkpoint: Checkpoint


def proof_path(document: Path) -> Path:
    """Return where the proof of a document lies: beside it, with `.proof` added to the name."""
    return document.with_name(document.name + ".proof")


def prove_document(text: str, trust: Trust) -> ProvedDocument:
    """Return what a proof file proves of a document; raise Malformed or NotAllowed when it proves nothing.

    The entry travels as the proof's extra data, which nothing else vouches for: only its hash is under the
    checkpoint, so it is hashed first and read afterwards.
    """
    proof = parse_proof(text)
    if proof.extra is None:
        raise Malformed(Problem("ledger.proof_malformed"))
    checkpoint = check_proof(proof, entry_hash(proof.extra), trust.log_keys, trust.origin)
    entry = parse_entry(proof.extra)
    event = parse(entry.envelope.event)
    if event.kind != PdfIssued.kind or entry.seq != proof.index or entry.origin != trust.origin:
        raise NotAllowed(Problem("pdf.proof_of_another_entry", "", {"kind": event.kind}))
    return ProvedDocument(entry.seq, entry.recorded_at, PdfIssued.read(event.body), checkpoint)
