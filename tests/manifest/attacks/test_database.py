"""The masses that no code of ours may write, the database does not take either."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tests.manifest.cases.helpers import HALF
from tests.manifest.cases.test_second import accepted, forward, receive
from tests.manifest.lots.plant import Plant
from tests.world import GENERATOR, World

WRONG = [
    "UPDATE permit_use SET accepted_g = -1",
    "UPDATE lot SET declared_g = 0",
    "UPDATE manifest SET left_g = -1",
    "UPDATE manifest SET refused_g = -1",
    "UPDATE manifest_line SET accepted_g = accepted_g + 1 WHERE line = 1",
    "UPDATE manifest_line SET second_accepted_g = second_accepted_g + 1 WHERE line = 2",
    "UPDATE manifest_line SET restated_g = 1, unexplained_g = 1",
    "UPDATE manifest_line SET treated_g = accepted_g + 1",
    "UPDATE posting SET grams = 0",
    "UPDATE balance SET grams = -1 WHERE account = 'at_facility'",
    "UPDATE batch SET charged_g = -1",
    "UPDATE batch SET output_g = 0",
    "UPDATE lot_share SET grams = -1",
]


def test_no_table_takes_masses_that_cannot_be(world: World) -> None:
    plant = Plant(world)
    manifest, batch = plant.taken(GENERATOR, [(world.lot(HALF), HALF)]), plant.id()
    plant.pour(manifest, HALF, batch)
    plant.empty(batch, HALF)
    accepted(world)
    forward(world, 2)
    receive(world)
    for statement in WRONG:
        with pytest.raises(IntegrityError), world.engine.begin() as connection:
            connection.execute(text(statement))
