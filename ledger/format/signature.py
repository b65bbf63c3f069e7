"""Signature lines: the three schemes, the algorithms that a key may have, and the rules to verify them.

A key's algorithm is fixed when the key is registered and never taken from the message. ML-DSA-44 signs as
its standard says; ECDSA P-256 is 64 bytes ``r ‖ s`` with the low ``s`` (one signature, one encoding); RSA of
2,048 to 4,096 bits is PKCS #1 v1.5 with SHA-256, as public authorities in Viet Nam issue.

Implementations of Ed25519 disagree at the edges of RFC 8032, so one rule is pinned. The public key is the
canonical encoding of a point of prime order; ``R`` is a canonical encoding and not of small order, ``S`` is
below the group's order, and the equation is the one without cofactor. Under it every verifier agrees.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from nacl.bindings import crypto_core_ed25519_is_valid_point, crypto_sign_open
from nacl.exceptions import BadSignatureError

from ledger.errors import Malformed, NotAllowed, Problem

PAYLOAD_TYPE = "application/vnd.ctnh.event+json"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
RSA_BITS = range(2048, 4097)
# A smaller exponent has a history of forgeries, a huge one makes each verification slow.
RSA_EXPONENTS = range(65_537, 2**32, 2)
ED25519_KEY_BYTES = 32
ED25519_SIGNATURE_BYTES = 64
MAX_VALUE = 8192
KEYS_REMEMBERED = 4096

PublicKey = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey | mldsa.MLDSA44PublicKey
PrivateKey = (
    ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | mldsa.MLDSA44PrivateKey
)

_KID = re.compile(r"[0-9a-f]{64}")
# The canonical encodings of the eight points of small order. A spelling of them that is not canonical never
# equals the ``R`` that a verifier computes.
ED25519_SMALL_ORDER = frozenset(
    bytes.fromhex(point)
    for point in (
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    )
)


class Scheme(StrEnum):
    """How a signature value covers the event."""

    PAE = "pae"
    WEBAUTHN = "webauthn"
    BATCH = "batch"


class Algorithm(StrEnum):
    """What a registered key signs with."""

    ED25519 = "ed25519"
    P256 = "ecdsa-p256"
    RSA = "rsa-pkcs1-sha256"
    MLDSA44 = "ml-dsa-44"


def pae(event: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """Return the pre-authentication encoding of DSSE v1: what a ``pae`` signature is made over."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(event), event)


def b64(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """Return the bytes of base64url without padding; raise ValueError for any other spelling."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error
    if b64(data) != text:
        raise ValueError("not the canonical base64url of its bytes")
    return data


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """One line ``scheme kid value`` of an envelope; ``parts`` are the value's decoded pieces.

    ``pae`` has one piece, the signature. ``webauthn`` has three: authenticator data, client data JSON,
    signature. ``batch`` has the tree's size and the leaf's index as decimal, the root, the signature and
    the inclusion path.
    """

    scheme: Scheme
    kid: str
    value: str

    def text(self) -> str:
        """Return the line without its line feed."""
        return f"{self.scheme} {self.kid} {self.value}"

    @property
    def parts(self) -> tuple[bytes, ...]:
        """The pieces of the value between its dots, decoded."""
        return tuple(unb64(part) for part in self.value.split("."))


_PIECES = {Scheme.PAE: range(1, 2), Scheme.WEBAUTHN: range(3, 4), Scheme.BATCH: range(4, 68)}


def parse_line(text: str) -> SignatureLine:
    """Return the signature line of ``text``; raise Malformed for an unknown scheme or a bad spelling."""
    pieces = text.split(" ")
    if len(pieces) != 3 or len(text) > MAX_VALUE:  # noqa: PLR2004  scheme, kid and value
        raise Malformed(Problem("ledger.signature_malformed"))
    name, kid, value = pieces
    if name not in list(Scheme):
        raise Malformed(Problem("ledger.signature_scheme_unknown", "", {"scheme": ascii(name)[1:41]}))
    line = SignatureLine(Scheme(name), kid, value)
    try:
        parts = line.parts
    except ValueError as error:
        raise Malformed(Problem("ledger.signature_malformed", "", {"scheme": name})) from error
    if not _KID.fullmatch(kid) or len(parts) not in _PIECES[line.scheme] or not all(parts):
        raise Malformed(Problem("ledger.signature_malformed", "", {"scheme": name}))
    return line


def spki(key: PublicKey) -> bytes:
    """Return the key as DER SubjectPublicKeyInfo."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def kid_of(key: PublicKey) -> str:
    """Return the key's identifier: SHA-256 of its SubjectPublicKeyInfo, lower-case hex."""
    return hashlib.sha256(spki(key)).hexdigest()


@lru_cache(maxsize=KEYS_REMEMBERED)
def load_public_key(der: bytes) -> tuple[Algorithm, PublicKey]:
    """Return the algorithm and key of DER SubjectPublicKeyInfo; what was read lately is remembered.

    Raises Malformed when the bytes are not the canonical encoding of a key that the ledger takes: another
    curve, an RSA key outside 2,048–4,096 bits, an Ed25519 point that is not canonical or not of prime order.
    """
    try:
        key = serialization.load_der_public_key(der)
    except Exception as error:  # the library raises several types, some its own and undocumented
        raise Malformed(Problem("ledger.key_malformed")) from error
    accepted = _accept(key)
    if accepted is None or spki(accepted[1]) != der:
        raise Malformed(Problem("ledger.key_not_accepted"))
    return accepted


def _accept(key: object) -> tuple[Algorithm, PublicKey] | None:
    match key:
        case ed25519.Ed25519PublicKey() if ed25519_key_accepted(key.public_bytes_raw()):
            return Algorithm.ED25519, key
        case ec.EllipticCurvePublicKey() if isinstance(key.curve, ec.SECP256R1):
            return Algorithm.P256, key
        case rsa.RSAPublicKey() if key.key_size in RSA_BITS and key.public_numbers().e in RSA_EXPONENTS:
            return Algorithm.RSA, key
        case mldsa.MLDSA44PublicKey():
            return Algorithm.MLDSA44, key
    return None


@lru_cache(maxsize=KEYS_REMEMBERED)
def ed25519_key_accepted(public: bytes) -> bool:
    """Tell whether 32 bytes are the canonical encoding of a point of prime order."""
    return len(public) == ED25519_KEY_BYTES and crypto_core_ed25519_is_valid_point(public)


def verify_ed25519(public: bytes, signature: bytes, message: bytes) -> bool:
    """Tell whether ``signature`` is the 32-byte key's over ``message``, under the pinned rule."""
    if len(signature) != ED25519_SIGNATURE_BYTES or signature[:32] in ED25519_SMALL_ORDER:
        return False
    if not ed25519_key_accepted(public):
        return False
    try:
        crypto_sign_open(signature + message, public)
    except BadSignatureError:
        return False
    return True


def sign(key: PrivateKey, message: bytes) -> bytes:
    """Return the signature of ``message`` in the ledger's encoding for the key's algorithm."""
    match key:
        case ed25519.Ed25519PrivateKey() | mldsa.MLDSA44PrivateKey():
            return key.sign(message)
        case rsa.RSAPrivateKey():
            return key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        case _:
            der = key.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
            r, s = decode_dss_signature(der)
            return r.to_bytes(32, "big") + min(s, P256_ORDER - s).to_bytes(32, "big")


def verify_raw(key: PublicKey, signature: bytes, message: bytes) -> bool:
    """Tell whether ``signature`` is the key's over ``message``, under the ledger's one rule per algorithm."""
    try:
        match key:
            case ed25519.Ed25519PublicKey():
                return verify_ed25519(key.public_bytes_raw(), signature, message)
            case mldsa.MLDSA44PublicKey():
                key.verify(signature, message)
            case rsa.RSAPublicKey():
                key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
            case _:
                if len(signature) != 64:  # noqa: PLR2004  r and s, 32 bytes each
                    return False
                r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
                if not (0 < r < P256_ORDER and 0 < s <= P256_ORDER // 2):
                    return False
                key.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def verify_line(line: SignatureLine, key: PublicKey, event: bytes) -> None:
    """Raise NotAllowed unless ``line`` is the key's signature over the event.

    Schemes whose verification is not built are refused, never skipped: an unverified signature would
    look exactly like a verified one to whoever reads the ledger later.
    """
    if line.scheme is not Scheme.PAE:
        raise NotAllowed(Problem("ledger.signature_scheme_unsupported", "", {"scheme": line.scheme.value}))
    if not verify_raw(key, line.parts[0], pae(event)):
        raise NotAllowed(Problem("ledger.signature_invalid", "", {"kid": line.kid}))


class Signer(Protocol):
    """Whatever holds a key and signs events with it."""

    @property
    def kid(self) -> str:
        """The key's identifier."""
        ...

    @property
    def public_key(self) -> PublicKey:
        """The public half."""
        ...

    def sign_event(self, event: bytes) -> SignatureLine:
        """Return the signature line over canonical event bytes."""
        ...


@dataclass(frozen=True, slots=True)
class KeySigner:
    """A signer that holds its private key in memory."""

    key: PrivateKey

    @property
    def public_key(self) -> PublicKey:
        """The public half."""
        return self.key.public_key()

    @property
    def kid(self) -> str:
        """The key's identifier."""
        return kid_of(self.public_key)

    def sign_event(self, event: bytes) -> SignatureLine:
        """Return a ``pae`` line over canonical event bytes."""
        return SignatureLine(Scheme.PAE, self.kid, b64(sign(self.key, pae(event))))
