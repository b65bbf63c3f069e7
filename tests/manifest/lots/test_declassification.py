"""Waste that is hazardous above a threshold only: a certificate makes it ordinary, its absence hazardous."""

from datetime import date, timedelta
from typing import Any

import pytest

from ledger.storage.db import reading
from manifest.lots import events as lots
from manifest.reconcile.figures import Figures
from manifest.reconcile.ratio import ratio
from manifest.reference import default
from manifest.register.documents import CertificateIssued
from manifest.vocabulary import Account, Role
from tests.manifest.lots.plant import Plant
from tests.manifest.lots.test_batches import without_trace
from tests.world import AUTHORITY, CODE, FACILITY, GENERATOR, OTHER_CODE, World

TESTED, ALWAYS = OTHER_CODE, CODE  # 18 02 01 is hazardous above a threshold, 17 02 03 in every case
DAY = timedelta(days=1)


def certify(world: World, **changed: Any) -> str:
    """Enter a certificate of the generator's waste, sampled today, below the threshold; return its id."""
    fields: dict[str, Any] = {
        "certificate": f"certificate:{world.id()}", "party": GENERATOR, "site": "site:generator",
        "code": TESTED, "process": "Lau máy dây chuyền 2", "number": "PT-12/2025",
        "laboratory": "Trung tâm Quan trắc (giả định)", "sampled_on": world.today, "valid_from": world.today,
        "valid_to": world.today + 365 * DAY, "below_threshold": True, "document_sha256": "ab" * 32,
    }  # fmt: skip
    body = CertificateIssued(**(fields | changed))
    world.act(body, (AUTHORITY, Role.AUTHORITY), stream=body.certificate)
    return body.certificate


def declassify(world: World, lot: str, certificate: str, mass_g: int = 40_000, **changed: Any) -> None:
    fields: dict[str, Any] = {
        "lot": lot, "mass_g": mass_g, "certificate": certificate, "declassified_on": world.today,
    }  # fmt: skip
    body = lots.Declassified(**(fields | changed))
    world.act(body, (GENERATOR, Role.GENERATOR), stream=lot)


def test_waste_below_the_threshold_leaves_the_hazardous_waste(world: World) -> None:
    lot = world.lot(100_000, code=TESTED)
    certificate = certify(world)
    declassify(world, lot, certificate, record="BB-07/2025")
    assert Plant(world).grams(lot) == {
        ("generated", "site:generator"): -100_000,
        ("stored", "site:generator"): 60_000,
        ("declassified", "site:generator"): 40_000,
    }
    with reading(world.engine) as reader:
        total = ratio(reader, world.ledger.log, reference=default()).as_json()["total"]
    assert (total["declassified"], total["stored"]) == (40_000, 60_000)
    assert without_trace(world, lambda: declassify(world, lot, certificate, 60_001)) == [
        ("manifest.lot_short", "/body/mass_g")
    ]


def test_waste_below_the_threshold_takes_no_manifest(world: World) -> None:
    lot = world.lot(100_000, code=TESTED)
    certify(world)
    assert without_trace(world, lambda: Plant(world).taken(GENERATOR, [(lot, 100_000)], code=TESTED)) == [
        ("manifest.ordinary_waste", "/body/lines/0/lots/0")
    ]


@pytest.mark.parametrize(
    "changed",
    [
        {"below_threshold": False},
        {"code": "08 01 01"},
        {"valid_to": date(2025, 4, 1), "sampled_on": date(2025, 3, 1), "valid_from": date(2025, 3, 1)},
        {"site": "site:facility", "party": FACILITY},
    ],
)
def test_without_a_certificate_that_covers_it_it_is_hazardous(world: World, changed: dict[str, Any]) -> None:
    lot = world.lot(100_000, code=TESTED)
    world.tick(days=2)
    certificate = certify(world, **changed)
    assert without_trace(world, lambda: declassify(world, lot, certificate)) == [
        ("manifest.certificate_does_not_cover", "/body/certificate")
    ]
    Plant(world).taken(GENERATOR, [(lot, 100_000)], code=TESTED)


def test_a_sample_does_not_speak_for_a_lot_that_was_overdue_when_it_was_taken(world: World) -> None:
    old = world.opening(100_000, code=TESTED, generated_on=date(2024, 3, 1))
    certificate = certify(world)
    assert without_trace(world, lambda: declassify(world, old, certificate)) == [
        ("manifest.certificate_does_not_cover", "/body/certificate")
    ]


def test_another_certificate_than_the_one_that_covers_is_not_enough(world: World) -> None:
    lot = world.lot(100_000, code=TESTED)
    certify(world)
    assert without_trace(world, lambda: declassify(world, lot, "certificate:other")) == [
        ("manifest.certificate_does_not_cover", "/body/certificate")
    ]


def test_some_waste_is_hazardous_whatever_a_test_finds(world: World) -> None:
    lot = world.lot(100_000, code=ALWAYS)
    certificate = certify(world)
    assert without_trace(world, lambda: declassify(world, lot, certificate)) == [
        ("manifest.code_always_hazardous", "/body/lot"),
        ("manifest.certificate_does_not_cover", "/body/certificate"),
    ]


def test_what_was_mixed_is_never_made_ordinary(world: World) -> None:
    plant, lot = Plant(world), world.lot(100_000, code=TESTED)
    manifest, batch, child = plant.taken(GENERATOR, [(lot, 100_000)], code=TESTED), plant.id(), plant.id()
    plant.pour(manifest, 100_000, batch)
    plant.empty(batch, outputs=(plant.output(child, 90_000, TESTED),))
    certificate = certify(world, party=FACILITY, site=plant.site)
    body = lots.Declassified(lot=child, mass_g=1, certificate=certificate, declassified_on=world.today)
    problems = without_trace(world, lambda: world.act(body, (FACILITY, Role.GENERATOR), stream=child))
    assert problems == [
        ("manifest.lot_of_other_kind", "/body/lot"),
        ("manifest.certificate_does_not_cover", "/body/certificate"),
    ]


def test_what_was_made_ordinary_is_neither_treated_nor_to_be_treated() -> None:
    row = Figures()
    for account, grams in (
        (Account.GENERATED, -100), (Account.DECLASSIFIED, 40), (Account.TREATED_SERVICE, 30),
        (Account.STORED, 30),
    ):  # fmt: skip
        row.add(account, grams)
    assert row.as_json(0)["cohort"] == "0.500000"
