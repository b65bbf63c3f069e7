"""What befalls a database from outside: copies of it, and ends cut off, on SQLite and on PostgreSQL."""

import shutil
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Engine, delete, text, update

from ledger.storage.db import open_engine, writing
from ledger.storage.store import CHECKPOINT, ENTRY, HEAD, TILE, leaf_at, rows
from migrations.fences import fence
from tests.ledger.tampering import drop_fences


def copy_of(engine: Engine) -> str:
    """Return the place of a copy of the database as it stands; the original can be used on."""
    engine.dispose()
    url = engine.url
    if url.get_backend_name() == "sqlite":
        assert url.database is not None
        copy = Path(url.database).with_name(f"{uuid4().hex}.db")
        shutil.copy(url.database, copy)
        return str(copy)
    name = f"ctnh_copy_{uuid4().hex}"
    server = open_engine(url.set(database="postgres").render_as_string(hide_password=False))
    with server.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {url.database}"))
    server.dispose()
    return url.set(database=name).render_as_string(hide_password=False)


def cut_back(engine: Engine, log: int, size: int) -> None:
    """Do what a database administrator does who wants the last entries gone: rows, tree, head and all."""
    drop_fences(engine)
    with writing(engine, log) as writer:
        last = leaf_at(writer, log, size - 1)
        times = rows(writer, ENTRY, log=log, seq=size - 1)
        writer.execute(delete(ENTRY).where(ENTRY.c.log == log, ENTRY.c.seq >= size))
        writer.execute(delete(CHECKPOINT).where(CHECKPOINT.c.log == log, CHECKPOINT.c.size > size))
        for row in rows(writer, TILE, log=log):
            width = (size >> 8 * row["level"]) - 256 * row["tile"]
            at = (TILE.c.log == log) & (TILE.c.level == row["level"]) & (TILE.c.tile == row["tile"])
            if width <= 0:
                writer.execute(delete(TILE).where(at))
            else:
                writer.execute(update(TILE).where(at).values(hashes=row["hashes"][: 32 * width]))
        head = {"size": size, "hash": last, "recorded_at": times[0]["recorded_at"]}
        writer.execute(update(HEAD).where(HEAD.c.log == log).values(**head))
    with engine.begin() as connection:
        fence(connection)
