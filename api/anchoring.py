"""Anchoring: having an outside authority stamp the newest checkpoint, and recording that it did."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event, Thread
from typing import Any

import httpx
from anyio import fail_after, run
from sqlalchemy import insert
from sqlalchemy.exc import SQLAlchemyError

from api.errors import Busy
from api.home import Home
from api.recorder import record
from ledger.errors import NotFound, Problem, Refused
from ledger.format.checkpoint import Checkpoint, claimed_checkpoint
from ledger.format.event import parse, parse_time
from ledger.format.stamp import MAX_ANSWER_BYTES, Stamp, accept, check_token, question
from ledger.publishing.anchor import ANCHORS, anchored
from ledger.storage.db import reading, writing
from ledger.storage.store import ANCHOR, CHECKPOINT, ENTRY, STREAM, one, rows, stream_events
from manifest.register.log import CheckpointAnchored
from manifest.vocabulary import local_date

EVERY = timedelta(days=1)
PATIENCE_S = 15.0  # for the whole answer, not for each byte of it
LOOK_EVERY_S = 60.0
AGAIN_AFTER_S = 900.0  # when the authority did not answer, or badly
MONTHS_A_QUARTER = 3
_log = logging.getLogger("ctnh.anchoring")
_ASKS, _ANSWERS = "application/timestamp-query", "application/timestamp-reply"


@dataclass(frozen=True, slots=True)
class Anchored:
    """A checkpoint that an authority has stamped, and the entry that says so."""

    seq: int
    size: int
    authority: str
    stamped_at: datetime


def due(last: datetime | None, now: datetime) -> bool:
    """Tell whether an anchor is due: never made, a day old, or from before the quarter (in Viet Nam) began.

    Quarters end with the months and years for which reports are made.
    """
    if last is None or now - last >= EVERY:
        return True
    then, today = local_date(last), local_date(now)
    return (then.year, (then.month - 1) // MONTHS_A_QUARTER) != (
        today.year,
        (today.month - 1) // MONTHS_A_QUARTER,
    )


def last_anchored(home: Home) -> datetime | None:
    """Return the time of the stamp that the log has recorded last, or None."""
    log = home.ledger.log
    with reading(home.engine) as reader:
        stream = one(reader, STREAM, log=log, name=ANCHORS)
        if stream is None:
            return None
        row = one(reader, ENTRY, log=log, stream=stream["stream"], stream_seq=stream["length"] - 1)
    assert row is not None, "a stream has as many entries as it says"
    return parse_time(parse(row["event"]).body["stamped_at"])


def anchor(home: Home, *, patience_s: float = PATIENCE_S) -> Anchored:
    """Sign a checkpoint, have it stamped, keep the token and record it.

    A token that was kept when an earlier run was cut short is recorded first. Raises NotFound when no
    authority is set, Busy when it does not answer in time or in form, Malformed or NotAllowed when the
    answer is not a time stamp to be trusted; nothing is kept then.
    """
    roots = home.tsa_roots()
    if not (home.settings.tsa_url and roots):
        raise NotFound(Problem("api.tsa_not_set"))
    for forgotten in _unrecorded(home):
        _record(home, *forgotten)
    authority = authority_of(home.settings.tsa_url)
    checkpoint = claimed_checkpoint(home.checkpoint()[1], home.ledger.origin)
    asked = question(checkpoint)
    answer = fetch(home.settings.tsa_url, asked.as_bytes(), patience_s=patience_s)
    stamp = accept(answer, asked, checkpoint, roots, home.clock())
    with writing(home.engine, home.ledger.log) as writer:
        row = {"size": checkpoint.size, "authority": authority, "token": stamp.token}
        writer.execute(insert(ANCHOR), {"log": home.ledger.log, **row})
    return _record(home, stamp, checkpoint, authority)


def authority_of(url: str) -> str:
    """Return the name under which an authority's anchors are kept: host, and port where one is given."""
    return httpx.URL(url).netloc.decode("ascii")


def fetch(url: str, request: bytes, *, patience_s: float = PATIENCE_S) -> bytes:
    """Return what an authority answers to a request; raise Busy unless it is a whole, bounded answer."""
    try:
        return run(_ask, url, request, patience_s)
    except TimeoutError as error:
        raise _no_answer(url, f"> {patience_s:g} s") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _no_answer(url, type(error).__name__) from error


async def _ask(url: str, request: bytes, patience_s: float) -> bytes:
    # One deadline over all of it: the library's own ones begin anew with every byte.
    headers = {"Content-Type": _ASKS, "Accept": _ANSWERS, "Accept-Encoding": "identity"}
    answer = bytearray()
    with fail_after(patience_s):
        async with (
            httpx.AsyncClient(timeout=None) as client,  # noqa: S113  see above
            client.stream("POST", url, content=request, headers=headers) as response,
        ):
            kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            if response.status_code != httpx.codes.OK or kind != _ANSWERS:
                raise _no_answer(url, f"HTTP {response.status_code} {kind}")
            async for part in response.aiter_raw():
                answer += part
                if len(answer) > MAX_ANSWER_BYTES:
                    raise _no_answer(url, f"> {MAX_ANSWER_BYTES} B")
    return bytes(answer)


def _no_answer(url: str, reason: str) -> Busy:
    return Busy(Problem("api.tsa_unreachable", "", {"authority": authority_of(url), "reason": reason}))


def _record(home: Home, stamp: Stamp, checkpoint: Checkpoint, authority: str) -> Anchored:
    now = home.clock()
    body = CheckpointAnchored(**anchored(stamp, checkpoint, authority))
    done = record(home.ledger, body, [home.service()], stream=ANCHORS, occurred_at=now, now=now)
    return Anchored(done.receipt.seq, checkpoint.size, authority, stamp.stamped_at)


def _recorded(home: Home) -> list[dict[str, Any]]:
    with reading(home.engine) as reader:
        return [dict(parse(entry.event).body) for entry in stream_events(reader, home.ledger.log, ANCHORS)]


def _unrecorded(home: Home) -> Iterator[tuple[Stamp, Checkpoint, str]]:
    """Yield the tokens that are kept, hold, and stand in no entry yet; what does not hold is for auditors."""
    log, origin = home.ledger.log, home.ledger.origin
    known = {(body["size"], body["authority"]) for body in _recorded(home)}
    with reading(home.engine) as reader:
        left = [row for row in rows(reader, ANCHOR, log=log) if (row["size"], row["authority"]) not in known]
        notes = {row["size"]: one(reader, CHECKPOINT, log=log, size=row["size"]) for row in left}
    for row in left:
        note = notes[row["size"]]
        if note is None:
            continue
        checkpoint = claimed_checkpoint(note["note"], origin)
        try:
            at = check_token(row["token"], checkpoint, home.tsa_roots())
        except Refused:
            continue
        yield Stamp(row["token"], at), checkpoint, row["authority"]


class Anchoring:
    """A thread that has a checkpoint stamped whenever one is due; idle where no authority is set."""

    def __init__(
        self, home: Home, every_s: float = LOOK_EVERY_S, again_after_s: float = AGAIN_AFTER_S
    ) -> None:
        self._home = home
        self._every_s = every_s
        self._again_after_s = again_after_s
        self._end = Event()
        self._thread = Thread(target=self._run, name="anchoring", daemon=True)

    def start(self) -> None:
        """Begin."""
        if self._home.settings.tsa_url:
            self._thread.start()

    def stop(self) -> None:
        """End, after the answer that is being waited for."""
        self._end.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        pause = 0.0
        while not self._end.wait(pause):
            pause = self._every_s if self._look() else self._again_after_s

    def _look(self) -> bool:
        """Anchor if it is time to; tell whether all is well."""
        try:
            if self._home.floor.problem is None and due(last_anchored(self._home), self._home.clock()):
                anchor(self._home)
        except Refused as refused:
            _log.error("no anchor: %s", refused)
            return False
        except (SQLAlchemyError, OSError):
            _log.exception("no anchor now")
            return False
        return True
