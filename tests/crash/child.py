"""The program that is killed: it appends from several threads, publishes, and notes down every receipt.

The journal is a file of JSON lines: what is about to be handed in, and then the receipt or the error. It is
written without a sync: what a killed process has written stays with the operating system.
"""

import json
import os
import random
import signal
import sys
import threading
import time
import traceback
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from sqlalchemy import BigInteger, Column, Integer, MetaData, Table
from sqlalchemy.exc import SQLAlchemyError

from ledger import failpoints
from ledger.errors import Refused
from ledger.format.event import Actor, Event
from ledger.publishing.guard import Guard
from ledger.publishing.publisher import Publisher
from ledger.storage.db import open_engine
from ledger.writing.changes import SEQ, Change, Insert, Reads
from ledger.writing.prepared import Act
from ledger.writing.writer import Ledger, Recorded
from tests.ledger.world import NOTE, ORIGIN, START, envelope, note_signer, post_quantum_signer, signer, uuid7

METADATA = MetaData()
# A view that the judge writes to: one row for each entry, in the same transaction.
SEEN = Table(
    "crash_seen",
    METADATA,
    Column("log", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
)
PAUSE_S = 0.05


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a process does.

    ``number`` is its own among all of a database. It appends ``entries`` from each of its ``threads``, or for
    ever. At the ``after``-th time it reaches ``point`` it kills itself. ``delay_s`` is the longest of the
    pauses that it makes at points of the writer. With ``retry`` it hands in again what failed.
    """

    url: str
    journal: str
    number: int
    threads: int = 4
    entries: int | None = None
    guard: str | None = None
    point: str | None = None
    after: int = 1
    delay_s: float = 0.0
    retry: bool = False
    user: int | None = None
    limit_bytes: int | None = None
    given: dict[str, str] = field(default_factory=dict)

    def to_line(self) -> str:
        """Return it as a line."""
        return json.dumps(asdict(self)) + "\n"


def judge(_reads: Reads, _act: Act) -> tuple[Change, ...]:
    """Allow everything, and have a row of the view written."""
    return (Insert(SEEN, {"seq": SEQ}),)


def event(number: int, thread: int, n: int, head: str | None) -> Event:
    """Return the n-th note of a thread, in a stream of its own."""
    actor = Actor(party="an", role="writer", kid=signer("an").kid)
    return Event(
        origin=ORIGIN,
        kind=NOTE,
        stream=f"by/{number}/{thread}",
        stream_prev=head,
        actors=(actor,),
        idem=uuid7(((number + 1) << 36) | (thread << 28) | n),
        occurred_at=START,
        body={"text": f"{number} {thread} {n}"},
    )


def now() -> datetime:
    """Return the time of day."""
    return datetime.now(UTC)


class Journal:
    """What a process has handed in and been told, line by line."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)

    def note(self, **said: object) -> None:
        """Add a line."""
        os.write(self._file, json.dumps(said).encode() + b"\n")

    def receipt(self, idem: str, done: Recorded) -> None:
        """Add a receipt."""
        receipt = done.receipt
        self.note(receipt=idem, seq=receipt.seq, leaf=receipt.entry_hash.hex(), repeated=done.repeated)


class Appending:
    """One process's work."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._journal = Journal(Path(work.journal))
        self._engine = open_engine(work.url)
        self._closing = threading.Event()
        self.ledger = Ledger(self._engine, ORIGIN, judge=judge, signer=note_signer())
        self._set_points()

    def run(self) -> None:
        """Append until all is done, then close."""
        writers = [threading.Thread(target=self._append, args=(n,)) for n in range(self._work.threads)]
        publishing = threading.Thread(target=self._publish, daemon=True)
        if self._work.guard is not None:
            publishing.start()
        for thread in writers:
            thread.start()
        for thread in writers:
            thread.join()
        self._closing.set()
        if self._work.guard is not None:
            publishing.join()
        self.ledger.close()
        self._engine.dispose()
        self._journal.note(closed=True)

    def end(self, _signal: int, _frame: FrameType | None) -> None:
        """Take nothing more in and answer what waits, as a server does that is asked to stop."""
        self._closing.set()
        threading.Thread(target=self.ledger.close).start()

    def _set_points(self) -> None:
        work = self._work
        if work.delay_s:
            chance = random.Random(work.number)  # noqa: S311  a pause is no secret
            for point in ("locked", "checked", "entries_written", "before_commit", "after_commit"):
                failpoints.at(point, lambda: time.sleep(chance.random() ** 4 * work.delay_s))
        if work.point is not None:
            left = [work.after]

            def die() -> None:
                left[0] -= 1
                if left[0] <= 0:
                    os.kill(os.getpid(), signal.SIGKILL)

            failpoints.at(work.point, die)

    def _append(self, thread: int) -> None:
        head: str | None = None
        n = 0
        while not self._closing.is_set() and n != self._work.entries:
            made = event(self._work.number, thread, n, head)
            data = envelope(made, signer("an"))
            self._journal.note(handed_in=made.idem, data=data.hex())
            done = self._submit(made.idem, data)
            if done is None:
                return
            self._journal.receipt(made.idem, done)
            head = done.envelope_hash
            n += 1

    def _submit(self, idem: str, data: bytes) -> Recorded | None:
        while True:
            try:
                return self.ledger.submit(data, now=now())
            except (SQLAlchemyError, Refused) as fault:
                code = fault.code if isinstance(fault, Refused) else type(fault).__name__
                self._journal.note(error=idem, code=code)
                if not self._work.retry or self._closing.is_set():
                    return None
                time.sleep(PAUSE_S)

    def _publish(self) -> None:
        assert self._work.guard is not None
        signers = (note_signer(), post_quantum_signer())
        guard = Guard(Path(self._work.guard))
        publisher = Publisher(self._engine, self.ledger.log, ORIGIN, signers, guard=guard)
        while not self._closing.wait(PAUSE_S / 2):
            try:
                size, _ = publisher.publish(now())
                self._journal.note(published=size)
            except (SQLAlchemyError, Refused) as fault:
                code = fault.code if isinstance(fault, Refused) else type(fault).__name__
                self._journal.note(error="", code=code)


def run(work: Work) -> None:
    """Do a process's work; end with 0, or with 1 and a traceback in the journal."""
    code = 0
    try:
        if work.limit_bytes is not None:
            import resource  # noqa: PLC0415  where there is one

            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (work.limit_bytes, resource.RLIM_INFINITY))
        if work.user is not None:
            os.setuid(work.user)
        appending = Appending(work)
        signal.signal(signal.SIGTERM, appending.end)
        appending.run()
    except BaseException:  # noqa: BLE001  the process ends here, whatever it was
        Journal(Path(work.journal)).note(failed=traceback.format_exc())
        code = 1
    os._exit(code)


def main() -> None:
    """Fork a process for each line, and wait for one when told so: to start afresh would take seconds."""
    for line in sys.stdin:
        if line.startswith("wait "):
            _, status = os.waitpid(int(line.split()[1]), 0)
            sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        else:
            pid = os.fork()
            if pid == 0:
                run(Work(**json.loads(line)))
            sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
