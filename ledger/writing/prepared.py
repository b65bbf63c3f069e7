"""A command between judging and writing: plain values that outlive the transaction they were read in."""

import threading
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Table

from ledger.format.entry import Envelope
from ledger.format.event import Event
from ledger.format.keys import Key
from ledger.format.packing import pack
from ledger.storage.db import Row
from ledger.types import from_ms
from ledger.writing.changes import Change, Read
from ledger.writing.conflicts import Place, place


@dataclass(frozen=True, slots=True)
class Act:
    """A signed event as the judge sees it: verified, with the keys that signed and the time of day."""

    event: Event
    envelope: Envelope
    keys: tuple[Key, ...]
    now: datetime


@dataclass(slots=True, kw_only=True)
class Prepared:
    """A judged command: what appending it would write, and what that judgement rests on.

    ``size`` and ``head`` are those of the log that it was judged on. ``stream`` and ``key`` are the rows that
    stand for its stream (number and length) and its first actor's key (number), None where the command begins
    them. ``kept`` are the rows of the vault that go in with it. What can be worked out before the lock is.
    """

    size: int
    head: bytes
    act: Act
    changes: tuple[Change, ...]
    seen: tuple[Read, ...]
    kept: tuple[tuple[Table, Row], ...]
    stream: tuple[int, int] | None
    key: int | None
    now_ms: int
    idem: bytes
    envelope_hash: str
    signatures: bytes
    packed: bytes = field(init=False)
    places: tuple[Place, ...] = field(init=False)
    about_keys: bool = field(init=False)
    counts: bool = field(init=False)

    def __post_init__(self) -> None:
        self.packed = pack(self.signatures)
        self.places = tuple([place(read) for read in self.seen])
        self.about_keys = self.act.event.kind.startswith(("key.", "log."))
        self.counts = any(actor.key_seq is not None for actor in self.act.event.actors)


@dataclass(slots=True)
class Appended:
    """Where a command stands in the log, once it is durable; ``recorded_ms`` since 1970."""

    seq: int
    leaf: bytes
    recorded_ms: int
    envelope_hash: str
    repeated: bool = False

    @property
    def recorded_at(self) -> datetime:
        """When it was recorded."""
        return from_ms(self.recorded_ms)


class Ticket:
    """What whoever hands a command in waits on: where it came to stand, or why it did not."""

    __slots__ = ("_appended", "_done", "_error")

    def __init__(self) -> None:
        # A lock that is held until the answer is there costs a hundredth of a Future.
        self._done = threading.Lock()
        self._done.acquire()
        self._appended: Appended | None = None
        self._error: BaseException | None = None

    def answer(self, outcome: "Appended | BaseException") -> None:
        """Give the answer; only the first one counts."""
        if self._appended is not None or self._error is not None:
            return
        if isinstance(outcome, Appended):
            self._appended = outcome
        else:
            self._error = outcome
        self._done.release()

    def result(self) -> Appended:
        """Wait for the answer: where the command stands, or the exception raised."""
        with self._done:
            if self._error is not None:
                raise self._error
            assert self._appended is not None
            return self._appended
