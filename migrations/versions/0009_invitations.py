"""Invitations by letter."""

import sqlalchemy as sa
from alembic import op

revision: str = "0009_invitations"
down_revision: str | None = "0008_copies"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    """Create the table; it is no part of the record."""
    op.create_table(
        "invitation",
        sa.Column("log", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("party", sa.String(length=100), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.BigInteger(), nullable=True),
        sa.Column("claimed_until", sa.BigInteger(), nullable=True),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["log"], ["ledger_log.log"]),
        sa.PrimaryKeyConstraint("log", "party"),
    )
