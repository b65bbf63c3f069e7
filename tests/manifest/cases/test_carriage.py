"""Vehicles: own carriage, a breakdown on the road, and several vehicles at the gate."""

from typing import Any

import pytest

from manifest import events as e
from manifest.cases import events as c
from manifest.cases.parts import LineMoved
from manifest.register import parties as p
from manifest.views import MANIFEST
from manifest.vocabulary import Account, CorrectedField, Role
from tests.manifest.cases.helpers import HALF, OTHER_PLATE, by, refuses
from tests.manifest.register.entries import AS_GENERATOR, enter
from tests.world import CARRIER, FACILITY, GENERATOR, PLATE, World, line

ITSELF = {"carriers": (e.CarrierPlanned(party=GENERATOR),)}
THIRD_PLATE = "30A-111.11"


def move(world: World, *moved: tuple[int, int], source: str = PLATE, target: str = OTHER_PLATE) -> None:
    lines = tuple(LineMoved(line=number, mass_g=grams) for number, grams in moved)
    body = c.Transshipped(from_plate=source, to_plate=target, lines=lines)
    by(world, body, CARRIER, Role.TRANSPORTER)


def arrive(world: World, plate: str) -> None:
    by(world, e.Arrived(vehicle_plate=plate))


def test_a_generator_carries_in_its_own_vehicle_and_signs_once(world: World) -> None:
    enter(world, p.VehicleRegistered)
    world.register(**ITSELF)
    leaves = e.HandedOver(leg=1, giver=GENERATOR, taker=GENERATOR, vehicle_plate=PLATE)
    world.act(leaves, AS_GENERATOR, stream=world.manifest)
    assert world.row(MANIFEST)["holder"] == GENERATOR
    assert world.grams(Account.IN_TRANSIT, place=GENERATOR) == HALF
    world.arrive().weigh(HALF).accept((HALF - 1000, 1000))
    back = e.Returned(giver=GENERATOR, vehicle_plate=PLATE)
    world.act(back, AS_GENERATOR, stream=world.manifest)
    assert world.grams(Account.STORED, place="site:generator") == 1000


def test_a_generator_that_has_registered_vehicles_carries_in_no_other(world: World) -> None:
    world.register(**ITSELF)
    stranger = e.HandedOver(leg=1, giver=GENERATOR, taker=GENERATOR, vehicle_plate=OTHER_PLATE)
    at_the_gate = e.HandedOver(leg=1, giver=GENERATOR, taker=FACILITY, vehicle_plate=OTHER_PLATE)
    enter(world, p.VehicleRegistered)
    not_own = [("manifest.vehicle_not_own", "/body/vehicle_plate")]
    assert refuses(world, lambda: world.act(stranger, AS_GENERATOR, stream=world.manifest)) == not_own
    both = (AS_GENERATOR, (FACILITY, Role.TRANSPORTER))
    assert refuses(world, lambda: world.act(at_the_gate, *both, stream=world.manifest)) == not_own


def test_one_signature_is_enough_only_for_one_party(world: World) -> None:
    world.register()
    body = e.HandedOver(leg=1, giver=GENERATOR, taker=CARRIER, vehicle_plate=PLATE)
    assert refuses(world, lambda: world.act(body, AS_GENERATOR, stream=world.manifest)) == [
        ("manifest.actors_wrong", "/actors")
    ]


def test_half_a_load_goes_on_in_another_vehicle_and_both_have_to_arrive(world: World) -> None:
    world.register(line(), line(2)).hand_over()
    move(world, (1, 200_000), (2, HALF))
    assert world.row(MANIFEST)["vehicles"] == 2
    arrive(world, OTHER_PLATE)
    waiting = [("manifest.vehicles_on_the_way", "")]
    assert refuses(world, lambda: world.weigh(HALF, HALF)) == waiting
    assert refuses(world, world.refuse) == waiting
    assert refuses(world, lambda: arrive(world, OTHER_PLATE)) == [
        ("manifest.vehicle_not_on_the_way", "/body/vehicle_plate")
    ]
    move(world, (1, 300_000), target=THIRD_PLATE)
    arrive(world, THIRD_PLATE)
    world.weigh(HALF, HALF).accept((HALF, 0), (HALF, 0))
    assert world.grams(Account.AT_FACILITY) == 2 * HALF
    assert world.row(MANIFEST)["vehicles"] == 2


@pytest.mark.parametrize(
    ("how", "problems"),
    [
        ({"source": OTHER_PLATE}, [("manifest.vehicle_not_on_the_way", "/body/from_plate")]),
        ({"target": PLATE}, [("manifest.nothing_changes", "/body/to_plate")]),
        ({"target": "xe tải"}, [("manifest.plate_invalid", "/body/to_plate")]),
        ({"moved": ((1, HALF + 1),)}, [("manifest.more_than_loaded", "/body/lines/0/mass_g")]),
        ({"moved": ((2, 1),)}, [("manifest.more_than_loaded", "/body/lines/0/mass_g")]),
        ({"moved": ((1, 1), (1, 1))}, [("manifest.lines_incomplete", "/body/lines")]),
        ({"moved": ((1, 41_000_000),)},
         [("manifest.more_than_loaded", "/body/lines/0/mass_g"),
          ("manifest.too_heavy_for_road", "/body/lines")]),
    ],
)  # fmt: skip
def test_only_what_is_in_a_vehicle_changes_over(
    world: World, how: dict[str, Any], problems: list[tuple[str, str]]
) -> None:
    world.register().hand_over()
    moved = how.get("moved", ((1, 1000),))
    plates = {name: plate for name, plate in how.items() if name != "moved"}
    assert refuses(world, lambda: move(world, *moved, **plates)) == problems


def test_the_holder_alone_moves_its_load(world: World) -> None:
    world.register().hand_over()
    body = c.Transshipped(from_plate=PLATE, to_plate=OTHER_PLATE, lines=(LineMoved(line=1, mass_g=1),))
    assert refuses(world, lambda: by(world, body, FACILITY, Role.TRANSPORTER)) == [
        ("manifest.party_not_in_place", "/actors/0/party")
    ]


def test_a_load_in_several_vehicles_is_brought_into_one_before_it_changes_hands(world: World) -> None:
    world.register().hand_over()
    move(world, (1, 1000))
    assert refuses(world, lambda: world.hand_over(CARRIER, FACILITY)) == [
        ("manifest.load_on_several_vehicles", "/body/vehicle_plate")
    ]
    world.legs = 1
    move(world, (1, HALF - 1000))
    world.hand_over(CARRIER, FACILITY, vehicle_plate=OTHER_PLATE)
    assert world.row(MANIFEST)["vehicle_plate"] == OTHER_PLATE


def test_a_holder_changes_the_vehicle_of_the_whole_load_and_signs_once(world: World) -> None:
    world.register().hand_over()
    again = e.HandedOver(leg=2, giver=CARRIER, taker=CARRIER, vehicle_plate=OTHER_PLATE)
    world.act(again, (CARRIER, Role.TRANSPORTER), stream=world.manifest)
    shown = world.row(MANIFEST)
    assert (shown["holder"], shown["vehicle_plate"], shown["vehicles"]) == (CARRIER, OTHER_PLATE, 1)
    assert world.grams(Account.IN_TRANSIT, place=CARRIER) == HALF


def test_a_plate_of_an_earlier_leg_is_corrected_without_touching_the_load(world: World) -> None:
    carriers = (
        e.CarrierPlanned(party=CARRIER, permit="permit:carrier", approval="approval:carrier:facility"),
        e.CarrierPlanned(party=FACILITY),
    )
    world.register(carriers=carriers).hand_over().hand_over(CARRIER, FACILITY)
    world.propose(field=CorrectedField.VEHICLE_PLATE, leg=1, value=THIRD_PLATE, line=None)
    assert world.row(MANIFEST)["vehicle_plate"] == PLATE
    world.arrive().weigh(HALF)


def test_two_plates_that_turn_out_to_be_one_have_one_load(world: World) -> None:
    world.register().hand_over()
    move(world, (1, 1000))
    world.propose(field=CorrectedField.VEHICLE_PLATE, leg=1, value=OTHER_PLATE, line=None)
    assert world.row(MANIFEST)["vehicles"] == 1
    arrive(world, OTHER_PLATE)
    world.weigh(HALF)


def test_a_corrected_plate_is_the_one_that_arrives(world: World) -> None:
    world.register().hand_over()
    move(world, (1, 1000))
    world.propose(field=CorrectedField.VEHICLE_PLATE, leg=1, value=THIRD_PLATE, line=None)
    assert refuses(world, lambda: arrive(world, PLATE)) == [
        ("manifest.vehicle_not_on_the_way", "/body/vehicle_plate")
    ]
    arrive(world, THIRD_PLATE)
    arrive(world, OTHER_PLATE)
    world.weigh(HALF)
    assert world.row(MANIFEST, manifest=world.manifest)["status"] == "weighed"
