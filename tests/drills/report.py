"""Plays every drill on both databases and writes `docs/tamper-drills.md`: `python -m tests.drills.report`."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import cast

import pytest

from tests.drills.drill import BOTH, DRILLS, Database, Detection, Drill
from tests.drills.registry import MODULES

assert MODULES, "drills are entered by importing them"
ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tamper-drills.md"
PLAYED = "drill"

_Played = tuple[int, Database | None, list[tuple[str, str]]]
Results = Mapping[tuple[int, Database | None], str]

_HEAD = """\
# Tamper drills

Forty attacks on the record, each played in full on a real database, with real keys and files: as the
database's administrator, as root, as a thief of keys, as a lying operator, as somebody on the network. A
drill passes when exactly those named here detect the attack, by exactly these codes, and when the same
detectors find nothing on a log that was not attacked. They stand in `tests/drills/` and run with every test
run; this page is written by `make drills`.

Played on {date}, at commit {commit}: {passed} of {played} as declared.

Codes are those of [errors](errors.md). A witness answers with HTTP statuses (409: it remembers something
else, 422: what is offered does not continue that), a fence with the database's own words.

| # | attack | detected by | SQLite | PostgreSQL |
|---|---|---|---|---|
"""


class Collector:
    """Hears from pytest how each drill went."""

    def __init__(self) -> None:
        self.results: dict[tuple[int, Database | None], str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the outcome of an attack."""
        for name, value in report.user_properties:
            if name == PLAYED and report.when == "call":
                self._take(cast("_Played", value), passed=report.passed)

    def _take(self, played: "_Played", *, passed: bool) -> None:
        number, database, detected = played
        self.results[number, database] = "detected" if passed else f"**differs**: {detected}"


def main() -> int:
    """Play, write the page, and return 1 when a drill did not go as declared."""
    heard = Collector()
    # This page is what comes of it, and modules that are imported by now are not pytest's to rewrite.
    options = ["-k", "not test_the_document", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    tests = str(Path(__file__).with_name("test_drills.py"))
    code = pytest.main(["-p", "no:xdist", *options, tests], plugins=[heard])
    date = datetime.now(UTC).date().isoformat()
    PAGE.write_text(page(heard.results, date, _commit()), encoding="utf-8")
    return int(code)


def _commit() -> str:
    command = ["git", "-C", str(ROOT), "rev-parse", "--short=10", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def page(results: Results, date: str, commit: str) -> str:
    """Return the page's text."""
    passed = sum(said == "detected" for said in results.values())
    head = _HEAD.format(date=date, commit=commit, passed=passed, played=len(results))
    rows = (
        f"{declared(drill)} {' | '.join(_cells(drill, results))} |\n" for _, drill in sorted(DRILLS.items())
    )
    return head + "".join(rows)


def declared(drill: Drill) -> str:
    """Return the part of a drill's row that the code declares."""
    found = [_detectors(drill.detected_by)]
    found += [f"on {_NAMES[database]} {_detectors(named)}" for database, named in drill.only.items()]
    return f"| {drill.number} | {drill.attack} | {'; '.join(filter(None, found))} |"


_NAMES: dict[Database, str] = {"sqlite": "SQLite", "postgres": "PostgreSQL"}


def _detectors(named: tuple[Detection, ...]) -> str:
    groups = groupby(named, key=lambda one: one[0])
    return "; ".join(f"**{who}** {', '.join(f'`{code}`' for _, code in of)}" for who, of in groups)


def _cells(drill: Drill, results: Results) -> Iterator[str]:
    for database in BOTH:
        if database in drill.databases:
            yield results.get((drill.number, database), "not run")
        elif drill.databases:
            yield f"n/a: {drill.elsewhere}"
        else:
            yield f"{results.get((drill.number, None), 'not run')} ({drill.elsewhere})"


def stale(text: str) -> list[int]:
    """Return the drills of which a page says something else than the code, or nothing."""
    lines = text.splitlines()
    return [
        number
        for number, drill in sorted(DRILLS.items())
        if not any(line.startswith(f"{declared(drill)} ") for line in lines)
    ]


if __name__ == "__main__":
    sys.exit(main())
