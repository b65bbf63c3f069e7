"""Reading each register as of a day: what holds then, whose word it is, and who has confirmed it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from sqlalchemy import Table, or_, select

from api.answers import Json, shown
from api.deps import Now, ReadOnly
from api.paging import Cursor, Limit, page
from api.reading import Day
from api.scope import View
from ledger.storage.db import Row
from ledger.storage.store import one, rows
from ledger.writing.changes import Reads
from manifest import reference
from manifest.register.entering import KEPT
from manifest.register.lookups import MAP_CHANGED_ON, area_of, holds, version
from manifest.register.targets import targets
from manifest.register.views import (
    CONFIRMATION,
    ORGANISATION_VERSION,
    PLACEMENT,
    REGISTRATION_LINE,
    SUSPENSION,
    ZONE_ASSESSMENT,
    ZONE_FACT,
)
from manifest.vocabulary import Register, local_date

router = APIRouter(tags=["registers"])
On = Annotated[Day | None, Query(description="what holds on this day; today if left out")]
Map = Annotated[
    Literal["then", "today"],
    Query(alias="map", description="name each area by the map of the day, or by today's"),
]
_HIDDEN = {"log", "valid_from", "valid_to", "seq"}
_LISTS = ("codes", "areas", "communes", "methods", "states", "roles")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is wanted: as of which day, and by which map."""

    on: date
    todays_map: bool = False


Shape = Callable[[View, Row, Asked], dict[str, Any]]


def told(row: Row) -> dict[str, Any]:
    """Return a row as it is shown: no log, lists as lists, nothing that goes without saying."""
    made = shown(row)
    for name in _LISTS:
        if isinstance(made.get(name), str):
            made[name] = [part for part in made[name].split(",") if part]
    return made


def in_force(view: View, table: Table, on: date, *hidden: str, **equal: Any) -> list[dict[str, Any]]:
    """Return the further rows of an entry that hold on a day."""
    found = [row for row in rows(view.reader, table, log=view.log, **equal) if holds(row, on)]
    without = {*_HIDDEN, *hidden}
    return [{name: value for name, value in told(row).items() if name not in without} for row in found]


def _organisation(view: View, row: Row, asked: Asked) -> dict[str, Any]:
    party = row["party"]
    then = version(rows(view.reader, ORGANISATION_VERSION, log=view.log, party=party), asked.on) or row
    names = ("name", "roles", "address", "phone")
    return told({**row, **{name: then[name] for name in names}}) | suspended(
        view, Register.ORGANISATION, party, asked.on
    )


def suspended(view: View, register: Register, entry: str, on: date) -> dict[str, Any]:
    """Return whether an entry is suspended on a day."""
    found = rows(view.reader, SUSPENSION, log=view.log, kept_in=register.value, entry=entry)
    return {"suspended": any(holds(row, on) for row in found)}


def _site(view: View, row: Row, asked: Asked) -> dict[str, Any]:
    """Return a site where it lay on the day; its area by today's map is a view, and stands nowhere."""
    lay = version(rows(view.reader, PLACEMENT, log=view.log, site=row["site"]), asked.on)
    assert lay is not None, "a site lies somewhere from the beginning"
    area = area_of(lay, MAP_CHANGED_ON if asked.todays_map else asked.on)
    new_map = asked.todays_map or asked.on >= MAP_CHANGED_ON
    names = ("zone_kind", "zone", "district", "commune", "old_commune", "latitude_e6", "longitude_e6")
    place = {name: lay[name] for name in names}
    return told({**row, **place}) | {"area": area, "undetermined": new_map and lay["undetermined"]}


def _zone(view: View, row: Row, asked: Asked) -> dict[str, Any]:
    found = rows(view.reader, ZONE_ASSESSMENT, log=view.log, zone=row["zone"])
    assessed = [told(one) for one in found if one["assessed_on"] <= asked.on]
    facts = in_force(view, ZONE_FACT, asked.on, "zone", zone=row["zone"])
    return told(row) | {"facts": {fact.pop("fact"): fact for fact in facts}, "assessments": assessed}


def _registration(view: View, row: Row, _asked: Asked) -> dict[str, Any]:
    found = rows(view.reader, REGISTRATION_LINE, log=view.log, registration=row["registration"])
    lines = [{"code": line["code"], "mass_g_year": line["mass_g_year"]} for line in found]
    return told(row) | {"lines": lines}


def _plain(_view: View, row: Row, _asked: Asked) -> dict[str, Any]:
    return told(row)


@dataclass(frozen=True, slots=True)
class _Listing:
    """A route that lists a register; ``open_to_all`` when every party may see every entry."""

    path: str
    register: Register
    words: str
    shape: Shape = _plain
    open_to_all: bool = False


def _listed(view: View, listing: _Listing, asked: Asked, cursor: int | None, limit: int) -> dict[str, Any]:
    kept = KEPT[listing.register]
    table = kept.table
    query = select(table).where(table.c.log == view.log)
    if "valid_from" in table.c:
        last = table.c.valid_to
        query = query.where(table.c.valid_from <= asked.on, or_(last.is_(None), last >= asked.on))
    if listing.register is Register.PLAN:
        query = query.where(table.c.year == asked.on.year)
    if not (listing.open_to_all or view.access.sees_all):
        mine = sorted(view.parties)
        query = query.where(or_(*(table.c[name].in_(mine) for name in kept.owners)))
    found = page(view.reader, query, table.c.seq, cursor, limit)
    items = [
        listing.shape(view, row, asked) | word(view, listing.register, row, row[kept.name])
        for row in found["items"]
    ]
    return {"on": asked.on, "items": items, "next": found["next"]}


def word(view: View, register: Register, row: Row, entry: str) -> dict[str, Any]:
    """Return whose word an entry is: «tự khai», or confirmed by which authority, when, on which document."""
    seen = one(view.reader, CONFIRMATION, log=view.log, kept_in=register.value, entry=entry)
    names = ("authority", "confirmed_on", "document_sha256")
    by = {name: seen[name] for name in names} if seen is not None and row["confirmed"] else None
    return {"status": "confirmed" if row["confirmed"] else "declared", "confirmed_by": by}


def _add(listing: _Listing) -> None:
    def entries(read: ReadOnly, now: Now, on: On = None, cursor: Cursor = None, limit: Limit = 50) -> Json:
        with read() as view:
            return Json(_listed(view, listing, Asked(on or local_date(now)), cursor, limit))

    router.add_api_route(
        listing.path,
        entries,
        methods=["GET"],
        name=f"list {listing.path[1:].replace('-', ' ')}",
        description=listing.words,
    )


for _one in (
    _Listing("/organisations", Register.ORGANISATION, "List parties as they were on a day.", _organisation),
    _Listing("/zones", Register.ZONE, "List the zones that were entered, with their facts.", _zone, True),
    _Listing("/approvals", Register.APPROVAL, "List who could carry for whom on a day."),
    _Listing("/mandates", Register.MANDATE, "List who could sign for whom on a day."),
    _Listing("/plans", Register.PLAN, "List what was planned for the year of a day."),
    _Listing(
        "/registrations", Register.REGISTRATION, "List the registrations in force on a day.", _registration
    ),
    _Listing("/contracts", Register.CONTRACT, "List the contracts in force on a day."),
    _Listing(
        "/collection-points", Register.COLLECTION_POINT, "List the points open on a day.", open_to_all=True
    ),
    _Listing("/certificates", Register.CERTIFICATE, "List the certificates valid on a day."),
    _Listing("/linkages", Register.LINKAGE, "List the linkages of facilities in force on a day."),
    _Listing("/treatment-lines", Register.TREATMENT_LINE, "List what treatment lines could do on a day."),
    _Listing("/vehicles", Register.VEHICLE, "List generators' own vehicles on a day."),
):
    _add(_one)


_SITES = _Listing("/sites", Register.SITE, "", _site)


@router.get("/sites")
def list_sites(
    *,
    read: ReadOnly,
    now: Now,
    on: On = None,
    by: Map = "then",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Json:
    """List places as they lay on a day, each with its area by the map of that day or by today's."""
    with read() as view:
        asked = Asked(on or local_date(now), by == "today")
        return Json(_listed(view, _SITES, asked, cursor, limit) | {"map": by})


@router.get("/zone-targets")
def show_targets(read: ReadOnly, now: Now, on: On = None) -> Json:
    """Show targets T2 to T4 of plan 307 as of a day: which zones reach them, miss them, or are not known."""
    with read() as view:
        day = on or local_date(now)
        found = targets(Reads(view.reader, view.log), reference.default(), day)
    return Json({"on": day, "targets": [asdict(one) for one in found]})
