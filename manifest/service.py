"""The judge that the writer asks: is this signed act allowed, and which rows and postings follow from it.

Everything is read through `Reads`, so that the writer can tell whether what was judged on still holds, and
everything that follows is returned as values. Who may sign is `authority`, what the law asks is `rules`,
where grams go is `postings`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime

from sqlalchemy import Table

from ledger.errors import Conflict, Malformed, NotAllowed, NotFound, Problem, RuleBroken, refuse
from ledger.format.event import Event
from ledger.storage.store import STREAM
from ledger.writing.changes import SEQ, Add, Change, Insert, Reads
from ledger.writing.prepared import Act
from manifest import authority, lookups, obligations, rules
from manifest.accounts import Posting, balanced
from manifest.acts import judge_act
from manifest.body import Body
from manifest.cases import contest, on_paper
from manifest.cases.events import Contested, ContestSettled
from manifest.claims import judge as claims
from manifest.claims.events import ClaimKept, ClaimResolved
from manifest.events import GENERATION_EVENTS, MANIFEST_EVENTS, PdfIssued, Registered, read_body
from manifest.findings import judge as findings
from manifest.findings.events import FINDING_EVENTS
from manifest.lots import following
from manifest.lots.batches import judge_batch
from manifest.lots.events import BATCH_EVENTS
from manifest.lots.judge import judge_generation
from manifest.lots.views import BATCH
from manifest.outages import judge as outages
from manifest.outages.events import BlanksIssued, IncidentRecorded
from manifest.reference import Reference, ReferenceRefused
from manifest.register import judge as register
from manifest.views import BALANCE, LOT, MANIFEST, PDF, POSTING
from manifest.vocabulary import local_date

# Streams that belong to the log, its rules, keys and documents, whatever a party may call its own things.
_RESERVED = re.compile(
    r"(log|reference|anchors|erasures|reconciliation)$|(rule|key|pdf|contest|claim|finding):"
)
_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class Judge:
    """Judges acts by an edition of the reference data; the ledger's own limits are laid over it."""

    def __init__(self, reference: Reference) -> None:
        self.reference = reference

    def __call__(self, reads: Reads, act: Act) -> tuple[Change, ...]:
        """Return what follows from a verified act; raise Refused when a rule forbids it."""
        event, now = act.event, act.now
        body = read_body(event.kind, event.body)
        reference = lookups.reference_at(reads, self.reference)
        skew = reference.rule("clock_skew_s", local_date(now)).integer
        refuse(rules.not_ahead(event.occurred_at, now, skew))
        refuse(_form(reads, event, body), Malformed)
        if event.offline and not isinstance(body, MANIFEST_EVENTS):
            refuse(_at_the_head(reads, event), Conflict)
        refuse(authority.signers(event, body), NotAllowed)
        if event.kind != "log.opened.v1":
            refuse(authority.acting(reads, event, body, act.keys, now), NotAllowed)
        refuse(rules.letters(event.body))
        changes: Sequence[Change]
        made: Sequence[Posting] = ()
        try:
            if isinstance(body, MANIFEST_EVENTS):
                changes, made = judge_act(reads, act, body, self.reference)
            elif isinstance(body, GENERATION_EVENTS):
                changes, made = judge_generation(reads, event, body, reference)
            elif isinstance(body, BATCH_EVENTS):
                changes, made = judge_batch(reads, event, body, reference)
            elif (found := _beside(reads, event, body, reference, now)) is not None:
                changes = found
            else:
                changes = register.judge(reads, event, body, act.keys, reference)
        except ReferenceRefused as refused:  # a limit that did not exist yet when the act is said to be
            raise RuleBroken(Problem(refused.code, "/occurred_at", refused.facts)) from refused
        if isinstance(body, MANIFEST_EVENTS):
            made = [replace(posting, manifest=event.stream) for posting in made]
        passed, credited = following.passed_on(reads, event, made)
        made = [*made, *credited]
        owed = obligations.followed(reads, event, made)
        assert balanced(made), f"postings of {event.kind} do not sum to zero"
        entered = on_paper.entered(event, body, act.keys)
        return (*changes, *entered, *passed, *owed, *_posted(reads, made, event.occurred_at))


def _beside(
    reads: Reads, event: Event, body: Body, reference: Reference, now: datetime
) -> Sequence[Change] | None:
    """Return the rows of an event that moves no waste and enters nothing in a register; None for others."""
    match body:
        case PdfIssued():
            return _pdf(reads, body)
        case ClaimKept() | ClaimResolved():
            return claims.judge_claim(reads, event, body)
        case IncidentRecorded() | BlanksIssued():
            return outages.judge_outage(reads, event, body, reference)
        case Contested() | ContestSettled():
            return contest.judge(reads, event, body, reference, now)
        case _ if isinstance(body, FINDING_EVENTS):
            return findings.judge(reads, event, body)
    return None


def _form(reads: Reads, event: Event, body: Body) -> Iterator[Problem]:
    """Yield a problem when an event is not in the stream where its kind belongs.

    Manifests, lots and batches share one kind of name, and nothing else may bear it: a foreign event in the
    stream of a manifest would make that manifest unreadable for good.
    """
    if isinstance(body, MANIFEST_EVENTS):
        good = _UUID7.fullmatch(event.stream) is not None
        taken = isinstance(body, Registered) and _named(reads, event.stream, LOT, BATCH)
    elif isinstance(body, GENERATION_EVENTS):
        good = event.stream == getattr(body, "lot", None)
        taken = _named(reads, event.stream, MANIFEST, BATCH)
    elif isinstance(body, BATCH_EVENTS):
        good = event.stream == getattr(body, "batch", None)
        taken = _named(reads, event.stream, LOT, MANIFEST)
    else:
        own = stream_of(body)
        good = event.stream == own
        named = event.kind.split(".")[0] in {
            "log",
            "edition",
            "rule",
            "key",
            "pdf",
            "checkpoint",
            "personal",
            "act",
            "claim",
            "finding",
            "reconciliation",
        }
        reserved = not named and _RESERVED.match(event.stream) is not None
        taken = reserved or _UUID7.fullmatch(event.stream) is not None
    if taken or not good:
        yield Problem("manifest.stream_wrong", "/stream")


def _at_the_head(reads: Reads, event: Event) -> Iterator[Problem]:
    """Yield a problem when an event names another than the newest of its stream: that is for manifests."""
    stream = reads.one(STREAM, name=event.stream)
    head = None if stream is None else stream["head"]
    if event.stream_prev != head:
        yield Problem("ledger.stale_stream", "/stream_prev", {"head": head or "null"})


def stream_of(body: Body) -> str | None:
    """Return the one stream in which an event belongs that is of no manifest, lot or batch."""
    match body:
        case PdfIssued():
            return f"pdf:{body.manifest}"
        case Contested() | ContestSettled():
            return contest.stream_of(body)
        case IncidentRecorded() | BlanksIssued():
            return outages.stream_of(body)
        case ClaimKept() | ClaimResolved():
            return claims.stream_of(body)
        case _ if isinstance(body, FINDING_EVENTS):
            return findings.stream_of(body)
    return register.stream_of(body)


def _named(reads: Reads, stream: str, *tables: Table) -> bool:
    """Tell whether a manifest, lot or batch of this id stands in one of these views."""
    return any(reads.one(table, **{table.name: stream}) is not None for table in tables)


def _pdf(reads: Reads, body: PdfIssued) -> list[Change]:
    known = reads.one(MANIFEST, manifest=body.manifest)
    if known is None or known["number"] != body.number:
        raise NotFound(Problem("manifest.unknown", "/body/manifest", {"manifest": body.manifest}))
    names = ("sha256", "manifest", "head", "size", "signatures")
    return [Insert(PDF, {**{name: getattr(body, name) for name in names}, "seq": SEQ})]


def _posted(reads: Reads, made: Iterable[Posting], at: datetime) -> Iterator[Change]:
    """Yield the journal rows of postings, and what they add to each balance.

    The balance is looked up so that it stands in the read set: a balance that another act has moved
    meanwhile sends this one back to be judged again.
    """
    day: date = local_date(at)
    sums: dict[tuple[str, str, str], int] = {}
    for n, posting in enumerate(made):
        row = {
            "seq": SEQ,
            "n": n,
            "account": posting.account.value,
            "place": posting.place,
            "lot": posting.lot,
            "grams": posting.grams,
            "reason": posting.reason.value,
            "posted_on": posting.on or day,
            "manifest": posting.manifest,
            "line": posting.line,
            "method": posting.method,
        }
        yield Insert(POSTING, row)
        where = (posting.lot, posting.account.value, posting.place)
        sums[where] = sums.get(where, 0) + posting.grams
    for (lot, account, place), grams in sums.items():
        reads.one(BALANCE, lot=lot, account=account, place=place)
        if grams:
            key = {"lot": lot, "account": account, "place": place}
            yield Add(BALANCE, key, "grams", grams)
