"""Bounded pools of threads: what blocks is done beside the event loop, and only so much of it waits."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread

from api.errors import Busy

P = ParamSpec("P")
R = TypeVar("R")


class Pool:
    """At most ``threads`` jobs at a time and ``places`` requests in all; the next is told to come back."""

    def __init__(self, threads: int, places: int) -> None:
        self._limiter = CapacityLimiter(threads)
        self._places = places
        self._taken = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place from before the body is read until the answer; raise Busy when there is none."""
        if self._taken >= self._places:
            raise Busy
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

    async def run(self, job: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do a blocking job in a thread of the pool."""
        return await to_thread.run_sync(partial(job, *args, **kwargs), limiter=self._limiter)
