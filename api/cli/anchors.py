"""`ctnh ledger anchor`, `list` and `logs …`: what binds a log to the world, and several to each other."""

from contextlib import closing
from typing import Annotated, Any

import typer

from api.anchoring import anchor, due, last_anchored
from api.cli.admin import write_trust
from api.cli.common import (
    GOOD,
    WRONG,
    AsJson,
    Db,
    TrustFile,
    chosen,
    language,
    looking,
    out,
    print_json,
    telling,
)
from api.cli.verifying import Wanted, show, verify_database
from api.home import open_home
from api.logs import Logs
from ledger.format.event import time_text
from ledger.publishing.logs import is_log_of_logs, logs_origin
from ledger.publishing.publisher import last_checkpoint
from ledger.storage.store import HEAD, LOG, one, rows
from manifest import wording

logs = typer.Typer(help="The log of logs: anchor every log's checkpoint in it, verify.", no_args_is_help=True)


def anchor_command(
    db: Db = None,
    if_due: Annotated[
        bool, typer.Option("--if-due", help="Only when the last one is a day old or a quarter has begun.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Have a checkpoint stamped by an outside authority (RFC 3161), and record it."""
    answer: dict[str, Any] = {"anchored": False}
    with telling(), closing(open_home(chosen(db))) as home:
        if not if_due or due(last_anchored(home), home.clock()):
            made = anchor(home)
            answer = {
                "anchored": True,
                "seq": made.seq,
                "size": made.size,
                "authority": made.authority,
                "stamped_at": time_text(made.stamped_at),
            }
    if as_json:
        print_json(answer)
    else:
        text = "anchor_made" if answer["anchored"] else "anchor_not_due"
        out.print(wording.text(text, answer, language()), markup=False)


def list_command(db: Db = None, as_json: AsJson = False) -> None:
    """List the logs of a database with how many entries each has and how far they are signed."""
    found = []
    with telling(), looking(db) as (reader, _, _):
        for row in rows(reader, LOG):
            head, last = one(reader, HEAD, log=row["log"]), last_checkpoint(reader, row["log"])
            found.append(
                {
                    "origin": row["origin"],
                    "size": head["size"] if head else 0,
                    "checkpoint": last[0] if last else None,
                    "log_of_logs": is_log_of_logs(reader, row["log"]),
                }
            )
    if as_json:
        print_json({"logs": found})
        return
    for log in found:
        out.print(wording.text("log_listed", log | {"checkpoint": log["checkpoint"] or 0}, language()))


@logs.command("anchor")
def anchor_logs_command(db: Db = None, as_json: AsJson = False) -> None:
    """Record the newest checkpoint of every log of the database; the first time, open the log of logs."""
    chosen_settings = chosen(db)
    trust = chosen_settings.data_dir.parent / "trust-logs.json"
    with telling(), closing(open_home(chosen_settings)) as home:
        of_logs = Logs(home)
        made = of_logs.anchor()
        if not trust.exists():
            write_trust(trust, of_logs.trust().to_json())
        of_logs.close()
    if as_json:
        print_json({"anchored": [one_log.write() for one_log in made], "trust": str(trust)})
        return
    for one_log in made:
        facts: dict[str, str | int] = {"origin": one_log.origin, "size": one_log.size}
        out.print(wording.text("log_anchored", facts, language()), markup=False)
    if not made:
        out.print(wording.text("logs_up_to_date", {}, language()))


def _log_of_logs(db: str | None) -> str:
    """Return the origin of the database's log of logs; where there is none, the one that it would have."""
    with looking(db) as (reader, _, origin):
        found = (row["origin"] for row in rows(reader, LOG) if is_log_of_logs(reader, row["log"]))
        return next(found, logs_origin(origin))


@logs.command("verify")
def verify_logs_command(
    db: Db = None,
    origin: Annotated[str | None, typer.Option("--origin", help="Origin of the log of logs.")] = None,
    trust: TrustFile = None,
    as_json: AsJson = False,
) -> None:
    """Compare every checkpoint in the log of logs with the log as stored; exit 1 when something was found."""
    with telling():
        report = verify_database(db, trust, Wanted(origin=origin or _log_of_logs(db)))
    if as_json:
        print_json(report.as_json())
    else:
        show(report)
    raise typer.Exit(GOOD if report.ok else WRONG)
