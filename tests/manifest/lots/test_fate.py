"""Final fate as arithmetic: any network of batches, and never a gram made or lost."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifest.accounts import Posting, Slot, move
from manifest.lots import fate
from manifest.vocabulary import SOURCES, Account, LotId, Reason
from tests.manifest.lots.independent import backward, forward

SITES = ("site:a", "site:b", "site:c")
ENDS = (Account.TREATED_SERVICE, Account.SELF_TREATED, Account.EXPORTED, Account.UNEXPLAINED)


class Books:
    """Accounts and shares in memory, kept by the product's own functions, and what was done in its order."""

    def __init__(self) -> None:
        self.grams: dict[tuple[str, Slot], int] = {}
        self.shares: dict[tuple[str, Slot, fate.Origin], int] = {}
        self.children: dict[str, tuple[str, int]] = {}
        self.sites: dict[str, str] = {}
        self.roots: dict[str, int] = {}
        self.history: list[tuple[Any, ...]] = []
        self.roundings = 0

    def stored(self, lot: str) -> int:
        return self.grams.get((lot, self._slot(lot, Account.STORED)), 0)

    def _slot(self, lot: str, account: Account) -> Slot:
        return Slot(account, self.sites[lot])

    def book(self, made: list[Posting]) -> None:
        """Write postings and what follows from them."""
        found = fate.credit(fate.movements(made), self.child_of, lambda _lot, _slot: "TC")
        for child, one in found.shares:
            self.roundings += 1
            for sign, slot in ((-1, one.source), (1, one.target)):
                key = (child, slot, one.origin)
                self.shares[key] = self.shares.get(key, 0) + sign * one.grams
        for posting in made:
            self._add(posting)
        for up in found.movements:
            for posting in move(up.origin.lot, up.grams, up.source, up.target, up.cause.reason):
                self._add(posting)

    def _add(self, posting: Posting) -> None:
        key = (posting.lot, Slot(posting.account, posting.place))
        self.grams[key] = self.grams.get(key, 0) + posting.grams

    def child_of(self, lot: LotId) -> fate.Child | None:
        if lot not in self.children:
            return None
        home, age = self.children[lot]
        shares: dict[Slot, dict[fate.Origin, int]] = {}
        for (of, slot, origin), grams in sorted(self.shares.items(), key=repr):
            if of == lot and grams:
                shares.setdefault(slot, {})[origin] = grams
        child = fate.Child(lot=lot, home=home, age=age, grams={}, shares=shares)
        pools: dict[Slot, int] = {}
        for (one, slot), grams in self.grams.items():
            pool = child.pool(slot)
            if one == lot and pool is not None:
                pools[pool] = pools.get(pool, 0) + grams
        return fate.Child(lot=lot, home=home, age=age, grams=pools, shares=shares)

    def root(self, lot: str, grams: int, site: str) -> None:
        self.roots[lot], self.sites[lot] = grams, site
        self.history.append(("root", lot, grams))
        stored = Slot(Account.STORED, site)
        self.book(list(move(LotId(lot), grams, Slot(Account.GENERATED, site), stored, Reason.DECLARED)))

    def batch(self, name: str, masses: dict[str, int], outputs: list[int], site: str) -> None:
        """Pour lots together and empty the batch at once."""
        held = Slot(Account.INTERIM, site)
        made = [
            posting
            for lot, grams in masses.items()
            for posting in move(LotId(lot), grams, self._slot(lot, Account.STORED), held, Reason.BATCHED)
        ]
        self.book(made)
        children = [(f"{name}.{n}", grams) for n, grams in enumerate(outputs)]
        self.history += [("pour", dict(masses), name), ("empty", name, children)]
        shares = {fate.Origin(LotId(lot)): grams for lot, grams in sorted(masses.items())}
        divided = fate.divide(shares, [(LotId(lot), grams) for lot, grams in children])
        for child, grams in children:
            self.children[child], self.sites[child] = (site, len(self.history)), site
            source = Slot(Account.REGROUPED, site)
            stored = Slot(Account.STORED, site)
            self.book(list(move(LotId(child), grams, source, stored, Reason.REGROUPED)))
            for origin, part in divided[LotId(child)].items():
                self.roundings += 1
                self.shares[child, held, origin] = part

    def end(self, masses: dict[str, int], account: Account, site: str) -> None:
        """End parts of lots, in one event."""
        target = Slot(account, site)
        reason = Reason.DIFFERENCE if account is Account.UNEXPLAINED else Reason.TREATED
        made = [
            posting
            for lot, grams in masses.items()
            for posting in move(LotId(lot), grams, self._slot(lot, Account.STORED), target, reason)
        ]
        self.history.append(("end", dict(masses), f"{account}@{site}"))
        self.book(made)

    def restate(self, lot: str, grams: int) -> None:
        """Let a child lot turn out larger or smaller at a scale, within the tolerance."""
        source = Slot(Account.REGROUPED, self.sites[lot])
        self.history.append(("restate", lot, grams))
        self.book(list(move(LotId(lot), grams, source, self._slot(lot, Account.STORED), Reason.RESTATED)))

    def check(self) -> None:
        """Hold what must always hold."""
        sums: dict[str, int] = {}
        for (lot, slot), grams in self.grams.items():
            sums[lot] = sums.get(lot, 0) + grams
            assert grams >= 0 or slot.account in SOURCES, (lot, slot, grams)
        assert not any(sums.values())
        assert all(grams >= 0 for grams in self.shares.values())
        for (lot, slot), grams in self.grams.items():
            if slot.account is Account.INTERIM:
                stood_for = sum(
                    part for (_, at, origin), part in self.shares.items() if origin.lot == lot and at == slot
                )
                assert stood_for == grams, (lot, slot)
        for root, brought in self.roots.items():
            ended = sum(g for (lot, slot), g in self.grams.items() if lot == root and slot.account in ENDS)
            assert ended <= brought

    def fates(self) -> dict[tuple[str, str], int]:
        """Return the grams of every root by where they ended."""
        return {
            (lot, f"{slot.account}@{slot.place}"): grams
            for (lot, slot), grams in self.grams.items()
            if lot in self.roots and slot.account in ENDS and grams
        }


def played(data: st.DataObject, *, levels: int, same_mass: bool, ends: tuple[Account, ...] = ENDS) -> Books:
    """Return the books of a random network: each level's batches take from all lots so far."""
    books = Books()

    def draw(low: int, high: int) -> int:
        return data.draw(st.integers(low, high))

    for n in range(draw(2, 4)):
        books.root(f"root{n}", draw(1, 2_000), data.draw(st.sampled_from(SITES)))
    for level in range(levels):
        for width in range(draw(1, 2)):
            open_ = [lot for lot in books.sites if books.stored(lot)]
            # The newest lots first, so that the network grows deep; several of them make diamonds.
            chosen = open_[-draw(2, 3) :]
            masses = {lot: draw(max(books.stored(lot) // 2, 1), books.stored(lot)) for lot in chosen}
            if not masses:
                return books
            total = sum(masses.values())
            if same_mass:
                cut = draw(0, total)
                outputs = [part for part in (cut, total - cut) if part]
            else:
                outputs = [draw(1, 2 * total) for _ in range(draw(1, 3))]
            books.batch(f"b{level}{width}", masses, outputs, data.draw(st.sampled_from(SITES)))
            books.check()
        children = [lot for lot in books.children if books.stored(lot)]
        if children and draw(0, 2) == 0:
            lot = data.draw(st.sampled_from(children))
            tenth = books.stored(lot) // 10
            books.restate(lot, draw(-tenth, tenth) or 1)
        if children and draw(0, 1):
            some = data.draw(st.lists(st.sampled_from(children), min_size=1, max_size=2, unique=True))
            parts = {lot: draw(1, books.stored(lot)) for lot in some}
            books.end(parts, data.draw(st.sampled_from(ends)), data.draw(st.sampled_from(SITES)))
        books.check()
    return books


def finished(books: Books) -> Books:
    """Treat whatever is left, a lot at a time."""
    for lot in list(books.sites):
        if books.stored(lot):
            books.end({lot: books.stored(lot)}, Account.TREATED_SERVICE, SITES[0])
            books.check()
    return books


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_network_keeps_every_gram(data: st.DataObject) -> None:
    books = finished(played(data, levels=6, same_mass=False))
    for root, brought in books.roots.items():
        held = {slot: g for (lot, slot), g in books.grams.items() if lot == root and g}
        assert not any(slot.account is Account.INTERIM for slot in held), "all that came of it has ended"
        assert sum(g for slot, g in held.items() if slot.account in ENDS) == brought


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_walking_back_from_every_end_finds_the_same_grams(data: st.DataObject) -> None:
    books = played(data, levels=6, same_mass=False)
    assert {key: grams for key, grams in backward(books.history).items() if grams} == books.fates()
    finished(books)
    assert {key: grams for key, grams in backward(books.history).items() if grams} == books.fates()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_walking_forward_in_exact_parts_comes_within_the_roundings(data: st.DataObject) -> None:
    books = played(data, levels=5, same_mass=True)
    found = books.fates()
    for root in books.roots:
        exact = forward(books.history, root)
        for where in {place for lot, place in found if lot == root} | set(exact):
            difference = abs(exact.get(where, Fraction(0)) - found.get((root, where), 0))
            assert difference <= 2 * books.roundings + 1, (root, where)


# The cases that a picture explains


def _slots(books: Books, lot: str) -> dict[tuple[Account, str], int]:
    return {(s.account, s.place): g for (one, s), g in books.grams.items() if one == lot and g}


def test_a_diamond_brings_a_lot_its_grams_from_both_sides() -> None:
    books = Books()
    books.root("r", 1_001, "site:a")
    books.batch("top", {"r": 1_001}, [500, 501], "site:a")
    books.batch("left", {"top.0": 500}, [450], "site:b")
    books.batch("right", {"top.1": 501}, [520], "site:b")
    books.batch("bottom", {"left.0": 450, "right.0": 520}, [970], "site:c")
    books.end({"bottom.0": 485}, Account.TREATED_SERVICE, "site:c")
    half = _slots(books, "r")
    assert half[Account.TREATED_SERVICE, "site:c"] in {500, 501}
    books.end({"bottom.0": 485}, Account.TREATED_SERVICE, "site:c")
    assert _slots(books, "r") == {
        (Account.GENERATED, "site:a"): -1_001,
        (Account.TREATED_SERVICE, "site:c"): 1_001,
    }


def test_what_the_second_scale_misses_of_a_child_is_missed_of_its_lots() -> None:
    books = Books()
    books.root("r", 1_000, "site:a")
    books.batch("b", {"r": 1_000}, [2_000], "site:a")
    books.end({"b.0": 800}, Account.UNEXPLAINED, "site:b")
    assert _slots(books, "r")[Account.UNEXPLAINED, "site:b"] == 400
    books.end({"b.0": 1_200}, Account.TREATED_SERVICE, "site:b")
    assert _slots(books, "r")[Account.TREATED_SERVICE, "site:b"] == 600


def _resolved(books: Books, lot: str, grams: int) -> None:
    source, lost = Slot(Account.REGROUPED, books.sites[lot]), Slot(Account.UNEXPLAINED, "site:b")
    books.book(list(move(LotId(lot), grams, lost, source, Reason.RESOLVED)))


@pytest.mark.parametrize("treated_first", [True, False])
def test_a_child_that_was_smaller_takes_its_shares_with_it(treated_first: bool) -> None:
    books = Books()
    books.root("r", 1_000, "site:a")
    books.batch("b", {"r": 1_000}, [2_000], "site:a")
    books.end({"b.0": 800}, Account.UNEXPLAINED, "site:b")
    acts: list[Callable[[], None]] = [
        lambda: books.end({"b.0": 1_200}, Account.TREATED_SERVICE, "site:b"),
        lambda: _resolved(books, "b.0", 800),
    ]
    for act in acts if treated_first else reversed(acts):
        act()
        books.check()
    assert _slots(books, "r")[Account.TREATED_SERVICE, "site:b"] == 1_000


def test_a_decision_that_is_reversed_brings_the_shares_back() -> None:
    books = Books()
    books.root("r", 1_000, "site:a")
    books.batch("b", {"r": 1_000}, [333], "site:a")
    before = dict(books.shares)
    stored, lost = Slot(Account.STORED, "site:a"), Slot(Account.UNEXPLAINED, "site:b")
    books.end({"b.0": 111}, Account.UNEXPLAINED, "site:b")
    books.book(list(move(LotId("b.0"), 111, lost, stored, Reason.REVERSED)))
    assert {key: grams for key, grams in books.shares.items() if grams} == before


def test_depth_costs_no_more_than_there_are_lots() -> None:
    books = Books()
    books.root("r", 10**6, "site:a")
    above = {"r": 10**6}
    for level in range(24):  # two ways at each level: sixteen million ways in all
        books.batch(f"b{level}", above, [10**6, 10**6 + 1], "site:a")
        above = {f"b{level}.0": 10**6, f"b{level}.1": 10**6 + 1}
    books.end(above, Account.TREATED_SERVICE, "site:a")
    assert _slots(books, "r")[Account.TREATED_SERVICE, "site:a"] == 10**6
