"""Verification of what is new: on top of a state that a clean run has left, as fast as the new entries allow.

The state is the auditor's own memory. It pins the root over the entries so far: whatever is looked up among
them again is proved by its leaf and tiles, and a log that does not go on from there is refused as rewritten.
Not looked at again are old rows, tables and values of the vault that nothing new touches, but for some tiles
that the caller has drawn by lot.
"""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

from sqlalchemy import Table, exists, func, select

from ledger.errors import Conflict, Malformed, Problem
from ledger.format.entry import parse_envelope
from ledger.format.event import parse
from ledger.format.keys import Key
from ledger.format.signature import Algorithm
from ledger.format.tiles import (
    HASH_BYTES,
    TILE_HEIGHT,
    TILE_WIDTH,
    ReadTile,
    grow,
    range_at,
    tile_root,
    width_at,
)
from ledger.format.tree import CompactRange
from ledger.format.trust import Trust
from ledger.storage.db import Reader
from ledger.storage.raw import raw_column, raw_rows
from ledger.storage.store import (
    CHECKPOINT,
    COSIGNATURE,
    ENTRY,
    HEAD,
    SEALED,
    STREAM,
    TILE,
    VAULT,
    split_hashes,
    tile_reader,
)
from ledger.verifying.fast import RANGE, Fast, Progress, demand
from ledger.verifying.leaves import MAX_LEVEL, Leaves
from ledger.verifying.scan import Scan, Scanned

FORMAT = 1
MAX_STATE_BYTES = 1 << 28
AT_ONCE = 400
MAX_LOGS = 1 << 15


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What a clean run knows of the first ``tree.size`` entries.

    ``recorded_at`` is the time of the last, ``streams`` how many there are, ``log_key_entries`` where the
    log's own keys changed. ``trust`` is the digest of the trust file, None without one.
    """

    origin: str
    tree: CompactRange
    recorded_at: int
    streams: int
    keys: tuple[Key, ...]
    log_key_entries: tuple[int, ...]
    trust: str | None
    verified_at: str

    def to_json(self) -> bytes:
        """Return the file's bytes."""
        keys = [asdict(key) | {"public_key": key.public_key.hex()} for key in self.keys]
        made = {
            "format": FORMAT,
            "origin": self.origin,
            "tree": self.tree.to_json(),
            "root": self.tree.root().hex(),
            "recorded_at": self.recorded_at,
            "streams": self.streams,
            "log_key_entries": list(self.log_key_entries),
            "trust": self.trust,
            "verified_at": self.verified_at,
            "keys": keys,
        }
        return json.dumps(made).encode() + b"\n"


def parse_state(data: bytes) -> State:
    """Return the state of a file's bytes; raise Malformed when they are none."""
    try:
        raw = json.loads(data)
        keys = tuple(
            Key(
                **key
                | {"public_key": bytes.fromhex(key["public_key"]), "algorithm": Algorithm(key["algorithm"])}
            )
            for key in raw["keys"]
        )
        tree = CompactRange.from_json(raw["tree"])
        numbers = (raw["recorded_at"], raw["streams"], *raw["log_key_entries"])
        good = raw["format"] == FORMAT and tree.root().hex() == raw["root"]
        state = State(
            origin=str(raw["origin"]),
            tree=tree,
            recorded_at=raw["recorded_at"],
            streams=raw["streams"],
            keys=keys,
            log_key_entries=tuple(raw["log_key_entries"]),
            trust=raw["trust"],
            verified_at=str(raw["verified_at"]),
        )
        if good and all(type(number) is int for number in numbers):
            return state
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Malformed(Problem("ledger.state_malformed")) from error
    raise Malformed(Problem("ledger.state_malformed"))


def load_state(path: Path) -> State | None:
    """Return the state kept at ``path``, None when there is none; raise Malformed for anything else."""
    try:
        with path.open("rb") as file:
            return parse_state(file.read(MAX_STATE_BYTES))
    except FileNotFoundError:
        return None


def save_state(path: Path, state: State) -> None:
    """Write the state, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(state.to_json())
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def trust_digest(trust: Trust | None) -> str | None:
    """Return the digest of a trust file that a state and a report name, lower-case hex."""
    return None if trust is None else sha256(trust.to_json()).hexdigest()


def state_of(run: Fast, trust: Trust | None, verified_at: str) -> State:
    """Return the state that a clean run with signatures leaves."""
    assert run.last_time is not None
    return State(
        origin=run.origin,
        tree=run.tree,
        recorded_at=run.last_time,
        streams=run.stream_count,
        keys=tuple(run.keys),
        log_key_entries=tuple(run.log_key_entries),
        trust=trust_digest(trust),
        verified_at=verified_at,
    )


class Incremental(Fast):
    """One attempt on top of a state; ``audited`` are old tiles of leaves to look at again."""

    def __init__(
        self,
        reader: Reader,
        trust: Trust | None,
        state: State,
        *,
        audited: Iterable[int] = (),
        progress: Progress | None = None,
    ) -> None:
        super().__init__(reader, state.origin, trust, progress=progress)
        self._state = state
        self._old = self.since = state.tree.size
        self.thorough = False  # it would read what is old
        self._audited = sorted(set(audited))
        self._proved: set[tuple[int, int]] = set()
        self._stored: dict[tuple[int, int], bytes] = {}
        self._tails: dict[int, tuple[int, str]] = {}  # of the streams touched
        self._named: set[int] = set()  # positions of old entries that new acts go back to
        self._names: dict[int, str] = {}  # of the new ones
        self.rewritten = False

    def logs_in(self, table: Table) -> list[Any]:
        """Return the numbers of logs that a table has rows of, from one to the next in its index."""
        found: list[Any] = []
        query = select(table.c.log).order_by(table.c.log).limit(1)
        first = self.reader.execute(query).first()
        if first is not None and first[0] is None:
            return [None]
        number = None if first is None else first[0]
        while number is not None and len(found) <= MAX_LOGS:
            found.append(number)
            number = self.reader.execute(query.where(table.c.log > number)).scalar()
        return found

    def read(self, level: int, tile: int) -> bytes:
        """Return a stored tile."""
        place = (level, tile)
        if place not in self._stored:
            self._stored[place] = tile_reader(self.reader, self.log)(level, tile)
        return self._stored[place]

    def _prove(self, snapshot: str | None) -> None:  # noqa: ARG002  new entries are few: no other process helps
        heads = list(raw_rows(self.reader, HEAD, "size", "hash", "recorded_at", log=self.log))
        demand(len(heads) == 1)
        size, last_hash, recorded_at = heads[0]
        try:
            before = range_at(self.read, self._old)
            self.rewritten = before.nodes != self._state.tree.nodes or size < self._old
        except Conflict:
            self.rewritten = True
        demand(not self.rewritten)
        self._read_keys()
        scan = Scan(self._source(), self.origin, self._claimed, signatures=True)
        self._numbers = Scan(self._source(), self.origin, self._claimed, signatures=False)
        self.leaves = _Stored(self.reader, self.log, self.read, size)
        self._take_up(scan)
        edge = min(-(-self._old // TILE_WIDTH) * TILE_WIDTH, size)
        bounds = [self._old, *range(edge, size, RANGE[True]), size]
        for start, stop in pairwise(bounds):
            if start < stop:
                self._new(scan.range(start, stop), size)
        demand(last_hash == self._leaf(size - 1) and recorded_at == self.last_time)
        self.rows = self.size = size
        self.last_hash = last_hash
        self._tiles(size)
        self._rows(size)
        for seq in sorted(self._named):
            self._under_root(0, seq // TILE_WIDTH)
            self._numbers.range(seq, seq + 1)
        for tile in self._audited:
            start, stop = tile * TILE_WIDTH, min((tile + 1) * TILE_WIDTH, self._old)
            if 0 <= start < stop:
                # Its bytes are those whose signatures the run before has seen, if the leaves are the same.
                self._under_root(0, tile)
                self._numbers.range(start, stop)
        self.log_keys_trusted()
        demand(self._keys_now() == self._claimed)

    def _take_up(self, scan: Scan) -> None:
        for key in self._state.keys:
            self.ring.put(key)
            self.key_numbers[key.kid] = len(self.key_numbers)
            self._counted[key.kid] = key.counted
        self.last_time = self._state.recorded_at
        for seq in self._state.log_key_entries:
            self._under_root(0, seq // TILE_WIDTH)
            ((_, data),) = scan.range(seq, seq + 1).special
            event = parse(parse_envelope(data).event)
            self.log_keys.learn(event, seq)
            self._know_log_keys(seq)

    def _leaf(self, seq: int) -> bytes:
        tile, place = divmod(seq, TILE_WIDTH)
        return self.read(0, tile)[place * HASH_BYTES : (place + 1) * HASH_BYTES]

    def _under_root(self, level: int, tile: int) -> None:
        """Demand that a stored tile, as far as it is old, is under the root of the state."""
        if (level, tile) in self._proved:
            return
        if width_at(self._old, level, tile) == TILE_WIDTH:
            # The state holds the roots of a tile at the right edge; a full one is proved by the level above.
            index, place = divmod(tile, TILE_WIDTH)
            known = self.read(level + 1, index)[place * HASH_BYTES : (place + 1) * HASH_BYTES]
            demand(tile_root(self.read(level, tile)) == known)
            self._under_root(level + 1, index)
        self._proved.add((level, tile))

    def _new(self, done: Scanned, size: int) -> None:
        """Take in a range of new entries, and compare the tiles that it makes with those that are stored."""
        leaves = split_hashes(b"".join(self._leaf(seq) for seq in range(done.start, done.stop)))
        for (level, tile), row in grow(self.read, done.start, leaves).items():
            demand(self.read(level, tile).startswith(row.hashes))
        self._merge(done)
        self._named |= {seq for seq in done.named if seq < self._old}
        if self._progress is not None:
            self._progress(done.stop - self._old, size - self._old)

    def _merge_streams(self, done: Scanned) -> None:
        known = self._state.streams
        for number, name in done.begun:
            demand(number == self.stream_count)
            self._lengths.append(0)
            self._names[number] = name.decode()
        old: dict[int, int] = {}
        for number, (events, length, head) in done.tails.items():
            if number >= known:
                self._lengths[number - known] += events
                demand(self._lengths[number - known] == length)
            elif number not in self._tails:
                old[number] = length - events
            self._tails[number] = (length, head.decode())
        self._go_on(old)

    def _go_on(self, old: Mapping[int, int]) -> None:
        """Demand that old streams had so many events each, the last of them proved by its leaf."""
        last: dict[int, int] = {}
        numbers = list(old)
        for start in range(0, len(numbers), AT_ONCE):
            part = numbers[start : start + AT_ONCE]
            # The last event that each is said to have had, and whatever stands after it among what was old.
            found = list(self._source().standing([(number, old[number] - 1) for number in part], self._old))
            demand(len(found) == len({number for number, _, _ in found}) == len(part))
            demand(all(place == old[number] - 1 for number, place, _ in found))
            last.update({seq: number for number, _, seq in found})
        demand(len(last) == len(old))
        for start, stop in _runs(sorted(last)):
            for tile in range(start // TILE_WIDTH, (stop - 1) // TILE_WIDTH + 1):
                self._under_root(0, tile)
            tails = self._numbers.range(start, stop).tails
            for number in (last[seq] for seq in range(start, stop)):
                demand(tails[number][1] == old[number])

    @property
    def stream_count(self) -> int:
        """How many streams there are."""
        return self._state.streams + len(self._lengths)

    @property
    def tree(self) -> CompactRange:
        """The tree over all leaves."""
        return range_at(self.read, self.size)

    def _tiles(self, size: int) -> None:
        """Demand that there are the tiles that the new entries make, and no other after the old ones."""
        query = select(TILE.c.tile, func.length(TILE.c.hashes)).where(TILE.c.log == self.log)
        for level in range(MAX_LEVEL + 1):
            first = self._old >> TILE_HEIGHT * (level + 1)
            rows = query.where(TILE.c.level == level, TILE.c.tile >= first).order_by(TILE.c.tile)
            stop = -(-(size >> TILE_HEIGHT * level) // TILE_WIDTH)
            expected = [(tile, width_at(size, level, tile) * HASH_BYTES) for tile in range(first, stop)]
            demand([tuple(row) for row in self.reader.execute(rows)] == expected)
        beyond = query.where((TILE.c.level < 0) | (TILE.c.level > MAX_LEVEL))
        demand(self.reader.execute(beyond).first() is None)

    def _rows(self, size: int) -> None:
        """Demand that no row is new but those, and that what follows from them stands beside them."""
        here = ENTRY.c.log == self.log
        count = select(func.count()).select_from(ENTRY).where(here)
        demand(self.reader.execute(count.where(ENTRY.c.seq >= self._old)).scalar() == size - self._old)
        # Asked one by one: put together they would make SQLite read every row.
        for nowhere in (ENTRY.c.seq < 0, ENTRY.c.seq.is_(None)):
            demand(self.reader.execute(count.where(nowhere)).scalar() == 0)
        other = ENTRY.alias()
        same = (other.c.log == ENTRY.c.log) & (other.c.key == ENTRY.c.key) & (other.c.idem == ENTRY.c.idem)
        twice = select(ENTRY.c.seq).where(here, ENTRY.c.seq >= self._old)
        twice = twice.where(exists().where(same, other.c.seq != ENTRY.c.seq))
        demand(self.reader.execute(twice.limit(1)).first() is None)
        streams = select(func.count()).select_from(STREAM).where(STREAM.c.log == self.log)
        new = self.reader.execute(streams.where(STREAM.c.stream >= self._state.streams)).scalar()
        demand(new == len(self._lengths))
        touched = sorted(self._tails)
        for start in range(0, len(touched), AT_ONCE):
            part = touched[start : start + AT_ONCE]
            rows = {
                number: (name, (length, head)) for number, name, length, head in self._source().streams(part)
            }
            demand(len(rows) == len(part))
            for number, (name, tail) in rows.items():
                demand(tail == self._tails[number] and name == self._names.get(number, name))
        names = sorted(self._names.values())
        for start in range(0, len(names), AT_ONCE):
            some = names[start : start + AT_ONCE]
            demand(self.reader.execute(streams.where(STREAM.c.name.in_(some))).scalar() == len(some))

    # What stands beside the entries, as far as it is new.

    def stored_checkpoints(self) -> list[tuple[Any, Any]]:
        """Return the checkpoints since the last one that was known."""
        here = CHECKPOINT.c.log == self.log
        last = select(func.max(CHECKPOINT.c.size)).where(here, CHECKPOINT.c.size <= self._old)
        since = self.reader.execute(last).scalar() or 0
        columns = [raw_column(self.reader, CHECKPOINT, name) for name in ("size", "note")]
        query = select(*columns).select_from(CHECKPOINT).where(here, CHECKPOINT.c.size >= since)
        return [
            (size, note.decode(errors="replace") if isinstance(note, bytes) else note)
            for size, note in self.reader.execute(query.order_by(CHECKPOINT.c.size))
        ]

    def stored_cosignatures(self) -> Iterable[Sequence[Any]]:
        """Return the lines of witnesses under those checkpoints and later ones."""
        names = ("size", "name", "key_id", "line")
        query = select(*(raw_column(self.reader, COSIGNATURE, name) for name in names))
        query = query.select_from(COSIGNATURE).where(COSIGNATURE.c.log == self.log)
        rows = self.reader.execute(query.where(COSIGNATURE.c.size >= min(self.texts, default=0)))
        return [
            [one.decode(errors="replace") if isinstance(one, bytes) else one for one in row] for row in rows
        ]

    def checkpoint_root(self, size: int) -> bytes | None:
        """Return the root at any size: which checkpoints were signed the run before has seen."""
        return self.leaves.root(size)

    def vault(self) -> None:
        """Demand that what the new entries promise is kept or erased."""
        promised = sorted(name.hex() for name in self.promises.promised if name not in self.promises.erased)
        for start in range(0, len(promised), AT_ONCE):
            part = promised[start : start + AT_ONCE]
            kept = set()
            for table in (SEALED, VAULT):
                query = select(table.c.commitment).where(table.c.log == self.log)
                kept |= set(self.reader.execute(query.where(table.c.commitment.in_(part))).scalars())
            demand(kept == set(part))


def _runs(seqs: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the ranges that positions in ascending order make up."""
    start = 0
    for n in range(1, len(seqs) + 1):
        if n == len(seqs) or seqs[n] != seqs[n - 1] + 1:
            yield seqs[start], seqs[n - 1] + 1
            start = n


class _Stored(Leaves):
    """The stored tree, once what is new of it was compared."""

    def __init__(self, reader: Reader, log: int, read: ReadTile, count: int) -> None:
        super().__init__(reader, log)
        self._read = read
        self.count = count

    def read(self, level: int, tile: int) -> bytes:
        """Return a stored tile."""
        return self._read(level, tile)

    def leaf(self, seq: int) -> bytes | None:
        """Return the stored leaf of a position."""
        tile, place = divmod(seq, TILE_WIDTH)
        return self.read(0, tile)[place * HASH_BYTES : (place + 1) * HASH_BYTES]
