"""Codes, areas, zones, forms and limits, looked up as of a date in the files of ``manifest/data``.

Loading reads the files once; every look-up after that is a function of its arguments alone. What the data do
not hold is refused with a subclass of ReferenceRefused, never answered with a guess.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from importlib import resources
from types import MappingProxyType

from manifest.reference_files import grouped, read_tables
from manifest.reference_refusals import (
    AreaNotValid,
    FormNotValid,
    MethodNotValid,
    ReferenceRefused,
    RuleNotValid,
    RuleUnitChanged,
    UnknownArea,
    UnknownHazard,
    UnknownMethod,
    UnknownRule,
    UnknownWasteCode,
    UnknownZone,
    WasteCodeNotValid,
)
from manifest.reference_tables import (
    Area,
    CodeEdition,
    Conversion,
    FormEdition,
    Hazard,
    Heading,
    Method,
    Rule,
    Tables,
    Tolerance,
    WasteCode,
    Zone,
)

__all__ = [
    "Area",
    "AreaNotValid",
    "CodeEdition",
    "Conversion",
    "Edition",
    "FormEdition",
    "FormNotValid",
    "Hazard",
    "Heading",
    "Method",
    "MethodNotValid",
    "Reference",
    "ReferenceRefused",
    "Rule",
    "RuleNotValid",
    "RuleUnitChanged",
    "UnknownArea",
    "UnknownHazard",
    "UnknownMethod",
    "UnknownRule",
    "UnknownWasteCode",
    "UnknownZone",
    "WasteCode",
    "WasteCodeNotValid",
    "Zone",
    "ZoneKind",
    "default",
    "normalise_code",
]

from manifest.vocabulary import ZoneKind

# Three pairs of ASCII digits with one and the same separator, or none. Anything else is not guessed at.
CODE_TEXT = re.compile(r"([0-9]{2})([ .-]?)([0-9]{2})\2([0-9]{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """Which files the answers come from.

    ``sha256`` is the digest of the lines `<sha256>  <file name>` of every CSV file, ordered by name and each
    ended by a line feed: what `sha256sum *.csv | sha256sum` prints in the C locale.
    """

    name: str
    sha256: str
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Reference:
    """The reference data: immutable, and always asked as of a date where a date matters.

    ``edition`` names the files; rules laid over them by ``with_rules`` carry a source of their own.
    """

    edition: Edition
    tables: Tables

    @classmethod
    def load(cls) -> "Reference":
        """Read the files of the package; use ``default()`` to share one copy."""
        data = resources.files("manifest.data")
        files = {item.name: item.read_bytes() for item in data.iterdir() if item.name.endswith(".csv")}
        return cls(_edition(files), read_tables(files))

    def waste_code(self, code: str, on: date) -> WasteCode:
        """Return a waste of the list in force on a date; ``code`` is canonical, `NN NN NN`."""
        for edition in self.tables.code_editions:
            waste = self.tables.wastes[edition.edition].get(code)
            if waste is not None and edition.covers(on):
                return waste
        if code in self.tables.headings:
            raise UnknownWasteCode(code, listed_as="subgroup" if " " in code else "group")
        if not any(code in wastes for wastes in self.tables.wastes.values()):
            raise UnknownWasteCode(code)
        raise WasteCodeNotValid(code, on)

    def waste_codes(self, on: date) -> tuple[WasteCode, ...]:
        """Return every waste of the list in force on a date, in the order of the list."""
        return tuple(
            waste
            for edition in self.tables.code_editions
            if edition.covers(on)
            for waste in self.tables.wastes[edition.edition].values()
        )

    def heading(self, code: str) -> Heading:
        """Return a group (`NN`) or subgroup (`NN NN`) of the list, for the titles of reports."""
        heading = self.tables.headings.get(code)
        if heading is None:
            raise UnknownWasteCode(code)
        return heading

    def method(self, code: str, on: date) -> Method:
        """Return a treatment method; `OH` and `C` are also hazards, kept in a table of their own."""
        method = self.tables.methods.get(code)
        if method is None:
            raise UnknownMethod(code)
        if not method.covers(on):
            raise MethodNotValid(code, on)
        return method

    def methods(self, on: date) -> tuple[Method, ...]:
        """Return the treatment methods of a date, in the order of the form."""
        return tuple(method for method in self.tables.methods.values() if method.covers(on))

    def hazard(self, symbol: str) -> Hazard:
        """Return a hazardous property; `OH` and `C` are also methods, kept in a table of their own."""
        hazard = self.tables.hazards.get(symbol)
        if hazard is None:
            raise UnknownHazard(symbol)
        return hazard

    def hazards(self) -> tuple[Hazard, ...]:
        """Return the hazardous properties, in the order of the list."""
        return tuple(self.tables.hazards.values())

    def area(self, code: str, on: date) -> Area:
        """Return the district or commune that has this code on a date.

        A commune of before 01/07/2025 is not an area: ``conversions`` says where it went. A commune of today
        may bear its code.
        """
        area = self.tables.areas.get(code)
        if area is None:
            raise UnknownArea(code)
        if not area.covers(on):
            raise AreaNotValid(code, on)
        return area

    def areas(self, on: date) -> tuple[Area, ...]:
        """Return the city's reporting areas: districts until 30/06/2025, communes and wards after."""
        return tuple(area for area in self.tables.areas.values() if area.covers(on))

    def conversions(self, old_commune: str) -> tuple[Conversion, ...]:
        """Return where a commune of before 01/07/2025 went, whole or part by part."""
        conversions = self.tables.conversions.get(old_commune)
        if conversions is None:
            raise UnknownArea(old_commune)
        return conversions

    def communes_of(self, district: str) -> tuple[Area, ...]:
        """Return the communes of today that took in any part of a former district, by code."""
        communes = self.tables.communes_of.get(district)
        if communes is None:
            raise UnknownArea(district)
        return communes

    def zone(self, zone_id: str) -> Zone:
        """Return a zone by its identifier, such as `kcn-thang-long`."""
        zone = self.tables.zones.get(zone_id)
        if zone is None:
            raise UnknownZone(zone_id)
        return zone

    def zones(self, kind: str | None = None) -> tuple[Zone, ...]:
        """Return the zones of one kind, or all of them."""
        return tuple(zone for zone in self.tables.zones.values() if kind is None or zone.kind == kind)

    def rule(self, name: str, on: date) -> Rule:
        """Return the row of a rule that holds on a date."""
        rows = self.tables.rules.get(name)
        if rows is None:
            raise UnknownRule(name)
        for row in reversed(rows):  # a later row overrides an earlier one
            if row.covers(on):
                return row
        raise RuleNotValid(name, on)

    def rules(self) -> tuple[Rule, ...]:
        """Return every row of every rule, later rows of a name overriding earlier ones."""
        return tuple(row for rows in self.tables.rules.values() for row in rows)

    def tolerances(self, on: date) -> tuple[Tolerance, ...]:
        """Return the tolerances of a date that are narrower than the rule for everything."""
        return tuple(row for row in self.tables.tolerances if row.covers(on))

    def with_rules(self, rows: Iterable[Rule]) -> "Reference":
        """Return a copy in which these rows override earlier ones on the dates they cover, and only there.

        A rule keeps its unit for good, since its readers rely on it: RuleUnitChanged refuses another.
        """
        rows = tuple(rows)
        for row in rows:
            if any(row.unit != known.unit for known in self.tables.rules.get(row.name, ())):
                raise RuleUnitChanged(row.name)
        rules = grouped((row.name, row) for row in (*self.rules(), *rows))
        return replace(self, tables=replace(self.tables, rules=rules))

    def form_edition(self, on: date) -> FormEdition:
        """Return the edition of the manifest form in force on a date."""
        for edition in self.tables.form_editions:
            if edition.covers(on):
                return edition
        raise FormNotValid("manifest", on)


@cache
def default() -> Reference:
    """Return the reference data of this installation, read once."""
    return Reference.load()


def normalise_code(text: str) -> str:
    """Return a waste code as `NN NN NN` from `180201`, `18 02 01`, `18.02.01` or `18-02-01`.

    Only the form is judged; whether such a waste is listed is for ``Reference.waste_code``.
    """
    match = CODE_TEXT.fullmatch(text.strip())
    if match is None:
        raise UnknownWasteCode(text)
    return " ".join(match.group(1, 3, 4))


def _edition(files: Mapping[str, bytes]) -> Edition:
    digests = {name: hashlib.sha256(files[name]).hexdigest() for name in sorted(files)}
    lines = "".join(f"{digest}  {name}\n" for name, digest in digests.items())
    sha256 = hashlib.sha256(lines.encode()).hexdigest()
    return Edition(name=f"ctnh-hanoi-{sha256[:12]}", sha256=sha256, files=MappingProxyType(digests))
