"""Judging a list of entries one after another as if they were recorded, in memory: nothing is written.

Each is judged on what the ledger says and on what those before it would have written.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Table

from api.recorder import Recordable, Signing, build_event
from ledger.format.entry import Envelope
from ledger.storage.db import Reader, Row
from ledger.storage.store import rows
from ledger.writing.changes import RECORDED_AT, SEQ
from ledger.writing.prepared import Act
from ledger.writing.registered import find_key
from ledger.writing.writer import Ledger
from manifest import reference
from manifest.replay import MemoryReads
from manifest.service import Judge


class _Overlay(MemoryReads):
    """The tables of the database, each read whole when it is first asked for, and changes on top of them."""

    def __init__(self, reader: Reader, log: int, size: int) -> None:
        super().__init__(log)
        self.size = size
        self._reader = reader
        self._loaded: set[str] = set()

    def rows(self, table: Table, **equal: Any) -> list[Row]:
        """Return the rows whose columns have these values."""
        self._load(table)
        return super().rows(table, **equal)

    def apply(self, change: Any, known: Any) -> None:
        """Carry out one change."""
        self._load(change.table)
        super().apply(change, known)

    def _load(self, table: Table) -> None:
        if table.name in self._loaded or table.name not in self.tables:
            return
        self._loaded.add(table.name)
        for row in rows(self._reader, table, log=self.log):
            self.tables[table.name].put(row)


class Rehearsal:
    """Entries judged in order by one signer; those that are let in count for the ones that follow."""

    def __init__(self, reader: Reader, ledger: Ledger, signing: Signing, now: datetime, size: int) -> None:
        self._reader, self._ledger, self._signing, self._now = reader, ledger, signing, now
        self._reads = _Overlay(reader, ledger.log, size)
        self._judge = Judge(reference.default())

    def take(self, body: Recordable, stream: str) -> None:
        """Judge an entry as if it were recorded next; raise Refused when it would not be."""
        event = build_event(
            self._reader,
            self._ledger,
            body,
            [self._signing.actor()],
            stream=stream,
            occurred_at=self._now,
        )
        data = event.to_bytes()
        key = find_key(self._reads, self._signing.signer.kid)
        assert key is not None, "whoever enters the registers has a registered key"
        act = Act(event, Envelope((), data), (key,), self._now)
        self._reads.memo = {}
        for change in self._judge(self._reads, act):
            self._reads.apply(change, {SEQ: self._reads.size, RECORDED_AT: self._now})
        self._reads.size += 1
