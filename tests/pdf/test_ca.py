from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtensionOID, NameOID

from pdf.ca import CertificateAuthority
from pdf.errors import CertificateMismatch, KeyUnreadable, KeyUnsupported
from tests.pdf.samples import NOW, authority


def issue(ca: CertificateAuthority, **changes: object) -> x509.Certificate:
    given: dict[str, object] = {
        "common_name": "Nguyễn Thị Hương",
        "organization": "Công ty Đông Anh",
        "party_id": "p-1",
        "now": NOW,
    }
    return ca.issue(ec.generate_private_key(ec.SECP256R1()).public_key(), **{**given, **changes})  # type: ignore[arg-type]


def test_a_certificate_names_person_organisation_and_party_in_vietnamese() -> None:
    subject = issue(authority()).subject
    assert subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "Nguyễn Thị Hương"
    assert subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value == "Công ty Đông Anh"
    assert subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)[0].value == "p-1"


def test_a_certificate_is_for_signing_only_and_has_no_extended_usage() -> None:
    certificate = issue(authority())
    certificate.verify_directly_issued_by(authority().certificate)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert usage.value.content_commitment
    assert not usage.value.key_cert_sign
    present = {item.oid for item in certificate.extensions}
    assert ExtensionOID.EXTENDED_KEY_USAGE not in present
    assert {ExtensionOID.SUBJECT_KEY_IDENTIFIER, ExtensionOID.AUTHORITY_KEY_IDENTIFIER} <= present


def test_validity_is_twenty_years_for_the_root_three_for_a_leaf_and_never_past_the_root() -> None:
    root = authority().certificate
    assert timedelta(days=7304) < root.not_valid_after_utc - NOW < timedelta(days=7306)
    assert timedelta(days=1094) < issue(authority()).not_valid_after_utc - NOW < timedelta(days=1097)
    late = issue(authority(), now=NOW + timedelta(days=7000), years=5)
    assert late.not_valid_after_utc == root.not_valid_after_utc


@pytest.mark.parametrize("passphrase", [None, b"mot hai ba"])
def test_an_authority_survives_saving(passphrase: bytes | None) -> None:
    pem = authority().to_pem(passphrase)
    assert (b"ENCRYPTED" in pem) == (passphrase is not None)
    again = CertificateAuthority.from_pem(pem, passphrase)
    assert again.certificate == authority().certificate
    issue(again).verify_directly_issued_by(authority().certificate)


@pytest.mark.parametrize(("pem", "word"), [(b"nothing", None), (authority().to_pem(b"right"), b"wrong")])
def test_an_unreadable_authority_is_refused(pem: bytes, word: bytes | None) -> None:
    with pytest.raises(KeyUnreadable):
        CertificateAuthority.from_pem(pem, word)


def test_an_existing_root_key_can_be_used_but_not_with_another_certificate() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    assert CertificateAuthority.create("A", now=NOW, key=key).certificate.public_key() == key.public_key()
    with pytest.raises(CertificateMismatch):
        CertificateAuthority(key, authority().certificate)


@pytest.mark.parametrize(
    "key",
    [
        ed25519.Ed25519PrivateKey.generate(),
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(65537, 1024),  # noqa: S505
    ],
    ids=["ed25519", "p384", "rsa1024"],
)
def test_no_certificate_is_issued_for_a_key_pdf_readers_do_not_verify(
    key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
) -> None:
    with pytest.raises(KeyUnsupported):
        authority().issue(key.public_key(), common_name="A", organization="B", party_id="p", now=NOW)  # type: ignore[arg-type]


def test_long_names_are_cut_to_what_x520_allows() -> None:
    name = issue(authority(), organization="Công ty " * 40).subject
    assert len(str(name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value)) <= 64
