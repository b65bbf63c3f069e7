"""Judging what is about the log itself: its opening, its keys, its limits, stamps, erasures."""

from ledger.errors import NotAllowed, Problem, refuse
from ledger.format.event import Event
from ledger.format.keys import Key
from ledger.storage.store import ENTRY, KEY
from ledger.writing.changes import SEQ, Change, Insert, Reads
from manifest.reference import Reference, ReferenceRefused
from manifest.register.entering import Judges, period
from manifest.register.log import (
    CheckpointAnchored,
    EditionAdopted,
    GuardAdopted,
    KeyRegistered,
    KeyRevoked,
    KeyRotated,
    LogKeyAdded,
    LogKeyRetired,
    LogOpened,
    PersonalErased,
    RuleSet,
)
from manifest.views import EDITION, ORGANISATION, RULE
from manifest.vocabulary import IdentifierKind, Role

# A century of each: beyond it no calendar can follow, and a limit would stop every act or figure.
_LONGEST = {"s": 3_155_760_000, "hour": 876_600, "day": 36_525, "month": 1_200, "year": 100}
_REGISTRARS = {Role.OPERATOR, Role.AUTHORITY}
_RULE_COLUMNS = (
    "rule", "valid_from", "valid_to", "value", "unit", "source", "confirmed", "verified_by", "verified_on",
)  # fmt: skip


def _opened(
    _reads: Reads, event: Event, body: LogOpened, keys: tuple[Key, ...], _reference: Reference
) -> list[Change]:
    parties = {key.party for key in keys} | {actor.party for actor in event.actors}
    if len(parties) != 1:
        refuse([Problem("manifest.operator_ambiguous", "/body/root_keys")])
    if body.predecessor is not None:
        return []  # the operator's row, like all others, was taken over
    row = {
        "name": body.operator,
        "roles": f"{Role.OPERATOR},{Role.SERVICE}",
        "identifier_kind": IdentifierKind.NONE.value,
        "identifier": None,
        "address": body.operator,
        "phone": None,
        "admitted": True,
        "confirmed": False,
        "dated": False,
        "seq": SEQ,
    }
    return [Insert(ORGANISATION, {"party": parties.pop(), **row})]


def _key_registered(
    reads: Reads, event: Event, _body: KeyRegistered, keys: tuple[Key, ...], _reference: Reference
) -> list[Change]:
    """Judge a key's entry: a party vouches for its own keys by one that it holds, never through an agent."""
    holder, sponsor = keys[0], event.actors[1]
    problems = []
    if reads.one(ORGANISATION, party=holder.party) is None:
        problems.append(Problem("manifest.party_unknown", "/body/key/party"))
    sponsors = {Role.OPERATOR} if holder.custody == "service" else _REGISTRARS
    own = sponsor.party == holder.party == keys[1].party and holder.custody in {"custodial", "device"}
    if not own and sponsor.role not in sponsors:
        problems.append(Problem("manifest.sponsor_wrong", "/actors/1"))
    refuse(problems)
    return []


def _key_rotated(
    reads: Reads, _event: Event, body: KeyRotated, keys: tuple[Key, ...], _reference: Reference
) -> list[Change]:
    old = reads.one(KEY, kid=body.kid)
    good = old is not None and {key.party for key in keys} == {old["party"]}
    if not good or {key.custody for key in keys} != {keys[0].custody}:
        refuse([Problem("manifest.key_of_other_party", "/body/key")])
    return []


def _key_revoked(
    reads: Reads, event: Event, body: KeyRevoked, keys: tuple[Key, ...], _reference: Reference
) -> list[Change]:
    key = reads.one(KEY, kid=body.kid)
    actor = event.actors[0]
    own = key is not None and actor.party == key["party"] == keys[0].party
    holder = reads.one(ORGANISATION, party=key["party"]) if key is not None else None
    # The operator's keys hold the log up: only the operator ends them.
    of_operator = holder is not None and Role.OPERATOR in holder["roles"].split(",")
    if key is None or not (own or (actor.role in _REGISTRARS and not of_operator)):
        refuse([Problem("manifest.key_of_other_party", "/body/kid")])
    return []


def _edition(
    _reads: Reads, _event: Event, body: EditionAdopted, _keys: tuple[Key, ...], _reference: Reference
) -> list[Change]:
    return [Insert(EDITION, {"seq": SEQ, "name": body.name, "sha256": body.sha256})]


def _rule(
    _reads: Reads, _event: Event, body: RuleSet, _keys: tuple[Key, ...], reference: Reference
) -> list[Change]:
    problems = []
    try:
        known = reference.rule(body.rule, body.valid_from)
    except ReferenceRefused as refused:
        problems.append(Problem(refused.code, "/body/rule", refused.facts))
    else:
        if known.unit != body.unit:
            problems.append(Problem("manifest.unit_differs", "/body/unit", {"expected": known.unit}))
        limit = _LONGEST.get(known.unit)
        if limit is not None and body.value > limit:
            problems.append(Problem("manifest.number_too_large", "/body/value", {"limit": limit}))
    refuse([*problems, *period(body)])
    row = {name: getattr(body, name) for name in _RULE_COLUMNS}
    return [Insert(RULE, {**row, "seq": SEQ})]


def _anchored(
    reads: Reads, _event: Event, body: CheckpointAnchored, _keys: tuple[Key, ...], _reference: Reference
) -> list[Change]:
    if reads.one(ENTRY, seq=body.size - 1) is None:
        refuse([Problem("manifest.anchor_beyond_log", "/body/size", {"size": body.size})])
    return []


def _guard_adopted(
    reads: Reads, _event: Event, body: GuardAdopted, keys: tuple[Key, ...], _reference: Reference
) -> list[Change]:
    if body.size and reads.one(ENTRY, seq=body.size - 1) is None:
        refuse([Problem("manifest.anchor_beyond_log", "/body/size", {"size": body.size})])
    if not _is_root(reads, keys[0].since):
        refuse([Problem("ledger.root_keys_missing", "/actors", {"expected": 1})], NotAllowed)
    return []


def _is_root(reads: Reads, since: int) -> bool:
    """Tell whether a key that is active since then opened the log, or took the place of one that did."""
    while since > 0:
        before = reads.one(KEY, until=since)
        if before is None or before["since"] >= since:
            return False
        since = before["since"]
    return since == 0


def _log_key(
    _reads: Reads,
    _event: Event,
    _body: LogKeyAdded | LogKeyRetired,
    _keys: tuple[Key, ...],
    _reference: Reference,
) -> list[Change]:
    return []  # the ledger itself asks for two root keys, and for a change that can be


def _erased(
    _reads: Reads, _event: Event, body: PersonalErased, _keys: tuple[Key, ...], _reference: Reference
) -> list[Change]:
    if len(set(body.commitments)) != len(body.commitments):
        refuse([Problem("manifest.line_repeated", "/body/commitments")])
    return []


JUDGES: Judges = {
    LogOpened: _opened,
    KeyRegistered: _key_registered,
    KeyRotated: _key_rotated,
    KeyRevoked: _key_revoked,
    EditionAdopted: _edition,
    RuleSet: _rule,
    CheckpointAnchored: _anchored,
    GuardAdopted: _guard_adopted,
    LogKeyAdded: _log_key,
    LogKeyRetired: _log_key,
    PersonalErased: _erased,
}
