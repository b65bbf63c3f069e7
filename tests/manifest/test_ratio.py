"""Treated against generated: every gram in one place, nothing counted twice, nothing rounded up."""

import json
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine
from typer.testing import CliRunner

from api.cli.app import app
from api.cli.common import language
from ledger.errors import Malformed
from ledger.storage.db import reading
from manifest import events as e
from manifest import wording
from manifest.reconcile.figures import add_months, share
from manifest.reconcile.ratio import ratio
from manifest.reconcile.untreated import Untreated, untreated
from manifest.reference import default
from manifest.register import events as r
from manifest.register.log import RuleSet
from manifest.vocabulary import PLACES, Account, PermitKind, Role, State
from tests.world import CODE, GENERATOR, OPERATOR, RIVAL, World, line

YEAR = {"start": date(2025, 1, 1), "end": date(2025, 12, 31)}
KG = 1000


def table(world: World, **wanted: Any) -> dict[str, Any]:
    """Return the ratio of a world as JSON, whole unless cut."""
    with reading(world.engine) as reader:
        arguments: dict[str, Any] = {**YEAR, "by": (), "reference": default(), **wanted}
        return ratio(reader, world.ledger.log, **arguments).as_json()


def whole(world: World, **wanted: Any) -> dict[str, Any]:
    """Return the total of the ratio."""
    total: dict[str, Any] = table(world, **wanted)["total"]
    return total


def open_lots(world: World, **wanted: Any) -> list[Untreated]:
    """Return the untreated list of a world, as of its own day unless said."""
    with reading(world.engine) as reader:
        arguments: dict[str, Any] = {"as_of": world.today, "reference": default(), **wanted}
        return untreated(reader, world.ledger.log, **arguments)


def set_limit(world: World, rule: str, months: int) -> None:
    """Let both operators set a limit from the start of 2025."""
    body = RuleSet(
        rule=rule, value=months, unit="month", valid_from=date(2025, 1, 1), source="Quyết định thử",
        confirmed=False,
    )  # fmt: skip
    both = ((OPERATOR, Role.OPERATOR), (OPERATOR, Role.OPERATOR, "root-2"))
    world.act(body, *both, stream=f"rule:{rule}")


def test_every_gram_is_in_exactly_one_place(engine: Engine) -> None:
    world = World.open(engine)
    world.journey(500 * KG)
    world.lot(70 * KG)
    world.register(line(mass_g=100 * KG)).hand_over()
    world.register(line(mass_g=200 * KG)).hand_over().arrive().weigh(150 * KG).accept((150 * KG, 0))
    world.register(line(mass_g=300 * KG)).hand_over().arrive().weigh(310 * KG).accept((300 * KG, 10 * KG))
    world.treat(100 * KG, methods=("SC",))
    total = whole(world)
    assert total["generated"] == (500 + 70 + 100 + 200 + 310) * KG
    assert sum(total[account.value] for account in PLACES) == total["generated"]
    assert (total["treated_service"], total["stored"]) == (500 * KG, 70 * KG)
    assert (total["in_transit"], total["at_facility"], total["interim"]) == (110 * KG, 350 * KG, 100 * KG)
    assert total["unexplained"] == 50 * KG
    assert total["cohort"] == share(500, 1180)
    assert (
        total["not_due"] + total["overdue"] + total["unexplained"] + total["treated_service"]
        == total["generated"]
    )


def test_a_difference_within_the_tolerance_restates_what_was_generated(engine: Engine) -> None:
    world = World.open(engine)
    world.register(line(mass_g=1000 * KG)).hand_over().arrive().weigh(1050 * KG).accept((1050 * KG, 0))
    world.treat(1050 * KG).complete()
    total = whole(world)
    assert (total["generated"], total["treated_service"], total["unexplained"]) == (1050 * KG, 1050 * KG, 0)
    assert total["cohort"] == "1.000000"


def test_a_surplus_beyond_the_tolerance_is_treated_but_not_credited(engine: Engine) -> None:
    world = World.open(engine)
    world.register(line(mass_g=1000 * KG)).hand_over().arrive().weigh(1200 * KG).accept((1200 * KG, 0))
    world.treat(1200 * KG).complete()
    total = whole(world)
    assert (total["generated"], total["treated_service"], total["unexplained"]) == (
        1200 * KG,
        1000 * KG,
        200 * KG,
    )
    assert not total["may_say_all_treated"]


def test_treatment_by_a_method_that_the_permit_does_not_name_is_not_credited(engine: Engine) -> None:
    world = World.open(engine)
    world.register(line(mass_g=10 * KG)).hand_over().arrive().weigh(10 * KG).accept((10 * KG, 0))
    world.treat(10 * KG, methods=("C",)).complete()
    total = whole(world)
    assert (total["treated_service"], total["unexplained"], total["cohort"]) == (0, 10 * KG, "0.000000")


def test_flow_counts_by_day_of_treatment_and_cohort_by_day_of_generation(engine: Engine) -> None:
    world = World.open(engine)
    world.register(line(mass_g=100 * KG)).hand_over().arrive().weigh(100 * KG).accept((100 * KG, 0))
    world.tick(days=100).treat(100 * KG).complete()
    rows = table(world, by=("quarter",))["rows"]
    assert [(row["quarter"], row["cohort"], row["flow"]) for row in rows] == [
        ("2025-Q2", "1.000000", "0.000000"),
        ("2025-Q3", None, None),
    ]
    assert rows[1]["flow_treated"] == 100 * KG
    assert rows[1]["opening"] == 100 * KG


def test_opening_stock_is_a_row_of_its_own_and_never_generated(engine: Engine) -> None:
    world = World.open(engine)
    body = e.OpeningDeclared(
        lot=world.id(), site="site:generator", code=CODE, state=State.LIQUID, mass_g=40 * KG,
        generated_on=date(2024, 11, 3),
    )  # fmt: skip
    world.act(body, (GENERATOR, Role.GENERATOR), stream=body.lot)
    world.lot(10 * KG)
    total = whole(world)
    assert (total["generated"], total["opening"], total["stored"]) == (10 * KG, 40 * KG, 10 * KG)


def test_self_treatment_counts_only_under_a_permit_line(engine: Engine) -> None:
    world = World.open(engine)
    world.add_permit(GENERATOR, kind=PermitKind.ENVIRONMENTAL, methods=("TĐ",), permit="permit:own")
    lot = world.lot(10 * KG)
    for permit, mass_g in (("permit:own", 6 * KG), (None, 4 * KG)):
        body = e.SelfTreated(
            lot=lot, mass_g=mass_g, methods=("TĐ",), treated_on=world.now.date(), permit=permit
        )
        world.act(body, (GENERATOR, Role.GENERATOR), stream=lot)
    total = whole(world)
    assert (total["self_treated"], total["unexplained"], total["cohort"]) == (6 * KG, 4 * KG, "0.600000")


def test_what_is_late_is_late_by_law_and_to_the_day(engine: Engine) -> None:
    world = World.open(engine)
    day = world.now.date()
    world.lot(10 * KG)
    world.register(line(mass_g=20 * KG)).hand_over()
    storage, treatment = add_months(day, 12), add_months(day, 6)
    late = {
        on: (total["not_due"], total["overdue"])
        for on in (
            treatment,
            date.fromordinal(treatment.toordinal() + 1),
            date.fromordinal(storage.toordinal() + 1),
        )
        if (total := whole(world, as_of=on))
    }
    assert list(late.values()) == [(30 * KG, 0), (10 * KG, 20 * KG), (0, 30 * KG)]


def test_coverage_names_who_is_registered_and_silent(engine: Engine) -> None:
    world = World.open(engine)
    world.lot(10 * KG)
    coverage = whole(world)["coverage"]
    assert (coverage["generators"], coverage["reporting"], coverage["sufficient"]) == (4, 1, False)
    assert whole(world, by=("generator",))["coverage"]["generators"] == 4


def test_a_lot_has_the_area_of_the_map_of_its_day(engine: Engine) -> None:
    world = World.open(engine)
    world.tick(days=90)
    world.lot(10 * KG, generated_on=date(2025, 6, 30))
    world.tick(days=2)
    world.lot(20 * KG, generated_on=date(2025, 7, 1))
    rows = table(world, by=("area",))["rows"]
    assert [(row["area"], row["generated"]) for row in rows] == [("00493", 20 * KG), ("017", 10 * KG)]


def test_the_same_size_gives_the_same_bytes_for_ever(engine: Engine) -> None:
    world = World.open(engine)
    world.journey()
    assert world.last is not None
    size = world.last.receipt.seq + 1
    then = table(world, by=("zone_kind", "quarter"), at_size=size)
    world.tick(days=40)
    world.journey().register().hand_over()
    world.add_party("org:newcomer", "Công ty Đến Sau", Role.GENERATOR)
    assert table(world, by=("zone_kind", "quarter"), at_size=size) == then
    assert table(world)["checkpoint"]["size"] > size


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"by": ("colour",)}, "manifest.dimension_unknown"),
        ({"start": date(2026, 1, 1)}, "manifest.period_empty"),
        ({"at_size": 10**6}, "manifest.size_unknown"),
        ({"start": date(1976, 1, 1), "end": date(2026, 1, 1)}, "manifest.period_too_long"),
        ({"start": date.min, "end": date.max}, "manifest.period_too_long"),
        ({"as_of": date(2015, 8, 31)}, "manifest.date_invalid"),
        ({"as_of": date.min}, "manifest.date_invalid"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(engine: Engine, wanted: dict[str, Any], code: str) -> None:
    world = World.open(engine)
    with pytest.raises(Malformed) as refused:
        table(world, **wanted)
    assert refused.value.code == code


def test_the_untreated_list_names_every_gram_that_the_ratio_leaves_open(engine: Engine) -> None:
    world = World.open(engine)
    world.journey()
    world.lot(7 * KG, party=RIVAL)
    world.register(line(mass_g=100 * KG)).hand_over()
    world.register(line(mass_g=200 * KG)).hand_over().arrive().weigh(150 * KG).accept((150 * KG, 0))
    with reading(world.engine) as reader:
        found = untreated(reader, world.ledger.log, as_of=world.now.date(), reference=default())
    total = whole(world)
    assert sum(item.grams for item in found) == total["generated"] - total["treated_service"]
    assert {item.account for item in found} == {
        Account.STORED, Account.IN_TRANSIT, Account.AT_FACILITY, Account.UNEXPLAINED
    }  # fmt: skip
    assert all(item.number for item in found if item.account is not Account.STORED)
    assert [item.grams for item in found] == sorted((item.grams for item in found), reverse=True)


@given(st.integers(0, 10**15), st.integers(1, 10**15))
def test_a_share_is_cut_and_never_says_more_than_is_true(part: int, of: int) -> None:
    text = share(part, of)
    assert text is not None
    whole_part, _, decimals = text.partition(".")
    millionths = int(whole_part) * 10**6 + int(decimals)
    assert millionths * of <= part * 10**6 < (millionths + 1) * of


def test_the_month_that_is_too_short_ends_on_its_last_day() -> None:
    assert add_months(date(2025, 8, 31), 6) == date(2026, 2, 28)
    assert add_months(date(2024, 2, 29), 12) == date(2025, 2, 28)
    assert add_months(date(2025, 11, 30), 1) == date(2025, 12, 30)


def test_a_month_that_the_calendar_does_not_have_is_refused_not_a_crash() -> None:
    assert add_months(date(9999, 6, 30), 6) == date(9999, 12, 30)
    for day, months in ((date(9999, 7, 1), 6), (date(2025, 1, 1), 10**15)):
        with pytest.raises(Malformed) as refused:
            add_months(day, months)
        assert [(found.code, found.path) for found in refused.value.problems] == [
            ("manifest.date_invalid", "/as_of")
        ]


def test_far_dates_are_answered_or_refused(engine: Engine) -> None:
    world = World.open(engine)
    world.lot(10 * KG)
    far = table(world, start=date(9990, 1, 1), end=date.max, as_of=date.max, by=("quarter",))
    assert far["total"]["opening"] == 10 * KG
    assert (far["rows"][-1]["quarter"], len(far["rows"])) == ("9999-Q4", 40)
    with pytest.raises(Malformed) as refused:
        open_lots(world, as_of=date(2021, 12, 31))
    assert refused.value.problems[0].path == "/as_of"


def test_fifty_years_are_the_longest_period(engine: Engine) -> None:
    world = World.open(engine)
    assert table(world, start=date(1976, 1, 1), end=date(2025, 12, 31))["rows"] == []


def test_nothing_is_said_of_quarters_after_the_as_of_date(engine: Engine) -> None:
    world = World.open(engine)
    world.lot(10 * KG)
    world.tick(days=92)
    world.lot(20 * KG)
    by = {"by": ("quarter",), "end": date(2030, 12, 31)}
    rows = table(world, **by)["rows"]
    assert [(row["quarter"], row["generated"], row["opening"]) for row in rows] == [
        ("2025-Q2", 10 * KG, 0), ("2025-Q3", 20 * KG, 10 * KG),
    ]  # fmt: skip
    early = table(world, **by, as_of=date(2025, 5, 1))
    assert [row["quarter"] for row in early["rows"]] == ["2025-Q2"]
    later = table(world, start=date(2026, 1, 1), end=date(2026, 12, 31), as_of=world.today, by=("quarter",))
    assert (later["rows"], later["total"]["opening"]) == ([], 0)


def test_a_row_without_a_gram_is_left_out(engine: Engine) -> None:
    world = World.open(engine)
    lot = world.lot(10 * KG)
    world.lot(5 * KG, party=RIVAL)
    world.adjust(lot, -10 * KG)
    rows = table(world, by=("generator",))["rows"]
    assert [(row["generator"], row["generated"]) for row in rows] == [(RIVAL, 5 * KG)]
    assert whole(world)["coverage"]["reporting"] == 2


def test_a_period_that_is_not_named_is_the_year_of_the_as_of_date(engine: Engine) -> None:
    world = World.open(engine)
    world.lot(10 * KG)
    found = table(world, start=None, end=None)
    assert (found["from"], found["to"], found["as_of"]) == ("2025-01-01", "2025-12-31", "2025-04-01")
    found = table(world, start=None, end=None, as_of=date(2027, 3, 1))
    assert (found["from"], found["to"], found["total"]["opening"]) == ("2027-01-01", "2027-12-31", 10 * KG)


def test_the_command_asks_for_a_year_and_says_when_nothing_was_generated(sqlite_engine: Engine) -> None:
    world = World.open(sqlite_engine)
    world.lot(10 * KG)
    asked = ["ratio", "--db", str(sqlite_engine.url)]
    answer = CliRunner().invoke(app, [*asked, "--json"])
    assert answer.exit_code == 0, answer.output
    found = json.loads(answer.stdout)
    assert (found["from"], found["to"], len(found["rows"])) == ("2025-01-01", "2025-12-31", 1)
    shown = CliRunner().invoke(app, [*asked, "--as-of", "2025-03-01"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0, shown.output
    assert "none_generated" not in shown.stdout
    said = wording.label("ratio", "nothing_generated", language())
    assert said.rsplit(" ", 1)[0] in shown.stdout  # a narrow column folds its last word
    for wrong in (["--from", "1900-01-01"], ["--as-of", "1900-01-01"]):
        assert CliRunner().invoke(app, [*asked, *wrong]).exit_code == 2


def test_plans_of_every_year_of_the_period_count(engine: Engine) -> None:
    world = World.open(engine)
    plan = r.PlanDeclared(
        plan="plan:1", site="site:generator", year=2025, lines=(r.CodeMass(code=CODE, mass_g=5 * KG),)
    )
    world.act(plan, (GENERATOR, Role.GENERATOR), stream=plan.plan)
    coverage = whole(world, start=date(2024, 1, 1), end=date(2026, 12, 31))["coverage"]
    assert coverage["planned_year_g"] == 5 * KG


def test_a_lot_on_two_manifests_is_due_by_each_of_them(engine: Engine) -> None:
    world = World.open(engine)
    lot = world.lot(500 * KG)
    due = {}
    for mass_g in (200 * KG, 300 * KG):
        world.register(line(mass_g=mass_g, lots=(e.Draw(lot=lot, mass_g=mass_g),))).hand_over()
        world.arrive().weigh(mass_g).accept((mass_g, 0))
        due[world.manifest] = (mass_g, add_months(world.today, 6))
        world.tick(days=30)
    found = open_lots(world)
    assert {item.manifest: (item.grams, item.due_on) for item in found} == due
    assert {item.lot for item in found} == {lot}
    late = [item for item in found if item.as_json(min(d for _, d in due.values()) + timedelta(1))["overdue"]]
    assert [item.grams for item in late] == [200 * KG]


def test_what_came_back_is_stored_whatever_manifest_it_was_on(engine: Engine) -> None:
    world = World.open(engine)
    world.register(line(mass_g=100 * KG)).hand_over().arrive().refuse().give_back()
    (item,) = open_lots(world)
    assert (item.account, item.grams, item.manifest, item.number) == (Account.STORED, 100 * KG, None, None)


def test_limits_that_the_ledger_has_set_decide_what_is_late(engine: Engine) -> None:
    world = World.open(engine)
    world.lot(10 * KG)
    world.register(line(mass_g=20 * KG)).hand_over()
    assert world.last is not None
    size, day = world.last.receipt.seq + 1, world.today
    set_limit(world, "storage_limit_months", 2)
    set_limit(world, "treatment_limit_months", 1)
    as_of = add_months(day, 1) + timedelta(days=1)
    total = whole(world, as_of=as_of)
    assert (total["not_due"], total["overdue"]) == (10 * KG, 20 * KG)
    total = whole(world, as_of=as_of, at_size=size)
    assert (total["not_due"], total["overdue"]) == (30 * KG, 0)
    now = {item.account: item.due_on for item in open_lots(world)}
    assert now == {Account.STORED: add_months(day, 2), Account.IN_TRANSIT: add_months(day, 1)}
    then = {item.account: item.due_on for item in open_lots(world, at_size=size)}
    assert then == {Account.STORED: add_months(day, 12), Account.IN_TRANSIT: add_months(day, 6)}


def test_what_a_cohort_was_made_smaller_by_stands_in_its_row(engine: Engine) -> None:
    world = World.open(engine)
    lot = world.lot(100 * KG)
    smaller = e.GenerationAdjusted(lot=lot, delta_g=-30 * KG, reason="Cân lại")
    world.act(smaller, (GENERATOR, Role.GENERATOR), stream=lot)
    world.register(line(mass_g=200 * KG)).hand_over().arrive().weigh(195 * KG).accept((195 * KG, 0))
    total = whole(world)
    assert (total["generated"], total["adjusted_down"], total["restated_down"]) == (265 * KG, 30 * KG, 5 * KG)
