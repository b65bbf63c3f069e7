"""`ctnh bench ledger`: append, verify, prove, what is stored; beside what a user would pick instead."""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from bench import baselines
from bench.calibration import calibrate, sha256_speed
from bench.notes import Notes, notes, undisturbed
from bench.postgres import server
from bench.profiles import Profile, of_new_thread
from bench.proofs import proofs
from bench.result import Result
from bench.verifying import verifying, verifying_profiles
from ledger.storage.db import is_sqlite
from ledger.writing.prepared import Prepared

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured: entries appended in each of the rounds, entries of the log that is verified."""

    round: int
    rounds: int
    naive: int
    verified: int
    leaves: tuple[int, ...]


FULL = Size(round=4000, rounds=5, naive=500, verified=200_000, leaves=(1_000_000, 10_000_000))
QUICK = Size(round=500, rounds=2, naive=20, verified=2_000, leaves=(10_000,))
# Durable and chained, in the full schema: entries a second that must and should be reached.
APPEND = {"sqlite": (45_000, 60_000), "postgresql": (35_000, 50_000)}
OVERHEAD = (280, 170)


def run(*, quick: bool, postgres: str | None, say: Say) -> dict[str, Any]:
    """Measure and return calibration, results, and what could not be measured."""
    size = QUICK if quick else FULL
    results: list[Result] = []
    skipped: list[str] = []
    shares: list[Profile] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ctnh-bench-")))
        before = calibrate(folder)
        results += _database(f"{folder}/ledger.db", folder, size, say, shares)
        place = postgres or stack.enter_context(server(folder))
        if place is None:
            skipped.append("postgresql: no server given and none installed")
        else:
            results += _database(place, folder, size, say, shares)
        for leaves in size.leaves:
            say(f"proofs: {leaves} leaves")
            results += proofs(folder, leaves)
    after = {"sha256_1k_per_s": sha256_speed()}
    return {
        "calibration": {**before, "after": after},
        "results": [result.as_json() for result in results],
        "profiles": [one.as_json() for one in shares],
        "skipped": skipped,
    }


def _database(place: str, folder: Path, size: Size, say: Say, shares: list[Profile]) -> Iterator[Result]:
    """Yield the figures of one database, and put into ``shares`` where its time goes."""
    with notes(place) as log:
        kind = log.engine.dialect.name
        say(f"{kind}: append")
        prepared, appended = _append(log, size)
        yield appended
        say(f"{kind}: beside it")
        plain = _plain(log.engine, folder, prepared)
        yield from plain
        yield baselines.naive(log, size.naive, kind)
        say(f"{kind}: where the time goes")
        shares += _profiles(log, size)
        say(f"{kind}: verify")
        log.grow(max(size.verified - size.round * size.rounds, 0))
        yield _overhead(log.engine, plain[0].beside["bytes_per_entry"])
        yield from verifying(log, quick=size is QUICK)


def _profiles(log: Notes, size: Size) -> list[Profile]:
    found: list[Profile] = []
    prepared = log.prepare(range(size.round))
    log.reopen()
    with of_new_thread(f"{log.engine.dialect.name}: append, the writer's thread", found):
        log.append(prepared)
        log.reopen()
    return [*found, *verifying_profiles(log)]


def _append(log: Notes, size: Size) -> tuple[list[Prepared], Result]:
    rates, processor = [], []
    everything: list[Prepared] = []
    for _ in range(size.rounds):
        # Judged before: what is measured is the writer, with whatever it checks under the lock.
        prepared = log.prepare(range(size.round))
        with undisturbed():
            began, worked = time.perf_counter(), time.process_time()
            log.append(prepared)
            rates.append(size.round / (time.perf_counter() - began))
            processor.append((time.process_time() - worked) / size.round * 1e6)
        everything += prepared
    kind = log.engine.dialect.name
    must, should = APPEND[kind]
    return everything, Result(
        name=f"{kind}: append, library, durable and chained",
        value=statistics.median(rates),
        unit="entries/s",
        target=must,
        stretch=should,
        beside={
            "best": round(max(rates)),
            "processor_us_per_entry": round(statistics.median(processor), 1),
            "entries": size.round * size.rounds,
        },
    )


def _plain(engine: Engine, folder: Path, prepared: list[Prepared]) -> list[Result]:
    if engine.dialect.name != "sqlite":
        return [baselines.plain_postgres(engine, prepared)]
    found = [
        baselines.plain_sqlite(folder, prepared),
        baselines.append_only_file(folder, prepared),
        baselines.key_value(folder, prepared),
    ]
    return [result for result in found if result is not None]


_SQLITE_BYTES = "SELECT SUM(pgsize) FROM dbstat WHERE name LIKE '%ledger@_%' ESCAPE '@'"
_POSTGRES_BYTES = """
    SELECT SUM(pg_total_relation_size(oid)) FROM pg_class
    WHERE relkind = 'r' AND relname LIKE 'ledger@_%' ESCAPE '@'
"""


def _overhead(engine: Engine, plain: float) -> Result:
    """Measure what an entry takes in the ledger's tables beyond the row of a plain one."""
    with engine.connect() as connection:
        query = _SQLITE_BYTES if is_sqlite(connection) else _POSTGRES_BYTES
        whole = connection.execute(text(query)).scalar_one()
        count = connection.execute(text("SELECT COUNT(*) FROM ledger_entry")).scalar_one()
    return Result(
        name=f"{engine.dialect.name}: stored for an entry beyond the plain row, indexes and tiles included",
        value=float(whole) / count - plain,
        unit="B",
        target=OVERHEAD[0],
        stretch=OVERHEAD[1],
        less=True,
        beside={"bytes_per_entry": round(float(whole) / count, 1), "entries": count},
    )
