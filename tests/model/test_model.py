"""The model of writers, guard and witness holds, and every way to break it that we know is found."""

import hashlib
import os
import shutil

import pytest

from tests.conftest import skip
from tests.model.report import README
from tests.model.runs import HOLDS, LARGE, MODEL, MUTANTS, TOOLS, Run, check

DRILLS = LARGE if os.environ.get("DRILLS") else ()


@pytest.fixture
def _tools() -> None:
    if not all(map(shutil.which, TOOLS)):
        skip("spin or gcc is not installed")


@pytest.mark.usefixtures("_tools")
@pytest.mark.parametrize("run", [*HOLDS, *DRILLS], ids=lambda run: run.name)
def test_no_state_breaks_an_invariant(run: Run) -> None:
    """Every reachable state of the true model was searched."""
    outcome = check(run, timeout=600 if run.large else 120)
    print(f"{run.name}: {outcome.states} states, depth {outcome.depth}, {outcome.seconds} s")  # noqa: T201
    assert (outcome.errors, outcome.violates) == (0, "")


@pytest.mark.usefixtures("_tools")
@pytest.mark.parametrize("run", MUTANTS, ids=lambda run: run.name)
def test_mutant_is_found(run: Run) -> None:
    """A model that lacks one of its defences has a trail to the invariant that the defence is for."""
    outcome = check(run)
    assert (outcome.errors, outcome.violates) == (1, run.violates)


def test_results_are_those_of_this_model() -> None:
    """The table in the README was made from the model as it is now."""
    assert hashlib.sha256(MODEL.read_bytes()).hexdigest() in README.read_text(), (
        "python -m tests.model.report"
    )
