"""Treated against generated, for those who oversee."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.answers import Json
from api.deps import Overseer, TheHome
from api.reading import Day
from ledger.storage.db import reading
from manifest import reference

router = APIRouter(tags=["reconciliation"])


@router.get("/ratio")
def show_ratio(
    *,
    _access: Overseer,
    home: TheHome,
    start: Annotated[Day | None, Query(alias="from")] = None,
    end: Annotated[Day | None, Query(alias="to")] = None,
    by: Annotated[
        str, Query(max_length=200, description="dimensions, separated by commas")
    ] = "zone_kind,quarter",
    as_of: Day | None = None,
    at_size: Annotated[int | None, Query(ge=1, le=2**53)] = None,
) -> Json:
    """Set treated against generated, in grams, by dimensions; of the as-of year if no period is named."""
    from manifest.reconcile.ratio import ratio  # noqa: PLC0415  heavy, and asked for seldom

    with reading(home.engine) as reader:
        table = ratio(
            reader,
            home.ledger.log,
            start=start,
            end=end,
            by=tuple(name.replace("-", "_") for name in by.split(",") if name),
            as_of=as_of,
            at_size=at_size,
            reference=reference.default(),
        )
    return Json(table.as_json())
