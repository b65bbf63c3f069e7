"""Whatever is wrong with a request, the answer has one shape, names the field, and speaks both languages."""

from collections.abc import Iterator
from dataclasses import is_dataclass
from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import Any, get_args, get_type_hints

import pytest
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.exc import OperationalError

from api.errors import STATUSES, language_of, status_of
from api.main import create_app
from api.reading import DATE_FIELDS, ENVELOPE_TYPE
from api.recorder import Signing, build_event
from ledger.errors import Conflict, Malformed, NotAllowed, NotFound, Refused, RuleBroken
from ledger.format.entry import Envelope, parse_envelope
from ledger.ids import uuid7
from ledger.storage.db import reading
from manifest.events import EVENTS, GenerationDeclared
from manifest.reference import FormNotValid, ReferenceRefused
from manifest.vocabulary import Role, State
from manifest.wording import catalogue
from pdf.errors import EditionUnknown, PdfError
from tests.api.caller import Answer, Caller
from tests.api.homes import FACILITY, GENERATOR, PLATE, START

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
    answer = lite.call(
        "POST", None, "/sessions", content=b"<a/>", headers={"Content-Type": "application/xml"}
    )
    told = problem(answer, 415, "api.media_type_wrong")
    assert "application/json" in told["title"]


def test_what_is_missing_from_a_registration_is_said_before_a_number_is_looked_for(lite: Caller) -> None:
    found = problem(lite.post(GENERATOR, "/manifests", {}), 422, "manifest.field_missing")

    assert {"/site", "/facility", "/permit", "/lines"} <= {one["path"] for one in found["errors"]}


def test_what_may_be_chosen_is_listed_without_words_of_another_language(lite: Caller) -> None:
    answer = lite.get(GENERATOR, "/manifests?status=lost")

    (one,) = problem(answer, 422, "manifest.choice_unknown")["errors"]
    assert "registered, in_transit" in one["message"]
    assert not {"or", "'"} & set(one["message"].replace("'", " ' ").split())


def test_wrong_parameters_are_named(lite: Caller) -> None:
    answer = lite.get(GENERATOR, "/manifests?limit=9999&status=lost&from=hom-qua&cursor=x")
    told = {one["path"]: one["code"] for one in answer.json()["errors"]}
    assert told == {
        "/query/limit": "manifest.number_too_large",
        "/query/status": "manifest.choice_unknown",
        "/query/from": "manifest.date_invalid",
        "/query/cursor": "api.integer_required",
    }
    problem(lite.post(None, "/sessions", {"login": "a"}), 422, "manifest.field_missing")
    broken = lite.call("POST", None, "/sessions", content=b"{", headers=JSON)
    problem(broken, 422, "ledger.json_broken")
    surrogate = b'{"login": "\\ud800", "password": "\\ud800"}'
    assert lite.call("POST", None, "/sessions", content=surrogate, headers=JSON).status_code == 422


EARLY, LATE = "0001-01-01T00:00:00+07:00", "9999-12-31T20:00:00Z"


@pytest.mark.parametrize(
    ("path", "body", "place"),
    [
        ("/lots", {"occurred_at": EARLY}, "/occurred_at"),
        ("/lots", {"occurred_at": LATE}, "/occurred_at"),
        ("/lots", {"occurred_at": "1999-12-31T16:59:59Z"}, "/occurred_at"),
        ("/lots", {"occurred_at": "2201-01-01T00:00:00+07:00"}, "/occurred_at"),
        ("/lots", {"generated_on": "0001-01-01"}, "/generated_on"),
        ("/manifests", {"occurred_at": EARLY}, "/occurred_at"),
        ("/manifests", {"occurred_at": LATE}, "/occurred_at"),
        ("/manifests/x/treatments", {"parts": [{"treated_on": "9999-12-31"}]}, "/parts/0/treated_on"),
        ("/permits", {"valid_from": "2025-01-01", "valid_to": "9999-12-31"}, "/valid_to"),
        ("/acts", {"kind": "x", "body": {}, "occurred_at": LATE}, "/occurred_at"),
        ("/acts", {"kind": "x", "body": {"generated_on": "1999-12-31"}}, "/body/generated_on"),
        ("/prepare", {"kind": "x", "body": {"valid_from": "2201-01-01"}, "actors": []}, "/body/valid_from"),
    ],
)
def test_what_lies_outside_the_calendar_is_refused(
    lite: Caller, path: str, body: dict[str, Any], place: str
) -> None:
    before = lite.size
    found = problem(lite.post(GENERATOR, path, body), 422, "manifest.date_invalid")
    assert [one["path"] for one in found["errors"]] == [place]
    assert lite.size == before


@pytest.mark.parametrize("day", ["0001-01-01", "1999-12-31", "2201-01-01", "9999-12-31"])
@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/manifests", "from"), ("/manifests", "to"), ("/codes", "on"), ("/codes/170203", "on"),
        ("/areas", "on"),
    ],
)  # fmt: skip
def test_a_date_asked_for_lies_in_the_calendar(lite: Caller, path: str, name: str, day: str) -> None:
    found = problem(lite.get(GENERATOR, f"{path}?{name}={day}"), 422, "manifest.date_invalid")
    assert [one["path"] for one in found["errors"]] == [f"/query/{name}"]


@pytest.mark.parametrize("day", ["2000-01-01", "2200-12-31"])
def test_the_ends_of_the_calendar_can_be_asked_for(lite: Caller, day: str) -> None:
    for name in ("from", "to"):
        assert lite.get(GENERATOR, f"/manifests?{name}={day}").status_code == 200
    for path in ("/codes", "/codes/170203", "/areas"):
        assert lite.get(None, f"{path}?on={day}").status_code in {200, 422}, path


def _days(kind: Any) -> set[str]:
    """Return the names of the fields that are dates, in a body and what stands in it."""
    found: set[str] = set()
    for name, hint in get_type_hints(kind).items():
        parts = [hint, *get_args(hint)]
        if date in parts:
            found.add(name)
        for part in parts:
            if is_dataclass(part):
                found |= _days(part)
    return found


def test_every_date_of_an_event_is_bounded() -> None:
    assert set().union(*map(_days, EVENTS.values())) == DATE_FIELDS


def signed(lite: Caller, occurred_at: datetime, generated_on: str) -> bytes:
    """Return the envelope of a lot, signed with the generator's key by whoever asks no API."""
    home = lite.furnished.home
    with reading(home.engine) as reader:
        kept = home.custody.of_party(reader, GENERATOR).signer
        made = build_event(
            reader,
            home.ledger,
            GenerationDeclared(
                lot=(lot := uuid7(home.clock())),
                site="site:generator",
                code="17 02 03",
                state=State.LIQUID,
                mass_g=1,
                generated_on=date.fromisoformat(generated_on),
            ),
            [Signing(GENERATOR, Role.GENERATOR, kept).actor()],
            stream=lot,
            occurred_at=occurred_at,
            idem=uuid7(home.clock()),
        )
    data = made.to_bytes()
    return Envelope((kept.sign_event(data),), data).to_bytes()


@pytest.mark.parametrize(
    ("occurred_at", "generated_on", "place"),
    [
        (datetime(1, 1, 1, tzinfo=UTC), "2025-04-01", "/occurred_at"),
        (datetime(9999, 12, 31, 20, tzinfo=UTC), "2025-04-01", "/occurred_at"),
        (START, "0001-01-01", "/body/generated_on"),
    ],
)
def test_a_signed_event_lies_in_the_calendar(
    lite: Caller, occurred_at: datetime, generated_on: str, place: str
) -> None:
    before = lite.size
    data = signed(lite, occurred_at, generated_on)
    headers = {"Content-Type": ENVELOPE_TYPE}
    answer = lite.call("POST", GENERATOR, "/events", content=data, headers=headers)
    assert problem(answer, 422, "manifest.date_invalid")["errors"][0]["path"] == place
    (one,) = lite.post(GENERATOR, "/events", [{"envelope": data.decode()}]).json()["results"]
    assert (one["status"], one["problem"]["code"]) == (422, "manifest.date_invalid")
    body = {"event": parse_envelope(data).event.decode(), "signatures": []}
    problem(lite.post(GENERATOR, "/acts/countersign", body), 422, "manifest.date_invalid")
    assert lite.size == before


def test_a_manifest_of_a_day_without_a_form_is_refused(lite: Caller) -> None:
    body = lite.registration() | {"occurred_at": "2001-01-01T00:00:00Z"}
    body.pop("form", None)
    found = problem(lite.post(GENERATOR, "/manifests", body), 422, "reference.form_not_valid")
    assert found["errors"][0]["path"] == "/occurred_at"


@pytest.mark.parametrize(
    "refusal", [FormNotValid("form", date(2001, 1, 1)), PdfError(), EditionUnknown(edition=object())]
)
def test_what_other_layers_refuse_is_no_fault(
    lite: Caller, monkeypatch: pytest.MonkeyPatch, refusal: ReferenceRefused | PdfError
) -> None:
    def refuse(*_: object) -> None:
        raise refusal

    monkeypatch.setattr("api.deps.check", refuse)
    problem(lite.get(GENERATOR, "/manifests"), 422, refusal.code)


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


def test_an_answer_says_what_it_took_and_a_refusal_does_not(lite: Caller) -> None:
    name, _, took = lite.get(GENERATOR, "/manifests").headers["server-timing"].partition(";dur=")
    assert name == "app"
    assert 0 < float(took) < 10_000
    for answer in (lite.get(None, "/me"), lite.get(GENERATOR, "/manifests/0196-another-s")):
        assert answer.status_code >= 400
        assert "server-timing" not in answer.headers


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
        if statement.startswith("UPDATE ledger_head"):
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
