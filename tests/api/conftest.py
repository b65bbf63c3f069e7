"""A furnished deployment per test, its application, and a client that calls it in process."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import URL

from api.settings import settings
from tests.api.caller import Caller
from tests.api.homes import (
    START,
    Furnished,
    Ticking,
    furnish,
    postgres_copies,
    run,
    settings_of,
    sqlite_copies,
)
from tests.conftest import POSTGRES

NewHome = Callable[..., Furnished]


@pytest.fixture(scope="session")
def sqlite_home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A furnished deployment on SQLite, closed."""
    folder = tmp_path_factory.mktemp("home")
    return folder, furnish(settings_of(folder, str(folder / "ctnh.db")), Ticking(START))


@pytest.fixture(scope="session")
def postgres_home(
    postgres_server: URL, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path, dict[str, str]]]:
    """A furnished deployment on PostgreSQL that nobody is connected to."""
    name = f"ctnh_home_{uuid4().hex}"
    run(postgres_server, f"CREATE DATABASE {name}")
    folder = tmp_path_factory.mktemp("home")
    url = postgres_server.set(database=name).render_as_string(hide_password=False)
    yield name, folder, furnish(settings_of(folder, url), Ticking(START))
    run(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", POSTGRES])
def new_home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewHome]:
    """Open copies of the furnished deployment; the test runs once per kind of database."""
    if request.param == "sqlite":
        folder, keys = request.getfixturevalue("sqlite_home")
        with sqlite_copies(folder, keys, tmp_path) as new:
            yield new
    else:
        server = request.getfixturevalue("postgres_server")
        name, folder, keys = request.getfixturevalue("postgres_home")
        with postgres_copies(server, name, folder, keys, tmp_path) as new:
            yield new


@pytest.fixture
def furnished(new_home: NewHome) -> Furnished:
    """A furnished deployment; the test runs once per kind of database."""
    return new_home(Ticking())


@pytest.fixture
def api(furnished: Furnished) -> Iterator[Caller]:
    """Calls to its application, in process, on either kind of database."""
    with Caller.of(furnished) as caller:
        yield caller


@pytest.fixture
def lite(sqlite_home: tuple[Path, dict[str, str]], tmp_path: Path) -> Iterator[Caller]:
    """Calls to an application on SQLite, for what does not depend on the database."""
    folder, keys = sqlite_home
    with sqlite_copies(folder, keys, tmp_path) as new, Caller.of(new(Ticking())) as caller:
        yield caller


@pytest.fixture
def here(api: Caller, monkeypatch: pytest.MonkeyPatch) -> Iterator[Caller]:
    """A deployment that the environment names."""
    given = api.furnished.home.settings
    monkeypatch.setenv("CTNH_DATABASE_URL", given.database_url)
    monkeypatch.setenv("CTNH_DATA_DIR", str(given.data_dir))
    monkeypatch.setenv("CTNH_ORIGIN", given.origin)
    settings.cache_clear()
    yield api
    settings.cache_clear()
