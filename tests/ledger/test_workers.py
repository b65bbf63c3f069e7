"""Ranges scanned in other processes come back in order, and what goes wrong there comes back too."""

import os
import pickle
import subprocess
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import Engine

from ledger.storage.db import is_sqlite, reading
from ledger.verifying.fast import Fast
from ledger.verifying.scan import Anomaly
from ledger.verifying.workers import Work, serve, side_by_side
from tests.ledger.synthetic import Bulk
from tests.ledger.world import ORIGIN, World, lived_in

RANGES = [(0, 100), (100, 256), (256, 300)]


@pytest.fixture
def work(engine: Engine) -> Work:
    """What a process is to scan, on either database."""
    return work_on(engine)


def work_on(engine: Engine) -> Work:
    world: World = lived_in(engine)
    Bulk(world, by=("binh.2",)).add(300 - 12)
    world.checkpoint()
    with reading(engine) as reader:
        run = Fast(reader, ORIGIN, world.trust)
        run.log_row()
        run._read_keys()
        place = run._elsewhere(None)
        assert place is not None
        assert (place.sqlite is not None) == is_sqlite(reader)
        return Work(place, ORIGIN, run._claimed, signatures=True)


def test_ranges_come_back_in_order(work: Work) -> None:
    found = list(side_by_side(work, RANGES, 2))
    assert [(done.start, done.stop) for done in found] == RANGES
    assert sum(done.signatures for done in found) > 0


def test_a_process_answers_each_range_and_ends_with_the_last(sqlite_engine: Engine) -> None:
    # Within this process; a connection to a server would outlive the test.
    asked, said = BytesIO(), BytesIO()
    for value in (work_on(sqlite_engine), (0, 100), (300, 400)):
        pickle.dump(value, asked)
    asked.seek(0)
    serve(asked, said)
    said.seek(0)
    first, second = (pickle.load(said) for _ in range(2))  # noqa: S301  what was written above
    assert (first.start, first.stop) == (0, 100)
    assert "Anomaly" in second
    assert not said.read()


def test_what_is_no_range_of_the_log_is_an_anomaly(work: Work) -> None:
    with pytest.raises(Anomaly):
        list(side_by_side(work, [*RANGES, (300, 400)], 2))


def test_a_process_that_cannot_begin_says_so(work: Work) -> None:
    nowhere = Work(work.place, ORIGIN, {0: None}, signatures=True)  # type: ignore[dict-item]
    with pytest.raises(Anomaly, match="AttributeError"):
        list(side_by_side(nowhere, RANGES, 2))


def test_a_process_that_dies_is_an_anomaly_and_none_stays(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def start(*arguments: Any, **options: Any) -> "subprocess.Popen[bytes]":
        started.append(popen(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    ranges = side_by_side(work, iter(RANGES * 50), 1)
    assert next(ranges).start == 0
    os.kill(started[0].pid, 9)
    with pytest.raises(Anomaly, match="died"):
        list(ranges)
    assert [process.returncode for process in started] == [-9]


def test_whoever_stops_half_way_leaves_no_process(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def start(*arguments: Any, **options: Any) -> "subprocess.Popen[bytes]":
        started.append(popen(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    ranges = side_by_side(work, RANGES, 2)
    assert next(ranges).start == 0
    ranges.close()  # type: ignore[attr-defined]
    assert [process.returncode for process in started] == [0, 0]
