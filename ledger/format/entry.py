"""Envelope and entry: signed event plus header, as the bytes that the log commits to.

    ctnh-entry-v1
    origin <origin>
    seq <n>
    recorded_at <time>
    prev <hash of the entry before, 64 hex digits>
    <scheme> <kid> <value>          one line per actor, in the order of the actors
    len <bytes of the event>

    <event>

The envelope is the part from the first signature line to the end; it is all that the parties make. The
hash of an entry is the RFC 6962 leaf hash, so the chain's link and the tree's leaf are one and the same.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime

from ledger.errors import Malformed, Problem
from ledger.format.event import MAX_ACTORS, parse_time, time_text
from ledger.format.signature import SignatureLine, parse_line

TAG = "ctnh-entry-v1"
ENVELOPE_TAG = b"ctnh-envelope-v1\n"
ZERO = "0" * 64
MAX_ENTRY_BYTES = 65_535

_HEADER = re.compile(
    rb"ctnh-entry-v1\norigin ([!-~]{1,100})\nseq (0|[1-9][0-9]{0,15})\n"
    rb"recorded_at ([0-9TZ:.-]{24})\nprev ([0-9a-f]{64})\n"
)
_LENGTH = re.compile(r"len (0|[1-9][0-9]{0,5})")


@dataclass(frozen=True, slots=True)
class Envelope:
    """Signature lines and the event's canonical bytes: what a client sends."""

    signatures: tuple[SignatureLine, ...]
    event: bytes

    @property
    def head(self) -> bytes:
        """The bytes before the event: signature lines, length, blank line."""
        lines = [line.text() for line in self.signatures]
        return ("\n".join([*lines, f"len {len(self.event)}"]) + "\n\n").encode("ascii")

    def to_bytes(self) -> bytes:
        """Return the envelope as it is sent and hashed."""
        return self.head + self.event

    @property
    def hash(self) -> str:
        """The envelope hash that the next event of the stream names, lower-case hex."""
        return envelope_hash(self.to_bytes())


def envelope_hash(envelope: bytes) -> str:
    """Return the hash of an envelope's bytes, lower-case hex."""
    return hashlib.sha256(ENVELOPE_TAG + envelope).hexdigest()


def parse_envelope(data: bytes) -> Envelope:
    """Return the envelope of ``data``; raise Malformed unless the bytes are exactly its encoding."""
    if len(data) > MAX_ENTRY_BYTES:
        raise Malformed(Problem("ledger.entry_too_large", "", {"limit": MAX_ENTRY_BYTES}))
    head, blank, event = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise Malformed(Problem("ledger.envelope_malformed")) from error
    length = _LENGTH.fullmatch(lines[-1])
    if not blank or length is None or not 1 <= len(lines) - 1 <= MAX_ACTORS:
        raise Malformed(Problem("ledger.envelope_malformed"))
    if int(length[1]) != len(event):
        raise Malformed(
            Problem("ledger.envelope_length", "", {"stated": int(length[1]), "found": len(event)})
        )
    return Envelope(tuple(parse_line(line) for line in lines[:-1]), event)


@dataclass(frozen=True, slots=True)
class Entry:
    """An envelope with its place in the log; ``prev`` is the hash of the entry before it, hex."""

    origin: str
    seq: int
    recorded_at: datetime
    prev: str
    envelope: Envelope

    @property
    def header(self) -> bytes:
        """The header lines, up to the envelope."""
        return header_bytes(self.origin, self.seq, time_text(self.recorded_at), self.prev)

    def to_bytes(self) -> bytes:
        """Return the entry's bytes, at most 65,535; raise Malformed beyond."""
        data = self.header + self.envelope.to_bytes()
        if len(data) > MAX_ENTRY_BYTES:
            raise Malformed(Problem("ledger.entry_too_large", "", {"limit": MAX_ENTRY_BYTES}))
        return data

    @property
    def hash(self) -> bytes:
        """The leaf hash of the entry, 32 bytes."""
        return entry_hash(self.to_bytes())


def header_bytes(origin: str, seq: int, recorded_at: str, prev: str) -> bytes:
    """Return the header lines of an entry; ``recorded_at`` in the ledger's form, ``prev`` in hex."""
    return f"{TAG}\norigin {origin}\nseq {seq}\nrecorded_at {recorded_at}\nprev {prev}\n".encode("ascii")


def entry_hash(entry: bytes) -> bytes:
    """Return SHA-256(0x00 ‖ entry): chain link and RFC 6962 leaf hash in one."""
    return hashlib.sha256(b"\x00" + entry).digest()


def parse_entry(data: bytes) -> Entry:
    """Return the entry of ``data``; raise Malformed unless the bytes are exactly its encoding."""
    header = _HEADER.match(data)
    if header is None or len(data) > MAX_ENTRY_BYTES:
        raise Malformed(Problem("ledger.entry_malformed"))
    try:
        recorded_at = parse_time(header[3].decode())
    except ValueError as error:
        raise Malformed(Problem("ledger.entry_malformed")) from error
    return Entry(
        origin=header[1].decode(),
        seq=int(header[2]),
        recorded_at=recorded_at,
        prev=header[4].decode(),
        envelope=parse_envelope(data[header.end() :]),
    )
