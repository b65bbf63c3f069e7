"""The log of logs: one more log, whose entries are the checkpoints of the others: none can be swapped.

Many logs live side by side in one database, each with its own entries, tree, keys and lock. The log of logs
binds them: whoever holds its newest checkpoint can tell whether any of them was rewritten since. It takes
nothing but its opening, acts on its keys, and `log.anchored.v1` in a stream named like the log it is about.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy import select

from ledger.errors import Malformed, NotAllowed, Problem, RuleBroken
from ledger.format.checkpoint import claimed_checkpoint
from ledger.format.event import parse
from ledger.format.keys import OPENED, REGISTERED, REVOKED, ROTATED, Key
from ledger.format.log_keys import ADDED, RETIRED
from ledger.format.tiles import HASH_BYTES
from ledger.format.tree import CompactRange
from ledger.publishing.publisher import last_checkpoint
from ledger.report import Finding
from ledger.storage.db import Reader
from ledger.storage.raw import raw_column, raw_rows
from ledger.storage.store import CHECKPOINT, ENTRY, LOG, STREAM, TILE, entry_at, one, rows, split_hashes
from ledger.writing.changes import Change, Reads
from ledger.writing.prepared import Act

LOG_ANCHORED = "log.anchored.v1"
HOLDS = "logs"  # what its opening says that it holds
SERVICE = "service"  # role and custody of the key that anchors

_KINDS = {OPENED, ADDED, RETIRED, REGISTERED, ROTATED, REVOKED, LOG_ANCHORED}
_OWN_STREAMS = re.compile(r"log$|key:")
_HEX = re.compile(r"[0-9a-f]{64}")


def logs_origin(origin: str) -> str:
    """Return the origin of the log of logs beside the log ``origin``: its host, and ``/logs``."""
    return origin.partition("/")[0] + "/logs"


def is_log_of_logs(reader: Reader, log: int) -> bool:
    """Tell whether a log's first entry opened it to hold the checkpoints of others."""
    first = entry_at(reader, log, 0)
    if first is None:
        return False
    try:
        return parse(first.event).body.get("holds") == HOLDS
    except Malformed:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class LogAnchored:
    """The newest checkpoint of another log: its origin, size and root (hex), and the note by its hash."""

    kind: ClassVar[str] = LOG_ANCHORED
    origin: str
    size: int
    root: str
    note_sha256: str

    @classmethod
    def of(cls, note: str, origin: str) -> "LogAnchored":
        """Return what is to be recorded of a stored note."""
        checkpoint = claimed_checkpoint(note, origin)
        return cls(origin=origin, size=checkpoint.size, root=checkpoint.root.hex(), note_sha256=_sha256(note))

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> "LogAnchored":
        """Return the anchor of an event's body; raise Malformed with the fields that are wrong."""
        good = {
            "origin": isinstance(body.get("origin"), str),
            "size": type(body.get("size")) is int and body["size"] > 0,
            "root": _is_hash(body.get("root")),
            "note_sha256": _is_hash(body.get("note_sha256")),
        }
        wrong = [name for name, is_good in good.items() if not is_good] + sorted(set(body) - set(good))
        if wrong:
            raise Malformed([Problem("ledger.field_invalid", f"/body/{name}") for name in wrong])
        return cls(**body)

    def write(self) -> dict[str, Any]:
        """Return the body."""
        return {
            "origin": self.origin,
            "size": self.size,
            "root": self.root,
            "note_sha256": self.note_sha256,
        }


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and _HEX.fullmatch(value) is not None


def _sha256(note: str | bytes) -> str:
    return hashlib.sha256(note.encode() if isinstance(note, str) else note).hexdigest()


# Writing: what the log of logs takes in.


def judge(reads: Reads, act: Act) -> tuple[Change, ...]:
    """Let in what belongs into a log of logs; raise Refused otherwise. Nothing follows from its entries."""
    event = act.event
    if event.kind not in _KINDS:
        raise NotAllowed(Problem("ledger.logs_kind", "/kind"))
    if event.kind == LOG_ANCHORED:
        _judge_anchor(reads, act, LogAnchored.read(event.body))
        return ()
    if not _OWN_STREAMS.match(event.stream):
        raise RuleBroken(Problem("ledger.logs_stream", "/stream"))
    if event.kind == OPENED and event.body.get("holds") != HOLDS:
        raise Malformed(Problem("ledger.field_invalid", "/body/holds"))
    _judge_keys(act.keys, registers=event.kind == REGISTERED)
    return ()


def _judge_keys(keys: tuple[Key, ...], *, registers: bool) -> None:
    """Keep its keys in one hand: the key that anchors vouches for none and ends none but itself."""
    vouching = keys[1:] if registers else keys
    if len({key.party for key in keys}) != 1 or (registers and not vouching):
        raise NotAllowed(Problem("ledger.not_allowed", "/actors"))
    if any(key.custody == SERVICE for key in vouching):
        raise NotAllowed(Problem("ledger.not_allowed", "/actors"))


def _judge_anchor(reads: Reads, act: Act, anchor: LogAnchored) -> None:
    event = act.event
    if [(actor.role, key.custody) for actor, key in zip(event.actors, act.keys, strict=True)] != [
        (SERVICE, SERVICE)
    ]:
        raise NotAllowed(Problem("ledger.not_allowed", "/actors"))
    own = anchor.origin == event.origin or _OWN_STREAMS.match(anchor.origin) is not None
    if event.stream != anchor.origin or own:
        raise RuleBroken(Problem("ledger.logs_stream", "/stream"))
    last = _last(reads, anchor.origin)
    if anchor.size <= last:
        facts = {"size": anchor.size, "last": last}
        raise RuleBroken(Problem("ledger.logs_size_back", "/body/size", facts))
    # Whatever a checkpoint says, it says for ever: it need not stand in the read set.
    other = one(reads.reader, LOG, origin=anchor.origin)
    if other is not None:
        row = one(reads.reader, CHECKPOINT, log=other["log"], size=anchor.size)
        if row is None or LogAnchored.of(row["note"], anchor.origin) != anchor:
            raise RuleBroken(Problem("ledger.logs_mismatch", "/body/root"))


def _last(reads: Reads, origin: str) -> int:
    stream = reads.one(STREAM, name=origin)
    if stream is None:
        return 0
    row = reads.one(ENTRY, stream=stream["stream"], stream_seq=stream["length"] - 1)
    assert row is not None, "a stream has as many entries as it says"
    return LogAnchored.read(parse(row["event"]).body).size


def behind(reader: Reader, log: int) -> list[LogAnchored]:
    """Return the newest checkpoint of each other log that the log of logs does not have yet."""
    reads = Reads(reader, log)
    found = []
    for row in rows(reader, LOG):
        newest = last_checkpoint(reader, row["log"])
        if row["log"] != log and newest is not None and newest[0] > _last(reads, row["origin"]):
            found.append(LogAnchored.of(newest[1], row["origin"]))
    return found


# Verifying: what it says against what is stored.


def check(reader: Reader, log: int) -> Iterator[Finding]:
    """Compare every anchored checkpoint with the stored tree of its log; a step for `verify`.

    Logs that are not in this database are passed over. Raises nothing for what the rows hold.
    """
    anchored: dict[str, list[tuple[int, LogAnchored]]] = {}
    highest: dict[str, int] = {}
    for seq, data in raw_rows(reader, ENTRY, "seq", "event", log=log):
        try:
            event = parse(data or b"")
            if event.kind not in _KINDS:
                yield Finding(seq, "ledger.logs_kind", event.kind)
            if event.kind != LOG_ANCHORED:
                continue
            anchor = LogAnchored.read(event.body)
        except Malformed as error:
            yield Finding(seq, error.code, "body")
            continue
        if anchor.size <= highest.get(anchor.origin, 0):
            yield Finding(seq, "ledger.logs_size_back", anchor.origin)
        highest[anchor.origin] = max(anchor.size, highest.get(anchor.origin, 0))
        if event.stream != anchor.origin:
            yield Finding(seq, "ledger.logs_stream", anchor.origin)
        anchored.setdefault(anchor.origin, []).append((seq, anchor))
    for number, origin in raw_rows(reader, LOG, "log", "origin"):
        if number == log:
            continue
        if origin not in anchored:
            yield Finding(None, "ledger.logs_missing", str(origin))
        else:
            yield from _compare(reader, number, anchored[origin])


def _compare(reader: Reader, log: int, anchors: list[tuple[int, LogAnchored]]) -> Iterator[Finding]:
    roots = _roots(reader, log, {anchor.size for _, anchor in anchors})
    for seq, anchor in anchors:
        place = f"{anchor.origin} {anchor.size}"
        if roots.get(anchor.size) != anchor.root:
            yield Finding(seq, "ledger.logs_mismatch", f"{place}: root")
        elif _note_hash(reader, log, anchor.size) != anchor.note_sha256:
            yield Finding(seq, "ledger.logs_mismatch", f"{place}: note")


def _note_hash(reader: Reader, log: int, size: int) -> str | None:
    query = select(raw_column(reader, CHECKPOINT, "note")).select_from(CHECKPOINT)
    note = reader.execute(query.where(CHECKPOINT.c.log == log, CHECKPOINT.c.size == size)).scalar()
    return None if note is None else _sha256(note)


def _roots(reader: Reader, log: int, sizes: set[int]) -> dict[int, str]:
    """Return the roots (hex) over the stored leaves at these sizes, as far as there are leaves.

    From the leaves and not from the tiles above them, which would hide a leaf that was changed.
    """
    tree = CompactRange()
    roots: dict[int, str] = {}
    for level, hashes in raw_rows(reader, TILE, "level", "hashes", log=log):
        if level != 0:
            continue
        start, leaves = tree.size, split_hashes(hashes or b"")
        if not leaves or len(leaves[-1]) != HASH_BYTES:
            break
        for size in sorted(sizes & set(range(start + 1, start + len(leaves) + 1))):
            tree.extend(leaves[tree.size - start : size - start])
            roots[size] = tree.root().hex()
        tree.extend(leaves[tree.size - start :])
    return roots
