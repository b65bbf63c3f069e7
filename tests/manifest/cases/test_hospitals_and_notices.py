"""Handover records among hospitals, and the notice of temporary storage."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from ledger.storage.db import reading
from manifest import events as e
from manifest.cases import events as c
from manifest.clocks import ClockKind
from manifest.reference import default
from manifest.register import events as r
from manifest.running_clocks import Watch, clocks
from manifest.views import MANIFEST
from manifest.vocabulary import Document, PermitKind, Role, SiteKind
from tests.manifest.cases.helpers import HALF, HASH, by, refuses
from tests.manifest.cases.test_second import accepted, forward, receive
from tests.manifest.register.entries import AS_GENERATOR
from tests.world import CODE, FACILITY, GENERATOR, OTHER_FACILITY, TONNE, World

RECORD: dict[str, Any] = {
    "document": Document.HANDOVER_RECORD, "site": "site:clinic", "facility_site": "site:cluster",
    "permit": "permit:cluster", "form": "biên bản bàn giao",
    "carriers": (e.CarrierPlanned(party=FACILITY),),
}  # fmt: skip


def hospitals(world: World) -> World:
    """Give generator and facility a hospital each, and the latter a permit of its own operation."""
    world.add_site(GENERATOR, site="site:clinic", site_kind=SiteKind.HOSPITAL)
    world.add_site(FACILITY, site="site:cluster", site_kind=SiteKind.HOSPITAL)
    lines = (r.PermitLine(code=CODE, methods=("TC",), mass_g_year=TONNE),)
    world.add_permit(FACILITY, permit="permit:cluster", kind=PermitKind.ENVIRONMENTAL, lines=lines)
    return world


def record(world: World, **changed: Any) -> e.Registered:
    lot = world.lot(HALF, site="site:clinic")
    body = world.registered(**(RECORD | changed))
    first = body.lines[0]
    return replace(body, lines=(replace(first, lots=(e.Draw(lot=lot, mass_g=HALF),)),))


def test_a_hospital_hands_over_to_its_neighbour_by_a_record(world: World) -> None:
    hospitals(world)
    world.manifest, world.legs = world.id(), 0
    world.act(record(world), AS_GENERATOR, stream=world.manifest)
    world.hand_over(GENERATOR, FACILITY).arrive().weigh(HALF).accept((HALF, 0)).treat(HALF).complete()
    shown = world.row(MANIFEST)
    assert (shown["status"], shown["document"]) == ("completed", "handover_record")


def test_a_record_is_for_hospitals_and_a_manifest_needs_a_service(world: World) -> None:
    hospitals(world)
    for name, site in (("site", "site:generator"), ("facility_site", "site:facility")):
        body = record(world, **{name: site})
        if name == "site":
            body = world.registered(**(RECORD | {name: site}))
        assert refuses(world, lambda body=body: world.act(body, AS_GENERATOR, stream=world.id())) == [  # type: ignore[misc]
            ("manifest.not_a_hospital", f"/body/{name}")
        ]
    body = record(world, document=Document.MANIFEST, form="tt02-2022")
    assert refuses(world, lambda: world.act(body, AS_GENERATOR, stream=world.id())) == [
        ("manifest.permit_unknown", "/body/permit")
    ]


def notice(world: World, party: str = FACILITY) -> None:
    body = c.StorageNotified(
        reason="Lò đốt bảo dưỡng", sent_to="Bộ Nông nghiệp và Môi trường", document_sha256=HASH
    )
    by(world, body, party)


def test_after_six_months_a_facility_says_why_it_has_not_treated(world: World) -> None:
    world.register().hand_over().arrive().weigh(HALF).accept((HALF, 0))
    handed_over = world.row(MANIFEST)["transferred_at"]
    world.tick(days=170)
    assert refuses(world, lambda: notice(world)) == [("manifest.notice_too_early", "/occurred_at")]
    world.tick(days=14)
    notice(world)
    shown = world.row(MANIFEST)
    assert shown["storage_notified_at"] > handed_over + timedelta(days=180)
    assert (shown["status"], shown["left_g"]) == ("accepted", HALF), "it is as untreated as before"
    assert refuses(world, lambda: notice(world)) == [("manifest.notified_already", "")]
    world.treat(HALF)
    assert refuses(world, lambda: notice(world))[0] == ("manifest.nothing_left_to_treat", "")


def running(world: World) -> dict[ClockKind, datetime]:
    """Return the clocks that run for the manifest, and when each began."""
    with reading(world.engine) as reader:
        watch = Watch(log=world.ledger.log, at=world.now, parties=None)
        found = clocks(reader, default(), watch)
    return {clock.kind: clock.started for clock in found if clock.subject == world.manifest}


def test_a_notice_ends_the_generators_duty_to_report_and_no_clock_of_the_facility(world: World) -> None:
    world.register().hand_over()
    transferred = world.row(MANIFEST)["transferred_at"]
    world.tick(hours=30).arrive().weigh(HALF).accept((HALF, 0))
    begun = {ClockKind.TREATMENT: transferred, ClockKind.LAST_COPIES: transferred}
    assert running(world) == begun, "both count from the hand-over, not from the gate"
    world.tick(days=184)
    notice(world)
    assert running(world) == {ClockKind.TREATMENT: transferred}


def test_the_notice_is_given_by_who_has_the_waste(world: World) -> None:
    accepted(world)
    forward(world)
    receive(world)
    world.treat(HALF)
    world.tick(days=200)
    assert refuses(world, lambda: notice(world)) == [("manifest.nothing_left_to_treat", "")]
    notice(world, OTHER_FACILITY)


@pytest.mark.parametrize("role", [Role.GENERATOR, Role.TRANSPORTER])
def test_nobody_but_a_facility_gives_notice(world: World, role: Role) -> None:
    world.register().hand_over().arrive().weigh(HALF).accept((HALF, 0))
    body = c.StorageNotified(reason="x", sent_to="y", document_sha256=HASH)
    assert refuses(world, lambda: by(world, body, FACILITY, role)) == [
        ("manifest.role_wrong", "/actors/0/role")
    ]
