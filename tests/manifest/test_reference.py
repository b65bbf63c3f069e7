import hashlib
import unicodedata
from collections import Counter
from contextlib import suppress
from dataclasses import FrozenInstanceError, replace
from datetime import date, timedelta
from importlib import resources
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest.reference import (
    AreaNotValid,
    FormNotValid,
    MethodNotValid,
    Reference,
    ReferenceRefused,
    Rule,
    RuleNotValid,
    RuleUnitChanged,
    UnknownArea,
    UnknownHazard,
    UnknownMethod,
    UnknownRule,
    UnknownWasteCode,
    UnknownZone,
    WasteCodeNotValid,
    ZoneKind,
    default,
    normalise_code,
)
from manifest.reference_files import read_rows, read_tables

LAST_OF_DISTRICTS = date(2025, 6, 30)
FIRST_OF_COMMUNES = date(2025, 7, 1)
TODAY = date(2026, 11, 23)
FILES = {
    item.name: item.read_bytes()
    for item in resources.files("manifest.data").iterdir()
    if item.name.endswith(".csv")
}


@pytest.fixture
def reference() -> Reference:
    return default()


def test_the_list_has_19_groups_99_subgroups_and_432_wastes(reference: Reference) -> None:
    levels = Counter(row["level"] for row in read_rows(FILES["ctnh_codes.csv"]))
    assert levels == {"1": 19, "2": 99, "3": 432}
    assert len(reference.waste_codes(TODAY)) == 432
    assert Counter(len(code) for code in reference.tables.headings) == {2: 19, 5: 99}


def test_there_are_13_methods_and_7_hazards(reference: Reference) -> None:
    assert len(reference.methods(TODAY)) == 13
    assert [hazard.symbol for hazard in reference.hazards()] == ["N", "C", "OH", "AM", "Đ", "ĐS", "LN"]


def test_zones_are_counted_by_kind(reference: Reference) -> None:
    assert Counter(zone.kind for zone in reference.zones()) == {
        ZoneKind.PARK: 21,
        ZoneKind.HIGH_TECH_PARK: 2,
        ZoneKind.CLUSTER: 37,
        ZoneKind.CRAFT_VILLAGE_CLUSTER: 1,
        ZoneKind.CRAFT_VILLAGE: 74,
    }
    assert len(reference.zones("park")) == 21
    assert reference.zones("outside") == ()


def test_a_zone_counts_for_t1_unless_it_lies_outside(reference: Reference) -> None:
    assert all(zone.counts_for_t1 == (zone.kind != "outside") for zone in reference.zones())


def test_zone_identifiers_are_plain_ascii(reference: Reference) -> None:
    for zone in reference.zones():
        assert zone.id.isascii()
        assert zone.id.replace("-", "").isalnum()
        assert zone.id == zone.id.lower()


@pytest.mark.parametrize(
    ("on", "level", "count"), [(LAST_OF_DISTRICTS, "district", 30), (FIRST_OF_COMMUNES, "commune", 126)]
)
def test_districts_give_way_to_communes_overnight(
    reference: Reference, on: date, level: str, count: int
) -> None:
    areas = reference.areas(on)
    assert Counter(area.level for area in areas) == {level: count}
    assert {len(area.code) for area in areas} == {3 if level == "district" else 5}
    assert all(reference.area(area.code, on) is area for area in areas)


def test_an_area_is_refused_on_the_wrong_side_of_the_change(reference: Reference) -> None:
    assert reference.area("001", LAST_OF_DISTRICTS).name == "Quận Ba Đình"
    assert reference.area("00004", FIRST_OF_COMMUNES).name == "Phường Ba Đình"
    with pytest.raises(AreaNotValid) as district:
        reference.area("001", FIRST_OF_COMMUNES)
    with pytest.raises(AreaNotValid):
        reference.area("00004", LAST_OF_DISTRICTS)
    assert district.value.facts == {"area": "001", "on": "2025-07-01"}


@pytest.mark.parametrize("code", ["01", "1", "999", "00013", ""])
def test_province_old_commune_and_invented_code_are_not_areas(reference: Reference, code: str) -> None:
    with pytest.raises(UnknownArea):
        reference.area(code, TODAY)


def test_an_old_commune_leads_to_every_commune_that_took_a_part_of_it(reference: Reference) -> None:
    whole = reference.conversions("00004")
    assert [(move.old_name, move.new_code, move.whole) for move in whole] == [
        ("Phường Trúc Bạch", "00004", True)
    ]
    split = reference.conversions("00016")
    assert len(split) > 1
    assert not any(move.whole for move in split)
    with pytest.raises(UnknownArea):
        reference.conversions("99999")


def test_every_conversion_joins_areas_of_both_maps(reference: Reference) -> None:
    moves = [move for moves in reference.tables.conversions.values() for move in moves]
    assert len(moves) == 795
    for move in moves:
        reference.area(move.district, LAST_OF_DISTRICTS)
        assert reference.area(move.new_code, FIRST_OF_COMMUNES).name == move.new_name


def test_the_communes_of_all_districts_are_the_whole_city(reference: Reference) -> None:
    successors = [reference.communes_of(district.code) for district in reference.areas(LAST_OF_DISTRICTS)]
    assert {commune for communes in successors for commune in communes} == set(reference.areas(TODAY))
    with pytest.raises(UnknownArea):
        reference.communes_of("999")


def test_every_zone_lies_in_areas_of_the_right_dates(reference: Reference) -> None:
    for zone in reference.zones():
        assert zone.district is not None
        assert reference.area(zone.district, LAST_OF_DISTRICTS).level == "district"
        assert len(set(zone.communes)) == len(zone.communes)
        communes = {reference.area(code, FIRST_OF_COMMUNES) for code in zone.communes}
        assert not communes or communes & set(reference.communes_of(zone.district))


def test_a_zone_is_found_by_its_identifier(reference: Reference) -> None:
    zone = reference.zone("kcn-noi-bai")
    assert (zone.name, zone.district, zone.communes) == ("KCN Nội Bài", "016", ("00376", "00433"))
    with pytest.raises(UnknownZone):
        reference.zone("kcn-khong-co")


@pytest.mark.parametrize(
    ("on", "edition"),
    [
        (date(2015, 9, 1), "tt36-2015"),
        (date(2022, 1, 9), "tt36-2015"),
        (date(2022, 1, 10), "tt02-2022"),
        (TODAY, "tt02-2022"),
    ],
)
def test_code_and_form_are_read_in_the_edition_of_the_date(
    reference: Reference, on: date, edition: str
) -> None:
    waste = reference.waste_code("18 02 01", on)
    assert (waste.edition, waste.confirmed) == (edition, False)
    assert (waste.group, waste.subgroup) == ("18", "18 02")
    assert (waste.hazards, waste.state, waste.classification) == (("Đ", "ĐS"), "solid", "*")
    assert reference.form_edition(on).edition == edition


def test_nothing_is_answered_for_the_day_before_the_first_edition(reference: Reference) -> None:
    before = date(2015, 8, 31)
    assert reference.waste_codes(before) == ()
    assert reference.methods(before) == ()
    with pytest.raises(WasteCodeNotValid):
        reference.waste_code("18 02 01", before)
    with pytest.raises(MethodNotValid):
        reference.method("TC", before)
    with pytest.raises(FormNotValid):
        reference.form_edition(before)


def test_a_waste_of_an_unknown_or_open_state_has_no_single_state(reference: Reference) -> None:
    wastes = reference.waste_codes(TODAY)
    assert Counter(len(waste.states) for waste in wastes) == {0: 125, 1: 282, 2: 20, 3: 5}
    assert all((waste.state is None) == (len(waste.states) != 1) for waste in wastes)
    assert {state for waste in wastes for state in waste.states} == {"solid", "liquid", "sludge"}


def test_every_waste_stands_under_its_headings_and_has_known_hazards(reference: Reference) -> None:
    for waste in reference.waste_codes(TODAY):
        assert normalise_code(waste.code) == waste.code
        assert reference.heading(waste.subgroup).code.startswith(reference.heading(waste.group).code)
        assert waste.code.startswith(waste.subgroup)
        assert [reference.hazard(symbol).symbol for symbol in waste.hazards] == list(waste.hazards)
        assert waste.hazards
        assert waste.classification in {"*", "**"}


@pytest.mark.parametrize(
    ("code", "facts"),
    [
        ("18", {"waste_code": "18", "listed_as": "group"}),
        ("18 02", {"waste_code": "18 02", "listed_as": "subgroup"}),
        ("18 02 99", {"waste_code": "18 02 99"}),
        ("180201", {"waste_code": "180201"}),
    ],
)
def test_a_refused_code_says_what_it_is_instead(
    reference: Reference, code: str, facts: dict[str, str]
) -> None:
    with pytest.raises(UnknownWasteCode) as refused:
        reference.waste_code(code, TODAY)
    assert refused.value.facts == facts
    assert all(value in str(refused.value) for value in facts.values())


def test_a_waste_is_not_a_heading(reference: Reference) -> None:
    with pytest.raises(UnknownWasteCode):
        reference.heading("18 02 01")


PAIRS = st.lists(st.text("0123456789", min_size=2, max_size=2), min_size=3, max_size=3)


@given(PAIRS, st.sampled_from(["", " ", ".", "-"]))
def test_every_usual_spelling_becomes_the_canonical_one(pairs: list[str], separator: str) -> None:
    canonical = normalise_code(separator.join(pairs))
    assert canonical == " ".join(pairs)
    assert normalise_code(f" {canonical}\n") == canonical


@given(st.text(st.sampled_from("0123456789 .-/*٣"), max_size=12))
def test_normalising_keeps_the_digits_or_refuses(text: str) -> None:
    canonical = None
    with suppress(UnknownWasteCode):
        canonical = normalise_code(text)
    if canonical is not None:
        assert canonical.replace(" ", "") == "".join(filter(str.isdigit, text))
        assert [len(pair) for pair in canonical.split(" ")] == [2, 2, 2]


@pytest.mark.parametrize(
    "text",
    ["", "1802", "18 02", "0115145", "1802 01", "18.02 01", "18  02  01", "18_02_01", "18 02 01*", "١٨٠٢٠١"],
)
def test_a_code_is_never_guessed(text: str) -> None:
    with pytest.raises(UnknownWasteCode):
        normalise_code(text)


@pytest.mark.parametrize(
    ("symbol", "hazard", "method"), [("OH", "Oxidizing", "Oxidation"), ("C", "Flammable", "Landfill")]
)
def test_oh_and_c_are_a_hazard_and_another_thing_as_a_method(
    reference: Reference, symbol: str, hazard: str, method: str
) -> None:
    assert reference.hazard(symbol).name_en == hazard
    assert reference.method(symbol, TODAY).name_en == method


def test_hazards_and_methods_do_not_stand_in_for_each_other(reference: Reference) -> None:
    with pytest.raises(UnknownHazard):
        reference.hazard("TC")
    with pytest.raises(UnknownMethod):
        reference.method("LN", TODAY)


def test_pre_treatment_separation_and_washing_do_not_end_treatment(reference: Reference) -> None:
    methods = reference.methods(TODAY)
    assert {method.code for method in methods if not method.final} == {"SC", "PT", "TR"}
    assert {method.operation for method in methods} == {"recovery", "disposal", "depends"}
    assert all(row["final_basis"] for row in read_rows(FILES["treatment_methods.csv"]))


@pytest.mark.parametrize(
    ("name", "value", "unit", "confirmed"),
    [
        ("receipt_tolerance_permille", 50, "permille", False),
        ("road_vehicle_max_mass_g", 40_000_000, "g", False),
        ("storage_limit_months", 12, "month", True),
        ("treatment_limit_months", 6, "month", True),
        ("last_copies_limit_months", 6, "month", True),
        ("in_transit_limit_hours", 48, "hour", False),
        ("permit_threshold_year_g", 1_200_000, "g", True),
        ("permit_threshold_month_g", 100_000, "g", True),
        ("facility_notice_warning_months", 5, "month", False),
        ("retention_years", 5, "year", False),
        ("coverage_min_permille", 800, "permille", False),
        ("facilities_per_lot_max", 2, "facility", True),
        ("clock_skew_s", 300, "s", False),
        ("permit_warning_permille", 800, "permille", False),
    ],
)
def test_a_rule_has_its_value_and_says_whether_it_is_confirmed(
    reference: Reference, name: str, value: int, unit: str, confirmed: bool
) -> None:
    rule = reference.rule(name, TODAY)
    assert (rule.integer, rule.unit, rule.confirmed) == (value, unit, confirmed)


def test_every_rule_row_has_a_source_a_start_and_a_day_of_its_own(reference: Reference) -> None:
    for rule in reference.rules():
        assert rule.source
        assert rule.unit
        assert type(rule.integer) is int
        assert rule.valid_from is not None
        assert rule.valid_to is None or rule.valid_from <= rule.valid_to
        assert rule.confirmed <= rule.source.startswith("NĐ 08/2022")
        for day in (rule.valid_from, rule.valid_to or TODAY):
            assert [row for row in reference.rules() if row.name == rule.name and row.covers(day)] == [rule]


def test_a_limit_of_the_decree_begins_with_the_decree(reference: Reference) -> None:
    assert reference.rule("storage_limit_months", date(2022, 1, 10)).integer == 12
    with pytest.raises(RuleNotValid) as refused:
        reference.rule("storage_limit_months", date(2022, 1, 9))
    assert refused.value.facts == {"rule": "storage_limit_months", "on": "2022-01-09"}
    with pytest.raises(UnknownRule):
        reference.rule("storage_limit_weeks", TODAY)


def tolerance(integer: int, valid_from: date, valid_to: date | None = None) -> Rule:
    return Rule(
        name="receipt_tolerance_permille",
        integer=integer,
        unit="permille",
        valid_from=valid_from,
        valid_to=valid_to,
        source="rule change",
        confirmed=True,
    )


def test_a_later_row_overrides_on_its_own_dates_only(reference: Reference) -> None:
    changed = reference.with_rules(
        [tolerance(30, date(2025, 1, 1)), tolerance(20, date(2026, 1, 1), date(2026, 6, 30))]
    )
    expected = {
        date(2024, 12, 31): 50,
        date(2025, 1, 1): 30,
        date(2025, 12, 31): 30,
        date(2026, 1, 1): 20,
        date(2026, 6, 30): 20,
        date(2026, 7, 1): 30,
    }
    assert {day: changed.rule("receipt_tolerance_permille", day).integer for day in expected} == expected
    assert {reference.rule("receipt_tolerance_permille", day).integer for day in expected} == {50}
    assert changed.edition == reference.edition


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 40), st.integers(0, 40)), max_size=6))
def test_overriding_at_once_equals_overriding_one_after_the_other(spans: list[tuple[int, int, int]]) -> None:
    start = date(2025, 1, 1)
    rows = [
        tolerance(value, start + timedelta(first), start + timedelta(first + length))
        for value, first, length in spans
    ]
    at_once = default().with_rules(rows)
    one_by_one = default()
    for row in rows:
        one_by_one = one_by_one.with_rules([row])
    for day in (start + timedelta(n) for n in range(82)):
        covering = [row.integer for row in rows if row.covers(day)]
        assert at_once.rule("receipt_tolerance_permille", day).integer == ([50, *covering])[-1]
        assert one_by_one.rule("receipt_tolerance_permille", day) == at_once.rule(
            "receipt_tolerance_permille", day
        )


def test_a_new_rule_may_come_but_a_unit_may_not_change(reference: Reference) -> None:
    new = replace(tolerance(9, TODAY), name="visits_per_year_max", unit="visit")
    assert reference.with_rules([new]).rule("visits_per_year_max", TODAY) is new
    with pytest.raises(RuleUnitChanged):
        reference.with_rules([replace(tolerance(5, TODAY), unit="percent")])


def test_a_form_edition_knows_its_copies_and_which_are_awaited(reference: Reference) -> None:
    now = reference.form_edition(TODAY)
    assert (now.copies, now.copies_awaited, now.labels_confirmed) == (("1", "2", "3", "4"), ("3", "4"), False)
    old = reference.form_edition(date(2017, 5, 1))
    assert old.copies == ("1", "2", "2S", "2T", "3", "3S", "3T", "4", "5")
    assert (old.copies_awaited, old.labels_confirmed) == (("4", "5"), True)


def test_editions_follow_each_other_without_gap_or_overlap(reference: Reference) -> None:
    for editions in (reference.tables.code_editions, reference.tables.form_editions):
        for earlier, later in pairwise(editions):
            assert earlier.valid_to is not None
            assert later.valid_from == earlier.valid_to + timedelta(days=1)
        assert editions[-1].valid_to is None


@pytest.mark.parametrize("name", sorted(FILES))
def test_every_cell_is_composed_unicode_without_stray_space_or_lookalike(name: str) -> None:
    assert b"\r" not in FILES[name]
    for row in read_rows(FILES[name]):
        for cell in row.values():
            assert unicodedata.is_normalized("NFC", cell)
            assert cell == cell.strip()
            assert not set(cell) & set("Ðð\u00a0\u200b\ufeff")  # eth looks like Đ


def test_the_edition_is_the_digest_of_every_file() -> None:
    edition = Reference.load().edition
    assert edition == default().edition
    assert edition.files == {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
    listing = "".join(f"{edition.files[name]}  {name}\n" for name in sorted(FILES))
    assert edition.sha256 == hashlib.sha256(listing.encode()).hexdigest()
    assert edition.name.endswith(edition.sha256[:12])


def test_the_reference_cannot_be_changed_in_place(reference: Reference) -> None:
    with pytest.raises(FrozenInstanceError):
        reference.edition = reference.edition  # type: ignore[misc]
    with pytest.raises(TypeError):
        reference.tables.rules["new"] = ()  # type: ignore[index]
    assert default() is reference


def test_every_file_has_a_paragraph_of_sources() -> None:
    text = resources.files("manifest.data").joinpath("SOURCES.md").read_text(encoding="utf-8")
    assert [name for name in FILES if name not in text] == []


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("rules.csv", b",true,", b",yes,"),
        ("rules.csv", b",50,permille", b",50.5,permille"),
        ("zones.csv", b"kcn-noi-bai,park", b"kcn-noi-bai,port"),
        ("zones.csv", b"kcn-noi-bai,", b"kcn-thang-long,"),
        ("form_editions.csv", b",1;2;3;4,", b",1,2,3,4,"),
    ],
)
def test_a_broken_cell_stops_the_loading(name: str, old: bytes, new: bytes) -> None:
    assert old in FILES[name]
    with pytest.raises((ValueError, KeyError)):
        read_tables(FILES | {name: FILES[name].replace(old, new, 1)})


def test_every_refusal_has_a_code_of_its_own_and_a_message() -> None:
    refusals = ReferenceRefused.__subclasses__()
    assert len({refusal.code for refusal in refusals}) == len(refusals)
    assert all(refusal.code.startswith("reference.") and refusal.__doc__ for refusal in refusals)
    assert all(refusal.subject in str(refusal("X", TODAY)) for refusal in refusals)
