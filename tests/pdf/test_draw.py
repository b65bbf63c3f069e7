import hashlib
import io
import subprocess
import unicodedata
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pikepdf
import pytest
import zxingcpp
from PIL import Image

from pdf.draw import render
from pdf.errors import SheetInvalid, TextTooLong, TextUnprintable
from pdf.form import Box, LineRow, PartyBlock, Sheet, kg_text, qr_text
from tests.pdf.samples import revisions, sheet


def text_of(document: bytes, *options: str) -> str:
    run = subprocess.run(["pdftotext", *options, "-", "-"], input=document, capture_output=True, check=True)
    return run.stdout.decode()


def one_line(text: str) -> str:
    return " ".join(text.split())


def printed_values(form: Sheet) -> Iterator[str]:
    yield from (form.province, form.number, form.manifest_id, form.data_sha256, form.verify_url)
    for party in (form.generator, form.facility_1, form.facility_2):
        if party is not None:
            yield from (str(getattr(party, item.name)) for item in fields(party))
    for row in form.lines:
        yield from (row.name, row.code, kg_text(row.mass_g), ", ".join(row.methods))


def test_the_same_sheet_gives_the_same_bytes() -> None:
    first, second = render(sheet()), render(sheet())
    assert hashlib.sha256(first).digest() == hashlib.sha256(second).digest()
    assert render(sheet(number="0128/2026/X")) != first


def test_the_base_is_small_and_one_page() -> None:
    base = render(sheet())
    assert len(base) < 100_000
    with pikepdf.open(io.BytesIO(base)) as pdf:
        assert len(pdf.pages) == 1
        assert pdf.Root.Lang == "vi-VN"


def test_every_font_is_embedded_and_none_is_helvetica() -> None:
    with pikepdf.open(io.BytesIO(revisions()[-1])) as pdf:
        fonts = [
            item
            for item in pdf.objects
            if isinstance(item, pikepdf.Dictionary) and item.get("/Type") == "/Font"
        ]
        names = {str(font.BaseFont).split("+")[-1] for font in fonts}
        embedded = [
            item for item in pdf.objects if isinstance(item, pikepdf.Dictionary) and "/FontFile2" in item
        ]
    assert names == {"OpenSans", "OpenSans-Regular", "OpenSans-Bold"}
    assert len(embedded) == 3


def test_the_fields_are_exactly_those_of_the_plan() -> None:
    with pikepdf.open(io.BytesIO(render(sheet(2, two_facilities=False)))) as pdf:
        form = pdf.Root.AcroForm
        widgets = {str(item.T): item for item in form.Fields}
        assert {name for name in widgets if name.startswith("sig_")} == {
            "sig_generator_confirms",
            "sig_receipt_1",
            "sig_completion",
        }
        assert {"completion_methods_1", "completion_methods_2", "receipt_1_vehicle"} < set(widgets)
        assert not any(name.startswith("receipt_2") for name in widgets)
        assert all(int(item.F) == 4 and str(item.TU) and item.AP.N is not None for item in widgets.values())
        assert widgets["sig_completion"].Lock.Action == "/All"
        assert int(widgets["sig_completion"].Lock.P) == 1
        locked = {str(name) for name in widgets["sig_receipt_1"].Lock.Fields}
        assert locked == {f"receipt_1_{name}" for name in ("signer_name", "signed_on", "vehicle", "note")}


@pytest.mark.poppler
@pytest.mark.parametrize("edition", ["tt02-2022", "tt36-2015"])
def test_every_value_can_be_read_back_exactly(edition: str) -> None:
    form = sheet(edition=edition)
    said = one_line(text_of(render(form)))
    flat = one_line(text_of(render(form), "-layout"))
    assert said == unicodedata.normalize("NFC", said)
    # A value in a narrow column is broken over lines: compare cell by cell in reading order, then laid out.
    missing = [value for value in printed_values(form) if value not in said and value not in flat]
    assert missing == []


@pytest.mark.poppler
def test_values_signers_add_and_their_marks_can_be_read_back() -> None:
    said = one_line(text_of(revisions()[-1]))
    for value in (
        "Nguyễn Thị Hương",
        "29H-123.45",
        "Xem biên bản điều chỉnh/từ chối tiếp nhận",
        "Trưởng phòng An toàn",
        "18:33:15 23/11/2026",
        "Xác nhận điện tử (không phải chữ ký số công cộng)",
    ):
        assert value in said
    assert said.count("TĐ, HR, C") >= 4


@pytest.mark.poppler
def test_the_page_says_what_it_is_and_does_not_claim_the_official_form() -> None:
    said = one_line(text_of(render(sheet())))
    assert "Bản in từ chứng từ điện tử" in said
    assert "Nhãn mẫu chưa đối chiếu bản chính thức" in said
    assert "Mẫu số 04" not in said
    assert "TR (Tẩy rửa)" in said


@pytest.mark.poppler
def test_sixty_lines_go_on_over_appendix_pages_and_signatures_stay_on_the_first() -> None:
    form = sheet(60)
    base = render(form)
    pages = text_of(base).split("\f")
    assert len(pages) - 1 >= 3
    assert all("TRANG PHỤ LỤC" in page for page in pages[1:-1])
    said = one_line(" ".join(pages))
    assert all(kg_text(row.mass_g) in said for row in form.lines)
    assert "từ dòng" in one_line(pages[0])
    with pikepdf.open(io.BytesIO(base)) as pdf:
        for page in list(pdf.pages)[1:]:
            assert all(item.FT == "/Tx" for item in page.Annots)
        assert len(pdf.Root.AcroForm.Fields) == 4 + 15 + 60


def long_name(letters: int) -> str:
    words = "Công ty Trách nhiệm hữu hạn Một thành viên Thương mại và Xử lý Chất thải Nguy hại "
    return (words * 8)[: letters - 1] + "Z"


def words_with_boxes(document: bytes) -> list[tuple[int, float, float, float, float, str]]:
    """Return page, box and text of every word, from poppler."""
    found, page = [], 0
    for line in text_of(document, "-bbox").splitlines():
        page += "<page " in line
        if "<word " in line:
            x1, y1, x2, y2 = (
                float(line.split(f'{name}="')[1].split('"')[0]) for name in ("xMin", "yMin", "xMax", "yMax")
            )
            found.append((page, x1, y1, x2, y2, line.split(">")[1].split("<")[0]))
    return found


@pytest.mark.poppler
@pytest.mark.parametrize("unbroken", [False, True])
def test_names_of_three_hundred_letters_neither_overlap_nor_leave_the_page(unbroken: bool) -> None:
    name = long_name(300).replace(" ", "") if unbroken else long_name(300)
    party = PartyBlock(
        name=name,
        code="1-2-3.047.VX",
        office_address=name,
        phone="024 3951 5555",
        site_address=name,
        site_phone="1",
    )
    form = sheet(6, generator=party, facility_1=party, facility_2=party)
    form = replace(
        form,
        boxes=tuple(Box(key=box.key, party=name) for box in form.boxes),
        lines=tuple(
            LineRow(n=row.n, name=name[:120], state=row.state, code=row.code, mass_g=1) for row in form.lines
        ),
    )
    document = render(form)
    # A word that is wider than its line is cut: what is left of it begins the next one.
    said = "".join(text_of(document).split())
    assert said.count("".join(name.split())) >= 3
    words = words_with_boxes(document)
    assert all(30 < x1 < x2 < 565 and 15 < y1 < y2 < 830 for _, x1, y1, x2, y2, _ in words)
    clashes = [
        (a, b)
        for n, a in enumerate(words)
        for b in words[n + 1 :]
        if a[0] == b[0]
        and min(a[3], b[3]) - max(a[1], b[1]) > 1.0
        and min(a[4], b[4]) - max(a[2], b[2]) > 0.45 * min(a[4] - a[2], b[4] - b[2])
    ]
    assert clashes == []


def test_decomposed_input_gives_the_bytes_of_composed_input() -> None:
    form = sheet()
    party = replace(form.generator, name=unicodedata.normalize("NFD", form.generator.name))
    assert render(replace(form, generator=party)) == render(form)


def test_letters_the_typeface_lacks_are_refused_not_dropped() -> None:
    party = replace(sheet().generator, name="公司 Việt Nam")
    with pytest.raises(TextUnprintable) as caught:
        render(sheet(generator=party))
    assert caught.value.facts["characters"] == ["公", "司"]


def test_text_far_too_long_for_the_page_is_refused() -> None:
    party = replace(sheet().generator, office_address="Hà Nội " * 900)
    with pytest.raises(TextTooLong):
        render(sheet(generator=party))
    with pytest.raises(SheetInvalid):
        render(sheet(201))


@pytest.mark.poppler
@pytest.mark.parametrize("dpi", [100, 150])
def test_the_qr_code_is_read_from_the_rendered_page(tmp_path: Path, dpi: int) -> None:
    run = subprocess.run(
        ["pdftoppm", "-r", str(dpi), "-png", "-singlefile", "-", str(tmp_path / "page")],
        input=revisions()[-1],
        capture_output=True,
        check=True,
    )
    assert run.returncode == 0
    with Image.open(tmp_path / "page.png") as image:
        codes = zxingcpp.read_barcodes(image)
    assert [code.text for code in codes] == [qr_text(sheet())]
