"""The same manifest under the rules of another day."""

from datetime import date, timedelta

from manifest import events as e
from manifest.consignment import Manifest
from manifest.reference import default
from manifest.reference_tables import Rule
from manifest.rejudge import Differs, compare, judge
from manifest.vocabulary import Status
from tests.factories import AT, manifest_in, some

LATER = AT + timedelta(days=400)


def completed(net_g: int = 1000) -> Manifest:
    lines = tuple(e.LineWeighed(line=n, net_g=net_g, ticket=f"PC-{n}") for n in (1, 2))
    decided = tuple(e.LineDecided(line=n, accepted_g=net_g, refused_g=0) for n in (1, 2))
    parts = tuple(
        e.LineTreated(line=n, mass_g=net_g, methods=("TC",), treated_on=date(2025, 4, 10)) for n in (1, 2)
    )
    changed: dict[str, dict[str, object]] = {
        "Weighed": {"lines": lines}, "Accepted": {"lines": decided}, "Treated": {"parts": parts},
    }  # fmt: skip
    return manifest_in(Status.IN_TREATMENT, some(e.Completed), **changed)


def rule(name: str, value: int, unit: str, since: date) -> Rule:
    return Rule(
        name=name, integer=value, unit=unit, source="change", confirmed=False, valid_from=since, valid_to=None
    )


def test_the_rules_of_its_own_time_differ_in_nothing() -> None:
    assert compare(completed(), default(), date(2025, 4, 10), LATER) == []


def test_a_stricter_tolerance_makes_a_restated_difference_unexplained() -> None:
    changed = default().with_rules([rule("receipt_tolerance_permille", 1, "permille", date(2026, 1, 1))])
    assert compare(completed(net_g=990), changed, date(2026, 1, 1), LATER) == [
        Differs("lines/1/difference", "restated", "unexplained"),
        Differs("lines/2/difference", "restated", "unexplained"),
    ]


def test_a_shorter_limit_makes_it_late_and_an_older_form_another() -> None:
    changed = default().with_rules([rule("in_transit_limit_hours", 1, "hour", date(2026, 1, 1))])
    late = Differs("clocks/in_transit", None, "late")
    assert late in compare(completed(), changed, date(2026, 1, 1), LATER)
    old = compare(completed(), default(), date(2021, 5, 1), LATER)
    assert Differs("form", "tt02-2022", "tt36-2015") in old
    assert Differs("clocks/treatment", None, "no_limit") in old


def test_a_load_too_heavy_for_a_road_of_today_is_named() -> None:
    changed = default().with_rules([rule("road_vehicle_max_mass_g", 100, "g", date(2026, 1, 1))])
    found = {one.subject: one.now for one in compare(completed(), changed, date(2026, 1, 1), LATER)}
    assert found["legs/1"] == found["lines"] == "manifest.too_heavy_for_road"


def test_a_manifest_that_has_not_left_is_judged_by_what_it_says() -> None:
    registered = manifest_in(Status.REGISTERED)
    subjects = {one.subject for one in judge(registered, default(), None, LATER)}
    assert subjects == {"form"}
