"""The log itself: entries as bytes, their proofs, the newest checkpoint, the feed of what was recorded."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.responses import PlainTextResponse

from api.answers import Json
from api.deps import ReadOnly, TheHome
from api.scope import View
from ledger.errors import NotFound, Problem
from ledger.format.entry import parse_entry
from ledger.format.event import Event, parse
from ledger.format.note import b64
from ledger.publishing.published import prove_entry, prove_growth, published
from ledger.storage.db import reading
from ledger.storage.store import HEAD, StoredEntry, entries, entry_at, one
from ledger.types import from_ms
from manifest.events import MANIFEST_EVENTS

router = APIRouter(tags=["log"])
Seq = Annotated[int, Path(ge=0, le=2**53, description="position in the log, from 0")]
# A party with few entries in a busy log reads on from where the last look ended.
LOOKED_AT = 2000
_OF_MANIFEST = {event.kind for event in MANIFEST_EVENTS}


@router.get("/entries/{seq}")
def show_entry(seq: Seq, read: ReadOnly) -> Json:
    """Show an entry: its bytes, verbatim, and their hash, which is its leaf in the tree."""
    with read() as view:
        stored, event = _visible_entry(view, seq)
    entry = parse_entry(stored.data)
    return Json(
        {
            **_shown(stored, event),
            "entry": stored.data.decode(),
            "prev": entry.prev,
            "envelope": (stored.signatures + stored.event).decode(),
        }
    )


@router.get("/entries/{seq}/proof", response_class=PlainTextResponse)
def show_proof(seq: Seq, read: ReadOnly) -> PlainTextResponse:
    """Answer the proof (C2SP tlog-proof) that the entry is under the newest checkpoint."""
    with read() as view:
        _visible_entry(view, seq)
        return PlainTextResponse(prove_entry(view.reader, view.log, seq).to_text())


@router.get("/checkpoint", response_class=PlainTextResponse)
def show_checkpoint(home: TheHome) -> PlainTextResponse:
    """Answer the newest checkpoint with its cosignatures, a C2SP signed note; anyone may have it."""
    note = home.newest_note()
    if note is None:
        raise NotFound(Problem("api.no_checkpoint"))
    return PlainTextResponse(note)


@router.get("/consistency")
def show_consistency(
    home: TheHome,
    old: Annotated[int, Query(ge=1, le=2**53, description="a size that the log once had")],
    new: Annotated[
        int | None, Query(ge=1, le=2**53, description="a later one; the newest checkpoint's")
    ] = None,
) -> Json:
    """Prove that the log of an earlier size is a prefix of a later one; anyone may have it.

    Roots and the proof of RFC 6962, its hashes in base64, in the order in which they are used.
    """
    with reading(home.engine) as reader:
        last = published(reader, home.ledger.log)
        if last is None:
            raise NotFound(Problem("api.no_checkpoint"))
        size = last.size if new is None else new
        old_root, new_root, proof = prove_growth(reader, last, old, size)
    return Json(
        {
            "old": {"size": old, "root": b64(old_root)},
            "new": {"size": size, "root": b64(new_root)},
            "proof": [b64(node) for node in proof],
        }
    )


@router.get("/feed")
def feed(
    read: ReadOnly,
    after: Annotated[int, Query(ge=-1, le=2**53, description="position of the last entry seen")] = -1,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Json:
    """List what was recorded after a position and concerns you, in the order of the log.

    Go on with `next` as `after`, also when there are no items: the log is looked at in stretches.
    """
    with read() as view:
        head = one(view.reader, HEAD, log=view.log)
        size = head["size"] if head is not None else 0
        stretch = list(entries(view.reader, view.log, start=after + 1, stop=after + 1 + LOOKED_AT))
        read_events = [(stored, parse(stored.event)) for stored in stretch]
        view.look_up(event.stream for _, event in read_events if event.kind in _OF_MANIFEST)
        items: list[dict[str, Any]] = []
        last = after
        for stored, event in read_events:
            if len(items) == limit:
                break
            last = stored.seq
            if view.sees(event):
                items.append(_shown(stored, event))
    return Json({"items": items, "next": last, "more": last + 1 < size, "size": size})


def _visible_entry(view: View, seq: int) -> tuple[StoredEntry, Event]:
    stored = entry_at(view.reader, view.log, seq)
    if stored is not None:
        event = parse(stored.event)
        if view.sees(event):
            return stored, event
    raise NotFound(Problem("ledger.entry_unknown", "", {"seq": seq}))


def _shown(stored: StoredEntry, event: Event) -> dict[str, Any]:
    return {
        "seq": stored.seq,
        "entry_hash": stored.hash.hex(),
        "recorded_at": from_ms(stored.columns["recorded_at"]),
        "kind": event.kind,
        "stream": event.stream,
        "actors": [actor.as_json() for actor in event.actors],
        "occurred_at": event.occurred_at,
        "idem": event.idem,
        "offline": event.offline,
        "body": dict(event.body),
        "commitments": dict(event.commitments),
    }
