"""The list behind the ratio: every lot with grams still to be treated, where they are and since when."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import and_, case, func, null, select

from ledger.storage.db import Reader
from ledger.writing.changes import Reads
from manifest.lookups import reference_at
from manifest.reconcile.figures import STORED, TRANSFERRED, add_months, limit_at
from manifest.reference import Reference
from manifest.views import LOT, MANIFEST, ORGANISATION, POSTING
from manifest.vocabulary import Account, LotKind, local_date


@dataclass(frozen=True, slots=True, kw_only=True)
class Untreated:
    """Grams of a lot that no final method has treated; ``due_on`` is None where the law sets no date."""

    lot: str
    code: str
    generator: str
    generator_name: str
    zone_kind: str
    account: Account
    place: str
    manifest: str | None
    number: str | None
    grams: int
    since: date
    due_on: date | None
    opening: bool

    def as_json(self, as_of: date) -> dict[str, Any]:
        """Return the row as plain values, with its age in days."""
        return {
            "lot": self.lot,
            "code": self.code,
            "generator": self.generator,
            "generator_name": self.generator_name,
            "zone_kind": self.zone_kind,
            "where": self.account.value,
            "place": self.place,
            "manifest": self.manifest,
            "number": self.number,
            "mass_g": self.grams,
            "since": self.since.isoformat(),
            "age_days": (as_of - self.since).days,
            "due_on": self.due_on.isoformat() if self.due_on else None,
            "overdue": self.due_on is not None and self.due_on < as_of,
            "opening": self.opening,
        }


def untreated(
    reader: Reader, log: int, *, as_of: date, reference: Reference, at_size: int | None = None
) -> list[Untreated]:
    """Return every lot's grams that are stored, on the way, at a facility or unexplained; largest first.

    A lot on several manifests has a row for each: every transfer has a due date of its own. What went into a
    batch is listed as the lots that went in, so child lots are not. Limits that the ledger has set go before
    those of ``reference``.
    """
    reference = reference_at(Reads(reader, log), reference, at_size)
    open_accounts = [account.value for account in (*STORED, *TRANSFERRED, Account.UNEXPLAINED)]
    # What is stored is the lot's own, whichever manifest it came back with.
    names = [account.value for account in STORED]
    manifest = case((POSTING.c.account.in_(names), null()), else_=POSTING.c.manifest).label("manifest")
    postings = select(POSTING.c.lot, POSTING.c.account, POSTING.c.place, manifest, POSTING.c.grams).where(
        POSTING.c.log == log, POSTING.c.posted_on <= as_of, POSTING.c.account.in_(open_accounts)
    )
    if at_size is not None:
        postings = postings.where(POSTING.c.seq < at_size)
    each = postings.subquery()
    slot = (each.c.lot, each.c.account, each.c.place, each.c.manifest)
    grams = func.sum(each.c.grams)
    sums = select(*slot, grams.label("grams")).group_by(*slot).having(grams > 0).subquery()
    query = (
        select(
            sums,
            LOT.c.code,
            LOT.c.party,
            LOT.c.zone_kind,
            LOT.c.generated_on,
            LOT.c.lot_kind,
            ORGANISATION.c.name,
            MANIFEST.c.number,
            MANIFEST.c.transferred_at,
        )
        .join(LOT, and_(LOT.c.log == log, LOT.c.lot == sums.c.lot))
        .join(ORGANISATION, and_(ORGANISATION.c.log == log, ORGANISATION.c.party == LOT.c.party))
        .where(LOT.c.lot_kind != LotKind.CHILD.value)
        .outerjoin(MANIFEST, and_(MANIFEST.c.log == log, MANIFEST.c.manifest == sums.c.manifest))
        .order_by(sums.c.grams.desc(), sums.c.lot, sums.c.account, sums.c.place, MANIFEST.c.number)
    )
    storage = limit_at(reference, "storage_limit_months", as_of)
    treatment = limit_at(reference, "treatment_limit_months", as_of)
    return [_read(dict(row), storage, treatment) for row in reader.execute(query).mappings()]


def _read(row: dict[str, Any], storage_months: int, treatment_months: int) -> Untreated:
    account = Account(row["account"])
    stored = account in STORED
    since = (
        row["generated_on"] if stored or row["transferred_at"] is None else local_date(row["transferred_at"])
    )
    # What a facility took from its own store is due like what is still there.
    months = storage_months if stored or row["transferred_at"] is None else treatment_months
    return Untreated(
        lot=row["lot"],
        code=row["code"],
        generator=row["party"],
        generator_name=row["name"],
        zone_kind=row["zone_kind"],
        account=account,
        place=row["place"],
        manifest=row["manifest"],
        number=row["number"],
        grams=int(row["grams"]),
        since=since,
        due_on=None if account is Account.UNEXPLAINED else add_months(since, months),
        opening=row["lot_kind"] == LotKind.OPENING,
    )
