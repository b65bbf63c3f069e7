"""The acts of correcting: proposing, agreeing, declining, taking back, and an authority's wish for one."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from manifest.body import (
    Body,
    Code,
    Day,
    LineNumber,
    Mass,
    MassOrNothing,
    Methods,
    Moment,
    Name,
    Short,
    Signed,
    Text,
    Uuid7,
)
from manifest.parts import Packages
from manifest.vocabulary import CorrectedField, State, VehicleKind


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionProposed(Signed):
    """A party states what should have been written; what needs consent waits for it.

    ``field`` says which of the others are read: ``line``, ``leg`` or ``part`` (a treated part of the
    manifest, counted from 1) say where, the rest what should stand there. ``value`` is a plate, containers or
    the paper's number. A correction of the difference has no value: it says how the unexplained grams of a
    line come about. ``lots`` are new lots for grams whose code or state was wrong, in the order of the line's
    own. ``answers`` names what an authority wants corrected.
    """

    kind: ClassVar[str] = "manifest.correction_proposed.v1"
    correction: Uuid7
    field: CorrectedField
    line: LineNumber | None = None
    leg: Annotated[int, Field(ge=1, le=9)] | None = None
    part: Annotated[int, Field(ge=1, le=9999)] | None = None
    value: Short | None = None
    net_g: MassOrNothing | None = None
    accepted_g: MassOrNothing | None = None
    vehicle_kind: VehicleKind | None = None
    arrived_at: Moment | None = None
    name: Name | None = None
    packages: Annotated[tuple[Packages, ...], Field(min_length=1, max_length=20)] | None = None
    state: State | None = None
    code: Code | None = None
    lots: Annotated[tuple[Uuid7, ...], Field(max_length=60)] | None = None
    mass_g: Mass | None = None
    methods: Methods | None = None
    treated_on: Day | None = None
    answers: Uuid7 | None = None
    reason: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionConsented(Signed):
    """One whom the correction touches agrees."""

    kind: ClassVar[str] = "manifest.correction_consented.v1"
    correction: Uuid7


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionDeclined(Signed):
    """One whom the correction touches does not agree; it falls."""

    kind: ClassVar[str] = "manifest.correction_declined.v1"
    correction: Uuid7
    reason: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionWithdrawn(Signed):
    """Whoever proposed a correction takes it back while it still waits."""

    kind: ClassVar[str] = "manifest.correction_withdrawn.v1"
    correction: Uuid7
    reason: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionRequested(Body):
    """An authority says what it wants corrected; a proposal that names the request answers it."""

    kind: ClassVar[str] = "manifest.correction_requested.v1"
    request: Uuid7
    field: CorrectedField
    line: LineNumber | None = None
    leg: Annotated[int, Field(ge=1, le=9)] | None = None
    part: Annotated[int, Field(ge=1, le=9999)] | None = None
    reason: Text


CORRECTING_EVENTS: tuple[type[Body], ...] = (
    CorrectionProposed, CorrectionConsented, CorrectionDeclined, CorrectionWithdrawn, CorrectionRequested,
)  # fmt: skip
