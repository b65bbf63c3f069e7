"""Batches: what a facility poured together, what came out, and which lots still wait for its end."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy import func, select

from api.acting import act_on
from api.answers import Json, shown
from api.deps import Asked, ReadOnly, TheDesk, Writes
from api.paging import Cursor, Limit, page
from api.reading import Given
from api.routes.events import answered
from api.schemas import ReceiptOut, takes
from api.scope import View
from ledger.errors import NotFound, Problem
from ledger.ids import uuid7
from ledger.storage.store import rows
from manifest.lots import events as e
from manifest.lots.views import BATCH, BATCH_INPUT, LOT_SHARE, LOT_SOURCE
from manifest.views import LOT

router = APIRouter(prefix="/batches", tags=["batches"])


@router.post(
    "/{batch}/charges",
    status_code=201,
    response_model=ReceiptOut,
    openapi_extra=takes(e.BatchCharged, filled=("batch",)),
)
async def charge(batch: str, pool: Writes, desk: TheDesk, given: Asked) -> Json:
    """Put lots of your own store into a batch; parts of manifests go in as they are treated."""
    return answered(await pool.run(act_on, desk, e.BatchCharged.kind, given, stream=batch, batch=batch))


@router.post(
    "/{batch}/discharge",
    status_code=201,
    response_model=ReceiptOut,
    openapi_extra=takes(e.BatchDischarged, filled=("batch",)),
)
async def discharge(batch: str, pool: Writes, desk: TheDesk, given: Asked) -> Json:
    """Say what came out of a batch: child lots and residues. Nothing goes in after it.

    The `lot` of an output or residue is made when it is left out; the receipt's body has it.
    """
    filled = replace(given, fields={**given.fields, **_named(given, desk.home.clock())})
    return answered(await pool.run(act_on, desk, e.BatchDischarged.kind, filled, stream=batch, batch=batch))


def _named(given: Given, at: datetime) -> dict[str, Any]:
    """Return what came out with a name for each lot that has none; what is no list is left to the rules."""
    lists = {name: given.fields.get(name) for name in ("outputs", "residues")}
    return {
        name: [{"lot": uuid7(at), **one} if isinstance(one, dict) else one for one in made]
        for name, made in lists.items()
        if isinstance(made, list)
    }


@router.get("")
def list_batches(
    read: ReadOnly,
    cursor: Cursor = None,
    limit: Limit = 50,
    site: Annotated[str | None, Query(max_length=100)] = None,
) -> Json:
    """List the batches you may see, in the order in which they last changed, newest first."""
    with read() as view:
        query = select(BATCH).where(BATCH.c.log == view.log, *view.own(BATCH.c.party))
        if site is not None:
            query = query.where(BATCH.c.site == site)
        found = page(view.reader, query, BATCH.c.seq, cursor, limit)
    return Json(found | {"items": [shown(row) for row in found["items"]]})


@router.get("/{batch}")
def show_batch(batch: str, read: ReadOnly) -> Json:
    """Show a batch: what went in, what came out, and the lots that it still stands for."""
    with read() as view:
        query = select(BATCH).where(BATCH.c.log == view.log, BATCH.c.batch == batch, *view.own(BATCH.c.party))
        row = view.reader.execute(query).mappings().first()
        if row is None:
            raise NotFound(Problem("manifest.batch_unknown", "", {"batch": batch}))
        sources = rows(view.reader, LOT_SOURCE, log=view.log, source=batch)
        names = [one["lot"] for one in sources]
        made = select(LOT.c.lot, LOT.c.lot_kind, LOT.c.code, LOT.c.declared_g).where(
            LOT.c.log == view.log, LOT.c.lot.in_(names)
        )
        inputs = rows(view.reader, BATCH_INPUT, log=view.log, batch=batch)
        answer = shown(dict(row)) | {
            "inputs": [shown(one, "batch") for one in inputs],
            "outputs": [dict(one) for one in view.reader.execute(made.order_by(LOT.c.lot)).mappings()],
            "shares": shares(view, of=batch),
        }
    return Json(answer)


def shares(view: View, *, of: str | None = None, manifest: str | None = None) -> list[dict[str, Any]]:
    """Return what a batch or child lot stands for, or what became of a manifest's shares; grams by place."""
    columns = (
        LOT_SHARE.c.manifest,
        LOT_SHARE.c.line,
        LOT_SHARE.c.lot,
        LOT_SHARE.c.account,
        LOT_SHARE.c.place,
    )
    query = (
        select(*columns, func.sum(LOT_SHARE.c.grams).label("grams"))
        .where(LOT_SHARE.c.log == view.log, LOT_SHARE.c.grams > 0)
        .group_by(*columns)
        .order_by(*columns)
    )
    if of is not None:
        query = query.where(LOT_SHARE.c.of == of)
    if manifest is not None:
        query = query.where(LOT_SHARE.c.manifest == manifest)
    return [dict(row) | {"grams": int(row["grams"])} for row in view.reader.execute(query).mappings()]
