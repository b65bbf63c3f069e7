"""Which key was valid at which position, decided by the key events of the log alone.

A key enters with `log.opened.v1` (the operator's roots), `key.registered.v1` (signed by its holder, which
proves possession, and by a sponsor) or `key.rotated.v1` (signed by the old key and the new), and ends with
`key.revoked.v1` or a rotation. A signature counts when its key was active at that position, so a stolen
key cannot be used for the past, and revoking it does not undo what it signed before. A key that counts its
acts (`key_seq`) begins with 0 and leaves nothing out: whoever drops one of its acts leaves a gap.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ledger.errors import Conflict, Malformed, NotAllowed, Problem
from ledger.format.entry import Envelope
from ledger.format.event import Actor, Event
from ledger.format.signature import Algorithm, PublicKey, kid_of, load_public_key, spki, unb64, verify_line
from ledger.format.signature import b64 as b64url

OPENED = "log.opened.v1"
REGISTERED = "key.registered.v1"
ROTATED = "key.rotated.v1"
REVOKED = "key.revoked.v1"
HOLDER = "holder"
CUSTODY = ("custodial", "device", "certificate", "service")

_PARTY = re.compile(r"[a-z0-9][a-z0-9._:/-]{0,99}")  # as an actor names it; a longer one has no column


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key in its time: active from ``since`` to ``until``, both positions of entries.

    ``counted`` is the last ``key_seq`` that it signed, None while it has not begun to count.
    """

    kid: str
    party: str
    algorithm: Algorithm
    public_key: bytes
    custody: str
    since: int
    until: int | None = None
    counted: int | None = None

    def active_at(self, seq: int) -> bool:
        """Tell whether the key may sign the entry at ``seq``; it may still sign its own end."""
        return self.since <= seq and (self.until is None or seq <= self.until)

    @property
    def public(self) -> PublicKey:
        """The key as an object."""
        return load_public_key(self.public_key)[1]

    def carried_over(self, size: int) -> "Key":
        """Return the key as it stands in a log that goes on after ``size`` entries of this one."""
        until = None if self.until is None else self.until - size
        return replace(self, since=self.since - size, until=until)


def key_fields(public_key: PublicKey, *, party: str, custody: str) -> dict[str, Any]:
    """Return the fields by which an event introduces a key."""
    der = spki(public_key)
    return {
        "party": party,
        "kid": kid_of(public_key),
        "algorithm": load_public_key(der)[0].value,
        "public_key": b64url(der),
        "custody": custody,
    }


def introduced(event: Event, seq: int) -> tuple[Key, ...]:
    """Return the keys that ``event`` brings in, none for most events; raise Malformed for bad fields."""
    body = event.body
    match event.kind:
        case "log.opened.v1":
            found = body.get("root_keys")
            if not isinstance(found, list) or not found:
                raise Malformed(Problem("ledger.field_invalid", "/body/root_keys"))
            return tuple(_read(fields, f"/body/root_keys/{i}", seq) for i, fields in enumerate(found))
        case "key.registered.v1":
            return (_read(body.get("key"), "/body/key", seq),)
        case "key.rotated.v1":
            return (_read(body.get("key"), "/body/key", seq),)
    return ()


def ended(event: Event) -> str | None:
    """Return the kid of the key that ``event`` ends, if any."""
    if event.kind not in {REVOKED, ROTATED}:
        return None
    kid = event.body.get("kid")
    if not isinstance(kid, str):
        raise Malformed(Problem("ledger.field_invalid", "/body/kid"))
    return kid


def _read(fields: object, path: str, seq: int) -> Key:
    names = {"party", "kid", "algorithm", "public_key", "custody"}
    if not isinstance(fields, dict) or set(fields) != names:
        raise Malformed(Problem("ledger.field_invalid", path))
    try:
        der = unb64(fields["public_key"])
    except (ValueError, TypeError) as error:
        raise Malformed(Problem("ledger.field_invalid", f"{path}/public_key")) from error
    algorithm, public = load_public_key(der)
    wrong = [
        name
        for name, good in (
            ("kid", fields["kid"] == kid_of(public)),
            ("algorithm", fields["algorithm"] == algorithm.value),
            ("custody", fields["custody"] in CUSTODY),
            ("party", isinstance(fields["party"], str) and _PARTY.fullmatch(fields["party"])),
        )
        if not good
    ]
    if wrong:
        raise Malformed([Problem("ledger.field_invalid", f"{path}/{name}") for name in wrong])
    return Key(
        kid=fields["kid"],
        party=fields["party"],
        algorithm=algorithm,
        public_key=der,
        custody=fields["custody"],
        since=seq,
    )


def check_signatures(
    envelope: Envelope, event: Event, seq: int, known: Callable[[str], Key | None]
) -> tuple[Key, ...]:
    """Return the keys that signed, in the actors' order, once every signature is found to hold.

    ``known`` gives the registered key of an identifier. Raises Malformed when lines and actors do not
    match, NotAllowed when a key is unknown or not active at ``seq`` or a signature does not hold.
    """
    kids = [line.kid for line in envelope.signatures]
    if kids != [actor.kid for actor in event.actors]:
        raise Malformed(Problem("ledger.signers_differ", "/actors"))
    new = {key.kid: key for key in introduced(event, seq)}
    if taken := next((kid for kid in new if known(kid) is not None), None):
        raise NotAllowed(Problem("ledger.key_known_already", "/body/key/kid", {"kid": taken}))
    _check_key_event(event, new)
    keys = []
    for index, line in enumerate(envelope.signatures):
        key = new.get(line.kid) or known(line.kid)
        path = f"/actors/{index}/kid"
        if key is None:
            raise NotAllowed(Problem("ledger.key_unknown", path, {"kid": line.kid}))
        if not key.active_at(seq):
            raise NotAllowed(Problem("ledger.key_revoked", path, {"kid": line.kid, "seq": key.until or 0}))
        verify_line(line, key.public, envelope.event)
        keys.append(key)
    return tuple(keys)


def check_count(actor: Actor, key: Key) -> None:
    """Raise Conflict unless the actor's ``key_seq`` is the next of its key: 0 first, and no way back.

    The value to keep for the key is then `counted_after`.
    """
    expected = _next_count(key)
    if actor.key_seq is None and key.counted is None:
        return
    if actor.key_seq != expected:
        found = "null" if actor.key_seq is None else actor.key_seq
        raise Conflict(Problem("ledger.key_seq_gap", "/actors", {"expected": expected, "found": found}))


def counted_after(event: Event) -> dict[str, int]:
    """Return the counts at which the event leaves its actors' keys, by kid; most keys do not count."""
    return {actor.kid: actor.key_seq for actor in event.actors if actor.key_seq is not None}


def _next_count(key: Key) -> int:
    return 0 if key.counted is None else key.counted + 1


def _check_key_event(event: Event, new: Mapping[str, Key]) -> None:
    """Refuse a key event that is not signed by the keys it brings and, at a rotation, the one it ends."""
    if event.kind == OPENED:
        possessed = {actor.kid for actor in event.actors} == set(new)
    else:
        holders = {actor.kid for actor in event.actors if actor.role == HOLDER}
        possessed = set(new) <= holders and (event.kind != ROTATED or ended(event) in holders)
    if not possessed:
        raise NotAllowed(Problem("ledger.key_not_possessed", "/actors"))


@dataclass(frozen=True, slots=True)
class CountGap:
    """A key that counts did not go on where it stood; ``found`` is None when it gave no ``key_seq``."""

    kid: str
    expected: int
    found: int | None


class KeyRing:
    """The keys of a log as they stand after a number of entries; `learn` moves it on."""

    def __init__(self) -> None:
        self._keys: dict[str, Key] = {}

    def get(self, kid: str) -> Key | None:
        """Return the key, active or ended, or None."""
        return self._keys.get(kid)

    def put(self, key: Key) -> None:
        """Take a key as it is: one that a predecessor, a kept state or a table vouches for, and no entry."""
        self._keys[key.kid] = key

    def learn(self, event: Event, seq: int) -> tuple[CountGap, ...]:
        """Take in what the event at ``seq`` says of keys; return where one that counts left acts out."""
        for key in introduced(event, seq):
            self._keys[key.kid] = key
        gaps = []
        for actor in event.actors:
            if (known := self._keys.get(actor.kid)) is None:
                continue
            try:
                check_count(actor, known)
            except Conflict:
                gaps.append(CountGap(actor.kid, _next_count(known), actor.key_seq))
            if actor.key_seq is not None:
                self._keys[actor.kid] = replace(known, counted=actor.key_seq)
        if (kid := ended(event)) and kid in self._keys:
            self._keys[kid] = replace(self._keys[kid], until=seq)
        return tuple(gaps)

    def ended_at(self, seq: int) -> Key | None:
        """Return the key that the entry at ``seq`` ended, if it did."""
        return next((key for key in self._keys.values() if key.until == seq), None)

    def all(self) -> list[Key]:
        """Return every key in the order of registration."""
        return list(self._keys.values())
