"""Personal values outside the ledger: the event holds a salted commitment, the vault the value.

A commitment is SHA-256(tag ‖ salt ‖ canonical JSON of the value) with 32 random bytes of salt, so that a name
cannot be found by trying names. Deleting value and salt leaves a commitment that says nothing, and every
hash and signature as it was.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from ledger import canonical
from ledger.errors import Malformed, Problem

TAG = b"ctnh-commitment-v1\n"
SALT_BYTES = 32


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


def check_secrets(commitments: Mapping[str, str], given: tuple[Secret, ...]) -> None:
    """Raise Malformed unless every secret given opens a commitment of the event."""
    promised = set(commitments.values())
    for secret in given:
        if len(secret.salt) != SALT_BYTES or secret.commitment not in promised:
            raise Malformed(Problem("ledger.commitment_mismatch", "/commitments"))
