"""What a log says of the log that it goes on from, and the entries that the two share."""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select

from ledger.errors import Malformed, Problem
from ledger.format.event import Event, parse, parse_time, time_text
from ledger.storage.db import Reader
from ledger.storage.store import ENTRY, HEAD, STREAM, StoredEntry, log_number, one, stream_events

_NUMBERED = re.compile(r"(.*)/([2-9]|[1-9][0-9]{1,4})")
_FIELDS = {"origin", "size", "root", "note", "lost", "cause"}
_ROOT = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Predecessor:
    """What a log says of the one that it goes on from: its entries [0, size) survive, with that root.

    ``note`` is the last checkpoint that is known of it, ``lost`` the positions (first, and the one after the
    last) that nobody can bring back. What was signed for it is taken until ``accept_until``.
    """

    origin: str
    size: int
    root: bytes
    note: str
    lost: tuple[int, int]
    cause: str
    accept_until: datetime

    def body(self) -> dict[str, Any]:
        """Return the fields that the body of entry 0 has beside those of any first entry."""
        return {
            "predecessor": {
                "origin": self.origin,
                "size": self.size,
                "root": self.root.hex(),
                "note": self.note,
                "lost": {"from": self.lost[0], "to": self.lost[1]},
                "cause": self.cause,
            },
            "accept_until": time_text(self.accept_until),
        }


def predecessor(event: Event) -> Predecessor | None:
    """Return what entry 0 says of a predecessor, None without one; raise Malformed when it is not legible."""
    found = event.body.get("predecessor")
    if event.kind != "log.opened.v1" or found is None:
        return None
    try:
        lost = found["lost"]
        read = Predecessor(
            origin=found["origin"],
            size=found["size"],
            root=bytes.fromhex(found["root"]),
            note=found["note"],
            lost=(lost["from"], lost["to"]),
            cause=found["cause"],
            accept_until=parse_time(event.body["accept_until"]),
        )
        good = (
            set(found) == _FIELDS
            and set(lost) == {"from", "to"}
            and {type(number) for number in (found["size"], lost["from"], lost["to"])} == {int}
            and {type(found[name]) for name in ("origin", "root", "note", "cause")} == {str}
            and read.size == read.lost[0] < read.lost[1]
            and _ROOT.fullmatch(found["root"]) is not None
            and event.origin == next_origin(read.origin)
        )
    except (KeyError, TypeError, ValueError) as error:
        raise malformed() from error
    if not good:
        raise malformed()
    return read


def next_origin(origin: str) -> str:
    """Return the name under which a log goes on: ``…/2``, then ``…/3``."""
    numbered = _NUMBERED.fullmatch(origin)
    return f"{origin}/2" if numbered is None else f"{numbered[1]}/{int(numbered[2]) + 1}"


def newest(reader: Reader, origin: str) -> str:
    """Return the origin under which a log goes on today: its own, or that of its last successor."""
    while True:
        found = log_number(reader, next_origin(origin))
        head = None if found is None else one(reader, HEAD, log=found[0])
        if found is None or head is None or head["size"] == 0:
            return origin
        origin = found[1]


def closed(reader: Reader, origin: str) -> Problem | None:
    """Return why nothing more is written to a log that goes on under another name, None for any other."""
    successor = newest(reader, origin)
    return None if successor == origin else Problem("ledger.log_closed", "", {"successor": successor})


def first_event(reader: Reader, log: int) -> Event | None:
    """Return the event of entry 0, None where there is none; raise Malformed when it is not legible."""
    event = reader.execute(select(ENTRY.c.event).where(ENTRY.c.log == log, ENTRY.c.seq == 0)).scalar()
    return parse(bytes(event)) if isinstance(event, bytes | memoryview) else None


def predecessor_of(reader: Reader, log: int) -> Predecessor | None:
    """Return the predecessor of a log of the database; raise Malformed when entry 0 is not legible."""
    event = first_event(reader, log)
    return None if event is None else predecessor(event)


def whole_stream(reader: Reader, log: int, name: str) -> list[StoredEntry]:
    """Return the entries of a stream in order, those of the log's predecessors included.

    The positions of the latter are below zero, counted from the first entry of ``log``.
    """
    found = stream_events(reader, log, name)
    row = one(reader, STREAM, log=log, name=name)
    if row is None or row["length"] <= len(found):
        return found
    before = predecessor_of(reader, log)
    known = None if before is None else log_number(reader, before.origin)
    if before is None or known is None:
        return found
    earlier = whole_stream(reader, known[0], name)
    return [*(replace(entry, seq=entry.seq - before.size) for entry in earlier), *found]


def malformed() -> Malformed:
    """Return the refusal of a declaration that is not legible."""
    return Malformed(Problem("ledger.field_invalid", "/body/predecessor"))
