"""What goes on to a second facility goes on by a linkage that names it and still holds."""

from functools import partial

from manifest.register import parties as p
from manifest.vocabulary import Register
from tests.manifest.cases.helpers import refuses
from tests.manifest.cases.test_second import accepted, forward
from tests.manifest.register.entries import enter
from tests.world import World


def test_a_line_that_the_linkage_does_not_name_stays_though_the_first_might_treat_it(world: World) -> None:
    accepted(world)
    assert refuses(world, partial(forward, world, 1, 2)) == [("manifest.linkage_lacks_code", "/body/lines/0")]
    forward(world, 2)


def test_nothing_goes_on_once_the_linkage_has_ended(world: World) -> None:
    accepted(world)
    enter(world, p.EntryEnded, register=Register.LINKAGE, entry="linkage:1", last_day=world.today)
    world.tick(days=2)
    assert refuses(world, partial(forward, world, 2)) == [("manifest.linkage_missing", "/body/facility")]
