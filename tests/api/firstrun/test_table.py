"""A roster is read as Excel saves it; what is no roster is refused as a whole, what is no row row by row."""

import csv
import io
import unicodedata

import pytest

from api.firstrun.rows import identifier_of, read_rows
from api.firstrun.table import COLUMNS, MOST_ROWS, Wrong, read_table, template
from ledger.errors import Malformed
from tests.api.firstrun.rosters import NAMES, organisation, roster, site, tax_code, zone

CODE = "0100000010"


def nobody(_identifier: str) -> None:
    return None


def wrong_of(data: bytes) -> list[tuple[int, str, str]]:
    """Return row, column and code of all that is wrong with the rows of a file."""
    _, wrong = read_rows(read_table(data), nobody)
    return [(one.row, one.column, one.code) for one in wrong]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("spoken", [False, True])
def test_every_way_in_which_excel_saves_reads_the_same(delimiter: str, encoding: str, spoken: bool) -> None:
    rows = [zone(), organisation(CODE, name="Mạ, Điện; «Sông» Đáy"), site(CODE)]
    data = roster(*rows, delimiter=delimiter, encoding=encoding, spoken=spoken)
    assert read_table(data) == read_table(roster(*rows))
    planned, wrong = read_rows(read_table(data), nobody)
    assert wrong == []
    assert [(one.row, one.stream) for one in planned] == [
        (2, "kcn-thang-long"),
        (3, f"org:{CODE}"),
        (4, f"site:{CODE}"),
    ]


def test_letters_in_two_code_points_and_stray_spaces_are_set_right() -> None:
    name = "Công ty Mạ Điện"
    decomposed = unicodedata.normalize("NFD", name)
    assert decomposed != name
    headings = unicodedata.normalize("NFD", roster(organisation(CODE), spoken=True).decode()).encode()
    assert read_table(headings)[0].values["name"] == "Công ty TNHH Mạ Điện Sông Đáy"
    data = roster(organisation(CODE, name=f"  {decomposed}\u00a0 "))
    (planned,), _ = read_rows(read_table(data), nobody)
    assert planned.body.write()["name"] == name


def test_empty_rows_and_comments_are_passed_over_and_counted() -> None:
    empty: dict[str, str] = {}
    data = roster(
        empty, organisation(CODE), {"line": "#tổ chức", "name": "ví dụ"}, organisation("1", name="")
    )
    assert wrong_of(data) == [(5, "name", "manifest.field_missing")]


def test_the_template_has_every_column_and_imports_nothing() -> None:
    lines = list(csv.reader(io.StringIO(template())))
    assert len(lines[0]) == len(COLUMNS)
    with pytest.raises(Malformed, match=r"api\.roster_empty"):
        read_table(template().encode())


def test_the_examples_of_the_template_are_good() -> None:
    lines = template().splitlines()
    planned, wrong = read_rows(
        read_table("\n".join(line.removeprefix("#") for line in lines).encode()), nobody
    )
    assert wrong == []
    assert len(planned) == 3


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "api.roster_column_missing"),
        (b"line,name\r\n", "api.roster_empty"),
        (roster(), "api.roster_empty"),
        ("line;name;tên;màu\nzone;a;b;c".encode(), "api.roster_column_twice"),
        (b"line;name;colour\nzone;a;red", "api.roster_column_unknown"),
        (b"name\nx", "api.roster_column_missing"),
        ("line,name\nzone,Khu Thăng".encode("cp1258", "replace"), "api.roster_encoding"),
        (b'line,name\nzone,"never closed', "api.roster_unreadable"),
        (b"line,name\n" + b"zone,x\n" * (MOST_ROWS + 1), "api.roster_too_long"),
    ],
)
def test_what_is_no_roster_is_refused_as_a_whole(data: bytes, code: str) -> None:
    with pytest.raises(Malformed) as refused:
        read_table(data)
    assert code in {problem.code for problem in refused.value.problems}


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [
        ({"line": "xe"}, "line", "manifest.choice_unknown"),
        ({"line": ""}, "line", "manifest.field_missing"),
        ({"name": ""}, "name", "manifest.field_missing"),
        ({"name": "x" * 301}, "name", "manifest.text_too_long"),
        ({"name": "x" * 1001}, "name", "manifest.text_too_long"),
        ({"roles": ""}, "roles", "manifest.field_missing"),
        ({"roles": "operator"}, "roles", "manifest.choice_unknown"),
        ({"roles": "chủ nguồn thải, phi công"}, "roles", "manifest.choice_unknown"),
        ({"identifier": "001099012345"}, "identifier", "manifest.personal_data_in_event"),
        ({"identifier": ""}, "ref", "api.roster_ref_missing"),
        ({"ref": "Công ty"}, "ref", "manifest.field_invalid"),
        ({"zone": "kcn-thang-long"}, "zone", "api.roster_cell_misplaced"),
        ({"phone": "0" * 61}, "phone", "manifest.text_too_long"),
    ],
)
def test_what_is_wrong_with_an_organisation_is_said_of_its_cell(
    row: dict[str, str], column: str, code: str
) -> None:
    assert (2, column, code) in wrong_of(roster(organisation(CODE, **row)))


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [
        ({"organisation": ""}, "organisation", "manifest.field_missing"),
        ({"site_kind": "lâu đài"}, "site_kind", "manifest.choice_unknown"),
        ({"latitude": "bắc"}, "latitude", "manifest.field_invalid"),
        ({"latitude": "NaN"}, "latitude", "manifest.field_invalid"),
        ({"latitude": "1e400"}, "latitude", "manifest.field_invalid"),
        ({"latitude": "95"}, "latitude", "manifest.number_too_large"),
        ({"district": "0000000000017"}, "district", "manifest.text_too_long"),
        ({"roles": "generator"}, "roles", "api.roster_cell_misplaced"),
    ],
)
def test_what_is_wrong_with_a_site_is_said_of_its_cell(row: dict[str, str], column: str, code: str) -> None:
    assert (3, column, code) in wrong_of(roster(organisation(CODE), site(CODE, **row)))


def test_all_cells_of_a_row_are_judged_at_once_and_rows_come_in_order() -> None:
    data = roster(
        site("9", name="", site_kind="x"), zone(counts_for_t1="vâng", ref=""), organisation("", name="")
    )
    found = wrong_of(data)
    assert [row for row, _, _ in found] == sorted(row for row, _, _ in found)
    assert {(2, "name"), (2, "site_kind"), (3, "counts_for_t1"), (3, "ref"), (4, "name"), (4, "ref")} <= {
        (row, column) for row, column, _ in found
    }


def test_a_cell_without_a_heading_is_not_lost() -> None:
    data = b"line,name,roles,identifier,address\norganisation,A,generator,0100000010,Ha Noi,more"
    assert wrong_of(data) == [(2, "#6", "api.roster_cell_nameless")]


def test_the_same_organisation_or_name_twice_names_the_first_row() -> None:
    rows = [organisation(CODE), organisation("100000010"), organisation(tax_code(), ref=f"org:{CODE}")]
    _, wrong = read_rows(read_table(roster(*rows)), nobody)
    assert [(one.row, one.column, one.code, one.facts["row"]) for one in wrong] == [
        (3, "identifier", "api.roster_twice", 2),
        (3, "ref", "api.roster_twice", 2),
        (4, "ref", "api.roster_twice", 2),
    ]


def test_a_second_place_of_a_party_needs_a_name_of_its_own() -> None:
    rows = [
        organisation(CODE),
        site(CODE),
        site(CODE, name="Kho"),
        site(CODE, name="Kho 2", ref="site:kho-2"),
    ]
    assert wrong_of(roster(*rows)) == [(4, "ref", "api.roster_ref_missing")]


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("0100000010", "0100000010"),
        ("100000010", "0100000010"),
        ("01 0000 0010", "0100000010"),
        ("0100.000.010-001", "0100000010-001"),
        ("100000010-001", "0100000010-001"),
        ("1.00E+08", "100E+08"),
    ],
)
def test_a_tax_code_is_read_as_sheets_write_it(typed: str, read: str) -> None:
    assert identifier_of(typed) == read


def test_units_and_degrees_are_read_as_sheets_write_them() -> None:
    row = site(CODE, district="17", commune="493", latitude="21,1234567", longitude="105.8")
    (_, planned), wrong = read_rows(read_table(roster(organisation(CODE), row)), nobody)
    assert wrong == []
    body = planned.body.write()
    assert (body["district"], body["commune"]) == ("017", "00493")
    assert (body["latitude_e6"], body["longitude_e6"]) == (21_123_457, 105_800_000)


def test_words_of_a_list_may_be_vietnamese_and_roles_several() -> None:
    row = organisation(CODE, line="Tổ chức", roles="Chủ nguồn thải + transporter")
    (planned,), _ = read_rows(read_table(roster(row)), nobody)
    assert planned.body.write()["roles"] == ["generator", "transporter"]


def test_a_party_that_the_ledger_knows_by_its_tax_code_keeps_its_name() -> None:
    (org, place), _ = read_rows(
        read_table(roster(organisation(CODE), site(CODE))), lambda text: "org:so" if text == CODE else None
    )
    assert (org.stream, place.body.write()["party"]) == ("org:so", "org:so")


def test_a_refusal_has_its_sentence() -> None:
    told = Wrong(7, "identifier", "api.roster_twice", {"row": 2}).as_json("vi")
    assert told == {
        "row": 7,
        "column": "identifier",
        "code": "api.roster_twice",
        "message": "Đã có ở dòng 2 của bảng.",
    }
    assert set(NAMES) == {column.name for column in COLUMNS}
