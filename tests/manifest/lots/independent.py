"""The final fate of grams once more, from what was done alone: short, and no code shared with the product.

Each step of a history is a tuple: ("root", lot, grams), ("pour", {lot: grams}, batch), ("empty", batch,
[(child, grams), …]), ("end", {lot: grams}, where), ("restate", lot, grams more or less). What several
manifests brought of one lot is divided apart: it is poured as "lot|manifest|line".
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any


def backward(history: Iterable[tuple[Any, ...]]) -> Counter[tuple[str, str]]:
    """Return the grams of every root by where they ended, walking from each end back to the roots."""
    left: dict[str, int] = {}  # what has not ended of each lot, the youngest lot last
    held: dict[str, Counter[str]] = defaultdict(Counter)  # what batches and child lots still stand for
    fates: Counter[tuple[str, str]] = Counter()
    for step in history:
        match step:
            case ("root" | "restate", lot, grams):
                left[lot] = left.get(lot, 0) + grams
            case ("pour", masses, batch):
                held[batch].update(masses)
            case ("empty", batch, outputs):
                left |= outputs
                for lot, grams in sorted(held[batch].items()):
                    for child, part in parted(grams, dict(outputs)).items():
                        held[child][lot] = part
            case ("end", masses, where):
                todo = Counter(masses)
                while todo:  # the youngest first: all that comes up to a lot is there when its turn comes
                    lot = max(todo, key=list(left).index)
                    grams = todo.pop(lot)
                    if lot in held:
                        for origin, part in parted(held[lot].total() * grams // left[lot], held[lot]).items():
                            held[lot][origin] -= part
                            if part:
                                todo[origin.partition("|")[0]] += part
                    else:
                        fates[lot, where] += grams
                    left[lot] -= grams
    return fates


def parted(grams: int, shares: Mapping[str, int]) -> dict[str, int]:
    """Return grams divided by the largest remainder, ties to the first."""
    whole = sum(shares.values()) or 1
    parts = {name: grams * share // whole for name, share in shares.items()}
    lucky = sorted(shares, key=lambda name: -(grams * shares[name] % whole))
    return parts | {name: parts[name] + 1 for name in lucky[: grams - sum(parts.values())]}


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
