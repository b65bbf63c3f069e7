import errno
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import Conflict, Malformed
from ledger.format.checkpoint import Checkpoint, claimed_checkpoint
from ledger.publishing import guard as module
from ledger.publishing.guard import HEAD_BYTES, MAGIC, Guard
from tests.ledger.world import ORIGIN, START, note_signer

SIGNER = note_signer()
ROOT = b"r" * 32


def note_of(size: int, root: bytes = ROOT, origin: str = ORIGIN) -> str:
    text = Checkpoint(origin, size, root).text
    return SIGNER.sign(text, START)


def filled(path: Path, *sizes: int) -> Guard:
    guard = Guard(path)
    for size in sizes:
        guard.swap(guard.last(), note_of(size))
    return guard


def test_what_was_swapped_in_is_there_for_the_next_process(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "guard.journal"
    assert Guard(path).last() is None
    filled(path, 0, 3, 9)
    again = Guard(path)
    assert again.last() == note_of(9)
    assert [claimed_checkpoint(note).size for note in again.notes()] == [0, 3, 9]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_note_of_equal_size_and_root_follows_as_a_heartbeat(tmp_path: Path) -> None:
    guard = filled(tmp_path / "g", 4)
    guard.swap(note_of(4), note_of(4))
    assert len(list(guard.notes())) == 2


def test_only_who_saw_the_last_note_adds_the_next(tmp_path: Path) -> None:
    guard = filled(tmp_path / "g", 4, 5)
    before = guard.path.read_bytes()
    for expected in (None, note_of(4), note_of(6)):
        with pytest.raises(Conflict, match="guard_moved"):
            guard.swap(expected, note_of(7))
    assert guard.path.read_bytes() == before


@pytest.mark.parametrize(
    "new",
    [note_of(4), note_of(0), note_of(5, b"s" * 32), note_of(9, origin="ledger.example/other")],
    ids=["smaller", "empty", "other root", "other log"],
)
def test_the_past_is_not_signed_anew(tmp_path: Path, new: str) -> None:
    guard = filled(tmp_path / "g", 5)
    with pytest.raises(Conflict, match="guard_conflict"):
        guard.swap(note_of(5), new)
    assert guard.last() == note_of(5)


def test_what_is_no_checkpoint_is_not_taken(tmp_path: Path) -> None:
    with pytest.raises(Malformed):
        Guard(tmp_path / "g").swap(None, "anything")
    assert not (tmp_path / "g").exists()


def test_every_torn_end_is_cut_and_the_rest_kept(tmp_path: Path) -> None:
    whole = filled(tmp_path / "g", 4, 5).path.read_bytes()
    first = filled(tmp_path / "one", 4).path.read_bytes()
    for cut in range(len(whole)):
        path = tmp_path / f"cut-{cut}"
        path.write_bytes(whole[:cut])
        guard = Guard(path)
        kept = note_of(4) if cut >= len(first) else None
        assert guard.last() == kept
        assert path.read_bytes() == whole[:cut]  # looking changes nothing
        guard.swap(kept, note_of(6))
        assert Guard(path).last() == note_of(6)
        assert len(list(Guard(path).notes())) == (2 if kept else 1)


def test_every_changed_bit_is_damage_and_nothing_goes_on(tmp_path: Path) -> None:
    whole = filled(tmp_path / "g", 4, 5).path.read_bytes()
    path = tmp_path / "bad"
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << at % 8
        path.write_bytes(damaged)
        with pytest.raises(Conflict, match="guard_damaged"):
            Guard(path).last()
        with pytest.raises(Conflict, match="guard_damaged"):
            Guard(path).swap(note_of(5), note_of(6))
        assert path.read_bytes() == damaged


def test_a_record_taken_out_of_the_middle_is_damage(tmp_path: Path) -> None:
    path = filled(tmp_path / "g", 4, 5, 6).path
    whole, record = path.read_bytes(), HEAD_BYTES + len(note_of(5))
    second = len(MAGIC) + HEAD_BYTES + len(note_of(4))
    path.write_bytes(whole[:second] + whole[second + record :])
    with pytest.raises(Conflict, match="guard_damaged"):
        Guard(path).last()


@given(st.binary(min_size=1, max_size=400), st.booleans())
def test_whatever_else_stands_at_the_end_is_torn_or_damage(
    tmp_path_factory: pytest.TempPathFactory, tail: bytes, begins_right: bool
) -> None:
    path = filled(tmp_path_factory.mktemp("g") / "g", 4).path
    if begins_right:
        head, _ = module._head(bytes(32), b"x" * 500)
        tail = head + tail
    with path.open("ab") as file:
        file.write(tail)
    if begins_right or len(tail) < HEAD_BYTES:
        assert Guard(path).last() == note_of(4)
    else:
        with pytest.raises(Conflict, match="guard_damaged"):
            Guard(path).last()


@given(st.lists(st.tuples(st.integers(0, 6), st.sampled_from([b"r" * 32, b"s" * 32])), max_size=8))
def test_the_journal_is_what_a_list_would_be(
    tmp_path_factory: pytest.TempPathFactory, moves: list[tuple[int, bytes]]
) -> None:
    guard = Guard(tmp_path_factory.mktemp("g") / "g")
    kept: list[tuple[int, bytes]] = []
    for size, root in moves:
        allowed = not kept or size > kept[-1][0] or (size, root) == kept[-1]
        last = note_of(*kept[-1]) if kept else None
        try:
            guard.swap(last, note_of(size, root))
        except Conflict:
            assert not allowed
        else:
            assert allowed
            kept.append((size, root))
    assert list(Guard(guard.path).notes()) == [note_of(*one) for one in kept]


@pytest.mark.parametrize("change", ["gone", "shorter", "another file"])
def test_a_journal_put_back_under_a_running_process_is_damage(tmp_path: Path, change: str) -> None:
    guard = filled(tmp_path / "g", 4)
    old = guard.path.read_bytes()
    guard.swap(note_of(4), note_of(5))
    if change == "shorter":
        guard.path.write_bytes(old)
    else:
        guard.path.unlink()
        if change == "another file":
            filled(tmp_path / "h", 3, 5, 6).path.rename(guard.path)
    with pytest.raises(Conflict, match="guard_damaged"):
        guard.last()
    with pytest.raises(Conflict, match="guard_damaged"):
        guard.swap(note_of(5), note_of(6))
    assert guard.path.exists() == (change != "gone")


def test_a_full_disk_leaves_the_journal_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guard = filled(tmp_path / "g", 4)
    write = os.write

    def full(descriptor: int, data: bytes) -> int:
        if len(data) < len(note_of(5)):
            raise OSError(errno.ENOSPC, "no space left")
        return write(descriptor, data[:50])

    before = guard.path.read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(OSError, match="no space"):
            guard.swap(note_of(4), note_of(5))
    assert guard.path.read_bytes() == before
    guard.swap(note_of(4), note_of(5))
    assert Guard(guard.path).last() == note_of(5)


_SWAPPING = """
import sys
from ledger.format.checkpoint import claimed_checkpoint
from ledger.errors import Conflict
from ledger.publishing.guard import Guard
from pathlib import Path
from tests.ledger.test_guard import note_of

guard = Guard(Path(sys.argv[1]))
done = 0
print("ready", flush=True)
while done < int(sys.argv[2]):
    last = guard.last()
    size = 0 if last is None else claimed_checkpoint(last).size + 1
    try:
        guard.swap(last, note_of(size))
    except Conflict as conflict:
        assert conflict.code == "ledger.guard_moved", conflict
    else:
        done += 1
        print(size, flush=True)
"""


def _swapping(path: Path, times: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", _SWAPPING, str(path), str(times)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_eight_processes_add_each_size_once(tmp_path: Path) -> None:
    path, times = tmp_path / "g", 25
    running = [_swapping(path, times) for _ in range(8)]
    added = [line for process in running for line in process.communicate(timeout=120)[0].split()]
    assert all(process.returncode == 0 for process in running)
    assert sorted(int(line) for line in added if line != "ready") == list(range(8 * times))
    assert [claimed_checkpoint(note).size for note in Guard(path).notes()] == list(range(8 * times))


def test_kill_9_in_the_middle_of_swaps_loses_nothing_that_was_told(tmp_path: Path) -> None:
    path, told, stands, chance = tmp_path / "g", -1, -1, random.Random(9)  # noqa: S311  no secret
    for _ in range(12):
        process = _swapping(path, 100_000)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0.01, 0.12))
        process.send_signal(signal.SIGKILL)
        lines = [line for line in process.stdout.read().split("\n")[:-1] if line]
        process.wait()
        process.stdout.close()
        told = int(lines[-1]) if lines else stands
        last = Guard(path).last()
        stands = -1 if last is None else claimed_checkpoint(last).size
        assert stands in {told, told + 1}  # one may stand that nobody was told of
    assert told > 12
    assert [claimed_checkpoint(note).size for note in Guard(path).notes()] == list(range(stands + 1))
