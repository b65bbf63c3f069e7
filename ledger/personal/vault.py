"""Personal values outside the ledger: the event holds a salted commitment, the vault the value.

A commitment is SHA-256(tag ‖ salt ‖ canonical JSON of the value) with 32 random bytes of salt, so that a name
cannot be found by trying names. Value and salt are sealed with AES-256-GCM under the key of their subject,
bound to subject and commitment: nonce (12 bytes) ‖ ciphertext ‖ tag. With the row or the key gone, what is
left says nothing, and every hash and signature is as it was.
"""

import hashlib
import secrets
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Engine, Table, delete, select

from ledger.errors import Malformed, Problem
from ledger.format import canonical
from ledger.personal.subjects import KEY_BYTES, Subjects
from ledger.storage.db import Reader, Row, Writer, is_sqlite, reading, writing
from ledger.storage.statements import inserting
from ledger.storage.store import SEALED, VAULT, rows

TAG = b"ctnh-commitment-v1\n"
SEALED_TAG = b"ctnh-sealed-v1\n"
SALT_BYTES = 32
NONCE_BYTES = 12
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Secret:
    """A value with its salt; whoever holds both can show what a commitment stands for.

    ``subject`` names whose value it is by a pseudonym, so that all of a person's values can be erased.
    """

    value: str
    subject: str
    salt: bytes = field(default_factory=lambda: secrets.token_bytes(SALT_BYTES), repr=False)

    @property
    def commitment(self) -> str:
        """The commitment that stands in the event, lower-case hex."""
        return hashlib.sha256(TAG + self.salt + canonical.encode(self.value)).hexdigest()


def commit(secrets_by_name: Mapping[str, Secret]) -> dict[str, str]:
    """Return the ``commitments`` of an event for named secrets."""
    return {name: secret.commitment for name, secret in secrets_by_name.items()}


def check_secrets(commitments: Mapping[str, str], given: Sequence[Secret]) -> None:
    """Raise Malformed unless the secrets given open the event's commitments, all of them and no others."""
    promised = set(commitments.values())
    for secret in given:
        if len(secret.salt) != SALT_BYTES or secret.commitment not in promised:
            raise Malformed(Problem("ledger.commitment_mismatch", "/commitments"))
    opened = {secret.commitment for secret in given}
    closed = [name for name, commitment in commitments.items() if commitment not in opened]
    if closed:
        raise Malformed([Problem("ledger.commitment_unopened", f"/commitments/{name}") for name in closed])


def seal(secret: Secret, subject_key: bytes) -> bytes:
    """Return value and salt, sealed under the subject's key of 32 bytes."""
    return _sealed_as(secret, secret.commitment, subject_key)


def open_sealed(sealed: bytes, subject_key: bytes, subject: str, commitment: str) -> Secret:
    """Return what was sealed; raise Malformed when the key does not open it, or it is another's value."""
    try:
        about = _about(subject, commitment)
        plain = AESGCM(subject_key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], about)
        secret = Secret(plain[SALT_BYTES:].decode(), subject, plain[:SALT_BYTES])
        if secret.commitment == commitment:
            return secret
    except (InvalidTag, ValueError, Malformed) as error:  # a nonce too short, no text, no canonical text
        raise Malformed(Problem("ledger.vault_mismatch", "", {"commitment": commitment[:64]})) from error
    raise Malformed(Problem("ledger.vault_mismatch", "", {"commitment": commitment[:64]}))


def _sealed_as(secret: Secret, commitment: str, key: bytes) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    plain = secret.salt + secret.value.encode()
    return nonce + AESGCM(key).encrypt(nonce, plain, _about(secret.subject, commitment))


def _about(subject: str, commitment: str) -> bytes:
    return SEALED_TAG + f"{subject}\n{commitment}".encode()


def sealed_rows(given: Iterable[Secret], subjects: Subjects) -> list[Row]:
    """Return the rows of `vault_sealed` that keep these secrets, without the log's number.

    The subjects' keys are durable then. Raises Conflict for a subject that was erased.
    """
    by_commitment = {secret.commitment: secret for secret in given}
    if not by_commitment:
        return []
    keys = subjects.keys({secret.subject for secret in by_commitment.values()})
    return [
        {"commitment": name, "subject": secret.subject, "sealed": seal(secret, keys[secret.subject])}
        for name, secret in by_commitment.items()
    ]


def find_secrets(
    reader: Reader, log: int, commitments: Iterable[str], subjects: Subjects
) -> dict[str, Secret]:
    """Return those of the secrets behind commitments that can be opened, by commitment.

    What its subject's key does not open is left out: verification names it.
    """
    kept = list(_kept(reader, SEALED, log, sorted(set(commitments))))
    keys = subjects.find({row["subject"] for row in kept}) if kept else {}
    found = {}
    for row in kept:
        name, subject = row["commitment"], row["subject"]
        if subject in keys:
            with suppress(Malformed):
                found[name] = open_sealed(row["sealed"], keys[subject], subject, name)
    return found


def _kept(reader: Reader, table: Table, log: int, commitments: Sequence[str]) -> Iterable[Row]:
    for start in range(0, len(commitments), AT_ONCE):
        part = commitments[start : start + AT_ONCE]
        query = select(table).where(table.c.log == log, table.c.commitment.in_(part))
        yield from (dict(row) for row in reader.execute(query).mappings())


def adopt_all(engine: Engine, log: int, subjects: Subjects) -> int:
    """Seal what version 0.1 left in the clear, and have the database give up its traces; see `adopt`."""
    with reading(engine) as reader:
        if not rows(reader, VAULT, log=log):
            return 0
    with writing(engine, log) as writer:
        done = adopt(writer, log, subjects)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        scrub = "PRAGMA wal_checkpoint(TRUNCATE)" if is_sqlite(connection) else "VACUUM vault_value"
        connection.exec_driver_sql(scrub)
    return done


def adopt(writer: Writer, log: int, subjects: Subjects) -> int:
    """Seal the values that version 0.1 left in the clear; return how many there were.

    A value of somebody who was erased meanwhile (an old database came back) is sealed under a key that
    nobody keeps, so that it is as unreadable as the others of that subject.
    """
    old = rows(writer, VAULT, log=log)
    if not old:
        return 0
    if is_sqlite(writer):
        writer.exec_driver_sql("PRAGMA secure_delete=ON")  # the clear text goes from the file too
    known = {row["commitment"] for row in _kept(writer, SEALED, log, [row["commitment"] for row in old])}
    for row in old:
        if row["commitment"] in known:
            continue
        secret = Secret(row["value"], row["subject"], row["salt"])
        spent = subjects.is_destroyed(secret.subject)
        key = secrets.token_bytes(KEY_BYTES) if spent else subjects.keys([secret.subject])[secret.subject]
        # What opens nothing stays what it is, under the commitment that it claims: verification names it.
        sealed = _sealed_as(secret, row["commitment"], key)
        made = {"commitment": row["commitment"], "subject": secret.subject, "sealed": sealed}
        writer.execute(inserting(SEALED), {"log": log, **made})
    writer.execute(delete(VAULT).where(VAULT.c.log == log))
    return len(old)
