"""How long a proof takes from stored tiles, nothing cached, and how large it is."""

import random
import secrets
import time
from pathlib import Path

from sqlalchemy import Engine, insert, update

from api.database import upgrade
from bench.result import Result
from ledger.format.tiles import HASH_BYTES, consistency, grow, inclusion
from ledger.storage.db import open_engine, reading, writing
from ledger.storage.statements import inserting
from ledger.storage.store import LOG, TILE, tile_reader

CHUNK = 100_000
ASKED = 1000
P99_MS, BYTES = 2.0, 768


def proofs(folder: Path, leaves: int) -> list[Result]:
    """Build the tiles of a tree with so many random leaves and prove entries of it."""
    engine = open_engine(f"{folder}/tree-{leaves}.db")
    upgrade(engine)
    grown_s = _build(engine, leaves)
    included, consistent, longest = _ask(engine, leaves)
    engine.dispose()
    return [
        _times("inclusion proof p99", included, leaves),
        _times("consistency proof p99", consistent, leaves),
        Result(
            name="inclusion proof, longest",
            value=longest,
            unit="B",
            target=BYTES,
            less=True,
            beside={"leaves": leaves},
        ),
        Result(name="tiles grown", value=leaves / grown_s, unit="leaves/s", beside={"leaves": leaves}),
    ]


def _build(engine: Engine, leaves: int) -> float:
    """Store the tiles; return how many seconds it took to work them out, without storing them."""
    spent = 0.0
    with writing(engine, 0) as writer:
        writer.execute(inserting(LOG), {"log": 1, "origin": "ledger.example/tree"})
    for size in range(0, leaves, CHUNK):
        new = [secrets.token_bytes(HASH_BYTES) for _ in range(min(CHUNK, leaves - size))]
        with writing(engine, 1) as writer:
            began = time.perf_counter()
            grown = grow(tile_reader(writer, 1), size, new)
            spent += time.perf_counter() - began
            for (level, tile), row in grown.items():
                where = {"log": 1, "level": level, "tile": tile}
                if row.new:
                    writer.execute(insert(TILE), {**where, "hashes": row.hashes})
                else:
                    same = (TILE.c.log == 1, TILE.c.level == level, TILE.c.tile == tile)
                    writer.execute(update(TILE).where(*same).values(hashes=row.hashes))
    return spent


def _ask(engine: Engine, leaves: int) -> tuple[list[float], list[float], int]:
    """Return the sorted times, in ms, of both kinds of proof for random leaves, and the longest in bytes."""
    chosen = random.Random(leaves)  # noqa: S311  a repeatable choice
    included, consistent, longest = [], [], 0
    for _ in range(ASKED):
        index = chosen.randrange(leaves)
        with reading(engine) as reader:
            read = tile_reader(reader, 1)
            began = time.perf_counter()
            path = inclusion(read, index, leaves)
            included.append((time.perf_counter() - began) * 1000)
            began = time.perf_counter()
            consistency(read, index + 1, leaves)
            consistent.append((time.perf_counter() - began) * 1000)
        longest = max(longest, len(path) * HASH_BYTES)
    return sorted(included), sorted(consistent), longest


def _times(name: str, took_ms: list[float], leaves: int) -> Result:
    return Result(
        name=name,
        value=took_ms[int(ASKED * 0.99)],
        unit="ms",
        target=P99_MS,
        less=True,
        beside={"leaves": leaves, "p50_ms": round(took_ms[ASKED // 2], 3)},
    )
