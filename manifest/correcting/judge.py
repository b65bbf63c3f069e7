"""Judging an act of correcting beside its own rules: whose voice it is, what it answers; and its rows."""

import json
from collections.abc import Iterator

from ledger.errors import Problem
from ledger.storage.db import Row
from ledger.writing.changes import SEQ, Change, Insert, Put, Reads
from ledger.writing.prepared import Act
from manifest import obligations
from manifest.body import Body
from manifest.cases.planned import paper_number
from manifest.consignment import Manifest
from manifest.correcting import rules
from manifest.correcting.events import CorrectionRequested, CorrectionWithdrawn
from manifest.correcting.fields import FIELDS
from manifest.correcting.process import line_of
from manifest.correcting.shown import difference
from manifest.correcting.views import CORRECTION, CORRECTION_REQUEST
from manifest.events import CorrectionConsented, CorrectionDeclined, CorrectionProposed, Draw
from manifest.lots.rows import source_row, unknown_lots
from manifest.reference import Reference
from manifest.views import LOT, MANDATE, ORGANISATION
from manifest.vocabulary import CorrectedField, CorrectionState, RequestState


def problems(reads: Reads, before: Manifest, act: Act, body: Body, reference: Reference) -> Iterator[Problem]:
    """Yield problems of an act of correcting."""
    match body:
        case CorrectionProposed():
            yield from rules.proposed(before, body, reference, act.event.occurred_at)
            yield from _elsewhere(reads, before, body)
        case CorrectionConsented():
            yield from _consent(reads, before, act, body)
        case CorrectionRequested():
            yield from rules.never(body)
            yield from rules.place(before, body)
            if reads.one(CORRECTION_REQUEST, request=body.request) is not None:
                yield Problem("manifest.request_known_already", "/body/request")


def _consent(reads: Reads, before: Manifest, act: Act, body: CorrectionConsented) -> Iterator[Problem]:
    """Yield problems of a consent: a voice that has spoken before, lots that are no longer new."""
    open_ = before.corrections.get(body.correction)
    row = reads.one(CORRECTION, manifest=before.id, correction=body.correction)
    if open_ is None or row is None or act.event.actors[0].party not in open_.waiting:
        return  # not open, or not theirs: the process says so
    if _has_spoken(reads, set(row["voices"].split(",")), act):
        yield Problem("manifest.correction_own_voice", "/actors/0/kid", {"party": act.keys[0].party})
    if open_.proposed.lots:
        yield from unknown_lots(reads, open_.proposed.lots, "/body/correction")


def _elsewhere(reads: Reads, before: Manifest, body: CorrectionProposed) -> Iterator[Problem]:
    """Yield problems that only the views tell: a request, new lots, a paper's number."""
    if body.answers is not None:
        row = reads.one(CORRECTION_REQUEST, request=body.answers)
        if row is None or row["manifest"] != before.id or row["state"] != RequestState.OPEN:
            yield Problem("manifest.request_not_open", "/body/answers")
        elif any(row[name] != getattr(body, name) for name in ("field", "line", "leg", "part")):
            yield Problem("manifest.request_of_other_field", "/body/field", {"field": row["field"]})
    if body.field in {CorrectedField.CODE, CorrectedField.STATE} and body.lots:
        yield from unknown_lots(reads, body.lots, "/body/lots")
    if body.field is CorrectedField.PAPER_NUMBER and body.value:
        yield from paper_number(reads, before.registered.generator, body.value, "/body/value")


def _has_spoken(reads: Reads, voices: set[str], act: Act) -> bool:
    """Tell whether a consent comes from one of the voices so far, whoever's name it bears.

    Whoever signs for a party is no other voice when he is of the firm of one that has spoken, or signs for it
    as well. The party itself may be of the same firm: nobody else could speak for it.
    """
    if voices & _voices(act):
        return True
    agent = act.keys[0].party
    if agent == act.event.actors[0].party:
        return False
    firms = {_firm(reads, party) for party in voices} - {None}
    return _firm(reads, agent) in firms or any(
        not row["revoked"] for party in voices for row in reads.rows(MANDATE, principal=party, agent=agent)
    )


def _firm(reads: Reads, party: str) -> str | None:
    """Return the tax code of the firm of a party, which its branches share; None where there is none."""
    row = reads.one(ORGANISATION, party=party)
    return None if row is None or row["identifier"] is None else str(row["identifier"])[:10]


def _voices(act: Act) -> set[str]:
    """Return whose word an act is: the party that acts, and the one whose key says so."""
    return {act.event.actors[0].party, act.keys[0].party}


def rows(reads: Reads, before: Manifest, after: Manifest, act: Act, body: Body) -> Iterator[Change]:
    """Yield the rows of an act of correcting: the correction, the request that it answers, new lots."""
    match body:
        case CorrectionRequested():
            yield _requested(before, act, body)
        case CorrectionProposed():
            yield from _proposed(before, after, act, body)
            if body.correction not in after.corrections:
                yield from _new_lots(reads, before, after, body)
        case CorrectionConsented() | CorrectionDeclined() | CorrectionWithdrawn():
            row = reads.one(CORRECTION, manifest=before.id, correction=body.correction)
            assert row is not None, "an open correction has a row"
            yield from _answered(before, after, act, body, row)
            if isinstance(body, CorrectionConsented) and body.correction not in after.corrections:
                yield from _new_lots(reads, before, after, before.corrections[body.correction].proposed)


def _requested(before: Manifest, act: Act, body: CorrectionRequested) -> Change:
    row = {name: getattr(body, name) for name in ("request", "line", "leg", "part", "reason")}
    row |= {
        "manifest": before.id,
        "field": body.field.value,
        "requested_by": act.event.actors[0].party,
        "generator": before.registered.generator,
        "facility": before.registered.facility,
        "requested_at": act.event.occurred_at,
        "state": RequestState.OPEN.value,
        "correction": None,
        "seq": SEQ,
    }
    return Insert(CORRECTION_REQUEST, row)


def _proposed(before: Manifest, after: Manifest, act: Act, body: CorrectionProposed) -> Iterator[Change]:
    open_ = after.corrections.get(body.correction)
    old, new = difference(before, body)
    line = line_of(before, body)
    row = {name: getattr(body, name) for name in ("line", "leg", "part", "reason")}
    row |= {
        "manifest": before.id,
        "correction": body.correction,
        "field": body.field.value,
        "consent": FIELDS[body.field].consent.value,
        "before": _text(old),
        "after": _text(new),
        "proposed_by": act.event.actors[0].party,
        "voices": ",".join(sorted(_voices(act))),
        "waiting": ",".join(sorted(open_.waiting)) if open_ else "",
        "state": (CorrectionState.PROPOSED if open_ else CorrectionState.TAKEN).value,
        "generator": before.registered.generator,
        "facility": before.registered.facility if line is None else before.facility_of(line),
        "request": body.answers,
        "proposed_at": act.event.occurred_at,
        "proposed_seq": SEQ,
        "settled_at": None if open_ else act.event.occurred_at,
        "settled_seq": None if open_ else SEQ,
        "seq": SEQ,
    }
    yield Insert(CORRECTION, row)
    if body.answers is not None:
        answered = {"state": RequestState.ANSWERED.value, "correction": body.correction, "seq": SEQ}
        yield Put(CORRECTION_REQUEST, {"request": body.answers}, answered)


def _answered(
    before: Manifest,
    after: Manifest,
    act: Act,
    body: CorrectionConsented | CorrectionDeclined | CorrectionWithdrawn,
    row: Row,
) -> Iterator[Change]:
    open_ = after.corrections.get(body.correction)
    state = CorrectionState.TAKEN
    if isinstance(body, CorrectionDeclined):
        state = CorrectionState.DECLINED
    elif isinstance(body, CorrectionWithdrawn):
        state = CorrectionState.WITHDRAWN
    changed = {
        "voices": ",".join(sorted(set(row["voices"].split(",")) | _voices(act))),
        "waiting": ",".join(sorted(open_.waiting)) if open_ else "",
        "state": (CorrectionState.PROPOSED if open_ else state).value,
        "settled_at": None if open_ else act.event.occurred_at,
        "settled_seq": None if open_ else SEQ,
        "seq": SEQ,
    }
    if state is CorrectionState.TAKEN and not open_:
        # Other acts may have come between: what is shown is what this one changed.
        changed["before"] = _text(difference(before, before.corrections[body.correction].proposed)[0])
    yield Put(CORRECTION, {"manifest": before.id, "correction": body.correction}, changed)
    if row["request"] is not None and state is not CorrectionState.TAKEN:
        again = {"state": RequestState.OPEN.value, "correction": None, "seq": SEQ}
        yield Put(CORRECTION_REQUEST, {"request": row["request"]}, again)


def _new_lots(
    reads: Reads, before: Manifest, after: Manifest, proposed: CorrectionProposed
) -> Iterator[Change]:
    """Yield the rows of lots that a corrected code or state makes: as the old ones, but for it."""
    if proposed.field not in {CorrectedField.CODE, CorrectedField.STATE}:
        return
    old, new = before.line(proposed.line or 0), after.line(proposed.line or 0)
    assert old is not None, "rules have seen the line"
    assert new is not None, "a correction leaves the line"
    draws: list[tuple[Draw, Draw]] = list(zip(old.declared.lots, new.declared.lots, strict=True))
    yield from obligations.recoded(reads, ((was.lot, now.lot, now.mass_g) for was, now in draws))
    for was, now in draws:
        row = reads.one(LOT, lot=was.lot)
        assert row is not None, "a line draws from lots that exist"
        changed = {
            "lot": now.lot,
            "code": new.declared.code,
            "state": new.declared.state.value,
            "declared_g": now.mass_g,
            "seq": SEQ,
        }
        yield Insert(LOT, {name: value for name, value in row.items() if name != "log"} | changed)
        yield source_row(now.lot, was.lot, "lot")


def _text(values: dict[str, object]) -> str:
    return json.dumps(values, ensure_ascii=False, sort_keys=True)
