"""Files that outlast a power cut: whole or not there, and their names with them."""

import os
from pathlib import Path


def put_file(path: Path, data: bytes) -> None:
    """Put a file in place, whole and durable; its name lasts once its folder is synced.

    For a folder that one process at a time writes to: what a crash has left half written is written over.
    """
    beside = path.with_name(f".{path.name}.new")
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable: of files that are new, replaced or gone."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
