"""Read tables of batches and of shares: what went into what, and what still stands for whose grams."""

from sqlalchemy import CheckConstraint, Index
from sqlmodel import SQLModel

from ledger.storage.store import table_of
from manifest import tables as t


class BatchView(SQLModel, table=True):
    """A batch of a facility; open until ``discharged_on``. ``last_on`` is the day of the last charge."""

    __tablename__ = "batch"
    __table_args__ = t.of_log(
        CheckConstraint("charged_g >= 0", name="batch_charged"),
        CheckConstraint(
            "discharged_on IS NULL OR output_g >= 0 AND residue_g >= 0 AND broken_g >= 0"
            " AND output_g + broken_g > 0",
            name="batch_discharged",
        ),
        Index("batch_site", "log", "site"),
    )
    log: int = t.log()
    batch: str = t.key(36)
    party: str = t.text()
    site: str = t.text()
    opened_on: t.Day = t.day()
    last_on: t.Day = t.day()
    last_at: t.Moment = t.moment()
    charged_g: int = t.whole()
    discharged_on: t.Day | None = t.day(null=True)
    output_g: int | None = t.whole(null=True)
    residue_g: int | None = t.whole(null=True)
    broken_g: int | None = t.whole(null=True)
    seq: int = t.whole()


class BatchInputView(SQLModel, table=True):
    """Grams of a lot that one act put into a batch; ``manifest`` is empty for what was in the own store."""

    __tablename__ = "batch_input"
    __table_args__ = t.of_log()
    log: int = t.log()
    batch: str = t.key(36)
    seq: int = t.number_key()
    lot: str = t.key(36)
    manifest: str = t.key(36)
    line: int = t.number_key()
    grams: int = t.whole()


class ShareView(SQLModel, table=True):
    """Grams of a lot, brought by a manifest's line, that a batch or a child lot stands for.

    They lie in ``account`` at ``place``: in `interim` while the share is open, else where they ended.
    ``manifest`` is empty and ``line`` zero for what the facility took from its own store.
    """

    __tablename__ = "lot_share"
    __table_args__ = t.of_log(
        CheckConstraint("grams >= 0", name="share_not_negative"),
        Index("lot_share_manifest", "log", "manifest"),
        Index("lot_share_lot", "log", "lot"),
    )
    log: int = t.log()
    of: str = t.key(36)
    account: str = t.key(30)
    place: str = t.key()
    lot: str = t.key(36)
    manifest: str = t.key(36)
    line: int = t.number_key()
    grams: int = t.whole()


class LotSourceView(SQLModel, table=True):
    """What a child lot or a residue came from: a batch, or the manifest whose treatment left it."""

    __tablename__ = "lot_source"
    __table_args__ = t.of_log(Index("lot_source_source", "log", "source"))
    log: int = t.log()
    lot: str = t.key(36)
    source: str = t.key(36)
    source_kind: str = t.text(12)
    seq: int = t.whole()


VIEWS: tuple[type[SQLModel], ...] = (BatchView, BatchInputView, ShareView, LotSourceView)
BATCH, BATCH_INPUT, LOT_SHARE, LOT_SOURCE = (table_of(view) for view in VIEWS)
