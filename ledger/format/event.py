"""The event: what one or more parties attest, as a value and as the canonical bytes they sign."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ledger.errors import Malformed, Problem
from ledger.format import canonical

FORMAT = 1
MAX_ACTORS = 8
MAX_COMMITMENTS = 32

# Newer Pythons read 24:00 as the next day's midnight, which would give one time two spellings.
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z")
_NAME = re.compile(r"[a-z0-9][a-z0-9._:/-]{0,99}")
_KIND = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+\.v[1-9][0-9]{0,2}")
_HASH = re.compile(r"[0-9a-f]{64}")
_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_ROLE = re.compile(r"[a-z][a-z_]{0,39}")
# The canonical event of one actor without ``key_seq``, with neither commitments nor ``offline``.
_USUAL_START = re.compile(
    rb'\{"actors":\[\{"kid":"([0-9a-f]{64})","party":"%b","role":"%b"\}\],"body":\{'
    % (_NAME.pattern.encode(), _ROLE.pattern.encode())
)
_USUAL_END = re.compile(
    rb'"commitments":\{\},"idem":"%b","kind":"%b","occurred_at":"(?P<at>[^"]*)","origin":"%b","stream":"%b",'
    rb'"stream_prev":(?:null|"[0-9a-f]{64}"),"v":1\}'
    % tuple(pattern.pattern.encode() for pattern in (_UUID7, _KIND, _NAME, _NAME))
)
_REQUIRED = (
    "v", "origin", "kind", "stream", "stream_prev", "actors", "idem", "occurred_at", "body", "commitments",
)  # fmt: skip


def time_text(moment: datetime) -> str:
    """Return ``moment`` as the ledger writes it: RFC 3339, UTC, milliseconds, ``Z``."""
    if moment.tzinfo is None:
        raise ValueError("a naive time has no place in the ledger")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """Return the aware time of ``text``; raise ValueError when it is not in the ledger's form."""
    if not _TIME.fullmatch(text):
        raise ValueError("not an RFC 3339 time in UTC with milliseconds")
    return datetime.fromisoformat(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """One who attests: for which party, in which role, with which key.

    ``kid`` is the key's identifier; ``key_seq`` counts the acts of keys that count, gap-free once begun.
    """

    party: str
    role: str
    kid: str
    key_seq: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the actor as it stands in the signed bytes."""
        made: dict[str, Any] = {"party": self.party, "role": self.role, "kid": self.kid}
        if self.key_seq is not None:
            made["key_seq"] = self.key_seq
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What the actors attest, in the order in which they sign it.

    ``stream_prev`` is the hash of the envelope before this one in its stream, so every signature covers
    all that was signed before it; None begins a stream. ``commitments`` maps a field's name to the
    commitment of a value that is kept outside the ledger.
    """

    origin: str
    kind: str
    stream: str
    stream_prev: str | None
    actors: tuple[Actor, ...]
    idem: str
    occurred_at: datetime
    body: Mapping[str, Any]
    commitments: Mapping[str, str] = field(default_factory=dict)
    offline: bool = False

    def to_bytes(self) -> bytes:
        """Return the canonical bytes, the ones that get signed."""
        made: dict[str, Any] = {
            "v": FORMAT,
            "origin": self.origin,
            "kind": self.kind,
            "stream": self.stream,
            "stream_prev": self.stream_prev,
            "actors": [actor.as_json() for actor in self.actors],
            "idem": self.idem,
            "occurred_at": time_text(self.occurred_at),
            "body": dict(self.body),
            "commitments": dict(self.commitments),
        }
        if self.offline:
            made["offline"] = True
        return canonical.encode(made)


def parse(data: bytes) -> Event:
    """Return the event of canonical bytes; raise Malformed with every wrong field at its path."""
    raw = canonical.decode(data)
    if not isinstance(raw, dict):
        raise Malformed(Problem("ledger.event_not_object"))
    problems = [Problem("ledger.field_missing", f"/{name}") for name in _REQUIRED if name not in raw]
    problems += [
        Problem("ledger.field_unknown", f"/{name}")
        for name in raw
        if name not in _REQUIRED and name != "offline"
    ]
    if problems:
        raise Malformed(problems)
    problems = [*_field_problems(raw), *_actor_problems(raw["actors"]), *_commitment_problems(raw)]
    if problems:
        raise Malformed(problems)
    return Event(
        origin=raw["origin"],
        kind=raw["kind"],
        stream=raw["stream"],
        stream_prev=raw["stream_prev"],
        actors=tuple(Actor(**actor) for actor in raw["actors"]),
        idem=raw["idem"],
        occurred_at=parse_time(raw["occurred_at"]),
        body=raw["body"],
        commitments=raw["commitments"],
        offline="offline" in raw,
    )


def sole_actor(data: bytes) -> str | None:
    """Return the ``kid`` of an event of the usual shape that `parse` takes; None for any other.

    The usual shape has one actor, who does not count, and neither commitments nor ``offline``. None says
    nothing of the event. In half the time of `parse`: canonical bytes have one order of members, so what
    stands before and after the body has one spelling, and the body is read as there.
    """
    start = _USUAL_START.match(data)
    at = data.rfind(b'"commitments":')
    end = _USUAL_END.fullmatch(data, at) if at > 0 else None
    if start is None or end is None:
        return None
    try:
        raw = canonical.decode(data)
    except Malformed:
        return None
    # The bytes are JSON, so the end, which closes one object, is the end of the outermost: no string of the
    # body can hold it.
    if not isinstance(raw, dict) or len(raw) != len(_REQUIRED) or not _is_time(end["at"].decode()):
        return None
    return start[1].decode()


def _field_problems(raw: dict[str, Any]) -> list[Problem]:
    checks = {
        "v": raw["v"] == FORMAT and raw["v"] is not True,
        "origin": _matches(_NAME, raw["origin"]),
        "kind": _matches(_KIND, raw["kind"]),
        "stream": _matches(_NAME, raw["stream"]),
        "stream_prev": raw["stream_prev"] is None or _matches(_HASH, raw["stream_prev"]),
        "idem": _matches(_UUID7, raw["idem"]),
        "occurred_at": _is_time(raw["occurred_at"]),
        "body": isinstance(raw["body"], dict),
        "offline": "offline" not in raw or raw["offline"] is True,
    }
    return [Problem("ledger.field_invalid", f"/{name}") for name, good in checks.items() if not good]


def _actor_problems(actors: object) -> list[Problem]:
    if not isinstance(actors, list) or not 1 <= len(actors) <= MAX_ACTORS:
        return [Problem("ledger.actors_invalid", "/actors", {"limit": MAX_ACTORS})]
    problems = []
    for index, actor in enumerate(actors):
        good = (
            isinstance(actor, dict)
            and set(actor) - {"key_seq"} == {"party", "role", "kid"}
            and _matches(_NAME, actor["party"])
            and _matches(_ROLE, actor["role"])
            and _matches(_HASH, actor["kid"])
            and _counts(actor.get("key_seq", 0))
        )
        if not good:
            problems.append(Problem("ledger.actor_invalid", f"/actors/{index}"))
    if not problems and len({actor["kid"] for actor in actors}) != len(actors):
        problems.append(Problem("ledger.actor_repeated", "/actors"))
    return problems


def _commitment_problems(raw: dict[str, Any]) -> list[Problem]:
    commitments = raw["commitments"]
    if not isinstance(commitments, dict) or len(commitments) > MAX_COMMITMENTS:
        return [Problem("ledger.field_invalid", "/commitments")]
    return [
        Problem("ledger.commitment_invalid", f"/commitments/{name}")
        for name, value in commitments.items()
        if not _matches(_HASH, value)
    ]


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _counts(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_time(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        parse_time(value)
    except ValueError:
        return False
    return True
