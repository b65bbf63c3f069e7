"""Blanks are printed once and entered; whoever holds one learns whether its number and signature are good."""

import hashlib
import io
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pikepdf
import pytest

from api.blanks import signed_number, statement
from api.documents import document_path
from ledger.format.signature import b64, unb64, verify_raw
from ledger.ids import uuid7
from ledger.storage.db import reading
from ledger.storage.store import rows
from manifest.outages.views import BLANKS
from tests.api.caller import Caller
from tests.api.homes import AUTHORITY, FACILITY, GENERATOR, ORIGIN, RIVAL
from tests.api.test_outages import number
from tests.api.test_people import run
from tests.api.test_problems import problem

ASKED = {"block": "block:facility", "first": 11, "last": 12}
ISSUER = "1-2-3.047.VX"


def issue(api: Caller, party: str = FACILITY, **changed: Any) -> Any:
    return api.post(party, "/blanks", ASKED | changed)


def page(api: Caller, path: str) -> tuple[int, str]:
    answer = api.client.get(path)
    return answer.status_code, answer.text


def test_numbers_are_set_aside_printed_and_fetched_again(api: Caller) -> None:
    issued = api.did(issue(api))
    answer = api.client.get(issued["document"], headers=api.furnished.bearer(FACILITY))
    assert answer.headers["content-type"] == "application/pdf"
    assert hashlib.sha256(answer.content).hexdigest() == issued["body"]["sha256"]
    with pikepdf.open(io.BytesIO(answer.content)) as pdf:
        assert len(pdf.pages) == 8
        assert pdf.docinfo["/Subject"] == issued["blanks"]
    (listed,) = api.get(FACILITY, "/blanks").json()["items"]
    assert (listed["blanks"], listed["first"], listed["last"]) == (issued["blanks"], 11, 12)
    assert api.get(RIVAL, "/blanks").json()["items"] == []
    assert api.get(AUTHORITY, "/blanks").json()["count"] == 1
    problem(api.get(RIVAL, issued["document"].removeprefix("/api/v1")), 404, "api.blanks_unknown")
    assert number(api, api.register()) == 1
    body = api.registration() | {"number": {"sequence": 11, "year": 2025, "issuer": ISSUER}}
    problem(api.post(GENERATOR, "/manifests", body), 422, "manifest.number_on_blank")


def test_the_same_request_twice_prints_once(api: Caller) -> None:
    key = {"Idempotency-Key": uuid7(api.furnished.home.clock())}
    first = api.did(api.post(FACILITY, "/blanks", ASKED, headers=key))
    size = api.size
    again = api.did(api.post(FACILITY, "/blanks", ASKED, headers=key), 200)
    assert (again["blanks"], again["document"]) == (first["blanks"], first["document"])
    assert api.size == size
    problem(
        api.post(FACILITY, "/blanks", ASKED | {"last": 13}, headers=key), 409, "ledger.idempotency_conflict"
    )


@pytest.mark.parametrize(
    ("party", "changed", "status", "code"),
    [
        (FACILITY, {"block": "block:none"}, 422, "manifest.block_unknown"),
        (RIVAL, {}, 403, "manifest.block_not_yours"),
        (FACILITY, {"first": 990, "last": 1000}, 422, "manifest.number_not_allocated"),
        (FACILITY, {"first": 12, "last": 11}, 422, "manifest.number_not_allocated"),
        (FACILITY, {"first": 1, "last": 51}, 422, "api.blanks_too_many"),
        (FACILITY, {"sha256": "ab" * 32}, 422, "manifest.field_unknown"),
        (FACILITY, {"first": "11"}, 422, "manifest.integer_required"),
    ],
)
def test_what_cannot_be_printed_leaves_nothing(
    api: Caller, party: str, changed: dict[str, Any], status: int, code: str
) -> None:
    size = api.size
    problem(issue(api, party, **changed), status, code)
    assert api.size == size
    assert not (api.furnished.home.folder / "documents").exists()


def test_a_number_is_printed_once(api: Caller) -> None:
    api.did(issue(api))
    problem(issue(api, AUTHORITY, first=12, last=13), 422, "manifest.numbers_overlap")
    with reading(api.furnished.home.engine) as reader:
        assert len(rows(reader, BLANKS, log=api.furnished.home.ledger.log)) == 1


def test_a_file_that_was_changed_is_not_handed_out(lite: Caller) -> None:
    issued = lite.did(issue(lite))
    path = document_path(lite.furnished.home, issued["body"]["sha256"])
    document = issued["document"].removeprefix("/api/v1")
    assert lite.get(FACILITY, document).status_code == 200
    path.write_bytes(path.read_bytes() + b" ")
    problem(lite.get(FACILITY, document), 404, "api.document_missing")
    path.unlink()
    problem(lite.get(FACILITY, document), 404, "api.document_missing")


def link(api: Caller, sequence: int) -> str:
    """Return the address that stands behind the code of a blank, without its host."""
    home = api.furnished.home
    made = signed_number(home, home.service(), f"{sequence}/2025/{ISSUER}")
    return made.verify_url.removeprefix(home.settings.public_url)


def test_the_page_behind_the_code_says_whether_the_paper_is_good(api: Caller) -> None:
    api.did(issue(api))
    good = link(api, 12)
    status, text = page(api, good)
    assert status == 200
    assert "Chữ ký in trên tờ là của hệ thống này." in text
    assert "Chưa có chứng từ nào mang số này" in text
    assert "Ba Vì" not in text, "no names"
    assert "Không kèm chữ ký" in page(api, good.partition("?")[0])[1]
    for wrong in (link(api, 11).partition("?")[2], "s=abc", "s=%C3%A9", "s=" + "A" * 86):
        assert "không phải của hệ thống này" in page(api, f"{good.partition('?')[0]}?{wrong}")[1]
    for unknown in (f"/b/13/2025/{ISSUER}", f"/b/11/2024/{ISSUER}", "/b/11/2025/1", "/b/x", "/b/11/2025/<b>"):
        status, text = page(api, unknown)
        assert (status, "<b>" in text) == (404, False)
    assert page(api, good + "x" * 300)[0] == 422


def test_the_signature_holds_without_the_server(api: Caller) -> None:
    value = parse_qs(urlsplit(link(api, 12)).query)["s"][0]
    key = api.furnished.home.service().signer
    good = statement(ORIGIN, f"12/2025/{ISSUER}")
    assert verify_raw(key.public_key, unb64(value), good)
    for other in (
        statement(ORIGIN, f"13/2025/{ISSUER}"),
        statement("ledger.example/other", f"12/2025/{ISSUER}"),
    ):
        assert not verify_raw(key.public_key, unb64(value), other)
    # What the service key signs as an act can never be taken for a blank.
    event = f"ctnh-blank-v1\n{ORIGIN}\n12/2025/{ISSUER}\n".encode()
    assert b64(unb64(key.sign_event(event).value)) != value


def test_the_page_names_its_style_and_takes_nothing_from_elsewhere(lite: Caller) -> None:
    answer = lite.client.get(f"/b/12/2025/{ISSUER}")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "style-src 'sha256-" in policy
    assert "http" not in answer.text.replace("http-equiv", "")
    assert "<script" not in answer.text


def test_the_operator_prints_from_the_command_line(here: Caller, tmp_path: Path) -> None:
    first, again = tmp_path / "new" / "first.pdf", tmp_path / "again.pdf"
    size = here.size
    done = run(
        ["blanks", "issue", "--block", "block:facility", "--first", "5", "--last", "6", "-o", str(first)]
    )
    assert done.exit_code == 0, done.stderr
    assert here.size == size + 1
    blanks = done.stdout.split(": ")[0]
    assert run(["blanks", "print", blanks, "-o", str(again)]).exit_code == 0
    assert first.read_bytes() == again.read_bytes()
    (listed,) = here.get(FACILITY, "/blanks").json()["items"]
    assert listed["sha256"] == hashlib.sha256(first.read_bytes()).hexdigest()
    unknown = run(["blanks", "print", "blanks:none", "-o", str(again)])
    assert (unknown.exit_code, "api.blanks_unknown" in unknown.stderr) == (2, True)
    wrong = ["blanks", "issue", "--block", "block:none", "--first", "5", "--last", "6", "-o", str(again)]
    assert "manifest.block_unknown" in run(wrong).stderr
