"""A manifest's PDF: issued, proved by the ledger, checked offline with the command that everybody has."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from api.cli.app import app
from api.documents import Issued, issue_pdf, write_issued
from api.home import ROOTS
from ledger.errors import NotFound
from ledger.storage.db import reading
from ledger.verifying.verify import verify
from manifest.reference import default
from manifest.register.parties import OrganisationChanged
from manifest.replay import audit
from tests.api.deployments import CARRIER, FACILITY, GENERATOR, Deployment, deployment
from tests.conftest import NewEngine

RUN = CliRunner()


@pytest.fixture
def place(tmp_path: Path, sqlite_engine: Engine) -> Iterator[Deployment]:
    made = deployment(tmp_path, sqlite_engine)
    yield made
    made.home.close()


def issued(place: Deployment) -> tuple[Issued, Path]:
    manifest = place.journey()
    done = issue_pdf(place.home, manifest)
    path = place.folder / "manifest.pdf"
    write_issued(done, path)
    (place.folder / "trust.json").write_bytes(place.home.trust().to_json())
    return done, path


def check(path: Path) -> tuple[int, dict[str, object]]:
    result = RUN.invoke(app, ["verify", str(path), "--json"])
    return result.exit_code, json.loads(result.stdout)


def test_every_party_signs_its_own_box_in_turn(place: Deployment) -> None:
    done, path = issued(place)
    assert done.signed == (GENERATOR, CARRIER, FACILITY, FACILITY)
    assert done.unsigned == ()
    code, result = check(path)
    assert code == 0, result
    assert result["seq"] == done.seq
    assert [part["verdict"] for part in result["parts"]] == ["ok"] * 4  # type: ignore[attr-defined]


def test_the_issue_is_an_entry_and_the_ledger_still_verifies(engine: Engine, tmp_path: Path) -> None:
    place = deployment(tmp_path, engine)
    done, _ = issued(place)
    with reading(engine) as reader:
        report = verify(reader, trust=place.home.trust(), further=[audit(default())])
    place.home.close()
    assert report.ok, report.findings
    assert report.size == done.seq + 1


@pytest.mark.parametrize("at", [0.1, 0.5, 0.9, 0.999])
def test_one_byte_changed_is_caught(place: Deployment, at: float) -> None:
    _, path = issued(place)
    data = bytearray(path.read_bytes())
    data[int(len(data) * at)] ^= 1
    path.write_bytes(data)
    code, result = check(path)
    assert code == 1
    assert result["ok"] is False


def test_a_document_cut_back_to_an_earlier_revision_is_caught_by_its_proof(place: Deployment) -> None:
    _, path = issued(place)
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"%%EOF", 0, len(data) - 10) + 6])
    code, _ = check(path)
    assert code == 1


def test_without_a_proof_the_file_part_says_not_checked_and_the_file_is_not_called_verified(
    place: Deployment,
) -> None:
    _, path = issued(place)
    path.with_name(path.name + ".proof").unlink()
    code, result = check(path)
    assert code == 1
    assert all(part["verdict"] != "failed" for part in result["parts"])  # type: ignore[attr-defined]
    assert result["parts"][-1]["verdict"] == "not_checked"  # type: ignore[index]


def test_a_proof_of_another_document_is_refused(place: Deployment) -> None:
    _, path = issued(place)
    other = place.folder / "other.pdf"
    write_issued(issue_pdf(place.home, place.manifest), other)
    shutil.copy(other.with_name("other.pdf.proof"), path.with_name(path.name + ".proof"))
    assert check(path)[0] == 1


def test_a_forged_proof_and_a_foreign_trust_file_are_refused(
    place: Deployment, tmp_path_factory: pytest.TempPathFactory, new_engine: NewEngine
) -> None:
    _, path = issued(place)
    proof = path.with_name(path.name + ".proof")
    good = proof.read_text()
    proof.write_text(good.replace("index ", "index 1", 1))
    assert check(path)[0] == 1
    proof.write_text(good)
    elsewhere = deployment(tmp_path_factory.mktemp("elsewhere"), new_engine())
    assert elsewhere.home.trust().root_kids != place.home.trust().root_kids
    (place.folder / "trust.json").write_bytes(elsewhere.home.trust().to_json())
    elsewhere.home.close()
    assert check(path)[0] == 1


def test_a_proof_alone_can_be_checked(place: Deployment) -> None:
    done, path = issued(place)
    code, result = check(path.with_name(path.name + ".proof"))
    assert (code, result["seq"], result["event"]) == (0, done.seq, "pdf.issued.v1")


def test_a_party_whose_key_is_not_kept_leaves_its_box_open(place: Deployment) -> None:
    manifest = place.journey()
    with place.home.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM custody_key WHERE party = 'org:car'")
    done = issue_pdf(place.home, manifest)
    assert done.unsigned == (CARRIER,)
    assert done.signed == (GENERATOR, FACILITY, FACILITY)


def test_there_is_no_document_of_a_manifest_that_is_not_there(place: Deployment) -> None:
    with pytest.raises(NotFound):
        issue_pdf(place.home, "8/2025/1-2-3.047.VX")


@pytest.mark.poppler
def test_poppler_reads_exact_vietnamese_and_valid_signatures(place: Deployment) -> None:
    _, path = issued(place)
    read = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, check=True)
    people = ("Đỗ Thị Ngọc Ánh", "Lê Văn Quyết", "Phạm Quốc Huỳnh")
    others = ("Công ty TNHH Mạ kẽm Thử Nghiệm", "1.234,5", "7/2025/1-2-3.047.VX", "29C-123.45")
    for words in (*people, *others, "Xem biên bản điều chỉnh/từ chối tiếp nhận"):
        assert words in read.stdout.decode(), words
    said = subprocess.run(["pdfsig", path], capture_output=True, check=False).stdout.decode()
    assert said.count("Signature is Valid.") == 4
    assert said.count("Total document signed") == 1


@pytest.mark.poppler
def test_a_document_names_its_parties_as_they_were_when_it_was_registered(place: Deployment) -> None:
    manifest = place.journey()
    changed = OrganisationChanged(party=GENERATOR, valid_from=date(2025, 5, 6), name="Công ty Đổi Tên")
    place.act(changed, place.home.root(ROOTS[0]), stream=GENERATOR)
    path = place.folder / "manifest.pdf"
    write_issued(issue_pdf(place.home, manifest), path)
    read = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, check=True)
    assert "Công ty TNHH Mạ kẽm Thử Nghiệm" in read.stdout.decode()
    assert "Công ty Đổi Tên" not in read.stdout.decode()
