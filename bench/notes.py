"""A log to measure with: two operators, some writers, notes of the size of a manifest's act."""

import gc
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519
from sqlalchemy import Engine

from api.database import upgrade
from ledger.format.entry import Envelope
from ledger.format.event import Actor, Event
from ledger.format.keys import OPENED, REGISTERED, key_fields
from ledger.format.note import NoteSigner
from ledger.format.signature import KeySigner
from ledger.format.trust import Trust
from ledger.ids import uuid7
from ledger.storage.db import open_engine, reading
from ledger.writing.prepared import Prepared
from ledger.writing.writer import Ledger

ORIGIN = "ledger.example/bench"
START = datetime(2026, 1, 5, tzinfo=UTC)
# Makes events of 700 to 1,300 bytes, as acts have; events of one length would fill pages by luck.
TEXT_BYTES = range(150, 450)
WRITERS = 8


def signer() -> KeySigner:
    """Return somebody new who signs."""
    return KeySigner(ed25519.Ed25519PrivateKey.generate())


class Notes:
    """An open log and the heads of its streams."""

    def __init__(self, engine: Engine) -> None:
        upgrade(engine)
        self.engine = engine
        self.log_signer = NoteSigner(ORIGIN, ed25519.Ed25519PrivateKey.generate())
        self.ledger = self._open()
        self.roots = [signer(), signer()]
        self.writers = [signer() for _ in range(WRITERS)]
        self.heads: dict[str, str] = {}
        self.now = START
        self._random = Random(7)  # noqa: S311  a repeatable choice of lengths
        fields = [key_fields(root.public_key, party="operator", custody="service") for root in self.roots]
        body = {"format": 1, "log_keys": [str(self.log_signer.key)], "root_keys": fields}
        self._submit(OPENED, body, "log", [("operator", "operator", root) for root in self.roots])
        for n, writer in enumerate(self.writers):
            party = f"writer-{n}"
            body = {"key": key_fields(writer.public_key, party=party, custody="device")}
            actors = [(party, "holder", writer), ("operator", "operator", self.roots[0])]
            self._submit(REGISTERED, body, f"key:{n}", actors)

    def _open(self) -> Ledger:
        return Ledger(self.engine, ORIGIN, judge=lambda *_: (), signer=self.log_signer)

    def reopen(self) -> None:
        """Let the writer end what it has, and write on with another."""
        self.ledger.close()
        self.ledger = self._open()

    @property
    def trust(self) -> Trust:
        """What an auditor would hold."""
        return Trust(ORIGIN, (self.log_signer.key,), tuple(root.kid for root in self.roots))

    def envelope(
        self, kind: str, body: dict[str, Any], stream: str, actors: list[tuple[str, str, KeySigner]]
    ) -> bytes:
        """Return a signed event at the head of its stream."""
        event = Event(
            origin=ORIGIN,
            kind=kind,
            stream=stream,
            stream_prev=self.heads.get(stream),
            actors=tuple(Actor(party=party, role=role, kid=who.kid) for party, role, who in actors),
            idem=uuid7(self.now),
            occurred_at=self.now,
            body=body,
        ).to_bytes()
        made = Envelope(tuple(who.sign_event(event) for _, _, who in actors), event)
        self.heads[stream] = made.hash
        return made.to_bytes()

    def note(self, stream: int) -> bytes:
        """Return a signed note, the next of a numbered stream."""
        n = stream % WRITERS
        text = secrets.token_hex(self._random.choice(TEXT_BYTES))
        return self.envelope(
            "note.written.v1", {"text": text}, f"s/{stream}", [(f"writer-{n}", "writer", self.writers[n])]
        )

    def prepare(self, streams: range) -> list[Prepared]:
        """Return the next note of each stream, judged."""
        self.now += timedelta(seconds=1)
        made = []
        with reading(self.engine) as reader:
            for stream in streams:
                prepared = self.ledger.prepare(reader, self.note(stream), now=self.now)
                assert isinstance(prepared, Prepared)
                made.append(prepared)
        return made

    def append(self, prepared: list[Prepared]) -> None:
        """Append commands as they would come from many at once."""
        for ticket in [self.ledger.put(one) for one in prepared]:
            ticket.result()

    def grow(self, entries: int, *, streams: int = 2000) -> None:
        """Append so many notes, several to a stream."""
        while entries > 0:
            count = min(entries, streams)
            self.append(self.prepare(range(count)))
            entries -= count

    def _submit(
        self, kind: str, body: dict[str, Any], stream: str, actors: list[tuple[str, str, KeySigner]]
    ) -> None:
        self.ledger.submit(self.envelope(kind, body, stream, actors), now=self.now)


@contextmanager
def notes(place: str) -> Iterator[Notes]:
    """Open a new log in an empty database."""
    engine = open_engine(place)
    made = Notes(engine)
    try:
        yield made
    finally:
        made.ledger.close()
        engine.dispose()


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep the collector from counting what the benchmark itself has piled up."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
