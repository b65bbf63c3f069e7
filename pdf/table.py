"""The table of lines on the form: its head, its rows, and the legend of treatment methods under it."""

from collections.abc import Mapping, Sequence
from typing import Final

from pdf.fields import Spot
from pdf.form import COMPLETION, Plan, RowPlan
from pdf.measure import BOLD, SMALL, fit, wrap
from pdf.page import BODY, FULL, LABEL, LEADING, LEFT, RIGHT, Area, Pen

# Table columns: number, name, three states, code, mass, methods agreed and applied; then the right edge.
_EDGES: Final = tuple(LEFT + x for x in (0, 26, 192, 218, 244, 270, 326, 392, 456, FULL))
TABLE_HEAD: Final = 31.0
_ROW: Final = 15.0


def row_height(row: RowPlan) -> float:
    """Return how high a row stands, in points: as its name and its methods need."""
    name = len(wrap(row.name, _EDGES[2] - _EDGES[1] - 6, BODY))
    planned = len(wrap(row.planned, _EDGES[8] - _EDGES[7] - 6, LABEL))
    return max(_ROW, max(name, planned) * BODY * LEADING + 4)


def draw_table(pen: Pen, form: Plan, rows: Sequence[RowPlan], top: float) -> float:
    """Draw the head and the rows of the table of lines; return the y of its lower edge."""
    y = draw_table_head(pen, form.words, top)
    for row in rows:
        height = row_height(row)
        base = y - height / 2 - BODY * 0.36
        pen.text((_EDGES[0] + _EDGES[1]) / 2, base, row.n, BODY, align="centre")
        _cell(pen, row.name, (_EDGES[1], y - height, _EDGES[2], y), BODY)
        mark = (_EDGES[2 + row.state] + _EDGES[3 + row.state]) / 2
        pen.text(mark, base, "X", BODY, BOLD, align="centre")
        code = fit(row.code, _EDGES[6] - _EDGES[5] - 4, BODY)
        pen.text((_EDGES[5] + _EDGES[6]) / 2, base, row.code, code, align="centre")
        mass = fit(row.mass, _EDGES[7] - _EDGES[6] - 6, BODY, BOLD)
        pen.text(_EDGES[7] - 4, base, row.mass, mass, BOLD, align="right")
        _cell(pen, row.planned, (_EDGES[7], y - height, _EDGES[8], y), LABEL)
        if row.applied_field is not None:
            rect = (_EDGES[8] + 1, y - height + 1, _EDGES[9] - 1, y - 1)
            hint = f"{form.words['lines.methods']} (đã áp dụng), dòng {row.n}"
            pen.spots.append(
                Spot(page=pen.page, name=row.applied_field, box=COMPLETION, tooltip=hint, rect=rect, lines=2)
            )
        y -= height
        pen.rules((LEFT, y, RIGHT, y))
    draw_columns(pen, top, y)
    return y


def draw_empty_table(pen: Pen, words: Mapping[str, str], top: float, *, rows: int, height: float) -> float:
    """Draw the head and so many numbered rows to be written in by hand; return the y of the lower edge."""
    y = draw_table_head(pen, words, top)
    for n in range(1, rows + 1):
        pen.text((_EDGES[0] + _EDGES[1]) / 2, y - height / 2 - BODY * 0.36, str(n), BODY, align="centre")
        y -= height
        pen.rules((LEFT, y, RIGHT, y))
    draw_columns(pen, top, y)
    return y


def draw_columns(pen: Pen, top: float, bottom: float) -> None:
    """Draw the lines between the columns; states and methods share a heading above theirs."""
    middle = top - TABLE_HEAD / 2
    within = (_EDGES[3], _EDGES[4], _EDGES[8])
    pen.rules(*((x, middle if x in within else top, x, bottom) for x in _EDGES))


def draw_table_head(pen: Pen, words: Mapping[str, str], top: float) -> float:
    """Draw the headings of the columns; return the y below them."""
    middle, bottom = top - TABLE_HEAD / 2, top - TABLE_HEAD
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


def _heading(pen: Pen, words: str, area: Area) -> None:
    """Draw a column heading in the middle of its cell, in as many lines as it needs."""
    x1, bottom, x2, top = area
    lines = wrap(words, x2 - x1 - 3, LABEL, BOLD)
    y = (top + bottom) / 2 + len(lines) * LABEL * 1.15 / 2
    for line in lines:
        y -= LABEL * 1.15
        pen.text((x1 + x2) / 2, y + LABEL * 0.25, line, LABEL, BOLD, align="centre")


def _cell(pen: Pen, words: str, area: Area, size: float) -> None:
    """Draw wrapped text at the left of a cell, at mid-height."""
    x1, bottom, x2, top = area
    lines = wrap(words, x2 - x1 - 6, size)
    y = (top + bottom) / 2 + len(lines) * BODY * LEADING / 2
    for line in lines:
        y -= BODY * LEADING
        pen.text(x1 + 3, y + BODY * 0.29, line, size)


def note_height(form: Plan) -> float:
    """Return how high the legend of treatment methods stands, in points."""
    return len(wrap(form.methods_note, FULL, SMALL)) * SMALL * LEADING + 4


def draw_note(pen: Pen, form: Plan, y: float) -> float:
    """Draw the legend of treatment methods; return the y below it."""
    for line in wrap(form.methods_note, FULL, SMALL):
        y -= SMALL * LEADING
        pen.text(LEFT, y, line, SMALL)
    return y - 4
