"""Events of claims: an envelope that was refused is kept as it was signed, and an authority decides on it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from manifest.body import Body, Sha256, Short, Text, Uuid7

# What is kept is in Base64 and has to fit into an event itself.
MAX_ENVELOPE_CHARS = 40_000


class Outcome(StrEnum):
    """What an authority makes of a claim."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimKept(Body):
    """An act that its parties signed was refused; its bytes are kept, with what refused it."""

    kind: ClassVar[str] = "claim.kept.v1"
    claim: Uuid7
    manifest: Uuid7
    envelope: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]+={0,2}$", max_length=MAX_ENVELOPE_CHARS)]
    envelope_hash: Sha256
    codes: Annotated[tuple[Short, ...], Field(min_length=1, max_length=40)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimResolved(Body):
    """An authority lets a claimed act stand in spite of what refused it, or does not.

    What is let in is recorded from its own bytes; only the refusals that the claim names, and of them only
    those that a decision can lift, are passed over.
    """

    kind: ClassVar[str] = "claim.resolved.v1"
    claim: Uuid7
    outcome: Outcome
    reason: Text


CLAIM_EVENTS: tuple[type[Body], ...] = (ClaimKept, ClaimResolved)
