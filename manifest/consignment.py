"""A manifest as a value: what its events have said so far, and where its grams are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from manifest.accounts import Posting, Slot
from manifest.body import Body
from manifest.events import CorrectionProposed, LineDeclared, LineTreated, Registered
from manifest.quantity import LineMass
from manifest.vocabulary import LotId, ManifestId, Status, VehicleKind


@dataclass(frozen=True, slots=True)
class Line:
    """A line: as declared, and its masses since."""

    declared: LineDeclared
    mass: LineMass

    @property
    def number(self) -> int:
        """The line's number on the form."""
        return self.declared.line

    @property
    def lots(self) -> tuple[LotId, ...]:
        """The lots that the line draws from, in the order of the signed bytes."""
        return tuple(LotId(draw.lot) for draw in self.declared.lots)

    @property
    def drawn(self) -> tuple[tuple[LotId, int], ...]:
        """The grams that the line draws from each lot."""
        return tuple((LotId(draw.lot), draw.mass_g) for draw in self.declared.lots)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One stretch of the journey: who took over from whom, in which vehicle, when."""

    giver: str
    taker: str
    vehicle_kind: VehicleKind
    vehicle_plate: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Correction:
    """A proposed correction and who has yet to agree to it."""

    proposed: CorrectionProposed
    by: str
    waiting: frozenset[str]


@dataclass(frozen=True, slots=True)
class Part:
    """A treated part: as declared, whether its methods are final and permitted, and its postings."""

    declared: LineTreated
    final: bool
    permitted: bool
    made: tuple[Posting, ...]


class Happened(NamedTuple):
    """An act as it stands in the stream: its envelope, its kind, its time.

    ``lost`` tells that grams of it went where nobody can say what became of them.
    """

    envelope_hash: str
    event: type[Body]
    at: datetime
    lost: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What is known of a manifest; ``held`` has the grams of each line by slot and lot, zeros left out.

    ``last_at`` is the attested time of the newest act: no later act may lie before it. ``vehicles`` gives the
    grams, as declared, of each line in each vehicle on the road, ``gate`` the plates that have arrived;
    ``parts`` are the treated parts in the order of their acts, ``treated_by`` is the facility that treated
    last, ``on_paper`` counts the acts that somebody signed by hand. ``copies`` says when each copy («liên»)
    reached its receiver. ``past`` are its acts in the order of the log, as far as they came from there.
    """

    id: ManifestId
    status: Status = Status.NEW
    header: Registered | None = None
    lines: tuple[Line, ...] = ()
    legs: tuple[Leg, ...] = ()
    registered_at: datetime | None = None
    arrived_at: datetime | None = None
    weighed_at: datetime | None = None
    decided_at: datetime | None = None
    completed_at: datetime | None = None
    last_at: datetime | None = None
    forwarded_at: datetime | None = None
    received_second_at: datetime | None = None
    storage_notified_at: datetime | None = None
    exported_at: datetime | None = None
    copies: Mapping[str, datetime] = field(default_factory=lambda: MappingProxyType({}))
    past: tuple[Happened, ...] = ()
    parts: tuple[Part, ...] = ()
    treated_by: str | None = None
    on_paper: int = 0
    vehicles: Mapping[str, Mapping[int, int]] = field(default_factory=lambda: MappingProxyType({}))
    gate: frozenset[str] = frozenset()
    corrections: Mapping[str, Correction] = field(default_factory=lambda: MappingProxyType({}))
    settled: frozenset[str] = frozenset()
    held: Mapping[tuple[int, Slot, LotId], int] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def registered(self) -> Registered:
        """The register event; only asked for once there is one."""
        assert self.header is not None
        return self.header

    @property
    def head(self) -> str | None:
        """The envelope hash of the newest act; None before the first."""
        return self.past[-1].envelope_hash if self.past else None

    @property
    def holder(self) -> str:
        """The party that has the load in hand while it is on the way."""
        return self.legs[-1].taker if self.legs else self.registered.generator

    def line(self, number: int) -> Line | None:
        """Return the line of a number, or None."""
        return next((line for line in self.lines if line.number == number), None)

    def with_masses(self, masses: Iterable[LineMass]) -> "Manifest":
        """Return the manifest with other masses of its lines, in their order."""
        lines = tuple(replace(line, mass=mass) for line, mass in zip(self.lines, masses, strict=True))
        return replace(self, lines=lines)

    def on_line(self, line: Line, slot: Slot) -> list[tuple[LotId, int]]:
        """Return what each lot of a line has in a slot, in the order of its lots."""
        return [(lot, self.held.get((line.number, slot, lot), 0)) for lot in line.lots]

    def site_of(self, line: Line) -> str:
        """Return the site of the facility that has a line in hand, or is to have it."""
        second = self.registered.second
        if line.mass.second is None or second is None:
            return self.registered.facility_site
        return second.site

    def facility_of(self, line: Line) -> str:
        """Return the facility that has a line in hand, or is to have it."""
        second = self.registered.second
        return self.registered.facility if line.mass.second is None or second is None else second.party

    def brings_back(self, line: Line) -> str | None:
        """Return who carries what was refused of a line; None when nothing is on its way back."""
        if not line.mass.outstanding_g:
            return None
        return self.holder if line.mass.second is None else line.mass.second.taker

    @property
    def left_g(self) -> int:
        """Accepted grams that no final method has treated."""
        return sum(line.mass.left_g for line in self.lines)

    @property
    def refused_g(self) -> int:
        """Refused grams that are not back at the generator's."""
        return sum(line.mass.outstanding_g for line in self.lines)
