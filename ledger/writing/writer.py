"""The one way in: judge an envelope off the lock, then have it appended together with others.

Order of a submission: format → idempotency → signatures and key state → place in its stream → the caller's
judge (rules, postings, views) → queue → lock → does what was looked up still hold? → entry, leaf, head →
commit → receipt.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Engine, Table

from ledger.errors import Conflict, NotAllowed, Problem
from ledger.format.checkpoint import Receipt
from ledger.format.entry import ZERO, Entry, Envelope, parse_envelope
from ledger.format.event import Event, parse
from ledger.format.keys import OPENED, check_count, check_signatures, ended
from ledger.format.log_keys import check_roots
from ledger.format.note import NoteSigner
from ledger.personal.subjects import Subjects
from ledger.personal.vault import Secret, check_secrets, sealed_rows
from ledger.storage.db import Reader, Row, assert_isolation, reading, writing
from ledger.storage.statements import inserting
from ledger.storage.store import ENTRY, HEAD, KEY, LOG, SEALED, STREAM, leaf_at, log_number, one, rows, stored
from ledger.types import to_ms
from ledger.writing.batch import Batcher
from ledger.writing.changes import Change, Reads
from ledger.writing.prepared import Act, Appended, Prepared, Ticket
from ledger.writing.registered import check_log_keys, ended_at, find_key

Kept = tuple[tuple[Table, Row], ...]
Judge = Callable[[Reads, Act], tuple[Change, ...]]


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
    come in with every call. ``subjects`` holds the keys under which personal values are sealed. ``close``
    writes what still waits.
    """

    def __init__(
        self,
        engine: Engine,
        origin: str,
        *,
        judge: Judge,
        signer: NoteSigner,
        subjects: Subjects | None = None,
    ) -> None:
        self.engine = engine
        self.origin = origin
        self.signer = signer
        self.subjects = subjects
        # Other origins whose events this log takes, and until when: those of a log that it goes on from.
        self.accepted: dict[str, datetime] = {}
        self._judge = judge
        assert_isolation(engine)
        self.log = self._find_or_make_log()
        self._batcher = Batcher(
            engine, self.log, origin, judge_again=self._prepare_again, find=self._find_recorded
        )

    def bar(self, barred: Callable[[int], Problem | None]) -> None:
        """Have every batch ask first, under the lock and with the size of the log.

        A problem that ``barred`` names refuses each of its commands with Unavailable.
        """
        self._batcher.barred = barred

    def close(self) -> None:
        """Take nothing more in and wait until what was taken is durable."""
        self._batcher.close()

    def submit(self, data: bytes, *, now: datetime, secrets: tuple[Secret, ...] = ()) -> Recorded:
        """Append the envelope ``data`` and return its receipt once it is durable.

        The same envelope twice gets the first receipt again. What changed between judging and writing is
        judged a second time, under the lock. Raises Refused; Unavailable is one that may be tried again.
        """
        with reading(self.engine) as reader:
            prepared = self.prepare(reader, data, now=now, secrets=secrets)
        if isinstance(prepared, Appended):
            return self.receipt(prepared)
        return self.receipt(self.put(prepared).result())

    def put(self, prepared: Prepared) -> Ticket:
        """Queue a command that was judged already; the ticket tells where it stands once it is durable."""
        return self._batcher.put(prepared)

    def receipt(self, appended: Appended) -> Recorded:
        """Return the signed receipt of an entry that is durable."""
        receipt = Receipt(self.origin, appended.seq, appended.leaf, appended.recorded_at)
        note = self.signer.sign(receipt.text, appended.recorded_at)
        return Recorded(receipt, note, appended.envelope_hash, appended.repeated)

    def prepare(
        self, reader: Reader, data: bytes, *, now: datetime, secrets: tuple[Secret, ...] = ()
    ) -> Prepared | Appended:
        """Judge ``data`` against the ledger as it stands; write nothing.

        Returns where the entry stands when it is in the log already. Raises Refused.
        """
        envelope = parse_envelope(data)
        event = parse(envelope.event)
        self._check_origin(event, now)
        return self._prepare(reader, envelope, event, now, lambda: self._kept(event, secrets))

    def prepare_again(self, reader: Reader, entry: Entry) -> Prepared:
        """Judge an entry that stood in this log before, at its own time, on the ledger as it stands now.

        What was kept beside it, personal values, is not there any more. Raises Refused.
        """
        event = parse(entry.envelope.event)
        self._check_origin(event, entry.recorded_at)
        prepared = self._prepare(reader, entry.envelope, event, entry.recorded_at, tuple)
        if isinstance(prepared, Appended):
            raise Conflict(Problem("ledger.idem_repeated", "/idem", {"seq": prepared.seq}))
        return prepared

    def _find_recorded(self, reader: Reader, before: Prepared) -> Appended | None:
        reads = Reads(reader, self.log)
        return self._recorded_before(reads, before.act.envelope, before.act.event)

    def _prepare_again(self, reader: Reader, before: Prepared) -> Prepared | Appended:
        act = before.act
        return self._prepare(reader, act.envelope, act.event, act.now, lambda: before.kept)

    def _prepare(
        self,
        reader: Reader,
        envelope: Envelope,
        event: Event,
        now: datetime,
        keep: Callable[[], Kept],
    ) -> Prepared | Appended:
        reads = Reads(reader, self.log)
        if (done := self._recorded_before(reads, envelope, event)) is not None:
            return done
        head = one(reader, HEAD, log=self.log)
        assert head is not None, "a log has its head from the start"
        if (event.kind == OPENED) != (head["size"] == 0):
            raise Conflict(Problem("ledger.opening_out_of_place", "/kind"))
        keys = check_signatures(envelope, event, head["size"], lambda kid: find_key(reads, kid))
        for actor, key in zip(event.actors, keys, strict=True):
            check_count(actor, key)
        check_roots(event, keys, lambda seq: ended_at(reads, seq))
        check_log_keys(reads, event, head["size"])
        stream = _check_place(reads, event)
        first = reads.one(KEY, kid=event.actors[0].kid)
        act = Act(event, envelope, keys, now)
        changes = self._judge(reads, act)
        return Prepared(
            size=head["size"],
            head=head["hash"],
            act=act,
            changes=changes,
            seen=reads.seen,
            kept=keep(),
            stream=stream,
            key=None if first is None else first["key"],
            now_ms=to_ms(now),
            idem=UUID(event.idem).bytes,
            envelope_hash=envelope.hash,
            signatures=envelope.head,
        )

    def _check_origin(self, event: Event, now: datetime) -> None:
        """Raise Conflict unless an event is meant for this log, or for its predecessor while that counts."""
        until = self.accepted.get(event.origin)
        if event.origin != self.origin and (until is None or now > until):
            raise Conflict(Problem("ledger.other_origin", "/origin", {"expected": self.origin}))

    def _kept(self, event: Event, secrets: tuple[Secret, ...]) -> Kept:
        """Return the rows that keep an event's personal values, once all of them are found to open it."""
        check_secrets(event.commitments, secrets)
        if not secrets:
            return ()
        if self.subjects is None:
            raise NotAllowed(Problem("ledger.vault_closed", "/commitments"))
        return tuple((SEALED, row) for row in sealed_rows(secrets, self.subjects))

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

    def _recorded_before(self, reads: Reads, envelope: Envelope, event: Event) -> Appended | None:
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
        return Appended(found.seq, leaf, row["recorded_at"], found.envelope.hash, repeated=True)


def _goes_back(reads: Reads, event: Event) -> bool:
    """Tell whether an event was signed offline, on an earlier event of its stream than the last one.

    What stands there stands for good, so that the head, which is in the read set, is all that may move.
    """
    if not event.offline or event.stream_prev is None:
        return False
    return any(one.envelope_hash == event.stream_prev for one in reads.stream(event.stream))


def _check_place(reads: Reads, event: Event) -> tuple[int, int] | None:
    """Return number and length of the event's stream, None for one that it begins.

    An event names the head of its stream; one that was signed offline may name any event of it, and whether
    it may stand after those since then is the judge's to say.
    """
    stream = reads.one(STREAM, name=event.stream)
    head = None if stream is None else stream["head"]
    if event.stream_prev != head and not _goes_back(reads, event):
        raise Conflict(Problem("ledger.stale_stream", "/stream_prev", {"head": head or "null"}))
    if (kid := ended(event)) is not None:
        key = find_key(reads, kid)
        if key is None or key.until is not None:
            raise NotAllowed(Problem("ledger.key_unknown", "/body/kid", {"kid": kid[:64]}))
    return None if stream is None else (stream["stream"], stream["length"])
