"""The keys of a log as its table has them, looked up while an act is judged."""

from ledger.errors import Malformed, Problem
from ledger.format.event import Event, parse
from ledger.format.keys import Key
from ledger.format.log_keys import ADDED, RETIRED, log_keys_after
from ledger.format.signature import Algorithm
from ledger.storage.db import Row
from ledger.storage.store import KEY, STREAM
from ledger.writing.changes import Reads


def find_key(reads: Reads, kid: str) -> Key | None:
    """Return the registered key of an identifier, or None."""
    row = reads.one(KEY, kid=kid)
    return None if row is None else key_of(row)


def ended_at(reads: Reads, seq: int) -> Key | None:
    """Return the key that the entry at a position ended, or None."""
    row = reads.one(KEY, until=seq)
    return None if row is None else key_of(row)


def check_log_keys(reads: Reads, event: Event, seq: int) -> None:
    """Raise Refused unless a change of the log's keys is possible after those in the stream of entry 0."""
    if event.kind not in {ADDED, RETIRED}:
        return
    first = reads.one(STREAM, stream=0)
    if first is None or event.stream != first["name"]:
        raise Malformed(Problem("ledger.field_invalid", "/stream"))
    before = [(entry.seq, parse(entry.event)) for entry in reads.stream(event.stream)]
    log_keys_after(before).learn(event, seq)


def key_of(row: Row) -> Key:
    """Return the key of a row of `ledger_key`."""
    names = ("kid", "party", "public_key", "custody", "since", "until", "counted")
    fields = {name: row.get(name) for name in names}
    return Key(algorithm=Algorithm(str(row["algorithm"])), **fields)  # type: ignore[arg-type]
