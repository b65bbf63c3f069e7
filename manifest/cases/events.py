"""The acts of the cases beside the plain journey, one frozen dataclass per kind of event."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from manifest.body import Body, Day, Id, LineNumber, Sha256, Short, Signed, Text
from manifest.cases.parts import LineDisposed, LineMoved, LineReceived
from manifest.vocabulary import ContestOutcome, CopyMeans


@dataclass(frozen=True, slots=True, kw_only=True)
class Transshipped(Signed):
    """A part of the load goes on in another vehicle of the same holder, after a breakdown for instance."""

    kind: ClassVar[str] = "manifest.transshipped.v1"
    from_plate: Short
    to_plate: Short
    lines: Annotated[tuple[LineMoved, ...], Field(min_length=1, max_length=60)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarded(Signed):
    """Lines that no method has touched leave the first facility for the second; giver and taker sign.

    ``facility`` is where they go: the second facility that the register event names.
    """

    kind: ClassVar[str] = "manifest.forwarded.v1"
    facility: Id
    taker: Id
    vehicle_plate: Short
    lines: Annotated[tuple[LineNumber, ...], Field(min_length=1, max_length=60)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedSecond(Signed):
    """The second facility weighed what was forwarded, and takes it wholly or in part."""

    kind: ClassVar[str] = "manifest.received_second.v1"
    instrument: Short
    lines: Annotated[tuple[LineReceived, ...], Field(min_length=1, max_length=60)]


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageNotified(Signed):
    """The facility says why it has not treated what it stores (NĐ 08/2022 Điều 72(4)), and whom it told."""

    kind: ClassVar[str] = "manifest.storage_notified.v1"
    reason: Text
    sent_to: Text
    document_sha256: Sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported(Signed):
    """The load has left the country; it is still on its way."""

    kind: ClassVar[str] = "manifest.exported.v1"
    exit_gate: Text
    declaration: Short


@dataclass(frozen=True, slots=True, kw_only=True)
class DisposalCertified(Signed):
    """Whoever treats the load abroad certifies that it is disposed of, wholly or in part."""

    kind: ClassVar[str] = "manifest.disposal_certified.v1"
    certificate: Short
    certificate_sha256: Sha256
    disposed_on: Day
    lines: Annotated[tuple[LineDisposed, ...], Field(min_length=1, max_length=60)]


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiesDelivered(Signed):
    """Copies of the manifest («liên») have reached whom they are for.

    ``copies`` are names of the form's edition. Of copies on paper, ``receipt_sha256`` is the scan of what
    the receiver signed.
    """

    kind: ClassVar[str] = "manifest.copies_delivered.v1"
    copies: Annotated[tuple[Short, ...], Field(min_length=1, max_length=9)]
    means: CopyMeans
    receipt_sha256: Sha256 | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contested(Body):
    """A party says that what was entered for it by hand of another is not so; ``seq`` is the act's entry."""

    kind: ClassVar[str] = "act.contested.v1"
    seq: Annotated[int, Field(ge=0, le=2**53 - 1)]
    reason: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class ContestSettled(Body):
    """A contest comes to its end: an authority decides it, or whoever contested takes it back.

    An act whose contest was upheld keeps the lowest grade, and is put right by a correction. ``seq`` is the
    act's entry.
    """

    kind: ClassVar[str] = "act.contest_settled.v1"
    seq: Annotated[int, Field(ge=0, le=2**53 - 1)]
    outcome: ContestOutcome
    reason: Text


CASE_EVENTS: tuple[type[Body], ...] = (
    Transshipped, Forwarded, ReceivedSecond, StorageNotified, Exported, DisposalCertified,
    CopiesDelivered,
)  # fmt: skip
