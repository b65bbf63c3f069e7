"""Pages without form fields: words checked before they are drawn, paragraphs, ticks, whole documents."""

import io
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfgen.canvas import Canvas

from pdf.errors import TextUnprintable
from pdf.form import clean
from pdf.measure import REGULAR, register_fonts, wrap
from pdf.page import Pen

_LEADING: Final = 1.3
T = TypeVar("T")


class PlainPen(Pen):
    """A pen that refuses what the typeface lacks: an empty box on paper would read as another name."""

    def text(
        self, x: float, y: float, words: str, size: float, font: str = REGULAR, *, align: str = "left"
    ) -> None:
        """Draw one line with its baseline at y. Raises TextUnprintable."""
        words = clean(words)
        glyphs = pdfmetrics.getFont(font).face.charToGlyph
        missing = sorted({letter for letter in words if ord(letter) not in glyphs})
        if missing:
            raise TextUnprintable(text=words[:80], characters=missing)
        super().text(x, y, words, size, font, align=align)

    def paragraph(
        self, x: float, y: float, width: float, words: str, size: float, *, font: str = REGULAR
    ) -> float:
        """Draw wrapped text below y; return the y of its last line."""
        for line in wrap(clean(words), width, size, font):
            y -= size * _LEADING
            self.text(x, y, line, size, font)
        return y

    def tick_box(self, x: float, y: float, side: float, *, ticked: bool) -> None:
        """Draw a small box, with a cross in it when it is ticked."""
        self.canvas.setLineWidth(0.7)
        self.canvas.rect(x, y, side, side)
        if ticked:
            self.rules((x, y, x + side, y + side), (x, y + side, x + side, y))


def draw_pages(title: str, subject: str, pages: Iterable[T], draw: Callable[[PlainPen, T], None]) -> bytes:
    """Return a PDF with one page for each item; the same items give the same bytes."""
    register_fonts()
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
    canvas.setTitle(clean(title))
    canvas.setAuthor("CTNH Ledger")
    canvas.setSubject(clean(subject))
    pen = PlainPen(canvas)
    for item in pages:
        draw(pen, item)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()
