"""What an attacker's hands do with a database or the files of a log; unlike in other tests, it is kept."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from sqlalchemy import Connection, Engine, select, update

from ledger.format.checkpoint import Checkpoint
from ledger.format.entry import Envelope
from ledger.format.event import Event
from ledger.format.keys import Key
from ledger.format.note import NoteSigner, make_note
from ledger.format.tiles import Place, grow, pack_bundle, places
from ledger.format.tree import leaf_hash, root
from ledger.storage.db import Reader, is_sqlite, reading
from ledger.storage.store import CHECKPOINT, ENTRY, HEAD, STREAM, TILE, entry_at, origin_of, rows, stored
from ledger.writing.changes import Reads
from migrations.fences import fence
from tests.ledger.tampering import drop_fences
from tests.ledger.world import START


@contextmanager
def in_hand(engine: Engine, *, covered: bool = True) -> Iterator[Connection]:
    """Yield the database as its administrator has it: no fences, no foreign keys; then hide the traces.

    With ``covered`` false the fences stay down.
    """
    drop_fences(engine)
    with engine.connect() as connection:
        own = connection.connection.driver_connection
        assert own is not None
        if is_sqlite(connection):
            own.execute("PRAGMA foreign_keys=OFF")
            own.execute("PRAGMA ignore_check_constraints=ON")
        with connection.begin():
            if not is_sqlite(connection):
                connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            yield connection
            if covered:
                fence(connection)
        if is_sqlite(connection):
            own.execute("PRAGMA foreign_keys=ON")
            own.execute("PRAGMA ignore_check_constraints=OFF")


def set_entry(connection: Connection, seq: int, /, **values: Any) -> None:
    """Change columns of an entry's row."""
    done = connection.execute(update(ENTRY).where(ENTRY.c.seq == seq).values(**values))
    assert done.rowcount == 1, seq


def column(connection: Connection, seq: int, name: str) -> Any:
    """Return a column of an entry's row."""
    return connection.execute(select(ENTRY.c[name]).where(ENTRY.c.seq == seq)).scalar_one()


def reword(connection: Connection, seq: int, old: bytes, new: bytes) -> None:
    """Change the signed bytes of an entry."""
    event = column(connection, seq, "event")
    assert old in event, event
    set_entry(connection, seq, event=event.replace(old, new, 1))


def rechain(connection: Connection, *, only: int | None = None) -> None:
    """Make leaves and head what the rows make of them; of the entry ``only`` alone, where one is named."""
    (tile,) = rows(Reader(connection), TILE, level=0)
    hashes = tile["hashes"]
    leaves: list[bytes] = []
    origin = origin_of(Reader(connection), tile["log"])
    found = connection.execute(select(ENTRY).order_by(ENTRY.c.seq)).mappings().all()
    for row in found:
        seq = row["seq"]
        before = leaves[-1] if leaves else bytes(32)
        if only is None or seq == only:
            leaves.append(stored(dict(row) | {"header": b""}, origin, before).hash)
        else:
            leaves.append(hashes[seq * 32 : seq * 32 + 32])
    connection.execute(update(TILE).where(TILE.c.level == 0).values(hashes=b"".join(leaves)))
    head = {"size": len(leaves), "hash": leaves[-1], "recorded_at": found[-1]["recorded_at"]}
    connection.execute(update(HEAD).values(**head))


def shown(engine: Engine, log: int, folder: Path) -> Path:
    """Write what a database holds as static files, as an operator would who checks nothing."""
    with reading(engine) as reader:
        newest = rows(reader, CHECKPOINT, log=log)[-1]
        found = [entry_at(reader, log, seq) for seq in range(newest["size"])]
        tiles = {(row["level"], row["tile"]): row["hashes"] for row in rows(reader, TILE, log=log)}
        data = [entry.data for entry in found if entry is not None]
    return lay_out(folder, data, newest["note"], tiles=tiles)


def lay_out(
    folder: Path,
    data: Sequence[bytes],
    note: str,
    *,
    tiles: dict[tuple[int, int], bytes] | None = None,
    size: int | None = None,
) -> Path:
    """Write entries, up to 256 of them, with a note as static files; the tiles are theirs unless given."""
    size = len(data) if size is None else size
    if tiles is None:
        grown = grow(lambda _level, _index: b"", 0, [leaf_hash(entry) for entry in data])
        tiles = {place: row.hashes for place, row in grown.items()}
    files = {Place(None, 0, size).path: pack_bundle(data), "checkpoint": note.encode()}
    for place in places(size):
        assert place.level is not None
        files[place.path] = tiles.get((place.level, place.index), b"")[: 32 * place.width]
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def signed_head(origin: str, data: Sequence[bytes], signers: Sequence[NoteSigner]) -> str:
    """Return a checkpoint over entries, signed."""
    text = Checkpoint(origin, len(data), root([leaf_hash(entry) for entry in data])).text
    return make_note(text, [signer.sign_line(text, START) for signer in signers])


@contextmanager
def dishonest_writer(*names: str) -> Iterator[None]:
    """Have the operator's writer take signatures, places in streams, counts or times as they come."""

    def signed(made: Envelope, _event: Event, _seq: int, known: Callable[[str], Key | None]) -> Any:
        return tuple(known(line.kid) for line in made.signatures)

    def placed(reads: Reads, event: Event) -> tuple[int, int] | None:
        stream = reads.one(STREAM, name=event.stream)
        return None if stream is None else (stream["stream"], stream["length"])

    made: dict[str, Any] = {
        "writer.check_signatures": signed,
        "writer._check_place": placed,
        "writer.check_count": lambda *_: None,
        "writer.Ledger._check_origin": lambda *_: None,
        "append.max": lambda now, _before: now,
    }
    patches = [patch(f"ledger.writing.{name}", made[name], create=name == "append.max") for name in names]
    for one in patches:
        one.start()
    try:
        yield
    finally:
        for one in patches:
            one.stop()
