"""Each rule both ways: silent for what is right, a problem with its path for what is not."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from ledger.errors import Problem
from manifest import events as e
from manifest import rules
from manifest.permits import Approval, Permit, permitted
from manifest.permits import carriers as may_carry
from manifest.reference import Reference, default
from manifest.register.events import OrganisationRegistered
from manifest.rules import LotFacts
from manifest.text import has_only_latin_letters, is_branch_code, is_plate, is_tax_code, tax_code_of
from manifest.vocabulary import IdentifierKind, PermitKind, Role, Status, VehicleKind
from tests.factories import (
    AT,
    CARRIER,
    CODE,
    DAY,
    FACILITY,
    GENERATOR,
    OTHER_CODE,
    SITE,
    STRANGER,
    declared,
    lot_id,
    manifest_in,
    some,
)

TONNE = 1_000_000


@pytest.fixture
def reference() -> Reference:
    return default()


def found(problems: Iterable[Problem]) -> list[tuple[str, str]]:
    return [(problem.code, problem.path) for problem in problems]


def permit(**changed: Any) -> Permit:
    typical: dict[str, Any] = {
        "id": "permit:facility", "party": FACILITY, "kind": PermitKind.TREATMENT,
        "valid_from": date(2025, 1, 1), "valid_to": date(2025, 12, 31), "lines": {CODE: (("TC", "SC"), 5000)},
    }  # fmt: skip
    return Permit(**(typical | changed))


# Text


@pytest.mark.parametrize(
    "text", ["Công ty Xử lý Ba Vì", "ĐẶNG Ưu Ỷ ỹ", "dầu thải 50 m³, 100 %, −5 °C", "Ø 20", "naïve — «x»", ""]
)
def test_vietnamese_text_passes(text: str) -> None:
    assert has_only_latin_letters(text)
    assert not found(rules.letters({"name": text}))


@pytest.mark.parametrize(
    "text",
    ["Сông ty", "Cοng ty", "Ｃông ty", "Công ty １", "Công ty ٣", "公司", "Công tу", "C\u0323\u0330o"],
)
def test_look_alikes_do_not(text: str) -> None:
    assert not has_only_latin_letters(text)


def test_every_text_is_looked_at_with_its_path() -> None:
    body = {"name": "Сx", "lines": [{"name": "tốt"}, {"name": "Сx"}], "n": 1, "flag": True, "none": None}
    assert found(rules.letters(body)) == [
        ("manifest.letter_not_latin", "/body/name"),
        ("manifest.letter_not_latin", "/body/lines/1/name"),
    ]


@pytest.mark.parametrize("code", ["0100109106", "0100686174", "0300588569"])
def test_published_tax_codes_have_the_right_check_digit(code: str) -> None:
    assert is_tax_code(code)
    wrong = code[:9] + str((int(code[9]) + 1) % 10)
    assert not is_tax_code(wrong)
    assert is_branch_code(f"{code}-001")
    assert not is_branch_code(f"{wrong}-001")


@pytest.mark.parametrize(
    "text", ["", "010010910", "01001091066", "0100109106 ", "٠١٠٠١٠٩١٠٦", "0100109106-1"]
)
def test_other_spellings_are_no_tax_codes(text: str) -> None:
    assert not is_tax_code(text)
    assert not is_branch_code(text)


def test_a_tax_code_is_made_with_its_check_digit_or_not_at_all() -> None:
    made = [tax_code_of(serial) for serial in range(100_000, 100_200)]
    assert None in made
    assert all(is_tax_code(code) for code in made if code is not None)


@pytest.mark.parametrize("text", ["29C-123.45", "29C-12345", "30F1-1234", "29LD-012.34", "51Đ-123.45"])
def test_number_plates(text: str) -> None:
    assert is_plate(text)
    assert not found(rules.plate(text, "/p"))


@pytest.mark.parametrize(
    "text", ["", "xe tải", "29C-123", "29c-123.45", "C29-123.45", "29C 123.45", "29C-123.45 "]
)
def test_what_is_no_number_plate(text: str) -> None:
    assert found(rules.plate(text, "/p")) == [("manifest.plate_invalid", "/p")]


def organisation(
    kind: IdentifierKind, identifier: str | None, reason: str | None = None
) -> list[tuple[str, str]]:
    event = OrganisationRegistered(
        party="org:x", name="X", roles=(Role.GENERATOR,), identifier_kind=kind, identifier=identifier,
        reason=reason, address="Hà Nội",
    )  # fmt: skip
    return found(rules.identifier(event))


def test_identifiers_are_right_for_their_kind() -> None:
    assert not organisation(IdentifierKind.TAX_CODE, "0100109106")
    assert not organisation(IdentifierKind.BRANCH_CODE, "0100109106-001")
    assert not organisation(IdentifierKind.NONE, None, "hộ làng nghề chưa có mã số")
    assert not organisation(IdentifierKind.VAULTED, None)
    wrong = [("manifest.tax_code_invalid", "/body/identifier")]
    assert organisation(IdentifierKind.TAX_CODE, "0100109107") == wrong
    assert organisation(IdentifierKind.TAX_CODE, None) == wrong
    assert organisation(IdentifierKind.BRANCH_CODE, "0100109106") == wrong
    assert organisation(IdentifierKind.NONE, None) == [("manifest.reason_missing", "/body/reason")]
    personal = [("manifest.personal_data_in_event", "/body/identifier")]
    assert organisation(IdentifierKind.VAULTED, "001085012345") == personal


# Time


def test_a_clock_may_run_ahead_by_the_tolerance_only() -> None:
    assert not found(rules.not_ahead(AT + timedelta(seconds=300), AT, 300))
    late = found(rules.not_ahead(AT + timedelta(seconds=300, milliseconds=1), AT, 300))
    assert late == [("manifest.time_in_future", "/occurred_at")]


def test_no_act_lies_before_the_one_that_it_follows() -> None:
    assert not found(rules.in_order(AT, None))
    assert not found(rules.in_order(AT, AT))
    early = found(rules.in_order(AT, AT + timedelta(milliseconds=1)))
    assert early == [("manifest.time_out_of_order", "/occurred_at")]


def test_dates_lie_between_what_is_possible() -> None:
    day = timedelta(days=1)
    assert not found(rules.dates("/d", DAY, earliest=DAY, latest=DAY))
    assert not found(rules.dates("/d", DAY - 900 * day, earliest=None, latest=DAY))
    assert found(rules.dates("/d", DAY + day, earliest=None, latest=DAY)) == [
        ("manifest.date_in_future", "/d")
    ]
    assert found(rules.dates("/d", DAY - day, earliest=DAY, latest=DAY)) == [
        ("manifest.date_out_of_order", "/d")
    ]


# Lines


def test_codes_and_methods_are_those_of_the_date(reference: Reference) -> None:
    assert not found(rules.waste_code(reference, CODE, DAY, "/c"))
    assert not found(rules.methods(reference, ("SC", "TC"), DAY, "/m"))
    assert found(rules.waste_code(reference, "99 99 99", DAY, "/c")) == [
        ("reference.unknown_waste_code", "/c")
    ]
    assert found(rules.waste_code(reference, CODE, date(1999, 1, 1), "/c")) == [
        ("reference.waste_code_not_valid", "/c")
    ]
    assert found(rules.methods(reference, ("TC", "XX", "LN"), DAY, "/m")) == [
        ("reference.unknown_method", "/m/1"), ("reference.unknown_method", "/m/2"),
    ]  # fmt: skip
    assert found(rules.methods(reference, ("TC",), date(1999, 1, 1), "/m")) == [
        ("reference.method_not_valid", "/m/0")
    ]


def test_all_wrong_lines_are_reported_at_once(reference: Reference) -> None:
    twice = (e.Draw(lot=lot_id(1), mass_g=500), e.Draw(lot=lot_id(1), mass_g=500))
    registered = some(
        e.Registered,
        lines=(
            declared(1),
            declared(1, code="99 99 99", planned_methods=("TC", "XX")),
            declared(3, mass_g=999),
            declared(4, lots=twice),
            declared(5, 39_999_000),
        ),
    )
    assert found(rules.lines(registered, reference, DAY)) == [
        ("manifest.line_out_of_order", "/body/lines/1/line"),
        ("reference.unknown_waste_code", "/body/lines/1/code"),
        ("reference.unknown_method", "/body/lines/1/planned_methods/1"),
        ("manifest.lots_do_not_sum", "/body/lines/2/lots"),
        ("manifest.lot_repeated", "/body/lines/3/lots"),
        ("manifest.too_heavy_for_road", "/body/lines"),
    ]
    assert not found(rules.lines(some(e.Registered), reference, DAY))


def test_only_the_road_has_a_limit_of_mass(reference: Reference) -> None:
    heavy = (declared(1, 40_000_001),)
    by_road = some(e.Registered, lines=heavy)
    assert found(rules.lines(by_road, reference, DAY)) == [("manifest.too_heavy_for_road", "/body/lines")]
    assert not found(rules.lines(replace(by_road, vehicle_kind=VehicleKind.WATER), reference, DAY))
    assert not found(rules.road_limit(40_000_000, reference, DAY, "/x"))


def lot(**changed: Any) -> LotFacts:
    typical: dict[str, Any] = {"site": SITE, "code": CODE, "generated_on": DAY, "stored_g": 1000}
    return LotFacts(**(typical | changed))


def test_a_line_draws_from_lots_of_its_site_code_and_time() -> None:
    line = declared(1, 400, 300, 200, 100, 50, 10)
    names = [draw.lot for draw in line.lots]
    lots = {
        names[0]: lot(), names[2]: lot(site="site:other"), names[3]: lot(code=OTHER_CODE),
        names[4]: lot(generated_on=DAY + timedelta(days=1)), names[5]: lot(stored_g=9),
    }  # fmt: skip
    assert found(rules.draws((line,), SITE, lots, DAY)) == [
        ("manifest.lot_unknown", "/body/lines/0/lots/1/lot"),
        ("manifest.lot_elsewhere", "/body/lines/0/lots/2/lot"),
        ("manifest.lot_of_other_code", "/body/lines/0/lots/3/lot"),
        ("manifest.date_out_of_order", "/body/lines/0/lots/4/lot"),
        ("manifest.lot_short", "/body/lines/0/lots/5/mass_g"),
    ]


def test_lines_that_share_a_lot_cannot_draw_more_than_it_has() -> None:
    draws = (e.Draw(lot=lot_id(1), mass_g=600),)
    lines = [declared(n, mass_g=600, lots=draws) for n in (1, 2, 3)]
    problems = list(rules.draws(lines, SITE, {lot_id(1): lot()}, DAY))
    assert found(problems) == [
        ("manifest.lot_short", "/body/lines/1/lots/0/mass_g"),
        ("manifest.lot_short", "/body/lines/2/lots/0/mass_g"),
    ]
    assert [dict(problem.facts) for problem in problems] == [
        {"stored_g": 400, "mass_g": 600}, {"stored_g": 0, "mass_g": 600},
    ]  # fmt: skip
    assert not found(rules.draws(lines[:1], SITE, {lot_id(1): lot()}, DAY))
    assert not found(rules.draws(lines[:2], SITE, {lot_id(1): lot(stored_g=1200)}, DAY))


# Permits and carriers


def test_a_permit_covers_code_methods_and_date() -> None:
    assert permit().covers(CODE, ("TC",), DAY)
    assert permit().covers(CODE, ("SC", "TC"), DAY)
    assert not permit().covers(CODE, ("TC", "TĐ"), DAY)
    assert not permit().covers(OTHER_CODE, ("TC",), DAY)
    assert permit().covers(CODE, ("TC",), date(2025, 12, 31))
    assert not permit().covers(CODE, ("TC",), date(2026, 1, 1))
    assert not permit().covers(CODE, ("TC",), date(2024, 12, 31))


def test_the_facility_needs_a_valid_permit_of_its_own() -> None:
    registered = some(e.Registered)
    unknown = [("manifest.permit_unknown", "/body/permit")]
    assert not found(permitted(registered, permit(), {}, DAY))
    assert found(permitted(registered, None, {}, DAY)) == unknown
    assert found(permitted(registered, permit(party=STRANGER), {}, DAY)) == unknown
    assert found(permitted(registered, permit(kind=PermitKind.CARRIAGE), {}, DAY)) == unknown
    assert found(permitted(registered, permit(), {}, date(2026, 1, 1))) == [
        ("manifest.permit_not_valid", "/body/permit")
    ]


def test_a_permit_names_code_and_methods_and_a_mass_of_the_year() -> None:
    lines = (
        declared(1, code=OTHER_CODE), declared(2, planned_methods=("TC", "TĐ", "OH")),
        declared(3, 3000), declared(4, 1001),
    )  # fmt: skip
    problems = list(permitted(some(e.Registered, lines=lines), permit(), {CODE: 0}, DAY))
    assert found(problems) == [
        ("manifest.permit_lacks_code", "/body/lines/0/code"),
        ("manifest.permit_lacks_method", "/body/lines/1/planned_methods"),
        ("manifest.permit_lacks_method", "/body/lines/1/planned_methods"),
        ("manifest.permit_used_up", "/body/lines/3/mass_g"),
    ]
    assert problems[-1].facts == {"code": CODE, "mass_g": 5001, "left_g": 5000}


@pytest.mark.parametrize(("used", "good"), [(3000, True), (3001, False), (9000, False)])
def test_what_was_accepted_this_year_counts_against_the_permit(used: int, good: bool) -> None:
    problems = list(permitted(some(e.Registered), permit(), {CODE: used}, DAY))
    assert (not problems) is good
    assert all(problem.facts["left_g"] == max(5000 - used, 0) for problem in problems)


APPROVAL = Approval(
    id="approval:1",
    carrier=CARRIER,
    facility=FACILITY,
    valid_from=date(2025, 1, 1),
    valid_to=date(2025, 12, 31),
)
CARRIAGE = permit(id="permit:carrier", party=CARRIER, kind=PermitKind.CARRIAGE)


def carried(
    *carriers: e.CarrierPlanned,
    permits: dict[str, Permit] | None = None,
    approval: Approval | None = APPROVAL,
    on: date = DAY,
) -> list[tuple[str, str]]:
    known = {"approval:1": approval} if approval else {}
    registered = some(e.Registered, **({"carriers": carriers} if carriers else {}))
    return found(may_carry(registered, permits or {"permit:carrier": CARRIAGE}, known, on))


def test_generator_facility_and_approved_carrier_may_carry() -> None:
    own = [e.CarrierPlanned(party=party) for party in (GENERATOR, FACILITY)]
    assert not carried()
    assert not carried(*own)
    assert not carried(*own, *some(e.Registered).carriers)


@pytest.mark.parametrize(
    ("permits", "expected"),
    [
        ({"x": CARRIAGE}, "manifest.permit_unknown"),
        ({"permit:carrier": permit(kind=PermitKind.CARRIAGE)}, "manifest.permit_unknown"),
        (
            {"permit:carrier": replace(CARRIAGE, kind=PermitKind.ENVIRONMENTAL)},
            "manifest.permit_unknown",
        ),
        (
            {"permit:carrier": replace(CARRIAGE, valid_to=DAY - timedelta(days=1))},
            "manifest.permit_not_valid",
        ),
        ({"permit:carrier": replace(CARRIAGE, lines={})}, "manifest.permit_lacks_code"),
    ],
)
def test_a_carrier_needs_a_valid_permit_for_every_code(permits: dict[str, Permit], expected: str) -> None:
    assert set(carried(permits=permits)) == {(expected, "/body/carriers/0/permit")}


@pytest.mark.parametrize(
    "approval",
    [
        None,
        replace(APPROVAL, carrier=STRANGER),
        replace(APPROVAL, facility=STRANGER),
        replace(APPROVAL, valid_to=DAY - timedelta(days=1)),
        replace(APPROVAL, valid_from=DAY + timedelta(days=1)),
    ],
)
def test_a_carrier_works_for_the_facility_by_approval(approval: Approval | None) -> None:
    assert carried(approval=approval) == [("manifest.approval_missing", "/body/carriers/0/approval")]


def test_no_papers_at_all_are_two_problems() -> None:
    assert carried(e.CarrierPlanned(party=GENERATOR), e.CarrierPlanned(party=CARRIER)) == [
        ("manifest.permit_unknown", "/body/carriers/1/permit"),
        ("manifest.approval_missing", "/body/carriers/1/approval"),
    ]


def test_a_third_permit_holder_is_one_too_many() -> None:
    third = e.CarrierPlanned(party=STRANGER, permit="permit:third", approval="approval:1")
    permits = {"permit:carrier": CARRIAGE, "permit:third": replace(CARRIAGE, party=STRANGER)}
    problems = carried(*some(e.Registered).carriers, third, permits=permits)
    assert problems[-1] == ("manifest.too_many_permit_holders", "/body/carriers")


# Acts


def test_a_hand_over_goes_from_the_holder_to_one_who_is_planned(reference: Reference) -> None:
    before = manifest_in(Status.REGISTERED)
    assert not found(rules.hand_over(before, some(e.HandedOver), reference, DAY))
    assert not found(rules.hand_over(before, some(e.HandedOver, taker=FACILITY), reference, DAY))
    wrong = some(e.HandedOver, leg=2, giver=CARRIER, taker=GENERATOR, vehicle_plate="không rõ")
    assert found(rules.hand_over(before, wrong, reference, DAY)) == [
        ("manifest.giver_not_holder", "/body/giver"),
        ("manifest.taker_not_planned", "/body/taker"),
        ("manifest.leg_out_of_order", "/body/leg"),
        ("manifest.plate_invalid", "/body/vehicle_plate"),
    ]


def test_the_next_leg_starts_where_the_last_one_ended(reference: Reference) -> None:
    before = manifest_in(Status.IN_TRANSIT)
    onward = some(e.HandedOver, leg=2, giver=CARRIER, taker=FACILITY)
    assert not found(rules.hand_over(before, onward, reference, DAY))
    again = some(e.HandedOver, leg=2)
    assert found(rules.hand_over(before, again, reference, DAY)) == [
        ("manifest.giver_not_holder", "/body/giver")
    ]


def test_a_load_for_rail_does_not_fit_on_the_road(reference: Reference) -> None:
    heavy = {"lines": (declared(1, 41 * TONNE),), "vehicle_kind": VehicleKind.RAIL}
    before = manifest_in(Status.REGISTERED, Registered=heavy)
    by_road = some(e.HandedOver)
    assert found(rules.hand_over(before, by_road, reference, DAY)) == [
        ("manifest.too_heavy_for_road", "/body/vehicle_kind")
    ]
    by_rail = some(e.HandedOver, vehicle_kind=VehicleKind.RAIL, vehicle_plate="toa 1234")
    assert not found(rules.hand_over(before, by_rail, reference, DAY))


def test_a_plate_is_asked_of_road_vehicles_only() -> None:
    by_road = manifest_in(Status.IN_TRANSIT)
    by_rail = manifest_in(Status.IN_TRANSIT, HandedOver={"vehicle_kind": VehicleKind.RAIL})
    assert found(rules.plate_of_leg(by_road, "toa 1234", 1, "/p")) == [("manifest.plate_invalid", "/p")]
    assert not found(rules.plate_of_leg(by_road, "29C-123.45", 1, "/p"))
    assert not found(rules.plate_of_leg(by_rail, "toa 1234", 1, "/p"))
    assert not found(rules.plate_of_leg(by_road, "toa 1234", 2, "/p"))


def weighed(*numbers: int) -> e.Weighed:
    return some(e.Weighed, lines=tuple(e.LineWeighed(line=n, net_g=1, ticket="PC") for n in numbers))


def test_the_scale_speaks_of_every_line_once() -> None:
    before = manifest_in(Status.ARRIVED)
    assert not found(rules.every_line(before, weighed(1, 2)))
    assert not found(rules.every_line(before, weighed(2, 1)))
    for numbers in ((1,), (1, 1), (1, 2, 2), (1, 3), (1, 2, 3)):
        problems = list(rules.every_line(before, weighed(*numbers)))
        assert found(problems) == [("manifest.lines_incomplete", "/body/lines")]
        assert problems[0].facts == {"expected": "1, 2"}


def decided(*lines: tuple[int, int, str | None]) -> e.Accepted:
    return e.Accepted(
        lines=tuple(
            e.LineDecided(line=n, accepted_g=a, refused_g=r, reason=why)
            for n, (a, r, why) in enumerate(lines, start=1)
        )
    )


def test_refusing_needs_a_reason_and_accepting_something_to_accept() -> None:
    before = manifest_in(Status.WEIGHED)
    assert not found(rules.every_line(before, some(e.Accepted)))
    assert found(rules.every_line(before, decided((500, 500, None), (1, 999, None)))) == [
        ("manifest.reason_missing", "/body/lines/0/reason"),
        ("manifest.reason_missing", "/body/lines/1/reason"),
    ]
    assert found(rules.every_line(before, decided((0, 1000, "ướt"), (0, 1000, "ướt")))) == [
        ("manifest.nothing_accepted", "/body/lines")
    ]
    assert found(rules.every_line(before, decided((1000, 0, None)))) == [
        ("manifest.lines_incomplete", "/body/lines")
    ]


def test_every_line_is_accepted_or_refused_to_the_gram() -> None:
    before = manifest_in(Status.WEIGHED)
    problems = list(rules.every_line(before, decided((1001, 0, None), (500, 499, "ướt"))))
    assert found(problems) == [
        ("manifest.accepted_and_refused", "/body/lines/0"),
        ("manifest.accepted_and_refused", "/body/lines/1"),
    ]
    assert problems[1].facts == {"arrived_g": 1000, "accepted_g": 500, "refused_g": 499}


def parts(*changed: dict[str, Any]) -> e.Treated:
    typical: dict[str, Any] = {"line": 1, "mass_g": 1, "methods": ("TC",), "treated_on": DAY}
    return e.Treated(parts=tuple(e.LineTreated(**(typical | item)) for item in changed))


def test_treatment_lies_between_acceptance_and_the_act(reference: Reference) -> None:
    before = manifest_in(Status.ACCEPTED)
    assert not found(rules.treatment(before, parts({}, {"line": 2}), reference, AT))
    day = timedelta(days=1)
    wrong = parts(
        {"line": 3}, {"methods": ("TC", "XX")}, {"treated_on": DAY + day}, {"treated_on": DAY - day}, {}
    )
    assert found(rules.treatment(before, wrong, reference, AT)) == [
        ("manifest.line_unknown", "/body/parts/0/line"),
        ("reference.unknown_method", "/body/parts/1/methods/1"),
        ("manifest.date_in_future", "/body/parts/2/treated_on"),
        ("manifest.date_out_of_order", "/body/parts/3/treated_on"),
    ]


def test_a_code_that_left_the_list_meanwhile_does_not_stop_treatment(reference: Reference) -> None:
    before = manifest_in(
        Status.ACCEPTED, Registered={"lines": (declared(1, code="00 00 00"), declared(2, 1000))}
    )
    assert not found(rules.treatment(before, parts({}), reference, AT))
