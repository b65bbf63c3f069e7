"""The accidents: each is played on a ground, as often as asked for, and fills the ground's tally."""

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

from ledger.failpoints import POINTS
from tests.crash.child import Work
from tests.crash.cluster import Cluster
from tests.crash.ground import Ground, Tally, read_journal, until

_COMMITTING = (
    "SELECT pid FROM pg_stat_activity WHERE query = 'COMMIT' AND state = 'active' AND pid <> pg_backend_pid()"
)


def killed_at(ground: Ground, point: str, after: int) -> int:
    """Have a process kill itself at the ``after``-th time it reaches a point; return its exit code."""
    work = ground.work(point=point, after=after)
    code = ground.nursery.wait(ground.nursery.start(work))
    ground.tally.accidents += 1
    ground.check([work])
    return code


def killed_at_points(ground: Ground, rounds: int) -> Tally:
    """Kill a process at every point in turn."""
    for n in range(rounds):
        for point in POINTS:
            assert killed_at(ground, point, 1 + n * 3) == -signal.SIGKILL
    return ground.final()


def killed_at_random(ground: Ground, kills: int, chance: random.Random) -> Tally:
    """Kill a process that keeps appending, at any moment from its start on; go on with the same database."""
    for _ in range(kills):
        work = ground.work(threads=chance.choice((1, 4, 8)))
        pid = ground.start(work, receipts=chance.choice((0, 1, 1, 1, 20)))
        time.sleep(chance.random() ** 2 * 0.3)
        assert ground.nursery.kill(pid) == -signal.SIGKILL
        ground.tally.accidents += 1
        ground.check([work])
    return ground.final()


def stopped_at_once(ground: Ground, server: Cluster, stops: int, chance: random.Random) -> Tally:
    """Stop PostgreSQL with no time to write anything, and start it again; the processes stay."""
    works = [ground.work(retry=True, threads=4), ground.work(retry=True, threads=2)]
    pids = [ground.start(work) for work in works]
    for _ in range(stops):
        time.sleep(0.1 + chance.random() * 0.3)
        server.stop("immediate")
        ground.tally.accidents += 1
        time.sleep(chance.random() * 0.1)
        server.start()
        goes_on(works)
    for pid in pids:
        assert ground.nursery.kill(pid, signal.SIGTERM) == 0
    ground.check(works)
    return ground.final()


def backends_killed(ground: Ground, server: Cluster, kills: int, chance: random.Random) -> Tally:
    """Kill the server's process that carries out a commit, which takes the whole server down."""
    work = ground.work(retry=True, threads=4)
    pid = ground.start(work)
    found: list[int] = []

    def committing() -> bool:
        found[:] = [int(str(row[0])) for row in server.run(_COMMITTING)]
        return bool(found)

    for _ in range(kills):
        time.sleep(chance.random() * 0.2)
        until(committing)
        with suppress(ProcessLookupError):
            os.kill(found[0], signal.SIGKILL)
        ground.tally.accidents += 1
        goes_on([work])
    assert ground.nursery.kill(pid, signal.SIGTERM) == 0
    ground.check([work])
    return ground.final()


def many_processes(ground: Ground, processes: int, entries: int, delay_s: float) -> Tally:
    """Have several processes append at once, with pauses at the writer's points."""
    works = [
        ground.work(threads=2, entries=entries // 2, delay_s=delay_s, retry=True) for _ in range(processes)
    ]
    pids = [ground.nursery.start(work) for work in works]
    assert [ground.nursery.wait(pid) for pid in pids] == [0] * processes
    ground.check(works)
    return ground.final()


def goes_on(works: list[Work]) -> None:
    """Wait until every process has got receipts for what it hands in now."""
    for work in works:
        path = Path(work.journal)
        before = len(read_journal(path).receipts)
        until(lambda path=path, before=before: len(read_journal(path).receipts) > before + 8, work)
