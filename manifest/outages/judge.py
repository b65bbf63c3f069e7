"""Judging outages: an incident that is over, and blanks within a party's own block."""

from collections.abc import Iterator
from datetime import datetime

from ledger.errors import Conflict, Malformed, NotAllowed, Problem, RuleBroken, refuse
from ledger.format.event import Event, parse_time
from ledger.storage.db import Reader, Row
from ledger.storage.store import rows
from ledger.writing.changes import SEQ, Change, Insert, Reads
from manifest.events import Registered
from manifest.outages.events import BlanksIssued, IncidentRecorded
from manifest.outages.views import BLANKS, INCIDENT
from manifest.reference import Reference
from manifest.views import MANIFEST, NUMBER_BLOCK
from manifest.vocabulary import Entering, Role, local_date


def stream_of(body: IncidentRecorded | BlanksIssued) -> str:
    """Return the stream of an incident, or of a set of blanks."""
    return body.incident if isinstance(body, IncidentRecorded) else body.blanks


def judge_outage(
    reads: Reads, event: Event, body: IncidentRecorded | BlanksIssued, reference: Reference
) -> list[Change]:
    """Return the rows of an outage event; raise Refused when a rule forbids it."""
    if isinstance(body, IncidentRecorded):
        return _incident(reads, event, body, reference)
    return _blanks(reads, event, body)


def _incident(reads: Reads, event: Event, body: IncidentRecorded, reference: Reference) -> list[Change]:
    started, ended = _moment(body.started_at, "started_at"), _moment(body.ended_at, "ended_at")
    problems = []
    if started >= ended:
        problems.append(Problem("manifest.period_empty", "/body/ended_at"))
    if ended > event.occurred_at:
        problems.append(Problem("manifest.time_in_future", "/body/ended_at"))
    longest = reference.rule("incident_longest_hours", local_date(event.occurred_at)).integer
    if (ended - started).total_seconds() > longest * 3600:
        problems.append(Problem("manifest.incident_too_long", "/body/ended_at", {"limit": longest}))
    if reads.one(INCIDENT, incident=body.incident) is not None:
        problems.append(Problem("manifest.incident_known_already", "/body/incident"))
    refuse(problems)
    row = {"incident": body.incident, "started_at": started, "ended_at": ended, "reason": body.reason}
    return [Insert(INCIDENT, {**row, "seq": SEQ})]


def _moment(text: str, name: str) -> datetime:
    try:
        return parse_time(text)
    except ValueError as error:  # a day that no calendar has
        raise Malformed(Problem("manifest.field_invalid", f"/body/{name}")) from error


def _blanks(reads: Reads, event: Event, body: BlanksIssued) -> list[Change]:
    block = reads.one(NUMBER_BLOCK, block=body.block)
    if block is None:
        raise RuleBroken(Problem("manifest.block_unknown", "/body/block"))
    actor = event.actors[0]
    if actor.role not in {Role.OPERATOR, Role.AUTHORITY} and actor.party != block["party"]:
        raise NotAllowed(Problem("manifest.block_not_yours", "/body/block"))
    if reads.one(BLANKS, blanks=body.blanks) is not None:
        raise Conflict(Problem("manifest.blanks_known_already", "/body/blanks"))
    refuse(_free(reads, body, block))
    names = ("blanks", "block", "first", "last", "sha256")
    row = {name: getattr(body, name) for name in names}
    return [Insert(BLANKS, {**row, "issuer": block["issuer"], "year": block["year"], "seq": SEQ})]


def _free(reads: Reads, body: BlanksIssued, block: Row) -> Iterator[Problem]:
    issuer, year = block["issuer"], block["year"]
    if not block["first"] <= body.first <= body.last <= block["last"]:
        yield Problem("manifest.number_not_allocated", "/body/first", {"number": f"{body.first}–{body.last}"})
        return
    for other in reads.rows(BLANKS, issuer=issuer, year=year):
        if body.first <= other["last"] and other["first"] <= body.last:
            yield Problem("manifest.numbers_overlap", "/body/first", {"block": other["blanks"]})
    taken = (
        number
        for number in range(body.first, body.last + 1)
        if reads.one(MANIFEST, issuer=issuer, year=year, sequence=number) is not None
    )
    if (number := next(taken, None)) is not None:
        yield Problem("manifest.number_taken", "/body/first", {"number": f"{number}/{year}/{issuer}"})


def on_blank(reads: Reads, body: Registered) -> Iterator[Problem]:
    """Yield a problem when a number that is printed on a blank is registered without the paper."""
    number = body.number
    for row in reads.rows(BLANKS, issuer=number.issuer, year=number.year):
        if row["first"] <= number.sequence <= row["last"] and not _bears(body):
            yield Problem("manifest.number_on_blank", "/body/number", {"number": str(number)})


def _bears(body: Registered) -> bool:
    """Tell whether a registration comes with a signed paper: what was told to a helper is none."""
    return any(one.how is Entering.PAPER for one in body.on_paper)


def outages(reader: Reader, log: int) -> list[tuple[datetime, datetime]]:
    """Return the times in which the system was down, for the clocks that pause meanwhile."""
    return [(row["started_at"], row["ended_at"]) for row in rows(reader, INCIDENT, log=log)]
