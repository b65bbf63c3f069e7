"""How wide words stand in the form's typeface: fitting, shortening and wrapping them."""

from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from typing import Final

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

from pdf.errors import TextTooLong, TextUnprintable
from pdf.fields import font_path
from pdf.form import Plan

REGULAR: Final = "OpenSans"
BOLD: Final = "OpenSans-Bold"
SMALL: Final = 7.0
LEAST: Final = 4.5  # nothing is printed smaller


@cache
def register_fonts() -> None:
    """Make the two cuts of the typeface known to reportlab, once."""
    pdfmetrics.registerFont(TTFont(REGULAR, font_path("Regular")))
    pdfmetrics.registerFont(TTFont(BOLD, font_path("Bold")))


def require_printable(form: Plan) -> None:
    """Refuse text with letters the typeface lacks: an empty box on paper would read as another name."""
    face = pdfmetrics.getFont(REGULAR).face
    for words in _all_text(form):
        missing = sorted({letter for letter in words if ord(letter) not in face.charToGlyph})
        if missing:
            raise TextUnprintable(text=words[:80], characters=missing)


def _all_text(form: Plan) -> Iterable[str]:
    yield from (form.province.value, form.number.value)
    for party in form.parties:
        yield party.name.value
        for wide, phone in party.rows:
            yield wide.value
            yield phone.value if phone is not None else ""
    for row in form.rows:
        yield from (row.name, row.code, row.planned)
    yield from (box.party for box in form.boxes)


@lru_cache(maxsize=4096)
def _em(words: str, font: str) -> float:
    return float(pdfmetrics.stringWidth(words, font, 1))


def width_of(words: str, size: float, font: str = REGULAR) -> float:
    """Return how wide the words stand, in points."""
    return _em(words, font) * size


def fit(words: str, width: float, size: float, font: str = REGULAR) -> float:
    """Return the size, at most the given one, at which the words fit on one line. Raises TextTooLong."""
    natural = width_of(words, size, font)
    fitting = size if natural <= width else int(size * width / natural * 10) / 10
    if fitting < LEAST:
        raise TextTooLong(text=words[:80])
    return fitting


def shorten(words: str, width: float, size: float) -> tuple[str, float]:
    """Fit words that stand in full elsewhere on the page: smaller first, then cut with an ellipsis."""
    small = max(min(size, size * width / max(width_of(words, size), 1)), SMALL)
    if width_of(words, small) <= width:
        return words, small
    keep = next(n for n in range(len(words), 0, -1) if width_of(words[:n].rstrip() + "…", small) <= width)
    return words[:keep].rstrip() + "…", small


def wrap(words: str, width: float, size: float, font: str = REGULAR) -> list[str]:
    """Break words into lines; a single word wider than the line is cut."""
    lines: list[list[str]] = [[]]
    x, space = 0.0, width_of(" ", size, font)
    for word in words.split():
        for part in _parts(word, width, size, font):
            wide = width_of(part, size, font)
            if lines[-1] and x + space + wide > width:
                lines.append([])
            x = x + space + wide if lines[-1] else wide
            lines[-1].append(part)
    return [" ".join(line) for line in lines]


def _parts(word: str, width: float, size: float, font: str) -> Iterator[str]:
    """Yield the word, in pieces when it is wider than a line."""
    while word and width_of(word, size, font) > width:
        keep = next(n for n in range(len(word), 0, -1) if n == 1 or width_of(word[:n], size, font) <= width)
        yield word[:keep]
        word = word[keep:]
    if word:
        yield word
