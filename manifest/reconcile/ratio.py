"""Treated against generated, from the postings: cohort, flow, opening stock, lateness and coverage.

A row is a combination of dimensions. The cohort of a row is the primary waste generated in its period,
wherever its grams are at the as-of date; its flow is what was treated in the period over what was generated
in it, whenever that arose. Both come from sums over postings of entries below a size of the log, so the same
size gives the same figures for ever.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, select

from ledger.errors import Malformed, Problem
from ledger.format.tree import root
from ledger.storage.db import Reader, Row
from ledger.storage.store import ENTRY, leaf_hashes
from ledger.types import from_ms
from ledger.writing.changes import Reads
from manifest.lookups import reference_at
from manifest.reconcile.coverage import count
from manifest.reconcile.figures import (
    STORED,
    TRANSFERRED,
    TREATED,
    Figures,
    add_months,
    limit_at,
    total,
)
from manifest.reconcile.places import Places
from manifest.reconcile.scope import COLUMNS, DIMENSIONS, Key, Scope, key_of
from manifest.reference import Reference
from manifest.views import LOT, MANIFEST, POSTING
from manifest.vocabulary import Account, Basis, LotKind, Reason, local_date, quarter

_GENERATED = Account.GENERATED.value
_OPEN = tuple(account.value for account in (*STORED, *TRANSFERRED, Account.UNEXPLAINED))
# Residues stand beside the figures, child lots are other lots in another shape (decision A7).
_COUNTED = (LotKind.PRIMARY.value, LotKind.OPENING.value)
MAX_YEARS = 50


@dataclass(frozen=True, slots=True)
class RatioTable:
    """The rows of a ratio and their total, with the checkpoint's size and root that they rest on."""

    scope: Scope
    root: str
    rows: Sequence[tuple[Key, Figures]]
    total: Figures
    coverage_min_permille: int

    def as_json(self) -> dict[str, Any]:
        """Return the table as the command line and the API give it: grams, and ratios as cut text."""
        scope = self.scope
        return {
            "unit": "g",
            "from": scope.start.isoformat(),
            "to": scope.end.isoformat(),
            "as_of": scope.as_of.isoformat(),
            "checkpoint": {"size": scope.size, "root": self.root},
            "rows": [
                dict(zip(scope.by, key, strict=True)) | figures.as_json(self.coverage_min_permille)
                for key, figures in self.rows
            ],
            "total": self.total.as_json(self.coverage_min_permille),
        }


def ratio(
    reader: Reader,
    log: int,
    *,
    start: date | None = None,
    end: date | None = None,
    by: tuple[str, ...] = ("zone_kind", "quarter"),
    as_of: date | None = None,
    at_size: int | None = None,
    reference: Reference,
) -> RatioTable:
    """Return treated against generated for the waste of a period, cut by dimensions.

    ``as_of`` defaults to the day of the last entry taken in, ``at_size`` to all entries, the period to the
    year of the as-of date. Limits that the ledger has set by that size go before those of ``reference``.
    Raises Malformed for an unknown dimension, a period that is empty or too long, a date that no limit covers
    or a size that the log does not have.
    """
    leaves = leaf_hashes(reader, log)
    size = len(leaves) if at_size is None else at_size
    problems = [
        Problem("manifest.dimension_unknown", "/by", {"by": name}) for name in by if name not in DIMENSIONS
    ]
    if not 0 < size <= len(leaves):
        raise Malformed([*problems, Problem("manifest.size_unknown", "/at_size", {"size": len(leaves)})])
    as_of = as_of or _last_day(reader, log, size)
    start, end = start or date(as_of.year, 1, 1), end or date(as_of.year, 12, 31)
    problems.extend(_period_problems(start, end))
    if problems:
        raise Malformed(problems)
    reference = reference_at(Reads(reader, log), reference, size)
    scope = Scope(log, size, start, end, by, as_of, Places(reader, log, size))
    rows: dict[Key, Figures] = {}
    _cohort(reader, scope, rows)
    _lateness(reader, scope, rows, reference)
    _flow(reader, scope, rows)
    whole = total(rows.values())
    whole.opening_g = _opening(reader, scope, rows)
    rows = {key: figures for key, figures in rows.items() if not figures.empty}
    count(reader, scope, rows, whole.coverage)
    return RatioTable(
        scope=scope,
        root=root(leaves[:size]).hex(),
        rows=sorted(rows.items()),
        total=whole,
        coverage_min_permille=limit_at(reference, "coverage_min_permille", scope.as_of),
    )


def _last_day(reader: Reader, log: int, size: int) -> date:
    last = select(ENTRY.c.recorded_at).where(ENTRY.c.log == log, ENTRY.c.seq == size - 1)
    return local_date(from_ms(reader.execute(last).scalar_one()))


def _period_problems(start: date, end: date) -> Iterable[Problem]:
    if start > end:
        yield Problem("manifest.period_empty", "/to")
    # Fifty years to the day are the last that pass: 01/01/2000 to 31/12/2049.
    elif (end.year - MAX_YEARS, end.month, end.day) >= (start.year, start.month, start.day):
        yield Problem("manifest.period_too_long", "/to", {"limit": MAX_YEARS})


def _sums(scope: Scope, *more: ColumnElement[Any], where: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """Return the sums of postings by the lot's dimensions, within the scope."""
    columns = [LOT.c[name] for name in (*COLUMNS, "lot_kind", "generated_on")]
    # Apart from the sum, so that what came in is not hidden by what went out.
    inward = func.sum(case((POSTING.c.grams > 0, POSTING.c.grams), else_=0)).label("inward")
    return (
        select(*columns, *more, func.sum(POSTING.c.grams).label("grams"), inward)
        .join(LOT, and_(LOT.c.log == POSTING.c.log, LOT.c.lot == POSTING.c.lot))
        .where(
            POSTING.c.log == scope.log, POSTING.c.seq < scope.size, POSTING.c.posted_on <= scope.as_of, *where
        )
        .group_by(*columns, *more)
    )


def _in_period(scope: Scope) -> ColumnElement[bool]:
    return LOT.c.generated_on.between(scope.start, scope.end)


def _each(reader: Reader, query: Select[Any]) -> list[Row]:
    return [dict(row) for row in reader.execute(query).mappings()]


def _figures(rows: dict[Key, Figures], key: Key) -> Figures:
    return rows.setdefault(key, Figures())


def _cohort(reader: Reader, scope: Scope, rows: dict[Key, Figures]) -> None:
    """Find where every gram of the waste generated in the period is."""
    query = _sums(scope, POSTING.c.account, POSTING.c.reason, LOT.c.basis, where=[_in_period(scope)])
    for row in _each(reader, query):
        figures = _figures(rows, key_of(scope, row, row["generated_on"]))
        account, grams = Account(row["account"]), int(row["grams"])
        if row["lot_kind"] == LotKind.PRIMARY:
            figures.add(account, grams)
            figures.take_back(account, Reason(row["reason"]), int(row["inward"]))
            figures.coverage.reporting.add(row["party"])
            if account is Account.GENERATED and row["basis"] == Basis.AT_HANDOVER:
                figures.coverage.declared_at_handover_g -= grams
        elif row["lot_kind"] == LotKind.SECONDARY and account is Account.GENERATED_SECONDARY:
            figures.secondary_g -= grams


def _lateness(reader: Reader, scope: Scope, rows: dict[Key, Figures], reference: Reference) -> None:
    """Divide what is still to be treated into not due and overdue, by the limits of the as-of date.

    Stored waste is due a year after it arose (NĐ 08/2022 Điều 71(1)(c)), transferred waste six months after
    the transfer on its manifest (Điều 71(4), 72(4)).
    """
    storage = limit_at(reference, "storage_limit_months", scope.as_of)
    treatment = limit_at(reference, "treatment_limit_months", scope.as_of)
    primary = LOT.c.lot_kind == LotKind.PRIMARY.value
    stored = _sums(scope, where=[_in_period(scope), primary, POSTING.c.account == Account.STORED.value])
    for row in _each(reader, stored):
        due = add_months(row["generated_on"], storage)
        _late(_figures(rows, key_of(scope, row, row["generated_on"])), int(row["grams"]), due, scope.as_of)
    names = [account.value for account in TRANSFERRED]
    moved = _sums(
        scope,
        MANIFEST.c.transferred_at,
        where=[_in_period(scope), primary, POSTING.c.account.in_(names)],
    ).join(MANIFEST, and_(MANIFEST.c.log == POSTING.c.log, MANIFEST.c.manifest == POSTING.c.manifest))
    for row in _each(reader, moved):
        due = add_months(local_date(row["transferred_at"]), treatment)
        _late(_figures(rows, key_of(scope, row, row["generated_on"])), int(row["grams"]), due, scope.as_of)


def _late(figures: Figures, grams: int, due: date, as_of: date) -> None:
    if as_of <= due:
        figures.not_due_g += grams
    else:
        figures.overdue_g += grams


def _flow(reader: Reader, scope: Scope, rows: dict[Key, Figures]) -> None:
    """Sum what was treated and what was generated in the period, whenever the waste arose.

    Residues and child lots are in neither: of what they stand for the lots themselves are treated.
    """
    names = [account.value for account in (*TREATED, Account.GENERATED)]
    within = POSTING.c.posted_on.between(scope.start, scope.end)
    counted = LOT.c.lot_kind.in_(_COUNTED)
    where = [within, counted, POSTING.c.account.in_(names)]
    query = _sums(scope, POSTING.c.account, POSTING.c.posted_on, where=where)
    for row in _each(reader, query):
        on = row["posted_on"]
        figures = _figures(rows, key_of(scope, scope.places.on(row, on), on))
        if row["account"] == _GENERATED:
            figures.flow_generated_g -= int(row["grams"])
        else:
            figures.flow_treated_g += int(row["grams"])


def _opening(reader: Reader, scope: Scope, rows: dict[Key, Figures]) -> int:
    """Set each row's opening stock («tồn trước kỳ») and return that of the whole period.

    Opening stock is what was there before the period and still to be treated: declared as such, or generated
    earlier. A row that is not cut by quarter has the stock at the start of the whole period. What starts
    after the as-of date has none yet.
    """
    if scope.start > scope.as_of:
        return 0
    whole = (scope.start, scope.known_until)
    quarters = _quarters(*whole) if "quarter" in scope.by else [whole]
    for first, last in quarters:
        for row in _stock_before(reader, scope, first, last):
            key = key_of(scope, scope.places.on(row, first), first)
            if row["grams"]:
                _figures(rows, key).opening_g += int(row["grams"])
    return sum(int(row["grams"] or 0) for row in _stock_before(reader, scope, *whole))


def _stock_before(reader: Reader, scope: Scope, first: date, last: date) -> Iterable[Row]:
    before = POSTING.c.posted_on < first
    still_open = and_(before, POSTING.c.account.in_(_OPEN))
    # Opening stock counts from the day it is declared: it was there before the ledger was.
    declared = and_(POSTING.c.account == Account.OPENING.value, POSTING.c.posted_on.between(first, last))
    amount = case((still_open, POSTING.c.grams), (declared, -POSTING.c.grams), else_=0)
    columns = [LOT.c[name] for name in COLUMNS]
    query = (
        select(*columns, func.sum(amount).label("grams"))
        .join(LOT, and_(LOT.c.log == POSTING.c.log, LOT.c.lot == POSTING.c.lot))
        .where(POSTING.c.log == scope.log, POSTING.c.seq < scope.size)
        .where(LOT.c.lot_kind.in_(_COUNTED))
        .group_by(*columns)
    )
    return _each(reader, query)


def _quarters(start: date, end: date) -> list[tuple[date, date]]:
    """Return the parts of a period that fall into one quarter each."""
    found = []
    first = start
    while quarter(first) != quarter(end):
        next_first = add_months(date(first.year, 3 * ((first.month - 1) // 3) + 1, 1), 3)
        found.append((first, next_first - timedelta(days=1)))
        first = next_first
    return [*found, (first, end)]
