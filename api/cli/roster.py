"""`ctnh roster`: the table of organisations, sites and zones: its template, its import, the letters."""

import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from api.cli.common import GOOD, WRONG, AsJson, Db, chosen, counting, language, out, print_json, telling
from api.firstrun.invitations import DAYS, MAX_DAYS
from api.firstrun.letters import Written, write_letters
from api.firstrun.roster import Imported, import_roster
from api.firstrun.table import template
from api.home import open_home
from ledger.errors import Fact
from manifest import wording

app = typer.Typer(help="The roster: template, import, letters.", no_args_is_help=True)


@app.command("template")
def template_command(
    path: Annotated[
        Path | None, typer.Option("--out", "-o", help="Where to write it. Default: standard output.")
    ] = None,
) -> None:
    """Write an empty roster with its headings, and an example of each kind of row as a comment."""
    with telling():
        if path is None:
            sys.stdout.write(template())
        else:
            # With the mark at its beginning, by which Excel knows UTF-8.
            path.write_bytes(template().encode("utf-8-sig"))


@app.command("import")
def import_command(
    path: Annotated[Path, typer.Argument(help="The roster as CSV, as Excel saves it.")],
    db: Db = None,
    trial: Annotated[bool, typer.Option("--trial", help="Check every row and enter none.")] = False,
    partial: Annotated[
        bool, typer.Option("--partial", help="Enter the good rows though others are refused.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check every row, then enter all by signed entries; exit 1 when a row is refused."""
    with telling(), closing(open_home(chosen(db))) as home, counting("progress_roster") as bar:
        done = import_roster(home, path.read_bytes(), trial=trial, partial=partial, progress=bar)
        if done.entered:
            home.checkpoint()
    if as_json:
        print_json(done.as_json(language()))
    else:
        show_imported(done)
    raise typer.Exit(WRONG if done.refused else GOOD)


def show_imported(done: Imported) -> None:
    """Print what became of a roster, each refusal with its row and column."""
    for wrong in done.refused:
        told = wrong.as_json(language())
        facts: dict[str, Fact] = {
            "row": wrong.row,
            "column": wording.label("roster_column", wrong.column, language()) or "–",
            "message": str(told["message"]),
            "code": wrong.code,
        }
        out.print(wording.text("roster_refused", facts, language()), markup=False)
    counts: dict[str, Fact] = {
        "entered": len(done.entered),
        "unchanged": len(done.unchanged),
        "waiting": len(done.waiting),
        "refused": len(done.refused),
    }
    out.print(wording.text("roster_entered", counts, language()), markup=False)


@app.command("letters")
def letters_command(
    folder: Annotated[Path, typer.Option("--out", help="Folder for the letters, one PDF each.")],
    db: Db = None,
    days: Annotated[int, typer.Option("--days", min=1, max=MAX_DAYS, help="How long a code holds.")] = DAYS,
    party: Annotated[
        list[str] | None, typer.Option("--party", help="Only this party; may be said several times.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also where an open letter got lost; its code ends.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write a letter with a one-time code to each party that cannot get in and has no open letter."""
    with telling(), closing(open_home(chosen(db))) as home, counting("progress_letters") as bar:
        written = write_letters(home, folder, days=days, parties=party or (), again=again, progress=bar)
    if as_json:
        print_json({"letters": [_shown(one) for one in written]})
    else:
        facts: dict[str, Fact] = {"count": len(written), "folder": str(folder)}
        out.print(wording.text("letters_written", facts, language()), markup=False)


def _shown(one: Written) -> dict[str, str]:
    return {"party": one.party, "file": str(one.path), "expires_at": one.expires_at.isoformat()}
