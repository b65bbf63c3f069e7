"""A small world without waste: two operators open a log, people register keys and write notes."""

import atexit
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa
from sqlalchemy import Engine

from ledger.format.entry import Envelope
from ledger.format.event import Actor, Event
from ledger.format.keys import HOLDER, OPENED, REGISTERED, REVOKED, ROTATED, key_fields
from ledger.format.note import Kind, NoteKey, NoteSigner
from ledger.format.signature import Algorithm, KeySigner, PrivateKey
from ledger.format.trust import Trust
from ledger.personal.subjects import Subjects
from ledger.personal.vault import Secret, commit
from ledger.publishing.publisher import publish
from ledger.writing.changes import Change, Reads
from ledger.writing.prepared import Act
from ledger.writing.writer import Judge, Ledger, Recorded

ORIGIN = "ledger.example/notes"
NOTE = "note.written.v1"
START = datetime(2026, 1, 5, 1, 0, tzinfo=UTC)
OPERATORS = ("operator-a", "operator-b")


@lru_cache(maxsize=64)
def private_key(name: str, algorithm: Algorithm = Algorithm.ED25519) -> PrivateKey:
    """Return the key of a name: always the same one, save for RSA, which is the same within a run."""
    seed = hashlib.sha256(f"{algorithm} {name}".encode()).digest()
    match algorithm:
        case Algorithm.ED25519:
            return ed25519.Ed25519PrivateKey.from_private_bytes(seed)
        case Algorithm.P256:
            return ec.derive_private_key(int.from_bytes(seed, "big") >> 1, ec.SECP256R1())
        case Algorithm.MLDSA44:
            return mldsa.MLDSA44PrivateKey.from_seed_bytes(seed)
        case Algorithm.RSA:
            return rsa.generate_private_key(65537, 2048)


def signer(name: str, algorithm: Algorithm = Algorithm.ED25519) -> KeySigner:
    """Return whoever signs under that name."""
    return KeySigner(private_key(name, algorithm))


def note_signer(name: str = ORIGIN) -> NoteSigner:
    """Return the log's own key: the one that signs receipts too."""
    key = private_key(f"log {name}")
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    return NoteSigner(name, key)


def post_quantum_signer(name: str = ORIGIN) -> NoteSigner:
    """Return the log's other key, which signs its checkpoints beside the first."""
    key = private_key(f"log {name}", Algorithm.MLDSA44)
    assert isinstance(key, mldsa.MLDSA44PrivateKey)
    return NoteSigner(name, key, Kind.MLDSA44)


def uuid7(number: int) -> str:
    """Return the version 7 UUID with that number."""
    text = f"{0x019B00000000:012x}7000{0x8000000000000000 + number:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def envelope(event: Event, *signers: KeySigner) -> bytes:
    """Return the event, signed by each in order."""
    data = event.to_bytes()
    return Envelope(tuple(one.sign_event(data) for one in signers), data).to_bytes()


@lru_cache(maxsize=1)
def _scratch() -> str:
    folder = mkdtemp(prefix="ctnh-world-")
    atexit.register(rmtree, folder, ignore_errors=True)
    return folder


def new_folder() -> Path:
    """Return a new folder that lasts as long as the process."""
    return Path(mkdtemp(dir=_scratch()))


def accept(_reads: Reads, _act: Act) -> tuple[Change, ...]:
    """Allow everything."""
    return ()


@dataclass
class World:
    """A ledger with its clock; ``open()`` first."""

    engine: Engine
    judge: Judge = accept
    origin: str = ORIGIN
    numbers: int = 0
    heads: dict[str, str] = field(default_factory=dict)
    recorded: list[Recorded] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.log_signer = note_signer(self.origin)
        self.log_signers = (self.log_signer, post_quantum_signer(self.origin))
        self.subjects = Subjects(new_folder(), self.origin)
        self.ledger = Ledger(
            self.engine, self.origin, judge=self._judged, signer=self.log_signer, subjects=self.subjects
        )

    def _judged(self, reads: Reads, act: Act) -> tuple[Change, ...]:
        return self.judge(reads, act)  # looked up each time: a test may put another judge in

    @property
    def log(self) -> int:
        return self.ledger.log

    @property
    def trust(self) -> Trust:
        return Trust(self.origin, self.log_keys, tuple(signer(name).kid for name in OPERATORS))

    @property
    def log_keys(self) -> tuple[NoteKey, ...]:
        return tuple(signer.key for signer in self.log_signers)

    def number(self) -> int:
        self.numbers += 1
        return self.numbers

    def now(self) -> datetime:
        return START + timedelta(seconds=self.number())

    def event(self, kind: str, actors: Sequence[Actor], body: Mapping[str, Any], **changed: Any) -> Event:
        """Return an event at the end of its stream, ``notes`` unless another is named."""
        stream = changed.pop("stream", "notes")
        made: dict[str, Any] = {
            "origin": self.origin,
            "kind": kind,
            "stream": stream,
            "stream_prev": self.heads.get(stream),
            "actors": tuple(actors),
            "idem": uuid7(self.number()),
            "occurred_at": START + timedelta(seconds=self.numbers),
            "body": body,
        }
        return Event(**made | changed)

    def submit(self, event: Event, *signers: KeySigner, secrets: tuple[Secret, ...] = ()) -> Recorded:
        """Sign and append; the stream's head moves on when it was taken."""
        done = self.ledger.submit(envelope(event, *signers), now=self.now(), secrets=secrets)
        self.heads[event.stream] = done.envelope_hash
        self.recorded.append(done)
        return done

    def opening(self, **body: Any) -> Event:
        fields = [key_fields(signer(name).public_key, party=name, custody="service") for name in OPERATORS]
        full = {"format": 1, "log_keys": [str(key) for key in self.log_keys], "root_keys": fields}
        actors = [Actor(party=name, role="operator", kid=signer(name).kid) for name in OPERATORS]
        return self.event(OPENED, actors, full | body, stream="log")

    def open(self) -> "World":
        """Append entry 0."""
        self.submit(self.opening(), *(signer(name) for name in OPERATORS))
        return self

    def registration(self, name: str, holder: KeySigner, **changed: Any) -> Event:
        body = {"key": key_fields(holder.public_key, party=name, custody="device")}
        actors = [
            Actor(party=name, role=HOLDER, kid=holder.kid),
            Actor(party=OPERATORS[0], role="operator", kid=signer(OPERATORS[0]).kid),
        ]
        return self.event(REGISTERED, actors, body, **{"stream": f"keys/{name}"} | changed)

    def register(self, name: str, algorithm: Algorithm = Algorithm.ED25519) -> "World":
        """Register the key of a name, sponsored by the first operator."""
        holder = signer(name, algorithm)
        self.submit(self.registration(name, holder), holder, signer(OPERATORS[0]))
        return self

    def rotation(self, name: str, old: KeySigner, new: KeySigner) -> Event:
        body = {
            "kid": old.kid,
            "key": key_fields(new.public_key, party=name, custody="device"),
        }
        actors = [Actor(party=name, role=HOLDER, kid=key.kid) for key in (old, new)]
        return self.event(ROTATED, actors, body, stream=f"keys/{name}")

    def revocation(self, name: str, kid: str) -> Event:
        actor = Actor(party=OPERATORS[0], role="operator", kid=signer(OPERATORS[0]).kid)
        return self.event(REVOKED, [actor], {"kid": kid}, stream=f"keys/{name}")

    def revoke(self, name: str) -> "World":
        self.submit(self.revocation(name, signer(name).kid), signer(OPERATORS[0]))
        return self

    def written(self, text: str, by: KeySigner, party: str = "writer", **changed: Any) -> Event:
        return self.event(NOTE, [Actor(party=party, role="writer", kid=by.kid)], {"text": text}, **changed)

    def note(
        self,
        text: str = "a note",
        by: str = "an",
        algorithm: Algorithm = Algorithm.ED25519,
        secrets: Mapping[str, Secret] | None = None,
        **changed: Any,
    ) -> Recorded:
        """Append a note by a registered writer."""
        kept = secrets or {}
        key = signer(by, algorithm)
        event = self.written(text, key, party=by, commitments=commit(kept), **changed)
        return self.submit(event, key, secrets=tuple(kept.values()))

    def checkpoint(self) -> tuple[int, str]:
        return publish(self.engine, self.log, self.origin, self.log_signers, now=self.now())


def lived_in(engine: Engine, *, checkpoint: bool = True) -> World:
    """Return a world of twelve entries: several streams, keys that come and go, personal values, checkpoints.

    0 opening, 1 an, 2 binh registered, 3–5 notes, 6 binh rotated, 7–8 notes, 9 an revoked, 10–11 notes.
    """
    world = World(engine)
    begin(world)
    if checkpoint:
        world.checkpoint()
    go_on(world)
    if checkpoint:
        world.checkpoint()
    return world


def begin(world: World) -> None:
    """Live through entries 0 to 4 of `lived_in`."""
    world.open().register("an").register("binh")
    world.note("first")
    world.note("second", secrets={"driver": Secret("Nguyễn Văn A", "subject-1", b"s" * 32)})


def go_on(world: World) -> None:
    """Live through entries 5 to 11 of `lived_in`."""
    world.note("elsewhere", by="binh", stream="other")
    new = signer("binh.2")
    world.submit(world.rotation("binh", signer("binh"), new), signer("binh"), new)
    world.note("third", by="binh.2", secrets={"phone": Secret("0900 000 000", "subject-2", b"t" * 32)})
    world.note("fourth", stream="other")
    world.revoke("an")
    world.note("fifth", by="binh.2", stream="other")
    world.note("sixth", by="binh.2")
