"""Signed envelopes as clients make them, one or many at a time, and how what came of an act is answered."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request

from api.acting import Done, submit
from api.answers import Json
from api.claiming import Claimed, submit_or_keep
from api.deps import TheDesk, Writes
from api.desk import Desk
from api.errors import WrongMediaType, as_problem, status_of
from api.reading import (
    ENVELOPE_TYPE,
    JSON_TYPE,
    check_event,
    media_type,
    read_idem,
    read_json,
    read_secrets,
)
from api.schemas import (
    MAX_ITEMS,
    ReceiptOut,
    receipt,
)
from ledger.errors import Malformed, Problem, Refused
from ledger.format.entry import parse_envelope
from ledger.format.event import parse
from ledger.personal.vault import Secret

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
