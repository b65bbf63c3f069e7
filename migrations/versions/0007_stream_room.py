"""Room beside the rows that change with every batch, on PostgreSQL."""

from alembic import op

from ledger.storage.db import is_sqlite

revision: str = "0007_stream_room"
down_revision: str | None = "0006_drafts"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    """Leave half of each page free where rows are rewritten, so that the new row finds room beside the old.

    It needs no new entries in the indexes then, and the old row's room is used again without a vacuum. A
    stream's row is rewritten with every entry of the stream, a counting key's with every act. Hashes do not
    compress, so that trying is in vain. What is stored and what is refused stay the same.
    """
    connection = op.get_bind()
    if is_sqlite(connection):
        return
    for table in ("ledger_stream", "ledger_key"):
        connection.exec_driver_sql(f"ALTER TABLE {table} SET (fillfactor = 50)")
    connection.exec_driver_sql("ALTER TABLE ledger_tile ALTER COLUMN hashes SET STORAGE EXTERNAL")
