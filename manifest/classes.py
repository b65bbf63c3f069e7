"""How large a generator is, computed from what it declared: whether it needs a permit or a registration.

Source: NĐ 08/2022/NĐ-CP Điều 71(2): 1,200 kg a year or 100 kg in a month and more need an environmental
permit; what is below files a registration or nothing. Before it, 600 kg a year needed a register book.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from sqlalchemy import and_, func, select

from ledger.storage.db import Reader
from manifest.reference import Reference, RuleNotValid
from manifest.views import LOT, POSTING
from manifest.vocabulary import Account, LotKind


class ProducerClass(StrEnum):
    """What the law asks of a generator of this size."""

    NONE = "none"
    SMALL = "small"
    PERMIT = "permit"


@dataclass(frozen=True, slots=True)
class Produced:
    """What a site generated in a year: ``months`` has the grams of each month from January."""

    site: str
    party: str
    year: int
    months: tuple[int, ...]

    @property
    def year_g(self) -> int:
        """The grams of the whole year."""
        return sum(self.months)


def produced(reader: Reader, log: int, year: int, parties: frozenset[str] | None = None) -> list[Produced]:
    """Return the primary waste that each site generated in a year, by the day it arose."""
    query = (
        select(LOT.c.site, LOT.c.party, LOT.c.generated_on, func.sum(POSTING.c.grams).label("grams"))
        .join(POSTING, and_(POSTING.c.log == LOT.c.log, POSTING.c.lot == LOT.c.lot))
        .where(
            LOT.c.log == log,
            LOT.c.lot_kind == LotKind.PRIMARY.value,
            LOT.c.generated_on.between(date(year, 1, 1), date(year, 12, 31)),
            POSTING.c.account == Account.GENERATED.value,
            *([] if parties is None else [LOT.c.party.in_(sorted(parties))]),
        )
        .group_by(LOT.c.site, LOT.c.party, LOT.c.generated_on)
    )
    months: dict[tuple[str, str], list[int]] = {}
    for row in reader.execute(query):
        months.setdefault((row.site, row.party), [0] * 12)[row.generated_on.month - 1] -= int(row.grams)
    return [Produced(site, party, year, tuple(grams)) for (site, party), grams in sorted(months.items())]


def classify(amount: Produced, reference: Reference) -> ProducerClass:
    """Return the class of a site by the limits of the last day of its year."""
    if not amount.year_g:
        return ProducerClass.NONE
    on = date(amount.year, 12, 31)
    try:
        large = amount.year_g >= reference.rule("permit_threshold_year_g", on).integer
        large |= max(amount.months) >= reference.rule("permit_threshold_month_g", on).integer
    except RuleNotValid:
        large = amount.year_g >= reference.rule("register_book_threshold_year_g", on).integer
    return ProducerClass.PERMIT if large else ProducerClass.SMALL
