"""What rules need to know, read from the views: dated reference data, permits, approvals, lots, terms."""

from datetime import date

from ledger.storage.db import Row
from ledger.writing.changes import Reads
from manifest import tolerance
from manifest.permit_history import permit_then
from manifest.permits import Approval, Permit
from manifest.postings import Terms
from manifest.reference import Reference, Rule
from manifest.register.lookups import holds
from manifest.register.views import SUSPENSION
from manifest.rules import LotFacts
from manifest.views import APPROVAL, BALANCE, LOT, PERMIT, PERMIT_LINE, PERMIT_USE, POSTING, RULE
from manifest.vocabulary import SOURCES, Account, LotKind, PermitKind, Register


def reference_at(reads: Reads, base: Reference, seq: int | None = None) -> Reference:
    """Return the reference data with the limits that the ledger has set since, or had before ``seq``.

    An act of the past is read under the limits of its own position: a limit that is set later for an
    earlier date must not move grams that are booked.
    """
    set_since = [row for row in reads.rows(RULE) if seq is None or row["seq"] < seq]
    if not set_since:
        return base
    return base.with_rules(
        Rule(
            name=row["rule"],
            integer=row["value"],
            unit=row["unit"],
            valid_from=row["valid_from"],
            valid_to=row["valid_to"],
            source=row["source"],
            confirmed=row["confirmed"],
            verified_by=row["verified_by"],
            verified_on=row["verified_on"],
        )
        for row in sorted(set_since, key=lambda row: row["seq"])
    )


def permit(reads: Reads, permit_id: str | None, on: date | None = None) -> Permit | None:
    """Return a permit with its lines as they were on a day, or as they are now; None when there is none."""
    row = None if permit_id is None else reads.one(PERMIT, permit=permit_id)
    if row is None:
        return None
    lines = reads.rows(PERMIT_LINE, permit=permit_id)
    pauses: list[Row] = []
    if row["dated"]:
        lines = [line for line in lines if (holds(line, on) if on else line["valid_to"] is None)]
        pauses = reads.rows(SUSPENSION, kept_in=Register.PERMIT.value, entry=permit_id)
    return Permit(
        id=row["permit"],
        party=row["party"],
        kind=PermitKind(row["permit_kind"]),
        valid_from=row["valid_from"],
        valid_to=row["valid_to"],
        lines={
            line["code"]: (tuple(filter(None, line["methods"].split(","))), line["mass_g_year"])
            for line in lines
        },
        pauses=tuple((pause["valid_from"], pause["valid_to"]) for pause in pauses),
    )


def permit_used(reads: Reads, permit_id: str, year: int) -> dict[str, int]:
    """Return the grams accepted under each code of a permit in a year."""
    return {row["code"]: row["accepted_g"] for row in reads.rows(PERMIT_USE, permit=permit_id, year=year)}


def approval(reads: Reads, approval_id: str) -> Approval | None:
    """Return an approved linkage, or None."""
    row = reads.one(APPROVAL, approval=approval_id)
    if row is None:
        return None
    names = ("carrier", "facility", "valid_from", "valid_to")
    return Approval(id=row["approval"], **{name: row[name] for name in names})


def stored_g(reads: Reads, lot: str, site: str) -> int:
    """Return what is stored of a lot at its site, in grams."""
    row = reads.one(BALANCE, lot=lot, account=Account.STORED.value, place=site)
    return 0 if row is None else int(row["grams"])


def lot_facts(reads: Reads, lot: str) -> LotFacts | None:
    """Return what a line may draw from a lot, or None."""
    row = reads.one(LOT, lot=lot)
    if row is None:
        return None
    return LotFacts(
        site=row["site"],
        code=row["code"],
        generated_on=row["generated_on"],
        stored_g=stored_g(reads, lot, row["site"]),
    )


def terms(
    reads: Reads, reference: Reference, permit_id: str | None, on: date, *, seq: int | None = None
) -> Terms:
    """Return what the postings of an act on that date depend on.

    With ``seq`` the act stands in the ledger there, and was booked by the permit as it was known then.
    """

    def is_final(methods: tuple[str, ...]) -> bool:
        return any(reference.method(method, on).final for method in methods)

    def permits(code: str, methods: tuple[str, ...], treated_on: date) -> bool:
        then = None if seq is None else permit_then(reads, permit_id, seq, treated_on)
        known = permit(reads, permit_id, treated_on) if seq is None else then
        return known is not None and known.covers(code, methods, treated_on)

    def kind_of(lot: str) -> LotKind:
        row = reads.one(LOT, lot=lot)
        assert row is not None, "a manifest draws from lots that exist"
        return LotKind(row["lot_kind"])

    def site_of(lot: str) -> str:
        row = reads.one(LOT, lot=lot)
        assert row is not None, "a manifest draws from lots that exist"
        return str(row["site"])

    def arose_on(lot: str) -> date | None:
        sources = [row for row in reads.rows(POSTING, lot=lot) if Account(row["account"]) in SOURCES]
        return min(sources, key=lambda row: (row["seq"], row["n"]))["posted_on"] if sources else None

    return Terms(
        tolerance_g=lambda line, grams, mass: tolerance.tolerance_g(reference, line, grams, mass, on),
        is_final=is_final,
        permits=permits,
        kind_of=kind_of,
        site_of=site_of,
        arose_on=arose_on,
    )
