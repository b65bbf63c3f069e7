"""The notice of temporary storage: a facility that has not treated within six months says why.

It ends the generator's duty to report that the last copies are missing, for this manifest and for nothing
else: the waste stays untreated and overdue (decision B15).
"""

from collections.abc import Iterator
from datetime import date

from ledger.errors import Problem
from manifest.consignment import Manifest
from manifest.reference import Reference
from manifest.vocabulary import local_date, months_later


def notice(before: Manifest, by: str, reference: Reference, on: date) -> Iterator[Problem]:
    """Yield problems of a notice: nothing left to treat, too early, or given before.

    Source: NĐ 08/2022 Điều 72(4): once six months have gone since the day of transfer.
    """
    if not any(line.mass.left_g and before.facility_of(line) == by for line in before.lines):
        yield Problem("manifest.nothing_left_to_treat", "")
    if before.storage_notified_at is not None:
        yield Problem("manifest.notified_already", "")
    transferred = local_date(before.legs[0].at)
    earliest = months_later(transferred, reference.rule("treatment_limit_months", transferred).integer)
    if earliest is not None and on < earliest:
        yield Problem("manifest.notice_too_early", "/occurred_at", {"earliest": earliest.isoformat()})
