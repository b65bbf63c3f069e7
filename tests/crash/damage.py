"""Torn pages: 512 bytes of a database's files are not what was written, and what verification makes of it.

Either the log is what it was, entry for entry (the place was unused, or lay beyond the last checkpoint in a
journal that the database itself finds torn), or it is reported, or the database does not open at all.
"""

import random
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from ledger.format.checkpoint import claimed_checkpoint
from ledger.format.trust import Trust
from ledger.personal.vault import Secret
from ledger.publishing.guard import Guard
from ledger.publishing.publisher import publish
from ledger.storage.db import open_engine, reading
from ledger.storage.store import entries
from ledger.verifying.verify import verify
from tests.crash.child import now
from tests.crash.cluster import Cluster
from tests.ledger.world import World

SECTOR = 512


@dataclass(slots=True)
class Torn:
    """How many places were damaged and what became of it; ``silent`` and ``unhandled`` must stay 0."""

    places: int = 0
    clean: int = 0
    reported: int = 0
    refused: int = 0
    silent: int = 0
    unhandled: int = 0
    codes: Counter[str] = field(default_factory=Counter)

    def holds(self) -> bool:
        """Tell whether everything was noticed that mattered."""
        return (
            self.silent == self.unhandled == 0
            and self.places == self.clean + self.reported + self.refused > 0
        )


@dataclass(frozen=True, slots=True)
class Sound:
    """A log as it was before: its entries' bytes, the guard beside it, and the trust file."""

    trust: Trust
    guard: Path
    entries: tuple[bytes, ...]

    def look(self, url: str, torn: Torn) -> None:
        """Open a damaged database, verify it, and count what comes of it."""
        torn.places += 1
        engine = open_engine(url)
        try:
            with reading(engine) as reader:
                report = verify(reader, trust=self.trust, guard=Guard(self.guard))
                if not report.ok:
                    torn.reported += 1
                    torn.codes.update({finding.code for finding in report.findings})
                    return
                found = tuple(entry.data for entry in entries(reader, 1))
        except DBAPIError as error:
            torn.refused += 1
            torn.codes[type(error.orig).__name__] += 1
            return
        except Exception as fault:  # noqa: BLE001  whatever else: nobody may meet it
            torn.unhandled += 1
            torn.codes[f"{type(fault).__name__}: {fault}"] += 1
            return
        finally:
            engine.dispose()
        note = Guard(self.guard).last()
        assert note is not None
        whole = len(found) >= claimed_checkpoint(note).size and found == self.entries[: len(found)]
        torn.clean += whole
        torn.silent += not whole


def _fill(world: World, many: int) -> None:
    for n in range(many):
        secrets = {"driver": Secret(f"person {n}", f"subject-{n}")} if n % 8 == 0 else None
        world.note(f"note {n} " + "x" * 60, stream=f"stream/{n % 17}", secrets=secrets)


def _publish(world: World, guard: Path) -> None:
    publish(world.engine, world.log, world.origin, world.log_signers, now=now(), guard=Guard(guard))


def _sound(world: World, guard: Path) -> Sound:
    with reading(world.engine) as reader:
        assert verify(reader, trust=world.trust, guard=Guard(guard)).ok
        return Sound(world.trust, guard, tuple(entry.data for entry in entries(reader, world.log)))


def torn_sqlite(place: Path, folder: Path, places: int, chance: random.Random) -> Torn:
    """Damage copies of a migrated, empty database file and of its write-ahead log, once it is filled."""
    torn, guard = Torn(), folder / "guard"
    engine = open_engine(str(place))
    world = World(engine).open().register("an")
    _fill(world, 250)
    _publish(world, guard)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    _fill(world, 40)
    _publish(world, guard)
    _fill(world, 5)
    sound = _sound(world, guard)
    files = [place, place.with_name(f"{place.name}-wal")]
    for n in range(places):
        copies = [Path(shutil.copy(file, folder / f"torn.db{suffix}")) for file, suffix in _named(files)]
        _tear(copies[n % 2], chance)
        sound.look(str(copies[0]), torn)
        for left in folder.glob("torn.db*"):
            left.unlink()
    world.ledger.close()
    engine.dispose()
    return torn


def _named(files: list[Path]) -> list[tuple[Path, str]]:
    return list(zip(files, ("", "-wal"), strict=True))


def _tear(file: Path, chance: random.Random, *, pages: range | None = None) -> None:
    """Change a bit, or clear 512 bytes, or put other bytes there, at a place chosen by lot."""
    sectors = pages or range(file.stat().st_size // SECTOR)
    with file.open("r+b") as opened:
        while True:
            at = chance.choice(sectors) * SECTOR
            opened.seek(at)
            before = opened.read(SECTOR)
            one = bytearray(before)
            one[chance.randrange(len(one))] ^= 1 << chance.randrange(8)
            after = chance.choice((bytes(one), bytes(SECTOR), chance.randbytes(SECTOR)))
            if after != before:
                opened.seek(at)
                opened.write(after)
                return


def torn_postgres(server: Cluster, url: str, folder: Path, places: int, chance: random.Random) -> Torn:
    """Damage files of a filled database while the server is stopped, and put them right again."""
    torn, guard = Torn(), folder / "guard"
    engine = open_engine(url)
    world = World(engine).open().register("an")
    _fill(world, 250)
    _publish(world, guard)
    sound = _sound(world, guard)
    world.ledger.close()
    tables = (
        "ledger_entry",
        "ledger_tile",
        "ledger_stream",
        "ledger_head",
        "ledger_checkpoint",
        "vault_sealed",
    )
    with engine.connect() as connection:
        query = "SELECT pg_relation_filepath('{}')"
        files = [
            server.data / str(connection.exec_driver_sql(query.format(name)).scalar_one()) for name in tables
        ]
    engine.dispose()
    for n in range(places):
        file = files[0] if n % 2 == 0 else files[n // 2 % len(files)]
        server.stop()
        kept = file.read_bytes()
        _tear(file, chance)
        server.start()
        sound.look(url, torn)
        server.stop()
        file.write_bytes(kept)
        server.start()
    return torn
