"""Read tables of the cases: who was entered on whose behalf, what is contested, who stands on a list."""

from sqlalchemy import Index
from sqlmodel import SQLModel

from ledger.storage.store import table_of
from manifest import tables as t


class EnteredActView(SQLModel, table=True):
    """An act that a party did not sign with a key: what it signed by hand, and whose key entered it."""

    __tablename__ = "entered_act"
    __table_args__ = t.of_log(Index("entered_act_party", "log", "party"))
    log: int = t.log()
    seq: int = t.number_key()
    party: str = t.key()
    stream: str = t.text()
    kind: str = t.text(60)
    how: str = t.text(20)
    sha256: str = t.text(64)
    entered_by: str = t.text(400)
    occurred_at: t.Moment = t.moment()
    recorded_at: t.Moment = t.moment()


class ContestView(SQLModel, table=True):
    """An entered act that a party or an authority disputes; ``act_seq`` is the act's entry."""

    __tablename__ = "contest"
    __table_args__ = t.of_log(Index("contest_stream", "log", "stream"))
    log: int = t.log()
    act_seq: int = t.number_key()
    stream: str = t.text()
    party: str = t.text()
    contested_by: str = t.text()
    contested_at: t.Moment = t.moment()
    reason: str = t.text(1000)
    settled_by: str | None = t.text(null=True)
    settled_at: t.Moment | None = t.moment(null=True)
    outcome: str | None = t.text(20, null=True)
    settled_reason: str | None = t.text(1000, null=True)
    seq: int = t.whole()


class CopyView(SQLModel, table=True):
    """A copy of a manifest («liên») that has reached its receiver, and how."""

    __tablename__ = "manifest_copy"
    __table_args__ = t.of_log()
    log: int = t.log()
    manifest: str = t.key(36)
    copy_name: str = t.key(60)
    receiver: str = t.text()
    means: str = t.text(20)
    receipt_sha256: str | None = t.text(64, null=True)
    delivered_at: t.Moment = t.moment()
    seq: int = t.whole()


class ListedView(SQLModel, table=True):
    """A household on the list of a manifest, and the grams that the manifest draws from its site."""

    __tablename__ = "manifest_listed"
    __table_args__ = t.of_log(Index("manifest_listed_party", "log", "party"))
    log: int = t.log()
    manifest: str = t.key(36)
    site: str = t.key()
    party: str = t.text()
    declared_g: int = t.whole()


VIEWS: tuple[type[SQLModel], ...] = (EnteredActView, ContestView, ListedView, CopyView)
ENTERED_ACT, CONTEST, LISTED, COPY = (table_of(view) for view in VIEWS)
