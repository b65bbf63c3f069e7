"""The documents that follow from the code say what the code says."""

from pathlib import Path

import pytest

from api.cli import docs
from api.cli.codes import FINDING, PDF_ANSWER, PDF_REFUSAL, codes
from manifest.authority import SIGNERS
from manifest.events import EVENTS, GENERATION_EVENTS, MANIFEST_EVENTS
from manifest.lots.events import BATCH_EVENTS
from manifest.vocabulary import Role


def test_no_generated_document_is_stale() -> None:
    assert docs.stale(docs.FOLDER) == [], "run `make docs`"


def test_check_names_what_is_stale_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(docs, "FOLDER", tmp_path)
    monkeypatch.setattr(docs, "pages", lambda: {"a.md": "a\n", "b.md": "b\n"})
    (tmp_path / "a.md").write_text("a\n", encoding="utf-8")
    assert docs.stale(tmp_path) == ["b.md"]
    assert docs.main(["--check"]) == 1
    assert "b.md" in capsys.readouterr().out
    assert not (tmp_path / "b.md").exists()
    assert docs.main([]) == 0
    assert docs.main(["--check"]) == 0


def test_every_act_says_what_it_posts() -> None:
    acts = (*GENERATION_EVENTS, *BATCH_EVENTS, *MANIFEST_EVENTS)
    assert set(docs.POSTS) == {event.kind for event in acts}


def test_every_kind_of_event_has_its_signers() -> None:
    assert set(SIGNERS) == set(EVENTS)


def test_the_permissions_show_first_and_second_signer() -> None:
    row = next(line for line in docs.permissions_page().splitlines() if "`manifest.handed_over.v1`" in line)
    cells = dict(zip(Role, [cell.strip() for cell in row.split("|")[3:-1]], strict=True))
    assert cells[Role.TRANSPORTER] == "1, 2"
    assert cells[Role.AUTHORITY] == ""


@pytest.mark.parametrize(
    ("code", "kinds"),
    [
        ("ledger.stale_stream", {"Conflict"}),
        ("ledger.float_forbidden", {"Malformed"}),
        ("manifest.helper_not_allowed", {"NotAllowed"}),
        ("manifest.mass_not_positive", {"Malformed"}),
        ("manifest.lot_short", {"RuleBroken"}),
        ("manifest.round_unknown", {"NotFound"}),
        ("ledger.leaf_missing", {FINDING}),
        ("pdf.signatures.order", {PDF_ANSWER}),
        ("pdf.field_closed", {PDF_REFUSAL}),
        ("reference.unknown_zone", {"ReferenceRefused"}),
        ("api.busy", {"Busy"}),
    ],
)
def test_a_code_is_followed_to_where_it_is_raised(code: str, kinds: set[str]) -> None:
    assert codes()[code] == kinds
