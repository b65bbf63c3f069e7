"""Rules about when things are said: entered long after, or all at once.

Source: ours.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, and_, select, type_coerce

from manifest.events import HandedOver
from manifest.reconcile.rule import Context, Found, Rule, Severity, Subject, evidence, named
from manifest.views import ACT, MANIFEST
from manifest.vocabulary import local_date

_MINUTE_MS = 60_000
_DAY_MS = 24 * 60 * _MINUTE_MS


def _longer(start: ColumnElement[Any], end: ColumnElement[Any]) -> ColumnElement[int]:
    """Return how long it is from one time to another, in milliseconds, which times are stored in."""
    return type_coerce(end, BigInteger) - type_coerce(start, BigInteger)


def _late_entry(context: Context) -> Iterator[Found]:
    """Find hand-overs that were entered many days after they are said to have happened."""
    days = context.limit("late_entry_days")
    query = (
        select(MANIFEST.c.manifest, MANIFEST.c.number, MANIFEST.c.generator, MANIFEST.c.facility,
               MANIFEST.c.declared_g, ACT.c.seq, ACT.c.occurred_at, ACT.c.recorded_at)
        .join(ACT, and_(ACT.c.log == MANIFEST.c.log, ACT.c.manifest == MANIFEST.c.manifest))
        .where(
            MANIFEST.c.log == context.log,
            ACT.c.kind == HandedOver.kind,
            _longer(ACT.c.occurred_at, ACT.c.recorded_at) > days * _DAY_MS,
            context.due(Subject.MANIFEST, MANIFEST.c.manifest),
        )
        .order_by(ACT.c.seq)
    )  # fmt: skip
    seen: set[str] = set()
    for row in context.reader.execute(query).mappings():
        if row["manifest"] in seen:
            continue
        late = row["recorded_at"] - row["occurred_at"]
        seen.add(row["manifest"])
        yield Found(
            subject=named(Subject.MANIFEST, row["manifest"]),
            grams=int(row["declared_g"]),
            since=local_date(row["occurred_at"]),
            parties=(row["generator"], row["facility"]),
            entries=evidence([row["seq"]]),
            facts={"number": row["number"], "days": late.days},
        )


def _all_at_once(context: Context) -> Iterator[Found]:
    """Find loads that were accepted, treated and completed within minutes."""
    minutes = context.limit("least_treatment_minutes")
    query = select(MANIFEST).where(
        MANIFEST.c.log == context.log,
        MANIFEST.c.completed_at.is_not(None),
        MANIFEST.c.export_country.is_(None),
        _longer(MANIFEST.c.arrived_at, MANIFEST.c.completed_at) < minutes * _MINUTE_MS,
        context.due(Subject.MANIFEST, MANIFEST.c.manifest),
    )
    for row in context.reader.execute(query).mappings():
        took = row["completed_at"] - row["arrived_at"]
        acts = select(ACT.c.seq).where(ACT.c.log == context.log, ACT.c.manifest == row["manifest"])
        yield Found(
            subject=named(Subject.MANIFEST, row["manifest"]),
            grams=int(row["accepted_g"]),
            since=local_date(row["completed_at"]),
            parties=tuple(dict.fromkeys((row["generator"], row["facility"]))),
            entries=evidence(list(context.reader.scalars(acts))),
            facts={"number": row["number"], "minutes": int(took.total_seconds() // 60)},
        )


RULES = (
    Rule(
        id="E1", version=1, source="CTNH Ledger (ours)", severity=Severity.NOTICE,
        subject=Subject.MANIFEST, parameters=("late_entry_days",), find=_late_entry,
    ),
    Rule(
        id="E2", version=1, source="CTNH Ledger (ours)", severity=Severity.SERIOUS,
        subject=Subject.MANIFEST, parameters=("least_treatment_minutes",), find=_all_at_once,
    ),
)  # fmt: skip
