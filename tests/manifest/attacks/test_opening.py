"""Opening stock is what was there before; it takes nothing out of the cohort of today."""

from datetime import timedelta
from functools import partial

from tests.manifest.cases.helpers import HALF, refuses
from tests.world import OTHER_CODE, World

TOO_LATE = [("manifest.opening_too_late", "/body/generated_on")]


def test_what_arises_once_a_site_declares_what_it_generates_is_no_opening_stock(world: World) -> None:
    world.opening(HALF, generated_on=world.today)
    world.lot(HALF)
    began_on = world.today
    world.tick(days=30)
    for arose_on in (world.today, began_on):
        assert refuses(world, partial(world.opening, HALF, generated_on=arose_on)) == TOO_LATE
    world.opening(HALF, generated_on=began_on - timedelta(days=1))
    world.opening(HALF, generated_on=world.today, code=OTHER_CODE)
