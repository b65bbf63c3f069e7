"""The table of invitations by letter: ordinary rows of one deployment, no part of the record."""

from sqlmodel import SQLModel

from ledger.storage.store import table_of
from manifest import tables as t


class InvitationRow(SQLModel, table=True):
    """An invitation of a party: the hash of its one-time code, until when it holds, and whether it was used.

    A new letter takes the place of the one before. ``claimed_until`` keeps two who come with the same code at
    the same moment from both being let in.
    """

    __tablename__ = "invitation"
    __table_args__ = t.of_log()
    log: int = t.log()
    party: str = t.key()
    hash: str = t.text(64)
    created_at: t.Moment = t.moment()
    expires_at: t.Moment = t.moment()
    failures: int = t.small()
    locked_until: t.Moment | None = t.moment(null=True)
    claimed_until: t.Moment | None = t.moment(null=True)
    used_at: t.Moment | None = t.moment(null=True)


INVITATION = table_of(InvitationRow)
