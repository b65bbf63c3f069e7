"""Checkpoints and receipts as C2SP signed notes; inclusion proofs as C2SP tlog-proof files.

Formats: c2sp.org/signed-note, c2sp.org/tlog-checkpoint, c2sp.org/tlog-proof.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519

from ledger.errors import Malformed, NotAllowed, Problem
from ledger.event import parse_time, time_text
from ledger.tree import verify_inclusion

NOTE_ED25519 = 0x01
RECEIPT_TAG = "ctnh-receipt-v1"
PROOF_TAG = "c2sp.org/tlog-proof@v1"
MAX_NOTE_BYTES = 64 * 1024
MAX_NOTE_SIGNATURES = 32

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,15}")
_KEY_ID_BYTES = 4


def _std(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _unstd(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed(Problem("ledger.note_malformed")) from error
    if _std(data) != text:
        raise Malformed(Problem("ledger.note_malformed"))
    return data


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A public key that signs notes under a name; ``str()`` is its verifier string (vkey)."""

    name: str
    public: ed25519.Ed25519PublicKey

    @property
    def id(self) -> bytes:
        """The first four bytes of SHA-256(name ‖ LF ‖ type ‖ key)."""
        typed = bytes([NOTE_ED25519]) + self.public.public_bytes_raw()
        return hashlib.sha256(self.name.encode() + b"\n" + typed).digest()[:_KEY_ID_BYTES]

    def __str__(self) -> str:
        typed = bytes([NOTE_ED25519]) + self.public.public_bytes_raw()
        return f"{self.name}+{self.id.hex()}+{_std(typed)}"


def parse_vkey(text: str) -> NoteKey:
    """Return the key of a verifier string ``name+id+base64``; raise Malformed when it is not one."""
    name, _, rest = text.partition("+")
    _, _, encoded = rest.partition("+")
    typed = _unstd(encoded)
    if not name or typed[:1] != bytes([NOTE_ED25519]):
        raise Malformed(Problem("ledger.vkey_malformed"))
    try:
        key = NoteKey(name, ed25519.Ed25519PublicKey.from_public_bytes(typed[1:]))
    except ValueError as error:
        raise Malformed(Problem("ledger.vkey_malformed")) from error
    if str(key) != text:
        raise Malformed(Problem("ledger.vkey_malformed"))
    return key


@dataclass(frozen=True, slots=True)
class NoteSigner:
    """The private half of a NoteKey."""

    name: str
    private: ed25519.Ed25519PrivateKey

    @property
    def key(self) -> NoteKey:
        """The public half."""
        return NoteKey(self.name, self.private.public_key())

    def sign(self, text: str) -> str:
        """Return the note with ``text`` (which ends with a line feed) and this key's signature."""
        blob = self.key.id + self.private.sign(text.encode())
        return f"{text}\n— {self.name} {_std(blob)}\n"


def open_note(note: str, keys: Iterable[NoteKey]) -> str:
    """Return the text of ``note`` once one of ``keys`` is found to have signed it.

    A wrong signature under a known name and id rejects the note, signatures of unknown keys are passed
    over, and a note that no known key signed is rejected. Raises Malformed or NotAllowed.
    """
    text, lines = _split_note(note)
    known = {(key.name, key.id): key for key in keys}
    verified = False
    for line in lines:
        name, _, encoded = line.partition(" ")
        blob = _unstd(encoded)
        key = known.get((name, blob[:_KEY_ID_BYTES]))
        if key is None:
            continue
        try:
            key.public.verify(blob[_KEY_ID_BYTES:], text.encode())
        except InvalidSignature as error:
            raise NotAllowed(Problem("ledger.note_signature_invalid", "", {"name": name})) from error
        verified = True
    if not verified:
        raise NotAllowed(Problem("ledger.note_unsigned"))
    return text


def _split_note(note: str) -> tuple[str, list[str]]:
    body, blank, tail = note.rpartition("\n\n")
    lines = tail.split("\n")
    wrong = (
        not blank
        or len(note) > MAX_NOTE_BYTES
        or lines[-1] != ""
        or not 1 <= len(lines) - 1 <= MAX_NOTE_SIGNATURES
        or any(ord(character) < ord(" ") and character != "\n" for character in note)
        or any(re.fullmatch(r"— [^\s+]+ [A-Za-z0-9+/=]+", line) is None for line in lines[:-1])
    )
    if wrong:
        raise Malformed(Problem("ledger.note_malformed"))
    return body + "\n", [line.removeprefix("— ") for line in lines[:-1]]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log: how many entries, and the root of the tree over them."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The note text: origin, size and root, a line each."""
        return f"{self.origin}\n{self.size}\n{_std(self.root)}\n"


def open_checkpoint(note: str, keys: Iterable[NoteKey], origin: str) -> Checkpoint:
    """Return the checkpoint of a signed note of this ``origin``; raise Malformed or NotAllowed."""
    return parse_checkpoint(open_note(note, keys), origin)


def parse_checkpoint(text: str, origin: str) -> Checkpoint:
    """Return the checkpoint of a verified note text; raise Malformed when it is not one of ``origin``."""
    lines = text.split("\n")
    if len(lines) != 4 or lines[0] != origin or not _DECIMAL.fullmatch(lines[1]):  # noqa: PLR2004
        raise Malformed(Problem("ledger.checkpoint_malformed"))
    root = _unstd(lines[2])
    if len(root) != hashlib.sha256().digest_size:
        raise Malformed(Problem("ledger.checkpoint_malformed"))
    return Checkpoint(origin, int(lines[1]), root)


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
            f"{RECEIPT_TAG}\n{self.origin}\n{self.seq}\n{_std(self.entry_hash)}\n"
            f"{time_text(self.recorded_at)}\n"
        )


def open_receipt(note: str, keys: Iterable[NoteKey], origin: str) -> Receipt:
    """Return the receipt of a signed note of this ``origin``; raise Malformed or NotAllowed."""
    lines = open_note(note, keys).split("\n")
    if len(lines) != 6 or lines[:2] != [RECEIPT_TAG, origin] or not _DECIMAL.fullmatch(lines[2]):  # noqa: PLR2004
        raise Malformed(Problem("ledger.receipt_malformed"))
    try:
        recorded_at = parse_time(lines[4])
    except ValueError as error:
        raise Malformed(Problem("ledger.receipt_malformed")) from error
    entry_hash = _unstd(lines[3])
    if len(entry_hash) != hashlib.sha256().digest_size:
        raise Malformed(Problem("ledger.receipt_malformed"))
    return Receipt(origin, int(lines[2]), entry_hash, recorded_at)


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
            lines.append(f"extra {_std(self.extra)}")
        lines += [f"index {self.index}", *(_std(node) for node in self.path)]
        return "\n".join(lines) + "\n\n" + self.checkpoint


def parse_proof(text: str) -> LogProof:
    """Return the proof of a tlog-proof file's text; raise Malformed when it is not one."""
    head, blank, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    if not blank or lines[0] != PROOF_TAG or len(lines) > 68 or len(text) > 4 * MAX_NOTE_BYTES:  # noqa: PLR2004
        raise Malformed(Problem("ledger.proof_malformed"))
    rest = lines[1:]
    extra = _unstd(rest.pop(0).removeprefix("extra ")) if rest and rest[0].startswith("extra ") else None
    if not rest or not rest[0].startswith("index ") or not _DECIMAL.fullmatch(rest[0][6:]):
        raise Malformed(Problem("ledger.proof_malformed"))
    return LogProof(int(rest[0][6:]), tuple(_unstd(line) for line in rest[1:]), checkpoint, extra)


def check_proof(proof: LogProof, leaf: bytes, keys: Sequence[NoteKey], origin: str) -> Checkpoint:
    """Return the checkpoint under which ``leaf`` is proved; raise NotAllowed when it is not."""
    checkpoint = open_checkpoint(proof.checkpoint, keys, origin)
    if not verify_inclusion(leaf, proof.index, checkpoint.size, proof.path, checkpoint.root):
        raise NotAllowed(Problem("ledger.proof_invalid", "", {"index": proof.index}))
    return checkpoint
