"""Numbers, dates and facts as they are read."""

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest import wording
from manifest.vocabulary import Role, Status
from manifest.wording import date_text, kg, label, languages, message, percent, tonnes


@pytest.mark.parametrize(
    ("grams", "vietnamese", "english"),
    [
        (0, "0", "0"),
        (1, "0,001", "0.001"),
        (1_234_500, "1.234,5", "1,234.5"),
        (40_000_000_000, "40.000.000", "40,000,000"),
        (-250_010, "-250,01", "-250.01"),
    ],
)
def test_kilograms_are_exact(grams: int, vietnamese: str, english: str) -> None:
    assert kg(grams, "vi") == vietnamese
    assert kg(grams, "en") == english


def test_tonnes_are_exact() -> None:
    assert tonnes(1_234_567_890, "vi") == "1.234,56789"
    assert tonnes(1, "en") == "0.000001"


@given(st.integers(-(10**15), 10**15))
def test_kilograms_and_tonnes_read_back_to_the_gram(grams: int) -> None:
    assert Fraction(kg(grams, "en").replace(",", "")) * 1000 == grams
    assert Fraction(tonnes(grams, "vi").replace(".", "").replace(",", ".")) * 10**6 == grams


@pytest.mark.parametrize(
    ("numerator", "denominator", "text"),
    [
        (99_996, 100_000, "99,99 %"),
        (1, 1, "100,00 %"),
        (2, 3, "66,66 %"),
        (0, 5, "0,00 %"),
        (25, 2, "1.250,00 %"),
        (-1, 8, "-12,50 %"),
        (-1, 10**9, "0,00 %"),
        (0, 0, "không phát sinh"),
    ],
)
def test_a_percentage_is_cut(numerator: int, denominator: int, text: str) -> None:
    assert percent(numerator, denominator) == text


@given(st.integers(0, 10**13), st.integers(1, 10**13))
def test_a_percentage_never_says_more_than_there_is(numerator: int, denominator: int) -> None:
    shown = Fraction(percent(numerator, denominator, "en").removesuffix(" %").replace(",", ""))
    exact = Fraction(numerator, denominator) * 100
    assert shown <= exact < shown + Fraction(1, 100)


def test_dates_are_written_as_they_are_read() -> None:
    assert date_text(date(2025, 7, 1), "vi") == "01/07/2025"
    assert date_text(date(2025, 7, 1), "en") == "2025-07-01"


def test_masses_in_a_sentence_are_kilograms() -> None:
    facts = {"stored_g": 1_500_250, "mass_g": 2_000_000}
    assert "1.500,25 kg" in message("manifest.lot_short", facts, "vi")
    assert "1,500.25 kg" in message("manifest.lot_short", facts, "en")


def test_statuses_acts_and_roles_in_a_sentence_are_labels() -> None:
    facts = {"status": "registered", "event": "manifest.treated.v1"}
    assert "«đã đăng ký»" in message("manifest.transition_refused", facts, "vi")
    assert "treat" in message("manifest.transition_refused", facts, "en")
    roles = {"role": "generator", "expected": "transporter, treatment_facility"}
    assert "đơn vị vận chuyển, cơ sở xử lý CTNH" in message("manifest.role_wrong", roles, "vi")


def test_a_date_in_a_sentence_is_written_as_it_is_read() -> None:
    assert "30/06/2025" in message("manifest.permit_not_valid", {"valid_to": "2025-06-30"}, "vi")
    assert "2025-06-31" in message("manifest.permit_not_valid", {"valid_to": "2025-06-31"}, "vi")


def test_a_missing_fact_and_an_unknown_code_do_no_harm() -> None:
    assert "…" in message("manifest.lot_short", {}, "vi")
    assert message("manifest.of_tomorrow", {"a": 1}, "vi") == "manifest.of_tomorrow"
    assert label("status", "of_tomorrow", "en") == "of_tomorrow"


def test_a_fact_is_never_read_as_a_placeholder() -> None:
    assert "{mass_g}" in message("reference.unknown_zone", {"zone": "{mass_g}", "mass_g": 1}, "vi")


def test_labels_take_members_and_numbers() -> None:
    assert label("role", Role.TREATMENT_FACILITY, "vi") == "cơ sở xử lý CTNH"
    assert label("status", Status.REFUSED, "vi") == "bị từ chối tiếp nhận"
    assert label("assurance", 2, "vi") == "Chữ ký số"
    assert "không phải chữ ký số công cộng" in label("assurance", 0, "vi")


def test_vietnamese_comes_first() -> None:
    assert languages() == ("vi", "en")
    assert wording.catalogue("vi").keys() == wording.catalogue("en").keys()
