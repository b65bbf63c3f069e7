"""The first login of a deployment is made on the command line: an account or an API key."""

import pytest
from typer.testing import CliRunner, Result

from api.cli.app import app
from api.identity.accounts import change_account, make_account
from ledger.errors import Malformed
from tests.api.caller import Caller
from tests.api.homes import GENERATOR

PASSWORD = "bèo-dạt-mây-trôi"
USER = ["user", "add", "thu-kho", "--party", GENERATOR, "--name", "Thủ kho"]
KEY = ["key", "add", "--party", GENERATOR, "--name", "ERP"]


def run(arguments: list[str], typed: str = "") -> Result:
    return CliRunner().invoke(app, arguments, input=typed)


def logs_in(caller: Caller, password: str = PASSWORD) -> bool:
    answer = caller.post(None, "/sessions", {"login": "thu-kho", "password": password})
    return answer.status_code == 201


def test_an_account_with_the_password_from_standard_input(here: Caller) -> None:
    done = run(USER, PASSWORD + "\r\n")
    assert done.exit_code == 0, done.stderr
    assert PASSWORD not in done.output
    assert logs_in(here)
    again = run(USER, PASSWORD + "\n")
    assert again.exit_code == 2
    assert "api.login_taken" in again.stderr


def test_at_a_terminal_the_password_is_asked_twice(here: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.cli.people.at_terminal", lambda: True)
    done = run(USER, f"{PASSWORD}\nslip of the hand\n{PASSWORD}\n{PASSWORD}\n")
    assert done.exit_code == 0, done.stderr
    assert PASSWORD not in done.output
    assert logs_in(here)


@pytest.mark.parametrize("typed", ["", "ngắn\n", "x" * 201 + "\n", "x" * 5000])
def test_a_password_of_the_wrong_length_is_refused(here: Caller, typed: str) -> None:
    done = run(USER, typed)
    assert done.exit_code == 2
    assert "api.password_length" in done.stderr
    assert not logs_in(here, typed.strip()[:200] or "x")


def test_a_new_password_has_the_same_limits(lite: Caller) -> None:
    home = lite.furnished.home
    make_account(home, login="thu-kho", password=PASSWORD, party=GENERATOR, name="Thủ kho")
    for wrong in ("ngắn", "x" * 201):
        with pytest.raises(Malformed) as found:
            change_account(home, "thu-kho", password=wrong)
        assert found.value.code == "api.password_length"
    assert logs_in(lite)


@pytest.mark.parametrize("name", [" ", "x" * 301])
def test_an_account_has_a_name(lite: Caller, name: str) -> None:
    with pytest.raises(Malformed) as found:
        make_account(lite.furnished.home, login="a", password=PASSWORD, party=GENERATOR, name=name)
    assert [one.path for one in found.value.problems] == ["/name"]


def test_a_key_is_printed_once_and_opens_what_its_scope_says(here: Caller) -> None:
    done = run([*KEY, "--scope", "read", "--days", "2"])
    assert done.exit_code == 0, done.stderr
    key = done.stdout.strip()
    assert here.get(key, "/me").json()["party"] == GENERATOR
    assert here.post(key, "/lots", {}).status_code == 403
    acting = run(KEY).stdout.strip()
    assert here.post(acting, "/lots", {}).status_code == 422
    assert run([*KEY, "--scope", "all"]).exit_code == 2
    assert run([*KEY, "--days", "0"]).exit_code == 2


def test_a_party_that_nobody_registered_is_refused(here: Caller) -> None:
    assert here.size
    for command in (["user", "add", "a"], ["key", "add"]):
        done = run([*command, "--party", "org:nobody", "--name", "x"], PASSWORD)
        assert done.exit_code == 2
        assert "manifest.party_unknown" in done.stderr
