"""What a registration may name: who may take a waste on a day, where, and who may carry it there.

Permits and approvals are shown here as far as somebody needs them to choose: no masses, nothing of what was
used. Whoever generates waste finds here what its first manifest has to say.
"""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy import Select, Table, or_, select

from api.answers import Json
from api.deps import Now, ReadOnly
from api.reading import Day
from api.routes.register_lists import suspended
from api.scope import View
from ledger.storage.db import Row
from ledger.storage.store import rows
from manifest.reference import normalise_code
from manifest.views import APPROVAL, ORGANISATION, PERMIT, PERMIT_LINE, SITE
from manifest.vocabulary import PermitKind, Register, local_date

router = APIRouter(tags=["registers"])


@router.get("/facilities")
def list_facilities(
    read: ReadOnly,
    now: Now,
    code: Annotated[str, Query(max_length=12, description="the waste, with or without separators")],
    on: Annotated[Day | None, Query(description="today if left out")] = None,
) -> Json:
    """List who may treat a waste on a day: its permit, sites and methods, and who may carry to it.

    A facility whose permit allows treatment may always carry; the generator may in vehicles of its own.
    """
    day = on or local_date(now)
    wanted = normalise_code(code)
    with read() as view:
        found = [row for row in _permits(view, PermitKind.TREATMENT, wanted, day) if _acts(view, row, day)]
        carrying = {row["party"]: row for row in _permits(view, PermitKind.CARRIAGE, wanted, day)}
        items = [_facility(view, row, carrying, day) for row in found]
    return Json({"on": day, "code": wanted, "count": len(items), "items": items})


def _in_force(query: Select[Any], table: Table, on: date) -> Select[Any]:
    last = table.c.valid_to
    return query.where(table.c.valid_from <= on, or_(last.is_(None), last >= on))


def _permits(view: View, kind: PermitKind, code: str, on: date) -> Sequence[Row]:
    """Return the permits of a kind with a line for the code, both in force on the day."""
    query = (
        select(PERMIT.c.permit, PERMIT.c.party, PERMIT.c.number, PERMIT.c.valid_to, PERMIT_LINE.c.methods)
        .join(PERMIT_LINE, (PERMIT_LINE.c.log == PERMIT.c.log) & (PERMIT_LINE.c.permit == PERMIT.c.permit))
        .where(PERMIT.c.log == view.log, PERMIT.c.permit_kind == kind.value, PERMIT_LINE.c.code == code)
        .order_by(PERMIT.c.permit)
    )
    asked = _in_force(_in_force(query, PERMIT, on), PERMIT_LINE, on)
    return [dict(row) for row in view.reader.execute(asked).mappings()]


def _acts(view: View, row: Row, on: date) -> bool:
    """Tell whether neither the permit nor its holder is suspended."""
    entries = ((Register.PERMIT, row["permit"]), (Register.ORGANISATION, row["party"]))
    return not any(suspended(view, register, entry, on)["suspended"] for register, entry in entries)


def _facility(view: View, permit: Row, carrying: dict[str, Row], on: date) -> dict[str, Any]:
    party = permit["party"]
    approvals = _in_force(
        select(APPROVAL).where(APPROVAL.c.log == view.log, APPROVAL.c.facility == party), APPROVAL, on
    )
    carriers = [
        {
            "party": row["carrier"],
            "name": _name(view, row["carrier"]),
            "permit": carrying[row["carrier"]]["permit"],
            "approval": row["approval"],
        }
        for row in view.reader.execute(approvals.order_by(APPROVAL.c.approval)).mappings()
        if row["carrier"] in carrying and _acts(view, carrying[row["carrier"]], on)
    ]
    sites = rows(view.reader, SITE, log=view.log, party=party)
    return {
        "facility": party,
        "name": _name(view, party),
        "permit": permit["permit"],
        "number": permit["number"],
        "valid_to": permit["valid_to"],
        "methods": [part for part in permit["methods"].split(",") if part],
        "sites": [
            {"facility_site": one["site"], "site_kind": one["site_kind"], "address": one["address"]}
            for one in sites
        ],
        "carriers": [{"party": party, "name": _name(view, party), "permit": permit["permit"]}, *carriers],
    }


def _name(view: View, party: str) -> str:
    return str(rows(view.reader, ORGANISATION, log=view.log, party=party)[0]["name"])
