"""Printed labels of the manifest form: one table, by edition, with what is known about each.

A row is confirmed once it was compared with the official annex. The form's own name ("Theo Mẫu số …")
is printed only when every row of its edition is confirmed; until then the page says so in small print.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

from pdf.errors import EditionUnknown

TT02_2022: Final = "tt02-2022"
TT36_2015: Final = "tt36-2015"


@dataclass(frozen=True, slots=True)
class Label:
    """One printed label: where it stands, its words, and whether the official text was seen."""

    edition: str
    key: str
    text: str
    confirmed: bool
    source: str


_REBUILT = "regulation.md 2.3, rebuilt"
_TEMPLATE = "texts-found.md 5.1, template of 2017"
_NUMBERS = "decisions.md B9, numbers of TT 36"

# Columns: key, words, confirmed against the official annex, where we have the words from.
# These rows are the same in both editions; what differs follows below.
_COMMON: Final = (
    ("head.province", "TỈNH/THÀNH PHỐ", False, _TEMPLATE),
    ("head.title", "CHỨNG TỪ CHẤT THẢI NGUY HẠI", False, _TEMPLATE),
    ("head.number", "Số", False, _TEMPLATE),
    ("party.office", "Địa chỉ văn phòng", False, _TEMPLATE),
    ("party.phone", "ĐT", False, _TEMPLATE),
    ("party.site", "Địa chỉ cơ sở", False, _TEMPLATE),
    ("party.site_agent", "Địa chỉ cơ sở/đại lý", False, _TEMPLATE),
    ("section.lines", "4", False, _TEMPLATE),
    (
        "lines.title",
        "Kê khai CTNH chuyển giao (sử dụng thêm trang phụ lục cho bảng dưới đây nếu không ghi đủ)",
        False,
        _TEMPLATE,
    ),
    ("lines.n", "Số TT", False, _TEMPLATE),
    ("lines.name", "Tên CTNH", False, _TEMPLATE),
    ("lines.state", "Trạng thái tồn tại", False, _TEMPLATE),
    ("lines.solid", "Rắn", False, _TEMPLATE),
    ("lines.liquid", "Lỏng", False, _TEMPLATE),
    ("lines.sludge", "Bùn", False, _TEMPLATE),
    ("lines.code", "Mã CTNH", False, _TEMPLATE),
    ("lines.mass", "Số lượng (kg)", False, _TEMPLATE),
    ("lines.methods", "Phương pháp xử lý #", False, _TEMPLATE),
    ("section.export", "5", False, _TEMPLATE),
    ("export.title", "Xuất khẩu CTNH (nếu có)", False, _TEMPLATE),
    ("export.country", "Nước nhập khẩu", False, _TEMPLATE),
    ("export.entry", "Cửa khẩu nhập", False, _TEMPLATE),
    ("export.vehicle", "Số hiệu phương tiện", False, _TEMPLATE),
    ("export.date", "Ngày xuất cảng", False, _TEMPLATE),
    ("export.exit", "Cửa khẩu xuất", False, _TEMPLATE),
    ("section.receipts", "7", False, _NUMBERS),
    (
        "receipts.title",
        "Xác nhận việc tiếp nhận đủ số lượng và loại CTNH như kê khai ở mục 4",
        False,
        _TEMPLATE,
    ),
    ("section.generator_confirms", "6", False, _NUMBERS),
    (
        "generator_confirms.title",
        "Chủ nguồn thải xác nhận đã thống nhất để kê khai chính xác các thông tin ở mục 1-4 (hoặc 5)",
        False,
        _TEMPLATE,
    ),
    ("section.receipt_1", "7.1", False, _NUMBERS),
    ("section.receipt_2", "7.2", False, _NUMBERS),
    ("section.completion", "8", False, _NUMBERS),
    ("field.signer_name", "Họ tên", False, _TEMPLATE),
    ("field.signer_title", "Chức danh", False, _TEMPLATE),
    ("field.signed_on", "Ngày", False, _TEMPLATE),
    ("field.vehicle", "Số hiệu phương tiện", False, _REBUILT),
    ("field.note", "Ghi chú", False, "decisions.md B12"),
    ("field.sign", "Ký", False, _TEMPLATE),
    ("copies.title", "Liên số", False, _TEMPLATE),
)

_METHODS_NOTE: Final = (
    "# Ghi lần lượt ký hiệu của phương pháp xử lý đã áp dụng đối với từng CTNH: TC (Tận thu/tái chế); "
    "TH (Trung hòa); PT (Phân tách/chiết/lọc/kết tủa); OH (Oxy hóa); SH (Sinh học); ĐX (Đồng xử lý); "
    "TĐ (Thiêu đốt); HR (Hóa rắn); CL (Cô lập/đóng kén); C (Chôn lấp); "
)

_TT02: Final = (
    ("form.name", "Theo Mẫu số 04 Phụ lục III Thông tư 02/2022/TT-BTNMT", False, "regulation.md R61"),
    ("section.facility_1", "1", False, _REBUILT),
    ("section.facility_2", "2", False, _REBUILT),
    ("section.generator", "3", False, _REBUILT),
    ("facility_1.title", "Chủ cơ sở thực hiện dịch vụ xử lý CTNH 1", False, _REBUILT),
    ("facility_2.title", "Chủ cơ sở thực hiện dịch vụ xử lý CTNH 2 (nếu có)", False, _REBUILT),
    ("generator.title", "Chủ nguồn thải", False, _REBUILT),
    ("carrier.title", "Đơn vị vận chuyển", False, "ours: printed only when it is not facility 1"),
    ("facility.code", "Số giấy phép", False, _REBUILT),
    ("generator.code", "Mã số QLCTNH/số giấy phép môi trường", False, _REBUILT),
    (
        "methods.note",
        _METHODS_NOTE + "TR (Tẩy rửa); SC (Sơ chế); Khác (ghi rõ tên phương pháp)",
        False,
        "three survey forms of one kind (R26)",
    ),
    (
        "receipt_1.title",
        "Họ tên người nhận thay mặt chủ cơ sở thực hiện dịch vụ xử lý CTNH 1",
        False,
        _REBUILT,
    ),
    (
        "receipt_2.title",
        "Họ tên người nhận thay mặt chủ cơ sở thực hiện dịch vụ xử lý CTNH 2",
        False,
        _REBUILT,
    ),
    (
        "completion.title",
        (
            "Chủ cơ sở thực hiện dịch vụ xử lý CTNH (cuối cùng) xác nhận đã hoàn thành việc xử lý an toàn "
            "tất cả CTNH bằng các phương pháp như kê khai ở mục 4"
        ),
        False,
        _REBUILT,
    ),
    ("copies.list", "1 2 3 4", False, "xulychatthairan.com, seen in part (R9)"),
)

_TT36: Final = (
    ("form.name", "Theo Phụ lục 3 Thông tư 36/2015/TT-BTNMT", False, _TEMPLATE),
    ("section.generator", "1", False, _TEMPLATE),
    ("section.facility_1", "2", False, _TEMPLATE),
    ("section.facility_2", "3", False, _TEMPLATE),
    ("generator.title", "Chủ nguồn thải", False, _TEMPLATE),
    ("facility_1.title", "Chủ xử lý CTNH 1", False, _TEMPLATE),
    ("facility_2.title", "Chủ xử lý CTNH 2", False, _TEMPLATE),
    ("carrier.title", "Đơn vị vận chuyển", False, "ours: printed only when it is not facility 1"),
    ("facility.code", "Mã số QLCTNH", False, _TEMPLATE),
    ("generator.code", "Mã số QLCTNH", False, _TEMPLATE),
    ("methods.note", _METHODS_NOTE + "SC (Sơ chế); Khác (ghi rõ tên phương pháp)", False, _TEMPLATE),
    ("receipt_1.title", "Họ tên người nhận thay mặt chủ xử lý CTNH 1", False, _TEMPLATE),
    ("receipt_2.title", "Họ tên người nhận thay mặt chủ xử lý CTNH 2", False, _TEMPLATE),
    (
        "completion.title",
        (
            "Chủ xử lý CTNH (cuối cùng) xác nhận đã hoàn thành việc xử lý an toàn tất cả CTNH "
            "bằng các phương pháp như kê khai ở mục 4"
        ),
        False,
        _TEMPLATE,
    ),
    ("copies.list", "1 2 2S 2T 3 3S 3T 4 5", False, _TEMPLATE),
)

TABLE: Final[tuple[Label, ...]] = tuple(
    Label(edition, key, text, seen, source)
    for edition, rows in ((TT02_2022, _COMMON + _TT02), (TT36_2015, _COMMON + _TT36))
    for key, text, seen, source in rows
)


@cache
def labels(edition: str) -> dict[str, str]:
    """Return the words of one edition by key. Raises EditionUnknown."""
    found = {row.key: row.text for row in TABLE if row.edition == edition}
    if not found:
        raise EditionUnknown(edition=edition)
    return found


@cache
def confirmed(edition: str) -> bool:
    """Say whether every label of the edition was compared with the official text."""
    return all(row.confirmed for row in TABLE if row.edition == edition)
