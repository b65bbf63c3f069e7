"""The page: A4, its margins and sizes of letters, and the pen that draws on it."""

from dataclasses import dataclass, field
from typing import Final

from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from pdf.fields import Spot
from pdf.measure import REGULAR

# All in points, from the lower left corner.
WIDTH, HEIGHT = A4
LEFT, RIGHT = 36.0, WIDTH - 36.0
TOP, BOTTOM = HEIGHT - 24.0, 22.0
FULL: Final = RIGHT - LEFT

LEADING: Final = 1.26  # of the size of the letters
BODY: Final = 9.0
LABEL: Final = 8.5

Area = tuple[float, float, float, float]  # left, bottom, right, top


@dataclass
class Pen:
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

    def rules(self, *edges: Area) -> None:
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
