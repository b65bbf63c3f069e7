"""What a facility says of its own scale cannot make grams vanish."""

from manifest import events as e
from manifest.vocabulary import Account
from tests.world import TONNE, World, line


def test_a_scale_that_can_tell_nothing_restates_no_more_than_a_coarse_weighbridge_could(world: World) -> None:
    world.register(line(mass_g=10 * TONNE)).hand_over().arrive()
    weighed = e.LineWeighed(line=1, net_g=TONNE, ticket="PC-1", uncertainty_g=10**13)
    world._facility(e.Weighed(instrument="Cân 80 t", lines=(weighed,)))
    world.accept((TONNE, 0)).treat(TONNE).complete()
    assert world.grams(Account.GENERATED) == -10 * TONNE
    assert world.grams(Account.UNEXPLAINED) == 9 * TONNE
    assert world.grams(Account.TREATED_SERVICE) == TONNE


def test_what_a_coarse_scale_could_not_tell_is_still_restated(world: World) -> None:
    world.register(line(mass_g=TONNE)).hand_over().arrive()
    weighed = e.LineWeighed(line=1, net_g=TONNE - 100_000, ticket="PC-1", uncertainty_g=100_000)
    world._facility(e.Weighed(instrument="Cân 80 t", lines=(weighed,)))
    world.accept((TONNE - 100_000, 0))
    assert world.grams(Account.GENERATED) == -(TONNE - 100_000)
    assert world.grams(Account.UNEXPLAINED) == 0
