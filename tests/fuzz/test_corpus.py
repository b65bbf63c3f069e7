"""What once made a parser fail, and a short run of every target."""

from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from ledger.errors import Refused
from tests.fuzz import run as driver
from tests.fuzz.run import Run, kept
from tests.fuzz.targets import TARGETS, seeds

SHORT = 300


@pytest.mark.parametrize("target", TARGETS)
def test_good_inputs_are_taken_in(target: str) -> None:
    # A few seeds are there to be bred from only, like the note of a stranger.
    taken = 0
    for data in seeds(target):
        with suppress(Refused):
            TARGETS[target](data)
            taken += 1
    assert taken


@pytest.mark.parametrize(
    ("target", "path"), [(target, path) for target in TARGETS for path in kept(target)], ids=str
)
def test_what_once_failed_does_so_no_more(target: str, path: Path) -> None:
    with suppress(Refused):
        TARGETS[target](path.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_a_short_run_finds_nothing(target: str) -> None:
    run = Run(target, Random(307))  # noqa: S311  repeatable, no secret
    for _ in range(SHORT):
        run.one(driver.bred(run.random, run.pool))
    run.drawn()
    assert run.failures == {}
    assert run.runs > SHORT


def test_what_makes_a_target_fail_is_saved_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(data: bytes) -> None:
        assert b"\xff" not in data
        raise Refused

    monkeypatch.setitem(TARGETS, "note", failing)
    monkeypatch.setattr(driver, "CORPUS", tmp_path)
    said: list[str] = []
    assert driver.fuzz("note", 0.01, 1, said.append) == 1
    (saved,) = (tmp_path / "note").iterdir()
    assert b"\xff" in saved.read_bytes()
    assert "1 failures" in said[-1]
