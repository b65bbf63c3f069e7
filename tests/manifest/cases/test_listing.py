"""Lists of households and collection points: who gives what, who speaks for whom, and where it goes back."""

from datetime import date
from typing import Any

import pytest

from manifest import events as e
from manifest.cases.parts import Listed
from manifest.cases.views import LISTED
from manifest.register import places as q
from manifest.views import MANIFEST, MANIFEST_PARTY
from manifest.vocabulary import Account, Entering, IdentifierKind, Role, ZoneKind
from tests.manifest.cases.helpers import on_paper, refuses
from tests.manifest.register.entries import AS_GENERATOR, enter
from tests.world import GENERATOR, RIVAL, World, line

HOUSEHOLD, NEIGHBOUR = "org:household", "org:neighbour"


def household(world: World, party: str = HOUSEHOLD) -> None:
    """Register a household that has no tax code, and the place where it works."""
    none: dict[str, Any] = {
        "identifier_kind": IdentifierKind.NONE,
        "identifier": None,
        "reason": "Hộ chưa có mã số thuế",
    }
    world.add_party(party, "Hộ sản xuất", Role.GENERATOR, **none)
    world.add_site(party, zone_kind=ZoneKind.CRAFT_VILLAGE, zone="ln-may-tre-dan-thon-3")


def listed(world: World, *parties: str, own_g: int = 100, each_g: int = 50, **changed: Any) -> e.Registered:
    """Return a manifest of the generator with households on its list."""
    draws = [e.Draw(lot=world.lot(own_g), mass_g=own_g)] if own_g else []
    draws += [e.Draw(lot=world.lot(each_g, party=party), mass_g=each_g) for party in parties]
    rows = tuple(Listed(party=party, site=f"site:{party[4:]}") for party in parties)
    one = line(mass_g=own_g + each_g * len(parties), lots=tuple(draws))
    return world.registered(one, **({"listed": rows} | changed))


def register(world: World, body: e.Registered) -> World:
    world.manifest, world.legs = world.id(), 0
    world.act(body, AS_GENERATOR, stream=world.manifest)
    return world


def test_households_on_a_list_stay_the_generators_of_what_they_give(world: World) -> None:
    for party in (HOUSEHOLD, NEIGHBOUR):
        household(world, party)
        world.grant(party, GENERATOR, Role.GENERATOR)
    register(world, listed(world, HOUSEHOLD, NEIGHBOUR)).hand_over()
    assert {(row["party"], row["declared_g"]) for row in world.rows(LISTED)} == {
        (HOUSEHOLD, 50), (NEIGHBOUR, 50)
    }  # fmt: skip
    assert {HOUSEHOLD, NEIGHBOUR} <= {row["party"] for row in world.rows(MANIFEST_PARTY)}
    assert world.grams(Account.STORED) == 0
    world.arrive().weigh(200).accept((100, 100)).give_back()
    back = {place: world.grams(Account.STORED, place=f"site:{place}") for place in ("generator", "household")}
    assert back == {"generator": 50, "household": 25}
    world.treat(100).complete()
    assert world.row(MANIFEST)["status"] == "completed"
    assert world.grams(Account.GENERATED, place="site:household") == -50


def test_a_difference_is_restated_at_each_households_own_site(world: World) -> None:
    household(world)
    world.grant(HOUSEHOLD, GENERATOR, Role.GENERATOR)
    register(world, listed(world, HOUSEHOLD)).hand_over().arrive().weigh(153).accept((153, 0))
    assert world.grams(Account.GENERATED, place="site:household") == -51
    assert world.grams(Account.GENERATED, place="site:generator") == -102


def test_a_mandate_for_this_consignment_alone_is_enough_for_it(world: World) -> None:
    household(world)
    body = listed(world, HOUSEHOLD)
    manifest = world.id()
    world.grant(HOUSEHOLD, GENERATOR, Role.GENERATOR, manifest=manifest)
    problems = [("manifest.listed_without_mandate", "/body/listed/0/party")]
    assert refuses(world, lambda: world.act(body, AS_GENERATOR, stream=world.id())) == problems
    world.act(body, AS_GENERATOR, stream=manifest)


def test_a_household_without_a_phone_signs_by_hand(world: World) -> None:
    household(world)
    slip = on_paper(HOUSEHOLD, how=Entering.ASSISTED)
    register(world, listed(world, HOUSEHOLD, on_paper=slip)).hand_over()
    assert world.row(MANIFEST)["on_paper"] == 1


@pytest.mark.parametrize(
    ("rows", "problems"),
    [
        ((Listed(party=HOUSEHOLD, site="site:rival"),),
         [("manifest.lot_elsewhere", "/body/lines/0/lots/1/lot"),
          ("manifest.site_unknown", "/body/listed/0/site"),
          ("manifest.listed_gives_nothing", "/body/listed/0/site")]),
        ((), [("manifest.lot_elsewhere", "/body/lines/0/lots/1/lot")]),
        ((Listed(party=HOUSEHOLD, site="site:household"),) * 2,
         [("manifest.listed_twice", "/body/listed/1")]),
        ((Listed(party=HOUSEHOLD, site="site:household"), Listed(party=GENERATOR, site="site:generator")),
         [("manifest.listed_twice", "/body/listed/1"),
          ("manifest.listed_without_mandate", "/body/listed/1/party")]),
        ((Listed(party=HOUSEHOLD, site="site:household"), Listed(party=RIVAL, site="site:rival")),
         [("manifest.listed_without_mandate", "/body/listed/1/party"),
          ("manifest.listed_gives_nothing", "/body/listed/1/site")]),
    ],
)  # fmt: skip
def test_a_list_says_what_is_so(
    world: World, rows: tuple[Listed, ...], problems: list[tuple[str, str]]
) -> None:
    household(world)
    world.grant(HOUSEHOLD, GENERATOR, Role.GENERATOR)
    body = listed(world, HOUSEHOLD, listed=rows)
    assert refuses(world, lambda: world.act(body, AS_GENERATOR, stream=world.id())) == problems


def test_nobody_carries_the_waste_of_others_in_its_own_vehicle(world: World) -> None:
    household(world)
    world.grant(HOUSEHOLD, GENERATOR, Role.GENERATOR)
    body = listed(world, HOUSEHOLD, carriers=(e.CarrierPlanned(party=GENERATOR),))
    assert refuses(world, lambda: world.act(body, AS_GENERATOR, stream=world.id())) == [
        ("manifest.own_carriage_of_others", "/body/carriers")
    ]


def test_a_collection_point_is_a_place_unless_a_decision_says_otherwise(world: World) -> None:
    household(world)
    world.grant(HOUSEHOLD, GENERATOR, Role.GENERATOR)
    enter(world, q.CollectionPointOpened, operator=GENERATOR)
    decided: dict[str, Any] = {"operator_is_generator": True, "generator_decision": "12/QĐ-UBND"}
    enter(world, q.CollectionPointOpened, point="point:2", operator=GENERATOR, **decided)
    closed: dict[str, Any] = {"valid_from": date(2024, 1, 1), "valid_to": date(2025, 1, 31)}
    enter(world, q.CollectionPointOpened, point="point:3", **closed)
    alone = listed(world, collection_point="point:1", listed=())
    assert refuses(world, lambda: world.act(alone, AS_GENERATOR, stream=world.id())) == [
        ("manifest.collection_point_is_place", "/body/generator")
    ]
    for point in ("point:3", "point:none"):
        body = listed(world, collection_point=point, listed=())
        assert refuses(world, lambda body=body: world.act(body, AS_GENERATOR, stream=world.id())) == [  # type: ignore[misc]
            ("manifest.collection_point_unknown", "/body/collection_point")
        ]
    register(world, listed(world, collection_point="point:2", listed=()))
    register(world, listed(world, HOUSEHOLD, collection_point="point:1"))
    assert world.row(MANIFEST, manifest=world.manifest)["collection_point"] == "point:1"
