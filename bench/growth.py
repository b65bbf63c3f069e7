"""How a figure grows with the size: by a power of it, or with each doubling; fitted by least squares."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean


@dataclass(frozen=True, slots=True)
class Growth:
    """``power`` is k of y ~ n^k; ``at_one`` and ``per_doubling`` are a and b of y = a + b log2 n.

    ``power_error`` and ``log_error`` are by how much each is off, root mean square, as a share of the mean.
    """

    power: float
    at_one: float
    per_doubling: float
    power_error: float
    log_error: float

    @property
    def better(self) -> str:
        """Which of the two lies closer to what was measured."""
        return "power" if self.power_error < self.log_error else "log"


def fit(sizes: Sequence[float], figures: Sequence[float]) -> Growth:
    """Return how figures grow with sizes; at least two of them, above zero."""
    doublings = [math.log2(size) for size in sizes]
    scale, power = _line(doublings, [math.log2(figure) for figure in figures])
    start, slope = _line(doublings, figures)
    by_power = [2 ** (scale + power * x) for x in doublings]
    by_log = [start + slope * x for x in doublings]
    return Growth(power, start, slope, _off(by_power, figures), _off(by_log, figures))


def _line(xs: Sequence[float], ys: Sequence[float]) -> tuple[float, float]:
    """Return start and slope of the line through points that is off least."""
    middle_x, middle_y = fmean(xs), fmean(ys)
    slope = sum((x - middle_x) * (y - middle_y) for x, y in zip(xs, ys, strict=True))
    slope /= sum((x - middle_x) ** 2 for x in xs)
    return middle_y - slope * middle_x, slope


def _off(found: Sequence[float], figures: Sequence[float]) -> float:
    return math.sqrt(fmean([(a - b) ** 2 for a, b in zip(found, figures, strict=True)])) / fmean(figures)
