"""Rules about vehicles and tickets that would have to be in two places at once.

Source: ours. Loads of one round share their vehicle, so what is called a round is left out.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, func, select

from manifest.reconcile.rule import Context, Found, Rule, Severity, Subject, evidence, named
from manifest.views import MANIFEST
from manifest.vocabulary import local_date


def _two_places(context: Context) -> Iterator[Found]:
    """Find a vehicle that takes a load while it has another, picked up elsewhere."""
    order = (MANIFEST.c.transferred_at, MANIFEST.c.manifest)

    def lag(column: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.lag(column).over(partition_by=MANIFEST.c.vehicle_plate, order_by=order)

    before = (
        select(
            MANIFEST.c.manifest, MANIFEST.c.number, MANIFEST.c.generator, MANIFEST.c.site, MANIFEST.c.holder,
            MANIFEST.c.facility, MANIFEST.c.vehicle_plate, MANIFEST.c.transferred_at, MANIFEST.c.declared_g,
            MANIFEST.c.round, MANIFEST.c.seq,
            lag(MANIFEST.c.arrived_at).label("before_arrived"),
            lag(MANIFEST.c.site).label("before_site"),
            lag(MANIFEST.c.round).label("before_round"),
            lag(MANIFEST.c.number).label("before_number"),
            lag(MANIFEST.c.seq).label("before_seq"),
        )
        .where(
            MANIFEST.c.log == context.log,
            MANIFEST.c.transferred_at.is_not(None),
            MANIFEST.c.vehicle_plate.is_not(None),
        )
        .subquery()
    )  # fmt: skip
    query = select(before).where(
        before.c.before_arrived > before.c.transferred_at, before.c.before_site != before.c.site
    )
    for row in context.reader.execute(query).mappings():
        if row["round"] is not None and row["round"] == row["before_round"]:
            continue
        yield Found(
            subject=named(Subject.MANIFEST, row["manifest"]),
            grams=int(row["declared_g"]),
            since=local_date(row["transferred_at"]),
            parties=tuple(dict.fromkeys((row["generator"], row["holder"], row["facility"]))),
            entries=evidence([row["seq"], row["before_seq"]]),
            facts={
                "number": row["number"],
                "other": row["before_number"],
                "plate": row["vehicle_plate"],
            },
        )


RULES = (
    Rule(
        id="R11", version=1, source="CTNH Ledger (ours)", severity=Severity.SERIOUS,
        subject=Subject.MANIFEST, parameters=(), find=_two_places, whole=True,
    ),
)  # fmt: skip
