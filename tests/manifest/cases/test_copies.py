"""Copies of a manifest: those that go out with an act, those on paper, and the clock that they stop."""

import pytest

from ledger.storage.db import reading
from manifest import events as e
from manifest import reference
from manifest.cases.events import CopiesDelivered
from manifest.cases.views import COPY
from manifest.clocks import ClockKind
from manifest.running_clocks import Watch, clocks, of_manifest
from manifest.views import MANIFEST
from manifest.vocabulary import CopyMeans, Role
from tests.manifest.cases.helpers import HALF, HASH, by, on_paper, refuses
from tests.world import CARRIER, FACILITY, GENERATOR, PLATE, World


def copies(world: World) -> dict[str, tuple[str, str]]:
    return {row["copy_name"]: (row["receiver"], row["means"]) for row in world.rows(COPY)}


def waits(world: World) -> bool:
    """Tell whether the generator's clock for the last copies runs."""
    with reading(world.engine) as reader:
        watch = Watch(log=world.ledger.log, at=world.now, parties=frozenset({GENERATOR}))
        found = clocks(reader, reference.default(), watch)
    return any(clock.kind is ClockKind.LAST_COPIES for clock in found)


def carried_by_a_driver_with_paper(world: World) -> None:
    world.register()
    body = e.HandedOver(leg=1, giver=GENERATOR, taker=CARRIER, vehicle_plate=PLATE, on_paper=on_paper())
    world.act(body, (CARRIER, Role.TRANSPORTER), stream=world.manifest)
    world.arrive().weigh(HALF).accept((HALF, 0)).treat(HALF).complete()


def paper(*names: str, receipt: str | None = HASH) -> CopiesDelivered:
    return CopiesDelivered(copies=names, means=CopyMeans.PAPER, receipt_sha256=receipt)


def test_with_each_act_its_copy_is_delivered_and_the_last_one_stops_the_clock(world: World) -> None:
    world.register().hand_over()
    assert copies(world) == {"3": (GENERATOR, "electronic")}
    assert waits(world)
    world.arrive().weigh(HALF).accept((HALF, 0)).treat(HALF)
    assert world.row(MANIFEST)["copies_at"] is None
    world.complete()
    assert copies(world) == {"3": (GENERATOR, "electronic"), "4": (GENERATOR, "electronic")}
    row = world.row(MANIFEST)
    assert row["copies_at"] == row["completed_at"]
    assert not waits(world)


def test_who_signs_by_hand_has_a_copy_when_it_is_entered(world: World) -> None:
    carried_by_a_driver_with_paper(world)
    assert copies(world) == {"4": (GENERATOR, "electronic")}
    assert world.row(MANIFEST)["copies_at"] is None
    assert waits(world), "completed, and yet the generator has not all its copies"
    world.tick(days=2)
    by(world, paper("3"))
    assert copies(world)["3"] == (GENERATOR, "paper")
    row = world.row(MANIFEST)
    assert row["copies_at"] > row["completed_at"]
    assert not waits(world)
    found = of_manifest(row, world.now, reference.default())
    assert next(c for c in found if c.kind is ClockKind.LAST_COPIES).state == "done"


def test_the_generator_enters_what_it_has_received(world: World) -> None:
    carried_by_a_driver_with_paper(world)
    by(world, paper("3"), GENERATOR, Role.GENERATOR)
    assert not waits(world)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (paper("5"), ("manifest.copy_unknown", "/body/copies/0")),
        (paper("3", "3"), ("manifest.copy_delivered_already", "/body/copies/1")),
        (paper("1", "4"), ("manifest.copy_not_yet", "/body/copies/1")),
        (paper("3", receipt=None), ("manifest.copy_receipt_missing", "/body/receipt_sha256")),
    ],
)
def test_a_copy_is_of_the_form_once_in_its_time_and_with_a_receipt(
    world: World, body: CopiesDelivered, problem: tuple[str, str]
) -> None:
    world.register()
    act = e.HandedOver(leg=1, giver=GENERATOR, taker=CARRIER, vehicle_plate=PLATE, on_paper=on_paper())
    world.act(act, (CARRIER, Role.TRANSPORTER), stream=world.manifest)
    assert refuses(world, lambda: by(world, body)) == [problem]


def test_what_went_out_with_an_act_is_not_delivered_again(world: World) -> None:
    world.register().hand_over()
    assert refuses(world, lambda: by(world, paper("3"))) == [
        ("manifest.copy_delivered_already", "/body/copies/0")
    ]
    assert refuses(world, lambda: by(world, paper("1"), CARRIER, Role.TREATMENT_FACILITY))
    by(world, CopiesDelivered(copies=("1",), means=CopyMeans.ELECTRONIC))
    assert copies(world)["1"] == (FACILITY, "electronic")
