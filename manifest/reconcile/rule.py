"""A rule of reconciliation: what it looks for, by which limits, and what it found.

A rule is a value: its id and version, the source of what it asks, the limits that it reads from the rule
table, and a function over the read tables. What it finds is a value as well; whether that is news, or was
known, or has gone, is `manifest.findings.matching`.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from sqlalchemy import ColumnElement, false, or_, true

from ledger.errors import Fact, Problem, RuleBroken
from ledger.storage.db import Reader
from manifest.reference import Reference, RuleNotValid

MAX_ENTRIES = 40


class Severity(StrEnum):
    """How much a finding matters on its own."""

    NOTICE = "notice"
    WARNING = "warning"
    SERIOUS = "serious"


class Subject(StrEnum):
    """What a finding is about: the first part of the name of its subject."""

    MANIFEST = "manifest"
    LOT = "lot"
    SITE = "site"
    PAIR = "pair"
    PERMIT = "permit"
    LINE = "line"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Something that a rule found.

    ``subject`` names what it is about (see ``named``), ``grams`` are at stake, ``since`` is the first day on
    which it was so. ``entries`` are positions in the log that show it, at most ``MAX_ENTRIES``; ``facts`` are
    the figures behind it, named as sentences and tables show them.
    """

    subject: str
    grams: int
    since: date
    parties: tuple[str, ...]
    entries: tuple[int, ...]
    facts: Mapping[str, Fact] = field(default_factory=dict)


def named(kind: Subject, *parts: str) -> str:
    """Return the name of a subject: its kind and the ids that make it, in an order that never varies."""
    return f"{kind.value}:{'|'.join(parts)}"


def primary(subject: str) -> str:
    """Return the id of the thing by which a subject is touched: the first after its kind."""
    return subject.partition(":")[2].partition("|")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """What entries since the last run have touched, and what has to be looked at again for another reason.

    ``subjects`` are ids by kind; ``since`` is the as-of date of the last run, so that a rule about time finds
    what has become due in between.
    """

    since: date
    subjects: Mapping[Subject, frozenset[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a rule may look at: the read tables of a log as of a day, limits, and what has to be looked at."""

    reader: Reader
    log: int
    as_of: date
    reference: Reference
    touched: Touched | None = None

    def limit(self, name: str, on: date | None = None) -> int:
        """Return a limit as it stood on a day; raise RuleBroken when the table has none for it."""
        try:
            return self.reference.rule(name, on or self.as_of).integer
        except RuleNotValid as error:
            facts = {"rule": name, "on": (on or self.as_of).isoformat()}
            raise RuleBroken(Problem("manifest.rule_value_missing", "", facts)) from error

    def due(
        self, kind: Subject, column: ColumnElement[str], *became: ColumnElement[bool]
    ) -> ColumnElement[bool]:
        """Return the condition of what has to be looked at: in a full run everything.

        In an increment what was touched, or what meets one of ``became``: conditions of time that can only
        have come true since the last run.
        """
        if self.touched is None:
            return true()
        ids = self.touched.subjects.get(kind, frozenset())
        return or_(column.in_(sorted(ids)) if ids else false(), *became)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule; its name, and what would end its findings, are labels of its id.

    A rule that is ``whole`` weighs things against each other, or a site's months, and looks at everything in
    every run: it reads sums and not rows. Any other rule finds what it finds from manifests or lots alone, by
    which ``subject`` says that it is touched.
    """

    id: str
    version: int
    source: str
    severity: Severity
    subject: Subject
    parameters: tuple[str, ...]
    find: Callable[[Context], Iterator[Found]]
    whole: bool = False


def finding_id(origin: str, rule: str, subject: str) -> str:
    """Return the id of a finding: the same for the same cause, whichever run sees it."""
    return hashlib.sha256(f"{origin}\n{rule}\n{subject}".encode()).hexdigest()[:32]


def evidence(entries: Sequence[int | None]) -> tuple[int, ...]:
    """Return the positions that show something, in order and without those that are missing."""
    return tuple(sorted({entry for entry in entries if entry is not None}))[:MAX_ENTRIES]
