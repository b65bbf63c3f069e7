"""Steps 1 to 4 of verification: the walk over the entries, each measured against what stands before it.

The numbers are those of `verify.py` beside it. Nothing that a row holds makes the walk stop, and a damaged
entry is not followed further than it is legible: what hangs on it is then taken from the numbers and tables
beside it, so that one change is one finding and not a thousand.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import Table, func, select
from sqlalchemy.exc import DBAPIError

from ledger.continuity.epoch import seed
from ledger.errors import Malformed, NotAllowed, Problem, Refused
from ledger.format.entry import (
    MAX_ENTRY_BYTES,
    ZERO,
    Entry,
    Envelope,
    entry_hash,
    header_bytes,
    parse_entry,
    parse_envelope,
)
from ledger.format.event import Event, parse
from ledger.format.keys import OPENED, Key, KeyRing, check_signatures, ended, introduced
from ledger.format.log_keys import ADDED, RETIRED, LogKeys, check_roots
from ledger.format.note import NoteKey
from ledger.format.packing import unpack
from ledger.format.signature import kid_of
from ledger.format.tiles import HASH_BYTES
from ledger.format.tree import EMPTY_ROOT
from ledger.format.trust import Trust
from ledger.personal.erasure import Promises, VaultCheck
from ledger.publishing.anchor import Tally
from ledger.report import FORMAT, MAX_FINDINGS, Finding, Report
from ledger.storage.db import Reader, attempting
from ledger.storage.predecessor import predecessor_of
from ledger.storage.raw import raw_column, raw_rows
from ledger.storage.store import (
    ANCHOR,
    CHECKPOINT,
    COSIGNATURE,
    ENTRY,
    HEAD,
    KEY,
    LOG,
    SEALED,
    STREAM,
    TILE,
    VAULT,
)
from ledger.types import ms_text, to_ms
from ledger.verifying.ancestors import earlier
from ledger.verifying.leaves import Leaves
from ledger.writing.registered import key_of

MAX_NAMED = 100
MAX_DETAIL = 400  # characters
TABLES = (ENTRY, TILE, HEAD, STREAM, KEY, CHECKPOINT, COSIGNATURE, ANCHOR, SEALED, VAULT)
KEY_COLUMNS = ("kid", "party", "algorithm", "custody", "public_key", "since", "until", "counted")


@dataclass(slots=True)
class Stream:
    """A stream as replayed; ``lost`` is how many entries had been lost when it last moved.

    ``torn`` tells that some of its own were. ``past`` has the hashes of its events once one was asked for;
    ``strays`` are those that stand under another stream's number.
    """

    number: int
    length: int
    head: str
    lost: int
    torn: bool = False
    past: set[str] | None = None
    strays: set[str] = field(default_factory=set)


_NEW = Stream(-1, 0, "", 0)


class Walk:
    """One verification: what is known so far, and what was found."""

    def __init__(self, reader: Reader, origin: str | None, trust: Trust | None) -> None:
        self.reader = reader
        self.origin = origin or ""
        self.trust = trust
        self.log = -1  # no log has this number, so a log that is not there has no rows
        self.findings: list[Finding] = []
        self.found = 0
        self.meant = False
        self.since = 0
        self.guard_state = "not_checked"
        self.leaves = Leaves(reader, -1)
        self.log_keys = LogKeys()
        self.known_log_keys: list[tuple[NoteKey, ...]] = []  # as they stood one after the other
        self.log_key_entries: list[int] = []  # where they changed
        self.ring = KeyRing()
        self.key_numbers: dict[str, int] = {}
        self.streams: dict[str, Stream] = {}
        self.claimed: set[int] = set()  # numbers of streams
        self.accepted: dict[str, int] = {}  # other origins whose events count, and until when
        self.next_stream = 0
        self.lost = 0  # entries that are missing or cannot be believed: each may explain one step of others
        self.rows = self.size = self.signatures = 0
        self.last_hash = bytes.fromhex(ZERO)
        self.last_time: int | None = 0
        self.promises = Promises()
        self.personal = VaultCheck()
        self.roots: dict[int, bytes] = {}  # at the sizes of the checkpoints
        self.anchored = Tally()
        self.root = EMPTY_ROOT
        self.checkpoint_size: int | None = None

    def steps(self, *steps: Callable[[], None]) -> None:
        """Take steps one after the other, past what the database cannot read."""
        for step in steps:
            try:
                with attempting(self.reader):
                    step()
            except DBAPIError as error:
                self.add(None, "ledger.unreadable", type(error.orig).__name__)

    def add(self, seq: int | None, code: str, detail: str = "") -> None:
        """Keep a finding; beyond the limit, count it."""
        self.found += 1
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(Finding(seq, code, detail[:MAX_DETAIL]))

    def add_range(self, code: str, start: int, stop: int) -> None:
        """Keep a finding for each position of a range; of an absurdly long one, name the beginning."""
        named = min(stop, start + MAX_NAMED)
        for seq in range(start, named):
            self.add(seq, code)
        self.found += max(stop - named, 0)

    def report(self) -> Report:
        """Return what was found."""
        return Report(
            ok=self.found == 0,
            origin=self.origin,
            size=self.rows,
            root=self.root.hex(),
            findings=tuple(self.findings),
            found=self.found,
            trust="file" if self.trust else "self",
            guard=self.guard_state,
            checkpoint_size=self.checkpoint_size,
            since=self.since,
            signatures=self.signatures,
            anchors_good=self.anchored.good,
            anchors_not_checked=self.anchored.not_checked,
            personal_open=self.personal.opened,
            personal_sealed=self.personal.sealed,
            personal_redacted=self.personal.redacted,
            meaning="checked" if self.meant else "not_checked",
        )

    # 1. The log's row, and entry 0 against the trust file.

    def log_row(self) -> None:
        """Find the log; name every table that has rows of a log that is not there."""
        found = [row for row in raw_rows(self.reader, LOG, "log", "origin") if None not in row]
        wanted = [row for row in found if self.origin in {"", row[1]}]
        if len(wanted) == 1:
            self.log, self.origin = wanted[0]
        else:
            self.add(None, "ledger.log_unknown", f"{self.origin}: {len(wanted)} logs")
        if self.trust and self.trust.origin != self.origin:
            self.add(None, "ledger.trust_mismatch", "origin")
        known = {number for number, _ in found}
        for table in TABLES:
            for number in self.logs_in(table):
                if number not in known:
                    self.add(None, "ledger.log_unknown", f"{table.name}: log {number}")

    def take_up(self) -> None:
        """Begin where the entries of the predecessor end, where entry 0 names one."""
        try:
            before, start = predecessor_of(self.reader, self.log), seed(self.reader, self.log)
        except Refused as error:
            self.add(0, error.code, "predecessor")
            return
        if before is None or start is None:
            return
        self.accepted = {before.origin: to_ms(before.accept_until)}
        for kid in start.strangers:
            self.add(0, "ledger.root_keys_missing", kid)
        for number, key in enumerate(start.keys):
            self.ring.put(key)
            self.key_numbers[key.kid] = number
        for number, (name, length, head) in enumerate(start.streams):
            self.streams[name] = Stream(number, length, head, 0)
        self.next_stream = len(start.streams)
        self.claimed = set(range(self.next_stream))

    def _accepts(self, origin: str, recorded_at: Any) -> bool:
        until = self.accepted.get(origin)
        return until is not None and isinstance(recorded_at, int) and recorded_at <= until

    def logs_in(self, table: Table) -> list[Any]:
        """Return the numbers of logs that a table has rows of."""
        numbers = select(raw_column(self.reader, table, "log")).select_from(table).distinct()
        return list(self.reader.execute(numbers).scalars())

    def _opening(self, event: Event) -> None:
        if event.body.get("format") != FORMAT or not self.log_keys.current:
            self.add(0, "ledger.opening_malformed", "format" if self.log_keys.current else "log_keys")
        if self.trust is not None and {key.kid for key in self.ring.all() if key.since == 0} != set(
            self.trust.root_kids
        ):
            self.add(0, "ledger.trust_mismatch", "root_keys")

    def log_keys_trusted(self) -> None:
        """Compare the log's keys with those of the trust file, which may have been made at any time since."""
        trusted = set(self.trust.log_keys) if self.trust else set()
        if self.trust and self.known_log_keys and trusted not in map(set, self.known_log_keys):
            self.add(0, "ledger.trust_mismatch", "log_keys")

    def log_keys_at(self, size: int) -> tuple[NoteKey, ...]:
        """Return the keys that sign a checkpoint over ``size`` entries: the trust file has the first word."""
        known = self.log_keys.at(max(size, 1))
        if self.trust is None or set(self.trust.log_keys) in map(set, self.known_log_keys):
            return known
        return self.trust.log_keys

    # 2. The stored leaves, then the entries, one after the other.

    def tiles(self) -> None:
        """Survey the stored tree: tile after tile of leaves, and every level above as it follows."""
        self.leaves = Leaves(self.reader, self.log)
        for finding in self.leaves.survey():
            self.add(finding.seq, finding.code, finding.detail)
        if self.leaves.sound:
            self.leaves.raise_levels()
            for finding in self.leaves.compare():
                self.add(finding.seq, finding.code, finding.detail)

    def entries(self) -> None:
        """Check every entry in order; name those that are missing, and those whose `idem` came before."""
        names = ("seq", "header", "signatures", "event", "stream", "stream_seq", "key", "idem", "recorded_at")
        for row in raw_rows(self.reader, ENTRY, *names, log=self.log, limit=MAX_ENTRY_BYTES):
            self.rows += 1
            if row[0] is None or row[0] < self.size:
                self.add(row[0], "ledger.entry_malformed", "seq")
                continue
            self._missing_until(row[0])
            self.size = row[0] + 1
            self._entry(*row)
        self._missing_until(max(self.leaves.count, 1))  # a log without entry 0 was never opened
        seq, key, idem = (raw_column(self.reader, ENTRY, name) for name in ("seq", "key", "idem"))
        self.log_keys_trusted()
        repeated = select(func.max(seq)).select_from(ENTRY).where(ENTRY.c.log == self.log)
        repeated = repeated.group_by(key, idem).having(func.count() > 1).limit(MAX_NAMED)
        for found in self.reader.execute(repeated).scalars():
            self.add(found, "ledger.idem_repeated")

    def _missing_until(self, seq: int) -> None:
        if seq > self.size:
            self.add_range("ledger.entry_missing", self.size, seq)
            self._lose(self.size, seq)
            self.size, self.last_hash, self.last_time = seq, b"", None

    def _entry(
        self,
        seq: int,
        header: bytes | None,
        signatures: bytes | None,
        event_bytes: bytes | None,
        *columns: Any,
    ) -> None:
        leaf = self.leaves.leaf(seq)
        if signatures is not None and event_bytes is not None:
            signatures = unpack(signatures, len(event_bytes))
        body = (signatures or b"") + (event_bytes or b"")
        made = self._made(seq, header, body, columns[-1])
        digest = b"" if made is None else entry_hash(made + body)
        if leaf != digest:
            self.add(seq, "ledger.leaf_missing" if leaf is None else "ledger.leaf_mismatch")
        before, self.last_hash = self.last_hash, digest
        try:
            entry = None if made is None else parse_entry(made + body)
            envelope = parse_envelope(body) if entry is None else entry.envelope
            event = parse(envelope.event)
        except Malformed as error:
            self.add(seq, "ledger.entry_malformed", error.code)
            self._lose(seq, seq + 1)
            self.last_time = None
            return
        if entry is None:
            self.last_time = None
        else:
            self._header(seq, entry, before, sound=leaf == digest)
        odd = bool(header) and entry is not None and header != entry.header
        if header is None or odd or envelope.head != signatures:
            self.add(seq, "ledger.column_mismatch", "header")
        if entry is not None and columns[-1] != to_ms(entry.recorded_at):
            self.add(seq, "ledger.column_mismatch", "recorded_at")
        if event.origin != self.origin and not self._accepts(event.origin, columns[-1]):
            self.add(seq, "ledger.other_origin", event.origin)
        believed = self._signed(seq, envelope, event) or leaf == digest
        if believed and self._in_place(seq, entry, event, sound=leaf == digest, lone=leaf is None):
            self._learn(event, seq)
            self._place(seq, envelope, event, columns)
            self._promise(event, seq)
        else:
            self._lose(seq, seq + 1)

    def _made(self, seq: int, header: bytes | None, body: bytes, recorded_at: Any) -> bytes | None:
        """Return the header: the one that makes the leaf of those there can be, or the likeliest.

        It is stored or follows from what stands beside it. Where leaf and bytes of the entry before disagree,
        that one is named already and either may be the true one. None when there is nothing to make it from.
        """
        candidates = [header] if header else []
        if isinstance(recorded_at, int):
            stored = self.leaves.leaf(seq - 1) if seq else None
            for before in (stored, self.last_hash):
                if before is not None and len(before) == HASH_BYTES:
                    try:
                        moment = ms_text(recorded_at)
                    except OverflowError:
                        break
                    candidates.append(header_bytes(self.origin, seq, moment, before.hex()))
        leaf = self.leaves.leaf(seq)
        for candidate in candidates:
            if entry_hash(candidate + body) == leaf:
                return candidate
        return candidates[0] if candidates else None

    def _in_place(self, seq: int, entry: Entry | None, event: Event, *, sound: bool, lone: bool) -> bool:
        """Tell whether an entry may be followed: not where its leaf is another's, or its place is."""
        if entry is not None and entry.seq != seq:
            return False
        if sound or seq == 0:
            return True
        stream = self.streams.get(event.stream)
        if stream is None:
            return lone and event.stream_prev is None
        return lone and (event.stream_prev == stream.head or self._goes_back(seq, event, stream))

    def _header(self, seq: int, entry: Entry, before: bytes, *, sound: bool) -> None:
        if entry.seq != seq:
            self.add(seq, "ledger.column_mismatch", "seq")
        if entry.origin != self.origin:
            self.add(seq, "ledger.column_mismatch", "origin")
        # Where leaf and bytes before disagree, that entry is named already; either may be the true one.
        stored = self.leaves.leaf(seq - 1) if seq else None
        if bytes.fromhex(entry.prev) not in {before, stored}:
            self.add(seq, "ledger.link_broken")
        now = to_ms(entry.recorded_at)
        if sound and now < (self.last_time or 0):
            self.add(seq, "ledger.time_runs_back")
        self.last_time = now if sound else None

    def _lose(self, start: int, stop: int) -> None:
        """Go on without the entries of a range; their keys come from the table, and check themselves."""
        self.lost += stop - start
        moments = self._key_moments
        for seq, begins, key in moments[bisect_left(moments, start, key=_first) :]:
            if seq >= stop:
                break
            if begins:
                self.ring.put(replace(key, until=None))
                self.key_numbers.setdefault(key.kid, len(self.key_numbers))
            elif (known := self.ring.get(key.kid)) is not None:
                self.ring.put(replace(known, until=seq))

    @cached_property
    def _key_moments(self) -> list[tuple[int, bool, Key]]:
        """When keys begin and end, in order, by the rows whose identifier is the hash of their key."""
        moments = []
        for row in raw_rows(self.reader, KEY, *KEY_COLUMNS, log=self.log):
            try:
                key = key_of(dict(zip(KEY_COLUMNS, row, strict=True)))
                if key.kid != kid_of(key.public) or None in {key.party, key.custody}:
                    continue
            except (Malformed, ValueError, TypeError):
                continue  # step 5 names it
            moments += [
                (seq, seq == key.since, key) for seq in (key.since, key.until) if isinstance(seq, int)
            ]
        return sorted(moments, key=_first)

    # 3. The numbers beside the bytes, and 4. the place in the stream.

    def _place(self, seq: int, envelope: Envelope, event: Event, columns: Sequence[Any]) -> None:
        number, stream_seq, key, idem, _ = columns
        stream = self.streams.get(event.stream)
        if stream is None:
            stream = self.streams[event.stream] = Stream(self._new_stream(number), 0, "", 0)
        skipped = self._skipped(stream_seq, stream.length, stream.lost)
        stream.torn = stream.torn or skipped > 0
        follows = event.stream_prev == (stream.head or None) or self._goes_back(seq, event, stream)
        if not skipped and not follows:
            self.add(seq, "ledger.stream_broken", event.stream)
        stream.length += skipped
        for name, found, expected in (
            ("stream", number, stream.number),
            ("stream_seq", stream_seq, stream.length),
            ("key", key, self.key_numbers.get(event.actors[0].kid, key)),
            ("idem", idem, UUID(event.idem).bytes),
        ):
            if found != expected:
                self.add(seq, "ledger.column_mismatch", name)
        stream.length += 1
        stream.head, stream.lost = envelope.hash, self.lost
        if number != stream.number:
            stream.strays.add(stream.head)
        if stream.past is not None:
            stream.past.add(stream.head)

    def _goes_back(self, seq: int, event: Event, stream: Stream) -> bool:
        """Tell whether an act that was signed offline names an earlier event of its stream.

        Where events of the stream are lost, it may be one of them.
        """
        if not event.offline or event.stream_prev is None:
            return False
        if stream.past is None:
            stream.past = earlier(self.reader, self.log, event.stream, stream.number, seq) | stream.strays
        return stream.torn or event.stream_prev in stream.past

    def _new_stream(self, found: Any) -> int:
        """Return the next number, or the one beside the bytes where lost entries may have begun streams."""
        if not (isinstance(found, int) and 0 <= found < self.next_stream and found not in self.claimed):
            found = self.next_stream + self._skipped(found, self.next_stream, 0)
            self.next_stream = found + 1
        self.claimed.add(found)
        return int(found)

    def _skipped(self, found: Any, expected: int, lost_then: int) -> int:
        """Return how many steps a number is ahead, if lost entries can explain that; otherwise 0."""
        ahead = found - expected if isinstance(found, int) else 0
        return ahead if 0 < ahead <= self.lost - lost_then else 0

    # 4. Signatures, and the keys that come and go.

    def _signed(self, seq: int, envelope: Envelope, event: Event) -> bool:
        try:
            if (event.kind == OPENED) != (seq == 0):
                raise Malformed(Problem("ledger.opening_out_of_place", "/kind"))
            keys = check_signatures(envelope, event, seq, self.ring.get)
            check_roots(event, keys, self.ring.ended_at)
            if (kid := ended(event)) is not None:
                key = self.ring.get(kid)
                if key is None or key.until is not None:
                    raise NotAllowed(Problem("ledger.key_unknown", "/body/kid"))
        except Refused as error:
            self.add(seq, error.code, error.problems[0].detail)
            return False
        self.signatures += len(keys)
        return True

    def _promise(self, event: Event, seq: int) -> None:
        try:
            self.promises.learn(event, seq)
        except Malformed as error:
            self.add(seq, error.code, error.problems[0].detail)

    def _learn(self, event: Event, seq: int) -> None:
        try:
            known = [key.kid for key in introduced(event, seq)]
            ended(event)  # a key event that is half legible teaches nothing
        except Malformed:
            return  # named with its signatures
        for gap in self.ring.learn(event, seq):
            # Acts that are lost may have been counted.
            if gap.found is None or not 0 < gap.found - gap.expected <= self.lost:
                self.add(seq, "ledger.key_seq_gap", gap.kid)
        for kid in known:
            self.key_numbers.setdefault(kid, len(self.key_numbers))
        try:
            if event.kind in {ADDED, RETIRED} and self.streams.get(event.stream, _NEW).number != 0:
                raise Malformed(Problem("ledger.field_invalid", "/stream"))  # it follows entry 0
            self.log_keys.learn(event, seq)
        except Refused as error:
            if event.kind != OPENED:
                self.add(seq, error.code, error.problems[0].detail)
        self._know_log_keys(seq)
        if event.kind == OPENED and seq == 0:
            self._opening(event)

    def _know_log_keys(self, seq: int) -> None:
        if self.log_keys.current and self.log_keys.current not in self.known_log_keys[-1:]:
            self.known_log_keys.append(self.log_keys.current)
            self.log_key_entries.append(seq)


def _first(moment: tuple[int, bool, Key]) -> int:
    return moment[0]
