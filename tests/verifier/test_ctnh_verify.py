"""The verifier in one file: as a command, on its own, against hostile input, and its own arithmetic."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ledger.format.signature import Algorithm, load_public_key, verify_ed25519
from ledger.format.tree import inclusion_proof
from ledger.format.tree import root as root_over
from tests.ledger.vectors import read, vectors
from tests.vectors.format_logs import HANDS
from tests.vectors.make_format import FORMAT
from tests.vectors.maker import LOG_KEY, ORIGIN, WITNESS_1, Log, export, head_text, note, rsa_spki
from verifier import ctnh_verify

FILE = Path(ctnh_verify.__file__)
FULL, SHORT = FORMAT / "good" / "full", FORMAT / "good" / "short"


def run(
    *arguments: str | Path, file: Path = FILE, flags: tuple[str, ...] = ("-I",)
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *flags, str(file), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_a_good_log_is_reported_with_status_0() -> None:
    done = run(FULL, "--trust", FULL / "trust.json", "--policy", FULL / "policy", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert (report["ok"], report["findings"], report["policy"]) == (True, [], "satisfied")
    assert (report["origin"], report["size"], report["unchecked"]) == (ORIGIN, 20, 0)
    assert report["signatures"] > report["size"]


def test_a_bad_log_is_reported_with_status_1_and_the_position() -> None:
    bad = FORMAT / "bad" / "entry-changed"
    done = run(bad, "--trust", bad / "trust.json")
    assert done.returncode == 1
    assert "3 ledger.leaf_mismatch" in done.stdout.splitlines()
    assert done.stdout.splitlines()[-1].endswith("findings")


@pytest.mark.parametrize("missing", ["target", "trust", "policy"])
def test_what_cannot_run_has_status_2(missing: str, tmp_path: Path) -> None:
    paths = {"target": SHORT, "trust": SHORT / "trust.json", "policy": FULL / "policy"}
    paths[missing] = tmp_path / "none"
    done = run(paths["target"], "--trust", paths["trust"], "--policy", paths["policy"])
    assert done.returncode == 2
    assert "none" in done.stderr
    assert done.stdout == ""


def test_a_malformed_trust_file_has_status_2(tmp_path: Path) -> None:
    bad = tmp_path / "trust.json"
    for text in (
        "{}",
        "[]",
        "not JSON",
        "[" * 100_000,
        (SHORT / "trust.json").read_text().replace("[", "[1,", 1),
    ):
        bad.write_text(text)
        done = run(SHORT, "--trust", bad)
        assert (done.returncode, done.stderr.split()[0]) == (2, "ledger.trust_malformed")


def test_a_trust_file_with_a_member_twice_is_refused() -> None:
    data = (SHORT / "trust.json").read_bytes()
    with pytest.raises(ctnh_verify.Bad, match="trust_malformed"):
        ctnh_verify.read_trust(data.replace(b'"format": 1', b'"format": 1, "format": 1'))


def test_a_witness_is_no_log_key() -> None:
    data = (SHORT / "trust.json").read_bytes()
    with pytest.raises(ctnh_verify.Bad, match="trust_malformed"):
        ctnh_verify.read_trust(data.replace(LOG_KEY.vkey.encode(), WITNESS_1.vkey.encode()))


def test_the_file_alone_runs_anywhere(tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere.py"
    shutil.copy(FILE, copy)
    # Neither site packages nor the folder of this program: the standard library alone.
    done = run(FULL, "--trust", FULL / "trust.json", "--json", file=copy, flags=("-I", "-S"))
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert report["signatures"] == 0
    assert report["unchecked"] > report["size"]


def test_it_imports_nothing_but_the_standard_library_and_cryptography() -> None:
    code = f"import sys; sys.path.insert(0, {str(FILE.parent)!r}); import ctnh_verify; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    roots = {name.partition(".")[0] for name in done.stdout.split()}
    assert not roots & {"ledger", "manifest", "pdf", "api", "nacl", "orjson", "sqlalchemy"}
    assert "cryptography" in roots


def findings_of(folder: Path) -> list[tuple[int | None, str]]:
    believed = ctnh_verify.read_trust((SHORT / "trust.json").read_bytes())
    _, findings = ctnh_verify.verify(folder, believed)
    return [(seq, code) for seq, code, _ in findings.kept]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(SHORT, tmp_path / "log")
    return tmp_path / "log"


def test_a_size_that_is_only_a_claim_costs_no_time(folder: Path) -> None:
    text = head_text([bytes(32)], size=2**62)
    (folder / "checkpoint").write_text(note(text, LOG_KEY.line(text)))
    found = findings_of(folder)
    assert len(found) <= 250
    assert found[0] == (None, "ledger.tile_missing")


def test_links_and_pipes_are_not_read(folder: Path, tmp_path: Path) -> None:
    bundle = folder / "tile" / "entries" / "000.p" / "6"
    shutil.move(bundle, tmp_path / "elsewhere")
    bundle.symlink_to(tmp_path / "elsewhere")
    assert findings_of(folder) == [(None, "ledger.bundle_missing")]
    bundle.unlink()
    os.mkfifo(bundle)
    assert findings_of(folder) == [(None, "ledger.bundle_missing")]
    bundle.unlink()
    shutil.move(folder / "tile", tmp_path / "tile")
    (folder / "tile").symlink_to(tmp_path / "tile")
    assert {code for _, code in findings_of(folder)} == {"ledger.bundle_missing", "ledger.tile_missing"}


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("checkpoint", "ledger.note_malformed"),
        ("tile/0/000.p/6", "ledger.tile_malformed"),
        ("tile/entries/000.p/6", "ledger.bundle_malformed"),
    ],
)
def test_files_without_end_are_not_read_to_the_end(folder: Path, path: str, code: str) -> None:
    os.truncate(folder / path, 1 << 40)  # a sparse file
    assert findings_of(folder)[0] == (None, code)


def test_nothing_in_an_event_makes_it_stop(tmp_path: Path) -> None:
    deep = b'{"a":' * 9_000 + b"1" + b"}" * 9_000
    for event in (
        deep,
        b"[" * 40_000,
        b'"' + b"\\" * 40_000,
        b"-" * 40_000,
        b"1" * 40_000,
        b'{"' + b"a" * 40_000,
    ):
        log = Log().open()
        log.note(
            "",
            tail=lambda envelope, event=event: (
                envelope.partition(b"\nlen")[0] + b"\nlen %d\n\n" % len(event) + event
            ),
        )
        for name, data in log.files().items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(data)
        assert findings_of(tmp_path)[0] == (1, "ledger.entry_malformed")


def test_an_upper_tile_that_differs_is_named(tmp_path: Path) -> None:
    shutil.copytree(FORMAT / "good" / "tiles", tmp_path / "log")
    upper = tmp_path / "log" / "tile" / "1" / "000.p" / "1"
    assert findings_of(tmp_path / "log") == []
    upper.write_bytes(bytes(32))
    assert findings_of(tmp_path / "log") == [(None, "ledger.tile_mismatch")]


def test_after_a_hole_the_chain_goes_on_from_the_leaf(tmp_path: Path) -> None:
    shutil.copytree(FORMAT / "good" / "tiles", tmp_path / "log")
    (tmp_path / "log" / "tile" / "entries" / "000").unlink()
    rest = tmp_path / "log" / "tile" / "entries" / "001.p" / "2"
    assert findings_of(tmp_path / "log") == [(None, "ledger.bundle_missing")]
    rest.write_bytes(re.sub(rb"prev [0-9a-f]{64}", b"prev " + b"ab" * 32, rest.read_bytes(), count=1))
    found = findings_of(tmp_path / "log")
    assert {(256, "ledger.leaf_mismatch"), (256, "ledger.link_broken")} <= set(found)


def test_full_upper_tiles_are_built_at_the_right_places() -> None:
    leaves = [number.to_bytes(32, "big") for number in range(70_000)]
    files = export([], leaves)
    made = ctnh_verify.Export(Path("/nowhere"), len(leaves), ctnh_verify.Findings())
    seen: dict[str, list[bytes]] = {}

    def compare(level: int) -> None:
        index, hashes = made.full[level], list(made.pending[level])
        seen[ctnh_verify.tile_path(str(level), index, len(hashes))] = hashes

    made._compare = compare  # type: ignore[method-assign]
    for leaf in leaves:
        made.rise(0, leaf)
    made.edges()
    above = {path: hashes for path, hashes in seen.items() if not path.startswith("tile/0/")}
    assert {path: b"".join(hashes) for path, hashes in above.items()} == {
        path: data for path, data in files.items() if not path.startswith("tile/0/")
    }


@pytest.mark.parametrize(
    ("index", "path"),
    [(0, "000"), (5, "005"), (999, "999"), (1000, "x001/000"), (1_234_067, "x001/x234/067")],
)
def test_tile_paths(index: int, path: str) -> None:
    assert ctnh_verify.tile_path("0", index, 256) == f"tile/0/{path}"
    assert ctnh_verify.tile_path("entries", index, 3) == f"tile/entries/{path}.p/3"


def test_roots_and_paths_are_those_of_the_ledger() -> None:
    leaves = [bytes([number]) * 32 for number in range(40)]
    for size in range(1, 41):
        root = root_over(leaves[:size])
        assert ctnh_verify.root_of(leaves[:size]) == root
        for index in range(size):
            path = inclusion_proof(leaves[:size], index)
            assert ctnh_verify.leads_to(leaves[index], index, size, path, root)
            assert not ctnh_verify.leads_to(leaves[index], index, size, [*path, root], root)
            assert not ctnh_verify.leads_to(leaves[index], index, size, path[:-1], root) or not path
            for beyond in (size, index + size):
                assert not ctnh_verify.leads_to(leaves[index], beyond, size, path, root)


def test_public_inclusion_vectors() -> None:
    for path in vectors("merkle/inclusion"):
        case: dict[str, Any] = read(path)
        leaf, root = (base64.b64decode(case[name] or "") for name in ("leafHash", "root"))
        proof = [base64.b64decode(node) for node in case["proof"] or ()]
        good = len(leaf) == len(root) == 32 and all(len(node) == 32 for node in proof)
        index, size = case["leafIdx"], case["treeSize"]
        assert (good and ctnh_verify.leads_to(leaf, index, size, proof, root)) is not case["wantErr"], (
            path.name
        )


def test_every_edge_case_of_ed25519_is_judged_as_the_ledger_judges_it() -> None:
    (path,) = vectors("cctv/ed25519", "vectors.json")
    accepted = 0
    for case in read(path):
        key, signature, message = bytes.fromhex(case["key"]), bytes.fromhex(case["sig"]), case["msg"].encode()
        held = ctnh_verify.is_ed25519_key(key) and ctnh_verify.ed25519_holds(key, signature, message)
        assert held == verify_ed25519(key, signature, message), case["number"]
        accepted += held
    assert accepted > 0


def test_keys_are_told_apart_as_the_ledger_does() -> None:
    for hand in HANDS:
        assert Algorithm(ctnh_verify.algorithm_of(hand.spki)) is load_public_key(hand.spki)[0]
        for broken in (hand.spki[:-1], hand.spki + b"\x00", b"\x00" + hand.spki, hand.spki[1:], b""):
            with pytest.raises(ctnh_verify.Bad):
                ctnh_verify.algorithm_of(broken)


@pytest.mark.parametrize("exponent", [3, 17, 65_535, 2**32 + 1])
def test_rsa_exponents_out_of_bounds(exponent: int) -> None:
    with pytest.raises(ctnh_verify.Bad):
        ctnh_verify.algorithm_of(rsa_spki(exponent))


def test_progress_is_told_on_a_terminal_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ctnh_verify.progress(ctnh_verify.PROGRESS, 50_000)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    ctnh_verify.progress(ctnh_verify.PROGRESS, 50_000)
    ctnh_verify.progress(ctnh_verify.PROGRESS + 1, 50_000)
    assert capsys.readouterr().err == "20000 of 50000 entries\n"
