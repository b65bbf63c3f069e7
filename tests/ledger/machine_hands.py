"""A database as its administrator has it: every row, the changes that he can make, and which of them show."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Table, delete, insert, select, text, update

from ledger.storage.db import Reader, is_sqlite, open_engine
from ledger.storage.store import (
    ANCHOR,
    CHECKPOINT,
    COSIGNATURE,
    ENTRY,
    HEAD,
    KEY,
    LOG,
    SEALED,
    STREAM,
    TILE,
    VAULT,
)
from migrations.fences import FENCED, fence

TABLES = (LOG, ENTRY, TILE, HEAD, STREAM, KEY, CHECKPOINT, COSIGNATURE, ANCHOR, SEALED, VAULT)
NOWHERE = 77  # a log that is not there

Rows = dict[str, frozenset[tuple[Any, ...]]]
Row = dict[str, Any]


class Nothing(Exception):  # noqa: N818  no error: there is no such row to lay hands on
    """There is nothing to change in that way."""


def address(engine: Engine) -> str:
    """Return where the database is, to open it again."""
    return engine.url.render_as_string(hide_password=False)


def _fences(connection: Connection) -> frozenset[tuple[Any, ...]]:
    if is_sqlite(connection):
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
    else:
        query = "SELECT tgname::text, tgenabled::text FROM pg_trigger WHERE NOT tgisinternal"
    return frozenset(tuple(row) for row in connection.execute(text(query)))


def everything(engine: Engine) -> Rows:
    """Return every row of the ledger's tables, and the fences."""
    with engine.connect() as connection:
        return seen_by(connection)


def seen_by(connection: Connection) -> Rows:
    """Return every row that a transaction sees, and the fences."""
    found = {
        table.name: frozenset(tuple(row) for row in connection.execute(select(table))) for table in TABLES
    }
    return found | {"fences": _fences(connection)}


def shows(before: Rows, after: Rows, current: int) -> bool:
    """Tell whether the verifier must see a change from within the database.

    It cannot see that a checkpoint is gone, as long as another is there and no line of a witness is left
    under it (the guard and whoever was shown it can), nor that a witness's line is gone (whoever counts
    witnesses can).
    """
    before, after = dict(before), dict(after)
    notes, lines = CHECKPOINT.name, COSIGNATURE.name
    gone = {row[:2] for row in before[notes] - after[notes]}
    left = any(row[:2] in gone for row in after[lines])
    another = not gone or any(row[0] == current for row in after[notes])
    if after[notes] <= before[notes] and another and not left:
        after[notes] = before[notes]
    if not after[lines] - before[lines]:
        after[lines] = before[lines]
    return before != after


@contextmanager
def in_hand(engine: Engine, *, fenced: bool = True) -> Iterator[Connection]:
    """Yield a transaction without fences, checks and foreign keys; what is done in it stays.

    The fences stand again afterwards, unless ``fenced`` is false.
    """
    own = open_engine(address(engine))
    try:
        with own.connect() as connection:
            sqlite = is_sqlite(connection)
            if sqlite:
                connection.exec_driver_sql("PRAGMA ignore_check_constraints=ON")
                connection.rollback()
                driver = connection.connection.driver_connection
                assert driver is not None
                driver.execute("PRAGMA foreign_keys=OFF")
            with connection.begin() as transaction:
                if not sqlite:
                    connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
                standing = {row[0] for row in _fences(connection)}
                _lower(connection, standing)
                yield connection
                if not transaction.is_active:
                    return  # rolled back by whoever had it in hand
                if fenced:
                    _raise(connection, standing)
    finally:
        own.dispose()


def _of(table: str) -> set[str]:
    return {f"{table}_no_{operation}" for operation in ("update", "delete", "replace", "truncate")}


def _lower(connection: Connection, standing: set[str]) -> None:
    for table in FENCED:
        for name in sorted(_of(table) & standing):
            on = "" if is_sqlite(connection) else f" ON {table}"
            connection.exec_driver_sql(f"DROP TRIGGER {name}{on}")


def _raise(connection: Connection, wanted: set[str]) -> None:
    fence(connection)
    for table in FENCED:
        for row in _fences(connection):
            if row[0] in _of(table) - wanted:
                on = "" if is_sqlite(connection) else f" ON {table}"
                connection.exec_driver_sql(f"DROP TRIGGER {row[0]}{on}")


def put_back(engine: Engine, rows: Rows) -> None:
    """Make the database again what it was: every row, and every fence."""
    with in_hand(engine, fenced=False) as connection:
        for table in TABLES:
            connection.execute(delete(table))
            names = [column.name for column in table.columns]
            if rows[table.name]:
                connection.execute(
                    insert(table), [dict(zip(names, row, strict=True)) for row in rows[table.name]]
                )
        fence(connection)


@dataclass(slots=True)
class Hand:
    """Where hands are laid: a log, and two numbers that choose row, column, place and value."""

    connection: Connection
    log: int
    one: int
    two: int
    spared: frozenset[str]  # subjects that were erased: what is left of them nobody can read anyway

    def pick(self, table: Table) -> Row:
        """Return a row of the log."""
        order = list(table.primary_key.columns)
        found = self.connection.execute(select(table).where(table.c.log == self.log).order_by(*order))
        rows = [dict(row) for row in found.mappings()]
        rows = [row for row in rows if row.get("subject") not in self.spared]
        if not rows:
            raise Nothing
        return rows[self.one % len(rows)]

    def last(self, table: Table, column: str) -> Row:
        """Return the row of the log with the highest number."""
        query = select(table).where(table.c.log == self.log).order_by(table.c[column].desc()).limit(1)
        row = self.connection.execute(query).mappings().first()
        if row is None:
            raise Nothing
        return dict(row)

    def set(self, table: Table, row: Row, **values: Any) -> None:
        """Change columns of a row."""
        self.connection.execute(update(table).where(*self._where(table, row)).values(**values))

    def remove(self, table: Table, row: Row) -> None:
        """Delete a row."""
        self.connection.execute(delete(table).where(*self._where(table, row)))

    def add(self, table: Table, row: Row) -> None:
        """Insert a row, unless another has its place."""
        if self.connection.execute(select(table).where(*self._where(table, row))).first() is not None:
            raise Nothing
        self.connection.execute(insert(table), row)

    def bent(self, value: Any) -> Any:
        """Return another value of the same type."""
        if isinstance(value, bytes):
            if not value:
                return b"x"
            place = self.two % len(value)
            return value[:place] + bytes([value[place] ^ 1 << self.two % 8]) + value[place + 1 :]
        if isinstance(value, str):
            place = self.two % len(value)
            other = "A" if value[place] != "A" else "B"
            return value[:place] + other + value[place + 1 :]
        return 3 if value is None else value + 1 + self.two % 3

    @staticmethod
    def _where(table: Table, row: Row) -> list[Any]:
        return [column == row[column.name] for column in table.primary_key.columns]


Change = Callable[[Hand], None]


def _column(table: Table, *names: str) -> Change:
    def change(hand: Hand) -> None:
        row = hand.pick(table)
        name = names[hand.two % len(names)]
        hand.set(table, row, **{name: hand.bent(row[name])})

    return change


def _gone(table: Table) -> Change:
    return lambda hand: hand.remove(table, hand.pick(table))


def _moved(table: Table) -> Change:
    return lambda hand: hand.set(table, hand.pick(table), log=NOWHERE)


def _swapped(hand: Hand) -> None:
    first = hand.pick(ENTRY)
    hand.one += 1 + hand.two
    second = hand.pick(ENTRY)
    for old, new in ((first["seq"], 10**6), (second["seq"], first["seq"]), (10**6, second["seq"])):
        here = (ENTRY.c.log == hand.log) & (ENTRY.c.seq == old)
        hand.connection.execute(update(ENTRY).where(here).values(seq=new))


def _one_more(hand: Hand) -> None:
    row, last = hand.pick(ENTRY), hand.last(ENTRY, "seq")
    hand.add(ENTRY, row | {"seq": last["seq"] + 1, "stream_seq": 10**6, "idem": hand.two.to_bytes(16, "big")})


def _cut(hand: Hand) -> None:
    row = hand.last(ENTRY, "seq")
    hand.remove(ENTRY, row)
    head = hand.pick(HEAD)
    hand.set(HEAD, head, size=head["size"] - 1)


def _shorter(hand: Hand) -> None:
    row = hand.pick(TILE)
    hand.set(TILE, row, hashes=row["hashes"][: -1 - hand.two % 40])


def _longer(hand: Hand) -> None:
    row = hand.pick(TILE)
    hand.set(TILE, row, hashes=row["hashes"] + row["hashes"][:32])


def _tile_more(hand: Hand) -> None:
    row = hand.pick(TILE)
    hand.add(TILE, row | {"level": row["level"] + hand.two % 2, "tile": row["tile"] + 1})


def _note_of_another_size(hand: Hand) -> None:
    row = hand.pick(CHECKPOINT)
    hand.add(CHECKPOINT, row | {"size": row["size"] + 1 + hand.two % 2})


def _every_note(hand: Hand) -> None:
    hand.connection.execute(delete(CHECKPOINT).where(CHECKPOINT.c.log == hand.log))


def _line_of_another_size(hand: Hand) -> None:
    row, other = hand.pick(COSIGNATURE), hand.last(CHECKPOINT, "size")
    hand.add(COSIGNATURE, row | {"size": other["size"] + (row["size"] == other["size"])})


def _stream_more(hand: Hand) -> None:
    row = hand.last(STREAM, "stream")
    hand.add(STREAM, row | {"stream": row["stream"] + 1, "name": f"ghost/{hand.two}"})


def _key_more(hand: Hand) -> None:
    row = hand.last(KEY, "key")
    hand.add(KEY, row | {"key": row["key"] + 1, "kid": f"{hand.two:064x}"})


def _revived(hand: Hand) -> None:
    row = hand.pick(KEY)
    hand.set(KEY, row, until=None if row["until"] is not None else hand.two)


def _value_of_nobody(hand: Hand) -> None:
    hand.set(SEALED, hand.pick(SEALED), subject="person/nobody")


def _value_more(hand: Hand) -> None:
    name = f"{hand.two:064x}"
    hand.add(SEALED, {"log": hand.log, "commitment": name, "subject": "person/nobody", "sealed": b"x" * 80})


def _anchor_more(hand: Hand) -> None:
    row = hand.pick(CHECKPOINT)
    hand.add(ANCHOR, {"log": hand.log, "size": row["size"], "authority": "tsa", "token": b"x"})


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of change; ``lasting`` when nothing that the program does later can make it good.

    ``ways`` is how many columns there are to choose from.
    """

    change: Change
    lasting: bool = False
    before: bool = True  # also seen in a log that the current one goes on from
    ways: int = 1


KINDS: dict[str, Kind] = {
    "entry bytes": Kind(_column(ENTRY, "event", "signatures"), lasting=True, ways=2),
    "entry header": Kind(_column(ENTRY, "header"), lasting=True),
    "entry number": Kind(
        _column(ENTRY, "stream", "stream_seq", "key", "idem", "recorded_at"), lasting=True, ways=5
    ),
    "entry gone": Kind(_gone(ENTRY), lasting=True),
    "entry elsewhere": Kind(_moved(ENTRY), lasting=True),
    "entries swapped": Kind(_swapped, lasting=True),
    "entry more": Kind(_one_more, lasting=True),
    "last entry cut": Kind(_cut),
    "tile bytes": Kind(_column(TILE, "hashes")),
    "tile shorter": Kind(_shorter),
    "tile longer": Kind(_longer),
    "tile gone": Kind(_gone(TILE)),
    "tile more": Kind(_tile_more),
    "head": Kind(_column(HEAD, "size", "hash", "recorded_at"), ways=3),
    "head gone": Kind(_gone(HEAD)),
    "stream": Kind(_column(STREAM, "name", "length", "head"), ways=3),
    "stream gone": Kind(_gone(STREAM)),
    "stream more": Kind(_stream_more),
    "key": Kind(_column(KEY, "kid", "party", "custody", "public_key", "since", "counted"), ways=6),
    "key gone": Kind(_gone(KEY)),
    "key more": Kind(_key_more),
    "key revived": Kind(_revived),
    "checkpoint bytes": Kind(_column(CHECKPOINT, "note")),
    "checkpoint of another size": Kind(_note_of_another_size),
    "checkpoint gone": Kind(_gone(CHECKPOINT), before=False),
    "checkpoints gone": Kind(_every_note, before=False),
    "cosignature": Kind(_column(COSIGNATURE, "line", "name", "key_id"), ways=3),
    "cosignature of another size": Kind(_line_of_another_size),
    "cosignature gone": Kind(_gone(COSIGNATURE), before=False),
    "cosignature elsewhere": Kind(_moved(COSIGNATURE)),
    "anchor more": Kind(_anchor_more),
    "value": Kind(_column(SEALED, "sealed"), before=False),
    "value of nobody": Kind(_value_of_nobody, before=False),
    "value gone": Kind(_gone(SEALED)),
    "value more": Kind(_value_more),
    "log renamed": Kind(_column(LOG, "origin"), before=False),
}


def lay_hands(engine: Engine, kind: str, log: int, chosen: tuple[int, int], spared: frozenset[str]) -> None:
    """Change something; raise Nothing when there is nothing of the kind to change."""
    with in_hand(engine) as connection:
        KINDS[kind].change(Hand(connection, log, *chosen, spared))


@contextmanager
def tried(
    engine: Engine, kind: str, log: int, chosen: tuple[int, int], spared: frozenset[str]
) -> Iterator[Reader]:
    """Yield what a verifier reads after a change whose traces are hidden; nothing of it is kept.

    Raises Nothing when there is nothing of the kind to change.
    """
    with in_hand(engine) as connection:
        transaction = connection.get_transaction()
        assert transaction is not None
        try:
            KINDS[kind].change(Hand(connection, log, *chosen, spared))
            fence(connection)
            yield Reader(connection)
        finally:
            transaction.rollback()


def lower_a_fence(engine: Engine, number: int, *, asleep: bool) -> None:
    """Take one fence away; on PostgreSQL it may also be put to sleep."""
    with engine.begin() as connection:
        names = sorted(name for name, *_ in _fences(connection) if "_no_" in name)
        name = names[number % len(names)]
        table = name.partition("_no_")[0]
        if is_sqlite(connection):
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        elif asleep:
            connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER {name}")
        else:
            connection.exec_driver_sql(f"DROP TRIGGER {name} ON {table}")
