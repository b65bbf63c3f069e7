"""A run of the reconciliation: one at a time across processes, over a ledger that verifies, recorded."""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from sqlalchemy import text

from api.home import Home
from api.recorder import record
from ledger.errors import Conflict, Problem
from ledger.format.event import time_text
from ledger.ids import uuid7
from ledger.storage.db import LOCK_SPACE, reading
from ledger.verifying.verify import verify
from manifest import reference
from manifest.findings.events import Reconciled, RuleRun, RunMode
from manifest.findings.judge import stream_of
from manifest.reconcile.engine import examine
from manifest.vocabulary import local_date

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Ran:
    """A run that came to its end, and the position of its entry."""

    run: str
    seq: int
    body: Reconciled


@contextmanager
def alone(home: Home) -> Iterator[None]:
    """Hold the one lock of the runs; raise Conflict when another process has it."""
    busy = Conflict(Problem("manifest.run_in_progress"))
    if home.engine.dialect.name == "sqlite":
        with (home.folder / "reconciliation.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise busy from error
            yield
        return
    key = {"space": LOCK_SPACE + 2, "log": home.ledger.log}
    with home.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.execute(text("SELECT pg_try_advisory_lock(:space, :log)"), key).scalar_one():
            raise busy
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:space, :log)"), key)


def reconcile(
    home: Home, *, mode: RunMode, as_of: date | None = None, progress: Progress = lambda *_: None
) -> Ran:
    """Run every rule and record what is new; return the run.

    Raises Conflict when a run is in progress or the ledger does not verify (naming the first entry that is
    wrong); then nothing has been written.
    """
    with alone(home):
        return _reconcile(home, mode, as_of, progress)


def _reconcile(home: Home, mode: RunMode, as_of: date | None, progress: Progress) -> Ran:
    started, clock = home.clock(), time.monotonic()
    log = home.ledger.log
    run, as_of = uuid7(started), as_of or local_date(started)
    edition = reference.default()
    home.checkpoint()
    with reading(home.engine) as reader:
        report = verify(reader, trust=home.trust(), depth="hashes")
        if not report.ok:
            first = report.findings[0]
            facts = {"seq": "–" if first.seq is None else first.seq, "code": first.code}
            raise Conflict(Problem("manifest.ledger_tampered", "", facts))
        origin = home.ledger.origin
        found = examine(reader, log, origin, run, as_of=as_of, base=edition, mode=mode, progress=progress)
        matched = list(found)
    service = home.service()
    counts: list[RuleRun] = []
    for one in matched:
        for act in one.acts:
            now = home.clock()
            record(home.ledger, act, [service], stream=stream_of(act), occurred_at=now, now=now)
        counts.append(one.counts)
    body = Reconciled(
        run=run,
        mode=mode,
        size=report.size,
        root=report.root,
        as_of=as_of,
        reference=edition.edition.sha256,
        rules=tuple(counts),
        started_at=time_text(started),
        duration_ms=int((time.monotonic() - clock) * 1000),
    )
    now = home.clock()
    done = record(home.ledger, body, [service], stream=stream_of(body), occurred_at=now, now=now)
    return Ran(run, int(done.receipt.seq), body)
