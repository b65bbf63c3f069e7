"""`ctnh demo`: the main job from nothing, in under a minute.

It plays a seeded story of two quarters through the real writer, issues PDFs, computes the ratio, lists what
was never treated, verifies everything, and leaves the database, documents and trust file behind.
"""

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from api.cli.admin import write_trust
from api.cli.common import GOOD, WRONG, err, language, looking, out, telling
from api.cli.verifying import show, verify_database
from api.cli.waste import show_ratio
from api.demo.clock import StoryClock
from api.demo.place import FOLDER, LOGINS, demo_settings
from api.demo.story import Story, play
from api.documents import issue_pdf, write_issued
from api.home import OPERATOR, Home, make_home
from api.identity.tokens import make_api_key
from manifest import wording
from manifest.reconcile.ratio import ratio
from manifest.reconcile.untreated import untreated
from manifest.reference import default

MARK = ".ctnh-demo"
START, END = date(2025, 4, 1), date(2025, 9, 30)
SHOWN = 12
KEY_DAYS = 3650


def demo_command(
    folder: Annotated[Path, typer.Option(help="Where to put it; emptied first.")] = FOLDER,
    if_missing: Annotated[bool, typer.Option("--if-missing", help="Do nothing when it is there.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say little.")] = False,
) -> None:
    """Play the main job from nothing and show what came of it."""
    settings = demo_settings(folder)
    if if_missing and (folder / LOGINS).exists():
        return
    began = time.monotonic()
    with telling():
        _empty(folder)
        home = make_home(settings, clock := StoryClock())
    try:
        with _progress() as report:
            story = play(home, clock, lambda month, done, total: report("story", done, total, month))
            _issue(home, story, folder, report)
        home.checkpoint()
        trust = write_trust(folder / "trust.json", home.trust().to_json())
        _write_logins(home, story, folder)
    finally:
        home.close()
    (folder / MARK).touch()
    if quiet:
        return
    _tell(story, folder)
    good = _figures(settings.database_url, trust)
    _next(settings.database_url, folder, story)
    out.print(wording.text("demo_done", {"seconds": int(time.monotonic() - began)}, language()))
    raise typer.Exit(GOOD if good else WRONG)


def _empty(folder: Path) -> None:
    """Begin with nothing; a folder that the demo did not make is left alone."""
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise FileExistsError(f"{folder} is not empty and was not made by the demo")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    # Marked before anything else is written, so that a demo broken off half-way can be begun again.
    (folder / MARK).touch()


class _Report:
    """Progress on a terminal, and nothing where there is none."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._tasks: dict[str, Any] = {}

    def __call__(self, what: str, done: int, total: int, detail: str = "") -> None:
        label = wording.text(f"progress_{what}", {}, language())
        if what not in self._tasks:
            self._tasks[what] = self._bar.add_task(label, total=total)
        self._bar.update(self._tasks[what], completed=done, description=f"{label} {detail}".strip())


@contextmanager
def _progress() -> Iterator[_Report]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err) as bar:
        yield _Report(bar)


def _issue(home: Home, story: Story, folder: Path, report: _Report) -> None:
    for done, (ending, told) in enumerate(story.examples.items(), start=1):
        issued = issue_pdf(home, told.manifest)
        write_issued(issued, folder / "pdf" / f"{issued.number.replace('/', '-')}-{ending}.pdf")
        report("documents", done, len(story.examples))


def _write_logins(home: Home, story: Story, folder: Path) -> None:
    wanted: dict[str, tuple[str, str]] = {"operator": (OPERATOR, home.settings.operator)}
    for party in story.parties:
        wanted.setdefault(party.role, (party.id, party.name))
    order = ("authority", "generator", "transporter", "treatment_facility", "operator")
    logins = [
        {
            "role": role,
            "party": wanted[role][0],
            "name": wanted[role][1],
            "api_key": make_api_key(
                home, wanted[role][0], name="demo", scope="act", days=KEY_DAYS, now=home.clock()
            ),
        }
        for role in order
        if role in wanted
    ]
    (folder / LOGINS).write_text(json.dumps(logins, ensure_ascii=False, indent=2), encoding="utf-8")


def _tell(story: Story, folder: Path) -> None:
    said = language()
    out.print(wording.text("demo_title", {}, said), style="bold")
    roles: dict[str, int] = {}
    for party in story.parties:
        roles[party.role] = roles.get(party.role, 0) + 1
    for role, count in roles.items():
        out.print(f"  {count:>4}  {wording.label('role', role, said)}", markup=False)
    out.print(
        wording.text(
            "demo_acts", {"manifests": story.manifests, "acts": story.acts, "entries": story.entries}, said
        )
    )
    for ending, count in story.endings.items():
        out.print(f"  {count:>4}  {wording.label('ending', ending, said)}", markup=False)
    out.print(wording.text("demo_pdfs", {"count": len(story.examples), "folder": str(folder / "pdf")}, said))


def _figures(db: str, trust: Path) -> bool:
    said = language()
    with looking(db) as (reader, log, _):
        table = ratio(reader, log, start=START, end=END, as_of=END, reference=default())
        open_lots = untreated(reader, log, as_of=END, reference=default())
    show_ratio(table)
    made = Table(
        title=wording.text("untreated_title", {}, said),
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        show_edge=False,
        pad_edge=False,
    )
    for name in ("generator", "code", "where", "number", "mass", "since"):
        # Only a name is folded; a heading of more words folds as it is wider than its figures.
        made.add_column(
            wording.label("figure", name, said),
            overflow="fold",
            no_wrap=name in {"code", "number", "since"},
            justify="right" if name == "mass" else "left",
        )
    for item in open_lots[:SHOWN]:
        made.add_row(
            item.generator_name,
            item.code,
            wording.label("account", item.account.value, said),
            item.number or "",
            wording.kg(item.grams, said),
            wording.date_text(item.since, said),
        )
    out.print(made)
    facts = {"count": len(open_lots), "total_g": sum(item.grams for item in open_lots)}
    out.print(wording.text("untreated_total", facts, said))
    report = verify_database(db, trust)
    show(report)
    return report.ok


def _next(db: str, folder: Path, story: Story) -> None:
    out.print(wording.text("demo_next", {}, language()), style="bold")
    number = next(iter(story.examples.values())).number
    document = next(iter(sorted((folder / "pdf").glob("*.pdf"))))
    for command in (
        f"ledger verify --db {db} --trust {folder}/trust.json --json",
        f"ratio --db {db} --from {START} --to {END} --by zone-kind,quarter --json",
        f"manifest show {number} --db {db}",
        f"verify {document}",
    ):
        out.print(f"  .venv/bin/ctnh {command}", markup=False)
    out.print("  make serve", markup=False)
