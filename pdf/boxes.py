"""The signature boxes of the form: who signs in each, and the fields that are filled in with it."""

from collections.abc import Sequence
from typing import Final

from pdf.fields import Spot
from pdf.form import BoxPlan, Plan
from pdf.measure import BOLD, shorten, width_of, wrap
from pdf.page import BODY, FULL, LABEL, LEFT, Area, Pen

_SIGN: Final = 47.0  # height of a signature area
_GAP: Final = 6.0


def boxes_height(form: Plan) -> float:
    """Return how high the title and both rows of boxes stand, in points."""
    return 13.5 + _pair_height(form.boxes[:2]) + _pair_height(form.boxes[2:])


def _pair_height(pair: Sequence[BoxPlan]) -> float:
    inner = FULL / 2 - 2 * _GAP
    titles = max(len(wrap(box.title, inner, LABEL, BOLD)) for box in pair)
    return 3 + titles * LABEL * 1.2 + 14 + 3 * 13.5 + _SIGN + 3


def draw_boxes(pen: Pen, form: Plan, top: float) -> None:
    """Draw the receipts side by side, and under them the generator's confirmation and the completion."""
    pen.text(LEFT, top - 10, form.receipts_title, BODY, BOLD)
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


def _box(pen: Pen, box: BoxPlan, area: Area, sign: str) -> None:
    """Draw one signature box and place its fields; ``area`` is what is left inside its border."""
    x1, bottom, x2, top = area
    y = top
    for line in wrap(box.title, x2 - x1, LABEL, BOLD):
        y -= LABEL * 1.2
        pen.text(x1, y + 1, line, LABEL, BOLD)
    if box.sig_field is None:
        pen.text((x1 + x2) / 2, (y + bottom) / 2, box.party, BODY, align="centre")
        return
    y -= 11
    pen.text(x1, y + 1, *shorten(box.party, x2 - x1, BODY))
    y -= 2
    rows = _data_rows(box)
    for row in rows:
        y -= 13.5
        x = x1
        for name, label, share in row:
            end = x + (x2 - x1) * share
            pen.text(x, y + 3, f"{label}:", LABEL)
            start = x + width_of(f"{label}:", LABEL) + 2
            pen.dots(start, end - 3, y + 1)
            rect = (start, y + 0.8, end - 3, y + 12.8)
            hint = f"{label} ({box.party})"
            pen.spots.append(Spot(page=pen.page, name=name, box=box.key, tooltip=hint, rect=rect, size=LABEL))
            x = end
    pen.text(x1, bottom + _SIGN - 9, f"{sign}:", LABEL)
    left = x1 + width_of(f"{sign}:", LABEL) + 4
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
