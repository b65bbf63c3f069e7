"""Reading the CSV files of the reference data into tables.

A cell that breaks the form of its column raises ValueError or KeyError: the files are ours, so that is a
fault and not a refusal.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import date
from types import MappingProxyType
from typing import TypeAlias, TypedDict, TypeVar

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
from manifest.vocabulary import Instrument, Packaging, State, ZoneKind

Row: TypeAlias = Mapping[str, str]
V = TypeVar("V")

STATES = {"rắn": "solid", "lỏng": "liquid", "bùn": "sludge"}


def read_tables(files: Mapping[str, bytes]) -> Tables:
    """Read the CSV files, given by name, into tables."""
    rows = {name: read_rows(content) for name, content in files.items()}
    editions = tuple(map(_code_edition, rows["code_editions.csv"]))
    codes = rows["ctnh_codes.csv"]
    areas = {row["code"]: _area(row) for row in rows["hanoi_admin_units.csv"] if row["level"] != "province"}
    districts = {  # "Huyện Đông Anh" is "Đông Anh" in the list of zones
        area.name[len(area.kind) + 1 :]: area.code for area in areas.values() if area.level == "district"
    }
    moves = list(map(_conversion, rows["hanoi_commune_conversion.csv"]))
    successors = sorted({(move.district, move.new_code) for move in moves})
    return Tables(
        code_editions=editions,
        wastes=_indexed(
            (
                edition.edition,
                _indexed((row["code"], _waste(row, edition)) for row in codes if row["level"] == "3"),
            )
            for edition in editions
        ),
        headings=_indexed((row["code"], _heading(row)) for row in codes if row["level"] != "3"),
        methods=_indexed((row["code"], _method(row)) for row in rows["treatment_methods.csv"]),
        hazards=_indexed((row["symbol"], _hazard(row)) for row in rows["hazard_properties.csv"]),
        areas=MappingProxyType(areas),
        conversions=grouped((move.old_code, move) for move in moves),
        communes_of=grouped((district, areas[commune]) for district, commune in successors),
        zones=_indexed((row["zone_id"], _zone(row, districts)) for row in rows["zones.csv"]),
        rules=grouped((row["rule"], _rule(row)) for row in rows["rules.csv"]),
        tolerances=tuple(map(_tolerance, rows["tolerances.csv"])),
        form_editions=tuple(map(_form_edition, rows["form_editions.csv"])),
    )


def read_rows(content: bytes) -> list[Row]:
    """Read one CSV file with a header row; a row with too many or too few cells is a fault."""
    header, *lines = csv.reader(io.StringIO(content.decode("utf-8"), newline=""), strict=True)
    return [dict(zip(header, line, strict=True)) for line in lines]


def grouped(pairs: Iterable[tuple[str, V]]) -> Mapping[str, tuple[V, ...]]:
    """Gather the values of each key, in the order they come."""
    groups: dict[str, tuple[V, ...]] = {}
    for key, value in pairs:
        groups[key] = (*groups.get(key, ()), value)
    return MappingProxyType(groups)


def _indexed(pairs: Iterable[tuple[str, V]]) -> Mapping[str, V]:
    """Index values by key; the same key twice is a fault."""
    listed = list(pairs)
    index = dict(listed)
    if len(index) != len(listed):
        raise ValueError(f"a key stands twice among {sorted(key for key, _ in listed)}")
    return MappingProxyType(index)


def _code_edition(row: Row) -> CodeEdition:
    return CodeEdition(
        edition=row["edition"],
        instrument=row["instrument"],
        confirmed=_flag(row["confirmed"]),
        note=row["note"],
        **_dates(row),
    )


def _heading(row: Row) -> Heading:
    return Heading(code=row["code"], name_vi=row["name_vi"], name_en=row["name_en"])


def _waste(row: Row, edition: CodeEdition) -> WasteCode:
    return WasteCode(
        code=row["code"],
        group=row["code"][:2],
        subgroup=row["parent"],
        name_vi=row["name_vi"],
        name_en=row["name_en"],
        hazards=_list(row["hazard_properties"]),
        states=tuple(STATES[state] for state in _list(row["physical_state"])),
        classification=row["classification"],
        edition=edition.edition,
        confirmed=edition.confirmed,
    )


def _method(row: Row) -> Method:
    return Method(
        code=row["code"],
        name_vi=row["name_vi"],
        name_en=row["name_en"],
        final=_flag(row["final"]),
        operation=row["operation_kind"],
        basel_eu_operations=_list(row["basel_eu_operation"]),
        **_dates(row),
    )


def _hazard(row: Row) -> Hazard:
    return Hazard(
        symbol=row["symbol"],
        name_vi=row["name_vi"],
        name_en=row["name_en"],
        basel_h_codes=_list(row["basel_h_code"]),
        un_classes=_list(row["un_class"]),
        eu_hp_codes=_list(row["eu_hp_code"]),
    )


def _area(row: Row) -> Area:
    return Area(code=row["code"], level=row["level"], kind=row["kind"], name=row["name"], **_dates(row))


def _conversion(row: Row) -> Conversion:
    return Conversion(
        old_code=row["old_code"],
        old_name=row["old_name"],
        district=row["old_district_code"],
        new_code=row["new_code"],
        new_name=row["new_name"],
        whole={"whole": True, "part": False}[row["extent"]],
    )


def _zone(row: Row, districts: Mapping[str, str]) -> Zone:
    cells = _list(row["new_communes_from_2025_07"])  # "00376 Xã Sóc Sơn (part)"
    return Zone(
        id=row["zone_id"],
        name=row["name"],
        kind=ZoneKind(row["zone_kind"]),
        district=districts[row["former_district"]] if row["former_district"] else None,
        communes=tuple(dict.fromkeys(cell.split(" ", 1)[0] for cell in cells)),
        former_commune=row["former_commune"],
        main_activity=row["main_activity"],
        status=row["status"],
        counts_for_t1=_flag(row["counts_for_t1"]),
    )


def _rule(row: Row) -> Rule:
    return Rule(
        name=row["rule"],
        integer=int(row["value"]),
        unit=row["unit"],
        source=row["source"],
        confirmed=_flag(row["confirmed"]),
        verified_by=row["verified_by"] or None,
        verified_on=date.fromisoformat(row["verified_on"]) if row["verified_on"] else None,
        note=row["note"],
        **_dates(row),
    )


def _tolerance(row: Row) -> Tolerance:
    return Tolerance(
        code=row["code"] or None,
        state=State(row["state"]) if row["state"] else None,
        packaging=Packaging(row["packaging"]) if row["packaging"] else None,
        instrument=Instrument(row["instrument"]) if row["instrument"] else None,
        permille=int(row["permille"]),
        source=row["source"],
        confirmed=_flag(row["confirmed"]),
        **_dates(row),
    )


def _form_edition(row: Row) -> FormEdition:
    return FormEdition(
        edition=row["edition"],
        instrument=row["instrument"],
        copies=_list(row["copies"]),
        copies_awaited=_list(row["copies_awaited"]),
        labels_confirmed=_flag(row["labels_confirmed"]),
        note=row["note"],
        **_dates(row),
    )


class _Dates(TypedDict):
    valid_from: date | None
    valid_to: date | None


def _dates(row: Row) -> _Dates:
    return {"valid_from": _date(row["valid_from"]), "valid_to": _date(row["valid_to"])}


def _date(cell: str) -> date | None:
    return date.fromisoformat(cell) if cell else None


def _flag(cell: str) -> bool:
    return {"true": True, "false": False}[cell]


def _list(cell: str) -> tuple[str, ...]:
    return tuple(cell.split(";")) if cell else ()
