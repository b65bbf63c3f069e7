"""Judging the events of findings: what a run may say, who may do what, and how a finding stands then."""

from typing import Any

import orjson

from ledger.errors import Conflict, NotAllowed, NotFound, Problem, RuleBroken
from ledger.format.event import Event, parse_time
from ledger.storage.db import Row
from ledger.writing.changes import SEQ, Change, Insert, Put, Reads
from manifest.body import Body
from manifest.findings import events as e
from manifest.findings.views import FINDING, FINDING_PARTY, RUN
from manifest.vocabulary import FindingStatus, Role

RUNS = "reconciliation"
_OPEN = {FindingStatus.OPEN, FindingStatus.ACKNOWLEDGED, FindingStatus.EXPLAINED}
# (how it stands, what happens) -> how it stands then. A run's word never moves what people have said, but for
# opening again what was closed.
MOVES: dict[tuple[FindingStatus, type[Body]], FindingStatus] = {
    **{(status, e.FindingAcknowledged): status for status in _OPEN - {FindingStatus.OPEN}},
    (FindingStatus.OPEN, e.FindingAcknowledged): FindingStatus.ACKNOWLEDGED,
    **{(status, e.FindingExplained): FindingStatus.EXPLAINED for status in _OPEN},
    **{(status, e.FindingAssigned): status for status in _OPEN},
    **{(status, e.FindingClosed): FindingStatus.CLOSED for status in _OPEN},
    (FindingStatus.CLOSED, e.FindingReopened): FindingStatus.OPEN,
    (FindingStatus.CLOSED, e.FindingOpened): FindingStatus.OPEN,
    **{(status, e.FindingOpened): status for status in _OPEN},
    **{(status, e.FindingChanged): status for status in _OPEN},
    **{(status, e.FindingLapsed): status for status in FindingStatus},
}


def stream_of(body: Body) -> str:
    """Return the stream of a finding's event, or of the runs."""
    return RUNS if isinstance(body, e.Reconciled) else f"finding:{_name(body)}"


def _name(body: Body) -> str:
    return str(getattr(body, "finding"))  # noqa: B009  every event of a finding names it


def judge(reads: Reads, event: Event, body: Body) -> list[Change]:
    """Return the rows of a finding's event; raise Refused when it may not be."""
    if isinstance(body, e.Reconciled):
        return [_run(reads, body)]
    row = reads.one(FINDING, finding=_name(body))
    if row is None:
        if not isinstance(body, e.FindingOpened):
            raise NotFound(Problem("manifest.finding_unknown", "/body/finding"))
        return _new(event, body)
    status = FindingStatus(row["status"])
    target = MOVES.get((status, type(body)))
    if target is None or not _news(row, body):
        facts = {"status": status.value, "event": event.kind}
        raise Conflict(Problem("manifest.finding_stands_so", "/kind", facts))
    if type(body) in e.OF_PEOPLE:
        _concerned(reads, event, row)
    key = {"finding": row["finding"]}
    changes: list[Change] = [Put(FINDING, key, {"status": target.value, "seq": SEQ, **_columns(event, body)})]
    if isinstance(body, e.FindingOpened | e.FindingChanged):
        changes += [Put(FINDING_PARTY, {**key, "party": party}, {}) for party in body.parties]
    return changes


def _news(row: Row, body: Body) -> bool:
    """Tell whether a run's word changes how a finding stands: it lapses once, and opens again after that."""
    lapsed = row["lapsed_at"] is not None
    match body:
        case e.FindingLapsed():
            return not lapsed
        case e.FindingOpened():
            return lapsed or row["status"] == FindingStatus.CLOSED
        case e.FindingChanged():
            return not lapsed
    return True


def _concerned(reads: Reads, event: Event, row: Row) -> None:
    """Raise NotAllowed when whoever acts is neither a party of the finding nor an authority."""
    actor = event.actors[0]
    party = reads.one(FINDING_PARTY, finding=row["finding"], party=actor.party)
    if actor.role != Role.AUTHORITY and party is None:
        raise NotAllowed(Problem("manifest.finding_not_yours", "/actors/0/party"))


def _new(event: Event, body: e.FindingOpened) -> list[Change]:
    row = {
        "finding": body.finding,
        "rule": body.rule,
        "subject": body.subject,
        "status": FindingStatus.OPEN.value,
        "opened_at": event.occurred_at,
        "opened_seq": SEQ,
        "assigned_to": None,
        "due_on": None,
        "seq": SEQ,
        **_columns(event, body),
    }
    parties = [Insert(FINDING_PARTY, {"finding": body.finding, "party": party}) for party in body.parties]
    return [Insert(FINDING, row), *parties]


def _columns(event: Event, body: Body) -> dict[str, Any]:
    """Return what an event says of a finding, as columns of its row."""
    match body:
        case e.FindingOpened():
            return {**_seen(body), "version": body.version, "lapsed_at": None, "outcome": None}
        case e.FindingChanged():
            return _seen(body)
        case e.FindingLapsed():
            return {"lapsed_at": event.occurred_at, "run": body.run}
        case e.FindingAssigned():
            return {"assigned_to": body.to, "due_on": body.due_on}
        case e.FindingClosed():
            return {"outcome": body.outcome.value}
        case e.FindingReopened():
            return {"outcome": None}
    return {}


def _seen(body: e.FindingOpened | e.FindingChanged) -> dict[str, Any]:
    return {
        "grams": body.grams,
        "since": body.since,
        "entries": ",".join(map(str, body.entries)),
        "facts": orjson.dumps({one.name: one.value for one in body.facts}).decode(),
        "run": body.run,
    }


def _run(reads: Reads, body: e.Reconciled) -> Change:
    if reads.one(RUN, run=body.run) is not None:
        raise Conflict(Problem("manifest.run_recorded", "/body/run"))
    if body.size == 0:
        raise RuleBroken(Problem("manifest.run_of_nothing", "/body/size"))
    row: dict[str, Any] = {
        name: sum(getattr(one, name) for one in body.rules)
        for name in ("found", "opened", "changed", "lapsed")
    }
    row |= {
        "run": body.run,
        "mode": body.mode.value,
        "size": body.size,
        "root": body.root,
        "as_of": body.as_of,
        "reference": body.reference,
        "rules": ",".join(one.rule for one in body.rules),
        "started_at": parse_time(body.started_at),
        "duration_ms": body.duration_ms,
        "seq": SEQ,
    }
    return Insert(RUN, row)
