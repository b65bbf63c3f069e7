"""Growth is told from figures that are known to grow so."""

import math

import pytest

from bench.growth import fit

SIZES = (12_000, 120_000, 300_000, 1_200_000)


def test_what_stays_the_same_does_not_grow() -> None:
    found = fit(SIZES, [7.0] * len(SIZES))
    assert found.power == pytest.approx(0)
    assert found.per_doubling == pytest.approx(0)


@pytest.mark.parametrize("power", [0.5, 1.0])
def test_a_power_is_found(power: float) -> None:
    found = fit(SIZES, [0.01 * size**power for size in SIZES])
    assert found.power == pytest.approx(power)
    assert found.better == "power"


def test_so_much_with_each_doubling_is_found() -> None:
    found = fit(SIZES, [3 + 0.5 * math.log2(size) for size in SIZES])
    assert found.per_doubling == pytest.approx(0.5)
    assert found.at_one == pytest.approx(3)
    assert found.better == "log"
