"""Final fate: what becomes of a child lot is credited to the lots whose grams it stands for, to the gram.

A batch turns grams of many lots into child lots. The grams of the lots that went in stay `interim` at the
batch's site, and each child lot has shares in them. From then on the shares follow the child: when a part of
its grams leaves one pool for another, the same part of what it stands for leaves with it, lot by lot, by the
largest remainder; the last gram takes all that is left. A pool is the child's grams under way, wherever they
are, or those that ended in one account at one place. What a share stands for may be a child itself, so the
movement is followed up, the youngest lot first, through any depth; a lot that is reached on several ways is
moved once, with all that reached it.

Pure: values come in, movements go out. Reads and rows are `following`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from manifest.accounts import Posting, Slot, allocate, spread
from manifest.vocabulary import SOURCES, Account, LotId, Reason

UNDER_WAY = frozenset({Account.STORED, Account.IN_TRANSIT, Account.AT_FACILITY, Account.INTERIM})


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose grams a share is: a lot, and the manifest's line that brought it (none: the own store)."""

    lot: LotId
    manifest: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """Why grams moved, by which method, and the day to book them on."""

    reason: Reason
    method: str | None = None
    on: date | None = None


@dataclass(frozen=True, slots=True)
class Movement:
    """Grams (above zero) of an origin's lot from one slot to another."""

    origin: Origin
    grams: int
    source: Slot
    target: Slot
    cause: Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A child lot before an event.

    ``home`` is the site of its batch, ``age`` the entry that made it, ``grams`` what it has in each pool, and
    ``shares`` what it stands for in each pool.
    """

    lot: LotId
    home: str
    age: int
    grams: Mapping[Slot, int]
    shares: Mapping[Slot, Mapping[Origin, int]]

    @property
    def under_way(self) -> Slot:
        """The pool of all that has not ended; what it stands for lies in this slot itself."""
        return Slot(Account.INTERIM, self.home)

    def pool(self, slot: Slot) -> Slot | None:
        """Return the pool to which the child's grams in a slot belong; none for its source."""
        if slot.account in SOURCES:
            return None
        return self.under_way if slot.account in UNDER_WAY else slot


@dataclass(frozen=True, slots=True)
class Credit:
    """What follows for the lots above: their movements, and by child which shares moved with them."""

    movements: tuple[Movement, ...]
    shares: tuple[tuple[LotId, Movement], ...]


def movements(made: Sequence[Posting]) -> Iterator[Movement]:
    """Yield the movements behind postings, which come in pairs."""
    for first, second in zip(made[::2], made[1::2], strict=True):
        assert first.lot == second.lot, "a movement is two postings of one lot"
        assert first.grams == -second.grams != 0, "a movement is two postings of the same grams"
        out, into = (first, second) if first.grams < 0 else (second, first)
        origin = Origin(into.lot, into.manifest, into.line)
        cause = Cause(into.reason, into.method, into.on)
        yield Movement(
            origin, into.grams, Slot(out.account, out.place), Slot(into.account, into.place), cause
        )


def credit(
    made: Iterable[Movement],
    child_of: Callable[[LotId], Child | None],
    method_of: Callable[[LotId, Slot], str | None],
) -> Credit:
    """Return what the movements of an event mean for the lots that child lots stand for.

    ``child_of`` gives a child lot as it was before the event, None for any other lot; ``method_of`` the last
    method by which a child's grams came into a slot.
    """
    pending: dict[LotId, tuple[Child, list[Movement]]] = {}

    def take(moved: Iterable[Movement]) -> None:
        for one in moved:
            child = child_of(one.origin.lot)
            if child is not None:
                pending.setdefault(child.lot, (child, []))[1].append(one)

    take(made)
    followed: list[Movement] = []
    shares: list[tuple[LotId, Movement]] = []
    while pending:
        child, moved = pending.pop(max(pending, key=lambda lot: (pending[lot][0].age, lot)))
        above = list(merged(follow(child, _as_one(child, moved), method_of)))
        shares += [(child.lot, one) for one in above]
        followed += above
        take(above)
    return Credit(tuple(merged(followed)), tuple(shares))


def _as_one(child: Child, moved: Iterable[Movement]) -> Iterator[Movement]:
    """Yield a child's movements from pool to pool, whichever manifest brought its grams."""
    return merged(
        Movement(
            Origin(child.lot),
            one.grams,
            child.pool(one.source) or one.source,
            child.pool(one.target) or one.target,
            one.cause,
        )
        for one in moved
    )


def merged(moved: Iterable[Movement]) -> Iterator[Movement]:
    """Yield movements with those that differ in nothing but their grams as one."""
    sums: dict[tuple[Origin, Slot, Slot, Cause], int] = {}
    for one in moved:
        key = (one.origin, one.source, one.target, one.cause)
        sums[key] = sums.get(key, 0) + one.grams
    for (origin, source, target, cause), grams in sums.items():
        yield Movement(origin, grams, source, target, cause)


def follow(
    child: Child, moved: Iterable[Movement], method_of: Callable[[LotId, Slot], str | None]
) -> Iterator[Movement]:
    """Yield how a child's shares follow its movements."""
    grams = dict(child.grams)
    shares = {pool: dict(held) for pool, held in child.shares.items()}
    cause = None
    for one in moved:
        cause = one.cause
        source, target = child.pool(one.source), child.pool(one.target)
        if source == target:
            continue
        if source is not None and target is not None:
            whole, held = grams.get(source, 0), sum(shares.get(source, {}).values())
            part = held if one.grams >= whole else held * one.grams // whole
            yield from _pour(shares, part, source, target, cause)
        if source is not None:
            grams[source] = grams.get(source, 0) - one.grams
        if target is not None:
            grams[target] = grams.get(target, 0) + one.grams
    if cause is not None:
        yield from _left_behind(child, grams, shares, cause, method_of)


def _pour(
    shares: dict[Slot, dict[Origin, int]], part: int, source: Slot, target: Slot, cause: Cause
) -> Iterator[Movement]:
    """Move a part of a pool's shares, lot by lot in proportion."""
    held = shares.setdefault(source, {})
    into = shares.setdefault(target, {})
    for origin, grams in allocate(part, list(held.items())):
        if grams:
            held[origin] -= grams
            into[origin] = into.get(origin, 0) + grams
            yield Movement(origin, grams, source, target, cause)


def _left_behind(
    child: Child,
    grams: Mapping[Slot, int],
    shares: dict[Slot, dict[Origin, int]],
    cause: Cause,
    method_of: Callable[[LotId, Slot], str | None],
) -> Iterator[Movement]:
    """Move shares out of a pool that the child has left without a trace: it turned out to be smaller.

    They go where the rest of the child is: under way, or in proportion to where it ended. Of a child that is
    nowhere they stay.
    """
    for source in list(shares):
        left = sum(shares[source].values())
        if left == 0 or grams.get(source, 0) > 0:
            continue
        others = [(pool, held) for pool, held in grams.items() if held > 0]
        if grams.get(child.under_way, 0) > 0:
            others = [(child.under_way, 1)]
        for target, part in spread(left, others) if others else ():
            method = None if target == child.under_way else method_of(child.lot, target)
            yield from _pour(shares, part, source, target, replace(cause, method=method))


def divide(
    held: Mapping[Origin, int], outputs: Sequence[tuple[LotId, int]]
) -> dict[LotId, dict[Origin, int]]:
    """Divide what a batch stands for over what came out of it, in proportion to mass, origin by origin."""
    divided: dict[LotId, dict[Origin, int]] = {lot: {} for lot, _ in outputs}
    for origin, grams in held.items():
        for lot, part in spread(grams, outputs):
            if part:
                divided[lot][origin] = int(part)
    return divided
