"""The read tables made anew: they hold nothing that a replay of the ledger does not bring back."""

import sqlalchemy as sa

from ledger.storage.store import table_of


def make_anew(connection: sa.Connection) -> None:
    """Drop the read tables and create those that this program reads, empty; the caller replays the ledger.

    Unlike the ledger's own tables these follow the program and not a revision: a later revision that changes
    a view calls this again, and what an earlier one made of them does not matter.
    """
    from manifest.views import VIEWS  # noqa: PLC0415  models load only where a migration needs them

    tables = [table_of(view) for view in VIEWS]
    present = set(sa.inspect(connection).get_table_names())
    for table in tables:
        if table.name in present:
            table.drop(connection)
    tables[0].metadata.create_all(connection, tables)
