"""Asking the witnesses of the policy to cosign each new checkpoint, beside everything else."""

import logging
from pathlib import Path
from threading import Event, Thread
from time import monotonic

import httpx
from sqlalchemy.exc import SQLAlchemyError

from api.home import Home
from ledger.errors import Refused
from ledger.format.policy import Policy, parse
from ledger.format.tiles import consistency
from ledger.format.tree import Proof
from ledger.publishing.published import Published, published
from ledger.publishing.publisher import keep_cosignatures
from ledger.storage.db import reading
from ledger.storage.store import tile_reader
from ledger.watching.witness import TIMEOUT_S, Gathered, gather

LOOK_EVERY_S = 1.0
# Who could not be reached is asked again after so long, while the quorum is not there.
AGAIN_AFTER_S = 15.0
_log = logging.getLogger("ctnh.cosigning")


def policy_of(home: Home) -> Policy | None:
    """Return the witness policy that the settings name, None without one; raise Malformed for a bad file."""
    path = home.settings.witness_policy
    return parse(Path(path).read_bytes()) if path else None


class Cosigners:
    """The witnesses of a policy, and what each of them was last known to have."""

    def __init__(self, home: Home, policy: Policy) -> None:
        self._home = home
        self._policy = policy
        self._sizes: dict[str, int] = {}
        self._asked: tuple[int, float] = (0, 0.0)

    def ask(self) -> Gathered | None:
        """Have the newest checkpoint cosigned and keep the lines; None when there is nothing to ask now."""
        with reading(self._home.engine) as reader:
            newest = published(reader, self._home.ledger.log)
        if newest is None or newest.size == 0:
            return None
        size, at = self._asked
        reached = self._policy.reached(self._policy.cosigned(newest.note))
        if newest.size == size and (reached or monotonic() - at < AGAIN_AFTER_S):
            return None
        self._asked = (newest.size, monotonic())
        with httpx.Client(timeout=TIMEOUT_S) as http:
            gathered = gather(
                self._policy, newest.note, lambda old: self._prove(newest, old), http, self._sizes
            )
        keep_cosignatures(self._home.engine, newest.log, newest.size, gathered.lines)
        return gathered

    def _prove(self, newest: Published, old: int) -> Proof:
        with reading(self._home.engine) as reader:
            return consistency(tile_reader(reader, newest.log), old, newest.size) if old else ()


class Cosigning:
    """A thread that keeps asking; it does nothing where no policy is set."""

    def __init__(self, home: Home, every_s: float = LOOK_EVERY_S) -> None:
        policy = policy_of(home)
        self._cosigners = Cosigners(home, policy) if policy is not None else None
        self._every_s = every_s
        self._end = Event()
        self._thread = Thread(target=self._run, name="cosigning", daemon=True)

    def start(self) -> None:
        """Begin."""
        if self._cosigners is not None:
            self._thread.start()

    def stop(self) -> None:
        """Ask once more, for the last checkpoint, and end."""
        self._end.set()
        if self._cosigners is not None:
            self._thread.join()
            self._ask(self._cosigners)

    def _run(self) -> None:
        assert self._cosigners is not None
        while not self._end.wait(self._every_s):
            self._ask(self._cosigners)

    def _ask(self, cosigners: Cosigners) -> None:
        try:
            gathered = cosigners.ask()
        except (Refused, SQLAlchemyError):
            _log.exception("witnesses were not asked")
            return
        if gathered is not None:
            for url, code in gathered.failed.items():
                _log.warning("witness %s: %s", url, code)
            if not gathered.quorum:
                _log.error("the newest checkpoint has no quorum of witnesses")
