"""Request and response models, and the schemas of the events' own fields for the documentation."""

import base64
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from api.acting import Done, Partial
from ledger.format.event import Event, time_text
from ledger.format.signature import pae
from manifest.body import Body
from manifest.events import EVENTS

_IN = ConfigDict(extra="forbid")
MAX_ITEMS = 100
# What a route answers, beside 201, that records once under one Idempotency-Key.
REPEATED: dict[int | str, dict[str, Any]] = {
    200: {"description": "recorded before under the same Idempotency-Key: the first receipt"}
}


class LoginIn(BaseModel):
    """A login and its password."""

    model_config = _IN
    login: str = Field(min_length=1, max_length=100)
    password: str = Field(min_length=1, max_length=200)


class SessionOut(BaseModel):
    """A session: its bearer token, and until when it holds."""

    token: str
    party: str
    name: str
    expires_at: datetime


class ApiKeyIn(BaseModel):
    """An API key to be made."""

    model_config = _IN
    name: str = Field(min_length=1, max_length=100)
    scope: Literal["read", "act"] = "read"
    days: int = Field(90, ge=1, le=3660)


class ApiKeyOut(BaseModel):
    """An API key; ``key``, the secret, is there only in the answer that makes it."""

    id: str
    name: str
    scope: str
    created_at: datetime
    expires_at: datetime
    revoked: bool = False
    key: str | None = None


class ReceiptOut(BaseModel):
    """The log's word that an entry stands: position, hash, time, and the same as a signed note.

    ``recorded_after`` is there where the act was signed offline and others were recorded since: their
    positions and kinds. The act stands after them, and the next one names its envelope.
    """

    seq: int
    entry_hash: str
    recorded_at: str
    receipt: str
    envelope_hash: str
    repeated: bool
    stream: str
    kind: str
    idem: str
    body: dict[str, Any]
    recorded_after: list[dict[str, Any]] = []


class PartialOut(BaseModel):
    """An event that others have yet to sign; it is theirs to hand to `/acts/countersign`."""

    event: str
    signatures: list[str]
    awaits: dict[str, Any]
    secrets: dict[str, Any] = {}


class PreparedOut(BaseModel):
    """The text that the actors sign, and its pre-authentication encoding in Base64."""

    event: str
    pae: str
    stream: str
    stream_prev: str | None
    actors: list[dict[str, Any]]
    secrets: dict[str, Any] = {}


def receipt(done: Done) -> dict[str, Any]:
    """Return the answer to an act that was recorded, now or before."""
    recorded, event = done.recorded, done.event
    late = {"recorded_after": [{"seq": seq, "kind": kind} for seq, kind in done.since]} if done.since else {}
    return {
        "seq": recorded.receipt.seq,
        "entry_hash": recorded.receipt.entry_hash.hex(),
        "recorded_at": time_text(recorded.receipt.recorded_at),
        "receipt": recorded.note,
        "envelope_hash": recorded.envelope_hash,
        "repeated": recorded.repeated,
        "stream": event.stream,
        "kind": event.kind,
        "idem": event.idem,
        "body": dict(event.body),
        **late,
    }


def partial(made: Partial, secrets: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to an act that others have yet to sign."""
    return {
        "event": made.data.decode(),
        "signatures": [line.text() for line in made.signatures],
        "awaits": made.awaits.as_json(),
        "secrets": secrets,
    }


def prepared(event: Event, secrets: dict[str, Any]) -> dict[str, Any]:
    """Return the bytes to sign."""
    data = event.to_bytes()
    return {
        "event": data.decode(),
        "pae": base64.b64encode(pae(data)).decode(),
        "stream": event.stream,
        "stream_prev": event.stream_prev,
        "actors": [actor.as_json() for actor in event.actors],
        "secrets": secrets,
    }


def _all_events() -> tuple[dict[str, Any], dict[str, Any]]:
    inputs: Any = [(kind, "validation", TypeAdapter(event)) for kind, event in EVENTS.items()]
    made, definitions = TypeAdapter.json_schemas(inputs, ref_template="#/components/schemas/{model}")
    return {kind: schema for (kind, _), schema in made.items()}, definitions.get("$defs", {})


EVENT_SCHEMAS, DEFINITIONS = _all_events()
_AROUND: dict[str, Any] = {
    "occurred_at": {"type": "string", "format": "date-time", "description": "now if left out"},
    "secrets": {"type": "object", "description": "personal values behind commitments, by name"},
    "on_behalf_of": {
        "type": "string",
        "description": "the party that gave a mandate, or whose word you enter (`on_paper`)",
    },
}


def takes(
    event: type[Body],
    *,
    filled: Iterable[str] = (),
    may_omit: Iterable[str] = (),
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the documentation of a route that takes an event's fields, less those that we fill in.

    ``more`` are fields of the route's own, none of them required.
    """
    schema = EVENT_SCHEMAS[event.kind]
    if "$ref" in schema:
        schema = DEFINITIONS[schema["$ref"].rpartition("/")[2]]
    gone, optional = set(filled), set(may_omit)
    properties = {name: one for name, one in schema.get("properties", {}).items() if name not in gone}
    return takes_object(
        properties | dict(more or {}) | _AROUND,
        [name for name in schema.get("required", []) if name not in gone | optional],
    )


def takes_object(properties: dict[str, Any], required: Iterable[str] = ()) -> dict[str, Any]:
    """Return the documentation of a route that takes a JSON object."""
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }
    return {"requestBody": {"content": {"application/json": {"schema": schema}}, "required": bool(required)}}
