"""What was refused is owed until it has come to an end, through the judge on real databases."""

from functools import partial

import pytest

from ledger.storage.db import reading
from manifest import events as e
from manifest import reference
from manifest.clocks import ClockKind, ClockState
from manifest.obligation_views import OBLIGATION, OBLIGATION_LOT
from manifest.running_clocks import Watch, clocks
from manifest.views import LOT
from manifest.vocabulary import CorrectedField, PermitKind
from tests.manifest.cases.helpers import refuses
from tests.world import FACILITY, GENERATOR, RIVAL, World, line

HALF, FIFTH = 500_000, 200_000


def owed(world: World, number: int = 0) -> tuple[str, int, int]:
    row = world.rows(OBLIGATION)[number]
    return row["state"], row["grams"], row["left_g"]


def refused_in_part(world: World) -> str:
    """Refuse a fifth of a tonne of half a tonne, bring it back, treat the rest; return the lot."""
    world.register().hand_over().arrive().weigh(HALF).accept((HALF - FIFTH, FIFTH))
    return str(world.row(LOT)["lot"])


def permit(world: World) -> dict[str, str]:
    world.add_permit(GENERATOR, kind=PermitKind.ENVIRONMENTAL, permit="permit:own")
    return {"permit": "permit:own"}


def test_a_refused_part_is_owed_while_it_is_on_its_way_and_at_home_until_it_is_treated(world: World) -> None:
    lot = refused_in_part(world)
    name = f"{world.manifest}:1"
    row = world.row(OBLIGATION, obligation=name)
    assert (row["manifest"], row["line"], row["generator"]) == (world.manifest, 1, GENERATOR)
    assert owed(world) == ("refused", FIFTH, FIFTH)
    world.treat(HALF - FIFTH).complete()
    assert owed(world) == ("refused", FIFTH, FIFTH), "what was accepted has nothing to do with it"
    world.give_back()
    assert owed(world) == ("returned", FIFTH, FIFTH)
    own = permit(world)
    world.self_treat(lot, FIFTH - 1, permit=own["permit"])
    assert owed(world) == ("returned", FIFTH, 1)
    world.self_treat(lot, 1, permit=own["permit"])
    assert owed(world) == ("ended", FIFTH, 0)
    assert world.row(OBLIGATION)["ended_at"] == world.now


def test_what_was_never_refused_of_a_lot_comes_to_its_end_first(world: World) -> None:
    lot = world.lot(HALF)
    half = line(mass_g=FIFTH, lots=(e.Draw(lot=lot, mass_g=FIFTH),))
    world.register(half).hand_over().arrive().weigh(FIFTH).refuse().give_back()
    own = permit(world)
    world.self_treat(lot, HALF - FIFTH, permit=own["permit"])
    assert owed(world) == ("returned", FIFTH, FIFTH)
    world.self_treat(lot, FIFTH, permit=own["permit"])
    assert owed(world) == ("ended", FIFTH, 0)


def test_what_a_lot_grows_by_later_was_never_refused(world: World) -> None:
    world.register().hand_over().arrive().weigh(HALF).refuse().give_back()
    lot, own = str(world.row(LOT)["lot"]), permit(world)
    world.self_treat(lot, HALF - FIFTH, permit=own["permit"])
    world.adjust(lot, HALF).self_treat(lot, FIFTH - 1, permit=own["permit"])
    assert owed(world) == ("returned", HALF, FIFTH), (
        "no more is owed than before, and what came last ends last"
    )
    world.self_treat(lot, HALF + 1, permit=own["permit"])
    assert owed(world) == ("ended", HALF, 0)
    world.adjust(lot, HALF).self_treat(lot, FIFTH, permit=own["permit"])
    assert owed(world) == ("ended", HALF, 0)


def test_treatment_that_is_credited_to_nobody_ends_nothing(world: World) -> None:
    lot = refused_in_part(world)
    world.give_back()
    world.self_treat(lot, FIFTH)
    assert owed(world) == ("returned", FIFTH, FIFTH)


def test_a_manifest_that_names_it_settles_it_when_it_is_completed(world: World) -> None:
    refused_in_part(world)
    first = world.manifest
    lot = world.row(LOT)["lot"]
    again = line(mass_g=FIFTH, lots=(e.Draw(lot=lot, mass_g=FIFTH),))
    name = f"{first}:1"
    early = refuses(world, lambda: world.register(again, settles=(name,)))
    assert ("manifest.obligation_not_returned", "/body/settles/0") in early
    world.manifest, world.legs = first, 1
    world.give_back().treat(HALF - FIFTH).complete()
    other = world.lot(FIFTH)
    for settles, drawn, mass_g, code in (
        ((f"{first}:2",), lot, FIFTH, "manifest.obligation_unknown"),
        ((name, name), lot, FIFTH, "manifest.obligation_unknown"),
        ((name,), other, FIFTH, "manifest.obligation_not_covered"),
        ((name,), lot, FIFTH - 1, "manifest.obligation_not_covered"),
    ):
        draws = (e.Draw(lot=drawn, mass_g=mass_g),)
        wrong = world.registered(line(mass_g=mass_g, lots=draws), settles=settles)
        act = partial(world.act, wrong, (GENERATOR, "generator"), stream=world.id())
        problems = refuses(world, act)
        assert [problem[0] for problem in problems] == [code]
    world.register(again, settles=(name,)).hand_over().arrive().weigh(FIFTH).accept((FIFTH - 1, 1))
    assert owed(world) == ("returned", FIFTH, FIFTH)
    world.treat(FIFTH - 1).complete()
    rows = {row["obligation"]: row for row in world.rows(OBLIGATION)}
    assert (rows[name]["state"], rows[name]["settled_by"]) == ("settled", world.manifest)
    assert rows[f"{world.manifest}:1"]["left_g"] == 1, "what is refused of it again is owed anew"


def test_a_correction_changes_what_is_owed(world: World) -> None:
    refused_in_part(world)
    world.consent(world.propose(field=CorrectedField.SPLIT, accepted_g=400_000))
    assert owed(world) == ("refused", 100_000, 100_000)
    assert world.row(OBLIGATION_LOT)["grams"] == 100_000
    world.consent(world.propose(field=CorrectedField.SPLIT, accepted_g=HALF))
    assert owed(world) == ("lifted", 0, 0)
    world.consent(world.propose(field=CorrectedField.SPLIT, accepted_g=1))
    assert owed(world) == ("refused", HALF - 1, HALF - 1)


def test_a_treatment_that_is_taken_back_opens_it_again(world: World) -> None:
    lot = refused_in_part(world)
    world.give_back().treat(HALF - FIFTH).complete()
    world.register(line(mass_g=FIFTH, lots=(e.Draw(lot=lot, mass_g=FIFTH),)))
    world.hand_over().arrive().weigh(FIFTH).accept((FIFTH, 0)).treat(FIFTH)
    assert owed(world) == ("ended", FIFTH, 0)
    world.consent(world.propose(field=CorrectedField.TREATED, line=None, part=1, mass_g=FIFTH - 7))
    assert owed(world) == ("returned", FIFTH, 7)


@pytest.mark.parametrize("party", [GENERATOR, FACILITY, RIVAL, None])
def test_its_clock_runs_for_those_who_have_to_do_with_it(world: World, party: str | None) -> None:
    refused_in_part(world)
    correction = world.propose(net_g=HALF - 1)
    world.tick(days=31)
    who = None if party is None else frozenset({party})
    with reading(world.engine) as reader:
        found = clocks(reader, reference.default(), Watch(log=world.ledger.log, at=world.now, parties=who))
    shown = {(one.kind, one.subject, one.state) for one in found}
    owed_ = (ClockKind.OBLIGATION, f"{world.manifest}:1", ClockState.LATE)
    answer = (ClockKind.CORRECTION, correction, ClockState.LATE)
    assert (owed_ in shown) == (party != RIVAL)
    assert (answer in shown) == (party in {GENERATOR, None}), "it waits for the generator"
