"""What the commands share: options, exit codes, output as text or JSON, refusals as sentences."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError, ProgrammingError, SQLAlchemyError

from api.settings import Settings, settings
from ledger.errors import Conflict, Malformed, NotFound, Problem, Refused
from ledger.format.trust import Trust
from ledger.format.trust import load as load_trust
from ledger.storage.db import Reader, open_engine, reading
from ledger.storage.predecessor import newest
from ledger.storage.store import LOG, rows
from manifest import wording
from manifest.reference import ReferenceRefused
from pdf.errors import PdfError

GOOD, WRONG, COULD_NOT = 0, 1, 2
_SQLITE = b"SQLite format 3\x00"

Db = Annotated[
    str | None, typer.Option("--db", help="Database: URL or SQLite file. Default: CTNH_DATABASE_URL.")
]
Origin = Annotated[
    str | None,
    typer.Option("--origin", help="Which log, where the database has several.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
TrustFile = Annotated[
    Path | None, typer.Option("--trust", help="Trust file with the keys to believe.", exists=False)
]

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)


def language() -> wording.Language:
    """Return the language of messages."""
    return settings().lang


def print_json(value: Any) -> None:
    """Print a value as JSON, the same bytes for the same value."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def describe(problem: Problem) -> str:
    """Return a problem as a sentence with its code and path."""
    sentence = wording.message(problem.code, problem.facts, language())
    return f"{sentence} [{problem.code}{' ' + problem.path if problem.path else ''}]"


@contextmanager
def telling() -> Iterator[None]:
    """Turn refusals and outages into a sentence and exit code 2."""
    try:
        yield
    except Refused as refused:
        for problem in refused.problems:
            err.print(describe(problem), markup=False)
        raise typer.Exit(COULD_NOT) from None
    except (ReferenceRefused, PdfError) as refusal:
        err.print(
            describe(Problem(refusal.code, "", {k: str(v) for k, v in refusal.facts.items()})), markup=False
        )
        raise typer.Exit(COULD_NOT) from None
    except (OSError, SQLAlchemyError) as error:
        reason = error.orig if isinstance(error, SQLAlchemyError) and hasattr(error, "orig") else error
        err.print(
            f"{wording.message('api.could_not_run', {'reason': str(reason)}, language())}", markup=False
        )
        raise typer.Exit(COULD_NOT) from None


class _Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        """Return the rate, once there is one."""
        return Text("" if task.speed is None else f"{task.speed:,.0f}/s")


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """Yield what to call with how many are done, of how many: on a terminal a bar with rate and time left."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(wording.text(what, {}, language()), total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)


def chosen(db: str | None) -> Settings:
    """Return the settings with the database that the command line names."""
    return settings() if db is None else settings().model_copy(update={"database_url": db})


def open_existing(db: str | None) -> Engine:
    """Return the engine of a database that is there; a mistyped name must not make a new, empty one."""
    place = chosen(db).database_url
    path = Path(place.removeprefix("sqlite:///"))
    if ("://" not in place or place.startswith("sqlite:")) and not path.is_file():
        raise NotFound(Problem("api.database_missing", "", {"place": place}))
    if path.is_file() and _begins(path) not in {b"", _SQLITE}:
        raise Malformed(Problem("api.database_malformed", "", {"place": place}))
    return open_engine(place)


def _begins(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(_SQLITE))


def _need_schema(engine: Engine) -> None:
    """Raise Conflict when the database has another schema than this program reads."""
    from api.database import newest_revision, revision_of  # noqa: PLC0415  asked only when something failed

    found, needed = revision_of(engine), newest_revision()
    if found != needed:
        raise Conflict(Problem("api.database_outdated", "", {"found": found or "–", "needed": needed}))


@contextmanager
def looking(db: str | None, origin: str | None = None) -> Iterator[tuple[Reader, int, str]]:
    """Yield a reader of the database with the number and origin of the log ``origin``, or of its own log.

    Raises NotFound when it has no log, or none of that origin.
    """
    engine = open_existing(db)
    try:
        with reading(engine) as reader:
            logs = {row["origin"]: row["log"] for row in rows(reader, LOG)}
            if not logs:
                raise NotFound(Problem("api.no_log"))
            if origin is not None and origin not in logs:
                raise NotFound(
                    Problem("api.log_missing", "", {"origin": origin, "found": ", ".join(sorted(logs))})
                )
            # With several logs it is the one that the settings name, else the oldest: an auditor with a copy
            # in hand must not be kept from it by a row that somebody has added. After an epoch break the log
            # goes on under another name, and that is the one that is meant.
            own = settings().origin if settings().origin in logs else next(iter(logs))
            found = origin or newest(reader, own)
            yield reader, logs[found], found
    except (OperationalError, ProgrammingError):
        _need_schema(engine)
        raise
    finally:
        engine.dispose()


def trust_from(path: Path | None) -> Trust | None:
    """Return the trust file's content, None when none is named."""
    return None if path is None else load_trust(path)
