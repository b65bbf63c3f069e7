"""The final fate of grams once more, from what was done alone: short, and no code shared with the product.

Each step of a history is a tuple: ("root", lot, grams), ("pour", {lot: grams}, batch), ("empty", batch,
[(child, grams), …]), ("end", {lot: grams}, where), ("restate", lot, grams more or less). What several
manifests brought of one lot is divided apart: it is poured as "lot|manifest|line".
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

Fates = dict[tuple[str, str], int]


def backward(history: Iterable[tuple[Any, ...]]) -> Fates:
    """Return the grams of every root by where they ended, walking from each end back to the roots."""
    left: dict[str, int] = {}
    age: dict[str, int] = {}
    held: dict[str, dict[str, int]] = {}
    fates: Fates = {}
    for step in history:
        match step:
            case ("root", lot, grams):
                left[lot], age[lot] = grams, 0
            case ("pour", masses, batch):
                for lot, grams in masses.items():
                    held.setdefault(batch, {})[lot] = held.get(batch, {}).get(lot, 0) + grams
            case ("empty", batch, outputs):
                for child, grams in outputs:
                    left[child], age[child], held[child] = grams, len(age), {}
                for lot in sorted(held[batch]):
                    for (child, _), part in zip(outputs, parted(held[batch][lot], outputs), strict=True):
                        held[child][lot] = part
            case ("restate", lot, grams):
                left[lot] += grams
            case ("end", masses, where):
                for lot, grams in _up(masses, age, left, held):
                    fates[lot, where] = fates.get((lot, where), 0) + grams
    return fates


def _up(
    masses: dict[str, int], age: dict[str, int], left: dict[str, int], held: dict[str, dict[str, int]]
) -> Iterator[tuple[str, int]]:
    todo = dict(masses)
    while todo:
        lot = max(todo, key=lambda one: (age[one], one))
        grams, whole = todo.pop(lot), left[lot]
        left[lot] -= grams
        if lot not in held:
            yield lot, grams
            continue
        shares = sorted(held[lot].items())
        total = sum(share for _, share in shares)
        for (origin, _), part in zip(shares, parted(total * grams // whole, shares), strict=True):
            held[lot][origin] -= part
            if part:
                up = origin.partition("|")[0]
                todo[up] = todo.get(up, 0) + part


def parted(grams: int, shares: list[tuple[str, int]]) -> list[int]:
    """Return grams divided by the largest remainder, ties to the first."""
    whole = sum(share for _, share in shares) or 1
    exact = [Fraction(grams * share, whole) for _, share in shares]
    order = sorted(range(len(exact)), key=lambda n: (int(exact[n]) - exact[n], n))
    lucky = set(order[: grams - sum(map(int, exact))])
    return [int(part) + (n in lucky) for n, part in enumerate(exact)]


def forward(history: list[tuple[Any, ...]], root: str) -> dict[str, Fraction]:
    """Return the exact part of a root's grams that ended in each place, walking from the root to the ends.

    Fractions of a gram are kept, so this is what rounding comes near to.
    """
    mine: dict[str, Fraction] = {}  # what of the root is in each lot or batch
    size: dict[str, Fraction] = {}  # and how large those are; of roots it is not asked
    ended: dict[str, Fraction] = {}

    def out_of(lot: str, grams: int) -> Fraction:
        if lot not in size:
            return Fraction(grams if lot == root else 0)
        part = mine[lot] * grams / size[lot]
        mine[lot], size[lot] = mine[lot] - part, size[lot] - grams
        return part

    for step in history:
        match step:
            case ("pour", masses, batch):
                for origin, grams in masses.items():
                    mine[batch] = mine.get(batch, Fraction(0)) + out_of(origin.partition("|")[0], grams)
            case ("empty", batch, outputs):
                whole = sum(grams for _, grams in outputs)
                for child, grams in outputs:
                    size[child], mine[child] = Fraction(grams), mine[batch] * grams / whole
            case ("restate", lot, grams) if lot in size:
                size[lot] += grams
            case ("end", masses, where):
                for lot, grams in masses.items():
                    ended[where] = ended.get(where, Fraction(0)) + out_of(lot, grams)
    return ended
