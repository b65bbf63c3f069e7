"""A mirror: pulled and pushed over real HTTP, interrupted, lied to, killed; and what it gives back."""

import gzip
import multiprocessing
import shutil
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import islice
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.witness import mirror_app
from ledger.errors import Conflict, Malformed, NotAllowed, NotFound, Refused
from ledger.format.checkpoint import open_checkpoint
from ledger.format.note import add_lines, open_note
from ledger.format.tiles import pack_bundle, places, subtree, tile_at
from ledger.format.tree import root
from ledger.watching.mirror import Mirror, MirrorConflict, Package, suffix
from ledger.watching.remote import Source, source
from ledger.watching.uploads import Header, Receiver, take_header, take_package
from ledger.watching.witness import Request
from tests.ledger.dying import mirror_dies
from tests.ledger.tlog import ORIGIN, START, Tlog, cosigners, note_signer, served

LOG = Tlog(1200)
FORK = Tlog(1200, salt="other", common=300)
SIGNERS = cosigners("mirror.example/m")
KEYS = [signer.key for signer in SIGNERS]
KNOWN = {ORIGIN: LOG.keys}


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    return Mirror(tmp_path / "mirror", KNOWN, SIGNERS)


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client() as client:
        yield client


def published(folder: Path, log: Tlog, size: int) -> Source:
    log.publish(folder, size)
    return source(str(folder), httpx.Client())


def reader(log: Tlog, size: int) -> Callable[[int, int], bytes]:
    def read(level: int, index: int) -> bytes:
        assert level == 0 or size < 256**3
        hashes = log.leaves[:size]
        for _ in range(level):
            full = len(hashes) // 256
            hashes = [root(hashes[i * 256 : (i + 1) * 256]) for i in range(full)]
        return b"".join(hashes[index * 256 : (index + 1) * 256])

    return read


def assert_whole(mirror: Mirror, log: Tlog, size: int) -> None:
    """Compare a copy with the log, file by file."""
    folder = mirror.place(ORIGIN)
    note = (folder / "checkpoint").read_text(encoding="utf-8")
    assert open_checkpoint(note, log.keys, ORIGIN) == log.checkpoint(size)
    assert open_note(note, KEYS).signed_by == tuple(KEYS)
    read = reader(log, size)
    copy = source(str(folder), httpx.Client())
    for place in places(size):
        assert place.level is not None
        kept = copy.tiles(size)(place.level, place.index)
        assert kept == tile_at(read, place.level, place.index, place.width)
    assert list(copy.entries(size)) == log.entries[:size]
    assert list(suffix(copy, 0, log.keys, ORIGIN)) == log.entries[:size]


def test_a_log_is_mirrored_as_it_grows(mirror: Mirror, tmp_path: Path) -> None:
    for size in (0, 1, 255, 256, 257, 300, 300, 1024, 1100, 1200):
        place = published(tmp_path / "log", LOG, size)
        assert mirror.pull(place, ORIGIN, now=START).size == size
        assert_whole(mirror, LOG, size)
    partial = list(mirror.place(ORIGIN).rglob("*.p"))
    assert {path.name for path in partial} <= {"000.p", "004.p"}, (
        "full files have taken the partial ones' place"
    )


def test_a_mirror_is_mirrored_over_http(mirror: Mirror, tmp_path: Path, http: httpx.Client) -> None:
    mirror.pull(published(tmp_path / "log", LOG, 700), ORIGIN, now=START)
    second = Mirror(tmp_path / "second", KNOWN, cosigners("second.example"))
    with served(mirror_app(mirror, lambda: START)) as url:
        prefix = f"{url}/{mirror.place(ORIGIN).name}"
        second.pull(source(prefix, http), ORIGIN, now=START)
        note = http.get(f"{prefix}/checkpoint")
        assert note.headers["content-type"] == "text/plain; charset=utf-8"
        tile = http.get(f"{prefix}/tile/0/001")
        assert tile.headers["content-type"] == "application/octet-stream"
        assert tile.content == b"".join(LOG.leaves[256:512])
        assert "immutable" in tile.headers["cache-control"]
        for path in (".lock", "../mirror.db", "tile/0/1", "tile/0/009", "tile/entries/000.p/3"):
            assert http.get(f"{prefix}/{path}").status_code == 404
        assert http.get(f"{url}/{'0' * 64}/checkpoint").status_code == 404
    note_text = (second.place(ORIGIN) / "checkpoint").read_text(encoding="utf-8")
    assert open_checkpoint(note_text, LOG.keys, ORIGIN).size == 700
    assert len(open_note(note_text, [s.key for s in second.signers]).signed_by) == 2


class Cut(Exception):  # noqa: N818
    """The connection is gone."""


def cut_after(place: Source, files: int) -> Source:
    left = iter(range(files))

    def get(path: str, limit: int) -> bytes:
        if path.startswith("tile/entries/") and next(left, None) is None:
            raise Cut
        return place._get(path, limit)

    return Source("cut", get)


def test_a_pull_that_was_cut_goes_on_where_it_stopped(mirror: Mirror, tmp_path: Path) -> None:
    mirror.pull(published(tmp_path / "log", LOG, 100), ORIGIN, now=START)
    place = published(tmp_path / "log", LOG, 1200)
    for expected in (256, 512, 768):
        with pytest.raises(Cut):
            mirror.pull(cut_after(place, 1), ORIGIN, now=START)
        assert mirror.standing(ORIGIN).next == expected
        whole = mirror.checkpoint(ORIGIN)
        assert whole is not None
        assert whole.size == 100, "the checkpoint moves last"
    fetched: list[str] = []

    def get(path: str, limit: int) -> bytes:
        fetched.append(path)
        return place._get(path, limit)

    mirror.pull(Source("whole", get), ORIGIN, now=START)
    assert [path for path in fetched if "entries" in path] == ["tile/entries/003", "tile/entries/004.p/176"]
    assert_whole(mirror, LOG, 1200)


@pytest.mark.parametrize("writes", [0, 1, 2, 5, 9, 10, 11])
def test_a_mirror_that_is_killed_is_whole_again_after_the_next_pull(
    mirror: Mirror, tmp_path: Path, writes: int
) -> None:
    mirror.pull(published(tmp_path / "log", LOG, 100), ORIGIN, now=START)
    place = published(tmp_path / "log", LOG, 1200)
    process = multiprocessing.get_context("spawn").Process(
        target=mirror_dies, args=(mirror.folder, tmp_path / "log", writes)
    )
    process.start()
    process.join(60)
    assert process.exitcode == 9
    assert_whole(mirror, LOG, 100)
    mirror.pull(place, ORIGIN, now=START)
    assert_whole(mirror, LOG, 1200)


def lying(place: Source, path: str, data: bytes) -> Source:
    return Source("liar", lambda asked, limit: data if asked == path else place._get(asked, limit))


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("tile/entries/000", pack_bundle([b"a lie", *LOG.entries[1:256]])),
        ("tile/entries/000", pack_bundle(LOG.entries[:255])),
        ("tile/entries/000", b""),
        ("tile/entries/000", pack_bundle(LOG.entries[:256])[:-1]),
        ("tile/entries/002.p/88", pack_bundle([*LOG.entries[512:599], b"a lie"])),
        ("tile/0/002.p/88", bytes(88 * 32)),
        ("tile/1/000.p/2", bytes(64)),
        ("checkpoint", note_signer("stranger").sign(LOG.checkpoint(600).text, START).encode()),
        ("checkpoint", LOG.note(600).replace("\n600\n", "\n601\n").encode()),
        ("checkpoint", FORK.note(600).encode()),
        ("checkpoint", b"\xff"),
    ],
)
def test_a_source_that_lies_leaves_nothing_behind(
    mirror: Mirror, tmp_path: Path, path: str, data: bytes
) -> None:
    place = published(tmp_path / "log", LOG, 600)
    with pytest.raises(Refused):
        mirror.pull(lying(place, path, data), ORIGIN, now=START)
    assert mirror.checkpoint(ORIGIN) is None
    known = mirror.standing(ORIGIN).next
    kept = source(str(mirror.place(ORIGIN)), httpx.Client())
    assert list(kept.entries(known)) == LOG.entries[:known]


def test_tiles_that_no_proof_needs_are_made_anew(mirror: Mirror, tmp_path: Path) -> None:
    place = published(tmp_path / "log", LOG, 600)
    mirror.pull(lying(place, "tile/0/000", bytes(8192)), ORIGIN, now=START)
    assert_whole(mirror, LOG, 600)


def test_a_history_that_was_rewritten_is_not_mirrored(mirror: Mirror, tmp_path: Path) -> None:
    mirror.pull(published(tmp_path / "log", LOG, 600), ORIGIN, now=START)
    with pytest.raises(Conflict, match="mirror_refused"):
        mirror.pull(published(tmp_path / "fork", FORK, 900), ORIGIN, now=START)
    with pytest.raises(Conflict, match="mirror_refused"):
        mirror.pull(published(tmp_path / "fork2", FORK, 600), ORIGIN, now=START)
    assert_whole(mirror, LOG, 600)
    with pytest.raises(Conflict, match="mirror_ahead"):
        mirror.pull(published(tmp_path / "old", LOG, 500), ORIGIN, now=START)
    with pytest.raises(NotFound, match="log_unknown"):
        mirror.pull(published(tmp_path / "old", LOG, 500), "other.example", now=START)
    mirror.pull(published(tmp_path / "log", LOG, 601), ORIGIN, now=START)
    assert_whole(mirror, LOG, 601)


def test_a_lost_suffix_is_given_back(mirror: Mirror, tmp_path: Path) -> None:
    mirror.pull(published(tmp_path / "log", LOG, 900), ORIGIN, now=START)
    copy = source(str(mirror.place(ORIGIN)), httpx.Client())
    for start in (0, 1, 255, 256, 700, 899, 900, 1000):
        assert list(suffix(copy, start, LOG.keys, ORIGIN)) == LOG.entries[start:900]


@pytest.mark.parametrize(
    ("path", "data", "given"),
    [
        ("tile/entries/001", pack_bundle([*LOG.entries[256:500], b"a lie", *LOG.entries[501:512]]), 300),
        ("tile/0/001", b"".join([*LOG.leaves[256:500], bytes(32), *LOG.leaves[501:512]]), 56),
        ("tile/0/002.p/88", bytes(88 * 32), 0),
        ("checkpoint", FORK.note(600).encode(), 0),
    ],
)
def test_a_suffix_that_was_tampered_with_ends_before_the_lie(
    mirror: Mirror, tmp_path: Path, path: str, data: bytes, given: int
) -> None:
    mirror.pull(published(tmp_path / "log", LOG, 600), ORIGIN, now=START)
    copy = source(str(mirror.place(ORIGIN)), httpx.Client())
    entries = suffix(lying(copy, path, data), 200, LOG.keys, ORIGIN)
    assert list(islice(entries, given)) == LOG.entries[200 : 200 + given]
    with pytest.raises(Refused):
        next(entries)


# Pushing.


def packages(start: int, stop: int, size: int) -> list[Package]:
    cuts = range(start - start % 256, stop, 256)
    return [Package(cut, max(cut, start), min(cut + 256, size)) for cut in cuts]


def pushed(log: Tlog, start: int, size: int, /, upto: int | None = None, **changed: object) -> bytes:
    """Return the body of an upload of the entries from ``start``, or of its first packages."""
    fields: dict[str, object] = {"origin": ORIGIN, "start": start, "stop": size}
    body = Header(**fields | changed).to_bytes()  # type: ignore[arg-type]
    read = reader(log, size)
    for one in packages(start, size if upto is None else upto, size):
        proof = subtree(read, one.first, one.stop, size)
        body += pack_bundle(log.entries[one.start : one.stop])
        body += bytes([len(proof)]) + b"".join(proof)
    return body


def offer(mirror: Mirror, old: int, size: int, log: Tlog = LOG) -> None:
    body = Request(old, log.proof(old, size), log.note(size)).to_bytes()
    assert mirror.add_checkpoint(body, now=START).ok


@pytest.fixture
def at(mirror: Mirror) -> Iterator[str]:
    with served(mirror_app(mirror, lambda: START)) as url:
        yield url


def post(http: httpx.Client, url: str, body: bytes, **headers: str) -> httpx.Response:
    sent = {"content-type": "application/octet-stream", **headers}
    return http.post(f"{url}/add-entries", content=body, headers=sent)


def info(response: httpx.Response) -> list[str]:
    assert response.headers["content-type"] == "text/x.tlog.mirror-info"
    assert response.headers["accept-encoding"] == "gzip"
    return response.text.split("\n")


def test_a_log_pushes_checkpoint_and_entries(mirror: Mirror, at: str, http: httpx.Client) -> None:
    sent = Request(0, (), LOG.note(700)).to_bytes()
    added = http.post(f"{at}/add-checkpoint", content=sent)
    assert (added.status_code, added.text) == (200, ""), "the mirror signs nothing before it has the entries"
    first = post(http, at, pushed(LOG, 0, 700))
    assert first.status_code == 200
    note = add_lines(LOG.note(700), first.text[:-1].split("\n"))
    assert open_note(note, KEYS).signed_by == tuple(KEYS)
    assert_whole(mirror, LOG, 700)
    offer(mirror, 700, 1000)
    assert (
        post(http, at, gzip.compress(pushed(LOG, 650, 1000)), **{"content-encoding": "gzip"}).status_code
        == 200
    )
    assert_whole(mirror, LOG, 1000)
    assert post(http, at, pushed(LOG, 1000, 1000)).status_code == 200, "nothing to bring, and all is there"


def test_an_upload_in_parts_is_told_how_to_go_on(mirror: Mirror, at: str, http: httpx.Client) -> None:
    offer(mirror, 0, 700)
    assert info(post(http, at, pushed(LOG, 0, 0))) == ["700", "0", "", ""]
    part = post(http, at, pushed(LOG, 0, 700, upto=256))
    assert (part.status_code, info(part)) == (202, ["700", "256", "", ""])
    offer(mirror, 700, 1000)
    # The checkpoint of 700 is pending still, whatever came after.
    torn = post(http, at, pushed(LOG, 256, 700)[:-100])
    assert (torn.status_code, info(torn)) == (202, ["700", "512", "", ""])
    assert mirror.checkpoint(ORIGIN) is None
    last = post(http, at, pushed(LOG, 512, 700))
    assert last.status_code == 200
    assert_whole(mirror, LOG, 700)
    assert post(http, at, pushed(LOG, 700, 1000)).status_code == 200
    assert_whole(mirror, LOG, 1000)


HEAD = Header(ORIGIN, 0, 700).to_bytes()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (HEAD[:-1], 400),
        (HEAD, 400),
        (HEAD + pushed(LOG, 0, 700)[len(HEAD) :][:1000], 400),
        (pushed(LOG, 0, 700, start=701), 400),
        (pushed(LOG, 0, 0, origin="é" * 2).replace("é".encode(), b"\xff\xff"), 400),
        (pushed(LOG, 0, 0, stop=2**63), 400),
        (pushed(LOG, 0, 700, origin="other.example"), 404),
        (pushed(LOG, 0, 699), 409),
        (pushed(LOG, 1, 700), 409),
        (pushed(FORK, 0, 700), 422),
        (pushed(LOG, 0, 700).replace(b"entry 7 ", b"entry 8 "), 422),
        (HEAD + pack_bundle(LOG.entries[:256]) + b"\x40" + bytes(64 * 32), 422),
        (HEAD + pack_bundle(LOG.entries[:256]) + b"\x00", 422),
    ],
)
def test_an_upload_that_does_not_fit_is_refused(
    mirror: Mirror, at: str, http: httpx.Client, body: bytes, status: int
) -> None:
    offer(mirror, 0, 700)
    answer = post(http, at, body)
    assert answer.status_code == status
    if status == 409:
        assert info(answer)[:2] == ["700", "0"]
    assert mirror.standing(ORIGIN).next in {0, 256}
    assert mirror.checkpoint(ORIGIN) is None


def test_an_upload_must_say_what_it_is(at: str, http: httpx.Client) -> None:
    assert post(http, at, b"", **{"content-type": "text/plain"}).status_code == 415
    assert post(http, at, b"", **{"content-encoding": "br"}).status_code == 415
    assert post(http, at, b"no gzip", **{"content-encoding": "gzip"}).status_code == 400


def test_a_bomb_is_unpacked_a_piece_at_a_time(mirror: Mirror) -> None:
    offer(mirror, 0, 700)
    receiver = Receiver(mirror, gzip=True)
    bomb = gzip.compress(HEAD + bytes(64 << 20))
    with pytest.raises(NotAllowed):
        receiver.feed(bomb)  # 256 empty entries and no proof: the first package is refused
    assert len(receiver._waiting) < 4 << 20


def test_a_mirror_never_goes_back(mirror: Mirror) -> None:
    offer(mirror, 0, 300)
    early = mirror.upload(ORIGIN, 0, 300)
    offer(mirror, 300, 700)
    late = mirror.upload(ORIGIN, 0, 700)
    read, cut = reader(LOG, 700), reader(LOG, 300)
    with pytest.raises(MirrorConflict, match="mirror_stands_elsewhere"):
        late.finish(now=START)
    for one in late.packages():
        late.add(one, LOG.entries[one.start : one.stop], subtree(read, one.first, one.stop, 700))
    late.finish(now=START)
    for one in early.packages():
        early.add(one, LOG.entries[one.start : one.stop], subtree(cut, one.first, one.stop, 300))
    with pytest.raises(MirrorConflict):
        early.finish(now=START)
    with pytest.raises(MirrorConflict):
        mirror.upload(ORIGIN, 0, 300)
    assert_whole(mirror, LOG, 700)


def test_a_package_is_not_kept_where_those_before_it_are_missing(mirror: Mirror) -> None:
    offer(mirror, 0, 700)
    upload = mirror.upload(ORIGIN, 0, 700)
    _, second, _ = upload.packages()
    proof = subtree(reader(LOG, 700), second.first, second.stop, 700)
    with pytest.raises(MirrorConflict):
        upload.add(second, LOG.entries[256:512], proof)
    assert mirror.standing(ORIGIN).next == 0


def test_two_uploads_at_once_make_one_copy(mirror: Mirror, at: str, http: httpx.Client) -> None:
    offer(mirror, 0, 1000)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: post(http, at, pushed(LOG, 0, 1000)).status_code, range(4)))
    assert answers == [200] * 4
    assert_whole(mirror, LOG, 1000)


def test_a_disk_that_changed_is_not_cosigned(mirror: Mirror) -> None:
    offer(mirror, 0, 700)
    upload = mirror.upload(ORIGIN, 0, 700)
    read = reader(LOG, 700)
    for one in upload.packages():
        upload.add(one, LOG.entries[one.start : one.stop], subtree(read, one.first, one.stop, 700))
    (mirror.place(ORIGIN) / "tile/0/001").write_bytes(bytes(8192))
    with pytest.raises(Conflict, match="checkpoint_mismatch"):
        upload.finish(now=START)
    assert mirror.checkpoint(ORIGIN) is None


def test_a_later_cosignature_of_a_mirror_bears_no_earlier_time(mirror: Mirror, tmp_path: Path) -> None:
    place = published(tmp_path / "log", LOG, 10)
    mirror.pull(place, ORIGIN, now=START)
    mirror.pull(place, ORIGIN, now=START - timedelta(days=1))
    note = (mirror.place(ORIGIN) / "checkpoint").read_text(encoding="utf-8")
    assert set(open_note(note, KEYS).timestamps) == {int(START.timestamp())}


def test_only_the_last_checkpoints_stay_pending(mirror: Mirror) -> None:
    for size in range(1, 21):
        offer(mirror, size - 1, size)
    assert mirror.standing(ORIGIN, 5).pending == 5
    assert mirror.standing(ORIGIN, 4).pending == 20
    shutil.rmtree(mirror.place(ORIGIN), ignore_errors=True)


@given(st.binary(max_size=60), st.integers(0, 60))
def test_a_header_comes_whole_or_not_at_all(ticket: bytes, cut: int) -> None:
    header = Header(ORIGIN, 3, 700, ticket)
    data = header.to_bytes()
    assert take_header(data + b"more") == (header, len(data))
    assert take_header(data[: min(cut, len(data) - 1)]) is None


@given(st.lists(st.binary(max_size=20), max_size=5), st.integers(0, 63), st.data())
def test_a_package_comes_whole_or_not_at_all(entries: list[bytes], hashes: int, data: st.DataObject) -> None:
    body = pack_bundle(entries) + bytes([hashes]) + bytes(32 * hashes)
    assert take_package(body + b"more", len(entries)) == (entries, [bytes(32)] * hashes, len(body))
    assert take_package(body[: data.draw(st.integers(0, len(body) - 1))], len(entries)) is None


def test_a_proof_that_is_too_long_is_not_waited_for() -> None:
    assert take_package(pack_bundle([b""]) + b"\x3f", 1) is None
    with pytest.raises(NotAllowed, match="proof_invalid"):
        take_package(pack_bundle([b""]) + b"\x40", 1)


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_an_upload_may_come_in_pieces_of_any_size(mirror: Mirror, size: int) -> None:
    offer(mirror, 0, 300)
    receiver, body = Receiver(mirror), pushed(LOG, 0, 300)
    for start in range(0, len(body), size):
        assert not receiver.whole
        receiver.feed(body[start : start + size])
    assert receiver.whole
    assert receiver.upload is not None
    receiver.upload.finish(now=START)
    assert_whole(mirror, LOG, 300)


def test_an_origin_that_is_no_text_is_refused() -> None:
    with pytest.raises(Malformed):
        take_header(struct.pack(">H", 1) + b"\xff" + bytes(18))
