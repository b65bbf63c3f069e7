"""Judging claims: what may be kept, who decides, and which refusals a decision lifts."""

import base64
import binascii

from ledger.errors import Conflict, Malformed, Problem, Refused, RuleBroken
from ledger.format.entry import Envelope, parse_envelope
from ledger.format.event import Event, parse
from ledger.writing.changes import SEQ, Change, Insert, Put, Reads
from manifest.claims.events import ClaimKept, ClaimResolved, Outcome
from manifest.claims.views import CLAIM

KEPT = "kept"
# What a decision may lift: limits of permits, dates and plausibility, who was planned. Whatever the mass
# accounts rest on (who has what in hand, how much there is) no decision can make so (decision B18).
WAIVABLE = frozenset(
    {
        "manifest.date_out_of_order", "manifest.permit_lacks_code",
        "manifest.permit_lacks_method", "manifest.permit_not_valid", "manifest.permit_suspended",
        "manifest.permit_used_up",
        "manifest.plate_invalid", "manifest.taker_not_planned", "manifest.third_facility",
        "manifest.time_out_of_order", "manifest.too_heavy_for_containers", "manifest.too_heavy_for_road",
        "manifest.too_heavy_for_vehicle", "manifest.too_many_permit_holders", "manifest.vehicle_not_own",
        "manifest.approval_missing", "manifest.number_of_other_year", "manifest.order_matters",
    }
)  # fmt: skip


def stream_of(body: ClaimKept | ClaimResolved) -> str:
    """Return the stream of a claim."""
    return f"claim:{body.claim}"


def judge_claim(reads: Reads, event: Event, body: ClaimKept | ClaimResolved) -> list[Change]:
    """Return the rows of a claim; raise Refused when there is nothing to keep or to decide."""
    if isinstance(body, ClaimKept):
        return [_kept(reads, body)]
    row = reads.one(CLAIM, claim=body.claim)
    if row is None:
        raise RuleBroken(Problem("manifest.claim_unknown", "/body/claim", {"claim": body.claim}))
    if row["state"] != KEPT:
        raise Conflict(Problem("manifest.claim_decided", "/body/claim", {"state": row["state"]}))
    decided = {"state": body.outcome.value, "reason": body.reason, "seq": SEQ}
    return [Put(CLAIM, {"claim": body.claim}, {**decided, "decided_by": event.actors[0].party})]


def _kept(reads: Reads, body: ClaimKept) -> Change:
    envelope, claimed = opened(body)
    if claimed.stream != body.manifest or not claimed.kind.startswith("manifest."):
        raise RuleBroken(Problem("manifest.claim_of_other_stream", "/body/manifest"))
    if envelope.hash != body.envelope_hash:
        raise RuleBroken(Problem("manifest.claim_differs", "/body/envelope_hash"))
    if reads.rows(CLAIM, envelope_hash=body.envelope_hash) or reads.one(CLAIM, claim=body.claim):
        raise Conflict(Problem("manifest.claim_kept_already", "/body/envelope_hash"))
    row = {
        "claim": body.claim,
        "manifest": body.manifest,
        "envelope_hash": body.envelope_hash,
        "kind": claimed.kind,
        "parties": ",".join(actor.party for actor in claimed.actors),
        "occurred_at": claimed.occurred_at,
        "codes": ",".join(body.codes),
        "state": KEPT,
        "reason": None,
        "decided_by": None,
        "kept_seq": SEQ,
        "seq": SEQ,
    }
    return Insert(CLAIM, row)


def opened(body: ClaimKept) -> tuple[Envelope, Event]:
    """Return the envelope that a claim keeps, and its event; raise Malformed when it is none."""
    try:
        envelope = parse_envelope(base64.b64decode(body.envelope, validate=True))
        return envelope, parse(envelope.event)
    except (binascii.Error, Refused) as error:
        raise Malformed(Problem("manifest.claim_illegible", "/body/envelope")) from error


def lifted(reads: Reads, envelope_hash: str) -> frozenset[str]:
    """Return the codes that no longer refuse an act, because an authority has accepted the claim of it."""
    accepted = [
        row for row in reads.rows(CLAIM, envelope_hash=envelope_hash) if row["state"] == Outcome.ACCEPTED
    ]
    named = frozenset(code for row in accepted for code in row["codes"].split(","))
    if "ledger.stale_stream" in named:
        # What was kept before such acts could stand at all was not asked whether its order matters.
        named |= {"manifest.order_matters"}
    return named & WAIVABLE
