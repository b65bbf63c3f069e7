"""`ctnh ledger verify` with its memory, its guard and its signature, as an auditor uses them."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from sqlalchemy import text
from typer.testing import CliRunner

from api.cli.app import app
from api.settings import settings
from ledger.publishing.guard import Guard
from ledger.storage.db import open_engine, reading
from ledger.storage.store import CHECKPOINT, rows
from tests.ledger.tampering import drop_fences
from tests.ledger.world import World, lived_in, private_key

RUN = CliRunner()


@pytest.fixture
def world(sqlite_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A log in a file, and a folder for what an auditor remembers."""
    place = shutil.copy(sqlite_template, tmp_path / "log.db")
    monkeypatch.setenv("CTNH_DATABASE_URL", str(place))
    monkeypatch.setenv("CTNH_DATA_DIR", str(tmp_path / "data"))
    settings.cache_clear()
    engine = open_engine(str(place))
    made = lived_in(engine)
    (tmp_path / "trust.json").write_bytes(made.trust.to_json())
    yield made
    engine.dispose()
    settings.cache_clear()


def verified(*arguments: str | Path) -> tuple[int, dict[str, Any]]:
    result = RUN.invoke(app, ["ledger", "verify", *map(str, arguments), "--json"])
    return result.exit_code, json.loads(result.stdout)


def test_an_incremental_run_goes_on_where_the_last_clean_one_ended(world: World, tmp_path: Path) -> None:
    given: list[str | Path] = ["--trust", tmp_path / "trust.json", "--incremental"]
    code, said = verified(*given)
    assert (code, said["ok"], said["since"]) == (0, True, 0)
    world.note("more", by="binh.2")
    world.checkpoint()
    code, said = verified(*given, "--audit", "1")
    assert (code, said["ok"], said["since"], said["size"]) == (0, True, 12, 13)
    shown = RUN.invoke(app, ["ledger", "verify", *map(str, given)]).stdout
    assert "kiểm từ mục     13" in shown
    (kept,) = (tmp_path / "data").iterdir()
    kept.write_text("{}")
    assert RUN.invoke(app, ["ledger", "verify", *map(str, given)]).exit_code == 2
    state = tmp_path / "state.json"
    assert verified(*given, "--state", state)[1]["since"] == 0
    assert verified(*given, "--state", state)[1]["since"] == 13


def test_a_clean_run_is_not_remembered_when_something_was_found(world: World, tmp_path: Path) -> None:
    drop_fences(world.engine)
    state = tmp_path / "state.json"
    code, said = verified("--incremental", "--state", state)
    assert (code, said["ok"]) == (1, False)
    assert not state.exists()


def test_a_report_is_signed_and_checked(world: World, tmp_path: Path) -> None:
    assert world.log == 1
    key, report = tmp_path / "key.pem", tmp_path / "report.txt"
    key.write_bytes(
        private_key("auditor").private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    given = ["--incremental", "--sign-with", str(key), "--sign-as", "auditor.example", "-o", str(report)]
    result = RUN.invoke(app, ["ledger", "verify", *given])
    assert result.exit_code == 0
    vkey = result.stderr.strip()
    read = RUN.invoke(app, ["ledger", "report", str(report), "--key", vkey])
    assert read.exit_code == 0
    assert json.loads(read.stdout)["report"]["size"] == 12
    report.write_text(report.read_text().replace('"size":12', '"size":13'))
    assert RUN.invoke(app, ["ledger", "report", str(report), "--key", vkey]).exit_code == 2
    assert RUN.invoke(app, ["ledger", "verify", "--sign-with", str(key)]).exit_code == 2
    key.write_text("no key")
    assert RUN.invoke(app, ["ledger", "verify", *given]).exit_code == 2


def test_the_guard_is_asked_where_it_is_named(world: World, tmp_path: Path) -> None:
    journal = tmp_path / "guard.journal"
    with reading(world.engine) as reader:
        notes = [row["note"] for row in rows(reader, CHECKPOINT)]
    Guard(journal).swap(None, notes[-1])
    state = tmp_path / "state.json"
    given: list[str | Path] = ["--incremental", "--guard", journal, "--state", state]
    code, said = verified(*given)
    assert (code, said["guard"]) == (0, "checked")
    world.note("more", by="binh.2")
    ahead = world.checkpoint()[1]
    Guard(journal).swap(notes[-1], ahead)
    drop_fences(world.engine)
    with world.engine.begin() as connection:
        connection.execute(text("DELETE FROM ledger_checkpoint WHERE size = 13"))
        connection.execute(text("DELETE FROM ledger_entry WHERE seq = 12"))
    code, said = verified("--incremental", "--guard", journal)
    assert code == 1
    assert "ledger.guard_mismatch" not in {finding["code"] for finding in said["findings"]}


def test_hashes_alone_are_looked_at_when_asked(world: World) -> None:
    assert world.log == 1
    result = RUN.invoke(app, ["ledger", "verify", "--depth", "hashes", "--jobs", "2", "--json"])
    said = json.loads(result.stdout)
    # Notes are no acts of this program: the replay of what they mean is what finds fault with them.
    assert {finding["code"] for finding in said["findings"]} == {"manifest.act_not_allowed"}
    assert said["meaning"] == "checked"
