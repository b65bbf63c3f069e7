"""What two parties do with a draft: begin, write anew, agree, rehearse, register, throw away."""

from dataclasses import replace
from typing import Any

from api import registering
from api.acting import Done
from api.desk import Desk
from api.drafting import proposals, store
from api.drafting.store import DRAFT_KIND, Draft
from api.reading import Given
from api.scope import View
from ledger.errors import Conflict, Malformed, NotAllowed, Problem, Refused, RuleBroken
from ledger.ids import uuid7
from ledger.storage.db import reading, writing


def create(desk: Desk, given: Given, kind: str) -> Draft:
    """Begin a draft or template: empty, from a template, or like an earlier manifest.

    What is said stands over what is taken from elsewhere. Raises NotAllowed for an author that is another.
    """
    fields = _known(given, {"name", "body", "repeat", "template"})
    now = desk.home.clock()
    with reading(desk.home.engine) as reader:
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
    with writing(desk.home.engine, desk.home.ledger.log) as writer:
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


def change(desk: Desk, name: str, given: Given) -> Draft:
    """Write the fields of a draft anew; raise Conflict unless it is the version that was read."""
    fields = _known(given, {"version", "body"})
    body = _object(fields.get("body"))
    with writing(desk.home.engine, desk.home.ledger.log) as writer:
        draft = _read(desk, desk.view(writer), name, fields)
        store.change(writer, desk.home.ledger.log, draft, desk.home.clock(), body=body, **_sides(body))
        return store.find(writer, desk.home.ledger.log, name, None)


def agree(desk: Desk, name: str, given: Given) -> Draft:
    """Agree to a version as the facility that it names; raise NotAllowed for anybody else."""
    fields = _known(given, {"version"})
    with writing(desk.home.engine, desk.home.ledger.log) as writer:
        view = desk.view(writer)
        draft = _read(desk, view, name, fields)
        if draft.row["facility"] not in view.parties:
            raise NotAllowed(Problem("api.draft_of_other_side", "", {"party": str(draft.row["facility"])}))
        now = desk.home.clock()
        store.change(writer, view.log, draft, now, agreed_version=draft.row["version"])
        return store.find(writer, view.log, name, None)


def rehearse(desk: Desk, name: str, given: Given) -> tuple[Problem, ...]:
    """Return every problem that registering the draft now would have; none when it would pass."""
    with reading(desk.home.engine) as reader:
        draft = store.find(reader, desk.home.ledger.log, name, desk.view(reader).parties)
    generator = draft.row["generator"] or desk.access.party
    asked = replace(given, fields=dict(draft.body), party=generator)
    try:
        registering.rehearse(desk, asked)
    except Refused as refused:
        return refused.problems
    return ()


def register(desk: Desk, name: str, given: Given) -> Done:
    """Register the version that the facility agreed to; raise RuleBroken while it has not agreed."""
    fields = _known(given, {"version"})
    log = desk.home.ledger.log
    with reading(desk.home.engine) as reader:
        draft = _read(desk, desk.view(reader), name, fields)
    if not draft.agreed:
        raise RuleBroken(Problem("api.draft_not_agreed", "/version"))
    # The manifest bears the draft's name: registering the same draft twice makes one manifest.
    done = registering.record(desk, replace(given, fields={**draft.body, "manifest": draft.id}))
    with writing(desk.home.engine, log) as writer:
        store.change(writer, log, draft, desk.home.clock(), manifest=done.event.stream)
    return done


def discard(desk: Desk, name: str) -> None:
    """Throw a draft of one's own away; raise NotAllowed for one that only names the party."""
    with writing(desk.home.engine, desk.home.ledger.log) as writer:
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
