"""What a party ends on its own word alone is told, whichever paper of its own it names."""

from datetime import date
from functools import partial
from typing import Any

from ledger.storage.db import reading
from manifest.register import documents as d
from manifest.register import events as r
from manifest.register import parties as p
from manifest.register.resting import resting
from manifest.vocabulary import Account, CorrectedField, PermitKind, Register
from tests.manifest.cases.helpers import refuses
from tests.manifest.cases.test_second import accepted, forward, receive, treat_second
from tests.manifest.lots.plant import Plant
from tests.manifest.lots.test_declassification import TESTED, certify, declassify
from tests.manifest.register.entries import AS_FACILITY, AS_GENERATOR, AS_SECOND, HASH, enter
from tests.world import CODE, FACILITY, GENERATOR, OTHER_CODE, OTHER_FACILITY, RIVAL, TONNE, Who, World

KG = 1000


def own_permit(world: World, party: str, who: Who, kind: PermitKind = PermitKind.TREATMENT) -> str:
    """Enter a permit on its holder's own word; return its id."""
    lines = tuple(
        r.PermitLine(code=code, methods=("TC", "TĐ"), mass_g_year=TONNE) for code in (CODE, OTHER_CODE)
    )
    body = r.PermitGranted(
        permit=f"permit:own:{party[4:]}", party=party, permit_kind=kind, number="TK-1",
        valid_from=date(2025, 1, 1), valid_to=date(2025, 12, 31), lines=lines, document_sha256=HASH,
    )  # fmt: skip
    world.act(body, who, stream=body.permit)
    return body.permit


def confirm_all(world: World) -> None:
    """Confirm every party and site, so that papers alone are left."""
    for register, name in ((Register.ORGANISATION, "org"), (Register.SITE, "site")):
        for party in (GENERATOR, RIVAL, FACILITY, OTHER_FACILITY):
            enter(world, p.EntryConfirmed, register=register, entry=f"{name}:{party[4:]}")


def told(world: World, account: Account) -> tuple[int, int, dict[Register, int]]:
    with reading(world.engine) as reader:
        year: dict[str, Any] = {"start": date(2025, 1, 1), "end": date(2025, 12, 31)}
        found = resting(reader, world.ledger.log, account, **year)
    return found.total_g, found.any_g, {one: grams for one, grams in found.by_register.items() if grams}


def test_what_is_treated_at_home_on_ones_own_word_is_told(world: World) -> None:
    confirm_all(world)
    own, lot = own_permit(world, GENERATOR, AS_GENERATOR, PermitKind.ENVIRONMENTAL), world.lot(100 * KG)
    world.add_permit(GENERATOR, kind=PermitKind.ENVIRONMENTAL)
    world.self_treat(lot, 30 * KG, permit=own)
    world.self_treat(lot, 70 * KG, permit="permit:generator")
    assert told(world, Account.SELF_TREATED) == (100 * KG, 30 * KG, {Register.PERMIT: 30 * KG})


def test_what_is_made_ordinary_waste_on_ones_own_word_is_told(world: World) -> None:
    confirm_all(world)
    lot = world.lot(100 * KG, code=TESTED)
    enter(world, d.CertificateIssued, who=AS_GENERATOR, code=TESTED)
    declassify(world, lot, "certificate:1", 40 * KG)
    expected = {Register.CERTIFICATE: 40 * KG}
    assert told(world, Account.DECLASSIFIED) == (40 * KG, 40 * KG, expected)
    enter(world, p.EntryConfirmed, register=Register.CERTIFICATE, entry="certificate:1")
    assert told(world, Account.DECLASSIFIED) == (40 * KG, 0, {})


def test_what_a_second_facility_treats_rests_on_its_own_permit(world: World) -> None:
    accepted(world)
    forward(world, 2)
    receive(world)
    treat_second(world, 500_000)
    world.treat(500_000)
    confirm_all(world)
    lines = (r.PermitLine(code=OTHER_CODE, methods=("TC", "TĐ"), mass_g_year=TONNE),)
    amended: dict[str, Any] = {"permit": "permit:facility-2", "valid_from": date(2025, 3, 1), "lines": lines}
    enter(world, d.PermitAmended, who=AS_SECOND, **amended)
    assert told(world, Account.TREATED_SERVICE) == (1_000_000, 500_000, {Register.PERMIT: 500_000})
    changed: dict[str, Any] = {"field": CorrectedField.TREATED, "part": 1, "line": None, "methods": ("TĐ",)}
    world.consent(world.propose(OTHER_FACILITY, **changed))
    assert told(world, Account.TREATED_SERVICE) == (1_000_000, 500_000, {Register.PERMIT: 500_000})


def test_what_ends_as_a_child_lot_rests_on_the_permit_it_ended_under(world: World) -> None:
    confirm_all(world)
    own, plant, lot = own_permit(world, FACILITY, AS_FACILITY), Plant(world), world.lot(100 * KG)
    manifest, batch = plant.taken(GENERATOR, [(lot, 100 * KG)]), plant.id()
    plant.pour(manifest, 100 * KG, batch)
    (child,) = plant.empty(batch, 100 * KG)
    plant.treat_lot(child, 60 * KG, permit=own)
    plant.treat_lot(child, 40 * KG)
    expected = {Register.PERMIT: 60 * KG}
    assert told(world, Account.TREATED_SERVICE) == (100 * KG, 60 * KG, expected)


def test_a_holder_does_not_bring_back_a_permit_that_was_withdrawn(world: World) -> None:
    enter(world, p.EntryEnded, entry="permit:facility", last_day=date(2025, 4, 1))
    amended: dict[str, Any] = {"valid_from": date(2025, 4, 2), "valid_to": date(2030, 1, 1)}
    assert refuses(world, partial(enter, world, d.PermitAmended, who=AS_FACILITY, **amended)) == [
        ("manifest.permit_not_valid", "/body/valid_to")
    ]
    enter(world, d.PermitAmended, **amended)


def test_what_an_authority_has_found_hazardous_no_own_word_makes_ordinary(world: World) -> None:
    lot, today = world.lot(100 * KG, code=TESTED), world.today
    adverse = certify(world, below_threshold=False)
    own: dict[str, Any] = {"code": TESTED, "sampled_on": today, "valid_from": today}
    enter(world, d.CertificateIssued, who=AS_GENERATOR, **own)
    refused = [("manifest.certificate_does_not_cover", "/body/certificate")]
    assert refuses(world, partial(declassify, world, lot, "certificate:1", 1)) == refused
    end: dict[str, Any] = {"register": Register.CERTIFICATE, "entry": adverse, "last_day": today}
    assert refuses(world, partial(enter, world, p.EntryEnded, who=AS_GENERATOR, **end)) == [
        ("manifest.not_your_document", "/body/entry")
    ]
    second = certify(world)
    declassify(world, lot, second, 1)
