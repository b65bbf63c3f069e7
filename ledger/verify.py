"""Everything an auditor checks, as numbered steps; each collects findings and goes on.

1. The log has its row, and entry 0 opens it with the root keys and log keys that the trust file names.
2. Each entry: positions are dense, the bytes hash to the stored leaf and parse exactly, header and row agree
   on log and position, ``prev`` is the leaf before, and time never runs back.
3. Each number beside the bytes says what the bytes say.
4. Each signature holds under a key active at that position; each event continues its stream; no ``idem``
   of a key comes twice.
5. The tables that follow from the entries are what a replay gives, no row belongs to a log that is not
   there, and the fences stand.
6. Every checkpoint is signed by a log key, and its root is the root over the stored leaves.
7. Every personal value opens a commitment of some event; one that is gone is redacted, not tampered with.
8. The caller's own steps: the replay of what the events mean, once the entries themselves are sound; after a
   damaged entry every later act would look forbidden.

Nothing that a row holds makes it stop, and a damaged entry is not followed further than it is legible: what
hangs on it is then taken from the numbers and tables beside it, so that one change is one finding and not a
thousand.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from ledger.checkpoint import NoteKey, open_checkpoint, parse_vkey
from ledger.db import Reader, is_sqlite
from ledger.entry import ZERO, Entry, entry_hash, parse_entry
from ledger.errors import Malformed, NotAllowed, Problem, Refused
from ledger.event import Event, parse
from ledger.keys import OPENED, Key, KeyRing, check_signatures, ended, introduced
from ledger.raw import raw_column, raw_rows
from ledger.report import FORMAT, Finding, Report, Step
from ledger.signature import kid_of
from ledger.store import CHECKPOINT, ENTRY, HASH_BYTES, HEAD, KEY, LOG, STREAM, TILE, TILE_WIDTH, VAULT
from ledger.tree import EMPTY_ROOT, CompactRange
from ledger.trust import Trust
from ledger.types import to_ms
from ledger.vault import Secret
from ledger.writer import key_of

MAX_FINDINGS = 1000
MAX_NAMED = 100
FENCED = ("ledger_log", "ledger_entry", "ledger_tile", "ledger_checkpoint")
TABLES = (ENTRY, TILE, HEAD, STREAM, KEY, CHECKPOINT, VAULT)
KEY_COLUMNS = ("kid", "party", "algorithm", "custody", "public_key", "since", "until")
# A trigger that stands in name only, or that sleeps for a replica, is no fence.
_SQLITE_FENCES = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND sql LIKE '%RAISE(ABORT%'"
_POSTGRES_FENCES = """
    SELECT t.tgname FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
    WHERE t.tgenabled = 'A' AND p.prosrc LIKE '%RAISE EXCEPTION%'
"""


def verify(
    reader: Reader, *, origin: str | None = None, trust: Trust | None = None, further: Sequence[Step] = ()
) -> Report:
    """Check the log ``origin`` (or the one that the trust file names, or the only one) and report.

    Without ``trust`` the log is measured against the keys that it names itself, which proves that it is
    consistent, not that it is the right one. Raises nothing for what the rows hold.
    """
    run = _Run(reader, origin or (trust.origin if trust else None), trust)
    run.steps(run.log_row, run.tiles, run.entries)
    run.meant = bool(further) and not run.found
    run.steps(run.derived, run.fences, run.checkpoints, run.vault)
    if run.meant:
        run.steps(*(partial(run.caller, step) for step in further))
    return run.report()


@dataclass(slots=True)
class _Stream:
    """A stream as replayed; ``lost`` is how many entries had been lost when it last moved."""

    number: int
    length: int
    head: str
    lost: int


class _Run:
    """One verification: what is known so far, and what was found."""

    def __init__(self, reader: Reader, origin: str | None, trust: Trust | None) -> None:
        self.reader = reader
        self.origin = origin or ""
        self.trust = trust
        self.log = -1  # no log has this number, so a log that is not there has no rows
        self.findings: list[Finding] = []
        self.found = 0
        self.meant = False
        self.leaves: dict[int, bytes] = {}
        self.leaf_count = 0
        self.log_keys: tuple[NoteKey, ...] = trust.log_keys if trust else ()
        self.ring = _Ring()
        self.key_numbers: dict[str, int] = {}
        self.streams: dict[str, _Stream] = {}
        self.claimed: set[int] = set()  # numbers of streams
        self.next_stream = 0
        self.lost = 0  # entries that are missing or cannot be believed: each may explain one step of others
        self.rows = self.size = self.signatures = self.opened = 0
        self.last_hash = bytes.fromhex(ZERO)
        self.last_time: int | None = 0
        self.commitments: set[bytes] = set()
        self.root = EMPTY_ROOT
        self.checkpoint_size: int | None = None

    def steps(self, *steps: Callable[[], None]) -> None:
        """Take steps one after the other, past what the database cannot read."""
        for step in steps:
            try:
                step()
            except DBAPIError as error:
                self.add(None, "ledger.unreadable", type(error.orig).__name__)

    def add(self, seq: int | None, code: str, detail: str = "") -> None:
        """Keep a finding; beyond the limit, count it."""
        self.found += 1
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(Finding(seq, code, detail))

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
            checkpoint_size=self.checkpoint_size,
            signatures=self.signatures,
            personal_open=self.opened,
            personal_redacted=max(len(self.commitments) - self.opened, 0),
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
            numbers = select(raw_column(self.reader, table, "log")).select_from(table).distinct()
            for number in self.reader.execute(numbers).scalars():
                if number not in known:
                    self.add(None, "ledger.log_unknown", f"{table.name}: log {number}")

    def _opening(self, event: Event) -> None:
        listed = event.body.get("log_keys")
        try:
            keys = tuple(parse_vkey(text) for text in listed) if isinstance(listed, list) else ()
        except (Malformed, AttributeError):  # an item may be no text at all
            keys = ()
        if event.body.get("format") != FORMAT or not keys:
            self.add(0, "ledger.opening_malformed", "format" if keys else "log_keys")
        if self.trust is None:
            self.log_keys = keys
            return
        if {str(key) for key in keys} != {str(key) for key in self.trust.log_keys}:
            self.add(0, "ledger.trust_mismatch", "log_keys")
        if {key.kid for key in self.ring.all()} != set(self.trust.root_kids):
            self.add(0, "ledger.trust_mismatch", "root_keys")

    # 2. The stored leaves, then the entries, one after the other.

    def tiles(self) -> None:
        """Read the stored leaves; they must fill tile after tile."""
        for level, tile, hashes in raw_rows(self.reader, TILE, "level", "tile", "hashes", log=self.log):
            good = (
                level == 0
                and tile == len(self.leaves)
                and hashes is not None
                and 0 < len(hashes) <= TILE_WIDTH * HASH_BYTES
                and len(hashes) % HASH_BYTES == 0
                and self.leaf_count == tile * TILE_WIDTH
            )
            if not good:
                self.add(None, "ledger.tile_malformed", f"level {level}, tile {tile}")
            if level == 0 and tile is not None and hashes is not None:
                self.leaves[tile] = hashes
                self.leaf_count += len(hashes) // HASH_BYTES

    def leaf(self, seq: int) -> bytes | None:
        """Return the stored leaf of a position, or None."""
        tile, place = divmod(seq, TILE_WIDTH)
        found = self.leaves.get(tile, b"")[place * HASH_BYTES : (place + 1) * HASH_BYTES]
        return found if len(found) == HASH_BYTES else None

    def entries(self) -> None:
        """Check every entry in order; name those that are missing, and those whose `idem` came before."""
        names = ("seq", "header", "signatures", "event", "stream", "stream_seq", "key", "idem", "recorded_at")
        for row in raw_rows(self.reader, ENTRY, *names, log=self.log):
            self.rows += 1
            if row[0] is None or row[0] < self.size:
                self.add(row[0], "ledger.entry_malformed", "seq")
                continue
            self._missing_until(row[0])
            self.size = row[0] + 1
            self._entry(*row)
        self._missing_until(max(self.leaf_count, 1))  # a log without entry 0 was never opened
        seq, key, idem = (raw_column(self.reader, ENTRY, name) for name in ("seq", "key", "idem"))
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
        data = (header or b"") + (signatures or b"") + (event_bytes or b"")
        leaf, digest = self.leaf(seq), entry_hash(data)
        if leaf != digest:
            self.add(seq, "ledger.leaf_missing" if leaf is None else "ledger.leaf_mismatch")
        before, self.last_hash = self.last_hash, digest
        try:
            entry = parse_entry(data)
            event = parse(entry.envelope.event)
        except Malformed as error:
            self.add(seq, "ledger.entry_malformed", error.code)
            self._lose(seq, seq + 1)
            self.last_time = None
            return
        self._header(seq, entry, before, sound=leaf == digest)
        if (entry.header, entry.envelope.head) != (header, signatures):
            self.add(seq, "ledger.column_mismatch", "header")
        believed = self._signed(seq, entry, event) or leaf == digest
        if believed and entry.seq == seq:
            self._learn(event, seq)
            self._place(seq, entry, event, columns)
            self.commitments.update(map(bytes.fromhex, event.commitments.values()))
        else:
            self._lose(seq, seq + 1)

    def _header(self, seq: int, entry: Entry, before: bytes, *, sound: bool) -> None:
        if entry.seq != seq:
            self.add(seq, "ledger.column_mismatch", "seq")
        if entry.origin != self.origin:
            self.add(seq, "ledger.column_mismatch", "origin")
        # Where leaf and bytes before disagree, that entry is named already; either may be the true one.
        stored = self.leaf(seq - 1) if seq else None
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

    def _place(self, seq: int, entry: Entry, event: Event, columns: Sequence[Any]) -> None:
        number, stream_seq, key, idem, recorded_at = columns
        stream = self.streams.get(event.stream)
        if stream is None:
            stream = self.streams[event.stream] = _Stream(self._new_stream(number), 0, "", 0)
        skipped = self._skipped(stream_seq, stream.length, stream.lost)
        if not skipped and event.stream_prev != (stream.head or None):
            self.add(seq, "ledger.stream_broken", event.stream)
        stream.length += skipped
        for name, found, expected in (
            ("stream", number, stream.number),
            ("stream_seq", stream_seq, stream.length),
            ("key", key, self.key_numbers.get(event.actors[0].kid, key)),
            ("idem", idem, UUID(event.idem).bytes),
            ("recorded_at", recorded_at, to_ms(entry.recorded_at)),
        ):
            if found != expected:
                self.add(seq, "ledger.column_mismatch", name)
        stream.length += 1
        stream.head, stream.lost = entry.envelope.hash, self.lost

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

    def _signed(self, seq: int, entry: Entry, event: Event) -> bool:
        try:
            if (event.kind == OPENED) != (seq == 0):
                raise Malformed(Problem("ledger.opening_out_of_place", "/kind"))
            keys = check_signatures(entry.envelope, event, seq, self.ring.get)
            if (kid := ended(event)) is not None:
                key = self.ring.get(kid)
                if key is None or key.until is not None:
                    raise NotAllowed(Problem("ledger.key_unknown", "/body/kid"))
        except Refused as error:
            self.add(seq, error.code, error.problems[0].path)
            return False
        self.signatures += len(keys)
        return True

    def _learn(self, event: Event, seq: int) -> None:
        try:
            known = [key.kid for key in introduced(event, seq)]
            self.ring.learn(event, seq)
        except Malformed:
            return  # named with its signatures
        for kid in known:
            self.key_numbers.setdefault(kid, len(self.key_numbers))
        if event.kind == OPENED and seq == 0:
            self._opening(event)

    # 5. The tables that follow from the entries, and the fences.

    def derived(self) -> None:
        """Compare `ledger_stream`, `ledger_key` and `ledger_head` with the replay."""
        self._stream_table()
        keys = {self.key_numbers[key.kid]: _key_row(key) for key in self.ring.all()}
        for number, *values in raw_rows(self.reader, KEY, "key", *KEY_COLUMNS, log=self.log):
            if keys.pop(number, None) != values:
                self.add(None, "ledger.key_table_mismatch", f"key {number}")
        for number in keys:
            self.add(None, "ledger.key_table_mismatch", f"key {number} has no row")
        heads = list(raw_rows(self.reader, HEAD, "size", "hash", "recorded_at", log=self.log))
        if len(heads) != 1:
            self.add(None, "ledger.head_mismatch", f"{len(heads)} rows")
            return
        size, last_hash, recorded_at = heads[0]
        if size != self.size:
            self.add(None, "ledger.head_mismatch", "size")
            self.add_range("ledger.entry_beyond_head", self.size if size is None else size, self.size)
        elif last_hash not in {self.leaf(self.size - 1), self.last_hash}:
            self.add(None, "ledger.head_mismatch", "hash")
        elif self.last_time is not None and recorded_at != self.last_time:
            self.add(None, "ledger.head_mismatch", "recorded_at")

    def _stream_table(self) -> None:
        expected = {stream.number: (name, stream) for name, stream in self.streams.items()}
        unexplained = self.lost
        for number, name, length, head in raw_rows(
            self.reader, STREAM, "stream", "name", "length", "head", log=self.log
        ):
            known, stream = expected.pop(number, (None, None))
            if stream is None:
                unexplained -= 1  # the entry that began it may be among the lost
                good = unexplained >= 0
            else:
                skipped = self._skipped(length, stream.length, stream.lost)
                same = length == stream.length + skipped and (skipped > 0 or head == stream.head)
                good = name == known and same
            if not good:
                self.add(None, "ledger.stream_table_mismatch", f"stream {number}")
        for number in expected:
            self.add(None, "ledger.stream_table_mismatch", f"stream {number} has no row")

    def fences(self) -> None:
        """Look for the triggers by their names: gone or asleep, somebody has been at the schema."""
        sqlite = is_sqlite(self.reader)
        standing = set(self.reader.execute(text(_SQLITE_FENCES if sqlite else _POSTGRES_FENCES)).scalars())
        for table in FENCED:
            for operation in ("update", "delete", "replace" if sqlite else "truncate"):
                if f"{table}_no_{operation}" not in standing:
                    self.add(None, "ledger.fence_missing", f"{table}_no_{operation}")

    # 6. Checkpoints against the tree over the stored leaves.

    def checkpoints(self) -> None:
        """Check every stored checkpoint, and compute the root on the way."""
        tree, place = CompactRange(), 0
        for size, note in raw_rows(self.reader, CHECKPOINT, "size", "note", log=self.log):
            try:
                checkpoint = open_checkpoint(note or "", self.log_keys, self.origin)
            except Refused as error:
                self.add(None, error.code, f"checkpoint {size}")
                continue
            if checkpoint.size != size:
                self.add(None, "ledger.checkpoint_mismatch", f"checkpoint {size}: size")
                continue
            self.checkpoint_size = size
            if size > self.size:
                self.add(self.size, "ledger.tail_missing", f"checkpoint {size}")
            place = self._grow(tree, place, size)
            if place == size and tree.root() != checkpoint.root:
                self.add(None, "ledger.checkpoint_mismatch", f"checkpoint {size}: root")
        self._grow(tree, place, self.leaf_count)
        self.root = tree.root()

    def _grow(self, tree: "CompactRange", start: int, stop: int) -> int:
        for seq in range(start, stop):
            leaf = self.leaf(seq)
            if leaf is None:
                return seq
            tree.push(leaf)
        return max(start, stop)

    # 7. Personal values.

    def vault(self) -> None:
        """Check that each value kept opens a commitment."""
        for commitment, subject, salt, value in raw_rows(
            self.reader, VAULT, "commitment", "subject", "salt", "value", log=self.log
        ):
            if self._opens(commitment, subject, salt, value):
                self.opened += 1
            else:
                self.add(None, "ledger.vault_mismatch", f"commitment {commitment}")

    def _opens(
        self, commitment: str | None, subject: str | None, salt: bytes | None, value: str | None
    ) -> bool:
        if commitment is None or subject is None or salt is None or value is None:
            return False
        try:
            opened = Secret(value, subject, salt).commitment
        except Malformed:
            return False
        # Whose entry is lost may have been promised there.
        return opened == commitment and (bytes.fromhex(opened) in self.commitments or self.lost > 0)

    # 8. Whatever else the caller wants to know.

    def caller(self, step: Step) -> None:
        """Run a step of the caller's."""
        try:
            for finding in step(self.reader, self.log):
                self.add(finding.seq, finding.code, finding.detail)
        except Refused as error:
            self.add(None, error.code, "replay")


class _Ring(KeyRing):
    """The keys of a log that may have holes."""

    def put(self, key: Key) -> None:
        """Take a key as it is."""
        self._keys[key.kid] = key


def _first(moment: tuple[int, bool, Key]) -> int:
    return moment[0]


def _key_row(key: Key) -> list[Any]:
    return [getattr(key, name) for name in KEY_COLUMNS]
