import os
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path
from random import Random
from threading import Timer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, insert

from ledger.errors import Conflict, Malformed
from ledger.personal.subjects import DESTROYED, KEYS, Subjects
from ledger.personal.vault import (
    NONCE_BYTES,
    SALT_BYTES,
    Secret,
    adopt,
    check_secrets,
    commit,
    find_secrets,
    open_sealed,
    seal,
    sealed_rows,
)
from ledger.storage.db import reading, writing
from ledger.storage.store import SEALED, VAULT, rows
from tests.ledger.world import World

ORIGIN = "ledger.example/notes"
KEY, OTHER_KEY = b"k" * 32, b"o" * 32
NAMES = st.text(st.characters(codec="utf-8", categories=["L", "N", "Zs"]), min_size=1, max_size=30)


@pytest.fixture
def subjects(tmp_path: Path) -> Subjects:
    return Subjects(tmp_path / "keys", ORIGIN)


def secret(value: str = "Nguyễn Văn A", subject: str = "person:a", salt: bytes = b"s" * 32) -> Secret:
    return Secret(value, subject, salt)


# Commitments and their secrets.


def test_a_commitment_depends_on_value_and_salt_alone() -> None:
    assert secret().commitment == secret(subject="person:b").commitment
    different = {secret().commitment, secret("B").commitment, secret(salt=b"t" * 32).commitment}
    assert len(different) == 3
    assert len(Secret("x", "s").salt) == SALT_BYTES
    assert Secret("x", "s").commitment != Secret("x", "s").commitment


def test_every_commitment_comes_with_its_secret() -> None:
    a, b = secret(), secret("B")
    promised = commit({"driver": a, "signer": b})
    check_secrets(promised, (b, a))
    check_secrets({}, ())
    with pytest.raises(Malformed, match="commitment_unopened") as caught:
        check_secrets(promised, (a,))
    assert [problem.path for problem in caught.value.problems] == ["/commitments/signer"]
    with pytest.raises(Malformed, match="commitment_mismatch"):
        check_secrets(promised, (a, b, secret("C")))
    with pytest.raises(Malformed, match="commitment_mismatch"):
        check_secrets({"a": secret(salt=b"short").commitment}, (secret(salt=b"short"),))


# Sealing.


@given(value=NAMES, subject=st.from_regex(r"[a-z0-9][a-z0-9._:/-]{0,20}", fullmatch=True))
def test_what_is_sealed_opens_under_the_same_key_subject_and_commitment_alone(
    value: str, subject: str
) -> None:
    kept = Secret(value, subject)
    try:
        name = kept.commitment
    except Malformed:
        return  # a text that no event could hold
    sealed = seal(kept, KEY)
    assert open_sealed(sealed, KEY, subject, name) == kept
    for wrong in (
        (sealed, OTHER_KEY, subject, name),
        (sealed, KEY, subject + "x", name),
        (sealed, KEY, subject, Secret(value, subject).commitment),
    ):
        with pytest.raises(Malformed, match="vault_mismatch"):
            open_sealed(*wrong)


@given(place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_a_flipped_bit_opens_nothing(place: int, bit: int) -> None:
    sealed = bytearray(seal(secret(), KEY))
    sealed[place % len(sealed)] ^= 1 << bit
    with pytest.raises(Malformed, match="vault_mismatch"):
        open_sealed(bytes(sealed), KEY, "person:a", secret().commitment)


@pytest.mark.parametrize("length", [0, 7, NONCE_BYTES, NONCE_BYTES + 15])
def test_what_is_too_short_opens_nothing(length: int) -> None:
    with pytest.raises(Malformed, match="vault_mismatch"):
        open_sealed(seal(secret(), KEY)[:length], KEY, "person:a", secret().commitment)


def test_a_value_sealed_under_another_commitment_is_no_value_of_it() -> None:
    """Whoever holds the key can seal what he likes; the commitment is what decides."""
    stranger = secret("Somebody else")
    forged = _Claiming(stranger.value, stranger.subject, stranger.salt)
    sealed = seal(forged, KEY)
    with pytest.raises(Malformed, match="vault_mismatch"):
        open_sealed(sealed, KEY, "person:a", secret().commitment)


class _Claiming(Secret):
    @property
    def commitment(self) -> str:
        return secret().commitment


def test_no_two_seals_are_alike() -> None:
    assert len({seal(secret(), KEY) for _ in range(50)}) == 50


# Subject keys.


def test_a_key_is_made_once_and_kept(subjects: Subjects, tmp_path: Path) -> None:
    first = subjects.keys(["person:a", "person:b"])
    assert len({*first.values()}) == 2
    assert all(len(key) == 32 for key in first.values())
    again = Subjects(tmp_path / "keys", ORIGIN)
    assert again.keys(["person:b", "person:c"])["person:b"] == first["person:b"]
    assert again.find(["person:a", "person:x"]) == {"person:a": first["person:a"]}


def test_keys_belong_to_one_log(subjects: Subjects, tmp_path: Path) -> None:
    other = Subjects(tmp_path / "keys", "other.example/log")
    assert subjects.keys(["person:a"]) != other.keys(["person:a"])
    other.destroy("person:a")
    assert subjects.find(["person:a"])
    assert not subjects.is_destroyed("person:a")


def test_only_the_owner_reads_the_folder(subjects: Subjects, tmp_path: Path) -> None:
    subjects.keys(["person:a"])
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    for name in (KEYS, DESTROYED):
        assert stat.S_IMODE((tmp_path / "keys" / name).stat().st_mode) == 0o600


def test_the_folder_names_nobody(subjects: Subjects, tmp_path: Path) -> None:
    subjects.keys(["person:nguyen"])
    subjects.destroy("person:nguyen")
    for path in (tmp_path / "keys").iterdir():
        assert b"nguyen" not in path.read_bytes()


def test_a_destroyed_key_is_gone_from_the_file_and_never_made_again(
    subjects: Subjects, tmp_path: Path
) -> None:
    key = subjects.keys(["person:a"])["person:a"]
    kept = subjects.keys(["person:b"])["person:b"]
    assert key in (tmp_path / "keys" / KEYS).read_bytes()
    subjects.destroy("person:a")
    subjects.destroy("person:a")
    data = (tmp_path / "keys" / KEYS).read_bytes()
    assert key not in data
    assert kept in data
    assert subjects.find(["person:a", "person:b"]) == {"person:b": kept}
    with pytest.raises(Conflict, match="subject_erased"):
        subjects.keys(["person:b", "person:a"])
    assert (tmp_path / "keys" / DESTROYED).read_text() == subjects.digest("person:a") + "\n"
    assert subjects.is_destroyed("person:a")
    subjects.destroy("person:never-seen")
    with pytest.raises(Conflict, match="subject_erased"):
        subjects.keys(["person:never-seen"])


def test_an_older_copy_of_the_keys_brings_nobody_back(subjects: Subjects, tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    key = subjects.keys(["person:a"])["person:a"]
    older = (folder / KEYS).read_bytes()
    subjects.destroy("person:a")
    (folder / KEYS).write_bytes(older)
    assert subjects.find(["person:a"]) == {}  # even to a process that had the folder open
    again = Subjects(folder, ORIGIN)
    assert again.find(["person:a"]) == {}
    assert key not in (folder / KEYS).read_bytes()


def test_a_line_that_a_crash_cut_short_is_written_again(subjects: Subjects, tmp_path: Path) -> None:
    path = tmp_path / "keys" / DESTROYED
    subjects.destroy("person:a")
    path.write_text(path.read_text() + subjects.digest("person:b")[:40])
    again = Subjects(tmp_path / "keys", ORIGIN)
    assert again.is_destroyed("person:a")
    assert not again.is_destroyed("person:b")
    again.destroy("person:b")
    again.destroy("person:c")
    assert all(again.is_destroyed(f"person:{name}") for name in "abc")


def test_a_crash_after_the_line_destroys_at_the_next_opening(subjects: Subjects, tmp_path: Path) -> None:
    subjects.keys(["person:a"])
    with (tmp_path / "keys" / DESTROYED).open("a") as file:
        file.write(subjects.digest("person:a") + "\n")
    again = Subjects(tmp_path / "keys", ORIGIN)
    with sqlite3.connect(tmp_path / "keys" / KEYS) as connection:
        assert connection.execute("SELECT count(*) FROM subject_key").fetchone() == (0,)
    connection.close()
    assert again.find(["person:a"]) == {}


def test_many_at_once_agree_on_one_key(tmp_path: Path) -> None:
    names = [f"person:{number}" for number in range(20)]
    found: list[dict[str, bytes]] = []

    def ask() -> None:
        found.append(Subjects(tmp_path / "keys", ORIGIN).keys(names))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert all(one == found[0] for one in found)


def test_more_subjects_than_one_statement_takes(subjects: Subjects) -> None:
    names = [f"person:{number}" for number in range(1201)]
    made = subjects.keys(names)
    assert subjects.find(names) == made
    assert len(set(made.values())) == 1201


# The table.


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine).open()


def keep(world: World, subjects: Subjects, *given: Secret) -> None:
    with writing(world.engine, world.log) as writer:
        for row in sealed_rows(given, subjects):
            writer.execute(insert(SEALED), {"log": world.log, **row})


def test_secrets_are_kept_sealed_and_found_again(world: World, subjects: Subjects) -> None:
    a, b, c = secret(), secret("B"), secret("C", "person:c")
    keep(world, subjects, a, b, c, a)
    wanted = [one.commitment for one in (a, b, c)]
    with reading(world.engine) as reader:
        kept = rows(reader, SEALED, log=world.log)
        assert {row["subject"] for row in kept} == {"person:a", "person:c"}
        assert not any(one.value.encode() in row["sealed"] for row in kept for one in (a,))
        found = find_secrets(reader, world.log, [*wanted, "f" * 64], subjects)
        assert found == {one.commitment: one for one in (a, b, c)}
        subjects.destroy("person:a")
        assert find_secrets(reader, world.log, wanted, subjects) == {c.commitment: c}
        assert find_secrets(reader, world.log, [], subjects) == {}
        assert find_secrets(reader, world.log + 1, wanted, subjects) == {}
    with pytest.raises(Conflict, match="subject_erased"):
        sealed_rows([a], subjects)
    assert sealed_rows([], subjects) == []


def test_a_key_is_durable_before_what_is_sealed_under_it(
    subjects: Subjects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        synced.append(handle)
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    Subjects(tmp_path / "fresh", ORIGIN).destroy("person:a")
    assert len(synced) >= 2  # the folder with its new files, and the list
    (row,) = sealed_rows([secret()], subjects)
    other = Subjects(tmp_path / "keys", ORIGIN)  # another process, after a power cut
    key = other.find(["person:a"])["person:a"]
    assert open_sealed(row["sealed"], key, "person:a", secret().commitment) == secret()


def old_row(world: World, one: Secret, **changed: Any) -> dict[str, Any]:
    row = {"commitment": one.commitment, "subject": one.subject, "salt": one.salt, "value": one.value}
    return {"log": world.log, **row} | changed


def test_values_in_the_clear_are_sealed_and_moved(world: World, subjects: Subjects) -> None:
    a, b = secret(), secret("B", "person:b")
    wrong = secret("changed by hand")
    with writing(world.engine, world.log) as writer:
        writer.execute(insert(VAULT), [old_row(world, a), old_row(world, b)])
        writer.execute(insert(VAULT), old_row(world, wrong, commitment="e" * 64))
        assert adopt(writer, world.log, subjects) == 3
        assert adopt(writer, world.log, subjects) == 0
    with reading(world.engine) as reader:
        assert rows(reader, VAULT) == []
        assert find_secrets(reader, world.log, [a.commitment, b.commitment], subjects) == {
            a.commitment: a,
            b.commitment: b,
        }
        assert find_secrets(reader, world.log, ["e" * 64], subjects) == {}
        (row,) = rows(reader, SEALED, log=world.log, commitment="e" * 64)
        with pytest.raises(Malformed, match="vault_mismatch"):
            open_sealed(row["sealed"], subjects.find(["person:a"])["person:a"], "person:a", "e" * 64)


def test_an_old_database_does_not_bring_an_erased_value_back(world: World, subjects: Subjects) -> None:
    a, b = secret(), secret("B", "person:b")
    keep(world, subjects, b)
    subjects.destroy("person:a")
    with writing(world.engine, world.log) as writer:
        writer.execute(insert(VAULT), [old_row(world, a), old_row(world, b)])
        assert adopt(writer, world.log, subjects) == 2
    with reading(world.engine) as reader:
        assert rows(reader, VAULT) == []
        assert len(rows(reader, SEALED)) == 2
        assert find_secrets(reader, world.log, [a.commitment, b.commitment], subjects) == {b.commitment: b}
    assert subjects.find(["person:a"]) == {}


def test_another_log_s_values_are_left_alone(world: World, subjects: Subjects) -> None:
    other = World(world.engine, origin="other.example/log").open()
    with writing(world.engine, world.log) as writer:
        writer.execute(insert(VAULT), [old_row(world, secret()), old_row(other, secret())])
        assert adopt(writer, world.log, subjects) == 1
        assert len(rows(writer, VAULT)) == 1


def test_clear_text_leaves_the_file_too(sqlite_engine: Engine, subjects: Subjects) -> None:
    world = World(sqlite_engine).open()
    value = "Nguyen Thi Khong Ai Biet " * 20
    with writing(world.engine, world.log) as writer:
        writer.execute(insert(VAULT), old_row(world, secret(value)))
    assert sqlite_engine.url.database is not None
    path = Path(sqlite_engine.url.database)
    with writing(world.engine, world.log) as writer:
        adopt(writer, world.log, subjects)
    with sqlite_engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.rollback()
    assert b"Khong Ai Biet" not in path.read_bytes()


BUSY = """
import sys
from pathlib import Path
from ledger.personal.subjects import Subjects

subjects = Subjects(Path(sys.argv[1]), "ledger.example/notes")
for number in range(int(sys.argv[2]), 10**9):
    key = subjects.keys([f"person:{number}"])[f"person:{number}"]
    print("made", number, key.hex(), flush=True)
    if number % 3 == 0:
        subjects.destroy(f"person:{number}")
        print("destroyed", number, "-", flush=True)
"""


def test_what_was_answered_survives_the_killing_of_the_process(tmp_path: Path) -> None:
    """Kill it at any moment: no key that was given out is lost, none that was destroyed is back."""
    folder, random = tmp_path / "keys", Random(307)  # noqa: S311  moments, no secrets
    made: dict[int, str] = {}
    destroyed: set[int] = set()
    begun = 0
    for _ in range(4):
        command = [sys.executable, "-c", BUSY, str(folder), str(begun)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as busy:
            assert busy.stdout is not None
            lines = [busy.stdout.readline()]
            Timer(random.uniform(0.0, 0.15), busy.kill).start()
            lines += list(busy.stdout)
        for what, text, shown in (line.split() for line in lines if line.endswith("\n")):
            number = int(text)
            if what == "made":
                made[number] = shown
                begun = number + 1
            else:
                destroyed.add(number)
        subjects = Subjects(folder, ORIGIN)
        found = subjects.find(f"person:{number}" for number in made)
        for number, key in made.items():
            name = f"person:{number}"
            if number in destroyed or subjects.is_destroyed(name):
                assert name not in found
                assert subjects.is_destroyed(name)
                assert bytes.fromhex(key) not in (folder / KEYS).read_bytes()
            else:
                assert found[name].hex() == key
    assert destroyed
    assert len(made) > len(destroyed)
