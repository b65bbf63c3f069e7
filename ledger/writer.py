"""The one way in: judge an envelope off the lock, then append it with its view changes in one transaction.

Order of a submission: format → idempotency → signatures and key state → place in its stream → the caller's
judge (rules, postings, views) → lock → the same look-ups again → entry, leaf, head → commit → receipt.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Engine

from ledger.changes import RECORDED_AT, SEQ, Change, Read, Reads, still_holds, write
from ledger.checkpoint import Receipt
from ledger.db import Reader, Row, Writer, reading, writing
from ledger.entry import ZERO, Entry, Envelope, parse_envelope
from ledger.errors import Conflict, NotAllowed, Problem
from ledger.event import Event, parse
from ledger.keys import OPENED, Key, check_signatures, ended, introduced
from ledger.note import NoteSigner
from ledger.signature import Algorithm
from ledger.statements import inserting, named, updating
from ledger.store import (
    ENTRY,
    HEAD,
    KEY,
    LOG,
    STREAM,
    TILE,
    TILE_WIDTH,
    VAULT,
    leaf_at,
    log_number,
    one,
    rows,
    stored,
)
from ledger.types import from_ms, to_ms
from ledger.vault import Secret, check_secrets


@dataclass(frozen=True, slots=True)
class Act:
    """A signed event as the judge sees it: verified, with the keys that signed and the time of day."""

    event: Event
    envelope: Envelope
    keys: tuple[Key, ...]
    now: datetime


Judge = Callable[[Reads, Act], tuple[Change, ...]]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A judged command: what appending it would write, and what that judgement rests on.

    ``head`` is the hash of the last entry of the log that it was judged on.
    """

    head: bytes
    act: Act
    changes: tuple[Change, ...]
    seen: tuple[Read, ...]
    secrets: tuple[Secret, ...]


@dataclass(frozen=True, slots=True)
class Recorded:
    """An entry that stands in the log: its receipt, signed, and the envelope hash to build on."""

    receipt: Receipt
    note: str
    envelope_hash: str
    repeated: bool = False


class Ledger:
    """One log of a database, opened for writing.

    ``judge`` decides whether an act is allowed and what follows from it; ``signer`` signs receipts. Times
    come in with every call.
    """

    def __init__(self, engine: Engine, origin: str, *, judge: Judge, signer: NoteSigner) -> None:
        self.engine = engine
        self.origin = origin
        self.signer = signer
        self._judge = judge
        self.log = self._find_or_make_log()

    def submit(self, data: bytes, *, now: datetime, secrets: tuple[Secret, ...] = ()) -> Recorded:
        """Append the envelope ``data`` and return its receipt once it is durable.

        The same envelope twice gets the first receipt again. What changed between judging and writing is
        judged a second time; changed again, it is refused with Conflict. Raises Refused otherwise.
        """
        for _ in range(2):
            with reading(self.engine) as reader:
                prepared = self.prepare(reader, data, now=now, secrets=secrets)
            if isinstance(prepared, Recorded):
                return prepared
            recorded = self._append(prepared)
            if recorded is not None:
                return recorded
        raise Conflict(Problem("ledger.state_changed"))

    def prepare(
        self, reader: Reader, data: bytes, *, now: datetime, secrets: tuple[Secret, ...] = ()
    ) -> Prepared | Recorded:
        """Judge ``data`` against the ledger as it stands; write nothing.

        Returns the receipt of the entry when it stands in the log already. Raises Refused.
        """
        envelope = parse_envelope(data)
        event = parse(envelope.event)
        if event.origin != self.origin:
            raise Conflict(Problem("ledger.other_origin", "/origin", {"expected": self.origin}))
        reads = Reads(reader, self.log)
        if (done := self._recorded_before(reads, envelope, event)) is not None:
            return done
        check_secrets(event.commitments, secrets)
        head = _head(reader, self.log)
        if (event.kind == OPENED) != (head["size"] == 0):
            raise Conflict(Problem("ledger.opening_out_of_place", "/kind"))
        keys = check_signatures(envelope, event, head["size"], lambda kid: find_key(reads, kid))
        _check_place(reads, event)
        act = Act(event, envelope, keys, now)
        changes = self._judge(reads, act)
        return Prepared(head["hash"], act, changes, reads.seen, secrets)

    def _find_or_make_log(self) -> int:
        with reading(self.engine) as reader:
            found = log_number(reader, self.origin)
        if found is not None:
            return found[0]
        with writing(self.engine, 0) as writer:
            if (found := log_number(writer, self.origin)) is not None:
                return found[0]  # another process made it meanwhile
            number = max((row["log"] for row in rows(writer, LOG)), default=0) + 1
            writer.execute(inserting(LOG), {"log": number, "origin": self.origin})
            writer.execute(
                inserting(HEAD), {"log": number, "size": 0, "hash": bytes.fromhex(ZERO), "recorded_at": 0}
            )
        return number

    def _recorded_before(self, reads: Reads, envelope: Envelope, event: Event) -> Recorded | None:
        """Find the entry of the same first key and ``idem``; other bytes under it are a conflict."""
        key = reads.one(KEY, kid=event.actors[0].kid)
        if key is None:
            return None
        row = reads.one(ENTRY, key=key["key"], idem=UUID(event.idem).bytes)
        if row is None:
            return None
        if row["event"] != envelope.event:
            raise Conflict(Problem("ledger.idempotency_conflict", "/idem", {"seq": row["seq"]}))
        # The signature may differ (not every algorithm repeats itself); what was attested does not.
        found = stored(row)
        leaf = leaf_at(reads.reader, self.log, found.seq)
        assert leaf is not None, "an entry and its leaf go in together"
        return self._answer(found.seq, leaf, found.recorded_at, found.envelope, repeated=True)

    def _answer(
        self, seq: int, leaf: bytes, recorded_at: datetime, envelope: Envelope, *, repeated: bool = False
    ) -> Recorded:
        receipt = Receipt(self.origin, seq, leaf, recorded_at)
        return Recorded(receipt, self.signer.sign(receipt.text, recorded_at), envelope.hash, repeated)

    def _append(self, prepared: Prepared) -> Recorded | None:
        """Write under the lock; None when the read set no longer holds."""
        act = prepared.act
        with writing(self.engine, self.log) as writer:
            head = _head(writer, self.log)
            # What is looked up follows from the entries: with the head where it was, nothing has changed.
            if head["hash"] != prepared.head and not still_holds(writer, self.log, prepared.seen):
                return None
            if (act.event.kind == OPENED) != (head["size"] == 0):
                return None
            entry = Entry(
                origin=self.origin,
                seq=head["size"],
                recorded_at=from_ms(max(to_ms(act.now), head["recorded_at"])),
                prev=head["hash"].hex(),
                envelope=act.envelope,
            )
            self._insert(writer, entry, act.event)
            known = {SEQ: entry.seq, RECORDED_AT: entry.recorded_at}
            write(writer, self.log, prepared.changes, known)
            for secret in prepared.secrets:
                row = {"commitment": secret.commitment, "subject": secret.subject, "salt": secret.salt}
                if one(writer, VAULT, log=self.log, commitment=secret.commitment) is None:
                    writer.execute(inserting(VAULT), {"log": self.log, **row, "value": secret.value})
        return self._answer(entry.seq, entry.hash, entry.recorded_at, entry.envelope)

    def _insert(self, writer: Writer, entry: Entry, event: Event) -> None:
        _learn_keys(writer, self.log, event, entry.seq)
        stream, stream_seq = _move_stream(writer, self.log, event.stream, entry.envelope.hash)
        key = one(writer, KEY, log=self.log, kid=event.actors[0].kid)
        assert key is not None
        data, leaf = entry.to_bytes(), entry.hash
        writer.execute(
            inserting(ENTRY),
            {
                "log": self.log,
                "seq": entry.seq,
                "stream": stream,
                "stream_seq": stream_seq,
                "key": key["key"],
                "idem": UUID(event.idem).bytes,
                "recorded_at": to_ms(entry.recorded_at),
                "header": b"",  # follows from the columns and the leaf before
                "signatures": entry.envelope.head,
                "event": data[len(entry.header) + len(entry.envelope.head) :],
            },
        )
        _append_leaf(writer, self.log, entry.seq, leaf)
        expected = {"log": self.log, "size": entry.seq, "hash": bytes.fromhex(entry.prev)}
        now = {"size": entry.seq + 1, "hash": leaf, "recorded_at": to_ms(entry.recorded_at)}
        moved = writer.execute(updating(HEAD, tuple(expected), tuple(now)), named(expected) | now)
        if moved.rowcount != 1:
            raise Conflict(Problem("ledger.head_moved"))


def _head(reader: Reader, log: int) -> Row:
    head = one(reader, HEAD, log=log)
    assert head is not None, "a log has its head from the start"
    return head


def find_key(reads: Reads, kid: str) -> Key | None:
    """Return the registered key of an identifier, or None."""
    row = reads.one(KEY, kid=kid)
    return None if row is None else key_of(row)


def key_of(row: dict[str, object]) -> Key:
    """Return the key of a row of `ledger_key`."""
    fields = {name: row[name] for name in ("kid", "party", "public_key", "custody", "since", "until")}
    return Key(algorithm=Algorithm(str(row["algorithm"])), **fields)  # type: ignore[arg-type]


def _check_place(reads: Reads, event: Event) -> None:
    stream = reads.one(STREAM, name=event.stream)
    head = None if stream is None else stream["head"]
    if event.stream_prev != head:
        raise Conflict(Problem("ledger.stale_stream", "/stream_prev", {"head": head or "null"}))
    if (kid := ended(event)) is not None:
        key = find_key(reads, kid)
        if key is None or key.until is not None:
            raise NotAllowed(Problem("ledger.key_unknown", "/body/kid", {"kid": kid[:64]}))


def _learn_keys(writer: Writer, log: int, event: Event, seq: int) -> None:
    new = introduced(event, seq)
    count = len(rows(writer, KEY, log=log)) if new else 0
    for number, key in enumerate(new, start=count):
        row = {"kid": key.kid, "party": key.party, "algorithm": key.algorithm.value, "custody": key.custody}
        writer.execute(
            inserting(KEY),
            {"log": log, "key": number, **row, "public_key": key.public_key, "since": seq, "until": None},
        )
    if (kid := ended(event)) is not None:
        key_ended = {"log": log, "kid": kid}
        writer.execute(updating(KEY, ("log", "kid"), ("until",)), named(key_ended) | {"until": seq})


def _move_stream(writer: Writer, log: int, name: str, head: str) -> tuple[int, int]:
    """Move a stream's head; return its number and the event's place in it."""
    row = one(writer, STREAM, log=log, name=name)
    if row is not None:
        place = {"log": log, "stream": row["stream"]}
        moved = {"length": row["length"] + 1, "head": head}
        writer.execute(updating(STREAM, tuple(place), tuple(moved)), named(place) | moved)
        return row["stream"], row["length"]
    last = writer.execute(
        STREAM.select().where(STREAM.c.log == log).order_by(STREAM.c.stream.desc()).limit(1)
    ).mappings()
    number = next((row["stream"] + 1 for row in last), 0)
    writer.execute(inserting(STREAM), {"log": log, "stream": number, "name": name, "length": 1, "head": head})
    return number, 0


def _append_leaf(writer: Writer, log: int, seq: int, leaf: bytes) -> None:
    tile, offset = divmod(seq, TILE_WIDTH)
    if offset == 0:
        writer.execute(inserting(TILE), {"log": log, "level": 0, "tile": tile, "hashes": leaf})
        return
    row = one(writer, TILE, log=log, level=0, tile=tile)
    assert row is not None
    place = {"log": log, "level": 0, "tile": tile}
    grown = {"hashes": row["hashes"] + leaf}
    writer.execute(updating(TILE, tuple(place), tuple(grown)), named(place) | grown)
