"""Batches in the ledger: what goes in, what comes out, and what its end means for every gram that went in."""

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from ledger.storage.db import reading
from ledger.storage.store import HEAD
from manifest import events as e
from manifest.lots import events as lots
from manifest.lots.stock import open_stock
from manifest.lots.views import BATCH, BATCH_INPUT, LOT_SHARE, LOT_SOURCE
from manifest.reconcile.ratio import ratio
from manifest.reconcile.untreated import untreated
from manifest.reference import default
from manifest.views import LOT, MANIFEST, MANIFEST_LINE, POSTING
from manifest.vocabulary import Account, CorrectedField, LotKind, Role, State
from tests.manifest.cases.helpers import HALF
from tests.manifest.cases.test_second import accepted, forward, receive
from tests.manifest.lots.independent import backward
from tests.manifest.lots.plant import Plant
from tests.manifest.test_replay import dump
from tests.world import CODE, FACILITY, GENERATOR, OTHER_CODE, OTHER_FACILITY, RIVAL, World, refused

ENDED = {Account.TREATED_SERVICE, Account.SELF_TREATED, Account.TRACEABILITY_BREAK, Account.UNEXPLAINED}


def without_trace(world: World, act: Callable[[], object]) -> list[tuple[str, str]]:
    """Return why an act is refused; nothing may be written by it."""
    before, size = dump(world.engine), world.rows(HEAD)[0]["size"]
    problems = refused(act)
    assert (dump(world.engine), world.rows(HEAD)[0]["size"]) == (before, size)
    return problems


def poured(world: World) -> tuple[Plant, str, str, str]:
    """Return a plant with a batch of a load of 500 kg; the batch, the lot and the manifest."""
    plant, lot = Plant(world), world.lot(500_000)
    manifest, batch = plant.taken(GENERATOR, [(lot, 500_000)]), plant.id()
    plant.pour(manifest, 500_000, batch)
    return plant, batch, lot, manifest


# One batch


def test_what_comes_of_a_child_lot_is_credited_to_what_went_in(world: World) -> None:
    plant = Plant(world)
    one, two = world.lot(300_000), world.lot(100_000, party=RIVAL)
    first, second = plant.taken(GENERATOR, [(one, 300_000)]), plant.taken(RIVAL, [(two, 100_000)])
    batch = plant.id()
    plant.pour(first, 300_000, batch)
    plant.pour(second, 100_000, batch)
    assert plant.open_shares(batch) == {one: 300_000, two: 100_000}
    assert world.row(BATCH, batch=batch)["charged_g"] == 400_000
    (child,) = plant.empty(batch, 380_000)
    assert plant.open_shares(batch) == {}
    assert plant.open_shares(child) == {one: 300_000, two: 100_000}
    assert plant.grams(child) == {("regrouped", plant.site): -380_000, ("stored", plant.site): 380_000}
    plant.treat_lot(child, 190_000)
    assert plant.held(one, Account.TREATED_SERVICE) == 150_000
    assert plant.held(two, Account.TREATED_SERVICE) == 50_000
    assert without_trace(world, lambda: plant.complete(first)) == [("manifest.shares_open", "")]
    plant.treat_lot(child, 190_000)
    assert plant.grams(one) == {
        ("generated", "site:generator"): -300_000,
        ("treated_service", plant.site): 300_000,
    }
    plant.complete(first)
    plant.complete(second)


def test_the_rows_of_a_batch(world: World) -> None:
    plant, batch, lot, manifest = poured(world)
    row = world.row(BATCH, batch=batch)
    assert (row["party"], row["site"], row["charged_g"]) == (FACILITY, plant.site, 500_000)
    assert row["discharged_on"] is None
    put_in = world.row(BATCH_INPUT, batch=batch)
    assert (put_in["lot"], put_in["manifest"], put_in["line"]) == (lot, manifest, 1)
    line = world.row(MANIFEST_LINE, manifest=manifest)
    assert (line["batched_g"], line["treated_g"], line["interim_g"]) == (500_000, 0, 0)
    assert world.row(MANIFEST, manifest=manifest)["left_g"] == 0
    child, residue = plant.empty(batch, 450_000, residues=(20_000,))
    row = world.row(BATCH, batch=batch)
    assert (row["output_g"], row["residue_g"], row["discharged_on"]) == (450_000, 20_000, world.today)
    kinds = {one: world.row(LOT, lot=one)["lot_kind"] for one in (child, residue)}
    assert kinds == {child: LotKind.CHILD, residue: LotKind.SECONDARY}
    assert {one["lot"] for one in world.rows(LOT_SOURCE, source=batch)} == {child, residue}
    assert plant.grams(residue) == {
        ("generated_secondary", plant.site): -20_000,
        ("stored", plant.site): 20_000,
    }


def test_credits_name_the_manifest_that_brought_the_grams(world: World) -> None:
    plant, batch, lot, manifest = poured(world)
    (child,) = plant.empty(batch, 500_000)
    plant.treat_lot(child, 500_000)
    into = world.row(POSTING, lot=lot, account="treated_service")
    assert (into["manifest"], into["line"], into["method"]) == (manifest, 1, "TC")
    own = world.row(POSTING, lot=child, account="treated_service")
    assert own["manifest"] is None


def test_several_codes_go_into_one_batch_and_a_line_goes_in_part_by_part(world: World) -> None:
    plant = Plant(world)
    oil, paint = world.lot(100_000), world.lot(50_000, code=OTHER_CODE)
    first = plant.taken(GENERATOR, [(oil, 100_000)])
    second = plant.taken(GENERATOR, [(paint, 50_000)], code=OTHER_CODE)
    batch = plant.id()
    plant.pour(first, 60_000, batch)
    plant.pour(second, 50_000, batch, methods=("SC",))
    plant.treat(first, 40_000)
    (child,) = plant.empty(batch, 110_000)
    plant.treat_lot(child, 110_000)
    assert plant.held(oil, Account.TREATED_SERVICE) == 100_000
    assert plant.held(paint, Account.TREATED_SERVICE) == 50_000
    plant.complete(first)


def test_what_was_pre_treated_on_its_own_may_still_be_poured_together(world: World) -> None:
    plant, lot = Plant(world), world.lot(90_000)
    manifest, batch = plant.taken(GENERATOR, [(lot, 90_000)]), plant.id()
    plant.treat(manifest, 40_000, methods=("SC",))
    plant.pour(manifest, 90_000, batch)
    assert plant.open_shares(batch) == {lot: 90_000}
    assert world.row(MANIFEST_LINE, manifest=manifest)["interim_g"] == 0
    (child,) = plant.empty(batch, 80_000)
    plant.treat_lot(child, 80_000)
    plant.complete(manifest)


# Two facilities, two depths


def test_a_child_lot_goes_on_to_another_facility_and_is_mixed_again_there(world: World) -> None:
    plant, batch, lot, manifest = poured(world)
    other = Plant(world, OTHER_FACILITY)
    child, rest = plant.empty(batch, 300_000, 100_000)
    onward = other.taken(FACILITY, [(child, 300_000)], net_g=298_000)  # within the tolerance: restated
    assert plant.grams(child)["at_facility", other.site] == 298_000
    local = world.lot(102_000, party=RIVAL)
    brought = other.taken(RIVAL, [(local, 102_000)])
    second = other.id()
    other.pour(onward, 298_000, second)
    other.pour(brought, 102_000, second)
    (grandchild,) = other.empty(second, 200_000)
    assert other.open_shares(grandchild) == {child: 298_000, local: 102_000}
    other.treat_lot(grandchild, 100_000)
    assert other.held(child, Account.TREATED_SERVICE) == 149_000
    # 375 kg of the lot went into the child, of which half is treated.
    assert plant.grams(lot)["treated_service", other.site] == 187_500
    other.treat_lot(grandchild, 100_000)
    assert plant.grams(lot)["treated_service", other.site] == 375_000
    other.complete(onward)
    other.complete(brought)
    assert without_trace(world, lambda: plant.complete(manifest)) == [("manifest.shares_open", "")]
    plant.treat_lot(rest, 100_000)
    assert plant.grams(lot)["treated_service", plant.site] == 125_000
    plant.complete(manifest)


def test_what_does_not_arrive_of_a_child_is_unexplained_of_what_it_stands_for(world: World) -> None:
    plant, batch, lot, manifest = poured(world)
    other = Plant(world, OTHER_FACILITY)
    (child,) = plant.empty(batch, 400_000)
    onward = other.taken(FACILITY, [(child, 400_000)], net_g=300_000)
    assert plant.held(lot, Account.UNEXPLAINED) == 125_000
    other.treat(onward, 300_000)
    assert plant.held(lot, Account.TREATED_SERVICE) == 375_000
    plant.complete(manifest)
    other.complete(onward)


def test_the_second_facility_of_a_manifest_pours_what_it_received(world: World) -> None:
    accepted(world)
    forward(world)
    receive(world)
    world.treat(HALF)
    plant, other, batch = Plant(world), Plant(world, OTHER_FACILITY), world.id()
    number_two = e.LineTreated(line=2, mass_g=HALF, methods=("SC",), treated_on=world.today, batch=batch)
    other.act(e.Treated(parts=(number_two,)), world.manifest)
    assert (world.row(BATCH)["party"], world.row(BATCH)["site"]) == (OTHER_FACILITY, other.site)
    (child,) = other.empty(batch, 400_000)
    assert without_trace(world, lambda: other.complete(world.manifest)) == [("manifest.shares_open", "")]
    assert without_trace(world, lambda: plant.treat_lot(child, 1)) == [("manifest.lot_unknown", "/body/lot")]
    other.treat_lot(child, 400_000)
    other.complete(world.manifest)
    assert (
        world.grams(Account.TREATED_SERVICE, place=other.site) == HALF + 400_000
    )  # the lot's and the child's


def test_a_scale_that_was_misread_gives_back_what_it_took(world: World) -> None:
    plant, batch, lot, _ = poured(world)
    other = Plant(world, OTHER_FACILITY)
    (child,) = plant.empty(batch, 400_000)
    other.taken(FACILITY, [(child, 400_000)], net_g=300_000)
    correction = world.propose(OTHER_FACILITY, net_g=400_000)
    world.consent(correction, FACILITY)
    assert plant.grams(lot) == {("generated", "site:generator"): -500_000, ("interim", plant.site): 500_000}
    assert plant.open_shares(child) == {lot: 500_000}


@pytest.mark.parametrize("treated_g", [0, 100_000, 300_000])
def test_a_child_that_turns_out_smaller_carries_all_it_stands_for(world: World, treated_g: int) -> None:
    plant, batch, lot, manifest = poured(world)
    other = Plant(world, OTHER_FACILITY)
    (child,) = plant.empty(batch, 400_000)
    onward = other.taken(FACILITY, [(child, 400_000)], net_g=300_000)
    if treated_g:
        other.treat(onward, treated_g)
    correction = world.propose(OTHER_FACILITY, field=CorrectedField.DIFFERENCE)
    world.consent(correction, FACILITY)
    assert plant.held(lot, Account.UNEXPLAINED) == 0
    if treated_g < 300_000:
        other.treat(onward, 300_000 - treated_g)
    assert plant.grams(lot)["treated_service", other.site] == 500_000
    into = world.rows(POSTING, lot=lot, account="treated_service")
    assert {(row["method"], row["manifest"]) for row in into} == {("TC", manifest)}
    plant.complete(manifest)
    other.complete(onward)


def test_without_a_permit_line_nothing_is_credited(world: World) -> None:
    plant, batch, lot, _ = poured(world)
    (child,) = plant.empty(batch, 400_000)
    plant.treat_lot(child, 400_000, permit=None)
    assert plant.held(lot, Account.UNEXPLAINED) == 500_000
    assert plant.held(lot, Account.TREATED_SERVICE) == 0


# Own stock, residues, broken traces


def test_residues_and_old_stock_of_the_facility_go_into_a_batch(world: World) -> None:
    plant, batch, lot, _ = poured(world)
    child, residue = plant.empty(batch, 450_000, residues=(20_000,))
    old = world.opening(30_000, party=FACILITY)
    again = plant.id()
    plant.charge(again, (residue, 20_000), (old, 30_000), (child, 450_000))
    (last,) = plant.empty(again, 480_000)
    plant.treat_lot(last, 480_000)
    for one, grams in ((lot, 500_000), (old, 30_000), (residue, 20_000), (child, 450_000)):
        assert plant.held(one, Account.TREATED_SERVICE) == grams


def test_a_residue_of_its_own_is_the_facilitys_own_waste(world: World) -> None:
    plant, lot = Plant(world), world.lot(100_000)
    manifest = plant.taken(GENERATOR, [(lot, 100_000)])
    plant.treat(manifest, 100_000)
    ash = plant.id()
    body = lots.ResidueDeclared(
        lot=ash, site=plant.site, code=OTHER_CODE, state=State.SOLID, mass_g=9_000,
        generated_on=world.today, manifests=(manifest,),
    )  # fmt: skip
    plant.act(body, ash)
    assert plant.grams(ash) == {("generated_secondary", plant.site): -9_000, ("stored", plant.site): 9_000}
    plant.treat_lot(ash, 4_000)
    assert plant.held(ash, Account.SELF_TREATED) == 4_000
    other = Plant(world, OTHER_FACILITY)
    onward = other.taken(FACILITY, [(ash, 5_000)], code=OTHER_CODE)
    other.treat(onward, 5_000)
    other.complete(onward)


def test_the_trace_is_lost_only_by_a_permit_and_is_never_treated(world: World) -> None:
    plant, batch, lot, manifest = poured(world)
    denied = without_trace(world, lambda: plant.empty(batch, broken_g=400_000, permit="permit:facility"))
    assert denied == [("manifest.break_not_permitted", "/body/permit")]
    world.add_permit(FACILITY, permit="permit:break", traceability_break=True)
    (child,) = plant.empty(batch, 100_000, broken_g=300_000, permit="permit:break")
    assert plant.held(lot, Account.TRACEABILITY_BREAK) == 375_000
    assert plant.open_shares(child) == {lot: 125_000}
    plant.treat_lot(child, 100_000)
    assert plant.held(lot, Account.TREATED_SERVICE) == 125_000
    plant.complete(manifest)


# Figures


def test_child_lots_are_in_no_figure(world: World) -> None:
    plant, batch, lot, manifest = poured(world)
    (child, residue) = plant.empty(batch, 450_000, residues=(30_000,))
    plant.treat_lot(child, 90_000)
    plant.treat_lot(residue, 30_000)
    with reading(world.engine) as reader:
        total = ratio(reader, world.ledger.log, reference=default()).as_json()["total"]
        left = untreated(reader, world.ledger.log, as_of=world.today, reference=default())
        stock = open_stock(reader, world.ledger.log, party=FACILITY)
    assert (total["generated"], total["interim"]) == (500_000, 400_000)
    assert (total["treated_service"], total["flow_treated"]) == (100_000, 100_000)
    assert (total["flow_generated"], total["generated_secondary"]) == (500_000, 30_000)
    assert total["not_due"] == 400_000
    assert [(one.lot, one.account, one.manifest, one.grams) for one in left] == [
        (lot, Account.INTERIM, manifest, 400_000)
    ]
    assert [(one.lot, one.kind, one.grams) for one in stock] == [(child, LotKind.CHILD, 360_000)]


# What is refused, each without a trace


def _part(plant: Plant, manifest: str, **changed: Any) -> None:
    fields: dict[str, Any] = {"line": 1, "mass_g": 1, "methods": ("SC",), "treated_on": plant.world.today}
    plant.act(e.Treated(parts=(e.LineTreated(**(fields | changed)),)), manifest)


def test_what_may_not_go_into_a_batch(world: World) -> None:
    plant, lot = Plant(world), world.lot(100_000)
    manifest, batch = plant.taken(GENERATOR, [(lot, 100_000)]), plant.id()
    final = without_trace(world, lambda: _part(plant, manifest, batch=batch, methods=("SC", "TC")))
    assert final == [("manifest.batch_takes_no_final_method", "/body/parts/0/methods")]
    for taken in (lot, manifest):
        problems = without_trace(world, lambda taken=taken: _part(plant, manifest, batch=taken))  # type: ignore[misc]
        assert problems == [("manifest.batch_id_taken", "/body/parts/0/batch")]
    plant.pour(manifest, 50_000, batch)
    other = Plant(world, OTHER_FACILITY)
    elsewhere = other.taken(RIVAL, [(world.lot(7_000, party=RIVAL), 7_000)])
    assert without_trace(world, lambda: other.pour(elsewhere, 7_000, batch)) == [
        ("manifest.batch_elsewhere", "/body/parts/0/batch")
    ]
    plant.empty(batch, 40_000)
    assert without_trace(world, lambda: plant.pour(manifest, 50_000, batch)) == [
        ("manifest.batch_discharged", "/body/parts/0/batch")
    ]


def test_a_surplus_that_nobody_has_explained_does_not_go_into_a_batch(world: World) -> None:
    plant, lot = Plant(world), world.lot(100_000)
    manifest, batch = plant.taken(GENERATOR, [(lot, 100_000)], net_g=150_000), plant.id()
    assert without_trace(world, lambda: plant.pour(manifest, 150_000, batch)) == [
        ("manifest.batch_beyond_accounts", "/body/parts/0/mass_g")
    ]
    plant.pour(manifest, 100_000, batch)


def test_what_may_not_be_charged_from_the_own_store(world: World) -> None:
    plant, batch, lot, _ = poured(world)
    (child,) = plant.empty(batch, 400_000)
    own, again = world.lot(10_000, party=FACILITY), plant.id()
    cases: list[tuple[Callable[[], None], list[tuple[str, str]]]] = [
        (lambda: plant.charge(again, (own, 1)), [("manifest.lot_of_other_kind", "/body/lots/0/lot")]),
        (lambda: plant.charge(again, (lot, 1)), [("manifest.lot_unknown", "/body/lots/0/lot")]),
        (lambda: plant.charge(again, (child, 400_001)), [("manifest.lot_short", "/body/lots/0/mass_g")]),
        (lambda: plant.charge(again, (child, 1), (child, 1)), [("manifest.lot_repeated", "/body/lots")]),
        (
            lambda: plant.charge(again, (child, 1), methods=("TĐ",)),
            [("manifest.batch_takes_no_final_method", "/body/methods")],
        ),
        (lambda: plant.charge(batch, (child, 1)), [("manifest.batch_discharged", "/body/batch")]),
        (lambda: plant.charge(child, (child, 1)), [("manifest.stream_wrong", "/stream")]),
        (
            lambda: plant.charge(again, (child, 1), charged_on=world.today - timedelta(days=1)),
            [("manifest.date_out_of_order", "/body/charged_on")],
        ),
    ]
    for act, expected in cases:
        assert without_trace(world, act) == expected


def test_what_may_not_come_out_of_a_batch(world: World) -> None:
    plant, batch, lot, manifest = poured(world)
    cases: list[tuple[Callable[[], object], list[tuple[str, str]]]] = [
        (lambda: plant.empty(plant.id(), 1), [("manifest.batch_unknown", "/body/batch")]),
        (lambda: plant.empty(batch), [("manifest.batch_without_output", "/body/outputs")]),
        (
            lambda: plant.empty(batch, outputs=(plant.output(lot, 1),)),
            [("manifest.lot_known_already", "/body/outputs")],
        ),
        (
            lambda: plant.empty(batch, outputs=(plant.output(manifest, 1),)),
            [("manifest.lot_known_already", "/body/outputs")],
        ),
        (
            lambda: plant.empty(batch, outputs=(plant.output(plant.id(), 1, "99 99 99"),)),
            [("reference.unknown_waste_code", "/body/outputs/0/code")],
        ),
        (lambda: Plant(world, OTHER_FACILITY).empty(batch, 1), [("manifest.batch_unknown", "/body/batch")]),
    ]
    for act, expected in cases:
        assert without_trace(world, act) == expected
    plant.empty(batch, 1)
    assert without_trace(world, lambda: plant.empty(batch, 1)) == [
        ("manifest.batch_discharged", "/body/batch")
    ]


def test_a_child_lot_is_neither_adjusted_nor_treated_as_waste_of_ones_own(world: World) -> None:
    plant, batch, _, _ = poured(world)
    (child,) = plant.empty(batch, 400_000)
    for act in (
        lambda: world.adjust(child, -1, party=FACILITY),
        lambda: world.self_treat(child, 1, party=FACILITY),
    ):
        assert without_trace(world, act) == [("manifest.lot_of_other_kind", "/body/lot")]
    assert without_trace(world, lambda: plant.treat_lot(child, 1, methods=("SC",))) == [
        ("manifest.method_not_final", "/body/methods")
    ]
    assert without_trace(world, lambda: plant.treat_lot(child, 400_001)) == [
        ("manifest.lot_short", "/body/mass_g")
    ]


def test_a_residue_names_what_it_is_left_from(world: World) -> None:
    plant, batch, _, _ = poured(world)
    stranger = Plant(world, OTHER_FACILITY)
    fields: dict[str, Any] = {
        "lot": plant.id(), "code": CODE, "state": State.SLUDGE, "mass_g": 5, "generated_on": world.today,
    }  # fmt: skip
    nameless = lots.ResidueDeclared(site=plant.site, **fields)
    assert without_trace(world, lambda: plant.act(nameless, nameless.lot)) == [
        ("manifest.residue_without_source", "/body/manifests")
    ]
    foreign = lots.ResidueDeclared(site=stranger.site, batch=batch, **fields)
    assert without_trace(world, lambda: stranger.act(foreign, foreign.lot)) == [
        ("manifest.batch_unknown", "/body/batch")
    ]


# Any network, through the real writer


@pytest.mark.parametrize("seed", range(3))
def test_a_random_network_is_credited_as_an_independent_walk_finds_it(world: World, seed: int) -> None:
    random = Random(seed)  # noqa: S311  a seeded world, no secret
    plants = [Plant(world), Plant(world, OTHER_FACILITY)]
    history: list[tuple[Any, ...]] = []
    at: dict[str, Plant] = {}  # lots in the store of a plant
    for level in range(5):
        plant = plants[level % 2]
        batch = plant.id()
        masses: dict[str, int] = {}
        root = world.lot(random.randint(2, 9_999), party=random.choice([GENERATOR, RIVAL]))
        row = world.row(LOT, lot=root)
        history.append(("root", root, row["declared_g"]))
        plant.pour(plant.taken(row["party"], [(root, row["declared_g"])]), row["declared_g"], batch)
        masses[root] = row["declared_g"]
        for lot, owner in list(at.items())[-3:]:
            stored = plant.grams(lot).get(("stored", owner.site), 0)
            if stored == 0:
                continue
            take = random.randint(max(stored // 2, 1), stored)
            if owner is plant:
                plant.charge(batch, (lot, take))
            else:
                net = max(take - random.choice([0, 0, take // 50, take // 5]), 1)
                onward = plant.taken(owner.party, [(lot, take)], net_g=net)
                lost = take - net
                if plant.held(lot, Account.UNEXPLAINED) > sum(
                    step[1].get(lot, 0) for step in history if step[0] == "end" and "unexplained" in step[2]
                ):
                    history.append(("end", {lot: lost}, f"unexplained@{plant.site}"))
                elif lost:
                    history.append(("restate", lot, -lost))
                plant.pour(onward, net, batch)
                take = net
            masses[lot] = take
        outputs = [random.randint(1, 9_999) for _ in range(random.randint(1, 3))]
        children = plant.empty(batch, *outputs)
        history += [("pour", masses, batch), ("empty", batch, list(zip(children, outputs, strict=True)))]
        at |= dict.fromkeys(children, plant)
        lot = random.choice(children)
        part = random.randint(1, plant.grams(lot)["stored", plant.site])
        plant.treat_lot(lot, part)
        history.append(("end", {lot: part}, f"treated_service@{plant.site}"))
    for lot, plant in at.items():
        if left := plant.grams(lot).get(("stored", plant.site), 0):
            plant.treat_lot(lot, left)
            history.append(("end", {lot: left}, f"treated_service@{plant.site}"))
    roots = [step[1] for step in history if step[0] == "root"]
    found = {
        (root, f"{account}@{place}"): grams
        for root in roots
        for (account, place), grams in plants[0].grams(root).items()
        if account in ENDED
    }
    assert found == {key: grams for key, grams in backward(history).items() if grams}
    assert not any(plants[0].held(root, Account.INTERIM) for root in roots)
    assert not any(row["grams"] for row in world.rows(LOT_SHARE, account="interim"))


def test_a_role_that_is_not_the_facilitys_pours_nothing(world: World) -> None:
    plant, batch, _, _ = poured(world)
    body = lots.BatchDischarged(
        batch=batch, discharged_on=world.today, outputs=(plant.output(plant.id(), 1),)
    )
    act = lambda: world.act(body, (FACILITY, Role.GENERATOR), stream=batch)  # noqa: E731
    assert without_trace(world, act) == [("manifest.role_wrong", "/actors/0/role")]
