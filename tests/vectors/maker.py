"""Logs, notes and proofs put together byte by byte, right ones and wrong ones, from fixed keys.

Nothing here comes from `ledger/`: what both accept was written twice. Every step can be told to go wrong.
"""

import base64
import hashlib
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

ORIGIN = "ledger.example/format"
START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
Files = dict[str, bytes]

# Primes of the one RSA key; it signs test vectors and nothing else.
_RSA_P = int(
    "c91774467e0694dd6155fe56cfd0a0e4bb96f462ab9c5cdb472426fc2fe4d319b42c14224488db361c9691cd9de06b51"
    "6f57426daa177e896af870392545fb172cf3b2c63a234605c9d091e6a036776aeeaeb57e12cbc44878d63f4249f3a59b"
    "a1d1578d5ee9303cee292c7a22c3a718d5ef4594ae32641f9332659aabdab477",
    16,
)
_RSA_Q = int(
    "bde769571334f10650aa4249f4365d853a58b41aa39bee56063eb0e6f5db3ab881613b05ef93d2a7896c89f07057b814"
    "8aa1cbc0bc57356965ced150fef65abdca4f4498a2edd3fe5257ac1a32ea03e079340b3a3cdfa3602855df548462fc7c"
    "24e04ff29e5db0917cc845ddc9c55bee2aa210865f1833cd25fdc68110d89581",
    16,
)


class Kept:
    """ML-DSA-44 signatures by the hash of what they sign: the library draws them at random each time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: dict[str, str] = json.loads(path.read_bytes()) if path.exists() else {}
        self.used: dict[str, str] = {}

    def sign(self, key: mldsa.MLDSA44PrivateKey, message: bytes) -> bytes:
        """Return the kept signature of a message, or a new one."""
        name = hashlib.sha256(key.public_key().public_bytes_raw() + message).hexdigest()
        signature = base64.b64decode(self.known.get(name, ""))
        try:
            key.public_key().verify(signature, message)
        except (InvalidSignature, ValueError):
            signature = key.sign(message)
        self.known[name] = self.used[name] = base64.b64encode(signature).decode()
        return signature

    def to_bytes(self) -> bytes:
        """Return the file of those that were used."""
        return json.dumps(self.used, indent=0, sort_keys=True).encode() + b"\n"


KEPT = Kept(Path(__file__).parent / "format" / "ml-dsa-44.json")


@dataclass(frozen=True)
class Hand:
    """Whoever signs: a private key, fixed by its name and algorithm."""

    name: str
    algorithm: str = "ed25519"

    @property
    def private(self) -> Any:
        """The private key."""
        return _private(self.name, self.algorithm)

    @property
    def spki(self) -> bytes:
        """DER SubjectPublicKeyInfo."""
        public: bytes = self.private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return public

    @property
    def raw(self) -> bytes:
        """The public key's own bytes."""
        raw: bytes = self.private.public_key().public_bytes_raw()
        return raw

    @property
    def kid(self) -> str:
        """The key's identifier."""
        return hashlib.sha256(self.spki).hexdigest()

    def sign(self, message: bytes) -> bytes:
        """Return the signature, the same at every call."""
        match self.private:
            case mldsa.MLDSA44PrivateKey() as key:
                return KEPT.sign(key, message)
            case ec.EllipticCurvePrivateKey() as key:
                der = key.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
                r, s = decode_dss_signature(der)
                return r.to_bytes(32, "big") + min(s, ORDER - s).to_bytes(32, "big")
            case rsa.RSAPrivateKey() as key:
                return key.sign(message, padding.PKCS1v15(), hashes.SHA256())
            case key:
                signature: bytes = key.sign(message)
                return signature

    def fields(self, party: str, custody: str = "device", **changed: Any) -> dict[str, Any]:
        """Return the fields by which an event introduces the key."""
        return key_fields(self.spki, self.algorithm, party, custody) | changed


def key_fields(spki: bytes, algorithm: str, party: str, custody: str = "device") -> dict[str, Any]:
    """Return the fields by which an event introduces a key."""
    return {
        "party": party,
        "kid": hashlib.sha256(spki).hexdigest(),
        "algorithm": algorithm,
        "public_key": b64url(spki),
        "custody": custody,
    }


def rsa_spki(exponent: int) -> bytes:
    """Return the RSA key's modulus under another exponent, DER SubjectPublicKeyInfo."""
    public = rsa.RSAPublicNumbers(exponent, _RSA_P * _RSA_Q).public_key()
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


@cache
def _private(name: str, algorithm: str) -> Any:
    seed = hashlib.sha256(f"format vector {algorithm} {name}".encode()).digest()
    match algorithm:
        case "ed25519":
            return ed25519.Ed25519PrivateKey.from_private_bytes(seed)
        case "ecdsa-p256":
            return ec.derive_private_key(int.from_bytes(seed, "big") >> 1, ec.SECP256R1())
        case "ml-dsa-44":
            return mldsa.MLDSA44PrivateKey.from_seed_bytes(seed)
    phi, public = (_RSA_P - 1) * (_RSA_Q - 1), rsa.RSAPublicNumbers(65537, _RSA_P * _RSA_Q)
    d = pow(65537, -1, phi)
    numbers = rsa.RSAPrivateNumbers(
        _RSA_P, _RSA_Q, d, d % (_RSA_P - 1), d % (_RSA_Q - 1), pow(_RSA_Q, -1, _RSA_P), public
    )
    return numbers.private_key()


ROOT_A, ROOT_B = Hand("root a", "ecdsa-p256"), Hand("root b", "ecdsa-p256")
AN, BINH = Hand("an"), Hand("binh")


def b64(data: bytes) -> str:
    """Return standard base64."""
    return base64.b64encode(data).decode()


def b64url(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64url(text: str) -> bytes:
    """Return the bytes of base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def canonical(value: object) -> bytes:
    """Return JSON, sorted and compact; canonical for values of the profile."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def time_text(moment: datetime) -> str:
    """Return a time in the ledger's form."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def pae(event: bytes, kind: bytes = b"application/vnd.ctnh.event+json") -> bytes:
    """Return what a party signs."""
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(event), event)


def leaf(entry: bytes) -> bytes:
    """Return the entry hash."""
    return hashlib.sha256(b"\x00" + entry).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the root by the definition of RFC 6962."""
    if len(leaves) <= 1:
        return leaves[0] if leaves else hashlib.sha256().digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + root(leaves[:split]) + root(leaves[split:])).digest()


def path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the audit path by the definition of RFC 6962."""
    if len(leaves) == 1:
        return []
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if index < split:
        return [*path(leaves[:split], index), root(leaves[split:])]
    return [*path(leaves[split:], index - split), root(leaves[:split])]


# Notes.


def vkey(name: str, kind: int, public: bytes) -> str:
    """Return the verifier string of a key."""
    return f"{name}+{note_id(name, kind, public).hex()}+{b64(bytes([kind]) + public)}"


def note_id(name: str, kind: int, public: bytes) -> bytes:
    """Return the four bytes that name a key."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


@dataclass(frozen=True)
class Pen:
    """A hand that signs notes under a name, in one of the three ways."""

    name: str
    kind: int
    hand: Hand

    @property
    def vkey(self) -> str:
        """The verifier string."""
        return vkey(self.name, self.kind, self.hand.raw)

    def line(self, text: str, at: int = 1_772_413_200, **changed: Any) -> str:
        """Return the signature line under a text; ``signature`` may be changed on the way."""
        stamp = b"" if self.kind == 1 else struct.pack(">Q", at)
        value = changed.get("change", _same)(self.hand.sign(self.message(text, at)))
        return f"— {self.name} {b64(note_id(self.name, self.kind, self.hand.raw) + stamp + value)}\n"

    def message(self, text: str, at: int) -> bytes:
        """Return the bytes that are signed."""
        if self.kind == 1:
            return text.encode()
        if self.kind == 4:
            return f"cosignature/v1\ntime {at}\n{text}".encode()
        origin, size, root_text = text.split("\n")[:3]
        name, log = self.name.encode(), origin.encode()
        head = b"subtree/v1\n\x00" + bytes([len(name)]) + name + struct.pack(">Q", at)
        end = struct.pack(">QQ", 0, int(size)) + base64.b64decode(root_text)
        return head + bytes([len(log)]) + log + end


def _same(signature: bytes) -> bytes:
    return signature


LOG_KEY = Pen(ORIGIN, 1, Hand("log"))
LOG_PQ = Pen(ORIGIN, 6, Hand("log", "ml-dsa-44"))
WITNESS_1 = Pen("witness.example/one", 4, Hand("witness one"))
WITNESS_2 = Pen("witness.example/two", 6, Hand("witness two", "ml-dsa-44"))


def note(text: str, *lines: str) -> str:
    """Return a note with its lines."""
    return f"{text}\n{''.join(lines)}"


def head_text(leaves: Sequence[bytes], origin: str = ORIGIN, size: int | None = None) -> str:
    """Return a checkpoint's text."""
    return f"{origin}\n{len(leaves) if size is None else size}\n{b64(root(leaves))}\n"


# Entries.

Actors = Sequence[tuple[str, str, Hand] | tuple[str, str, Hand, int]]


@dataclass
class Log:
    """A log in the making: each entry is appended as told, right or wrong."""

    origin: str = ORIGIN
    pens: tuple[Pen, ...] = (LOG_KEY,)
    entries: list[bytes] = field(default_factory=list)
    heads: dict[str, str] = field(default_factory=dict)
    moved: int = 0

    def open(self, roots: Sequence[Hand] = (ROOT_A, ROOT_B), **body: Any) -> "Log":
        """Append entry 0."""
        made = {
            "format": 1,
            "log_keys": [pen.vkey for pen in self.pens],
            "root_keys": [hand.fields("org:operator", "service") for hand in roots],
        }
        actors = [("org:operator", "operator", hand) for hand in roots]
        return self.add("log.opened.v1", made | body, actors, stream="log")

    def register(self, hand: Hand, party: str = "org:an", **odd: Any) -> "Log":
        """Append the registration of a key, sponsored by a root."""
        actors = [(party, "holder", hand), ("org:operator", "operator", ROOT_A)]
        return self.add("key.registered.v1", {"key": hand.fields(party)}, actors, stream="keys/an", **odd)

    def note(self, text: str = "a note", hand: Hand = AN, **odd: Any) -> "Log":
        """Append something that a party says."""
        return self.add("note.written.v1", {"text": text}, [("org:an", "writer", hand)], **odd)

    def add(
        self, kind: str, body: Mapping[str, Any], actors: Actors, *, stream: str = "notes", **odd: Any
    ) -> "Log":
        """Append an entry. ``odd`` says what goes wrong on the way.

        ``event`` changes members of the event, ``spelt`` its bytes before they are signed, ``lines`` the
        signature lines, ``signed`` too, seeing the event, ``tail`` the envelope, ``seq``, ``at``, ``prev``,
        ``header_origin`` the header.
        """
        seq = odd.get("seq", len(self.entries) + self.moved)
        at = START + timedelta(minutes=len(self.entries))
        event = canonical(
            {
                "v": 1,
                "origin": self.origin,
                "kind": kind,
                "stream": stream,
                "stream_prev": self.heads.get(stream),
                "actors": [_actor(*actor) for actor in actors],
                "idem": f"019c0000-0000-7000-8000-{len(self.entries):012d}",
                "occurred_at": time_text(at - timedelta(seconds=1)),
                "body": body,
                "commitments": {},
            }
            | odd.get("event", {})
        )
        event = odd.get("spelt", _same)(event)
        lines = [f"pae {actor[2].kid} {b64url(actor[2].sign(pae(event)))}" for actor in actors]
        lines = odd["signed"](lines, event) if "signed" in odd else odd.get("lines", list)(lines)
        envelope = "\n".join([*lines, f"len {len(event)}"]).encode() + b"\n\n" + event
        envelope = odd.get("tail", _same)(envelope)
        prev = odd.get("prev", leaf(self.entries[-1]).hex() if self.entries else "0" * 64)
        header = (
            f"ctnh-entry-v1\norigin {odd.get('header_origin', self.origin)}\nseq {seq}\n"
            f"recorded_at {odd.get('at', time_text(at))}\nprev {prev}\n"
        )
        self.entries.append(header.encode() + envelope)
        self.heads[stream] = hashlib.sha256(b"ctnh-envelope-v1\n" + envelope).hexdigest()
        return self

    def rotate_log_key(self) -> "Log":
        """Add another Ed25519 log key, retire the first, sign with the new one from now on."""
        pen = Pen(self.origin, 1, Hand("log 2"))
        roots = [("org:operator", "operator", hand) for hand in (ROOT_A, ROOT_B)]
        self.add("log.key_added.v1", {"key": pen.vkey}, roots, stream="log")
        self.add("log.key_retired.v1", {"key": self.pens[0].vkey, "reason": "age"}, roots, stream="log")
        self.pens = (pen,)
        return self

    def envelope_hash(self, index: int) -> str:
        """Return the envelope hash of an entry."""
        envelope = self.entries[index].split(b"\n", 5)[5]
        return hashlib.sha256(b"ctnh-envelope-v1\n" + envelope).hexdigest()

    def late(self, named: str | None, *, stream: str = "notes", **odd: Any) -> "Log":
        """Append a note that was signed offline, on the envelope of that hash."""
        return self.note("late", stream=stream, event={"offline": True, "stream_prev": named}, **odd)

    def commitment(self, value: str) -> str:
        """Return the commitment of a value, with a salt made from it."""
        salt = hashlib.sha256(value.encode()).digest()
        return hashlib.sha256(b"ctnh-commitment-v1\n" + salt + canonical(value)).hexdigest()

    @property
    def leaves(self) -> list[bytes]:
        """The entry hashes."""
        return [leaf(entry) for entry in self.entries]

    def checkpoint(self, *further: Pen, **changed: Any) -> str:
        """Return the checkpoint that the log's pens and further ones have signed."""
        text = head_text(self.leaves, self.origin, **changed)
        return note(text, *(pen.line(text) for pen in (*self.pens, *further)))

    def trust(self, **changed: Any) -> bytes:
        """Return the trust file."""
        made = {
            "format": 1,
            "origin": self.origin,
            "log_keys": [pen.vkey for pen in self.pens],
            "root_kids": [ROOT_A.kid, ROOT_B.kid],
            "pdf_roots": [],
        }
        return json.dumps(made | changed, indent=2).encode() + b"\n"

    def files(
        self, checkpoint: str | None = None, *, kept: str | None = None, keys: Sequence[Pen] = ()
    ) -> Files:
        """Return the exported log with its trust file, in which a checkpoint and other keys may stand."""
        made = export(self.entries, self.leaves)
        made["checkpoint"] = (self.checkpoint() if checkpoint is None else checkpoint).encode()
        stands: dict[str, Any] = {} if kept is None else {"checkpoint": kept}
        if keys:
            stands["log_keys"] = [pen.vkey for pen in keys]
        made["trust.json"] = self.trust(**stands)
        return made


def _actor(party: str, role: str, hand: Hand, key_seq: int | None = None) -> dict[str, Any]:
    made = {"party": party, "role": role, "kid": hand.kid}
    return made if key_seq is None else made | {"key_seq": key_seq}


def export(entries: Sequence[bytes], leaves: Sequence[bytes]) -> Files:
    """Return tiles and bundles by path."""
    made: Files = {}
    level, row = 0, list(leaves)
    while row:
        for start in range(0, len(row), 256):
            tile = row[start : start + 256]
            made[tile_path(str(level), start // 256, len(tile))] = b"".join(tile)
        full = len(row) // 256 * 256
        row, level = [root(row[start : start + 256]) for start in range(0, full, 256)], level + 1
    for start in range(0, len(entries), 256):
        some = entries[start : start + 256]
        made[tile_path("entries", start // 256, len(some))] = bundle(some)
    return made


def bundle(entries: Sequence[bytes]) -> bytes:
    """Return a bundle of entries."""
    return b"".join(struct.pack(">H", len(entry)) + entry for entry in entries)


def tile_path(kind: str, index: int, width: int) -> str:
    """Return the path of a tile or bundle."""
    number = f"{index:03}"
    assert len(number) == 3, "no vector is that large"
    return f"tile/{kind}/{number}" + ("" if width == 256 else f".p/{width}")


def proof(log: Log, entry: int, checkpoint: str, **changed: Any) -> str:
    """Return the proof file of an entry."""
    nodes = changed.get("path", path(log.leaves, entry))
    extra = changed.get("extra", log.entries[entry])
    lines = [changed.get("tag", "c2sp.org/tlog-proof@v1")]
    lines += [] if extra is None else [f"extra {b64(extra)}"]
    lines += [f"index {changed.get('index', entry)}", *map(b64, nodes)]
    return "\n".join(lines) + "\n\n" + checkpoint


def receipt_text(log: Log, index: int, **changed: Any) -> str:
    """Return the text of a receipt."""
    moment = time_text(START + timedelta(minutes=index))
    lines = ["ctnh-receipt-v1", log.origin, changed.get("seq", str(index)), b64(log.leaves[index])]
    return "\n".join([*lines, changed.get("at", moment)]) + "\n"
