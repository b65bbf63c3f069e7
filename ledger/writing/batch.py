"""Group commit: one thread drains the queue of judged commands into one transaction after the other.

Under the lock each command's read set is compared with what has been written since it was judged. What no
longer holds is judged once more right there, where nothing can change any more. One command that cannot be
written never fails the others: the batch then goes in one by one.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from ledger.errors import Conflict, Problem, Refused, Unavailable
from ledger.failpoints import reach
from ledger.storage.db import Reader, Row, Writer, writing
from ledger.storage.statements import inserting
from ledger.storage.store import KEY, one
from ledger.writing.append import Appender, Placed
from ledger.writing.apply import Changes
from ledger.writing.changes import RECORDED_AT, SEQ, Read
from ledger.writing.conflicts import MAX_SEQ, Place, Written, moved
from ledger.writing.prepared import Appended, Prepared, Ticket

MAX_BATCH = 1000
MAX_QUEUE = 4096
# So many commands are judged again under one lock; the rest wait for the next batch.
MAX_JUDGED_AGAIN = 64
_REMEMBERED = 50_000

JudgeAgain = Callable[[Reader, Prepared], Prepared | Appended]
Find = Callable[[Reader, Prepared], Appended | None]
_Item = tuple[Prepared, Ticket]


class _CommitUnknown(Exception):  # noqa: N818  never leaves this module
    """The connection went away during the commit, which may have happened or not."""


class Batcher:
    """The one writer of a log in this process.

    ``judge_again`` judges a command on what a reader sees, ``find`` looks for the entry of its idempotency
    key. ``barred`` is asked under the lock, with the size of the log, what keeps anything from being written.
    """

    def __init__(self, engine: Engine, log: int, origin: str, *, judge_again: JudgeAgain, find: Find) -> None:
        self._engine = engine
        self._log = log
        self._judge_again = judge_again
        self._find = find
        self._appender = Appender(log, origin)
        self._queue: deque[_Item] = deque()
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._asleep = False
        self._thread: threading.Thread | None = None
        self._closing = False
        # What this process has written, for as long as nobody else writes.
        self._written = Written(floor=MAX_SEQ)
        self._head: bytes | None = None
        self.barred: Callable[[int], Problem | None] = lambda _size: None

    def put(self, prepared: Prepared) -> Ticket:
        """Queue a command; raise Unavailable when there is no more room, or when the writer is closing."""
        ticket = Ticket()
        with self._lock:
            if self._closing:
                raise Unavailable(Problem("ledger.closing"))
            if len(self._queue) >= MAX_QUEUE:
                raise Unavailable(Problem("ledger.queue_full", "", {"limit": MAX_QUEUE}))
            self._queue.append((prepared, ticket))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"writer-{self._log}", daemon=True)
                self._thread.start()
            if self._asleep:
                self._wake.notify()
        return ticket

    def close(self) -> None:
        """Take nothing more in, write what waits, and end."""
        with self._wake:
            self._closing = True
            self._wake.notify()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._queue and not self._closing:
                    self._asleep = True
                    self._wake.wait()
                    self._asleep = False
                if not self._queue:
                    return
            self._write(self._drain)

    def _drain(self) -> list[_Item]:
        with self._wake:
            return [self._queue.popleft() for _ in range(min(len(self._queue), MAX_BATCH))]

    def _give_back(self, items: Sequence[_Item]) -> None:
        with self._wake:
            self._queue.extendleft(reversed(items))

    def _write(self, drain: Callable[[], list[_Item]]) -> None:
        """Write one batch and answer everyone in it, whatever happens."""
        batch = _Batch()
        try:
            self._try_to_write(batch, drain)
        except Exception as fault:  # noqa: BLE001  whatever it was, everyone who waits must hear of it
            if len(batch.items) > 1 and not _is_outage(fault):
                self._one_by_one(batch)
                return
            self._forget()
            # What was not drained yet waits for the same trouble: it hears of it too, rather than for ever.
            for item in (*(batch.items or drain()), *batch.left):
                item[1].answer(fault)

    def _try_to_write(self, batch: "_Batch", drain: Callable[[], list[_Item]]) -> None:
        try:
            with self._transaction() as writer:
                reach("locked")
                # Only now: whoever came while the lock was being waited for goes along.
                batch.items = drain()
                self._take(writer, batch)
        except _CommitUnknown as unknown:
            self._resolve(batch, unknown)
        except Conflict:
            self._one_by_one(batch)
        else:
            self._settle(batch)

    @contextmanager
    def _transaction(self) -> Iterator[Writer]:
        finished = False
        try:
            with writing(self._engine, self._log) as writer:
                yield writer
                reach("before_commit")
                finished = True
        except DBAPIError as error:
            if finished:
                raise _CommitUnknown from error
            raise

    def _take(self, writer: Writer, batch: "_Batch") -> None:
        self._begin(writer, batch)
        if batch.head["hash"] != self._head or batch.head["size"] - self._written.floor > _REMEMBERED:
            self._written = Written(floor=batch.head["size"])
        stale = self._stale(writer, batch)
        reach("checked")
        if (problem := self.barred(batch.start["size"])) is not None:
            batch.refused += [(item, Unavailable(problem)) for item in batch.items]
            return
        judged_again = 0
        for n, item in enumerate(batch.items):
            prepared: Prepared | Appended = item[0]
            if not self._fits(writer, batch, item[0], stale):
                if judged_again == MAX_JUDGED_AGAIN:
                    batch.left = batch.items[n:]
                    batch.items = batch.items[:n]
                    break
                judged_again += 1
                # Not within the `try`: what fails here is an earlier command, not this one.
                self._flush(writer, batch)
                try:
                    prepared = self._judge_again(writer, item[0])
                except DBAPIError:
                    raise  # the transaction may be spoiled for the others too
                except Exception as fault:  # noqa: BLE001  a refusal or a fault of the judge: its own answer
                    batch.refused.append((item, fault))
                    continue
            if isinstance(prepared, Appended):
                batch.done.append((item, prepared))
            else:
                self._place(writer, batch, item, prepared)
        self._flush(writer, batch)

    def _begin(self, writer: Writer, batch: "_Batch") -> None:
        batch.start = batch.head = batch.flushed = self._appender.begin(writer)
        batch.changes = Changes(self._log)

    def _place(self, writer: Writer, batch: "_Batch", item: _Item, prepared: Prepared) -> None:
        if prepared.changes and not batch.changes.takes(prepared.changes):
            self._flush(writer, batch)
        batch.head, placed = self._appender.place(batch.head, prepared)
        if prepared.changes:
            known = {SEQ: placed.appended.seq, RECORDED_AT: placed.appended.recorded_at}
            batch.changes.gather(prepared.changes, known)
        batch.pending.append(placed)
        batch.done.append((item, placed.appended))
        _note(self._written, placed)

    def _flush(self, writer: Writer, batch: "_Batch") -> None:
        if not batch.pending:
            return
        self._appender.write(writer, batch.flushed, batch.head, batch.pending)
        batch.changes.write(writer)
        for prepared in [placed.prepared for placed in batch.pending if placed.prepared.kept]:
            for table, row in prepared.kept:
                if one(writer, table, log=self._log, commitment=row["commitment"]) is None:
                    writer.execute(inserting(table), {"log": self._log, **row})
        reach("views_written")
        batch.flushed, batch.pending, batch.changes = batch.head, [], Changes(self._log)

    def _stale(self, writer: Writer, batch: "_Batch") -> set[Place]:
        """Ask the database again for what was judged on a log that this process has not kept up with."""
        reads: dict[Place, Read] = {}
        for prepared, _ in batch.items:
            if prepared.size < self._written.floor:
                reads.update(zip(prepared.places, prepared.seen, strict=True))
        return set(moved(writer, self._log, reads.values())) if reads else set()

    def _fits(self, writer: Writer, batch: "_Batch", prepared: Prepared, stale: set[Place]) -> bool:
        size, start = prepared.size, batch.start
        if size == 0 or start["size"] == 0:
            # Whoever opens a log, or acts on one that is not open yet, stands and falls with its head.
            return bool(prepared.head == batch.head["hash"])
        if size > start["size"] or (size == start["size"] and prepared.head != start["hash"]):
            return False  # judged on another history: the database was put back meanwhile
        if size < self._written.floor:
            if stale and any(place in stale for place in prepared.places):
                return False
            size = start["size"]
        if prepared.ordinary and self._written.spares(prepared.stream_name, prepared.once, size):
            return True
        touched = self._written.touched(prepared.places, size)
        if not touched:
            return True
        self._flush(writer, batch)
        return not moved(writer, self._log, [prepared.seen[n] for n in touched])

    def _forget(self) -> None:
        """Trust nothing that was worked out about the log's state."""
        self._head = None

    def _settle(self, batch: "_Batch") -> None:
        reach("after_commit")
        self._appender.settle(batch.head)
        self._head = batch.head["hash"]
        self._give_back(batch.left)
        self._answer(batch)

    def _answer(self, batch: "_Batch") -> None:
        for (_, ticket), appended in batch.done:
            ticket.answer(appended)
        for (_, ticket), refused in batch.refused:
            ticket.answer(refused)

    def _one_by_one(self, batch: "_Batch") -> None:
        """Write each item of a batch that could not be written as it was in a transaction of its own."""
        self._forget()
        for item in (*batch.items, *batch.left):
            try:
                self._alone(item)
            except Exception as fault:  # noqa: BLE001  its own trouble, and nobody else's
                self._forget()
                item[1].answer(fault)

    def _alone(self, item: _Item) -> None:
        batch = _Batch(items=[item])
        try:
            with self._transaction() as writer:
                self._begin(writer, batch)
                self._written = Written(floor=batch.head["size"])
                prepared = self._judge_again(writer, item[0])
                if isinstance(prepared, Appended):
                    batch.done.append((item, prepared))
                else:
                    self._place(writer, batch, item, prepared)
                    self._flush(writer, batch)
        except _CommitUnknown as unknown:
            self._resolve(batch, unknown)
        else:
            self._settle(batch)

    def _resolve(self, batch: "_Batch", unknown: _CommitUnknown) -> None:
        """Find out by the idempotency keys, one by one, whether a commit happened whose answer was lost.

        What is found may also be what whoever waited has meanwhile handed in elsewhere: the answer is what
        stands in the log.
        """
        self._forget()
        found: list[tuple[_Item, Appended | BaseException]] = []
        try:
            # The lock is free only when the transaction in doubt has ended, one way or the other.
            with writing(self._engine, self._log) as writer:
                for item, appended in batch.done:
                    found.append((item, self._found(writer, item, appended) or unknown.__cause__ or unknown))
        except DBAPIError:
            doubt = Unavailable(Problem("ledger.outcome_unknown"))
            found = [(item, doubt) for item, _ in batch.done]
        for (_, ticket), outcome in (*found, *batch.refused):
            ticket.answer(outcome)
        self._give_back(batch.left)

    def _found(self, reader: Reader, item: _Item, appended: Appended) -> Appended | Refused | None:
        try:
            return appended if appended.repeated else self._find(reader, item[0])
        except Refused as refused:
            return refused


@dataclass(slots=True)
class _Batch:
    """One transaction in the making."""

    items: list[_Item] = field(default_factory=list)
    left: list[_Item] = field(default_factory=list)
    done: list[tuple[_Item, Appended]] = field(default_factory=list)
    refused: list[tuple[_Item, Exception]] = field(default_factory=list)
    pending: list[Placed] = field(default_factory=list)
    start: Row = field(default_factory=dict)
    head: Row = field(default_factory=dict)
    flushed: Row = field(default_factory=dict)
    changes: Changes = field(default_factory=lambda: Changes(0))


def _is_outage(fault: Exception) -> bool:
    """Tell whether a fault is the database's and would meet every command alike."""
    return isinstance(fault, OperationalError | InterfaceError)


def _note(written: Written, placed: Placed) -> None:
    """Note what a command has written: its own rows of the ledger's tables, and what follows from it."""
    prepared, seq = placed.prepared, placed.appended.seq
    if prepared.ordinary and not prepared.changes:
        written.add_entry(prepared.stream_name, prepared.once, seq)
        return
    event = prepared.act.event
    written.add_entry(event.stream, (prepared.idem, placed.key), seq)
    if prepared.about_keys:
        for key in placed.keys:
            written.add(KEY.name, {"kid": key.kid, "party": key.party}, seq)
        written.add(KEY.name, {"kid": event.body.get("kid")}, seq)
    if prepared.counts:
        for actor in event.actors:
            written.add(KEY.name, {"kid": actor.kid}, seq)
    if prepared.changes:
        written.add_changes(prepared.changes, seq)
