"""Loading: journeys week by week, entries in the order of their times, rows once they stand for good."""

import gc
import heapq
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count
from random import Random

from nacl.bindings import crypto_sign_seed_keypair
from sqlalchemy import Table

from bench.bulk.ground import Ground, secret_of
from bench.bulk.stamps import Cast, Form, Numbers, Party, Sealed, Stamped
from bench.bulk.tables import BulkAppender, Command, insert_many
from bench.bulk.templates import journeys
from ledger.storage.db import Row, Writer, reading, writing
from ledger.storage.store import KEY, rows
from ledger.types import from_ms
from ledger.writing.append import Placed
from ledger.writing.apply import Changes
from ledger.writing.changes import Add
from manifest.reference import default
from manifest.views import PERMIT_USE

# The map of 1 July 2025 cuts areas otherwise: a journey of the time before it cannot be told of a later day.
SINCE = date(2025, 7, 1)
FIRST_MONDAY = date(2025, 10, 6)
FIRST_SEQUENCE = 20_000
BATCH = 4_000
CHECKPOINT_EVERY = 200_000
WEEKS_OF_A_YEAR = 365.25 / 7
Say = Callable[[str], None]
# When the next entry is recorded, what it came after, whose it is, and which of the journey's it is.
_Due = tuple[int, int, Stamped, int]
_Ready = tuple[Stamped, int, Sealed]


@dataclass(slots=True)
class Loaded:
    """What was loaded: manifests and entries."""

    manifests: int = 0
    entries: int = 0


def load(ground: Ground, manifests: int, *, a_year: int, say: Say) -> Loaded:
    """Stamp journeys until there are so many manifests more, ``a_year`` of them a year, and append them."""
    loader = _Loader(ground, a_year)
    with _undisturbed():
        for done in loader.run(manifests):
            say(f"{done.manifests:,} manifests, {done.entries:,} entries")
    return loader.done


class _Loader:
    def __init__(self, ground: Ground, a_year: int) -> None:
        self._home = ground.home
        self._clock = ground.clock
        self._log = ground.home.ledger.log
        self._random = Random(ground.seed)  # noqa: S311  a seeded load, no secret
        self._weekly = a_year / WEEKS_OF_A_YEAR
        with reading(self._home.engine) as reader:
            numbers = {row["party"]: row for row in rows(reader, KEY, log=self._log)}
            found = journeys(reader, self._log, default(), since=SINCE)
        casts = [_cast(ground, names, numbers) for names in ground.casts]
        sqlite = self._home.engine.dialect.name == "sqlite"
        self._forms = [
            Form(journey, casts, date.isoformat if sqlite else lambda day: day) for journey in found
        ]
        self._casts = len(casts)
        self._numbers = Numbers(FIRST_SEQUENCE)
        self._appender = BulkAppender(self._log, self._home.ledger.origin)
        self._used: dict[tuple[str, str, int], int] = {}
        self.done = Loaded()

    def run(self, manifests: int) -> Iterator[Loaded]:
        """Load, and yield how far it has come after each stretch."""
        due: list[_Due] = []
        order = count()
        batch: list[_Ready] = []
        begun, told = 0, 0
        for week in count():
            if begun < manifests:
                monday = FIRST_MONDAY + timedelta(days=7 * week)
                wanted = min(manifests, round(self._weekly * (week + 1)))
                while begun < wanted:
                    stamped = self._stamp(monday)
                    begun += stamped.form.manifests
                    heapq.heappush(due, (stamped.entries[0].recorded_ms, next(order), stamped, 0))
            elif not due:
                break
            until = FIRST_MONDAY + timedelta(days=7 * (week + 1))
            while due and from_ms(due[0][0]).date() < until:
                _, _, stamped, n = heapq.heappop(due)
                batch.append((stamped, n, stamped.entries.popleft()))
                if stamped.entries:
                    heapq.heappush(due, (stamped.entries[0].recorded_ms, next(order), stamped, n + 1))
                if len(batch) >= BATCH:
                    self._write(batch)
                    batch = []
            self.done.manifests = begun
            if self.done.entries - told >= CHECKPOINT_EVERY:
                told = self.done.entries
                self._home.checkpoint()
                yield self.done
        self._write(batch)
        with writing(self._home.engine, self._log) as writer:
            self._write_used(writer)
        self._home.checkpoint()
        yield self.done

    def _stamp(self, monday: date) -> Stamped:
        form = self._random.choice(self._forms)
        weeks = (monday - form.monday).days // 7
        stamped = form.fill(
            self._random.randrange(self._casts), weeks, self._log, self._random, self._numbers
        )
        for permit, code, year, grams in form.used(stamped):
            at = (permit, code, year)
            self._used[at] = self._used.get(at, 0) + grams
        return stamped

    def _write(self, batch: list[_Ready]) -> None:
        if not batch:
            return
        made: dict[Table, list[tuple[object, ...]]] = {}
        with writing(self._home.engine, self._log) as writer:
            before = head = self._appender.begin(writer)
            placed: list[Placed] = []
            for stamped, n, sealed in batch:
                command = Command(sealed, stamped.streams.get(sealed.stream))
                head, one = self._appender.place(head, command)
                placed.append(one)
                stamped.streams[sealed.stream] = (one.stream, one.stream_seq + 1)
                seq, recorded = stamped.form.places_of(n)
                values = stamped.values
                if seq is not None:
                    values[seq] = one.appended.seq
                if recorded is not None:
                    values[recorded] = one.appended.recorded_ms
                for table, getter in stamped.form.rows(n):
                    made.setdefault(table, []).append(getter(values))
            self._appender.write(writer, before, head, placed)
            for table, found in made.items():
                insert_many(writer, table, found)
        self._appender.settle(head)
        self._clock.advance(from_ms(head["recorded_at"]))
        self.done.entries += len(batch)

    def _write_used(self, writer: Writer) -> None:
        changes = Changes(self._log)
        changes.gather(
            [
                Add(PERMIT_USE, {"permit": permit, "code": code, "year": year}, "accepted_g", grams)
                for (permit, code, year), grams in self._used.items()
            ],
            {},
        )
        changes.write(writer)
        self._used = {}


def _cast(ground: Ground, names: Mapping[str, str], keys: Mapping[str, Row]) -> Cast:
    found = {}
    for name, here in names.items():
        if name in keys:
            _, secret = crypto_sign_seed_keypair(secret_of(ground.seed, here))
            found[keys[name]["kid"]] = Party(keys[here]["kid"], keys[here]["key"], secret)
    return Cast(names, found)


@contextmanager
def _undisturbed() -> Iterator[None]:
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
