"""A small log without a database, for what follows a log from outside; and real servers on the loopback."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from threading import Thread
from time import monotonic, sleep

import uvicorn
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa

from ledger.format.checkpoint import Checkpoint
from ledger.format.note import Kind, NoteKey, NoteSigner, make_note
from ledger.format.tiles import bundle_path, grow, pack_bundle, places
from ledger.format.tree import Proof, consistency_proof, leaf_hash, root

ORIGIN = "ledger.example/notes"
START = datetime(2026, 1, 5, 1, 0, tzinfo=UTC)


@lru_cache
def note_signer(name: str = ORIGIN) -> NoteSigner:
    """Return the Ed25519 key of a name: always the same one."""
    return NoteSigner(
        name, ed25519.Ed25519PrivateKey.from_private_bytes(sha256(f"log {name}".encode()).digest())
    )


@lru_cache
def post_quantum_signer(name: str = ORIGIN) -> NoteSigner:
    """Return the ML-DSA-44 key of a name: always the same one."""
    seed = sha256(f"log {name}".encode()).digest()
    return NoteSigner(name, mldsa.MLDSA44PrivateKey.from_seed_bytes(seed), Kind.MLDSA44)


def cosigners(name: str) -> tuple[NoteSigner, NoteSigner]:
    """Return the two keys of a witness or mirror."""
    return (
        NoteSigner(name, note_signer(name).private, Kind.COSIGNATURE),
        NoteSigner(name, post_quantum_signer(name).private, Kind.MLDSA44),
    )


class Tlog:
    """Entries, and the checkpoints over them; ``salt`` makes another log under the same keys."""

    def __init__(self, size: int, salt: str = "", origin: str = ORIGIN, common: int = 0) -> None:
        """Make a log whose first ``common`` entries have no salt."""
        self.origin = origin
        self.signers = (note_signer(origin), post_quantum_signer(origin))
        self.entries = [b"entry %d %s" % (i, salt.encode() if i >= common else b"") for i in range(size)]
        self.leaves = [leaf_hash(entry) for entry in self.entries]
        self._notes: dict[tuple[int, float], str] = {}  # ML-DSA never signs twice alike

    @property
    def keys(self) -> tuple[NoteKey, ...]:
        return tuple(signer.key for signer in self.signers)

    def checkpoint(self, size: int) -> Checkpoint:
        return Checkpoint(self.origin, size, root(self.leaves[:size]))

    def note(self, size: int, at: float = 0) -> str:
        if (size, at) in self._notes:
            return self._notes[size, at]
        moment = START.fromtimestamp(START.timestamp() + at, START.tzinfo)
        text = self.checkpoint(size).text
        note = make_note(text, [signer.sign_line(text, moment) for signer in self.signers])
        return self._notes.setdefault((size, at), note)

    def proof(self, old: int, size: int) -> Proof:
        return consistency_proof(self.leaves[:size], old) if old else ()

    def prover(self, size: int) -> Callable[[int], Sequence[bytes]]:
        return lambda old: self.proof(old, size)

    def publish(self, folder: Path, size: int, note: str | None = None) -> None:
        """Write the log at a size as static files, what belongs to smaller sizes left where it is."""
        tiles = {place: grown.hashes for place, grown in grow(_nothing, 0, self.leaves[:size]).items()}
        for place in places(size):
            assert place.level is not None
            _write(folder / place.path, tiles[place.level, place.index])
            if place.level == 0:
                start = place.index * 256
                bundle = pack_bundle(self.entries[start : start + place.width])
                _write(folder / bundle_path(place.index, place.width), bundle)
        _write(folder / "checkpoint", (note or self.note(size)).encode())


def _nothing(_level: int, _index: int) -> bytes:
    return b""


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


@contextmanager
def served(app: object) -> Iterator[str]:
    """Serve an application on a free port of the loopback and yield its URL."""
    from api.witness import config  # noqa: PLC0415  what needs no server starts quicker without

    server = uvicorn.Server(config(app, "127.0.0.1", 0))  # type: ignore[arg-type]
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    patience = monotonic() + 10
    while not server.started and monotonic() < patience:
        sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
