"""Rules about generators that say less than they planned, or nothing any more.

The plan is the site's own word, so falling behind it is a question and not a proof. The silence of a site is
held against its own history by a test that says how seldom a gap as long would come by chance.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from math import log, log1p

from sqlalchemy import func, select

from manifest.reconcile.lateness import begun_before
from manifest.reconcile.rule import Context, Found, Rule, Severity, Subject, evidence, named
from manifest.views import LOT, PLAN_LINE
from manifest.vocabulary import LotKind

_LEAST_MONTHS = 6
_YEAR_DAYS = 365


def _behind_plan(context: Context) -> Iterator[Found]:
    """Find sites that have declared less in twelve whole months than the plan's part for them.

    Whole months, so that the figures do not move from day to day.
    """
    permille = context.limit("plan_shortfall_permille")
    month = context.as_of.replace(day=1)
    begin, end = begun_before(month, 12), month - timedelta(days=1)
    planned: defaultdict[str, dict[int, int]] = defaultdict(dict)
    entries: dict[str, int] = {}
    parties: dict[str, str] = {}
    of_years = PLAN_LINE.c.year.in_([begin.year, end.year])
    query = select(PLAN_LINE).where(PLAN_LINE.c.log == context.log, of_years)
    for row in context.reader.execute(query).mappings():
        years = planned[row["site"]]
        years[row["year"]] = years.get(row["year"], 0) + int(row["mass_g"])
        entries[row["site"]], parties[row["site"]] = row["seq"], row["party"]
    declared = _declared(context, begin, end)
    first_days = _first_days(context)
    for site, years in sorted(planned.items()):
        since = max(begin, first_days.get(site, begin))
        if (end - since).days < 30 * _LEAST_MONTHS:
            continue
        expected_g = sum(grams * _days(since, end, year) // _YEAR_DAYS for year, grams in years.items())
        got_g = declared.get(site, 0)
        if got_g * 1000 < expected_g * permille:
            yield Found(
                subject=named(Subject.SITE, site),
                grams=expected_g - got_g,
                since=since,
                parties=(parties[site],),
                entries=evidence([entries[site]]),
                facts={"planned_g": expected_g, "declared_g": got_g},
            )


def _days(start: date, end: date, year: int) -> int:
    first, last = max(start, date(year, 1, 1)), min(end, date(year, 12, 31))
    return max((last - first).days + 1, 0)


def _declared(context: Context, begin: date, end: date) -> dict[str, int]:
    query = (
        select(LOT.c.site, func.sum(LOT.c.declared_g))
        .where(LOT.c.log == context.log, LOT.c.lot_kind == LotKind.PRIMARY.value)
        .where(LOT.c.generated_on.between(begin, end))
        .group_by(LOT.c.site)
    )
    return {site: int(grams) for site, grams in context.reader.execute(query)}


def _first_days(context: Context) -> dict[str, date]:
    """Return the first day on which each site declared anything; a site is not late before it is there."""
    query = select(LOT.c.site, func.min(LOT.c.generated_on).label("first")).where(LOT.c.log == context.log)
    return {row.site: row.first for row in context.reader.execute(query.group_by(LOT.c.site))}


def _silent(context: Context) -> Iterator[Found]:
    """Find sites that have declared nothing for longer than their own history makes likely.

    If lots came at random at the rate that n gaps have shown, a gap of t days or more would follow with the
    probability (1 + t / sum of gaps) ** -n. It is held against one false alarm for so many sites and runs as
    the rule table says, divided by the number of sites that are asked. At stake is what mostly came between
    two lots.
    """
    per_million = context.limit("silence_chance_per_million")
    days: defaultdict[str, set[date]] = defaultdict(set)
    last: dict[str, tuple[str, int, int]] = {}
    query = (
        select(LOT.c.site, LOT.c.party, LOT.c.generated_on, func.sum(LOT.c.declared_g), func.max(LOT.c.seq))
        .where(LOT.c.log == context.log, LOT.c.lot_kind == LotKind.PRIMARY.value)
        .where(LOT.c.generated_on <= context.as_of)
        .group_by(LOT.c.site, LOT.c.party, LOT.c.generated_on)
        .order_by(LOT.c.generated_on)
    )
    for site, party, on, grams, seq in context.reader.execute(query):
        days[site].add(on)
        before = last.get(site)
        last[site] = (party, int(grams) + (before[1] if before else 0), seq)
    asked = {site: sorted(known) for site, known in days.items() if len(known) >= 4}  # noqa: PLR2004
    for site, known in sorted(asked.items()):
        span, gaps = (known[-1] - known[0]).days, len(known) - 1
        quiet = (context.as_of - known[-1]).days
        chance = -gaps * log1p(quiet / span)
        if chance < log(per_million / 1e6 / len(asked)):
            party, grams, seq = last[site]
            yield Found(
                subject=named(Subject.SITE, site),
                grams=grams // len(known),
                since=known[-1],
                parties=(party,),
                entries=evidence([seq]),
                facts={"last_on": known[-1].isoformat(), "mean_days": span // gaps, "gaps": gaps},
            )


RULES = (
    Rule(
        id="R3", version=1, source="CTNH Ledger (ours)", severity=Severity.WARNING,
        subject=Subject.SITE, parameters=("plan_shortfall_permille",), find=_behind_plan, whole=True,
    ),
    Rule(
        id="S1", version=1, source="CTNH Ledger (ours)", severity=Severity.NOTICE,
        subject=Subject.SITE, parameters=("silence_chance_per_million",), find=_silent, whole=True,
    ),
)  # fmt: skip
