"""A signed report says what verification found, and nothing else can be made of it."""

from datetime import timedelta

import pytest

from ledger.errors import Malformed, NotAllowed
from ledger.format.note import MAX_NOTE_BYTES
from ledger.report import Finding, Report
from ledger.verifying.attest import ROOM, attest, open_attested
from tests.ledger.world import ORIGIN, START, note_signer

AUDITOR = note_signer("auditor.example")


def report(*findings: Finding) -> Report:
    return Report(
        ok=not findings,
        origin=ORIGIN,
        size=12,
        root="0" * 64,
        findings=findings,
        found=len(findings),
        trust="file",
        checkpoint_size=12,
    )


def signed(*findings: Finding) -> str:
    return attest(
        report(*findings),
        AUDITOR,
        tool="ctnh-ledger 0.1.0",
        trust="a" * 64,
        started_at=START,
        finished_at=START + timedelta(seconds=5),
    )


def test_a_signed_report_reads_back() -> None:
    said = open_attested(signed(Finding(4, "ledger.leaf_mismatch", "đổi")), [AUDITOR.key])
    assert said["report"]["findings"] == [{"seq": 4, "code": "ledger.leaf_mismatch", "detail": "đổi"}]
    assert (said["tool"], said["trust"], said["checkpoint"]) == ("ctnh-ledger 0.1.0", "a" * 64, {"size": 12})
    assert (said["started_at"], said["finished_at"]) == (
        "2026-01-05T01:00:00.000Z",
        "2026-01-05T01:00:05.000Z",
    )


def test_a_report_that_was_changed_or_that_a_stranger_signed_is_refused() -> None:
    note = signed(Finding(4, "ledger.leaf_mismatch"))
    with pytest.raises(NotAllowed):
        open_attested(note.replace('"seq":4', '"seq":5'), [AUDITOR.key])
    with pytest.raises(NotAllowed):
        open_attested(note, [note_signer("other.example").key])


@pytest.mark.parametrize("text", ["{}\n", "[]\n", "x\n", '{"format":"ctnh-verification-v1"}\n', "null\n"])
def test_a_note_that_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        open_attested(AUDITOR.sign(text, START), [AUDITOR.key])


def test_another_spelling_of_a_report_is_refused() -> None:
    text = signed().partition("\n\n")[0].replace(":", ": ", 1) + "\n"
    with pytest.raises(Malformed):
        open_attested(AUDITOR.sign(text, START), [AUDITOR.key])


def test_more_findings_than_a_note_has_room_for_are_counted() -> None:
    many = tuple(Finding(seq, "ledger.leaf_mismatch", "x" * 2000) for seq in range(1000))
    note = signed(*many)
    assert len(note) < MAX_NOTE_BYTES
    said = open_attested(note, [AUDITOR.key])["report"]
    assert said["found"] == 1000
    assert 0 < len(said["findings"]) * 2000 < ROOM
