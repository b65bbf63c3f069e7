from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdf.errors import EditionUnknown, SheetInvalid, TextUnprintable
from pdf.form import (
    COMPLETION,
    RECEIPT_2,
    UNCONFIRMED_NOTE,
    Box,
    Stamp,
    clean,
    data_fields,
    kg_text,
    plan,
    qr_text,
    stamp_lines,
)
from pdf.labels import TABLE, TT02_2022, TT36_2015, confirmed, labels
from tests.pdf.samples import NOW, sheet


@pytest.mark.parametrize(
    ("grams", "text"),
    [
        (0, "0"),
        (1, "0,001"),
        (500, "0,5"),
        (8_500, "8,5"),
        (1_234_500, "1.234,5"),
        (16_045_000, "16.045"),
        (1_000_000_010, "1.000.000,01"),
    ],
)
def test_mass_is_printed_in_vietnamese_kilograms(grams: int, text: str) -> None:
    assert kg_text(grams) == text


@given(st.integers(0, 10**15))
def test_printed_mass_reads_back_to_the_gram(grams: int) -> None:
    whole, _, rest = kg_text(grams).replace(".", "").partition(",")
    assert int(whole) * 1000 + int(rest.ljust(3, "0")) == grams


def test_negative_mass_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        kg_text(-1)


def test_decomposed_vietnamese_is_composed_and_spaces_are_single() -> None:
    assert clean("Nguye\u0302\u0303n  Thi\u0323\nH\u01b0\u01a1ng ") == "Nguyễn Thị Hương"


@pytest.mark.parametrize("hidden", ["A\u202eB", "A\u200bB", "A\x00B", "A\ufeffB"])
def test_hidden_characters_are_refused(hidden: str) -> None:
    with pytest.raises(TextUnprintable):
        clean(hidden)


def test_every_edition_has_the_same_keys_and_no_row_claims_to_be_confirmed() -> None:
    assert set(labels(TT02_2022)) == set(labels(TT36_2015))
    assert len({(row.edition, row.key) for row in TABLE}) == len(TABLE)
    assert all(row.source for row in TABLE)
    assert not confirmed(TT02_2022)
    assert not confirmed(TT36_2015)


def test_form_name_is_not_printed_while_labels_are_unconfirmed() -> None:
    assert plan(sheet()).form_note == UNCONFIRMED_NOTE


def test_form_name_is_printed_once_labels_are_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pdf.form.confirmed", lambda _edition: True)
    assert plan(sheet()).form_note.startswith("Theo Mẫu số 04")


def test_parties_stand_in_the_order_of_the_edition() -> None:
    def first_words(edition: str) -> list[str]:
        return [party.name.label for party in plan(sheet(edition=edition)).parties]

    assert [words[:2] for words in first_words(TT02_2022)] == ["1.", "2.", "3."]
    assert first_words(TT36_2015)[0] == "1. Chủ nguồn thải"
    assert first_words(TT02_2022)[2] == "3. Chủ nguồn thải"


def test_boxes_carry_the_numbers_of_the_table_and_only_those_of_the_manifest_can_be_signed() -> None:
    boxes = plan(sheet(two_facilities=False)).boxes
    assert [box.title.split(" ")[0] for box in boxes] == ["7.1.", "7.2.", "6.", "8."]
    assert [box.key for box in boxes if box.sig_field is None] == [RECEIPT_2]


def test_completion_has_a_field_for_the_methods_of_every_line() -> None:
    assert data_fields(COMPLETION, 3)[-3:] == ("methods_1", "methods_2", "methods_3")
    assert [row.applied_field for row in plan(sheet(2)).rows] == [
        "completion_methods_1",
        "completion_methods_2",
    ]


def test_a_carrier_that_is_no_facility_gets_a_block_of_its_own() -> None:
    extra = plan(sheet(carrier=sheet().generator)).parties[-1]
    assert extra.name.label == "Đơn vị vận chuyển"


def test_qr_holds_address_and_data_hash_in_the_fragment() -> None:
    address, _, digest = qr_text(sheet()).partition("#h=")
    assert address == sheet().verify_url
    assert len(digest) == 43


def test_stamp_states_vietnamese_time_and_kind() -> None:
    said = stamp_lines(Stamp(signer="Lê A", organization="Công ty B"), NOW, "Xác nhận điện tử")
    assert said == ("Lê A", "Công ty B", "18:33:15 23/11/2026", "Xác nhận điện tử")


def test_an_unknown_edition_is_refused() -> None:
    with pytest.raises(EditionUnknown) as caught:
        plan(sheet(edition="tt99-2099"))
    assert caught.value.code == "pdf.edition_unknown"


def test_a_sheet_that_cannot_be_drawn_is_refused_with_every_reason() -> None:
    good = sheet()
    bad = replace(
        good,
        lines=(replace(good.lines[0], n=7, mass_g=0, state="gas"),),
        facility_2=None,
        data_sha256="xyz",
        verify_url="javascript:alert(1)",
    )
    with pytest.raises(SheetInvalid) as caught:
        plan(bad)
    wrong = ["line_numbers", "states", "masses", "facility_2", "data_sha256", "verify_url"]
    assert caught.value.facts["fields"] == wrong


@pytest.mark.parametrize("keys", [(), ("completion", "receipt_1"), ("receipt_1", "receipt_1"), ("other",)])
def test_boxes_must_be_known_single_and_in_signing_order(keys: tuple[str, ...]) -> None:
    with pytest.raises(SheetInvalid):
        plan(sheet(boxes=tuple(Box(key=key, party="A") for key in keys)))
