"""Contesting an act that another entered: the party says that it was not so, and the grade falls.

An authority settles it. Where the act stands, the manifest has its grade again; where it does not, the grade
stays and a correction puts the act right.
"""

from datetime import datetime, timedelta

from ledger.errors import Conflict, NotAllowed, NotFound, Problem, RuleBroken
from ledger.format.event import Event
from ledger.writing.changes import SEQ, Change, Insert, Put, Reads
from manifest.cases.events import Contested, ContestSettled
from manifest.cases.views import CONTEST, ENTERED_ACT
from manifest.reference import Reference
from manifest.views import MANIFEST
from manifest.vocabulary import ContestOutcome, Role, local_date


def stream_of(body: Contested | ContestSettled) -> str:
    """Return the stream of a contest: one for each act, so that nobody contests it twice."""
    return f"contest:{body.seq}"


def judge(
    reads: Reads, event: Event, body: Contested | ContestSettled, reference: Reference, now: datetime
) -> list[Change]:
    """Return the rows of a contest or of its settlement; raise Refused when it may not be."""
    if isinstance(body, ContestSettled):
        return _settled(reads, event, body)
    return _contested(reads, event, body, reference, now)


def _contested(
    reads: Reads, event: Event, body: Contested, reference: Reference, now: datetime
) -> list[Change]:
    """Return the rows of a contest; raise Refused unless the act was entered for this party, not long ago.

    An authority may contest for anybody. The days count from the day on which the act was recorded to
    ``now``: whoever comes late does not come in time by saying so.
    """
    rows = reads.rows(ENTERED_ACT, seq=body.seq)
    if not rows:
        raise RuleBroken(Problem("manifest.act_not_entered", "/body/seq"))
    actor = event.actors[0]
    row = next((row for row in rows if row["party"] == actor.party), None)
    if row is None:
        if actor.role != Role.AUTHORITY:
            raise NotAllowed(Problem("manifest.act_not_yours", "/actors/0/party"))
        row = rows[0]
    if reads.one(CONTEST, act_seq=body.seq) is not None:
        raise Conflict(Problem("manifest.contested_already", "/body/seq"))
    entered_on = local_date(row["recorded_at"])
    until = entered_on + timedelta(days=reference.rule("contest_limit_days", entered_on).integer)
    if local_date(max(event.occurred_at, now)) > until:
        raise RuleBroken(Problem("manifest.contest_too_late", "/occurred_at", {"until": until.isoformat()}))
    made: list[Change] = [
        Insert(
            CONTEST,
            {
                "act_seq": body.seq,
                "stream": row["stream"],
                "party": row["party"],
                "contested_by": actor.party,
                "contested_at": event.occurred_at,
                "reason": body.reason,
                "seq": SEQ,
            },
        )
    ]
    return [*made, *_count(reads, row["stream"], 1)]


def _settled(reads: Reads, event: Event, body: ContestSettled) -> list[Change]:
    row = reads.one(CONTEST, act_seq=body.seq)
    if row is None:
        raise NotFound(Problem("manifest.contest_unknown", "/body/seq"))
    if row["settled_at"] is not None:
        raise Conflict(Problem("manifest.contest_settled_already", "/body/seq"))
    actor = event.actors[0]
    own = actor.party == row["contested_by"]
    # Who contests may take it back and no more; who decides must be another.
    if own != (body.outcome is ContestOutcome.WITHDRAWN) or not (own or actor.role == Role.AUTHORITY):
        raise NotAllowed(Problem("manifest.contest_not_yours", "/body/outcome"))
    settled = {
        "settled_by": actor.party,
        "settled_at": event.occurred_at,
        "outcome": body.outcome.value,
        "settled_reason": body.reason,
    }
    made: list[Change] = [Put(CONTEST, {"act_seq": body.seq}, settled)]
    return made if body.outcome is ContestOutcome.UPHELD else [*made, *_count(reads, row["stream"], -1)]


def _count(reads: Reads, stream: str, by: int) -> list[Change]:
    manifest = reads.one(MANIFEST, manifest=stream)
    if manifest is None:
        return []
    return [Put(MANIFEST, {"manifest": stream}, {"contested": manifest["contested"] + by})]
