"""Rules about journeys that do not end: never received, never treated, the last copies missing.

Sources: NĐ 08/2022/NĐ-CP Điều 71(4), 72(4) for the six months; the hours on the road are ours.
"""

from collections.abc import Iterator
from datetime import date, timedelta

from sqlalchemy import ColumnElement, RowMapping, select

from ledger.errors import Fact
from manifest.reconcile.lateness import begun_before, late_since
from manifest.reconcile.rule import Context, Found, Rule, Severity, Subject, evidence, named
from manifest.views import ACT, MANIFEST
from manifest.vocabulary import Status, day_begins, day_ends, local_date

_OVER = (Status.CANCELLED.value, Status.RETURNED.value)


def _lost_leg(context: Context) -> Iterator[Found]:
    hours = context.limit("in_transit_limit_hours")
    window: tuple[ColumnElement[bool], ...] = ()
    if context.touched is not None:
        before = day_ends(context.touched.since) - timedelta(hours=hours)
        window = (MANIFEST.c.transferred_at >= before,)
    query = select(MANIFEST).where(
        MANIFEST.c.log == context.log,
        MANIFEST.c.status == Status.IN_TRANSIT.value,
        MANIFEST.c.transferred_at < day_ends(context.as_of) - timedelta(hours=hours),
        context.due(Subject.MANIFEST, MANIFEST.c.manifest, *window),
    )
    for row in context.reader.execute(query).mappings():
        yield _found(context, row, int(row["declared_g"]), local_date(row["transferred_at"]))


def _never_treated(context: Context) -> Iterator[Found]:
    yield from _after_months(
        context,
        context.limit("treatment_limit_months"),
        MANIFEST.c.decided_at.is_not(None),
        MANIFEST.c.left_g > 0,
        grams="left_g",
    )


def _last_copies(context: Context) -> Iterator[Found]:
    yield from _after_months(
        context,
        context.limit("last_copies_limit_months"),
        MANIFEST.c.copies_at.is_(None),
        MANIFEST.c.storage_notified_at.is_(None),
        grams="left_g",
    )


def _after_months(context: Context, months: int, *where: ColumnElement[bool], grams: str) -> Iterator[Found]:
    """Yield manifests for which something has not come within so many months of the transfer."""
    window: tuple[ColumnElement[bool], ...] = ()
    if context.touched is not None:
        window = (MANIFEST.c.transferred_at >= day_begins(begun_before(context.touched.since, months)),)
    query = select(MANIFEST).where(
        MANIFEST.c.log == context.log,
        MANIFEST.c.status.not_in(_OVER),
        MANIFEST.c.transferred_at < day_ends(begun_before(context.as_of, months)),
        *where,
        context.due(Subject.MANIFEST, MANIFEST.c.manifest, *window),
    )
    for row in context.reader.execute(query).mappings():
        since = late_since(local_date(row["transferred_at"]), months, context.as_of)
        if since is not None:
            yield _found(context, row, int(row[grams]), since)


def _found(context: Context, row: RowMapping, grams: int, since: date) -> Found:
    of_this = (ACT.c.log == context.log, ACT.c.manifest == row["manifest"])
    acts = context.reader.scalars(select(ACT.c.seq).where(*of_this).order_by(ACT.c.seq))
    parties = dict.fromkeys(filter(None, (row["generator"], row["holder"], row["facility"], row["second"])))
    facts: dict[str, Fact] = {"number": row["number"], "status": row["status"]}
    return Found(
        subject=named(Subject.MANIFEST, row["manifest"]),
        grams=grams,
        since=since,
        parties=tuple(parties),
        entries=evidence(list(acts)),
        facts=facts,
    )


_ARTICLES = "NĐ 08/2022/NĐ-CP Điều 71(4), 72(4)"
RULES = (
    Rule(
        id="R4", version=1, source="CTNH Ledger (ours)", severity=Severity.SERIOUS,
        subject=Subject.MANIFEST, parameters=("in_transit_limit_hours",), find=_lost_leg,
    ),
    Rule(
        id="R6", version=1, source=_ARTICLES, severity=Severity.SERIOUS,
        subject=Subject.MANIFEST, parameters=("treatment_limit_months",), find=_never_treated,
    ),
    Rule(
        id="R12", version=1, source=_ARTICLES, severity=Severity.WARNING,
        subject=Subject.MANIFEST, parameters=("last_copies_limit_months",), find=_last_copies,
    ),
)  # fmt: skip
