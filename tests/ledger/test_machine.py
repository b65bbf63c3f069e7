"""Hypothesis leads lives of a real log, with everything that can befall it; see `tests.ledger.machine`."""

import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import URL, Engine, make_url, text

from ledger.storage.db import open_engine
from tests.conftest import POSTGRES
from tests.ledger.machine import Machine, sqlite_drop
from tests.ledger.machine_run import Asked
from tests.ledger.machine_written import written, written_long

# Chosen lives and steps of each: what every run affords. `python -m tests.ledger.machine_run` leads more.
AFFORDED = {"sqlite": (6, 25), "postgres": (2, 20)}


def _asked(request: pytest.FixtureRequest) -> Asked | None:
    return getattr(request.config, "machine_asked", None)


def _settings(asked: Asked | None, kind: str) -> settings:
    lives, steps = AFFORDED[kind] if asked is None else (asked.lives, asked.steps)
    # To make what was found small takes many lives more: the long run does that.
    small = (Phase.shrink,) if asked is not None and asked.small else ()
    return settings(
        max_examples=lives,
        stateful_step_count=steps,
        deadline=None,
        print_blob=True,
        phases=[Phase.explicit, Phase.generate, *small],
        report_multiple_bugs=False,
        suppress_health_check=[*HealthCheck],
    )


def _on_sqlite(template: Path, folder: Path) -> tuple[Callable[[], Engine], Callable[[str], None]]:
    names = count()

    def make() -> Engine:
        return open_engine(str(shutil.copy(template, folder / f"life-{next(names)}.db")))

    return make, sqlite_drop


def _on_postgres(server: URL, template: str) -> tuple[Callable[[], Engine], Callable[[str], None]]:
    def run(statement: str) -> None:
        engine = open_engine(server.render_as_string(hide_password=False))
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(statement))
        engine.dispose()

    def make() -> Engine:
        name = f"ctnh_life_{uuid4().hex}"
        run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return open_engine(server.set(database=name).render_as_string(hide_password=False))

    def drop(place: str) -> None:
        run(f"DROP DATABASE IF EXISTS {make_url(place).database} WITH (FORCE)")

    return make, drop


Made = Callable[[], Machine]


@pytest.fixture(params=["sqlite", POSTGRES])
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of database."""
    return str(request.param)


@pytest.fixture
def made(request: pytest.FixtureRequest, kind: str, tmp_path: Path) -> Made:
    """What makes a machine on a database of its own, and counts for whoever asks."""
    if kind == "sqlite":
        make, drop = _on_sqlite(request.getfixturevalue("sqlite_template"), tmp_path)
    else:
        server, template = map(request.getfixturevalue, ("postgres_server", "postgres_template"))
        make, drop = _on_postgres(server, template)
    asked = _asked(request)

    def counted() -> Machine:
        if asked is not None:
            asked.led += 1
        return Machine(make, drop)

    return counted


@pytest.mark.parametrize("lead", [written, written_long])
def test_a_life_written_by_hand_reaches_every_check(made: Made, lead: Callable[[Machine], None]) -> None:
    lead(made())


def test_whatever_befalls_it_a_log_is_clean_or_convicted(
    request: pytest.FixtureRequest, kind: str, made: Made
) -> None:
    asked = _asked(request)
    run_state_machine_as_test(made, settings=_settings(asked, kind))  # type: ignore[arg-type]  # any factory will do
