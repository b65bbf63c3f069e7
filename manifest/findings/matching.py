"""What a run found against what is known: which findings are new, which changed, which have lapsed. Pure.

A run that looked at a part only says nothing of what it did not look at. A finding that people have closed
stays closed as long as the same figures are found; with others, or after it had lapsed, it opens again.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ledger.errors import Fact
from manifest.body import Body
from manifest.findings.events import Figure, FindingChanged, FindingLapsed, FindingOpened, RuleRun
from manifest.reconcile.rule import Found, Rule, finding_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A finding as the ledger has it: what a run saw last, and whether it is closed, or no longer so."""

    rule: str
    subject: str
    grams: int
    facts: Mapping[str, Fact]
    closed: bool
    lapsed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """The acts that a rule's result asks for, and their counts."""

    acts: Sequence[Body]
    counts: RuleRun


def match(
    rule: Rule,
    found: Collection[Found],
    known: Mapping[str, Known],
    looked_at: Collection[str] | None,
    *,
    origin: str,
    run: str,
) -> Matched:
    """Return what to record of a rule's result.

    ``known`` are the findings of this rule by id; ``looked_at`` the subjects that the rule looked at, None
    where it looked at everything.
    """
    by_id = {finding_id(origin, rule.id, one.subject): one for one in found}
    assert len(by_id) == len(found), f"{rule.id} found a subject twice"
    acts: list[Body] = []
    opened = changed = 0
    for name, one in sorted(by_id.items()):
        before = known.get(name)
        if before is None or before.lapsed or (before.closed and _other(before, one)):
            acts.append(_opened(name, run, rule, one))
            opened += 1
        elif not before.closed and _other(before, one):
            acts.append(_changed(name, run, one))
            changed += 1
    gone = list(_gone(by_id, known, looked_at))
    acts += [FindingLapsed(finding=name, run=run) for name in gone]
    counts = RuleRun(
        rule=rule.id, version=rule.version, found=len(found), opened=opened, changed=changed, lapsed=len(gone)
    )
    return Matched(acts=acts, counts=counts)


def _other(before: Known, now: Found) -> bool:
    return (before.grams, dict(before.facts)) != (now.grams, dict(now.facts))


def _gone(
    found: Mapping[str, Found], known: Mapping[str, Known], looked_at: Collection[str] | None
) -> Iterator[str]:
    for name, before in sorted(known.items()):
        seen = looked_at is None or before.subject in looked_at
        if seen and name not in found and not before.lapsed:
            yield name


def _opened(name: str, run: str, rule: Rule, one: Found) -> FindingOpened:
    return FindingOpened(
        finding=name,
        run=run,
        rule=rule.id,
        version=rule.version,
        subject=one.subject,
        grams=one.grams,
        since=one.since,
        parties=one.parties,
        entries=one.entries,
        facts=tuple(Figure(name=name, value=value) for name, value in one.facts.items()),
    )


def _changed(name: str, run: str, one: Found) -> FindingChanged:
    return FindingChanged(
        finding=name,
        run=run,
        grams=one.grams,
        since=one.since,
        parties=one.parties,
        entries=one.entries,
        facts=tuple(Figure(name=name, value=value) for name, value in one.facts.items()),
    )
