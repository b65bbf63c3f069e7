"""A process that is asked to stop: what it took it answers, and what it answered is durable."""

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from ledger import failpoints
from ledger.errors import Refused
from ledger.storage.db import reading
from ledger.storage.store import entry_at
from ledger.writing.prepared import Appended, Prepared
from ledger.writing.writer import Ledger
from tests.api.homes import GENERATOR
from tests.crash.child import event, judge, now
from tests.crash.ground import PATIENCE_S, Ground, chance
from tests.ledger.world import ORIGIN, envelope, note_signer, signer
from tests.stories.conftest import Served, own_server

__all__ = ["own_server"]


def test_closing_while_five_hundred_wait_answers_each_of_them(ground: Ground) -> None:
    gate = threading.Event()
    with ground.engine() as engine:
        ledger = Ledger(engine, ORIGIN, judge=judge, signer=note_signer())
        commands: list[Prepared] = []
        with reading(engine) as reader:
            for n in range(501):
                data = envelope(event(700 + n, 0, 0, None), signer("an"))
                found = ledger.prepare(reader, data, now=now())
                assert isinstance(found, Prepared)
                commands.append(found)
        failpoints.at("locked", lambda: _wait(gate))
        with ThreadPoolExecutor(1) as pool:
            tickets = [ledger.put(command) for command in commands[:500]]
            closing = pool.submit(ledger.close)
            while not ledger._batcher._closing:
                time.sleep(0.001)
            with pytest.raises(Refused, match=r"ledger\.closing"):
                ledger.put(commands[500])
            gate.set()
            answers: list[Appended] = [ticket.result() for ticket in tickets]
            closing.result(PATIENCE_S)
        failpoints.at("locked", None)
        with reading(engine) as reader:
            for answer, command in zip(answers, commands, strict=False):
                entry = entry_at(reader, ledger.log, answer.seq)
                assert entry is not None
                assert (entry.hash, entry.envelope) == (answer.leaf, command.act.envelope)
    assert [answer.seq for answer in answers] == list(range(2, 502))
    ground.check([])
    assert not ground.tally.findings


def _wait(gate: threading.Event) -> None:
    assert gate.wait(PATIENCE_S)


def test_a_process_told_to_end_loses_nothing_that_it_acknowledged(ground: Ground) -> None:
    dice = chance()
    works = []
    for _ in range(4):
        work = ground.work(threads=8)
        pid = ground.start(work)
        time.sleep(dice.random() * 0.2)
        assert ground.nursery.kill(pid, signal.SIGTERM) == 0
        works.append(work)
        ground.check([work])
    tally = ground.final()
    assert tally.holds(), tally
    assert set(tally.errors) <= {"ledger.closing"}


def test_a_server_told_to_end_under_load_loses_no_act_that_it_acknowledged(own_server: Served) -> None:
    """Clients keep registering over HTTP while the server is asked to stop; every 201 is found afterwards."""
    acknowledged: list[str] = []
    stopping = threading.Event()

    def load() -> None:
        while not stopping.is_set():
            try:
                acknowledged.append(own_server.register())
            except (httpx.TransportError, AssertionError):
                return

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(load) for _ in range(4)]
        while len(acknowledged) < 8:
            time.sleep(0.01)
        assert own_server.end(signal.SIGTERM) == 0
        stopping.set()
        for one in running:
            one.result(PATIENCE_S)
    own_server.begin()
    for manifest in acknowledged:
        own_server.did(own_server.get(GENERATOR, f"/manifests/{manifest}"), 200)
