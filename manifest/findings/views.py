"""Read tables of findings: how each stands now, whom it concerns, and the runs."""

from sqlalchemy import Index, Table
from sqlmodel import SQLModel

from ledger.storage.store import table_of
from manifest import tables as t


class FindingView(SQLModel, table=True):
    """A finding as it stands: what a run saw last, and what people made of it.

    ``lapsed_at`` is when a run no longer saw it. ``closed_grams`` are those at its closing, so that the same
    cause does not open it again.
    """

    __tablename__ = "finding"
    __table_args__ = t.of_log(
        Index("finding_rule", "log", "rule", "status"), Index("finding_due", "log", "due_on")
    )
    log: int = t.log()
    finding: str = t.key(32)
    rule: str = t.text(3)
    version: int = t.small()
    subject: str = t.text(400)
    status: str = t.text(20)
    grams: int = t.whole()
    since: t.Day = t.day()
    entries: str = t.text(700)
    facts: str = t.text(8000)
    run: str = t.text(36)
    opened_at: t.Moment = t.moment()
    lapsed_at: t.Moment | None = t.moment(null=True)
    assigned_to: str | None = t.text(60, null=True)
    due_on: t.Day | None = t.day(null=True)
    outcome: str | None = t.text(20, null=True)
    opened_seq: int = t.whole()
    seq: int = t.whole()


class FindingPartyView(SQLModel, table=True):
    """Whom a finding concerns."""

    __tablename__ = "finding_party"
    __table_args__ = t.of_log(Index("finding_party_of", "log", "party"))
    log: int = t.log()
    finding: str = t.key(32)
    party: str = t.key()


class RunView(SQLModel, table=True):
    """A run of the rules: what it ran on, and its counts."""

    __tablename__ = "reconciliation_run"
    __table_args__ = t.of_log()
    log: int = t.log()
    run: str = t.key(36)
    mode: str = t.text(10)
    size: int = t.whole()
    root: str = t.text(64)
    as_of: t.Day = t.day()
    reference: str = t.text(64)
    rules: str = t.text(100)
    found: int = t.whole()
    opened: int = t.whole()
    changed: int = t.whole()
    lapsed: int = t.whole()
    started_at: t.Moment = t.moment()
    duration_ms: int = t.whole()
    seq: int = t.whole()


VIEWS: tuple[type[SQLModel], ...] = (FindingView, FindingPartyView, RunView)
TABLES: tuple[Table, ...] = tuple(table_of(view) for view in VIEWS)
FINDING, FINDING_PARTY, RUN = TABLES
