"""The read tables of the whole domain, in place of those before."""

from alembic import op

from migrations.views import make_anew

revision: str = "0005_domain"
down_revision: str | None = "0004_proofs"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    """Make the views anew; `api.database.upgrade` replays the ledger into them."""
    make_anew(op.get_bind())
