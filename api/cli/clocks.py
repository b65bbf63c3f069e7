"""`ctnh clocks`, `ctnh rules`, `ctnh manifest rejudge`: what is due, and under which limits."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table
from sqlalchemy import select

from api.cli.common import AsJson, Db, Origin, language, looking, out, print_json, telling
from api.finding import find_manifest
from ledger.storage.db import Reader
from ledger.writing.changes import Reads
from manifest import wording
from manifest.acts import find
from manifest.clock_views import Watch, clocks
from manifest.lookups import reference_at
from manifest.reference import default
from manifest.rejudge import compare
from manifest.views import MANIFEST
from manifest.vocabulary import local_date, local_noon

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
        found = clocks(reader, default(), Watch(log=log, at=moment, parties=parties, most=limit))
        numbers = _numbers(reader, log, {one.subject for one in found})
    if as_json:
        items = [
            {
                "kind": one.kind,
                "subject": one.subject,
                "number": numbers.get(one.subject),
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
    made = Table()
    for name in ("due_on", "subject", "clock", "clock_state", "told"):
        made.add_column(wording.label("figure", name, said), overflow="fold", no_wrap=name == "due_on")
    for one in found:
        told = ", ".join(wording.label("told", who, said) for who in one.told)
        place = (one.due_on.isoformat(), numbers.get(one.subject, one.subject))
        labels = (
            wording.label("clock", one.kind, said),
            wording.label("clock_state", one.state, said),
        )
        made.add_row(*place, *labels, told)
    out.print(made)


def _numbers(reader: Reader, log: int, names: set[str]) -> dict[str, str]:
    asked = select(MANIFEST.c.manifest, MANIFEST.c.number)
    asked = asked.where(MANIFEST.c.log == log, MANIFEST.c.manifest.in_(sorted(names)))
    return {row.manifest: row.number for row in reader.execute(asked)}


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
    made = Table()
    for name in ("rule", "value", "valid_from", "source", "confirmation"):
        made.add_column(wording.label("figure", name, said), overflow="fold")
    for one in found:
        stands = wording.label("confirmation", "confirmed" if one.confirmed else "unconfirmed", said)
        made.add_row(one.name, f"{one.integer} {one.unit}", str(one.valid_from), one.source, stands)
    out.print(made)


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
