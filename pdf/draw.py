"""The manifest on A4: where the words of the plan stand, drawn with an embedded typeface.

The first page holds everything anybody signs. Party blocks shrink before they overlap, and lines of the
table that find no room go to appendix pages (trang phụ lục). The output depends on the sheet alone.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Final

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from pdf.errors import TextTooLong
from pdf.fields import Spot, add_fields
from pdf.form import COMPLETION, BoxPlan, Item, PartyPlan, Plan, RowPlan, Sheet, plan
from pdf.measure import BOLD, REGULAR, SMALL, fit, register_fonts, require_printable, shorten, width_of, wrap
from pdf.qr import draw_qr

WIDTH, HEIGHT = A4
LEFT, RIGHT = 36.0, WIDTH - 36.0
TOP, BOTTOM = HEIGHT - 24.0, 22.0
FULL: Final = RIGHT - LEFT

_LEADING: Final = 1.26
_BODY: Final = 9.0
_LABEL: Final = 8.5
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
_SIGN: Final = 47.0  # height of a signature area
_GAP: Final = 6.0

_Area = tuple[float, float, float, float]  # left, bottom, right, top

# Table columns: number, name, three states, code, mass, methods agreed and applied; then the right edge.
_EDGES: Final = tuple(LEFT + x for x in (0, 26, 192, 218, 244, 270, 326, 392, 456, FULL))
_TABLE_HEAD: Final = 31.0
_ROW: Final = 15.0


@dataclass
class _Pen:
    """A canvas and the fields placed on it so far."""

    canvas: Canvas
    page: int = 0
    spots: list[Spot] = field(default_factory=list)

    def text(
        self, x: float, y: float, words: str, size: float, font: str = REGULAR, *, align: str = "left"
    ) -> None:
        """Draw one line with its baseline at y; ``align`` says which side of it x is."""
        if not words:
            return
        self.canvas.setFont(font, size)
        if align == "right":
            self.canvas.drawRightString(x, y, words)
        elif align == "centre":
            self.canvas.drawCentredString(x, y, words)
        else:
            self.canvas.drawString(x, y, words)

    def rules(self, *edges: tuple[float, float, float, float]) -> None:
        """Draw straight lines."""
        self.canvas.setLineWidth(0.6)
        self.canvas.lines(edges)

    def dots(self, x1: float, x2: float, y: float) -> None:
        """Draw the dotted line of a place left empty."""
        self.canvas.saveState()
        self.canvas.setLineWidth(0.5)
        self.canvas.setDash(0.6, 1.8)
        self.canvas.line(x1, y, x2, y)
        self.canvas.restoreState()


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
    pen = _Pen(canvas)
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
    heights = [_row_height(row) for row in form.rows]
    pointer = SMALL * _LEADING + 3
    fixed = _HEAD + 17 + _TABLE_HEAD + _note_height(form) + _export_height() + _boxes_height(form) + _FOOT
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
        more = _how_many(heights[first:], TOP - BOTTOM - _FOOT - 60 - _TABLE_HEAD - _note_height(form))
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


def _first_page(pen: _Pen, form: Plan, pages: _Pages) -> None:
    shown, rest = pages.rows[0], len(form.rows) - len(pages.rows[0])
    y = _head(pen, form)
    y = _parties(pen, form, y, pages.size)
    y -= 12.5
    pen.text(LEFT, y, form.lines_title, fit(form.lines_title, FULL, _BODY, BOLD), BOLD)
    y = _table(pen, form, shown, y - 4.5)
    if rest:
        y -= SMALL * _LEADING
        pen.text(
            LEFT,
            y,
            f"Tiếp theo tại trang phụ lục: từ dòng {len(shown) + 1} đến dòng {len(form.rows)}.",
            SMALL,
        )
        y -= 3
    y = _note(pen, form, y)
    _export(pen, form, y)
    _boxes(pen, form, BOTTOM + _FOOT + _boxes_height(form))
    _foot(pen, form, 1, len(pages.rows))


def _head(pen: _Pen, form: Plan) -> float:
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
    return sum(len(_party_lines(party, size)) * size * _LEADING + 4 for party in form.parties)


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


def _parties(pen: _Pen, form: Plan, y: float, size: float) -> float:
    """Draw the party blocks; return the y below them."""
    for party in form.parties:
        pen.rules((LEFT, y, RIGHT, y))
        y -= 1
        for font, words, beside in _party_lines(party, size):
            y -= size * _LEADING
            pen.text(LEFT if font == BOLD else LEFT + _INDENT, y, words, size, font)
            pen.text(RIGHT - _PHONE, y, beside, size)
        y -= 3
    pen.rules((LEFT, y, RIGHT, y))
    return y


def _row_height(row: RowPlan) -> float:
    name = len(wrap(row.name, _EDGES[2] - _EDGES[1] - 6, _BODY))
    planned = len(wrap(row.planned, _EDGES[8] - _EDGES[7] - 6, _LABEL))
    return max(_ROW, max(name, planned) * _BODY * _LEADING + 4)


def _table(pen: _Pen, form: Plan, rows: Sequence[RowPlan], top: float) -> float:
    """Draw the head and the rows of the table of lines; return the y of its lower edge."""
    y = _table_head(pen, form, top)
    for row in rows:
        height = _row_height(row)
        base = y - height / 2 - _BODY * 0.36
        pen.text((_EDGES[0] + _EDGES[1]) / 2, base, row.n, _BODY, align="centre")
        _cell(pen, row.name, (_EDGES[1], y - height, _EDGES[2], y), _BODY)
        mark = (_EDGES[2 + row.state] + _EDGES[3 + row.state]) / 2
        pen.text(mark, base, "X", _BODY, BOLD, align="centre")
        code = fit(row.code, _EDGES[6] - _EDGES[5] - 4, _BODY)
        pen.text((_EDGES[5] + _EDGES[6]) / 2, base, row.code, code, align="centre")
        mass = fit(row.mass, _EDGES[7] - _EDGES[6] - 6, _BODY, BOLD)
        pen.text(_EDGES[7] - 4, base, row.mass, mass, BOLD, align="right")
        _cell(pen, row.planned, (_EDGES[7], y - height, _EDGES[8], y), _LABEL)
        if row.applied_field is not None:
            rect = (_EDGES[8] + 1, y - height + 1, _EDGES[9] - 1, y - 1)
            hint = f"{form.words['lines.methods']} (đã áp dụng), dòng {row.n}"
            pen.spots.append(
                Spot(page=pen.page, name=row.applied_field, box=COMPLETION, tooltip=hint, rect=rect, lines=2)
            )
        y -= height
        pen.rules((LEFT, y, RIGHT, y))
    pen.rules(
        *(
            (x, top, x, y)
            for x in (_EDGES[0], _EDGES[1], _EDGES[2], _EDGES[5], _EDGES[6], _EDGES[7], _EDGES[9])
        )
    )
    middle = top - _TABLE_HEAD / 2
    pen.rules(*((x, middle, x, y) for x in (_EDGES[3], _EDGES[4], _EDGES[8])))
    return y


def _table_head(pen: _Pen, form: Plan, top: float) -> float:
    words = form.words
    middle, bottom = top - _TABLE_HEAD / 2, top - _TABLE_HEAD
    pen.rules((LEFT, top, RIGHT, top), (LEFT, bottom, RIGHT, bottom))
    pen.rules((_EDGES[2], middle, _EDGES[5], middle), (_EDGES[7], middle, RIGHT, middle))
    whole = ((0, 1, "lines.n"), (1, 2, "lines.name"), (5, 6, "lines.code"), (6, 7, "lines.mass"))
    for first, last, key in whole:
        _heading(pen, words[key], (_EDGES[first], bottom, _EDGES[last], top))
    _heading(pen, words["lines.state"], (_EDGES[2], middle, _EDGES[5], top))
    _heading(pen, words["lines.methods"], (_EDGES[7], middle, _EDGES[9], top))
    for n, key in enumerate(("lines.solid", "lines.liquid", "lines.sludge")):
        _heading(pen, words[key], (_EDGES[2 + n], bottom, _EDGES[3 + n], middle))
    _heading(pen, "Thỏa thuận", (_EDGES[7], bottom, _EDGES[8], middle))
    _heading(pen, "Đã áp dụng", (_EDGES[8], bottom, _EDGES[9], middle))
    return bottom


def _heading(pen: _Pen, words: str, area: _Area) -> None:
    """Draw a column heading in the middle of its cell, in as many lines as it needs."""
    x1, bottom, x2, top = area
    lines = wrap(words, x2 - x1 - 3, _LABEL, BOLD)
    y = (top + bottom) / 2 + len(lines) * _LABEL * 1.15 / 2
    for line in lines:
        y -= _LABEL * 1.15
        pen.text((x1 + x2) / 2, y + _LABEL * 0.25, line, _LABEL, BOLD, align="centre")


def _cell(pen: _Pen, words: str, area: _Area, size: float) -> None:
    """Draw wrapped text at the left of a cell, at mid-height."""
    x1, bottom, x2, top = area
    lines = wrap(words, x2 - x1 - 6, size)
    y = (top + bottom) / 2 + len(lines) * _BODY * _LEADING / 2
    for line in lines:
        y -= _BODY * _LEADING
        pen.text(x1 + 3, y + _BODY * 0.29, line, size)


def _note_height(form: Plan) -> float:
    return len(wrap(form.methods_note, FULL, SMALL)) * SMALL * _LEADING + 4


def _note(pen: _Pen, form: Plan, y: float) -> float:
    """Draw the legend of treatment methods; return the y below it."""
    for line in wrap(form.methods_note, FULL, SMALL):
        y -= SMALL * _LEADING
        pen.text(LEFT, y, line, SMALL)
    return y - 4


def _export_height() -> float:
    return 3 * _BODY * 1.4 + 2


def _export(pen: _Pen, form: Plan, y: float) -> None:
    """Draw section 5; the places of a load that stays in the country are empty."""
    step = _BODY * 1.4
    pen.text(LEFT, y - step, form.export_title, _BODY, BOLD)
    country, entry, vehicle, date, way_out = form.export
    for n, row in enumerate(((country, entry), (vehicle, date, way_out)), start=2):
        width = FULL / len(row)
        for at, item in enumerate(row):
            x, base = LEFT + at * width + (12 if at == 0 else 0), y - n * step
            pen.text(x, base, f"{item.label}:", _BODY)
            start, end = x + width_of(f"{item.label}:", _BODY) + 3, LEFT + (at + 1) * width - 6
            if item.value:
                pen.text(start, base, *shorten(item.value, end - start, _BODY))
            else:
                pen.dots(start, end, base - 1)


# --- signature boxes --------------------------------------------------------------------------------


def _boxes_height(form: Plan) -> float:
    return 13.5 + _pair_height(form.boxes[:2]) + _pair_height(form.boxes[2:])


def _pair_height(pair: Sequence[BoxPlan]) -> float:
    inner = FULL / 2 - 2 * _GAP
    titles = max(len(wrap(box.title, inner, _LABEL, BOLD)) for box in pair)
    return 3 + titles * _LABEL * 1.2 + 14 + 3 * 13.5 + _SIGN + 3


def _boxes(pen: _Pen, form: Plan, top: float) -> None:
    """Draw the receipts side by side, and under them the generator's confirmation and the completion."""
    pen.text(LEFT, top - 10, form.receipts_title, _BODY, BOLD)
    y = top - 13.5
    for pair in (form.boxes[:2], form.boxes[2:]):
        height = _pair_height(pair)
        for n, box in enumerate(pair):
            x1, x2 = LEFT + n * FULL / 2, LEFT + (n + 1) * FULL / 2
            pen.rules(
                (x1, y, x2, y),
                (x2, y, x2, y - height),
                (x2, y - height, x1, y - height),
                (x1, y - height, x1, y),
            )
            _box(pen, box, (x1 + _GAP, y - height + 3, x2 - _GAP, y - 3), form.words["field.sign"])
        y -= height


def _box(pen: _Pen, box: BoxPlan, area: _Area, sign: str) -> None:
    """Draw one signature box and place its fields; ``area`` is what is left inside its border."""
    x1, bottom, x2, top = area
    y = top
    for line in wrap(box.title, x2 - x1, _LABEL, BOLD):
        y -= _LABEL * 1.2
        pen.text(x1, y + 1, line, _LABEL, BOLD)
    if box.sig_field is None:
        pen.text((x1 + x2) / 2, (y + bottom) / 2, box.party, _BODY, align="centre")
        return
    y -= 11
    pen.text(x1, y + 1, *shorten(box.party, x2 - x1, _BODY))
    y -= 2
    rows = _data_rows(box)
    for row in rows:
        y -= 13.5
        x = x1
        for name, label, share in row:
            end = x + (x2 - x1) * share
            pen.text(x, y + 3, f"{label}:", _LABEL)
            start = x + width_of(f"{label}:", _LABEL) + 2
            pen.dots(start, end - 3, y + 1)
            rect = (start, y + 0.8, end - 3, y + 12.8)
            hint = f"{label} ({box.party})"
            pen.spots.append(
                Spot(page=pen.page, name=name, box=box.key, tooltip=hint, rect=rect, size=_LABEL)
            )
            x = end
    pen.text(x1, bottom + _SIGN - 9, f"{sign}:", _LABEL)
    left = x1 + width_of(f"{sign}:", _LABEL) + 4
    hint = f"{sign}: {box.party}"
    rect = (left, bottom, x2, bottom + _SIGN - 2)
    pen.spots.append(
        Spot(page=pen.page, name=box.sig_field, box=box.key, tooltip=hint, rect=rect, signature=True)
    )


def _data_rows(box: BoxPlan) -> list[list[tuple[str, str, float]]]:
    """Return the data fields of a box in three rows: (field, label, share of the width)."""
    by_name = {name.removeprefix(f"{box.key}_"): (name, label) for name, label in box.data}

    def row(*shares: tuple[str, float]) -> list[tuple[str, str, float]]:
        return [(*by_name[name], share) for name, share in shares if name in by_name]

    if "vehicle" in by_name:
        return [row(("signer_name", 1.0)), row(("signed_on", 0.36), ("vehicle", 0.64)), row(("note", 1.0))]
    return [row(("signer_name", 1.0)), row(("signed_on", 0.36), ("signer_title", 0.64)), row(("note", 1.0))]


# --- appendix and foot ------------------------------------------------------------------------------


def _appendix_page(pen: _Pen, form: Plan, pages: _Pages, n: int) -> None:
    pen.text((LEFT + RIGHT) / 2, TOP - 16, "TRANG PHỤ LỤC", 13, BOLD, align="centre")
    number = f"kèm theo {form.title}, {form.number.label}: {form.number.value}"
    pen.text((LEFT + RIGHT) / 2, TOP - 31, number, fit(number, FULL, _BODY), align="centre")
    pen.text(LEFT, TOP - 50, form.lines_title, fit(form.lines_title, FULL, _BODY, BOLD), BOLD)
    y = _table(pen, form, pages.rows[n], TOP - 55)
    _note(pen, form, y)
    _foot(pen, form, n + 1, len(pages.rows))


def _foot(pen: _Pen, form: Plan, page: int, pages: int) -> None:
    """Draw the copies line with its tick boxes, and where and how to check the document."""
    y = BOTTOM + _FOOT - 14
    x = LEFT
    pen.text(x, y, f"{form.words['copies.title']}:", _BODY, BOLD)
    x += width_of(f"{form.words['copies.title']}:", _BODY, BOLD) + 6
    for copy in form.copies:
        pen.text(x, y, copy, _BODY)
        x += width_of(copy, _BODY) + 3
        pen.canvas.setLineWidth(0.7)
        pen.canvas.rect(x, y - 0.8, 7.6, 7.6)
        x += 18
    if page > 1 or pages > 1:
        pen.text(RIGHT, y, f"Trang {page}/{pages}", _LABEL, align="right")
    note, manifest, digest = form.foot
    check = f"{note} {form.verify_url}"
    pen.rules((LEFT, y - 5, RIGHT, y - 5))
    pen.text(LEFT, y - 14, check, fit(check, FULL, SMALL))
    pen.text(LEFT, y - 22.5, manifest, _TINY)
    pen.text(RIGHT, y - 22.5, digest, _TINY, align="right")
