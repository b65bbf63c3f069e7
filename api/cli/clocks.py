"""`ctnh clocks`, `ctnh rules`, `ctnh manifest rejudge`: what is due, and under which limits."""

import re
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from sqlalchemy import and_, select

from api.cli.common import AsJson, Db, Origin, language, looking, out, print_json, telling
from api.finding import find_manifest
from ledger.storage.db import Reader
from ledger.writing.changes import Reads
from manifest import wording
from manifest.acts import find
from manifest.clocks import ClockKind
from manifest.lookups import reference_at
from manifest.reference import default
from manifest.rejudge import compare
from manifest.running_clocks import Watch, clocks
from manifest.views import LOT, MANIFEST, ORGANISATION
from manifest.vocabulary import local_date, local_noon

# The length of a number as long as they come, and what an obligation is called.
_NUMBER = 21
_OBLIGATION = re.compile(r"[0-9a-f-]{36}:[0-9]+(:[0-9]+)?")

At = Annotated[
    datetime | None, typer.Option("--as-of", formats=["%Y-%m-%d"], help="State of that day. Default: now.")
]


def _moment(day: datetime | None) -> datetime:
    return datetime.now(UTC) if day is None else local_noon(day.date())


def clocks_command(
    db: Db = None,
    at: At = None,
    party: Annotated[str | None, typer.Option(help="Only what waits for this party.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 1000,
    origin: Origin = None,
    as_json: AsJson = False,
) -> None:
    """List what is waited for, the next due first, with who is told of it now."""
    moment = _moment(at)
    with telling(), looking(db, origin) as (reader, log, _):
        parties = None if party is None else frozenset({party})
        found = clocks(reader, default(), Watch(log=log, at=moment, parties=parties, most=limit))[:limit]
        numbers = _numbers(reader, log, {_of(one.subject) for one in found})
        lots = _lots(reader, log, {one.subject for one in found if one.kind is ClockKind.STORAGE})
    if as_json:
        items = [
            {
                "kind": one.kind,
                "subject": one.subject,
                "number": numbers.get(_of(one.subject)),
                "state": one.state,
                "due_at": one.due.isoformat(),
                "told": list(one.told),
                "mass_g": one.grams,
                "confirmed": one.confirmed,
            }
            for one in found
        ]
        print_json({"at": moment.isoformat(), "clocks": items})
        return
    said = language()
    if not found:
        out.print(wording.text("nothing_found", {}, said), markup=False)
        return
    made = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    for name in ("due_on", "subject", "clock", "mass", "clock_state", "told"):
        # A number that is cut is no use to whoever looks for the manifest; longer names are folded.
        made.add_column(
            wording.label("figure", name, said),
            overflow="fold",
            no_wrap=name == "due_on",
            width=_NUMBER if name == "subject" else None,
            justify="right" if name == "mass" else "left",
        )
    for one in found:
        names = {**numbers, **lots}
        made.add_row(
            wording.date_text(one.due_on, said),
            names.get(one.subject) or names.get(_of(one.subject), one.subject),
            wording.label("clock", one.kind, said),
            "" if one.grams is None else wording.kg(one.grams, said),
            wording.label("clock_state", one.state, said),
            ", ".join(wording.label("told", who, said) for who in one.told),
        )
    out.print(made)


def _of(subject: str) -> str:
    """Return the manifest of what is named after one: an obligation is ``manifest:line``."""
    return subject.partition(":")[0] if _OBLIGATION.fullmatch(subject) else subject


def _numbers(reader: Reader, log: int, names: set[str]) -> dict[str, str]:
    asked = select(MANIFEST.c.manifest, MANIFEST.c.number)
    asked = asked.where(MANIFEST.c.log == log, MANIFEST.c.manifest.in_(sorted(names)))
    return {row.manifest: row.number for row in reader.execute(asked)}


def _lots(reader: Reader, log: int, names: set[str]) -> dict[str, str]:
    """Return what lots in store are called where somebody reads of them: the code, and who has them."""
    asked = select(LOT.c.lot, LOT.c.code, ORGANISATION.c.name)
    asked = asked.join(
        ORGANISATION, and_(ORGANISATION.c.log == LOT.c.log, ORGANISATION.c.party == LOT.c.party)
    ).where(LOT.c.log == log, LOT.c.lot.in_(sorted(names)))
    return {row.lot: f"{row.code} · {row.name}" for row in reader.execute(asked)}


def rules_command(db: Db = None, origin: Origin = None, as_json: AsJson = False) -> None:
    """List every limit with its dates and source, and whether and by whom it was verified."""
    with telling(), looking(db, origin) as (reader, log, _):
        found = reference_at(Reads(reader, log), default()).rules()
    if as_json:
        names = ("name", "integer", "unit", "source", "confirmed", "verified_by")
        items = [
            {name: getattr(one, name) for name in names}
            | {"valid_from": str(one.valid_from), "valid_to": str(one.valid_to) if one.valid_to else None}
            for one in found
        ]
        print_json({"rules": items})
        return
    said = language()
    made = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    for name in ("rule", "value", "valid_from", "source", "confirmation"):
        made.add_column(wording.label("figure", name, said), overflow="fold", no_wrap=name == "valid_from")
    for one in found:
        stands = wording.label("confirmation", "confirmed" if one.confirmed else "unconfirmed", said)
        made.add_row(
            wording.label("rule", one.name, said),
            _value(one.integer, one.unit, said),
            "–" if one.valid_from is None else wording.date_text(one.valid_from, said),
            wording.label("source", one.source, said),
            stands,
        )
    out.print(made)


def _value(number: int, unit: str, said: wording.Language) -> str:
    """Return a limit as it is read: masses in kilograms."""
    if unit == "g":
        return f"{wording.kg(number, said)} kg"
    return f"{number} {wording.label('unit', unit, said)}"


def rejudge_command(
    name: Annotated[str, typer.Argument(help="Number or id.")],
    db: Db = None,
    at: Annotated[
        datetime | None,
        typer.Option("--rules-of", formats=["%Y-%m-%d"], help="The day whose rules to use. Default: today."),
    ] = None,
    origin: Origin = None,
    as_json: AsJson = False,
) -> None:
    """Say what the rules of a day judge otherwise of a manifest than those of its own days did."""
    moment = datetime.now(UTC)
    day = at.date() if at else local_date(moment)
    with telling(), looking(db, origin) as (reader, log, _):
        reads = Reads(reader, log)
        state = find(reads, find_manifest(reader, log, name), default())
        found = compare(state, reference_at(reads, default()), day, moment)
    if as_json:
        items = [{"subject": one.subject, "then": one.then, "now": one.now} for one in found]
        print_json({"rules_of": day.isoformat(), "differs": items})
        return
    said = language()
    if not found:
        out.print(wording.text("rejudged_alike", {"on": day.isoformat()}, said), markup=False)
    for one in found:
        out.print(f"{one.subject}: {one.then or '–'} → {one.now or '–'}", markup=False)
