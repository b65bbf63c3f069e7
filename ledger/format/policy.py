"""Policies: which logs and witnesses are believed, and how many witnesses make a checkpoint final.

Format: c2sp.org/tlog-policy. The file is octets; beyond ASCII they are opaque, and the text that stands for
them here (UTF-8, lone octets escaped as surrogates) is equal exactly when the octets are.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from ledger.errors import Malformed, NotAllowed, Problem
from ledger.format.checkpoint import Checkpoint, open_checkpoint
from ledger.format.note import Kind, NoteKey, parse_vkey, split_note

MAX_BYTES = 1 << 20
MAX_DEFINED = 256
NONE = "none"

_OCTETS = re.compile(rb"[\t\n\x20-\x7e\x80-\xff]*")
_SPACE = re.compile(r"[ \t]+")
_THRESHOLD = re.compile(r"[1-9][0-9]{0,3}", re.ASCII)
_LOG_ITEMS = range(2, 4)
_WITNESS_ITEMS = range(3, 5)
_GROUP_LEAST = 4
_QUORUM_ITEMS = 2


@dataclass(frozen=True, slots=True)
class KnownLog:
    """A log whose checkpoints are believed; the key's name is its origin."""

    key: NoteKey
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness under the name that the policy gives it."""

    name: str
    key: NoteKey
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Witnesses and groups, of which ``threshold`` count as this one."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """What a policy says of a checkpoint that its log has signed.

    ``witnesses`` are the names of those that have cosigned it and ``times`` when, in seconds since 1970.
    """

    checkpoint: Checkpoint
    witnesses: tuple[str, ...]
    times: tuple[int, ...]
    quorum: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy as read; ``quorum`` names a witness or a group, or is None when none is asked for."""

    logs: tuple[KnownLog, ...]
    witnesses: tuple[Witness, ...]
    groups: tuple[Group, ...]
    quorum: str | None

    def reached(self, witnessed: Collection[str]) -> bool:
        """Tell whether the witnesses of these names make the quorum."""
        counted = {witness.name for witness in self.witnesses} & set(witnessed)
        for group in self.groups:
            if sum(member in counted for member in group.members) >= group.threshold:
                counted.add(group.name)
        return self.quorum is None or self.quorum in counted

    def cosigned(self, note: str) -> dict[str, int]:
        """Return who of the witnesses has cosigned a note, by name, and when, in seconds since 1970.

        Raises NotAllowed when a line of a known witness is not that witness's.
        """
        text, lines = split_note(note)
        known = {(witness.key.name, witness.key.id): witness for witness in self.witnesses}
        found: dict[str, int] = {}
        for line in lines:
            witness = known.get((line.name, line.key_id))
            if witness is not None:
                at = witness.key.check(text, line.signature) or 0
                found[witness.name] = max(at, found.get(witness.name, 0))
        return {witness.name: found[witness.name] for witness in self.witnesses if witness.name in found}

    def check(self, note: str, origin: str, log_keys: Sequence[NoteKey] = ()) -> Checked:
        """Return the checkpoint of a log with those who have cosigned it.

        ``log_keys`` are the log's where the policy names no logs; otherwise the policy's alone count. Of a
        log with several kinds of keys each kind must have signed. Raises Malformed or NotAllowed when the
        note is not the log's, or when a line of a known witness is not that witness's.
        """
        keys = [log.key for log in self.logs if log.key.name == origin] if self.logs else list(log_keys)
        if not keys:
            raise NotAllowed(Problem("ledger.policy_other_log", "", {"origin": origin}))
        checkpoint = open_checkpoint(note, keys, origin)
        found = self.cosigned(note)
        return Checked(checkpoint, tuple(found), tuple(found.values()), self.reached(found))


def parse(data: bytes) -> Policy:
    """Return the policy of a file's octets; raise Malformed, with the line's number, when it is none."""
    if len(data) > MAX_BYTES or not _OCTETS.fullmatch(data) or data[-1:] != b"\n":
        # A last line without its end may have been cut, and a shorter name be another one's.
        raise Malformed(Problem("ledger.policy_malformed", "", {"line": 0}))
    reading = _Reading()
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    for number, line in enumerate(lines, start=1):
        items = _SPACE.split(line.strip(" \t"))
        if items != [""] and not items[0].startswith("#") and not reading.take(items):
            raise Malformed(Problem("ledger.policy_malformed", "", {"line": number}))
    if not reading.decided:
        raise Malformed(Problem("ledger.policy_malformed", "", {"line": len(lines)}))
    made = reading
    return Policy(tuple(made.logs), tuple(made.witnesses), tuple(made.groups), made.quorum)


@dataclass(slots=True)
class _Reading:
    """What the lines so far have defined."""

    logs: list[KnownLog] = field(default_factory=list)
    witnesses: list[Witness] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    members: set[str] = field(default_factory=set)
    quorum: str | None = None
    decided: bool = False

    def take(self, items: list[str]) -> bool:
        """Take a line in; return False when it is out of form or out of place."""
        match items[0]:
            case "log":
                return len(items) in _LOG_ITEMS and self._log(*items[1:])
            case "witness":
                return len(items) in _WITNESS_ITEMS and self._witness(*items[1:])
            case "group":
                return len(items) >= _GROUP_LEAST and self._group(items[1], items[2], items[3:])
            case "quorum":
                return len(items) == _QUORUM_ITEMS and self._quorum(items[1])
        return False

    def _log(self, vkey: str, url: str | None = None) -> bool:
        key = _key(vkey)
        if key is None or key.kind is Kind.COSIGNATURE or not _new(key, self.logs):
            return False
        self.logs.append(KnownLog(key, url))
        return True

    def _witness(self, name: str, vkey: str, url: str | None = None) -> bool:
        key = _key(vkey)
        if key is None or key.kind is Kind.ED25519 or not _new(key, self.witnesses):
            return False
        self.witnesses.append(Witness(name, key, url))
        return self._define(name)

    def _group(self, name: str, rule: str, members: list[str]) -> bool:
        threshold = {"any": 1, "all": len(members)}.get(rule) or (
            int(rule) if _THRESHOLD.fullmatch(rule) else 0
        )
        usable = self.names - self.members
        if not 1 <= threshold <= len(members) or len(set(members)) < len(members) or set(members) - usable:
            return False
        self.members.update(members)
        self.groups.append(Group(name, threshold, tuple(members)))
        return len(self.groups) <= MAX_DEFINED and self._define(name)

    def _define(self, name: str) -> bool:
        new = name != NONE and name not in self.names
        self.names.add(name)
        return new

    def _quorum(self, name: str) -> bool:
        first = not self.decided
        self.decided, self.quorum = True, None if name == NONE else name
        return first and (name == NONE or name in self.names)


def _key(text: str) -> NoteKey | None:
    try:
        return parse_vkey(text)
    except Malformed:
        return None


def _new(key: NoteKey, known: Sequence[KnownLog | Witness]) -> bool:
    # The name and the kind do not make the same key another one.
    return len(known) < MAX_DEFINED and all(key.public != other.key.public for other in known)
