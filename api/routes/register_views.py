"""Looking into the registers: a party's own entries, and its permits with what is left of the year."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy import select

from api.answers import Json
from api.deps import Now, ReadOnly
from api.scope import View
from ledger.errors import NotFound, Problem
from ledger.storage.db import Row
from ledger.storage.store import KEY, one, rows
from manifest.views import (
    APPROVAL,
    MANDATE,
    NUMBER_BLOCK,
    ORGANISATION,
    PERMIT,
    PERMIT_LINE,
    PERMIT_USE,
    PERMIT_VEHICLE,
    SITE,
)
from manifest.vocabulary import local_date

router = APIRouter(tags=["registers"])
_PUBLIC = ("party", "name", "roles", "admitted")


@router.get("/permits")
def list_permits(
    read: ReadOnly, now: Now, year: Annotated[int | None, Query(ge=2000, le=2200)] = None
) -> Json:
    """List the permits you may see, with the grams used and left of each code in a year (this one)."""
    wanted = year or local_date(now).year
    with read() as view:
        query = select(PERMIT).where(PERMIT.c.log == view.log, *view.own(PERMIT.c.party))
        found = view.reader.execute(query.order_by(PERMIT.c.permit)).mappings().all()
        items = [_permit(view, dict(row), wanted) for row in found]
    return Json({"year": wanted, "items": items})


def _permit(view: View, row: Row, year: int) -> dict[str, Any]:
    permit = row["permit"]
    used = {
        use["code"]: use["accepted_g"]
        for use in rows(view.reader, PERMIT_USE, log=view.log, permit=permit, year=year)
    }
    lines = [
        {
            "code": line["code"],
            "methods": [method for method in line["methods"].split(",") if method],
            "mass_g_year": line["mass_g_year"],
            "used_g": used.get(line["code"], 0),
            "left_g": line["mass_g_year"] - used.get(line["code"], 0),
        }
        for line in rows(view.reader, PERMIT_LINE, log=view.log, permit=permit)
    ]
    vehicles = [one["plate"] for one in rows(view.reader, PERMIT_VEHICLE, log=view.log, permit=permit)]
    return _without_log(row) | {"lines": lines, "vehicles": vehicles}


# A party's name may hold slashes and colons, so it takes the rest of the path.
@router.get("/organisations/{party:path}")
def show_organisation(party: str, read: ReadOnly) -> Json:
    """Show who a party is; of your own, and to authority and operator, also what is registered for it."""
    with read() as view:
        row = one(view.reader, ORGANISATION, log=view.log, party=party)
        if row is None:
            raise NotFound(Problem("manifest.party_unknown", "", {"party": party}))
        shown: dict[str, Any] = _without_log(row) | {"roles": row["roles"].split(",")}
        if not view.owns(party):
            return Json({name: shown[name] for name in _PUBLIC})
        for name, table, column in (
            ("sites", SITE, "party"),
            ("keys", KEY, "party"),
            ("number_blocks", NUMBER_BLOCK, "party"),
            ("approvals", APPROVAL, "carrier"),
            ("mandates_given", MANDATE, "principal"),
            ("mandates_held", MANDATE, "agent"),
        ):
            found = rows(view.reader, table, log=view.log, **{column: party})
            shown[name] = [_without_log(entry) for entry in found]
        year = local_date(view.now).year
        permits = rows(view.reader, PERMIT, log=view.log, party=party)
        shown["permits"] = [_permit(view, permit, year) for permit in permits]
    return Json(shown)


def _without_log(row: Row) -> dict[str, Any]:
    hidden = {"log", "public_key", "key"}
    return {name: value for name, value in row.items() if name not in hidden}
