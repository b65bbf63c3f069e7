"""How many grams rest on what nobody but its holder has said («tự khai», decision D25).

Grams rest on an entry when they could not stand where they stand without it: what was generated on the party
and its site, what was treated on these, on the facility's own site and on the permit it was treated under,
what was found to be ordinary waste on the certificate.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Table, and_, case, func, null, select, true

from ledger.storage.db import Reader
from ledger.storage.predecessor import whole_stream
from ledger.storage.store import ENTRY, STREAM, entry_at
from manifest.acts import read_stored
from manifest.events import Registered, SelfTreated
from manifest.lots.events import Declassified, LotTreated
from manifest.register.views import CERTIFICATE
from manifest.views import LOT, MANIFEST, ORGANISATION, PERMIT, POSTING, SITE
from manifest.vocabulary import SOURCES, Account, LotKind, Register

_ENDS = {Account.TREATED_SERVICE, Account.SELF_TREATED, Account.DECLASSIFIED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Resting:
    """Grams of an account, how many rest on declared entries of each register, and how many on any."""

    total_g: int
    by_register: dict[Register, int]
    any_g: int


def resting(
    reader: Reader, log: int, account: Account, *, start: date, end: date, size: int | None = None
) -> Resting:
    """Return what came into an account within a period, and how much of it rests on declared entries.

    What came out of a source counts as generated. ``size`` leaves out the postings of later entries; whether
    an entry is confirmed is told as it is now.
    """
    declared = {
        Register.ORGANISATION: _declared(reader, log, ORGANISATION, "party"),
        Register.SITE: _declared(reader, log, SITE, "site"),
        Register.PERMIT: _declared(reader, log, PERMIT, "permit"),
        Register.CERTIFICATE: _declared(reader, log, CERTIFICATE, "certificate"),
    }
    columns = (LOT.c.party, LOT.c.site, MANIFEST.c.facility, MANIFEST.c.facility_site, MANIFEST.c.permit)
    # Where grams end by another act than one of their manifest at its facility, that act says by which paper.
    own = and_(MANIFEST.c.facility_site == POSTING.c.place, STREAM.c.name == POSTING.c.manifest)
    act = case((own if account in _ENDS else true(), null()), else_=POSTING.c.seq).label("act")
    query = (
        select(*columns, POSTING.c.place, act, func.sum(POSTING.c.grams).label("grams"))
        .join(LOT, and_(LOT.c.log == POSTING.c.log, LOT.c.lot == POSTING.c.lot))
        .outerjoin(MANIFEST, and_(MANIFEST.c.log == POSTING.c.log, MANIFEST.c.manifest == POSTING.c.manifest))
        .outerjoin(ENTRY, and_(ENTRY.c.log == POSTING.c.log, ENTRY.c.seq == POSTING.c.seq))
        .outerjoin(STREAM, and_(STREAM.c.log == ENTRY.c.log, STREAM.c.stream == ENTRY.c.stream))
        .where(POSTING.c.log == log, POSTING.c.account == account.value)
        # A child lot is other lots in another shape: these are told themselves.
        .where(LOT.c.lot_kind != LotKind.CHILD.value)
        .where(POSTING.c.posted_on.between(start, end))
        .group_by(*columns, POSTING.c.place, act)
    )
    if size is not None:
        query = query.where(POSTING.c.seq < size)
    total, some = 0, 0
    found = dict.fromkeys(declared, 0)
    for row in reader.execute(query):
        # What was reversed since is taken off again, by whichever act.
        grams = -int(row.grams) if account in SOURCES else int(row.grams)
        total += grams
        names = {
            Register.ORGANISATION: {row.party, row.facility},
            Register.SITE: {row.site, row.facility_site},
            Register.PERMIT: {row.permit},
            Register.CERTIFICATE: set(),
        }
        if row.act is not None:
            names |= _papers(reader, log, row.act, row.place)
            names[Register.SITE].add(row.place)
        on = [register for register, entries in names.items() if entries & declared[register]]
        for register in on:
            found[register] += grams
        some += grams if on else 0
    return Resting(total_g=total, by_register=found, any_g=some)


def _declared(reader: Reader, log: int, table: Table, name: str) -> set[str]:
    """Return the entries of a register that no authority has confirmed."""
    query = select(table.c[name]).where(table.c.log == log, table.c.confirmed.is_(False))
    entries: Iterable[str] = reader.execute(query).scalars()
    return set(entries)


def _papers(reader: Reader, log: int, seq: int, place: str) -> dict[Register, set[str | None]]:
    """Return the permit and the certificate under which an act ended grams at a place."""
    stored = entry_at(reader, log, seq)
    if stored is None:
        return {}  # of a log before this one
    event, body = read_stored(stored)
    if isinstance(body, SelfTreated | LotTreated):
        return {Register.PERMIT: {body.permit}}
    if isinstance(body, Declassified):
        return {Register.PERMIT: set(), Register.CERTIFICATE: {body.certificate}}
    first = next(iter(whole_stream(reader, log, event.stream)), None)
    registered = None if first is None else read_stored(first)[1]
    if not isinstance(registered, Registered):
        return {}
    second = registered.second
    onward = second is not None and second.site == place
    return {Register.PERMIT: {second.permit if second and onward else registered.permit}}
