import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from sqlalchemy import Engine

from ledger.format.checkpoint import Checkpoint
from ledger.format.entry import ZERO, Entry, Envelope, parse_entry
from ledger.format.note import NoteSigner, make_note
from ledger.format.tiles import Place, grow, pack_bundle, unpack_bundle
from ledger.format.tree import leaf_hash, root
from ledger.format.trust import Trust
from ledger.publishing.export import export
from ledger.report import MAX_FINDINGS, Report
from ledger.storage.db import open_engine, reading
from ledger.storage.store import entries
from ledger.verifying.offline import MAX_MISSING, check_export
from tests.ledger.world import START, World, lived_in

Codes = list[tuple[int | None, str]]


@pytest.fixture(scope="module")
def world(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    """The world of twelve entries, on SQLite: what is tampered with here are the files."""
    path = tmp_path_factory.mktemp("world") / "world.db"
    path.write_bytes(sqlite_template.read_bytes())
    return lived_in(open_engine(str(path)))


@pytest.fixture(scope="module")
def honest(world: World) -> list[bytes]:
    with reading(world.engine) as reader:
        return [entry.data for entry in entries(reader, world.log)]


@pytest.fixture
def folder(world: World, tmp_path: Path) -> Path:
    with reading(world.engine) as reader:
        export(reader, world.log, tmp_path / "log")
    return tmp_path / "log"


def codes(report: Report) -> Codes:
    assert report.ok is (report.found == 0)
    return [(finding.seq, finding.code) for finding in report.findings]


def signed(world: World, size: int, head: bytes) -> str:
    text = Checkpoint(world.origin, size, head).text
    return make_note(text, [signer.sign_line(text, START) for signer in world.log_signers])


def laid_out(world: World, folder: Path, data: list[bytes]) -> Path:
    """Write entries as an export, as an operator could who holds the log's keys and nobody else's."""
    leaves = [leaf_hash(entry) for entry in data]
    made = {Place(*at, len(row.hashes) // 32): row.hashes for at, row in grow(nothing, 0, leaves).items()}
    made[Place(None, 0, len(data))] = pack_bundle(data)
    for place, content in made.items():
        (folder / place.path).parent.mkdir(parents=True, exist_ok=True)
        (folder / place.path).write_bytes(content)
    (folder / "checkpoint").write_text(signed(world, len(data), root(leaves)), encoding="utf-8")
    return folder


def nothing(_level: int, _index: int) -> bytes:
    return b""


def chained(found: Iterable[Entry]) -> list[bytes]:
    """Return the entries as a chain of their own, each in its new place."""
    data: list[bytes] = []
    for seq, entry in enumerate(found):
        prev = leaf_hash(data[-1]).hex() if data else ZERO
        data.append(replace(entry, seq=seq, prev=prev).to_bytes())
    return data


@pytest.mark.parametrize("notes", [0, 254, 255, 300])
def test_an_honest_export_is_sound(engine: Engine, tmp_path: Path, notes: int) -> None:
    world = World(engine).open()
    if notes:
        world.register("an")
    for number in range(notes):
        world.note(f"note {number}")
    size, note = world.checkpoint()
    with reading(engine) as reader:
        export(reader, world.log, tmp_path)
    told: list[tuple[int, int]] = []
    report = check_export(tmp_path, world.trust, progress=lambda done, of: told.append((done, of)))
    assert codes(report) == []
    assert (report.size, report.checkpoint_size, report.trust) == (size, size, "file")
    assert report.root == Checkpoint(world.origin, size, bytes.fromhex(report.root)).root.hex()
    assert Checkpoint(world.origin, size, bytes.fromhex(report.root)).text in note
    assert report.signatures == size + 1 + (notes > 0)  # two signed the opening, two the registration
    assert told[-1] == (size, size)


def test_what_was_promised_is_counted(world: World, folder: Path) -> None:
    report = check_export(folder, world.trust)
    assert codes(report) == []
    assert (report.personal_open, report.personal_redacted) == (0, 2)


def test_an_export_taken_further_is_sound(engine: Engine, tmp_path: Path) -> None:
    world = World(engine).open().register("an")
    for _ in range(3):
        for number in range(130):
            world.note(f"note {number}")
        world.checkpoint()
        with reading(engine) as reader:
            export(reader, world.log, tmp_path)
    assert codes(check_export(tmp_path, world.trust)) == []
    kept = replace(world.trust, checkpoint=world.checkpoint()[1])
    assert codes(check_export(tmp_path, kept)) == []


BUNDLE, TILE = "tile/entries/000.p/12", "tile/0/000.p/12"


def flipped(at: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize(
    ("path", "change", "expected"),
    [
        (TILE, flipped(5 * 32), [(5, "ledger.leaf_mismatch"), (None, "ledger.checkpoint_mismatch")]),
        (TILE, lambda data: data[:-1], [(None, "ledger.tile_malformed")]),
        (TILE, lambda data: data + bytes(32), [(None, "ledger.tile_malformed")]),
        (TILE, lambda _: b"", [(None, "ledger.tile_malformed")]),
        (TILE, lambda data: data * 800, [(None, "ledger.tile_malformed")]),
        (BUNDLE, lambda data: data[:-1], [(None, "ledger.bundle_malformed")]),
        (BUNDLE, lambda data: data + b"\x00\x00", [(None, "ledger.bundle_malformed")]),
        (BUNDLE, lambda data: data + b"\x00", [(None, "ledger.bundle_malformed")]),
        (BUNDLE, lambda _: b"", [(None, "ledger.bundle_malformed")]),
        ("checkpoint", lambda _: b"", [(None, "ledger.note_malformed")]),
        ("checkpoint", lambda _: b"\xff\xfe", [(None, "ledger.note_malformed")]),
        ("checkpoint", lambda data: data * 2, [(None, "ledger.checkpoint_malformed")]),
        ("checkpoint", lambda data: data * 1000, [(None, "ledger.note_malformed")]),
        ("checkpoint", lambda data: data.replace(b"\n12\n", b"\n11\n"), None),
    ],
)
def test_a_changed_file_is_found(
    world: World, folder: Path, path: str, change: Callable[[bytes], bytes], expected: Codes | None
) -> None:
    (folder / path).write_bytes(change((folder / path).read_bytes()))
    found = codes(check_export(folder, world.trust))
    if expected is None:
        assert (None, "ledger.note_signature_invalid") in found
    else:
        assert found == expected


@pytest.mark.parametrize("path", [TILE, BUNDLE])
def test_a_missing_file_is_named_and_the_rest_checked(world: World, folder: Path, path: str) -> None:
    (folder / path).unlink()
    report = check_export(folder, world.trust)
    kind = "tile" if path == TILE else "bundle"
    assert [(finding.code, finding.detail) for finding in report.findings] == [
        (f"ledger.{kind}_missing", path)
    ]
    assert report.root != ""


def test_both_files_missing_leave_no_root(world: World, folder: Path) -> None:
    (folder / TILE).unlink()
    (folder / BUNDLE).unlink()
    assert codes(check_export(folder, world.trust)) == [
        (None, "ledger.tile_missing"),
        (None, "ledger.bundle_missing"),
    ]


@pytest.mark.parametrize("seq", range(12))
def test_a_changed_entry_is_named_once(world: World, folder: Path, honest: list[bytes], seq: int) -> None:
    data = list(honest)
    data[seq] = flipped(len(data[seq]) - 3)(data[seq])
    (folder / BUNDLE).write_bytes(pack_bundle(data))
    report = check_export(folder, world.trust)
    assert (seq, "ledger.leaf_mismatch") in codes(report)
    assert {finding.seq for finding in report.findings} == {seq}


def test_an_upper_tile_is_compared(engine: Engine, tmp_path: Path) -> None:
    world = World(engine).open().register("an")
    for number in range(300):
        world.note(f"note {number}")
    world.checkpoint()
    with reading(engine) as reader:
        export(reader, world.log, tmp_path)
    upper = tmp_path / "tile/1/000.p/1"
    upper.write_bytes(flipped(3)(upper.read_bytes()))
    assert codes(check_export(tmp_path, world.trust)) == [(None, "ledger.tile_mismatch")]
    upper.unlink()
    assert codes(check_export(tmp_path, world.trust)) == [(None, "ledger.tile_missing")]


def test_the_full_tile_will_do_where_the_partial_one_is_gone(engine: Engine, tmp_path: Path) -> None:
    world = World(engine).open().register("an")
    for number in range(100):
        world.note(f"note {number}")
    _, note = world.checkpoint()
    for number in range(200):
        world.note(f"note {number}")
    world.checkpoint()
    with reading(engine) as reader:
        export(reader, world.log, tmp_path)
    (tmp_path / "checkpoint").write_text(note, encoding="utf-8")
    report = check_export(tmp_path, world.trust)
    assert (codes(report), report.size) == ([], 102)


def test_an_empty_folder_has_no_checkpoint(world: World, tmp_path: Path) -> None:
    assert codes(check_export(tmp_path, world.trust)) == [(None, "ledger.checkpoint_missing")]
    assert codes(check_export(tmp_path / "nowhere", world.trust)) == [(None, "ledger.checkpoint_missing")]


def test_a_size_that_is_only_claimed_ends_soon(world: World, folder: Path) -> None:
    for size in (10**9, 2**53):
        (folder / "checkpoint").write_text(signed(world, size, bytes(32)), encoding="utf-8")
        report = check_export(folder, world.trust)
        assert report.findings[-1].code == "ledger.export_incomplete"
        assert MAX_MISSING <= report.found <= MAX_MISSING + 3


def test_findings_are_counted_beyond_the_limit(world: World, tmp_path: Path) -> None:
    leaves = [bytes([i // 256, i % 256]) * 16 for i in range(1500)]
    for at, row in grow(nothing, 0, leaves).items():
        path = tmp_path / Place(*at, len(row.hashes) // 32).path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(row.hashes)
    for start in range(0, 1500, 256):
        width = min(256, 1500 - start)
        path = tmp_path / Place(None, start // 256, width).path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pack_bundle([b""] * width))
    (tmp_path / "checkpoint").write_text(signed(world, 1500, root(leaves)), encoding="utf-8")
    report = check_export(tmp_path, world.trust)
    assert (len(report.findings), report.found, report.root) == (MAX_FINDINGS, 3000, root(leaves).hex())


def test_nothing_but_plain_files_of_the_folder_is_read(world: World, folder: Path, tmp_path: Path) -> None:
    for path in (TILE, BUNDLE, "checkpoint"):
        kept = (folder / path).read_bytes()
        for replaced in ("link", "pipe", "folder", "giant"):
            (folder / path).unlink()
            if replaced == "link":
                (tmp_path / "elsewhere").write_bytes(kept)
                (folder / path).symlink_to(tmp_path / "elsewhere")
            elif replaced == "pipe":
                os.mkfifo(folder / path)
            elif replaced == "folder":
                (folder / path).mkdir()
            else:
                with (folder / path).open("wb") as file:
                    file.truncate(1 << 40)
            assert not check_export(folder, world.trust).ok, (path, replaced)
            if replaced == "folder":
                (folder / path).rmdir()
            else:
                (folder / path).unlink()
            (folder / path).write_bytes(kept)
    (folder / "tile").rename(tmp_path / "tile")
    (folder / "tile").symlink_to(tmp_path / "tile")
    assert codes(check_export(folder, world.trust)) == [
        (None, "ledger.tile_missing"),
        (None, "ledger.bundle_missing"),
    ]


def test_whom_the_auditor_believes_decides(world: World, folder: Path) -> None:
    trust = world.trust
    stranger = NoteSigner(world.origin, ed25519.Ed25519PrivateKey.from_private_bytes(b"?" * 32)).key
    for other, expected in (
        (replace(trust, root_kids=trust.root_kids[:1]), [(0, "ledger.trust_mismatch")]),
        (replace(trust, log_keys=(stranger,)), [(0, "ledger.trust_mismatch")]),
        (
            replace(trust, checkpoint=signed(world, 5, bytes(32))),
            [(None, "ledger.checkpoint_mismatch")],
        ),
        (replace(trust, checkpoint=signed(world, 13, bytes(32))), [(12, "ledger.tail_missing")]),
        (replace(trust, checkpoint="nonsense"), [(None, "ledger.note_malformed")]),
    ):
        assert codes(check_export(folder, other)) == expected
    other_name = Trust("ledger.example/other", trust.log_keys, trust.root_kids)
    assert (0, "ledger.entry_misplaced") in codes(check_export(folder, other_name))


def test_a_checkpoint_needs_every_kind_of_log_key(world: World, folder: Path, honest: list[bytes]) -> None:
    text = Checkpoint(world.origin, 12, root(list(map(leaf_hash, honest)))).text
    for signer in world.log_signers:
        note = signer.sign(text, START)
        (folder / "checkpoint").write_text(note, encoding="utf-8")
        assert codes(check_export(folder, world.trust)) == [(None, "ledger.note_half_signed")]


def rechained(change: Callable[[list[Entry]], None]) -> Callable[[list[Entry]], list[bytes]]:
    def made(found: list[Entry]) -> list[bytes]:
        change(found)
        return chained(found)

    return made


def _forge(found: list[Entry]) -> None:
    head = found[3].envelope
    found[3] = replace(found[3], envelope=Envelope(head.signatures, head.event.replace(b"first", b"later")))


def _revoke_early(found: list[Entry]) -> None:
    found.insert(3, found.pop(9))


def _repeat(found: list[Entry]) -> None:
    found.append(found[11])


def _backwards(found: list[Entry]) -> None:
    found[7] = replace(found[7], recorded_at=found[7].recorded_at - timedelta(days=1))


def _other_origin(found: list[Entry]) -> None:
    found[7] = replace(found[7], origin="ledger.example/other")


def _leave_out(found: list[Entry]) -> None:
    del found[4]


def _forget_opening(found: list[Entry]) -> None:
    del found[0]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_forge, {(3, "ledger.signature_invalid"), (4, "ledger.stream_broken")}),
        (_revoke_early, {(4, "ledger.key_revoked"), (5, "ledger.key_revoked")}),
        (_repeat, {(12, "ledger.idem_repeated"), (12, "ledger.stream_broken")}),
        (_backwards, {(7, "ledger.time_runs_back")}),
        (_other_origin, {(7, "ledger.entry_misplaced")}),
        (_leave_out, {(6, "ledger.stream_broken")}),
        (_forget_opening, {(0, "ledger.opening_out_of_place")}),
    ],
)
def test_a_log_that_its_operator_made_up_is_found_out(
    world: World,
    tmp_path: Path,
    honest: list[bytes],
    change: Callable[[list[Entry]], None],
    expected: set[tuple[int, str]],
) -> None:
    data = rechained(change)([parse_entry(entry) for entry in honest])
    found = codes(check_export(laid_out(world, tmp_path, data), world.trust))
    assert expected <= set(found)


def test_entries_that_are_not_chained_are_found_out(
    world: World, tmp_path: Path, honest: list[bytes]
) -> None:
    swapped = [*honest[:6], honest[7], honest[6], *honest[8:]]
    found = codes(check_export(laid_out(world, tmp_path / "a", swapped), world.trust))
    assert {(6, "ledger.entry_misplaced"), (6, "ledger.link_broken")} <= set(found)
    short = [*honest[:11], honest[11][:-1]]
    found = codes(check_export(laid_out(world, tmp_path / "b", short), world.trust))
    assert found == [(11, "ledger.entry_malformed")]


def test_bundles_hold_the_entries_verbatim(folder: Path, honest: list[bytes]) -> None:
    assert unpack_bundle((folder / BUNDLE).read_bytes()) == honest
