"""What the ledger says when it refuses: one shape for every rule broken, in every layer above too."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

Fact = str | int


@dataclass(frozen=True, slots=True)
class Problem:
    """One rule that a request breaks.

    ``code`` is stable and public (the catalogue translates it), ``path`` a JSON Pointer into the event
    (empty for the whole of it), ``facts`` the values that the translated sentence names.
    """

    code: str
    path: str = ""
    facts: Mapping[str, Fact] = field(default_factory=dict)

    @property
    def detail(self) -> str:
        """What a finding says beside the code: where, or by which key."""
        return self.path or str(self.facts.get("kid", ""))


class Refused(Exception):  # noqa: N818  a refusal is no error of the program
    """The request breaks a rule; nothing was written."""

    default: ClassVar[str] = "ledger.refused"

    def __init__(self, problems: Problem | Iterable[Problem] | None = None, /, **facts: Fact) -> None:
        if problems is None:
            problems = Problem(self.default, "", facts)
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("; ".join(f"{p.code} {p.path} {dict(p.facts)}".strip() for p in self.problems))

    @property
    def code(self) -> str:
        """The code of the first problem."""
        return self.problems[0].code


class Malformed(Refused):
    """The bytes are not what the format asks for."""

    default = "ledger.malformed"


class RuleBroken(Refused):
    """The act is well formed but a rule forbids it."""

    default = "ledger.rule_broken"


class NotAllowed(Refused):
    """Whoever signs may not do this."""

    default = "ledger.not_allowed"


class Conflict(Refused):
    """The act was right for a state that is no longer there."""

    default = "ledger.conflict"


class NotFound(Refused):
    """There is nothing by that name."""

    default = "ledger.not_found"


class Unavailable(Refused):
    """Nothing can be taken in now; the same act may be handed in again as it is, and is never taken twice."""

    default = "ledger.unavailable"


def refuse(problems: Iterable[Problem], kind: type[Refused] = RuleBroken) -> None:
    """Raise ``kind`` with all ``problems``; do nothing when there are none."""
    found = tuple(problems)
    if found:
        raise kind(found)
