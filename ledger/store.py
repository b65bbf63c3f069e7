"""The ledger's tables, reading them, and the only code that inserts an entry.

`ledger_entry` is the record. `ledger_tile` holds the leaf hashes apart from it, so that a changed entry can
be named. `ledger_head`, `ledger_stream` and `ledger_key` are what the writer looks up; they follow from the
entries, and verification rebuilds and compares them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Select,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
    bindparam,
    select,
)
from sqlmodel import Field, SQLModel

from ledger.db import Reader, Row
from ledger.entry import Entry, entry_hash, parse_entry

TILE_WIDTH = 256
HASH_BYTES = 32


def _whole(**options: Any) -> Any:
    return Field(sa_column=Column(BigInteger, **options))


def _small(**options: Any) -> Any:
    return Field(sa_column=Column(SmallInteger, autoincrement=False, **options))


def _bytes(**options: Any) -> Any:
    return Field(sa_column=Column(LargeBinary, **options))


def _text(length: int, **options: Any) -> Any:
    return Field(sa_column=Column(String(length), **options))


class LedgerLog(SQLModel, table=True):
    """A log of this database: its small number and its origin."""

    __tablename__ = "ledger_log"
    log: int = _small(primary_key=True)
    origin: str = _text(100, nullable=False, unique=True)


class LedgerEntry(SQLModel, table=True):
    """An entry: header, envelope head and event verbatim, and the numbers that queries need."""

    __tablename__ = "ledger_entry"
    __table_args__ = (
        PrimaryKeyConstraint("log", "seq"),
        UniqueConstraint("log", "stream", "stream_seq"),
        UniqueConstraint("log", "key", "idem"),
        ForeignKeyConstraint(["log"], ["ledger_log.log"]),
        CheckConstraint("seq >= 0 AND stream_seq >= 0", name="ledger_entry_counts"),
    )
    log: int = _small()
    seq: int = _whole()
    stream: int = _whole(nullable=False)
    stream_seq: int = Field(sa_column=Column(Integer, nullable=False))
    key: int = _whole(nullable=False)
    idem: bytes = _bytes(nullable=False)
    recorded_at: int = _whole(nullable=False)
    header: bytes = _bytes(nullable=False)
    signatures: bytes = _bytes(nullable=False)
    event: bytes = _bytes(nullable=False)


class LedgerTile(SQLModel, table=True):
    """A run of up to 256 hashes of one level of the tree, as the tile of C2SP tlog-tiles has them."""

    __tablename__ = "ledger_tile"
    __table_args__ = (
        PrimaryKeyConstraint("log", "level", "tile"),
        ForeignKeyConstraint(["log"], ["ledger_log.log"]),
    )
    log: int = _small()
    level: int = _small()
    tile: int = _whole()
    hashes: bytes = _bytes(nullable=False)


class LedgerHead(SQLModel, table=True):
    """How many entries a log has, and the hash and time of the last."""

    __tablename__ = "ledger_head"
    __table_args__ = (PrimaryKeyConstraint("log"), ForeignKeyConstraint(["log"], ["ledger_log.log"]))
    log: int = _small()
    size: int = _whole(nullable=False)
    hash: bytes = _bytes(nullable=False)
    recorded_at: int = _whole(nullable=False)


class LedgerStream(SQLModel, table=True):
    """A stream: its name, how many events it has, and the envelope hash of the last."""

    __tablename__ = "ledger_stream"
    __table_args__ = (
        PrimaryKeyConstraint("log", "stream"),
        UniqueConstraint("log", "name"),
        ForeignKeyConstraint(["log"], ["ledger_log.log"]),
    )
    log: int = _small()
    stream: int = _whole()
    name: str = _text(100, nullable=False)
    length: int = Field(sa_column=Column(Integer, nullable=False))
    head: str = _text(64, nullable=False)


class LedgerKey(SQLModel, table=True):
    """A registered key; ``since`` and ``until`` are the positions that registered and revoked it."""

    __tablename__ = "ledger_key"
    __table_args__ = (
        PrimaryKeyConstraint("log", "key"),
        UniqueConstraint("log", "kid"),
        ForeignKeyConstraint(["log"], ["ledger_log.log"]),
    )
    log: int = _small()
    key: int = _whole()
    kid: str = _text(64, nullable=False)
    party: str = _text(100, nullable=False)
    algorithm: str = _text(20, nullable=False)
    custody: str = _text(20, nullable=False)
    public_key: bytes = _bytes(nullable=False)
    since: int = _whole(nullable=False)
    until: int | None = _whole(nullable=True)


class LedgerCheckpoint(SQLModel, table=True):
    """A signed checkpoint, verbatim."""

    __tablename__ = "ledger_checkpoint"
    __table_args__ = (
        PrimaryKeyConstraint("log", "size"),
        ForeignKeyConstraint(["log"], ["ledger_log.log"]),
    )
    log: int = _small()
    size: int = _whole()
    note: str = Field(sa_column=Column(String, nullable=False))


class VaultValue(SQLModel, table=True):
    """A personal value behind a commitment: erasable, and never under a hash without its salt."""

    __tablename__ = "vault_value"
    __table_args__ = (
        PrimaryKeyConstraint("log", "commitment"),
        ForeignKeyConstraint(["log"], ["ledger_log.log"]),
    )
    log: int = _small()
    commitment: str = _text(64)
    subject: str = _text(100, nullable=False)
    salt: bytes = _bytes(nullable=False)
    value: str = Field(sa_column=Column(String, nullable=False))


def table_of(model: type[SQLModel]) -> Table:
    """Return the Core table of a model: the append path and bulk reads work on Core."""
    table = model.__table__  # type: ignore[attr-defined]
    assert isinstance(table, Table)
    return table


LOG = table_of(LedgerLog)
ENTRY = table_of(LedgerEntry)
TILE = table_of(LedgerTile)
HEAD = table_of(LedgerHead)
STREAM = table_of(LedgerStream)
KEY = table_of(LedgerKey)
CHECKPOINT = table_of(LedgerCheckpoint)
VAULT = table_of(VaultValue)


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """A row of the record as bytes, with the numbers that stand beside them."""

    seq: int
    header: bytes
    signatures: bytes
    event: bytes
    columns: Mapping[str, Any]

    @property
    def data(self) -> bytes:
        """The entry's bytes."""
        return self.header + self.signatures + self.event

    @property
    def hash(self) -> bytes:
        """The leaf hash of those bytes."""
        return entry_hash(self.data)

    def parse(self) -> Entry:
        """Return the entry; raise Malformed when the bytes are not one."""
        return parse_entry(self.data)


def entries(
    reader: Reader, log: int, *, start: int = 0, stop: int | None = None, batch: int = 1000
) -> Iterator[StoredEntry]:
    """Yield the stored entries from ``start`` up to ``stop`` (not included), in the order of ``seq``."""
    query = select(ENTRY).where(ENTRY.c.log == log, ENTRY.c.seq >= start).order_by(ENTRY.c.seq)
    if stop is not None:
        query = query.where(ENTRY.c.seq < stop)
    for row in reader.execute(query.execution_options(yield_per=batch)).mappings():
        yield stored(dict(row))


def stored(row: Mapping[str, Any]) -> StoredEntry:
    """Return the stored entry of a row of `ledger_entry`."""
    return StoredEntry(row["seq"], row["header"], row["signatures"], row["event"], row)


def entry_at(reader: Reader, log: int, seq: int) -> StoredEntry | None:
    """Return the entry at a position, or None."""
    row = one(reader, ENTRY, log=log, seq=seq)
    return None if row is None else stored(row)


def stream_events(reader: Reader, log: int, name: str) -> list[StoredEntry]:
    """Return the entries of a stream in order; an empty list when there is no such stream."""
    found = reader.execute(_stream_query(), {"log": log, "name": name})
    return [stored(dict(row)) for row in found.mappings()]


@cache
def _stream_query() -> Select[Any]:
    return (
        select(ENTRY)
        .join(STREAM, (STREAM.c.log == ENTRY.c.log) & (STREAM.c.stream == ENTRY.c.stream))
        .where(STREAM.c.log == bindparam("log"), STREAM.c.name == bindparam("name"))
        .order_by(ENTRY.c.stream_seq)
    )


def one(reader: Reader, table: Table, **equal: Any) -> Row | None:
    """Return the row whose columns have these values, or None."""
    found = rows(reader, table, **equal)
    assert len(found) <= 1, f"{table.name} has several rows for {equal}"
    return found[0] if found else None


def rows(reader: Reader, table: Table, **equal: Any) -> list[Row]:
    """Return the rows whose columns have these values, in the order of the primary key."""
    names = table.columns.keys()
    found = reader.execute(_selecting(table, tuple(equal)), equal)
    return [dict(zip(names, row, strict=True)) for row in found.all()]


@cache
def _selecting(table: Table, names: tuple[str, ...]) -> Select[Any]:
    # Building a statement costs more than running it; there are few shapes of them.
    conditions = [table.c[name] == bindparam(name, type_=table.c[name].type) for name in names]
    return select(table).where(*conditions).order_by(*table.primary_key.columns)


def log_number(reader: Reader, origin: str | None = None) -> tuple[int, str] | None:
    """Return number and origin of the log ``origin``, or of the only log when none is named."""
    found = rows(reader, LOG) if origin is None else rows(reader, LOG, origin=origin)
    return (found[0]["log"], found[0]["origin"]) if len(found) == 1 else None


def leaf_hashes(reader: Reader, log: int) -> list[bytes]:
    """Return the leaf hashes in order, from the tiles of level 0."""
    query = select(TILE.c.hashes).where(TILE.c.log == log, TILE.c.level == 0).order_by(TILE.c.tile)
    return [leaf for (hashes,) in reader.execute(query) for leaf in split_hashes(hashes)]


def split_hashes(hashes: bytes) -> Sequence[bytes]:
    """Return the hashes of a tile."""
    return [hashes[i : i + HASH_BYTES] for i in range(0, len(hashes), HASH_BYTES)]
