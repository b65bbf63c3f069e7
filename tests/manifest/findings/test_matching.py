"""What a run records: news alone, and nothing of what it did not look at."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from ledger.errors import Fact
from manifest.findings.events import FindingChanged, FindingLapsed, FindingOpened
from manifest.findings.matching import Known, match
from manifest.reconcile.rule import Found, Rule, Severity, Subject, finding_id

ORIGIN, RUN = "ledger.example/tests", "01a21457-bb14-7e36-babb-884ea897ca3d"
RULE = Rule(
    id="R6", version=1, source="x", severity=Severity.SERIOUS, subject=Subject.MANIFEST, parameters=(),
    find=lambda _: iter(()),
)  # fmt: skip


def found(name: str, grams: int = 5, facts: Mapping[str, Fact] | None = None) -> Found:
    return Found(
        subject=f"manifest:{name}", grams=grams, since=date(2025, 1, 1), parties=("org:a",), entries=(3,),
        facts=facts or {},
    )  # fmt: skip


def known(name: str, grams: int = 5, *, closed: bool = False, lapsed: bool = False) -> dict[str, Known]:
    one = Known(rule="R6", subject=f"manifest:{name}", grams=grams, facts={}, closed=closed, lapsed=lapsed)
    return {finding_id(ORIGIN, "R6", f"manifest:{name}"): one}


def acts(now: list[Found], before: dict[str, Known], looked_at: set[str] | None = None) -> list[Any]:
    return [type(one) for one in match(RULE, now, before, looked_at, origin=ORIGIN, run=RUN).acts]


def test_a_finding_has_the_same_name_in_every_run() -> None:
    assert finding_id(ORIGIN, "R6", "manifest:a") == finding_id(ORIGIN, "R6", "manifest:a")
    others = {finding_id(ORIGIN, "R4", "manifest:a"), finding_id("other", "R6", "manifest:a")}
    assert finding_id(ORIGIN, "R6", "manifest:a") not in others


def test_what_is_new_opens_what_moved_changes_what_is_gone_lapses() -> None:
    assert acts([found("a")], {}) == [FindingOpened]
    assert acts([found("a")], known("a")) == []
    assert acts([found("a", 6)], known("a")) == [FindingChanged]
    assert acts([found("a", facts={"days": 1})], known("a")) == [FindingChanged]
    assert acts([], known("a")) == [FindingLapsed]
    assert acts([], known("a", lapsed=True)) == []
    assert acts([found("a")], known("a", lapsed=True)) == [FindingOpened]


def test_what_people_have_closed_stays_closed_until_its_figures_move() -> None:
    assert acts([found("a")], known("a", closed=True)) == []
    assert acts([found("a", 6)], known("a", closed=True)) == [FindingOpened]
    assert acts([], known("a", closed=True)) == [FindingLapsed]


def test_what_was_not_looked_at_stands_as_it_did() -> None:
    before = known("a") | known("b")
    assert acts([], before, {"manifest:b"}) == [FindingLapsed]
    assert acts([], before, set()) == []
    counts = match(RULE, [found("c")], before, {"manifest:b"}, origin=ORIGIN, run=RUN).counts
    assert (counts.found, counts.opened, counts.changed, counts.lapsed) == (1, 1, 0, 1)
