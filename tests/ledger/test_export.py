import fcntl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from sqlalchemy import Engine, text, update

from ledger.errors import Conflict, NotFound, Refused
from ledger.format.note import Kind, NoteSigner
from ledger.format.tiles import Place, pack_bundle, places
from ledger.format.tree import leaf_hash
from ledger.personal.vault import Secret
from ledger.publishing.export import Exported, export
from ledger.publishing.published import published
from ledger.storage.db import reading, writing
from ledger.storage.statements import inserting
from ledger.storage.store import COSIGNATURE, TILE, entries, tile_reader
from tests.ledger.tampering import drop_fences
from tests.ledger.world import START, World, lived_in


def grown(engine: Engine, notes: int) -> World:
    """Return a world with two entries and so many notes, under a checkpoint."""
    world = World(engine).open().register("an")
    for number in range(notes):
        world.note(f"note {number}")
    world.checkpoint()
    return world


def run(world: World, folder: Path) -> Exported:
    with reading(world.engine) as reader:
        return export(reader, world.log, folder)


def files(folder: Path) -> dict[str, bytes]:
    """Return what a static server would serve."""
    found = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    found = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_ino, path.stat().st_mtime_ns) for path in found
    }


def expected(world: World, size: int) -> dict[str, bytes]:
    with reading(world.engine) as reader:
        data = [entry.data for entry in entries(reader, world.log)][:size]
        read = tile_reader(reader, world.log)
        made = {place.path: read(place.level or 0, place.index)[: place.width * 32] for place in places(size)}
    for start in range(0, size, 256):
        bundle = data[start : start + 256]
        made[Place(None, start // 256, len(bundle)).path] = pack_bundle(bundle)
    return made


def test_an_export_is_the_log_as_files(engine: Engine, tmp_path: Path) -> None:
    world = grown(engine, 298)
    done = run(world, tmp_path / "new" / "log")
    found = files(tmp_path / "new" / "log")
    note = found.pop("checkpoint")
    assert found == expected(world, 300)
    assert set(found) == {
        "tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/44",
    }  # fmt: skip
    assert done == Exported(300, 0, 6, sum(map(len, found.values())) + len(note))
    with reading(engine) as reader:
        now = published(reader, world.log)
    assert now is not None
    assert (note.decode(), now.size) == (now.note, 300)


def test_only_what_the_checkpoint_commits_to_is_exported(engine: Engine, tmp_path: Path) -> None:
    world = grown(engine, 3)
    world.note("after the checkpoint")
    assert run(world, tmp_path).size == 5
    found = files(tmp_path)
    assert found.pop("checkpoint").decode().splitlines()[1] == "5"
    assert found == expected(world, 5)
    assert b"after the checkpoint" not in b"".join(found.values())


def test_a_second_run_adds_what_is_new_and_rewrites_nothing(engine: Engine, tmp_path: Path) -> None:
    world = grown(engine, 298)
    run(world, tmp_path)
    before = stamps(tmp_path)
    assert run(world, tmp_path) == Exported(300, 300, 0, 0)
    assert stamps(tmp_path) == before
    for number in range(215):
        world.note(f"more {number}")
    world.checkpoint()
    done = run(world, tmp_path)
    assert (done.size, done.start, done.files) == (515, 300, 6)
    after = stamps(tmp_path)
    assert {path for path in before if before[path] != after[path]} == {"checkpoint"}
    found = files(tmp_path)
    assert {path: found[path] for path in expected(world, 515)} == expected(world, 515)
    assert set(found) == {*expected(world, 515), *before}


def test_a_run_that_was_interrupted_is_taken_up(engine: Engine, tmp_path: Path) -> None:
    world = grown(engine, 298)
    run(world, tmp_path)
    whole = files(tmp_path)
    (tmp_path / "checkpoint").unlink()
    (tmp_path / "tile/1/000.p/1").unlink()
    (tmp_path / "tile/0/.000.new").write_bytes(b"half a ti")
    before = stamps(tmp_path)
    assert run(world, tmp_path).files == 2
    assert files(tmp_path) == whole
    assert {path: stamp for path, stamp in stamps(tmp_path).items() if path in before} == before
    (tmp_path / "tile/entries/000").unlink()
    assert run(world, tmp_path).files == 1
    assert files(tmp_path) == whole


def test_cosignatures_go_with_the_checkpoint(engine: Engine, tmp_path: Path) -> None:
    world = grown(engine, 3)
    run(world, tmp_path)
    note = (tmp_path / "checkpoint").read_text(encoding="utf-8")
    private = ed25519.Ed25519PrivateKey.from_private_bytes(b"w" * 32)
    witness = NoteSigner("witness.example", private, Kind.COSIGNATURE)
    line = witness.sign_line(note.rpartition("\n\n")[0] + "\n", START)
    row = {"log": world.log, "size": 5, "name": witness.name, "key_id": witness.key.id.hex(), "line": line}
    with writing(engine, world.log) as writer:
        writer.execute(inserting(COSIGNATURE), row)
    assert run(world, tmp_path) == Exported(5, 5, 1, len(f"{note}{line}\n".encode()))
    assert (tmp_path / "checkpoint").read_text(encoding="utf-8") == f"{note}{line}\n"


def test_personal_values_never_leave(engine: Engine, tmp_path: Path) -> None:
    world = World(engine).open().register("an")
    world.note("promised", secrets={"driver": Secret("Nguyễn Văn A", "subject-1", b"s" * 32)})
    world.checkpoint()
    run(world, tmp_path)
    everything = b"".join(files(tmp_path).values())
    assert b"promised" in everything
    for private in ("Nguyễn Văn A".encode(), b"subject-1", b"s" * 32):
        assert private not in everything


def test_what_was_tampered_with_is_not_exported(engine: Engine, tmp_path: Path) -> None:
    world = lived_in(engine)
    drop_fences(engine)
    change = "UPDATE ledger_entry SET event = :event WHERE seq = 3"
    with engine.begin() as connection:
        event = connection.execute(text("SELECT event FROM ledger_entry WHERE seq = 3")).scalar_one()
        connection.execute(text(change), {"event": bytes(event).replace(b"first", b"later")})
    with pytest.raises(Conflict) as caught:
        run(world, tmp_path)
    assert (caught.value.code, caught.value.problems[0].facts["seq"]) == ("ledger.leaf_mismatch", 3)
    assert files(tmp_path) == {}


def test_a_missing_entry_is_not_exported_over(engine: Engine, tmp_path: Path) -> None:
    world = lived_in(engine)
    drop_fences(engine)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM ledger_entry WHERE seq = 11"))
    with pytest.raises(Conflict, match=r"ledger\.leaf_mismatch"):
        run(world, tmp_path)
    assert "checkpoint" not in files(tmp_path)


def test_leaves_that_are_not_the_checkpoints_are_refused(engine: Engine, tmp_path: Path) -> None:
    world = lived_in(engine)
    drop_fences(engine)
    with reading(engine) as reader:
        data = [entry.data for entry in entries(reader, world.log)]
    # The last entry and its leaf are changed together: only the checkpoint knows better.
    other = data[-1].replace(b"sixth", b"ninth")
    hashes = b"".join(map(leaf_hash, [*data[:-1], other]))
    with engine.begin() as connection:
        event = other[other.index(b"\n\n") + 2 :]
        connection.execute(text("UPDATE ledger_entry SET event = :event WHERE seq = 11"), {"event": event})
        connection.execute(update(TILE).values(hashes=hashes))
    with pytest.raises(Conflict, match=r"ledger\.checkpoint_mismatch"):
        run(world, tmp_path)
    assert "checkpoint" not in files(tmp_path)


def test_a_folder_of_another_past_is_left_alone(new_engine: type, tmp_path: Path) -> None:
    world = grown(new_engine(), 3)
    run(world, tmp_path)
    before = files(tmp_path)
    another = lived_in(new_engine())  # the same name and keys, with other entries
    shorter = World(new_engine()).open()
    shorter.checkpoint()
    renamed = World(new_engine(), origin="ledger.example/other").open()
    renamed.checkpoint()
    for other, code in (
        (another, "ledger.export_of_another_log"),
        (shorter, "ledger.export_ahead"),
        (renamed, "ledger.export_of_another_log"),
    ):
        with pytest.raises(Refused) as caught:
            run(other, tmp_path)
        assert caught.value.code == code
        assert files(tmp_path) == before


def test_a_file_that_holds_something_else_is_not_overwritten(engine: Engine, tmp_path: Path) -> None:
    world = grown(engine, 3)
    run(world, tmp_path)
    (tmp_path / "checkpoint").unlink()
    tile = tmp_path / "tile/0/000.p/5"
    tile.write_bytes(bytes(len(tile.read_bytes())))
    with pytest.raises(Conflict, match=r"ledger\.export_differs"):
        run(world, tmp_path)
    (tmp_path / "checkpoint").write_bytes(b"\xff not a note")
    with pytest.raises(Conflict, match=r"ledger\.export_of_another_log"):
        run(world, tmp_path)


def test_one_run_at_a_time(engine: Engine, tmp_path: Path) -> None:
    world = grown(engine, 1)
    with (tmp_path / ".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Conflict, match=r"ledger\.export_running"):
            run(world, tmp_path)
    assert run(world, tmp_path).size == 3


def test_without_a_checkpoint_nothing_is_exported(engine: Engine, tmp_path: Path) -> None:
    world = World(engine).open()
    with pytest.raises(NotFound, match=r"ledger\.never_checkpointed"):
        run(world, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_progress_is_told(engine: Engine, tmp_path: Path) -> None:
    world = grown(engine, 258)
    told: list[tuple[int, int]] = []
    with reading(engine) as reader:
        export(reader, world.log, tmp_path, progress=lambda done, of: told.append((done, of)))
    assert told == [(256, 260), (260, 260)]
