"""Time stamps of an outside authority (RFC 3161): asking for one, and checking the answer or a kept token.

Stamped are the bytes of a checkpoint's note text. A token that is kept holds for ever: the certificates above
it must have been valid at the time that it states, not at the time of checking.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from rfc3161_client import (
    HashAlgorithm,
    PKIStatus,
    TimeStampRequest,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from ledger.errors import Malformed, NotAllowed, Problem
from ledger.format.checkpoint import Checkpoint
from ledger.format.event import time_text

MAX_ANSWER_BYTES = 64 * 1024
TOLERANCE = timedelta(minutes=5)  # between the authority's clock and ours

_DIGESTS = {
    "2.16.840.1.101.3.4.2.1": hashlib.sha256,
    "2.16.840.1.101.3.4.2.2": hashlib.sha384,
    "2.16.840.1.101.3.4.2.3": hashlib.sha512,
}


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time-stamp token (DER) that was found to hold, and the time that it states."""

    token: bytes
    stamped_at: datetime

    @property
    def sha256(self) -> str:
        """The token's hash, hex."""
        return hashlib.sha256(self.token).hexdigest()


def split_roots(pem: bytes) -> tuple[str, ...]:
    """Return the certificates of a PEM file, each as PEM; raise Malformed when it holds none."""
    try:
        certificates = x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise Malformed(Problem("ledger.anchor_roots_malformed")) from error
    return tuple(one.public_bytes(Encoding.PEM).decode() for one in certificates)


def question(checkpoint: Checkpoint) -> TimeStampRequest:
    """Return the request for a stamp over a checkpoint: SHA-256, with a nonce, the certificates included."""
    builder = TimestampRequestBuilder().data(checkpoint.text.encode())
    return builder.hash_algorithm(HashAlgorithm.SHA256).build()


def accept(
    answer: bytes, asked: TimeStampRequest, checkpoint: Checkpoint, roots: Sequence[str], now: datetime
) -> Stamp:
    """Return the stamp of an authority's answer, once it is found to be the one that was asked for.

    ``roots`` are the certificates (PEM) to which the authority's must lead. Raises Malformed when the bytes
    are no answer, NotAllowed when it is a refusal, of another request, over other data, not of a trusted
    authority in its time, or when its clock is not ours.
    """
    response = _decoded(answer)
    if response.status != PKIStatus.GRANTED:
        raise NotAllowed(Problem("ledger.anchor_refused", "", {"status": int(response.status)}))
    token = _token(answer)
    stamped_at = _hold(response, token, checkpoint.text, roots, asked.nonce)
    if abs(stamped_at - now) > TOLERANCE:
        raise NotAllowed(Problem("ledger.anchor_time", "", {"stamped_at": time_text(stamped_at)}))
    return Stamp(token, stamped_at)


def check_token(token: bytes, checkpoint: Checkpoint, roots: Sequence[str]) -> datetime:
    """Return the time that a kept token states, once it is found to hold over the checkpoint.

    Raises Malformed or NotAllowed.
    """
    return _hold(_decoded(_granted(token)), token, checkpoint.text, roots, None)


def _decoded(answer: bytes) -> TimeStampResponse:
    if len(answer) > MAX_ANSWER_BYTES:
        raise Malformed(Problem("ledger.anchor_malformed"))
    try:
        return decode_timestamp_response(answer)
    except ValueError as error:
        raise Malformed(Problem("ledger.anchor_malformed")) from error


def _token(answer: bytes) -> bytes:
    """Return the token's own bytes out of an answer: two elements of DER, the second is the token."""
    _, start, _ = _element(answer, 0)
    _, _, token = _element(answer, start)
    _, _, end = _element(answer, token)
    return answer[token:end]


def _element(data: bytes, at: int) -> tuple[int, int, int]:
    """Return tag, start of the content and end of the DER element at a place."""
    try:
        tag, length, start = data[at], data[at + 1], at + 2
        if length >= 0x80:  # noqa: PLR2004  the long form: so many bytes of length follow
            size = length & 0x7F
            length, start = int.from_bytes(data[start : start + size], "big"), start + size
    except IndexError as error:
        raise Malformed(Problem("ledger.anchor_malformed")) from error
    return tag, start, start + length


def _granted(token: bytes) -> bytes:
    """Return the answer, status granted, that carries a token."""
    content = b"\x30\x03\x02\x01\x00" + token
    size = len(content).to_bytes(4, "big").lstrip(b"\x00")
    length = bytes([len(content)]) if len(content) < 0x80 else bytes([0x80 | len(size)]) + size  # noqa: PLR2004
    return b"\x30" + length + content


def _hold(
    response: TimeStampResponse, token: bytes, text: str, roots: Sequence[str], nonce: int | None
) -> datetime:
    try:
        info = response.tst_info
        imprint, at = info.message_imprint, info.gen_time
        digest = _DIGESTS.get(imprint.hash_algorithm.dotted_string)
        if digest is None or imprint.message != digest(text.encode()).digest():
            raise NotAllowed(Problem("ledger.anchor_mismatch"))
        if nonce is not None and info.nonce != nonce:
            raise NotAllowed(Problem("ledger.anchor_nonce"))
        trusted = [x509.load_pem_x509_certificate(pem.encode()) for pem in roots]
        verifier = VerifierBuilder(roots=trusted).build()
        try:
            verifier.verify_message(response, text.encode())
        except VerificationError as error:
            code = "ledger.anchor_untrusted" if _in_time(response, trusted, at) else "ledger.anchor_expired"
            raise NotAllowed(Problem(code)) from error
    except ValueError as error:
        raise Malformed(Problem("ledger.anchor_malformed")) from error
    if not _names_its_certificate(token):
        raise NotAllowed(Problem("ledger.anchor_untrusted"))
    return at


def _in_time(response: TimeStampResponse, roots: Sequence[x509.Certificate], at: datetime) -> bool:
    """Tell whether every certificate of the token, and the roots above them, were valid at a time."""
    own = [x509.load_der_x509_certificate(der) for der in response.signed_data.certificates]
    above = [one for one in roots if one.subject in {certificate.issuer for certificate in own}]
    return all(one.not_valid_before_utc <= at <= one.not_valid_after_utc for one in chain(own, above))


def _names_its_certificate(token: bytes) -> bool:
    """Tell whether the signed attributes name the certificate of the signer (RFC 5816).

    Without the name, another certificate over the same key could be put in its place.
    """
    try:
        signed = cms.ContentInfo.load(token, strict=True)["content"]
        (signer,) = signed["signer_infos"]
        sid = signer["sid"].chosen
        (certificate,) = (
            one.chosen
            for one in signed["certificates"]
            if one.chosen.serial_number == sid["serial_number"].native and one.chosen.issuer == sid["issuer"]
        )
        attributes = {attribute["type"].native: attribute["values"] for attribute in signer["signed_attrs"]}
        if "signing_certificate_v2" in attributes:
            named = attributes["signing_certificate_v2"][0]["certs"][0]
            algorithm = named["hash_algorithm"]["algorithm"].native
        else:
            named, algorithm = attributes["signing_certificate"][0]["certs"][0], "sha1"
        found: bytes = named["cert_hash"].native
        return found == hashlib.new(algorithm, certificate.dump(), usedforsecurity=False).digest()
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        return False
