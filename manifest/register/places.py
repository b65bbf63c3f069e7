"""Events of places: where a site lies from a day on, zones, collection points, treatment lines."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from manifest.body import (
    Body,
    Code,
    Day,
    Id,
    Latitude,
    Longitude,
    MassOrNothing,
    Methods,
    Name,
    Sha256,
    Short,
    Text,
)
from manifest.vocabulary import State, StationStatus, Verdict, ZoneKind, ZoneStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePlaced(Body):
    """From a day on a site lies in this zone and these units: it moved, or it was measured.

    ``district`` and ``old_commune`` are units to 30/06/2025, ``commune`` the one from 01/07/2025. What was
    made there before stays where it was counted (decision C21).
    """

    kind: ClassVar[str] = "site.placed.v1"
    site: Id
    valid_from: Day
    zone_kind: ZoneKind
    zone: Id | None = None
    district: Code | None = None
    commune: Code | None = None
    old_commune: Code | None = None
    latitude_e6: Latitude | None = None
    longitude_e6: Longitude | None = None
    reason: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneRegistered(Body):
    """A park, cluster or craft village enters the register."""

    kind: ClassVar[str] = "zone.registered.v1"
    zone: Id
    name: Name
    zone_kind: ZoneKind
    counts_for_t1: bool
    district: Code | None = None
    communes: Annotated[tuple[Code, ...], Field(max_length=20)] = ()
    document_sha256: Sha256 | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneChanged(Body):
    """From a day on these facts hold of a zone; what is left out stays.

    ``recognised`` is the title of craft village, given or revoked by ``decision``; ``station`` the central
    wastewater station and ``station_meets_rules`` what was found of it; ``reporting_unit`` who reports the
    zone for target T1.
    """

    kind: ClassVar[str] = "zone.changed.v1"
    zone: Id
    valid_from: Day
    status: ZoneStatus | None = None
    station: StationStatus | None = None
    station_meets_rules: bool | None = None
    recognised: bool | None = None
    counts_for_t1: bool | None = None
    reporting_unit: Id | None = None
    decision: Short | None = None
    document_sha256: Sha256 | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneAssessed(Body):
    """A craft village was assessed: by which instrument, when, with which verdict (targets T3 and T4)."""

    kind: ClassVar[str] = "zone.assessed.v1"
    assessment: Id
    zone: Id
    instrument: Name
    assessed_on: Day
    verdict: Verdict
    decision: Short | None = None
    document_sha256: Sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionPointOpened(Body):
    """A point where small producers bring waste: a place, unless a decision makes its operator a generator.

    Source: plan 307 section 3.2a; decision B14. ``site`` is the point's own place in the register of sites.
    """

    kind: ClassVar[str] = "collection_point.opened.v1"
    point: Id
    name: Name
    site: Id
    zone: Id | None = None
    operator: Id | None = None
    operator_is_generator: bool = False
    generator_decision: Short | None = None
    valid_from: Day
    valid_to: Day | None = None
    document_sha256: Sha256 | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TreatmentLineSet(Body):
    """From a day on a facility's line treats by these methods, in these states, at most so many grams a day.

    Zero grams: it stands still.
    """

    kind: ClassVar[str] = "treatment_line.set.v1"
    treatment_line: Id
    party: Id
    site: Id
    name: Name
    methods: Methods
    states: Annotated[tuple[State, ...], Field(min_length=1, max_length=3)]
    mass_g_day: MassOrNothing
    valid_from: Day
    document_sha256: Sha256 | None = None


PLACE_EVENTS: tuple[type[Body], ...] = (
    SitePlaced, ZoneRegistered, ZoneChanged, ZoneAssessed, CollectionPointOpened, TreatmentLineSet,
)  # fmt: skip
