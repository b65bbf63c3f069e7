"""The fast way to prove a log clean: ranges scanned side by side, then merged in order.

It either finds the whole log as it must be or gives up; what is wrong the careful walk says. In memory are
the levels of the tree above the leaves, 40 bytes for each stream, the keys, and the commitments of personal
values (some 200 bytes each), never entries or leaves.
"""

from array import array
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from sqlalchemy import func, select, text

from ledger.format.entry import parse_envelope
from ledger.format.event import Event, parse
from ledger.format.keys import CountGap, Key, KeyRing
from ledger.format.tiles import HASH_BYTES, range_at
from ledger.format.tree import CompactRange
from ledger.format.trust import Trust
from ledger.storage.db import Reader, is_sqlite
from ledger.storage.raw import raw_column, raw_rows
from ledger.storage.store import ENTRY, HEAD, KEY, STREAM
from ledger.verifying.leaves import Leaves
from ledger.verifying.scan import Anomaly, Scan, Scanned, Source
from ledger.verifying.source import Place, PostgresSource, SqliteSource
from ledger.verifying.steps import Steps
from ledger.verifying.walk import KEY_COLUMNS, Stream
from ledger.verifying.workers import Work, side_by_side
from ledger.writing.registered import key_of

# Entries at a time: many tiles, and few enough that no process is left alone with much at the end.
RANGE = {True: 8_192, False: 32_768}  # with signatures, and without
# Entries from which on other processes save more than it costs to start them.
WORTH_IT = {True: 20_000, False: 400_000}  # with signatures, and without

Progress = Callable[[int, int], None]
"""Told how many entries are done, and of how many."""


class Fast(Steps):
    """One attempt; `prove` it. Without ``signatures`` neither they nor the links of streams are looked at."""

    def __init__(
        self,
        reader: Reader,
        origin: str | None,
        trust: Trust | None,
        *,
        signatures: bool = True,
        jobs: int = 1,
        progress: Progress | None = None,
    ) -> None:
        super().__init__(reader, origin, trust)
        self.ring = _Uncounted()
        self._with_signatures = self.thorough = signatures
        self._jobs = jobs
        self._progress = progress
        self._lengths = array("q")  # of the streams
        self._heads = bytearray()
        self._counted: dict[str, int | None] = {}
        self._claimed: dict[int, Key] = {}
        self._judged: set[int] = set()  # positions of the entries that the merge looked at itself

    def prove(self) -> bool:
        """Tell whether the log is clean as far as this class looks; the report is good only then."""
        snapshot = None
        if self._jobs > 1 and not is_sqlite(self.reader):
            snapshot = str(self.reader.execute(text("SELECT pg_export_snapshot()")).scalar())
        # A statement that fails must not take the transaction along: the walk comes after it.
        attempt = self.reader.begin_nested()
        try:
            self.steps(self.log_row)
            if not self.found:
                self._prove(snapshot)
                self.beside()
        except Exception:  # noqa: BLE001  whatever a row makes fail is not proved; the walk says what it is
            self.found += 1
        finally:
            attempt.rollback()
        self.sound = not self.found
        return self.sound

    def _prove(self, snapshot: str | None) -> None:
        heads = list(raw_rows(self.reader, HEAD, "size", "hash", "recorded_at", log=self.log))
        demand(len(heads) == 1)
        size, last_hash, recorded_at = heads[0]
        self.leaves = Leaves(self.reader, self.log)
        demand(not list(self.leaves.survey()) and self.leaves.sound)
        demand(size == self.leaves.count and size > 0)
        rows = select(func.count()).select_from(ENTRY).where(ENTRY.c.log == self.log)
        demand(self.reader.execute(rows).scalar() == size)
        self._read_keys()
        last = None
        for last in self._scanned(size, snapshot):
            self._merge(last)
            if self._progress is not None:
                self._progress(last.stop, size)
        demand(last is not None and last.last_leaf == last_hash and self.last_time == recorded_at)
        self.rows = self.size = size
        self.last_hash = last_hash
        demand(not list(self.leaves.compare()) and 0 in self._judged)
        self.log_keys_trusted()
        self._compare_tables()

    def _read_keys(self) -> None:
        for number, *values in raw_rows(self.reader, KEY, "key", *KEY_COLUMNS, log=self.log):
            demand(number is not None and number not in self._claimed)
            self._claimed[number] = key_of(dict(zip(KEY_COLUMNS, values, strict=True)))

    # The ranges, in this process or in others.

    def _scanned(self, size: int, snapshot: str | None) -> Iterator[Scanned]:
        width = RANGE[self._with_signatures]
        ranges = [(start, min(start + width, size)) for start in range(0, size, width)]
        place = self._elsewhere(snapshot)
        if self._jobs > 1 and size >= WORTH_IT[self._with_signatures] and place is not None:
            work = Work(place, self.origin, self._claimed, self._with_signatures)
            yield from side_by_side(work, ranges, self._jobs)
            return
        scan = Scan(self._source(), self.origin, self._claimed, signatures=self._with_signatures)
        for start, stop in ranges:
            yield scan.range(start, stop)

    def _source(self) -> Source:
        connection = self.reader.connection.driver_connection
        assert connection is not None
        return (SqliteSource if is_sqlite(self.reader) else PostgresSource)(connection, self.log)

    def _elsewhere(self, snapshot: str | None) -> Place | None:
        url = self.reader.engine.url
        if is_sqlite(self.reader):
            in_memory = url.database in {None, "", ":memory:"}
            return None if in_memory else Place(self.log, sqlite=url.database)
        server = url.set(drivername="postgresql").render_as_string(hide_password=False)
        return Place(self.log, postgres=server, snapshot=snapshot)

    # What the ranges say together.

    def _merge(self, done: Scanned) -> None:
        assert self.last_time is not None
        demand(done.first_at >= self.last_time)
        self.last_time = done.last_at
        self._merge_streams(done)
        for kid, (first, last) in done.counted.items():
            before = self._counted.get(kid)
            demand(before is None if first is None else first == (0 if before is None else before + 1))
            self._counted[kid] = last
        for seq, named in done.promised:
            self.promises.promised.update((bytes.fromhex(commitment), seq) for commitment in named)
        for seq, envelope in done.special:
            self._special(seq, envelope)
        self.signatures += done.signatures
        self.leaves.push(done.roots)

    def _merge_streams(self, done: Scanned) -> None:
        first = len(self._lengths)
        demand([number for number, _ in done.begun] == list(range(first, first + len(done.begun))))
        if not first:
            self.streams[done.begun[0][1].decode()] = Stream(0, 0, "", 0)  # the log's own keys change there
        numbers = raw_column(self.reader, STREAM, "stream")
        query = select(numbers, raw_column(self.reader, STREAM, "name")).select_from(STREAM)
        query = query.where(STREAM.c.log == self.log, numbers >= first, numbers < first + len(done.begun))
        rows = self.reader.execute(query.order_by(numbers))
        demand([(number, _bytes(name)) for number, name in rows] == done.begun)
        self._lengths.extend([0] * len(done.begun))
        self._heads += bytes(HASH_BYTES * len(done.begun))
        for number, (events, length, head) in done.tails.items():
            self._lengths[number] += events
            # As many events as places, and each but the first had its forerunner: none is there twice.
            demand(self._lengths[number] == length)
            if head:
                self._heads[number * HASH_BYTES : (number + 1) * HASH_BYTES] = bytes.fromhex(head.decode())

    def _special(self, seq: int, data: bytes) -> None:
        envelope = parse_envelope(data)
        event = parse(envelope.event)
        demand(self._signed(seq, envelope, event))
        self._judged.add(seq)
        self._learn(event, seq)
        self._promise(event, seq)

    # The tables that follow from the entries.

    def _compare_tables(self) -> None:
        place = 0
        for number, length, head in raw_rows(self.reader, STREAM, "stream", "length", "head", log=self.log):
            demand(number == place and place < len(self._lengths) and length == self._lengths[place])
            known = self._heads[place * HASH_BYTES : (place + 1) * HASH_BYTES].hex()
            demand(head == known or not self._with_signatures)
            place += 1
        demand(place == len(self._lengths))
        twice = select(STREAM.c.name).where(STREAM.c.log == self.log).group_by(STREAM.c.name)
        demand(self.reader.execute(twice.having(func.count() > 1).limit(1)).first() is None)
        demand(self._keys_now() == self._claimed)
        # The bare columns, of which the database has an index in order: their types were looked at above.
        twice = select(func.count()).select_from(ENTRY).where(ENTRY.c.log == self.log)
        twice = twice.group_by(ENTRY.c.key, ENTRY.c.idem).having(func.count() > 1).limit(1)
        demand(self.reader.execute(twice).first() is None)

    def _keys_now(self) -> dict[int, Key]:
        """Return what `ledger_key` must hold."""
        keys = {self.key_numbers[key.kid]: key for key in self.ring.all()}
        if self._with_signatures:
            return {n: replace(key, counted=self._counted.get(key.kid)) for n, key in keys.items()}
        return {n: replace(key, counted=self._claimed[n].counted) for n, key in keys.items()}

    @property
    def keys(self) -> list[Key]:
        """All keys, in the order of their numbers."""
        return [key for _, key in sorted(self._keys_now().items())]

    @property
    def stream_count(self) -> int:
        """How many streams there are."""
        return len(self._lengths)

    @property
    def tree(self) -> CompactRange:
        """The tree over all leaves."""
        return range_at(self.leaves.read, self.size)


class _Uncounted(KeyRing):
    """The keys; how far they have counted the ranges say."""

    def learn(self, event: Event, seq: int) -> tuple[CountGap, ...]:
        """Take in what the event at ``seq`` says of keys."""
        super().learn(event, seq)
        return ()


def _bytes(name: Any) -> bytes:
    return name.encode() if isinstance(name, str) else bytes(name or b"")


def demand(good: Any) -> None:
    """Raise Anomaly unless ``good``."""
    if not good:
        raise Anomaly
