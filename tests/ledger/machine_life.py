"""What a life of the ledger should have left: the model that the machine measures a real log against."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from ledger.format.checkpoint import Checkpoint, claimed_checkpoint
from ledger.format.event import Event
from ledger.personal.erasure import KIND
from ledger.publishing.guard import Guard
from ledger.verifying.incremental import State
from ledger.writing.writer import Recorded


def tree_head(leaves: Sequence[bytes]) -> bytes:
    """Return the root over leaves, by the definition of RFC 6962 and nothing of the product."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256().digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01" + tree_head(leaves[:split]) + tree_head(leaves[split:])).digest()


@dataclass(frozen=True, slots=True)
class Given:
    """An answer that a client holds: the envelope, its event, and the receipt."""

    data: bytes
    event: Event
    done: Recorded

    @property
    def seq(self) -> int:
        return self.done.receipt.seq

    @property
    def leaf(self) -> bytes:
        return self.done.receipt.entry_hash


@dataclass(slots=True)
class Life:
    """One log: what must stand in the database (``leaves``), and what others hold of it.

    ``given`` are all answers ever, ``notes`` all checkpoints ever signed, ``signed`` the leaves below the
    newest of them. What others hold never shrinks, whatever befalls the database.
    """

    origin: str
    guard: Guard
    folder: Path
    leaves: list[bytes] = field(default_factory=list)
    given: list[Given] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    signed: list[bytes] = field(default_factory=list)
    states: list[tuple[State, list[bytes]]] = field(default_factory=list)
    erased: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)  # commitments whose entries came back without the values
    exported: int = 0
    mirrored: int = 0
    witnessed: int = 0

    def take(self, given: Given) -> None:
        """Take in an answer: it goes on where the log ended, or says what it said before."""
        if given.done.repeated:
            assert self.leaves[given.seq] == given.leaf
        else:
            assert given.seq == len(self.leaves)
            self.leaves.append(given.leaf)
        self.given.append(given)

    def stands(self, given: Given) -> bool:
        """Tell whether what a client was promised is still there."""
        return given.seq < len(self.leaves) and self.leaves[given.seq] == given.leaf

    def promised(self) -> set[str]:
        """Return the commitments whose values must be in the vault."""
        due: set[str] = set()
        for one in sorted(filter(self.stands, self.given), key=lambda one: one.seq):
            due |= set(one.event.commitments.values())
            if one.event.kind == KIND:
                due -= set(one.event.body["commitments"])
        return due

    def note_signed(self, note: str) -> None:
        """Take in a note that left the signer; it must be over what was acknowledged."""
        head = claimed_checkpoint(note, self.origin)
        assert head.root == tree_head(self.leaves[: head.size])
        assert head.size <= len(self.leaves)
        self.notes.append(note)
        self.signed = self.leaves[: head.size]

    @property
    def heads(self) -> list[Checkpoint]:
        """The checkpoints ever signed, in order."""
        return [claimed_checkpoint(note) for note in self.notes]

    @property
    def trouble(self) -> str | None:
        """What must keep the log from going on: the code, None when nothing must."""
        known = [head.size for head in self.heads if head.size <= len(self.leaves)]
        if known and self.leaves[: known[-1]] != self.signed[: known[-1]]:
            return "ledger.forked"
        return "ledger.behind_guard" if len(self.signed) > len(self.leaves) else None


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy of the database, what stood in it and in the guard then, and what was wrong with it."""

    place: str
    leaves: tuple[bytes, ...]
    guard: bytes
    trouble: str | None

    @classmethod
    def of(cls, life: Life, place: str) -> "Backup":
        return cls(place, tuple(life.leaves), life.guard.path.read_bytes(), life.trouble)


def other_bytes(event: Event) -> Event:
    """Return an event of the same ``idem`` that says something else."""
    return replace(event, body={"text": "something else"})
