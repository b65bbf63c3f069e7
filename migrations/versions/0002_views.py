"""The read tables that manifest/views.py declares."""

import sqlalchemy as sa
from alembic import op

revision: str = "0002_views"
down_revision: str | None = "0001_ledger"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    """Create the views; they hold nothing that a replay of the ledger does not bring back."""
    op.create_table(
        "act",
        sa.Column("log", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("manifest", sa.String(length=36), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("parties", sa.String(length=400), nullable=False),
        sa.Column("assurance", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["log"],
            ["ledger_log.log"],
        ),
        sa.PrimaryKeyConstraint("log", "manifest", "seq"),
    )
    op.create_table(
        "approval",
        sa.Column("log", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("approval", sa.String(length=100), nullable=False),
        sa.Column("carrier", sa.String(length=100), nullable=False),
        sa.Column("facility", sa.String(length=100), nullable=False),
        sa.Column("number", sa.String(length=60), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["log"],
            ["ledger_log.log"],
        ),
        sa.PrimaryKeyConstraint("log", "approval"),
    )
    op.create_table(
        "balance",
        sa.Column("log", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("lot", sa.String(length=36), nullable=False),
        sa.Column("account", sa.String(length=30), nullable=False),
        sa.Column("place", sa.String(length=100), nullable=False),
        sa.Column("grams", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "grams >= 0 OR account IN ('generated', 'generated_secondary', 'opening')",
            name="balance_not_negative",
        ),
        sa.ForeignKeyConstraint(
            ["log"],
            ["ledger_log.log"],
        ),
        sa.PrimaryKeyConstraint("log", "lot", "account", "place"),
    )
    op.create_table(
        "edition",
        sa.Column("log", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["log"],
            ["ledger_log.log"],
        ),
        sa.PrimaryKeyConstraint("log", "seq"),
    )
    op.create_table(
        "lot",
        sa.Column("log", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("lot", sa.String(length=36), nullable=False),
        sa.Column("lot_kind", sa.String(length=20), nullable=False),
        sa.Column("party", sa.String(length=100), nullable=False),
        sa.Column("site", sa.String(length=100), nullable=False),
        sa.Column("code", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("generated_on", sa.Date(), nullable=False),
        sa.Column("declared_g", sa.BigInteger(), nullable=False),
        sa.Column("basis", sa.String(length=20), nullable=False),
        sa.Column("zone_kind", sa.String(length=30), nullable=False),
        sa.Column("zone", sa.String(length=100), nullable=True),
        sa.Column("area", sa.String(length=12), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["log"],
            ["ledger_log.log"],
        ),
        sa.PrimaryKeyConstraint("log", "lot"),
    )
    op.create_index("lot_site", "lot", ["log", "site"], unique=False)
    op.create_table(
        "mandate",
        sa.Column("log", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("mandate", sa.String(length=100), nullable=False),
        sa.Column("principal", sa.String(length=100), nullable=False),
        sa.Column("agent", sa.String(length=100), nullable=False),
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=False),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["log"],
            ["ledger_log.log"],
        ),
        sa.PrimaryKeyConstraint("log", "mandate"),
    )
    op.create_index("mandate_pair", "mandate", ["log", "principal", "agent"], unique=False)
    op.create_table(
        "manifest",
        sa.Column("log", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("manifest", sa.String(length=36), nullable=False),
        sa.Column("number", sa.String(length=60), nullable=False),
        sa.Column("issuer", sa.String(length=40), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("generator", sa.String(length=100), nullable=False),
        sa.Column("site", sa.String(length=100), nullable=False),
        sa.Column("facility", sa.String(length=100), nullable=False),
        sa.Column("facility_site", sa.String(length=100), nullable=False),
        sa.Column("permit", sa.String(length=100), nullable=False),
        sa.Column("holder", sa.String(length=100), nullable=False),
        sa.Column("form", sa.String(length=60), nullable=False),
        sa.Column("registered_at", sa.BigInteger(), nullable=False),
        sa.Column("transferred_at", sa.BigInteger(), nullable=True),
        sa.Column("arrived_at", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("completed_at", sa.BigInteger(), nullable=True),
        sa.Column("declared_g", sa.BigInteger(), nullable=False),
        sa.Column("accepted_g", sa.BigInteger(), nullable=False),
        sa.Column("refused_g", sa.BigInteger(), nullable=False),
        sa.Column("left_g", sa.BigInteger(), nullable=False),
        sa.Column("corrections_open", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["log"],
            ["ledger_log.log"],
        ),
        sa.PrimaryKeyConstraint("log", "manifest"),
        sa.UniqueConstraint("log", "issuer", "year", "sequence", name="manifest_number"),
    )
    op.create_index("manifest_facility", "manifest", ["log", "facility"], unique=False)
    op.create_index("manifest_generator", "manifest", ["log", "generator"], unique=False)
    op.create_index("manifest_status", "manifest", ["log", "status"], unique=False)
    op.create_table(
        "manifest_line",
        sa.Column("log", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("manifest", sa.String(length=36), nullable=False),
        sa.Column("line", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("code", sa.String(length=12), nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("planned_methods", sa.String(length=120), nullable=False),
        sa.Column("declared_g", sa.BigInteger(), nullable=False),
        sa.Column("net_g", sa.BigInteger(), nullable=True),
        sa.Column("accepted_g", sa.BigInteger(), nullable=True),
        sa.Column("refused_g", sa.BigInteger(), nullable=False),
        sa.Column("treated_g", sa.BigInteger(), nullable=False),
        sa.Column("interim_g", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["log"],
            ["ledger_log.log"],
        ),
        sa.PrimaryKeyConstraint("log", "manifest", "line"),
    )
    op.create_table(
        "manifest_party",
        sa.Column("log", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("manifest", sa.String(length=36), nullable=False),
        sa.Column("party", sa.String(length=100), nullable=False),
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["log"],
            ["ledger_log.log"],
        ),
        sa.PrimaryKeyConstraint("log", "manifest", "party", "role"),
    )
    op.create_index("manifest_party_of", "manifest_party", ["log", "party"], unique=False)
    op.create_table(
        "number_block",
        sa.Column("log", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("block", sa.String(length=100), nullable=False),
        sa.Column("party", sa.String(length=100), nullable=False),
        sa.Column("issuer", sa.String(length=40), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["log"],
            ["ledger_log.log"],
        ),
        sa.PrimaryKeyConstraint("log", "block"),
    )
    op.create_index("number_block_series", "number_block", ["log", "issuer", "year"], unique=False)
    op.create_table(
        "organisation",
        sa.Column("log", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("party", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("roles", sa.String(length=200), nullable=False),
        sa.Column("identifier_kind", sa.String(length=20), nullable=False),
        sa.Column("identifier", sa.String(length=60), nullable=True),
        sa.Column("address", sa.String(length=300), nullable=False),
        sa.Column("phone", sa.String(length=60), nullable=True),
        sa.Column("admitted", sa.Boolean(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["log"],
            ["ledger_log.log"],
        ),
        sa.PrimaryKeyConstraint("log", "party"),
    )
    op.create_table(
        "organisation_identifier",
        sa.Column("log", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("identifier", sa.String(length=60), nullable=False),
        sa.Column("party", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(
            ["log"],
            ["ledger_log.log"],
        ),
        sa.PrimaryKeyConstraint("log", "identifier"),
    )
    op.create_table(
        "pdf_document",
        sa.Column("log", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("manifest", sa.String(length=36), nullable=False),
        sa.Column("head", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("signatures", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["log"],
            ["ledger_log.log"],
        ),
        sa.PrimaryKeyConstraint("log", "sha256"),
    )
    op.create_index("pdf_manifest", "pdf_document", ["log", "manifest"], unique=False)
    op.create_table(
        "permit",
        sa.Column("log", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("permit", sa.String(length=100), nullable=False),
        sa.Column("party", sa.String(length=100), nullable=False),
        sa.Column("permit_kind", sa.String(length=20), nullable=False),
        sa.Column("number", sa.String(length=60), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["log"],
            ["ledger_log.log"],
        ),
        sa.PrimaryKeyConstraint("log", "permit"),
    )
    op.create_index("permit_party", "permit", ["log", "party"], unique=False)
    op.create_table(
        "permit_line",
        sa.Column("log", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("permit", sa.String(length=100), nullable=False),
        sa.Column("code", sa.String(length=12), nullable=False),
        sa.Column("methods", sa.String(length=120), nullable=False),
        sa.Column("mass_g_year", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["log"],
            ["ledger_log.log"],
        ),
        sa.PrimaryKeyConstraint("log", "permit", "code"),
    )
    op.create_table(
        "permit_use",
        sa.Column("log", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("permit", sa.String(length=100), nullable=False),
        sa.Column("code", sa.String(length=12), nullable=False),
        sa.Column("year", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("accepted_g", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["log"],
            ["ledger_log.log"],
        ),
        sa.PrimaryKeyConstraint("log", "permit", "code", "year"),
    )
    op.create_table(
        "permit_vehicle",
        sa.Column("log", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("permit", sa.String(length=100), nullable=False),
        sa.Column("plate", sa.String(length=60), nullable=False),
        sa.ForeignKeyConstraint(
            ["log"],
            ["ledger_log.log"],
        ),
        sa.PrimaryKeyConstraint("log", "permit", "plate"),
    )
    op.create_table(
        "plan_line",
        sa.Column("log", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("site", sa.String(length=100), nullable=False),
        sa.Column("year", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("code", sa.String(length=12), nullable=False),
        sa.Column("mass_g", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["log"],
            ["ledger_log.log"],
        ),
        sa.PrimaryKeyConstraint("log", "site", "year", "code"),
    )
    op.create_table(
        "posting",
        sa.Column("log", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account", sa.String(length=30), nullable=False),
        sa.Column("place", sa.String(length=100), nullable=False),
        sa.Column("lot", sa.String(length=36), nullable=False),
        sa.Column("grams", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=30), nullable=False),
        sa.Column("posted_on", sa.Date(), nullable=False),
        sa.Column("manifest", sa.String(length=36), nullable=True),
        sa.Column("line", sa.Integer(), nullable=True),
        sa.Column("method", sa.String(length=12), nullable=True),
        sa.ForeignKeyConstraint(
            ["log"],
            ["ledger_log.log"],
        ),
        sa.PrimaryKeyConstraint("log", "seq", "n"),
    )
    op.create_index("posting_lot", "posting", ["log", "lot"], unique=False)
    op.create_index("posting_manifest", "posting", ["log", "manifest"], unique=False)
    op.create_table(
        "rule_set",
        sa.Column("log", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("rule", sa.String(length=60), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.String(length=60), nullable=False),
        sa.Column("source", sa.String(length=300), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["log"],
            ["ledger_log.log"],
        ),
        sa.PrimaryKeyConstraint("log", "rule", "seq"),
    )
    op.create_table(
        "site",
        sa.Column("log", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("site", sa.String(length=100), nullable=False),
        sa.Column("party", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("site_kind", sa.String(length=20), nullable=False),
        sa.Column("zone_kind", sa.String(length=30), nullable=False),
        sa.Column("zone", sa.String(length=100), nullable=True),
        sa.Column("district", sa.String(length=12), nullable=True),
        sa.Column("commune", sa.String(length=12), nullable=True),
        sa.Column("province", sa.String(length=300), nullable=False),
        sa.Column("address", sa.String(length=300), nullable=False),
        sa.Column("phone", sa.String(length=60), nullable=True),
        sa.Column("code", sa.String(length=60), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["log"],
            ["ledger_log.log"],
        ),
        sa.PrimaryKeyConstraint("log", "site"),
    )
    op.create_index("site_party", "site", ["log", "party"], unique=False)
