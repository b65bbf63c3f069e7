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
from ledger.writing.conflicts import ENTRY_BY_IDEM, STREAM_BY_NAME, Place, asks_only, place


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
    them. ``kept`` are the rows of the vault that go in with it.

    What can be worked out before the lock is, and stands here itself: under the lock thousands of these are
    gone through that the processor's cache no longer holds, and each object on the way to a value is a wait
    for memory. ``once`` is what an entry is never written twice under, ``ordinary`` says that the command is
    about no key and looked at streams and entries for its own stream and its own ``once`` alone.
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
    event: bytes = field(init=False)
    stream_name: str = field(init=False)
    once: tuple[bytes, int | None] = field(init=False)
    packed: bytes = field(init=False)
    places: tuple[Place, ...] = field(init=False)
    about_keys: bool = field(init=False)
    counts: bool = field(init=False)
    ordinary: bool = field(init=False)

    def __post_init__(self) -> None:
        event = self.act.event
        self.event = self.act.envelope.event
        self.stream_name = event.stream
        self.once = (self.idem, self.key)
        self.packed = pack(self.signatures)
        self.places = tuple([place(read) for read in self.seen])
        self.about_keys = event.kind.startswith(("key.", "log."))
        self.counts = any(actor.key_seq is not None for actor in event.actors)
        own = ((STREAM_BY_NAME, self.stream_name), (ENTRY_BY_IDEM, self.once))
        self.ordinary = not self.about_keys and not self.counts and asks_only(self.places, own)


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

    __slots__ = ("_done", "_outcome")

    def __init__(self) -> None:
        # A lock that is held until the answer is there costs a hundredth of a Future.
        self._done = threading.Lock()
        self._done.acquire()
        self._outcome: Appended | BaseException | None = None

    def answer(self, outcome: Appended | BaseException) -> None:
        """Give the answer; only the first one counts."""
        if self._outcome is None:
            self._outcome = outcome
            self._done.release()

    def result(self) -> Appended:
        """Wait for the answer: where the command stands, or the exception raised."""
        with self._done:
            outcome = self._outcome
        if isinstance(outcome, Appended):
            return outcome
        assert outcome is not None, "the lock is free when the answer is there"
        raise outcome
