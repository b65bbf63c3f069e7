"""The QR code on the form, drawn as one vector path."""

from collections.abc import Iterator

import segno
from reportlab.pdfgen.canvas import Canvas


def draw_qr(canvas: Canvas, content: str, x: float, y: float, side: float) -> None:
    """Draw the code as one path of horizontal runs inside its quiet zone of four modules."""
    # A fixed mask is legal for readers and spares the search for the prettiest one.
    code = segno.make(content, error="m", boost_error=False, mask=2, micro=False)
    rows = [bytes(row) for row in code.matrix]
    size = len(rows) + 8
    canvas.saveState()
    canvas.translate(x, y)
    canvas.scale(side / size, side / size)
    path = canvas.beginPath()
    for n, row in enumerate(rows):
        for start, end in _runs(row):
            path.rect(start + 4, size - n - 5, end - start, 1)
    canvas.drawPath(path, stroke=0, fill=1)
    canvas.restoreState()


def _runs(row: bytes) -> Iterator[tuple[int, int]]:
    """Yield the dark runs of one row as (start, end)."""
    start = row.find(1)
    while start >= 0:
        end = row.find(0, start)
        end = len(row) if end < 0 else end
        yield start, end
        start = row.find(1, end)
