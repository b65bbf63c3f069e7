"""The long run: `python -m tests.crash.run --kills 200 [--database sqlite|postgres]`.

It plays every accident as often as asked for, prints each case as it ends, and keeps the counts in `var/` for
`tests.crash.report`. The exit code is 1 when something acknowledged was lost, half-written or not noticed.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from api.database import upgrade
from ledger.storage.db import open_engine
from tests.crash import cases, damage, disk
from tests.crash.cluster import Cluster, cluster
from tests.crash.damage import Torn
from tests.crash.ground import Ground, Nursery, Tally, chance

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "var" / "crash"
SMALL = {"max_wal_size": "8MB", "min_wal_size": "2MB", "shared_buffers": "16MB"}
# A commit then waits for others, and there is time to kill it.
SLOW_COMMIT = {"commit_delay": "100000", "commit_siblings": "0"}

Case = tuple[str, Callable[[], Tally | Torn]]


class Run:
    """The cases of one kind of database, each on a ground of its own below ``folder``."""

    def __init__(self, folder: Path, nursery: Nursery, kills: int, dice: random.Random) -> None:
        self.folder, self.nursery, self.kills, self.dice = folder, nursery, kills, dice
        self.few = max(kills // 20, 1)

    def fresh(self) -> Path:
        """Return a new folder."""
        made = Path(tempfile.mkdtemp(dir=self.folder))
        made.chmod(0o777)
        return made

    def file(self, folder: Path, name: str = "ctnh.db") -> str:
        """Return the place of a migrated, empty SQLite database."""
        engine = open_engine(str(folder / name))
        upgrade(engine)
        engine.dispose()
        return str(folder / name)

    def sqlite(self) -> Iterator[Case]:
        """Yield the cases on SQLite."""

        def ground() -> Ground:
            folder = self.fresh()
            return Ground(self.file(folder), folder, self.nursery)

        def full() -> Tally:
            folder = self.fresh()
            with disk.small_disk(folder, 16) as place:
                on_it = Ground(self.file(folder, "disk/ctnh.db"), folder, self.nursery)
                return disk.filled_up(on_it, place, self.few)

        def torn() -> Torn:
            folder = self.fresh()
            return damage.torn_sqlite(Path(self.file(folder)), folder, self.kills, self.dice)

        yield "killed at each point", lambda: cases.killed_at_points(ground(), max(self.few // 2, 1))
        yield "killed at random", lambda: cases.killed_at_random(ground(), self.kills, self.dice)
        yield "processes side by side", lambda: cases.many_processes(ground(), 2, self.kills * 2, 0.02)
        yield "torn pages", torn
        yield "limit on a file's size", lambda: disk.limited(ground(), 1 << 21)
        yield "disk full", full

    def postgres(self, server: Cluster) -> Iterator[Case]:
        """Yield the cases on PostgreSQL."""

        def ground() -> Ground:
            return Ground(server.new(), self.fresh(), self.nursery)

        def backends() -> Tally:
            with cluster(SLOW_COMMIT) as own:
                return cases.backends_killed(
                    Ground(own.new(), self.fresh(), self.nursery), own, self.few, self.dice
                )

        def torn(*, checksums: bool) -> Torn:
            with cluster() as own:
                if not checksums:
                    own.without_checksums()
                return damage.torn_postgres(own, own.new(), self.fresh(), self.few, self.dice)

        def full() -> Tally:
            folder = self.fresh()
            with disk.small_disk(folder, 256) as place, cluster(SMALL, folder=place, segment_mb=1) as own:
                return disk.filled_up(Ground(own.new(), folder, self.nursery), place, 2, own)

        yield "killed at each point", lambda: cases.killed_at_points(ground(), max(self.few // 2, 1))
        yield "killed at random", lambda: cases.killed_at_random(ground(), self.kills, self.dice)
        yield "processes side by side", lambda: cases.many_processes(ground(), 8, self.kills * 2, 0.02)
        yield "server stopped at once", lambda: cases.stopped_at_once(ground(), server, self.few, self.dice)
        yield "commit killed in the server", backends
        yield "torn pages, with checksums", lambda: torn(checksums=True)
        yield "torn pages, without checksums", lambda: torn(checksums=False)
        yield "disk full", full


def play(database: str, played: Iterator[Case]) -> bool:
    """Play cases, keep what they count, and tell whether all of them hold."""
    kept: list[dict[str, Any]] = []
    result: dict[str, Any] = {"database": database, "commit": commit(), "cases": kept}
    for name, case in played:
        began = time.monotonic()
        counted = case()
        took = round(time.monotonic() - began)
        kind = "torn" if isinstance(counted, Torn) else "tally"
        # Not `asdict`, which takes a Counter apart.
        counts = {field.name: getattr(counted, field.name) for field in fields(counted)}
        kept.append({"case": name, "kind": kind, "holds": counted.holds(), "seconds": took, "counts": counts})
        print(f"{database}: {name}: {took} s: {counted}", flush=True)  # noqa: T201
        RESULTS.mkdir(parents=True, exist_ok=True)
        result = {
            "database": database,
            "commit": commit(),
            "at": datetime.now(UTC).isoformat(),
            "cases": kept,
        }
        (RESULTS / f"{database}.json").write_text(json.dumps(result, indent=1))
    return all(one["holds"] for one in kept)


def commit() -> str:
    """Return the commit that is checked out."""
    said = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return said.stdout.strip()


def main() -> int:
    """Run what the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.run")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--database", choices=("sqlite", "postgres"))
    asked = parser.parse_args()
    print(f"seed {asked.seed}", flush=True)  # noqa: T201
    holds = True
    with tempfile.TemporaryDirectory(prefix="ctnh-crash-") as name, Nursery() as nursery:
        Path(name).chmod(0o755)
        run = Run(Path(name), nursery, asked.kills, chance(asked.seed))
        if asked.database != "postgres":
            holds &= play("sqlite", run.sqlite())
        if asked.database != "sqlite":
            with cluster() as server:
                holds &= play("postgres", run.postgres(server))
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
