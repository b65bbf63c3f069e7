"""How long a proof takes from stored tiles, nothing cached, and how large it is."""

import random
import secrets
import time
from pathlib import Path

from sqlalchemy import insert, update

from api.database import upgrade
from bench.result import Result
from ledger.db import open_engine, reading, writing
from ledger.statements import inserting
from ledger.store import LOG, TILE, tile_reader
from ledger.tiles import consistency, grow, inclusion

CHUNK = 100_000
ASKED = 1000
P99_MS, BYTES = 2.0, 768


def proofs(folder: Path, leaves: int) -> list[Result]:
    """Build the tiles of a tree with so many random leaves and prove entries of it."""
    engine = open_engine(f"{folder}/tree-{leaves}.db")
    upgrade(engine)
    with writing(engine, 0) as writer:
        writer.execute(inserting(LOG), {"log": 1, "origin": "ledger.example/tree"})
    spent = 0.0
    for size in range(0, leaves, CHUNK):
        count = min(CHUNK, leaves - size)
        new = [secrets.token_bytes(32) for _ in range(count)]
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
    chosen = random.Random(leaves)  # noqa: S311  a repeatable choice
    took, olds, longest = [], [], 0
    for _ in range(ASKED):
        index = chosen.randrange(leaves)
        with reading(engine) as reader:
            read = tile_reader(reader, 1)
            began = time.perf_counter()
            path = inclusion(read, index, leaves)
            took.append((time.perf_counter() - began) * 1000)
            began = time.perf_counter()
            consistency(read, index + 1, leaves)
            olds.append((time.perf_counter() - began) * 1000)
        longest = max(longest, len(path) * 32)
    engine.dispose()
    took.sort()
    olds.sort()
    place = int(ASKED * 0.99)
    beside = {"leaves": leaves, "p50_ms": round(took[ASKED // 2], 3)}
    return [
        Result(
            name="inclusion proof p99", value=took[place], unit="ms", target=P99_MS, less=True, beside=beside
        ),
        Result(
            name="consistency proof p99",
            value=olds[place],
            unit="ms",
            target=P99_MS,
            less=True,
            beside={"leaves": leaves, "p50_ms": round(olds[ASKED // 2], 3)},
        ),
        Result(
            name="inclusion proof, longest",
            value=longest,
            unit="B",
            target=BYTES,
            less=True,
            beside={"leaves": leaves},
        ),
        Result(name="tiles grown", value=leaves / spent, unit="leaves/s", beside={"leaves": leaves}),
    ]
