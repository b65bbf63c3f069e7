"""Processes that are killed: what was acknowledged stands, what was not is there whole or not at all."""

import signal

import pytest

from ledger.failpoints import POINTS
from tests.crash import cases
from tests.crash.cluster import Cluster
from tests.crash.ground import Ground, chance


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_point_nothing_acknowledged_is_lost(ground: Ground, point: str) -> None:
    for after in (1, 3):
        assert cases.killed_at(ground, point, after) == -signal.SIGKILL, "the point was reached"
    tally = ground.final()
    assert tally.holds(), tally
    assert (tally.accidents, tally.in_flight > 0) == (2, True)


def test_killed_at_any_moment_nothing_acknowledged_is_lost(ground: Ground) -> None:
    tally = cases.killed_at_random(ground, 10, chance())
    assert tally.holds(), tally
    assert tally.accidents == 10


@pytest.mark.postgres
def test_a_server_that_stops_at_once_loses_nothing_acknowledged(
    postgres_ground: Ground, server: Cluster
) -> None:
    tally = cases.stopped_at_once(postgres_ground, server, 2, chance())
    assert tally.holds(), tally
    assert tally.errors["OperationalError"] > 0, "the processes felt it"


@pytest.mark.postgres
def test_a_commit_killed_within_the_server_is_found_out(postgres_ground: Ground, server: Cluster) -> None:
    server.run("ALTER SYSTEM SET commit_delay = 100000")
    server.run("ALTER SYSTEM SET commit_siblings = 0")
    server.run("SELECT pg_reload_conf()")
    tally = cases.backends_killed(postgres_ground, server, 2, chance())
    for name in ("commit_delay", "commit_siblings"):
        server.run(f"ALTER SYSTEM RESET {name}")
    server.run("SELECT pg_reload_conf()")
    assert tally.holds(), tally
    assert tally.errors, "the process felt it"


def test_processes_side_by_side_leave_one_dense_chain(ground: Ground) -> None:
    processes, entries = (2, 100) if ground.url.endswith(".db") else (8, 200)
    tally = cases.many_processes(ground, processes, entries, delay_s=0.02)
    assert tally.holds(), tally
    assert tally.found == processes * entries
    assert tally.entries == tally.found + 2
    assert set(tally.errors) <= {"ledger.guard_moved"}, "of several publishers one is first"
