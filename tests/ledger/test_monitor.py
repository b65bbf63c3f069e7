"""A monitor over real HTTP: what it remembers, what it refuses, and the split view that it proves."""

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from ledger.errors import Conflict, Malformed, NotAllowed
from ledger.format import policy as policies
from ledger.format.note import add_lines
from ledger.watching.monitor import Followed, Monitor, SplitView, parse_split_view
from ledger.watching.remote import source
from tests.ledger.tlog import ORIGIN, START, Tlog, cosigners, note_signer, served

LOG = Tlog(600)
FORK = Tlog(600, salt="other", common=200)
OTHER = Tlog(10, origin="other.example/log")
WITNESSES = cosigners("w.example")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("site")


@pytest.fixture(scope="module")
def url(site: Path) -> Iterator[str]:
    with served(Starlette(routes=[Mount("/", StaticFiles(directory=site))])) as found:
        yield found


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client() as client:
        yield client


@pytest.fixture
def monitor(tmp_path: Path) -> Monitor:
    return Monitor(tmp_path / "m", ORIGIN, LOG.keys)


class Places:
    """Sources by name, each a folder below one web server."""

    def __init__(self, site: Path, url: str, http: httpx.Client) -> None:
        self.site, self.url, self.http = site, url, http
        for folder in site.iterdir():
            shutil.rmtree(folder)

    def put(self, name: str, log: Tlog, size: int, note: str | None = None) -> str:
        log.publish(self.site / name, size, note)
        return name

    def follow(self, monitor: Monitor, *names: str, **more: object) -> Followed:
        sources = [source(f"{self.url}/{name}/", self.http) for name in names]
        return monitor.follow(sources, **{"now": START, **more})  # type: ignore[arg-type]


@pytest.fixture
def places(site: Path, url: str, http: httpx.Client) -> Places:
    return Places(site, url, http)


def codes(found: Followed) -> list[str]:
    return [finding.code.removeprefix("ledger.") for finding in found.findings]


def test_a_log_that_grows_is_followed_and_remembered(places: Places, monitor: Monitor) -> None:
    assert monitor.remembered() is None
    for size in (0, 3, 256, 256, 300, 512, 600):
        found = places.follow(monitor, places.put("log", LOG, size))
        assert (found.ok, found.size, found.root) == (True, size, LOG.checkpoint(size).root.hex())
        assert monitor.remembered() == LOG.note(size)
    again = Monitor(monitor.folder, ORIGIN, LOG.keys)
    assert again.remembered() == LOG.note(600)
    assert again.shown(f"{places.url}/log/") == 600


def test_a_partial_tile_that_is_gone_is_read_from_the_full_one(places: Places, monitor: Monitor) -> None:
    places.put("log", LOG, 300)
    places.put("log", LOG, 600, LOG.note(300))
    shutil.rmtree(places.site / "log" / "tile" / "0" / "001.p")
    assert places.follow(monitor, "log").ok


def test_a_history_that_was_rewritten_is_proved(places: Places, monitor: Monitor) -> None:
    assert places.follow(monitor, places.put("log", LOG, 300)).ok
    found = places.follow(monitor, places.put("log", FORK, 600))
    assert codes(found) == ["split_view"]
    assert (found.size, monitor.remembered()) == (300, LOG.note(300))
    (path,) = found.proofs
    proof = parse_split_view(path.read_bytes())
    assert (proof.first, proof.second) == (LOG.note(300), FORK.note(600))
    assert proof.prefix_root == FORK.checkpoint(300).root
    assert proof.convicts(LOG.keys)
    assert not proof.convicts([note_signer("stranger").key])


def test_two_roots_of_one_size_are_proved_whoever_shows_them(places: Places, monitor: Monitor) -> None:
    assert places.follow(monitor, places.put("log", LOG, 300)).ok
    found = places.follow(monitor, "log", notes=[("friend", FORK.note(300))])
    assert codes(found) == ["split_view"]
    proof = parse_split_view(found.proofs[0].read_bytes())
    assert {proof.first, proof.second} == {LOG.note(300), FORK.note(300)}
    assert proof.convicts(LOG.keys)
    assert places.follow(monitor, "log", notes=[("friend", FORK.note(300))]).proofs == found.proofs


def test_a_smaller_checkpoint_of_a_friend_convicts_the_log(places: Places, monitor: Monitor) -> None:
    found = places.follow(monitor, places.put("log", FORK, 600), notes=[("friend", LOG.note(300))])
    assert codes(found) == ["split_view"]
    assert parse_split_view(found.proofs[0].read_bytes()).convicts(LOG.keys)
    honest = places.follow(monitor, "log", notes=[("friend", LOG.note(150)), ("empty", LOG.note(0))])
    assert honest.ok, "what both have in common is no contradiction"


def test_a_mirror_that_shows_another_log_is_found(places: Places, monitor: Monitor) -> None:
    names = [places.put("log", LOG, 500), places.put("mirror", LOG, 400), places.put("liar", FORK, 450)]
    found = places.follow(monitor, *names)
    assert codes(found) == ["split_view"]
    assert "liar" in found.findings[0].detail
    assert found.size == 500


def test_two_friends_without_any_source_can_convict_a_log(monitor: Monitor) -> None:
    notes = [("a", LOG.note(300)), ("b", FORK.note(300)), ("c", LOG.note(10))]
    found = monitor.follow([], now=START, notes=notes)
    assert sorted(codes(found)) == ["consistency_unproved", "split_view"]
    assert monitor.remembered() is None


def test_what_no_tiles_reach_is_said_to_be_unproved(places: Places, monitor: Monitor) -> None:
    places.put("log", LOG, 300)
    found = places.follow(monitor, "log", notes=[("friend", LOG.note(500))])
    assert codes(found) == ["consistency_unproved"]
    assert found.size == 300


def test_another_origin_is_refused_whoever_signed_it(places: Places, monitor: Monitor) -> None:
    found = places.follow(monitor, places.put("log", OTHER, 5))
    assert codes(found) == ["other_origin"]
    assert monitor.remembered() is None
    with pytest.raises(Conflict, match="other_origin"):
        Monitor(monitor.folder, OTHER.origin, OTHER.keys)


def test_memory_that_other_keys_have_signed_is_not_overwritten(places: Places, monitor: Monitor) -> None:
    places.follow(monitor, places.put("log", LOG, 300))
    stranger = Monitor(monitor.folder, ORIGIN, [note_signer("stranger").key])
    with pytest.raises(NotAllowed, match="note_unsigned"):
        places.follow(stranger, "log")
    assert monitor.remembered() == LOG.note(300)


def test_a_slower_round_does_not_set_memory_back(places: Places, monitor: Monitor) -> None:
    places.follow(monitor, places.put("log", LOG, 300))
    monitor._remember(LOG.note(100), {"log": 100}, START)
    assert monitor.remembered() == LOG.note(300)


def test_a_log_that_goes_back_is_named(places: Places, monitor: Monitor) -> None:
    places.follow(monitor, places.put("log", LOG, 300))
    found = places.follow(monitor, places.put("log", LOG, 200))
    # Its smaller tree cannot show that it is a prefix of the larger one.
    assert codes(found) == ["checkpoint_behind", "consistency_unproved"]
    assert found.size == 300
    both = places.follow(monitor, "log", places.put("mirror", LOG, 350))
    assert (codes(both), both.size) == (["checkpoint_behind"], 350)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda log: (log / "checkpoint").unlink(), "file_missing"),
        (lambda log: (log / "checkpoint").write_bytes(b"\xff"), "note_malformed"),
        (lambda log: (log / "checkpoint").write_text("nothing\n"), "note_malformed"),
        (lambda log: (log / "checkpoint").write_bytes(b"x" * 600_000), "answer_too_long"),
        (
            lambda log: (log / "checkpoint").write_text(LOG.signers[0].sign(LOG.checkpoint(300).text, START)),
            "note_half_signed",
        ),
        (
            lambda log: (log / "checkpoint").write_text(
                note_signer("stranger").sign(LOG.checkpoint(300).text, START)
            ),
            "note_unsigned",
        ),
        (lambda log: (log / "tile/0/001.p/44").unlink(), "file_missing"),
        (lambda log: (log / "tile/0/001.p/44").write_bytes(b""), "tile_missing"),
        (lambda log: (log / "tile/1/000.p/1").write_bytes(bytes(32)), "checkpoint_mismatch"),
    ],
)
def test_a_source_that_is_unsound_is_named_and_not_believed(
    places: Places, monitor: Monitor, damage: object, expected: str
) -> None:
    places.put("log", LOG, 300)
    damage(places.site / "log")  # type: ignore[operator]
    found = places.follow(monitor, "log")
    assert codes(found)[0] == expected
    assert monitor.remembered() is None


def test_tiles_that_do_not_lead_to_the_root_accuse_nobody(places: Places, monitor: Monitor) -> None:
    places.follow(monitor, places.put("log", LOG, 200))
    places.put("log", LOG, 600)
    (places.site / "log/tile/0/000").write_bytes(bytes(8192))
    found = places.follow(monitor, "log")
    assert codes(found) == ["checkpoint_mismatch"]
    assert (found.size, found.proofs) == (200, ())


def test_a_source_that_does_not_answer_is_named(monitor: Monitor, http: httpx.Client) -> None:
    found = monitor.follow([source("http://127.0.0.1:9", http)], now=START)
    assert codes(found) == ["source_unavailable"]


class _Closed(BaseHTTPRequestHandler):
    """A server that wants to know who asks."""

    def do_GET(self) -> None:
        self.send_error(401)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_source_that_asks_for_a_key_is_not_one_that_is_broken(monitor: Monitor, http: httpx.Client) -> None:
    with HTTPServer(("127.0.0.1", 0), _Closed) as server:
        answering = Thread(target=server.handle_request)
        answering.start()
        found = monitor.follow([source(f"http://127.0.0.1:{server.server_port}", http)], now=START)
        answering.join()
    assert codes(found) == ["source_closed"]


def test_a_folder_is_a_source_too(monitor: Monitor, tmp_path: Path, http: httpx.Client) -> None:
    LOG.publish(tmp_path / "copy", 300)
    assert monitor.follow([source(str(tmp_path / "copy"), http)], now=START).size == 300
    assert codes(monitor.follow([source(str(tmp_path / "none"), http)], now=START)) == ["file_missing"]


def test_a_checkpoint_that_nobody_renews_is_stale(places: Places, monitor: Monitor) -> None:
    places.put("log", LOG, 300)
    hour = timedelta(hours=1)
    assert places.follow(monitor, "log", now=START + hour, max_age=hour).ok
    late = places.follow(monitor, "log", now=START + hour + timedelta(seconds=1), max_age=hour)
    assert codes(late) == ["checkpoint_stale"]
    assert "2026-01-05" in late.findings[0].detail
    places.put("log", LOG, 300, LOG.note(300, at=7200))
    assert places.follow(monitor, "log", now=START + 3 * hour, max_age=hour).ok
    # Dated ahead, it would otherwise stay fresh for as long as anybody likes.
    assert codes(places.follow(monitor, "log", now=START, max_age=hour)) == ["checkpoint_stale"]


def test_where_witnesses_count_their_times_do(places: Places, tmp_path: Path) -> None:
    text = "".join(f"witness {kind} {one.key}\n" for kind, one in zip("ab", WITNESSES, strict=True))
    policy = policies.parse(f"{text}group both all a b\nquorum both\n".encode())
    monitor = Monitor(tmp_path / "p", ORIGIN, LOG.keys, policy)
    hour, text = timedelta(hours=1), LOG.checkpoint(300).text
    places.put("log", LOG, 300)
    assert codes(places.follow(monitor, "log")) == ["quorum_missing"]
    early = [one.sign_line(text, START) for one in WITNESSES]
    late = [one.sign_line(text, START + hour) for one in WITNESSES]
    places.put("log", LOG, 300, add_lines(LOG.note(300), early))
    assert places.follow(monitor, "log").ok
    # The log's own word that it is fresh does not help, nor that of one witness of two.
    for lines in (early, [early[0], late[1]]):
        places.put("log", LOG, 300, add_lines(LOG.note(300, at=7200), lines))
        assert codes(places.follow(monitor, "log", now=START + 2 * hour, max_age=hour)) == [
            "checkpoint_stale"
        ]
    places.put("log", LOG, 300, add_lines(LOG.note(300), late))
    assert places.follow(monitor, "log", now=START + 2 * hour, max_age=hour).ok


PROOF = SplitView(ORIGIN, LOG.note(300), FORK.note(600), FORK.checkpoint(300).root, FORK.proof(300, 600))


def test_a_proof_convicts_only_with_both_notes_and_the_path() -> None:
    assert PROOF.convicts(LOG.keys)
    honest = SplitView(ORIGIN, LOG.note(300), LOG.note(600), LOG.checkpoint(300).root, LOG.proof(300, 600))
    assert not honest.convicts(LOG.keys), "a log that only grew is not convicted"
    assert not SplitView(ORIGIN, LOG.note(300), LOG.note(600), bytes(32), LOG.proof(300, 600)).convicts(
        LOG.keys
    )
    assert not SplitView(ORIGIN, LOG.note(300), LOG.note(300)).convicts(LOG.keys)
    assert not SplitView(ORIGIN, LOG.note(0), FORK.note(600)).convicts(LOG.keys)
    assert SplitView(ORIGIN, LOG.note(300), FORK.note(300)).convicts(LOG.keys)
    assert not SplitView("other.example", LOG.note(300), FORK.note(300)).convicts(LOG.keys)


@given(st.data())
def test_any_changed_byte_of_a_proof_file_is_refused_or_convicts_nobody(data: st.DataObject) -> None:
    octets = bytearray(PROOF.to_json())
    assert parse_split_view(bytes(octets)) == PROOF
    at = data.draw(st.integers(0, len(octets) - 1))
    octets[at] = data.draw(st.integers(0, 255).filter(lambda byte: byte != octets[at]))
    try:
        found = parse_split_view(bytes(octets))
    except Malformed:
        return
    assert found == PROOF or not found.convicts(LOG.keys)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        PROOF.to_json().replace(b'"format": 1', b'"format": 2'),
        PROOF.to_json().replace(b'"path": [', b'"path": [1,'),
        PROOF.to_json().replace(b'"path": [', b'"path": ["x",'),
        json.dumps({"format": 1, "kind": "split_view"}).encode(),
        PROOF.to_json().replace(b'"origin": "', b'"origin": "\\ud800'),
    ],
)
def test_a_file_that_is_no_proof_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed, match="split_view_malformed"):
        parse_split_view(data)
