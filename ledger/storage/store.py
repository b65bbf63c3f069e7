"""The ledger's tables, and reading them; the code that inserts is `ledger.writing.append`'s.

`ledger_entry` is the record. `ledger_tile` holds the leaf hashes apart from it, so that a changed entry can
be named, and the levels of the tree above them. `ledger_head`, `ledger_stream` and `ledger_key` are what the
writer looks up; they follow from the entries, and verification rebuilds and compares them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
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

from ledger.format.entry import Envelope, entry_hash, envelope_hash, header_bytes, parse_envelope
from ledger.format.packing import unpack
from ledger.format.tiles import HASH_BYTES, TILE_WIDTH
from ledger.storage.db import Reader, Row
from ledger.types import from_ms, ms_text


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
    """An entry: signature lines, the event verbatim, and the numbers that queries need.

    The header follows from the log's origin, ``seq``, ``recorded_at`` and the leaf before, so ``header`` is
    empty; ``signatures`` is packed (see `ledger.format.packing`). Rows of version 0.1 hold both verbatim.
    """

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
    """A registered key; ``since`` and ``until`` are the positions that registered and revoked it.

    ``counted`` is the last ``key_seq`` of a key that counts its acts.
    """

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
    counted: int | None = _whole(nullable=True)


class LedgerCheckpoint(SQLModel, table=True):
    """A checkpoint as the log signed it, verbatim."""

    __tablename__ = "ledger_checkpoint"
    __table_args__ = (
        PrimaryKeyConstraint("log", "size"),
        ForeignKeyConstraint(["log"], ["ledger_log.log"]),
    )
    log: int = _small()
    size: int = _whole()
    note: str = Field(sa_column=Column(String, nullable=False))


class LedgerCosignature(SQLModel, table=True):
    """A signature line that a witness or mirror has given for a checkpoint, verbatim."""

    __tablename__ = "ledger_cosignature"
    __table_args__ = (
        PrimaryKeyConstraint("log", "size", "name", "key_id"),
        ForeignKeyConstraint(["log"], ["ledger_log.log"]),
    )
    log: int = _small()
    size: int = _whole()
    name: str = _text(255)
    key_id: str = _text(8)
    line: str = Field(sa_column=Column(String, nullable=False))


class LedgerAnchor(SQLModel, table=True):
    """A time-stamp token (RFC 3161) over a checkpoint's note text."""

    __tablename__ = "ledger_anchor"
    __table_args__ = (
        PrimaryKeyConstraint("log", "size", "authority"),
        ForeignKeyConstraint(["log"], ["ledger_log.log"]),
    )
    log: int = _small()
    size: int = _whole()
    authority: str = _text(200)
    token: bytes = _bytes(nullable=False)


class VaultSealed(SQLModel, table=True):
    """A personal value and its salt, sealed under the key of its subject: gone with the row or the key."""

    __tablename__ = "vault_sealed"
    __table_args__ = (
        PrimaryKeyConstraint("log", "commitment"),
        ForeignKeyConstraint(["log"], ["ledger_log.log"]),
        Index("vault_sealed_subject", "log", "subject"),
    )
    log: int = _small()
    commitment: str = _text(64)
    subject: str = _text(100, nullable=False)
    sealed: bytes = _bytes(nullable=False)


class VaultValue(SQLModel, table=True):
    """A personal value behind a commitment as version 0.1 kept it: in the clear, until it is sealed."""

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
COSIGNATURE = table_of(LedgerCosignature)
ANCHOR = table_of(LedgerAnchor)
SEALED = table_of(VaultSealed)
VAULT = table_of(VaultValue)


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """A row of the record as bytes, with the numbers that stand beside them.

    ``header`` is there when the row was read with its place in the chain: see `entries` and `entry_at`.
    """

    seq: int
    header: bytes
    signatures: bytes
    event: bytes
    columns: Mapping[str, Any]

    @property
    def recorded_at(self) -> datetime:
        """When the entry was recorded."""
        return from_ms(self.columns["recorded_at"])

    @property
    def envelope(self) -> Envelope:
        """The envelope; raises Malformed when the bytes are not one."""
        return parse_envelope(self.signatures + self.event)

    @property
    def envelope_hash(self) -> str:
        """The hash of the envelope as it is stored."""
        return envelope_hash(self.signatures + self.event)

    @property
    def data(self) -> bytes:
        """The entry's bytes."""
        assert self.header, "read without its place in the chain"
        return self.header + self.signatures + self.event

    @property
    def hash(self) -> bytes:
        """The leaf hash of those bytes."""
        return entry_hash(self.data)


def entries(
    reader: Reader, log: int, *, start: int = 0, stop: int | None = None, batch: int = 1000
) -> Iterator[StoredEntry]:
    """Yield the stored entries from ``start`` up to ``stop`` (not included), in the order of ``seq``.

    The header of each names the hash of the bytes before it, the first one's the stored leaf.
    """
    origin = origin_of(reader, log)
    before = leaf_at(reader, log, start - 1) if start else bytes(HASH_BYTES)
    query = select(ENTRY).where(ENTRY.c.log == log, ENTRY.c.seq >= start).order_by(ENTRY.c.seq)
    if stop is not None:
        query = query.where(ENTRY.c.seq < stop)
    for row in reader.execute(query.execution_options(yield_per=batch)).mappings():
        entry = stored(dict(row), origin, before)
        before = entry.hash
        yield entry


def stored(row: Mapping[str, Any], origin: str = "", before: bytes | None = None) -> StoredEntry:
    """Return the stored entry of a row of `ledger_entry`; with the leaf before it, with its header."""
    header = row["header"]
    if not header and before is not None:
        header = header_bytes(origin, row["seq"], ms_text(row["recorded_at"]), before.hex())
    lines = unpack(row["signatures"], len(row["event"]))
    return StoredEntry(row["seq"], header, lines, row["event"], row)


def entry_at(reader: Reader, log: int, seq: int) -> StoredEntry | None:
    """Return the entry at a position, or None."""
    row = one(reader, ENTRY, log=log, seq=seq)
    if row is None:
        return None
    before = leaf_at(reader, log, seq - 1) if seq else bytes(HASH_BYTES)
    return stored(row, origin_of(reader, log), before)


def origin_of(reader: Reader, log: int) -> str:
    """Return the origin of a log."""
    row = one(reader, LOG, log=log)
    assert row is not None, "a log has its row from the start"
    return str(row["origin"])


def leaf_at(reader: Reader, log: int, seq: int) -> bytes | None:
    """Return the stored leaf hash of a position, or None."""
    tile, place = divmod(seq, TILE_WIDTH)
    row = one(reader, TILE, log=log, level=0, tile=tile)
    leaf = b"" if row is None else bytes(row["hashes"][place * HASH_BYTES : (place + 1) * HASH_BYTES])
    return leaf if len(leaf) == HASH_BYTES else None


def tile_reader(reader: Reader, log: int) -> Callable[[int, int], bytes]:
    """Return how to read the stored hashes of a tile by level and index; none where there is no such tile."""

    def read(level: int, tile: int) -> bytes:
        row = one(reader, TILE, log=log, level=level, tile=tile)
        return b"" if row is None else bytes(row["hashes"])

    return read


def stream_events(reader: Reader, log: int, name: str) -> list[StoredEntry]:
    """Return the entries of a stream in order, without headers; none when there is no such stream."""
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
