"""What the signer's memory says of a log while it is verified."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from ledger.publishing.guard import Guard
from ledger.publishing.publisher import publish
from ledger.storage.db import reading
from ledger.verifying.steps import Steps
from ledger.verifying.verify import verify
from tests.ledger.world import ORIGIN, lived_in


def test_a_guard_that_cannot_be_read_is_named(sqlite_engine: Engine, tmp_path: Path) -> None:
    world = lived_in(sqlite_engine)
    with reading(sqlite_engine) as reader:
        report = verify(reader, trust=world.trust, guard=Guard(tmp_path), subjects=world.subjects)
    assert [finding.code for finding in report.findings] == ["ledger.guard_mismatch"]


def test_a_log_that_grows_while_it_is_read_raises_no_alarm(
    sqlite_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = lived_in(sqlite_engine, checkpoint=False)
    guard = Guard(tmp_path / "guard.journal")
    with reading(sqlite_engine) as reader:
        verify(reader, trust=world.trust)  # takes the view that does not see what follows
        world.note("later", by="binh.2")
        publish(sqlite_engine, world.log, ORIGIN, world.log_signers, now=world.now(), guard=guard)
        report = verify(reader, guard=guard, subjects=world.subjects)
        assert report.ok, report.findings
        monkeypatch.setattr(Steps, "_has_grown_to", lambda *_: False)
        report = verify(reader, guard=guard, subjects=world.subjects)
    assert [finding.code for finding in report.findings] == ["ledger.guard_ahead"]
