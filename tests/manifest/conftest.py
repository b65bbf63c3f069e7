"""A world ready for its first manifest, on either database: made once and then copied, which is quick."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import URL, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from ledger.storage.db import open_engine, reading
from ledger.verifying.verify import verify
from manifest.reference import default
from manifest.replay import audit
from tests.conftest import POSTGRES, _postgres_copies, _run, _sqlite_copies, _text
from tests.world import World


@pytest.fixture(scope="session")
def sqlite_opened(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, World]:
    """A closed SQLite file with filled registers, and the world that filled them."""
    path = tmp_path_factory.mktemp("world") / "world.db"
    shutil.copy(sqlite_template, path)
    engine = open_engine(str(path))
    world = World.open(engine)
    engine.dispose()
    return path, world


@pytest.fixture(scope="session")
def postgres_opened(postgres_server: URL, postgres_template: str) -> Iterator[tuple[str, World]]:
    """The name of a database with filled registers that nobody is connected to, and its world."""
    name = f"ctnh_world_{uuid4().hex}"
    _run(postgres_server, f"CREATE DATABASE {name} TEMPLATE {postgres_template}")
    engine = open_engine(_text(postgres_server.set(database=name)))
    world = World.open(engine)
    engine.dispose()
    yield name, world
    _run(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def world_on(kind: str, request: pytest.FixtureRequest) -> Iterator[World]:
    """Yield a copy of the opened world on a kind of database."""
    if kind == "sqlite":
        path, opened = request.getfixturevalue("sqlite_opened")
        copies = _sqlite_copies(path)
    else:
        name, opened = request.getfixturevalue("postgres_opened")
        copies = _postgres_copies(request.getfixturevalue("postgres_server"), name)
    with copies as new:
        engine = new()
        if kind == "sqlite":
            event.listen(engine, "connect", _forget_power_cuts)
        yield opened.copied(engine)


def _forget_power_cuts(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=OFF")
    cursor.close()


@pytest.fixture(params=["sqlite", POSTGRES])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A world of its own for each test, once per kind of database.

    In the end its ledger has to verify, with every view replayed.
    """
    with world_on(request.param, request) as made:
        yield made
        if request.param != "sqlite":
            return  # the judge is the same; that both databases keep the same rows is for test_replay
        with reading(made.engine) as reader:
            report = verify(reader, further=(audit(default()),))
        assert {finding.code for finding in report.findings} <= {"ledger.no_checkpoint"}, report.findings
