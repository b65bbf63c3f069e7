"""Corrections and obligations: what waits, what was put right, what was refused and is still owed."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy import ColumnElement, Table, select

from api.answers import Json, shown
from api.deps import ReadOnly
from api.scope import View
from ledger.storage.db import Row
from manifest.correcting.fields import FIELDS
from manifest.correcting.views import CORRECTION, CORRECTION_REQUEST
from manifest.obligation_views import OBLIGATION, OBLIGATION_LOT
from manifest.vocabulary import CorrectionState, ObligationState, RequestState

router = APIRouter(tags=["corrections"])
Most = Annotated[int, Query(ge=1, le=1000)]


@router.get("/correctable-fields")
def list_fields() -> Json:
    """List what may be corrected: the class of each field, who has to agree, until when, what follows."""
    items = [
        {
            "field": field,
            "consent": ruling.consent,
            "whose": list(ruling.whose),
            "where": ruling.where,
            "value": list(ruling.value),
            "status": sorted(ruling.status),
            "again": ruling.again,
            "instead": ruling.instead,
            "source": ruling.source,
        }
        for field, ruling in FIELDS.items()
    ]
    return Json({"items": items})


@router.get("/corrections")
def list_corrections(
    read: ReadOnly, state: CorrectionState | None = CorrectionState.PROPOSED, limit: Most = 200
) -> Json:
    """List the corrections of your manifests, those that wait unless asked otherwise, the newest first."""
    with read() as view:
        found = _list(view, CORRECTION, CORRECTION.c.state, state, limit)
        items = [_correction(view, row) for row in found]
    return Json({"items": items})


@router.get("/correction-requests")
def list_requests(read: ReadOnly, state: RequestState | None = RequestState.OPEN, limit: Most = 200) -> Json:
    """List what authorities want corrected in your manifests, unanswered unless asked otherwise."""
    with read() as view:
        found = _list(view, CORRECTION_REQUEST, CORRECTION_REQUEST.c.state, state, limit)
    return Json({"items": [shown(row) for row in found]})


@router.get("/obligations")
def list_obligations(read: ReadOnly, state: ObligationState | None = None, limit: Most = 200) -> Json:
    """List refused waste that is still owed, or that of one state, the newest first."""
    with read() as view:
        found = _list(view, OBLIGATION, OBLIGATION.c.state, state, limit, open_=state is None)
        items = _obligations(view, found)
    return Json({"items": items})


@router.get("/manifests/{manifest}/corrections")
def show_corrections(manifest: str, read: ReadOnly) -> Json:
    """Show every correction of a manifest with its difference, and what an authority wants corrected."""
    with read() as view:
        view.manifest(manifest)
        items = [_correction(view, row) for row in _of(view, CORRECTION, manifest)]
        requests = [shown(row) for row in _of(view, CORRECTION_REQUEST, manifest)]
    return Json({"items": items, "requests": requests})


@router.get("/manifests/{manifest}/obligations")
def show_obligations(manifest: str, read: ReadOnly) -> Json:
    """Show what was refused of a manifest, where it is, and what of it is still owed."""
    with read() as view:
        view.manifest(manifest)
        items = _obligations(view, _of(view, OBLIGATION, manifest))
    return Json({"items": items})


def _of(view: View, table: Table, manifest: str) -> list[Row]:
    query = select(table).where(table.c.log == view.log, table.c.manifest == manifest)
    return [dict(row) for row in view.reader.execute(query.order_by(table.c.seq)).mappings()]


def _list(
    view: View,
    table: Table,
    column: ColumnElement[str],
    state: str | None,
    limit: int,
    *,
    open_: bool = False,
) -> list[Row]:
    where = [table.c.log == view.log]
    if state is not None:
        where.append(column == state)
    elif open_:
        where.append(column.in_([ObligationState.REFUSED.value, ObligationState.RETURNED.value]))
    query = (
        select(table)
        .where(*where, *view.taking_part(table.c.manifest))
        .order_by(view.order(table.c.seq).desc())
        .limit(limit)
    )
    return [dict(row) for row in view.reader.execute(query).mappings()]


def _correction(view: View, row: Row) -> dict[str, Any]:
    """Return a correction as it is shown; ``yours`` tells that it waits for whoever asks."""
    waiting = [party for party in row["waiting"].split(",") if party]
    return shown(row) | {
        "before": json.loads(row["before"]),
        "after": json.loads(row["after"]),
        "waiting": waiting,
        "voices": row["voices"].split(","),
        "yours": not view.parties.isdisjoint(waiting),
    }


def _obligations(view: View, found: list[Row]) -> list[dict[str, Any]]:
    """Return obligations as they are shown, each with what of it is left in which lot."""
    lots = OBLIGATION_LOT.c
    query = select(lots.obligation, lots.lot, lots.grams).where(
        lots.log == view.log, lots.obligation.in_([row["obligation"] for row in found]), lots.grams > 0
    )
    left: dict[str, list[dict[str, Any]]] = {}
    for one in view.reader.execute(query.order_by(lots.obligation, lots.lot)):
        left.setdefault(one.obligation, []).append({"lot": one.lot, "grams": one.grams})
    return [shown(row) | {"lots": left.get(row["obligation"], [])} for row in found]
