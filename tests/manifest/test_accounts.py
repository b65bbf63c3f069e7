from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest.accounts import Slot, allocate, balanced, move, spread
from manifest.vocabulary import PLACES, SOURCES, Account, LotId, Reason

SHARES = st.lists(st.integers(0, 10**9), min_size=1, max_size=12).map(
    lambda masses: [(LotId(f"lot-{n}"), mass) for n, mass in enumerate(masses)]
)
STORED, TREATED = Slot(Account.STORED, "site:a"), Slot(Account.TREATED_SERVICE, "site:b")


@given(SHARES, st.data())
def test_a_division_is_exact_and_never_above_a_share(
    shares: list[tuple[LotId, int]], data: st.DataObject
) -> None:
    total = sum(share for _, share in shares)
    grams = data.draw(st.integers(0, total))
    parts = allocate(grams, shares)
    assert [lot for lot, _ in parts] == [lot for lot, _ in shares]
    assert sum(part for _, part in parts) == grams
    assert all(0 <= part <= share for (_, part), (_, share) in zip(parts, shares, strict=True))
    assert parts == allocate(grams, shares)


@given(SHARES, st.data())
def test_a_division_is_proportional_to_less_than_a_gram(
    shares: list[tuple[LotId, int]], data: st.DataObject
) -> None:
    total = sum(share for _, share in shares)
    grams = data.draw(st.integers(0, 2 * total))
    if total == 0:
        return
    for (_, part), (_, share) in zip(spread(grams, shares), shares, strict=True):
        assert abs(part - Fraction(grams * share, total)) < 1


def test_ties_go_to_the_first() -> None:
    a, b, c = LotId("a"), LotId("b"), LotId("c")
    assert allocate(1, [(a, 5), (b, 5)]) == [(a, 1), (b, 0)]
    assert allocate(2, [(a, 7), (b, 7), (c, 7)]) == [(a, 1), (b, 1), (c, 0)]
    assert allocate(2, [(a, 1), (b, 2), (c, 1)]) == [(a, 1), (b, 1), (c, 0)]


def test_the_largest_remainder_comes_before_the_first_place() -> None:
    a, b = LotId("a"), LotId("b")
    assert allocate(1, [(a, 1), (b, 3)]) == [(a, 0), (b, 1)]


def test_the_whole_gives_back_the_shares() -> None:
    shares = [(LotId("a"), 3), (LotId("b"), 0), (LotId("c"), 11)]
    assert allocate(14, shares) == shares
    assert allocate(0, [(LotId("a"), 0)]) == [(LotId("a"), 0)]


@pytest.mark.parametrize("grams", [-1, 11])
def test_what_the_shares_do_not_hold_cannot_be_divided(grams: int) -> None:
    with pytest.raises(ValueError, match="cannot divide"):
        allocate(grams, [(LotId("a"), 4), (LotId("b"), 6)])


def test_a_movement_takes_from_one_account_and_gives_to_another() -> None:
    out, into = move(LotId("a"), 7, STORED, TREATED, Reason.TREATED, line=1, method="TC")
    assert (out.grams, out.account, out.place) == (-7, Account.STORED, "site:a")
    assert (into.grams, into.account, into.place) == (7, Account.TREATED_SERVICE, "site:b")
    assert (into.line, into.method, into.lot, into.reason) == (1, "TC", "a", Reason.TREATED)
    assert move(LotId("a"), 0, STORED, TREATED, Reason.TREATED) == ()


def test_postings_balance_lot_by_lot() -> None:
    good = move(LotId("a"), 7, STORED, TREATED, Reason.TREATED)
    assert balanced(good)
    assert balanced(())
    crossed = (good[0], *move(LotId("b"), 7, STORED, TREATED, Reason.TREATED)[1:])
    assert sum(posting.grams for posting in crossed) == 0
    assert not balanced(crossed)


def test_every_account_is_a_source_or_a_place() -> None:
    assert {*PLACES, *SOURCES} == set(Account)
    assert not set(PLACES) & set(SOURCES)
