"""Version 7 UUIDs (RFC 9562): sortable by time, unique without asking anybody."""

import secrets
from datetime import datetime
from random import Random
from uuid import UUID

from ledger.types import to_ms

_RANDOM_BITS = 74


def uuid7(at: datetime, random: Random | None = None) -> str:
    """Return a new UUID of that time; ``random`` makes it repeatable for seeded worlds."""
    bits = random.getrandbits(_RANDOM_BITS) if random else secrets.randbits(_RANDOM_BITS)
    high = (to_ms(at) << 16) | 0x7000 | bits >> 62
    low = 0b10 << 62 | bits & ((1 << 62) - 1)
    return str(UUID(int=high << 64 | low))
