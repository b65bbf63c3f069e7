"""Our own certificate authority: certificates for keys without a public one.

What such a certificate signs is an electronic confirmation, not a public digital signature; the form
says so (decisions B17). The authority's certificate is what a verifier is given as root.
"""

from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from pdf.errors import CertificateMismatch, KeyUnreadable
from pdf.form import clean
from pdf.supported import require_supported

COUNTRY: Final = "VN"
ROOT_YEARS: Final = 20
LEAF_YEARS: Final = 3
_NAME_LIMIT: Final = 64  # X.520 upper bound of a common or organisation name
_YEAR: Final = timedelta(days=365, hours=6)
_SKEW: Final = timedelta(minutes=5)  # a verifier's clock may be a little behind


class CertificateAuthority:
    """A P-256 root that issues signing certificates."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        """Join a root key and its certificate. Raises CertificateMismatch."""
        if key.public_key() != certificate.public_key():
            raise CertificateMismatch(subject=certificate.subject.rfc4514_string())
        self._key = key
        self.certificate = certificate

    @classmethod
    def create(
        cls, name: str, *, now: datetime, key: ec.EllipticCurvePrivateKey | None = None
    ) -> "CertificateAuthority":
        """Return a new authority, self-signed for twenty years; ``key`` is made unless given."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        require_supported(key.public_key())
        subject = _name(common_name=name, organization=name)
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        builder = (
            _builder(subject, subject, key.public_key(), now, now + ROOT_YEARS * _YEAR)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(ca=True), critical=True)
            .add_extension(identifier, critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
            )
        )
        return cls(key, builder.sign(key, SHA256()))

    def issue(
        self,
        public_key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
        *,
        common_name: str,
        organization: str,
        party_id: str,
        now: datetime,
        years: int = LEAF_YEARS,
    ) -> x509.Certificate:
        """Return a signing certificate; ``party_id`` becomes the subject's serialNumber attribute.

        No extended key usage: NSS distrusts a leaf whose only one is document signing. Never valid for
        longer than the root. Raises KeyUnsupported.
        """
        require_supported(public_key)
        until = min(now + years * _YEAR, self.certificate.not_valid_after_utc)
        subject = _name(common_name=common_name, organization=organization, party_id=party_id)
        above = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        builder = (
            _builder(subject, self.certificate.subject, public_key, now, until)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(ca=False), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(above), critical=False
            )
        )
        return builder.sign(self._key, SHA256())

    def to_pem(self, passphrase: bytes | None = None) -> bytes:
        """Return certificate and key as PEM, the key encrypted when a passphrase is given."""
        protection = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
        key = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)
        return self.certificate.public_bytes(Encoding.PEM) + key

    @classmethod
    def from_pem(cls, pem: bytes, passphrase: bytes | None = None) -> "CertificateAuthority":
        """Read what ``to_pem`` wrote. Raises KeyUnreadable, CertificateMismatch."""
        try:
            certificate = x509.load_pem_x509_certificate(pem)
            key = load_pem_private_key(pem, passphrase)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise KeyUnreadable from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise KeyUnreadable(kind=type(key).__name__)
        return cls(key, certificate)


def certificate_name(words: str) -> str:
    """Return as much of a name as a certificate holds: 64 bytes, which letters with marks fill sooner."""
    return clean(words).encode()[:_NAME_LIMIT].decode(errors="ignore").strip()


def _name(*, common_name: str, organization: str, party_id: str | None = None) -> x509.Name:
    """Return a subject in UTF-8; names longer than X.520 allows are cut, the party id never is."""
    attributes = [
        x509.NameAttribute(NameOID.COUNTRY_NAME, COUNTRY),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, certificate_name(organization)),
        x509.NameAttribute(NameOID.COMMON_NAME, certificate_name(common_name)),
    ]
    if party_id is not None:
        attributes.append(x509.NameAttribute(NameOID.SERIAL_NUMBER, party_id))
    return x509.Name(attributes)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
    now: datetime,
    until: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(until)
    )


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=not ca,  # non-repudiation
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )
