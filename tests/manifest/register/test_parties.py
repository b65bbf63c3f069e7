"""Parties as they are from a day on, their own vehicles, and mandates for one consignment."""

from datetime import date, timedelta
from typing import Any

from manifest.register import events as r
from manifest.register import parties as p
from manifest.register.lookups import mandated, organisation, vehicles_of
from manifest.register.views import CONFIRMATION, ORGANISATION_VERSION, SUSPENSION, VEHICLE
from manifest.views import ORGANISATION
from manifest.vocabulary import Register, Role
from tests.manifest.register.entries import (
    AS_AUTHORITY,
    AS_GENERATOR,
    AS_OPERATOR,
    HASH,
    asked,
    enter,
)
from tests.world import AUTHORITY, CARRIER, FACILITY, GENERATOR, OPERATOR, PLATE, RIVAL, World, refused


def test_a_party_has_the_name_of_the_day(world: World) -> None:
    old = world.row(ORGANISATION, party=GENERATOR)["name"]
    enter(world, p.OrganisationChanged, name="Công ty Tên mới", phone="024 1111 1111")
    enter(world, p.OrganisationChanged, valid_from=date(2025, 6, 1), name=None, address="Phố Mới")

    def told(on: date) -> tuple[str, str, str | None]:
        found = asked(world, lambda reads: organisation(reads, GENERATOR, on))
        return found.name, found.address, found.phone

    here = "Số 1 phố Đê La Thành, Hà Nội"
    assert told(date(2025, 2, 28)) == (old, here, "024 0000 0000")
    assert told(date(2025, 3, 1)) == ("Công ty Tên mới", here, "024 1111 1111")
    assert told(date(2025, 6, 1)) == ("Công ty Tên mới", "Phố Mới", "024 1111 1111")
    assert world.row(ORGANISATION, party=GENERATOR)["address"] == "Phố Mới"
    assert refused(lambda: enter(world, p.OrganisationChanged)) == [
        ("manifest.change_out_of_order", "/body/valid_from")
    ]
    enter(world, p.OrganisationChanged, valid_from=date(2025, 6, 1), name="Công ty Tên khác")
    assert told(date(2025, 6, 1)) == ("Công ty Tên khác", "Phố Mới", "024 1111 1111"), "the same day again"
    assert len(world.rows(ORGANISATION_VERSION, party=GENERATOR)) == 3


def test_a_role_is_held_from_its_day(world: World) -> None:
    later = world.today + timedelta(days=10)
    enter(
        world, p.OrganisationChanged, party=CARRIER, valid_from=later, name=None,
        roles=(Role.TRANSPORTER, Role.GENERATOR),
    )  # fmt: skip
    world.add_site(CARRIER)
    assert refused(lambda: world.lot(party=CARRIER)) == [("manifest.role_not_held", "/actors/0/role")]
    world.tick(days=11)
    assert world.lot(party=CARRIER)


def test_a_party_is_confirmed_by_the_authority_that_admits_it(world: World) -> None:
    assert world.row(ORGANISATION, party=GENERATOR)["confirmed"] is False, "the operator admitted it"
    world.add_party("org:new", "Công ty Mới", Role.GENERATOR, admit=False, identifier="0100109106")
    world.act(r.OrganisationAdmitted(party="org:new"), AS_AUTHORITY, stream="org:new")
    assert world.row(ORGANISATION, party="org:new")["confirmed"] is True
    row = world.row(CONFIRMATION, kept_in="organisation", entry="org:new")
    assert (row["authority"], row["confirmed_on"]) == (AUTHORITY, world.today)
    enter(world, p.EntryConfirmed, register=Register.ORGANISATION, entry=GENERATOR)
    assert world.row(ORGANISATION, party=GENERATOR)["confirmed"] is True
    assert world.row(CONFIRMATION, kept_in="organisation", entry=GENERATOR)["document_sha256"] == HASH
    enter(world, p.OrganisationChanged)
    assert world.row(ORGANISATION, party=GENERATOR)["confirmed"] is True, "the authority's own change"
    enter(world, p.OrganisationChanged, AS_OPERATOR, valid_from=date(2025, 3, 2))
    assert world.row(ORGANISATION, party=GENERATOR)["confirmed"] is False, "the operator's"


def test_a_suspended_party_begins_nothing_and_goes_on_with_what_is_under_way(world: World) -> None:
    world.register()
    under_way = world.manifest
    world.hand_over()
    world.register()
    body = world.registered()
    enter(
        world, p.EntrySuspended, register=Register.ORGANISATION, entry=GENERATOR, valid_from=world.today,
        valid_to=world.today + timedelta(days=5),
    )  # fmt: skip
    stopped = ("manifest.party_suspended", "/actors/0/party")
    assert refused(lambda: world.act(body, AS_GENERATOR, stream=world.id())) == [stopped]
    assert refused(world.hand_over) == [stopped], "what is not on the road stays"
    assert refused(lambda: world.grant(GENERATOR, CARRIER, Role.GENERATOR)) == [stopped]
    assert world.lot(), "what arises is still declared"
    world.manifest, world.legs = under_way, 1
    world.arrive().weigh(500_000).accept((400_000, 100_000)).give_back()
    world.tick(days=6)
    world.act(body, AS_GENERATOR, stream=world.id())


def test_a_suspended_party_is_not_planned_for(world: World) -> None:
    body = world.registered()
    for party in (FACILITY, CARRIER):
        enter(
            world, p.EntrySuspended, register=Register.ORGANISATION, entry=party, valid_from=world.today,
            valid_to=world.today,
        )  # fmt: skip
    assert refused(lambda: world.act(body, AS_GENERATOR, stream=world.id())) == [
        ("manifest.party_suspended", "/body/facility"),
        ("manifest.party_suspended", "/body/carriers/0/party"),
    ]


def test_a_suspension_is_lifted_from_a_day_on(world: World) -> None:
    who: dict[str, Any] = {"register": Register.ORGANISATION, "entry": GENERATOR}
    enter(world, p.EntrySuspended, **who, valid_from=date(2025, 5, 1))

    def stopped(on: date) -> bool:
        return bool(asked(world, lambda reads: organisation(reads, GENERATOR, on)).suspended)

    assert (stopped(date(2025, 4, 30)), stopped(date(2025, 5, 1)), stopped(date(2030, 1, 1))) == (
        False, True, True,
    )  # fmt: skip
    assert refused(lambda: enter(world, p.EntrySuspended, **who, valid_from=date(2026, 1, 1))) == [
        ("manifest.suspended_already", "/body/valid_from")
    ]
    enter(world, p.EntryResumed, **who, valid_from=date(2025, 6, 1))
    assert (stopped(date(2025, 5, 31)), stopped(date(2025, 6, 1))) == (True, False)
    assert refused(lambda: enter(world, p.EntryResumed, **who, valid_from=date(2025, 7, 1))) == [
        ("manifest.not_suspended", "/body/valid_from")
    ]
    enter(world, p.EntrySuspended, **who, valid_from=date(2025, 6, 1), valid_to=date(2025, 6, 2))
    assert len(world.rows(SUSPENSION)) == 2
    for keeper in (AUTHORITY, OPERATOR):
        assert refused(
            lambda: enter(world, p.EntrySuspended, register=Register.ORGANISATION, entry=keeper)  # noqa: B023
        ) == [("manifest.not_for_register", "/body/entry")]


def test_a_mandate_for_one_consignment_opens_that_one_alone(world: World) -> None:
    mine, other = world.id(), world.id()
    world.grant(GENERATOR, CARRIER, Role.GENERATOR, manifest=mine)
    as_agent = (GENERATOR, Role.GENERATOR, CARRIER)
    body = world.registered()
    assert refused(lambda: world.act(body, as_agent, stream=other)) == [
        ("manifest.mandate_missing", "/actors/0/kid")
    ]
    world.act(body, as_agent, stream=mine)

    def may(manifest: str | None) -> bool:
        return bool(
            asked(
                world,
                lambda reads: mandated(
                    reads, GENERATOR, CARRIER, Role.GENERATOR, world.today, manifest=manifest
                ),
            )
        )

    assert (may(mine), may(other), may(None)) == (True, False, False)


def test_a_generators_own_vehicles_are_those_of_the_day(world: World) -> None:
    enter(world, p.VehicleRegistered, AS_GENERATOR)
    found = asked(world, lambda reads: vehicles_of(reads, GENERATOR, date(2025, 6, 1)))
    assert {plate: vehicle.gps_account for plate, vehicle in found.items()} == {PLATE: "gps-01"}
    assert found[PLATE].confirmed is False
    again: dict[str, Any] = {"vehicle": "vehicle:2", "party": RIVAL}
    assert refused(lambda: enter(world, p.VehicleRegistered, **again)) == [
        ("manifest.vehicle_entered_already", "/body/plate")
    ]
    enter(
        world, p.EntryEnded, AS_GENERATOR, register=Register.VEHICLE, entry="vehicle:1",
        last_day=date(2025, 6, 30),
    )  # fmt: skip
    enter(world, p.VehicleRegistered, **again, valid_from=date(2025, 7, 1))
    assert asked(world, lambda reads: vehicles_of(reads, GENERATOR, date(2025, 7, 1))) == {}
    assert PLATE in asked(world, lambda reads: vehicles_of(reads, RIVAL, date(2025, 7, 1)))
    assert world.row(VEHICLE, vehicle="vehicle:2")["confirmed"] is True


def test_the_operator_enters_but_does_not_confirm(world: World) -> None:
    enter(world, p.OrganisationChanged, AS_OPERATOR)
    body = p.EntryConfirmed(register=Register.ORGANISATION, entry=GENERATOR, document_sha256=HASH)
    assert refused(lambda: world.act(body, AS_OPERATOR, stream=GENERATOR)) == [
        ("manifest.role_wrong", "/actors/0/role")
    ]
