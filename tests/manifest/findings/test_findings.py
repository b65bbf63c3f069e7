"""Findings over their lives: a run opens them, people answer, and nothing disappears with its cause."""

from datetime import date
from typing import Any

import pytest

from ledger.ids import uuid7
from ledger.storage.db import reading
from ledger.storage.store import leaf_hashes
from manifest.body import Body
from manifest.findings import events as f
from manifest.findings.judge import stream_of
from manifest.findings.views import FINDING, FINDING_PARTY, RUN
from manifest.reconcile import engine
from manifest.reconcile.engine import examine
from manifest.reconcile.rule import finding_id
from manifest.reference import default
from manifest.vocabulary import Role
from tests.manifest.cases.helpers import HALF, refuses
from tests.world import AUTHORITY, CARRIER, FACILITY, GENERATOR, OPERATOR, RIVAL, World

AS_SERVICE = (OPERATOR, Role.SERVICE, "service")
AS_AUTHORITY = (AUTHORITY, Role.AUTHORITY)
AS_GENERATOR = (GENERATOR, Role.GENERATOR)


def run(world: World, mode: f.RunMode = f.RunMode.INCREMENT) -> dict[str, f.RuleRun]:
    """Run the rules as of the world's day and record what comes of it; return the counts by rule."""
    name = uuid7(world.now)
    with reading(world.engine) as reader:
        matched = list(
            examine(
                reader, world.ledger.log, world.ledger.origin, name,
                as_of=world.today, base=default(), mode=mode,
            )
        )  # fmt: skip
        size = len(leaf_hashes(reader, world.ledger.log))
    for one in matched:
        for act in one.acts:
            world.act(act, AS_SERVICE, stream=stream_of(act))
    body = f.Reconciled(
        run=name, mode=mode, size=size, root="0" * 64, as_of=world.today, reference="0" * 64,
        rules=tuple(one.counts for one in matched), started_at="2025-04-01T00:00:00.000Z", duration_ms=1,
    )  # fmt: skip
    world.act(body, AS_SERVICE, stream=stream_of(body))
    return {one.counts.rule: one.counts for one in matched}


def late(world: World) -> str:
    """Let a load be received and not treated for seven months; return the id of its finding."""
    world.register().hand_over().arrive().weigh(HALF).accept((HALF, 0))
    world.tick(days=220)
    return finding_id(world.ledger.origin, "R6", f"manifest:{world.manifest}")


def say(world: World, body: Body, who: tuple[Any, ...]) -> None:
    world.act(body, who, stream=stream_of(body))


def test_what_was_never_treated_is_found_once_with_its_entries_and_parties(world: World) -> None:
    name = late(world)
    assert run(world)["R6"].opened == 1
    row = world.row(FINDING, finding=name)
    assert (row["status"], row["grams"], row["rule"]) == ("open", HALF, "R6")
    assert {one["party"] for one in world.rows(FINDING_PARTY, finding=name)} == {GENERATOR, CARRIER, FACILITY}
    assert len(row["entries"].split(",")) == 5
    counts = run(world)["R6"]
    assert (counts.opened, counts.changed, counts.lapsed) == (0, 0, 0)
    assert len(world.rows(RUN)) == 2


def test_when_its_cause_is_gone_a_finding_lapses_and_stays_until_it_is_closed(world: World) -> None:
    name = late(world)
    run(world)
    world.treat(HALF).complete()
    assert run(world)["R6"].lapsed == 1
    row = world.row(FINDING, finding=name)
    assert (row["status"], row["lapsed_at"] is not None) == ("open", True)
    say(world, f.FindingClosed(finding=name, outcome=f.Settlement.SETTLED, reason="Đã xử lý"), AS_AUTHORITY)
    assert world.row(FINDING, finding=name)["outcome"] == "settled"
    assert run(world)["R6"].lapsed == 0


def test_parties_answer_their_own_and_an_authority_decides(world: World) -> None:
    name = late(world)
    run(world)
    not_theirs = [("manifest.finding_not_yours", "/actors/0/party")]
    seen = f.FindingAcknowledged(finding=name)
    assert refuses(world, lambda: say(world, seen, (RIVAL, Role.GENERATOR))) == not_theirs
    told = f.FindingExplained(finding=name, text="x")
    assert refuses(world, lambda: say(world, told, (RIVAL, Role.GENERATOR))) == not_theirs
    close = f.FindingClosed(finding=name, outcome=f.Settlement.NO_FAULT, reason="x")
    assert refuses(world, lambda: say(world, close, AS_GENERATOR)) == [
        ("manifest.role_wrong", "/actors/0/role")
    ]
    say(world, f.FindingAcknowledged(finding=name), AS_GENERATOR)
    assert world.row(FINDING, finding=name)["status"] == "acknowledged"
    say(world, f.FindingAssigned(finding=name, to="Phòng CTR", due_on=date(2026, 1, 1)), AS_AUTHORITY)
    say(world, f.FindingExplained(finding=name, text="Lò dừng", attachment_sha256="1" * 64), AS_GENERATOR)
    row = world.row(FINDING, finding=name)
    assert (row["status"], row["assigned_to"], row["due_on"]) == ("explained", "Phòng CTR", date(2026, 1, 1))
    say(world, close, AS_AUTHORITY)
    assert refuses(world, lambda: say(world, close, AS_AUTHORITY)) == [
        ("manifest.finding_stands_so", "/kind")
    ]
    assert run(world)["R6"].opened == 0, "closed by people, found as it was"
    say(world, f.FindingReopened(finding=name, reason="Kiểm tra lại"), AS_AUTHORITY)
    assert world.row(FINDING, finding=name)["status"] == "open"


def test_a_closed_finding_opens_again_when_its_figures_move(world: World) -> None:
    name = late(world)
    run(world)
    close = f.FindingClosed(finding=name, outcome=f.Settlement.NO_FAULT, reason="Đã xem")
    say(world, close, AS_AUTHORITY)
    world.treat(HALF // 2)
    assert run(world)["R6"].opened == 1
    row = world.row(FINDING, finding=name)
    assert (row["status"], row["grams"], row["outcome"]) == ("open", HALF // 2, None)


def test_nobody_but_the_service_says_what_a_run_found(world: World) -> None:
    name = late(world)
    lapsed = f.FindingLapsed(finding=name, run=uuid7(world.now))
    assert refuses(world, lambda: say(world, lapsed, AS_AUTHORITY)) == [
        ("manifest.role_wrong", "/actors/0/role")
    ]
    assert refuses(world, lambda: say(world, lapsed, AS_SERVICE)) == [
        ("manifest.finding_unknown", "/body/finding")
    ]


def test_a_day_that_goes_by_is_no_news(world: World) -> None:
    for _ in range(5):
        world.lot(10_000)
        world.tick(days=10)
    world.tick(days=200)
    assert run(world)["S1"].opened == 1
    for _ in range(3):
        world.tick(days=1)
        counts = run(world)
        assert all(one.opened == one.changed == one.lapsed == 0 for one in counts.values()), counts


def test_after_very_much_is_new_everything_is_looked_at(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(world)
    late(world)
    monkeypatch.setattr(engine, "MOST", 0)
    assert run(world)["R6"].opened == 1
    world.treat(HALF).complete()
    assert run(world)["R6"].lapsed == 1


@pytest.mark.parametrize("seed", range(3))
def test_increments_come_to_the_same_as_a_full_run(world: World, seed: int) -> None:
    run(world)
    for step in range(4):
        if (seed + step) % 2:
            world.register().hand_over()
        else:
            world.register().hand_over().arrive().weigh(HALF - 40_000).accept((HALF - 40_000, 0))
        world.tick(days=35 + 10 * seed)
        run(world)
    before = world.rows(FINDING)
    counts = run(world, f.RunMode.FULL)
    assert all(one.opened == one.changed == one.lapsed == 0 for one in counts.values()), counts
    assert [row["finding"] for row in world.rows(FINDING)] == [row["finding"] for row in before]
