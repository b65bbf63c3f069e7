"""The letter that invites an organisation: who it is to the ledger, a one-time code, what to do with it."""

from dataclasses import dataclass
from typing import Final

from reportlab.lib.units import mm

from pdf.measure import BOLD, SMALL, fit
from pdf.page import FULL, LEFT, RIGHT, TOP
from pdf.plain import PlainPen, draw_pages
from pdf.qr import draw_qr

TITLE: Final = "THƯ MỜI SỬ DỤNG SỔ CÁI CHỨNG TỪ CHẤT THẢI NGUY HẠI"
_TAKE: Final = (
    "Nhập mã tổ chức và mã dùng một lần ở trên, rồi tự đặt tên đăng nhập và mật khẩu. Hệ thống tạo tài khoản "
    "và khóa ký của tổ chức."
)
_WAIT: Final = (
    "Chờ Sở Nông nghiệp và Môi trường hoặc Ban quản lý khu chấp nhận: trước đó thông tin của tổ chức là "
    "«tự khai» và tổ chức chưa thực hiện được giao dịch nào."
)
_STOCK: Final = "Sau khi được chấp nhận, khai lượng CTNH đang lưu giữ (tồn trước kỳ) của từng cơ sở."
_SINCE: Final = (
    "Từ ngày {day}, chứng từ điện tử là bản chính; trước ngày đó chứng từ giấy vẫn là bản chính và được lập "
    "song song."
)
_UNTIL_TOLD: Final = (
    "Cho đến khi có thông báo, chứng từ giấy vẫn là bản chính và được lập song song với chứng từ điện tử."
)
_ADMIT: Final = (
    "Kiểm tra danh sách tổ chức, khu và cơ sở đã nhập, xác nhận các mục «tự khai» và chấp nhận từng tổ chức: "
    "chỉ tổ chức đã được chấp nhận mới thực hiện được giao dịch."
)
_ENTERED: Final = (
    "Quý đơn vị đã được ghi vào danh sách của sổ cái với vai trò {roles}. Thư này có mã dùng một lần để nhận "
    "tài khoản."
)
_KEEP: Final = (
    "Không đưa thư này cho người khác: ai có mã và mã tổ chức đều mở được tài khoản. Nếu mã không dùng được "
    "hoặc thư đã bị bóc, hãy báo cho đơn vị vận hành để nhận thư mới; thư mới làm mã cũ hết hiệu lực."
)
_MARGIN: Final = 30.0
_X: Final = LEFT + _MARGIN
_WIDTH: Final = FULL - 2 * _MARGIN
_SIZE: Final = 11.0
_QR: Final = 34.0 * mm


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """Everything a letter says; ``code`` is the secret, dates are as they are printed.

    ``organisation`` is what is typed to say who one is: the tax code, or the name in the ledger.
    ``leading_from`` is the day from which the electronic record leads, None while it is not set.
    """

    sender: str
    written_on: str
    name: str
    address: str
    organisation: str
    roles: str
    code: str
    address_to_open: str
    expires_on: str
    leading_from: str | None = None
    authority: bool = False


def render_letters(*letters: Letter) -> bytes:
    """Return a PDF with one page for each letter. Raises TextUnprintable, TextTooLong."""
    return draw_pages(TITLE, "", letters, _page)


def steps(letter: Letter) -> tuple[str, ...]:
    """Return what the letter asks for, in order."""
    taken = (f"Mở trang {letter.address_to_open} (hoặc quét mã bên phải).", _TAKE)
    if letter.authority:
        return (*taken, _ADMIT)
    since = _UNTIL_TOLD if letter.leading_from is None else _SINCE.format(day=letter.leading_from)
    return (*taken, _WAIT, _STOCK, since)


def _page(pen: PlainPen, letter: Letter) -> None:
    y = TOP - 30
    pen.text(_X, y, letter.sender, fit(letter.sender, _WIDTH - 130, _SIZE, BOLD), BOLD)
    pen.text(RIGHT - _MARGIN, y, f"Ngày {letter.written_on}", _SIZE, align="right")
    y -= 46
    pen.text(_X + _WIDTH / 2, y, TITLE, fit(TITLE, _WIDTH, 14, BOLD), BOLD, align="centre")
    y -= 22
    y = pen.paragraph(_X, y, _WIDTH, f"Kính gửi: {letter.name}", _SIZE + 1, font=BOLD)
    y = pen.paragraph(_X, y - 2, _WIDTH, f"Địa chỉ: {letter.address}", _SIZE)
    y = pen.paragraph(_X, y - 10, _WIDTH, _ENTERED.format(roles=letter.roles), _SIZE)
    y = _secret(pen, letter, y - 14)
    y -= 24
    pen.text(_X, y, "Các bước thực hiện", _SIZE + 1, BOLD)
    for number, words in enumerate(steps(letter), start=1):
        y -= 4
        pen.text(_X, y - _SIZE * 1.3, f"{number}.", _SIZE)
        y = pen.paragraph(_X + 18, y, _WIDTH - 18, words, _SIZE)
    y = pen.paragraph(_X, y - 12, _WIDTH, _KEEP, _SIZE)
    pen.text(RIGHT - _MARGIN, y - 34, "Đại diện đơn vị vận hành (ký tên)", _SIZE, align="right")
    note = "Mã chỉ được lưu trong hệ thống dưới dạng mã băm; nội dung thư không thể in lại."
    pen.text(_X, 40, note, SMALL)


def _secret(pen: PlainPen, letter: Letter, top: float) -> float:
    """Draw the box with the code and the address as a QR code; return the y below it."""
    height = _QR + 6
    left, right = _X, _X + _WIDTH
    pen.rules(
        (left, top, right, top),
        (right, top, right, top - height),
        (right, top - height, left, top - height),
        (left, top - height, left, top),
    )
    draw_qr(pen.canvas, letter.address_to_open, right - _QR - 3, top - height + 3, _QR)
    inner = _WIDTH - _QR - 24
    lines = (
        ("Mã tổ chức", letter.organisation, 13.0),
        ("Mã dùng một lần", letter.code, 16.0),
        ("Có hiệu lực đến hết ngày", letter.expires_on, 11.0),
    )
    y = top - 6
    for label, value, size in lines:
        y -= 12
        pen.text(left + 12, y, f"{label}:", 9)
        y -= size + 2
        pen.text(left + 12, y, value, fit(value, inner, size, BOLD), BOLD)
    return float(top - height)
