"""Events of outages: an incident with its hours, and numbers set aside for signed blanks."""

from dataclasses import dataclass
from typing import ClassVar

from manifest.body import Body, Id, Moment, SeriesNumber, Sha256, Text


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
    first: SeriesNumber
    last: SeriesNumber
    sha256: Sha256


OUTAGE_EVENTS: tuple[type[Body], ...] = (IncidentRecorded, BlanksIssued)
