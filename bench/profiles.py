"""Where the time goes: the shares of functions in what was measured, under Python's own profiler.

The profiler makes everything slower and calls of Python more than others, so these are shares to look at and
not figures to compare; they are taken apart from the measurements.
"""

import cProfile
import pstats
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[1]
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Profile:
    """The functions that took most of the time themselves, with the share of each in percent."""

    name: str
    shares: list[tuple[str, float]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return the profile as plain values."""
        return {"name": self.name, "shares": [{"where": one, "percent": part} for one, part in self.shares]}


def profiled(name: str, what: Callable[[], object]) -> Profile:
    """Return where the time of a call goes in the thread that makes it."""
    profiler = cProfile.Profile()
    profiler.enable()
    try:
        what()
    finally:
        profiler.disable()
    return _read(name, profiler)


@contextmanager
def of_new_thread(name: str, found: list[Profile]) -> Iterator[None]:
    """Profile the next thread that starts, and put what it did into ``found``."""
    profilers: list[cProfile.Profile] = []

    def begin(*_: object) -> None:
        profiler = cProfile.Profile()
        profilers.append(profiler)
        profiler.enable()

    threading.setprofile(begin)
    try:
        yield
    finally:
        threading.setprofile(None)
        if profilers:
            found.append(_read(name, profilers[0]))


def _read(name: str, profiler: cProfile.Profile) -> Profile:
    profiler.create_stats()
    stats: dict[tuple[str, int, str], tuple[Any, ...]] = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    waiting = ("acquire", "wait", "_thread.lock")
    own = {key: row[2] for key, row in stats.items() if not any(word in key[2] for word in waiting)}
    whole = sum(own.values()) or 1.0
    largest = sorted(own, key=lambda key: -own[key])[:_SHOWN]
    return Profile(name, [(_where(key), round(own[key] / whole * 100, 1)) for key in largest])


def _where(key: tuple[str, int, str]) -> str:
    file, _, function = key
    if file == "~":
        return function.strip("<>").removeprefix("built-in method ").removeprefix("method ")
    path, library = Path(file), file.rpartition("site-packages/")[2]
    if library != file:
        return f"{library} {function}"
    return f"{path.relative_to(_ROOT) if path.is_relative_to(_ROOT) else path.name} {function}"
