"""The acts of a manifest's cases: other vehicles, a second facility, export, notices, and contests.

What two parties sign is begun here by the first and signed by the second at `/acts/countersign`.
"""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from sqlalchemy import RowMapping

from api.acting import Done, act, begin, in_request
from api.answers import Json
from api.deps import Asked, ReadOnly, TheDesk, Writes
from api.desk import Desk, kept_kid, role_in
from api.paging import Cursor, Limit, page
from api.reading import Given, secrets_as_json
from api.routes.events import answered
from api.routes.manifests import act_route
from api.schemas import PartialOut, ReceiptOut, partial, takes
from ledger.errors import NotFound, Problem
from ledger.format.event import Actor
from ledger.storage.db import reading
from ledger.writing.changes import Reads
from manifest.body import MOST_G
from manifest.cases import events as c
from manifest.cases import rounds
from manifest.cases.views import CONTEST, ENTERED_ACT

router = APIRouter(tags=["manifests"])


for _path, _event, _words in (
    ("/transshipments", c.Transshipped, "A part of the load goes on in another vehicle of the same holder."),
    ("/second-reception", c.ReceivedSecond, "The second facility weighed what came to it, and decided."),
    ("/storage-notice", c.StorageNotified, "The facility says why it has not treated what it stores."),
    ("/copies", c.CopiesDelivered, "Copies («liên») have reached whom they are for, on paper or otherwise."),
    ("/exit", c.Exported, "The load has left the country."),
    ("/disposal-certificates", c.DisposalCertified, "A certificate from abroad: disposed of, or a part."),
):
    act_route(router, f"/manifests/{{manifest}}{_path}", _event, _words)


@router.post(
    "/manifests/{manifest}/forwardings",
    response_model=PartialOut,
    openapi_extra=takes(c.Forwarded, may_omit=("facility", "taker")),
    responses={201: {"description": "the first facility carries it itself: recorded", "model": ReceiptOut}},
)
async def forward(manifest: str, pool: Writes, desk: TheDesk, given: Asked) -> Json:
    """Send lines on to the second facility; you carry them yourself unless the `taker` is the second one."""
    made = await pool.run(_forward, desk, manifest, given)
    return answered(made) if isinstance(made, Done) else Json(made)


def _forward(desk: Desk, manifest: str, given: Given) -> dict[str, Any] | Done:
    with in_request():
        with reading(desk.home.engine) as reader:
            row = desk.view(reader).manifest(manifest)
            party = given.party or desk.access.party
            planned = {"facility": row["second"]} if row["second"] else {}
            body = c.Forwarded.read({**planned, "taker": party, **given.fields})
            filled = replace(given, fields=body.write())
            if body.on_paper or body.taker == party:
                return act(desk, body.kind, filled, stream=manifest, alone=True)
            mine = role_in(desk, reader, body.kind, party=party, stream=manifest)
            theirs = role_in(desk, reader, body.kind, party=body.taker, stream=manifest, place=1)
            other = Actor(party=body.taker, role=theirs, kid=kept_kid(desk, reader, body.taker, "/taker"))
        made = begin(desk, body, filled, stream=manifest, role=mine, others=[other])
    return partial(made, secrets_as_json(given.secrets))


@router.post(
    "/entries/{seq}/contest",
    status_code=201,
    response_model=ReceiptOut,
    openapi_extra=takes(c.Contested, filled=("seq",)),
)
async def contest(seq: Annotated[int, Path(ge=0)], pool: Writes, desk: TheDesk, given: Asked) -> Json:
    """Say that an act which another entered for you is not so; within thirty days."""
    return answered(await pool.run(_about, desk, c.Contested.kind, seq, given))


@router.post(
    "/entries/{seq}/contest/settlement",
    status_code=201,
    response_model=ReceiptOut,
    openapi_extra=takes(c.ContestSettled, filled=("seq",)),
)
async def settle(seq: Annotated[int, Path(ge=0)], pool: Writes, desk: TheDesk, given: Asked) -> Json:
    """Decide a contest as an authority: `upheld` or `dismissed`; or take back your own: `withdrawn`."""
    return answered(await pool.run(_about, desk, c.ContestSettled.kind, seq, given))


def _about(desk: Desk, kind: str, seq: int, given: Given) -> Done:
    with in_request():
        return act(desk, kind, replace(given, fields={**given.fields, "seq": seq}))


@router.get("/entered-acts")
def list_entered(read: ReadOnly, cursor: Cursor = None, limit: Limit = 50) -> Json:
    """List the acts that others entered for you, the newest first, and whether they are contested."""
    with read() as view:
        query = ENTERED_ACT.select().where(ENTERED_ACT.c.log == view.log, *view.own(ENTERED_ACT.c.party))
        found = page(view.reader, query, ENTERED_ACT.c.seq, cursor, limit)
        of = CONTEST.c.act_seq.in_([row["seq"] for row in found["items"]])
        contests = view.reader.execute(CONTEST.select().where(CONTEST.c.log == view.log, of)).mappings()
        contested = {row["act_seq"]: row for row in contests}
        found["items"] = [
            {name: value for name, value in row.items() if name != "log"}
            | _contest(contested.get(row["seq"]))
            for row in found["items"]
        ]
    return Json(found)


def _contest(row: RowMapping | None) -> dict[str, Any]:
    names = {"contest": "reason", "outcome": "outcome", "settled_reason": "settled_reason"}
    told = {name: None if row is None else row[column] for name, column in names.items()}
    return {"contested": row is not None, **told}


@router.get("/rounds/{round_id}/shares")
def show_shares(round_id: str, round_net_g: Annotated[int, Query(ge=1, le=MOST_G)], read: ReadOnly) -> Json:
    """Show how a common ticket is divided over the lines of a round's manifests, to the gram."""
    with read() as view:
        reads = Reads(view.reader, view.log)
        found = [row for row in rounds.picked_up(reads, round_id) if view.owns(row["facility"])]
        if not found:
            raise NotFound(Problem("manifest.round_unknown", "", {"round": round_id}))
        divided = rounds.shares(reads, found, round_net_g)
    items = [{"manifest": name, "line": line, "net_g": grams} for (name, line), grams in divided.items()]
    return Json({"round": round_id, "round_net_g": round_net_g, "items": items})
