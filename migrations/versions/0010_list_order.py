"""Indexes in the order in which lists are read."""

from alembic import op

revision: str = "0010_list_order"
down_revision: str | None = "0009_invitations"
branch_labels: None = None
depends_on: None = None

_INDEXES: dict[str, tuple[str, ...]] = {
    "manifest_order": ("manifest", "seq"),
    "manifest_generator": ("manifest", "generator", "seq"),
    "manifest_facility": ("manifest", "facility", "seq"),
    "manifest_status": ("manifest", "status", "seq"),
    "manifest_party_of": ("manifest_party", "party", "manifest"),
    "lot_order": ("lot", "seq"),
    "lot_party": ("lot", "party", "seq"),
    "obligation_state": ("obligation", "state", "seq"),
    "correction_state": ("correction", "state", "seq"),
}


def upgrade() -> None:
    """Have a page of a list cost what the page holds, and not what the table does.

    A database that was made with these tables as they are today has the indexes already.
    """
    for name, (table, *columns) in _INDEXES.items():
        op.drop_index(name, table_name=table, if_exists=True)
        op.create_index(name, table, ["log", *columns])
