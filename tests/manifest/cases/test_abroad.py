"""Export: out of the country, certified there, and only then treated."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from manifest import events as e
from manifest.cases import events as c
from manifest.cases.parts import Export, LineDisposed
from manifest.views import MANIFEST, PERMIT_USE
from manifest.vocabulary import Account, PermitKind, Role
from tests.manifest.cases.helpers import HALF, HASH, by, refuses
from tests.manifest.cases.test_second import second
from tests.manifest.register.entries import AS_GENERATOR
from tests.world import CARRIER, FACILITY, GENERATOR, PLATE, RIVAL, World, line

BLOCK = Export(
    country="JP", entry_gate="Cảng Yokohama", exit_gate="Cảng Hải Phòng", vehicle="Tàu biển",
    consent_number="12/XK",
)  # fmt: skip


def consent(world: World, party: str = FACILITY, **changed: Any) -> None:
    fields: dict[str, Any] = {
        "permit": "permit:export",
        "kind": PermitKind.EXPORT,
        "methods": (),
        "number": "12/XK",
    }
    world.add_permit(party, **(fields | changed))


def leaving(world: World, party: str = FACILITY) -> World:
    consent(world, party)
    return world.register(line(), line(2), permit="permit:export", export=BLOCK).hand_over()


def export(world: World, party: str = FACILITY, role: Role = Role.TREATMENT_FACILITY) -> None:
    by(world, c.Exported(exit_gate="Cảng Hải Phòng", declaration="TK-01"), party, role)


def certificate(world: World, *lines: tuple[int, int], **changed: Any) -> c.DisposalCertified:
    fields: dict[str, Any] = {
        "certificate": "CN-01", "certificate_sha256": HASH, "disposed_on": world.today,
        "lines": tuple(LineDisposed(line=number, mass_g=grams, method="TC") for number, grams in lines),
    }  # fmt: skip
    return c.DisposalCertified(**(fields | changed))


def test_what_left_the_country_counts_once_its_disposal_is_certified(world: World) -> None:
    leaving(world)
    export(world)
    shown = world.row(MANIFEST)
    assert (shown["status"], shown["export_country"], shown["left_g"]) == ("exported", "JP", 2 * HALF)
    assert world.grams(Account.IN_TRANSIT, place=CARRIER) == 2 * HALF
    assert [row["accepted_g"] for row in world.rows(PERMIT_USE, permit="permit:export")] == [2 * HALF]
    world.tick(days=40)
    by(world, certificate(world, (1, HALF), (2, HALF - 1)))
    assert world.grams(Account.EXPORTED) == 2 * HALF - 1
    assert refuses(world, world.complete) == [("manifest.not_all_treated", "")]
    assert refuses(world, lambda: by(world, certificate(world, (2, 2)))) == [
        ("manifest.treated_more_than_accepted", "/body/lines/0/mass_g")
    ]
    by(world, certificate(world, (2, 1)))
    world.complete()
    assert (world.row(MANIFEST)["status"], world.grams(Account.TREATED_SERVICE)) == ("completed", 0)


def test_a_generator_with_a_consent_of_its_own_exports_itself(world: World) -> None:
    leaving(world, GENERATOR)
    export(world, GENERATOR, Role.GENERATOR)
    by(world, certificate(world, (1, HALF), (2, HALF)), GENERATOR, Role.GENERATOR)
    by(world, e.Completed(), GENERATOR, Role.GENERATOR)
    assert world.row(MANIFEST)["status"] == "completed"


def test_a_generator_completes_nothing_but_an_export(world: World) -> None:
    world.register().hand_over().arrive().weigh(HALF).accept((HALF, 0)).treat(HALF)
    assert refuses(world, lambda: by(world, e.Completed(), GENERATOR, Role.GENERATOR)) == [
        ("manifest.role_wrong", "/actors/0/role")
    ]


def test_a_load_goes_abroad_or_stays(world: World) -> None:
    leaving(world)
    assert refuses(world, world.arrive) == [("manifest.goes_abroad", "/kind")]
    world.register().hand_over()
    assert refuses(world, lambda: export(world)) == [("manifest.not_an_export", "/kind")]


def test_a_certificate_fits_the_load_and_the_calendar(world: World) -> None:
    leaving(world)
    export(world)
    tomorrow, yesterday = world.today + timedelta(days=1), world.today - timedelta(days=1)
    unknown = replace(certificate(world, (3, 1)), disposed_on=tomorrow)
    assert refuses(world, lambda: by(world, unknown)) == [
        ("manifest.date_in_future", "/body/disposed_on"),
        ("manifest.line_unknown", "/body/lines/0/line"),
    ]
    early = replace(certificate(world, (1, 1)), disposed_on=yesterday)
    assert refuses(world, lambda: by(world, early)) == [("manifest.date_out_of_order", "/body/disposed_on")]
    lines = (LineDisposed(line=1, mass_g=1, method="XX"),)
    assert refuses(world, lambda: by(world, certificate(world, lines=lines))) == [
        ("reference.unknown_method", "/body/lines/0/method")
    ]


@pytest.mark.parametrize(
    ("given", "changed", "problems"),
    [
        ({}, {"permit": "permit:facility"}, [
            ("manifest.permit_unknown", "/body/permit"),
            ("manifest.consent_number_wrong", "/body/export/consent_number")]),
        ({"party": RIVAL}, {}, [("manifest.permit_unknown", "/body/permit")]),
        ({"number": "13/XK"}, {}, [("manifest.consent_number_wrong", "/body/export/consent_number")]),
        ({}, {"second": second(), "carriers": (e.CarrierPlanned(party=FACILITY),)},
         [("manifest.cases_exclude_each_other", "/body/export")]),
    ],
)  # fmt: skip
def test_an_export_needs_its_consent(
    world: World, given: dict[str, Any], changed: dict[str, Any], problems: list[tuple[str, str]]
) -> None:
    consent(world, **given)
    body = world.registered(**({"permit": "permit:export", "export": BLOCK} | changed))
    assert refuses(world, lambda: world.act(body, AS_GENERATOR, stream=world.id())) == problems


def test_a_consent_gives_no_leave_to_treat_here(world: World) -> None:
    consent(world)
    body = world.registered(permit="permit:export")
    assert refuses(world, lambda: world.act(body, AS_GENERATOR, stream=world.id())) == [
        ("manifest.permit_unknown", "/body/permit")
    ]


def test_an_exported_load_has_no_scale_to_correct(world: World) -> None:
    leaving(world)
    export(world)
    assert refuses(world, lambda: world.propose(net_g=1)) == [
        ("manifest.correction_out_of_time", "/body/field")
    ]
    assert world.legs == 1
    assert world.row(MANIFEST)["vehicle_plate"] == PLATE
