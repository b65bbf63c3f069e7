"""A figure of a benchmark, with the target it is measured against."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """``value`` in ``unit``; ``target`` must and ``stretch`` should be reached, from below if ``less``.

    ``beside`` says what the figure was measured with: counts, processor time, the ratio to another figure.
    """

    name: str
    value: float
    unit: str
    target: float | None = None
    stretch: float | None = None
    less: bool = False
    beside: dict[str, Any] = field(default_factory=dict)

    def _reached(self, bound: float | None) -> bool | None:
        if bound is None:
            return None
        return self.value <= bound if self.less else self.value >= bound

    def as_json(self) -> dict[str, Any]:
        """Return the figure as plain values."""
        return {
            "name": self.name,
            "value": round(self.value, 3),
            "unit": self.unit,
            "target": self.target,
            "met": self._reached(self.target),
            "stretch": self.stretch,
            "stretch_met": self._reached(self.stretch),
            **self.beside,
        }
