"""Events of the log itself: its opening, keys, limits and editions, stamps, the guard, erasures."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from manifest.body import (
    MOST_G,
    Body,
    Day,
    Id,
    Moment,
    Name,
    Sha256,
    Short,
    Text,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOpened(Body):
    """The operator opened the log: format, keys that sign checkpoints, root keys, reference data.

    A log that goes on from another names its ``predecessor``, and until when it takes what was signed for it.
    """

    kind: ClassVar[str] = "log.opened.v1"
    format: Annotated[int, Field(ge=1, le=1)]
    operator: Name
    log_keys: Annotated[tuple[str, ...], Field(min_length=1, max_length=4)]
    root_keys: Annotated[tuple[dict[str, str], ...], Field(min_length=2, max_length=8)]
    reference: dict[str, str]
    predecessor: dict[str, str | int | dict[str, int]] | None = None
    accept_until: Short | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRegistered(Body):
    """A key enters: its holder proves possession, a sponsor vouches for the party."""

    kind: ClassVar[str] = "key.registered.v1"
    key: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRotated(Body):
    """A key takes the place of another of the same party."""

    kind: ClassVar[str] = "key.rotated.v1"
    kid: Sha256
    key: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRevoked(Body):
    """A key ends here; what it signed before stays signed."""

    kind: ClassVar[str] = "key.revoked.v1"
    kid: Sha256
    reason: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionAdopted(Body):
    """Two operators adopt an edition of the reference data, named by its digest."""

    kind: ClassVar[str] = "edition.adopted.v1"
    name: Short
    sha256: Sha256
    files: dict[str, Sha256]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet(Body):
    """Two operators set a limit for a period, with its source."""

    kind: ClassVar[str] = "rule.set.v1"
    rule: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
    value: Annotated[int, Field(ge=0, le=MOST_G)]
    unit: Short
    valid_from: Day
    valid_to: Day | None = None
    source: Name
    confirmed: bool
    verified_by: Name | None = None
    verified_on: Day | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointAnchored(Body):
    """An outside authority has stamped a checkpoint; the token is kept beside the log, under its hash.

    ``authority`` is the host (and port) that was asked, ``stamped_at`` the time that the token states.
    """

    kind: ClassVar[str] = "checkpoint.anchored.v1"
    size: Annotated[int, Field(ge=1, le=2**53 - 1)]
    root: Sha256
    authority: Annotated[str, Field(pattern=r"^[a-z0-9\[][a-z0-9._:\[\]-]{0,199}$")]
    token_sha256: Sha256
    stamped_at: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardAdopted(Body):
    """The operator answers for a database whose guard was lost: it is taken as it stands here."""

    kind: ClassVar[str] = "log.guard_adopted.v1"
    size: Annotated[int, Field(ge=0, le=2**53 - 1)]
    root: Sha256
    reason: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class LogKeyAdded(Body):
    """Two root keys let a further key sign the log's checkpoints; ``key`` is its verifier string."""

    kind: ClassVar[str] = "log.key_added.v1"
    key: Annotated[str, Field(min_length=1, max_length=4000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogKeyRetired(Body):
    """Two root keys end a key that signs the log's checkpoints."""

    kind: ClassVar[str] = "log.key_retired.v1"
    key: Annotated[str, Field(min_length=1, max_length=4000)]
    reason: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalErased(Body):
    """Values of a person are erased from the vault: of this subject, behind these commitments."""

    kind: ClassVar[str] = "personal.erased.v1"
    subject: Id
    commitments: Annotated[tuple[Sha256, ...], Field(min_length=1, max_length=500)]
    reason: Text


LOG_EVENTS: tuple[type[Body], ...] = (
    LogOpened, KeyRegistered, KeyRotated, KeyRevoked, EditionAdopted, RuleSet, CheckpointAnchored,
    GuardAdopted, LogKeyAdded, LogKeyRetired, PersonalErased,
)  # fmt: skip
