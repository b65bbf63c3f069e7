"""Signed notes: a text, the lines that sign it, and the keys whose lines those are.

Formats: c2sp.org/signed-note, and c2sp.org/tlog-cosignature for the two kinds of signature that carry a time
and cover a checkpoint only.
"""

import base64
import binascii
import hashlib
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa

from ledger.errors import Malformed, NotAllowed, Problem
from ledger.format.signature import ed25519_key_accepted, verify_ed25519

# Room for the log's two lines and those of more witnesses than a policy names, all of them post-quantum.
MAX_NOTE_BYTES = 512 * 1024
MAX_NOTE_SIGNATURES = 128
MAX_TIMESTAMP = 2**63 - 1
MAX_SIZE = 2**63 - 1
DASH = "— "

_KEY_ID_BYTES = 4
_TIME_BYTES = 8
_MLDSA44_KEY_BYTES = 1312
_MLDSA44_BYTES = 2420
_MAX_NAME_BYTES = 255
_HASH_BYTES = 32
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_LINE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
_VKEY = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


class Kind(IntEnum):
    """How a key signs: the type byte of its verifier string."""

    ED25519 = 0x01  # over the note's text
    COSIGNATURE = 0x04  # Ed25519 over a time and the text of a checkpoint
    MLDSA44 = 0x06  # ML-DSA-44 over name, time, and the head that a checkpoint states


PrivateKey = ed25519.Ed25519PrivateKey | mldsa.MLDSA44PrivateKey


def b64(data: bytes) -> str:
    """Return standard base64 with padding."""
    return base64.b64encode(data).decode()


def unb64(text: str) -> bytes:
    """Return the bytes of standard base64; raise Malformed for any spelling but the canonical one."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed(Problem("ledger.note_malformed")) from error
    if b64(data) != text:
        raise Malformed(Problem("ledger.note_malformed"))
    return data


def decimal(text: str) -> int:
    """Return a size or index: ASCII decimal without leading zeros, below 2^63; raise Malformed otherwise."""
    if not _DECIMAL.fullmatch(text) or int(text) > MAX_SIZE:
        raise Malformed(Problem("ledger.note_malformed"))
    return int(text)


def decode(data: bytes) -> str:
    """Return the text of bytes from outside; raise Malformed when they are too many or no UTF-8."""
    try:
        if len(data) <= MAX_NOTE_BYTES:
            return data.decode()
    except UnicodeDecodeError as error:
        raise Malformed(Problem("ledger.note_malformed")) from error
    raise Malformed(Problem("ledger.note_malformed"))


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A public key (32 or 1,312 bytes) that signs notes under a name; ``str()`` is its verifier string."""

    name: str
    kind: Kind
    public: bytes

    @property
    def id(self) -> bytes:
        """The first four bytes of SHA-256(name ‖ LF ‖ type ‖ key)."""
        return _key_id(self.name, self.kind, self.public)

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{b64(bytes([self.kind]) + self.public)}"

    def check(self, text: str, signature: bytes) -> int | None:
        """Return the time of a signature over ``text``, in seconds since 1970, or None when it has none.

        Raises NotAllowed when the signature is not the key's, Malformed when only a checkpoint may be
        signed so and ``text`` is none.
        """
        timestamp = None
        value = signature
        if self.kind is not Kind.ED25519:
            timestamp = int.from_bytes(signature[:_TIME_BYTES], "big")
            value = signature[_TIME_BYTES:]
        message = _message(self.name, self.kind, text, timestamp or 0)
        if (timestamp or 0) > MAX_TIMESTAMP or not _verifies(self, value, message):
            raise NotAllowed(Problem("ledger.note_signature_invalid", "", {"name": self.name}))
        return timestamp


@lru_cache(maxsize=4096)
def _key_id(name: str, kind: Kind, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:_KEY_ID_BYTES]


def _verifies(key: NoteKey, value: bytes, message: bytes) -> bool:
    if key.kind is not Kind.MLDSA44:
        return verify_ed25519(key.public, value, message)
    try:
        mldsa.MLDSA44PublicKey.from_public_bytes(key.public).verify(value, message)
    except InvalidSignature:
        return False
    return len(value) == _MLDSA44_BYTES


def parse_vkey(text: str) -> NoteKey:
    """Return the key of a verifier string ``name+id+base64``; raise Malformed when it is not one.

    An Ed25519 key must be the canonical encoding of a point of prime order.
    """
    found = _VKEY.fullmatch(text)
    if found is None or _CONTROL.search(text):
        raise Malformed(Problem("ledger.vkey_malformed"))
    try:
        typed = unb64(found[3])
        key = NoteKey(found[1], Kind(typed[0]), typed[1:])
        if _accepted(key) and str(key) == text:
            return key
    except (Malformed, ValueError) as error:  # UnicodeEncodeError is a ValueError
        raise Malformed(Problem("ledger.vkey_malformed")) from error
    raise Malformed(Problem("ledger.vkey_malformed"))


def _accepted(key: NoteKey) -> bool:
    if key.kind is not Kind.MLDSA44:
        return ed25519_key_accepted(key.public)
    return len(key.public) == _MLDSA44_KEY_BYTES


@dataclass(frozen=True, slots=True)
class NoteSigner:
    """The private half of a NoteKey."""

    name: str
    private: PrivateKey
    kind: Kind = Kind.ED25519

    @property
    def key(self) -> NoteKey:
        """The public half."""
        return NoteKey(self.name, self.kind, self.private.public_key().public_bytes_raw())

    def sign_line(self, text: str, at: datetime) -> str:
        """Return this key's line under ``text`` (which ends with a line feed), without its own line feed.

        Raises Malformed when the kind of key signs checkpoints only and ``text`` is none.
        """
        timestamp = int(at.timestamp())
        value = self.private.sign(_message(self.name, self.kind, text, timestamp))
        stamp = b"" if self.kind is Kind.ED25519 else timestamp.to_bytes(_TIME_BYTES, "big")
        return f"{DASH}{self.name} {b64(self.key.id + stamp + value)}"

    def sign(self, text: str, at: datetime) -> str:
        """Return the note of ``text`` with this key's line alone; raise Malformed when it would be none."""
        if text[-1:] != "\n" or _CONTROL.search(text):
            raise Malformed(Problem("ledger.note_malformed"))
        return f"{text}\n{self.sign_line(text, at)}\n"  # not parsed again: a receipt is made for every act


def _message(name: str, kind: Kind, text: str, timestamp: int) -> bytes:
    if kind is Kind.ED25519:
        return text.encode()
    origin, size, root, _ = tree_head(text)
    if kind is Kind.COSIGNATURE:
        return f"cosignature/v1\ntime {timestamp}\n{text}".encode()
    return cosigned_message(name, timestamp, origin, root, end=size)


def cosigned_message(name: str, timestamp: int, origin: str, root: bytes, *, end: int) -> bytes:
    """Return what an ML-DSA-44 cosigner signs of the first ``end`` entries.

    Raises Malformed when name or origin is empty or longer than 255 bytes.
    """
    named, of = name.encode(), origin.encode()
    if not (0 < len(named) <= _MAX_NAME_BYTES and 0 < len(of) <= _MAX_NAME_BYTES):
        raise Malformed(Problem("ledger.checkpoint_malformed"))
    return b"".join(
        (
            b"subtree/v1\n\0",
            struct.pack(">B", len(named)),
            named,
            struct.pack(">QB", timestamp, len(of)),
            of,
            struct.pack(">QQ", 0, end),
            root,
        )
    )


def tree_head(text: str) -> tuple[str, int, bytes, tuple[str, ...]]:
    """Return origin, size, root and extension lines of a checkpoint's text; raise Malformed otherwise."""
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop() or not all(lines):  # noqa: PLR2004  three lines and the end of the last
        raise Malformed(Problem("ledger.checkpoint_malformed"))
    try:
        size, root = decimal(lines[1]), unb64(lines[2])
    except Malformed as error:
        raise Malformed(Problem("ledger.checkpoint_malformed")) from error
    if len(root) != _HASH_BYTES:
        raise Malformed(Problem("ledger.checkpoint_malformed"))
    return lines[0], size, root, tuple(lines[3:])


@dataclass(frozen=True, slots=True)
class Line:
    """One signature line, not yet verified: ``signature`` is what follows the key id."""

    name: str
    key_id: bytes
    signature: bytes

    def __str__(self) -> str:
        return f"{DASH}{self.name} {b64(self.key_id + self.signature)}"


def parse_line(text: str) -> Line:
    """Return a signature line, given without its line feed; raise Malformed when it is not one."""
    found = _LINE.fullmatch(text)
    if found is None or _CONTROL.search(text):
        raise Malformed(Problem("ledger.note_malformed"))
    blob = unb64(found[2])
    if len(blob) <= _KEY_ID_BYTES:
        raise Malformed(Problem("ledger.note_malformed"))
    return Line(found[1], blob[:_KEY_ID_BYTES], blob[_KEY_ID_BYTES:])


def split_note(note: str) -> tuple[str, tuple[Line, ...]]:
    """Return text and signature lines of a note, nothing verified; raise Malformed when it is none."""
    body, blank, tail = note.rpartition("\n\n")
    lines = tail.split("\n")
    wrong = (
        not blank
        or len(note) > MAX_NOTE_BYTES
        or lines.pop() != ""
        or not 1 <= len(lines) <= MAX_NOTE_SIGNATURES
        or _CONTROL.search(note)
    )
    try:
        if not wrong and len(note.encode()) <= MAX_NOTE_BYTES:
            return body + "\n", tuple(map(parse_line, lines))
    except UnicodeEncodeError as error:  # half of a surrogate pair
        raise Malformed(Problem("ledger.note_malformed")) from error
    raise Malformed(Problem("ledger.note_malformed"))


def make_note(text: str, lines: Iterable[str]) -> str:
    """Return the note of ``text`` with those signature lines; raise Malformed when it would be none."""
    note = f"{text}\n" + "".join(f"{line}\n" for line in lines)
    if split_note(note)[0] != text:
        raise Malformed(Problem("ledger.note_malformed"))
    return note


def add_lines(note: str, lines: Iterable[str]) -> str:
    """Return the note with further signature lines, those that it has already left out."""
    text, present = split_note(note)
    return make_note(text, dict.fromkeys([*map(str, present), *lines]))


@dataclass(frozen=True, slots=True)
class Opened:
    """A note of which known keys signed the text.

    ``timestamps`` are those of ``signed_by``, in the same order: the latest where a key signed more than
    once, None where its kind carries none.
    """

    text: str
    signed_by: tuple[NoteKey, ...]
    timestamps: tuple[int | None, ...]


def open_note(note: str, keys: Iterable[NoteKey]) -> Opened:
    """Return the text of ``note`` and which of ``keys`` have signed it.

    A wrong signature under a known name and id rejects the note, signatures of unknown keys are passed
    over, and a note that no known key signed is rejected. Raises Malformed or NotAllowed.
    """
    text, lines = split_note(note)
    known = {(key.name, key.id): key for key in keys}
    signed: dict[NoteKey, int | None] = {}
    for line in lines:
        key = known.get((line.name, line.key_id))
        if key is not None:
            at = key.check(text, line.signature)
            before = signed.get(key)
            signed[key] = at if before is None or at is None else max(at, before)
    if not signed:
        raise NotAllowed(Problem("ledger.note_unsigned"))
    return Opened(text, tuple(signed), tuple(signed.values()))
