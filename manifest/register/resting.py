"""How many grams rest on what nobody but its holder has said («tự khai», decision D25).

Grams rest on an entry when they could not stand where they stand without it: what was generated on the party
and its site, what was treated on these, on the facility's own site and on the permit it was treated under.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Table, and_, func, select

from ledger.storage.db import Reader
from manifest.views import LOT, MANIFEST, ORGANISATION, PERMIT, POSTING, SITE
from manifest.vocabulary import Account, Register


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
    }
    columns = (LOT.c.party, LOT.c.site, MANIFEST.c.facility, MANIFEST.c.facility_site, MANIFEST.c.permit)
    query = (
        select(*columns, func.sum(POSTING.c.grams).label("grams"))
        .join(LOT, and_(LOT.c.log == POSTING.c.log, LOT.c.lot == POSTING.c.lot))
        .outerjoin(MANIFEST, and_(MANIFEST.c.log == POSTING.c.log, MANIFEST.c.manifest == POSTING.c.manifest))
        .where(POSTING.c.log == log, POSTING.c.account == account.value)
        .where(POSTING.c.posted_on.between(start, end))
        .group_by(*columns)
    )
    if size is not None:
        query = query.where(POSTING.c.seq < size)
    total, some = 0, 0
    found = dict.fromkeys(declared, 0)
    for row in reader.execute(query):
        grams = abs(int(row.grams))
        total += grams
        names = {
            Register.ORGANISATION: {row.party, row.facility},
            Register.SITE: {row.site, row.facility_site},
            Register.PERMIT: {row.permit},
        }
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
