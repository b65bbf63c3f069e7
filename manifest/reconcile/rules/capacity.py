"""Rules about what facilities can do: no more treated than the lines can, nor accepted than the permit says.

Sources: Luật BVMT 72/2020/QH14 Điều 85(2) for the permit; the lines' capacity is what the facility has
registered.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

from sqlalchemy import and_, func, select

from ledger.storage.db import Row
from manifest.reconcile.rule import Context, Found, Rule, Severity, Subject, evidence, named
from manifest.register.lookups import holds
from manifest.register.views import TREATMENT_LINE
from manifest.views import PERMIT, PERMIT_LINE, PERMIT_USE, POSTING
from manifest.vocabulary import Account


def _over_lines(context: Context) -> Iterator[Found]:
    """Find more treated at a site in a month than its lines can treat in so many days."""
    lines = _by_site(context)
    query = (
        select(POSTING.c.place, POSTING.c.posted_on, func.sum(POSTING.c.grams).label("grams"),
               func.max(POSTING.c.seq).label("seq"))
        .where(
            POSTING.c.log == context.log,
            POSTING.c.account == Account.TREATED_SERVICE.value,
            POSTING.c.place.in_(sorted(lines)),
        )
        .group_by(POSTING.c.place, POSTING.c.posted_on)
    )  # fmt: skip
    months: defaultdict[tuple[str, date], list[Row]] = defaultdict(list)
    for row in context.reader.execute(query).mappings():
        months[row["place"], row["posted_on"].replace(day=1)].append(dict(row))
    for (site, month), rows in sorted(months.items()):
        days = ((month + timedelta(days=31)).replace(day=1) - month).days
        able_g = sum(_able(lines[site], month + timedelta(days=n)) for n in range(days))
        treated_g = sum(int(row["grams"]) for row in rows)
        if able_g and treated_g > able_g:
            yield Found(
                subject=named(Subject.SITE, site, f"{month:%Y-%m}"),
                grams=treated_g - able_g,
                since=month,
                parties=(lines[site][0]["party"],),
                entries=evidence([row["seq"] for row in rows]),
                facts={"month": f"{month:%Y-%m}", "treated_g": treated_g, "able_g": able_g},
            )


def _by_site(context: Context) -> Mapping[str, Sequence[Row]]:
    found: defaultdict[str, list[Row]] = defaultdict(list)
    query = select(TREATMENT_LINE).where(TREATMENT_LINE.c.log == context.log)
    for row in context.reader.execute(query).mappings():
        found[row["site"]].append(dict(row))
    return found


def _able(lines: Sequence[Row], on: date) -> int:
    """Return the grams that the lines of a site can treat on a day."""
    return sum(int(row["mass_g_day"]) for row in lines if holds(row, on))


def _over_permit(context: Context) -> Iterator[Found]:
    """Find more accepted under a code of a permit in a year than its line says."""
    line, use = PERMIT_LINE.c, PERMIT_USE.c
    query = (
        select(use.permit, use.code, use.year, use.accepted_g, PERMIT.c.party,
               func.max(line.mass_g_year).label("allowed_g"), PERMIT.c.seq)
        .join(PERMIT, and_(PERMIT.c.log == use.log, PERMIT.c.permit == use.permit))
        .join(line.permit.table, and_(line.log == use.log, line.permit == use.permit, line.code == use.code))
        .where(use.log == context.log)
        .group_by(use.permit, use.code, use.year, use.accepted_g, PERMIT.c.party, PERMIT.c.seq)
        .having(use.accepted_g > func.max(line.mass_g_year))
    )  # fmt: skip
    for row in context.reader.execute(query).mappings():
        yield Found(
            subject=named(Subject.PERMIT, row["permit"], row["code"], str(row["year"])),
            grams=int(row["accepted_g"]) - int(row["allowed_g"]),
            since=date(row["year"], 1, 1),
            parties=(row["party"],),
            entries=evidence([row["seq"]]),
            facts={
                "code": row["code"],
                "year": int(row["year"]),
                "accepted_g": int(row["accepted_g"]),
                "allowed_g": int(row["allowed_g"]),
            },
        )


RULES = (
    Rule(
        id="R8", version=1, source="CTNH Ledger (ours)", severity=Severity.SERIOUS,
        subject=Subject.SITE, parameters=(), find=_over_lines, whole=True,
    ),
    Rule(
        id="R9", version=1, source="Luật BVMT 72/2020/QH14 Điều 85(2)", severity=Severity.SERIOUS,
        subject=Subject.PERMIT, parameters=(), find=_over_permit, whole=True,
    ),
)  # fmt: skip
