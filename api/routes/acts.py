"""The bytes that actors are to sign, and acts that are signed with keys in custody."""

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request

from api.acting import Done, Partial, act, countersign, prepare, stream_for
from api.answers import Json
from api.deps import TheDesk, Writes
from api.desk import Desk, kept_kid
from api.reading import (
    Given,
    check_dates,
    check_event,
    read_given,
    read_json,
    read_object,
    read_secrets,
    secrets_as_json,
)
from api.routes.events import Key, answered
from api.schemas import (
    PartialOut,
    PreparedOut,
    ReceiptOut,
    partial,
    prepared,
    takes_object,
)
from ledger.errors import Malformed, Problem
from ledger.format.event import MAX_ACTORS, Actor, parse
from ledger.format.signature import parse_line
from ledger.ids import uuid7
from ledger.personal.vault import Secret
from ledger.storage.db import reading
from manifest.events import EVENTS, Registered, read_body

router = APIRouter(tags=["events"])
_ACTOR = {"party": {"type": "string"}, "role": {"type": "string"}, "kid": {"type": "string"}}
_ACT: dict[str, Any] = {
    "kind": {"type": "string", "enum": list(EVENTS)},
    "body": {"type": "object"},
    "stream": {"type": "string"},
    "occurred_at": {"type": "string", "format": "date-time"},
    "secrets": {"type": "object"},
}
# An act of one actor, as `/acts` and `/claims` take it.
ONE_ACT: dict[str, Any] = {
    **_ACT,
    "on_behalf_of": {
        "type": "string",
        "description": "the party that gave a mandate, or whose word you enter",
    },
    "role": {"type": "string", "description": "yours in this act, where you have several"},
}


@router.post(
    "/prepare",
    response_model=PreparedOut,
    openapi_extra=takes_object(
        {**_ACT, "actors": {"type": "array", "items": {"type": "object", "properties": _ACTOR}}},
        ["kind", "body", "actors"],
    ),
)
async def prepare_event(request: Request, pool: Writes, desk: TheDesk, key: Key = None) -> Json:
    """Answer the bytes that the actors are to sign, at the head of the stream as it stands now.

    An actor without `kid` signs with its newest key in custody.
    """
    value = read_object(await request.body(), request.headers.get("content-type"))
    kind, given, stream = _read_act(value, key, ("actors",))
    return Json(await pool.run(_prepare, desk, kind, given, stream, value.get("actors")))


def _prepare(desk: Desk, kind: str, given: Given, stream: str | None, actors: object) -> dict[str, Any]:
    body = read_body(kind, given.fields)
    if stream is None:
        fresh = isinstance(body, Registered)
        stream = uuid7(desk.home.clock()) if fresh else stream_for(body)
    event = prepare(desk, body, given, _read_actors(desk, actors), stream)
    return prepared(event, secrets_as_json(given.secrets))


def _read_actors(desk: Desk, value: object) -> list[Actor]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_ACTORS:
        raise Malformed(Problem("ledger.actors_invalid", "/actors", {"limit": MAX_ACTORS}))
    made = []
    for index, one in enumerate(value):
        names = {"party", "role", "kid"}
        good = isinstance(one, dict) and {"party", "role"} <= set(one) <= names
        if not good or not all(isinstance(item, str) for item in one.values()):
            raise Malformed(Problem("ledger.actor_invalid", f"/actors/{index}"))
        kid = one.get("kid")
        if kid is None:
            with reading(desk.home.engine) as reader:
                kid = kept_kid(desk, reader, one["party"], f"/actors/{index}/kid")
        made.append(Actor(party=one["party"], role=one["role"], kid=kid))
    return made


@router.post(
    "/acts",
    status_code=201,
    response_model=ReceiptOut,
    openapi_extra=takes_object(ONE_ACT, ["kind", "body"]),
)
async def act_in_custody(request: Request, pool: Writes, desk: TheDesk, key: Key = None) -> Json:
    """Sign an act of one actor with your key in custody (assurance 0) and record it."""
    value = read_object(await request.body(), request.headers.get("content-type"))
    kind, given, stream, role = read_one_act(value, key)
    return answered(await pool.run(act, desk, kind, given, stream=stream, role=role))


def read_one_act(value: dict[str, Any], key: str | None) -> tuple[str, Given, str | None, str | None]:
    """Return kind, fields, stream and role of an act to be signed in custody; raise Malformed."""
    kind, given, stream = _read_act(value, key, ("role",))
    role = value.get("role")
    if role is not None and not isinstance(role, str):
        raise Malformed(Problem("manifest.field_invalid", "/role"))
    return kind, given, stream, role


def _read_act(value: dict[str, Any], key: str | None, also: tuple[str, ...]) -> tuple[str, Given, str | None]:
    known = {"kind", "body", "stream", "occurred_at", "secrets", "on_behalf_of", *also}
    problems = [Problem("ledger.field_unknown", f"/{name}") for name in sorted(set(value) - known)]
    kind, body, stream = value.get("kind"), value.get("body"), value.get("stream")
    if not isinstance(kind, str):
        problems.append(Problem("ledger.field_missing", "/kind"))
    if not isinstance(body, dict):
        problems.append(Problem("ledger.field_missing", "/body"))
    if stream is not None and not isinstance(stream, str):
        problems.append(Problem("ledger.field_invalid", "/stream"))
    if problems:
        raise Malformed(problems)
    around: dict[str, Any] = {
        name: value[name] for name in ("occurred_at", "secrets", "on_behalf_of") if name in value
    }
    given = read_given(around, key)
    assert isinstance(kind, str)
    assert isinstance(body, dict)
    check_dates(body, "/body")
    return kind, replace(given, fields=body), stream


@router.post(
    "/acts/countersign",
    status_code=201,
    response_model=ReceiptOut | PartialOut,
    openapi_extra=takes_object(
        {
            "event": {"type": "string"},
            "signatures": {"type": "array", "items": {"type": "string"}},
            "secrets": {"type": "object"},
            "awaits": {"type": "object"},
        },
        ["event", "signatures"],
    ),
    responses={202: {"description": "more have to sign: the event with one signature more"}},
)
async def countersign_act(request: Request, pool: Writes, desk: TheDesk) -> Json:
    """Add your custody signature to what the actors before you signed; the last one records the event."""
    value = read_json(await request.body(), request.headers.get("content-type"))
    given, secrets = _read_partial(value)
    done = await pool.run(countersign, desk, given, secrets)
    if isinstance(done, Done):
        return answered(done)
    return Json(partial(done, value.get("secrets") or {}), status_code=202)


def _read_partial(value: object) -> tuple[Partial, tuple[Secret, ...]]:
    if not isinstance(value, dict):
        raise Malformed(Problem("api.object_expected"))
    event, signatures = value.get("event"), value.get("signatures")
    problems = [
        Problem("ledger.field_unknown", f"/{name}")
        for name in sorted(set(value) - {"event", "signatures", "secrets", "awaits"})
    ]
    if not isinstance(event, str):
        problems.append(Problem("ledger.field_missing", "/event"))
    if not isinstance(signatures, list) or not all(isinstance(line, str) for line in signatures):
        problems.append(Problem("ledger.field_invalid", "/signatures"))
    elif len(signatures) > MAX_ACTORS:
        problems.append(Problem("manifest.list_too_long", "/signatures", {"limit": MAX_ACTORS}))
    if problems:
        raise Malformed(problems)
    assert isinstance(event, str)
    assert isinstance(signatures, list)
    data = event.encode()
    lines = tuple(parse_line(line) for line in signatures)
    made = parse(data)
    check_event(made)
    return Partial(made, data, lines), tuple(read_secrets(value.get("secrets")).values())
