"""The acts around a proposed correction: taking it back, and an authority's wish for one."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from manifest.body import Body, LineNumber, Signed, Text, Uuid7
from manifest.vocabulary import CorrectedField


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


CORRECTING_EVENTS: tuple[type[Body], ...] = (CorrectionWithdrawn, CorrectionRequested)
