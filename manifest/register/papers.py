"""Which papers are in force on a day: contracts, test certificates, linkages of facilities."""

from dataclasses import dataclass
from datetime import date

from ledger.storage.db import Row
from ledger.writing.changes import Reads
from manifest.register.lookups import holds
from manifest.register.views import CERTIFICATE, CONTRACT, LINKAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """A contract in force; ``third`` is the second facility, ``agreed`` when all its parties signed here."""

    contract: str
    generator: str
    facility: str
    third: str | None
    codes: frozenset[str]
    areas: frozenset[str]
    agreed: bool
    confirmed: bool

    def covers(self, code: str, area: str | None = None) -> bool:
        """Tell whether it takes in a code, and an area where both name one."""
        return (not self.codes or code in self.codes) and (
            not self.areas or area is None or area in self.areas
        )


def contract(reads: Reads, contract_id: str, on: date) -> Contract | None:
    """Return a contract that is in force on a day, or None."""
    row = reads.one(CONTRACT, contract=contract_id)
    return _contract(row) if row is not None and holds(row, on) else None


def contract_between(reads: Reads, generator: str, facility: str, on: date) -> Contract | None:
    """Return the contract in force on a day between a generator and a facility, or None.

    Of several the one that both have agreed to and an authority has confirmed comes first, then the newest.
    """
    rows = [row for row in reads.rows(CONTRACT, generator=generator, facility=facility) if holds(row, on)]
    if not rows:
        return None
    best = max(rows, key=lambda row: (_agreed(row), row["confirmed"], row["valid_from"], row["seq"]))
    return _contract(best)


def _agreed(row: Row) -> bool:
    return bool(
        row["agreed_generator"] and row["agreed_facility"] and (not row["third"] or row["agreed_third"])
    )


def _contract(row: Row) -> Contract:
    return Contract(
        contract=row["contract"],
        generator=row["generator"],
        facility=row["facility"],
        third=row["third"],
        codes=frozenset(filter(None, row["codes"].split(","))),
        areas=frozenset(filter(None, row["areas"].split(","))),
        agreed=_agreed(row),
        confirmed=row["confirmed"],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A laboratory's finding that a source's waste is below the threshold."""

    certificate: str
    process: str
    sampled_on: date
    valid_from: date
    valid_to: date | None
    document_sha256: str
    confirmed: bool


def certificate_for(reads: Reads, party: str, site: str, code: str, on: date) -> Certificate | None:
    """Return the certificate by which a site's waste of a code is ordinary on a day, or None.

    The newest sample speaks: one above the threshold silences those before it (NĐ 08/2022 Điều 68;
    decision A6).
    """
    rows = [
        row
        for row in reads.rows(CERTIFICATE, party=party, site=site, code=code)
        if holds(row, on) and row["sampled_on"] <= on
    ]
    newest = max(rows, key=lambda row: (row["sampled_on"], row["seq"]), default=None)
    if newest is None or not newest["below_threshold"]:
        return None
    confirmed = [row for row in rows if row["confirmed"]]
    last = max(confirmed, key=lambda row: (row["sampled_on"], row["seq"]), default=newest)
    if not last["below_threshold"]:
        return None  # what an authority has found the holder's own word does not silence
    names = ("certificate", "process", "sampled_on", "valid_from", "valid_to", "document_sha256", "confirmed")
    return Certificate(**{name: newest[name] for name in names})


@dataclass(frozen=True, slots=True, kw_only=True)
class Linkage:
    """An approval that ``first`` passes waste of these codes on to ``second``, in force between its days."""

    linkage: str
    first: str
    second: str
    codes: frozenset[str]
    contract: str | None
    valid_from: date
    valid_to: date | None
    confirmed: bool

    def valid_on(self, on: date) -> bool:
        """Tell whether the approval holds on a day."""
        return self.valid_from <= on and (self.valid_to is None or on <= self.valid_to)


def linkage(reads: Reads, linkage_id: str) -> Linkage | None:
    """Return an approved linkage between two facilities, or None; ask it whether it holds on a day."""
    row = reads.one(LINKAGE, linkage=linkage_id)
    if row is None:
        return None
    names = ("linkage", "first", "second", "contract", "valid_from", "valid_to", "confirmed")
    return Linkage(codes=frozenset(row["codes"].split(",")), **{name: row[name] for name in names})
