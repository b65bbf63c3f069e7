"""The command `ctnh` as an operator and an auditor use it: exit codes, JSON, and naming what was changed."""

import json
import shutil
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.cli.admin import write_trust
from api.cli.app import app
from api.demo.clock import StoryClock
from api.demo.place import LOGINS, demo_settings
from api.demo.story import Story, play
from api.home import make_home
from api.settings import settings

RUN = CliRunner()
PERIOD = ["--from", "2025-04-01", "--to", "2025-09-30"]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Story]:
    """A small demo on disk, made once."""
    folder = tmp_path_factory.mktemp("demo")
    home = make_home(demo_settings(folder), clock := StoryClock())
    story = play(home, clock, lambda *_: None, scale=0.1)
    home.checkpoint()
    write_trust(folder / "trust.json", home.trust().to_json())
    home.close()
    return folder, story


@pytest.fixture
def copy(played: tuple[Path, Story], tmp_path: Path) -> Path:
    """A copy of the database file, alone in a folder."""
    return Path(shutil.copy(played[0] / "ctnh.db", tmp_path / "copy.db"))


@pytest.fixture
def at_home(played: tuple[Path, Story], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the whole deployment, named by the environment as an operator would."""
    folder = tmp_path / "home"
    shutil.copytree(played[0], folder)
    monkeypatch.setenv("CTNH_DATABASE_URL", str(folder / "ctnh.db"))
    monkeypatch.setenv("CTNH_DATA_DIR", str(folder / "data"))
    monkeypatch.setenv("CTNH_ORIGIN", demo_settings(folder).origin)
    settings.cache_clear()
    yield folder
    settings.cache_clear()


def call(*arguments: str | Path) -> tuple[int, Any]:
    """Run a command with --json and return its exit code and answer."""
    result = RUN.invoke(app, [*map(str, arguments), "--json"])
    return result.exit_code, json.loads(result.stdout) if result.stdout else None


def tamper(database: Path, *statements: str) -> None:
    """Change the file as whoever holds it can: triggers dropped first."""
    with sqlite3.connect(database) as connection:
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in found:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
    connection.close()


def named(answer: dict[str, Any]) -> set[int]:
    return {finding["seq"] for finding in answer["findings"] if finding["seq"] is not None}


def test_a_copied_file_alone_verifies_and_says_what_was_not_checked(copy: Path) -> None:
    code, answer = call("ledger", "verify", "--db", copy)
    assert (code, answer["ok"], answer["findings"]) == (0, True, [])
    assert answer["guard"] == "not_checked"
    assert answer["trust"] == "self"
    said = RUN.invoke(app, ["ledger", "verify", "--db", str(copy)]).stdout
    assert "sổ canh" in said
    assert not {"guard", "origin", "meaning"} & set(said.split())


def test_with_the_trust_file_the_keys_are_the_auditors_own(played: tuple[Path, Story], copy: Path) -> None:
    code, answer = call("ledger", "verify", "--db", copy, "--trust", played[0] / "trust.json")
    assert (code, answer["trust"]) == (0, "file")


ENTRY_200 = "UPDATE ledger_entry SET {} WHERE seq = 200"


@pytest.mark.parametrize(
    "change",
    [
        "event = CAST(substr(event, 1, 40) || 'X' || substr(event, 42) AS BLOB)",
        "header = CAST('prev 0' AS BLOB)",
        "signatures = CAST(substr(signatures, 1, 50) || x'00' || substr(signatures, 52) AS BLOB)",
        "recorded_at = recorded_at + 1",
        "stream_seq = stream_seq + 50",
        "stream = stream + 100000",
        "key = key + 500",
        "idem = randomblob(16)",
        "log = 2",
    ],
)
def test_an_entry_changed_in_any_column_is_named(copy: Path, change: str) -> None:
    tamper(copy, "INSERT INTO ledger_log VALUES (2, 'ledger.example/other')", ENTRY_200.format(change))
    code, answer = call("ledger", "verify", "--db", copy)
    assert (code, answer["ok"]) == (1, False)
    assert named(answer) == {200}


def test_a_middle_row_deleted_and_two_rows_swapped_are_named(copy: Path, tmp_path: Path) -> None:
    swapped = Path(shutil.copy(copy, tmp_path / "swapped.db"))
    tamper(copy, "DELETE FROM ledger_entry WHERE seq = 200")
    code, answer = call("ledger", "verify", "--db", copy)
    assert (code, named(answer)) == (1, {200})
    move = "UPDATE ledger_entry SET seq = {} WHERE seq = {}"
    tamper(swapped, *(move.format(*places) for places in ((9999, 200), (200, 300), (300, 9999))))
    code, answer = call("ledger", "verify", "--db", swapped)
    assert (code, named(answer)) == (1, {200, 300})


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM ledger_entry WHERE seq = (SELECT max(seq) FROM ledger_entry)",
        "UPDATE balance SET grams = grams + 1000 WHERE account = 'treated_service' AND grams > 0",
        "UPDATE manifest SET status = 'completed' WHERE status = 'in_transit'",
        "UPDATE permit_line SET mass_g_year = mass_g_year * 2",
    ],
)
def test_a_lost_tail_and_a_doctored_view_are_found(copy: Path, statement: str) -> None:
    tamper(copy, statement)
    code, answer = call("ledger", "verify", "--db", copy)
    assert code == 1
    assert {finding["code"] for finding in answer["findings"]} - {"ledger.fence_missing"}


def test_the_ratio_is_the_same_bytes_at_the_same_size(copy: Path) -> None:
    size = call("ledger", "verify", "--db", copy)[1]["size"]
    asked = ["ratio", "--db", str(copy), *PERIOD, "--at-size", str(size - 50), "--json"]
    first, second = (RUN.invoke(app, asked).stdout for _ in range(2))
    assert first == second
    answer = json.loads(first)
    assert answer["unit"] == "g"
    assert answer["checkpoint"]["size"] == size - 50
    assert all(isinstance(row["generated"], int) for row in answer["rows"])


def test_every_dimension_can_be_asked_for_and_an_unknown_one_cannot(copy: Path) -> None:
    totals = set()
    for by in ("zone-kind", "zone", "area", "quarter", "code", "group", "generator", "state"):
        code, answer = call("ratio", "--db", copy, *PERIOD, "--by", by)
        assert code == 0
        totals.add(answer["total"]["generated"])
    assert len(totals) == 1, "however it is cut, it is the same waste"
    assert RUN.invoke(app, ["ratio", "--db", str(copy), "--by", "colour"]).exit_code == 2
    assert "CCN" in RUN.invoke(app, ["ratio", "--db", str(copy), *PERIOD]).stdout


def test_manifests_are_listed_and_shown(played: tuple[Path, Story], copy: Path) -> None:
    code, answer = call("manifest", "list", "--db", copy, "--status", "completed")
    assert code == 0
    assert {row["status"] for row in answer["manifests"]} == {"completed"}
    told = next(iter(played[1].examples.values()))
    code, answer = call("manifest", "show", told.number, "--db", copy)
    assert (code, answer["manifest"]["manifest"]) == (0, told.manifest)
    assert RUN.invoke(app, ["manifest", "show", told.manifest, "--db", str(copy)]).exit_code == 0
    assert RUN.invoke(app, ["manifest", "show", "9/1999/X", "--db", str(copy)]).exit_code == 2
    assert RUN.invoke(app, ["manifest", "list", "--db", str(copy)]).exit_code == 0


def test_an_entry_is_proved_and_the_proof_checked_offline(at_home: Path, tmp_path: Path) -> None:
    proof = tmp_path / "entry.tlog-proof"
    assert RUN.invoke(app, ["ledger", "prove", "--seq", "7", "-o", str(proof)]).exit_code == 0
    code, answer = call("verify", proof, "--trust", at_home / "trust.json")
    assert (code, answer["seq"]) == (0, 7)
    proof.write_text(proof.read_text().replace("index 7", "index 8"))
    assert call("verify", proof, "--trust", at_home / "trust.json")[0] == 1
    assert RUN.invoke(app, ["ledger", "prove", "--seq", "99999", "-o", str(proof)]).exit_code == 2


def test_a_document_is_issued_and_verified(played: tuple[Path, Story], at_home: Path, tmp_path: Path) -> None:
    told = next(iter(played[1].examples.values()))
    path = tmp_path / "out.pdf"
    code, answer = call("pdf", "issue", told.number, "-o", path)
    assert (code, answer["unsigned"]) == (0, [])
    result = RUN.invoke(app, ["verify", str(path), "--trust", str(at_home / "trust.json")])
    assert result.exit_code == 0, result.stdout
    path.write_bytes(path.read_bytes() + b" ")
    assert call("verify", path, "--trust", at_home / "trust.json")[0] == 1
    assert call("ledger", "verify")[0] == 0


def test_a_checkpoint_can_be_signed_by_hand(at_home: Path) -> None:
    assert at_home.exists()
    result = RUN.invoke(app, ["ledger", "checkpoint"])
    assert result.exit_code == 0
    assert result.stdout.startswith("ctnh-ledger.example/demo\n")


def test_views_are_rebuilt_on_demand(at_home: Path) -> None:
    tamper(at_home / "ctnh.db", "UPDATE balance SET grams = grams + 1 WHERE grams > 0")
    assert call("rebuild")[0] == 0
    answer = call("ledger", "verify")[1]
    assert {finding["code"] for finding in answer["findings"]} == {"ledger.fence_missing"}


def test_what_is_not_there_is_said_and_nothing_is_made(tmp_path: Path) -> None:
    missing = tmp_path / "typo.db"
    for command in (["ledger", "verify"], ["ratio"], ["manifest", "list"]):
        result = RUN.invoke(app, [*command, "--db", str(missing)])
        assert result.exit_code == 2
        assert "api.database_missing" in result.stderr
    assert not missing.exists()
    assert RUN.invoke(app, ["verify", str(tmp_path / "none.pdf")]).exit_code == 2
    paper = tmp_path / "paper.pdf"
    paper.write_bytes(b"%PDF-1.7\nnot one")
    assert RUN.invoke(app, ["verify", str(paper)]).exit_code == 2, "no trust file near it"


def test_a_new_deployment_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CTNH_DATA_DIR", str(tmp_path / "data"))
    settings.cache_clear()
    database = str(tmp_path / "new.db")
    assert RUN.invoke(app, ["init", "--db", database]).exit_code == 0
    assert (tmp_path / "trust.json").exists()
    assert call("ledger", "verify", "--db", database, "--trust", tmp_path / "trust.json")[0] == 0
    size = call("ledger", "verify", "--db", database)[1]["size"]
    assert RUN.invoke(app, ["init", "--db", database]).exit_code == 0
    assert call("ledger", "verify", "--db", database)[1]["size"] == size
    settings.cache_clear()


def test_the_demo_leaves_a_folder_alone_that_it_did_not_make(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    assert RUN.invoke(app, ["demo", "--folder", str(tmp_path)]).exit_code == 2
    assert (tmp_path / "letter.txt").read_text() == "mine"


def test_an_exported_log_is_verified_offline(at_home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    code, answer = call("ledger", "export", "--out", folder)
    assert (code, answer["start"]) == (0, 0)
    assert call("ledger", "export", "--out", folder) == (
        0,
        answer | {"start": answer["size"], "files": 0, "bytes": 0},
    )
    code, report = call("verify", folder, "--trust", at_home / "trust.json")
    assert (code, report["ok"], report["size"]) == (0, True, answer["size"])
    assert set(report) == set(call("ledger", "verify")[1])
    bundle = next(iter((folder / "tile/entries").rglob("000*")))
    bundle = bundle if bundle.is_file() else next(bundle.iterdir())
    bundle.write_bytes(bundle.read_bytes().replace(b"2025-0", b"2024-0", 1))
    code, report = call("verify", folder, "--trust", at_home / "trust.json")
    assert (code, report["ok"]) == (1, False)
    assert "ledger.leaf_mismatch" in {finding["code"] for finding in report["findings"]}
    said = RUN.invoke(app, ["verify", str(folder), "--trust", str(at_home / "trust.json")])
    assert (said.exit_code, "ledger.leaf_mismatch" in said.output) == (1, True)


def test_clocks_rules_and_other_rules_are_said(played: tuple[Path, Story]) -> None:
    folder = played[0]
    db = folder / "ctnh.db"
    code, answer = call("clocks", "--db", db, "--as-of", "2025-10-15")
    assert code == 0
    assert {one["kind"] for one in answer["clocks"]} >= {"treatment", "last_copies", "storage", "permit_end"}
    assert [one["due_at"] for one in answer["clocks"]] == sorted(one["due_at"] for one in answer["clocks"])
    late = next(one for one in answer["clocks"] if one["kind"] == "treatment")
    said = RUN.invoke(app, ["clocks", "--db", str(db), "--as-of", "2025-10-15"]).stdout
    assert late["number"].split("/")[0] in said
    assert call("rules", "--db", db)[1]["rules"]
    shown = RUN.invoke(app, ["rules", "--db", str(db)], env={"COLUMNS": "200"}).stdout
    assert "hạn lưu giữ tại nơi phát sinh" in shown
    assert not {one["name"] for one in call("rules", "--db", db)[1]["rules"]} & set(shown.split())
    number = late["number"]
    assert call("manifest", "rejudge", number, "--db", db)[1]["differs"] == []
    old = call("manifest", "rejudge", number, "--db", db, "--rules-of", "2021-05-05")[1]["differs"]
    assert {"subject": "form", "then": "tt02-2022", "now": "tt36-2015"} in old
    for more in ([], ["--rules-of", "2021-05-05"]):
        assert RUN.invoke(app, ["manifest", "rejudge", number, "--db", str(db), *more]).exit_code == 0


def test_lists_fit_a_narrow_terminal_and_never_cut_a_number(played: tuple[Path, Story]) -> None:
    db = str(played[0] / "ctnh.db")
    numbers = [one["number"] for one in call("manifest", "list", "--db", db)[1]["manifests"]]
    due = [one["number"] for one in call("clocks", "--db", db, "--as-of", "2025-10-15")[1]["clocks"]]
    narrow = {"COLUMNS": "80"}
    listed = RUN.invoke(app, ["manifest", "list", "--db", db], env=narrow).stdout
    waited = RUN.invoke(app, ["clocks", "--db", db, "--as-of", "2025-10-15"], env=narrow).stdout
    shares = RUN.invoke(app, ["ratio", "--db", db, *PERIOD], env=narrow).stdout

    assert numbers
    assert all(number in listed for number in numbers)
    assert all(number in waited for number in due if number)
    for shown in (listed, waited, shares):
        # The caption, which holds a hash, may be longer.
        assert max(len(line) for line in shown.splitlines() if "sổ cái ·" not in line) <= 80
        assert not [line for line in shown.splitlines() if line.rstrip().endswith("…")]
    assert not [line for line in shares.splitlines() if line.strip() == "%"]


def test_a_manifest_is_shown_in_the_words_of_its_readers(played: tuple[Path, Story]) -> None:
    folder, story = played
    number = next(iter(story.examples.values())).number
    shown = RUN.invoke(app, ["manifest", "show", number, "--db", str(folder / "ctnh.db")]).stdout

    assert "đăng ký chứng từ (mục " in shown
    assert "manifest.registered" not in shown
    assert "hiện ở: " in shown
    assert "-" not in shown.partition("hiện ở: ")[2].splitlines()[0]  # no account is shown below zero


def test_a_status_that_there_is_none_of_is_refused(copy: Path) -> None:
    done = RUN.invoke(app, ["manifest", "list", "--db", str(copy), "--status", "lost"])

    assert done.exit_code == 2
    assert "in_transit" in done.stderr


def test_what_is_no_database_or_an_old_one_is_said_in_a_sentence(copy: Path, tmp_path: Path) -> None:
    text = tmp_path / "notes.md"
    text.write_text("no database, however long the text is", encoding="utf-8")
    with closing(sqlite3.connect(copy)) as base:
        base.execute("ALTER TABLE manifest RENAME COLUMN declared_g TO declared")
        base.execute("UPDATE alembic_version SET version_num = '0001_ledger'")
        base.commit()

    none = RUN.invoke(app, ["manifest", "list", "--db", str(text)])
    old = RUN.invoke(app, ["manifest", "list", "--db", str(copy)])

    assert (none.exit_code, old.exit_code) == (2, 2)
    assert "api.database_malformed" in none.stderr
    assert "api.database_outdated" in old.stderr
    assert "0001_ledger" in old.stderr


def test_an_address_that_is_taken_is_said_before_anything_is_opened() -> None:
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = RUN.invoke(app, ["serve", "--port", str(port)])

    assert done.exit_code == 2
    assert f"{port}" in done.stderr
    assert "api.address_taken" in done.stderr


class _PlayedError(Exception):
    """The demo was begun."""


def test_a_demo_that_was_broken_off_is_played_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def played(*_: object, **__: object) -> None:
        raise _PlayedError

    monkeypatch.setattr("api.cli.demo.play", played)
    (tmp_path / ".ctnh-demo").touch()
    asked = ["demo", "--folder", str(tmp_path), "--if-missing", "--quiet"]

    assert isinstance(RUN.invoke(app, asked).exception, _PlayedError)
    (tmp_path / LOGINS).write_text("[]", encoding="utf-8")
    assert RUN.invoke(app, asked).exit_code == 0
