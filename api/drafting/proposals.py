"""What a new draft begins with: an earlier manifest without its number, and lots drawn oldest first."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from sqlalchemy import and_, select

from ledger.errors import NotFound, Problem
from ledger.storage.db import Reader
from ledger.storage.store import rows
from ledger.writing.changes import Reads
from manifest import reference
from manifest.acts import find
from manifest.views import BALANCE, LOT, MANIFEST
from manifest.vocabulary import Account, Status

# What a repetition takes over; number, form and lots are of their own day.
_REPEATED = ("generator", "site", "facility", "facility_site", "permit", "vehicle_kind")


def last_of(reader: Reader, log: int, parties: frozenset[str], facility: str | None = None) -> str:
    """Return the newest manifest that one of the parties registered; raise NotFound when there is none."""
    query = select(MANIFEST.c.manifest).where(
        MANIFEST.c.log == log, MANIFEST.c.generator.in_(sorted(parties))
    )
    if facility is not None:
        query = query.where(MANIFEST.c.facility == facility)
    found = reader.execute(query.order_by(MANIFEST.c.registered_at.desc()).limit(1)).scalar()
    if found is None:
        raise NotFound(Problem("api.nothing_to_repeat", "/repeat"))
    return str(found)


def repetition(reader: Reader, log: int, manifest: str) -> dict[str, Any]:
    """Return the fields of a registration like an earlier one, its lots proposed anew."""
    registered = find(Reads(reader, log), manifest, reference.default()).registered.write()
    fields = {name: registered[name] for name in _REPEATED if registered.get(name) is not None}
    fields["carriers"] = registered["carriers"]
    lines = [{name: value for name, value in line.items() if name != "lots"} for line in registered["lines"]]
    fields["lines"] = with_lots(reader, log, fields["site"], lines)
    return fields


def with_lots(reader: Reader, log: int, site: str, lines: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return lines with the lots that each could draw from: the oldest first, as far as they reach.

    A line that says its mass is filled up to it; one that does not takes all that is stored of its code.
    What other manifests that were not yet picked up will draw is left to them. Lines of one code draw one
    after the other. A mass that the store cannot fill is left as it was said.
    """
    stores: dict[str, list[list[Any]]] = {}
    filled = []
    for line in lines:
        store = stores.setdefault(line["code"], _stored(reader, log, site, line["code"]))
        wanted = line.get("mass_g")
        left = sum(grams for _, grams in store) if wanted is None else int(wanted)
        draws = []
        for lot in store:
            part = min(left, lot[1])
            if part > 0:
                draws.append({"lot": lot[0], "mass_g": part})
                lot[1] -= part
                left -= part
        mass_g = sum(draw["mass_g"] for draw in draws) if wanted is None else wanted
        filled.append({**line, "mass_g": mass_g, "lots": draws})
    return filled


def _stored(reader: Reader, log: int, site: str, code: str) -> list[list[Any]]:
    query = (
        select(LOT.c.lot, BALANCE.c.grams)
        .join(
            BALANCE,
            and_(
                BALANCE.c.log == LOT.c.log,
                BALANCE.c.lot == LOT.c.lot,
                BALANCE.c.account == Account.STORED.value,
                BALANCE.c.place == LOT.c.site,
            ),
        )
        .where(LOT.c.log == log, LOT.c.site == site, LOT.c.code == code, BALANCE.c.grams > 0)
        .order_by(LOT.c.generated_on, LOT.c.lot)
    )
    promised = _promised(reader, log, site)
    return [[row.lot, int(row.grams) - promised[row.lot]] for row in reader.execute(query)]


def _promised(reader: Reader, log: int, site: str) -> Counter[str]:
    """Return what manifests that wait for their pick-up will draw from each lot of a site."""
    waiting = rows(reader, MANIFEST, log=log, site=site, status=Status.REGISTERED.value)
    reads = Reads(reader, log)
    promised: Counter[str] = Counter()
    for row in waiting:
        for line in find(reads, row["manifest"], reference.default()).registered.lines:
            for draw in line.lots:
                promised[draw.lot] += draw.mass_g
    return promised
