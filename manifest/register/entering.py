"""What entering anything has in common: the rows of an entry, whose word it is, and what replaces what."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Table

from ledger.errors import Problem, refuse
from ledger.format.event import Event
from ledger.format.keys import Key
from ledger.storage.db import Row
from ledger.writing.changes import SEQ, Change, Insert, Put, Reads
from manifest.body import Body
from manifest.reference import Reference, ReferenceRefused
from manifest.register.views import (
    CERTIFICATE,
    COLLECTION_POINT,
    CONFIRMATION,
    CONTRACT,
    LINKAGE,
    REGISTRATION,
    TREATMENT_LINE,
    VEHICLE,
    ZONE,
    ZONE_FACT,
)
from manifest.views import (
    APPROVAL,
    MANDATE,
    ORGANISATION,
    PERMIT,
    PERMIT_LINE,
    PERMIT_VEHICLE,
    PLAN_LINE,
    SITE,
)
from manifest.vocabulary import Register, Role, local_date

Judge = Callable[[Reads, Event, Any, tuple[Key, ...], Reference], list[Change]]
Judges = Mapping[type[Body], Judge]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How a register is kept: its table, the column of an entry's name, whose it is, further rows of it.

    ``ends`` tells whether an entry can be ended, ``pauses`` whether it can be suspended.
    """

    table: Table
    name: str
    owners: tuple[str, ...] = ("party",)
    parts: tuple[Table, ...] = ()
    ends: bool = False
    pauses: bool = False


KEPT: dict[Register, Kept] = {
    Register.ORGANISATION: Kept(table=ORGANISATION, name="party", pauses=True),
    Register.SITE: Kept(table=SITE, name="site"),
    Register.ZONE: Kept(table=ZONE, name="zone", owners=(), parts=(ZONE_FACT,)),
    Register.PERMIT: Kept(
        table=PERMIT, name="permit", parts=(PERMIT_LINE, PERMIT_VEHICLE), ends=True, pauses=True
    ),
    Register.APPROVAL: Kept(table=APPROVAL, name="approval", owners=("carrier", "facility"), ends=True),
    Register.MANDATE: Kept(table=MANDATE, name="mandate", owners=("principal", "agent")),
    Register.PLAN: Kept(table=PLAN_LINE, name="plan"),
    Register.REGISTRATION: Kept(table=REGISTRATION, name="registration", ends=True),
    Register.CONTRACT: Kept(
        table=CONTRACT, name="contract", owners=("generator", "facility", "third"), ends=True
    ),
    Register.COLLECTION_POINT: Kept(table=COLLECTION_POINT, name="point", owners=("operator",), ends=True),
    Register.CERTIFICATE: Kept(table=CERTIFICATE, name="certificate", ends=True),
    Register.LINKAGE: Kept(table=LINKAGE, name="linkage", owners=("first", "second"), ends=True),
    Register.TREATMENT_LINE: Kept(table=TREATMENT_LINE, name="treatment_line"),
    Register.VEHICLE: Kept(table=VEHICLE, name="vehicle", ends=True),
}


def entry(reads: Reads, register: Register, name: str) -> list[Row]:
    """Return the rows of an entry: one, or one for each version or line; none when it is unknown."""
    kept = KEPT[register]
    return reads.rows(kept.table, **{kept.name: name})


def owners(register: Register, rows: Iterable[Row]) -> set[str]:
    """Return the parties whose entry these rows are."""
    return {row[column] for row in rows for column in KEPT[register].owners if row[column]}


def key_of(table: Table, row: Row) -> dict[str, Any]:
    """Return the primary key of a row within its log."""
    return {c.name: row[c.name] for c in table.primary_key.columns if c.name != "log"}


def new(reads: Reads, register: Register, name: str) -> Iterator[Problem]:
    """Yield a problem when a register has an entry of that name already."""
    if entry(reads, register, name):
        path = f"/body/{KEPT[register].name}"
        yield Problem("manifest.entry_known_already", path, {"register": register.value})


def party_known(reads: Reads, party: str | None, path: str, role: Role | None = None) -> Iterator[Problem]:
    """Yield a problem when a party is not registered, or has not the role."""
    if party is None:
        return
    row = reads.one(ORGANISATION, party=party)
    if row is None:
        yield Problem("manifest.party_unknown", path, {"party": party})
    elif role is not None and role.value not in row["roles"].split(","):
        yield Problem("manifest.role_not_held", path, {"role": role.value})


def site_of(reads: Reads, site: str, party: str, path: str = "/body/site") -> Iterator[Problem]:
    """Yield a problem when a site is not a party's."""
    row = reads.one(SITE, site=site)
    if row is None or row["party"] != party:
        yield Problem("manifest.site_not_yours", path)


def area_known(reference: Reference, code: str | None, on: date, path: str) -> Iterator[Problem]:
    """Yield a problem when the map of a day has no unit of that code; none is none."""
    if code is None:
        return
    try:
        reference.area(code, on)
    except ReferenceRefused as refused:
        yield Problem(refused.code, path, refused.facts)


def word_of(
    event: Event, parties: Iterable[str], document: str | None, path: str
) -> tuple[bool, list[Problem]]:
    """Tell whether a paper is confirmed, which an authority's signature does.

    Else it is the word of one of its parties, who needs the paper's hash.
    """
    actor = event.actors[0]
    if actor.role == Role.AUTHORITY:
        return True, []
    problems = []
    if actor.party not in set(parties):
        problems.append(Problem("manifest.not_your_document", path))
    if document is None:
        problems.append(Problem("manifest.document_missing", "/body/document_sha256"))
    return False, problems


def by_authority(event: Event) -> bool:
    """Tell whether an authority signs."""
    return event.actors[0].role == Role.AUTHORITY


def confirmation(event: Event, register: Register, name: str, document: str | None) -> list[Change]:
    """Return who confirms an entry and when, if an authority signs; else nothing."""
    if not by_authority(event):
        return []
    row = {
        "authority": event.actors[0].party,
        "confirmed_on": local_date(event.occurred_at),
        "document_sha256": document,
        "seq": SEQ,
    }
    return [Put(CONFIRMATION, {"kept_in": register.value, "entry": name}, row)]


def period(body: Any) -> Iterator[Problem]:
    """Yield a problem when a time ends before it begins."""
    if body.valid_to is not None and body.valid_to < body.valid_from:
        yield Problem("manifest.period_empty", "/body/valid_to")


def meets(rows: Iterable[Row], body: Any) -> bool:
    """Tell whether one of these rows holds on a day of the time that an event names."""
    last = body.valid_to or date.max
    return any(row["valid_from"] <= last and body.valid_from <= (row["valid_to"] or date.max) for row in rows)


# Before any law on hazardous waste: an earlier day is a slip of the pen.
_EARLIEST = date(1990, 1, 1)


def supersede(
    known: Iterable[Row],
    table: Table,
    key: Mapping[str, Any],
    row: Mapping[str, Any],
    valid_from: date,
    *,
    before: Mapping[str, Any] | None = None,
) -> list[Change]:
    """Return the changes that put a new version of a thing in the place of its last one, from a day on.

    A version of the same day is replaced. ``before`` is what held until now of a thing without versions.
    Raises RuleBroken when a later version is there: what was said of a time cannot be pushed aside from
    before.
    """
    if valid_from < _EARLIEST:
        facts = {"earliest": _EARLIEST.isoformat()}
        refuse([Problem("manifest.date_out_of_order", "/body/valid_from", facts)])
    here = {**key, "valid_from": valid_from}
    until = valid_from - timedelta(days=1)
    made = Insert(table, {**here, "valid_to": None, **row})
    last = max(known, key=lambda one: one["valid_from"], default=None)
    if last is None and before is None:
        return [made]
    if last is None:
        return [Insert(table, {**key, "valid_from": date.min, "valid_to": until, **(before or {})}), made]
    if last["valid_from"] > valid_from:
        facts = {"latest": last["valid_from"].isoformat()}
        refuse([Problem("manifest.change_out_of_order", "/body/valid_from", facts)])
    if last["valid_from"] == valid_from:
        return [Put(table, here, row)]
    return [Put(table, key_of(table, last), {"valid_to": until}), made]
