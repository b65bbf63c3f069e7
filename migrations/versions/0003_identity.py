"""Accounts, sessions, API keys and keys in custody."""

import sqlalchemy as sa
from alembic import op

revision: str = "0003_identity"
down_revision: str | None = "0002_views"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    """Create the tables of identity; they are no part of the record."""
    op.create_table(
        "access_token",
        sa.Column("log", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("party", sa.String(length=100), nullable=False),
        sa.Column("login", sa.String(length=100), nullable=True),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("scope", sa.String(length=10), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["log"],
            ["ledger_log.log"],
        ),
        sa.PrimaryKeyConstraint("log", "hash"),
    )
    op.create_table(
        "account",
        sa.Column("log", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("login", sa.String(length=100), nullable=False),
        sa.Column("party", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("password", sa.String(length=200), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["log"],
            ["ledger_log.log"],
        ),
        sa.PrimaryKeyConstraint("log", "login"),
    )
    op.create_table(
        "custody_key",
        sa.Column("log", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("kid", sa.String(length=64), nullable=False),
        sa.Column("party", sa.String(length=100), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("certificate", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["log"],
            ["ledger_log.log"],
        ),
        sa.PrimaryKeyConstraint("log", "kid"),
    )
    op.create_index(op.f("ix_custody_key_party"), "custody_key", ["party"], unique=False)
