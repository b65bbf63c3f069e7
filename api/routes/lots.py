"""Lots: waste declared, adjusted, declassified, treated at its own site; and what is left of each."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy import func, select

from api import acting
from api.acting import Done, act, act_on, in_request
from api.answers import Json, shown
from api.deps import Asked, ReadOnly, TheDesk, Writes
from api.desk import Desk
from api.paging import Cursor, Limit, page
from api.reading import Given
from api.routes.batches import shares
from api.routes.events import answered
from api.schemas import ReceiptOut, takes
from api.scope import View
from ledger.errors import Malformed, NotFound, Problem
from ledger.ids import uuid7
from ledger.storage.store import rows
from manifest import events as e
from manifest.lots import events as lots
from manifest.lots.views import LOT_SOURCE
from manifest.views import BALANCE, LOT

router = APIRouter(prefix="/lots", tags=["lots"])


def _declaration() -> dict[str, Any]:
    made = takes(e.GenerationDeclared, may_omit=("lot",))
    properties = made["requestBody"]["content"]["application/json"]["schema"]["properties"]
    properties["opening"] = {"type": "boolean", "description": "stock that was there before the ledger began"}
    return made


@router.post("", status_code=201, response_model=ReceiptOut, openapi_extra=_declaration())
async def declare(pool: Writes, desk: TheDesk, given: Asked) -> Json:
    """Declare a lot: waste that came to be at a site of yours. Its id is made when it is left out."""
    done = await pool.run(_declare, desk, given)
    return answered(done, {"lot": done.event.stream})


def _declare(desk: Desk, given: Given) -> Done:
    fields = dict(given.fields)
    opening = fields.pop("opening", False)
    if not isinstance(opening, bool):
        raise Malformed(Problem("manifest.field_invalid", "/opening"))
    event = e.OpeningDeclared if opening else e.GenerationDeclared
    return _new_lot(desk, event.kind, replace(given, fields=fields))


def _new_lot(desk: Desk, kind: str, given: Given) -> Done:
    """Record what makes a lot; its id is made here when it is left out."""
    with in_request():
        if (done := acting.repeated(desk, kind, given, given.fields.get("lot"))) is not None:
            return done
        named = {"lot": uuid7(desk.home.clock()), **given.fields}
        return act(desk, kind, replace(given, fields=named))


@router.post(
    "/residues",
    status_code=201,
    response_model=ReceiptOut,
    openapi_extra=takes(lots.ResidueDeclared, may_omit=("lot",)),
)
async def declare_residue(pool: Writes, desk: TheDesk, given: Asked) -> Json:
    """Declare what treatment left at your facility, with the batch or the manifests it comes from."""
    done = await pool.run(_new_lot, desk, lots.ResidueDeclared.kind, given)
    return answered(done, {"lot": done.event.stream})


@router.post(
    "/{lot}/adjustments",
    status_code=201,
    response_model=ReceiptOut,
    openapi_extra=takes(e.GenerationAdjusted, filled=("lot",)),
)
async def adjust(lot: str, pool: Writes, desk: TheDesk, given: Asked) -> Json:
    """Say that a lot turns out larger or smaller while it is still stored."""
    return answered(await pool.run(act_on, desk, e.GenerationAdjusted.kind, given, stream=lot, lot=lot))


@router.post(
    "/{lot}/self-treatments",
    status_code=201,
    response_model=ReceiptOut,
    openapi_extra=takes(e.SelfTreated, filled=("lot",)),
)
async def treat(lot: str, pool: Writes, desk: TheDesk, given: Asked) -> Json:
    """Record that part of a lot was treated on your own site."""
    return answered(await pool.run(act_on, desk, e.SelfTreated.kind, given, stream=lot, lot=lot))


@router.post(
    "/{lot}/declassifications",
    status_code=201,
    response_model=ReceiptOut,
    openapi_extra=takes(lots.Declassified, filled=("lot",)),
)
async def declassify(lot: str, pool: Writes, desk: TheDesk, given: Asked) -> Json:
    """Say that part of a lot is ordinary waste by a test certificate: no manifest, another record."""
    return answered(await pool.run(act_on, desk, lots.Declassified.kind, given, stream=lot, lot=lot))


@router.post(
    "/{lot}/treatments",
    status_code=201,
    response_model=ReceiptOut,
    openapi_extra=takes(lots.LotTreated, filled=("lot",)),
)
async def treat_own(lot: str, pool: Writes, desk: TheDesk, given: Asked) -> Json:
    """Record that your facility treated part of a lot of its own: from a batch, a residue, old stock."""
    return answered(await pool.run(act_on, desk, lots.LotTreated.kind, given, stream=lot, lot=lot))


@router.get("")
def list_lots(
    read: ReadOnly,
    cursor: Cursor = None,
    limit: Limit = 50,
    site: Annotated[str | None, Query(max_length=100)] = None,
    code: Annotated[str | None, Query(max_length=12)] = None,
) -> Json:
    """List the lots you may see, the newest entry first, with where the grams of each are."""
    with read() as view:
        query = select(LOT).where(LOT.c.log == view.log, *view.own(LOT.c.party))
        for column, value in ((LOT.c.site, site), (LOT.c.code, code)):
            if value is not None:
                query = query.where(column == value)
        found = page(view.reader, query, LOT.c.seq, cursor, limit)
        places = _places(view, [row["lot"] for row in found["items"]])
    items = [shown(row) | {"balances": places.get(row["lot"], [])} for row in found["items"]]
    return Json(found | {"items": items})


@router.get("/{lot}")
def show_lot(lot: str, read: ReadOnly) -> Json:
    """Show a lot of yours: where its grams are, what it came from, what it stands for."""
    with read() as view:
        query = select(LOT).where(LOT.c.log == view.log, LOT.c.lot == lot, *view.own(LOT.c.party))
        row = view.reader.execute(query).mappings().first()
        if row is None:
            raise NotFound(Problem("manifest.lot_unknown", "", {"lot": lot}))
        sources = rows(view.reader, LOT_SOURCE, log=view.log, lot=lot)
        answer = shown(dict(row)) | {
            "balances": _places(view, [lot]).get(lot, []),
            "sources": [{name: one[name] for name in ("source_kind", "source")} for one in sources],
            "stands_for": shares(view, of=lot),
        }
    return Json(answer)


def _places(view: View, lots: list[str]) -> dict[str, list[dict[str, Any]]]:
    query = (
        select(BALANCE.c.lot, BALANCE.c.account, BALANCE.c.place, func.sum(BALANCE.c.grams).label("grams"))
        .where(BALANCE.c.log == view.log, BALANCE.c.lot.in_(lots), BALANCE.c.grams != 0)
        .group_by(BALANCE.c.lot, BALANCE.c.account, BALANCE.c.place)
        .order_by(BALANCE.c.lot, BALANCE.c.account, BALANCE.c.place)
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for row in view.reader.execute(query):
        found.setdefault(row.lot, []).append(
            {"account": row.account, "place": row.place, "grams": int(row.grams)}
        )
    return found
