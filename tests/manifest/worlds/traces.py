"""Whether anything was written at all: asked of the database itself, before and after a refusal."""

import sqlite3
from typing import Any

from sqlalchemy import Engine, inspect, text

from ledger.storage.db import reading
from ledger.storage.store import HEAD

Trace = tuple[Any, ...]


class Traces:
    """Tells states of a database apart; closed when its world ends."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._names = sorted(inspect(engine).get_table_names())
        self._watching = None
        if engine.dialect.name == "sqlite":
            self._watching = sqlite3.connect(str(engine.url.database), check_same_thread=False)

    def now(self) -> Trace:
        """Return what changes with whatever anybody writes.

        SQLite counts each commit of other connections that changed its file; PostgreSQL is asked for a
        digest of every row.
        """
        with reading(self._engine) as reader:
            head = tuple(map(tuple, reader.execute(HEAD.select()).all()))
            if self._watching is not None:
                return (head, *self._watching.execute("PRAGMA data_version").fetchone())
            digest = " UNION ALL ".join(
                f"SELECT '{name}', count(*), md5(string_agg(t::text, ' ' ORDER BY t::text)) FROM \"{name}\" t"  # noqa: S608  the database's own names
                for name in self._names
            )
            return (head, *sorted(map(tuple, reader.execute(text(digest)).all()), key=repr))

    def close(self) -> None:
        """Let go of the database."""
        if self._watching is not None:
            self._watching.close()
