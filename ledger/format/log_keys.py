"""The keys that sign a log's checkpoints, and their change by entries that root keys sign.

`log.opened.v1` lists the first ones; `log.key_added.v1` and `log.key_retired.v1` change them. A checkpoint
over n entries is signed by the keys that stand after those n entries, so a key that takes over signs beside
the old one from its entry on, and alone once the old one is retired.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable

from ledger.errors import Conflict, Malformed, NotAllowed, Problem
from ledger.format.event import Event
from ledger.format.keys import Key, KeyRing
from ledger.format.note import Kind, NoteKey, parse_vkey

ADDED = "log.key_added.v1"
RETIRED = "log.key_retired.v1"
MAX_LOG_KEYS = 8
ROOTS_NEEDED = 2


class LogKeys:
    """The keys that sign a log's checkpoints, as they come and go; `learn` moves it on."""

    def __init__(self) -> None:
        self._sizes: list[int] = []
        self._keys: list[tuple[NoteKey, ...]] = []

    @property
    def current(self) -> tuple[NoteKey, ...]:
        """The keys after all events so far."""
        return self._keys[-1] if self._keys else ()

    def at(self, size: int) -> tuple[NoteKey, ...]:
        """Return the keys that sign a checkpoint over ``size`` entries; none before the log is opened."""
        index = bisect_right(self._sizes, size)
        return self._keys[index - 1] if index else ()

    def learn(self, event: Event, seq: int) -> None:
        """Take in what the event at ``seq`` says of the log's keys.

        Raises Malformed when it names no key of this log, Conflict when the key is there already, is not
        there, or is the last Ed25519 key; nothing has changed then.
        """
        keys = self._after(event)
        if keys is not None:
            self._sizes.append(seq + 1)
            self._keys.append(keys)

    def _after(self, event: Event) -> tuple[NoteKey, ...] | None:
        match event.kind:
            case "log.opened.v1":
                listed = event.body.get("log_keys")
                if not isinstance(listed, list) or not 1 <= len(listed) <= MAX_LOG_KEYS:
                    raise Malformed(Problem("ledger.field_invalid", "/body/log_keys"))
                keys = tuple(
                    _log_key(text, event.origin, f"/body/log_keys/{i}") for i, text in enumerate(listed)
                )
            case "log.key_added.v1":
                key = _log_key(event.body.get("key"), event.origin, "/body/key")
                # A key that shares its short identifier with another would make lines ambiguous.
                if key.id in {known.id for known in self.current}:
                    raise Conflict(Problem("ledger.log_key_known", "/body/key"))
                keys = (*self.current, key)
            case "log.key_retired.v1":
                key = _log_key(event.body.get("key"), event.origin, "/body/key")
                if key not in self.current:
                    raise Conflict(Problem("ledger.log_key_unknown", "/body/key"))
                keys = tuple(known for known in self.current if known != key)
            case _:
                return None
        if len(keys) > MAX_LOG_KEYS or len({key.id for key in keys}) != len(keys):
            raise Conflict(Problem("ledger.log_key_known", "/body"))
        if not any(key.kind is Kind.ED25519 for key in keys):
            raise Conflict(Problem("ledger.log_key_last", "/body"))
        return keys


def log_keys_after(events: Iterable[tuple[int, Event]]) -> LogKeys:
    """Return the log's keys after events with their positions; raise Refused for one that cannot be."""
    keys = LogKeys()
    for seq, event in events:
        keys.learn(event, seq)
    return keys


def _log_key(text: object, origin: str, path: str) -> NoteKey:
    try:
        key = parse_vkey(text) if isinstance(text, str) else None
    except Malformed:
        key = None
    if key is None or key.name != origin or key.kind is Kind.COSIGNATURE or str(key) != text:
        raise Malformed(Problem("ledger.field_invalid", path))
    return key


def is_root(key: Key, ended_at: Callable[[int], Key | None]) -> bool:
    """Tell whether the key opened the log, or took the place of one that did.

    ``ended_at`` gives the key whose last position an entry is. Only a rotation ends one key and brings in
    another in the same entry.
    """
    while key.since > 0:
        before = ended_at(key.since)
        if before is None or before.since >= key.since:
            return False
        key = before
    return key.since == 0  # below are the keys that an earlier log has left


def has_root(ring: KeyRing, kid: str) -> bool:
    """Tell whether a key is a root key of the log and still in force."""
    key = ring.get(kid)
    return key is not None and key.until is None and is_root(key, ring.ended_at)


def check_roots(event: Event, keys: Iterable[Key], ended_at: Callable[[int], Key | None]) -> None:
    """Raise NotAllowed unless two root keys at least have signed an event that changes the log's keys."""
    if event.kind not in {ADDED, RETIRED}:
        return
    if sum(is_root(key, ended_at) for key in keys) < ROOTS_NEEDED:
        raise NotAllowed(Problem("ledger.root_keys_missing", "/actors", {"expected": ROOTS_NEEDED}))
