"""Tables of identity: ordinary rows beside the ledger, of one deployment and not part of the record."""

from sqlalchemy import Column, LargeBinary, String
from sqlmodel import Field, SQLModel

from ledger.storage.store import table_of
from manifest import tables as t


class AccountRow(SQLModel, table=True):
    """A login of a person at a party; the password is kept as an argon2id hash."""

    __tablename__ = "account"
    __table_args__ = t.of_log()
    log: int = t.log()
    login: str = t.key()
    party: str = t.text()
    name: str = t.text(300)
    password: str = t.text(200)
    disabled: bool = t.flag()
    failures: int = t.small()
    locked_until: t.Moment | None = t.moment(null=True)


class TokenRow(SQLModel, table=True):
    """A session or an API key: the hash of its secret, whose it is, what it may do and until when.

    ``kind`` is `session` or `api_key`; ``scope`` is `read` or `act`; ``name`` tells a party's keys apart.
    """

    __tablename__ = "access_token"
    __table_args__ = t.of_log()
    log: int = t.log()
    hash: str = t.key(64)
    kind: str = t.text(10)
    party: str = t.text()
    login: str | None = t.text(null=True)
    name: str = t.text()
    scope: str = t.text(10)
    created_at: t.Moment = t.moment()
    expires_at: t.Moment = t.moment()
    revoked: bool = t.flag()


class CustodyRow(SQLModel, table=True):
    """A private key kept for a party, encrypted under the master key; erasing the row ends its use."""

    __tablename__ = "custody_key"
    __table_args__ = t.of_log()
    log: int = t.log()
    kid: str = t.key(64)
    party: str = t.text(index=True)
    sealed: bytes = Field(sa_column=Column("sealed", LargeBinary, nullable=False))
    certificate: str | None = Field(default=None, sa_column=Column("certificate", String, nullable=True))


ACCOUNT = table_of(AccountRow)
TOKEN = table_of(TokenRow)
CUSTODY = table_of(CustodyRow)
