"""Recording on somebody's behalf: build the event at the head of its stream, have it signed, submit it.

What a client does for itself over HTTP, the demo, the service key and keys in custody do through here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Protocol

from ledger.format.entry import Envelope
from ledger.format.event import Actor, Event
from ledger.format.signature import Signer
from ledger.ids import uuid7
from ledger.personal.vault import Secret, commit
from ledger.storage.db import Reader, reading
from ledger.storage.store import STREAM, one
from ledger.writing.writer import Ledger, Recorded


class Recordable(Protocol):
    """What can be recorded: a kind of event, and the body that its actors sign."""

    kind: ClassVar[str]

    def write(self) -> dict[str, Any]:
        """Return the body."""
        ...


@dataclass(frozen=True, slots=True)
class Signing:
    """A party that acts in a role, and the key that signs for it."""

    party: str
    role: str
    signer: Signer

    def actor(self) -> Actor:
        """Return the actor as the event names it."""
        return Actor(party=self.party, role=self.role, kid=self.signer.kid)


def stream_head(reader: Reader, log: int, stream: str) -> str | None:
    """Return the envelope hash that the next event of a stream must name; None begins the stream."""
    row = one(reader, STREAM, log=log, name=stream)
    return None if row is None else str(row["head"])


def build_event(
    reader: Reader,
    ledger: Ledger,
    body: Recordable,
    actors: Sequence[Actor],
    *,
    stream: str,
    occurred_at: datetime,
    idem: str | None = None,
    commitments: Mapping[str, str] | None = None,
) -> Event:
    """Return the event that its actors would sign now: at the head of its stream, with a fresh ``idem``."""
    return Event(
        origin=ledger.origin,
        kind=body.kind,
        stream=stream,
        stream_prev=stream_head(reader, ledger.log, stream),
        actors=tuple(actors),
        idem=idem or uuid7(occurred_at),
        occurred_at=occurred_at,
        body=body.write(),
        commitments=commitments or {},
    )


def record(
    ledger: Ledger,
    body: Recordable,
    signings: Sequence[Signing],
    *,
    stream: str,
    occurred_at: datetime,
    now: datetime,
    secrets: Mapping[str, Secret] | None = None,
    idem: str | None = None,
) -> Recorded:
    """Build, sign and submit an event; raise Refused when a rule forbids it."""
    given = secrets or {}
    with reading(ledger.engine) as reader:
        event = build_event(
            reader,
            ledger,
            body,
            [signing.actor() for signing in signings],
            stream=stream,
            occurred_at=occurred_at,
            idem=idem,
            commitments=commit(given),
        )
    data = event.to_bytes()
    envelope = Envelope(tuple(signing.signer.sign_event(data) for signing in signings), data)
    return ledger.submit(envelope.to_bytes(), now=now, secrets=tuple(given.values()))
