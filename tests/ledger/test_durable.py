"""A file is there whole, or as it was before."""

import os
from pathlib import Path

import pytest

from ledger.storage.durable import put_file, sync_folder


def test_a_file_is_put_in_place_of_another_and_of_what_a_crash_left(tmp_path: Path) -> None:
    (tmp_path / ".note.new").write_bytes(b"half of something longer")
    for data in (b"first", b"second"):
        put_file(tmp_path / "note", data)
        sync_folder(tmp_path)
        assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("note", data)]


def test_what_cannot_be_made_durable_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_file(tmp_path / "note", b"old")

    def full(_descriptor: int) -> None:
        raise OSError

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError):  # noqa: PT011  the disk says what it will
        put_file(tmp_path / "note", b"new")
    assert (tmp_path / "note").read_bytes() == b"old"
