"""Logs of any length, made in bulk: hashes, signatures, tiles and tables as the writer leaves them."""

import random
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from nacl.signing import SigningKey
from sqlalchemy import bindparam, insert, select, update

from ledger.format.entry import ENVELOPE_TAG, entry_hash, header_bytes
from ledger.format.signature import b64, kid_of, pae
from ledger.format.tiles import grow
from ledger.storage.db import Writer, writing
from ledger.storage.store import ENTRY, HEAD, KEY, STREAM, TILE, one, rows, tile_reader
from ledger.types import ms_text
from tests.ledger.world import World, private_key, signer, uuid7

CHUNK = 5000


@dataclass
class _Stream:
    number: int = -1
    length: int = 0
    head: str | None = None


@dataclass
class Bulk:
    """Adds entries to the log of a world, ``length`` to a stream and ``wide`` streams at a time.

    They are signed by Ed25519 keys that the world has registered.
    """

    world: World
    by: tuple[str, ...] = ("an", "binh")
    length: int = 7
    wide: int = 50
    text: str = "Chất thải lây nhiễm " * 25
    counted: int = 1_000_000  # beyond the numbers of the world's own events
    _streams: list[_Stream] = field(default_factory=list)
    _next: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(7)  # noqa: S311  which stream goes on is no secret
        self._keys = []
        for name in self.by:
            private = private_key(name).private_bytes_raw()  # type: ignore[union-attr]
            self._keys.append((kid_of(signer(name).public_key), SigningKey(private), name))

    def add(self, count: int) -> None:
        """Append ``count`` entries."""
        for start in range(0, count, CHUNK):
            with writing(self.world.engine, self.world.log) as writer:
                self._chunk(writer, min(CHUNK, count - start))

    def _chunk(self, writer: Writer, count: int) -> None:
        log, origin = self.world.log, self.world.origin
        head = one(writer, HEAD, log=log)
        assert head is not None
        keys = {row["kid"]: row["key"] for row in rows(writer, KEY, log=log)}
        next_stream = len(rows(writer, STREAM, log=log)) if self.counted == 1_000_000 else self._next
        size, before, moment = head["size"], head["hash"], head["recorded_at"]
        made: list[dict[str, Any]] = []
        leaves: list[bytes] = []
        touched: dict[int, _Stream] = {}
        for _ in range(count):
            while len(self._streams) < self.wide:
                self._streams.append(_Stream())
            place = self._random.randrange(len(self._streams))
            stream = self._streams[place]
            if stream.number < 0:
                stream.number, next_stream = next_stream, next_stream + 1
            kid, key, party = self._keys[stream.number % len(self._keys)]
            self.counted += 1
            idem = uuid7(self.counted)
            event = self._event(kid, party, stream, idem, moment)
            line = f"pae {kid} {b64(key.sign(pae(event)).signature)}"
            signatures = f"{line}\nlen {len(event)}\n\n".encode()
            moment += self._random.randrange(3)
            header = header_bytes(origin, size, ms_text(moment), before.hex())
            before = entry_hash(header + signatures + event)
            made.append(
                {
                    "log": log, "seq": size, "stream": stream.number, "stream_seq": stream.length,
                    "key": keys[kid], "idem": bytes.fromhex(idem.replace("-", "")), "recorded_at": moment,
                    "header": b"", "signatures": signatures, "event": event,
                }
            )  # fmt: skip
            stream.length += 1
            stream.head = sha256(ENVELOPE_TAG + signatures + event).hexdigest()
            touched[stream.number] = stream
            if stream.length == self.length:
                self._streams.pop(place)
            leaves.append(before)
            size += 1
        self._next = next_stream
        writer.execute(insert(ENTRY), made)
        self._tiles(writer, head["size"], leaves)
        self._heads(writer, touched)
        after = {"size": size, "hash": before, "recorded_at": moment}
        writer.execute(update(HEAD).where(HEAD.c.log == log).values(**after))

    def _event(self, kid: str, party: str, stream: _Stream, idem: str, moment: int) -> bytes:
        prev = "null" if stream.head is None else f'"{stream.head}"'
        return (
            f'{{"actors":[{{"kid":"{kid}","party":"{party}","role":"writer"}}],'
            f'"body":{{"grams":{self.counted},"lines":[{{"code":"180103","grams":1250000,"state":"solid"}},'
            f'{{"code":"160112","grams":900,"state":"liquid"}}],"text":"{self.text}"}},'
            f'"commitments":{{}},"idem":"{idem}","kind":"note.written.v1","occurred_at":"{ms_text(moment)}",'
            f'"origin":"{self.world.origin}","stream":"bulk/{stream.number}","stream_prev":{prev},"v":1}}'
        ).encode()

    def _tiles(self, writer: Writer, size: int, leaves: list[bytes]) -> None:
        log = self.world.log
        for (level, tile), row in grow(tile_reader(writer, log), size, leaves).items():
            where = {"log": log, "level": level, "tile": tile}
            if row.new:
                writer.execute(insert(TILE).values(**where, hashes=row.hashes))
            else:
                here = (TILE.c.log == log) & (TILE.c.level == level) & (TILE.c.tile == tile)
                writer.execute(update(TILE).where(here).values(hashes=row.hashes))

    def _heads(self, writer: Writer, touched: dict[int, _Stream]) -> None:
        log = self.world.log
        there = set(writer.execute(select(STREAM.c.stream).where(STREAM.c.log == log)).scalars())
        new = [
            {"log": log, "stream": n, "name": f"bulk/{n}", "length": s.length, "head": s.head}
            for n, s in touched.items()
            if n not in there
        ]
        old = [{"n": n, "length": s.length, "head": s.head} for n, s in touched.items() if n in there]
        if new:
            writer.execute(insert(STREAM), new)
        if old:
            here = (STREAM.c.log == log) & (STREAM.c.stream == bindparam("n"))
            writer.execute(update(STREAM).where(here), old)
