"""Drafts and templates of manifests."""

import sqlalchemy as sa
from alembic import op

revision: str = "0006_drafts"
down_revision: str | None = "0005_domain"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    """Create the table; it is no part of the record."""
    op.create_table(
        "draft",
        sa.Column("log", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("draft", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("author", sa.String(length=100), nullable=False),
        sa.Column("generator", sa.String(length=100), nullable=True),
        sa.Column("facility", sa.String(length=100), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("agreed_version", sa.Integer(), nullable=True),
        sa.Column("manifest", sa.String(length=36), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["log"], ["ledger_log.log"]),
        sa.PrimaryKeyConstraint("log", "draft"),
    )
    for name in ("author", "generator", "facility"):
        op.create_index(f"draft_{name}", "draft", ["log", name])
