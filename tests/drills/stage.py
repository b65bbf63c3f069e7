"""Where a drill is played: a log with everything that watches over it, made when it is asked for."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import httpx
from sqlalchemy import Engine

from ledger.format.tiles import consistency
from ledger.format.trust import Trust
from ledger.publishing.guard import Guard
from ledger.publishing.publisher import publish
from ledger.storage.db import open_engine, reading
from ledger.storage.store import CHECKPOINT, rows, tile_reader
from ledger.watching.monitor import Monitor
from ledger.watching.witness import Answer, Request, Witness
from tests.drills.hands import shown
from tests.ledger.incidents import copy_of
from tests.ledger.tlog import cosigners
from tests.ledger.world import ORIGIN, START, World, begin, go_on, note_signer, post_quantum_signer

LOG_KEYS = (note_signer().key, post_quantum_signer().key)
NewEngine = Callable[[], Engine]


@dataclass
class Guarded(World):
    """A world whose checkpoints a guard remembers."""

    guard: Guard | None = None

    def checkpoint(self) -> tuple[int, str]:
        return publish(self.engine, self.log, self.origin, self.log_signers, now=self.now(), guard=self.guard)


@dataclass
class Stage:
    """A stage in a folder; ``attacked`` is false for the control, which plays without the attack.

    The log is that of `tests.ledger.world.lived_in`: twelve entries, checkpoints over 5 and 12 of them, both
    in the guard and cosigned by a witness. A monitor has followed it, and its parties hold their receipts.
    With ``backup`` there is one of the database, taken at the first checkpoint.
    """

    new_engine: NewEngine
    folder: Path
    attacked: bool = True
    backup: str = ""
    _keeps_backup: bool = False
    _opened: list[Engine] = field(default_factory=list)

    @cached_property
    def engine(self) -> Engine:
        return self.new_engine()

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @cached_property
    def http(self) -> httpx.Client:
        return httpx.Client()

    @cached_property
    def world(self) -> Guarded:
        world = Guarded(self.engine, guard=Guard(self.folder / "guard.journal"))
        begin(world)
        self.cosign(0, (), world.checkpoint()[1])
        if self._keeps_backup:
            self.backup = copy_of(self.engine)
            shutil.copy(self.folder / "guard.journal", self.folder / "guard.yesterday")
        go_on(world)
        note = world.checkpoint()[1]
        self.cosign(5, self.proof(world, 5, 12), note)
        return world

    def with_backup(self) -> "Stage":
        """Have a backup taken while the world lives; to be asked for first."""
        assert "world" not in self.__dict__
        self._keeps_backup = True
        return self

    @cached_property
    def restored(self) -> Guarded:
        """The world on the backup of its database: the writer of today, on the entries of yesterday."""
        now = self.world
        return Guarded(self.open(self.backup), guard=now.guard, numbers=now.numbers, recorded=now.recorded)

    @cached_property
    def fork(self) -> Guarded:
        """Another log under the same stolen keys, all of them: the first five entries are the same."""
        forked = Guarded(self.new_engine())
        begin(forked)
        forked.checkpoint()
        for number in range(7):
            forked.note(f"lie {number}", by="binh")
        forked.checkpoint()
        return forked

    @property
    def guard(self) -> Guard:
        assert self.world.guard is not None
        return self.world.guard

    @property
    def trust(self) -> Trust:
        return self.world.trust

    @cached_property
    def witness(self) -> Witness:
        return Witness(self.folder / "witness.db", {ORIGIN: LOG_KEYS}, cosigners("witness.example/w"))

    @cached_property
    def monitor(self) -> Monitor:
        return Monitor(self.folder / "monitor", ORIGIN, LOG_KEYS)

    def open(self, place: str) -> Engine:
        """Open another database, until the stage is closed."""
        self._opened.append(open_engine(place))
        return self._opened[-1]

    def cosign(self, old: int, proof: tuple[bytes, ...], note: str) -> Answer:
        """Ask the witness to go from an old size to the checkpoint of a note."""
        return self.witness.add_checkpoint(Request(old, proof, note).to_bytes(), now=START)

    @staticmethod
    def proof(world: World, old: int, size: int) -> tuple[bytes, ...]:
        """Return what a log says to prove that it grew."""
        with reading(world.engine) as reader:
            return consistency(tile_reader(reader, world.log), old, size)

    def note_at(self, size: int) -> str:
        """Return the checkpoint over so many entries."""
        with reading(self.world.engine) as reader:
            return str(rows(reader, CHECKPOINT, log=self.world.log, size=size)[0]["note"])

    def shown(self, world: World, name: str = "shown") -> Path:
        """Return the folder of static files in which a log is served as it is, unchecked."""
        return shown(world.engine, world.log, self.folder / name)

    def close(self) -> None:
        """End what was begun."""
        for name in ("world", "restored", "fork"):
            if name in self.__dict__:
                self.__dict__[name].ledger.close()
        for engine in self._opened:
            engine.dispose()
        if "http" in self.__dict__:
            self.http.close()
