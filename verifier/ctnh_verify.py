#!/usr/bin/env python3
"""Verify a CTNH log, proof, receipt or checkpoint: one file, the standard library alone.

    python ctnh_verify.py DIR  --trust trust.json [--policy FILE] [--json]     an exported log
    python ctnh_verify.py FILE --trust trust.json [--policy FILE] [--json]     a proof, receipt or checkpoint

An exported log that goes on from another, after a loss, needs ``--before DIR`` too, the export of that one.

Written from docs/ledger-format.md; the numbers of sections below are that document's. Nothing is taken from
the program that keeps the log. Hashes, form, order, keys and Ed25519 signatures on notes are checked with the
standard library; the signatures of parties, and ML-DSA-44, with the package `cryptography` where it can be
imported. What was not checked is said in the result.

Exit status: 0 nothing wrong, 1 something wrong, 2 could not run (no such file, no usable trust file).
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import re
import sqlite3
import stat
import struct
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes as _hashes
    from cryptography.hazmat.primitives import serialization as _serialization
    from cryptography.hazmat.primitives.asymmetric import ec as _ec
    from cryptography.hazmat.primitives.asymmetric import padding as _padding
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature as _dss

    LIBRARY = True
except ImportError:
    LIBRARY = False

# Section 15: the bounds. Whatever is larger is refused before it is read further.
MAX_EVENT = 49_152
MAX_ENTRY = 65_535
MAX_LINE = 8_192
MAX_ACTORS = 8
MAX_COMMITMENTS = 32
MAX_DEPTH = 16
MAX_INTEGER = 2**53 - 1
MAX_NOTE = 524_288
MAX_NOTE_LINES = 128
MAX_PROOF = 655_360
MAX_PATH = 63
MAX_TRUST = 1 << 20
MAX_POLICY = 1 << 20
MAX_DEFINED = 256
MAX_FINDINGS = 1_000
MAX_NAMED = 100
TILE = 256
HASH = 32
MAX_BUNDLE = TILE * (2 + MAX_ENTRY)
PROGRESS = 20_000

SPOILT = "ledger.entry_malformed"
ZERO = bytes(HASH)


class Bad(Exception):  # noqa: N818  what it refuses is wrong, not the program
    """What was read is not as the format asks; ``code`` is stable, ``detail`` says what."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code} {detail}".strip())
        self.code, self.detail = code, detail


class CannotRun(Exception):  # noqa: N818  as above
    """There is nothing to verify, or nothing to verify it with."""


# ----------------------------------------------------------------------------------------------------------
# Section 1: canonical JSON. The parser accepts the one canonical spelling and nothing else, so that no
# serialiser is needed to compare with.

_NAME = re.compile(r'"([A-Za-z0-9_.:-]{1,64})":')
_STRING = re.compile(r'"((?:[^"\\\x00-\x1f]|\\["\\n])*)"')
_INTEGER = re.compile(r"(?:0|-?[1-9][0-9]{0,15})(?![0-9.eE])")
_FORBIDDEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\uf8ff\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U000e0000-\U0010ffff]"
)


class _Json:
    """A recursive descent over text that must be canonical."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def refuse(self, why: str) -> Bad:
        return Bad(SPOILT, f"JSON: {why} at character {self.at}")

    def value(self, depth: int) -> Any:
        start = self.text[self.at : self.at + 1]
        if start == "{":
            return self.members(depth + 1)
        if start == "[":
            return self.items(depth + 1)
        if start == '"':
            return self.string()
        for word, meaning in (("true", True), ("false", False), ("null", None)):
            if self.text.startswith(word, self.at):
                self.at += len(word)
                return meaning
        found = _INTEGER.match(self.text, self.at)
        if found is None or abs(int(found[0])) > MAX_INTEGER:
            raise self.refuse("no value of the profile")
        self.at = found.end()
        return int(found[0])

    def string(self) -> str:
        found = _STRING.match(self.text, self.at)
        if found is None:
            raise self.refuse("string not closed, or spelt otherwise")
        text = re.sub(r"\\(.)", lambda pair: "\n" if pair[1] == "n" else pair[1], found[1])
        if _FORBIDDEN.search(text) or not unicodedata.is_normalized("NFC", text):
            raise self.refuse("string with a forbidden character, or not in NFC")
        self.at = found.end()
        return text

    def enter(self, depth: int, closing: str) -> bool:
        """Step into a container; tell whether it has anything inside."""
        if depth > MAX_DEPTH:
            raise self.refuse("nested too deep")
        self.at += 1
        if self.text.startswith(closing, self.at):
            self.at += 1
            return False
        return True

    def more(self, closing: str) -> bool:
        """Step over what follows an item; tell whether another one comes."""
        sign = self.text[self.at : self.at + 1]
        if sign not in {",", closing}:
            raise self.refuse("neither a comma nor the end")
        self.at += 1
        return sign == ","

    def items(self, depth: int) -> list[Any]:
        made: list[Any] = []
        more = self.enter(depth, "]")
        while more:
            made.append(self.value(depth))
            more = self.more("]")
        return made

    def members(self, depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        last = ""
        more = self.enter(depth, "}")
        while more:
            name = _NAME.match(self.text, self.at)
            if name is None:
                raise self.refuse("no name of the profile")
            if name[1] <= last:
                raise self.refuse("name repeated or out of order")
            last, self.at = name[1], name.end()
            made[last] = self.value(depth)
            more = self.more("}")
        return made


def canonical(data: bytes) -> Any:
    """Return the value of canonical bytes; raise Bad for any others."""
    if len(data) > MAX_EVENT:
        raise Bad(SPOILT, "event too large")
    try:
        parser = _Json(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Bad(SPOILT, "event is not UTF-8") from error
    value = parser.value(0)
    if parser.at != len(parser.text):
        raise parser.refuse("something after the end")
    return value


def matches(pattern: str, value: object) -> bool:
    """Tell whether ``value`` is a string, and the whole of it in that form."""
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None


ORIGIN = r"[a-z0-9][a-z0-9._:/-]{0,99}"
KIND = r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+\.v[1-9][0-9]{0,2}"
DIGEST = r"[0-9a-f]{64}"
UUID7 = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z"
MEMBERS = {
    "v", "origin", "kind", "stream", "stream_prev", "actors", "idem", "occurred_at", "body", "commitments",
}  # fmt: skip


def is_time(value: object) -> bool:
    """Tell whether ``value`` is a time in the ledger's form, of a day that exists."""
    if not isinstance(value, str) or not matches(TIME, value):
        return False
    try:
        date.fromisoformat(value[:10])
    except ValueError:
        return False
    return True


def is_count(value: object) -> bool:
    """Tell whether ``value`` is a whole number from 0."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def read_event(data: bytes) -> dict[str, Any]:
    """Return the event of canonical bytes, every field in its form."""
    event = canonical(data)
    if not isinstance(event, dict) or set(event) - {"offline"} != MEMBERS:
        raise Bad(SPOILT, "event: members")
    wrong = [
        name
        for name, good in (
            ("v", event["v"] == 1 and event["v"] is not True),
            ("origin", matches(ORIGIN, event["origin"])),
            ("kind", matches(KIND, event["kind"])),
            ("stream", matches(ORIGIN, event["stream"])),
            ("stream_prev", event["stream_prev"] is None or matches(DIGEST, event["stream_prev"])),
            ("actors", are_actors(event["actors"])),
            ("idem", matches(UUID7, event["idem"])),
            ("occurred_at", is_time(event["occurred_at"])),
            ("body", isinstance(event["body"], dict)),
            ("commitments", are_commitments(event["commitments"])),
            ("offline", event.get("offline", True) is True),
        )
        if not good
    ]
    if wrong:
        raise Bad(SPOILT, f"event: {', '.join(wrong)}")
    return event


def are_actors(value: object) -> bool:
    """Tell whether ``value`` is a list of 1 to 8 actors with different keys."""
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_ACTORS:
        return False
    good = all(
        isinstance(actor, dict)
        and set(actor) - {"key_seq"} == {"party", "role", "kid"}
        and matches(ORIGIN, actor["party"])
        and matches(r"[a-z][a-z_]{0,39}", actor["role"])
        and matches(DIGEST, actor["kid"])
        and is_count(actor.get("key_seq", 0))
        for actor in value
    )
    return good and len({actor["kid"] for actor in value}) == len(value)


def are_commitments(value: object) -> bool:
    """Tell whether ``value`` maps at most 32 names to commitments."""
    if not isinstance(value, dict) or len(value) > MAX_COMMITMENTS:
        return False
    return all(matches(DIGEST, digest) for digest in value.values())


# ----------------------------------------------------------------------------------------------------------
# Sections 2 to 4: signature lines, envelope, entry.

_HEADER = re.compile(
    rb"ctnh-entry-v1\norigin ([!-~]{1,100})\nseq (0|[1-9][0-9]{0,15})\n"
    rb"recorded_at ([0-9TZ:.-]{24})\nprev ([0-9a-f]{64})\n"
)
_SCHEMES = {"pae": range(1, 2), "webauthn": range(3, 4), "batch": range(4, 68)}


@dataclass(frozen=True)
class Entry:
    """An entry as read: its header, its signature lines (scheme, kid, first part), its event."""

    origin: str
    seq: int
    recorded_at: str
    prev: bytes
    lines: tuple[tuple[str, str, bytes], ...]
    event_bytes: bytes
    event: dict[str, Any]
    envelope_hash: str


def entry_hash(data: bytes) -> bytes:
    """Return chain link and leaf of an entry's bytes."""
    return hashlib.sha256(b"\x00" + data).digest()


def unbase64url(text: str) -> bytes:
    """Return the bytes of base64url without padding, in its one spelling."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise Bad(SPOILT, "not base64url") from error
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != text:
        raise Bad(SPOILT, "base64url spelt otherwise")
    return data


def read_line(text: str) -> tuple[str, str, bytes]:
    """Return scheme, kid and the value's first part of a signature line."""
    pieces = text.split(" ")
    if len(text) > MAX_LINE or len(pieces) != 3 or pieces[0] not in _SCHEMES:  # noqa: PLR2004
        raise Bad(SPOILT, "signature line")
    parts = [unbase64url(part) for part in pieces[2].split(".")]
    if not matches(DIGEST, pieces[1]) or len(parts) not in _SCHEMES[pieces[0]] or not all(parts):
        raise Bad(SPOILT, "signature line")
    return pieces[0], pieces[1], parts[0]


def read_entry(data: bytes) -> Entry:
    """Return the entry whose exact encoding ``data`` is."""
    header = _HEADER.match(data)
    if len(data) > MAX_ENTRY or header is None or not is_time(header[3].decode()):
        raise Bad(SPOILT, "header")
    envelope = data[header.end() :]
    head, blank, event = envelope.partition(b"\n\n")
    if not blank or not head.isascii():
        raise Bad(SPOILT, "envelope")
    *lines, length = head.decode("ascii").split("\n")
    if not 1 <= len(lines) <= MAX_ACTORS or length != f"len {len(event)}":
        raise Bad(SPOILT, "envelope")
    return Entry(
        origin=header[1].decode(),
        seq=int(header[2]),
        recorded_at=header[3].decode(),
        prev=bytes.fromhex(header[4].decode()),
        lines=tuple(read_line(line) for line in lines),
        event_bytes=event,
        event=read_event(event),
        envelope_hash=hashlib.sha256(b"ctnh-envelope-v1\n" + envelope).hexdigest(),
    )


# ----------------------------------------------------------------------------------------------------------
# Section 2.1: the strict Ed25519 rule, in extended coordinates (X : Y : Z : T), x = X/Z, y = Y/Z, xy = T/Z.

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int, int, int]
NEUTRAL: Point = (0, 1, 1, 0)


def add(a: Point, b: Point) -> Point:
    """Return the sum of two points."""
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g = 2 * a[3] * b[3] * D % P
    h = 2 * a[2] * b[2] % P
    return ((f - e) * (h - g) % P, (h + g) * (f + e) % P, (h - g) * (h + g) % P, (f - e) * (f + e) % P)


def times(scalar: int, point: Point) -> Point:
    """Return a multiple of a point."""
    made = NEUTRAL
    while scalar:
        if scalar & 1:
            made = add(made, point)
        point, scalar = add(point, point), scalar >> 1
    return made


def is_same(a: Point, b: Point) -> bool:
    """Tell whether two triples of coordinates are one point."""
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def decode(data: bytes) -> Point | None:
    """Return the point that 32 bytes encode canonically, or None."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if len(data) != HASH or y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P)


BASE = decode((4 * pow(5, -1, P) % P).to_bytes(HASH, "little"))
assert BASE is not None


def is_ed25519_key(public: bytes) -> bool:
    """Tell whether the bytes are the canonical encoding of a point of prime order."""
    point = decode(public)
    return point is not None and not is_same(point, NEUTRAL) and is_same(times(L, point), NEUTRAL)


def ed25519_holds(public: bytes, signature: bytes, message: bytes) -> bool:
    """Tell whether the signature holds under a key that was accepted, cofactorless."""
    key, r = decode(public), decode(signature[:HASH])
    s = int.from_bytes(signature[HASH:], "little")
    if len(signature) != 2 * HASH or key is None or r is None or s >= L or is_same(times(8, r), NEUTRAL):
        return False
    assert BASE is not None
    k = int.from_bytes(hashlib.sha512(signature[:HASH] + public + message).digest(), "little") % L
    return is_same(times(s, BASE), add(r, times(k, key)))


# ----------------------------------------------------------------------------------------------------------
# Section 2: keys of the parties. The encoding decides the algorithm, the bytes must be the one encoding.

_ED25519 = bytes.fromhex("302a300506032b6570032100")
_P256 = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
_MLDSA44 = bytes.fromhex("30820532300b06096086480165030403110382052100")
_RSA = bytes.fromhex("300d06092a864886f70d0101010500")
_P256_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_P256_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_P256_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
MLDSA_KEY, MLDSA_SIGNATURE = 1_312, 2_420


def der(tag: int, content: bytes) -> bytes:
    """Return one DER element."""
    size = len(content)
    if size < 0x80:  # noqa: PLR2004  the short form
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def der_integer(number: int) -> bytes:
    """Return a positive INTEGER in DER."""
    return der(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def algorithm_of(spki: bytes) -> str:
    """Return the algorithm of a SubjectPublicKeyInfo that the ledger takes; raise Bad for any other."""
    if spki.startswith(_ED25519) and is_ed25519_key(spki[len(_ED25519) :]):
        return "ed25519"
    if spki.startswith(_P256) and len(spki) == len(_P256) + 2 * HASH:
        x, y = (int.from_bytes(spki[i : i + HASH], "big") for i in (len(_P256), len(_P256) + HASH))
        if x < _P256_P and y < _P256_P and (y * y - x**3 + 3 * x - _P256_B) % _P256_P == 0:
            return "ecdsa-p256"
        raise Bad("ledger.key_malformed", "not on the curve")
    if spki.startswith(_MLDSA44) and len(spki) == len(_MLDSA44) + MLDSA_KEY:
        return "ml-dsa-44"
    if _RSA in spki[:19] and is_rsa_key(spki):
        return "rsa-pkcs1-sha256"
    raise Bad("ledger.key_not_accepted")


def is_rsa_key(spki: bytes) -> bool:
    """Tell whether the bytes are the DER of an RSA key of 2,048 to 4,096 bits with a usual exponent."""
    # Read loosely, then put together again by the rule and compared: what differs was not the one encoding.
    start = spki.find(b"\x02\x82", 19, 40)
    size = int.from_bytes(spki[start + 2 : start + 4], "big")
    n = int.from_bytes(spki[start + 4 : start + 4 + size], "big")
    rest = spki[start + 4 + size :]
    e = int.from_bytes(rest[2:], "big")
    made = der(0x30, _RSA + der(3, b"\x00" + der(0x30, der_integer(n) + der_integer(e))))
    usual = n % 2 == 1 and n.bit_length() in range(2048, 4097) and e in range(65_537, 2**32, 2)
    return made == spki and usual


def holds(spki: bytes, algorithm: str, signature: bytes, message: bytes) -> bool | None:
    """Tell whether a party's signature holds; None when that cannot be checked here."""
    if not LIBRARY:
        return None
    try:
        key: Any = _serialization.load_der_public_key(spki)
    except Exception:  # noqa: BLE001  an older library does not know the algorithm
        return None
    try:
        if algorithm == "ed25519":
            # The library compares R with the encoding of S·B − k·A, a point of the prime-order subgroup since
            # A is one: of the rule's demands on R only the neutral element is left to look at.
            if signature[:HASH] == b"\x01" + bytes(31):
                return False
            key.verify(signature, message)
        elif algorithm == "rsa-pkcs1-sha256":
            key.verify(signature, message, _padding.PKCS1v15(), _hashes.SHA256())
        elif algorithm == "ecdsa-p256":
            r_number, s_number = (
                int.from_bytes(half, "big") for half in (signature[:HASH], signature[HASH:])
            )
            if len(signature) != 2 * HASH or not (0 < r_number < _P256_N and 0 < s_number <= _P256_N // 2):
                return False
            key.verify(_dss(r_number, s_number), message, _ec.ECDSA(_hashes.SHA256()))
        else:
            key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


# ----------------------------------------------------------------------------------------------------------
# Section 5: the tree.


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """The roots of the complete subtrees over the leaves so far: enough to know the root at any size."""

    def __init__(self) -> None:
        self.size = 0
        self._nodes: list[bytes] = []

    def push(self, leaf: bytes) -> None:
        """Add a leaf: as many subtrees end with it as its position has trailing ones."""
        position = self.size
        while position & 1:
            leaf, position = node_hash(self._nodes.pop(), leaf), position >> 1
        self._nodes.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """Return the root over the leaves so far."""
        if not self._nodes:
            return hashlib.sha256().digest()
        root = self._nodes[-1]
        for node in reversed(self._nodes[:-1]):
            root = node_hash(node, root)
        return root


def root_of(hashes: Sequence[bytes]) -> bytes:
    """Return the root over leaves."""
    tree = Tree()
    for leaf in hashes:
        tree.push(leaf)
    return tree.root()


def leads_to(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Tell whether ``path`` leads from a leaf to the root (RFC 9162, 2.1.3.2)."""
    if index >= size:
        return False
    place, last, found = index, size - 1, leaf
    for node in path:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = node_hash(node, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, node)
        place, last = place >> 1, last >> 1
    return last == 0 and found == root


# ----------------------------------------------------------------------------------------------------------
# Sections 6 and 7: signed notes, checkpoints, receipts, proofs.

ED25519, COSIGNATURE, MLDSA44 = 1, 4, 6
_KEY_BYTES = {ED25519: HASH, COSIGNATURE: HASH, MLDSA44: MLDSA_KEY}
_NOTE_LINE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
_VKEY = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_SIZE = r"0|[1-9][0-9]{0,18}"
MAX_SIZE = 2**63 - 1


@dataclass(frozen=True)
class NoteKey:
    """A key that signs notes: its name, its type, its bytes."""

    name: str
    kind: int
    public: bytes

    @property
    def id(self) -> bytes:
        """The four bytes that name the key in a signature line."""
        typed = self.name.encode() + b"\n" + bytes([self.kind]) + self.public
        return hashlib.sha256(typed).digest()[:4]


@dataclass(frozen=True)
class Head:
    """What a checkpoint says."""

    origin: str
    size: int
    root: bytes


@dataclass
class Opened:
    """A note's text, who signed it, and whose signatures could not be checked here."""

    text: str
    signed_by: set[NoteKey] = field(default_factory=set)
    unchecked: set[NoteKey] = field(default_factory=set)


def unbase64(text: str, code: str) -> bytes:
    """Return the bytes of standard base64 in its one spelling; raise Bad with ``code`` for any other."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Bad(code, "base64") from error
    if base64.b64encode(data).decode() != text:
        raise Bad(code, "base64 spelt otherwise")
    return data


def read_size(text: str, code: str) -> int:
    """Return a size or index; raise Bad with ``code`` when it is none."""
    if not matches(_SIZE, text) or int(text) > MAX_SIZE:
        raise Bad(code, "number")
    return int(text)


def read_vkey(text: object) -> NoteKey:
    """Return the key of a vkey."""
    found = _VKEY.fullmatch(text) if isinstance(text, str) and not _CONTROL.search(text) else None
    if found is None:
        raise Bad("ledger.vkey_malformed")
    typed = unbase64(found[3], "ledger.vkey_malformed")
    kind, public = typed[0], typed[1:]
    if len(public) != _KEY_BYTES.get(kind, -1) or (kind != MLDSA44 and not is_ed25519_key(public)):
        raise Bad("ledger.vkey_malformed", "key")
    key = NoteKey(found[1], kind, public)
    if key.id.hex() != found[2]:
        raise Bad("ledger.vkey_malformed", "id")
    return key


def read_head(text: str) -> Head:
    """Return what a checkpoint's text says."""
    code = "ledger.checkpoint_malformed"
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop() or not all(lines):  # noqa: PLR2004
        raise Bad(code, "lines")
    root = unbase64(lines[2], code)
    if len(root) != HASH:
        raise Bad(code, "root")
    return Head(lines[0], read_size(lines[1], code), root)


def split_note(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """Return a note's text and its lines: name, id and signature together."""
    code = "ledger.note_malformed"
    body, blank, tail = note.rpartition("\n\n")
    lines = tail.split("\n")
    good = blank and lines.pop() == "" and 1 <= len(lines) <= MAX_NOTE_LINES and not _CONTROL.search(note)
    if not good or len(note.encode("utf-8", "surrogatepass")) > MAX_NOTE:
        raise Bad(code)
    made = []
    for line in lines:
        found = _NOTE_LINE.fullmatch(line)
        if found is None:
            raise Bad(code, "line")
        blob = unbase64(found[2], code)
        if len(blob) <= 4:  # noqa: PLR2004  the id alone
            raise Bad(code, "line")
        made.append((found[1], blob))
    return body + "\n", made


def note_line_holds(key: NoteKey, text: str, signature: bytes) -> bool | None:
    """Tell whether a key's signature on a note holds; None when that cannot be checked here."""
    if key.kind == ED25519:
        return ed25519_holds(key.public, signature, text.encode())
    head, time, value = read_head(text), int.from_bytes(signature[:8], "big"), signature[8:]
    if time > MAX_SIZE:
        return False
    if key.kind == COSIGNATURE:
        return ed25519_holds(key.public, value, f"cosignature/v1\ntime {time}\n{text}".encode())
    name, origin = key.name.encode(), head.origin.encode()
    if len(name) > 255 or len(origin) > 255 or len(value) != MLDSA_SIGNATURE:  # noqa: PLR2004
        return False
    message = b"subtree/v1\n\x00" + bytes([len(name)]) + name + struct.pack(">Q", time)
    message += bytes([len(origin)]) + origin + struct.pack(">QQ", 0, head.size) + head.root
    return holds(_MLDSA44 + key.public, "ml-dsa-44", value, message)


def open_note(note: str, keys: Sequence[NoteKey]) -> Opened:
    """Return the text of a note that one of ``keys`` at least has signed, none of them wrongly."""
    text, lines = split_note(note)
    opened = Opened(text)
    known = {(key.name, key.id): key for key in keys}
    for name, blob in lines:
        key = known.get((name, blob[:4]))
        if key is None:
            continue
        held = note_line_holds(key, text, blob[4:])
        if held is False:
            raise Bad("ledger.note_signature_invalid", name)
        opened.signed_by.add(key)
        if held is None:
            opened.unchecked.add(key)
    if not opened.signed_by:
        raise Bad("ledger.note_unsigned")
    return opened


def open_checkpoint(note: str, keys: Sequence[NoteKey], origin: str) -> tuple[Head, Opened]:
    """Return the checkpoint that the log's keys have signed, one of every kind among them."""
    opened = open_note(note, keys)
    if {key.kind for key in keys} - {key.kind for key in opened.signed_by}:
        raise Bad("ledger.note_half_signed")
    head = read_head(opened.text)
    if head.origin != origin:
        raise Bad("ledger.checkpoint_malformed", "origin")
    return head, opened


@dataclass(frozen=True)
class Proof:
    """What a proof file holds; nothing of it is believed yet."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: str
    extra: bytes | None


def read_proof(text: str) -> Proof:
    """Return the parts of a proof file."""
    code = "ledger.proof_malformed"
    head, blank, checkpoint = text.partition("\n\n")
    tag, *lines = head.split("\n")
    if len(text) > MAX_PROOF or not blank or tag != "c2sp.org/tlog-proof@v1":
        raise Bad(code)
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = unbase64(lines.pop(0)[6:], code)
    if not lines or not lines[0].startswith("index ") or len(lines) > MAX_PATH + 1:
        raise Bad(code, "index")
    path = tuple(unbase64(line, code) for line in lines[1:])
    if any(len(node) != HASH for node in path):
        raise Bad(code, "path")
    try:
        read_head(split_note(checkpoint)[0])
    except Bad as error:
        raise Bad(code, "checkpoint") from error
    return Proof(read_size(lines[0][6:], code), path, checkpoint, extra)


# ----------------------------------------------------------------------------------------------------------
# Section 9: trust file and policy.


@dataclass(frozen=True)
class Trust:
    """What is believed before the log is seen."""

    origin: str
    log_keys: tuple[NoteKey, ...]
    root_kids: tuple[str, ...]
    checkpoint: str | None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a member stands twice")
    return dict(pairs)


def read_trust(data: bytes) -> Trust:
    """Return the trust that a file's bytes state."""
    try:
        raw: Any = json.loads(data[: MAX_TRUST + 1].decode(), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise Bad("ledger.trust_malformed") from error
    names = {"format", "origin", "log_keys", "root_kids", "pdf_roots"}
    good = (
        isinstance(raw, dict)
        and set(raw) - {"checkpoint", "tsa_roots"} == names
        and raw["format"] == 1
        and raw["format"] is not True
        and matches(ORIGIN, raw["origin"])
        and all(isinstance(raw[name], list) for name in ("log_keys", "root_kids", "pdf_roots"))
        and raw["log_keys"]
        and raw["root_kids"]
        and all(matches(DIGEST, kid) for kid in raw["root_kids"])
        and isinstance(raw.get("checkpoint", ""), str)
    )
    if not good:
        raise Bad("ledger.trust_malformed")
    try:
        keys = tuple(read_vkey(text) for text in raw["log_keys"])
    except Bad as error:
        raise Bad("ledger.trust_malformed", "log_keys") from error
    if any(key.kind == COSIGNATURE for key in keys):
        raise Bad("ledger.trust_malformed", "a witness's key among the log's")
    return Trust(raw["origin"], keys, tuple(raw["root_kids"]), raw.get("checkpoint"))


@dataclass
class Policy:
    """Which logs, which witnesses, and how many of them a checkpoint needs."""

    logs: list[NoteKey] = field(default_factory=list)
    witnesses: dict[bytes, NoteKey] = field(default_factory=dict)
    groups: dict[bytes, tuple[int, list[bytes]]] = field(default_factory=dict)
    quorum: bytes = b""

    def reached(self, name: bytes, signed_by: set[NoteKey]) -> bool:
        """Tell whether a witness, or enough of a group, has signed."""
        if name == b"none":
            return True
        if name in self.witnesses:
            return self.witnesses[name] in signed_by
        needed, members = self.groups[name]
        return sum(self.reached(member, signed_by) for member in members) >= needed


def read_policy(data: bytes) -> Policy:
    """Return the policy of a file's bytes."""
    code = "ledger.policy_malformed"
    if len(data) > MAX_POLICY or re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", data):
        raise Bad(code, "characters")
    if data and not data.endswith(b"\n"):
        raise Bad(code, "last line not ended")
    policy, members = Policy(), set[bytes]()
    for number, line in enumerate(data.split(b"\n"), start=1):
        words = [word for word in re.split(rb"[ \t]+", line) if word]
        if words and not words[0].startswith(b"#"):
            try:
                _policy_line(policy, members, words)
            except (Bad, ValueError, KeyError) as error:
                raise Bad(code, f"line {number}") from error
    if not policy.quorum:
        raise Bad(code, "no quorum")
    return policy


def _policy_line(policy: Policy, members: set[bytes], words: list[bytes]) -> None:
    known = {b"none", *policy.witnesses, *policy.groups}
    match words:
        case [b"log", vkey] | [b"log", vkey, _] if len(policy.logs) < MAX_DEFINED:
            key = read_vkey(vkey.decode())
            if key.kind == COSIGNATURE or key.public in {other.public for other in policy.logs}:
                raise ValueError
            policy.logs.append(key)
        case [b"witness", name, vkey] | [b"witness", name, vkey, _] if len(policy.witnesses) < MAX_DEFINED:
            key = read_vkey(vkey.decode())
            others = {other.public for other in policy.witnesses.values()}
            if name in known or key.kind == ED25519 or key.public in others:
                raise ValueError
            policy.witnesses[name] = key
        case [b"group", name, count, first, *rest] if len(policy.groups) < MAX_DEFINED:
            listed = [first, *rest]
            least = {b"any": 1, b"all": len(listed)}.get(count, 0)
            if not least and matches(r"[1-9][0-9]{0,3}", count.decode()):
                least = int(count)
            twice = len(set(listed)) != len(listed) or members & set(listed)
            if name in known or twice or set(listed) - known or b"none" in listed:
                raise ValueError
            if not 1 <= least <= len(listed):
                raise ValueError
            members.update(listed)
            policy.groups[name] = (least, listed)
        case [b"quorum", name] if not policy.quorum and name in known:
            policy.quorum = name
        case _:
            raise ValueError


def check_policy(policy: Policy, note: str, trust: Trust, log_keys: Sequence[NoteKey]) -> str | None:
    """Return what keeps a note from satisfying the policy, or None; its own logs go before ``log_keys``."""
    keys = [key for key in policy.logs if key.name == trust.origin] if policy.logs else list(log_keys)
    if not keys:
        return "ledger.policy_other_log"
    try:
        open_checkpoint(note, keys, trust.origin)
        signed_by = open_note(note, [*keys, *policy.witnesses.values()]).signed_by
    except Bad as error:
        return error.code
    return None if policy.reached(policy.quorum, signed_by) else "ledger.quorum_missing"


# ----------------------------------------------------------------------------------------------------------
# Sections 10 to 14: what the entries say of keys, of streams, of one another and of the log before.

OPENED, REGISTERED, ROTATED, REVOKED = (
    "log.opened.v1",
    "key.registered.v1",
    "key.rotated.v1",
    "key.revoked.v1",
)
LOG_KEY_ADDED, LOG_KEY_RETIRED = "log.key_added.v1", "log.key_retired.v1"
ERASED = "personal.erased.v1"
MAX_ERASED, MAX_REASON = 500, 1000
CUSTODY = r"custodial|device|certificate|service"
MAX_LOG_KEYS = 8
ROOTS_NEEDED = 2


@dataclass
class PartyKey:
    """A party's key in its time: the positions that began and ended it, and the last ``key_seq``."""

    kid: str
    spki: bytes
    algorithm: str
    since: int
    until: int | None = None
    counted: int | None = None
    root: bool = False


def read_party_key(fields: object, seq: int) -> PartyKey:
    """Return the key that an event brings in."""
    code = "ledger.field_invalid"
    if not isinstance(fields, dict) or set(fields) != {"party", "kid", "algorithm", "public_key", "custody"}:
        raise Bad(code, "key")
    if not isinstance(fields["public_key"], str):
        raise Bad(code, "public_key")
    try:
        spki = unbase64url(fields["public_key"])
    except Bad as error:
        raise Bad(code, "public_key") from error
    algorithm, kid = algorithm_of(spki), hashlib.sha256(spki).hexdigest()
    good = fields["kid"] == kid and fields["algorithm"] == algorithm and matches(ORIGIN, fields["party"])
    if not good or not matches(CUSTODY, fields["custody"]):
        raise Bad(code, "key")
    return PartyKey(kid, spki, algorithm, seq)


def brought(event: dict[str, Any], seq: int) -> list[PartyKey]:
    """Return the keys that an event brings in."""
    body = event["body"]
    if event["kind"] == OPENED:
        listed = body.get("root_keys")
        if not isinstance(listed, list) or not listed:
            raise Bad("ledger.field_invalid", "root_keys")
        return [read_party_key(fields, seq) for fields in listed]
    return [read_party_key(body.get("key"), seq)] if event["kind"] in {REGISTERED, ROTATED} else []


def ended(event: dict[str, Any]) -> str | None:
    """Return the kid of the key that an event ends."""
    if event["kind"] not in {REVOKED, ROTATED}:
        return None
    kid = event["body"].get("kid")
    if not isinstance(kid, str):
        raise Bad("ledger.field_invalid", "kid")
    return kid


def is_erasure(body: dict[str, Any]) -> bool:
    """Tell whether a body names a subject, the commitments whose values go, and a reason."""
    listed, reason = body.get("commitments"), body.get("reason")
    return (
        set(body) == {"subject", "commitments", "reason"}
        and matches(ORIGIN, body["subject"])
        and isinstance(listed, list)
        and 1 <= len(listed) <= MAX_ERASED
        and all(matches(DIGEST, one) for one in listed)
        and len(set(listed)) == len(listed)
        and isinstance(reason, str)
        and 1 <= len(reason) <= MAX_REASON
    )


@dataclass(frozen=True)
class Predecessor:
    """What entry 0 says of the log that this one goes on from; its events are taken until ``until``."""

    origin: str
    size: int
    root: bytes
    note: str
    lost_to: int
    until: str


def next_origin(origin: str) -> str:
    """Return the name under which a log goes on: ``…/2``, then ``…/3``."""
    numbered = re.fullmatch(r"(.*)/([2-9]|[1-9][0-9]{1,4})", origin)
    return f"{origin}/2" if numbered is None else f"{numbered[1]}/{int(numbered[2]) + 1}"


def read_predecessor(event: dict[str, Any]) -> Predecessor | None:
    """Return the predecessor that entry 0 names, if it does."""
    found, until = event["body"].get("predecessor"), event["body"].get("accept_until")
    if found is None:
        return None
    fields: dict[str, Any] = found if isinstance(found, dict) else {}
    lost = fields.get("lost")
    good = (
        isinstance(lost, dict)
        and set(fields) == {"origin", "size", "root", "note", "lost", "cause"}
        and set(lost) == {"from", "to"}
        and all(is_count(number) for number in (fields["size"], lost["from"], lost["to"]))
        and all(isinstance(fields[name], str) for name in ("origin", "note", "cause"))
        and matches(DIGEST, fields["root"])
        and fields["size"] == lost["from"] < lost["to"]
        and event["origin"] == next_origin(fields["origin"])
        and is_time(until)
    )
    if not good or not isinstance(lost, dict):
        raise Bad("ledger.field_invalid", "predecessor")
    root = bytes.fromhex(fields["root"])
    return Predecessor(fields["origin"], fields["size"], root, fields["note"], lost["to"], until)


class LogKeys:
    """The keys that sign checkpoints over so many entries."""

    def __init__(self) -> None:
        self.changes: list[tuple[int, tuple[NoteKey, ...]]] = []

    def at(self, size: int) -> tuple[NoteKey, ...]:
        """Return the keys after the first ``size`` entries."""
        return next((keys for since, keys in reversed(self.changes) if since <= size), ())

    def learn(self, event: dict[str, Any], seq: int) -> None:
        """Take in what an event says of the log's keys; raise Bad, unchanged, when it cannot be."""
        kind, body, now = event["kind"], event["body"], self.at(MAX_SIZE)
        if kind not in {OPENED, LOG_KEY_ADDED, LOG_KEY_RETIRED}:
            return
        listed = body.get("log_keys") if kind == OPENED else [body.get("key")]
        if not isinstance(listed, list) or not 1 <= len(listed) <= MAX_LOG_KEYS:
            raise Bad("ledger.field_invalid", "log_keys")
        try:
            named = tuple(read_vkey(text) for text in listed)
        except Bad as error:
            raise Bad("ledger.field_invalid", "vkey") from error
        if any(key.name != event["origin"] or key.kind == COSIGNATURE for key in named):
            raise Bad("ledger.field_invalid", "vkey")
        if kind == LOG_KEY_RETIRED and named[0] not in now:
            raise Bad("ledger.log_key_unknown")
        left = tuple(key for key in now if key != named[0])
        keys = {OPENED: named, LOG_KEY_ADDED: (*now, *named), LOG_KEY_RETIRED: left}[kind]
        if len(keys) > MAX_LOG_KEYS or len({key.id for key in keys}) != len(keys):
            raise Bad("ledger.log_key_known")
        if all(key.kind != ED25519 for key in keys):
            raise Bad("ledger.log_key_last")
        self.changes.append((seq + 1, keys))


class Findings:
    """What is wrong, in the order in which it was met; beyond the limit, only counted."""

    def __init__(self) -> None:
        self.kept: list[tuple[int | None, str, str]] = []
        self.count = 0

    def add(self, seq: int | None, code: str, detail: str = "") -> None:
        """Keep a finding at a position, or at none."""
        self.count += 1
        if len(self.kept) < MAX_FINDINGS:
            self.kept.append((seq, code, detail))


class Replay:
    """The walk over the entries. What grows with the log lies in a temporary database on disk."""

    def __init__(self, trust: Trust, findings: Findings, before: Sequence[Path] = ()) -> None:
        self.trust, self.findings = trust, findings
        self.before = before  # exports of the predecessor, and of those before it
        self.accepted: dict[str, str] = {}  # other origins whose events count, and until when
        self.keys: dict[str, PartyKey] = {}
        self.log_keys = LogKeys()
        self.damaged = False  # an entry is lost, so what later ones rest on may have been in it
        self.last_hash: bytes | None = ZERO
        self.last_leaf: bytes | None = None
        self.last_time = ""
        self.signatures = self.unchecked = 0
        self.base = sqlite3.connect("", isolation_level=None)
        self.base.execute("PRAGMA journal_mode = OFF")
        self.base.execute("CREATE TABLE stream (name TEXT PRIMARY KEY, head TEXT) WITHOUT ROWID")
        self.base.execute("CREATE TABLE past (name TEXT, envelope TEXT)")
        self.past_indexed = False
        self.base.execute("CREATE TABLE idem (used BLOB PRIMARY KEY) WITHOUT ROWID")

    def lose(self, leaf: bytes | None) -> None:
        """Go on without entries that are not there; of the last one, at most the leaf is known."""
        self.damaged, self.last_hash, self.last_leaf, self.last_time = True, leaf, leaf, ""

    def take(self, seq: int, data: bytes, leaf: bytes | None) -> bytes:
        """Check the entry at a position against its leaf and all before it; return its hash."""
        digest = entry_hash(data)
        if leaf is not None and leaf != digest:
            self.findings.add(seq, "ledger.leaf_mismatch")
        sound = leaf in {None, digest}
        try:
            entry = read_entry(data)
        except Bad as error:
            self.findings.add(seq, error.code, error.detail)
            self.damaged, self.last_time = True, ""
        else:
            self._header(seq, entry, sound=sound)
            held = self._signed(seq, entry)
            if (held or sound) and entry.seq == seq:
                self._learn(seq, entry)
                self._place(seq, entry)
            else:
                self.damaged = True
        self.last_hash, self.last_leaf = digest, leaf
        return digest

    def _header(self, seq: int, entry: Entry, *, sound: bool) -> None:
        if entry.seq != seq:
            self.findings.add(seq, "ledger.entry_misplaced", f"seq {entry.seq}")
        if entry.origin != self.trust.origin:
            self.findings.add(seq, "ledger.entry_misplaced", "origin")
        origin = entry.event["origin"]
        if origin != self.trust.origin and entry.recorded_at > self.accepted.get(origin, ""):
            self.findings.add(seq, "ledger.other_origin", origin)
        # Where leaf and bytes of the entry before differ, that one is named already; either may be true.
        if self.last_hash is not None and entry.prev not in {self.last_hash, self.last_leaf}:
            self.findings.add(seq, "ledger.link_broken")
        # Times of one form sort as text.
        if sound and entry.recorded_at < self.last_time:
            self.findings.add(seq, "ledger.time_runs_back")
        self.last_time = entry.recorded_at if sound else ""

    def _signed(self, seq: int, entry: Entry) -> bool:
        try:
            keys = self._signers(seq, entry)
        except Bad as error:
            if not (self.damaged and error.code == "ledger.key_unknown"):
                self.findings.add(seq, error.code, error.detail)
            return False
        for (scheme, kid, signature), key in zip(entry.lines, keys, strict=True):
            if scheme != "pae":
                self.findings.add(seq, "ledger.signature_scheme_unsupported", scheme)
                return False
            held = holds(key.spki, key.algorithm, signature, pae(entry.event_bytes))
            if held is False:
                self.findings.add(seq, "ledger.signature_invalid", kid)
                return False
            self.signatures += held is True
            self.unchecked += held is None
        return True

    def _signers(self, seq: int, entry: Entry) -> list[PartyKey]:
        """Return the keys that should have signed, in order; raise Bad for the first rule that is broken."""
        event = entry.event
        if (event["kind"] == OPENED) != (seq == 0):
            raise Bad("ledger.opening_out_of_place")
        if [kid for _, kid, _ in entry.lines] != [actor["kid"] for actor in event["actors"]]:
            raise Bad("ledger.signers_differ")
        new = {key.kid: key for key in brought(event, seq)}
        if self.keys.keys() & new.keys():
            raise Bad("ledger.key_known_already")
        gone, holders = ended(event), {a["kid"] for a in event["actors"] if a["role"] == "holder"}
        if event["kind"] == OPENED:
            possessed = {actor["kid"] for actor in event["actors"]} == set(new)
        else:
            possessed = set(new) <= holders and (event["kind"] != ROTATED or gone in holders)
        if not possessed:
            raise Bad("ledger.key_not_possessed")
        keys = []
        for actor in event["actors"]:
            key = new.get(actor["kid"]) or self.keys.get(actor["kid"])
            if key is None:
                raise Bad("ledger.key_unknown", actor["kid"])
            if key.until is not None:
                raise Bad("ledger.key_revoked", actor["kid"])
            keys.append(key)
        if gone is not None and (gone not in self.keys or self.keys[gone].until is not None):
            raise Bad("ledger.key_unknown", gone)
        if event["kind"] in {LOG_KEY_ADDED, LOG_KEY_RETIRED} and sum(key.root for key in keys) < ROOTS_NEEDED:
            raise Bad("ledger.root_keys_missing")
        return keys

    def _learn(self, seq: int, entry: Entry) -> None:
        event = entry.event
        try:
            new, gone = brought(event, seq), ended(event)
        except Bad:
            return  # named with its signatures
        for key in new:
            key.root = event["kind"] == OPENED or (
                gone is not None and gone in self.keys and self.keys[gone].root
            )
            self.keys[key.kid] = key
        for actor in event["actors"]:
            known, count = self.keys.get(actor["kid"]), actor.get("key_seq")
            if known is None:
                continue
            expected = 0 if known.counted is None else known.counted + 1
            begun = known.counted is not None or count is not None
            if begun and count != expected and not self.damaged:
                self.findings.add(seq, "ledger.key_seq_gap", f"{actor['kid']}: {count}, not {expected}")
            known.counted = count if count is not None else known.counted
        if gone is not None and gone in self.keys:
            self.keys[gone].until = seq
        try:
            self.log_keys.learn(event, seq)
        except Bad as error:
            self.findings.add(seq, "ledger.opening_malformed" if seq == 0 else error.code, error.detail)
        if event["kind"] == ERASED and not is_erasure(event["body"]):
            self.findings.add(seq, "ledger.field_invalid", "erasure")
        if seq == 0:
            self._opening(event)

    def _opening(self, event: dict[str, Any]) -> None:
        body = event["body"]
        if body.get("format") != 1 or body["format"] is True:
            self.findings.add(0, "ledger.opening_malformed", "format")
        if set(self.keys) != set(self.trust.root_kids):
            self.findings.add(0, "ledger.trust_mismatch", "root_keys")
        try:
            predecessor = read_predecessor(event)
        except Bad as error:
            self.findings.add(0, error.code, error.detail)
        else:
            if predecessor is not None:
                self.accepted[predecessor.origin] = predecessor.until
                self._take_up(predecessor)

    def _take_up(self, predecessor: Predecessor) -> None:
        """Begin with keys and streams as the predecessor left them, where its export is at hand."""
        if not self.before:
            self.findings.add(0, "ledger.predecessor_missing", predecessor.origin)
            self.damaged = True
            return
        found = Findings()
        earlier = Replay(Trust(predecessor.origin, (), (), None), found, self.before[1:])
        try:
            _survivors(self.before[0], predecessor, earlier)
        except Bad as error:
            self.findings.add(0, "ledger.predecessor_mismatch", f"{error.code} {error.detail}")
        for seq, code, detail in found.kept:
            if code != "ledger.trust_mismatch":  # nothing is believed of it but what entry 0 says
                self.findings.add(None, code, f"{predecessor.origin}, {seq}: {detail}")
        for kid in sorted(self.keys):
            before = earlier.keys.get(kid)
            if before is None or not before.root or before.until is not None:
                self.findings.add(0, "ledger.root_keys_missing", kid)  # nobody takes a log over by going on
        for kid in earlier.keys.keys() - self.keys.keys():
            key = earlier.keys[kid]
            until = None if key.until is None else -1
            self.keys[kid] = replace(key, since=-1, until=until, root=False)
        streams = earlier.base.execute("SELECT name, head FROM stream")
        self.base.executemany("INSERT INTO stream VALUES (?, ?)", streams)
        past = earlier.base.execute("SELECT name, envelope FROM past")
        self.base.executemany("INSERT INTO past VALUES (?, ?)", past)
        earlier.base.close()

    def check_log_keys(self) -> None:
        """Compare the trust file, made at whatever time, with the sets of log keys that there were."""
        sets = [set(keys) for _, keys in self.log_keys.changes]
        if sets and set(self.trust.log_keys) not in sets:
            self.findings.add(0, "ledger.trust_mismatch", "log_keys")

    def _place(self, seq: int, entry: Entry) -> None:
        event, stream = entry.event, entry.event["stream"]
        row = self.base.execute("SELECT head FROM stream WHERE name = ?", (stream,)).fetchone()
        follows = event["stream_prev"] == (row[0] if row else None)
        if not follows and not self.damaged and not ("offline" in event and self._is_past(event)):
            self.findings.add(seq, "ledger.stream_broken", stream)
        self.base.execute("REPLACE INTO stream VALUES (?, ?)", (stream, entry.envelope_hash))
        self.base.execute("INSERT INTO past VALUES (?, ?)", (stream, entry.envelope_hash))
        used = bytes.fromhex(event["actors"][0]["kid"] + event["idem"].replace("-", ""))
        if self.base.execute("INSERT OR IGNORE INTO idem VALUES (?)", (used,)).rowcount == 0:
            self.findings.add(seq, "ledger.idem_repeated")

    def _is_past(self, event: dict[str, Any]) -> bool:
        """Tell whether what an event names is an earlier one of its stream: asked of few, so indexed late."""
        if not self.past_indexed:
            self.base.execute("CREATE INDEX past_envelope ON past (envelope, name)")
            self.past_indexed = True
        asked = (event["stream_prev"], event["stream"])
        query = "SELECT 1 FROM past WHERE envelope = ? AND name = ?"
        return self.base.execute(query, asked).fetchone() is not None


def _survivors(folder: Path, predecessor: Predecessor, replay: Replay) -> None:
    """Replay the entries that a predecessor has left; raise Bad unless they are those that were named."""
    data = read_needed(folder / "checkpoint", MAX_NOTE, Bad("ledger.checkpoint_missing"))
    export = Export(
        folder, read_head(split_note(text_of(data, "ledger.note_malformed"))[0]).size, replay.findings
    )
    tree, roots = Tree(), dict[int, bytes]()
    try:
        signed = read_head(split_note(predecessor.note)[0])
    except Bad as error:
        raise Bad(error.code, "note") from error
    for index in range(-(-min(export.size, predecessor.size) // TILE)):
        entries = export.bundle(index, min(TILE, export.size - index * TILE)) or ()
        for entry in entries[: predecessor.size - tree.size]:
            tree.push(replay.take(tree.size, entry, None))
            if tree.size == signed.size:
                roots[tree.size] = tree.root()
        if export.missing:
            break
    if (tree.size, tree.root()) != (predecessor.size, predecessor.root):
        raise Bad("ledger.checkpoint_mismatch", f"{tree.size} entries, {predecessor.size} named")
    head, _ = open_checkpoint(predecessor.note, replay.log_keys.at(max(tree.size, 1)), predecessor.origin)
    if head.size > predecessor.lost_to or roots.get(head.size, head.root) != head.root:
        raise Bad("ledger.checkpoint_mismatch", "note")


def pae(event: bytes) -> bytes:
    """Return what a ``pae`` signature is made over."""
    kind = b"application/vnd.ctnh.event+json"
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(event), event)


# ----------------------------------------------------------------------------------------------------------
# Section 8: an exported log, read file by file; in memory are one bundle and one tile of each level.


def read_needed(path: Path, limit: int, absent: Exception) -> bytes:
    """Return a regular file's bytes; raise ``absent`` when there is none, Bad beyond the limit."""
    data = read_file(path, limit)
    if data is None:
        raise absent
    return data


def read_file(path: Path, limit: int) -> bytes | None:
    """Return a regular file's bytes, None when there is none; raise Bad beyond the limit.

    Neither a link nor a pipe that never answers.
    """
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return None
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError:
        return None
    if len(data) > limit:
        raise Bad("ledger.note_malformed", f"{path.name} has more than {limit} bytes")
    return data


def tile_path(kind: str, index: int, width: int) -> str:
    """Return the path of a tile or bundle below the log's folder."""
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.insert(0, f"x{index % 1000:03}")
    return f"tile/{kind}/{'/'.join(groups)}" + (f".p/{width}" if width < TILE else "")


class Export:
    """The files of a log of ``size`` entries, and what is wrong with them."""

    def __init__(self, folder: Path, size: int, findings: Findings) -> None:
        self.folder, self.size, self.findings = folder, size, findings
        self.missing = 0
        self.pending: list[list[bytes]] = []  # by level, the hashes since its last full tile
        self.full: list[int] = []  # by level, how many full tiles

    def read(self, kind: str, index: int, width: int, limit: int) -> tuple[bytes, bool] | None:
        """Return a tile or bundle, and whether it is the full one; add a finding when it is not there."""
        name = "bundle" if kind == "entries" else "tile"
        for found in dict.fromkeys((width, TILE)):
            path = tile_path(kind, index, found)
            try:
                inside = not any((self.folder / part).is_symlink() for part in Path(path).parents)
                data = read_file(self.folder / path, limit) if inside else None
            except Bad:
                self.findings.add(None, f"ledger.{name}_malformed", path)
                return None
            if data is not None:
                return data, found == TILE
        self.missing += 1
        self.findings.add(None, f"ledger.{name}_missing", tile_path(kind, index, width))
        return None

    def tile(self, level: int, index: int, width: int) -> list[bytes] | None:
        """Return the first ``width`` hashes of a tile."""
        found = self.read(str(level), index, width, TILE * HASH)
        if found is None:
            return None
        data, full = found
        if len(data) != (TILE if full else width) * HASH:
            self.findings.add(None, "ledger.tile_malformed", tile_path(str(level), index, width))
            return None
        return [data[start : start + HASH] for start in range(0, width * HASH, HASH)]

    def bundle(self, index: int, width: int) -> list[bytes] | None:
        """Return the first ``width`` entries of a bundle."""
        found = self.read("entries", index, width, MAX_BUNDLE)
        if found is None:
            return None
        data, full = found
        entries, at = [], 0
        while at + 2 <= len(data):
            end = at + 2 + int.from_bytes(data[at : at + 2], "big")
            entries.append(data[at + 2 : end])
            at = end
        if at != len(data) or len(entries) != (TILE if full else width):
            self.findings.add(None, "ledger.bundle_malformed", tile_path("entries", index, width))
            return None
        return entries[:width]

    def rise(self, level: int, node: bytes) -> None:
        """Take in the next hash of a level; a full tile above the leaves is compared with its file."""
        if level == len(self.pending):
            self.pending.append([])
            self.full.append(0)
        self.pending[level].append(node)
        if len(self.pending[level]) == TILE:
            self._compare(level)
            self.rise(level + 1, root_of(self.pending[level]))
            self.pending[level], self.full[level] = [], self.full[level] + 1

    def edges(self) -> None:
        """Compare the partial tiles above the leaves."""
        for level in range(1, len(self.pending)):
            if self.pending[level]:
                self._compare(level)

    def _compare(self, level: int) -> None:
        if level:
            index, made = self.full[level], self.pending[level]
            found = self.tile(level, index, len(made))
            if found is not None and found != made:
                self.findings.add(None, "ledger.tile_mismatch", tile_path(str(level), index, len(made)))


@dataclass
class Result:
    """What is reported."""

    what: str
    origin: str
    size: int = 0
    root: str = ""
    position: int | None = None
    signatures: int = 0
    unchecked: int = 0
    policy: str = "not_checked"


def text_of(data: bytes, code: str) -> str:
    """Return the text of a file that must be UTF-8; raise Bad with ``code`` when it is not."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Bad(code, "not UTF-8") from error


def verify_export(
    folder: Path, trust: Trust, policy: Policy | None, findings: Findings, before: Sequence[Path] = ()
) -> Result:
    """Check an exported log; ``before`` are the exports of those that it goes on from, the latest first."""
    result = Result("log", trust.origin)
    try:
        data = read_needed(folder / "checkpoint", MAX_NOTE, Bad("ledger.checkpoint_missing"))
        note = text_of(data, "ledger.note_malformed")
        claimed = read_head(split_note(note)[0])
    except Bad as error:
        findings.add(None, error.code, error.detail)
        return result
    kept = None
    if trust.checkpoint is not None:
        with suppress(Bad):  # named below, when its signatures are looked at
            kept = read_head(split_note(trust.checkpoint)[0])
    replay, tree = Replay(trust, findings, before), Tree()
    whole = _walk(Export(folder, claimed.size, findings), replay, tree, kept)
    result.size, result.root = tree.size, tree.root().hex()
    result.signatures, result.unchecked = replay.signatures, replay.unchecked
    replay.base.close()
    replay.check_log_keys()
    keys = replay.log_keys.at(claimed.size) or trust.log_keys
    try:
        head, opened = open_checkpoint(note, keys, trust.origin)
    except Bad as error:
        findings.add(None, error.code, error.detail)
    else:
        result.unchecked += len(opened.unchecked)
        if whole and head.root != tree.root():
            findings.add(None, "ledger.checkpoint_mismatch", "root")
    if trust.checkpoint is not None:
        then = replay.log_keys.at(kept.size if kept else 0) or trust.log_keys
        try:
            open_checkpoint(trust.checkpoint, then, trust.origin)
        except Bad as error:
            findings.add(None, error.code, "kept checkpoint")
    if kept is not None and kept.size > claimed.size:
        findings.add(claimed.size, "ledger.tail_missing", f"kept checkpoint of {kept.size}")
    _judge(policy, note, trust, findings, result, keys=keys)
    return result


def _walk(export: Export, replay: Replay, tree: Tree, kept: Head | None) -> bool:
    """Go through tiles and entries; tell whether the tree over them is whole."""
    whole = True
    if export.size == 0:
        export.findings.add(0, "ledger.entry_missing", "a log without entry 0 was never opened")
    for index in range(-(-export.size // TILE)):
        width = min(TILE, export.size - index * TILE)
        leaves, entries = export.tile(0, index, width), export.bundle(index, width)
        if export.missing >= MAX_NAMED:
            return False  # the size is no more than a claim
        if entries is None:
            replay.lose(leaves[-1] if leaves else None)
        for place in range(width):
            leaf = leaves[place] if leaves else None
            if entries is not None:
                digest = replay.take(tree.size, entries[place], leaf)
                leaf = digest if leaf is None else leaf
            whole = whole and leaf is not None
            tree.push(leaf or ZERO)
            export.rise(0, leaf or ZERO)
            if kept is not None and tree.size == kept.size and whole and tree.root() != kept.root:
                export.findings.add(None, "ledger.checkpoint_mismatch", f"kept checkpoint of {kept.size}")
            progress(tree.size, export.size)
    if whole:
        export.edges()
    return whole


def progress(done: int, of: int) -> None:
    """Say on a terminal how far the walk is."""
    if done % PROGRESS == 0 and sys.stderr.isatty():
        sys.stderr.write(f"{done} of {of} entries\n")


def _judge(
    policy: Policy | None,
    note: str,
    trust: Trust,
    findings: Findings,
    result: Result,
    *,
    keys: Sequence[NoteKey],
) -> None:
    if policy is not None:
        code = check_policy(policy, note, trust, keys)
        result.policy = code or "satisfied"
        if code is not None:
            findings.add(None, code, "policy")


def verify_note(
    data: bytes, trust: Trust, policy: Policy | None, findings: Findings, *, proof: bool
) -> Result:
    """Check a proof, or a receipt or checkpoint, which the first line tells apart."""
    what = "receipt" if data.startswith(b"ctnh-receipt-v1\n") else "checkpoint"
    what = "proof" if proof or data.startswith(b"c2sp.org/tlog-proof@v1\n") else what
    result = Result(what, trust.origin)
    try:
        text = text_of(data, f"ledger.{'note' if what == 'checkpoint' else what}_malformed")
        if what == "proof":
            _verify_proof(read_proof(text), trust, policy, findings, result)
        elif what == "receipt":
            check_receipt(text, trust, result)
        else:
            head, opened = open_checkpoint(text, trust.log_keys, trust.origin)
            result.size, result.root, result.unchecked = head.size, head.root.hex(), len(opened.unchecked)
            _judge(policy, text, trust, findings, result, keys=trust.log_keys)
    except Bad as error:
        findings.add(None, error.code, error.detail)
    return result


def _verify_proof(
    proof: Proof, trust: Trust, policy: Policy | None, findings: Findings, result: Result
) -> None:
    head, opened = open_checkpoint(proof.checkpoint, trust.log_keys, trust.origin)
    result.size, result.root, result.position = head.size, head.root.hex(), proof.index
    result.unchecked = len(opened.unchecked)
    if proof.extra is None:
        raise Bad("ledger.proof_malformed", "no entry in it")
    if not leads_to(entry_hash(proof.extra), proof.index, head.size, proof.path, head.root):
        findings.add(proof.index, "ledger.proof_invalid")
        return
    entry = read_entry(proof.extra)
    if entry.seq != proof.index or entry.origin != trust.origin:
        findings.add(proof.index, "ledger.entry_misplaced")
    _judge(policy, proof.checkpoint, trust, findings, result, keys=trust.log_keys)


def check_receipt(text: str, trust: Trust, result: Result) -> None:
    """Check a receipt, and put into the result what it says."""
    code = "ledger.receipt_malformed"
    lines = open_note(text, trust.log_keys).text.split("\n")
    if len(lines) != 6 or lines[1] != trust.origin or lines[5] or not is_time(lines[4]):  # noqa: PLR2004
        raise Bad(code)
    result.position = read_size(lines[2], code)
    digest = unbase64(lines[3], code)
    if len(digest) != HASH:
        raise Bad(code, "hash")
    result.root = digest.hex()


def verify(
    target: Path, trust: Trust, policy: Policy | None = None, before: Sequence[Path] = ()
) -> tuple[Result, Findings]:
    """Check whatever lies at a path; raise CannotRun when nothing does."""
    findings = Findings()
    if target.is_dir():
        return verify_export(target, trust, policy, findings, before), findings
    try:
        data = read_needed(target, MAX_PROOF, CannotRun(f"no such file or folder: {target}"))
    except Bad as error:
        findings.add(None, error.code, error.detail)
        return Result("file", trust.origin), findings
    proof = target.suffix in {".tlog-proof", ".proof"}
    return verify_note(data, trust, policy, findings, proof=proof), findings


def as_json(result: Result, findings: Findings) -> dict[str, Any]:
    """Return the report as plain values."""
    kept = [{"seq": seq, "code": code, "detail": detail} for seq, code, detail in findings.kept]
    return {"ok": findings.count == 0, **vars(result), "findings": kept, "found": findings.count}


def _say(result: Result, findings: Findings) -> Iterator[str]:
    place = f", position {result.position}" if result.position is not None else ""
    yield f"{result.what} of {result.origin}: {result.size} entries{place}, {result.root}"
    yield f"signatures of parties: {result.signatures} hold, {result.unchecked} not checked"
    yield f"policy: {result.policy}"
    for seq, code, detail in findings.kept:
        yield f"{'-' if seq is None else seq} {code} {detail}".rstrip()
    yield "nothing wrong" if findings.count == 0 else f"{findings.count} findings"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as a command; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("target", type=Path, help="an exported log's folder, or a proof, receipt, checkpoint")
    parser.add_argument("--trust", type=Path, required=True, help="trust file: origin, log keys, root keys")
    parser.add_argument("--policy", type=Path, help="witness policy that the checkpoint must satisfy")
    parser.add_argument(
        "--before",
        type=Path,
        action="append",
        help="exported log that this one goes on from (again: before that)",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    given = parser.parse_args(arguments)
    try:
        trust = read_trust(read_needed(given.trust, MAX_TRUST, CannotRun(f"no trust file: {given.trust}")))
        policy = None
        if given.policy is not None:
            absent = CannotRun(f"no policy: {given.policy}")
            policy = read_policy(read_needed(given.policy, MAX_POLICY, absent))
        result, findings = verify(given.target, trust, policy, given.before or ())
    except (CannotRun, Bad) as error:
        print(error, file=sys.stderr)  # noqa: T201  a command speaks
        return 2
    if given.json:
        print(json.dumps(as_json(result, findings), indent=1))  # noqa: T201
    else:
        print("\n".join(_say(result, findings)))  # noqa: T201
    return 0 if findings.count == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
