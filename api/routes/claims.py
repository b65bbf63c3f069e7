"""Claims: acts that happened and were refused, kept until an authority decides on them."""

from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import select

from api.acting import act_on
from api.answers import Json, shown
from api.claiming import Claimed, act_or_keep, carry_out, submit_or_keep
from api.deps import Asked, ReadOnly, TheDesk, Writes
from api.desk import Desk
from api.errors import as_problem
from api.reading import Given, read_object
from api.routes.acts import ONE_ACT, read_one_act
from api.routes.events import Key, answered, kept, read_envelope
from api.schemas import ReceiptOut, receipt, takes, takes_object
from api.scope import View
from ledger.errors import NotFound, Problem, Refused
from ledger.storage.db import Row
from ledger.storage.store import one
from manifest.claims.events import ClaimResolved, Outcome
from manifest.claims.views import CLAIM

router = APIRouter(tags=["claims"])


@router.post(
    "/claims",
    status_code=202,
    responses={201: {"description": "nothing refuses it: recorded", "model": ReceiptOut}},
    openapi_extra=takes_object({"envelope": {"type": "string", "description": "as signed"}, **ONE_ACT}),
)
async def keep(request: Request, pool: Writes, desk: TheDesk, key: Key = None) -> Json:
    """Hand in an act that has happened: recorded (201) if nothing refuses it, else kept as a claim (202).

    Either as the `envelope` that its parties signed, or as `/acts` takes it: `kind`, `body` and what stands
    around them, to be signed with your key in custody.
    """
    value = read_object(await request.body(), request.headers.get("content-type"))
    if "kind" in value or "body" in value:
        kind, given, stream, role = read_one_act(value, key)
        done = await pool.run(act_or_keep, desk, kind, given, stream=stream, role=role)
    else:
        envelope, secrets = read_envelope(value)
        done = await pool.run(submit_or_keep, desk, envelope, secrets=secrets)
    return kept(request, done) if isinstance(done, Claimed) else answered(done)


@router.get("/claims")
def list_claims(read: ReadOnly, state: str | None = None) -> Json:
    """List the claims on manifests in which you take part, the newest first."""
    with read() as view:
        query = select(CLAIM).where(CLAIM.c.log == view.log)
        if state is not None:
            query = query.where(CLAIM.c.state == state)
        found = [dict(row) for row in view.reader.execute(query.order_by(CLAIM.c.seq.desc())).mappings()]
        view.look_up({row["manifest"] for row in found})
        items = [_shown(row) for row in found if _sees(view, row)]
    return Json({"count": len(items), "items": items})


@router.get("/claims/{claim}")
def show_claim(claim: str, read: ReadOnly) -> Json:
    """Show a claim: what was signed, what refused it, and what was decided."""
    with read() as view:
        return Json(_shown(_find(view, claim)))


@router.post(
    "/claims/{claim}/resolution",
    status_code=201,
    openapi_extra=takes(ClaimResolved, filled=("claim",)),
)
async def resolve(request: Request, claim: str, pool: Writes, desk: TheDesk, given: Asked) -> Json:
    """Decide, as an authority, on a claim; what is accepted is recorded from the bytes that were signed.

    The answer says whether it could be: an act that the masses contradict stays out, whoever accepts it.
    """
    return Json(await pool.run(_resolve, request, desk, claim, given), status_code=201)


def _resolve(request: Request, desk: Desk, claim: str, given: Given) -> dict[str, Any]:
    decided = act_on(desk, ClaimResolved.kind, given, claim=claim)
    answer = receipt(decided) | {"act": None, "problem": None}
    if decided.event.body["outcome"] == Outcome.ACCEPTED:
        try:
            answer["act"] = receipt(carry_out(desk, claim))
        except Refused as refused:
            answer["problem"] = as_problem(request, refused)
    return answer


def _find(view: View, claim: str) -> Row:
    row = one(view.reader, CLAIM, log=view.log, claim=claim)
    if row is None or not _sees(view, row):
        raise NotFound(Problem("manifest.claim_unknown", "", {"claim": claim}))
    return row


def _sees(view: View, row: Row) -> bool:
    own = not view.parties.isdisjoint(row["parties"].split(","))
    return own or view.takes_part(row["manifest"])


def _shown(row: Row) -> dict[str, Any]:
    lists = {name: row[name].split(",") for name in ("parties", "codes")}
    return shown(row) | lists
