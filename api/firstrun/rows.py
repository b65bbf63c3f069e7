"""What the rows of a roster mean: each becomes the body of a register's event, or a list of what is wrong.

Pure. ``known`` answers which party bears an identifier already, so that a party that was entered by hand is
not entered twice.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from api.firstrun.table import BY_NAME, COLUMNS, Cells, Line, Wrong, folded, too_long
from ledger.errors import Fact, Problem, Refused
from manifest import wording
from manifest.body import Body
from manifest.register.events import OrganisationRegistered, SiteRegistered
from manifest.register.places import ZoneRegistered
from manifest.vocabulary import IdentifierKind, Role, SiteKind, ZoneKind

# Twelve digits are a person's number; nine are a tax code that lost its zero, which the check digit shows.
_PERSONAL = re.compile(r"[0-9]{12}")
_LOST_ZERO = re.compile(r"[0-9]{9}(-[0-9]{3})?")
_BETWEEN = re.compile(r"[,;|+]")
_ROLES = (Role.AUTHORITY, Role.GENERATOR, Role.TRANSPORTER, Role.TREATMENT_FACILITY)
_YES, _NO = {"có", "co", "yes", "true", "1", "x"}, {"không", "khong", "no", "false", "0"}
# Width of the statistical office's codes, which a spreadsheet takes for numbers.
_DIGITS: Final = {"district": 3, "old_commune": 5, "commune": 5}
# Where a field of an event stands in the sheet, if its column has another name.
_COLUMN_OF: Final = {
    Line.ZONE: {"zone": "ref", "communes": "commune"},
    Line.ORGANISATION: {"party": "ref", "reason": "no_identifier_reason", "identifier_kind": "identifier"},
    Line.SITE: {
        "site": "ref", "party": "organisation", "latitude_e6": "latitude", "longitude_e6": "longitude",
    },
}  # fmt: skip
_MICRO: Final = 1_000_000
Known = Callable[[str], str | None]


def column_of(line: Line, path: str) -> str:
    """Return the column of what a problem of an event points at; empty where it is the whole row."""
    name = path.removeprefix("/body").lstrip("/").split("/")[0]
    column = _COLUMN_OF[line].get(name, name)
    return column if column in BY_NAME else ""


@dataclass(frozen=True, slots=True)
class Planned:
    """A row that can be entered as far as it itself says: its line, the body, and the thing's name."""

    row: int
    line: Line
    body: Body
    stream: str

    def wrong(self, problem: Problem) -> Wrong:
        """Return a problem of the body as one of the row."""
        return Wrong(self.row, column_of(self.line, problem.path), problem.code, problem.facts)


@dataclass
class _Names:
    """Which names and identifiers the rows so far have taken, and what the ledger knows."""

    known: Known
    of_identifier: dict[str, tuple[str, int]] = field(default_factory=dict)
    of_ref: dict[tuple[Line, str], int] = field(default_factory=dict)

    def party(self, text: str) -> str:
        """Return the party that a cell names, by its identifier or by its name in the ledger."""
        identifier = identifier_of(text)
        if identifier in self.of_identifier:
            return self.of_identifier[identifier][0]
        return self.known(identifier) or text


def read_rows(found: Iterable[Cells], known: Known) -> tuple[list[Planned], list[Wrong]]:
    """Return what the rows enter, zones first and sites last, and everything that is wrong, in row order."""
    planned: list[Planned] = []
    wrong: list[Wrong] = []
    names = _Names(known)
    by_line: dict[Line, list[_Row]] = {line: [] for line in Line}
    for cells in found:
        row = _Row(cells)
        line = row.choice("line", "roster_line", tuple(Line))
        if line is None:
            wrong += row.wrong
        else:
            row.begin(Line(line))
            by_line[row.line].append(row)
    makers = {Line.ZONE: _zone, Line.ORGANISATION: _organisation, Line.SITE: _site}
    for line, rows in by_line.items():
        for row in rows:
            made = _planned(row, makers[line](row, names), names)
            planned += [made] if made is not None else []
            wrong += row.wrong
    return planned, sorted(wrong, key=lambda one: one.row)


def identifier_of(text: str) -> str:
    """Return a tax code as it is registered: without spaces and dots, with the zero that a sheet drops.

    A tax code has ten digits, and those of Hà Nội begin with 0: of nine the first was lost. The check digit
    tells whether that is so.
    """
    bare = re.sub(r"[\s.]", "", text)
    return f"0{bare}" if _LOST_ZERO.fullmatch(bare) else bare


class _Row:
    """A row while it is read: what is wrong with a cell is noted, and the reading goes on."""

    def __init__(self, cells: Cells) -> None:
        self.row, self.values = cells.row, cells.values
        self.line = Line.ORGANISATION
        self.wrong: list[Wrong] = list(too_long(cells))

    def begin(self, line: Line) -> None:
        """Note which cells the row must have, and which say nothing in such a row."""
        self.line = line
        for column in COLUMNS:
            if line in column.must and column.name not in self.values:
                self.note(column.name, "manifest.field_missing")
            elif line not in column.of and column.name in self.values:
                self.note(column.name, "api.roster_cell_misplaced")

    def note(self, column: str, code: str, **facts: Fact) -> None:
        """Note what is wrong with a cell."""
        self.wrong.append(Wrong(self.row, column, code, facts))

    def text(self, column: str) -> str | None:
        """Return a cell, None where it is empty."""
        return self.values.get(column)

    def choice(self, column: str, kind: str, values: Sequence[str]) -> str | None:
        """Return the value of a list that a cell names, by itself or by its Vietnamese label."""
        text = self.text(column)
        if text is None:
            if column == "line":
                self.note(column, "manifest.field_missing")
            return None
        for value in values:
            if folded(text) in {folded(value), folded(wording.label(kind, value, "vi"))}:
                return value
        expected = ", ".join(wording.label(kind, value, "vi") for value in values)
        self.note(column, "manifest.choice_unknown", expected=expected)
        return None

    def flag(self, column: str) -> bool | None:
        """Return what a cell with yes or no says."""
        text = self.text(column)
        if text is None:
            return None
        if folded(text) in _YES | _NO:
            return folded(text) in _YES
        self.note(column, "manifest.choice_unknown", expected="có, không")
        return None

    def unit(self, column: str) -> str | None:
        """Return a unit's code with the zeros that a sheet drops."""
        text = self.text(column)
        return text.zfill(_DIGITS[column]) if text is not None and text.isdecimal() else text

    def degrees(self, column: str) -> int | None:
        """Return decimal degrees as millionths; a comma may stand for the point."""
        text = self.text(column)
        if text is None:
            return None
        try:
            millionths = Decimal(text.replace(",", ".")) * _MICRO
        except InvalidOperation:
            self.note(column, "manifest.field_invalid")
            return None
        if not millionths.is_finite() or abs(millionths) > 180 * _MICRO:
            self.note(column, "manifest.field_invalid")
            return None
        return int(millionths.to_integral_value())


def _zone(row: _Row, _names: _Names) -> tuple[type[Body], str, dict[str, Any]]:
    communes = [part.strip().zfill(_DIGITS["commune"]) for part in _BETWEEN.split(row.text("commune") or "")]
    fields = {
        "zone": row.text("ref"),
        "name": row.text("name"),
        "zone_kind": row.choice("zone_kind", "zone_kind", tuple(ZoneKind)),
        "counts_for_t1": row.flag("counts_for_t1"),
        "district": row.unit("district"),
        "communes": communes if row.text("commune") else [],
    }
    return ZoneRegistered, "zone", fields


def _organisation(row: _Row, names: _Names) -> tuple[type[Body], str, dict[str, Any]]:
    identifier = identifier_of(row.text("identifier") or "") or None
    party = row.text("ref")
    if identifier is not None:
        if _PERSONAL.fullmatch(identifier):
            row.note("identifier", "manifest.personal_data_in_event")
        party = party or names.known(identifier) or f"org:{identifier}"
        first = names.of_identifier.get(identifier)
        if first is not None:
            row.note("identifier", "api.roster_twice", row=first[1])
        else:
            names.of_identifier[identifier] = (party, row.row)
    elif party is None:
        row.note("ref", "api.roster_ref_missing")
    kind = IdentifierKind.NONE
    if identifier is not None:
        kind = IdentifierKind.BRANCH_CODE if "-" in identifier else IdentifierKind.TAX_CODE
    fields = {
        "party": party,
        "name": row.text("name"),
        "roles": _roles(row),
        "identifier_kind": kind.value,
        "identifier": identifier,
        "reason": row.text("no_identifier_reason"),
        "address": row.text("address"),
        "phone": row.text("phone"),
    }
    return OrganisationRegistered, "party", fields


def _roles(row: _Row) -> list[str] | None:
    named = [part.strip() for part in _BETWEEN.split(row.text("roles") or "") if part.strip()]
    spoken = {folded(word): role for role in _ROLES for word in (role, wording.label("role", role, "vi"))}
    if not all(folded(name) in spoken for name in named):
        expected = ", ".join(wording.label("role", role, "vi") for role in _ROLES)
        row.note("roles", "manifest.choice_unknown", expected=expected)
        return None
    # In the order of the list, so that the same roles in another order are the same row.
    held = {spoken[folded(name)] for name in named}
    return [role.value for role in _ROLES if role in held]


def _site(row: _Row, names: _Names) -> tuple[type[Body], str, dict[str, Any]]:
    owner = row.text("organisation")
    party = names.party(owner) if owner is not None else None
    site = row.text("ref")
    if site is None and party is not None:
        site = f"site:{party.removeprefix('org:')}"
        if (Line.SITE, site) in names.of_ref:
            # A second place of a party needs a name of its own: by order alone, sorting would exchange them.
            row.note("ref", "api.roster_ref_missing")
            site = None
    fields = {
        "site": site,
        "party": party,
        "name": row.text("name"),
        "site_kind": row.choice("site_kind", "site_kind", tuple(SiteKind)),
        "zone_kind": row.choice("zone_kind", "zone_kind", tuple(ZoneKind)),
        "zone": row.text("zone"),
        "district": row.unit("district"),
        "old_commune": row.unit("old_commune"),
        "commune": row.unit("commune"),
        "province": row.text("province"),
        "address": row.text("address"),
        "phone": row.text("phone"),
        "code": row.text("code"),
        "latitude_e6": row.degrees("latitude"),
        "longitude_e6": row.degrees("longitude"),
    }
    return SiteRegistered, "site", fields


def _planned(row: _Row, made: tuple[type[Body], str, dict[str, Any]], names: _Names) -> Planned | None:
    event, named, fields = made
    name = fields[named]
    if name is not None and (first := names.of_ref.setdefault((row.line, name), row.row)) != row.row:
        row.note("ref", "api.roster_twice", row=first)
    if row.wrong:
        return None
    try:
        body = event.read({name: value for name, value in fields.items() if value is not None})
    except Refused as refused:
        row.wrong += [
            Wrong(row.row, column_of(row.line, one.path), one.code, one.facts) for one in refused.problems
        ]
        return None
    return Planned(row.row, row.line, body, name)
