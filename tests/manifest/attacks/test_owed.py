"""What was refused does not vanish: not by adjusting it away, not by losing it on the way to its end."""

from manifest import events as e
from manifest.obligation_views import OBLIGATION
from manifest.vocabulary import Account, CorrectedField, PermitKind
from tests.manifest.cases.helpers import HALF, refuses
from tests.world import GENERATOR, OTHER_CODE, World, line


def back_home(world: World, lot: str, mass_g: int = HALF) -> str:
    """Have a load of a lot refused and brought back; return the obligation."""
    drawn = (e.Draw(lot=lot, mass_g=mass_g),)
    world.register(line(mass_g=mass_g, lots=drawn)).hand_over().arrive().weigh(mass_g).refuse().give_back()
    return f"{world.manifest}:1"


def owed(world: World, name: str) -> tuple[str, int]:
    row = world.row(OBLIGATION, obligation=name)
    return row["state"], row["left_g"]


def test_what_is_owed_after_a_refusal_is_not_adjusted_away(world: World) -> None:
    world.add_permit(GENERATOR, kind=PermitKind.ENVIRONMENTAL, permit="permit:own")
    lot = world.lot(2 * HALF)
    name = back_home(world, lot)
    assert refuses(world, lambda: world.adjust(lot, -(HALF + 1))) == [("manifest.lot_owed", "/body/delta_g")]
    world.adjust(lot, -(HALF - 1))
    world.self_treat(lot, 1, permit="permit:own")
    assert owed(world, name) == ("returned", HALF)
    assert refuses(world, lambda: world.adjust(lot, -1)) == [("manifest.lot_owed", "/body/delta_g")]
    world.self_treat(lot, HALF - 1, permit="permit:own")
    assert owed(world, name) == ("returned", 1)
    world.self_treat(lot, 1, permit="permit:own")
    assert owed(world, name) == ("ended", 0)


def test_a_manifest_settles_nothing_of_what_it_has_lost(world: World) -> None:
    lot = world.lot(HALF)
    name = back_home(world, lot)
    drawn = (e.Draw(lot=lot, mass_g=HALF),)
    world.register(line(mass_g=HALF, lots=drawn), settles=(name,)).hand_over().arrive()
    world.weigh(100_000).accept((100_000, 0)).treat(100_000).complete()
    assert world.grams(Account.UNEXPLAINED) == 400_000
    assert owed(world, name) == ("returned", 400_000)


def test_a_manifest_that_has_lost_nothing_settles_what_it_names(world: World) -> None:
    lot = world.lot(HALF)
    name = back_home(world, lot)
    drawn = (e.Draw(lot=lot, mass_g=HALF),)
    world.register(line(mass_g=HALF, lots=drawn), settles=(name,)).hand_over().arrive()
    world.weigh(HALF).accept((HALF, 0)).treat(HALF).complete()
    assert owed(world, name)[1] == 0


def test_what_is_owed_goes_over_to_the_lot_of_the_right_code(world: World) -> None:
    world.add_permit(GENERATOR, kind=PermitKind.ENVIRONMENTAL, permit="permit:own")
    lot, new = world.lot(HALF + 1), world.id()
    name = back_home(world, lot)
    drawn = (e.Draw(lot=lot, mass_g=HALF),)
    world.register(line(mass_g=HALF, lots=drawn)).hand_over().arrive()
    correction = world.propose(field=CorrectedField.CODE, code=OTHER_CODE, lots=(new,))
    world.consent(correction)
    world.self_treat(lot, 1, permit="permit:own")
    assert owed(world, name) == ("returned", HALF - 1), "one gram of the old lot was owed, and has ended"
    world.weigh(HALF).accept((HALF, 0)).treat(HALF)
    assert owed(world, name) == ("ended", 0)
