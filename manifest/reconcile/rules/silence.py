"""Rules about generators that say less than they planned, or nothing any more.

The plan is the site's own word, so falling behind it is a question and not a proof. The silence of a site is
held against its own history by a test that says how seldom a gap as long would come by chance.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from math import log, log1p

from sqlalchemy import func, select

from manifest.reconcile.rule import Context, Found, Rule, Severity, Subject, evidence, named
from manifest.views import LOT, PLAN_LINE
from manifest.vocabulary import LotKind

_LEAST_MONTHS = 6
_YEAR_DAYS = 365


def _behind_plan(context: Context) -> Iterator[Found]:
    """Less declared this year than the plan's part for the days gone by."""
    permille = context.limit("plan_shortfall_permille")
    begin = context.as_of - timedelta(days=_YEAR_DAYS - 1)
    planned: defaultdict[str, dict[int, int]] = defaultdict(dict)
    entries: dict[str, int] = {}
    parties: dict[str, str] = {}
    of_years = PLAN_LINE.c.year.in_([begin.year, context.as_of.year])
    query = select(PLAN_LINE).where(PLAN_LINE.c.log == context.log, of_years)
    for row in context.reader.execute(query).mappings():
        years = planned[row["site"]]
        years[row["year"]] = years.get(row["year"], 0) + int(row["mass_g"])
        entries[row["site"]], parties[row["site"]] = row["seq"], row["party"]
    declared = _declared(context, begin)
    registered = _registered(context)
    for site, years in sorted(planned.items()):
        since = max(begin, registered.get(site, begin))
        expected_g = sum(
            grams * _days(since, context.as_of, year) // _YEAR_DAYS for year, grams in years.items()
        )
        if (context.as_of - since).days < 30 * _LEAST_MONTHS:
            continue
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


def _declared(context: Context, begin: date) -> dict[str, int]:
    query = (
        select(LOT.c.site, func.sum(LOT.c.declared_g))
        .where(LOT.c.log == context.log, LOT.c.lot_kind == LotKind.PRIMARY.value)
        .where(LOT.c.generated_on.between(begin, context.as_of))
        .group_by(LOT.c.site)
    )
    return {site: int(grams) for site, grams in context.reader.execute(query)}


def _registered(context: Context) -> dict[str, date]:
    """Return the first day on which each site declared anything; a site is not late before it is there."""
    query = select(LOT.c.site, func.min(LOT.c.generated_on)).where(LOT.c.log == context.log)
    rows = context.reader.execute(query.group_by(LOT.c.site))
    return {row.site: row[1] for row in rows}


def _silent(context: Context) -> Iterator[Found]:
    """Nothing declared for longer than its own history makes likely.

    If lots came at random at the rate that n gaps have shown, a gap of t days or more would follow with the
    probability (1 + t / sum of gaps) ** -n. It is held against one false alarm for so many sites and runs as
    the rule table says, divided by the number of sites that are asked.
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
                grams=grams * quiet // span,
                since=known[-1],
                parties=(party,),
                entries=evidence([seq]),
                facts={"days": quiet, "mean_days": span // gaps, "gaps": gaps},
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
