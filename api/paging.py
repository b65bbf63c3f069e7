"""Pages by a cursor: the position of the entry that wrote a row last, so that no page depends on counting."""

from typing import Annotated, Any

from fastapi import Query
from sqlalchemy import ColumnElement, Select

from ledger.storage.db import Reader

MAX_LIMIT = 200
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="at most so many")]
Cursor = Annotated[
    int | None, Query(ge=0, le=2**53, description="`next` of the page before; the first page has none")
]


def page(
    reader: Reader,
    query: Select[Any],
    seq: ColumnElement[int],
    cursor: int | None,
    limit: int,
    *,
    oldest_first: bool = False,
) -> dict[str, Any]:
    """Return a page of rows in the order of ``seq``, and where the next one begins.

    Rows of one entry stand on one page, even if that makes it longer.
    """
    if cursor is not None:
        query = query.where(seq > cursor if oldest_first else seq < cursor)
    some = query.order_by(seq if oldest_first else seq.desc()).limit(limit + 1)
    found = [dict(row) for row in reader.execute(some).mappings()]
    more = len(found) > limit
    items = found[:limit]
    if more and found[limit]["seq"] == items[-1]["seq"]:
        last = items[-1]["seq"]
        whole = reader.execute(query.where(seq == last)).mappings()
        items = [row for row in items if row["seq"] != last] + [dict(row) for row in whole]
    return {"items": items, "next": items[-1]["seq"] if more else None}
