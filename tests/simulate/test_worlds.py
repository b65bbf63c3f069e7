"""Worlds repeat with their seed, are mostly honest, and say what is wrong in them."""

from collections import Counter
from datetime import timedelta

import pytest

from simulate.loads import world
from simulate.parameters import Parameters, parameters
from simulate.parties import draw

FRAUDS = {
    "dumped_in_transit", "treated_little_reported_much", "ghost_generator", "double_booked_load",
    "weight_shaving", "code_laundering", "borrowed_permit", "circular_trade", "back_dating",
    "splitting_under_thresholds", "hoarding_over_a_year", "colluding_pair",
}  # fmt: skip


def test_every_kind_of_fraud_has_its_figures_and_seeds_are_held_out() -> None:
    given = parameters()
    assert set(given.frauds) == FRAUDS
    assert len(set(given.held_out.seeds)) == 20
    assert not set(given.held_out.seeds) & set(given.held_out.development_seeds)


def test_a_table_says_what_its_figures_rest_on() -> None:
    with pytest.raises(ValueError, match="basis"):
        Parameters.read('version = 1\n[size]\nbasis = "felt right"\n')


def test_the_same_seed_is_the_same_world_and_another_is_not() -> None:
    one = world(parameters(), 7, generators=60)
    assert one == world(parameters(), 7, generators=60)
    assert one.loads != world(parameters(), 8, generators=60).loads


def test_a_held_out_seed_differs_in_more_than_its_dice() -> None:
    given = parameters()
    assert (draw(given, 1).delay, draw(given, 1).magnitude) == (1.0, 1.0)
    held_out = [draw(given, seed) for seed in given.held_out.seeds]
    assert len({(one.delay, one.magnitude, tuple(one.mix.values())) for one in held_out}) == 20


def test_over_the_development_seeds_every_fraud_occurs_and_most_loads_are_honest() -> None:
    given = parameters()
    seen: Counter[str | None] = Counter()
    for seed in given.held_out.development_seeds:
        made = world(given, seed)
        seen.update(load.fraud for load in made.loads)
        seen.update("ghost_generator" for _ in made.ghosts)
        seen.update("hoarding_over_a_year" for _, _, hoarded in made.stored if hoarded)
    assert set(seen) == {*FRAUDS, None}
    assert seen[None] * 2 > seen.total()


def test_what_is_true_of_a_load_fits_what_happens_to_it() -> None:
    made = world(parameters(), 3, generators=200)
    for load in made.loads:
        whole = load.declared_g + sum(lot.hidden_g for lot in load.lots)
        assert 0 <= load.untreated_g <= whole
        assert load.untreated_g == 0 or load.fraud is not None
        moments = [load.handed_over_at, load.arrived_at, load.decided_at, load.treated_at, load.completed_at]
        known = [moment for moment in moments if moment is not None]
        assert known == sorted(known)
        assert moments == known + [None] * (5 - len(known)), "what comes after what never came never comes"


def test_no_honest_vehicle_is_in_two_places() -> None:
    made = world(parameters(), 3, generators=300)
    on_the_road: dict[str, object] = {}
    for load in made.loads:
        if load.fraud == "double_booked_load":
            continue
        until = on_the_road.get(load.plate)
        assert until is None or until <= load.handed_over_at  # type: ignore[operator]
        on_the_road[load.plate] = load.arrived_at or load.handed_over_at + timedelta(hours=12)
