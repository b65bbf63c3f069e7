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

# Lives and steps of each: what every run affords. `python -m tests.ledger.machine_run` leads more.
AFFORDED = {"sqlite": (8, 25), "postgres": (3, 20)}


def _asked(request: pytest.FixtureRequest, kind: str) -> settings:
    asked = getattr(request.config, "machine_lives", None)
    lives, steps, makes_small = asked or (*AFFORDED[kind], False)
    # To make what was found small takes many lives more: the long run does that.
    small = (Phase.shrink,) if makes_small else ()
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


@pytest.mark.parametrize("kind", ["sqlite", POSTGRES])
def test_whatever_befalls_it_a_log_is_clean_or_convicted(
    request: pytest.FixtureRequest, kind: str, tmp_path: Path
) -> None:
    if kind == "sqlite":
        make, drop = _on_sqlite(request.getfixturevalue("sqlite_template"), tmp_path)
    else:
        server, template = map(request.getfixturevalue, ("postgres_server", "postgres_template"))
        make, drop = _on_postgres(server, template)

    class OfTheKind(Machine):
        def __init__(self) -> None:
            super().__init__(make, drop)

    run_state_machine_as_test(OfTheKind, settings=_asked(request, kind))
