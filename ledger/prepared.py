"""A command between judging and writing: plain values that outlive the transaction they were read in."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Table

from ledger.changes import Change, Read
from ledger.db import Row
from ledger.entry import Envelope
from ledger.event import Event
from ledger.keys import Key


@dataclass(frozen=True, slots=True)
class Act:
    """A signed event as the judge sees it: verified, with the keys that signed and the time of day."""

    event: Event
    envelope: Envelope
    keys: tuple[Key, ...]
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A judged command: what appending it would write, and what that judgement rests on.

    ``size`` and ``head`` are those of the log that it was judged on. ``stream`` and ``key`` are the rows that
    stand for its stream (number and length) and its first actor's key (number), None where the command begins
    them. ``kept`` are the rows of the vault that go in with it.
    """

    size: int
    head: bytes
    act: Act
    changes: tuple[Change, ...]
    seen: tuple[Read, ...]
    kept: tuple[tuple[Table, Row], ...]
    stream: tuple[int, int] | None
    key: int | None
    idem: bytes
    envelope_hash: str
    signatures: bytes


@dataclass(frozen=True, slots=True)
class Appended:
    """Where a command stands in the log, once it is durable."""

    seq: int
    leaf: bytes
    recorded_at: datetime
    envelope_hash: str
    repeated: bool = False
