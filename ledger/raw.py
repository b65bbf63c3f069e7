"""Reading stored rows as they are, whatever somebody has put into them."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, LargeBinary, String, Table, literal_column, select

from ledger.db import Reader, is_sqlite

BATCH = 2000


def raw_rows(reader: Reader, table: Table, *names: str, log: int | None = None) -> Iterator[Sequence[Any]]:
    """Yield rows in the order of the primary key; None stands for a value that its column may not hold."""
    query = select(*(raw_column(reader, table, name) for name in names)).select_from(table)
    query = query.order_by(*table.primary_key.columns).execution_options(yield_per=BATCH)
    if log is not None:
        query = query.where(table.c.log == log)
    texts = [i for i, name in enumerate(names) if isinstance(table.c[name].type, String)]
    for row in reader.execute(query):
        if not texts:
            yield row
            continue
        values = list(row)
        for i in texts:
            if isinstance(values[i], bytes):
                values[i] = values[i].decode(errors="replace")
        yield values


def raw_column(reader: Reader, table: Table, name: str) -> ColumnElement[Any]:
    """Return a column without the driver's conversions.

    SQLite keeps whatever it is given, in any column, and even its text need not be text; what is not of the
    column's type comes back as NULL, text as bytes.
    """
    quoted = f'{table.name}."{name}"'
    if not is_sqlite(reader):
        return literal_column(quoted)
    match table.c[name].type:
        case LargeBinary():
            return literal_column(f"CASE typeof({quoted}) WHEN 'blob' THEN {quoted} END")
        case String():
            return literal_column(f"CASE typeof({quoted}) WHEN 'text' THEN CAST({quoted} AS BLOB) END")
        case _:
            return literal_column(f"CASE typeof({quoted}) WHEN 'integer' THEN {quoted} END")
