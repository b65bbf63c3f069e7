"""An epoch break: a log whose entries are lost for good goes on under a new name, and says so in entry 0.

Entry 0 of the new log, signed by the root keys, names its predecessor: how many entries survive and their
root, the last note that was signed over it, what is lost and why. What the surviving entries make of keys and
streams is where the new log begins: a stream goes on at its head, a key stays what it was. Positions that are
taken over count from the new log's first entry, so those of the predecessor are below zero.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from ledger.errors import Conflict, Malformed, NotAllowed, Problem, Refused
from ledger.format.checkpoint import claimed_checkpoint, open_checkpoint
from ledger.format.event import Event, parse
from ledger.format.keys import Key, KeyRing
from ledger.format.log_keys import ROOTS_NEEDED, LogKeys, has_root
from ledger.format.tiles import root_at
from ledger.report import Finding
from ledger.storage.db import Reader, Writer, attempting, writing
from ledger.storage.predecessor import Predecessor, first_event, malformed, predecessor, predecessor_of
from ledger.storage.statements import inserting
from ledger.storage.store import ENTRY, HEAD, KEY, STREAM, entries, log_number, one, tile_reader
from ledger.writing.append import Appender
from ledger.writing.apply import Changes
from ledger.writing.changes import RECORDED_AT, SEQ
from ledger.writing.prepared import Appended
from ledger.writing.writer import Ledger

_KEY_FIELDS = [column.name for column in KEY.columns if column.name not in {"log", "key"}]


@dataclass(frozen=True, slots=True)
class Seed:
    """Where a log begins that has a predecessor; the positions of ``keys`` are those of the new log.

    ``streams`` are name, length and head, in the order of their numbers. ``strangers`` are the kids of root
    keys of the new log that are none of the old one: nobody may take a log over by going on with it.
    """

    keys: tuple[Key, ...]
    streams: tuple[tuple[str, int, str], ...]
    strangers: tuple[str, ...]


def seed_of(reader: Reader, origin: str, size: int, roots: frozenset[str]) -> Seed:
    """Return what the first ``size`` entries of a log, and those before it, make of keys and streams.

    The new log's ``roots`` (kids) are left out: its entry 0 brings them in. An entry that is not legible
    teaches nothing; verification names it. Raises Conflict when the log is not in the database.
    """
    found = log_number(reader, origin)
    if found is None:
        raise Conflict(Problem("ledger.predecessor_missing", "", {"origin": origin}))
    log = found[0]
    ring, streams = KeyRing(), dict[str, tuple[int, str]]()
    if (before := seed(reader, log)) is not None:
        for key in before.keys:
            ring.put(key)
        streams.update({name: (length, head) for name, length, head in before.streams})
    for stored in entries(reader, log, stop=size):
        try:
            event, head = parse(stored.event), stored.envelope.hash
            ring.learn(event, stored.seq)
        except Refused:
            continue
        streams[event.stream] = (streams.get(event.stream, (0, ""))[0] + 1, head)
    return Seed(
        tuple(key.carried_over(size) for key in ring.all() if key.kid not in roots),
        tuple((name, length, head) for name, (length, head) in streams.items()),
        tuple(kid for kid in sorted(roots) if not has_root(ring, kid)),
    )


def seed(reader: Reader, log: int) -> Seed | None:
    """Return where a log of the database begins, None for one without a predecessor."""
    opened = first_event(reader, log)
    before = None if opened is None else predecessor(opened)
    if opened is None or before is None:
        return None
    return seed_of(reader, before.origin, before.size, _roots(opened.body))


def _roots(body: Mapping[str, Any]) -> frozenset[str]:
    listed = body.get("root_keys")
    fields = listed if isinstance(listed, list) else []
    return frozenset(str(one.get("kid")) for one in fields if isinstance(one, dict))


def begin(
    ledger: Ledger,
    envelope: bytes,
    *,
    now: datetime,
    carry: Callable[[Writer, Predecessor], None] = lambda _writer, _before: None,
) -> Appended:
    """Open ``ledger``, an empty log, as the successor that ``envelope`` (entry 0) declares.

    All in one transaction: keys and streams as the surviving entries make them, what ``carry`` takes over of
    the caller's own tables, and entry 0. Raises Conflict when the declaration does not fit to the
    predecessor in the database, and Refused when entry 0 may not be written; nothing is written then.
    """
    appender = Appender(ledger.log, ledger.origin)
    with writing(ledger.engine, ledger.log) as writer:
        head = one(writer, HEAD, log=ledger.log)
        if head is None or head["size"]:
            raise Conflict(Problem("ledger.opening_out_of_place", "/kind"))
        opened = _opened(envelope)
        before = predecessor(opened)
        if before is None:
            raise malformed()
        for finding in _declared(writer, before):
            raise Conflict(Problem(finding.code, "/body/predecessor", {"detail": finding.detail}))
        start = seed_of(writer, before.origin, before.size, _roots(opened.body))
        if start.strangers:
            facts = {"expected": ROOTS_NEEDED}
            raise NotAllowed(Problem("ledger.root_keys_missing", "/body/root_keys", facts))
        for number, key in enumerate(start.keys):
            fields = {name: getattr(key, name) for name in _KEY_FIELDS}
            writer.execute(inserting(KEY), {"log": ledger.log, "key": number, **fields})
        for number, (name, length, last) in enumerate(start.streams):
            row = {"log": ledger.log, "stream": number, "name": name, "length": length, "head": last}
            writer.execute(inserting(STREAM), row)
        carry(writer, before)
        prepared = ledger.prepare(writer, envelope, now=now)
        assert not isinstance(prepared, Appended), "the log is empty"
        head = appender.begin(writer)
        after, placed = appender.place(head, prepared)
        appender.write(writer, head, after, [placed])
        changes = Changes(ledger.log)
        changes.gather(prepared.changes, {SEQ: 0, RECORDED_AT: placed.appended.recorded_at})
        changes.write(writer)
    return placed.appended


def _opened(envelope: bytes) -> Event:
    return parse(envelope.partition(b"\n\n")[2])


def follows(reader: Reader, origin: str | None) -> str | None:
    """Return the origin of the log that a log says it goes on from, None for one that says nothing of it.

    An empty one stands for a declaration that is not legible.
    """
    try:
        with attempting(reader):
            found = log_number(reader, origin)
            before = None if found is None else predecessor_of(reader, found[0])
    except Malformed:
        return ""
    except DBAPIError:
        return None  # whoever reads on will meet with it, and say so
    return None if before is None else before.origin


def before_the_break(
    reader: Reader, log: int, verify: Callable[[str], Iterable[Finding]]
) -> Iterator[Finding]:
    """Yield what is wrong with a log's word about its predecessor, and with the predecessor itself.

    ``verify`` gives the findings of the log of an origin. That signed entries are missing at its end is what
    the declaration is about, as far as it goes.
    """
    try:
        before = predecessor_of(reader, log)
    except Malformed:
        return  # named where the log was taken up
    if before is None:
        return
    wrong = list(_declared(reader, before))
    yield from wrong
    if any(finding.code == "ledger.predecessor_missing" for finding in wrong):
        return
    for finding in verify(before.origin):
        size = finding.detail.removeprefix("checkpoint ")
        told = finding.code == "ledger.tail_missing" and size.isdecimal() and int(size) <= before.lost[1]
        if not told:
            yield Finding(finding.seq, finding.code, f"{before.origin}: {finding.detail}")


def _declared(reader: Reader, before: Predecessor) -> Iterator[Finding]:
    found = log_number(reader, before.origin)
    if found is None:
        yield Finding(0, "ledger.predecessor_missing", before.origin)
        return
    log = found[0]
    head = one(reader, HEAD, log=log)
    if head is None or head["size"] != before.size:
        yield Finding(0, "ledger.predecessor_mismatch", "size")
        return
    try:
        if root_at(tile_reader(reader, log), before.size) != before.root:
            yield Finding(0, "ledger.predecessor_mismatch", "root")
        keys = _log_keys(reader, log).at(max(before.size, 1))
        # Keys that changed among the lost entries cannot be known here; those before them must have signed.
        note = open_checkpoint(before.note, keys, before.origin)
        known = note.size <= before.size
        if note.size > before.lost[1] or (
            known and root_at(tile_reader(reader, log), note.size) != note.root
        ):
            yield Finding(0, "ledger.predecessor_mismatch", "note")
    except Refused as error:
        yield Finding(0, "ledger.predecessor_mismatch", error.code)


def _log_keys(reader: Reader, log: int) -> LogKeys:
    keys = LogKeys()
    first = select(ENTRY.c.seq, ENTRY.c.event).where(ENTRY.c.log == log, ENTRY.c.stream == 0)
    for seq, event in reader.execute(first.order_by(ENTRY.c.seq)).all():
        try:
            keys.learn(parse(bytes(event)), seq)
        except Refused:
            continue
    return keys


def accepted(reader: Reader, log: int) -> dict[str, datetime]:
    """Return the other origins whose events a log takes, and until when."""
    before = predecessor_of(reader, log)
    return {} if before is None else {before.origin: before.accept_until}


def declare(
    reader: Reader, origin: str, note: str, *, lost: tuple[int, int], cause: str, until: datetime
) -> Predecessor:
    """Return the declaration for a log as it stands in the database; raise Conflict when it cannot be so."""
    found = log_number(reader, origin)
    head = None if found is None else one(reader, HEAD, log=found[0])
    if found is None or head is None:
        raise Conflict(Problem("ledger.predecessor_missing", "", {"origin": origin}))
    size, signed = int(head["size"]), claimed_checkpoint(note, origin)
    if lost != (size, max(lost[1], signed.size)) or lost[1] <= size:
        raise Conflict(
            Problem("ledger.lost_range_wrong", "", {"from": size, "to": max(signed.size, size + 1)})
        )
    root = root_at(tile_reader(reader, found[0]), size)
    return Predecessor(
        origin=origin, size=size, root=root, note=note, lost=lost, cause=cause, accept_until=until
    )
