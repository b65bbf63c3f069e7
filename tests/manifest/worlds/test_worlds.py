"""Hypothesis leads whole worlds of waste through the real writer and judge; see `machine`."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, settings, stateful
from hypothesis.internal.conjecture import engine as conjecture
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import URL, Engine, event

from ledger.storage.db import open_engine
from tests.conftest import POSTGRES, _run, _text
from tests.manifest.conftest import _forget_power_cuts
from tests.manifest.worlds.machine import Worlds
from tests.manifest.worlds.stage import set_up
from tests.world import World

# Worlds and steps of each: what every run affords. `python -m tests.manifest.worlds.run` leads more. The
# first two are always ones in which nothing happens.
AFFORDED = {"sqlite": (6, 60), "postgres": (3, 40)}
# Hypothesis ends an example that has drawn a certain amount, which worlds of some 200 steps do.
DRAWN_BY_STEP = 200


def _asked(request: pytest.FixtureRequest, kind: str) -> tuple[settings, Counter[str]]:
    asked = getattr(request.config, "worlds", None)
    worlds, steps, makes_small, seen = asked or (*AFFORDED[kind], False, Counter())
    # To make what was found small takes many worlds more: the long run does that.
    small = (Phase.shrink,) if makes_small else ()
    most = max(conjecture.BUFFER_SIZE, DRAWN_BY_STEP * steps)
    conjecture.BUFFER_SIZE = stateful.BUFFER_SIZE = most  # type: ignore[attr-defined]
    chosen = settings(
        max_examples=worlds,
        stateful_step_count=steps,
        deadline=None,
        print_blob=True,
        database=None,
        phases=[Phase.explicit, Phase.generate, *small],
        report_multiple_bugs=False,
        suppress_health_check=[*HealthCheck],
    )
    return chosen, seen


Make = Callable[[], AbstractContextManager[World]]


def _on_sqlite(opened: tuple[Path, World], folder: Path) -> Make:
    path, first = opened
    template, names = folder / "staged.db", count()
    shutil.copy(path, template)
    engine = open_engine(str(template))
    staged = set_up(first.copied(engine))
    engine.dispose()

    @contextmanager
    def make() -> Iterator[World]:
        copy = Path(shutil.copy(template, folder / f"world-{next(names)}.db"))
        engine = open_engine(str(copy))
        event.listen(engine, "connect", _forget_power_cuts)
        yield staged.copied(engine)
        engine.dispose()
        copy.unlink()  # that of a world in which something was found stays

    return make


def _on_postgres(server: URL, opened: tuple[str, World], leave: ExitStack) -> Make:
    @contextmanager
    def copy(template: str) -> Iterator[tuple[str, Engine]]:
        name = f"ctnh_worlds_{uuid4().hex}"
        _run(server, f"CREATE DATABASE {name} TEMPLATE {template}")
        engine = open_engine(_text(server.set(database=name)))
        try:
            yield name, engine
        finally:
            engine.dispose()
            _run(server, f"DROP DATABASE {name} WITH (FORCE)")

    name, first = opened
    template, engine = leave.enter_context(copy(name))
    staged = set_up(first.copied(engine))
    engine.dispose()  # nobody may be connected to what is copied

    @contextmanager
    def make() -> Iterator[World]:
        with copy(template) as (_, engine):
            yield staged.copied(engine)

    return make


@pytest.mark.parametrize("kind", ["sqlite", POSTGRES])
def test_in_any_world_every_gram_is_in_one_place_and_every_refusal_leaves_no_trace(
    request: pytest.FixtureRequest, kind: str, tmp_path: Path
) -> None:
    chosen, seen = _asked(request, kind)
    with ExitStack() as leave:
        if kind == "sqlite":
            make = _on_sqlite(request.getfixturevalue("sqlite_opened"), tmp_path)
        else:
            server, opened = map(request.getfixturevalue, ("postgres_server", "postgres_opened"))
            make = _on_postgres(server, opened, leave)

        class OfTheKind(Worlds):
            def __init__(self) -> None:
                super().__init__(make, seen)

        run_state_machine_as_test(OfTheKind, settings=chosen)
    assert seen["manifest.registered.v1"] > 0, "something happens in these worlds"
