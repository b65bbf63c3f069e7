"""The grams that rest on what nobody but its holder has said."""

from datetime import date
from typing import Any

from ledger.storage.db import reading
from manifest.register import parties as p
from manifest.register.events import PermitGranted, PermitLine
from manifest.register.resting import Resting, resting
from manifest.vocabulary import Account, PermitKind, Register, Role
from tests.manifest.register.entries import HASH, enter
from tests.world import CODE, FACILITY, GENERATOR, TONNE, World, line

KG = 1000


def rests(world: World, account: Account, **more: Any) -> Resting:
    with reading(world.engine) as reader:
        year: dict[str, Any] = {"start": date(2025, 1, 1), "end": date(2025, 12, 31)}
        return resting(reader, world.ledger.log, account, **year, **more)


def test_grams_rest_on_what_is_declared_until_an_authority_confirms_it(world: World) -> None:
    lines = (PermitLine(code=CODE, methods=("TC",), mass_g_year=TONNE),)
    own = PermitGranted(
        permit="permit:own", party=FACILITY, permit_kind=PermitKind.TREATMENT, number="1",
        valid_from=date(2025, 1, 1), valid_to=date(2025, 12, 31), lines=lines, document_sha256=HASH,
    )  # fmt: skip
    world.act(own, (FACILITY, Role.TREATMENT_FACILITY), stream="permit:own")
    for permit, mass_g in (("permit:own", 30 * KG), ("permit:facility", 70 * KG)):
        world.register(line(mass_g=mass_g), permit=permit)
        world.hand_over().arrive().weigh(mass_g).accept((mass_g, 0)).treat(mass_g)
    assert world.last is not None
    size = world.last.receipt.seq + 1
    treated = rests(world, Account.TREATED_SERVICE)
    assert (treated.total_g, treated.any_g) == (100 * KG, 100 * KG), "the operator entered parties and sites"
    assert treated.by_register[Register.PERMIT] == 30 * KG
    for register, name in ((Register.ORGANISATION, "org"), (Register.SITE, "site")):
        for party in (GENERATOR, FACILITY):
            enter(world, p.EntryConfirmed, register=register, entry=f"{name}:{party[4:]}")
    assert rests(world, Account.TREATED_SERVICE).any_g == 30 * KG, "only the permit is left"
    enter(world, p.EntryConfirmed)
    assert rests(world, Account.TREATED_SERVICE).any_g == 0
    assert rests(world, Account.GENERATED).total_g == 100 * KG
    assert rests(world, Account.GENERATED, size=size - 8).total_g < 100 * KG
