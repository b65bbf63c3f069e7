"""Keeping what was refused: an act that happened is signed, and its bytes are not lost for being refused."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from api.acting import Done, repeated, sealed, submit
from api.desk import Desk
from api.reading import Given
from api.recorder import record
from ledger.errors import Malformed, NotFound, Problem, Refused
from ledger.format.entry import parse_envelope
from ledger.format.event import Event, parse
from ledger.ids import uuid7
from ledger.personal.vault import Secret
from ledger.storage.db import reading
from ledger.storage.store import entry_at, rows
from manifest.claims.events import MAX_ENVELOPE_CHARS, ClaimKept
from manifest.claims.judge import opened, stream_of
from manifest.claims.views import CLAIM
from manifest.events import MANIFEST_EVENTS, read_body


@dataclass(frozen=True, slots=True)
class Claimed:
    """An act that was refused and is kept: the claim, and what refused it."""

    claim: str
    refused: Refused


def submit_or_keep(desk: Desk, data: bytes, *, secrets: Sequence[Secret] = ()) -> Done | Claimed:
    """Record an envelope, or keep it as a claim when a rule refuses what its parties signed.

    Only an act of a manifest is kept, and only when it is in order but for the rules: whoever may not act, an
    unknown key or a broken signature is refused as ever. The same bytes are kept once.
    """
    try:
        return submit(desk, data, secrets=secrets)
    except (Malformed, NotFound):
        raise
    except Refused as refused:
        envelope = parse_envelope(data)
        event = parse(envelope.event)
        if not _keepable(event, refused):
            raise
        kept = _claim_of(desk, envelope.hash)
        return Claimed(kept or _keep(desk, data, event, envelope.hash, refused), refused)


def act_or_keep(
    desk: Desk, kind: str, given: Given, *, stream: str | None = None, role: str | None = None
) -> Done | Claimed:
    """Sign an act of one actor with the party's key in custody, and record it or keep it as a claim."""
    if (done := repeated(desk, kind, given, stream)) is not None:
        return done
    data = sealed(desk, kind, given, stream=stream, role=role)
    return submit_or_keep(desk, data, secrets=tuple(given.secrets.values()))


def _claim_of(desk: Desk, envelope_hash: str) -> str | None:
    """Return the claim that keeps an envelope, or None."""
    with reading(desk.home.engine) as reader:
        found = rows(reader, CLAIM, log=desk.home.ledger.log, envelope_hash=envelope_hash)
    return str(found[0]["claim"]) if found else None


def _keepable(event: Event, refused: Refused) -> bool:
    of_manifest = event.kind in {kind.kind for kind in MANIFEST_EVENTS}
    by_rule = all(
        problem.code.startswith("manifest.") or problem.code == "ledger.stale_stream"
        for problem in refused.problems
    )
    stranger = any(problem.path.startswith("/actors") for problem in refused.problems)
    return of_manifest and by_rule and not stranger


def _keep(desk: Desk, data: bytes, event: Event, envelope_hash: str, refused: Refused) -> str:
    text = base64.b64encode(data).decode()
    if len(text) > MAX_ENVELOPE_CHARS:
        raise Malformed(Problem("api.claim_too_large", "", {"limit": MAX_ENVELOPE_CHARS})) from refused
    now = desk.home.clock()
    body = ClaimKept(
        claim=uuid7(now),
        manifest=event.stream,
        envelope=text,
        envelope_hash=envelope_hash,
        codes=tuple(sorted({problem.code for problem in refused.problems})),
    )
    service = desk.home.service()
    stream = stream_of(body)
    record(desk.home.ledger, body, [service], stream=stream, occurred_at=now, now=now)
    return body.claim


def carry_out(desk: Desk, claim: str) -> Done:
    """Record what an accepted claim keeps, from its own bytes; raise Refused when it still cannot stand."""
    with reading(desk.home.engine) as reader:
        log = desk.home.ledger.log
        row = rows(reader, CLAIM, log=log, claim=claim)[0]
        stored = entry_at(reader, log, row["kept_seq"])
    assert stored is not None, "a claim stands in the ledger"
    event = parse(stored.event)
    body = read_body(event.kind, event.body)
    assert isinstance(body, ClaimKept), "the entry of a claim keeps an envelope"
    return submit(desk, opened(body)[0].to_bytes())
