"""Rules about what is stored: too long, or gone from the accounts without a word.

Sources: NĐ 08/2022/NĐ-CP Điều 71(1)(c) for the year in store.
"""

from collections.abc import Iterator

from sqlalchemy import ColumnElement, and_, func, select

from manifest.reconcile.lateness import begun_before, late_since
from manifest.reconcile.rule import Context, Found, Rule, Severity, Subject, evidence, named
from manifest.views import BALANCE, LOT, POSTING
from manifest.vocabulary import Account, LotKind

_COUNTED = (LotKind.PRIMARY.value, LotKind.OPENING.value, LotKind.SECONDARY.value)


def _aged(context: Context) -> Iterator[Found]:
    months = context.limit("storage_limit_months")
    late = begun_before(context.as_of, months)
    window: tuple[ColumnElement[bool], ...] = ()
    if context.touched is not None:
        window = (LOT.c.generated_on >= begun_before(context.touched.since, months),)
    query = (
        select(LOT, BALANCE.c.grams)
        .join(BALANCE, and_(BALANCE.c.log == LOT.c.log, BALANCE.c.lot == LOT.c.lot))
        .where(
            LOT.c.log == context.log,
            LOT.c.lot_kind.in_(_COUNTED),
            LOT.c.generated_on <= late,
            BALANCE.c.account == Account.STORED.value,
            BALANCE.c.grams > 0,
            context.due(Subject.LOT, LOT.c.lot, *window),
        )
    )
    for row in context.reader.execute(query).mappings():
        since = late_since(row["generated_on"], months, context.as_of)
        if since is None:
            continue
        yield Found(
            subject=named(Subject.LOT, row["lot"]),
            grams=int(row["grams"]),
            since=since,
            parties=(row["party"],),
            entries=evidence([row["seq"]]),
            facts={"code": row["code"], "generated_on": row["generated_on"].isoformat(), "site": row["site"]},
        )


def _unexplained(context: Context) -> Iterator[Found]:
    columns = (LOT.c.lot, LOT.c.party, LOT.c.code, POSTING.c.manifest)
    grams = func.sum(POSTING.c.grams)
    first, last = func.min(POSTING.c.posted_on), func.max(POSTING.c.seq)
    query = (
        select(*columns, grams.label("grams"), first.label("since"), last.label("seq"))
        .join(LOT, and_(LOT.c.log == POSTING.c.log, LOT.c.lot == POSTING.c.lot))
        .where(
            POSTING.c.log == context.log,
            POSTING.c.account == Account.UNEXPLAINED.value,
            LOT.c.lot_kind.in_(_COUNTED),
            context.due(Subject.LOT, LOT.c.lot),
        )
        .group_by(*columns)
        .having(grams != 0)
    )
    for row in context.reader.execute(query).mappings():
        yield Found(
            subject=named(Subject.LOT, row["lot"], row["manifest"] or "-"),
            grams=int(row["grams"]),
            since=row["since"],
            parties=(row["party"],),
            entries=evidence([row["seq"]]),
            facts={"code": row["code"]},
        )


RULES = (
    Rule(
        id="R2", version=1, source="NĐ 08/2022/NĐ-CP Điều 71(1)(c)", severity=Severity.SERIOUS,
        subject=Subject.LOT, parameters=("storage_limit_months",), find=_aged,
    ),
    Rule(
        id="U1", version=1, source="CTNH Ledger (ours)", severity=Severity.SERIOUS,
        subject=Subject.LOT, parameters=(), find=_unexplained,
    ),
)  # fmt: skip
