"""A permit as the ledger knew it before an entry, told by its own stream.

What was done under a permit was booked by what was known of the permit then. When it is ended, paused or
amended later for days that are past, those bookings stand; so whoever reads such an act again has to ask the
permit of that time and not today's view of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from ledger.format.event import parse
from ledger.writing.changes import Reads
from manifest.body import Body
from manifest.permits import Permit
from manifest.register.documents import PermitAmended
from manifest.register.events import PermitGranted, PermitLine
from manifest.register.parties import EntryEnded, EntryResumed, EntrySuspended
from manifest.vocabulary import Register

_KINDS: Mapping[str, type[Body]] = {
    kind.kind: kind for kind in (PermitGranted, PermitAmended, EntryEnded, EntrySuspended, EntryResumed)
}
_Lines = Mapping[str, tuple[tuple[str, ...], int]]


@dataclass(frozen=True, slots=True)
class _Told:
    """What a permit's stream says up to an entry: the permit, and each list of its lines from a day on."""

    permit: Permit
    versions: tuple[tuple[date, _Lines], ...]


def permit_then(reads: Reads, permit_id: str | None, seq: int, on: date) -> Permit | None:
    """Return a permit with its lines of a day, as it was known before the entry ``seq``; None for none."""
    told: _Told | None = None
    for at, body in () if permit_id is None else _story(reads, permit_id):
        if at >= seq:
            break
        told = _after(told, body)
    if told is None:
        return None
    lines = next((lines for since, lines in reversed(told.versions) if since <= on), {})
    return replace(told.permit, lines=lines)


def _story(reads: Reads, permit_id: str) -> list[tuple[int, Body]]:
    """Return what the stream of a permit says of it, with the positions; it is read once."""
    name = f"permit:{permit_id}"
    found = reads.memo.get(name)
    if found is None:
        events = [(stored.seq, parse(stored.event)) for stored in reads.stream(permit_id)]
        bodies = [(seq, _KINDS[one.kind].read(one.body)) for seq, one in events if one.kind in _KINDS]
        found = [(seq, body) for seq, body in bodies if _of(body, permit_id)]
        reads.memo[name] = found
    told: list[tuple[int, Body]] = found
    return told


def _of(body: Body, permit_id: str) -> bool:
    """Tell whether a body is about the permit: entries of several registers may bear one name."""
    if isinstance(body, EntryEnded | EntrySuspended | EntryResumed):
        return body.register is Register.PERMIT and body.entry == permit_id
    return True


def _after(told: _Told | None, body: Body) -> _Told | None:
    if isinstance(body, PermitGranted):
        permit = Permit(
            id=body.permit,
            party=body.party,
            kind=body.permit_kind,
            valid_from=body.valid_from,
            valid_to=body.valid_to,
            lines={},
        )
        return _Told(permit, ((body.valid_from, _lines(body.lines)),))
    if told is None:
        return None
    permit = told.permit
    match body:
        case PermitAmended():
            since = () if body.lines is None else ((body.valid_from, _lines(body.lines)),)
            permit = replace(permit, valid_to=body.valid_to or permit.valid_to)
            return _Told(permit, (*told.versions, *since))
        case EntryEnded():
            return replace(told, permit=replace(permit, valid_to=body.last_day))
        case EntrySuspended():
            paused = (*permit.pauses, (body.valid_from, body.valid_to))
            return replace(told, permit=replace(permit, pauses=paused))
        case EntryResumed():
            until = body.valid_from - timedelta(days=1)
            pauses = tuple(
                (first, until if first < body.valid_from <= (last or date.max) else last)
                for first, last in permit.pauses
            )
            return replace(told, permit=replace(permit, pauses=pauses))
    return told


def _lines(lines: Iterable[PermitLine]) -> _Lines:
    return {line.code: (line.methods, line.mass_g_year) for line in lines}
