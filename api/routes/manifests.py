"""The acts of a manifest: each builds the event, has your key in custody sign it, and answers the receipt.

Who signs with a key of its own takes the bytes from `/prepare` and hands the envelope to `/events`.
"""

from dataclasses import replace
from typing import Any

from fastapi import APIRouter

from api import acting
from api.acting import Done, act, begin, in_request
from api.answers import Json
from api.correcting import new_lots
from api.deps import Asked, TheDesk, Writes
from api.desk import Desk, kept_kid, role_in
from api.reading import Given, secrets_as_json
from api.registering import record
from api.routes.events import answered
from api.schemas import REPEATED, PartialOut, ReceiptOut, partial, takes
from api.scope import View
from ledger.errors import Malformed, Problem, RuleBroken
from ledger.format.event import Actor
from ledger.ids import uuid7
from ledger.storage.db import Reader, reading
from ledger.storage.store import one
from manifest import body as bodies
from manifest import events as e
from manifest.correcting.events import CorrectionRequested, CorrectionWithdrawn
from manifest.views import ACT, ORGANISATION
from manifest.wording import label

router = APIRouter(prefix="/manifests", tags=["manifests"])


@router.post(
    "",
    status_code=201,
    response_model=ReceiptOut,
    responses=REPEATED,
    openapi_extra=takes(e.Registered, may_omit=("number", "form", "generator")),
)
async def register(pool: Writes, desk: TheDesk, given: Asked) -> Json:
    """Register a manifest. What is left out is filled in: its id, its number, the form, you as generator."""
    done = await pool.run(record, desk, given)
    number = e.Number(**done.event.body["number"])
    return answered(done, {"manifest": done.event.stream, "number": str(number)})


@router.post(
    "/{manifest}/handovers",
    response_model=PartialOut,
    openapi_extra=takes(
        e.HandedOver,
        may_omit=("leg", "giver"),
        more={
            "taker_kid": {
                "type": "string",
                "description": "the taker's key; its newest in custody if left out",
            }
        },
    ),
    responses={201: {"description": "nobody else has to sign: recorded", "model": ReceiptOut}},
)
async def hand_over(manifest: str, pool: Writes, desk: TheDesk, given: Asked) -> Json:
    """Hand the load over, as the giver. The answer is for the taker, who signs it at `/acts/countersign`.

    What the others signed by hand (`on_paper`), or what stays with one party, is recorded at once: 201.
    """
    return _begun(await pool.run(_begin, desk, e.HandedOver, manifest, given))


@router.post(
    "/{manifest}/return",
    response_model=PartialOut,
    openapi_extra=takes(
        e.Returned,
        may_omit=("giver",),
        more={
            "generator_kid": {"type": "string", "description": "the generator's key; its newest in custody"}
        },
    ),
    responses={201: {"description": "nobody else has to sign: recorded", "model": ReceiptOut}},
)
async def give_back(manifest: str, pool: Writes, desk: TheDesk, given: Asked) -> Json:
    """Bring back what was refused, as the carrier. The generator signs the answer at `/acts/countersign`."""
    return _begun(await pool.run(_begin, desk, e.Returned, manifest, given))


def _begun(made: dict[str, Any] | Done) -> Json:
    return answered(made) if isinstance(made, Done) else Json(made)


def _begin(
    desk: Desk, event: type[e.HandedOver | e.Returned], manifest: str, given: Given
) -> dict[str, Any] | Done:
    """Sign an act of two as the one who gives; what is left out is filled in from the manifest."""
    fields = {"giver": given.party or desk.access.party, **given.fields}
    with in_request():
        with reading(desk.home.engine) as reader:
            view = desk.view(reader)
            row = view.manifest(manifest)
            if event is e.HandedOver:
                kid = fields.pop("taker_kid", None)
                fields.setdefault("leg", _legs(view, manifest) + 1)
            else:
                kid = fields.pop("generator_kid", None)
            body = event.read(fields)
            taker = body.taker if isinstance(body, e.HandedOver) else row["generator"]
            if body.on_paper or body.giver == taker:
                return act(desk, body.kind, replace(given, fields=body.write()), stream=manifest, alone=True)
            role = role_in(desk, reader, body.kind, party=body.giver, stream=manifest)
            other = _taker(desk, reader, body, party=taker, manifest=manifest, kid=kid)
        made = begin(desk, body, given, stream=manifest, role=role, others=[other])
    return partial(made, secrets_as_json(given.secrets))


def _taker(
    desk: Desk, reader: Reader, body: e.HandedOver | e.Returned, *, party: str, manifest: str, kid: object
) -> Actor:
    """Return who signs second: with the key that was named, or the newest one in custody."""
    path = "/taker" if isinstance(body, e.HandedOver) else "/generator"
    if kid is not None and not isinstance(kid, str):
        raise Malformed(Problem("manifest.field_invalid", f"{path}_kid"))
    if one(reader, ORGANISATION, log=desk.home.ledger.log, party=party) is None:
        raise RuleBroken(Problem("manifest.party_unknown", path, {"party": party}))
    role = role_in(desk, reader, body.kind, party=party, stream=manifest, place=1)
    return Actor(party=party, role=role, kid=kid or kept_kid(desk, reader, party, path))


def _legs(view: View, manifest: str) -> int:
    query = ACT.select().where(
        ACT.c.log == view.log, ACT.c.manifest == manifest, ACT.c.kind == e.HandedOver.kind
    )
    return len(view.reader.execute(query).all())


def act_route(
    to: APIRouter, path: str, event: type[bodies.Body], words: str, *, new: str | None = None
) -> None:
    """Add the route of an act that one party signs; ``new`` names an id that we make if it is left out."""

    async def perform(manifest: str, pool: Writes, desk: TheDesk, given: Asked) -> Json:
        done = await pool.run(_perform, desk, event.kind, manifest, given, new)
        return answered(done, {new: done.event.body[new]} if new else None)

    async def answer_correction(
        manifest: str, correction: str, pool: Writes, desk: TheDesk, given: Asked
    ) -> Json:
        filled = replace(given, fields={**given.fields, "correction": correction})
        return answered(await pool.run(_perform, desk, event.kind, manifest, filled, None))

    in_path = "{correction}" in path
    to.add_api_route(
        path,
        answer_correction if in_path else perform,
        methods=["POST"],
        status_code=201,
        response_model=ReceiptOut,
        responses=REPEATED,
        name=event.kind,
        summary=label("event", event.kind, "en"),
        description=words,
        openapi_extra=takes(event, filled=("correction",) if in_path else (), may_omit=(new,) if new else ()),
    )


def _perform(desk: Desk, kind: str, manifest: str, given: Given, new: str | None) -> Done:
    with in_request():
        with reading(desk.home.engine) as reader:
            desk.view(reader).manifest(manifest)
            lots = new_lots(desk, reader, manifest, given) if kind == e.CorrectionProposed.kind else None
        made: dict[str, Any] = {} if new is None or new in given.fields else {new: uuid7(desk.home.clock())}
        made |= {} if lots is None else {"lots": lots}
        if made:
            if (done := acting.repeated(desk, kind, given, manifest)) is not None:
                return done
            given = replace(given, fields={**given.fields, **made})
        return act(desk, kind, given, stream=manifest)


for _path, _event, _words in (
    ("/arrival", e.Arrived, "The load is at the facility's gate."),
    ("/weighing", e.Weighed, "The facility weighed every line; the difference is computed."),
    ("/reception", e.Accepted, "The facility takes the load, wholly or in part."),
    ("/refusal", e.Refused, "The facility refuses the whole load, with a reason."),
    ("/treatments", e.Treated, "The facility treated parts of lines."),
    ("/completion", e.Completed, "Nothing is left to treat: copy 4 goes back to the generator."),
    ("/cancellation", e.Cancelled, "The generator calls the manifest off before pick-up."),
):
    act_route(router, f"/{{manifest}}{_path}", _event, _words)
act_route(
    router,
    "/{manifest}/corrections",
    e.CorrectionProposed,
    "State what should have been written.",
    new="correction",
)
act_route(
    router,
    "/{manifest}/correction-requests",
    CorrectionRequested,
    "Say what you want corrected, as an authority; a proposal that names it answers it.",
    new="request",
)
act_route(
    router,
    "/{manifest}/corrections/{correction}/withdrawal",
    CorrectionWithdrawn,
    "Take a correction back that you proposed.",
)
act_route(
    router,
    "/{manifest}/corrections/{correction}/consent",
    e.CorrectionConsented,
    "Agree to a correction that touches you.",
)
act_route(
    router,
    "/{manifest}/corrections/{correction}/decline",
    e.CorrectionDeclined,
    "Do not agree to a correction that touches you: it falls.",
)
