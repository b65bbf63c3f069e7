"""What is done to a permit after the act, beside it or before the pick-up cannot move what is booked."""

from datetime import date, timedelta
from typing import Any

import pytest

from ledger.storage.db import reading
from ledger.writing.changes import Reads
from manifest import lookups
from manifest.body import Body
from manifest.permit_history import permit_then
from manifest.register import documents as d
from manifest.register import events as r
from manifest.register import parties as p
from manifest.views import BALANCE, PERMIT, PERMIT_USE
from manifest.vocabulary import Account, CorrectedField, PermitKind, Register
from tests.manifest.cases.helpers import HALF, refuses
from tests.manifest.lots.plant import Plant
from tests.manifest.register.entries import AS_FACILITY, enter
from tests.world import CODE, FACILITY, GENERATOR, TONNE, World, line

APPROVAL = "approval:carrier:facility"
WIDE = (r.PermitLine(code=CODE, methods=("SC", "TC", "TĐ"), mass_g_year=100 * TONNE),)
NARROW = (r.PermitLine(code=CODE, methods=("SC",), mass_g_year=100 * TONNE),)


def _size(world: World) -> int:
    assert world.last is not None
    return world.last.receipt.seq + 1


def held(world: World) -> dict[str, int]:
    return {row["account"]: row["grams"] for row in world.rows(BALANCE) if row["grams"]}


def treated(world: World, permit: str) -> World:
    world.register(line(planned_methods=("SC",)), permit=permit).hand_over()
    return world.arrive().weigh(HALF).accept((HALF, 0)).tick(days=5).treat(HALF).tick(days=30)


def correct_the_method(world: World) -> None:
    changed: dict[str, Any] = {"field": CorrectedField.TREATED, "part": 1, "line": None, "methods": ("TĐ",)}
    world.consent(world.propose(**changed))


def test_what_a_permit_covered_is_reversed_out_of_where_it_was_booked_though_the_permit_ended_before(
    world: World,
) -> None:
    treated(world, "permit:facility")
    assert held(world) == {"generated": -HALF, Account.TREATED_SERVICE: HALF}
    enter(world, p.EntryEnded, last_day=date(2025, 4, 1))
    correct_the_method(world)
    assert held(world) == {"generated": -HALF, Account.UNEXPLAINED: HALF}


def test_what_no_permit_covered_is_reversed_out_of_where_it_was_booked_though_one_does_by_now(
    world: World,
) -> None:
    world.add_permit("org:facility", permit="permit:narrow", number="GPMT-2", lines=NARROW)
    treated(world, "permit:narrow")
    assert held(world) == {"generated": -HALF, Account.UNEXPLAINED: HALF}
    amended = {"permit": "permit:narrow", "valid_from": date(2024, 2, 1), "lines": WIDE}
    enter(world, d.PermitAmended, who=AS_FACILITY, **amended)
    correct_the_method(world)
    assert held(world) == {"generated": -HALF, Account.TREATED_SERVICE: HALF}


def test_a_pause_and_its_end_are_known_from_their_own_entries_on(world: World) -> None:
    world.register().hand_over().arrive().weigh(HALF).accept((HALF, 0)).tick(days=5)
    world.treat(200_000)
    enter(world, p.EntrySuspended, valid_from=date(2025, 4, 2))
    world.treat(200_000)
    enter(world, p.EntryResumed, valid_from=date(2025, 4, 3))
    world.treat(100_000)
    booked = {"generated": -HALF, Account.TREATED_SERVICE: 300_000, Account.UNEXPLAINED: 200_000}
    assert held(world) == booked
    correct_the_method(world)
    assert held(world) == booked, "only the part that is corrected is judged anew"


def test_the_permit_of_the_last_entry_is_the_one_in_the_views(world: World) -> None:
    days = [date(2024, 1, 1) + timedelta(days=10 * n) for n in range(190)]
    changes: tuple[tuple[type[Body], dict[str, Any]], ...] = (
        (p.EntrySuspended, {"valid_from": date(2025, 3, 1), "valid_to": date(2025, 5, 31)}),
        (d.PermitAmended, {"valid_from": date(2025, 2, 1), "lines": WIDE}),
        (p.EntryResumed, {"valid_from": date(2025, 4, 1)}),
        (d.PermitAmended, {"valid_from": date(2025, 6, 1), "lines": NARROW, "valid_to": date(2027, 1, 1)}),
        (p.EntrySuspended, {"valid_from": date(2026, 1, 1)}),
        (p.EntryEnded, {"last_day": date(2026, 6, 30)}),
    )
    known: list[Any] = []
    for kind, changed in changes:
        enter(world, kind, **changed)
        with reading(world.engine) as reader:
            reads, size = Reads(reader, world.ledger.log), _size(world)
            told = [permit_then(reads, "permit:facility", size, day) for day in days]
            assert told == [lookups.permit(reads, "permit:facility", day) for day in days]
            assert told not in known
            known.append(told)
            assert permit_then(reads, "permit:facility", 0, days[0]) is None


def narrow(world: World, party: str, **changed: Any) -> str:
    """Grant a permit for 300 kg a year; return its id."""
    lines = (r.PermitLine(code=CODE, methods=("TC", "TĐ"), mass_g_year=300_000),)
    fields: dict[str, Any] = {"kind": PermitKind.ENVIRONMENTAL, "permit": "permit:small", "number": "GPMT-S"}
    world.add_permit(party, lines=lines, **(fields | changed))
    return "permit:small"


def test_nobody_treats_at_home_under_a_consent_to_export(world: World) -> None:
    permit = narrow(world, GENERATOR, kind=PermitKind.EXPORT)
    world.self_treat(world.lot(HALF), 100_000, permit=permit)
    assert (world.grams(Account.SELF_TREATED), world.grams(Account.UNEXPLAINED)) == (0, 100_000)


def test_what_is_treated_at_home_beyond_the_permits_year_is_credited_to_nobody(world: World) -> None:
    permit, lot = narrow(world, GENERATOR), world.lot(2 * HALF)
    world.self_treat(lot, 200_000, permit=permit)
    world.self_treat(lot, 200_000, permit=permit)
    world.self_treat(lot, 100_000, permit=permit)
    assert (world.grams(Account.SELF_TREATED), world.grams(Account.UNEXPLAINED)) == (300_000, 200_000)
    assert world.row(PERMIT_USE, permit=permit)["accepted_g"] == HALF
    world.tick(days=365).self_treat(lot, 100_000, permit=permit)
    assert world.grams(Account.SELF_TREATED) == 400_000, "a new year, a new mass"


def test_old_stock_that_a_facility_treats_uses_its_permit_and_child_lots_do_not(world: World) -> None:
    permit = narrow(world, FACILITY, kind=PermitKind.TREATMENT)
    plant, own = Plant(world), world.opening(HALF, party=FACILITY)
    plant.treat_lot(own, 200_000, permit=permit)
    plant.treat_lot(own, 200_000, permit=permit)
    assert (plant.held(own, Account.TREATED_SERVICE), plant.held(own, Account.UNEXPLAINED)) == (
        300_000,
        100_000,
    )
    batch = plant.id()
    plant.charge(batch, (own, 100_000))
    (child,) = plant.empty(batch, 100_000)
    plant.treat_lot(child, 100_000, permit=permit)
    assert plant.held(own, Account.TREATED_SERVICE) == 400_000
    assert world.row(PERMIT_USE, permit=permit)["accepted_g"] == 400_000


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"valid_from": date(2025, 4, 5)}, ("manifest.permit_suspended", "/body/permit")),
        (
            {"register": Register.ORGANISATION, "entry": FACILITY, "valid_from": date(2025, 4, 5)},
            ("manifest.party_suspended", "/body/facility"),
        ),
    ],
)
def test_nothing_is_picked_up_for_what_was_suspended_since_it_was_registered(
    world: World, changed: dict[str, Any], expected: tuple[str, str]
) -> None:
    world.register().tick(days=5)
    enter(world, p.EntrySuspended, **changed)
    assert refuses(world, world.hand_over) == [expected]


def test_nothing_is_picked_up_once_a_permit_or_an_approval_has_ended(world: World) -> None:
    world.register().tick(days=5)
    enter(world, p.EntryEnded, entry="permit:facility", last_day=date(2025, 4, 3))
    enter(world, p.EntryEnded, register=Register.APPROVAL, entry=APPROVAL, last_day=date(2025, 4, 3))
    assert refuses(world, world.hand_over) == [
        ("manifest.permit_not_valid", "/body/permit"),
        ("manifest.approval_missing", "/body/carriers/0/approval"),
    ]


def test_loads_registered_beforehand_are_not_picked_up_once_the_year_is_used_up(world: World) -> None:
    permit = narrow(world, FACILITY, kind=PermitKind.TREATMENT)
    small = line(mass_g=200_000, planned_methods=("TC",))
    first = world.register(small, permit=permit).manifest
    second = world.register(small, permit=permit).manifest
    world.manifest, world.legs = first, 0
    world.hand_over().arrive().weigh(200_000).accept((200_000, 0))
    world.manifest, world.legs = second, 0
    assert refuses(world, world.hand_over) == [("manifest.permit_used_up", "/body/lines/0/mass_g")]


def test_the_same_paper_is_not_entered_twice_to_double_its_year(world: World) -> None:
    fields: dict[str, Any] = {"permit": "permit:again", "number": "gpmt org/Facility"}
    assert world.row(PERMIT, permit="permit:facility")["number"] == "GPMT-org:facility"
    assert refuses(world, lambda: world.add_permit(FACILITY, **fields)) == [
        ("manifest.permit_known_already", "/body/number")
    ]
    world.add_permit(FACILITY, **(fields | {"valid_from": date(2029, 1, 1), "valid_to": date(2033, 12, 31)}))
    world.add_permit(FACILITY, **(fields | {"permit": "permit:carriage", "kind": PermitKind.CARRIAGE}))
