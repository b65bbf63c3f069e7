"""Column types that hold the same values on SQLite and on PostgreSQL."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Dialect, TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def to_ms(moment: datetime) -> int:
    """Return milliseconds since 1970 of an aware time; finer parts are cut."""
    if moment.tzinfo is None:
        raise ValueError("a naive time has no place in the ledger")
    return (moment - _EPOCH) // _MILLISECOND


def from_ms(milliseconds: int) -> datetime:
    """Return the aware UTC time of milliseconds since 1970."""
    return _EPOCH + milliseconds * _MILLISECOND


@lru_cache(maxsize=1024)
def _second_text(second: int) -> str:
    return from_ms(second * 1000).isoformat()[:19]


def ms_text(milliseconds: int) -> str:
    """Return the ledger's text of milliseconds since 1970; quick for times that lie close together."""
    second, rest = divmod(milliseconds, 1000)
    return f"{_second_text(second)}.{rest:03d}Z"


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time, stored as milliseconds since 1970.

    SQLite hands back naive values for its own date type, and text forms of a time sort by spelling.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """Store."""
        return None if value is None else to_ms(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Load."""
        return None if value is None else from_ms(value)
