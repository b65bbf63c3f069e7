"""Keys in custody: P-256 keys that the system keeps for a party and uses when the party says so.

What they sign has assurance level 0 («tài khoản»). At rest they are sealed with AES-256-GCM under a master
key, bound to log and key identifier. Each has a certificate of the small CA, so that it can sign a PDF too.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from sqlalchemy import insert

from api.identity.store import CUSTODY
from ledger.errors import NotFound, Problem
from ledger.format.signature import KeySigner
from ledger.storage.db import Reader, Row, Writer
from ledger.storage.store import KEY, one, rows
from pdf.ca import CertificateAuthority

_NONCE = 12
_SALT = 16


class MasterKey:
    """The key under which keys in custody are sealed."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    @classmethod
    def load(cls, folder: Path, passphrase: str) -> "MasterKey":
        """Return the master key of a data folder, made at first use.

        With a passphrase the folder holds only the salt; without, the key itself, readable by its owner.
        """
        path = folder / ("master.salt" if passphrase else "master.key")
        if not path.exists():
            write_secret(path, secrets.token_bytes(_SALT if passphrase else 32))
        stored = path.read_bytes()
        if not passphrase:
            return cls(stored)
        return cls(Scrypt(salt=stored, length=32, n=2**15, r=8, p=1).derive(passphrase.encode()))

    def seal(self, data: bytes, about: str) -> bytes:
        """Return ``data`` encrypted and bound to ``about``."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher.encrypt(nonce, data, about.encode())

    def open(self, sealed: bytes, about: str) -> bytes:
        """Return what was sealed; raise NotFound when this master key does not open it."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], about.encode())
        except InvalidTag as error:
            raise NotFound(Problem("api.master_key_wrong")) from error


@dataclass(frozen=True, slots=True)
class KeptKey:
    """A key in custody, opened: it signs events, and with its certificate PDFs."""

    party: str
    signer: KeySigner
    certificate: x509.Certificate | None

    @property
    def private(self) -> ec.EllipticCurvePrivateKey:
        """The private key."""
        assert isinstance(self.signer.key, ec.EllipticCurvePrivateKey)
        return self.signer.key


class Custody:
    """The keys in custody of one log.

    They are kept under the number ``kept`` of the log that the deployment began with: sealed as they are,
    they go along when it goes on under another name.
    """

    def __init__(self, log: int, master: MasterKey, *, kept: int | None = None) -> None:
        self._log = log
        self._kept = log if kept is None else kept
        self._master = master

    def keep(
        self,
        writer: Writer,
        party: str,
        key: ec.EllipticCurvePrivateKey,
        certificate: x509.Certificate | None = None,
    ) -> KeptKey:
        """Store a party's private key with its certificate."""
        signer = KeySigner(key)
        der = key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        pem = certificate.public_bytes(serialization.Encoding.PEM).decode() if certificate else None
        sealed = self._master.seal(der, self._about(signer.kid))
        row = {"log": self._kept, "kid": signer.kid, "party": party, "sealed": sealed, "certificate": pem}
        writer.execute(insert(CUSTODY), row)
        return KeptKey(party, signer, certificate)

    def of_party(self, reader: Reader, party: str) -> KeptKey:
        """Return the newest active key kept for a party; raise NotFound when there is none."""
        kept = {row["kid"]: row for row in rows(reader, CUSTODY, log=self._kept, party=party)}
        active = [
            key for key in rows(reader, KEY, log=self._log, party=party)
            if key["kid"] in kept and key["until"] is None
        ]  # fmt: skip
        if not active:
            raise NotFound(Problem("api.no_key_in_custody", "", {"party": party}))
        return self._opened(kept[max(active, key=lambda key: key["since"])["kid"]])

    def by_kid(self, reader: Reader, kid: str) -> KeptKey:
        """Return the key of an identifier; raise NotFound when it is not kept here."""
        row = one(reader, CUSTODY, log=self._kept, kid=kid)
        if row is None:
            raise NotFound(Problem("api.no_key_in_custody", "", {"kid": kid}))
        return self._opened(row)

    def _opened(self, row: Row) -> KeptKey:
        der = self._master.open(row["sealed"], self._about(row["kid"]))
        key = serialization.load_der_private_key(der, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        pem = row["certificate"]
        certificate = x509.load_pem_x509_certificate(pem.encode()) if pem else None
        return KeptKey(row["party"], KeySigner(key), certificate)

    def _about(self, kid: str) -> str:
        return f"ctnh-custody-v1 {self._kept} {kid}"


def new_kept_key(
    ca: CertificateAuthority, *, name: str, party: str, now: datetime
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """Return a new P-256 key and its certificate of the small CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = ca.issue(key.public_key(), common_name=name, organization=name, party_id=party, now=now)
    return key, certificate


def write_secret(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all; refuse to overwrite one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)  # of a process that ended half-way
    with part.open("xb") as file:
        part.chmod(0o600)
        file.write(data)
    try:
        path.hardlink_to(part)
    finally:
        part.unlink()
