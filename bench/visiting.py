"""Somebody who asks a server on a bulk load, and what each answer took."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from bench.bulk.place import Bulk
from bench.processor import descendants, processor_ms

_READY_S = 180
_FIRST = 5


@dataclass(frozen=True, slots=True, order=True)
class Took:
    """What an answer took: as the server says, and in processor time of all its processes; milliseconds."""

    wall_ms: float
    processor_ms: float

    def __add__(self, other: "Took") -> "Took":
        return Took(self.wall_ms + other.wall_ms, self.processor_ms + other.processor_ms)


class Visitor:
    """Asks as whoever's key it entered with last; ``roots`` are the processes that answer."""

    def __init__(self, client: httpx.Client, roots: list[int]) -> None:
        self._client = client
        self._roots = roots
        self._processes: list[int] = []

    def enter(self, api_key: str) -> None:
        """Ask as the party of a key from now on."""
        self._client.headers["authorization"] = f"Bearer {api_key}"
        for _ in range(_FIRST):
            self.get("/me")
        self._processes = [process for root in self._roots for process in descendants(root)]

    def get(self, path: str) -> Any:
        """Return an answer."""
        answer = self._client.get(path)
        answer.raise_for_status()
        return answer.json()

    def took(self, path: str) -> Took:
        """Ask, and return what the answer took."""
        before = processor_ms(self._processes)
        answer = self._client.get(path)
        after = processor_ms(self._processes)
        answer.raise_for_status()
        return Took(float(answer.headers["server-timing"].partition("dur=")[2]), after - before)


@contextmanager
def visiting(bulk: Bulk) -> Iterator[Visitor]:
    """Yield who asks a new server process on a load."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    where = [str(bulk.folder), bulk.place, bulk.about["until"], str(port)]
    process = subprocess.Popen([sys.executable, "-m", "bench.serving", *where], stderr=subprocess.DEVNULL)  # noqa: S603  our own server
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=120) as client:
            _wait(client, f"http://127.0.0.1:{port}/healthz", process)
            yield Visitor(client, [process.pid, *_postmaster(bulk)])
    finally:
        process.terminate()
        process.wait()


def _postmaster(bulk: Bulk) -> list[int]:
    path = bulk.folder / "postgres" / "postmaster.pid"
    return [int(path.read_text(encoding="utf-8").split()[0])] if path.exists() else []


def _wait(client: httpx.Client, address: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _READY_S
    while time.monotonic() < until:
        try:
            client.get(address)
        except httpx.TransportError:
            if process.poll() is not None:
                raise RuntimeError("the server did not start") from None
            time.sleep(0.2)
        else:
            return
    raise RuntimeError("the server did not answer")
