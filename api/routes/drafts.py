"""Drafts and templates: two parties write a manifest together, rehearse it, agree, and register it.

Nothing here stands in the ledger. Either side drafts; the facility agrees to a version; the generator's
signature registers exactly that version.
"""

from fastapi import APIRouter, Request, Response

from api.answers import Json
from api.deps import Asked, ReadOnly, TheDesk, Writes
from api.drafting import store, working
from api.drafting.store import DRAFT_KIND, TEMPLATE_KIND
from api.errors import shown
from api.routes.events import answered
from api.schemas import ReceiptOut, takes_object

router = APIRouter(tags=["drafts"])
_OBJECT = {"type": "object", "description": "fields of a registration, any of them missing"}
_VERSION = {"type": "integer", "description": "the version that you have read"}


@router.post(
    "/drafts",
    status_code=201,
    openapi_extra=takes_object(
        {
            "name": {"type": "string"},
            "body": _OBJECT,
            "repeat": {"type": "string", "description": "a manifest's id, or `last`"},
            "template": {"type": "string", "description": "a template's id, its `template`"},
        }
    ),
)
async def create(pool: Writes, desk: TheDesk, given: Asked) -> Json:
    """Begin a draft: empty, from a template, or like an earlier manifest with the oldest lots proposed."""
    made = await pool.run(working.create, desk, given, DRAFT_KIND)
    return Json(made.as_json(), status_code=201, headers={"Location": f"/api/v1/drafts/{made.id}"})


@router.post(
    "/templates",
    status_code=201,
    openapi_extra=takes_object({"name": {"type": "string"}, "body": _OBJECT}, ["name"]),
)
async def create_template(pool: Writes, desk: TheDesk, given: Asked) -> Json:
    """Keep fields of a registration under a name, for you alone, to begin drafts from."""
    made = await pool.run(working.create, desk, given, TEMPLATE_KIND)
    return Json(made.as_json(), status_code=201, headers={"Location": f"/api/v1/drafts/{made.id}"})


@router.get("/drafts")
def list_drafts(read: ReadOnly) -> Json:
    """List the open drafts that you wrote or that name you as generator or facility, the newest first."""
    return _listed(read, DRAFT_KIND)


@router.get("/templates")
def list_templates(read: ReadOnly) -> Json:
    """List your templates."""
    return _listed(read, TEMPLATE_KIND)


def _listed(read: ReadOnly, kind: str) -> Json:
    with read() as view:
        found = store.listed(view.reader, view.log, kind, view.parties)
    return Json({"count": len(found), "items": [one.as_json() for one in found]})


@router.get("/drafts/{draft}")
def show(draft: str, read: ReadOnly) -> Json:
    """Show a draft or template."""
    with read() as view:
        return Json(store.find(view.reader, view.log, draft, view.parties).as_json())


@router.put(
    "/drafts/{draft}",
    openapi_extra=takes_object({"version": _VERSION, "body": _OBJECT}, ["version", "body"]),
)
async def change(draft: str, pool: Writes, desk: TheDesk, given: Asked) -> Json:
    """Write the fields anew; an agreement to what stood there before falls."""
    return Json((await pool.run(working.change, desk, draft, given)).as_json())


@router.post("/drafts/{draft}/agreement", openapi_extra=takes_object({"version": _VERSION}, ["version"]))
async def agree(draft: str, pool: Writes, desk: TheDesk, given: Asked) -> Json:
    """Agree, as the facility, to a version: the generator may register it."""
    return Json((await pool.run(working.agree, desk, draft, given)).as_json())


@router.post("/drafts/{draft}/rehearsal", openapi_extra=takes_object({}))
async def rehearse(draft: str, request: Request, pool: Writes, desk: TheDesk, given: Asked) -> Json:
    """Judge the draft as if it were registered now: every problem with its path, and nothing is written."""
    problems = await pool.run(working.rehearse, desk, draft, given)
    return Json({"ok": not problems, "problems": shown(request, problems)})


@router.post(
    "/drafts/{draft}/registration",
    status_code=201,
    response_model=ReceiptOut,
    openapi_extra=takes_object({"version": _VERSION}, ["version"]),
)
async def register(draft: str, pool: Writes, desk: TheDesk, given: Asked) -> Json:
    """Register, as the generator, the version that the facility agreed to; its number is given now."""
    done = await pool.run(working.register, desk, draft, given)
    return answered(done, {"manifest": done.event.stream})


@router.delete("/drafts/{draft}", status_code=204)
async def discard(draft: str, pool: Writes, desk: TheDesk) -> Response:
    """Throw away a draft or template of yours; nothing of it stays."""
    await pool.run(working.discard, desk, draft)
    return Response(status_code=204)
