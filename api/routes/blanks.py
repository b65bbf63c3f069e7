"""Blanks for an outage: having them printed, fetching the file again, and the page behind a blank's code."""

from html import escape
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import select

from api.answers import Json, shown
from api.blanks import Printed, blanks_of_number, is_signed, issue_blanks, read_blanks
from api.deps import Asked, ReadOnly, TheDesk, TheHome, Writes
from api.pages import page, paragraphs
from api.routes.events import answered
from api.schemas import ReceiptOut, takes
from ledger.errors import NotFound, Problem
from ledger.storage.db import Row, reading
from ledger.storage.store import rows
from manifest import wording
from manifest.outages.events import BlanksIssued
from manifest.outages.views import BLANKS
from manifest.views import MANIFEST, NUMBER_BLOCK

router = APIRouter(tags=["outages"])
public = APIRouter(tags=["public"])
_PDF = "application/pdf"
_OF_BLOCK = (NUMBER_BLOCK.c.log == BLANKS.c.log) & (NUMBER_BLOCK.c.block == BLANKS.c.block)
_FILE: dict[int | str, dict[str, Any]] = {200: {"content": {_PDF: {}}, "description": "the file"}}


@router.post(
    "/blanks",
    status_code=201,
    response_model=ReceiptOut,
    openapi_extra=takes(BlanksIssued, filled=("sha256",), may_omit=["blanks"]),
)
async def issue(pool: Writes, desk: TheDesk, given: Asked) -> Json:
    """Set numbers of a block aside and print them on blanks, each in every copy; the file is fetched below.

    A number on a blank is registered only with its paper (`on_paper`).
    """
    printed: Printed = await pool.run(issue_blanks, desk, given)
    blanks = printed.done.event.body["blanks"]
    return answered(printed.done, {"blanks": blanks, "document": f"/api/v1/blanks/{blanks}/document"})


@router.get("/blanks")
def list_blanks(read: ReadOnly) -> Json:
    """List the blanks of your blocks, the newest first; authority and operator see all."""
    with read() as view:
        query = select(BLANKS, NUMBER_BLOCK.c.party).join(NUMBER_BLOCK, _OF_BLOCK)
        query = query.where(BLANKS.c.log == view.log, *view.own(NUMBER_BLOCK.c.party))
        found = view.reader.execute(query.order_by(BLANKS.c.seq.desc())).mappings().all()
        items = [shown(dict(row)) for row in found]
    return Json({"count": len(items), "items": items})


@router.get("/blanks/{blanks:path}/document", response_class=Response, responses=_FILE)
def document(blanks: str, read: ReadOnly, home: TheHome) -> Response:
    """Fetch the file of blanks as it was printed."""
    with read() as view:
        query = select(BLANKS.c.sha256).join(NUMBER_BLOCK, _OF_BLOCK)
        query = query.where(BLANKS.c.log == view.log, BLANKS.c.blanks == blanks)
        query = query.where(*view.own(NUMBER_BLOCK.c.party))
        digest = view.reader.execute(query).scalar()
    if digest is None:
        raise NotFound(Problem("api.blanks_unknown", "", {"blanks": blanks}))
    return Response(read_blanks(home, digest), media_type=_PDF)


@public.get(
    "/b/{number:path}",
    response_class=HTMLResponse,
    responses={404: {"description": "no blank of that number was issued"}},
)
def check(
    number: str,
    home: TheHome,
    signature: Annotated[str, Query(alias="s", max_length=200, description="as it stands on the paper")] = "",
) -> HTMLResponse:
    """Tell whether a blank of this number was issued, whether the system signed it, and what became of it.

    No names: whoever holds the paper sees number and state.
    """
    log = home.ledger.log
    with reading(home.engine) as reader:
        row = blanks_of_number(reader, log, number)
        used = rows(reader, MANIFEST, log=log, number=number) if row else []
        good = bool(signature) and is_signed(reader, log, home.settings.origin, number, signature)
    if row is None:
        return page(wording.text("blank_unknown", {"number": number}, "vi"), "", 404)
    seal = "blank_signed" if good else "blank_signature_wrong" if signature else "blank_unsigned"
    said = [wording.text("blank_issued", {"seq": row["seq"]}, "vi"), wording.text(seal, {}, "vi")]
    title = wording.text("blank_title", {"number": number}, "vi")
    return page(title, paragraphs(*said) + _state(used))


def _state(used: list[Row]) -> str:
    if not used:
        return paragraphs(wording.text("blank_unused", {}, "vi"))
    said = wording.text("blank_used", {"status": used[0]["status"]}, "vi")
    return f'<p><a href="/v/{escape(used[0]["manifest"])}">{escape(said)}</a></p>'
