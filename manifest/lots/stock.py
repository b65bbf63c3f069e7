"""What is still in store: each lot's grams at its site, since when."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import and_, select

from ledger.storage.db import Reader
from manifest.views import BALANCE, LOT
from manifest.vocabulary import Account, LotKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """Grams of a lot in store; what a child lot has in store arose when its batch came out."""

    lot: str
    kind: LotKind
    party: str
    site: str
    code: str
    generated_on: date
    grams: int


def open_stock(reader: Reader, log: int, *, party: str | None = None, site: str | None = None) -> list[Stock]:
    """Return every lot of which something is stored, the oldest first; of one party or site if asked."""
    query = (
        select(LOT, BALANCE.c.grams)
        .join(BALANCE, and_(BALANCE.c.log == LOT.c.log, BALANCE.c.lot == LOT.c.lot))
        .where(LOT.c.log == log, BALANCE.c.account == Account.STORED.value, BALANCE.c.grams > 0)
        .order_by(LOT.c.generated_on, LOT.c.lot)
    )
    for column, value in ((LOT.c.party, party), (LOT.c.site, site)):
        if value is not None:
            query = query.where(column == value)
    return [
        Stock(
            lot=row["lot"],
            kind=LotKind(row["lot_kind"]),
            party=row["party"],
            site=row["site"],
            code=row["code"],
            generated_on=row["generated_on"],
            grams=int(row["grams"]),
        )
        for row in reader.execute(query).mappings()
    ]
