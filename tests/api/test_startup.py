"""A deployment and its guard: what a start finds, and what goes on then."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.cli.app import app
from api.cli.recovery import adopt, recover_from
from api.home import Home, open_home
from api.places import GUARD
from api.serving import COULD_NOT_RUN, Publisher, serve
from api.settings import settings
from ledger.errors import Conflict, Unavailable
from ledger.format.checkpoint import claimed_checkpoint, open_checkpoint
from ledger.format.event import parse
from ledger.format.note import open_note
from ledger.publishing.export import export
from ledger.publishing.guard import Guard
from ledger.publishing.publisher import last_checkpoint
from ledger.storage.db import reading
from ledger.storage.store import entry_at, rows
from ledger.verifying.verify import verify
from manifest import reference
from manifest.replay import audit
from manifest.views import VIEW_TABLES
from tests.api.caller import Caller
from tests.api.homes import GENERATOR, Furnished, Ticking
from tests.api.incidents import backup, put_back
from tests.ledger.incidents import cut_back

REASON = "Mất đĩa giữ sổ canh"


@pytest.fixture
def clock(furnished: Furnished) -> Ticking:
    assert isinstance(furnished.home.clock, Ticking)
    return furnished.home.clock


@pytest.fixture
def lived(api: Caller) -> Caller:
    """A deployment in which something was recorded and signed."""
    api.lot()
    api.furnished.home.checkpoint()
    return api


def calling(lived: Caller, home: Home) -> Iterator[Caller]:
    with Caller.of(Furnished(home, lived.furnished.keys)) as caller:
        yield caller
    home.close()


@pytest.fixture
def restored(lived: Caller, clock: Ticking) -> Iterator[Caller]:
    """Yesterday's backup was put back: two entries that were signed are gone."""
    home = lived.furnished.home
    place = backup(home)
    lived.lot()
    lived.lot()
    home.checkpoint()
    yield from calling(lived, put_back(home, place, clock))


def test_a_deployment_that_agrees_with_its_guard_goes_on(lived: Caller, clock: Ticking) -> None:
    home = lived.furnished.home
    assert home.look() is None
    home.close()
    again = open_home(home.settings, clock)
    assert again.floor.problem is None
    assert again.guard.last() == again.newest_note()
    again.close()


def test_a_restored_backup_is_read_only(
    lived: Caller, clock: Ticking, caplog: pytest.LogCaptureFixture
) -> None:
    home = lived.furnished.home
    place = backup(home)
    lived.lot()
    size, _ = home.checkpoint()
    with caplog.at_level(logging.CRITICAL):
        older = put_back(home, place, clock)
    assert [record.levelname for record in caplog.records] == ["CRITICAL"]
    assert "ledger.behind_guard" in caplog.text
    for caller in calling(lived, older):
        refused = caller.post(GENERATOR, "/lots", _lot(caller))
        assert (refused.status_code, refused.json()["code"]) == (503, "ledger.behind_guard")
        assert refused.json()["errors"][0]["facts"] == {"size": size, "found": size - 1}
        assert refused.headers["Retry-After"]
        ready = caller.client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (503, "read_only")
        assert ready.json()["code"] == "ledger.behind_guard"
        assert caller.client.get("/healthz").status_code == 200
        assert caller.get(GENERATOR, "/entries/0").status_code == 200
        assert caller.get(None, "/checkpoint").status_code == 200
        with pytest.raises(Conflict, match="behind_guard"):
            older.checkpoint()
        with reading(older.engine) as reader:
            report = verify(reader, trust=older.trust(), guard=older.guard)
        assert [finding.code for finding in report.findings] == ["ledger.guard_ahead"]
        assert caller.size == size - 1


def _lot(caller: Caller) -> dict[str, object]:
    return {
        "site": f"site:{GENERATOR[4:]}",
        "code": "17 02 03",
        "state": "liquid",
        "mass_g": 1000,
        "generated_on": caller.today,
    }


def test_an_end_that_was_cut_off_is_noticed_by_the_next_append(lived: Caller) -> None:
    home, size = lived.furnished.home, lived.size
    cut_back(home.engine, home.ledger.log, size - 1)
    refused = lived.post(GENERATOR, "/lots", _lot(lived))
    assert (refused.status_code, refused.json()["code"]) == (503, "ledger.behind_guard")
    assert lived.size == size - 1


def test_a_restored_backup_without_its_guard_waits_for_an_operator(restored: Caller, clock: Ticking) -> None:
    home = restored.furnished.home
    home.guard.path.unlink()
    home.close()
    home = open_home(home.settings, clock)
    assert home.floor.problem is not None
    assert home.floor.problem.code == "ledger.guard_missing"
    for caller in calling(restored, home):
        refused = caller.post(GENERATOR, "/lots", _lot(caller))
        assert (refused.status_code, refused.json()["code"]) == (503, "ledger.guard_missing")
        with reading(home.engine) as reader:
            last = last_checkpoint(reader, home.ledger.log)
        assert last is not None
        adopt(home, REASON)
        with reading(home.engine) as reader:
            entry = entry_at(reader, home.ledger.log, caller.size - 1)
        assert entry is not None
        event = parse(entry.event)
        assert event.kind == "log.guard_adopted.v1"
        head = claimed_checkpoint(last[1])
        assert event.body == {"size": head.size, "root": head.root.hex(), "reason": REASON}
        assert caller.post(GENERATOR, "/lots", _lot(caller)).status_code == 201
        assert home.checkpoint()[0] == caller.size
        notes = [claimed_checkpoint(note).size for note in home.guard.notes()]
        assert notes == [head.size, head.size + 1, head.size + 2]
        with pytest.raises(Conflict, match="guard_there"):
            adopt(home, REASON)


def test_a_guard_that_was_put_back_waits_for_an_operator(lived: Caller, clock: Ticking) -> None:
    home = lived.furnished.home
    older = home.guard.path.read_bytes()
    lived.lot()
    home.checkpoint()
    home.guard.path.write_bytes(older)
    refused = lived.post(GENERATOR, "/lots", _lot(lived))
    assert refused.json()["code"] == "ledger.guard_damaged"  # this process has seen more of it
    home.close()
    again = open_home(home.settings, clock)
    assert again.floor.problem is not None
    assert again.floor.problem.code == "ledger.guard_behind"
    adopt(again, REASON)
    assert again.checkpoint()[0] == lived.size
    again.close()


def test_a_restored_backup_is_not_adopted_away(restored: Caller) -> None:
    with pytest.raises(Conflict, match="behind_guard"):
        adopt(restored.furnished.home, REASON)


def test_a_forked_log_is_not_served(
    lived: Caller, clock: Ticking, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = lived.furnished.home
    place = backup(home)
    lived.lot()
    home.checkpoint()
    other = put_back(home, place, clock, guard=str(tmp_path / "other.journal"))
    adopt(other, REASON)
    for caller in calling(lived, other):
        caller.lot()
        other.checkpoint()
    forked = put_back(home, place, clock)
    assert forked.floor.problem is not None
    assert forked.floor.problem.code == "ledger.forked"
    assert serve(forked) == COULD_NOT_RUN
    assert "rẽ nhánh" in capsys.readouterr().err
    with pytest.raises(Unavailable, match="forked"):
        adopt_entry(forked)
    forked.close()


def adopt_entry(home: Home) -> None:
    """Try to write, as any command would."""
    from api.home import give_key  # noqa: PLC0415

    give_key(home, GENERATOR, "x", home.root("root-1"), now=home.clock())


def test_what_version_0_1_remembered_becomes_the_guard_once(lived: Caller, clock: Ticking) -> None:
    home = lived.furnished.home
    note = home.newest_note()
    assert note is not None
    home.close()
    home.guard.path.unlink()
    memory = home.folder / "last-checkpoint.txt"
    memory.write_text(note, encoding="utf-8")
    upgraded = open_home(home.settings, clock)
    assert upgraded.floor.problem is None
    assert upgraded.guard.last() == note
    assert not memory.exists()
    upgraded.close()
    (home.folder / GUARD).unlink()
    bare = open_home(home.settings, clock)
    assert bare.floor.problem is not None
    assert bare.floor.problem.code == "ledger.guard_missing"
    bare.close()


def test_the_guard_lives_where_the_settings_say(lived: Caller, clock: Ticking, tmp_path: Path) -> None:
    home = lived.furnished.home
    home.close()
    elsewhere = tmp_path / "other-disk" / "g"
    elsewhere.parent.mkdir()
    (home.folder / GUARD).rename(elsewhere)
    moved = open_home(home.settings.model_copy(update={"guard": str(elsewhere)}), clock)
    assert moved.floor.problem is None
    moved.checkpoint()
    assert not (home.folder / GUARD).exists()
    moved.close()


def test_a_disk_of_the_guard_that_is_away_keeps_from_signing_only(
    lived: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = lived.furnished.home

    def away(_guard: Guard) -> None:
        raise OSError(5, "input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(Guard, "last", away)
        lived.lot()
        with pytest.raises(OSError, match="input/output"):
            home.checkpoint()
    assert home.checkpoint()[0] == lived.size


def test_silence_is_broken_by_heartbeats(lived: Caller, clock: Ticking) -> None:
    home = lived.furnished.home
    keys = [signer.key for signer in home.signers]

    def served_at() -> int:
        note = lived.get(None, "/checkpoint").text
        assert open_checkpoint(note, keys, home.ledger.origin).size == lived.size
        return max(at for at in open_note(note, keys).timestamps if at is not None)

    before = served_at()
    clock.now += timedelta(seconds=home.settings.heartbeat_s - 60)
    _publish(home)
    assert served_at() == before
    clock.now += timedelta(seconds=60)
    _publish(home)
    assert served_at() - before >= home.settings.heartbeat_s


def _publish(home: Home) -> None:
    publisher = Publisher(home, every_s=60)
    publisher.start()
    publisher.stop()


def test_what_was_lost_is_recovered_from_an_export_while_the_server_runs(
    lived: Caller, clock: Ticking, tmp_path: Path
) -> None:
    home = lived.furnished.home
    place = backup(home)
    lot = lived.lot()
    home.checkpoint()
    with reading(home.engine) as reader:
        export(reader, home.ledger.log, tmp_path / "copy")
    lived.lot()
    home.checkpoint()
    whole = views(home)
    older = put_back(home, place, clock)
    for caller in calling(lived, older):
        with pytest.raises(Conflict, match="suffix_short"):
            recover_from(older, str(tmp_path / "copy"))
        assert recover_from(older, str(tmp_path / "copy"), partial=True).stop == caller.size
        _publish(older)
        assert older.floor.problem is not None
        assert caller.get(GENERATOR, f"/lots/{lot}").status_code == 200
        with reading(home.engine) as reader:
            export(reader, home.ledger.log, tmp_path / "copy")
        assert recover_from(older, str(tmp_path / "copy")).stop == caller.size
        assert views(older) == whole
        _publish(older)
        assert older.floor.problem is None
        with reading(older.engine) as reader:
            report = verify(
                reader, trust=older.trust(), guard=older.guard, further=[audit(reference.default())]
            )
        assert report.ok, report.as_json()
        caller.lot()


def views(home: Home) -> list[object]:
    with reading(home.engine) as reader:
        return [rows(reader, table, log=home.ledger.log) for table in VIEW_TABLES]


@contextmanager
def commands(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Yield how to run `ctnh ledger …` on a deployment, by its settings."""
    for name, value in home.settings.model_dump().items():
        monkeypatch.setenv(f"CTNH_{name.upper()}", str(value))
    settings.cache_clear()
    yield lambda *arguments: CliRunner().invoke(app, ["ledger", *arguments])
    settings.cache_clear()


def test_an_operator_adopts_by_command(restored: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    home = restored.furnished.home
    home.guard.path.unlink()
    home.close()
    with commands(home, monkeypatch) as run:
        shown = run("guard", "show", "--json")
        assert shown.exit_code == 1
        assert json.loads(shown.output)["problem"]["code"] == "ledger.guard_missing"
        refused = run("guard", "adopt", "--reason", REASON)
        assert (refused.exit_code, "api.yes_missing" in refused.output) == (2, True)
        assert not home.guard.path.exists()
        assert run("guard", "adopt", "--reason", REASON, "--yes").exit_code == 0
        shown = run("guard", "show", "--json")
        assert shown.exit_code == 0
        assert json.loads(shown.output)["notes"] == 2


def test_an_operator_recovers_by_command(
    lived: Caller, clock: Ticking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = lived.furnished.home
    place = backup(home)
    lived.lot()
    size, _ = home.checkpoint()
    with reading(home.engine) as reader:
        export(reader, home.ledger.log, tmp_path / "copy")
    older = put_back(home, place, clock)
    older.close()
    with commands(older, monkeypatch) as run:
        assert run("guard", "show").exit_code == 1
        nothing = run("recover", "--from", str(tmp_path / "nowhere"))
        assert (nothing.exit_code, "ledger.file_missing" in nothing.output) == (2, True)
        done = run("recover", "--from", str(tmp_path / "copy"), "--json")
        assert done.exit_code == 0, done.output
        assert json.loads(done.output) == {"start": size - 1, "stop": size, "personal_lost": 0}
        assert run("guard", "show").exit_code == 0
