"""Postings of lots in store: how one arises, is restated and is treated where it lies, summing to zero."""

from datetime import date

from manifest.accounts import Posting, Slot, move
from manifest.events import GenerationAdjusted, SelfTreated
from manifest.vocabulary import Account, LotId, LotKind, Reason

# Kind of lot -> the account that its grams come from, and why they come.
_SOURCE = {
    LotKind.PRIMARY: Account.GENERATED,
    LotKind.OPENING: Account.OPENING,
    LotKind.SECONDARY: Account.GENERATED_SECONDARY,
    LotKind.CHILD: Account.REGROUPED,
}
_ARISING = {
    LotKind.PRIMARY: Reason.DECLARED,
    LotKind.OPENING: Reason.OPENING,
    LotKind.SECONDARY: Reason.RESIDUE,
    LotKind.CHILD: Reason.REGROUPED,
}


def source_of(kind: LotKind, site: str) -> Slot:
    """Return the account that a lot's grams come from."""
    return Slot(_SOURCE[kind], site)


def arisen(lot: str, mass_g: int, kind: LotKind, site: str, on: date) -> tuple[Posting, ...]:
    """Return the postings of a new lot: from its source into the site's store, on the day it arose.

    Opening stock is booked on the day of its act: it was there before the ledger was.
    """
    stored = Slot(Account.STORED, site)
    booked_on = None if kind is LotKind.OPENING else on
    return move(LotId(lot), mass_g, source_of(kind, site), stored, _ARISING[kind], on=booked_on)


def adjusted(event: GenerationAdjusted, kind: LotKind, site: str) -> tuple[Posting, ...]:
    """Restate a lot in store: up takes more from its source, down gives back."""
    stored = Slot(Account.STORED, site)
    return move(LotId(event.lot), event.delta_g, source_of(kind, site), stored, Reason.ADJUSTED)


def self_treated(event: SelfTreated, site: str, *, credited_g: int) -> tuple[Posting, ...]:
    """Book treatment on the own site; what no permit line covers stays unexplained (decision A6)."""
    stored, lot = Slot(Account.STORED, site), LotId(event.lot)
    ends = (
        (Account.SELF_TREATED, Reason.SELF_TREATED, credited_g),
        (Account.UNEXPLAINED, Reason.SELF_TREATED_WITHOUT_BASIS, event.mass_g - credited_g),
    )
    made: tuple[Posting, ...] = ()
    for account, reason, grams in ends:
        target = Slot(account, site)
        made += move(lot, grams, stored, target, reason, method=event.methods[-1], on=event.treated_on)
    return made
