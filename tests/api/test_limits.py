"""Too much: bodies that are too large, requests that are too many, a database that is not there."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from api.main import create_app
from api.work import Pool
from ledger.storage.db import writing
from tests.api.caller import Caller, InProcess
from tests.api.homes import GENERATOR
from tests.api.test_problems import problem

MEGABYTE = 1024 * 1024


def test_a_body_of_ten_megabytes_is_refused_and_writes_nothing(api: Caller) -> None:
    before = api.size
    for path, party in (("/lots", GENERATOR), ("/events", None), ("/nowhere", None)):
        answer = api.call(
            "POST",
            party,
            path,
            content=b"x" * (10 * MEGABYTE),
            headers={"Content-Type": "application/json"},
        )
        found = problem(answer, 413, "api.body_too_large")
        assert found["errors"][0]["facts"] == {"limit": 2 * MEGABYTE}
    assert api.size == before


@pytest.mark.parametrize("path", ["/api/v1/lots", "/api/v1/sessions", "/api/v1/events"])
def test_a_body_without_a_length_is_read_up_to_the_limit_and_no_further(lite: Caller, path: str) -> None:
    app = create_app(lite.furnished.home)
    given = 0
    answered: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        nonlocal given
        given += MEGABYTE
        return {"type": "http.request", "body": b" " * MEGABYTE, "more_body": True}

    async def send(message: Any) -> None:
        answered.append(message)

    bearer = f"Bearer {lite.furnished.keys[GENERATOR]}".encode()
    headers = [(b"content-type", b"application/json"), (b"authorization", bearer)]
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "query_string": b""}
    scope |= {"scheme": "http", "server": ("ledger.test", 80), "http_version": "1.1", "root_path": ""}
    asyncio.run(app(scope, receive, send))
    assert answered[0]["status"] == 413
    assert given <= 3 * MEGABYTE


def test_a_length_that_is_no_number_is_refused(lite: Caller) -> None:
    app = create_app(lite.furnished.home)
    answered: list[Any] = []

    async def send(message: Any) -> None:
        answered.append(message)

    async def receive() -> Any:
        raise AssertionError("the body is not read")

    scope = {"type": "http", "method": "POST", "path": "/api/v1/lots", "query_string": b""}
    scope |= {"headers": [(b"content-length", b"-1")], "http_version": "1.1", "root_path": ""}
    asyncio.run(app(scope, receive, send))
    assert answered[0]["status"] == 413


def test_when_all_places_are_taken_one_is_told_to_come_back(lite: Caller) -> None:
    app = create_app(lite.furnished.home)
    app.state.writes = Pool(1, 0)
    assert isinstance(lite.transport, InProcess)
    lite.transport.asgi.app = app
    before = lite.size
    answer = lite.call("POST", GENERATOR, "/lots", content=b"{", headers={"Content-Type": "application/json"})
    problem(answer, 503, "api.busy")
    assert answer.headers["retry-after"] == "1"
    assert lite.get(GENERATOR, "/lots").status_code == 200
    assert lite.size == before


def test_readiness_tells_the_truth(api: Caller) -> None:
    assert api.client.get("/healthz").json() == {"status": "ok"}
    assert api.client.get("/readyz").json()["status"] == "ok"
    home = api.furnished.home
    with writing(home.engine, 0) as writer:
        writer.execute(text("UPDATE alembic_version SET version_num = '0001_ledger'"))
    stale = api.client.get("/readyz")
    assert (stale.status_code, stale.json()["status"]) == (503, "stale")


def test_a_database_that_is_gone_is_not_ready(lite: Caller, tmp_path: Any) -> None:
    from ledger.storage.db import open_engine  # noqa: PLC0415

    engine = open_engine(str(tmp_path / "no" / "such" / "folder.db"))
    home = lite.furnished.home
    object.__setattr__(home, "engine", engine)
    gone = lite.client.get("/readyz")
    assert (gone.status_code, gone.json()["database"]) == (503, False)
    problem(lite.get(GENERATOR, "/manifests"), 503, "api.database_unavailable")
