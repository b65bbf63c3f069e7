"""Findings and runs of the reconciliation in the read tables."""

from alembic import op

from migrations.views import make_anew

revision: str = "0011_findings"
down_revision: str | None = "0010_list_order"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    """Make the views anew; `api.database.upgrade` replays the ledger into them."""
    make_anew(op.get_bind())
