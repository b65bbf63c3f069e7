"""How fast a log is verified: hashes, tree and columns on one core; every signature on all; what is new."""

import os
import statistics
import time
from collections.abc import Iterator

from bench.notes import Notes, undisturbed
from bench.profiles import Profile, profiled
from bench.result import Result
from ledger.publishing.publisher import Publisher, publish
from ledger.storage.db import reading
from ledger.verifying.verify import verify, verify_new

HASHES = {"sqlite": (150_000, 300_000), "postgresql": (100_000, 300_000)}
SIGNATURES = (17_000, 30_000)
NEW, TIMES = 1000, 3


def verifying(log: Notes, *, quick: bool) -> Iterator[Result]:
    """Measure verification of a log whose entries have been checkpointed."""
    kind = log.engine.dialect.name
    publish(log.engine, log.ledger.log, log.ledger.origin, [log.log_signer], now=log.now)
    times = 1 if quick else 3
    must, should = HASHES[kind]
    rate, size = _rate(log, times, depth="hashes", jobs=1)
    yield Result(
        name=f"{kind}: verification, hashes, tree and columns, one core",
        value=rate,
        unit="entries/s",
        target=must,
        stretch=should,
        beside={"entries": size},
    )
    cores = os.cpu_count() or 1
    rate, size = _rate(log, times, depth="full", jobs=cores)
    yield Result(
        name=f"{kind}: verification, every signature, {cores} cores",
        value=rate,
        unit="entries/s",
        target=SIGNATURES[0],
        stretch=SIGNATURES[1],
        beside={"entries": size, "cores": cores},
    )
    yield from _new(log)


def verifying_profiles(log: Notes) -> Iterator[Profile]:
    """Yield where the time goes in verifying, all in one process."""
    kind = log.engine.dialect.name
    publish(log.engine, log.ledger.log, log.ledger.origin, [log.log_signer], now=log.now)

    def check(depth: str) -> None:
        with reading(log.engine) as reader:
            assert verify(reader, trust=log.trust, depth=depth, jobs=1).ok

    yield profiled(f"{kind}: verification, hashes, tree and columns", lambda: check("hashes"))
    yield profiled(f"{kind}: verification, every signature", lambda: check("full"))
    with reading(log.engine) as reader:
        _, state = verify_new(reader, None, now=log.now, trust=log.trust)
    log.grow(NEW, streams=NEW)
    publish(log.engine, log.ledger.log, log.ledger.origin, [log.log_signer], now=log.now)

    def check_new() -> None:
        with reading(log.engine) as reader:
            verify_new(reader, state, now=log.now, trust=log.trust)

    yield profiled(f"{kind}: incremental verification of 1,000 new entries", check_new)


def _new(log: Notes) -> Iterator[Result]:
    """Sign a checkpoint over new entries and verify those alone."""
    kind = log.engine.dialect.name
    with reading(log.engine) as reader:
        report, state = verify_new(reader, None, now=log.now, trust=log.trust, jobs=os.cpu_count() or 1)
    assert report.ok, report.findings[:3]
    publisher = Publisher(log.engine, log.ledger.log, log.ledger.origin, [log.log_signer])
    publisher.publish(log.now)
    signed, checked = [], []
    for _ in range(TIMES):
        log.grow(NEW, streams=NEW)
        with undisturbed():
            began = time.perf_counter()
            publisher.publish(log.now)
            signed.append((time.perf_counter() - began) * 1000)
            with reading(log.engine) as reader:
                began = time.perf_counter()
                report, state = verify_new(reader, state, now=log.now, trust=log.trust)
                checked.append((time.perf_counter() - began) * 1000)
        assert report.ok, report.findings[:3]
    yield Result(
        name=f"{kind}: incremental verification of 1,000 new entries",
        value=statistics.median(checked),
        unit="ms",
        target=150,
        stretch=80,
        less=True,
        beside={"entries": report.size},
    )
    yield Result(
        name=f"{kind}: checkpoint over 1,000 new entries, read back and signed",
        value=statistics.median(signed),
        unit="ms",
    )


def _rate(log: Notes, times: int, *, depth: str, jobs: int) -> tuple[float, int]:
    best, size = 0.0, 0
    for _ in range(times):
        with undisturbed(), reading(log.engine) as reader:
            began = time.perf_counter()
            report = verify(reader, trust=log.trust, depth=depth, jobs=jobs)
            took = time.perf_counter() - began
        assert report.ok, report.findings[:3]
        best, size = max(best, report.size / took), report.size
    return best, size
