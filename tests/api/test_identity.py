from datetime import timedelta

import pytest

from api.identity.accounts import LoginFailed, change_account, log_in, make_account
from api.identity.store import TOKEN
from api.identity.tokens import hash_of, make_api_key
from ledger.errors import Conflict, Malformed, NotFound, RuleBroken
from ledger.storage.db import reading
from ledger.storage.store import rows
from tests.api.caller import Caller
from tests.api.homes import AUTHORITY, GENERATOR, RIVAL, Ticking

LOGIN = {"login": "thủ-kho@ngoclu.vn", "password": "bèo-dạt-mây-trôi"}


@pytest.fixture
def person(api: Caller) -> Caller:
    make_account(api.furnished.home, **LOGIN, party=GENERATOR, name="Nguyễn Văn Thủ Kho")
    return api


def _code(answer: object) -> str:
    return str(answer.json()["code"])  # type: ignore[attr-defined]


def test_a_login_gives_a_session_that_logging_out_ends(person: Caller) -> None:
    made = person.did(person.post(None, "/sessions", LOGIN | {"login": " THỦ-KHO@ngoclu.vn "}))
    assert made["party"] == GENERATOR
    assert made["token"].startswith("ctns_")
    me = person.did(person.get(made["token"], "/me"), 200)
    assert (me["party"], me["kind"]) == (GENERATOR, "session")
    assert person.call("DELETE", made["token"], "/sessions/current").status_code == 204
    assert person.get(made["token"], "/me").status_code == 401


def test_only_the_hash_of_a_token_is_kept(person: Caller) -> None:
    token = person.did(person.post(None, "/sessions", LOGIN))["token"]
    home = person.furnished.home
    with reading(home.engine) as reader:
        kept = rows(reader, TOKEN, log=home.ledger.log, login=LOGIN["login"])
    assert [row["hash"] for row in kept] == [hash_of(token)]
    assert token not in str(kept)


def test_who_does_not_get_in_learns_nothing(person: Caller) -> None:
    make_account(person.furnished.home, login="nghỉ.việc", password=LOGIN["password"], party=RIVAL, name="Cũ")
    change_account(person.furnished.home, "nghỉ.việc", disabled=True)
    answers = [
        person.post(None, "/sessions", {"login": login, "password": password})
        for login, password in (
            ("nobody", LOGIN["password"]),
            (LOGIN["login"], "sai mật khẩu"),
            ("nghỉ.việc", LOGIN["password"]),
        )
    ]
    bodies = [answer.json() | {"request_id": ""} for answer in answers]
    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert bodies[0] == bodies[1] == bodies[2]
    assert bodies[0]["code"] == "api.login_failed"


def test_five_failures_lock_an_account_for_a_quarter_of_an_hour(lite: Caller) -> None:
    home = lite.furnished.home
    make_account(home, **LOGIN, party=GENERATOR, name="Thủ kho")
    now = home.clock()
    for _ in range(5):
        with pytest.raises(LoginFailed):
            log_in(home, LOGIN["login"], "sai", now)
    with pytest.raises(LoginFailed):
        log_in(home, LOGIN["login"], LOGIN["password"], now + timedelta(minutes=14))
    assert log_in(home, LOGIN["login"], LOGIN["password"], now + timedelta(minutes=16)).party == GENERATOR


def test_a_session_expires(person: Caller) -> None:
    token = person.did(person.post(None, "/sessions", LOGIN))["token"]
    clock = person.furnished.home.clock
    assert isinstance(clock, Ticking)
    clock.now += timedelta(hours=13)
    answer = person.get(token, "/me")
    assert (answer.status_code, _code(answer)) == (401, "api.token_invalid")


def test_a_new_password_ends_the_sessions_of_the_old(lite: Caller) -> None:
    home = lite.furnished.home
    make_account(home, **LOGIN, party=GENERATOR, name="Thủ kho")
    token = log_in(home, LOGIN["login"], LOGIN["password"], home.clock()).token
    change_account(home, LOGIN["login"], password="khác hẳn hoàn toàn")
    assert lite.get(token, "/me").status_code == 401
    assert log_in(home, LOGIN["login"], "khác hẳn hoàn toàn", home.clock()).party == GENERATOR
    with pytest.raises(NotFound):
        change_account(home, "nobody", disabled=True)


def test_accounts_that_cannot_be_are_refused(lite: Caller) -> None:
    home = lite.furnished.home
    with pytest.raises(Malformed) as found:
        make_account(home, login=" ", password="ngắn", party=GENERATOR, name="x")
    assert {one.path for one in found.value.problems} == {"/login", "/password"}
    with pytest.raises(RuleBroken):
        make_account(home, **LOGIN, party="org:nobody", name="x")
    make_account(home, **LOGIN, party=GENERATOR, name="x")
    with pytest.raises(Conflict):
        make_account(home, **LOGIN, party=GENERATOR, name="x")


@pytest.mark.parametrize("header", ["", "Basic YTpi", "Bearer", "Bearer ctnh_short", "Bearer " + "x" * 5000])
def test_without_a_token_that_holds_nothing_is_shown(lite: Caller, header: str) -> None:
    answer = lite.client.get("/api/v1/manifests", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["code"] in {"api.unauthenticated", "api.token_invalid"}


def test_an_api_key_is_shown_once_and_ends_when_it_is_revoked(api: Caller) -> None:
    made = api.did(api.post(GENERATOR, "/api-keys", {"name": "ERP", "scope": "act", "days": 30}))
    assert made["key"].startswith("ctnh_")
    listed = api.did(api.get(GENERATOR, "/api-keys"), 200)["items"]
    assert made["key"] not in str(listed)
    assert made["id"] in {one["id"] for one in listed}
    assert api.get(made["key"], "/me").status_code == 200
    assert api.call("DELETE", GENERATOR, f"/api-keys/{made['id']}").status_code == 204
    assert api.get(made["key"], "/me").status_code == 401
    shown = {one["id"]: one["revoked"] for one in api.get(GENERATOR, "/api-keys").json()["items"]}
    assert shown[made["id"]] is True


def test_a_party_neither_sees_nor_revokes_anothers_keys(api: Caller) -> None:
    made = api.did(api.post(GENERATOR, "/api-keys", {"name": "ERP"}))
    assert made["id"] not in str(api.get(RIVAL, "/api-keys").json())
    assert api.call("DELETE", RIVAL, f"/api-keys/{made['id']}").status_code == 404
    assert api.get(made["key"], "/me").status_code == 200


def test_a_key_that_may_only_read_cannot_act(api: Caller) -> None:
    key = api.did(api.post(GENERATOR, "/api-keys", {"name": "xem", "scope": "read"}))["key"]
    before = api.size
    assert api.get(key, "/manifests").status_code == 200
    for path in ("/manifests", "/events", "/acts", "/prepare", "/lots", "/api-keys", "/acts/countersign"):
        answer = api.post(key, path, {"name": "x"})
        assert (answer.status_code, _code(answer)) == (403, "api.scope_read_only"), path
    assert api.size == before


def test_a_key_never_outlives_the_key_that_makes_it(lite: Caller) -> None:
    short = lite.did(lite.post(GENERATOR, "/api-keys", {"name": "a", "scope": "act", "days": 2}))["key"]
    answer = lite.post(short, "/api-keys", {"name": "b", "days": 30})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"] == "/days"
    assert lite.post(short, "/api-keys", {"name": "b", "days": 1}).status_code == 201


def test_keys_that_cannot_be_are_refused(lite: Caller) -> None:
    home = lite.furnished.home
    with pytest.raises(Malformed) as found:
        make_api_key(home, AUTHORITY, name=" ", scope="all", days=0, now=home.clock())
    assert {one.path for one in found.value.problems} == {"/scope", "/name", "/days"}
    with pytest.raises(RuleBroken):
        make_api_key(home, "org:nobody", name="x", now=home.clock())
