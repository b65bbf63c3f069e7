"""A database on which processes are killed, and what has to hold of it afterwards."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Engine, func, select

from ledger.publishing.guard import Guard
from ledger.publishing.publisher import publish
from ledger.storage.db import Reader, open_engine, reading
from ledger.storage.store import ENTRY, HEAD, entries, one
from ledger.verifying.incremental import State
from ledger.verifying.verify import verify, verify_new
from ledger.writing.writer import Ledger
from tests.crash.child import METADATA, SEEN, Work, judge, now
from tests.ledger.world import ORIGIN, World, note_signer, post_quantum_signer

PATIENCE_S = 120
BEFORE = 2  # entries that are there from the start: the opening and a key


class Nursery:
    """Starts processes by forking one that has imported everything."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            cwd=Path(__file__).parents[2],
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait(PATIENCE_S)
        self._server.stdout.close()

    def start(self, work: Work) -> int:
        """Start a process and return its id."""
        return self._ask(work.to_line())

    def wait(self, pid: int) -> int:
        """Wait until a process has ended; return its exit code, negative for the signal that killed it."""
        return self._ask(f"wait {pid}\n")

    def kill(self, pid: int, with_signal: signal.Signals = signal.SIGKILL) -> int:
        """End a process and return its exit code."""
        os.kill(pid, with_signal)
        return self.wait(pid)

    def _ask(self, line: str) -> int:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(line)
        self._server.stdin.flush()
        return int(self._server.stdout.readline())


@dataclass(slots=True)
class Tally:
    """What was counted over a case.

    ``acknowledged`` receipts were given out before an accident, ``found`` of them stand in the log as they
    say, ``lost`` do not. ``in_flight`` were handed in and not answered; ``recorded`` of those stood in the
    log all the same. ``findings`` are those of verification.
    """

    accidents: int = 0
    acknowledged: int = 0
    found: int = 0
    lost: int = 0
    in_flight: int = 0
    recorded: int = 0
    half_written: int = 0
    entries: int = 0
    findings: list[str] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)

    def holds(self) -> bool:
        """Tell whether nothing is lost, half-written or otherwise wrong."""
        return not self.lost and not self.half_written and not self.findings and self.found > 0


@dataclass(slots=True)
class Said:
    """What a journal says: envelopes by their idempotency key, receipts, errors."""

    handed_in: dict[str, bytes] = field(default_factory=dict)
    receipts: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    errors: list[tuple[str, str]] = field(default_factory=list)
    failed: str = ""
    closed: bool = False


def read_journal(path: Path) -> Said:
    """Return what a journal says; its last line may be cut off."""
    said = Said()
    text = path.read_text() if path.exists() else ""
    for line in text.splitlines(keepends=True):
        if not line.endswith("\n"):
            break
        made: dict[str, Any] = json.loads(line)
        match made:
            case {"handed_in": idem, "data": data}:
                said.handed_in[idem] = bytes.fromhex(data)
            case {"receipt": idem, "seq": seq, "leaf": leaf}:
                said.receipts[idem] = (seq, bytes.fromhex(leaf))
            case {"error": idem, "code": code}:
                said.errors.append((idem, code))
            case {"failed": trace}:
                said.failed = trace
            case {"closed": _}:
                said.closed = True
    return said


class Ground:
    """One database with its log, guard and journals, and the nursery that its processes come from."""

    def __init__(self, url: str, folder: Path, nursery: Nursery) -> None:
        self.url, self.folder, self.nursery = url, folder, nursery
        self.guard = folder / "guard"
        self.tally = Tally()
        self.journals: list[Path] = []
        self._state: State | None = None
        with self.engine() as engine:
            METADATA.create_all(engine)
            world = World(engine, judge=judge).open().register("an")
            world.ledger.close()
            self.log, self.trust = world.log, world.trust

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        """Yield the database, opened anew."""
        engine = open_engine(self.url)
        try:
            yield engine
        finally:
            engine.dispose()

    def work(self, **how: Any) -> Work:
        """Return work for one more process, with a journal of its own; it publishes unless told otherwise."""
        number = len(self.journals)
        journal = self.folder / f"journal-{number}"
        self.journals.append(journal)
        made: dict[str, Any] = {"url": self.url, "journal": str(journal), "number": number}
        made |= {"guard": str(self.guard)}
        return Work(**made | how)

    def start(self, work: Work, *, receipts: int = 1) -> int:
        """Start a process and wait for so many receipts; return its id."""
        pid = self.nursery.start(work)
        until(lambda: len(read_journal(Path(work.journal)).receipts) >= receipts, work)
        return pid

    def check(self, works: list[Work], *, full: bool = False) -> None:
        """Open the database again and add to the tally what holds of it and of these processes' journals."""
        with self.engine() as engine:
            saids = [read_journal(Path(work.journal)) for work in works]
            for said in saids:
                assert not said.failed, said.failed
                self.tally.errors.update(code for _, code in said.errors)
            self._verified(engine, full=full)
            with reading(engine) as reader:
                for said in saids:
                    self._receipts(reader, said)
            self._hand_in_again(engine, saids)

    def final(self) -> Tally:
        """Check everything from the first entry on, every journal too; return the tally of the whole case."""
        with self.engine() as engine:
            signers = (note_signer(), post_quantum_signer())
            publish(engine, self.log, ORIGIN, signers, now=now(), guard=Guard(self.guard))
            self._verified(engine, full=True)
            with reading(engine) as reader:
                kept = self.tally.acknowledged, self.tally.found
                self.tally.acknowledged = self.tally.found = 0
                for journal in self.journals:
                    self._receipts(reader, read_journal(journal))
                head = one(reader, HEAD, log=self.log)
            assert kept[0] <= self.tally.acknowledged, "no journal forgets"
        assert head is not None
        self.tally.entries = head["size"]
        return self.tally

    def _verified(self, engine: Engine, *, full: bool) -> None:
        guard = Guard(self.guard) if self.guard.exists() else None
        with reading(engine) as reader:
            if full:
                report = verify(reader, trust=self.trust, guard=guard)
            else:
                report, self._state = verify_new(
                    reader, self._state, now=now(), trust=None, origin=ORIGIN, guard=guard
                )
            self.tally.findings += [f"{found.code} {found.seq} {found.detail}" for found in report.findings]
            size = reader.execute(select(HEAD.c.size).where(HEAD.c.log == self.log)).scalar_one()
            for table, expected in ((ENTRY, size), (SEEN, size)):
                count, last = reader.execute(
                    select(func.count(), func.max(table.c.seq)).where(table.c.log == self.log)
                ).one()
                self.tally.half_written += abs(expected - count) + (last is not None and last + 1 != size)

    def _receipts(self, reader: Reader, said: Said) -> None:
        wanted = {seq: (idem, leaf) for idem, (seq, leaf) in said.receipts.items()}
        self.tally.acknowledged += len(said.receipts)
        found = 0
        if wanted:
            for entry in entries(reader, self.log, start=min(wanted), stop=max(wanted) + 1):
                idem, leaf = wanted.get(entry.seq, ("", b""))
                found += entry.hash == leaf and entry.envelope.to_bytes() == said.handed_in[idem]
        self.tally.found += found
        self.tally.lost += len(said.receipts) - found

    def _hand_in_again(self, engine: Engine, saids: list[Said]) -> None:
        """Hand in what was not answered, twice: it gets the receipt of the one entry that it is."""
        ledger = Ledger(engine, ORIGIN, judge=judge, signer=note_signer())
        with reading(engine) as reader:
            before = one(reader, HEAD, log=self.log)
        assert before is not None
        for said in saids:
            for idem, data in said.handed_in.items():
                if idem in said.receipts:
                    continue
                first = ledger.submit(data, now=now())
                again = ledger.submit(data, now=now())
                assert again.repeated
                assert again.receipt == first.receipt
                assert first.repeated == (first.receipt.seq < before["size"])
                self.tally.in_flight += 1
                self.tally.recorded += first.repeated
            if said.receipts:
                idem = next(reversed(said.receipts))
                same = ledger.submit(said.handed_in[idem], now=now())
                assert (same.repeated, same.receipt.seq, same.receipt.entry_hash) == (
                    True,
                    *said.receipts[idem],
                )
        ledger.close()


def chance(seed: int = 7) -> random.Random:
    """Return the dice: always the same throws, in the suite at least."""
    return random.Random(seed)  # noqa: S311  no secret


def until(done: Any, work: Work | None = None, *, patience_s: float = PATIENCE_S) -> None:
    """Wait for something; fail when it does not come, or when the process has failed."""
    for _ in range(int(patience_s / 0.005)):
        if done():
            return
        if work is not None:
            failed = read_journal(Path(work.journal)).failed
            assert not failed, failed
        time.sleep(0.005)
    raise AssertionError("waited for too long")
