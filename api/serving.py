"""Running the server: uvicorn, an orderly end, and one publisher that signs checkpoints beside it."""

import errno
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from types import FrameType

import uvicorn
from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError
from uvicorn.supervisors import Multiprocess

from api.anchoring import Anchoring
from api.cosigning import Cosigning
from api.home import Home, open_home
from api.main import create_app
from api.settings import Settings, settings
from ledger.errors import Problem, Refused, Unavailable
from ledger.publishing.leadership import Leadership
from manifest.body import prepare
from manifest.events import EVENTS
from manifest.wording import message

GRACE_S = 10
PUBLISH_EVERY_S = 1.0
COULD_NOT_RUN = 2
_log = logging.getLogger("ctnh.serving")


class Publisher:
    """A thread that signs a checkpoint soon after something was recorded, and a last one at the end.

    Of several processes one leads. With nothing new it signs a heartbeat when the last note is old, so that
    silence is never mistaken for calm.
    """

    def __init__(self, home: Home, every_s: float = PUBLISH_EVERY_S) -> None:
        self._home = home
        self._every_s = every_s
        self._end = Event()
        self._leadership = Leadership(home.engine, home.ledger.log)
        self._thread = Thread(target=self._run, name="publisher", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Sign what there is and end."""
        self._end.set()
        self._thread.join()
        self._publish()
        self._leadership.resign()

    def _run(self) -> None:
        while not self._end.wait(self._every_s):
            self._publish()

    def _publish(self) -> None:
        try:
            # What was missing may have been recovered meanwhile.
            if self._home.floor.problem is not None and self._home.look() is not None:
                return
            if self._leadership.lead() and self._home.publisher.is_due(self._home.clock()):
                self._home.checkpoint()
        except Refused as refused:
            # The log disagrees with its own checkpoint: nothing more may be signed over it, but who reads
            # it and who verifies it must still be served.
            _log.critical("no checkpoint: %s", refused)
            self._home.look()
        except (SQLAlchemyError, OSError):
            _log.exception("no checkpoint now")


def serve(home: Home, workers: int = 1) -> int:
    """Serve until told to stop; return the exit code. On SQLite there is one process that serves."""
    if workers > 1 and home.engine.dialect.name == "sqlite":
        print("SQLite: chỉ một tiến trình phục vụ / SQLite: one serving process only", file=sys.stderr)  # noqa: T201
        return COULD_NOT_RUN
    if (problem := home.floor.problem) is not None and problem.code == "ledger.forked":
        # Two pasts under one name: whatever is served from here would be half of a lie.
        print(message(problem.code, problem.facts, home.settings.lang), file=sys.stderr)  # noqa: T201
        return COULD_NOT_RUN
    publisher, cosigning, anchoring = Publisher(home), Cosigning(home), Anchoring(home)
    for beside in (publisher, cosigning, anchoring):
        beside.start()
    try:
        with _ending_here():
            if workers > 1:
                _serve_many(home.settings, workers)
            else:
                uvicorn.Server(_config(settled(create_app(home)), home.settings)).run()
    finally:
        for beside in (anchoring, publisher, cosigning):
            beside.stop()
    return 0


def need_address(host: str, port: int) -> None:
    """Refuse an address that cannot be listened on, before anything is opened.

    Raises Unavailable when another program listens there, OSError when it is none of this machine's.
    """
    family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(place)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            taken = Problem("api.address_taken", "", {"host": host, "port": port})
            raise Unavailable(taken) from error


def app_from_settings() -> FastAPI:
    """Return the application of the environment's settings: what each of several processes runs."""
    return settled(create_app(open_home(settings())))


def settled(app: FastAPI) -> FastAPI:
    """Return an application with what it is made of out of the collector's way.

    Codes, catalogue, tables and routes stay for as long as it serves. Walking them anew each time made one
    answer in a thousand ten times as slow as the others. What would otherwise be made for the first request
    is made before.
    """
    prepare(EVENTS.values())
    gc.collect()
    gc.freeze()
    return app


def _serve_many(chosen: Settings, workers: int) -> None:
    # The processes start afresh, so that what was chosen on the command line reaches them as settings do.
    for name, value in chosen.model_dump().items():
        os.environ[f"CTNH_{name.upper()}"] = str(value)
    config = _config("api.serving:app_from_settings", chosen, workers=workers)
    Multiprocess(config, sockets=[config.bind_socket()]).run()


def _config(app: FastAPI | str, chosen: Settings, workers: int = 1) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        factory=isinstance(app, str),
        host=chosen.host,
        port=chosen.port,
        workers=workers,
        log_level="info",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )


@contextmanager
def _ending_here() -> Iterator[None]:
    """Keep the process alive for the last checkpoint: uvicorn raises the signal that ended it once more."""

    def ignore(_signal: int, _frame: FrameType | None) -> None:
        return

    caught = (signal.SIGINT, signal.SIGTERM)
    before = {one: signal.signal(one, ignore) for one in caught}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def main() -> int:
    """Serve the deployment of the environment's settings."""
    home = open_home(settings())
    try:
        return serve(home)
    finally:
        home.close()


if __name__ == "__main__":
    sys.exit(main())
