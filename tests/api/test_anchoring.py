"""Anchors over real HTTP, and the log of logs, on a whole deployment and from the command line."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from sqlalchemy import delete
from typer.testing import CliRunner

from api.anchoring import Anchoring, anchor, authority_of, due, fetch, last_anchored
from api.cli.app import app
from api.home import Home
from api.logs import Logs
from api.recorder import record
from api.settings import settings
from ledger.errors import Conflict, Refused
from ledger.format.checkpoint import Checkpoint, claimed_checkpoint
from ledger.format.stamp import MAX_ANSWER_BYTES, check_token, question
from ledger.format.trust import Trust
from ledger.publishing.logs import check
from ledger.report import Report
from ledger.storage.db import reading, writing
from ledger.storage.store import ANCHOR, CHECKPOINT, HEAD, TILE, entry_at, one, rows
from ledger.verifying.verify import verify
from manifest import reference
from manifest.register.log import CheckpointAnchored
from manifest.replay import audit
from tests import tsa
from tests.api.conftest import NewHome
from tests.api.homes import ORIGIN, Furnished, Ticking
from tests.ledger.tampering import drop_fences
from tests.tsa import Authority, Mode

RUN = CliRunner()
LOGS = "ledger.example/logs"
NOON = datetime(2025, 4, 2, 5, 0, tzinfo=UTC)


@pytest.fixture
def authority() -> Iterator[Authority]:
    """A running authority whose clock is that of the deployment."""
    with tsa.authority(lambda: NOON) as made:
        yield made


@pytest.fixture
def home(new_home: NewHome, authority: Authority, tmp_path: Path) -> Home:
    """A deployment that has its checkpoints stamped there."""
    clock = Ticking(NOON)
    authority.clock = lambda: clock.now
    return stamping(new_home(clock), authority, tmp_path)


def stamping(furnished: Furnished, authority: Authority, folder: Path) -> Home:
    roots = folder / "tsa.pem"
    roots.write_text(tsa.pem(tsa.root()), encoding="utf-8")
    changed = {"tsa_url": authority.url, "tsa_roots": str(roots)}
    return replace(furnished.home, settings=furnished.home.settings.model_copy(update=changed))


def state(home: Home) -> tuple[int, int]:
    """Return how many entries and tokens there are."""
    with reading(home.engine) as reader:
        head = one(reader, HEAD, log=home.ledger.log)
        assert head is not None
        return head["size"], len(rows(reader, ANCHOR))


def report_of(home: Home, trust: Trust | None = None) -> Report:
    with reading(home.engine) as reader:
        step = audit(reference.default())
        return verify(reader, origin=ORIGIN, trust=trust or home.trust(), further=[step])


def named(report: Report) -> set[tuple[int | None, str]]:
    return {(finding.seq, finding.code.removeprefix("ledger.")) for finding in report.findings}


# Taking an anchor.


def test_an_anchor_is_stamped_kept_recorded_and_verified(home: Home, authority: Authority) -> None:
    size, _ = state(home)
    made = anchor(home)
    assert (made.seq, made.size, made.authority) == (size, size, authority.name)
    assert last_anchored(home) == made.stamped_at
    assert state(home) == (size + 1, 1)
    home.checkpoint()
    report = report_of(home)
    assert (report.findings, report.anchors_good, report.meaning) == ((), 1, "checked")
    without = report_of(home, replace(home.trust(), tsa_roots=()))
    assert (without.ok, without.anchors_good, without.anchors_not_checked) == (True, 0, 1)
    again = anchor(home)
    assert (again.size, again.seq) == (size + 1, size + 1)
    home.checkpoint()
    assert report_of(home).anchors_good == 2


def test_the_token_is_over_the_note_text_of_the_checkpoint(home: Home) -> None:
    made = anchor(home)
    with reading(home.engine) as reader:
        (row,) = rows(reader, ANCHOR)
        note = one(reader, CHECKPOINT, log=home.ledger.log, size=made.size)
    assert note is not None
    checkpoint = claimed_checkpoint(note["note"], ORIGIN)
    assert note["note"].startswith(checkpoint.text + "\n")
    assert check_token(row["token"], checkpoint, home.tsa_roots()) == made.stamped_at


@pytest.mark.parametrize(
    ("mode", "code"),
    [
        (Mode.OTHER_DATA, "ledger.anchor_mismatch"),
        (Mode.EXPIRED, "ledger.anchor_expired"),
        (Mode.WRONG_NONCE, "ledger.anchor_nonce"),
        (Mode.NO_NONCE, "ledger.anchor_nonce"),
        (Mode.FOREIGN, "ledger.anchor_untrusted"),
        (Mode.NO_PURPOSE, "ledger.anchor_untrusted"),
        (Mode.OTHER_CERTIFICATE, "ledger.anchor_untrusted"),
        (Mode.BROKEN_SIGNATURE, "ledger.anchor_untrusted"),
        (Mode.REFUSED, "ledger.anchor_refused"),
        (Mode.GARBAGE, "ledger.anchor_malformed"),
        (Mode.EMPTY, "ledger.anchor_malformed"),
        (Mode.HUGE, "api.tsa_unreachable"),
        (Mode.SLOW, "api.tsa_unreachable"),
        (Mode.SLOW_HEAD, "api.tsa_unreachable"),
        (Mode.SILENT, "api.tsa_unreachable"),
        (Mode.ERROR, "api.tsa_unreachable"),
        (Mode.ELSEWHERE, "api.tsa_unreachable"),
        (Mode.PAGE, "api.tsa_unreachable"),
    ],
)
def test_a_bad_authority_is_refused_by_code_and_leaves_nothing(
    home: Home, authority: Authority, mode: Mode, code: str
) -> None:
    before = state(home)
    authority.mode = mode
    began = monotonic()
    with pytest.raises(Refused) as caught:
        anchor(home, patience_s=0.5)
    assert caught.value.code == code
    assert monotonic() - began < 5
    assert state(home) == before
    assert len(authority.asked) == 1  # no second try, and no redirection followed


def test_an_authority_that_is_not_there_is_said(home: Home, authority: Authority) -> None:
    before = state(home)
    gone = replace(home, settings=home.settings.model_copy(update={"tsa_url": "http://127.0.0.1:1/tsa"}))
    with pytest.raises(Refused, match=r"api\.tsa_unreachable"):
        anchor(gone)
    assert state(home) == before
    assert authority.asked == []


@pytest.mark.parametrize("apart", [timedelta(hours=1), -timedelta(hours=1)])
def test_an_authority_of_another_time_is_refused(home: Home, authority: Authority, apart: timedelta) -> None:
    before, clock = state(home), authority.clock
    authority.clock = lambda: clock() + apart
    with pytest.raises(Refused, match=r"ledger\.anchor_time"):
        anchor(home)
    assert state(home) == before


@pytest.mark.parametrize("missing", ["tsa_url", "tsa_roots"])
def test_without_an_authority_and_its_roots_nothing_is_asked(
    home: Home, authority: Authority, missing: str
) -> None:
    off = replace(home, settings=home.settings.model_copy(update={missing: ""}))
    with pytest.raises(Refused, match=r"api\.tsa_not_set"):
        anchor(off)
    assert authority.asked == []


def test_roots_that_are_no_certificates_are_said(home: Home, tmp_path: Path) -> None:
    (tmp_path / "tsa.pem").write_text("no certificate", encoding="utf-8")
    with pytest.raises(Refused, match=r"ledger\.anchor_roots_malformed"):
        anchor(home)


def test_an_anchor_that_was_cut_short_is_recorded_by_the_next(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    size, _ = state(home)

    def stopped(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("api.anchoring.record", stopped)
        with pytest.raises(KeyboardInterrupt):
            anchor(home)
    assert state(home) == (size, 1)
    home.checkpoint()
    assert named(report_of(home)) == {(None, "anchor_unrecorded")}
    anchor(home)
    assert state(home) == (size + 2, 2)
    home.checkpoint()
    report = report_of(home)
    assert (report.ok, report.anchors_good) == (True, 2)


def test_a_kept_token_that_does_not_hold_is_never_recorded(home: Home) -> None:
    size, _ = home.checkpoint()
    with writing(home.engine, home.ledger.log) as writer:
        row = {"log": home.ledger.log, "size": size, "authority": "evil.example", "token": b"no token"}
        writer.execute(ANCHOR.insert(), row)
    anchor(home)
    home.checkpoint()
    assert named(report_of(home)) == {(None, "anchor_unrecorded")}


def test_an_answer_may_be_as_long_as_the_limit_and_no_longer(authority: Authority) -> None:
    asked = question(Checkpoint(ORIGIN, 1, bytes(32))).as_bytes()
    assert len(fetch(authority.url, asked)) < MAX_ANSWER_BYTES
    authority.mode = Mode.HUGE
    with pytest.raises(Refused, match="65536"):
        fetch(authority.url, asked)


def test_an_anchor_is_kept_under_the_host_that_was_asked() -> None:
    assert authority_of("https://user:secret@TSA.Example/path?query") == "tsa.example"
    assert authority_of("http://127.0.0.1:318/tsa") == "127.0.0.1:318"


# Who may record one.


def test_the_judge_takes_anchors_of_the_service_key_within_the_log_only(home: Home) -> None:
    size, _ = home.checkpoint()
    fields = {"root": "00" * 32, "authority": "tsa.example", "token_sha256": "00" * 32}
    body = CheckpointAnchored(size=size, stamped_at="2025-04-02T05:00:00.000Z", **fields)

    def submit(body: CheckpointAnchored, by: Any = None, stream: str = "anchors") -> None:
        now = home.clock()
        record(home.ledger, body, [by or home.service()], stream=stream, occurred_at=now, now=now)

    with pytest.raises(Refused, match=r"manifest\.anchor_beyond_log"):
        submit(replace(body, size=size + 1))
    with pytest.raises(Refused, match=r"manifest\.stream_wrong"):
        submit(body, stream="elsewhere")
    with pytest.raises(Refused, match=r"manifest\.role_wrong"):
        submit(body, by=home.root("root-1"))
    with pytest.raises(Refused, match=r"manifest\.service_key_only"):
        submit(body, by=replace(home.root("root-1"), role="service"))
    for wrong in ({"authority": "TSA"}, {"stamped_at": "now"}, {"root": "0"}, {"size": 0}):
        with pytest.raises(Refused, match=r"manifest\."):
            submit(replace(body, **wrong))
    submit(body)


# When one is due.


@pytest.mark.parametrize(
    ("last", "now", "expected"),
    [
        (None, datetime(2025, 4, 2, tzinfo=UTC), True),
        (datetime(2025, 4, 2, 5, tzinfo=UTC), datetime(2025, 4, 3, 4, 59, tzinfo=UTC), False),
        (datetime(2025, 4, 2, 5, tzinfo=UTC), datetime(2025, 4, 3, 5, tzinfo=UTC), True),
        # The quarter begins at midnight in Viet Nam, 17:00 UTC.
        (datetime(2025, 6, 30, 16, tzinfo=UTC), datetime(2025, 6, 30, 16, 59, tzinfo=UTC), False),
        (datetime(2025, 6, 30, 16, tzinfo=UTC), datetime(2025, 6, 30, 17, tzinfo=UTC), True),
        (datetime(2025, 12, 31, 16, tzinfo=UTC), datetime(2025, 12, 31, 17, tzinfo=UTC), True),
        (datetime(2025, 5, 31, 16, tzinfo=UTC), datetime(2025, 5, 31, 17, tzinfo=UTC), False),
    ],
)
def test_an_anchor_is_due_each_day_and_when_a_quarter_begins(
    last: datetime | None, now: datetime, expected: bool
) -> None:
    assert due(last, now) is expected


def tokens(home: Home) -> int:
    return state(home)[1]


def waited_for(condition: Callable[[], bool]) -> bool:
    deadline = monotonic() + 10
    while not condition() and monotonic() < deadline:
        sleep(0.02)
    return condition()


def test_the_server_anchors_when_it_is_due_and_tries_again_when_it_failed(
    home: Home, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    clock = home.clock
    assert isinstance(clock, Ticking)
    authority.mode = Mode.ERROR
    job = Anchoring(home, every_s=0.02, again_after_s=0.02)
    job.start()
    try:
        assert waited_for(lambda: len(authority.asked) > 1)
        assert tokens(home) == 0
        assert "tsa_unreachable" in caplog.text
        authority.mode = Mode.CORRECT
        assert waited_for(lambda: tokens(home) == 1)
        asked = len(authority.asked)
        sleep(0.2)
        assert (tokens(home), len(authority.asked)) == (1, asked)
        clock.now += timedelta(days=1)
        assert waited_for(lambda: tokens(home) == 2)
    finally:
        job.stop()
    home.checkpoint()
    assert report_of(home).anchors_good == 2


def test_without_an_authority_the_server_asks_nobody(home: Home, authority: Authority) -> None:
    off = replace(home, settings=home.settings.model_copy(update={"tsa_url": ""}))
    job = Anchoring(off, every_s=0.01)
    job.start()
    sleep(0.1)
    job.stop()
    assert authority.asked == []


# The log of logs of a deployment.


@pytest.fixture
def logs(home: Home) -> Iterator[Logs]:
    """The log of logs of the deployment."""
    made = Logs(home)
    yield made
    made.close()


def logs_report(home: Home, logs: Logs, trust: Trust | None = None) -> Report:
    with reading(home.engine) as reader:
        return verify(reader, origin=LOGS, trust=trust or logs.trust(), further=[check])


def test_the_log_of_logs_is_opened_by_the_roots_and_has_every_checkpoint(home: Home, logs: Logs) -> None:
    (made,) = logs.anchor()
    assert made.origin == ORIGIN
    assert logs.ledger.origin == LOGS
    report = logs_report(home, logs)
    assert (report.ok, report.size, report.meaning, report.checkpoint_size) == (True, 3, "checked", 3)
    assert logs.anchor() == []
    anchor(home)
    assert [one_log.size for one_log in logs.anchor()] == [made.size + 1]
    home.checkpoint()
    assert logs_report(home, logs).ok
    assert report_of(home).ok


def test_a_log_of_logs_that_is_there_is_opened_again_by_its_keys(home: Home, logs: Logs) -> None:
    logs.anchor()
    again = Logs(home)
    assert again.ledger.log == logs.ledger.log
    assert again.trust() == logs.trust()
    assert again.anchor() == []
    again.close()


def test_an_act_on_waste_is_refused_by_the_log_of_logs_and_an_anchored_log_by_the_other(
    home: Home, logs: Logs
) -> None:
    """Drill 19, between two logs of one database that have keys in common."""
    (made,) = logs.anchor()
    now = home.clock()
    with pytest.raises(Refused, match=r"manifest\.kind_unknown"):
        record(home.ledger, made, [home.service()], stream=ORIGIN, occurred_at=now, now=now)
    body = CheckpointAnchored(
        size=1, root="00" * 32, authority="a", token_sha256="00" * 32, stamped_at="2025-04-02T05:00:00.000Z"
    )
    with pytest.raises(Refused, match=r"ledger\.logs_kind"):
        record(logs.ledger, body, [home.service()], stream="anchors", occurred_at=now, now=now)
    with reading(home.engine) as reader:
        own = entry_at(reader, home.ledger.log, 4)
        assert own is not None
    with pytest.raises(Conflict, match=r"ledger\.other_origin"):
        logs.ledger.submit(own.envelope.to_bytes(), now=now)


# From the command line.


@pytest.fixture
def at_home(home: Home, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """The deployment as the environment names it."""
    for name, value in home.settings.model_dump().items():
        monkeypatch.setenv(f"CTNH_{name.upper()}", str(value))
    monkeypatch.setattr("api.home.wall_clock", home.clock)
    authority.clock = lambda: datetime.now(UTC)
    settings.cache_clear()
    yield home
    settings.cache_clear()


def call(*arguments: str | Path) -> tuple[int, Any]:
    result = RUN.invoke(app, [*map(str, arguments), "--json"])
    return result.exit_code, json.loads(result.stdout) if result.stdout else None


def test_the_command_anchors_and_says_what_it_did(at_home: Home, authority: Authority) -> None:
    size, _ = state(at_home)
    code, answer = call("ledger", "anchor")
    assert (code, answer["anchored"], answer["size"], answer["seq"]) == (0, True, size, size)
    assert answer["authority"] == authority.name
    assert call("ledger", "anchor", "--if-due") == (0, {"anchored": False})
    said = RUN.invoke(app, ["ledger", "anchor"]).stdout
    assert authority.name in said
    assert RUN.invoke(app, ["ledger", "anchor", "--if-due"]).exit_code == 0
    authority.mode = Mode.OTHER_DATA
    assert call("ledger", "anchor")[0] == 2
    code, answer = call("ledger", "verify")
    assert (code, answer["anchors"]) == (0, {"good": 0, "not_checked": 2})


def test_the_trust_file_brings_the_roots_along(at_home: Home, tmp_path: Path) -> None:
    assert call("ledger", "anchor")[0] == 0
    at_home.checkpoint()
    trust = tmp_path / "trust.json"
    trust.write_bytes(at_home.trust().to_json())
    code, answer = call("ledger", "verify", "--trust", trust)
    assert (code, answer["anchors"]) == (0, {"good": 1, "not_checked": 0})
    said = RUN.invoke(app, ["ledger", "verify", "--trust", str(trust)]).stdout
    assert "dấu thời gian   1 " in said
    drop_fences(at_home.engine)
    with at_home.engine.begin() as connection:
        connection.execute(delete(ANCHOR))
    code, answer = call("ledger", "verify", "--trust", trust)
    assert code == 1
    assert "ledger.anchor_missing" in {finding["code"] for finding in answer["findings"]}


def test_the_commands_for_several_logs(at_home: Home) -> None:
    assert call("ledger", "logs", "verify")[0] == 2  # there is none yet
    code, answer = call("ledger", "logs", "anchor")
    assert (code, [one_log["origin"] for one_log in answer["anchored"]]) == (0, [ORIGIN])
    trust = Path(answer["trust"])
    assert call("ledger", "logs", "anchor")[1]["anchored"] == []
    assert RUN.invoke(app, ["ledger", "logs", "anchor"]).exit_code == 0
    for more in ((), ("--trust", trust), ("--origin", LOGS)):
        code, answer = call("ledger", "logs", "verify", *more)
        assert (code, answer["origin"], answer["ok"]) == (0, LOGS, True)
    code, answer = call("ledger", "list")
    size, _ = state(at_home)
    assert (code, answer["logs"]) == (
        0,
        [
            {"origin": ORIGIN, "size": size, "checkpoint": size, "log_of_logs": False},
            {"origin": LOGS, "size": 3, "checkpoint": 3, "log_of_logs": True},
        ],
    )
    assert LOGS in RUN.invoke(app, ["ledger", "list"]).stdout


def test_the_option_picks_the_log(at_home: Home, tmp_path: Path) -> None:
    call("ledger", "logs", "anchor")
    for origin in (ORIGIN, LOGS):
        code, answer = call("ledger", "verify", "--origin", origin)
        assert (code, answer["origin"], answer["meaning"]) == (0, origin, "checked")
    assert call("ledger", "verify")[1]["origin"] == ORIGIN
    assert call("ledger", "verify", "--origin", "ledger.example/none")[0] == 2
    trust = at_home.settings.data_dir.parent / "trust-logs.json"
    assert call("ledger", "verify", "--trust", trust)[1]["origin"] == LOGS
    proof = tmp_path / "entry.tlog-proof"
    result = RUN.invoke(app, ["ledger", "prove", "--seq", "2", "-o", str(proof), "--origin", LOGS])
    assert result.exit_code == 0
    assert f"\n{LOGS}\n" in proof.read_text(encoding="utf-8")


def test_a_log_that_was_rewritten_after_it_was_anchored_fails_the_command(at_home: Home) -> None:
    call("ledger", "logs", "anchor")
    drop_fences(at_home.engine)
    with at_home.engine.begin() as connection:
        connection.execute(delete(TILE).where(TILE.c.log == at_home.ledger.log))
    code, answer = call("ledger", "logs", "verify")
    assert code == 1
    assert "ledger.logs_mismatch" in {finding["code"] for finding in answer["findings"]}
