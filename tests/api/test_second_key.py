"""A new log signs its checkpoints with two keys; one that was opened with one key goes on with one."""

from pathlib import Path

import pytest

from api import home as homes
from api.home import POST_QUANTUM, Home, make_home, open_home
from ledger.errors import NotAllowed
from ledger.format import trust
from ledger.format.checkpoint import open_checkpoint, open_receipt
from ledger.format.note import Kind, split_note
from ledger.storage.db import reading
from ledger.storage.store import entry_at
from ledger.verifying.verify import verify
from tests.api.homes import Ticking, settings_of


def findings(home: Home) -> list[str]:
    with reading(home.engine) as reader:
        return [finding.code for finding in verify(reader, trust=home.trust()).findings]


def test_a_new_log_signs_its_checkpoints_with_both_keys(tmp_path: Path) -> None:
    home = make_home(settings_of(tmp_path, str(tmp_path / "a.db")), Ticking())
    _, note = home.checkpoint()
    believed = trust.parse(home.trust().to_json())
    assert [key.kind for key in believed.log_keys] == [Kind.ED25519, Kind.MLDSA44]
    assert {key.name for key in believed.log_keys} == {home.ledger.origin}
    assert len(split_note(note)[1]) == 2
    open_checkpoint(note, believed.log_keys, believed.origin)
    assert findings(home) == []
    assert (tmp_path / "data" / POST_QUANTUM).stat().st_mode & 0o077 == 0
    text, lines = split_note(note)
    half = f"{text}\n{lines[0]}\n"
    with pytest.raises(NotAllowed, match="note_half_signed"):
        open_checkpoint(half, believed.log_keys, believed.origin)
    home.close()


def test_a_log_that_was_opened_with_one_key_stays_valid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = homes._make_key
    monkeypatch.setattr(
        homes, "_make_key", lambda path, key: None if path.name == POST_QUANTUM else make(path, key)
    )
    settings, clock = settings_of(tmp_path, str(tmp_path / "a.db")), Ticking()
    make_home(settings, clock).close()
    home = open_home(settings, clock)
    _, note = home.checkpoint()
    assert [key.kind for key in home.trust().log_keys] == [Kind.ED25519]
    assert len(split_note(note)[1]) == 1
    assert findings(home) == []
    home.close()


def test_a_log_that_has_lost_its_second_key_is_found_out(tmp_path: Path) -> None:
    settings, clock = settings_of(tmp_path, str(tmp_path / "a.db")), Ticking()
    home = make_home(settings, clock)
    kept = home.trust()
    home.close()
    (settings.data_dir / POST_QUANTUM).unlink()
    home = open_home(settings, clock)
    home.checkpoint()
    with reading(home.engine) as reader:
        found = {finding.code for finding in verify(reader, trust=kept).findings}
    assert "ledger.note_half_signed" in found
    home.close()


def test_receipts_bear_the_quick_signature_alone(tmp_path: Path) -> None:
    home = make_home(settings_of(tmp_path, str(tmp_path / "a.db")), Ticking())
    with reading(home.engine) as reader:
        first = entry_at(reader, home.ledger.log, 0)
    assert first is not None
    again = home.ledger.submit(first.envelope.to_bytes(), now=home.clock())
    assert len(split_note(again.note)[1]) == 1
    assert open_receipt(again.note, home.trust().log_keys, home.ledger.origin).seq == 0
    home.close()
