"""What happens to waste: the acts of a manifest's plain journey, and every kind of event by its name.

A kind carries its version; an old version stays readable for ever. The time of an act stands in the signed
event itself (`occurred_at`), not in the body. Masses are whole grams.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import Field

from ledger.errors import Malformed, Problem
from manifest.body import Body, Id, Mass, Sha256, Short, Signed, Text, Uuid7
from manifest.cases.events import CASE_EVENTS, Contested, ContestSettled
from manifest.cases.parts import Export, Listed, Second
from manifest.claims.events import CLAIM_EVENTS
from manifest.correcting.events import (
    CORRECTING_EVENTS,
    CorrectionConsented,
    CorrectionDeclined,
    CorrectionProposed,
)
from manifest.findings.events import FINDING_EVENTS
from manifest.lots.events import (
    BATCH_EVENTS,
    GENERATION_EVENTS,
    GenerationAdjusted,
    GenerationDeclared,
    OpeningDeclared,
    SelfTreated,
)
from manifest.outages.events import OUTAGE_EVENTS
from manifest.parts import (
    CarrierPlanned,
    Draw,
    LineDecided,
    LineDeclared,
    LineTreated,
    LineWeighed,
    Number,
    Packages,
)
from manifest.register.documents import DOCUMENT_EVENTS
from manifest.register.events import REGISTER_EVENTS
from manifest.register.log import LOG_EVENTS
from manifest.register.parties import PARTY_EVENTS
from manifest.register.places import PLACE_EVENTS
from manifest.vocabulary import Document, Instrument, VehicleKind

__all__ = [
    "EVENTS",
    "GENERATION_EVENTS",
    "MANIFEST_EVENTS",
    "Accepted",
    "Arrived",
    "Cancelled",
    "CarrierPlanned",
    "Completed",
    "CorrectionConsented",
    "CorrectionDeclined",
    "CorrectionProposed",
    "Draw",
    "GenerationAdjusted",
    "GenerationDeclared",
    "HandedOver",
    "LineDecided",
    "LineDeclared",
    "LineTreated",
    "LineWeighed",
    "Number",
    "OpeningDeclared",
    "Packages",
    "PdfIssued",
    "Refused",
    "Registered",
    "Returned",
    "SelfTreated",
    "Treated",
    "Weighed",
    "read_body",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered(Signed):
    """The generator registers a manifest: parties, lines, lots drawn, number.

    ``round`` joins the manifests that one vehicle collects in one round. ``paper_number`` is the number of
    the paper that this one was entered from. ``settles`` names the refusals whose grams this load takes away.
    The other cases stand in `manifest.cases.parts`.
    """

    kind: ClassVar[str] = "manifest.registered.v1"
    number: Number
    generator: Id
    site: Id
    facility: Id
    facility_site: Id
    permit: Id
    carriers: Annotated[tuple[CarrierPlanned, ...], Field(min_length=1, max_length=4)]
    lines: Annotated[tuple[LineDeclared, ...], Field(min_length=1, max_length=60)]
    vehicle_kind: VehicleKind = VehicleKind.ROAD
    form: Short
    document: Document = Document.MANIFEST
    paper_number: Short | None = None
    second: Second | None = None
    export: Export | None = None
    round: Uuid7 | None = None
    collection_point: Id | None = None
    listed: Annotated[tuple[Listed, ...], Field(max_length=60)] = ()
    settles: Annotated[tuple[Id, ...], Field(max_length=20)] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver(Signed):
    """The load changes hands; giver and taker sign. ``leg`` counts from 1."""

    kind: ClassVar[str] = "manifest.handed_over.v1"
    leg: Annotated[int, Field(ge=1, le=9)]
    giver: Id
    taker: Id
    vehicle_kind: VehicleKind = VehicleKind.ROAD
    vehicle_plate: Short


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived(Signed):
    """The load is at the facility's gate."""

    kind: ClassVar[str] = "manifest.arrived.v1"
    vehicle_plate: Short


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed(Signed):
    """The facility weighed every line; the difference from what was declared is computed, never typed.

    ``instrument`` names the scale, ``instrument_kind`` says what it is; ``round_net_g`` is the net mass of a
    whole round that went over the scale at once.
    """

    kind: ClassVar[str] = "manifest.weighed.v1"
    instrument: Short
    instrument_kind: Instrument | None = None
    lines: Annotated[tuple[LineWeighed, ...], Field(min_length=1, max_length=60)]
    round_net_g: Mass | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted(Signed):
    """The facility takes the load, wholly or in part; what it refuses goes back."""

    kind: ClassVar[str] = "manifest.accepted.v1"
    lines: Annotated[tuple[LineDecided, ...], Field(min_length=1, max_length=60)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused(Signed):
    """The facility refuses the whole load."""

    kind: ClassVar[str] = "manifest.refused.v1"
    reason: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned(Signed):
    """What was refused is back at the generator's site; carrier and generator sign."""

    kind: ClassVar[str] = "manifest.returned.v1"
    giver: Id
    vehicle_plate: Short


@dataclass(frozen=True, slots=True, kw_only=True)
class Treated(Signed):
    """The facility treated parts of lines; interim methods alone never close a line."""

    kind: ClassVar[str] = "manifest.treated.v1"
    parts: Annotated[tuple[LineTreated, ...], Field(min_length=1, max_length=60)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed(Signed):
    """The last facility confirms that nothing is left to treat: copy 4 goes back to the generator."""

    kind: ClassVar[str] = "manifest.completed.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled(Signed):
    """The generator calls the manifest off before pick-up; its number stays used."""

    kind: ClassVar[str] = "manifest.cancelled.v1"
    reason: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class PdfIssued(Body):
    """A PDF of a manifest was issued: its bytes by their hash."""

    kind: ClassVar[str] = "pdf.issued.v1"
    manifest: Uuid7
    number: Short
    head: Sha256
    sha256: Sha256
    size: Annotated[int, Field(ge=1, le=10**9)]
    signatures: Annotated[int, Field(ge=0, le=99)]


MANIFEST_EVENTS: tuple[type[Body], ...] = (
    Registered, HandedOver, Arrived, Weighed, Accepted, Refused, Returned, Treated, Completed, Cancelled,
    *CORRECTING_EVENTS, *CASE_EVENTS,
)  # fmt: skip
_ALL: tuple[type[Body], ...] = (
    *MANIFEST_EVENTS, *GENERATION_EVENTS, *BATCH_EVENTS, *LOG_EVENTS, *REGISTER_EVENTS, *PARTY_EVENTS,
    *PLACE_EVENTS, *DOCUMENT_EVENTS, *CLAIM_EVENTS, *OUTAGE_EVENTS, Contested,
    ContestSettled, *FINDING_EVENTS, PdfIssued,
)  # fmt: skip
EVENTS: dict[str, type[Body]] = {event.kind: event for event in _ALL}


def read_body(kind: str, body: Mapping[str, Any]) -> Body:
    """Return the typed event of a kind; raise Malformed for an unknown kind or wrong fields."""
    event = EVENTS.get(kind)
    if event is None:
        raise Malformed(Problem("manifest.kind_unknown", "/kind", {"kind": kind}))
    return event.read(body)
