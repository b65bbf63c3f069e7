"""How the read tables are declared: short names for their columns, whose keys all begin with the log."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Date, ForeignKeyConstraint, Integer, SmallInteger, String
from sqlmodel import Field

from ledger.types import UtcDateTime


def log() -> Any:
    """The log's number: every key begins with it."""  # noqa: D401
    return Field(sa_column=Column("log", SmallInteger, primary_key=True, autoincrement=False))


def key(length: int = 100) -> Any:
    """A textual part of the primary key."""  # noqa: D401
    return Field(sa_column=Column(String(length), primary_key=True))


def number_key() -> Any:
    """A whole-number part of the primary key."""  # noqa: D401
    return Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))


def day_key() -> Any:
    """A calendar date that is part of the primary key."""  # noqa: D401
    return Field(sa_column=Column(Date, primary_key=True))


def text(length: int = 100, *, null: bool = False, index: bool = False) -> Any:
    """Short text."""
    return Field(default=None, sa_column=Column(String(length), nullable=null, index=index))


def whole(*, null: bool = False) -> Any:
    """Whole number of 64 bits: grams, positions, counts."""
    return Field(default=None, sa_column=Column(BigInteger, nullable=null))


def small(*, null: bool = False) -> Any:
    """Small whole number."""
    return Field(default=None, sa_column=Column(Integer, nullable=null))


def day(*, null: bool = False) -> Any:
    """Calendar date in Viet Nam."""
    return Field(default=None, sa_column=Column(Date, nullable=null))


def moment(*, null: bool = False) -> Any:
    """Aware UTC time."""
    return Field(default=None, sa_column=Column(UtcDateTime, nullable=null))


def flag() -> Any:
    """Yes or no."""
    return Field(default=None, sa_column=Column(Boolean, nullable=False))


def of_log(*more: Any) -> tuple[Any, ...]:
    """Return table arguments: the log must exist, and what else is given."""
    return (ForeignKeyConstraint(["log"], ["ledger_log.log"]), *more)


Day = date
Moment = datetime
