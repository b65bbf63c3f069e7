"""Bringing back entries that a database has lost, from a copy of the log, up to what the guard has signed.

First the copy is read through and measured: it must continue what is left, entry by entry, to the very root
that the guard remembers; until then nothing is written. Then it is read again and every entry judged anew, at
its own time, so that the views follow; what comes out must be the same bytes.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from ledger.errors import Conflict, Problem
from ledger.format.checkpoint import Checkpoint
from ledger.format.entry import Entry, entry_hash, parse_entry
from ledger.format.tiles import range_at, root_at
from ledger.storage.db import Reader, reading, writing
from ledger.storage.store import HEAD, one, tile_reader
from ledger.types import to_ms
from ledger.writing.append import Appender
from ledger.writing.apply import Changes
from ledger.writing.changes import RECORDED_AT, SEQ
from ledger.writing.writer import Ledger

BATCH = 500

Suffix = Callable[[int], Iterable[bytes]]
"""Give the bytes of the entries from a position on, as a copy of the log has them."""
Progress = Callable[[int, int], None]
"""Told how many entries are back, of how many."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """Entries [start, stop) are back; ``personal`` values that they promise are not: copies hold none."""

    start: int
    stop: int
    personal: int


def recover(
    ledger: Ledger, suffix: Suffix, signed: Checkpoint, *, progress: Progress | None = None
) -> Recovered:
    """Append what is missing up to ``signed``, a checkpoint from the guard; return what is back.

    Raises Malformed or Conflict with nothing written when the copy is too short, does not continue what is
    left, or does not lead to the root of ``signed``; and Refused when an entry is not allowed today: whole
    batches of entries before it are back then, each of them proved.
    """
    with reading(ledger.engine) as reader:
        start = _size(reader, ledger.log)
        leaves = _measure(reader, ledger, suffix(start), start, signed)
    appender = Appender(ledger.log, ledger.origin)
    at, personal = start, 0
    for batch in _batches(islice(suffix(start), len(leaves))):
        personal += _append(ledger, appender, batch, leaves[at - start : at - start + len(batch)], at)
        at += len(batch)
        if progress is not None:
            progress(at - start, len(leaves))
    with reading(ledger.engine) as reader:
        if _size(reader, ledger.log) != signed.size or _root(reader, ledger, signed.size) != signed.root:
            raise Conflict(Problem("ledger.suffix_mismatch", "", {"seq": signed.size}))
    return Recovered(start, signed.size, personal)


def _size(reader: Reader, log: int) -> int:
    head = one(reader, HEAD, log=log)
    assert head is not None, "a log has its head from the start"
    return int(head["size"])


def _root(reader: Reader, ledger: Ledger, size: int) -> bytes:
    return root_at(tile_reader(reader, ledger.log), size)


def _measure(
    reader: Reader, ledger: Ledger, suffix: Iterable[bytes], start: int, signed: Checkpoint
) -> list[bytes]:
    """Return the leaves of the entries [start, signed.size), found to belong to what the guard has signed."""
    if start >= signed.size:
        raise Conflict(Problem("ledger.nothing_missing", "", {"size": start}))
    head = one(reader, HEAD, log=ledger.log)
    assert head is not None
    before, time = head["hash"].hex(), head["recorded_at"]
    tree = range_at(tile_reader(reader, ledger.log), start)
    leaves: list[bytes] = []
    for seq, data in enumerate(islice(suffix, signed.size - start), start):
        entry = parse_entry(data)
        now = to_ms(entry.recorded_at)
        if (entry.origin, entry.seq, entry.prev) != (ledger.origin, seq, before) or now < time:
            raise Conflict(Problem("ledger.suffix_mismatch", "", {"seq": seq}))
        leaf = entry_hash(data)
        tree.push(leaf)
        leaves.append(leaf)
        before, time = leaf.hex(), now
    if tree.size < signed.size:
        raise Conflict(Problem("ledger.suffix_short", "", {"found": tree.size, "size": signed.size}))
    if tree.root() != signed.root:
        raise Conflict(Problem("ledger.suffix_mismatch", "", {"seq": signed.size}))
    return leaves


def _batches(suffix: Iterable[bytes]) -> Iterator[list[Entry]]:
    found = iter(suffix)
    while batch := [parse_entry(data) for data in islice(found, BATCH)]:
        yield batch


def _append(
    ledger: Ledger, appender: Appender, batch: Sequence[Entry], leaves: Sequence[bytes], start: int
) -> int:
    """Write a batch in one transaction; return how many personal values are promised in it."""
    promised = 0
    with writing(ledger.engine, ledger.log) as writer:
        head = appender.begin(writer)
        if head["size"] != start:
            raise Conflict(Problem("ledger.head_moved"))
        for entry, leaf in zip(batch, leaves, strict=True):
            prepared = ledger.prepare_again(writer, entry)
            before = head
            head, placed = appender.place(before, prepared)
            if placed.appended.leaf != leaf:
                raise Conflict(Problem("ledger.suffix_mismatch", "", {"seq": entry.seq}))
            appender.write(writer, before, head, [placed])
            changes = Changes(ledger.log)
            changes.gather(prepared.changes, {SEQ: entry.seq, RECORDED_AT: entry.recorded_at})
            changes.write(writer)
            promised += len(prepared.act.event.commitments)
    appender.settle(head)
    return promised
