"""The arithmetic of the ratio: where grams are, what is late by law, and how a share is written.

Source: `domain` decision A 1–8. Pure: sums come in, rows go out.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from ledger.errors import Malformed, Problem
from manifest.reference import Reference, RuleNotValid
from manifest.vocabulary import PLACES, Account, Reason, months_later

TREATED = (Account.TREATED_SERVICE, Account.SELF_TREATED)
# Waste that is still to be treated, with the limit that the law sets for it.
STORED = (Account.STORED,)
TRANSFERRED = (Account.IN_TRANSIT, Account.AT_FACILITY, Account.INTERIM)
_DECIMALS = 10**6


def share(part: int, whole: int) -> str | None:
    """Return part ÷ whole with six decimals, cut and never rounded up; None when there is no whole."""
    if whole <= 0:
        return None
    millionths = max(part, 0) * _DECIMALS // whole
    return f"{millionths // _DECIMALS}.{millionths % _DECIMALS:06d}"


def add_months(day: date, months: int) -> date:
    """Return the same day of a later month, or that month's last day when it is shorter.

    Raises Malformed, for the as-of date, when the calendar ends before that month.
    """
    found = months_later(day, months)
    if found is None:
        raise Malformed(Problem("manifest.date_invalid", "/as_of"))
    return found


def limit_at(reference: Reference, name: str, as_of: date) -> int:
    """Return a limit as it stands on the as-of date; Malformed when none had been set by then."""
    try:
        return reference.rule(name, as_of).integer
    except RuleNotValid:
        raise Malformed(Problem("manifest.date_invalid", "/as_of")) from None


@dataclass
class Coverage:
    """How much of what there is to report was reported (decision A2)."""

    generators: set[str] = field(default_factory=set)
    reporting: set[str] = field(default_factory=set)
    planned_year_g: int = 0
    declared_at_handover_g: int = 0

    def as_json(self, minimum_permille: int) -> dict[str, Any]:
        """Return the figures and whether they carry a conclusion."""
        reporting = len(self.reporting & self.generators)
        return {
            "generators": len(self.generators),
            "reporting": reporting,
            "planned_year_g": self.planned_year_g,
            "declared_at_handover_g": self.declared_at_handover_g,
            "sufficient": bool(self.generators)
            and reporting * 1000 >= minimum_permille * len(self.generators),
        }


@dataclass
class Figures:
    """The sums of one row: places of the cohort's grams, and the flow and stock of the period."""

    cohort: dict[Account, int] = field(default_factory=dict)
    secondary_g: int = 0
    adjusted_down_g: int = 0
    restated_down_g: int = 0
    opening_g: int = 0
    flow_treated_g: int = 0
    flow_generated_g: int = 0
    not_due_g: int = 0
    overdue_g: int = 0
    coverage: Coverage = field(default_factory=Coverage)

    def add(self, account: Account, grams: int) -> None:
        """Add grams to where the cohort's grams are."""
        self.cohort[account] = self.cohort.get(account, 0) + grams

    @property
    def empty(self) -> bool:
        """Tell whether the row says nothing: not a gram in any figure."""
        flows = (self.secondary_g, self.opening_g, self.flow_treated_g, self.flow_generated_g)
        return not any((*self.cohort.values(), *flows, self.not_due_g, self.overdue_g))

    def take_back(self, account: Account, reason: Reason, grams: int) -> None:
        """Add what a cohort was made smaller by: declared less later, or weighed less than declared.

        Grams that go back into their source leave the denominator, so each row shows them (decision A6).
        """
        if account is Account.GENERATED:
            if reason is Reason.ADJUSTED:
                self.adjusted_down_g += grams
            elif reason in {Reason.RESTATED, Reason.RESOLVED, Reason.RECODED}:
                self.restated_down_g += grams

    @property
    def generated_g(self) -> int:
        """Primary grams generated in the period, as restated since."""
        return -self.cohort.get(Account.GENERATED, 0)

    @property
    def treated_g(self) -> int:
        """Grams of the cohort that a facility or the generator itself has treated."""
        return sum(self.cohort.get(account, 0) for account in TREATED)

    def as_json(self, minimum_permille: int) -> dict[str, Any]:
        """Return the row's figures: grams as integers, ratios as strings with six decimals, cut."""
        places = {account.value: self.cohort.get(account, 0) for account in PLACES}
        coverage = self.coverage.as_json(minimum_permille)
        declassified = places[Account.DECLASSIFIED]
        complete = not self.overdue_g and not places[Account.UNEXPLAINED] and coverage["sufficient"]
        return {
            "generated": self.generated_g,
            "generated_secondary": self.secondary_g,
            "adjusted_down": self.adjusted_down_g,
            "restated_down": self.restated_down_g,
            **places,
            "opening": self.opening_g,
            "not_due": self.not_due_g,
            "overdue": self.overdue_g,
            "coverage": coverage,
            "flow": share(self.flow_treated_g, self.flow_generated_g),
            "flow_treated": self.flow_treated_g,
            "flow_generated": self.flow_generated_g,
            "cohort": share(self.treated_g, self.generated_g - declassified),
            "may_say_all_treated": complete and self.treated_g == self.generated_g - declassified > 0,
        }


def total(rows: Iterable[Figures]) -> Figures:
    """Return the sum of rows that count every generator once.

    Opening stock is left to the caller: the stock at the start of a later quarter is what an earlier one
    left, so it does not add up.
    """
    whole = Figures()
    for row in rows:
        for account, grams in row.cohort.items():
            whole.add(account, grams)
        whole.secondary_g += row.secondary_g
        whole.adjusted_down_g += row.adjusted_down_g
        whole.restated_down_g += row.restated_down_g
        whole.flow_treated_g += row.flow_treated_g
        whole.flow_generated_g += row.flow_generated_g
        whole.not_due_g += row.not_due_g
        whole.overdue_g += row.overdue_g
        whole.coverage.generators |= row.coverage.generators
        whole.coverage.reporting |= row.coverage.reporting
        whole.coverage.declared_at_handover_g += row.coverage.declared_at_handover_g
    return whole
