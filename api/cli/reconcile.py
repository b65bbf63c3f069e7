"""`ctnh reconcile`: run the rules, list what they found, show one finding with its history."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import orjson
import typer
from rich.table import Table
from sqlalchemy import select

from api.cli.common import (
    GOOD,
    WRONG,
    AsJson,
    Db,
    Origin,
    chosen,
    counting,
    language,
    looking,
    out,
    print_json,
    telling,
)
from api.home import open_home
from api.reconciling import reconcile
from ledger.errors import NotFound, Problem
from ledger.format.event import parse
from ledger.storage.db import Reader, Row
from ledger.storage.predecessor import whole_stream
from ledger.storage.store import rows
from manifest import wording
from manifest.findings.events import RunMode
from manifest.findings.views import FINDING, FINDING_PARTY
from manifest.reconcile.rules import RULES
from manifest.vocabulary import FindingStatus

AsOf = Annotated[
    datetime | None,
    typer.Option("--as-of", formats=["%Y-%m-%d"], help="Judge as of that day. Default: today."),
]

app = typer.Typer(
    help="Run the rules over the ledger; list and show findings.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command("run")
def run_command(
    db: Db = None,
    at: AsOf = None,
    full: Annotated[bool, typer.Option("--full", help="Look at everything, not at what is new.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run every rule once and record what is new as signed entries."""
    with telling():
        home = open_home(chosen(db))
        try:
            with counting(wording.label("figure", "rule", language())) as step:
                ran = reconcile(
                    home,
                    mode=RunMode.FULL if full else RunMode.INCREMENT,
                    as_of=None if at is None else at.date(),
                    progress=lambda _, done, of: step(done, of),
                )
        finally:
            home.close()
    body = ran.body.write()
    if as_json:
        print_json({"seq": ran.seq, **body})
        return
    said, made = language(), Table()
    for name in ("rule", "found", "opened", "changed", "lapsed"):
        made.add_column(wording.label("figure", name, said))
    for one in ran.body.rules:
        name = f"{one.rule} {wording.label('finding_rule', one.rule, said)}"
        made.add_row(name, *map(str, (one.found, one.opened, one.changed, one.lapsed)))
    out.print(made)


@app.command("list")
def list_command(
    db: Db = None,
    status: Annotated[FindingStatus | None, typer.Option(help="Only findings that stand so.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only findings of this rule, such as R6.")] = None,
    origin: Origin = None,
    as_json: AsJson = False,
) -> None:
    """List findings, the heaviest first; exit 1 while any is open."""
    with telling(), looking(db, origin) as (reader, log, _):
        query = (
            select(FINDING).where(FINDING.c.log == log).order_by(FINDING.c.grams.desc(), FINDING.c.finding)
        )
        if status is not None:
            query = query.where(FINDING.c.status == status.value)
        if rule is not None:
            query = query.where(FINDING.c.rule == rule)
        parties = _parties(reader, log)
        found = [_shown(dict(row), parties[row["finding"]]) for row in reader.execute(query).mappings()]
    if as_json:
        print_json({"findings": found})
    else:
        _print(found)
    still = any(one["status"] != FindingStatus.CLOSED and one["lapsed_at"] is None for one in found)
    raise typer.Exit(WRONG if still else GOOD)


def _print(found: list[dict[str, Any]]) -> None:
    said, made = language(), Table()
    for name in ("finding", "rule", "mass", "since", "status", "subject"):
        made.add_column(wording.label("figure", name, said), overflow="fold")
    for one in found:
        made.add_row(
            one["finding"][:8],
            f"{one['rule']} {wording.label('finding_rule', one['rule'], said)}",
            wording.kg(one["grams"], said),
            one["since"],
            wording.label("finding_status", one["status"], said),
            one["subject"],
        )
    out.print(made)


@app.command("show")
def show_command(
    finding: Annotated[str, typer.Argument(help="The finding's id, or its beginning.")],
    db: Db = None,
    origin: Origin = None,
) -> None:
    """Show a finding: what it is about, the entries that show it, and every step since, as JSON."""
    with telling(), looking(db, origin) as (reader, log, _):
        begins = FINDING.c.finding.startswith(finding, autoescape=True)
        query = select(FINDING).where(FINDING.c.log == log, begins).limit(2)
        matches = [dict(row) for row in reader.execute(query).mappings()]
        if len(matches) != 1:
            raise NotFound(Problem("manifest.finding_unknown", "", {"finding": finding}))
        name = matches[0]["finding"]
        shown = _shown(matches[0], _parties(reader, log, name)[name])
        steps = [
            {"seq": stored.seq, "kind": event.kind, "at": event.occurred_at.isoformat(), "body": event.body}
            for stored in whole_stream(reader, log, f"finding:{name}")
            for event in [parse(stored.event)]
        ]
    rule = RULES[shown["rule"]]
    print_json({**shown, "source": rule.source, "severity": rule.severity.value, "steps": steps})


def _parties(reader: Reader, log: int, finding: str | None = None) -> Mapping[str, Sequence[str]]:
    """Return whom each finding concerns, or the one that is named."""
    only = {} if finding is None else {"finding": finding}
    found: defaultdict[str, list[str]] = defaultdict(list)
    for row in rows(reader, FINDING_PARTY, log=log, **only):
        found[row["finding"]].append(row["party"])
    return found


def _shown(row: Row, parties: Sequence[str]) -> dict[str, Any]:
    """Return a finding as plain values, with its parties and the entries that show it."""
    told = {name: row[name] for name in ("finding", "rule", "version", "subject", "status", "grams", "run")}
    return {
        **told,
        "since": row["since"].isoformat(),
        "lapsed_at": None if row["lapsed_at"] is None else row["lapsed_at"].isoformat(),
        "assigned_to": row["assigned_to"],
        "due_on": None if row["due_on"] is None else row["due_on"].isoformat(),
        "outcome": row["outcome"],
        "parties": sorted(parties),
        "entries": [int(one) for one in row["entries"].split(",") if one],
        "facts": orjson.loads(row["facts"]),
    }
