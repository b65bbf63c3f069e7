"""Looking into the registers: a party's own entries, and its permits with what is left of the year."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy import select

from api.answers import Json, shown
from api.deps import Now, ReadOnly
from api.reading import Day
from api.routes.register_lists import in_force, suspended, word
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
from manifest.vocabulary import Register, local_date

router = APIRouter(tags=["registers"])
_PUBLIC = ("party", "name", "roles", "admitted")
_OF_KEYS = ("public_key", "key")  # bytes, and the database's own number of a key


@router.get("/permits")
def list_permits(
    read: ReadOnly,
    now: Now,
    year: Annotated[int | None, Query(ge=2000, le=2200)] = None,
    on: Annotated[Day | None, Query(description="only those in force on this day, as they were then")] = None,
) -> Json:
    """List the permits you may see, with the grams used and left of each code in a year (this one)."""
    day = on or local_date(now)
    wanted = year or day.year
    with read() as view:
        query = select(PERMIT).where(PERMIT.c.log == view.log, *view.own(PERMIT.c.party))
        if on is not None:
            query = query.where(PERMIT.c.valid_from <= on, PERMIT.c.valid_to >= on)
        found = view.reader.execute(query.order_by(PERMIT.c.permit)).mappings().all()
        items = [_permit(view, dict(row), wanted, day) for row in found]
    return Json({"year": wanted, "on": day, "items": items})


def _permit(view: View, row: Row, year: int, day: date) -> dict[str, Any]:
    permit = row["permit"]
    # Of one that begins later or has ended the nearest day of its time is shown.
    on = max(row["valid_from"], min(row["valid_to"], day))
    used = {
        use["code"]: use["accepted_g"]
        for use in rows(view.reader, PERMIT_USE, log=view.log, permit=permit, year=year)
    }
    lines = [
        {
            **line,
            "used_g": used.get(line["code"], 0),
            "left_g": line["mass_g_year"] - used.get(line["code"], 0),
        }
        for line in in_force(view, PERMIT_LINE, on, "permit", permit=permit)
    ]
    vehicles = [one["plate"] for one in in_force(view, PERMIT_VEHICLE, on, "permit", permit=permit)]
    return (
        shown(row)
        | {"lines": lines, "vehicles": vehicles}
        | suspended(view, Register.PERMIT, permit, on)
        | word(view, Register.PERMIT, row, permit)
    )


# A party's name may hold slashes and colons, so it takes the rest of the path.
@router.get("/organisations/{party:path}")
def show_organisation(party: str, read: ReadOnly) -> Json:
    """Show who a party is; of your own, and to authority and operator, also what is registered for it."""
    with read() as view:
        row = one(view.reader, ORGANISATION, log=view.log, party=party)
        if row is None:
            raise NotFound(Problem("manifest.party_unknown", "", {"party": party}))
        answer: dict[str, Any] = shown(row) | {"roles": row["roles"].split(",")}
        if not view.owns(party):
            return Json({name: answer[name] for name in _PUBLIC})
        for name, table, column in (
            ("sites", SITE, "party"),
            ("keys", KEY, "party"),
            ("number_blocks", NUMBER_BLOCK, "party"),
            ("approvals", APPROVAL, "carrier"),
            ("mandates_given", MANDATE, "principal"),
            ("mandates_held", MANDATE, "agent"),
        ):
            found = rows(view.reader, table, log=view.log, **{column: party})
            answer[name] = [shown(entry, *_OF_KEYS) for entry in found]
        today = local_date(view.now)
        permits = rows(view.reader, PERMIT, log=view.log, party=party)
        answer["permits"] = [_permit(view, permit, today.year, today) for permit in permits]
        answer |= word(view, Register.ORGANISATION, row, party)
    return Json(answer)
