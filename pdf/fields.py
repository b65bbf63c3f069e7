"""Form fields of the manifest: an embedded typeface, empty fields with locks, and filled appearances.

Everything a later signer writes is shown with the typeface embedded here, so a signed revision adds a
few hundred bytes of text and no font of its own. The mapping from letters to glyphs travels inside the
document (its ToUnicode table), so a document can be filled by a later version of this program.
"""

import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import Any, Final

import pikepdf
from pikepdf import Array, Dictionary, Name, Pdf, Stream, String
from reportlab.pdfbase.ttfonts import TTFontFile

from pdf.errors import TextTooLong, TextUnprintable
from pdf.form import BOX_FIELDS, COMPLETION

FONT_NAME: Final = "F0"
MIN_SIZE: Final = 5.0
EMPTY: Final = b"/Tx BMC EMC"  # the appearance of a text field not filled yet
_LEADING: Final = 1.22
_PAD: Final = 1.5
_PRINT: Final = 4  # annotation flag: the widget is printed
# Letters a Vietnamese, or any Latin-script, name or address is made of.
_RANGES: Final = (
    (0x20, 0x7E),
    (0xA0, 0x17F),
    (0x1A0, 0x1A1),
    (0x1AF, 0x1B0),
    (0x1EA0, 0x1EF9),
    (0x2010, 0x2026),
    (0x2030, 0x203A),
    (0x20AB, 0x20AC),
    (0x2116, 0x2116),
    (0x2212, 0x2212),
    (0x2264, 0x2265),
)
_READ_ONLY: Final = 1
_MULTILINE: Final = 1 << 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where a field stands: page from 0, rectangle in points from the lower left corner."""

    page: int
    name: str
    box: str
    tooltip: str
    rect: tuple[float, float, float, float]
    signature: bool = False
    lines: int = 1
    size: float = 8.5


@dataclass(frozen=True, slots=True)
class Typeface:
    """Glyph numbers and widths (1/1000 em) of the embedded typeface, by letter."""

    glyphs: Mapping[str, int]
    widths: Mapping[str, int]

    @classmethod
    def parse(cls, to_unicode: bytes, table: Sequence[Any]) -> "Typeface":
        """Read back what ``add_fields`` embedded: its ToUnicode table and its /W array."""
        *runs, first, singles = table
        widths = {int(first) + n: int(width) for n, width in enumerate(singles)}
        for start, end, width in zip(runs[::3], runs[1::3], runs[2::3], strict=True):
            widths |= dict.fromkeys(range(int(start), int(end) + 1), int(width))
        pairs = re.findall(rb"^<([0-9A-F]{4})> <([0-9A-F]{4})>$", to_unicode, re.MULTILINE)
        glyphs = {chr(int(code, 16)): int(glyph, 16) for glyph, code in pairs if int(glyph, 16) in widths}
        return cls(glyphs, {letter: widths[glyph] for letter, glyph in glyphs.items()})

    def width(self, text: str, size: float) -> float:
        """Return the width in points. Raises TextUnprintable."""
        try:
            return sum(self.widths[letter] for letter in text) * size / 1000
        except KeyError:
            missing = sorted({letter for letter in text if letter not in self.widths})
            raise TextUnprintable(text=text[:80], characters=missing) from None

    def wrap(self, text: str, width: float, size: float) -> list[str]:
        """Break the text into lines no wider than the width; a longer word is cut."""
        lines: list[str] = []
        line = ""
        for word in text.split():
            longer = f"{line} {word}".strip()
            if self.width(longer, size) <= width:
                line = longer
                continue
            if line:
                lines.append(line)
            while word and self.width(word, size) > width:
                fits = next(
                    n for n in range(len(word), 0, -1) if n == 1 or self.width(word[:n], size) <= width
                )
                lines.append(word[:fits])
                word = word[fits:]  # noqa: PLW2901
            line = word
        return [*lines, line] if line or not lines else lines

    def fit(self, texts: Iterable[str], width: float, height: float, size: float) -> tuple[list[str], float]:
        """Return lines and the largest size, from ``size`` down, at which they fit. Raises TextTooLong."""
        paragraphs = list(texts)
        while size >= MIN_SIZE:
            lines = [line for text in paragraphs for line in self.wrap(text, width, size)]
            if len(lines) * size * _LEADING <= height + 0.01:
                return lines, size
            size -= 0.5
        raise TextTooLong(text=" ".join(paragraphs)[:80])

    def show(self, texts: Iterable[str], width: float, height: float, size: float) -> bytes:
        """Return a content stream that shows the texts, one paragraph each, at mid-height."""
        room = (width - 2 * _PAD, height)
        lines, size = self.fit(texts, room[0], room[1], size)
        leading = size * _LEADING
        first = (height + len(lines) * leading) / 2 - size * 0.98
        out = [b"BT 0 g /%s %g Tf %.3f TL %.3f %.3f Td" % (FONT_NAME.encode(), size, leading, _PAD, first)]
        out += [b"<%s> Tj T*" % b"".join(b"%04X" % self.glyphs[letter] for letter in line) for line in lines]
        return b"\n".join([*out, b"ET"])


def add_fields(base: bytes, spots: Sequence[Spot]) -> bytes:
    """Return the drawn page with its empty fields. The same input gives the same bytes."""
    with Pdf.open(io.BytesIO(base)) as pdf:
        font = _embed_typeface(pdf)
        data = {key: [s.name for s in spots if s.box == key and not s.signature] for key in BOX_FIELDS}
        refs = []
        for spot in spots:
            page = pdf.pages[spot.page]
            widget = pdf.make_indirect(_widget(pdf, spot, data[spot.box]))
            widget.P = page.obj
            if Name.Annots not in page:
                page.Annots = pdf.make_indirect(Array())
            page.Annots.append(widget)
            refs.append(widget)
        pdf.Root.AcroForm = pdf.make_indirect(
            Dictionary(
                Fields=Array(refs),
                SigFlags=3,  # signatures exist; append only
                DR=Dictionary(Font=Dictionary({f"/{FONT_NAME}": font})),
                DA=String(f"/{FONT_NAME} 8.5 Tf 0 g"),
            )
        )
        out = io.BytesIO()
        pdf.save(out, deterministic_id=True, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    return out.getvalue()


def _widget(pdf: Pdf, spot: Spot, data: Sequence[str]) -> Dictionary:
    """Return one field merged with its widget, with an empty appearance."""
    x1, y1, x2, y2 = (round(value, 2) for value in spot.rect)
    empty = Stream(pdf, b"q Q" if spot.signature else EMPTY)
    empty.Type, empty.Subtype = Name.XObject, Name.Form
    empty.BBox = Array([0, 0, round(x2 - x1, 2), round(y2 - y1, 2)])
    widget = Dictionary(
        Type=Name.Annot,
        Subtype=Name.Widget,
        T=String(spot.name),
        TU=String(spot.tooltip),
        F=_PRINT,
        Rect=Array([x1, y1, x2, y2]),
        AP=Dictionary(N=pdf.make_indirect(empty)),
    )
    if spot.signature:
        widget.FT = Name.Sig
        widget.Lock = pdf.make_indirect(_lock(spot.box, data))
    else:
        # Read-only in viewers: a value typed by hand would break the signatures already there.
        widget.FT, widget.V = Name.Tx, String("")
        widget.Ff = _READ_ONLY | (_MULTILINE if spot.lines > 1 else 0)
        widget.DA = String(f"/{FONT_NAME} {spot.size:g} Tf 0 g")
    return widget


def _lock(box: str, data: Sequence[str]) -> Dictionary:
    """Return what a signature closes: its own data fields, or at completion the whole document."""
    if box == COMPLETION:
        return Dictionary(Type=Name.SigFieldLock, Action=Name.All, P=1)
    names = Array([String(name) for name in data])
    return Dictionary(Type=Name.SigFieldLock, Action=Name.Include, Fields=names, P=2)


def font_path(style: str) -> str:
    """Return the file of an Open Sans style; asked of the package's folder, for importing it loads Pillow."""
    return str(files("ttf_opensans").joinpath(f"ttf/OpenSans-{style}.ttf"))


@cache
def _cut_typeface() -> tuple[TTFontFile, bytes, tuple[int, ...]]:
    """Return Open Sans, its program cut down to ``_RANGES``, and the letters in glyph order from 1."""
    face = TTFontFile(font_path("Regular"))
    by_glyph: dict[int, int] = {}
    for code in (code for first, last in _RANGES for code in range(first, last + 1)):
        if code in face.charToGlyph:
            by_glyph.setdefault(face.charToGlyph[code], code)
    # makeSubset numbers distinct glyphs in the order given, from 1. Letters of one width stand together,
    # those of a width of their own at the end: a short /W keeps pyHanko's walk over the document short.
    widths = {code: round(face.charWidths[code]) for code in by_glyph.values()}
    shared = Counter(widths.values())
    letters = sorted(widths, key=lambda code: (shared[widths[code]] == 1, widths[code], code))
    return face, face.makeSubset(letters), tuple(letters)


def _embed_typeface(pdf: Pdf) -> pikepdf.Object:
    """Embed the typeface as a two-byte font whose codes are glyph numbers."""
    face, data, letters = _cut_typeface()
    program = Stream(pdf, data)
    program.Length1 = len(data)
    table: list[Any] = []
    glyph = 1
    for width, group in groupby(round(face.charWidths[code]) for code in letters):
        count = len(list(group))
        if count > 1:
            table += [glyph, glyph + count - 1, width]
        elif table and isinstance(table[-1], list):
            table[-1].append(width)
        else:
            table += [glyph, [width]]
        glyph += count
    descriptor = Dictionary(
        Type=Name.FontDescriptor,
        FontName=Name("/CTNHFM+OpenSans"),
        Flags=4,
        FontBBox=Array([round(value) for value in face.bbox]),
        ItalicAngle=0,
        Ascent=round(face.ascent),
        Descent=round(face.descent),
        CapHeight=round(face.capHeight),
        StemV=round(face.stemV),
        FontFile2=pdf.make_indirect(program),
    )
    descendant = Dictionary(
        Type=Name.Font,
        Subtype=Name.CIDFontType2,
        BaseFont=Name("/CTNHFM+OpenSans"),
        CIDSystemInfo=Dictionary(Registry=String("Adobe"), Ordering=String("Identity"), Supplement=0),
        CIDToGIDMap=Name.Identity,
        DW=0,
        W=Array([Array(item) if isinstance(item, list) else item for item in table]),
        FontDescriptor=pdf.make_indirect(descriptor),
    )
    return pdf.make_indirect(
        Dictionary(
            Type=Name.Font,
            Subtype=Name.Type0,
            BaseFont=Name("/CTNHFM+OpenSans"),
            Encoding=Name("/Identity-H"),
            DescendantFonts=Array([pdf.make_indirect(descendant)]),
            ToUnicode=pdf.make_indirect(Stream(pdf, _to_unicode(letters))),
        )
    )


def _to_unicode(letters: Sequence[int]) -> bytes:
    """Return the table from glyph numbers to letters, at most 100 to a block as the format asks."""
    pairs = [f"<{glyph:04X}> <{code:04X}>" for glyph, code in enumerate(letters, start=1)]
    blocks = []
    for at in range(0, len(pairs), 100):
        block = pairs[at : at + 100]
        blocks += [f"{len(block)} beginbfchar", *block, "endbfchar"]
    lines = [
        "/CIDInit /ProcSet findresource begin",
        "12 dict begin",
        "begincmap",
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def",
        "/CMapName /Adobe-Identity-UCS def",
        "/CMapType 2 def",
        "1 begincodespacerange",
        "<0000> <FFFF>",
        "endcodespacerange",
        *blocks,
        "endcmap",
        "CMapName currentdict /CMap defineresource pop",
        "end",
        "end",
    ]
    return "\n".join(lines).encode()
