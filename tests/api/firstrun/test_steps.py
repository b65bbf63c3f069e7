"""What is done and what comes next follows from the facts alone."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from api.firstrun.leading import RULE, leading_from
from api.firstrun.steps import Facts, State, Step, run_of
from api.firstrun.words import as_json, leading_text, said_of, todo
from manifest.reference import Rule, default
from manifest.wording import languages

TODAY = date(2026, 11, 25)
NOTHING = Facts(
    on=TODAY, operator_access=False, authorities=0, authorities_ready=0, zones=0, organisations=0, sites=0,
    invited=0, with_access=0, admitted=0, waiting=0, generators=0, with_opening=0, leading_from=None,
)  # fmt: skip
DONE: dict[Step, dict[str, Any]] = {
    Step.OPERATOR: {"operator_access": True},
    Step.AUTHORITY: {"authorities": 1, "authorities_ready": 1},
    Step.ZONES: {"zones": 2},
    Step.ROSTER: {"organisations": 3, "sites": 3},
    Step.INVITATIONS: {"invited": 1, "with_access": 2},
    Step.ADMISSION: {"admitted": 2},
    Step.OPENING_STOCK: {"generators": 2, "with_opening": 1},
    Step.PARALLEL_RUN: {"leading_from": TODAY},
}


def test_each_step_follows_the_one_before() -> None:
    facts = NOTHING
    for step in Step:
        run = run_of(facts)
        assert run.next is step
        assert [stage.step for stage in run.stages] == list(Step)
        assert not run.complete
        facts = replace(facts, **DONE[step])
    assert run_of(facts).complete
    assert run_of(facts).next is None


@pytest.mark.parametrize("step", list(Step))
def test_what_was_done_early_is_done(step: Step) -> None:
    everything = NOTHING
    for changes in DONE.values():
        everything = replace(everything, **changes)
    undone = replace(everything, **{name: getattr(NOTHING, name) for name in DONE[step]})
    run = run_of(undone)
    assert run.next is step
    assert not run.complete
    states = {stage.step: stage.state for stage in run.stages}
    later = {Step.ROSTER: {Step.INVITATIONS}}.get(step, set())
    assert {one for one, state in states.items() if state is State.LATER} == later


@pytest.mark.parametrize(
    ("changed", "step"),
    [
        ({"authorities_ready": 0}, Step.AUTHORITY),
        ({"sites": 0}, Step.ROSTER),
        ({"organisations": 4}, Step.INVITATIONS),
        ({"waiting": 1}, Step.ADMISSION),
    ],
)
def test_half_done_is_not_done(changed: dict[str, Any], step: Step) -> None:
    facts = NOTHING
    for changes in DONE.values():
        facts = replace(facts, **changes)
    assert run_of(replace(facts, **changed)).next is step


def test_the_run_is_over_only_when_the_electronic_record_leads() -> None:
    facts = NOTHING
    for changes in DONE.values():
        facts = replace(facts, **changes)
    tomorrow = run_of(replace(facts, leading_from=TODAY + timedelta(days=1)))
    assert (tomorrow.next, tomorrow.leading, tomorrow.complete) == (None, False, False)
    assert "từ ngày 26/11/2026 chứng từ điện tử là bản chính" in leading_text(tomorrow)
    assert as_json(tomorrow)["leading"] == "paper"
    assert leading_text(run_of(NOTHING)).startswith("Chứng từ giấy là bản chính")
    assert leading_text(run_of(facts)) == "Chứng từ điện tử là bản chính từ ngày 25/11/2026."


def test_every_step_has_its_words() -> None:
    for stage in run_of(replace(NOTHING, **DONE[Step.PARALLEL_RUN])).stages:
        for language in ("vi", "en"):
            said = said_of(stage, language)
            assert said != f"first_run_{stage.step}"
            assert "…" not in said
            assert todo(stage, language) != f"first_run_todo_{stage.step}"


def rule(value: int, start: date, end: date | None = None) -> Rule:
    return Rule(
        name=RULE, integer=value, unit="flag", valid_from=start, valid_to=end, source="x", confirmed=False,
        verified_by=None, verified_on=None,
    )  # fmt: skip


APRIL, MAY, JUNE = date(2027, 4, 1), date(2027, 5, 1), date(2027, 6, 1)


@pytest.mark.parametrize(
    ("rules", "day"),
    [
        ([], None),
        ([rule(1, APRIL)], APRIL),
        ([rule(1, MAY), rule(1, APRIL)], APRIL),
        ([rule(1, APRIL), rule(0, APRIL, MAY - timedelta(days=1))], MAY),
        ([rule(1, APRIL), rule(0, MAY)], None),
        ([rule(1, APRIL, MAY)], None),
        ([rule(1, APRIL), rule(0, MAY, JUNE)], JUNE + timedelta(days=1)),
    ],
)
def test_the_day_is_the_first_of_the_time_without_end(rules: list[Rule], day: date | None) -> None:
    assert leading_from(default().with_rules(rules)) == day


def test_the_sentence_of_a_step_leaves_no_gap_before_there_is_a_day() -> None:
    for language in languages():
        said = [said_of(stage, language) for stage in run_of(NOTHING).stages]
        assert not [sentence for sentence in said if "…" in sentence]
