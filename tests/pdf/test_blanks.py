"""Blanks on paper: the form without its words, a number, a copy for each party, and where to ask."""

import io
import subprocess
from collections import Counter
from dataclasses import replace

import pikepdf
import pytest
import zxingcpp
from PIL import Image

from pdf.blanks import COPY_FOR, ENTER_NOTE, MOST_NUMBERS, USE_NOTE, Blank, Blanks, copies_of, render_blanks
from pdf.errors import EditionUnknown, SheetInvalid, TextUnprintable
from pdf.labels import TT02_2022, TT36_2015
from tests.pdf.test_draw import one_line, text_of

SIGNATURE = "Xy_-" * 21 + "ab"


def blank(sequence: int) -> Blank:
    number = f"{sequence}/2026/1-2-3.047.VX"
    return Blank(
        number=number,
        verify_url=f"https://ctnh.example.vn/b/{number}?s={SIGNATURE}",
        key="ab" * 32,
        signature=SIGNATURE,
    )


BLANKS = Blanks(
    edition=TT02_2022,
    holder="Công ty Xử lý Ba Vì Sạch",
    blanks="blanks:0193581a-6f3c-7b1e-9c57-3f0f5d3a2b11",
    numbers=(blank(905), blank(906)),
)
# What stands on copy 3 of the first number, word for word as it is read from the page.
EXPECTED = """\
TỈNH/THÀNH PHỐ:
CHỨNG TỪ CHẤT THẢI NGUY HẠI
Số: 905/2026/1-2-3.047.VX
CHỨNG TỪ TRẮNG CÓ SỐ SẴN – chỉ dùng khi hệ thống gián đoạn
Nhãn mẫu chưa đối chiếu bản chính thức
1. Chủ cơ sở thực hiện dịch vụ xử lý CTNH 1:
Số giấy phép:
Địa chỉ văn phòng: ĐT:
Địa chỉ cơ sở/đại lý: ĐT:
2. Chủ cơ sở thực hiện dịch vụ xử lý CTNH 2 (nếu có):
Số giấy phép:
Địa chỉ văn phòng: ĐT:
Địa chỉ cơ sở: ĐT:
3. Chủ nguồn thải:
Mã số QLCTNH/số giấy phép môi trường:
Địa chỉ văn phòng: ĐT:
Địa chỉ cơ sở: ĐT:
4. Kê khai CTNH chuyển giao (sử dụng thêm trang phụ lục cho bảng dưới đây nếu không ghi đủ)
Trạng thái tồn tại Phương pháp xử lý #
Số TT Tên CTNH Mã CTNH Số lượng (kg)
Rắn Lỏng Bùn Thỏa thuận Đã áp dụng
1
2
3
4
5
6
# Ghi lần lượt ký hiệu của phương pháp xử lý đã áp dụng đối với từng CTNH: TC (Tận thu/tái chế);
TH (Trung hòa); PT (Phân tách/chiết/lọc/kết tủa); OH (Oxy hóa); SH (Sinh học); ĐX (Đồng xử lý);
TĐ (Thiêu đốt); HR (Hóa rắn); CL (Cô lập/đóng kén); C (Chôn lấp); TR (Tẩy rửa);
SC (Sơ chế); Khác (ghi rõ tên phương pháp)
5. Xuất khẩu CTNH (nếu có)
Nước nhập khẩu: Cửa khẩu nhập:
Số hiệu phương tiện: Ngày xuất cảng: Cửa khẩu xuất:
7. Xác nhận việc tiếp nhận đủ số lượng và loại CTNH như kê khai ở mục 4
"""
FOOT = (
    "Liên số: 1 2 3 4 Liên 3: chủ nguồn thải giữ khi bàn giao "
    f"{ENTER_NOTE} https://ctnh.example.vn/b/905/2026/1-2-3.047.VX "
    "Số của: Công ty Xử lý Ba Vì Sạch. "
    "Mục phát hành trong sổ cái: blanks:0193581a-6f3c-7b1e-9c57-3f0f5d3a2b11 "
    f"Chữ ký của hệ thống trên số này (Ed25519, khóa abababababababab): {SIGNATURE}"
)


def page_text(document: bytes, page: int) -> str:
    return one_line(text_of(document, "-layout", "-f", str(page), "-l", str(page)))


@pytest.mark.poppler
def test_a_page_reads_word_for_word() -> None:
    text = page_text(render_blanks(BLANKS), 3)
    assert text.startswith(one_line(EXPECTED))
    assert text.endswith(one_line(FOOT))
    boxes = text.removeprefix(one_line(EXPECTED)).removesuffix(one_line(FOOT))
    assert Counter(boxes.split())["tên:"] == 4, boxes
    assert boxes.count("Ký:") == 4
    assert boxes.count("Số hiệu phương tiện:") == boxes.count("Chức danh:") == 2


@pytest.mark.poppler
def test_each_number_comes_once_in_every_copy() -> None:
    document = render_blanks(BLANKS)
    pages = [page_text(document, page) for page in range(1, 9)]
    for at, text in enumerate(pages):
        number, copy = f"Số: {905 + at // 4}/2026/1-2-3.047.VX", str(at % 4 + 1)
        assert number in text
        assert [one for one in "1234" if f"Liên {one}: {COPY_FOR[TT02_2022, one]}" in text] == [copy]
        assert USE_NOTE in text
    with pikepdf.open(io.BytesIO(document)) as pdf:
        assert len(pdf.pages) == 8
        assert pdf.Root.Lang == "vi-VN"
        assert "/AcroForm" not in pdf.Root
        fonts = [one for one in pdf.objects if isinstance(one, pikepdf.Dictionary) and "/FontFile2" in one]
        assert fonts, "the typeface is in the file"


def ink(document: bytes, page: int) -> Image.Image:
    run = subprocess.run(
        ["pdftoppm", "-r", "150", "-f", str(page), "-l", str(page), "-png"],
        input=document,
        capture_output=True,
        check=True,
    )
    return Image.open(io.BytesIO(run.stdout)).convert("L")


@pytest.mark.poppler
def test_the_code_on_paper_leads_to_the_number_and_brings_its_signature() -> None:
    read = zxingcpp.read_barcodes(ink(render_blanks(BLANKS), 6))
    assert [one.text for one in read] == [BLANKS.numbers[1].verify_url]


@pytest.mark.poppler
def test_the_box_of_the_copy_is_ticked_and_no_other() -> None:
    document = render_blanks(BLANKS)
    pages = [ink(document, page) for page in (1, 2)]
    # Left of the words that name the copy only the ticks differ from page to page.
    width, height = pages[0].size
    strip = (int(0.12 * width), int(0.895 * height), int(0.285 * width), int(0.92 * height))
    dark = [
        [sum(one.crop((x, strip[1], x + 1, strip[3])).histogram()[:128]) for x in range(*strip[::2])]
        for one in pages
    ]
    more = [x for x, (first, second) in enumerate(zip(*dark, strict=True)) if first > second]
    less = [x for x, (first, second) in enumerate(zip(*dark, strict=True)) if first < second]
    assert more, "copy 1 is ticked on its own page"
    assert less
    assert max(more) < min(less), "and copy 2, further right, on its own"
    assert max(less) < len(dark[0]) * 0.6, "the boxes of copies 3 and 4 are alike"


def test_the_same_set_gives_the_same_bytes() -> None:
    assert render_blanks(BLANKS) == render_blanks(BLANKS)
    assert render_blanks(replace(BLANKS, holder="Công ty khác")) != render_blanks(BLANKS)


def test_an_edition_has_its_own_copies() -> None:
    assert copies_of(TT02_2022) == ("1", "2", "3", "4")
    with pikepdf.open(io.BytesIO(render_blanks(replace(BLANKS, edition=TT36_2015)))) as pdf:
        assert len(pdf.pages) == 2 * len(copies_of(TT36_2015))


@pytest.mark.parametrize("count", [0, MOST_NUMBERS + 1])
def test_none_and_too_many_are_refused(count: int) -> None:
    with pytest.raises(SheetInvalid):
        render_blanks(replace(BLANKS, numbers=tuple(blank(n) for n in range(count))))


def test_what_cannot_be_printed_is_refused() -> None:
    with pytest.raises(TextUnprintable):
        render_blanks(replace(BLANKS, holder="Công ty 中"))
    with pytest.raises(EditionUnknown):
        render_blanks(replace(BLANKS, edition="tt99"))
