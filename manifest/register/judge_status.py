"""Judging the status of an entry of any register: confirmed by an authority, suspended, resumed, ended."""

from datetime import date, timedelta

from ledger.errors import Problem, refuse
from ledger.format.event import Event
from ledger.format.keys import Key
from ledger.storage.db import Row
from ledger.writing.changes import SEQ, Change, Insert, Put, Reads
from manifest import rules
from manifest.reference import Reference
from manifest.register import entering
from manifest.register.entering import KEPT, Judges
from manifest.register.parties import EntryConfirmed, EntryEnded, EntryResumed, EntrySuspended
from manifest.register.views import SUSPENSION
from manifest.vocabulary import Register, Role, local_date

# Whose admission may be suspended: those who hand waste on, not those who keep the log or the registers.
_SUSPENDABLE = {Role.GENERATOR.value, Role.TRANSPORTER.value, Role.TREATMENT_FACILITY.value}


def _unknown(body: EntryConfirmed | EntryEnded | EntrySuspended | EntryResumed) -> Problem:
    return Problem("manifest.entry_unknown", "/body/entry", {"register": body.register.value})


def _known(reads: Reads, body: EntryEnded | EntrySuspended | EntryResumed, *, allowed: bool) -> Row:
    """Return the row of an entry; raise RuleBroken when there is none, or no such status for its kind."""
    if not allowed:
        facts = {"register": body.register.value}
        refuse([Problem("manifest.not_for_register", "/body/register", facts)])
    rows = entering.entry(reads, body.register, body.entry)
    if not rows:
        refuse([_unknown(body)])
    return rows[0]


def _confirmed(
    reads: Reads, event: Event, body: EntryConfirmed, _keys: tuple[Key, ...], _reference: Reference
) -> list[Change]:
    """Judge a confirmation: all of the entry that was its holder's word so far is confirmed with it."""
    kept = KEPT[body.register]
    tables = [(table, reads.rows(table, **{kept.name: body.entry})) for table in (kept.table, *kept.parts)]
    if not any(rows for _, rows in tables):
        refuse([_unknown(body)])
    changes: list[Change] = [
        Put(table, entering.key_of(table, row), {"confirmed": True})
        for table, rows in tables
        for row in rows
        if not row["confirmed"]
    ]
    if not changes:
        refuse([Problem("manifest.confirmed_already", "/body/entry")])
    return [*changes, *entering.confirmation(event, body.register, body.entry, body.document_sha256)]


def _ended(
    reads: Reads, event: Event, body: EntryEnded, _keys: tuple[Key, ...], _reference: Reference
) -> list[Change]:
    kept = KEPT[body.register]
    row = _known(reads, body, allowed=kept.ends)
    actor, today = event.actors[0], local_date(event.occurred_at)
    problems = []
    point = body.register is Register.COLLECTION_POINT and actor.role == Role.OPERATOR
    if not entering.by_authority(event):
        adverse = body.register is Register.CERTIFICATE and row["confirmed"] and not row["below_threshold"]
        if adverse or (not point and actor.party not in entering.owners(body.register, [row])):
            problems.append(Problem("manifest.not_your_document", "/body/entry"))
        # Only an authority may say that something had ended before.
        problems += rules.dates("/body/last_day", body.last_day, earliest=today, latest=date.max)
    if body.last_day < row["valid_from"]:
        problems.append(Problem("manifest.period_empty", "/body/last_day"))
    if row["valid_to"] is not None and body.last_day >= row["valid_to"]:
        problems.append(Problem("manifest.nothing_changes", "/body/last_day"))
    refuse(problems)
    return [Put(kept.table, entering.key_of(kept.table, row), {"valid_to": body.last_day, "seq": SEQ})]


def _suspended(
    reads: Reads, _event: Event, body: EntrySuspended, _keys: tuple[Key, ...], _reference: Reference
) -> list[Change]:
    kept = KEPT[body.register]
    row = _known(reads, body, allowed=kept.pauses)
    problems = list(entering.period(body))
    if body.register is Register.ORGANISATION and not set(row["roles"].split(",")) <= _SUSPENDABLE:
        facts = {"register": body.register.value}
        problems.append(Problem("manifest.not_for_register", "/body/entry", facts))
    if entering.meets(reads.rows(SUSPENSION, kept_in=body.register.value, entry=body.entry), body):
        problems.append(Problem("manifest.suspended_already", "/body/valid_from"))
    refuse(problems)
    told = {name: getattr(body, name) for name in ("entry", "valid_from", "valid_to", "reason")}
    told |= {"kept_in": body.register.value, "seq": SEQ}
    return [Insert(SUSPENSION, told), Put(kept.table, entering.key_of(kept.table, row), {"dated": True})]


def _resumed(
    reads: Reads, _event: Event, body: EntryResumed, _keys: tuple[Key, ...], _reference: Reference
) -> list[Change]:
    kept = KEPT[body.register]
    _known(reads, body, allowed=kept.pauses)
    running = [
        row
        for row in reads.rows(SUSPENSION, kept_in=body.register.value, entry=body.entry)
        if row["valid_from"] < body.valid_from <= (row["valid_to"] or date.max)
    ]
    if not running:
        refuse([Problem("manifest.not_suspended", "/body/valid_from")])
    until = body.valid_from - timedelta(days=1)
    return [
        Put(SUSPENSION, entering.key_of(SUSPENSION, row), {"valid_to": until, "seq": SEQ}) for row in running
    ]


JUDGES: Judges = {
    EntryConfirmed: _confirmed,
    EntryEnded: _ended,
    EntrySuspended: _suspended,
    EntryResumed: _resumed,
}
