"""Every drill on every kind of database that it needs: detected as declared, quiet without the attack."""

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from tests.conftest import NewEngine
from tests.drills import report
from tests.drills.drill import DRILLS, Database, Drill
from tests.drills.registry import MODULES
from tests.drills.stage import Stage

Record = Callable[[str, object], None]

assert MODULES, "drills are entered by importing them"
PLAYED = [
    pytest.param(
        drill, database, id=f"{number:02}-{database}", marks=[pytest.mark.postgres] * (database == "postgres")
    )
    for number, drill in sorted(DRILLS.items())
    for database in drill.databases
]
PURE = [
    pytest.param(drill, id=f"{number:02}") for number, drill in sorted(DRILLS.items()) if not drill.databases
]


def no_database() -> NoReturn:
    pytest.fail("this drill says that no database has a part in it")


def played(drill: Drill, stage: Stage) -> list[tuple[str, str]]:
    try:
        return sorted((str(who), code) for who, code in drill.play(stage))
    finally:
        stage.close()


def expected(drill: Drill, database: Database | None = None) -> list[tuple[str, str]]:
    return sorted((str(who), code) for who, code in drill.expected(database))


@pytest.mark.parametrize(("drill", "new_engine"), PLAYED, indirect=["new_engine"])
def test_an_attack_is_detected_by_whom_the_drill_names(
    drill: Drill,
    new_engine: NewEngine,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    record_property: Record,
) -> None:
    database: Database = request.node.callspec.params["new_engine"]
    detected = played(drill, Stage(new_engine, tmp_path))
    record_property(report.PLAYED, (drill.number, database, detected))
    assert detected == expected(drill, database)


@pytest.mark.parametrize(("drill", "new_engine"), PLAYED, indirect=["new_engine"])
def test_without_the_attack_nobody_says_anything(drill: Drill, new_engine: NewEngine, tmp_path: Path) -> None:
    assert played(drill, Stage(new_engine, tmp_path, attacked=False)) == []


@pytest.mark.parametrize("drill", PURE)
def test_a_forgery_without_a_database_is_refused_by_whom_the_drill_names(
    drill: Drill, tmp_path: Path, record_property: Record
) -> None:
    detected = played(drill, Stage(no_database, tmp_path))
    record_property(report.PLAYED, (drill.number, None, detected))
    assert detected == expected(drill)


@pytest.mark.parametrize("drill", PURE)
def test_what_is_genuine_is_taken(drill: Drill, tmp_path: Path) -> None:
    assert played(drill, Stage(no_database, tmp_path, attacked=False)) == []


def test_there_are_forty_drills_and_each_names_who_detects_it() -> None:
    assert sorted(DRILLS) == list(range(1, 41))
    for drill in DRILLS.values():
        assert all(drill.expected(database) for database in drill.databases or (None,))
        assert bool(drill.elsewhere) == (len(drill.databases) < 2)


def test_the_document_names_these_drills() -> None:
    assert report.stale(report.PAGE.read_text(encoding="utf-8")) == [], "run `make drills`"


def test_a_document_of_other_drills_is_stale() -> None:
    page = report.page({}, "today", "0000000")
    assert report.stale(page) == []
    assert report.stale(page.replace("One bit", "Two bits").replace("| 40 |", "| 41 |")) == [1, 40]
    assert report.stale(page.replace("ledger.vault_value_returned", "ledger.nothing")) == [33]
