"""Showing one personal value to one party: what to hand over, and how it is checked against a proved entry.

The file is JSON with exactly ``origin, seq, name, value, salt, commitment``; the salt in base64url without
padding. It opens the commitment that the entry at ``seq`` states under ``name``, and nothing else in it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from ledger.errors import Malformed, NotAllowed, Problem
from ledger.format.checkpoint import Checkpoint, LogProof, check_proof
from ledger.format.entry import entry_hash, parse_entry
from ledger.format.event import parse as parse_event
from ledger.format.note import NoteKey
from ledger.format.signature import b64, unb64
from ledger.personal.vault import SALT_BYTES, Secret

MAX_BYTES = 64 * 1024
_TEXTS = ("origin", "name", "value", "salt", "commitment")


@dataclass(frozen=True, slots=True)
class Disclosure:
    """A value with its salt, and where the entry that commits to it stands."""

    origin: str
    seq: int
    name: str
    value: str
    salt: bytes
    commitment: str

    def to_json(self) -> bytes:
        """Return the file's bytes."""
        made = {
            "origin": self.origin,
            "seq": self.seq,
            "name": self.name,
            "value": self.value,
            "salt": b64(self.salt),
            "commitment": self.commitment,
        }
        return json.dumps(made, ensure_ascii=False, indent=2).encode() + b"\n"


def parse(data: bytes) -> Disclosure:
    """Return the disclosure of a file's bytes; raise Malformed when they are not one."""
    if len(data) > MAX_BYTES:
        raise Malformed(Problem("ledger.disclosure_malformed"))
    try:
        raw = json.loads(data)
        if not isinstance(raw, dict) or set(raw) != {*_TEXTS, "seq"}:
            raise Malformed(Problem("ledger.disclosure_malformed"))
        texts = {name: raw[name] for name in _TEXTS}
        good = all(isinstance(text, str) for text in texts.values())
        if not good or not isinstance(raw["seq"], int) or isinstance(raw["seq"], bool):
            raise Malformed(Problem("ledger.disclosure_malformed"))
        salt = unb64(texts.pop("salt"))
    except (ValueError, RecursionError) as error:
        raise Malformed(Problem("ledger.disclosure_malformed")) from error
    if len(salt) != SALT_BYTES:
        raise Malformed(Problem("ledger.disclosure_malformed"))
    return Disclosure(seq=raw["seq"], salt=salt, **texts)


def check(shown: Disclosure, proof: LogProof, keys: Sequence[NoteKey], origin: str) -> Checkpoint:
    """Return the checkpoint under which the entry is proved that commits to the value shown.

    Raises Malformed for a proof without its entry, NotAllowed when the proof does not hold, or when value,
    salt, name or place are not those of the entry.
    """
    if proof.extra is None:
        raise Malformed(Problem("ledger.proof_malformed"))
    checkpoint = check_proof(proof, entry_hash(proof.extra), keys, origin)
    entry = parse_entry(proof.extra)
    event = parse_event(entry.envelope.event)
    placed = shown.origin == entry.origin == origin and shown.seq == entry.seq == proof.index
    promised = event.commitments.get(shown.name)
    if not placed or promised is None or promised != shown.commitment:
        raise NotAllowed(Problem("ledger.disclosure_of_other_entry", "", {"seq": shown.seq}))
    if Secret(shown.value, "", shown.salt).commitment != promised:
        raise NotAllowed(Problem("ledger.commitment_mismatch", "", {"seq": shown.seq}))
    return checkpoint
