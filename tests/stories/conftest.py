"""A server as it runs for users: a process of its own on a loopback port, called over TCP."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import func, select

from api.home import open_home, wall_clock
from api.settings import Settings
from ledger.storage.db import reading
from ledger.verifying.verify import verify
from manifest import reference
from manifest.replay import audit
from manifest.views import BALANCE
from tests.api.caller import Caller
from tests.api.homes import Furnished, furnish, run, settings_of
from tests.conftest import POSTGRES

PATIENCE_S = 60


@dataclass
class Served(Caller):
    """Calls to a server process, and what an auditor finds in its database."""

    settings: Settings | None = None
    process: subprocess.Popen[bytes] | None = None

    def audit(self) -> None:
        """Check the whole ledger and its views, and that no gram was made or lost."""
        home = self.furnished.home
        home.checkpoint()
        with reading(home.engine) as reader:
            report = verify(reader, trust=home.trust(), further=[audit(reference.default())])
            sums = select(func.sum(BALANCE.c.grams)).where(BALANCE.c.log == home.ledger.log)
            by_lot = set(reader.execute(sums.group_by(BALANCE.c.lot)).scalars())
        assert report.ok, report.as_json()
        assert by_lot <= {0}

    def end(self, with_signal: signal.Signals) -> int:
        """End the process; return its exit code."""
        assert self.process is not None
        self.process.send_signal(with_signal)
        return self.process.wait(PATIENCE_S)

    def begin(self) -> None:
        """Start the process and wait until it is ready."""
        assert self.settings is not None
        given = {f"CTNH_{name.upper()}": str(value) for name, value in self.settings.model_dump().items()}
        environment = {**os.environ, **given, "PYTHONUNBUFFERED": "1"}
        log = (self.settings.data_dir / "server.log").open("ab")
        with log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "api.serving"],
                env=environment,
                stdout=log,
                stderr=log,
                cwd=Path(__file__).parents[2],
            )
        for _ in range(PATIENCE_S * 20):
            try:
                if self.client.get("/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                assert self.process.poll() is None, (self.settings.data_dir / "server.log").read_text()
            time.sleep(0.05)
        raise AssertionError("the server did not get ready")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def serving(folder: Path, database: str) -> Iterator[Served]:
    """Furnish a deployment and serve it in a process."""
    port = _free_port()
    settings = settings_of(folder, database, port=port)
    keys = furnish(settings, wall_clock)
    home = open_home(settings)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_S) as client:
        served = Served(client, Furnished(home, keys), settings=settings)
        served.begin()
        yield served
        assert served.process is not None
        if served.process.poll() is None:
            assert served.end(signal.SIGTERM) == 0, (settings.data_dir / "server.log").read_text()
    home.close()


@contextmanager
def _served(request: pytest.FixtureRequest, folder: Path) -> Iterator[Served]:
    if request.param == "sqlite":
        with serving(folder, str(folder / "ctnh.db")) as served:
            yield served
        return
    server = request.getfixturevalue("postgres_server")
    name = f"ctnh_story_{uuid4().hex}"
    run(server, f"CREATE DATABASE {name}")
    url = server.set(database=name).render_as_string(hide_password=False)
    with serving(folder, url) as served:
        yield served
    run(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module", params=["sqlite", POSTGRES])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that the stories of a module share."""
    with _served(request, tmp_path_factory.mktemp("served")) as served:
        yield served


@pytest.fixture
def story(shared: Served) -> Iterator[Served]:
    """A server; when the story is told the whole ledger is checked."""
    yield shared
    shared.audit()


@pytest.fixture(params=["sqlite", POSTGRES])
def own_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    """A server for one story, which may end it as it likes."""
    with _served(request, tmp_path) as served:
        yield served
        served.audit()
