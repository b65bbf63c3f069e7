"""Statements of the few shapes that the ledger uses, built once: building costs more than running."""

from functools import cache

from sqlalchemy import Insert, Table, Update, bindparam, insert, update

from ledger.storage.db import Row


def named(key: Row) -> Row:
    """Return the parameters of a key's columns, apart from those of the values."""
    return {f"key_{name}": value for name, value in key.items()}


@cache
def inserting(table: Table) -> Insert:
    """Return the statement that inserts a row."""
    return insert(table)


def _keyed(table: Table, names: tuple[str, ...]) -> Update:
    columns = [table.c[name] for name in names]
    conditions = [column == bindparam(f"key_{column.name}", type_=column.type) for column in columns]
    return update(table).where(*conditions)


@cache
def updating(table: Table, key: tuple[str, ...], names: tuple[str, ...]) -> Update:
    """Return the statement that sets columns of the row under a key."""
    return _keyed(table, key).values({name: bindparam(name, type_=table.c[name].type) for name in names})


@cache
def adding(table: Table, key: tuple[str, ...], column: str) -> Update:
    """Return the statement that adds an amount to a column of the row under a key."""
    return _keyed(table, key).values({column: table.c[column] + bindparam("amount")})
