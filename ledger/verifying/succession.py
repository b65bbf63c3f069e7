"""Entries from their bytes alone, one after the other: chain, signatures, keys, streams, repeated events.

What grows with the log (streams, events seen, commitments) lies in a temporary database on disk, so that a
log of any length is checked in bounded memory. Once an entry is lost, whatever may rest on it is no finding:
one damaged entry is named once.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from types import TracebackType
from typing import Self

from ledger.errors import Malformed, NotAllowed, Problem, Refused
from ledger.format.entry import ZERO, Entry, entry_hash, parse_entry
from ledger.format.event import Event, parse
from ledger.format.keys import OPENED, Key, KeyRing, check_signatures, ended, introduced
from ledger.format.log_keys import LogKeys, check_roots, has_root
from ledger.format.note import NoteKey
from ledger.format.trust import Trust
from ledger.personal.erasure import read_erasure
from ledger.report import FORMAT, MAX_FINDINGS, Finding
from ledger.storage.predecessor import Predecessor, predecessor

_TABLES = (
    "PRAGMA journal_mode = OFF",
    "CREATE TABLE stream (name TEXT PRIMARY KEY, head TEXT) WITHOUT ROWID",
    "CREATE TABLE past (name TEXT, envelope TEXT)",  # every event of every stream; indexed once it is asked
    "CREATE TABLE idem (used BLOB PRIMARY KEY) WITHOUT ROWID",
    "CREATE TABLE promised (commitment TEXT PRIMARY KEY) WITHOUT ROWID",
    "BEGIN",  # never committed: nobody reads it later
)


class Findings:
    """What was found, in order; beyond the limit only counted."""

    def __init__(self) -> None:
        self.kept: list[Finding] = []
        self.count = 0

    def add(self, seq: int | None, code: str, detail: str = "") -> None:
        """Keep a finding at a position, or at none."""
        self.count += 1
        if len(self.kept) < MAX_FINDINGS:
            self.kept.append(Finding(seq, code, detail))


Earlier = Callable[[Predecessor], AbstractContextManager["Succession"]]
"""Give the state of the named predecessor after the entries that survive."""


class Succession:
    """The state of a log after the entries so far; `take` checks the next. Use it as a context manager."""

    def __init__(self, trust: Trust, findings: Findings, earlier: Earlier | None = None) -> None:
        self.log_keys = LogKeys()
        self.signatures = 0
        self._trust = trust
        self.findings = findings
        self._earlier = earlier
        self._ring = KeyRing()
        self._accepted: dict[str, datetime] = {}  # other origins whose events count, and until when
        self._log_key_sets: list[set[NoteKey]] = []  # as they stood one after the other
        self._damaged = False
        self._before: set[str] = {ZERO}  # what the next entry may name: hash of the bytes before, stored leaf
        self._last_time = ""
        self._past_indexed = False
        self._base = sqlite3.connect("", isolation_level=None)

    def __enter__(self) -> Self:
        for statement in _TABLES:
            self._base.execute(statement)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._base.close()

    @property
    def commitments(self) -> int:
        """How many different values were promised."""
        return int(self._base.execute("SELECT count(*) FROM promised").fetchone()[0])

    def lose(self, leaf: bytes | None) -> None:
        """Go on without the next entry, of which at most the leaf is known."""
        self._damaged, self._last_time = True, ""
        self._before = set() if leaf is None else {leaf.hex()}

    def take(self, seq: int, data: bytes, leaf: bytes | None) -> bytes:
        """Check the entry at ``seq`` against its stored leaf and all before it; return its hash."""
        digest = entry_hash(data)
        sound = leaf in {None, digest}
        if not sound:
            self.findings.add(seq, "ledger.leaf_mismatch")
        try:
            entry = parse_entry(data)
            event = parse(entry.envelope.event)
        except Malformed as error:
            self.findings.add(seq, "ledger.entry_malformed", error.code)
            self.lose(None)
        else:
            self._header(seq, entry, event, sound=sound)
            believed = self._signed(seq, entry, event) or sound
            if believed and entry.seq == seq:
                self._learn(seq, event)
                self._place(seq, entry, event)
            else:
                self._damaged = True
        self._before = {digest.hex(), (leaf or digest).hex()}
        return digest

    def _header(self, seq: int, entry: Entry, event: Event, *, sound: bool) -> None:
        if entry.seq != seq:
            self.findings.add(seq, "ledger.entry_misplaced", f"seq {entry.seq}")
        if entry.origin != self._trust.origin:
            self.findings.add(seq, "ledger.entry_misplaced", "origin")
        until = self._accepted.get(event.origin)
        if event.origin != self._trust.origin and (until is None or entry.recorded_at > until):
            self.findings.add(seq, "ledger.other_origin", event.origin)
        # Nothing is known of what was before a lost entry.
        if self._before and entry.prev not in self._before:
            self.findings.add(seq, "ledger.link_broken")
        now = entry.recorded_at.isoformat()
        if sound and now < self._last_time:
            self.findings.add(seq, "ledger.time_runs_back")
        self._last_time = now if sound else ""

    def _signed(self, seq: int, entry: Entry, event: Event) -> bool:
        try:
            if (event.kind == OPENED) != (seq == 0):
                raise Malformed(Problem("ledger.opening_out_of_place", "/kind"))
            keys = check_signatures(entry.envelope, event, seq, self._ring.get)
            if (kid := ended(event)) is not None:
                key = self._ring.get(kid)
                if key is None or key.until is not None:
                    raise NotAllowed(Problem("ledger.key_unknown", "/body/kid"))
            check_roots(event, keys, self._ring.ended_at)
        except Refused as error:
            if not (self._damaged and error.code == "ledger.key_unknown"):
                self.findings.add(seq, error.code, error.problems[0].detail)
            return False
        self.signatures += len(keys)
        return True

    def _learn(self, seq: int, event: Event) -> None:
        try:
            introduced(event, seq)
            ended(event)
        except Malformed:
            return  # named with its signatures; half legible, it teaches nothing
        for gap in self._ring.learn(event, seq):
            if not self._damaged:
                self.findings.add(seq, "ledger.key_seq_gap", f"{gap.kid}: {gap.found}, not {gap.expected}")
        try:
            self.log_keys.learn(event, seq)
        except Refused as error:
            self.findings.add(seq, "ledger.opening_malformed" if seq == 0 else error.code, "log_keys")
        if self.log_keys.current and set(self.log_keys.current) not in self._log_key_sets[-1:]:
            self._log_key_sets.append(set(self.log_keys.current))
        try:
            read_erasure(event)
        except Malformed as error:
            self.findings.add(seq, error.code, "erasure")
        if seq == 0:
            self._opening(event)

    def _opening(self, event: Event) -> None:
        if event.body.get("format") != FORMAT or event.body["format"] is True:
            self.findings.add(0, "ledger.opening_malformed", "format")
        if {key.kid for key in self._ring.all()} != set(self._trust.root_kids):
            self.findings.add(0, "ledger.trust_mismatch", "root_keys")
        try:
            before = predecessor(event)
        except Malformed as error:
            self.findings.add(0, error.code, "predecessor")
            return
        if before is not None:
            self._accepted[before.origin] = before.accept_until
            self._go_on_from(before)

    def _go_on_from(self, before: Predecessor) -> None:
        """Begin with keys and streams as the predecessor left them, where its entries are at hand."""
        if self._earlier is None:
            self.findings.add(0, "ledger.predecessor_missing", before.origin)
            self._damaged = True
            return
        roots = {key.kid for key in self._ring.all()}
        with self._earlier(before) as left:
            for key in left.keys:
                if key.kid not in roots:
                    self._ring.put(key.carried_over(before.size))
            for kid in sorted(roots):
                # Nobody may take a log over by going on with it.
                if not left.has_root(kid):
                    self.findings.add(0, "ledger.root_keys_missing", kid)
            self._base.executemany("INSERT INTO stream VALUES (?, ?)", left.streams())
            self._base.executemany("INSERT INTO past VALUES (?, ?)", left.past())
            self._damaged = left.damaged

    @property
    def damaged(self) -> bool:
        """Whether an entry is lost, so that what later ones rest on may have been in it."""
        return self._damaged

    @property
    def keys(self) -> list[Key]:
        """Every key so far, in the order of registration."""
        return self._ring.all()

    def has_root(self, kid: str) -> bool:
        """Tell whether a key is a root key of the log and still in force."""
        return has_root(self._ring, kid)

    def streams(self) -> list[tuple[str, str]]:
        """Return name and head of every stream."""
        return self._base.execute("SELECT name, head FROM stream").fetchall()

    def past(self) -> Iterator[tuple[str, str]]:
        """Yield name and envelope hash of every event in its stream."""
        yield from self._base.execute("SELECT name, envelope FROM past")

    def check_log_keys(self) -> None:
        """Compare the trust file, made at whatever time, with the sets of log keys that there were."""
        if self._log_key_sets and set(self._trust.log_keys) not in self._log_key_sets:
            self.findings.add(0, "ledger.trust_mismatch", "log_keys")

    def _place(self, seq: int, entry: Entry, event: Event) -> None:
        run = self._base.execute
        row = run("SELECT head FROM stream WHERE name = ?", (event.stream,)).fetchone()
        follows = event.stream_prev == (row and row[0]) or (event.offline and self._is_past(event))
        if not follows and not self._damaged:
            self.findings.add(seq, "ledger.stream_broken", event.stream)
        here = (event.stream, entry.envelope.hash)
        run("REPLACE INTO stream VALUES (?, ?)", here)
        run("INSERT INTO past VALUES (?, ?)", here)
        used = bytes.fromhex(event.actors[0].kid + event.idem.replace("-", ""))
        if run("INSERT OR IGNORE INTO idem VALUES (?)", (used,)).rowcount == 0:
            self.findings.add(seq, "ledger.idem_repeated")
        promised = [(value,) for value in event.commitments.values()]
        self._base.executemany("INSERT OR IGNORE INTO promised VALUES (?)", promised)

    def _is_past(self, event: Event) -> bool:
        """Tell whether what an event names is an earlier event of its stream."""
        if not self._past_indexed:
            # Few logs are ever asked, and the rows of all others are only added at the end.
            self._base.execute("CREATE INDEX past_envelope ON past (envelope, name)")
            self._past_indexed = True
        asked = (event.stream_prev, event.stream)
        return (
            self._base.execute("SELECT 1 FROM past WHERE envelope = ? AND name = ?", asked).fetchone()
            is not None
        )
