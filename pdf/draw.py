"""The manifest on A4: where the words of the plan stand, drawn with an embedded typeface.

The first page holds everything anybody signs. Party blocks shrink before they overlap, and lines of the
table that find no room go to appendix pages (trang phụ lục). The output depends on the sheet alone.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from pdf.boxes import boxes_height, draw_boxes
from pdf.errors import TextTooLong
from pdf.fields import add_fields
from pdf.form import Item, PartyPlan, Plan, RowPlan, Sheet, plan
from pdf.measure import BOLD, REGULAR, SMALL, fit, register_fonts, require_printable, shorten, width_of, wrap
from pdf.page import BODY, BOTTOM, FULL, LABEL, LEADING, LEFT, RIGHT, TOP, Pen
from pdf.qr import draw_qr
from pdf.table import TABLE_HEAD, draw_note, draw_table, note_height, row_height

_TINY: Final = 6.5
_QR_MM: Final = 31.0  # with its quiet zone of four modules; the symbol itself is above 25 mm
_HEAD: Final = _QR_MM * mm + 3
_PHONE: Final = 98.0  # width of the telephone column
_INDENT: Final = 12.0
# Size of the party blocks and the rows page 1 must then have room for, in order of preference.
_TRIALS: Final = (
    *((size, 3) for size in (9.0, 8.5, 8.0, 7.5)),
    *((size, 1) for size in (8.0, 7.5, 7.0)),
    *((size, 0) for size in (7.0, 6.5, 6.0, 5.5, 5.0)),
)
_FOOT: Final = 45.0


def render(sheet: Sheet) -> bytes:
    """Return the base revision: the drawn form with its empty fields, ready for the first signature."""
    register_fonts()
    form = plan(sheet)
    require_printable(form)
    buffer = io.BytesIO()
    canvas = Canvas(
        buffer,
        pagesize=A4,
        invariant=1,
        initialFontName=REGULAR,
        lang="vi-VN",
        pdfVersion=(1, 7),
        pageCompression=1,
    )
    canvas.setTitle(f"{form.title} {form.number.label} {form.number.value}")
    canvas.setAuthor("CTNH Ledger")
    canvas.setSubject(sheet.manifest_id)
    pen = Pen(canvas)
    pages = _paginate(form)
    _first_page(pen, form, pages)
    for n in range(1, len(pages.rows)):
        canvas.showPage()
        pen.page = n
        _appendix_page(pen, form, pages, n)
    canvas.showPage()
    canvas.save()
    return add_fields(buffer.getvalue(), pen.spots)


# --- what goes where --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Pages:
    """Rows by page, and the size of the party blocks at which page 1 holds enough of them."""

    size: float
    rows: list[Sequence[RowPlan]]


def _paginate(form: Plan) -> _Pages:
    heights = [row_height(row) for row in form.rows]
    pointer = SMALL * LEADING + 3
    fixed = _HEAD + 17 + TABLE_HEAD + note_height(form) + _export_height() + boxes_height(form) + _FOOT
    for size, least in _TRIALS:
        room = TOP - BOTTOM - fixed - _parties_height(form, size)
        if room >= sum(heights[:least]) + (pointer if len(heights) > least else 0):
            break
    else:
        raise TextTooLong(text=form.parties[0].name.value[:80])
    first = _how_many(heights, room)
    if first < len(heights):
        first = _how_many(heights, room - pointer)
    rows: list[Sequence[RowPlan]] = [form.rows[:first]]
    while first < len(heights):
        more = _how_many(heights[first:], TOP - BOTTOM - _FOOT - 60 - TABLE_HEAD - note_height(form))
        rows.append(form.rows[first : first + more])
        first += more
    return _Pages(size, rows)


def _how_many(heights: Sequence[float], room: float) -> int:
    """Return how many rows fit one under the other."""
    count = 0
    for height in heights:
        room -= height
        if room < 0:
            break
        count += 1
    return count


# --- page 1 -----------------------------------------------------------------------------------------


def _first_page(pen: Pen, form: Plan, pages: _Pages) -> None:
    shown, rest = pages.rows[0], len(form.rows) - len(pages.rows[0])
    y = _head(pen, form)
    y = _parties(pen, form, y, pages.size)
    y -= 12.5
    pen.text(LEFT, y, form.lines_title, fit(form.lines_title, FULL, BODY, BOLD), BOLD)
    y = draw_table(pen, form, shown, y - 4.5)
    if rest:
        y -= SMALL * LEADING
        pen.text(
            LEFT,
            y,
            f"Tiếp theo tại trang phụ lục: từ dòng {len(shown) + 1} đến dòng {len(form.rows)}.",
            SMALL,
        )
        y -= 3
    y = draw_note(pen, form, y)
    _export(pen, form, y)
    draw_boxes(pen, form, BOTTOM + _FOOT + boxes_height(form))
    _foot(pen, form, 1, len(pages.rows))


def _head(pen: Pen, form: Plan) -> float:
    """Draw province, title, number and the QR code; return the y below them."""
    side = _QR_MM * mm
    draw_qr(pen.canvas, form.qr, RIGHT - side + 7, TOP - side + 7, side)
    province = f"{form.province.label}: {form.province.value}"
    pen.text(LEFT, TOP - 10, province, fit(province, FULL - side, 10, BOLD), BOLD)
    middle = (LEFT + RIGHT - side) / 2
    pen.text(middle, TOP - 42, form.title, 17, BOLD, align="centre")
    number = f"{form.number.label}: {form.number.value}"
    pen.text(middle, TOP - 60, number, fit(number, FULL - side, 11.5, BOLD), BOLD, align="centre")
    pen.text(middle, TOP - 74, form.form_note, SMALL, align="centre")
    return float(TOP - _HEAD)


def _parties_height(form: Plan, size: float) -> float:
    return sum(len(_party_lines(party, size)) * size * LEADING + 4 for party in form.parties)


def _party_lines(party: PartyPlan, size: float) -> list[tuple[str, str, str]]:
    """Return the lines of one party block as (font, words, words of the telephone column)."""
    lines = [(BOLD, words, "") for words in wrap(_said(party.name), FULL, size, BOLD)]
    for wide, phone in party.rows:
        beside = [] if phone is None else wrap(_said(phone), _PHONE, size)
        left = wrap(_said(wide), FULL - _INDENT - (_PHONE + 8 if beside else 0), size)
        lines += [(REGULAR, first, second) for first, second in zip_longest(left, beside, fillvalue="")]
    return lines


def _said(item: Item) -> str:
    return f"{item.label}: {item.value}"


def _parties(pen: Pen, form: Plan, y: float, size: float) -> float:
    """Draw the party blocks; return the y below them."""
    for party in form.parties:
        pen.rules((LEFT, y, RIGHT, y))
        y -= 1
        for font, words, beside in _party_lines(party, size):
            y -= size * LEADING
            pen.text(LEFT if font == BOLD else LEFT + _INDENT, y, words, size, font)
            pen.text(RIGHT - _PHONE, y, beside, size)
        y -= 3
    pen.rules((LEFT, y, RIGHT, y))
    return y


def _export_height() -> float:
    return 3 * BODY * 1.4 + 2


def _export(pen: Pen, form: Plan, y: float) -> None:
    """Draw section 5; the places of a load that stays in the country are empty."""
    step = BODY * 1.4
    pen.text(LEFT, y - step, form.export_title, BODY, BOLD)
    country, entry, vehicle, date, way_out = form.export
    for n, row in enumerate(((country, entry), (vehicle, date, way_out)), start=2):
        width = FULL / len(row)
        for at, item in enumerate(row):
            x, base = LEFT + at * width + (12 if at == 0 else 0), y - n * step
            pen.text(x, base, f"{item.label}:", BODY)
            start, end = x + width_of(f"{item.label}:", BODY) + 3, LEFT + (at + 1) * width - 6
            if item.value:
                pen.text(start, base, *shorten(item.value, end - start, BODY))
            else:
                pen.dots(start, end, base - 1)


# --- appendix and foot ------------------------------------------------------------------------------


def _appendix_page(pen: Pen, form: Plan, pages: _Pages, n: int) -> None:
    pen.text((LEFT + RIGHT) / 2, TOP - 16, "TRANG PHỤ LỤC", 13, BOLD, align="centre")
    number = f"kèm theo {form.title}, {form.number.label}: {form.number.value}"
    pen.text((LEFT + RIGHT) / 2, TOP - 31, number, fit(number, FULL, BODY), align="centre")
    pen.text(LEFT, TOP - 50, form.lines_title, fit(form.lines_title, FULL, BODY, BOLD), BOLD)
    y = draw_table(pen, form, pages.rows[n], TOP - 55)
    draw_note(pen, form, y)
    _foot(pen, form, n + 1, len(pages.rows))


def _foot(pen: Pen, form: Plan, page: int, pages: int) -> None:
    """Draw the copies line with its tick boxes, and where and how to check the document."""
    y = BOTTOM + _FOOT - 14
    x = LEFT
    pen.text(x, y, f"{form.words['copies.title']}:", BODY, BOLD)
    x += width_of(f"{form.words['copies.title']}:", BODY, BOLD) + 6
    for copy in form.copies:
        pen.text(x, y, copy, BODY)
        x += width_of(copy, BODY) + 3
        pen.canvas.setLineWidth(0.7)
        pen.canvas.rect(x, y - 0.8, 7.6, 7.6)
        x += 18
    if page > 1 or pages > 1:
        pen.text(RIGHT, y, f"Trang {page}/{pages}", LABEL, align="right")
    note, manifest, digest = form.foot
    check = f"{note} {form.verify_url}"
    pen.rules((LEFT, y - 5, RIGHT, y - 5))
    pen.text(LEFT, y - 14, check, fit(check, FULL, SMALL))
    pen.text(LEFT, y - 22.5, manifest, _TINY)
    pen.text(RIGHT, y - 22.5, digest, _TINY, align="right")
