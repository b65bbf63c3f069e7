"""Erasing a person's values on request, and showing one of them to one party."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from api.acting import Done, act, in_request, repeated
from api.desk import Desk
from api.home import Home
from api.reading import Given
from api.recorder import Signing, record
from ledger.errors import Malformed, NotAllowed, NotFound, Problem
from ledger.format.event import parse
from ledger.personal import erasure
from ledger.personal.disclosure import Disclosure
from ledger.personal.erasure import erasures_of
from ledger.personal.vault import find_secrets
from ledger.storage.db import reading
from ledger.storage.store import entry_at
from ledger.writing.writer import Recorded
from manifest.register.log import PersonalErased


def request_erasure(desk: Desk, given: Given) -> list[Done]:
    """Record and carry out the erasure of all of a subject's values, or of those that the request names.

    More than an entry holds takes several. Asked for again under its idempotency key, the first answers.
    Raises NotAllowed for all but operator and authority, NotFound when nothing is kept of the subject.
    """
    if not desk.access.sees_all:
        raise NotAllowed(Problem("api.authority_only"))
    kind = PersonalErased.kind
    with in_request():
        if (done := repeated(desk, kind, given, erasure.STREAM)) is not None:
            return [done]
        parts = _parts(desk.home, given.fields)
        made = []
        for number, commitments in enumerate(parts):
            fields = {**given.fields, "commitments": list(commitments)}
            idem = given.idem if number == 0 else None
            made.append(act(desk, kind, replace(given, fields=fields, idem=idem)))
        return made


def erase_as_operator(
    home: Home, signing: Signing, subject: str, reason: str, commitments: Sequence[str] | None = None
) -> list[Recorded]:
    """Record and carry out an erasure with the operator's own key; raises as `request_erasure` does."""
    fields: dict[str, Any] = {"subject": subject, "reason": reason}
    if commitments:
        fields["commitments"] = list(commitments)
    made = []
    for part in _parts(home, fields):
        now = home.clock()
        body = PersonalErased.read({"subject": subject, "reason": reason, "commitments": list(part)})
        made.append(record(home.ledger, body, [signing], stream=erasure.STREAM, occurred_at=now, now=now))
        told = erasure.Erasure(subject, part)
        erasure.erase(home.engine, home.ledger.log, home.subjects, told)
    return made


def _parts(home: Home, fields: dict[str, Any]) -> list[tuple[str, ...]]:
    subject, named = fields.get("subject"), fields.get("commitments")
    if not isinstance(subject, str) or not (named is None or isinstance(named, list)):
        # What is wrong with the request is said field by field, as of any other act.
        PersonalErased.read({"commitments": ["0" * 64], **fields})
        raise Malformed(Problem("manifest.field_invalid", "/body/commitments"))
    with reading(home.engine) as reader:
        kept = erasures_of(reader, home.ledger.log, subject)
    if not kept:
        raise NotFound(Problem("ledger.subject_unknown", "/body/subject"))
    if named is None:
        return kept
    known = {one for part in kept for one in part}
    unknown = [index for index, one in enumerate(named) if one not in known]
    if unknown:
        raise NotFound([Problem("ledger.commitment_unknown", f"/body/commitments/{i}") for i in unknown])
    return [tuple(named)]


def disclose(home: Home, seq: int, name: str) -> Disclosure:
    """Return the value that the entry at ``seq`` commits to under a name, for one party to see.

    Raises NotFound when there is no such entry or name, or the vault does not open it (any more).
    """
    with reading(home.engine) as reader:
        entry = entry_at(reader, home.ledger.log, seq)
        if entry is None:
            raise NotFound(Problem("ledger.entry_unknown", "", {"seq": seq}))
        commitment = parse(entry.event).commitments.get(name)
        found = find_secrets(reader, home.ledger.log, [commitment] if commitment else [], home.subjects)
    if commitment is None or commitment not in found:
        raise NotFound(Problem("ledger.commitment_unknown", "", {"seq": seq, "name": name[:64]}))
    secret = found[commitment]
    return Disclosure(home.ledger.origin, seq, name, secret.value, secret.salt, commitment)
