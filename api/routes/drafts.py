"""Drafts and templates: two parties write a manifest together, rehearse it, agree, and register it.

Nothing here stands in the ledger. Either side drafts; the facility agrees to a version; the generator's
signature registers exactly that version.
"""

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy import Engine

from api import registering
from api.acting import Desk, Done
from api.answers import Json
from api.deps import Asked, ReadOnly, TheDesk, Writes
from api.drafting import proposals, store
from api.drafting.store import DRAFT_KIND, TEMPLATE_KIND, Draft
from api.errors import shown
from api.reading import Given
from api.routes.events import answered
from api.schemas import ReceiptOut, takes_object
from api.scope import View
from ledger.errors import Conflict, Malformed, NotAllowed, Problem, Refused, RuleBroken
from ledger.ids import uuid7
from ledger.storage.db import reading, writing

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
    made = await pool.run(_create, desk, given, DRAFT_KIND)
    return Json(made.as_json(), status_code=201, headers={"Location": f"/api/v1/drafts/{made.id}"})


@router.post(
    "/templates",
    status_code=201,
    openapi_extra=takes_object({"name": {"type": "string"}, "body": _OBJECT}, ["name"]),
)
async def create_template(pool: Writes, desk: TheDesk, given: Asked) -> Json:
    """Keep fields of a registration under a name, for you alone, to begin drafts from."""
    made = await pool.run(_create, desk, given, TEMPLATE_KIND)
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
    return Json((await pool.run(_change, desk, draft, given)).as_json())


@router.post("/drafts/{draft}/agreement", openapi_extra=takes_object({"version": _VERSION}, ["version"]))
async def agree(draft: str, pool: Writes, desk: TheDesk, given: Asked) -> Json:
    """Agree, as the facility, to a version: the generator may register it."""
    return Json((await pool.run(_agree, desk, draft, given)).as_json())


@router.post("/drafts/{draft}/rehearsal", openapi_extra=takes_object({}))
async def rehearse(draft: str, request: Request, pool: Writes, desk: TheDesk, given: Asked) -> Json:
    """Judge the draft as if it were registered now: every problem with its path, and nothing is written."""
    problems = await pool.run(_rehearse, desk, draft, given)
    return Json({"ok": not problems, "problems": shown(request, problems)})


@router.post(
    "/drafts/{draft}/registration",
    status_code=201,
    response_model=ReceiptOut,
    openapi_extra=takes_object({"version": _VERSION}, ["version"]),
)
async def register(draft: str, pool: Writes, desk: TheDesk, given: Asked) -> Json:
    """Register, as the generator, the version that the facility agreed to; its number is given now."""
    done = await pool.run(_register, desk, draft, given)
    return answered(done, {"manifest": done.event.stream})


@router.delete("/drafts/{draft}", status_code=204)
async def discard(draft: str, pool: Writes, desk: TheDesk) -> Response:
    """Throw away a draft or template of yours; nothing of it stays."""
    await pool.run(_discard, desk, draft)
    return Response(status_code=204)


def _engine(desk: Desk) -> Engine:
    return desk.home.engine


def _create(desk: Desk, given: Given, kind: str) -> Draft:
    fields = _known(given, {"name", "body", "repeat", "template"})
    now = desk.home.clock()
    with reading(_engine(desk)) as reader:
        view = desk.view(reader)
        author = given.party or desk.access.party
        if author not in view.parties:
            raise NotAllowed(Problem("api.not_your_act", "/on_behalf_of"))
        body = _begun(view, fields)
    if kind == DRAFT_KIND and body.get("facility") != author:
        body.setdefault("generator", author)
    row = {
        "draft": uuid7(now),
        "kind": kind,
        "name": _text(fields.get("name", ""), "/name"),
        "author": author,
        **_sides(body),
        "version": 1,
        "agreed_version": None,
        "manifest": None,
        "created_at": now,
        "changed_at": now,
    }
    made = Draft(row, body)
    with writing(_engine(desk), desk.home.ledger.log) as writer:
        store.add(writer, desk.home.ledger.log, made)
    return made


def _begun(view: View, fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that a draft begins with: what is said over what is taken from elsewhere."""
    body: dict[str, Any] = {}
    if "template" in fields:
        named = _text(fields["template"], "/template")
        body |= store.find(view.reader, view.log, named, view.parties).body
    if "repeat" in fields:
        name = _text(fields["repeat"], "/repeat")
        if name == "last":
            name = proposals.last_of(view.reader, view.log, view.parties)
        view.manifest(name)
        body |= proposals.repetition(view.reader, view.log, name)
    return body | _object(fields.get("body", {}))


def _change(desk: Desk, name: str, given: Given) -> Draft:
    fields = _known(given, {"version", "body"})
    body = _object(fields.get("body"))
    with writing(_engine(desk), desk.home.ledger.log) as writer:
        draft = _read(desk, desk.view(writer), name, fields)
        store.change(writer, desk.home.ledger.log, draft, desk.home.clock(), body=body, **_sides(body))
        return store.find(writer, desk.home.ledger.log, name, None)


def _agree(desk: Desk, name: str, given: Given) -> Draft:
    fields = _known(given, {"version"})
    with writing(_engine(desk), desk.home.ledger.log) as writer:
        view = desk.view(writer)
        draft = _read(desk, view, name, fields)
        if draft.row["facility"] not in view.parties:
            raise NotAllowed(Problem("api.draft_of_other_side", "", {"party": str(draft.row["facility"])}))
        now = desk.home.clock()
        store.change(writer, view.log, draft, now, agreed_version=draft.row["version"])
        return store.find(writer, view.log, name, None)


def _rehearse(desk: Desk, name: str, given: Given) -> tuple[Problem, ...]:
    with reading(_engine(desk)) as reader:
        draft = store.find(reader, desk.home.ledger.log, name, desk.view(reader).parties)
    generator = draft.row["generator"] or desk.access.party
    asked = replace(given, fields=dict(draft.body), party=generator)
    try:
        registering.rehearse(desk, asked)
    except Refused as refused:
        return refused.problems
    return ()


def _register(desk: Desk, name: str, given: Given) -> Done:
    fields = _known(given, {"version"})
    log = desk.home.ledger.log
    with reading(_engine(desk)) as reader:
        draft = _read(desk, desk.view(reader), name, fields)
    if not draft.agreed:
        raise RuleBroken(Problem("api.draft_not_agreed", "/version"))
    # The manifest bears the draft's name: registering the same draft twice makes one manifest.
    done = registering.record(desk, replace(given, fields={**draft.body, "manifest": draft.id}))
    with writing(_engine(desk), log) as writer:
        store.change(writer, log, draft, desk.home.clock(), manifest=done.event.stream)
    return done


def _discard(desk: Desk, name: str) -> None:
    with writing(_engine(desk), desk.home.ledger.log) as writer:
        view = desk.view(writer)
        draft = store.find(writer, view.log, name, view.parties)
        if draft.row["author"] not in view.parties:
            raise NotAllowed(Problem("api.draft_of_other_side", "", {"party": draft.row["author"]}))
        store.remove(writer, view.log, draft)


def _read(desk: Desk, view: View, name: str, fields: dict[str, Any]) -> Draft:
    """Return a draft as the party has read it; raise Conflict when it has changed since."""
    draft = store.find(view.reader, desk.home.ledger.log, name, view.parties)
    if "version" not in fields:
        raise Malformed(Problem("manifest.field_missing", "/version"))
    version = fields["version"]
    if type(version) is not int:
        raise Malformed(Problem("manifest.integer_required", "/version"))
    if version != draft.row["version"] or draft.row["manifest"] is not None:
        raise Conflict(Problem("api.draft_changed", "/version", {"version": draft.row["version"]}))
    return draft


def _sides(body: dict[str, Any]) -> dict[str, Any]:
    sides = {}
    for name in ("generator", "facility"):
        value = body.get(name)
        sides[name] = value if value is None else _text(value, f"/body/{name}")
    return sides


def _known(given: Given, names: set[str]) -> dict[str, Any]:
    for name in given.fields:
        if name not in names:
            raise Malformed(Problem("manifest.field_unknown", f"/{name}"))
    return given.fields


def _text(value: object, path: str) -> str:
    if not isinstance(value, str) or len(value) > 300:  # noqa: PLR2004  the column's width
        raise Malformed(Problem("manifest.field_invalid", path))
    return value


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Malformed(Problem("manifest.field_invalid", "/body"))
    return dict(value)
