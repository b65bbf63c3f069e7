"""The ledger's tables and their fences."""

import sqlalchemy as sa
from alembic import op

from migrations.fences import fence

revision: str = "0001_ledger"
down_revision: str | None = None
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    """Create the eight tables; then fence those that only ever grow."""
    op.create_table(
        "ledger_log",
        sa.Column("log", sa.SmallInteger, autoincrement=False, nullable=False),
        sa.Column("origin", sa.String(100), nullable=False),
        sa.PrimaryKeyConstraint("log"),
        sa.UniqueConstraint("origin"),
    )
    _of_a_log(
        "ledger_entry",
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("stream", sa.BigInteger, nullable=False),
        sa.Column("stream_seq", sa.Integer, nullable=False),
        sa.Column("key", sa.BigInteger, nullable=False),
        sa.Column("idem", sa.LargeBinary, nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.Column("header", sa.LargeBinary, nullable=False),
        sa.Column("signatures", sa.LargeBinary, nullable=False),
        sa.Column("event", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("log", "seq"),
        sa.UniqueConstraint("log", "stream", "stream_seq"),
        sa.UniqueConstraint("log", "key", "idem"),
        sa.CheckConstraint("seq >= 0 AND stream_seq >= 0", name="ledger_entry_counts"),
    )
    _of_a_log(
        "ledger_tile",
        sa.Column("level", sa.SmallInteger, autoincrement=False, nullable=False),
        sa.Column("tile", sa.BigInteger, nullable=False),
        sa.Column("hashes", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("log", "level", "tile"),
    )
    _of_a_log(
        "ledger_head",
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("log"),
    )
    _of_a_log(
        "ledger_stream",
        sa.Column("stream", sa.BigInteger, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("length", sa.Integer, nullable=False),
        sa.Column("head", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("log", "stream"),
        sa.UniqueConstraint("log", "name"),
    )
    _of_a_log(
        "ledger_key",
        sa.Column("key", sa.BigInteger, nullable=False),
        sa.Column("kid", sa.String(64), nullable=False),
        sa.Column("party", sa.String(100), nullable=False),
        sa.Column("algorithm", sa.String(20), nullable=False),
        sa.Column("custody", sa.String(20), nullable=False),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("log", "key"),
        sa.UniqueConstraint("log", "kid"),
    )
    _of_a_log(
        "ledger_checkpoint",
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("note", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("log", "size"),
    )
    _of_a_log(
        "vault_value",
        sa.Column("commitment", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(100), nullable=False),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("value", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("log", "commitment"),
    )
    fence(op.get_bind(), ("ledger_log", "ledger_entry", "ledger_tile", "ledger_checkpoint"))


def _of_a_log(name: str, *parts: sa.schema.SchemaItem) -> None:
    op.create_table(
        name,
        sa.Column("log", sa.SmallInteger, autoincrement=False, nullable=False),
        *parts,
        sa.ForeignKeyConstraint(["log"], ["ledger_log.log"]),
    )
