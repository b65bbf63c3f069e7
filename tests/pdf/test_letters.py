"""The letter reads as it should, word for word, and its code leads to the page without the secret."""

import io
from dataclasses import replace
from typing import Any

import pikepdf
import pytest
import zxingcpp

from pdf.errors import TextTooLong, TextUnprintable
from pdf.letters import Letter, render_letters, steps
from tests.pdf.test_blanks import ink, page_text
from tests.pdf.test_draw import one_line

LETTER = Letter(
    sender="Đơn vị vận hành sổ cái CTNH Hà Nội",
    written_on="25/11/2026",
    name="Công ty TNHH Cơ khí Ngọc Lũ Xanh",
    address="Lô A1, KCN Thăng Long, xã Thiên Lộc, thành phố Hà Nội",
    organisation="0100000010",
    roles="chủ nguồn thải, đơn vị vận chuyển",
    code="7K2QM-0XWZR-91ABC-DEFGH",
    address_to_open="https://ctnh.example.vn/invitation?o=0100000010",
    expires_on="24/01/2027",
    leading_from="01/04/2027",
)
TEXT = """
Đơn vị vận hành sổ cái CTNH Hà Nội Ngày 25/11/2026
THƯ MỜI SỬ DỤNG SỔ CÁI CHỨNG TỪ CHẤT THẢI NGUY HẠI
Kính gửi: Công ty TNHH Cơ khí Ngọc Lũ Xanh
Địa chỉ: Lô A1, KCN Thăng Long, xã Thiên Lộc, thành phố Hà Nội
Quý đơn vị đã được ghi vào danh sách của sổ cái với vai trò chủ nguồn thải, đơn vị vận chuyển. Thư
này có mã dùng
một lần để nhận tài khoản.
Mã tổ chức: 0100000010
Mã dùng một lần: 7K2QM-0XWZR-91ABC-DEFGH
Có hiệu lực đến hết ngày: 24/01/2027
Các bước thực hiện
1. Mở trang https://ctnh.example.vn/invitation?o=0100000010 (hoặc quét mã bên phải).
2. Nhập mã tổ chức và mã dùng một lần ở trên, rồi tự đặt tên đăng nhập và mật khẩu. Hệ thống tạo tài
khoản và khóa
ký của tổ chức.
3. Chờ Sở Nông nghiệp và Môi trường hoặc Ban quản lý khu chấp nhận: trước đó thông tin của tổ chức
là «tự khai» và
tổ chức chưa thực hiện được giao dịch nào.
4. Sau khi được chấp nhận, khai lượng CTNH đang lưu giữ (tồn trước kỳ) của từng cơ sở.
5. Từ ngày 01/04/2027, chứng từ điện tử là bản chính; trước ngày đó chứng từ giấy vẫn là bản chính
và được lập song
song.
Không đưa thư này cho người khác: ai có mã và mã tổ chức đều mở được tài khoản. Nếu mã không dùng
được hoặc thư đã
bị bóc, hãy báo cho đơn vị vận hành để nhận thư mới; thư mới làm mã cũ hết hiệu lực.
Đại diện đơn vị vận hành (ký tên)
Mã chỉ được lưu trong hệ thống dưới dạng mã băm; nội dung thư không thể in lại.
"""


@pytest.mark.poppler
def test_the_letter_reads_word_for_word() -> None:
    assert page_text(render_letters(LETTER), 1) == one_line(TEXT)


@pytest.mark.poppler
def test_the_code_on_paper_leads_to_the_page_and_holds_no_secret() -> None:
    (read,) = zxingcpp.read_barcodes(ink(render_letters(LETTER), 1))
    assert read.text == LETTER.address_to_open
    assert LETTER.code not in read.text


@pytest.mark.poppler
def test_an_authority_is_asked_to_admit_the_others() -> None:
    letter = replace(LETTER, authority=True, roles="cơ quan quản lý")
    assert len(steps(letter)) == 3
    text = page_text(render_letters(letter), 1)
    assert "chấp nhận từng tổ chức" in text
    assert "tồn trước kỳ" not in text


@pytest.mark.poppler
def test_while_no_day_is_set_paper_leads_until_further_notice() -> None:
    text = page_text(render_letters(replace(LETTER, leading_from=None)), 1)
    assert "Cho đến khi có thông báo, chứng từ giấy vẫn là bản chính" in text


@pytest.mark.poppler
def test_the_longest_names_stay_on_one_page() -> None:
    long = replace(LETTER, name="Công ty " * 37, address="Lô A1, " * 42, roles="chủ nguồn thải, " * 4)
    document = render_letters(long)
    with pikepdf.open(io.BytesIO(document)) as pdf:
        assert len(pdf.pages) == 1
        assert "/AcroForm" not in pdf.Root
    text = page_text(document, 1)
    assert text.endswith("nội dung thư không thể in lại.")
    assert "Đại diện đơn vị vận hành (ký tên) Mã chỉ được lưu" in text, "nothing overlaps"


def test_the_same_letter_gives_the_same_bytes_and_each_its_page() -> None:
    assert render_letters(LETTER) == render_letters(LETTER)
    with pikepdf.open(io.BytesIO(render_letters(LETTER, replace(LETTER, code="X")))) as pdf:
        assert len(pdf.pages) == 2


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"name": "公司"}, TextUnprintable),
        ({"name": "a\u202eb"}, TextUnprintable),
        ({"sender": "X" * 300}, TextTooLong),
    ],
)
def test_what_cannot_be_printed_is_refused(changed: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        render_letters(replace(LETTER, **changed))
