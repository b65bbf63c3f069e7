"""Read tables of outages."""

from sqlalchemy import Index, Table
from sqlmodel import SQLModel

from ledger.storage.store import table_of
from manifest import tables as t


class IncidentView(SQLModel, table=True):
    """A time in which the system could not be used."""

    __tablename__ = "incident"
    __table_args__ = t.of_log()
    log: int = t.log()
    incident: str = t.key()
    started_at: t.Moment = t.moment()
    ended_at: t.Moment = t.moment()
    reason: str = t.text(1000)
    seq: int = t.whole()


class BlanksView(SQLModel, table=True):
    """Numbers that are printed on blanks."""

    __tablename__ = "blanks"
    __table_args__ = t.of_log(Index("blanks_series", "log", "issuer", "year"))
    log: int = t.log()
    blanks: str = t.key()
    block: str = t.text()
    issuer: str = t.text(40)
    year: int = t.small()
    first: int = t.small()
    last: int = t.small()
    sha256: str = t.text(64)
    seq: int = t.whole()


VIEWS: tuple[type[SQLModel], ...] = (IncidentView, BlanksView)
INCIDENT: Table = table_of(IncidentView)
BLANKS: Table = table_of(BlanksView)
