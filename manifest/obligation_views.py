"""Read tables of refusals: each refused part is an obligation until its grams have come to an end."""

from sqlalchemy import CheckConstraint, Index
from sqlmodel import SQLModel

from ledger.storage.store import table_of
from manifest import tables as t


class ObligationView(SQLModel, table=True):
    """A refused part of a line; ``grams`` were refused, ``left_g`` of them have not come to an end.

    ``carrier`` has them in hand until they are returned; ``stage`` is 1 at the first facility, 2 at the
    second. ``settled_by`` is the manifest that names it and is completed.
    """

    __tablename__ = "obligation"
    __table_args__ = t.of_log(
        CheckConstraint("left_g BETWEEN 0 AND grams", name="obligation_left"),
        Index("obligation_manifest", "log", "manifest"),
        Index("obligation_generator", "log", "generator"),
        Index("obligation_facility", "log", "facility"),
        Index("obligation_state", "log", "state", "seq"),
    )
    log: int = t.log()
    obligation: str = t.key()
    manifest: str = t.text(36)
    line: int = t.small()
    stage: int = t.small()
    generator: str = t.text()
    carrier: str = t.text()
    facility: str = t.text()
    grams: int = t.whole()
    left_g: int = t.whole()
    state: str = t.text(12)
    opened_at: t.Moment = t.moment()
    returned_at: t.Moment | None = t.moment(null=True)
    ended_at: t.Moment | None = t.moment(null=True)
    settled_by: str | None = t.text(36, null=True)
    seq: int = t.whole()


class ObligationLotView(SQLModel, table=True):
    """The grams of a lot in a refused part, and what of the lot was unexplained when they came back."""

    __tablename__ = "obligation_lot"
    __table_args__ = t.of_log(Index("obligation_lot_lot", "log", "lot"))
    log: int = t.log()
    obligation: str = t.key()
    lot: str = t.key(36)
    grams: int = t.whole()
    unexplained_g: int = t.whole()


VIEWS: tuple[type[SQLModel], ...] = (ObligationView, ObligationLotView)
OBLIGATION, OBLIGATION_LOT = (table_of(view) for view in VIEWS)
