"""Judging permits and carriage approvals: granted, amended, and whose word they are."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from ledger.errors import Problem, refuse
from ledger.format.event import Event
from ledger.format.keys import Key
from ledger.writing.changes import SEQ, Change, Insert, Put, Reads
from manifest import rules
from manifest.reference import Reference
from manifest.register import entering
from manifest.register.documents import PermitAmended
from manifest.register.entering import Judges
from manifest.register.events import ApprovalGranted, PermitGranted, PermitLine
from manifest.views import APPROVAL, PERMIT, PERMIT_LINE, PERMIT_VEHICLE
from manifest.vocabulary import Register, local_date


def _permit(
    reads: Reads, event: Event, body: PermitGranted, _keys: tuple[Key, ...], reference: Reference
) -> list[Change]:
    confirmed, problems = entering.word_of(event, [body.party], body.document_sha256, "/body/party")
    problems += entering.period(body)
    problems += entering.party_known(reads, body.party, "/body/party")
    if reads.one(PERMIT, permit=body.permit) is not None:
        problems.append(Problem("manifest.permit_known_already", "/body/permit"))
    problems += _entered_before(reads, body)
    on = max(body.valid_from, min(body.valid_to, local_date(event.occurred_at)))
    problems += _lines(body.lines, reference, on)
    problems += _plates(body.vehicles)
    refuse(problems)
    row = {name: getattr(body, name) for name in ("party", "number", "valid_from", "valid_to")}
    row |= {"permit_kind": body.permit_kind.value, "traceability_break": body.traceability_break}
    row |= {"confirmed": confirmed, "dated": False, "seq": SEQ}
    changes: list[Change] = [Insert(PERMIT, {"permit": body.permit, **row})]
    changes += _line_rows(body.permit, body.lines, body.valid_from, confirmed=confirmed)
    changes += _vehicle_rows(body.permit, body.vehicles, body.valid_from, confirmed=confirmed)
    return [*changes, *entering.confirmation(event, Register.PERMIT, body.permit, body.document_sha256)]


def _entered_before(reads: Reads, body: PermitGranted) -> Iterator[Problem]:
    """Yield a problem when the same paper is entered under another name: its year would double."""
    for other in reads.rows(PERMIT, party=body.party, permit_kind=body.permit_kind.value):
        overlaps = body.valid_from <= other["valid_to"] and other["valid_from"] <= body.valid_to
        if overlaps and other["permit"] != body.permit and _plain(other["number"]) == _plain(body.number):
            yield Problem("manifest.permit_known_already", "/body/number")
            return


def _plain(number: str) -> str:
    """Return the letters and digits of a paper's number: spaces, strokes and case tell no papers apart."""
    return "".join(filter(str.isalnum, number)).casefold()


def _approval(
    reads: Reads, event: Event, body: ApprovalGranted, _keys: tuple[Key, ...], _reference: Reference
) -> list[Change]:
    both = [body.carrier, body.facility]
    confirmed, problems = entering.word_of(event, both, body.document_sha256, "/body/carrier")
    problems += entering.period(body)
    for name in ("carrier", "facility"):
        problems += entering.party_known(reads, getattr(body, name), f"/body/{name}")
    if reads.one(APPROVAL, approval=body.approval) is not None:
        problems.append(Problem("manifest.approval_known_already", "/body/approval"))
    refuse(problems)
    names = ("approval", "carrier", "facility", "number", "valid_from", "valid_to")
    row = {name: getattr(body, name) for name in names}
    return [
        Insert(APPROVAL, {**row, "confirmed": confirmed, "seq": SEQ}),
        *entering.confirmation(event, Register.APPROVAL, body.approval, body.document_sha256),
    ]


def _amended(
    reads: Reads, event: Event, body: PermitAmended, _keys: tuple[Key, ...], reference: Reference
) -> list[Change]:
    """Judge an amendment: whole lists of lines and vehicles that follow those before, or another last day."""
    permit = reads.one(PERMIT, permit=body.permit)
    if permit is None:
        refuse([Problem("manifest.permit_unknown", "/body/permit")])
    assert permit is not None
    confirmed, problems = entering.word_of(event, [permit["party"]], body.document_sha256, "/body/permit")
    if (body.lines, body.vehicles, body.valid_to) == (None, None, None):
        problems.append(Problem("manifest.nothing_changes", "/body"))
    problems += entering.period(body)
    if not confirmed and body.valid_to is not None and body.valid_to > permit["valid_to"]:
        # Its last day may be that of a withdrawal: the holder's own word brings nothing back.
        facts = {"valid_to": permit["valid_to"].isoformat()}
        problems.append(Problem("manifest.permit_not_valid", "/body/valid_to", facts))
    problems += _lines(body.lines or (), reference, body.valid_from)
    problems += _plates(body.vehicles or ())
    lines, vehicles = (reads.rows(table, permit=body.permit) for table in (PERMIT_LINE, PERMIT_VEHICLE))
    followed = [*(lines if body.lines is not None else ()), *(vehicles if body.vehicles is not None else ())]
    latest = max([permit["valid_from"], *(row["valid_from"] for row in followed)])
    if body.valid_from <= latest:
        facts = {"latest": latest.isoformat()}
        problems.append(Problem("manifest.change_out_of_order", "/body/valid_from", facts))
    refuse(problems)
    changes: list[Change] = []
    until = {"valid_to": body.valid_from - timedelta(days=1)}
    for table, rows, made in (
        (PERMIT_LINE, lines, body.lines),
        (PERMIT_VEHICLE, vehicles, body.vehicles),
    ):
        if made is not None:
            open_rows = [row for row in rows if row["valid_to"] is None]
            changes += [Put(table, entering.key_of(table, row), until) for row in open_rows]
    changes += _line_rows(body.permit, body.lines or (), body.valid_from, confirmed=confirmed)
    changes += _vehicle_rows(body.permit, body.vehicles or (), body.valid_from, confirmed=confirmed)
    # Once its holder has amended it, something of the permit rests on the holder's word.
    row = {"valid_to": body.valid_to or permit["valid_to"], "confirmed": permit["confirmed"] and confirmed}
    changes.append(Put(PERMIT, {"permit": body.permit}, {**row, "dated": True, "seq": SEQ}))
    return changes


def _lines(lines: Sequence[PermitLine], reference: Reference, on: date) -> Iterator[Problem]:
    for index, line in enumerate(lines):
        yield from rules.waste_code(reference, line.code, on, f"/body/lines/{index}/code")
        yield from rules.methods(reference, line.methods, on, f"/body/lines/{index}/methods")
    if len({line.code for line in lines}) != len(lines):
        yield Problem("manifest.line_repeated", "/body/lines")


def _plates(vehicles: Sequence[str]) -> Iterator[Problem]:
    for index, plate in enumerate(vehicles):
        yield from rules.plate(plate, f"/body/vehicles/{index}")


def _line_rows(
    permit: str, lines: Sequence[PermitLine], valid_from: date, *, confirmed: bool
) -> Iterator[Change]:
    named = {"permit": permit, "valid_from": valid_from, "valid_to": None, "confirmed": confirmed}
    for line in lines:
        told = {"code": line.code, "methods": ",".join(line.methods), "mass_g_year": line.mass_g_year}
        yield Insert(PERMIT_LINE, {**named, **told})


def _vehicle_rows(
    permit: str, vehicles: Sequence[str], valid_from: date, *, confirmed: bool
) -> Iterator[Change]:
    named = {"permit": permit, "valid_from": valid_from, "valid_to": None, "confirmed": confirmed}
    for plate in sorted(set(vehicles)):
        yield Insert(PERMIT_VEHICLE, {**named, "plate": plate})


JUDGES: Judges = {
    PermitGranted: _permit,
    PermitAmended: _amended,
    ApprovalGranted: _approval,
}
