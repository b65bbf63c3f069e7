"""Treated against generated, for those who oversee."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query

from api.answers import Json
from api.deps import Now, Overseer, TheHome
from ledger.db import reading
from manifest import reference
from manifest.vocabulary import local_date

router = APIRouter(tags=["reconciliation"])


@router.get("/ratio")
def show_ratio(
    *,
    _access: Overseer,
    home: TheHome,
    now: Now,
    start: Annotated[date | None, Query(alias="from")] = None,
    end: Annotated[date | None, Query(alias="to")] = None,
    by: Annotated[
        str, Query(max_length=200, description="dimensions, separated by commas")
    ] = "zone_kind,quarter",
    as_of: date | None = None,
    at_size: Annotated[int | None, Query(ge=1, le=2**53)] = None,
) -> Json:
    """Set treated against generated, in grams, by the dimensions asked for; of this year if none is named."""
    from manifest.reconcile.ratio import ratio  # noqa: PLC0415  heavy, and asked for seldom

    today = local_date(now)
    with reading(home.engine) as reader:
        table = ratio(
            reader,
            home.ledger.log,
            start=start or date(today.year, 1, 1),
            end=end or today,
            by=tuple(name.replace("-", "_") for name in by.split(",") if name),
            as_of=as_of,
            at_size=at_size,
            reference=reference.default(),
        )
    return Json(table.as_json())
