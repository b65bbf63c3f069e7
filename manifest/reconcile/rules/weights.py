"""Rules about scales: what was weighed differs from what was declared by more than the tolerance.

Source: ours; the tolerance is a row of the rule table.
"""

from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from math import comb

from sqlalchemy import and_, func, select

from ledger.storage.db import Row
from manifest.events import Weighed
from manifest.reconcile.rule import Context, Found, Rule, Severity, Subject, evidence, named
from manifest.views import ACT, MANIFEST, MANIFEST_LINE
from manifest.vocabulary import local_date


def _drift(context: Context) -> Iterator[Found]:
    permille = context.limit("receipt_tolerance_permille")
    line = MANIFEST_LINE.c
    apart = func.abs(line.net_g - line.declared_g)
    query = (
        select(
            MANIFEST_LINE, MANIFEST.c.number, MANIFEST.c.generator, MANIFEST.c.facility, MANIFEST.c.holder,
            MANIFEST.c.arrived_at, MANIFEST.c.seq.label("last"),
        )
        .join(MANIFEST, and_(MANIFEST.c.log == line.log, MANIFEST.c.manifest == line.manifest))
        .where(
            line.log == context.log,
            line.net_g.is_not(None),
            apart * 1000 > line.declared_g * permille,
            context.due(Subject.MANIFEST, line.manifest),
        )
    )  # fmt: skip
    for row in context.reader.execute(query).mappings():
        weighed = select(ACT.c.seq).where(
            ACT.c.log == context.log, ACT.c.manifest == row["manifest"], ACT.c.kind == Weighed.kind
        )
        yield Found(
            subject=named(Subject.LINE, row["manifest"], str(row["line"])),
            grams=abs(int(row["net_g"]) - int(row["declared_g"])),
            since=local_date(row["arrived_at"]),
            parties=tuple(dict.fromkeys((row["generator"], row["holder"], row["facility"]))),
            entries=evidence(list(context.reader.scalars(weighed))),
            facts={
                "number": row["number"],
                "line": int(row["line"]),
                "declared_g": int(row["declared_g"]),
                "net_g": int(row["net_g"]),
            },
        )


def _crowded(context: Context) -> Iterator[Found]:
    """Differences of a pair of parties gather just under the tolerance, oftener than chance allows.

    Between three fifths of the tolerance and all of it, the upper half should not hold more loads than the
    lower one: the chance of as many by tossing a coin, times the number of pairs, is held against the limit.
    """
    tolerance = context.limit("receipt_tolerance_permille")
    per_million = context.limit("crowding_chance_per_million")
    line = MANIFEST_LINE.c
    query = (
        select(MANIFEST.c.generator, MANIFEST.c.facility, line.declared_g, line.net_g, line.manifest,
               MANIFEST.c.arrived_at, MANIFEST.c.seq)
        .join(MANIFEST, and_(MANIFEST.c.log == line.log, MANIFEST.c.manifest == line.manifest))
        .where(
            line.log == context.log,
            line.net_g < line.declared_g,
            (line.declared_g - line.net_g) * 5000 >= line.declared_g * tolerance * 3,
            (line.declared_g - line.net_g) * 1000 <= line.declared_g * tolerance,
        )
    )  # fmt: skip
    pairs: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in context.reader.execute(query).mappings():
        pairs[row["generator"], row["facility"]].append(dict(row))
    for (generator, facility), rows in sorted(pairs.items()):
        upper = [row for row in rows if _short(row) * 5000 >= row["declared_g"] * tolerance * 4]
        chance = _at_least(len(upper), len(rows)) * len(pairs)
        if chance * 1_000_000 >= per_million:
            continue
        yield Found(
            subject=named(Subject.PAIR, generator, facility),
            grams=sum(_short(row) for row in rows),
            since=min(local_date(row["arrived_at"]) for row in rows),
            parties=(generator, facility),
            entries=evidence([row["seq"] for row in upper]),
            facts={"lines": len(rows), "close": len(upper)},
        )


def _short(row: Row) -> int:
    return int(row["declared_g"]) - int(row["net_g"])


def _at_least(heads: int, tosses: int) -> Fraction:
    """Return the chance of so many heads or more."""
    return Fraction(sum(comb(tosses, n) for n in range(heads, tosses + 1)), 2**tosses)


RULES = (
    Rule(
        id="R5", version=1, source="CTNH Ledger (ours)", severity=Severity.WARNING,
        subject=Subject.MANIFEST, parameters=("receipt_tolerance_permille",), find=_drift,
    ),
    Rule(
        id="W1", version=1, source="CTNH Ledger (ours)", severity=Severity.WARNING,
        subject=Subject.PAIR, parameters=("receipt_tolerance_permille", "crowding_chance_per_million"),
        find=_crowded, whole=True,
    ),
)  # fmt: skip
