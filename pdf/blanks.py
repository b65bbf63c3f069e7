"""Blanks for an outage: the manifest's form with its number and nothing else, to be written on by hand.

Each number comes in as many copies (liên) as its edition has, one to a page, the copy's box ticked. The
number is signed by the system, so that a blank nobody has issued can be told from one that somebody has.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from reportlab.lib.units import mm

from pdf.errors import SheetInvalid
from pdf.form import (
    BOX_FIELDS,
    COMPLETION,
    GENERATOR_CONFIRMS,
    RECEIPT_1,
    RECEIPT_2,
    UNCONFIRMED_NOTE,
)
from pdf.labels import TT02_2022, confirmed, labels
from pdf.measure import BOLD, REGULAR, SMALL, fit, width_of, wrap
from pdf.page import BODY, BOTTOM, FULL, LABEL, LEFT, RIGHT, TOP, Area
from pdf.plain import PlainPen, draw_pages
from pdf.qr import draw_qr
from pdf.table import draw_empty_table

MOST_NUMBERS: Final = 50
TITLE: Final = "Chứng từ trắng có số sẵn"
USE_NOTE: Final = "CHỨNG TỪ TRẮNG CÓ SỐ SẴN – chỉ dùng khi hệ thống gián đoạn"
ENTER_NOTE: Final = (
    "Ghi và ký tay; nhập lại vào hệ thống cùng ảnh chụp tờ này ngay khi hệ thống hoạt động trở lại. "
    "Kiểm tra tại:"
)
# Which copy is for whom (decision B9); of the editions only this one has these four.
COPY_FOR: Final[Mapping[tuple[str, str], str]] = {
    (TT02_2022, "1"): "chủ cơ sở xử lý 1 lưu",
    (TT02_2022, "2"): "chủ cơ sở xử lý 2 lưu (nếu có)",
    (TT02_2022, "3"): "chủ nguồn thải giữ khi bàn giao",
    (TT02_2022, "4"): "gửi lại chủ nguồn thải khi đã hoàn thành xử lý",
}

_QR: Final = 38.0 * mm  # with its quiet zone; what it holds is long
_STEP: Final = 14.2  # from one dotted line to the next
_ROWS: Final = 6
_ROW: Final = 18.0
_PHONE: Final = 118.0
_FOOT: Final = 66.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Blank:
    """One number to print: as it reads, where it is checked, and the system's signature of it.

    ``key`` is the identifier of the key that signed, ``signature`` base64url; both stand in small print.
    """

    number: str
    verify_url: str
    key: str
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Blanks:
    """A set of blanks: the edition of the form, whose numbers they are, and the entry's id in the ledger."""

    edition: str
    holder: str
    blanks: str
    numbers: tuple[Blank, ...]


@dataclass(frozen=True, slots=True)
class _Copy:
    of: Blanks
    blank: Blank
    copy: str
    words: Mapping[str, str]


def copies_of(edition: str) -> tuple[str, ...]:
    """Return the names of the copies of an edition. Raises EditionUnknown."""
    return tuple(labels(edition)["copies.list"].split())


def render_blanks(blanks: Blanks) -> bytes:
    """Return the PDF of a set: every number in every copy; raise SheetInvalid for none or too many."""
    if not 0 < len(blanks.numbers) <= MOST_NUMBERS:
        raise SheetInvalid(fields=["numbers"])
    title = f"{TITLE} {blanks.numbers[0].number} – {blanks.numbers[-1].number}"
    return draw_pages(title, blanks.blanks, _pages(blanks), _page)


def _pages(blanks: Blanks) -> Iterator[_Copy]:
    words = labels(blanks.edition)
    for blank in blanks.numbers:
        for copy in copies_of(blanks.edition):
            yield _Copy(blanks, blank, copy, words)


def _page(pen: PlainPen, page: _Copy) -> None:
    y = _head(pen, page)
    y = _parties(pen, page, y)
    y -= 12
    title = f"{page.words['section.lines']}. {page.words['lines.title']}"
    pen.text(LEFT, y, title, fit(title, FULL, BODY, BOLD), BOLD)
    y = draw_empty_table(pen, page.words, y - 4, rows=_ROWS, height=_ROW)
    y = pen.paragraph(LEFT, y, FULL, page.words["methods.note"], SMALL) - 3
    _export(pen, page.words, y)
    _boxes(pen, page.words)
    _foot(pen, page)


def _head(pen: PlainPen, page: _Copy) -> float:
    """Draw province, title, number and the QR code; return the y below them."""
    words = page.words
    draw_qr(pen.canvas, page.blank.verify_url, RIGHT - _QR + 9, TOP - _QR + 9, _QR)
    province = f"{words['head.province']}:"
    pen.text(LEFT, TOP - 10, province, 10, BOLD)
    room = FULL - _QR
    pen.dots(LEFT + width_of(province, 10, BOLD) + 4, LEFT + room, TOP - 11)
    middle = LEFT + room / 2
    title = words["head.title"]
    pen.text(middle, TOP - 36, title, fit(title, room, 17, BOLD), BOLD, align="centre")
    number = f"{words['head.number']}: {page.blank.number}"
    pen.text(middle, TOP - 55, number, fit(number, room, 12.5, BOLD), BOLD, align="centre")
    pen.text(middle, TOP - 70, USE_NOTE, fit(USE_NOTE, room, LABEL, BOLD), BOLD, align="centre")
    note = words["form.name"] if confirmed(page.of.edition) else UNCONFIRMED_NOTE
    pen.text(middle, TOP - 81, note, SMALL, align="centre")
    return float(TOP - _QR + 6)


def _line(pen: PlainPen, x1: float, x2: float, y: float, label: str, *, font: str = REGULAR) -> None:
    """Draw a label and the dotted line to write on, up to x2."""
    pen.text(x1, y, label, fit(label, x2 - x1 - 20, BODY, font), font)
    pen.dots(x1 + min(width_of(label, BODY, font), x2 - x1 - 20) + 3, x2, y - 1)


def _parties(pen: PlainPen, page: _Copy, y: float) -> float:
    words = page.words
    order = sorted(("facility_1", "facility_2", "generator"), key=lambda key: words[f"section.{key}"])
    for key in order:
        pen.rules((LEFT, y, RIGHT, y))
        y -= _STEP
        _line(pen, LEFT, RIGHT, y, f"{words[f'section.{key}']}. {words[f'{key}.title']}:", font=BOLD)
        y -= _STEP
        _line(
            pen, LEFT + 12, RIGHT, y, f"{words['generator.code' if key == 'generator' else 'facility.code']}:"
        )
        for place in ("party.office", "party.site_agent" if key == "facility_1" else "party.site"):
            y -= _STEP
            _line(pen, LEFT + 12, RIGHT - _PHONE - 6, y, f"{words[place]}:")
            _line(pen, RIGHT - _PHONE, RIGHT, y, f"{words['party.phone']}:")
        y -= 4
    pen.rules((LEFT, y, RIGHT, y))
    return y


def _export(pen: PlainPen, words: Mapping[str, str], y: float) -> None:
    pen.text(LEFT, y - 11, f"{words['section.export']}. {words['export.title']}", BODY, BOLD)
    for n, row in enumerate((("country", "entry"), ("vehicle", "date", "exit")), start=1):
        width, base = FULL / len(row), y - 11 - n * _STEP
        for at, key in enumerate(row):
            x = LEFT + at * width + (12 if at == 0 else 0)
            _line(pen, x, LEFT + (at + 1) * width - 6, base, f"{words[f'export.{key}']}:")


def _boxes(pen: PlainPen, words: Mapping[str, str]) -> None:
    """Draw the four boxes to be signed by hand, above the foot."""
    pairs = ((RECEIPT_1, RECEIPT_2), (GENERATOR_CONFIRMS, COMPLETION))
    heights = [_pair_height(words, pair) for pair in pairs]
    y = BOTTOM + _FOOT + sum(heights)
    title = f"{words['section.receipts']}. {words['receipts.title']}"
    pen.text(LEFT, y + 4, title, fit(title, FULL, BODY, BOLD), BOLD)
    for pair, height in zip(pairs, heights, strict=True):
        for n, key in enumerate(pair):
            x1, x2 = LEFT + n * FULL / 2, LEFT + (n + 1) * FULL / 2
            pen.rules(
                (x1, y, x2, y),
                (x2, y, x2, y - height),
                (x2, y - height, x1, y - height),
                (x1, y - height, x1, y),
            )
            _box(pen, words, key, (x1 + 6, y - height, x2 - 6, y - 2))
        y -= height


def _title_lines(words: Mapping[str, str], key: str) -> list[str]:
    return wrap(f"{words[f'section.{key}']}. {words[f'{key}.title']}", FULL / 2 - 12, LABEL, BOLD)


def _pair_height(words: Mapping[str, str], pair: tuple[str, str]) -> float:
    titles = max(len(_title_lines(words, key)) for key in pair)
    return titles * LABEL * 1.2 + 3 * _STEP + 36


def _box(pen: PlainPen, words: Mapping[str, str], key: str, area: Area) -> None:
    x1, _, x2, y = area
    for line in _title_lines(words, key):
        y -= LABEL * 1.2
        pen.text(x1, y + 1, line, LABEL, BOLD)
    second = "vehicle" if "vehicle" in BOX_FIELDS[key] else "signer_title"
    for row in ((("signer_name", 1.0),), (("signed_on", 0.36), (second, 0.64)), (("note", 1.0),)):
        y -= _STEP
        x = x1
        for name, share in row:
            if name in BOX_FIELDS[key]:
                _line(pen, x, x + (x2 - x1) * share - 3, y, f"{words[f'field.{name}']}:")
            x += (x2 - x1) * share
    pen.text(x1, y - 12, f"{words['field.sign']}:", LABEL)


def _foot(pen: PlainPen, page: _Copy) -> None:
    """Draw which copy this is and for whom, and by what the number can be checked."""
    blank, words = page.blank, page.words
    y = BOTTOM + _FOOT - 13
    x = LEFT
    title = f"{words['copies.title']}:"
    pen.text(x, y, title, BODY, BOLD)
    x += width_of(title, BODY, BOLD) + 6
    for copy in copies_of(page.of.edition):
        pen.text(x, y, copy, BODY)
        x += width_of(copy, BODY) + 3
        pen.tick_box(x, y - 0.8, 7.6, ticked=copy == page.copy)
        x += 16
    if (whom := COPY_FOR.get((page.of.edition, page.copy))) is not None:
        pen.text(x + 4, y, f"Liên {page.copy}: {whom}", BODY, BOLD)
    pen.rules((LEFT, y - 5, RIGHT, y - 5))
    address = blank.verify_url.partition("?")[0]
    check = f"{ENTER_NOTE} {address}"
    y = pen.paragraph(LEFT, y - 5, FULL, check, SMALL)
    issued = f"Số của: {page.of.holder}. Mục phát hành trong sổ cái: {page.of.blanks}"
    y -= 9
    pen.text(LEFT, y, issued, fit(issued, FULL, SMALL))
    y -= 8.5
    signed = f"Chữ ký của hệ thống trên số này (Ed25519, khóa {blank.key[:16]}): {blank.signature}"
    pen.text(LEFT, y, signed, fit(signed, FULL, SMALL))
