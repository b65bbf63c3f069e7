"""How far a scale may differ, by waste, packaging and instrument; and what cannot be at all."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest.events import LineDeclared, Packages
from manifest.plausibility import containers, payload
from manifest.quantity import LineMass
from manifest.reference import default
from manifest.tolerance import tolerance_g
from manifest.vocabulary import Instrument, Packaging, State
from tests.factories import declared

ON = date(2025, 4, 10)
TONNE = 1_000_000


def line(state: State = State.SOLID, code: str = "17 02 03", *packages: Packages) -> LineDeclared:
    return declared(1, TONNE, state=state, code=code, packages=packages)


def tolerated(of: LineDeclared, **weighed: object) -> int:
    mass = LineMass(declared_g=TONNE, **weighed)  # type: ignore[arg-type]
    return tolerance_g(default(), of, TONNE, mass, ON)


DRUMS = Packages(kind=Packaging.DRUM, count=5, volume_ml=200_000)
TANK = Packages(kind=Packaging.TANK, count=1, volume_ml=1_000_000)


@pytest.mark.parametrize(
    ("of", "weighed", "expected"),
    [
        (line(), {}, 50_000),
        (line(State.SLUDGE), {}, 100_000),
        (line(State.LIQUID, "17 02 03", TANK), {}, 30_000),
        (line(State.LIQUID, "17 02 03", TANK, DRUMS), {}, 50_000),
        (line(State.LIQUID, "17 02 03", DRUMS), {}, 50_000),
        (line(code="13 01 01"), {}, 30_000),
        (line(), {"instrument": Instrument.ESTIMATE}, 150_000),
        (line(), {"instrument": Instrument.WEIGHBRIDGE}, 50_000),
        (line(), {"uncertainty_g": 60_000}, 60_000),
        (line(), {"uncertainty_g": 20_000}, 50_000),
        (line(), {"uncertainty_g": 100_001}, 100_000),
    ],
)
def test_the_row_that_says_most_counts(of: LineDeclared, weighed: dict[str, object], expected: int) -> None:
    assert tolerated(of, **weighed) == expected


@given(st.integers(1, 10**10), st.integers(0, 10**8))
def test_a_tolerance_is_never_less_than_a_scale_can_tell(grams: int, uncertainty: int) -> None:
    mass = LineMass(declared_g=grams, uncertainty_g=uncertainty)
    found = tolerance_g(default(), line(), grams, mass, ON)
    believed = min(uncertainty, 100_000)
    assert found >= believed
    assert found == max(believed, grams * 50 // 1000)


@pytest.mark.parametrize(
    ("state", "packages", "mass_g", "limit_g"),
    [
        (State.LIQUID, (DRUMS,), 1_800_000, 1_800_000),
        (State.SLUDGE, (DRUMS,), 2_250_000, 2_250_000),
        (State.SOLID, (DRUMS,), 8_000_000, 8_000_000),
        (State.LIQUID, (DRUMS, TANK), 3_600_000, 3_600_000),
    ],
)
def test_containers_hold_so_much_and_not_a_gram_more(
    state: State, packages: tuple[Packages, ...], mass_g: int, limit_g: int
) -> None:
    full = declared(1, mass_g, state=state, packages=packages)
    over = declared(2, mass_g + 1, state=state, packages=packages)
    assert list(containers([full], default(), ON)) == []
    [problem] = containers([full, over], default(), ON)
    assert (problem.code, problem.path) == ("manifest.too_heavy_for_containers", "/body/lines/1/mass_g")
    assert dict(problem.facts) == {"mass_g": mass_g + 1, "limit_g": limit_g}


def test_packages_of_unknown_volume_say_nothing() -> None:
    unknown = Packages(kind=Packaging.BAG, count=1)
    assert list(containers([declared(1, 10**9, packages=(unknown, DRUMS))], default(), ON)) == []
    assert list(containers([declared(1, 10**9)], default(), ON)) == []


def test_a_vehicle_carries_half_as_much_again_and_no_more() -> None:
    def codes(mass_g: int, payload_g: int | None) -> list[str]:
        return [one.code for one in payload(mass_g, payload_g, default(), ON, "/x")]

    assert codes(7_500_000, 5_000_000) == []
    assert codes(7_500_001, 5_000_000) == ["manifest.too_heavy_for_vehicle"]
    assert codes(10**9, None) == []
