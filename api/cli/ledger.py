"""`ctnh ledger …`: verify, checkpoint, prove, export."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from api.cli import witness
from api.cli.common import (
    GOOD,
    WRONG,
    AsJson,
    Db,
    Origin,
    TrustFile,
    chosen,
    counting,
    err,
    language,
    looking,
    out,
    print_json,
    telling,
    trust_from,
)
from api.home import kept_subjects, open_home
from api.settings import settings
from ledger.export import export
from ledger.logs import check as check_logs
from ledger.logs import is_log_of_logs
from ledger.published import prove_entry
from ledger.report import Report
from ledger.store import LOG, one
from ledger.verify import verify
from manifest import wording
from manifest.reference import default
from manifest.replay import audit

app = typer.Typer(help="The ledger: verify, sign a checkpoint, prove an entry, export.", no_args_is_help=True)
witness.register(app)
SHOWN = 20


@app.command("verify")
def verify_command(
    db: Db = None, origin: Origin = None, trust: TrustFile = None, as_json: AsJson = False
) -> None:
    """Check everything an auditor checks; exit 1 when something was found."""
    with telling():
        report = verify_database(db, trust, origin)
    if as_json:
        print_json(report.as_json())
    else:
        show(report)
    raise typer.Exit(GOOD if report.ok else WRONG)


def verify_database(db: str | None, trust: Path | None, wanted: str | None = None) -> Report:
    """Return the full verification of a log: ledger, meaning, views; of a log of logs, what it anchors."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with looking(db, wanted) as (reader, log, origin), Progress(*columns, console=err, transient=True) as bar:
        bar.add_task(wording.text("verifying", {}, language()), total=None)
        trusted = trust_from(trust)
        # With several logs the trust file picks, where it is not said otherwise and the log is there.
        named = one(reader, LOG, origin=trusted.origin) if trusted and wanted is None else None
        chosen_log = (named["log"], named["origin"]) if named else (log, origin)
        step = check_logs if is_log_of_logs(reader, chosen_log[0]) else audit(default())
        subjects = kept_subjects(settings(), chosen_log[1])
        return verify(reader, origin=chosen_log[1], trust=trusted, further=[step], subjects=subjects)


def show(report: Report) -> None:
    """Print a verification report as sentences."""
    said = language()
    result = report.as_json()
    verdict = "verified" if report.ok else "not_verified"
    out.print(wording.text(verdict, {}, said), style="bold green" if report.ok else "bold red")
    out.print(f"  origin      {report.origin}", markup=False)
    out.print(f"  entries     {report.size}", markup=False)
    out.print(f"  root        {report.root}", markup=False)
    out.print(f"  checkpoint  {(result.get('checkpoint') or {}).get('size')}", markup=False)
    out.print(f"  trust       {wording.text('trust_' + report.trust, {}, said)}", markup=False)
    out.print(f"  guard       {wording.text('guard_' + report.guard, {}, said)}", markup=False)
    out.print(f"  meaning     {wording.text('meaning_' + report.meaning, {}, said)}", markup=False)
    if report.anchors_good or report.anchors_not_checked:
        facts = {"good": report.anchors_good, "unchecked": report.anchors_not_checked}
        out.print(f"  anchors     {wording.text('anchors_counted', facts, said)}", markup=False)
    for finding in report.findings[:SHOWN]:
        sentence = wording.message(finding.code, {"seq": finding.seq or 0, "detail": finding.detail}, said)
        place = "" if finding.seq is None else f"seq {finding.seq}: "
        out.print(f"  - {place}{sentence} [{finding.code}] {finding.detail}", markup=False)
    if len(report.findings) > SHOWN:
        out.print("  " + wording.text("more_findings", {"count": len(report.findings) - SHOWN}, said))


@app.command()
def checkpoint(db: Db = None) -> None:
    """Sign a checkpoint over all entries and print it."""
    with telling():
        home = open_home(chosen(db))
        try:
            out.print(home.checkpoint()[1], markup=False, end="")
        finally:
            home.close()


@app.command("prove")
def prove_command(
    seq: Annotated[int, typer.Option("--seq", min=0, help="Position of the entry.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Where to write the .tlog-proof.")],
    db: Db = None,
    origin: Origin = None,
) -> None:
    """Write the proof that an entry stands in the log, with the entry inside."""
    with telling(), looking(db, origin) as (reader, log, _):
        output.write_text(prove_entry(reader, log, seq).to_text(), encoding="utf-8")
    out.print(str(output), markup=False)


@app.command("export")
def export_command(
    folder: Annotated[Path, typer.Option("--out", help="Folder of the files; a later run adds what is new.")],
    db: Db = None,
    origin: Origin = None,
    as_json: AsJson = False,
) -> None:
    """Write the log as static files (C2SP tlog-tiles), up to its newest checkpoint."""
    with telling(), looking(db, origin) as (reader, log, _), counting("exporting") as progress:
        done = export(reader, log, folder, progress=progress)
    if as_json:
        print_json({"size": done.size, "start": done.start, "files": done.files, "bytes": done.bytes})
    else:
        facts: dict[str, str | int] = {"size": done.size, "files": done.files, "bytes": done.bytes}
        out.print(wording.text("log_exported", facts | {"folder": str(folder)}, language()), markup=False)
