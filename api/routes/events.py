"""Signed envelopes as clients make them, the bytes to sign, and acts signed with keys in custody."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request

from api.acting import Done, Partial, act, countersign, prepare, stream_for, submit
from api.answers import Json
from api.claiming import Claimed, submit_or_keep
from api.deps import TheDesk, Writes
from api.desk import Desk, kept_kid
from api.errors import WrongMediaType, as_problem, status_of
from api.reading import (
    ENVELOPE_TYPE,
    JSON_TYPE,
    Given,
    check_dates,
    check_event,
    media_type,
    read_given,
    read_idem,
    read_json,
    read_object,
    read_secrets,
    secrets_as_json,
)
from api.schemas import (
    MAX_ITEMS,
    PartialOut,
    PreparedOut,
    ReceiptOut,
    partial,
    prepared,
    receipt,
    takes_object,
)
from ledger.errors import Malformed, Problem, Refused
from ledger.format.entry import parse_envelope
from ledger.format.event import MAX_ACTORS, Actor, parse
from ledger.format.signature import parse_line
from ledger.ids import uuid7
from ledger.personal.vault import Secret
from ledger.storage.db import reading
from manifest.events import EVENTS, MANIFEST_EVENTS, read_body

router = APIRouter(tags=["events"])
Key = Annotated[str | None, Header(alias="Idempotency-Key", description="must be the event's `idem`")]

_ENVELOPE: dict[str, Any] = {
    "type": "object",
    "required": ["envelope"],
    "properties": {"envelope": {"type": "string"}, "secrets": {"type": "object"}},
}
_TAKES = {
    "requestBody": {
        "required": True,
        "content": {
            ENVELOPE_TYPE: {"schema": {"type": "string", "format": "binary"}},
            JSON_TYPE: {
                "schema": {"oneOf": [_ENVELOPE, {"type": "array", "items": _ENVELOPE, "maxItems": MAX_ITEMS}]}
            },
        },
    }
}
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


def answered(done: Done, extra: dict[str, Any] | None = None) -> Json:
    """Answer with the receipt: 201 when the act was recorded now, 200 when it stood already."""
    status = 200 if done.recorded.repeated else 201
    place = {"Location": f"/api/v1/entries/{done.recorded.receipt.seq}"}
    return Json(receipt(done) | (extra or {}), status_code=status, headers=place)


@router.post(
    "/events",
    status_code=201,
    response_model=ReceiptOut,
    openapi_extra=_TAKES,
    responses={
        200: {"description": "recorded before: the first receipt"},
        202: {"description": "signed offline and refused, by a rule or for its order: kept as a claim"},
        207: {"description": "a list: one result each"},
    },
)
async def submit_events(request: Request, pool: Writes, desk: TheDesk, key: Key = None) -> Json:
    """Record a signed envelope, or up to 100 of them: each stands or falls for itself.

    An envelope names the newest of its stream. One marked `offline` may name an earlier act of its manifest:
    it is recorded after those since then where the order makes no difference, and kept as a claim otherwise.
    """
    data = await request.body()
    sent_as = request.headers.get("content-type")
    idem = read_idem(key)
    if media_type(sent_as) == ENVELOPE_TYPE:
        return _said(request, await pool.run(_submit, desk, data, idem=idem))
    if media_type(sent_as) != JSON_TYPE:
        expected = {"expected": f"{ENVELOPE_TYPE}, {JSON_TYPE}"}
        raise WrongMediaType(Problem(WrongMediaType.default, "", expected))
    value = read_json(data, sent_as)
    if not isinstance(value, list):
        envelope, secrets = read_envelope(value)
        return _said(request, await pool.run(_submit, desk, envelope, secrets=secrets, idem=idem))
    if idem is not None:
        raise Malformed(Problem("api.idempotency_key_of_list", "/idem"))
    if not 0 < len(value) <= MAX_ITEMS:
        raise Malformed(Problem("manifest.list_too_long", "", {"limit": MAX_ITEMS}))
    results = await pool.run(_submit_each, request, desk, value)
    return Json({"results": results}, status_code=207)


def _said(request: Request, done: Done | Claimed) -> Json:
    return kept(request, done) if isinstance(done, Claimed) else answered(done)


def kept(request: Request, claimed: Claimed) -> Json:
    """Answer that an act was refused and is kept, with what refused it."""
    place = {"Location": f"/api/v1/claims/{claimed.claim}"}
    return Json(_kept(request, claimed), status_code=202, headers=place)


def _kept(request: Request, claimed: Claimed) -> dict[str, Any]:
    return {"claim": claimed.claim, "problem": as_problem(request, claimed.refused)}


def _submit(
    desk: Desk, data: bytes, *, secrets: Sequence[Secret] = (), idem: str | None = None
) -> Done | Claimed:
    """Record an envelope; what was signed without network has happened, and is kept if a rule refuses it."""
    event = parse(parse_envelope(data).event)
    check_event(event)
    if event.offline:
        return submit_or_keep(desk, data, secrets=secrets)
    return submit(desk, data, secrets=secrets, idem=idem)


def _submit_each(request: Request, desk: Desk, items: Sequence[Any]) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = []
    for item in items:
        try:
            envelope, secrets = read_envelope(item)
            done = _submit(desk, envelope, secrets=secrets)
        except Refused as refused:
            results.append({"status": status_of(refused).value, "problem": as_problem(request, refused)})
        else:
            if isinstance(done, Claimed):
                results.append({"status": 202, **_kept(request, done)})
            else:
                results.append({"status": 200 if done.recorded.repeated else 201, "receipt": receipt(done)})
    return results


def read_envelope(value: object) -> tuple[bytes, tuple[Secret, ...]]:
    """Return the envelope and the personal values of a JSON object; raise Malformed for anything else."""
    if not isinstance(value, dict) or not isinstance(value.get("envelope"), str):
        raise Malformed(Problem("ledger.field_missing", "/envelope"))
    if unknown := sorted(set(value) - {"envelope", "secrets"}):
        raise Malformed([Problem("ledger.field_unknown", f"/{name}") for name in unknown])
    return value["envelope"].encode(), tuple(read_secrets(value.get("secrets")).values())


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
        fresh = isinstance(body, MANIFEST_EVENTS) and kind == "manifest.registered.v1"
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
