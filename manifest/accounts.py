"""Double entry in grams: a posting moves mass between accounts, and an event's postings sum to zero."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from manifest.vocabulary import Account, Grams, LotId, Reason

K = TypeVar("K")
_LOST = frozenset({Account.UNEXPLAINED, Account.TRACEABILITY_BREAK})


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """``grams`` of ``lot`` into an account (negative: out of it).

    ``place`` is the site that holds it, or the party that carries it. ``line`` is the manifest's line,
    ``method`` the last treatment method where there is one. ``on`` is the day to book it on where that is
    another than the day of the act: the day of generation, or of treatment. ``manifest`` brought the grams,
    ``batch`` is what they went into (or, negative, were taken back out of).
    """

    account: Account
    place: str
    lot: LotId
    grams: int
    reason: Reason
    line: int | None = None
    method: str | None = None
    on: date | None = None
    manifest: str | None = None
    batch: str | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """One end of a movement: an account at a place."""

    account: Account
    place: str


def move(
    lot: LotId,
    grams: int,
    source: Slot,
    target: Slot,
    reason: Reason,
    *,
    line: int | None = None,
    method: str | None = None,
    on: date | None = None,
    manifest: str | None = None,
    batch: str | None = None,
) -> tuple[Posting, ...]:
    """Return the two postings that move ``grams`` of a lot, into a batch if it is named; none for nothing."""
    if grams == 0:
        return ()
    return tuple(
        Posting(
            account=slot.account,
            place=slot.place,
            lot=lot,
            grams=sign * grams,
            reason=reason,
            line=line,
            method=method,
            on=on,
            manifest=manifest,
            batch=batch if sign > 0 else None,
        )
        for sign, slot in ((-1, source), (1, target))
    )


def balanced(postings: Iterable[Posting]) -> bool:
    """Tell whether the postings of every lot sum to zero: no lot feeds another in passing."""
    sums: dict[str, int] = {}
    for posting in postings:
        sums[posting.lot] = sums.get(posting.lot, 0) + posting.grams
    return not any(sums.values())


def allocate(grams: int, shares: Sequence[tuple[K, int]]) -> list[tuple[K, Grams]]:
    """Divide ``grams`` over lots in proportion to their shares, to the gram, by the largest remainder.

    What holds the shares may be anything else, too. No lot gets more than its share while ``grams`` is at
    most the sum of the shares; ties go to the lot that stands first. Raises ValueError when there is more to
    divide than the shares hold, or less than nothing.
    """
    total = sum(share for _, share in shares)
    if not 0 <= grams <= total:
        raise ValueError(f"cannot divide {grams} g over shares of {total} g")
    if total == 0:
        return [(lot, Grams(0)) for lot, _ in shares]
    return spread(grams, shares)


def spread(grams: int, shares: Sequence[tuple[K, int]]) -> list[tuple[K, Grams]]:
    """Divide any number of ``grams`` in proportion to the shares, to the gram, by the largest remainder."""
    total = sum(share for _, share in shares)
    parts = [grams * share // total for _, share in shares]
    by_remainder = sorted(range(len(shares)), key=lambda i: (-(grams * shares[i][1] % total), i))
    for index in by_remainder[: grams - sum(parts)]:
        parts[index] += 1
    return [(lot, Grams(part)) for (lot, _), part in zip(shares, parts, strict=True)]


def loses(made: Iterable[Posting]) -> bool:
    """Tell whether postings touch an account of grams of which nobody can say what became of them."""
    return any(posting.account in _LOST for posting in made)
