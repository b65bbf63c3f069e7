"""Which keys may sign a PDF: those whose signatures common readers verify."""

from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from pdf.errors import KeyUnsupported

MIN_RSA_BITS: Final = 2048


def require_supported(key: object) -> None:
    """Refuse a public key that PDF readers do not verify. Raises KeyUnsupported.

    Poppler (NSS) and OpenSSL 3.0 refuse Ed25519 in a PDF signature, and Acrobat's support is unproved.
    """
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= MIN_RSA_BITS:
        return
    raise KeyUnsupported(kind=type(key).__name__)
