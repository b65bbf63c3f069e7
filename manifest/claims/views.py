"""The read table of claims."""

from sqlalchemy import Index, Table, UniqueConstraint
from sqlmodel import SQLModel

from ledger.storage.store import table_of
from manifest import tables as t


class ClaimView(SQLModel, table=True):
    """A refused act that is kept: ``codes`` is what refused it, ``state`` kept, accepted or rejected."""

    __tablename__ = "claim"
    __table_args__ = t.of_log(
        UniqueConstraint("log", "envelope_hash", name="claim_once"),
        Index("claim_manifest", "log", "manifest"),
        Index("claim_state", "log", "state"),
    )
    log: int = t.log()
    claim: str = t.key(36)
    manifest: str = t.text(36)
    envelope_hash: str = t.text(64)
    kind: str = t.text(60)
    parties: str = t.text(400)
    occurred_at: t.Moment = t.moment()
    codes: str = t.text(2600)
    state: str = t.text(10)
    reason: str | None = t.text(1000, null=True)
    decided_by: str | None = t.text(null=True)
    kept_seq: int = t.whole()
    seq: int = t.whole()


VIEWS: tuple[type[SQLModel], ...] = (ClaimView,)
CLAIM: Table = table_of(ClaimView)
