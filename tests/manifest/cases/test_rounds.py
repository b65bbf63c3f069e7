"""Round collection: one ticket for the manifests of many small producers, divided to the gram."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from manifest import events as e
from manifest.accounts import spread
from manifest.views import MANIFEST, MANIFEST_LINE
from manifest.vocabulary import Account
from tests.manifest.cases.helpers import OTHER_PLATE, refuses
from tests.world import CARRIER, GENERATOR, World, line


def collect(world: World, *masses: int, **changed: Any) -> list[str]:
    """Register one manifest of one round for each mass, and hand them all over; return the manifests."""
    round_ = world.id()
    made = []
    for grams in masses:
        world.register(line(mass_g=grams), **({"round": round_} | changed)).hand_over()
        made.append(world.manifest)
    return made


def weigh(world: World, manifest: str, round_net_g: int | None, *net_g: int) -> None:
    lines = tuple(e.LineWeighed(line=n, net_g=g, ticket="PC-R") for n, g in enumerate(net_g, start=1))
    world.manifest = manifest
    body = e.Weighed(instrument="Cân 80 t", lines=lines, round_net_g=round_net_g)
    world.act(body, ("org:facility", "treatment_facility"), stream=manifest)


def arrive(world: World, *manifests: str) -> None:
    for manifest in manifests:
        world.manifest = manifest
        world.arrive()


def test_one_ticket_is_divided_over_the_round_by_what_was_declared(world: World) -> None:
    first, second, third = made = collect(world, 100, 200, 400)
    arrive(world, *made)
    for manifest, net in zip(sorted(made), (99, 198, 396), strict=True):
        weigh(world, manifest, 693, net)
        world.accept((net, 0))
    assert {row["round_net_g"] for row in world.rows(MANIFEST)} == {693}
    assert sum(row["net_g"] for row in world.rows(MANIFEST_LINE)) == 693
    assert world.grams(Account.AT_FACILITY) == 693
    assert [first, second, third] == sorted(made)


def test_a_share_is_checked_to_the_gram(world: World) -> None:
    first, second = collect(world, 100, 200)
    arrive(world, first, second)
    wrong = [("manifest.round_share_wrong", "/body/lines/0/net_g")]
    assert refuses(world, lambda: weigh(world, first, 301, 101)) == wrong
    assert refuses(world, lambda: weigh(world, first, 301, 99)) == wrong
    weigh(world, first, 301, 100)
    assert refuses(world, lambda: weigh(world, second, 300, 200)) == [
        ("manifest.round_ticket_differs", "/body/round_net_g")
    ]
    assert refuses(world, lambda: weigh(world, second, None, 201)) == [
        ("manifest.round_ticket_differs", "/body/round_net_g")
    ]
    weigh(world, second, 301, 201)


def test_a_round_is_weighed_when_all_of_it_is_there_and_then_closed(world: World) -> None:
    first, second = collect(world, 100, 200)
    arrive(world, first)
    assert refuses(world, lambda: weigh(world, first, 300, 100)) == [("manifest.round_incomplete", "")]
    arrive(world, second)
    late = world.registered(line(mass_g=50), round=world.row(MANIFEST, manifest=first)["round"])
    world.manifest, world.legs = world.id(), 0
    world.act(late, (GENERATOR, "generator"), stream=world.manifest)
    waiting = world.manifest
    weigh(world, first, 300, 100)
    world.manifest = waiting
    assert refuses(world, world.hand_over) == [("manifest.round_closed", "/body/leg")]


def test_a_common_ticket_is_for_one_vehicle(world: World) -> None:
    first, second = collect(world, 100, 200)
    world.manifest, world.legs = second, 1
    world.hand_over(CARRIER, "org:facility", vehicle_plate=OTHER_PLATE)
    arrive(world, first, second)
    assert refuses(world, lambda: weigh(world, first, 300, 100)) == [
        ("manifest.round_several_vehicles", "/body/round_net_g")
    ]
    weigh(world, first, None, 100)
    weigh(world, second, None, 200)


def test_a_manifest_of_no_round_has_no_common_ticket(world: World) -> None:
    world.register(line(mass_g=100)).hand_over().arrive()
    assert refuses(world, lambda: weigh(world, world.manifest, 100, 100)) == [
        ("manifest.round_missing", "/body/round_net_g")
    ]


def test_a_round_of_another_facility_is_another_round(world: World) -> None:
    first, second = collect(world, 100, 200)
    body = world.registered(
        line(mass_g=10), facility="org:facility-2", facility_site="site:facility-2",
        permit="permit:facility-2", carriers=(e.CarrierPlanned(party="org:facility-2"),),
    )  # fmt: skip
    body = replace(body, round=world.row(MANIFEST, manifest=first)["round"])
    world.allocate("org:facility-2", block="block:2", issuer="2-2")
    body = replace(body, number=replace(body.number, issuer="2-2"))
    world.manifest, world.legs = world.id(), 0
    world.act(body, (GENERATOR, "generator"), stream=world.manifest)
    world.hand_over(GENERATOR, "org:facility-2")
    elsewhere = world.manifest
    arrive(world, first, second)
    weigh(world, first, 300, 100)
    # The third, still on its way to the other facility, neither held this ticket up nor had a share of it.
    assert world.row(MANIFEST, manifest=first)["status"] == "weighed"
    assert world.row(MANIFEST, manifest=elsewhere)["status"] == "in_transit"


@given(st.lists(st.integers(1, 10**7), min_size=1, max_size=40), st.integers(0, 10**9))
def test_a_ticket_is_divided_without_a_gram_too_many(declared: list[int], net_g: int) -> None:
    shares = [grams for _, grams in spread(net_g, list(enumerate(declared)))]
    assert sum(shares) == net_g
    total = sum(declared)
    assert all(abs(got * total - net_g * mass) < total for got, mass in zip(shares, declared, strict=True))
