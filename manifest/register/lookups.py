"""What rules ask of the registers as of a day: who may sign, where a site lies, what may carry and treat.

Every function answers from rows alone, so it gives the same in a judgement, in a replay and years later.
Which papers are in force is `papers`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from ledger.errors import Problem
from ledger.storage.db import Row
from ledger.writing.changes import Reads
from manifest.register.views import (
    COLLECTION_POINT,
    ORGANISATION_VERSION,
    PLACEMENT,
    SUSPENSION,
    TREATMENT_LINE,
    VEHICLE,
)
from manifest.views import MANDATE, ORGANISATION, SITE
from manifest.vocabulary import Register, ZoneKind

# Nghị quyết 1656/NQ-UBTVQH15: 30 districts to the day before, 126 communes and wards from this day on.
MAP_CHANGED_ON = date(2025, 7, 1)
DISTRICTS_UNTIL = date(2025, 6, 30)


def holds(row: Mapping[str, Any], on: date) -> bool:
    """Tell whether a row with ``valid_from`` and ``valid_to`` (None: until further notice) holds on a day."""
    last = row["valid_to"]
    return bool(row["valid_from"] <= on and (last is None or on <= last))


def version(rows: Iterable[Row], on: date) -> Row | None:
    """Return the one of a thing's versions that holds on a day, or None."""
    return next((row for row in rows if holds(row, on)), None)


def suspended(reads: Reads, register: Register, entry: str, on: date) -> bool:
    """Tell whether an entry is suspended on a day."""
    return any(holds(row, on) for row in reads.rows(SUSPENSION, kept_in=register.value, entry=entry))


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A party as it was on a day: whether it was admitted, and whether that was suspended."""

    party: str
    name: str
    roles: tuple[str, ...]
    address: str
    phone: str | None
    admitted: bool
    suspended: bool
    confirmed: bool


def organisation(reads: Reads, party: str, on: date) -> Party | None:
    """Return a party as it was on a day, or None when there is none by that name."""
    row = reads.one(ORGANISATION, party=party)
    if row is None:
        return None
    stopped, told = False, row
    if row["dated"]:
        told = version(reads.rows(ORGANISATION_VERSION, party=party), on) or row
        stopped = suspended(reads, Register.ORGANISATION, party, on)
    return Party(
        party=party,
        name=told["name"],
        roles=tuple(told["roles"].split(",")),
        address=told["address"],
        phone=told["phone"],
        admitted=row["admitted"],
        suspended=stopped,
        confirmed=row["confirmed"],
    )


def standing(reads: Reads, named: Mapping[str, str], on: date) -> Iterator[Problem]:
    """Yield a problem for each party, by path, that is named for something new while it is suspended."""
    for path, party in named.items():
        known = organisation(reads, party, on)
        if known is not None and known.suspended:
            yield Problem("manifest.party_suspended", path, {"party": party})


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a site lay on a day.

    ``area`` is the unit by the map valid that day, None where it is not known; ``undetermined`` when it is
    not because the old commune was split and the site was not measured («chưa xác định»).
    """

    site: str
    party: str
    zone_kind: ZoneKind
    zone: str | None
    area: str | None
    undetermined: bool


def placement(reads: Reads, site: str, on: date) -> Placement | None:
    """Return where a site lay on a day, or None when there is no such site.

    Decision C21: waste counts where the site was when it arose, and a workshop that moved into a cluster
    counts there from the day of its move.
    """
    row = reads.one(SITE, site=site)
    if row is None:
        return None
    lay = version(reads.rows(PLACEMENT, site=site), on)
    assert lay is not None, "a site lies somewhere from the beginning"
    area = area_of(lay, on)
    return Placement(
        site=site,
        party=row["party"],
        zone_kind=ZoneKind(lay["zone_kind"]),
        zone=lay["zone"],
        area=area,
        undetermined=area is None and lay["undetermined"] and on >= MAP_CHANGED_ON,
    )


def area_of(place: Mapping[str, Any], on: date) -> str | None:
    """Return the unit of a placement's row by the map valid on a day; None where it is not known."""
    found: str | None = place["commune"] if on >= MAP_CHANGED_ON else place["district"]
    return found


def mandated(
    reads: Reads, principal: str, agent: str, role: str, on: date, *, manifest: str | None = None
) -> bool:
    """Tell whether an agent may sign for a principal in a role on a day.

    A mandate for a single consignment counts for ``manifest`` alone, a standing one for every act.
    """
    return any(
        row["role"] == role and not row["revoked"] and holds(row, on) and row["manifest"] in {None, manifest}
        for row in reads.rows(MANDATE, principal=principal, agent=agent)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionPoint:
    """A point where small producers bring their waste; ``is_generator`` by a decision alone."""

    point: str
    site: str
    zone: str | None
    operator: str | None
    is_generator: bool
    valid_from: date
    valid_to: date | None
    confirmed: bool

    def open_on(self, on: date) -> bool:
        """Tell whether the point is open on a day."""
        return self.valid_from <= on and (self.valid_to is None or on <= self.valid_to)


def collection_point(reads: Reads, point: str) -> CollectionPoint | None:
    """Return a collection point, or None; ask it whether it is open on a day."""
    row = reads.one(COLLECTION_POINT, point=point)
    if row is None:
        return None
    names = ("point", "site", "zone", "operator", "valid_from", "valid_to", "confirmed")
    return CollectionPoint(
        is_generator=row["generator_decision"] is not None, **{name: row[name] for name in names}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Vehicle:
    """A vehicle that a generator owns; ``payload_g`` is None where it was not stated."""

    plate: str
    gps_account: str | None
    payload_g: int | None
    confirmed: bool


def vehicles_of(reads: Reads, party: str, on: date) -> dict[str, Vehicle]:
    """Return a generator's own vehicles on a day, by plate (NĐ 08/2022 Điều 69(3))."""
    names = ("plate", "gps_account", "payload_g", "confirmed")
    return {
        row["plate"]: Vehicle(**{name: row[name] for name in names})
        for row in reads.rows(VEHICLE, party=party)
        if holds(row, on)
    }


def line_capacity(reads: Reads, site: str, methods: Iterable[str], on: date) -> int | None:
    """Return the grams a day that a site's lines treat by these methods; None where no line is registered.

    A chain of methods runs at the pace of its slowest; lines with the same method add up.
    """
    lines = [row for row in reads.rows(TREATMENT_LINE, site=site) if holds(row, on)]
    if not lines:
        return None
    able = {
        method: sum(row["mass_g_day"] for row in lines if method in row["methods"].split(","))
        for method in methods
    }
    return min(able.values(), default=0)
