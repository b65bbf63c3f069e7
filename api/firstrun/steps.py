"""The steps of the first run, from what is there: what is done, what comes next, and when it is over.

Pure. The order is that of decision D26; a later step may be done before an earlier one, and the first that is
not done is the next.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from ledger.errors import Fact


class Step(StrEnum):
    """A step of the first run."""

    OPERATOR = "operator"
    AUTHORITY = "authority"
    ZONES = "zones"
    ROSTER = "roster"
    INVITATIONS = "invitations"
    ADMISSION = "admission"
    OPENING_STOCK = "opening_stock"
    PARALLEL_RUN = "parallel_run"


class State(StrEnum):
    """Whether a step is done, comes next, or waits for the one before."""

    DONE = "done"
    NEXT = "next"
    LATER = "later"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the ledger and the database say of a deployment that is being set up, on a day.

    Organisations are those beside operator and authorities. One has access when it can log in or has an API
    key; it is invited while a letter's code is open. ``leading_from`` is the first day of the time in which
    the electronic record leads, None while paper does until further notice.
    """

    on: date
    operator_access: bool
    authorities: int
    authorities_ready: int
    zones: int
    organisations: int
    sites: int
    invited: int
    with_access: int
    admitted: int
    waiting: int
    generators: int
    with_opening: int
    leading_from: date | None


@dataclass(frozen=True, slots=True)
class Stage:
    """A step with its state and the figures that its sentence names."""

    step: Step
    state: State
    facts: Mapping[str, Fact]


@dataclass(frozen=True, slots=True)
class Run:
    """All steps in order; ``complete`` when all are done and the electronic record leads."""

    stages: tuple[Stage, ...]
    leading_from: date | None
    leading: bool

    @property
    def complete(self) -> bool:
        """Whether the first run is over."""
        return self.leading and all(stage.state is State.DONE for stage in self.stages)

    @property
    def next(self) -> Step | None:
        """The first step that is not done."""
        return next((stage.step for stage in self.stages if stage.state is State.NEXT), None)


def run_of(facts: Facts) -> Run:
    """Return where the first run stands."""
    stages: list[Stage] = []
    open_before = False
    for step, (done, figures) in _judged(facts).items():
        state = State.DONE if done else State.LATER if open_before else State.NEXT
        open_before = open_before or not done
        stages.append(Stage(step, state, figures))
    leading = facts.leading_from is not None and facts.leading_from <= facts.on
    return Run(tuple(stages), facts.leading_from, leading)


def _judged(facts: Facts) -> dict[Step, tuple[bool, dict[str, Fact]]]:
    """Return for each step whether it is done, and its figures.

    Households without a telephone never redeem a letter: it is enough that everybody was written to. Not
    every generator has stock from before: it is enough that some have declared theirs.
    """
    not_written = facts.organisations - facts.invited - facts.with_access
    day = facts.leading_from.isoformat() if facts.leading_from else ""
    return {
        Step.OPERATOR: (facts.operator_access, {}),
        Step.AUTHORITY: (
            facts.authorities_ready > 0,
            {"count": facts.authorities, "ready": facts.authorities_ready},
        ),
        Step.ZONES: (facts.zones > 0, {"count": facts.zones}),
        Step.ROSTER: (
            facts.organisations > 0 and facts.sites > 0,
            {"count": facts.organisations, "sites": facts.sites},
        ),
        Step.INVITATIONS: (
            facts.organisations > 0 and not_written <= 0,
            {"access": facts.with_access, "invited": facts.invited, "left": max(not_written, 0)},
        ),
        Step.ADMISSION: (
            facts.admitted > 0 and facts.waiting == 0,
            {"admitted": facts.admitted, "waiting": facts.waiting},
        ),
        Step.OPENING_STOCK: (
            facts.with_opening > 0,
            {"count": facts.with_opening, "of": facts.generators},
        ),
        Step.PARALLEL_RUN: (facts.leading_from is not None, {"date": day} if day else {}),
    }
