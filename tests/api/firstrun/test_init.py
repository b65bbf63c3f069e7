"""`ctnh init` leads from nothing to the parallel run, as often as it is called and wherever it was ended."""

import json
import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from api import home as homes
from api.cli.app import app
from api.custody import write_secret
from api.firstrun.leading import lead_from
from api.firstrun.reading import look
from api.firstrun.steps import State, Step
from api.firstrun.store import INVITATION
from api.home import Home, make_home, open_home
from api.settings import Settings, settings
from ledger.storage.db import reading
from ledger.storage.store import HEAD, one, rows
from ledger.verifying.verify import verify
from ledger.writing.changes import Reads
from manifest import reference
from manifest.lookups import reference_at
from manifest.replay import audit
from manifest.views import ORGANISATION
from tests.api.firstrun.rosters import organisation, roster, site, tax_code, zone
from tests.api.homes import Ticking, settings_of

SO = "Sở Nông nghiệp và Môi trường Hà Nội"
CODE = "0100000028"
AUTHORITY = ["--authority", SO, "--authority-code", CODE, "--authority-address", "Hà Nội"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for a deployment that the environment names and that is not there yet."""
    monkeypatch.setenv("CTNH_DATABASE_URL", str(tmp_path / "new" / "ctnh.db"))
    monkeypatch.setenv("CTNH_DATA_DIR", str(tmp_path / "new" / "data"))
    monkeypatch.setenv("CTNH_ORIGIN", "ledger.example/ha-noi")
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


def run(*arguments: str | Path, typed: str = "") -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)], input=typed)


def told(result: Result, code: int = 0) -> dict[str, Any]:
    assert result.exit_code == code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def states(answer: dict[str, Any]) -> dict[str, str]:
    return {one["step"]: one["state"] for one in answer["steps"]}


def size() -> int:
    home = open_home(Settings())
    with reading(home.engine) as reader:
        head = one(reader, HEAD, log=home.ledger.log)
    home.close()
    assert head is not None
    return int(head["size"])


def test_without_options_a_deployment_is_made_once_and_says_what_comes_next(place: Path) -> None:
    first = run("init")
    assert first.exit_code == 0, first.output
    assert (place / "new" / "trust.json").exists()
    assert "[việc tiếp theo] Đơn vị vận hành" in first.stdout
    assert "ctnh init --operator-key" in first.stdout
    before = size()
    again = run("init")
    assert again.exit_code == 0
    assert "không tạo lại" in again.stdout
    assert size() == before


def test_all_steps_by_options_and_again(place: Path) -> None:
    owner = tax_code()
    table = place / "roster.csv"
    table.write_bytes(roster(zone(), organisation(owner), site(owner), encoding="utf-8-sig", delimiter=";"))
    options: list[str | Path] = [
        "--operator-key",
        "first",
        *AUTHORITY,
        "--roster",
        table,
        "--letters",
        place / "letters",
    ]
    options += ["--leading-from", "2099-01-01", "--json"]
    answer = told(run("init", *options))
    assert answer["operator_key"].startswith("ctnh_")
    assert [one["row"] for one in answer["roster"]["entered"]] == [2, 3, 4]
    assert (answer["leading"], answer["leading_from"]) == ("paper", "2099-01-01")
    assert states(answer) == {
        "operator": "done", "authority": "next", "zones": "done", "roster": "done", "invitations": "done",
        "admission": "later", "opening_stock": "later", "parallel_run": "done",
    }  # fmt: skip
    assert {path.name for path in (place / "letters").iterdir()} == {f"org-{owner}.pdf", f"org-{CODE}.pdf"}
    assert {path.stat().st_mode & 0o077 for path in (place / "letters").iterdir()} == {0}
    before = size()
    again = told(run("init", *options))
    assert (size(), again["roster"]["unchanged"]) == (before, [2, 3, 4])
    assert "operator_key" not in again, "the first key is there: no second is made"
    assert told(run("first-run", "--json"))["steps"] == again["steps"]


def test_a_refused_roster_is_told_and_the_rest_stands(place: Path) -> None:
    table = place / "roster.csv"
    table.write_bytes(roster(organisation("0100000011"), site("0100000011")))
    answer = told(run("init", *AUTHORITY, "--roster", table, "--json"), 1)
    assert [one["row"] for one in answer["roster"]["refused"]] == [2, 3]
    assert answer["roster"]["refused"][0]["code"] == "manifest.tax_code_invalid"
    spoken = run("init", "--roster", table)
    assert spoken.exit_code == 1
    assert re.search(r"dòng 2, cột Mã số thuế: .* \[manifest.tax_code_invalid\]", spoken.stdout)


def test_at_a_terminal_what_is_missing_is_asked_for(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.cli.firstrun.at_terminal", lambda: True)
    owner = tax_code()
    table = place / "roster.csv"
    table.write_bytes(roster(zone(), organisation(owner), site(owner)))
    typed = "\n".join(
        [SO, CODE[1:], "Hà Nội", str(table), str(place / "letters"), "01/04/2099", "2099-04-01"]
    )
    done = run("init", typed=typed + "\n")
    assert done.exit_code == 0, done.output
    assert f"org:{CODE}" in done.stdout, "the lost zero was put back"
    assert "từ ngày 01/04/2099" in done.stdout
    before = size()
    again = run("init", typed="")
    assert again.exit_code == 0, again.output
    assert size() == before, "nothing is asked for twice"
    assert run("init", "--no-ask").exit_code == 0


def test_at_a_terminal_every_question_may_be_left_for_later(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.cli.firstrun.at_terminal", lambda: True)
    assert place.exists()
    done = run("init", typed="\n" * 10)
    assert done.exit_code == 0, done.output
    assert size() == 3


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--authority", SO], "manifest.field_missing"),
        (["--authority", SO, "--authority-code", "0100000011"], "manifest.tax_code_invalid"),
        (["--authority", SO, "--authority-party", "org:operator"], "manifest.role_not_held"),
        (["--authority", SO, "--authority-party", "Sở"], "manifest.field_invalid"),
        (["--roster", "none.csv"], "api.could_not_run"),
    ],
)
def test_what_cannot_be_done_is_said_and_the_deployment_stays(
    place: Path, options: list[str], code: str
) -> None:
    assert place.exists()
    done = run("init", *options)
    assert done.exit_code == 2
    assert code in done.stderr or code == "api.could_not_run"
    assert size() == 3
    assert run("init", *AUTHORITY).exit_code == 0


def test_an_authority_without_a_tax_code_gives_its_name_in_the_ledger(place: Path) -> None:
    assert place.exists()
    options = ["--authority", SO, "--authority-party", "org:so-nnmt"]
    assert run("init", *options).exit_code == 0
    before = size()
    assert run("init", *options).exit_code == 0
    assert size() == before == 5


# --- interrupted --------------------------------------------------------------------------------------


def dying_at(monkeypatch: pytest.MonkeyPatch, name: str, call: int) -> None:
    """Have a function of the deployment's making end the process at its n-th call."""
    real, calls = getattr(homes, name), iter(range(1, 99))

    def dies(*arguments: Any, **named: Any) -> Any:
        if next(calls) == call:
            raise KeyboardInterrupt
        return real(*arguments, **named)

    monkeypatch.setattr(homes, name, dies)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        *(("_make_key", n) for n in range(1, 6)),
        ("write_secret", 6),
        *(("record", n) for n in (1, 2, 3)),
        ("open_home", 1),
    ],
)
def test_a_deployment_left_half_made_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, call: int
) -> None:
    chosen, clock = settings_of(tmp_path, str(tmp_path / "ctnh.db")), Ticking()
    with monkeypatch.context() as patch:
        dying_at(patch, name, call)
        with pytest.raises(KeyboardInterrupt):
            make_home(chosen, clock)
    home = make_home(chosen, clock)
    home.checkpoint()
    with reading(home.engine) as reader:
        report = verify(reader, trust=home.trust(), further=[audit(reference.default())])
        head = one(reader, HEAD, log=home.ledger.log)
    assert report.ok, report.as_json()
    assert head is not None
    assert head["size"] == 3
    home.close()
    with pytest.raises(FileExistsError):
        make_home(chosen, clock)


def test_a_lost_key_of_a_deployment_is_not_made_up_for(tmp_path: Path) -> None:
    chosen, clock = settings_of(tmp_path, str(tmp_path / "ctnh.db")), Ticking()
    make_home(chosen, clock).close()
    (tmp_path / "data" / "root-1.pem").unlink()
    with pytest.raises(FileNotFoundError):
        make_home(chosen, clock)
    assert not (tmp_path / "data" / "root-1.pem").exists()


def test_a_secret_is_written_whole_or_not_at_all_and_never_over_another(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "one.pem"
    (tmp_path / "keys").mkdir()
    path.with_name("one.pem.part").write_bytes(b"half of what a process that died was writing")
    write_secret(path, b"first")
    assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(FileExistsError):
        write_secret(path, b"second")
    assert path.read_bytes() == b"first"
    assert [one.name for one in path.parent.iterdir()] == ["one.pem"]


# --- the letters --------------------------------------------------------------------------------------


@pytest.fixture
def started(place: Path) -> str:
    """A deployment with an authority and an organisation; return the latter's tax code."""
    owner = tax_code()
    table = place / "roster.csv"
    table.write_bytes(roster(zone(), organisation(owner), site(owner)))
    assert run("init", *AUTHORITY, "--roster", table).exit_code == 0
    return owner


def test_letters_are_written_once_to_each_and_again_only_when_asked(place: Path, started: str) -> None:
    folder = place / "letters"
    first = told(run("roster", "letters", "--out", folder, "--json"))
    assert {one["party"] for one in first["letters"]} == {f"org:{started}", f"org:{CODE}"}
    written = (folder / f"org-{started}.pdf").read_bytes()
    assert told(run("roster", "letters", "--out", folder, "--json"))["letters"] == []
    assert (folder / f"org-{started}.pdf").read_bytes() == written
    again = told(run("roster", "letters", "--out", folder, "--again", "--json"))
    assert len(again["letters"]) == 2
    assert (folder / f"org-{started}.pdf").read_bytes() != written
    one_of = told(run("roster", "letters", "--out", folder, "--party", f"org:{CODE}", "--json"))
    assert [one["party"] for one in one_of["letters"]] == [f"org:{CODE}"]
    unknown = run("roster", "letters", "--out", folder, "--party", "org:nobody")
    assert (unknown.exit_code, "manifest.party_unknown" in unknown.stderr) == (2, True)
    with pikepdf.open(folder / f"org-{started}.pdf") as pdf:
        assert len(pdf.pages) == 1


@pytest.mark.parametrize("step", ["write_secret", "keep_code"])
def test_a_letter_and_its_code_are_there_together_or_written_anew(
    place: Path, started: str, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def dies(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"api.firstrun.letters.{step}", dies)
        done = run("roster", "letters", "--out", place / "letters")
        assert isinstance(done.exception, KeyboardInterrupt | SystemExit)
    home = open_home(Settings())
    with reading(home.engine) as reader:
        assert reader.execute(select(INVITATION)).all() == [], "no open code without its letter"
    home.close()
    again = told(run("roster", "letters", "--out", place / "letters", "--json"))
    assert f"org:{started}" in {one["party"] for one in again["letters"]}


def test_the_roster_commands_say_what_became_of_each_row(place: Path, started: str) -> None:
    blank = place / "template.csv"
    assert run("roster", "template", "-o", blank).exit_code == 0
    assert blank.read_bytes().startswith(b"\xef\xbb\xbf")
    assert run("roster", "template").stdout_bytes == blank.read_bytes().removeprefix(b"\xef\xbb\xbf")
    empty = run("roster", "import", blank)
    assert (empty.exit_code, "api.roster_empty" in empty.stderr) == (2, True)
    table = place / "more.csv"
    other = tax_code()
    table.write_bytes(roster(organisation(other), organisation(started), organisation("0100000011")))
    before = size()
    trial = told(run("roster", "import", table, "--trial", "--json"), 1)
    assert (trial["waiting"], trial["unchanged"], trial["ok"]) == ([2], [3], False)
    assert told(run("roster", "import", table, "--json"), 1)["entered"] == []
    assert size() == before
    part = told(run("roster", "import", table, "--partial", "--json"), 1)
    assert [one["row"] for one in part["entered"]] == [2]
    said = run("roster", "import", table)
    assert "0 dòng đã nhập, 2 dòng đã có, 0 dòng chưa nhập, 1 điểm bị từ chối." in said.stdout


# --- the parallel run ---------------------------------------------------------------------------------


def leading(home: Home, day: date) -> int:
    with reading(home.engine) as reader:
        known = reference_at(Reads(reader, home.ledger.log), reference.default())
    return known.rule("electronic_record_leading", day).integer


def test_the_day_is_set_moved_and_set_again_by_entries_of_two_roots(tmp_path: Path) -> None:
    home = make_home(settings_of(tmp_path, str(tmp_path / "ctnh.db")), Ticking())
    april, may, june = date(2026, 4, 1), date(2026, 5, 1), date(2026, 6, 1)
    entered = lead_from(home, may)
    assert entered is not None
    assert lead_from(home, may) is None, "it stands already"
    for day, since in ((june, june), (april, april), (may, may)):
        lead_from(home, day)
        assert look(home).leading_from == since
        assert [leading(home, one) for one in (day - timedelta(days=1), day, date(2030, 1, 1))] == [0, 1, 1]
    parallel = next(stage for stage in look(home).stages if stage.step is Step.PARALLEL_RUN)
    assert (parallel.state, look(home).leading) == (State.DONE, False)
    home.checkpoint()
    with reading(home.engine) as reader:
        report = verify(reader, trust=home.trust(), further=[audit(reference.default())])
        assert len(rows(reader, ORGANISATION, log=home.ledger.log)) == 1
    assert report.ok, report.as_json()
    home.close()
