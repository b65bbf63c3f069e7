"""Read tables of corrections: each with its difference and where it stands, and what authorities ask for."""

from sqlalchemy import Index
from sqlmodel import SQLModel

from ledger.storage.store import table_of
from manifest import tables as t


class CorrectionView(SQLModel, table=True):
    """A correction: ``before`` and ``after`` as JSON objects, those whom it waits for, what became of it.

    ``voices`` are the parties of the keys that have spoken for it so far: none of them agrees again.
    """

    __tablename__ = "correction"
    __table_args__ = t.of_log(
        Index("correction_generator", "log", "generator"),
        Index("correction_facility", "log", "facility"),
        Index("correction_state", "log", "state", "seq"),
    )
    log: int = t.log()
    manifest: str = t.key(36)
    correction: str = t.key(36)
    field: str = t.text(20)
    consent: str = t.text(10)
    line: int | None = t.small(null=True)
    leg: int | None = t.small(null=True)
    part: int | None = t.small(null=True)
    before: str = t.text(4000)
    after: str = t.text(4000)
    reason: str = t.text(1000)
    proposed_by: str = t.text()
    voices: str = t.text(400)
    waiting: str = t.text(400)
    state: str = t.text(12)
    generator: str = t.text()
    facility: str = t.text()
    request: str | None = t.text(36, null=True)
    proposed_at: t.Moment = t.moment()
    proposed_seq: int = t.whole()
    settled_at: t.Moment | None = t.moment(null=True)
    settled_seq: int | None = t.whole(null=True)
    seq: int = t.whole()


class CorrectionRequestView(SQLModel, table=True):
    """What an authority wants corrected; answered while a proposal that names it waits or was taken."""

    __tablename__ = "correction_request"
    __table_args__ = t.of_log(Index("correction_request_manifest", "log", "manifest"))
    log: int = t.log()
    request: str = t.key(36)
    manifest: str = t.text(36)
    field: str = t.text(20)
    line: int | None = t.small(null=True)
    leg: int | None = t.small(null=True)
    part: int | None = t.small(null=True)
    reason: str = t.text(1000)
    requested_by: str = t.text()
    generator: str = t.text()
    facility: str = t.text()
    requested_at: t.Moment = t.moment()
    state: str = t.text(12)
    correction: str | None = t.text(36, null=True)
    seq: int = t.whole()


VIEWS: tuple[type[SQLModel], ...] = (CorrectionView, CorrectionRequestView)
CORRECTION, CORRECTION_REQUEST = (table_of(view) for view in VIEWS)
