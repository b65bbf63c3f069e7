"""Looking at manifests: lists by cursor, and one manifest with its lines, acts, corrections and grams."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from sqlalchemy import exists, select

from api.answers import Json
from api.deps import ReadOnly
from api.paging import Cursor, Limit, page
from api.reading import Day
from api.routes.batches import shares
from api.scope import View
from ledger.errors import NotFound, Problem
from ledger.storage.db import Row
from ledger.storage.store import rows
from ledger.writing.changes import Reads
from manifest import reference
from manifest.acts import find, read_stored
from manifest.cases.views import COPY
from manifest.consignment import Manifest
from manifest.grading import evidence
from manifest.views import ACT, MANIFEST, MANIFEST_LINE, MANIFEST_PARTY, PDF
from manifest.vocabulary import Status, day_begins, day_ends

router = APIRouter(prefix="/manifests", tags=["manifests"])
Name = Annotated[str | None, Query(max_length=100)]


@router.get("")
def list_manifests(
    *,
    read: ReadOnly,
    cursor: Cursor = None,
    limit: Limit = 50,
    status: Status | None = None,
    start: Annotated[Day | None, Query(alias="from", description="registered on or after")] = None,
    end: Annotated[Day | None, Query(alias="to", description="registered on or before")] = None,
    code: Annotated[str | None, Query(max_length=12, description="a line of this waste code")] = None,
    generator: Name = None,
    facility: Name = None,
    oldest_first: bool = False,
) -> Json:
    """List the manifests in which you take part, in the order in which they last changed, newest first."""
    with read() as view:
        query = select(MANIFEST).where(MANIFEST.c.log == view.log, *view.taking_part())
        for column, value in (
            (MANIFEST.c.status, status.value if status else None),
            (MANIFEST.c.generator, generator),
            (MANIFEST.c.facility, facility),
        ):
            if value is not None:
                query = query.where(column == value)
        if start is not None:
            query = query.where(MANIFEST.c.registered_at >= day_begins(start))
        if end is not None:
            query = query.where(MANIFEST.c.registered_at < day_ends(end))
        if code is not None:
            line = (MANIFEST_LINE.c.log == MANIFEST.c.log, MANIFEST_LINE.c.manifest == MANIFEST.c.manifest)
            query = query.where(exists().where(*line, MANIFEST_LINE.c.code == code))
        found = page(view.reader, query, view.order(MANIFEST.c.seq), cursor, limit, oldest_first=oldest_first)
    found["items"] = [_without_log(row) for row in found["items"]]
    return Json(found)


@router.get("/by-number/{sequence}/{year}/{issuer}")
def show_by_number(
    sequence: Annotated[int, Path(ge=1, le=999_999)],
    year: Annotated[int, Path(ge=2000, le=2200)],
    issuer: Annotated[str, Path(max_length=40)],
    read: ReadOnly,
) -> Json:
    """Show a manifest by its printed number."""
    with read() as view:
        found = rows(view.reader, MANIFEST, log=view.log, issuer=issuer, year=year, sequence=sequence)
        if not found:
            raise NotFound(Problem("manifest.unknown", "", {"manifest": f"{sequence}/{year}/{issuer}"}))
        try:
            return Json(_detail(view, found[0]["manifest"]))
        except NotFound as error:  # another's: say no more than for a number that nobody has
            asked = {"manifest": f"{sequence}/{year}/{issuer}"}
            raise NotFound(Problem("manifest.unknown", "", asked)) from error


@router.get("/{manifest}")
def show_manifest(manifest: str, read: ReadOnly) -> Json:
    """Show a manifest: header, lines, acts with their assurance, open corrections, where the grams are."""
    with read() as view:
        return Json(_detail(view, manifest))


def _detail(view: View, manifest: str) -> dict[str, Any]:
    row = view.manifest(manifest)
    key = {"log": view.log, "manifest": manifest}
    reads = Reads(view.reader, view.log)
    state = find(reads, manifest, reference.default())
    acts, head = _acts(view, reads, manifest)
    names = ("party", "role")
    return {
        **_without_log(row),
        "head": head,
        "evidence": _evidence(view, row),
        "header": state.registered.write(),
        "parties": [{name: one[name] for name in names} for one in rows(view.reader, MANIFEST_PARTY, **key)],
        "lines": [_line(state, one) for one in rows(view.reader, MANIFEST_LINE, **key)],
        "legs": [
            {
                "leg": number,
                "giver": leg.giver,
                "taker": leg.taker,
                "vehicle_plate": leg.vehicle_plate,
                "at": leg.at,
            }
            for number, leg in enumerate(state.legs, start=1)
        ],
        "acts": acts,
        "corrections": [
            {"proposed": one.proposed.write(), "by": one.by, "waiting": sorted(one.waiting)}
            for one in state.corrections.values()
        ],
        "grams": [
            {"line": line, "account": slot.account.value, "place": slot.place, "lot": lot, "grams": grams}
            for (line, slot, lot), grams in sorted(state.held.items(), key=lambda item: str(item[0]))
        ],
        "copies": [
            {name: value for name, value in _without_log(one).items() if name != "manifest"}
            for one in rows(view.reader, COPY, **key)
        ],
        "shares": shares(view, manifest=manifest),
        "documents": [_without_log(one) for one in rows(view.reader, PDF, **key)],
    }


def _evidence(view: View, row: Row) -> dict[str, Any]:
    found = evidence(view.reader, view.log, row)
    return {"grade": found.grade, "voices": found.voices, "weakened_by": list(found.weakened_by)}


def _line(state: Manifest, row: Row) -> dict[str, Any]:
    line = state.line(row["line"])
    assert line is not None
    shown = {name: value for name, value in row.items() if name not in {"log", "manifest"}}
    lots = [{"lot": lot, "mass_g": mass_g} for lot, mass_g in line.drawn]
    planned = row["planned_methods"].split(",")
    return shown | {"planned_methods": planned, "left_g": line.mass.left_g, "lots": lots}


def _acts(view: View, reads: Reads, manifest: str) -> tuple[list[dict[str, Any]], str]:
    """Return the acts as they were signed, with the personal values that are still there, and the head."""
    graded = {row["seq"]: row for row in rows(view.reader, ACT, log=view.log, manifest=manifest)}
    stored = reads.stream(manifest)
    read = [(one, *read_stored(one)) for one in stored]
    committed = {value for _, event, _ in read for value in event.commitments.values()}
    opened = view.personal(committed)
    acts = []
    head = ""
    for one, event, body in read:
        head = one.envelope.hash
        acts.append(
            {
                "seq": one.seq,
                "kind": event.kind,
                "occurred_at": event.occurred_at,
                "recorded_at": graded[one.seq]["recorded_at"],
                "actors": [actor.as_json() for actor in event.actors],
                "assurance": graded[one.seq]["assurance"],
                "envelope_hash": head,
                "body": body.write(),
                # None where the value was erased: the act stands, the name is gone.
                "personal": {name: opened.get(value) for name, value in event.commitments.items()},
            }
        )
    return acts, head


def _without_log(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "log"}
