"""A fault of the command line, and a number that no log can hold, never leave with the code of a finding."""

import socket
import sys

import pytest
from typer.testing import CliRunner

from api.cli import app as command_line
from api.routes.verdict import _breakable

RUN = CliRunner()


@pytest.mark.parametrize(
    "arguments",
    [
        ["ledger", "prove", "--db", "none.db", "-o", "proof", "--seq"],
        ["ratio", "--db", "none.db", "--at-size"],
    ],
)
def test_a_number_beyond_any_log_is_said_of_its_option(arguments: list[str]) -> None:
    said = RUN.invoke(command_line.app, [*arguments, str(10**20)])
    assert (said.exit_code, "Invalid value" in said.output) == (2, True)


def test_a_fault_is_no_verdict(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(command_line, "app", broken)
    monkeypatch.setattr(sys, "argv", ["ctnh"])
    with pytest.raises(SystemExit) as left:
        command_line.main()
    assert left.value.code == 2
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_port_in_use_is_said_before_the_log_is_opened() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = RUN.invoke(command_line.app, ["serve", "--db", "none.db", "--port", port])
    assert (said.exit_code, "[api.address_taken]" in said.output) == (2, True)


def test_a_digest_breaks_on_a_phone_and_is_copied_whole() -> None:
    shown = _breakable(digest := "0123456789abcdef" * 4)
    assert shown.replace("<wbr>", "") == digest
    assert max(map(len, shown.split("<wbr>"))) == 8
