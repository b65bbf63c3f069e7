"""Contesting an act that another entered: the party says that it was not so, and the grade falls."""

from datetime import timedelta

from ledger.errors import Conflict, NotAllowed, Problem, RuleBroken
from ledger.format.event import Event
from ledger.writing.changes import SEQ, Change, Insert, Put, Reads
from manifest.cases.events import Contested
from manifest.cases.views import CONTEST, ENTERED_ACT
from manifest.reference import Reference
from manifest.views import MANIFEST
from manifest.vocabulary import Role, local_date


def stream_of(body: Contested) -> str:
    """Return the stream of a contest: one for each act, so that nobody contests it twice."""
    return f"contest:{body.seq}"


def judge_contest(reads: Reads, event: Event, body: Contested, reference: Reference) -> list[Change]:
    """Return the rows of a contest; raise Refused unless the act was entered for this party, not long ago.

    An authority may contest for anybody. The days count from the day on which the act was recorded.
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
    if local_date(event.occurred_at) > until:
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
    manifest = reads.one(MANIFEST, manifest=row["stream"])
    if manifest is not None:
        made.append(Put(MANIFEST, {"manifest": row["stream"]}, {"contested": manifest["contested"] + 1}))
    return made
