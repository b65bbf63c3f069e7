"""Events of outages: an incident with its hours, and numbers set aside for signed blanks."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from manifest.body import Body, Id, Sha256, Text

_MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"
Moment = Annotated[str, Field(pattern=_MOMENT)]
_Sequence = Annotated[int, Field(ge=1, le=999_999)]


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentRecorded(Body):
    """The system could not be used between two moments: limits of ours did not run meanwhile."""

    kind: ClassVar[str] = "incident.recorded.v1"
    incident: Id
    started_at: Moment
    ended_at: Moment
    reason: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class BlanksIssued(Body):
    """Numbers of a block are printed on signed blanks, for use on paper while the system is down.

    ``sha256`` is the hash of the file that was printed. A number on a blank is registered only with the
    paper that bears it.
    """

    kind: ClassVar[str] = "blanks.issued.v1"
    blanks: Id
    block: Id
    first: _Sequence
    last: _Sequence
    sha256: Sha256


OUTAGE_EVENTS: tuple[type[Body], ...] = (IncidentRecorded, BlanksIssued)
