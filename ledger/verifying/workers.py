"""Processes that scan ranges for another one, and bring with them no more than a scan needs.

Each is a new interpreter that talks over its standard input and output; the main module of the program that
verifies, which may be a whole service, is not loaded again.
"""

import pickle
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from queue import SimpleQueue
from typing import IO, Any

from ledger.format.keys import Key
from ledger.verifying.scan import Anomaly, Scan, Scanned
from ledger.verifying.source import Place, open_source

AHEAD = 6  # ranges per process that may be done and not yet taken

_SERVE = (
    "import sys; sys.path[:] = {path!r}; from ledger.verifying.workers import serve; "
    "serve(sys.stdin.buffer, sys.stdout.buffer)"
)


@dataclass(frozen=True, slots=True)
class Work:
    """What a process is to scan ranges of: the arguments of a `Scan`, and where its source is."""

    place: Place
    origin: str
    keys: Mapping[int, Key]
    signatures: bool


def side_by_side(work: Work, ranges: Iterable[tuple[int, int]], jobs: int) -> Iterator[Scanned]:
    """Yield what so many processes find of ranges, in the order of these; raise Anomaly like a scan.

    A process takes the next range as soon as it is done with one. When one dies that is an Anomaly too.
    """
    with ExitStack() as stack:
        idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        for _ in range(jobs):
            process = stack.enter_context(_process())
            assert process.stdin is not None
            _write(process.stdin, work)
            idle.put(process)

        def scanned(bounds: tuple[int, int]) -> Scanned:
            process = idle.get()
            try:
                return _asked(process, bounds)
            finally:
                idle.put(process)

        # Waiting for a process costs a thread no more than that.
        pool = stack.enter_context(ThreadPoolExecutor(jobs))
        stack.callback(pool.shutdown, cancel_futures=True)
        left = iter(ranges)
        waiting = [pool.submit(scanned, bounds) for bounds in islice(left, AHEAD * jobs)]
        while waiting:
            yield waiting.pop(0).result()
            waiting += [pool.submit(scanned, bounds) for bounds in islice(left, 1)]


def serve(asked: IO[bytes], said: IO[bytes]) -> None:
    """Answer each range that is asked for with what was found of it, until there is no more."""
    work: Work = _read(asked)
    scan: Scan | None = None
    while True:
        try:
            start, stop = _read(asked)
        except EOFError:
            return
        try:
            if scan is None:
                scan = Scan(open_source(work.place), work.origin, work.keys, signatures=work.signatures)
            found: Scanned | str = scan.range(start, stop)
        except Exception as error:  # noqa: BLE001  whatever it was must get back to the other process
            found = repr(error)
        _write(said, found)


@contextmanager
def _process() -> "Iterator[subprocess.Popen[bytes]]":
    code = _SERVE.format(path=sys.path)
    process = subprocess.Popen(  # noqa: S603  this interpreter, with code of our own
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.communicate()  # nothing more to ask: it ends, if it has not died before


def _asked(process: "subprocess.Popen[bytes]", bounds: tuple[int, int]) -> Scanned:
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        _write(process.stdin, bounds)
        found = _read(process.stdout)
    except (EOFError, OSError) as error:
        raise Anomaly("a process has died") from error
    if not isinstance(found, Scanned):
        raise Anomaly(found)
    return found


def _read(pipe: IO[bytes]) -> Any:
    return pickle.load(pipe)  # noqa: S301  from a process that this one started, or was started by


def _write(pipe: IO[bytes], value: Any) -> None:
    pickle.dump(value, pipe)
    pipe.flush()
