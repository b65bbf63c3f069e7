"""Reading stored rows as they are, whatever somebody has put into them."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, LargeBinary, String, Table, func, literal_column, select

from ledger.storage.db import Reader, is_sqlite

BATCH = 500
# Nothing that the ledger keeps is longer; what is, does not get into memory.
MAX_BYTES = 1 << 20


def raw_rows(
    reader: Reader, table: Table, *names: str, log: int | None = None, limit: int = MAX_BYTES
) -> Iterator[Sequence[Any]]:
    """Yield rows in the order of the primary key; None stands for a value that its column may not hold.

    So does it for bytes and texts of more than ``limit`` bytes.
    """
    query = select(*(raw_column(reader, table, name, limit) for name in names)).select_from(table)
    query = query.order_by(*table.primary_key.columns).execution_options(yield_per=BATCH)
    if log is not None:
        query = query.where(table.c.log == log)
    texts = [i for i, name in enumerate(names) if isinstance(table.c[name].type, String)]
    # Whoever stops half-way must not leave a cursor behind.
    with reader.execute(query) as found:
        for row in found:
            if not texts:
                yield row
                continue
            values = list(row)
            for i in texts:
                if isinstance(values[i], bytes):
                    values[i] = values[i].decode(errors="replace")
            yield values


def raw_column(reader: Reader, table: Table, name: str, limit: int = MAX_BYTES) -> ColumnElement[Any]:
    """Return a column without the driver's conversions.

    SQLite keeps whatever it is given, in any column, and even its text need not be text; what is not of the
    column's type, or too long, comes back as NULL, text as bytes.
    """
    quoted = f'{table.name}."{name}"'
    if not is_sqlite(reader):
        match table.c[name].type:
            case LargeBinary() | String():
                return literal_column(f"CASE WHEN octet_length({quoted}) <= {limit:d} THEN {quoted} END")
            case _:
                return literal_column(quoted)
    match table.c[name].type:
        case LargeBinary():
            return literal_column(
                f"CASE WHEN typeof({quoted}) = 'blob' AND length({quoted}) <= {limit:d} THEN {quoted} END"
            )
        case String():
            # The length of text is counted in characters up to the first NUL, that of a blob in bytes.
            data = f"CAST({quoted} AS BLOB)"
            return literal_column(
                f"CASE WHEN typeof({quoted}) = 'text' AND length({data}) <= {limit:d} THEN {data} END"
            )
        case _:
            return literal_column(f"CASE typeof({quoted}) WHEN 'integer' THEN {quoted} END")


def raw_length(reader: Reader, table: Table, name: str) -> ColumnElement[Any]:
    """Return how many bytes a column of bytes holds, NULL when it holds none."""
    quoted = f'{table.name}."{name}"'
    if is_sqlite(reader):
        return literal_column(f"CASE typeof({quoted}) WHEN 'blob' THEN length({quoted}) END")
    return func.octet_length(literal_column(quoted))
