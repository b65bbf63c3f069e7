"""The first run in words and in JSON: what the page, the API and the command line say of it alike."""

from typing import Any

from api.firstrun.steps import Run, Stage
from manifest import wording


def as_json(run: Run) -> dict[str, Any]:
    """Return the steps as the API and the command line print them."""
    return {
        "complete": run.complete,
        "next": run.next,
        "leading": "electronic" if run.leading else "paper",
        "leading_from": run.leading_from,
        "steps": [
            {"step": stage.step, "state": stage.state, "figures": dict(stage.facts)} for stage in run.stages
        ],
    }


def leading_text(run: Run, language: wording.Language = "vi") -> str:
    """Return which record leads, and from when the electronic one does."""
    if run.leading_from is None:
        return wording.text("leading_paper", {}, language)
    name = "leading_electronic" if run.leading else "leading_from"
    return wording.text(name, {"date": run.leading_from.isoformat()}, language)


def said_of(stage: Stage, language: wording.Language = "vi") -> str:
    """Return the sentence of a step with its figures."""
    facts = {"date": wording.text("first_run_no_day", {}, language)} | dict(stage.facts)
    return wording.text(f"first_run_{stage.step}", facts, language)


def todo(stage: Stage, language: wording.Language = "vi") -> str:
    """Return what is to be done for a step."""
    return wording.text(f"first_run_todo_{stage.step}", {}, language)
