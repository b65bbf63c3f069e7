"""The earlier events of a stream by their envelope hashes: what an act that was signed offline may name.

Looked up only where an act does not name the head of its stream, so a log without such acts pays nothing.
"""

from collections.abc import Iterator

from sqlalchemy import select

from ledger.errors import Malformed, Refused
from ledger.format.entry import MAX_ENTRY_BYTES, envelope_hash
from ledger.format.event import parse
from ledger.format.packing import unpack
from ledger.storage.db import Reader
from ledger.storage.predecessor import predecessor_of
from ledger.storage.raw import raw_column
from ledger.storage.store import ENTRY, STREAM, log_number


def earlier(reader: Reader, log: int, name: str, number: int, seq: int) -> set[str]:
    """Return the hashes of the events of a stream before a position, those of predecessors included.

    ``number`` is the stream's in this log. Bytes that are no event of that stream do not count.
    """
    found = set(_of_log(reader, log, name, number, seq))
    try:
        before = predecessor_of(reader, log)
    except Refused:
        return found  # named where the log was taken up
    known = None if before is None else log_number(reader, before.origin)
    if before is None or known is None:
        return found
    there = select(raw_column(reader, STREAM, "stream")).select_from(STREAM)
    there = there.where(STREAM.c.log == known[0], STREAM.c.name == name)
    for theirs in reader.execute(there).scalars().all():
        found |= earlier(reader, known[0], name, theirs, before.size)
    return found


def _of_log(reader: Reader, log: int, name: str, number: int, seq: int) -> Iterator[str]:
    columns = [raw_column(reader, ENTRY, column, MAX_ENTRY_BYTES) for column in ("signatures", "event")]
    query = select(*columns).select_from(ENTRY)
    query = query.where(ENTRY.c.log == log, ENTRY.c.stream == number, ENTRY.c.seq < seq)
    for signatures, event in reader.execute(query).all():
        if signatures is None or event is None:
            continue
        try:
            if parse(event).stream == name:
                yield envelope_hash(unpack(signatures, len(event)) + event)
        except Malformed:
            continue
