import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ledger.errors import Malformed
from ledger.format.signature import Algorithm
from ledger.format.trust import MAX_BYTES, Trust, load, parse
from tests.ledger.world import ORIGIN, note_signer, private_key, signer


def certificate() -> str:
    key = private_key("pdf", Algorithm.RSA)
    assert isinstance(key, rsa.RSAPrivateKey)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


TRUST = Trust(
    ORIGIN,
    (note_signer().key,),
    (signer("operator-a").kid,),
    (certificate(),),
    tsa_roots=(certificate(),),
)


def test_a_trust_file_survives_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "trust.json"
    path.write_bytes(TRUST.to_json())
    assert load(path) == TRUST


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"format": 2}, ""),
        ({"format": True}, ""),
        ({"more": 1}, ""),
        ({"origin": "Ledger"}, "/origin"),
        ({"origin": None}, "/origin"),
        ({"log_keys": []}, "/log_keys"),
        ({"log_keys": "x"}, "/log_keys"),
        ({"log_keys": ["x"]}, "/log_keys/0"),
        ({"log_keys": [1]}, "/log_keys/0"),
        ({"root_kids": []}, "/root_kids"),
        ({"root_kids": ["A" * 64]}, "/root_kids/0"),
        ({"pdf_roots": None}, "/pdf_roots"),
        ({"pdf_roots": ["no certificate"]}, "/pdf_roots/0"),
        ({"tsa_roots": []}, "/tsa_roots"),
        ({"tsa_roots": ["no certificate"]}, "/tsa_roots/0"),
    ],
)
def test_a_wrong_field_is_named(changes: dict[str, Any], path: str) -> None:
    data = json.dumps(json.loads(TRUST.to_json()) | changes).encode()
    with pytest.raises(Malformed) as caught:
        parse(data)
    assert [(p.code, p.path) for p in caught.value.problems] == [("ledger.trust_malformed", path)]


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b" " * (MAX_BYTES + 1)])
def test_what_is_no_trust_file_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed, match="trust_malformed"):
        parse(data)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"origin":', b'"origin": "other.example/log", "origin":'),
        (b'"root_kids":', b'"root_kids": [], "root_kids":'),
        (b"{", b"\xef\xbb\xbf{"),
    ],
)
def test_what_two_readers_could_read_differently_is_refused(old: bytes, new: bytes) -> None:
    with pytest.raises(Malformed, match="trust_malformed"):
        parse(TRUST.to_json().replace(old, new, 1))
