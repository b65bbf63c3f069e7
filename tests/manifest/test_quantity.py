from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import RuleBroken
from manifest.quantity import (
    Difference,
    LineMass,
    correct_net,
    credited,
    decide,
    difference,
    give_back,
    resolve,
    treat,
    weigh,
)

GRAMS = st.integers(1, 10**10)


@pytest.mark.parametrize(
    ("net_g", "expected"),
    [
        (100_000, Difference(0, 0)),
        (105_000, Difference(5_000, 0)),
        (105_001, Difference(0, 5_001)),
        (95_000, Difference(-5_000, 0)),
        (94_999, Difference(0, -5_001)),
        (0, Difference(0, -100_000)),
    ],
)
def test_a_difference_is_restated_up_to_the_very_gram(net_g: int, expected: Difference) -> None:
    assert difference(100_000, net_g, 5_000) == expected


def test_a_tolerance_of_nothing_restates_nothing() -> None:
    assert difference(1000, 1001, 0) == Difference(0, 1)
    assert difference(1000, 1000, 0) == Difference(0, 0)


@given(GRAMS, st.integers(0, 10**10), GRAMS)
def test_a_difference_is_one_of_two_and_nothing_is_rounded(declared: int, net: int, limit: int) -> None:
    found = difference(declared, net, limit)
    assert found.restated_g + found.unexplained_g == net - declared
    assert 0 in {found.restated_g, found.unexplained_g}
    assert (found.unexplained_g == 0) == (declared - limit <= net <= declared + limit)


@given(st.integers(0, 10**6), st.integers(-(10**6), 10**6))
def test_an_unexplained_surplus_is_set_apart_first(accepted: int, unexplained: int) -> None:
    part = credited(accepted, unexplained)
    assert 0 <= part <= accepted
    assert accepted - part == min(accepted, max(unexplained, 0))


@pytest.mark.parametrize(
    "wrong",
    [
        {"declared_g": 0},
        {"declared_g": -1},
        {"declared_g": 10, "net_g": -1},
        {"declared_g": 10, "accepted_g": -1},
        {"declared_g": 10, "refused_g": -1},
        {"declared_g": 10, "accepted_g": 10, "treated_g": -1},
        {"declared_g": 10, "accepted_g": 10, "interim_g": -1},
        {"declared_g": 10, "accepted_g": 10, "treated_g": 6, "interim_g": 5},
        {"declared_g": 10, "treated_g": 1},
        {"declared_g": 10, "accepted_g": 10, "treated_g": 5, "without_basis_g": 6},
    ],
)
def test_impossible_masses_cannot_be_made(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="impossible masses"):
        LineMass(**cast("dict[str, Any]", wrong))


def test_until_it_is_weighed_a_line_is_what_was_declared() -> None:
    line = LineMass(declared_g=1000)
    assert (line.arrived_g, line.left_g) == (1000, 0)
    assert weigh(line, 0).arrived_g == 0


@given(GRAMS, st.data())
def test_accepted_and_refused_make_what_arrived(net: int, data: st.DataObject) -> None:
    line = weigh(LineMass(declared_g=1000), net)
    accepted = data.draw(st.integers(0, net))
    decided = decide(line, accepted, net - accepted, 0, "/x")
    assert (decided.accepted_g, decided.refused_g, decided.left_g) == (accepted, net - accepted, accepted)
    off = data.draw(st.integers(1, 10))
    with pytest.raises(RuleBroken) as refused:
        decide(line, accepted + off, net - accepted, 0, "/x")
    assert refused.value.problems[0].path == "/x"
    assert refused.value.code == "manifest.accepted_and_refused"


def accepted(grams: int = 1000, **changed: Any) -> LineMass:
    return LineMass(declared_g=1000, net_g=grams, accepted_g=grams, **changed)


def part(
    line: LineMass, mass_g: int, method: str = "TC", *, final: bool = True, permitted: bool = True
) -> LineMass:
    return treat(line, mass_g, method=method, final=final, permitted=permitted, path="/x")


def test_treated_is_at_most_what_was_accepted() -> None:
    line = part(accepted(), 999)
    assert (line.left_g, line.untouched_g) == (1, 1)
    with pytest.raises(RuleBroken) as refused:
        part(line, 2)
    assert refused.value.code == "manifest.treated_more_than_accepted"
    assert refused.value.problems[0].facts == {"mass_g": 2, "left_g": 1}
    assert part(line, 1).left_g == 0


def test_a_final_method_takes_the_untouched_first_and_then_what_was_prepared() -> None:
    line = part(accepted(), 400, "SC", final=False)
    assert (line.interim_g, line.left_g, line.untouched_g) == (400, 1000, 600)
    with pytest.raises(RuleBroken):
        part(line, 601, "SC", final=False)
    line = part(line, 700)
    assert (line.treated_g, line.interim_g, line.left_g, line.untouched_g) == (700, 300, 300, 0)


def test_the_method_kept_is_the_last_that_a_permit_line_covers() -> None:
    line = part(part(accepted(), 10, "TC"), 20, "OH", permitted=False)
    assert (line.last_method, line.treated_g, line.without_basis_g) == ("TC", 30, 20)
    assert part(line, 5, "SC", final=False, permitted=False).without_basis_g == 20


@given(st.lists(st.tuples(st.integers(1, 400), st.booleans(), st.booleans()), max_size=12))
def test_parts_never_add_up_to_more_than_was_accepted(parts: list[tuple[int, bool, bool]]) -> None:
    line = accepted()
    for mass, final, permitted in parts:
        limit = line.left_g if final else line.untouched_g
        if mass > limit:
            with pytest.raises(RuleBroken):
                part(line, mass, final=final, permitted=permitted)
            continue
        after = part(line, mass, final=final, permitted=permitted)
        assert after.left_g == line.left_g - (mass if final else 0)
        assert after.without_basis_g - line.without_basis_g == (mass if final and not permitted else 0)
        line = after
    assert line.treated_g + line.interim_g + line.untouched_g == 1000


def test_a_corrected_net_mass_moves_what_was_accepted() -> None:
    line = LineMass(declared_g=1000, net_g=1000, accepted_g=700, refused_g=300)
    after = correct_net(line, 950)
    assert (after.net_g, after.accepted_g, after.refused_g) == (950, 650, 300)
    assert correct_net(line, 300).accepted_g == 0
    with pytest.raises(RuleBroken) as refused:
        correct_net(line, 299)
    assert refused.value.problems[0].path == "/body/net_g"


def test_a_line_refused_whole_stays_refused_whole() -> None:
    after = correct_net(LineMass(declared_g=1000, net_g=1000, accepted_g=0, refused_g=1000), 1200)
    assert (after.net_g, after.accepted_g, after.refused_g) == (1200, 0, 1200)


@pytest.mark.parametrize(
    "line",
    [
        LineMass(declared_g=1000),
        LineMass(declared_g=1000, net_g=1000),
        accepted(treated_g=1),
        accepted(interim_g=1),
        give_back(LineMass(declared_g=1000, net_g=1000, accepted_g=900, refused_g=100)),
        resolve(accepted(1200)),
    ],
)
def test_a_net_mass_is_corrected_only_between_decision_and_treatment(line: LineMass) -> None:
    with pytest.raises(RuleBroken, match=r"manifest\.correction_out_of_(time|reach)"):
        correct_net(line, 1000)


def test_a_difference_is_explained_once() -> None:
    done = resolve(accepted(1200))
    assert done.resolved
    for line in (done, LineMass(declared_g=1000, net_g=1200)):
        with pytest.raises(RuleBroken, match=r"manifest\.correction_out_of_(time|reach)"):
            resolve(line)


def test_only_what_was_refused_comes_back() -> None:
    assert give_back(accepted()) == accepted()
    assert give_back(LineMass(declared_g=10, net_g=10, accepted_g=9, refused_g=1)).returned
