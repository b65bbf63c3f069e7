"""Whatever is wrong with a request, the answer has one shape, names the field, and speaks both languages."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.exc import OperationalError

from api.errors import STATUSES, language_of, status_of
from api.main import create_app
from ledger.errors import Conflict, Malformed, NotAllowed, NotFound, Refused, RuleBroken
from manifest.wording import catalogue
from tests.api.caller import Answer, Caller
from tests.api.homes import FACILITY, GENERATOR, PLATE

JSON = {"Content-Type": "application/json"}


def problem(answer: Answer, status: int, code: str) -> dict[str, Any]:
    """Return the problem of an answer, once its shape, status and code are found right."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["code"] == code, body
    assert body["status"] == status
    assert body["type"] == f"urn:ctnh-ledger:error:{code}"
    assert body["request_id"] == answer.headers["x-request-id"]
    assert body["title"] == body["errors"][0]["message"]
    for one in body["errors"]:
        assert set(one) == {"code", "path", "message", "facts"}
        assert one["message"] != one["code"], "every code has words"
        assert one["path"] == "" or one["path"].startswith("/")
    return body


def test_the_table_has_a_status_for_every_refusal() -> None:
    expected = {Malformed: 422, RuleBroken: 422, NotAllowed: 403, Conflict: 409, NotFound: 404}
    assert {kind: STATUSES[kind].value for kind in expected} == expected
    assert status_of(Refused()) is HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "vi"), ("*", "vi"), ("fr-FR", "vi"), ("vi-VN,en;q=0.9", "vi"), ("en", "en"),
        ("en-GB,vi;q=0.5", "en"), ("en;q=0.1,vi;q=0.9", "vi"), ("en;q=x", "vi"), ("EN-us", "en"),
    ],
)  # fmt: skip
def test_vietnamese_unless_english_is_preferred(accepted: str, language: str) -> None:
    assert language_of(accepted) == language


def test_a_problem_is_told_in_both_languages(lite: Caller) -> None:
    told = {
        language: problem(
            lite.post(GENERATOR, "/lots", {"mass_g": 0}, headers={"Accept-Language": language}),
            422,
            "manifest.field_missing",
        )
        for language in ("vi", "en")
    }
    assert {one["path"] for one in told["vi"]["errors"]} >= {"/site", "/code", "/mass_g", "/state"}
    assert [one["code"] for one in told["vi"]["errors"]] == [one["code"] for one in told["en"]["errors"]]
    assert told["vi"]["title"] == catalogue("vi")[None, "manifest.field_missing"]
    assert told["en"]["title"] == catalogue("en")[None, "manifest.field_missing"]


@pytest.mark.parametrize(
    ("sent", "code", "path"),
    [
        (b'{"site": ', "ledger.json_broken", ""),
        (b"\xff\xfe", "ledger.json_broken", ""),
        (b'{"site": NaN}', "ledger.json_broken", ""),
        (b'{"site": "\\ud800"}', "ledger.json_broken", ""),
        (b"[" * 5000, "ledger.json_broken", ""),
        (b"[" * 900 + b"]" * 900, "ledger.json_too_deep", ""),
        (b"[1]", "api.object_expected", ""),
        (b'{"site": "a", "site": "b"}', "ledger.duplicate_key", "/site"),
        (b'{"mass_g": 1.5}', "ledger.float_forbidden", "/mass_g"),
        (b'{"mass_g": 1e3}', "ledger.float_forbidden", "/mass_g"),
        (b'{"mass_g": 9007199254740992}', "ledger.integer_out_of_range", "/mass_g"),
        ('{"container": "Bình chứa"}'.encode(), "ledger.text_not_nfc", "/container"),
        ('{"container": "Bình\u200bchứa"}'.encode(), "ledger.character_forbidden", "/container"),
        (b'{"a": ' * 30 + b"1" + b"}" * 30, "ledger.json_too_deep", "/a" * 16),
        (b'{"occurred_at": "hom qua"}', "api.time_invalid", "/occurred_at"),
        (b'{"occurred_at": "2025-04-01T00:00:00"}', "api.time_invalid", "/occurred_at"),
        (b'{"secrets": []}', "manifest.field_invalid", "/secrets"),
        (b'{"secrets": {"driver": {"value": "x"}}}', "manifest.field_invalid", "/secrets/driver/subject"),
        (b'{"on_behalf_of": 1}', "manifest.field_invalid", "/on_behalf_of"),
    ],
)  # fmt: skip
def test_bad_json_is_named_and_writes_nothing(lite: Caller, sent: bytes, code: str, path: str) -> None:
    before = lite.size
    sent = sent.replace("Bình chứa".encode(), "Bi\u0300nh chứa".encode())
    answer = lite.call("POST", GENERATOR, "/lots", content=sent, headers=JSON)
    assert problem(answer, 422, code)["errors"][0]["path"] == path
    assert lite.size == before


def test_all_wrong_fields_are_told_at_their_paths_in_the_request(lite: Caller) -> None:
    body = lite.registration(note="thừa")
    body["lines"][0] |= {"mass_g": -5, "state": "gas", "code": 170203}
    answer = lite.post(GENERATOR, "/manifests", body)
    told = {one["path"]: one["code"] for one in answer.json()["errors"]}
    assert told["/lines/0/mass_g"] == "manifest.mass_not_positive"
    assert told["/lines/0/state"] == "manifest.choice_unknown"
    assert told["/note"] == "manifest.field_unknown"


def test_a_rule_names_the_field_and_the_figures(lite: Caller) -> None:
    body = lite.registration(500_000)
    body["lines"][0] |= {"mass_g": 600_000, "lots": [body["lines"][0]["lots"][0] | {"mass_g": 600_000}]}
    found = problem(lite.post(GENERATOR, "/manifests", body), 422, "manifest.lot_short")
    (one,) = found["errors"]
    assert one["path"] == "/lines/0/lots/0/mass_g"
    assert one["facts"] == {"stored_g": 500_000, "mass_g": 600_000}
    assert "500" in one["message"]
    assert "600" in one["message"]


def test_an_act_out_of_turn_is_a_conflict(lite: Caller) -> None:
    manifest = lite.register()
    answer = lite.post(FACILITY, f"/manifests/{manifest}/arrival", {"vehicle_plate": PLATE})
    problem(answer, 409, "manifest.transition_refused")


def test_the_frameworks_own_refusals_have_the_same_shape(lite: Caller) -> None:
    problem(lite.get(GENERATOR, "/nowhere"), 404, "api.route_unknown")
    problem(lite.client.get("/nowhere"), 404, "api.route_unknown")
    problem(lite.call("PUT", GENERATOR, "/manifests"), 405, "api.method_not_allowed")
    answer = lite.call("POST", GENERATOR, "/lots", content=b"a=1", headers={"Content-Type": "text/plain"})
    problem(answer, 415, "api.media_type_wrong")
    answer = lite.call("POST", GENERATOR, "/events", content=b"a=1", headers={"Content-Type": "text/plain"})
    problem(answer, 415, "api.media_type_wrong")


def test_wrong_parameters_are_named(lite: Caller) -> None:
    answer = lite.get(GENERATOR, "/manifests?limit=9999&status=lost&from=hom-qua&cursor=x")
    told = {one["path"]: one["code"] for one in answer.json()["errors"]}
    assert told == {
        "/query/limit": "manifest.number_too_large",
        "/query/status": "manifest.choice_unknown",
        "/query/from": "manifest.date_invalid",
        "/query/cursor": "manifest.integer_required",
    }
    problem(lite.post(None, "/sessions", {"login": "a"}), 422, "manifest.field_missing")
    broken = lite.call("POST", None, "/sessions", content=b"{", headers=JSON)
    problem(broken, 422, "ledger.json_broken")
    surrogate = b'{"login": "\\ud800", "password": "\\ud800"}'
    assert lite.call("POST", None, "/sessions", content=surrogate, headers=JSON).status_code == 422


def test_text_that_no_database_holds_is_no_fault_of_ours(api: Caller) -> None:
    for path in (
        "/manifests/%00",
        "/organisations/%00",
        "/manifests?generator=%00",
        "/lots/%00",
        "/codes/%00",
    ):
        assert api.get(GENERATOR, path).status_code in {200, 404, 422}, path
    for path, body in (
        ("/sessions", {"login": "\x00", "password": "\x00"}),
        ("/api-keys", {"name": "a\x00"}),
        ("/lots", {"container": "\x00"}),
        ("/acts", {"kind": "\x00", "body": {}}),
    ):
        answer = api.post(GENERATOR, path, body)
        assert answer.status_code in {201, 401, 422}, (path, answer.text)


def test_answers_carry_security_headers(lite: Caller) -> None:
    for answer in (lite.get(GENERATOR, "/manifests"), lite.get(None, "/me"), lite.client.get("/healthz")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert "server" not in answer.headers


def test_a_fault_says_no_more_than_its_request(lite: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("api.deps.check", broken)
    answer = lite.get(GENERATOR, "/manifests")
    found = problem(answer, 500, "api.fault")
    assert "secret" not in answer.text
    assert found["errors"][0]["facts"]["request_id"] == found["request_id"]


@pytest.fixture
def failing_commit(api: Caller) -> Iterator[list[int]]:
    """Have every commit that wrote an entry fail, as a full disk would."""
    engine = api.furnished.home.engine
    failed: list[int] = []
    wrote: list[int] = []

    def seen(_c: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("INSERT INTO ledger_entry"):
            wrote.append(1)

    def fail(_connection: object) -> None:
        if wrote:
            wrote.clear()
            failed.append(1)
            raise OperationalError("COMMIT", {}, Exception("database or disk is full"))

    sqlalchemy_event.listen(engine, "before_cursor_execute", seen)
    sqlalchemy_event.listen(engine, "commit", fail)
    yield failed
    sqlalchemy_event.remove(engine, "commit", fail)
    sqlalchemy_event.remove(engine, "before_cursor_execute", seen)


def test_a_commit_that_fails_is_never_answered_as_recorded(api: Caller, failing_commit: list[int]) -> None:
    before = api.size
    body = {"site": "site:generator", "code": "17 02 03", "state": "liquid", "mass_g": 1}
    answer = api.post(GENERATOR, "/lots", body | {"generated_on": "2025-04-01"})
    assert failing_commit
    problem(answer, 503, "api.database_unavailable")
    assert answer.headers["retry-after"] == "1"
    assert api.size == before


def test_the_documentation_is_made_and_names_every_route(lite: Caller) -> None:
    made = create_app(lite.furnished.home).openapi()
    assert lite.client.get("/openapi.json").json()["openapi"].startswith("3.")
    assert "jsdelivr" in lite.client.get("/docs").headers["content-security-policy"]
    paths = made["paths"]
    for path in (
        "/manifests", "/manifests/{manifest}/handovers",
        "/manifests/{manifest}/corrections/{correction}/consent",
        "/events", "/prepare", "/acts", "/acts/countersign", "/feed", "/ratio", "/lots/{lot}/self-treatments",
    ):  # fmt: skip
        assert f"/api/v1{path}" in paths, path
    text = str(made)
    names = {part.split("'")[0] for part in text.split("#/components/schemas/")[1:]}
    assert names <= set(made["components"]["schemas"])
    weighing = paths["/api/v1/manifests/{manifest}/weighing"]["post"]["requestBody"]["content"]
    assert set(weighing["application/json"]["schema"]["properties"]) >= {"instrument", "lines", "occurred_at"}
