"""Events of findings and of the runs that find them, one frozen dataclass per kind.

The service key signs what a run found; people acknowledge, explain, assign, close and reopen. A finding whose
cause is gone is said to have lapsed and stays until an authority closes it, so nothing disappears because its
cause was edited away.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from manifest.body import STRICT, Body, Day, Id, MassOrNothing, Moment, Sha256, Short, Text, Uuid7

FindingId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
RuleId = Annotated[str, Field(pattern=r"^[A-Z][0-9]{1,2}$")]
SubjectName = Annotated[str, Field(min_length=3, max_length=400)]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
Position = Annotated[int, Field(ge=0, le=2**53 - 1)]
Entries = Annotated[tuple[Position, ...], Field(max_length=40)]
FactName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
FactText = Annotated[str, Field(max_length=300)]
Figures = Annotated[tuple["Figure", ...], Field(max_length=20)]


class RunMode(StrEnum):
    """Whether a run looked at everything, or at what had changed since the last one."""

    FULL = "full"
    INCREMENT = "increment"


class Settlement(StrEnum):
    """How a finding was closed."""

    SETTLED = "settled"
    NO_FAULT = "no_fault"
    UPHELD = "upheld"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure behind a finding: its name, and a whole number or a text."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    name: FactName
    value: Annotated[int, Field(ge=-(2**53) + 1, le=2**53 - 1)] | FactText


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRun:
    """What one rule came to in a run: what it found, and how many findings are new, changed or lapsed."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    rule: RuleId
    version: Annotated[int, Field(ge=1, le=999)]
    found: Count
    opened: Count
    changed: Count
    lapsed: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled(Body):
    """A run of the rules came to its end: over which size and root of the log, as of which day, and how long.

    ``reference`` is the digest of the rule tables' edition.
    """

    kind: ClassVar[str] = "reconciliation.run.v1"
    run: Uuid7
    mode: RunMode
    size: Position
    root: Sha256
    as_of: Day
    reference: Sha256
    rules: Annotated[tuple[RuleRun, ...], Field(min_length=1, max_length=100)]
    started_at: Moment
    duration_ms: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingOpened(Body):
    """A run found something for the first time, or again after it had lapsed or been closed."""

    kind: ClassVar[str] = "finding.opened.v1"
    finding: FindingId
    run: Uuid7
    rule: RuleId
    version: Annotated[int, Field(ge=1, le=999)]
    subject: SubjectName
    grams: MassOrNothing
    since: Day
    parties: Annotated[tuple[Id, ...], Field(max_length=20)]
    entries: Entries
    facts: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingChanged(Body):
    """A run saw a known finding with other figures."""

    kind: ClassVar[str] = "finding.changed.v1"
    finding: FindingId
    run: Uuid7
    grams: MassOrNothing
    since: Day
    parties: Annotated[tuple[Id, ...], Field(max_length=20)]
    entries: Entries
    facts: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingLapsed(Body):
    """A run no longer saw what a finding was about."""

    kind: ClassVar[str] = "finding.lapsed.v1"
    finding: FindingId
    run: Uuid7


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingAcknowledged(Body):
    """Somebody whom a finding concerns has seen it."""

    kind: ClassVar[str] = "finding.acknowledged.v1"
    finding: FindingId


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingExplained(Body):
    """A party of a finding, or an authority, says how it came about; a file is named by its hash."""

    kind: ClassVar[str] = "finding.explained.v1"
    finding: FindingId
    text: Text
    attachment_sha256: Sha256 | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingAssigned(Body):
    """An authority says who is to deal with a finding, and until when."""

    kind: ClassVar[str] = "finding.assigned.v1"
    finding: FindingId
    to: Short
    due_on: Day


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingClosed(Body):
    """An authority closes a finding, with its reason."""

    kind: ClassVar[str] = "finding.closed.v1"
    finding: FindingId
    outcome: Settlement
    reason: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingReopened(Body):
    """An authority opens a closed finding again."""

    kind: ClassVar[str] = "finding.reopened.v1"
    finding: FindingId
    reason: Text


OF_RUN: tuple[type[Body], ...] = (FindingOpened, FindingChanged, FindingLapsed)
OF_PEOPLE: tuple[type[Body], ...] = (
    FindingAcknowledged, FindingExplained, FindingAssigned, FindingClosed, FindingReopened,
)  # fmt: skip
FINDING_EVENTS: tuple[type[Body], ...] = (*OF_RUN, *OF_PEOPLE, Reconciled)
