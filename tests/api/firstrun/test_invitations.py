"""A one-time code opens once, in its time and for its organisation; then there are an account and a key."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import select

from api.firstrun import invitations
from api.firstrun.invitations import DAYS, Code, InvitationFailed, hash_of, keep_code, new_code, redeem
from api.firstrun.roster import import_roster
from api.firstrun.store import INVITATION
from api.identity.store import ACCOUNT, CUSTODY
from ledger.errors import Conflict, RuleBroken
from ledger.storage.db import reading
from ledger.storage.store import KEY, rows
from tests.api.caller import Caller
from tests.api.firstrun.rosters import organisation, roster, site, tax_code
from tests.api.homes import AUTHORITY, GENERATOR
from tests.api.test_problems import problem

PASSWORD = "nước-chảy-đá-mòn"


def entered(api: Caller) -> str:
    """Enter an organisation and its site; return its tax code."""
    code = tax_code()
    done = import_roster(api.furnished.home, roster(organisation(code), site(code)))
    assert done.refused == []
    return code


def invited(api: Caller, owner: str, days: int = DAYS) -> Code:
    home = api.furnished.home
    now = home.clock()
    code = new_code(f"org:{owner}", now, days)
    keep_code(home, code, now)
    return code


def asked(owner: str, letter: Code, /, **changed: str) -> dict[str, str]:
    given = {"organisation": owner, "code": letter.text, "login": f"user-{owner}", "name": "Nguyễn Thị Hương"}
    return given | {"password": PASSWORD} | changed


def send(api: Caller, given: dict[str, str]) -> Any:
    return api.post(None, "/invitations/redemption", given)


def test_a_code_is_exchanged_for_an_account_and_a_key(api: Caller) -> None:
    owner = entered(api)
    code, size = invited(api, owner), api.size
    made = api.did(send(api, asked(owner, code)))
    assert (made["party"], made["admitted"], made["login"]) == (f"org:{owner}", False, f"user-{owner}")
    assert api.size == size + 1, "the key's entry"
    home = api.furnished.home
    with reading(home.engine) as reader:
        (key,) = rows(reader, KEY, log=home.ledger.log, party=f"org:{owner}")
        (kept,) = rows(reader, CUSTODY, log=home.ledger.log, party=f"org:{owner}")
    assert key["kid"] == kept["kid"] == made["kid"]
    session = api.did(api.post(None, "/sessions", {"login": f"user-{owner}", "password": PASSWORD}))
    assert api.get(session["token"], "/me").json()["roles"] == [], "not admitted: no roles yet"
    problem(send(api, asked(owner, code, login="second")), 403, "api.invitation_failed")
    api.did(api.post(AUTHORITY, f"/organisations/org:{owner}/admission"))
    lot = {
        "site": f"site:{owner}", "code": "17 02 03", "state": "liquid", "mass_g": 1000,
        "generated_on": api.today, "opening": True,
    }  # fmt: skip
    assert api.did(api.post(session["token"], "/lots", lot))["kind"] == "generation.opening_declared.v1"


def test_nothing_of_a_code_is_kept_but_its_hash(lite: Caller) -> None:
    owner = entered(lite)
    code = invited(lite, owner)
    home = lite.furnished.home
    with reading(home.engine) as reader:
        (row,) = rows(reader, INVITATION, log=home.ledger.log)
    assert code.text not in str(row)
    assert code.text.replace("-", "") not in str(row)
    assert row["hash"] == hash_of(f"org:{owner}", code.text)
    assert row["hash"] != hash_of("org:other", code.text), "a row moved to another party opens nothing"
    assert len({new_code("org:x", home.clock()).text for _ in range(50)}) == 50


@pytest.mark.parametrize("spoil", ["lower", "spaces", "bare", "misread"])
def test_a_code_is_read_as_people_type_it(lite: Caller, spoil: str) -> None:
    owner = entered(lite)
    home, now = lite.furnished.home, lite.furnished.home.clock()
    code = Code(f"org:{owner}", "01234-56789-ABCDE-FGH10", now + timedelta(days=1))
    keep_code(home, code, now)
    typed = {
        "lower": code.text.lower(),
        "spaces": f" {code.text.replace('-', ' ')} ",
        "bare": code.text.replace("-", ""),
        "misread": "oI234-56789-ABCDE-FGHLO",
    }[spoil]
    assert redeem(home, now=now, **asked(owner, code, code=typed)).party == f"org:{owner}"


def test_whom_it_is_for_may_be_named_in_several_ways(lite: Caller) -> None:
    home = lite.furnished.home
    for named in (
        lambda owner: f"org:{owner}",
        lambda owner: f" {owner[:4]} {owner[4:]} ",
        lambda owner: owner[1:],
    ):
        owner = entered(lite)
        code = invited(lite, owner)
        redeem(home, now=home.clock(), **asked(owner, code, organisation=named(owner)))


def test_every_way_of_not_being_let_in_looks_the_same(lite: Caller) -> None:
    owner, other = entered(lite), entered(lite)
    code, foreign = invited(lite, owner), invited(lite, other)
    expired = invited(lite, entered(lite), 1)
    unsent = entered(lite)
    size = lite.size
    answers = [
        send(lite, asked(owner, foreign)),
        send(lite, asked("0100000011", code)),
        send(lite, asked(owner, code, code="AAAAA-AAAAA-AAAAA-AAAAA")),
        send(lite, asked(unsent, code)),
        send(lite, asked("org:operator", code)),
    ]
    lite.furnished.home.clock.now += timedelta(days=2)  # type: ignore[attr-defined]
    answers.append(send(lite, asked(expired.party, expired)))
    bodies = [{**answer.json(), "request_id": ""} for answer in answers]
    assert {answer.status_code for answer in answers} == {403}
    assert all(body == bodies[0] for body in bodies)
    assert bodies[0]["code"] == "api.invitation_failed"
    assert lite.size == size
    lite.did(send(lite, asked(owner, code)))


def test_after_some_failures_no_code_is_taken_for_a_while(api: Caller) -> None:
    owner = entered(api)
    code = invited(api, owner)
    for _ in range(5):
        problem(send(api, asked(owner, code, code="wrong")), 403, "api.invitation_failed")
    problem(send(api, asked(owner, code)), 403, "api.invitation_failed")
    clock: Any = api.furnished.home.clock
    clock.now += timedelta(minutes=14)
    problem(send(api, asked(owner, code)), 403, "api.invitation_failed")
    clock.now += timedelta(minutes=2)
    problem(send(api, asked(owner, code, code="wrong")), 403, "api.invitation_failed")
    api.did(send(api, asked(owner, code)))


def test_a_new_letter_ends_the_code_of_the_one_before(lite: Caller) -> None:
    owner = entered(lite)
    first, second = invited(lite, owner), invited(lite, owner)
    problem(send(lite, asked(owner, first)), 403, "api.invitation_failed")
    lite.did(send(lite, asked(owner, second)))


def test_a_text_that_no_database_holds_opens_nothing(api: Caller) -> None:
    code = invited(api, entered(api))
    for named in ("\x00", "org:\x00", "01\u200b"):
        problem(send(api, asked(named, code, login="x-y")), 403, "api.invitation_failed")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"password": "ngắn"}, "api.password_length"),
        ({"login": "hai từ"}, "api.login_invalid"),
        ({"name": "  "}, "api.parameter_invalid"),
        ({"name": ""}, "manifest.text_missing"),
        ({"code": "x" * 61}, "manifest.text_too_long"),
    ],
)
def test_a_form_that_is_not_filled_in_costs_no_attempt(
    lite: Caller, changed: dict[str, str], code: str
) -> None:
    owner = entered(lite)
    letter = invited(lite, owner)
    for _ in range(6):
        assert code in {
            one["code"] for one in problem(send(lite, asked(owner, letter, **changed)), 422, code)["errors"]
        }
    lite.did(send(lite, asked(owner, letter)))


def test_a_login_that_is_taken_leaves_the_code_good(lite: Caller) -> None:
    home = lite.furnished.home
    first, second = entered(lite), entered(lite)
    lite.did(send(lite, asked(first, invited(lite, first), login="ke-toan")))
    code = invited(lite, second)
    with pytest.raises(Conflict):
        redeem(home, now=home.clock(), **asked(second, code, login="Ke-Toan"))
    lite.did(send(lite, asked(second, code, login="ke-toan-2")))
    with reading(home.engine) as reader:
        assert len(rows(reader, KEY, log=home.ledger.log, party=f"org:{second}")) == 1, "one key, not two"


def test_of_two_who_come_with_one_code_at_once_one_gets_in(api: Caller) -> None:
    owner = entered(api)
    code = invited(api, owner)
    bodies = [asked(owner, code, login=f"{owner}-{n}") for n in range(4)]
    path = "/api/v1/invitations/redemption"
    requests = [api.client.build_request("POST", path, json=body) for body in bodies]
    answers = api.transport.together(requests)  # type: ignore[union-attr]
    assert sorted(answer.status_code for answer in answers) == [201, 403, 403, 403]
    home = api.furnished.home
    with reading(home.engine) as reader:
        query = select(ACCOUNT.c.login).where(ACCOUNT.c.party == f"org:{owner}")
        assert len(reader.execute(query).scalars().all()) == 1
        assert len(rows(reader, KEY, log=home.ledger.log, party=f"org:{owner}")) == 1


def test_a_crash_between_key_and_account_leaves_the_code_good(
    lite: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, owner = lite.furnished.home, entered(lite)
    code = invited(lite, owner)

    def dies(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("api.firstrun.invitations.add_account", dies)
        with pytest.raises(KeyboardInterrupt):
            redeem(home, now=home.clock(), **asked(owner, code))
    assert redeem(home, now=home.clock(), **asked(owner, code)).kid is None, "the key was made before"
    with reading(home.engine) as reader:
        assert len(rows(reader, KEY, log=home.ledger.log, party=f"org:{owner}")) == 1


def test_a_process_that_died_with_the_code_in_hand_frees_it_after_a_minute(
    lite: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, owner = lite.furnished.home, entered(lite)
    code = invited(lite, owner)
    clock: Any = home.clock

    def dies(*_: Any, **_values: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        # Neither key nor clean-up: what a kill leaves.
        patch.setattr("api.firstrun.invitations._key", dies)
        real = invitations._set
        patch.setattr(
            "api.firstrun.invitations._set",
            lambda writer, log, party, **values: (
                None if values == {"claimed_until": None} else real(writer, log, party, **values)
            ),
        )
        with pytest.raises(KeyboardInterrupt):
            redeem(home, now=clock(), **asked(owner, code))
    with pytest.raises(InvitationFailed):
        redeem(home, now=clock(), **asked(owner, code))
    clock.now += timedelta(minutes=1)
    redeem(home, now=clock(), **asked(owner, code))


def test_a_code_is_for_a_registered_party(lite: Caller) -> None:
    home = lite.furnished.home
    with pytest.raises(RuleBroken):
        keep_code(home, new_code("org:nobody", home.clock()), home.clock())


def test_whoever_has_a_key_gets_no_second_one(lite: Caller) -> None:
    home = lite.furnished.home
    now = home.clock()
    code = new_code(GENERATOR, now)
    keep_code(home, code, now)
    size = lite.size
    done = redeem(home, now=now, **asked(GENERATOR, code, login="truong-ca"))
    assert (done.kid, done.admitted) == (None, True)
    assert lite.size == size


# --- the page -----------------------------------------------------------------------------------------


def post_form(api: Caller, given: dict[str, str]) -> Any:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return api.client.post("/invitation", content=urlencode(given), headers=headers)


def test_the_page_takes_the_code_without_scripts(api: Caller) -> None:
    owner = entered(api)
    code = invited(api, owner)
    shown = api.client.get("/invitation", params={"o": owner})
    assert shown.status_code == 200
    assert f'value="{owner}"' in shown.text
    for name in ("organisation", "code", "name", "login", "password", "again"):
        assert f'<label for="{name}">' in shown.text
        assert f'id="{name}"' in shown.text
    assert "<script" not in shown.text
    assert "form-action 'self'" in shown.headers["content-security-policy"]
    wrong = post_form(api, asked(owner, code, code="nope") | {"again": PASSWORD})
    assert wrong.status_code == 403
    assert "Mã không dùng được cho tổ chức này lúc này." in wrong.text
    assert PASSWORD not in wrong.text
    differ = post_form(api, asked(owner, code) | {"again": "khác hẳn mật khẩu"})
    assert (differ.status_code, "Hai lần nhập mật khẩu" in differ.text) == (422, True)
    assert 'aria-invalid="true"' in differ.text
    done = post_form(api, asked(owner, code) | {"again": PASSWORD})
    assert done.status_code == 200
    assert f"user-{owner}" in done.text
    assert "sau khi Sở hoặc Ban quản lý khu chấp nhận" in done.text
    assert post_form(api, asked(owner, code) | {"again": PASSWORD}).status_code == 403


@pytest.mark.parametrize("body", [b"\xff\xfe", b"a=1&" * 20, b"", b"organisation=%00&code=%00"])
def test_the_page_survives_what_is_no_form(lite: Caller, body: bytes) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = lite.client.post("/invitation", content=body, headers=headers)
    assert answer.status_code in {403, 422}
    assert "<form" in answer.text


def test_what_is_typed_comes_back_as_text(lite: Caller) -> None:
    shown = lite.client.get("/invitation", params={"o": '"><b>x'})
    assert "<b>" not in shown.text
