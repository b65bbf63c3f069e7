"""The servers that others run, as they run: by command, over HTTP on the loopback."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from threading import Thread

import httpx
import pytest
from typer.testing import CliRunner

from api.cli.app import app
from api.cosigning import Cosigners
from api.main import create_app
from api.witness import ED25519_FILE, MLDSA_FILE, cosigner, witness_app
from ledger.errors import Malformed
from ledger.format import policy as policies
from ledger.format.note import open_note, parse_vkey
from ledger.format.trust import Trust
from ledger.storage.db import reading
from ledger.storage.store import entries
from ledger.watching.mirror import suffix
from ledger.watching.remote import source
from ledger.watching.witness import MAX_BODY_BYTES, Client, Request, Witness, gather
from tests.api.homes import AUTHORITY, Furnished
from tests.ledger.tlog import ORIGIN, START, Tlog, cosigners, served

LOG = Tlog(40)
OTHER = Tlog(40, salt="changed", common=5)
VKEYS = ",".join(map(str, LOG.keys))
NAME = "witness.example/w"
run = CliRunner()


@contextmanager
def started(*arguments: str) -> Iterator[tuple[str, list[str]]]:
    """Run a serving command as a process of its own; yield its URL and what it printed first."""
    process = subprocess.Popen(
        [sys.executable, "-c", "from api.cli.app import main; main()", "ledger", *arguments, "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield from _started(process)
    finally:
        process.terminate()
        process.wait(20)
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()


def _started(process: "subprocess.Popen[str]") -> Iterator[tuple[str, list[str]]]:
    said: Queue[str] = Queue()
    assert process.stdout is not None
    assert process.stderr is not None
    errors = process.stderr

    def listen() -> None:
        for line in errors:
            said.put(line)

    Thread(target=listen, daemon=True).start()
    while (found := re.search(r"http://[0-9.]+:[1-9][0-9]*", said.get(timeout=60))) is None:
        pass
    yield found[0], [process.stdout.readline().strip() for _ in range(2)]


def test_a_log_is_cosigned_over_one_connection(tmp_path: Path) -> None:
    witness = Witness(tmp_path / "w.db", {ORIGIN: LOG.keys}, cosigners(NAME))
    keys = [signer.key for signer in witness.signers]
    with served(witness_app(witness, lambda: START)) as url, httpx.Client() as http:
        policy = policies.parse(
            f"witness a {keys[0]} {url}\nwitness b {keys[1]} {url}\ngroup g all a b\nquorum g\n".encode()
        )
        sizes: dict[str, int] = {}
        for size in (3, 8, 40):
            found = gather(policy, LOG.note(size), LOG.prover(size), http, sizes)
            assert (found.quorum, found.failed, sizes) == (True, {}, {url: size})
            assert policy.check(found.note, ORIGIN, LOG.keys).witnesses == ("a", "b")
        response = http.post(f"{url}/add-checkpoint", content=Request(3, (), LOG.note(8)).to_bytes())
        assert (response.status_code, response.text) == (409, "40\n")
        assert response.headers["content-type"] == "text/x.tlog.size"
        assert http.post(f"{url}/add-checkpoint", content=b"x").status_code == 400
        assert http.post(f"{url}/add-checkpoint", content=b"x" * (MAX_BODY_BYTES + 1)).status_code == 413
        assert http.get(f"{url}/add-checkpoint").status_code == 405
        ports = {
            http.post(f"{url}/add-checkpoint", content=b"x")
            .extensions["network_stream"]
            .get_extra_info("client_addr")
            for _ in range(3)
        }
        assert len(ports) == 1, "the connection stays open"
        assert None not in ports


def test_of_two_requests_at_once_over_http_one_is_cosigned(tmp_path: Path) -> None:
    witness = Witness(tmp_path / "w.db", {ORIGIN: LOG.keys}, cosigners(NAME))
    with served(witness_app(witness, lambda: START)) as url, httpx.Client() as http:

        def add(size: int) -> int:
            body = Request(3, LOG.proof(3, size), LOG.note(size)).to_bytes()
            return http.post(f"{url}/add-checkpoint", content=body).status_code

        first = Request(0, (), LOG.note(3)).to_bytes()
        assert http.post(f"{url}/add-checkpoint", content=first).status_code == 200
        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(add, (20, 30))) == [200, 409]


def test_the_command_makes_keys_once_and_keeps_what_it_saw(tmp_path: Path) -> None:
    command = ("witness", "serve", "--state", str(tmp_path), "--log", VKEYS, "--name", NAME)
    with started(*command) as (url, vkeys), httpx.Client() as http:
        keys = [parse_vkey(text) for text in vkeys]
        assert len(Client(url, keys, http).cosign(LOG.note(8), LOG.prover(8))) == 2
        body = Request(8, (), OTHER.note(8)).to_bytes()
        assert http.post(f"{url}/add-checkpoint", content=body).status_code == 409
    with started(*command) as (url, again), httpx.Client() as http:
        assert again == vkeys
        client = Client(url, keys, http)
        client.cosign(LOG.note(9), LOG.prover(9))
    for name in (ED25519_FILE, MLDSA_FILE):
        assert (tmp_path / name).stat().st_mode & 0o077 == 0
    result = run.invoke(app, ["ledger", "witness", "evidence", "--state", str(tmp_path), "--json"])
    assert result.exit_code == 1
    (found,) = json.loads(result.stdout)
    assert (found["kind"], found["kept"], found["offered"]) == ("same_size", LOG.note(8), OTHER.note(8))
    shown = run.invoke(app, ["ledger", "witness", "evidence", "--state", str(tmp_path)])
    assert OTHER.note(8) in shown.stdout


def test_a_witness_without_evidence_says_so(tmp_path: Path) -> None:
    result = run.invoke(app, ["ledger", "witness", "evidence", "--state", str(tmp_path), "--json"])
    assert (result.exit_code, json.loads(result.stdout)) == (0, [])


@pytest.mark.parametrize("logs", ["x", f"{LOG.keys[0]},", ""])
def test_a_witness_does_not_start_with_keys_that_are_none(tmp_path: Path, logs: str) -> None:
    command = ["ledger", "witness", "serve", "--state", str(tmp_path), "--log", logs, "--name", NAME]
    assert run.invoke(app, command).exit_code == 2


def test_a_cosigner_s_name_and_keys_must_go_together(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match="vkey_malformed"):
        cosigner(tmp_path, "with a space")
    signers = cosigner(tmp_path, NAME)
    assert [signer.key for signer in cosigner(tmp_path, NAME)] == [signer.key for signer in signers]
    (tmp_path / ED25519_FILE).write_bytes((tmp_path / MLDSA_FILE).read_bytes())
    with pytest.raises(Malformed, match="key_not_accepted"):
        cosigner(tmp_path, NAME)


def test_the_monitor_command_tells_and_remembers(tmp_path: Path) -> None:
    LOG.publish(tmp_path / "log", 20)
    state = tmp_path / "state"
    command = ["ledger", "monitor", str(tmp_path / "log"), "--state", str(state), "--log", VKEYS]
    good = run.invoke(app, [*command, "--json"])
    assert good.exit_code == 0, good.output
    assert json.loads(good.stdout) == {
        "ok": True,
        "origin": ORIGIN,
        "size": 20,
        "root": LOG.checkpoint(20).root.hex(),
        "findings": [],
        "proofs": [],
    }
    (tmp_path / "friend.txt").write_text(OTHER.note(20), encoding="utf-8")
    bad = run.invoke(app, [*command, "--note", str(tmp_path / "friend.txt"), "--max-age", "60"])
    assert bad.exit_code == 1
    assert "ledger.split_view" in bad.stdout
    assert "ledger.checkpoint_stale" in bad.stdout
    assert len(list(state.glob("split-view-*.json"))) == 1


def test_the_monitor_takes_a_trust_file_and_a_policy(tmp_path: Path) -> None:
    LOG.publish(tmp_path / "log", 20)
    trust = tmp_path / "trust.json"
    trust.write_bytes(Trust(ORIGIN, LOG.keys, ("0" * 64,)).to_json())
    (tmp_path / "policy").write_text(f"witness w {cosigners(NAME)[0].key}\nquorum w\n", encoding="utf-8")
    command = ["ledger", "monitor", str(tmp_path / "log"), "--state", str(tmp_path / "s")]
    assert run.invoke(app, [*command, "--trust", str(trust)]).exit_code == 0
    watched = run.invoke(
        app, [*command, "--trust", str(trust), "--policy", str(tmp_path / "policy"), "--json"]
    )
    assert [finding["code"] for finding in json.loads(watched.stdout)["findings"]] == [
        "ledger.quorum_missing"
    ]


@pytest.mark.parametrize(
    "more", [[], ["--log", ",".join(map(str, [*LOG.keys, *Tlog(0, origin="o.example").keys]))]]
)
def test_the_monitor_wants_one_log(tmp_path: Path, more: list[str]) -> None:
    command = ["ledger", "monitor", str(tmp_path), "--state", str(tmp_path / "s"), *more]
    assert run.invoke(app, command).exit_code == 2


def test_the_mirror_commands_copy_a_log_and_give_it_back(tmp_path: Path) -> None:
    LOG.publish(tmp_path / "log", 20)
    state = str(tmp_path / "mirror")
    named = ["--state", state, "--name", "mirror.example/m", "--log", VKEYS]
    pulled = run.invoke(app, ["ledger", "mirror", "pull", str(tmp_path / "log"), *named, "--json"])
    assert pulled.exit_code == 0, pulled.output
    found = json.loads(pulled.stdout)
    assert (found["size"], found["root"]) == (20, LOG.checkpoint(20).root.hex())
    LOG.publish(tmp_path / "log", 40)
    again = run.invoke(app, ["ledger", "mirror", "pull", str(tmp_path / "log"), *named])
    assert again.stdout.endswith(LOG.checkpoint(40).text)
    OTHER.publish(tmp_path / "fork", 40)
    forked = run.invoke(app, ["ledger", "mirror", "pull", str(tmp_path / "fork"), *named])
    assert forked.exit_code == 2
    with started("mirror", "serve", *named) as (url, vkeys), httpx.Client() as http:
        copy = source(f"{url}/{Path(found['folder']).name}", http)
        assert list(suffix(copy, 7, LOG.keys, ORIGIN)) == LOG.entries[7:]
        assert open_note(copy.note(), [parse_vkey(text) for text in vkeys]).text == LOG.checkpoint(40).text


def test_a_deployment_is_cosigned_watched_and_mirrored(furnished: Furnished, tmp_path: Path) -> None:
    home = furnished.home
    origin, keys = home.ledger.origin, home.trust().log_keys
    witness = Witness(tmp_path / "w.db", {origin: keys}, cosigners(NAME))
    size, _ = home.checkpoint()
    (tmp_path / "trust.json").write_bytes(home.trust().to_json())
    (tmp_path / "key").write_text(furnished.keys[AUTHORITY] + "\n", encoding="utf-8")
    with served(witness_app(witness, home.clock)) as at, served(create_app(home)) as url:
        policy = policies.parse(f"witness w {witness.signers[1].key} {at}\nquorum w\n".encode())
        gathered = Cosigners(home, policy).ask()
        assert gathered is not None
        assert gathered.quorum
        (tmp_path / "policy").write_text(f"witness w {witness.signers[1].key}\nquorum w\n", encoding="utf-8")
        log, common = f"{url}/log", ["--trust", str(tmp_path / "trust.json"), "--json"]
        look = ["ledger", "monitor", log, "--state", str(tmp_path / "s"), *common]
        watched = run.invoke(app, [*look, "--policy", str(tmp_path / "policy")])
        assert (watched.exit_code, json.loads(watched.stdout)["size"]) == (0, size), watched.output
        command = [
            "ledger",
            "mirror",
            "pull",
            log,
            "--state",
            str(tmp_path / "m"),
            "--name",
            "m.example",
            *common,
        ]
        assert run.invoke(app, command).exit_code == 2, "entries are not public"
        pulled = run.invoke(app, [*command, "--bearer-file", str(tmp_path / "key")])
        assert pulled.exit_code == 0, pulled.output
    with reading(home.engine) as reader, httpx.Client() as http:
        expected = [entry.data for entry in entries(reader, home.ledger.log)]
        copy = source(json.loads(pulled.stdout)["folder"], http)
        assert list(suffix(copy, 2, keys, origin)) == expected[2:]
