"""How far a weighed mass may differ from the declared one and still only restate it (decision A1)."""

from collections.abc import Iterable
from datetime import date

from manifest.events import LineDeclared
from manifest.quantity import LineMass
from manifest.reference import Reference
from manifest.reference_tables import Tolerance


def tolerance_g(reference: Reference, line: LineDeclared, grams: int, mass: LineMass, on: date) -> int:
    """Return the tolerance of a line that should have been ``grams``, as it was weighed.

    The row that says most about the line counts, the rule `receipt_tolerance_permille` where none does. No
    scale can tell a difference that is smaller than its own uncertainty; whoever weighs states that himself,
    so it counts as far as the rule `scale_uncertainty_max_g` lets one believe it.
    """
    fitting = [row for row in reference.tolerances(on) if _fits(row, line, mass)]
    narrowest = max(fitting, key=_said, default=None)
    rule = reference.rule("receipt_tolerance_permille", on).integer
    permille = rule if narrowest is None else narrowest.permille
    believed = reference.rule("scale_uncertainty_max_g", on).integer
    return max(permille * grams // 1000, min(mass.uncertainty_g, believed))


def _fits(row: Tolerance, line: LineDeclared, mass: LineMass) -> bool:
    kinds = {packages.kind for packages in line.packages}
    return (
        (row.code is None or line.code.startswith(row.code))
        and row.state in {None, line.state}
        and (row.packaging is None or kinds == {row.packaging})
        and row.instrument in {None, mass.instrument}
    )


def _said(row: Tolerance) -> tuple[int, int]:
    """Return how much a row says: how many things, and how much of the code."""
    said: Iterable[object] = (row.code, row.state, row.packaging, row.instrument)
    return sum(one is not None for one in said), len(row.code or "")
