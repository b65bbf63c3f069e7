"""`ctnh vault`: erase a person, show a value to one party, check offline what was shown."""

import json
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.cli.app import app
from api.settings import settings
from ledger.errors import Malformed, NotAllowed
from ledger.format.checkpoint import parse_proof
from ledger.format.trust import load
from ledger.personal.disclosure import Disclosure, check, parse
from tests.api.caller import Caller
from tests.api.test_erasures import NAME, PHONE, SUBJECT, hand_over, personal

RUN = CliRunner()


@pytest.fixture
def here(lite: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Caller]:
    """A deployment that the environment names, with a driver's name in its vault; trust file and proof."""
    given = lite.furnished.home.settings
    monkeypatch.setenv("CTNH_DATABASE_URL", given.database_url)
    monkeypatch.setenv("CTNH_DATA_DIR", str(given.data_dir))
    monkeypatch.setenv("CTNH_ORIGIN", given.origin)
    monkeypatch.chdir(tmp_path)
    settings.cache_clear()
    hand_over(lite, lite.register(), {"driver": (NAME, SUBJECT), "driver_phone": (PHONE, SUBJECT)})
    home = lite.furnished.home
    home.checkpoint()
    Path("trust.json").write_bytes(home.trust().to_json())
    yield lite
    settings.cache_clear()


def call(*arguments: str) -> tuple[int, Any]:
    result = RUN.invoke(app, [*arguments, "--json"])
    return result.exit_code, json.loads(result.stdout) if result.stdout else None


def shown(here: Caller, name: str = "driver") -> str:
    """Disclose a value of the last entry, write its proof, and return the entry's position."""
    seq = str(here.size - 1)
    done = RUN.invoke(app, ["vault", "disclose", "--seq", seq, "--name", name, "-o", "shown.json"])
    assert done.exit_code == 0, done.stderr
    proved = RUN.invoke(app, ["ledger", "prove", "--seq", seq, "-o", "entry.tlog-proof"])
    assert proved.exit_code == 0, proved.stderr
    return seq


CHECK = ("vault", "check", "shown.json", "--proof", "entry.tlog-proof", "--trust", "trust.json")


def test_a_value_is_shown_and_checked_offline(here: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    seq = shown(here)
    assert stat.S_IMODE(Path("shown.json").stat().st_mode) == 0o600
    monkeypatch.setenv("CTNH_DATABASE_URL", "/nowhere/at/all.db")
    monkeypatch.setenv("CTNH_DATA_DIR", "/nowhere")
    settings.cache_clear()
    code, said = call(*CHECK)
    assert code == 0
    assert (said["seq"], said["name"], said["value"]) == (int(seq), "driver", NAME)
    assert NAME in RUN.invoke(app, list(CHECK)).stdout
    made = json.loads(Path("shown.json").read_bytes())
    assert sorted(made) == ["commitment", "name", "origin", "salt", "seq", "value"]
    assert PHONE not in Path("shown.json").read_text()


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"value": "Somebody else"}, "ledger.commitment_mismatch"),
        ({"value": "e\u0302"}, "ledger.text_not_nfc"),
        ({"salt": "A" * 43}, "ledger.commitment_mismatch"),
        ({"name": "driver_phone"}, "ledger.disclosure_of_other_entry"),
        ({"name": "nobody"}, "ledger.disclosure_of_other_entry"),
        ({"seq": 0}, "ledger.disclosure_of_other_entry"),
        ({"origin": "other.example/log"}, "ledger.disclosure_of_other_entry"),
        ({"commitment": "0" * 64}, "ledger.disclosure_of_other_entry"),
        ({"seq": True}, "ledger.disclosure_malformed"),
        ({"seq": "1"}, "ledger.disclosure_malformed"),
        ({"salt": "AAAA"}, "ledger.disclosure_malformed"),
        ({"salt": "!"}, "ledger.disclosure_malformed"),
        ({"value": 1}, "ledger.disclosure_malformed"),
        ({"more": 1}, "ledger.disclosure_malformed"),
    ],
)
def test_what_was_changed_is_not_believed(here: Caller, changed: dict[str, Any], code: str) -> None:
    shown(here)
    path = Path("shown.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))
    exit_code, said = call(*CHECK)
    assert exit_code == 1
    assert said == {"ok": False, "code": code}
    told = RUN.invoke(app, list(CHECK))
    assert (told.exit_code, code in told.stderr) == (1, True)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b" " * 70_000])
def test_what_is_no_disclosure_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed, match="disclosure_malformed"):
        parse(data)


def test_a_proof_of_another_entry_or_log_proves_nothing(here: Caller) -> None:
    shown(here)
    value = parse(Path("shown.json").read_bytes())
    trust = load(Path("trust.json"))
    assert isinstance(value, Disclosure)
    proof = parse_proof(Path("entry.tlog-proof").read_text())
    check(value, proof, trust.log_keys, trust.origin)
    other = str(here.size - 2)
    RUN.invoke(app, ["ledger", "prove", "--seq", other, "-o", "other.tlog-proof"])
    stranger = parse_proof(Path("other.tlog-proof").read_text())
    for wrong in (stranger, replace(proof, index=proof.index - 1), replace(proof, path=proof.path[:-1])):
        with pytest.raises(NotAllowed):
            check(value, wrong, trust.log_keys, trust.origin)
    with pytest.raises(Malformed, match="proof_malformed"):
        check(value, replace(proof, extra=None), trust.log_keys, trust.origin)
    Path("entry.tlog-proof").write_bytes(b"\xff")
    assert call(*CHECK) == (1, {"ok": False, "code": "ledger.proof_malformed"})


def test_an_erased_value_is_shown_to_nobody(here: Caller) -> None:
    seq = shown(here)
    erase = ["vault", "erase", "--subject", SUBJECT, "--reason", "theo yêu cầu"]
    code, said = call(*erase)
    assert (code, said["subject"], said["entries"]) == (0, SUBJECT, [here.size - 1])
    again = RUN.invoke(app, erase)
    assert (again.exit_code, "ledger.subject_unknown" in again.stderr) == (2, True)
    for at, name in ((seq, "driver"), (seq, "nobody"), ("0", "driver"), ("99999", "driver")):
        done = RUN.invoke(app, ["vault", "disclose", "--seq", at, "--name", name, "-o", "again.json"])
        assert done.exit_code == 2
        assert "ledger.commitment_unknown" in done.stderr or "ledger.entry_unknown" in done.stderr
    assert not Path("again.json").exists()
    code, report = call("ledger", "verify")
    assert (code, report["personal"]) == (0, {"open": 0, "sealed": 0, "redacted": 2})
    # Whoever was shown the value before can still prove it: what is told cannot be untold.
    assert call(*CHECK)[0] == 0


def test_one_value_is_erased_by_its_commitment(here: Caller) -> None:
    shown(here, "driver_phone")
    commitment = parse(Path("shown.json").read_bytes()).commitment
    erase = ["vault", "erase", "--subject", SUBJECT, "--reason", "nhầm số", "--commitment", commitment]
    done = RUN.invoke(app, erase)
    assert done.exit_code == 0, done.stderr
    assert SUBJECT in done.stdout
    unknown = RUN.invoke(app, [*erase[:-1], "f" * 64])
    assert (unknown.exit_code, "ledger.commitment_unknown" in unknown.stderr) == (2, True)
    code, report = call("ledger", "verify")
    assert (code, report["personal"]) == (0, {"open": 1, "sealed": 0, "redacted": 1})


def test_a_copy_of_the_database_alone_tells_what_is_sealed(
    here: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CTNH_DATA_DIR", str(tmp_path / "nothing"))
    settings.cache_clear()
    code, report = call("ledger", "verify")
    assert (code, report["personal"]) == (0, {"open": 0, "sealed": 2, "redacted": 0})
    assert not (tmp_path / "nothing").exists()
    manifest = json.loads(here.get("org:facility", "/manifests").text)["items"][0]["manifest"]
    assert personal(here, manifest)["driver"] == NAME
