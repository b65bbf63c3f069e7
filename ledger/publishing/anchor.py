"""Anchors: checkpoints that an outside authority has stamped, and what an auditor checks of them.

The token is kept beside the log, and an entry of the log names its hash, so that neither can be changed or
dropped unseen. The authority's time bounds the log's own clock from both sides: what lies under the
checkpoint was there by then, and what comes after the entry was not.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from ledger.errors import Malformed, Refused
from ledger.format.checkpoint import Checkpoint
from ledger.format.event import Event, parse, parse_time, time_text
from ledger.format.stamp import MAX_ANSWER_BYTES, TOLERANCE, Stamp, check_token
from ledger.format.tiles import HASH_BYTES
from ledger.report import Finding
from ledger.storage.db import Reader
from ledger.storage.raw import BATCH, raw_column, raw_rows
from ledger.storage.store import ANCHOR, ENTRY, STREAM
from ledger.types import from_ms

ANCHORED = "checkpoint.anchored.v1"
ANCHORS = "anchors"  # the stream of such entries

RootAt = Callable[[int], bytes | None]

_BODY = {"size", "root", "authority", "token_sha256", "stamped_at"}


def anchored(stamp: Stamp, checkpoint: Checkpoint, authority: str) -> dict[str, Any]:
    """Return the body of the entry that records a stamp over a checkpoint."""
    return {
        "size": checkpoint.size,
        "root": checkpoint.root.hex(),
        "authority": authority,
        "token_sha256": stamp.sha256,
        "stamped_at": time_text(stamp.stamped_at),
    }


@dataclass(slots=True)
class Tally:
    """How many anchors were found good, and how many could not be judged for want of a root to trust."""

    good: int = 0
    not_checked: int = 0


@dataclass(frozen=True, slots=True)
class _Logged:
    """An entry that records an anchor."""

    seq: int
    recorded_at: int
    checkpoint: Checkpoint
    authority: str
    token_sha256: str
    stamped_at: datetime


def anchors(
    reader: Reader,
    log: int,
    *,
    origin: str,
    root_at: RootAt,
    tsa_roots: Sequence[str] = (),
    tally: Tally | None = None,
) -> Iterator[Finding]:
    """Check every anchor of a log: entry, token and checkpoint against each other; yield what differs.

    ``root_at`` gives the root over the first so many leaves, None where there are not as many. Without
    ``tsa_roots`` the tokens themselves are not judged, and counted so. Raises nothing for what the rows hold.
    """
    tally = tally or Tally()
    tokens = {}
    for size, authority, token in raw_rows(reader, ANCHOR, "size", "authority", "token", log=log):
        if token is None or len(token) > MAX_ANSWER_BYTES:
            yield Finding(None, "ledger.anchor_malformed", f"{size} {authority}")
        tokens[size, authority] = token
    named = set()
    for found in _logged(reader, log, origin):
        if isinstance(found, Finding):
            yield found
            continue
        place = (found.checkpoint.size, found.authority)
        named.add(place)
        findings = [
            *_wrong(found, tokens.get(place), root_at(found.checkpoint.size), tsa_roots),
            *_out_of_time(reader, log, found),
        ]
        yield from findings
        if not findings:
            tally.good += bool(tsa_roots)
            tally.not_checked += not tsa_roots
    for size, authority in tokens:
        if (size, authority) not in named:
            yield Finding(None, "ledger.anchor_unrecorded", f"{size} {authority}")


def _wrong(
    found: _Logged, token: bytes | None, root: bytes | None, tsa_roots: Sequence[str]
) -> Iterator[Finding]:
    checkpoint, seq = found.checkpoint, found.seq
    if root != checkpoint.root:
        yield Finding(seq, "ledger.anchor_mismatch", f"checkpoint {checkpoint.size}")
    if token is None:
        yield Finding(seq, "ledger.anchor_missing", f"{checkpoint.size} {found.authority}")
    elif hashlib.sha256(token).hexdigest() != found.token_sha256:
        yield Finding(seq, "ledger.anchor_mismatch", "token")
    elif tsa_roots:
        try:
            if time_text(check_token(token, checkpoint, tsa_roots)) != time_text(found.stamped_at):
                yield Finding(seq, "ledger.anchor_mismatch", "stamped_at")
        except Refused as error:
            yield Finding(seq, error.code, f"{checkpoint.size} {found.authority}")


def _out_of_time(reader: Reader, log: int, found: _Logged) -> Iterator[Finding]:
    """Compare the log's clock with the authority's, before and after."""
    last, seq = found.checkpoint.size - 1, raw_column(reader, ENTRY, "seq")
    query = select(raw_column(reader, ENTRY, "recorded_at")).where(ENTRY.c.log == log, seq == last)
    for before in reader.execute(query.select_from(ENTRY)).scalars():
        if before is not None and _moment(before, found.stamped_at) > found.stamped_at + TOLERANCE:
            yield Finding(last, "ledger.anchor_time", f"entry {found.seq}")
    if _moment(found.recorded_at, found.stamped_at) < found.stamped_at - TOLERANCE:
        yield Finding(found.seq, "ledger.anchor_time", f"entry {found.seq}")


def _moment(milliseconds: int, otherwise: datetime) -> datetime:
    try:
        return from_ms(milliseconds)
    except OverflowError:
        return otherwise  # no time at all: the walk over the entries names it


def _logged(reader: Reader, log: int, origin: str) -> Iterator[_Logged | Finding]:
    """Yield the entries that record anchors, as far as they are legible; the others are named elsewhere."""
    columns = (raw_column(reader, ENTRY, name) for name in ("seq", "recorded_at", "event"))
    query = (
        select(*columns)
        .select_from(ENTRY.join(STREAM, (STREAM.c.log == ENTRY.c.log) & (STREAM.c.stream == ENTRY.c.stream)))
        .where(ENTRY.c.log == log, STREAM.c.name == ANCHORS)
        .order_by(ENTRY.c.seq)
        .execution_options(yield_per=BATCH)
    )
    for seq, recorded_at, data in reader.execute(query):
        try:
            event = parse(data or b"")
        except Malformed:
            continue
        if seq is None or recorded_at is None or event.kind != ANCHORED:
            continue
        try:
            yield _read(seq, recorded_at, event, origin)
        except (ValueError, TypeError):
            yield Finding(seq, "ledger.anchor_malformed", "body")


def _read(seq: int, recorded_at: int, event: Event, origin: str) -> _Logged:
    body: Mapping[str, Any] = event.body
    if set(body) != _BODY or type(body["size"]) is not int or not isinstance(body["authority"], str):
        raise ValueError("not the body of an anchor")
    root = bytes.fromhex(body["root"])
    if len(root) != HASH_BYTES:
        raise ValueError("not a root")
    return _Logged(
        seq,
        recorded_at,
        Checkpoint(origin, body["size"], root),
        body["authority"],
        body["token_sha256"],
        parse_time(body["stamped_at"]),
    )
