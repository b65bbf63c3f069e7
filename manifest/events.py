"""What happens to waste: generation and the manifest's acts, one frozen dataclass per kind of event.

A kind carries its version; an old version stays readable for ever. The time of an act stands in the signed
event itself (`occurred_at`), not in the body. Masses are whole grams.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field

from ledger.errors import Malformed, Problem
from manifest.body import (
    MOST_G,
    STRICT,
    Body,
    Code,
    Day,
    Id,
    LineNumber,
    Mass,
    MassOrNothing,
    Methods,
    Moment,
    Name,
    Sha256,
    Short,
    Signed,
    Text,
    Uuid7,
    Year,
)
from manifest.cases.events import CASE_EVENTS, Contested, ContestSettled
from manifest.cases.parts import Export, Listed, Second
from manifest.claims.events import CLAIM_EVENTS
from manifest.correcting.events import CORRECTING_EVENTS
from manifest.lots.events import BATCH_EVENTS, LOT_EVENTS
from manifest.outages.events import OUTAGE_EVENTS
from manifest.register.documents import DOCUMENT_EVENTS
from manifest.register.events import REGISTER_EVENTS
from manifest.register.parties import PARTY_EVENTS
from manifest.register.places import PLACE_EVENTS
from manifest.vocabulary import (
    Basis,
    CorrectedField,
    Document,
    Instrument,
    Packaging,
    State,
    VehicleKind,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Grams that a line draws from a lot."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    lot: Uuid7
    mass_g: Mass


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A manifest's number: sequence, year and the issuer's code, printed with slashes."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    sequence: Annotated[int, Field(ge=1, le=999_999)]
    year: Year
    issuer: Annotated[str, Field(pattern=r"^[0-9A-Z][0-9A-Z.-]{0,39}$")]

    def __str__(self) -> str:
        return f"{self.sequence}/{self.year}/{self.issuer}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Packages:
    """So many packages of one kind and volume, in millilitres each."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    kind: Packaging
    count: Annotated[int, Field(ge=1, le=100_000)]
    volume_ml: Annotated[int, Field(ge=1, le=100_000_000)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineDeclared:
    """A line as the generator declares it; ``name`` is the waste's name on the form."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    line: LineNumber
    code: Code
    name: Name
    state: State
    mass_g: Mass
    planned_methods: Methods
    lots: Annotated[tuple[Draw, ...], Field(min_length=1, max_length=60)]
    containers: Short | None = None
    packages: Annotated[tuple[Packages, ...], Field(max_length=20)] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierPlanned:
    """Who is to carry: the generator, the facility, or a carry-only permit holder with its approval."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    party: Id
    permit: Id | None = None
    approval: Id | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineWeighed:
    """Net grams of a line as the scale says, with the ticket's number and the scale's own uncertainty."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    line: LineNumber
    net_g: MassOrNothing
    ticket: Short
    uncertainty_g: MassOrNothing = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LineDecided:
    """What the facility takes of a line and what it refuses; together what arrived."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    line: LineNumber
    accepted_g: MassOrNothing
    refused_g: MassOrNothing
    reason: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineTreated:
    """A part of a line that was treated, by an ordered list of methods, on a date.

    A part that was poured into a ``batch`` goes on as what comes out of it.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    line: LineNumber
    mass_g: Mass
    methods: Methods
    treated_on: Day
    batch: Uuid7 | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationDeclared(Signed):
    """A lot of waste came to be at a site; ``generated_on`` starts its storage clock."""

    kind: ClassVar[str] = "generation.declared.v1"
    lot: Uuid7
    site: Id
    code: Code
    state: State
    mass_g: Mass
    generated_on: Day
    basis: Basis = Basis.REGULAR
    container: Short | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningDeclared(Signed):
    """Stock that was there before the ledger began; ``generated_on`` is when it arose, as far as known."""

    kind: ClassVar[str] = "generation.opening_declared.v1"
    lot: Uuid7
    site: Id
    code: Code
    state: State
    mass_g: Mass
    generated_on: Day
    container: Short | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationAdjusted(Signed):
    """A lot turns out larger or smaller while it is still stored, with the reason."""

    kind: ClassVar[str] = "generation.adjusted.v1"
    lot: Uuid7
    delta_g: Annotated[int, Field(ge=-MOST_G, le=MOST_G)]
    reason: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTreated(Signed):
    """A generator treated part of a lot on its own site; it counts only under a permit line."""

    kind: ClassVar[str] = "generation.self_treated.v1"
    lot: Uuid7
    mass_g: Mass
    methods: Methods
    treated_on: Day
    permit: Id | None = None


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
    CorrectionProposed, CorrectionConsented, CorrectionDeclined, *CORRECTING_EVENTS, *CASE_EVENTS,
)  # fmt: skip
GENERATION_EVENTS: tuple[type[Body], ...] = (
    GenerationDeclared, OpeningDeclared, GenerationAdjusted, SelfTreated, *LOT_EVENTS,
)  # fmt: skip
_ALL: tuple[type[Body], ...] = (
    *MANIFEST_EVENTS, *GENERATION_EVENTS, *BATCH_EVENTS, *REGISTER_EVENTS, *PARTY_EVENTS,
    *PLACE_EVENTS, *DOCUMENT_EVENTS, *CLAIM_EVENTS, *OUTAGE_EVENTS, Contested,
    ContestSettled, PdfIssued,
)  # fmt: skip
EVENTS: dict[str, type[Body]] = {event.kind: event for event in _ALL}


def read_body(kind: str, body: Mapping[str, Any]) -> Body:
    """Return the typed event of a kind; raise Malformed for an unknown kind or wrong fields."""
    event = EVENTS.get(kind)
    if event is None:
        raise Malformed(Problem("manifest.kind_unknown", "/kind", {"kind": kind}))
    return event.read(body)
