"""The size class of a generator: what it generated in a year, or in one month, by the limits of that year."""

import pytest

from manifest.classes import Produced, ProducerClass, classify
from manifest.reference import default

NOTHING, SMALL, LARGE = ProducerClass.NONE, ProducerClass.SMALL, ProducerClass.PERMIT


def months(**grams: int) -> tuple[int, ...]:
    """Return the grams of twelve months, none but those of the months that are named."""
    return tuple(grams.get(f"m{number}", 0) for number in range(1, 13))


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (months(), NOTHING),
        (months(m3=1), SMALL),
        (months(m3=99_999), SMALL),
        (months(m3=100_000), LARGE),
        (months(m12=100_000), LARGE),
        ((99_999,) * 12, SMALL),
        ((100_000,) * 12, LARGE),
    ],
)
def test_a_large_year_or_a_large_month_asks_for_a_permit(
    amount: tuple[int, ...], expected: ProducerClass
) -> None:
    assert classify(Produced("site:1", "org:1", 2025, amount), default()) is expected


@pytest.mark.parametrize(("year_g", "expected"), [(599_999, SMALL), (600_000, LARGE)])
def test_a_year_before_the_decree_goes_by_the_limit_of_its_time(year_g: int, expected: ProducerClass) -> None:
    assert classify(Produced("site:1", "org:1", 2020, months(m1=year_g)), default()) is expected


def test_a_month_was_no_limit_before_the_decree() -> None:
    assert classify(Produced("site:1", "org:1", 2020, months(m1=100_000)), default()) is SMALL
