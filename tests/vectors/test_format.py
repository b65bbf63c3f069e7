"""The vectors of the format are what their maker makes, and every implementation comes to what they say."""

import json
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import Malformed, Problem, Refused
from ledger.format import policy, trust
from ledger.format.checkpoint import check_proof, open_checkpoint, open_receipt, parse_proof
from ledger.format.entry import entry_hash, parse_entry
from ledger.format.note import decode
from ledger.verifying.offline import check_export
from tests.vectors.make_format import FORMAT, files
from verifier import ctnh_verify

FOLDERS = sorted(path.parent for path in FORMAT.glob("*/*/case.json"))
KINDS = {"good", "bad"}
Found = list[tuple[int | None, str]]


@pytest.fixture(params=FOLDERS, ids=lambda path: f"{path.parent.name}-{path.name}")
def folder(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture
def expected(folder: Path) -> dict[str, Any]:
    made: dict[str, Any] = json.loads((folder / "case.json").read_bytes())
    return made


def test_the_files_are_what_the_maker_makes() -> None:
    made = files()
    kept = {str(path.relative_to(FORMAT)): path for path in FORMAT.rglob("*") if path.is_file()}
    assert sorted(made) == sorted(kept), "python -m tests.vectors.make_format writes them anew"
    assert [name for name, path in kept.items() if path.read_bytes() != made[name]] == []


def test_there_are_good_ones_and_many_bad_ones() -> None:
    names = [folder.parent.name for folder in FOLDERS]
    assert set(names) == KINDS
    assert names.count("bad") >= 40


def compare(found: Found, expected: dict[str, Any]) -> None:
    code, seq = expected["code"], expected["seq"]
    if code is None:
        assert found == []
        return
    assert (seq, code) in found
    if seq is not None:
        assert min(place for place, _ in found if place is not None) == seq


def by_the_second(folder: Path, expected: dict[str, Any]) -> tuple[int, Found]:
    target = folder if expected["target"] == "." else folder / expected["target"]
    try:
        believed = ctnh_verify.read_trust((folder / "trust.json").read_bytes())
        asked = ctnh_verify.read_policy((folder / "policy").read_bytes()) if expected["policy"] else None
        before = [folder / "before"] if expected["before"] else []
        _, findings = ctnh_verify.verify(target, believed, asked, before)
    except ctnh_verify.Bad as error:
        return 2, [(None, error.code)]
    return int(findings.count > 0), [(seq, code) for seq, code, _ in findings.kept]


def test_the_verifier_in_one_file_finds_it(folder: Path, expected: dict[str, Any]) -> None:
    status, found = by_the_second(folder, expected)
    compare(found, expected)
    assert status == expected["exit"]


def test_without_the_library_it_finds_all_but_signatures(
    folder: Path, expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctnh_verify, "LIBRARY", False)
    status, found = by_the_second(folder, expected)
    if expected["signature"]:
        assert (status, found) == (0, [])
    elif expected["code"] != "ledger.signature_invalid":
        compare(found, expected)
        assert status == expected["exit"]


def found_by(folder: Path, expected: dict[str, Any]) -> Found:
    believed = trust.load(folder / "trust.json")
    if expected["target"] == ".":
        before = [folder / "before"] if expected["before"] else []
        report = check_export(folder, believed, before=before)
        return [(finding.seq, finding.code) for finding in report.findings]
    index = None
    try:
        asked = policy.parse((folder / "policy").read_bytes()) if expected["policy"] else None
        data = (folder / expected["target"]).read_bytes()
        if expected["target"] == "receipt":
            open_receipt(decode(data), believed.log_keys, believed.origin)
        elif expected["target"].endswith(".tlog-proof"):
            index = check_whole_proof(data.decode(), believed)
        elif asked is None:
            open_checkpoint(decode(data), believed.log_keys, believed.origin)
        elif not asked.check(decode(data), believed.origin, believed.log_keys).quorum:
            return [(None, "ledger.quorum_missing")]
    except Refused as error:
        return [(expected["seq"], error.code)]
    return [] if index is None else [(index, "ledger.entry_misplaced")]


def check_whole_proof(text: str, believed: trust.Trust) -> int | None:
    """Return the index of a proof whose entry says that it stands elsewhere, or None."""
    proof = parse_proof(text)
    if proof.extra is None:
        raise Malformed(Problem("ledger.proof_malformed"))  # it parses; there is just nothing to prove
    check_proof(proof, entry_hash(proof.extra), believed.log_keys, believed.origin)
    return proof.index if parse_entry(proof.extra).seq != proof.index else None


def test_the_ledger_finds_it(folder: Path, expected: dict[str, Any]) -> None:
    compare(found_by(folder, expected), expected)
