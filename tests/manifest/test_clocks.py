"""Clocks: limits of the day on which they start, reminders, who is told, pauses, and what ends them."""

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest.clocks import CLOCKS, Clock, ClockKind, ClockState, Told, known, limit_from, run
from manifest.reference import RuleNotValid, default
from manifest.reference_tables import Rule

START = datetime(2025, 4, 10, 3, 0, tzinfo=UTC)  # ten in the morning in Viet Nam
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def clock(kind: ClockKind, at: datetime, **more: object) -> Clock:
    return run(kind, "one", START, at, default(), **more)  # type: ignore[arg-type]


def test_a_load_on_the_way_is_reminded_after_a_day_and_late_after_two() -> None:
    states = {
        hours: (found.state, found.told)
        for hours in (1, 24, 47, 48)
        for found in [clock(ClockKind.IN_TRANSIT, START + hours * HOUR)]
    }
    assert states[1] == (ClockState.RUNNING, ())
    assert states[24] == states[47] == (ClockState.WARNED, (Told.HOLDER, Told.GENERATOR))
    assert states[48][0] is ClockState.LATE
    assert Told.AUTHORITY in states[48][1]


def test_months_end_with_the_day_in_viet_nam() -> None:
    found = clock(ClockKind.TREATMENT, START)
    assert found.due_on == date(2025, 10, 10)
    assert found.due == datetime(2025, 10, 10, 17, 0, tzinfo=UTC)
    assert (found.source, found.confirmed) == ("NĐ 08/2022/NĐ-CP, Điều 72(4), 71(4)", True)
    just_in_time = clock(ClockKind.TREATMENT, found.due - timedelta(microseconds=1))
    assert just_in_time.state is ClockState.WARNED
    assert clock(ClockKind.TREATMENT, found.due).state is ClockState.LATE


def test_a_short_month_ends_sooner() -> None:
    assert limit_from(datetime(2025, 8, 31, 3, tzinfo=UTC), 6, "month") == datetime(
        2026, 2, 28, 17, tzinfo=UTC
    )


def test_storage_counts_from_the_day_that_the_waste_arose() -> None:
    found = run(ClockKind.STORAGE, "lot", date(2025, 1, 15), START, default(), grams=500)
    assert (found.due_on, found.grams, found.state) == (date(2026, 1, 15), 500, ClockState.RUNNING)
    months = [(9, (Told.GENERATOR,)), (11, (Told.GENERATOR,)), (13, (Told.GENERATOR, Told.AUTHORITY))]
    for month, told in months:
        at = limit_from(found.started, month, "month")
        assert run(ClockKind.STORAGE, "lot", date(2025, 1, 15), at, default()).told == told


def test_what_happened_in_time_is_done_and_nobody_is_told() -> None:
    done = clock(ClockKind.ACCEPTANCE, START + 90 * DAY, stopped=START + HOUR)
    late = clock(ClockKind.ACCEPTANCE, START + 90 * DAY, stopped=START + 30 * HOUR)
    assert [(one.state, one.told) for one in (done, late)] == [
        (ClockState.DONE, ()), (ClockState.DONE_LATE, ()),
    ]  # fmt: skip


def test_a_clock_knows_nothing_of_what_comes_after_the_moment_that_is_asked_for() -> None:
    assert clock(ClockKind.ACCEPTANCE, START + HOUR, stopped=START + 2 * HOUR).state is ClockState.RUNNING


def test_an_outage_pauses_our_limits_and_never_the_law_s() -> None:
    down = ((START + HOUR, START + 11 * HOUR), (START + 6 * HOUR, START + 13 * HOUR))
    ours = clock(ClockKind.IN_TRANSIT, START, outages=down)
    assert ours.due == START + 48 * HOUR + 12 * HOUR
    law = clock(ClockKind.TREATMENT, START, outages=down)
    assert law.due == clock(ClockKind.TREATMENT, START).due


def test_an_outage_before_the_start_or_after_the_end_pauses_nothing() -> None:
    before_and_after = ((START - 9 * HOUR, START - HOUR), (START + 99 * HOUR, START + 100 * HOUR))
    assert clock(ClockKind.IN_TRANSIT, START, outages=before_and_after).due == START + 48 * HOUR
    across = ((START - 9 * HOUR, START + HOUR),)
    assert clock(ClockKind.IN_TRANSIT, START, outages=across).due == START + 49 * HOUR


def test_a_permit_is_reminded_of_before_its_last_day() -> None:
    ends = date(2025, 12, 31)

    def state(on: date) -> ClockState:
        at = datetime(on.year, on.month, on.day, 3, tzinfo=UTC)
        return run(ClockKind.PERMIT_END, "permit", date(2023, 1, 1), at, default(), ends=ends).state

    assert state(date(2025, 4, 10)) is ClockState.RUNNING
    assert state(date(2025, 8, 1)) is ClockState.WARNED
    assert state(ends) is ClockState.WARNED
    assert state(date(2026, 1, 1)) is ClockState.LATE


def test_a_limit_that_changes_changes_only_clocks_that_begin_after_it() -> None:
    stricter = default().with_rules(
        [
            Rule(
                name="in_transit_limit_hours", integer=12, unit="hour", source="stricter", confirmed=False,
                valid_from=date(2025, 6, 1), valid_to=None,
            )
        ]
    )  # fmt: skip
    old = run(ClockKind.IN_TRANSIT, "one", START, START, stricter)
    new = run(ClockKind.IN_TRANSIT, "one", START + 60 * DAY, START, stricter)
    assert (old.due - old.started, new.due - new.started) == (48 * HOUR, 12 * HOUR)
    as_of_today = run(ClockKind.IN_TRANSIT, "one", START, START, stricter, rules_of=date(2025, 6, 1))
    assert as_of_today.due - as_of_today.started == 12 * HOUR


def test_before_the_decree_the_law_s_clocks_have_no_limit() -> None:
    assert not known(default(), ClockKind.STORAGE, date(2021, 12, 31))
    assert known(default(), ClockKind.STORAGE, date(2022, 1, 10))
    with pytest.raises(RuleNotValid):
        run(ClockKind.STORAGE, "lot", date(2020, 1, 1), START, default())


@pytest.mark.parametrize("kind", ClockKind)
def test_every_clock_finds_its_rules(kind: ClockKind) -> None:
    assert known(default(), kind, date(2025, 4, 10))
    assert kind in CLOCKS


def test_a_unit_that_is_not_of_time_is_a_fault() -> None:
    with pytest.raises(ValueError, match="g"):
        limit_from(START, 1, "g")


_MOMENTS = st.integers(0, 10**6).map(lambda minutes: START + timedelta(minutes=minutes))
_SPANS = st.lists(st.tuples(_MOMENTS, st.integers(0, 5000)), max_size=6)


@given(_SPANS)
def test_outages_move_a_due_moment_by_no_more_than_they_last(spans: list[tuple[datetime, int]]) -> None:
    down = [(begins, begins + timedelta(minutes=length)) for begins, length in spans]
    due = clock(ClockKind.IN_TRANSIT, START, outages=down).due
    whole = sum((ends - begins for begins, ends in down), timedelta(0))
    assert START + 48 * HOUR <= due <= START + 48 * HOUR + whole
    running = due - START - sum((_within(start, end, due) for start, end in _merged(down)), timedelta(0))
    assert running == 48 * HOUR


def _within(start: datetime, end: datetime, due: datetime) -> timedelta:
    return max(min(end, due) - max(start, START), timedelta(0))


def _merged(spans: list[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    minutes = sorted({moment for span in spans for moment in span})
    return [
        (left, right)
        for left, right in itertools.pairwise(minutes)
        if any(start <= left and right <= end for start, end in spans)
    ]
