"""Refusals are obligations: what was refused is owed until it is treated, declassified or exported.

Returning it is half the way. At home its grams lie among others of the same lot, and nobody can tell them
apart; so they count as the last of the lot to come to an end, and an obligation is over when no more of its
lots is left than was never refused. A manifest that takes refused grams away may name the obligation, which
is then settled when that manifest is completed.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from ledger.errors import Problem
from ledger.format.event import Event
from ledger.storage.db import Row
from ledger.writing.changes import SEQ, Change, Put, Reads
from manifest.accounts import Posting, Slot
from manifest.consignment import Line, Manifest
from manifest.events import Registered
from manifest.obligation_views import OBLIGATION, OBLIGATION_LOT
from manifest.views import BALANCE
from manifest.vocabulary import Account, LotId, ObligationState

_ENDS = frozenset({Account.TREATED_SERVICE, Account.SELF_TREATED, Account.DECLASSIFIED, Account.EXPORTED})
_LOST = frozenset({Account.UNEXPLAINED, Account.TRACEABILITY_BREAK})
_UNDER_WAY = frozenset({Account.STORED, Account.IN_TRANSIT, Account.AT_FACILITY, Account.INTERIM})
# Followed to their end: what is back, and what has ended, for a correction may take that back.
_FOLLOWED = {ObligationState.RETURNED, ObligationState.ENDED}
_FIRST, _SECOND = 1, 2


def name_of(manifest: str, line: int, stage: int) -> str:
    """Return the name of the obligation of a refused part: manifest and line, and `2` at the second scale."""
    return f"{manifest}:{line}" if stage == _FIRST else f"{manifest}:{line}:{stage}"


def rows(reads: Reads, before: Manifest, after: Manifest, at: datetime) -> Iterator[Change]:
    """Yield the rows of refusals that an act of their own manifest makes, changes or brings home."""
    for new in after.lines:
        old = before.line(new.number)
        for stage in (_FIRST, _SECOND):
            was = (0, False) if old is None else _refused(old, stage)
            now = _refused(new, stage)
            if was != now or (now[0] and old is not None and old.lots != new.lots):
                yield from _changed(reads, before, after, new, stage=stage, at=at)


def _refused(line: Line, stage: int) -> tuple[int, bool]:
    """Return what was refused of a line at a scale, and whether it is back."""
    if stage == _FIRST:
        return line.mass.refused_g, line.mass.returned
    second = line.mass.second
    return (0, False) if second is None else (second.refused_g, second.returned)


def _changed(
    reads: Reads, before: Manifest, after: Manifest, line: Line, *, stage: int, at: datetime
) -> Iterator[Change]:
    grams, returned = _refused(line, stage)
    second = line.mass.second
    registered = after.registered
    carrier, facility = after.holder, registered.facility
    if stage == _SECOND and second is not None and registered.second is not None:
        carrier, facility = second.taker, registered.second.party
    name = name_of(after.id, line.number, stage)
    known = reads.one(OBLIGATION, obligation=name)
    state = ObligationState.REFUSED
    if returned:
        state = ObligationState.RETURNED
    elif not grams:
        state = ObligationState.LIFTED
    row = {
        "manifest": after.id,
        "line": line.number,
        "stage": stage,
        "generator": registered.generator,
        "carrier": carrier,
        "facility": facility,
        "grams": grams,
        "left_g": grams,
        "state": state.value,
        "opened_at": known["opened_at"] if known else at,
        "returned_at": at if returned else None,
        "ended_at": at if state is ObligationState.LIFTED else None,
        "settled_by": None,
        "seq": SEQ,
    }
    yield Put(OBLIGATION, {"obligation": name}, row)
    carried = Slot(Account.IN_TRANSIT, carrier)
    held = dict((before if returned else after).on_line(line, carried))
    for gone in reads.rows(OBLIGATION_LOT, obligation=name):
        held.setdefault(LotId(gone["lot"]), 0)
    for lot, part in held.items():
        lost = _sum(reads, lot, _LOST, ()) if returned else 0
        yield Put(OBLIGATION_LOT, {"obligation": name, "lot": lot}, {"grams": part, "unexplained_g": lost})


def followed(reads: Reads, event: Event, made: Sequence[Posting]) -> Iterator[Change]:
    """Yield the rows of obligations whose lots came to an end, wholly or in part, with an act."""
    ended = [posting for posting in made if posting.account in _ENDS | _LOST]
    lots = {posting.lot for posting in ended}
    taken_back = {posting.lot for posting in ended if posting.grams < 0}
    names = {row["obligation"] for lot in sorted(lots) for row in reads.rows(OBLIGATION_LOT, lot=lot)}
    for name in sorted(names):
        row = reads.one(OBLIGATION, obligation=name)
        assert row is not None, "lots of an obligation belong to one"
        if row["state"] not in _FOLLOWED:
            continue
        left_g = _left(reads, row, made)
        if not taken_back & {part["lot"] for part in reads.rows(OBLIGATION_LOT, obligation=name)}:
            # What a lot was found to be larger by since was never refused: only a correction owes again.
            left_g = min(left_g, row["left_g"])
        if left_g != row["left_g"]:
            over = left_g == 0
            state = ObligationState.ENDED if over else ObligationState.RETURNED
            changed = {
                "left_g": left_g,
                "state": state.value,
                "ended_at": event.occurred_at if over else None,
            }
            yield Put(OBLIGATION, {"obligation": name}, {**changed, "seq": SEQ})


def _left(reads: Reads, row: Row, made: Sequence[Posting]) -> int:
    """Return what of a returned part has not come to an end.

    Refused grams in no account (an unexplained surplus) end only with a manifest that settles them.
    """
    parts = reads.rows(OBLIGATION_LOT, obligation=row["obligation"])
    left = row["grams"] - sum(part["grams"] for part in parts)
    for part in parts:
        under_way = _sum(reads, part["lot"], _UNDER_WAY, made)
        left += min(part["grams"], under_way + _lost(reads, part, made))
    return int(left)


def _sum(reads: Reads, lot: str, accounts: frozenset[Account], made: Iterable[Posting]) -> int:
    """Return what a lot has in accounts after an act's postings."""
    names = {account.value for account in accounts}
    held = sum(row["grams"] for row in reads.rows(BALANCE, lot=lot) if row["account"] in names)
    moved = sum(posting.grams for posting in made if posting.lot == lot and posting.account in accounts)
    return int(held) + moved


def settling(reads: Reads, body: Registered) -> Iterator[Problem]:
    """Yield problems of the obligations that a register event names: whose, where, enough drawn of them."""
    drawn: dict[str, int] = {}
    for line in body.lines:
        for draw in line.lots:
            drawn[draw.lot] = drawn.get(draw.lot, 0) + draw.mass_g
    for index, name in enumerate(body.settles):
        path = f"/body/settles/{index}"
        row = reads.one(OBLIGATION, obligation=name)
        if row is None or row["generator"] != body.generator or name in body.settles[:index]:
            yield Problem("manifest.obligation_unknown", path)
            continue
        if row["state"] != ObligationState.RETURNED:
            yield Problem("manifest.obligation_not_returned", path, {"state": row["state"]})
            continue
        taken = 0
        for part in reads.rows(OBLIGATION_LOT, obligation=name):
            grams = min(part["grams"], drawn.get(part["lot"], 0))
            drawn[part["lot"]] = drawn.get(part["lot"], 0) - grams
            taken += grams
        if taken < row["left_g"]:
            facts = {"mass_g": taken, "left_g": row["left_g"]}
            yield Problem("manifest.obligation_not_covered", path, facts)


def settled(reads: Reads, before: Manifest, at: datetime) -> Iterator[Change]:
    """Yield the rows of obligations that a manifest names and that end as it is completed.

    What got lost on the way there has come to no end: so much is owed as before.
    """
    for name in before.registered.settles:
        row = reads.one(OBLIGATION, obligation=name)
        if row is None or row["state"] != ObligationState.RETURNED:
            continue
        parts = reads.rows(OBLIGATION_LOT, obligation=name)
        lost_g = sum(min(part["grams"], _lost(reads, part)) for part in parts)
        changed = {"state": ObligationState.SETTLED.value, "left_g": 0, "ended_at": at, "seq": SEQ}
        if lost_g:
            changed |= {
                "state": row["state"],
                "left_g": min(lost_g, row["left_g"]),
                "ended_at": None,
            }
        yield Put(OBLIGATION, {"obligation": name}, {**changed, "settled_by": before.id})


def recoded(reads: Reads, moved: Iterable[tuple[str, str, int]]) -> Iterator[Change]:
    """Yield the rows of what is owed when grams of lots go over to new ones: old lot, new lot, grams.

    Of a lot the grams that were never refused go over first, as they come to an end first.
    """
    for old, new, mass_g in moved:
        free_g = max(under_way_g(reads, old) - owed_g(reads, old), 0)
        left_g = max(mass_g - free_g, 0)
        for part in reads.rows(OBLIGATION_LOT, lot=old):
            row = reads.one(OBLIGATION, obligation=part["obligation"])
            if row is None or row["state"] != ObligationState.RETURNED:
                continue
            over_g = min(part["grams"], left_g)
            left_g -= over_g
            if over_g:
                name = {"obligation": part["obligation"]}
                rest = {"grams": part["grams"] - over_g, "unexplained_g": part["unexplained_g"]}
                yield Put(OBLIGATION_LOT, {**name, "lot": old}, rest)
                yield Put(OBLIGATION_LOT, {**name, "lot": new}, {"grams": over_g, "unexplained_g": 0})


def owed_g(reads: Reads, lot: str) -> int:
    """Return the grams of a lot that are owed after a refusal, of those that are under way: the last ones."""
    owed = 0
    for part in reads.rows(OBLIGATION_LOT, lot=lot):
        row = reads.one(OBLIGATION, obligation=part["obligation"])
        if row is not None and row["state"] == ObligationState.RETURNED:
            owed += max(min(part["grams"], row["left_g"]) - _lost(reads, part), 0)
    return owed


def under_way_g(reads: Reads, lot: str) -> int:
    """Return the grams of a lot that have come to no end."""
    return _sum(reads, lot, _UNDER_WAY, ())


def _lost(reads: Reads, part: Row, made: Iterable[Posting] = ()) -> int:
    """Return what has got lost of a lot since its refused part came back."""
    since: int = part["unexplained_g"]
    return max(_sum(reads, part["lot"], _LOST, made) - since, 0)
