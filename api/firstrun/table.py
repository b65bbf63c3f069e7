"""The roster as a table: which columns it has, and how a file that Excel saved is read into rows.

Everything is text here, in NFC with single spaces; what the texts mean is for `api.firstrun.rows`.
"""

import csv
import io
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ledger.errors import Fact, Malformed, Problem
from manifest import wording

MOST_ROWS: Final = 20_000
_MOST_LETTERS: Final = 1_000
_DELIMITERS: Final = (";", ",", "\t")
_COMMENT: Final = "#"


class Line(StrEnum):
    """What a row of the roster enters."""

    ZONE = "zone"
    ORGANISATION = "organisation"
    SITE = "site"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, and in which kinds of row it says something; ``must`` where it may not be empty."""

    name: str
    of: tuple[Line, ...]
    must: tuple[Line, ...] = ()


_ALL = tuple(Line)
_PLACED = (Line.ZONE, Line.SITE)
_PARTY = (Line.ORGANISATION,)
_SITE = (Line.SITE,)
COLUMNS: Final = (
    Column("line", _ALL, _ALL),
    Column("ref", _ALL, (Line.ZONE,)),
    Column("name", _ALL, _ALL),
    Column("roles", _PARTY, _PARTY),
    Column("identifier", _PARTY),
    Column("no_identifier_reason", _PARTY),
    Column("address", (Line.ORGANISATION, Line.SITE), (Line.ORGANISATION, Line.SITE)),
    Column("phone", (Line.ORGANISATION, Line.SITE)),
    Column("organisation", _SITE, _SITE),
    Column("site_kind", _SITE, _SITE),
    Column("zone_kind", _PLACED, _PLACED),
    Column("zone", _SITE),
    Column("counts_for_t1", (Line.ZONE,), (Line.ZONE,)),
    Column("district", _PLACED),
    Column("old_commune", _SITE),
    Column("commune", _PLACED),
    Column("province", _SITE, _SITE),
    Column("latitude", _SITE),
    Column("longitude", _SITE),
    Column("code", _SITE),
)
BY_NAME: Final[Mapping[str, Column]] = {column.name: column for column in COLUMNS}


@dataclass(frozen=True, slots=True)
class Wrong:
    """Why a row is not entered: its number in the sheet (the headings are row 1), the column, the code."""

    row: int
    column: str
    code: str
    facts: Mapping[str, Fact]

    def as_json(self, language: wording.Language) -> dict[str, object]:
        """Return it with its sentence."""
        sentence = wording.message(self.code, self.facts, language)
        return {"row": self.row, "column": self.column, "code": self.code, "message": sentence}


@dataclass(frozen=True, slots=True)
class Cells:
    """A row of the sheet: its number and its cells by column, empty ones left out."""

    row: int
    values: Mapping[str, str]


def template() -> str:
    """Return the headings of a roster in Vietnamese, and an example of each kind of row as a comment."""
    lines = [[wording.label("roster_column", column.name, "vi") for column in COLUMNS]]
    lines += [[_COMMENT + line[0], *line[1:]] for line in _examples()]
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(lines)
    return text.getvalue()


def _examples() -> Iterator[list[str]]:
    shown = {
        Line.ZONE: {
            "ref": "kcn-thang-long", "name": "KCN Thăng Long", "zone_kind": "park", "counts_for_t1": "có",
            "district": "017", "commune": "00493",
        },
        Line.ORGANISATION: {
            "name": "Công ty TNHH Ví Dụ", "roles": "generator", "identifier": "0100000010",
            "address": "Lô A1, KCN Thăng Long, Hà Nội", "phone": "024 0000 0000",
        },
        Line.SITE: {
            "name": "Nhà máy số 1", "address": "Lô A1, KCN Thăng Long", "organisation": "0100000010",
            "site_kind": "factory", "zone_kind": "park", "zone": "kcn-thang-long", "district": "017",
            "commune": "00493", "province": "Thành phố Hà Nội", "code": "01.000001.T",
        },
    }  # fmt: skip
    for line, values in shown.items():
        spoken = {"line": wording.label("roster_line", line, "vi"), **values}
        for name in ("roles", "site_kind", "zone_kind"):
            if name in spoken:
                spoken[name] = wording.label(name.removesuffix("s"), spoken[name], "vi")
        yield [spoken.get(column.name, "") for column in COLUMNS]


def read_table(data: bytes) -> list[Cells]:
    """Return the rows of a roster file; raise Malformed when it is no such table.

    UTF-8 with or without a mark at its beginning, or the UTF-16 of «Unicode text»; cells separated by
    semicolons, commas or tabs. Headings are the columns' names or their Vietnamese labels. Empty rows and
    rows that begin with # count as rows of the sheet and are passed over.
    """
    text = _decoded(data)
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        lines = list(reader)
    except csv.Error as error:
        raise Malformed(Problem("api.roster_unreadable", "", {"row": reader.line_num})) from error
    headings = _headings(lines[0] if lines else [])
    found = [Cells(row, dict(_cells(headings, line))) for row, line in enumerate(lines[1:], start=2)]
    found = [cells for cells in found if cells.values and not lines[cells.row - 1][0].startswith(_COMMENT)]
    if not found:
        raise Malformed(Problem("api.roster_empty"))
    if len(found) > MOST_ROWS:
        raise Malformed(Problem("api.roster_too_long", "", {"limit": MOST_ROWS}))
    return found


def tidy(text: str) -> str:
    """Return a text in NFC with single spaces: two keyboards spell the same Vietnamese letter in two ways."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def folded(text: str) -> str:
    """Return a text as it is compared: tidy, without regard to capitals."""
    return tidy(text).casefold()


def _decoded(data: bytes) -> str:
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed(Problem("api.roster_encoding", "", {"at": error.start})) from error


def _headings(line: list[str]) -> list[str]:
    known = {folded(name): name for name in BY_NAME}
    known |= {folded(wording.label("roster_column", name, "vi")): name for name in BY_NAME}
    found, problems = [], []
    for text in line:
        name = known.get(folded(text), "")
        if folded(text) and not name:
            problems.append(Problem("api.roster_column_unknown", "", {"heading": tidy(text)[:60]}))
        elif name and name in found:
            problems.append(Problem("api.roster_column_twice", "", {"heading": tidy(text)}))
        found.append(name)
    missing = [column.name for column in COLUMNS if column.must == _ALL and column.name not in found]
    problems += [Problem("api.roster_column_missing", "", {"heading": name}) for name in missing]
    if problems:
        raise Malformed(problems)
    return found


def _cells(headings: list[str], line: list[str]) -> Iterator[tuple[str, str]]:
    for place, text in enumerate(line):
        value = tidy(text)
        if value:
            # A cell beyond the headings has no name: it is refused with its row, not lost.
            yield headings[place] if place < len(headings) and headings[place] else f"#{place + 1}", value


def too_long(cells: Cells) -> Iterator[Wrong]:
    """Yield what is wrong with a row whatever it means: cells without a heading, and cells without end."""
    for column, value in cells.values.items():
        if column not in BY_NAME:
            yield Wrong(cells.row, column, "api.roster_cell_nameless", {})
        elif len(value) > _MOST_LETTERS:
            yield Wrong(cells.row, column, "manifest.text_too_long", {"limit": _MOST_LETTERS})
