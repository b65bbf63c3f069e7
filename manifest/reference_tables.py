"""The rows of the reference data as frozen values.

Dates are inclusive at both ends: a row is valid on ``valid_from`` and still on ``valid_to``; None is an open
end.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from manifest.vocabulary import Instrument, Packaging, State, ZoneKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Dated:
    """Something that holds from a date to a date."""

    valid_from: date | None = None
    valid_to: date | None = None

    def covers(self, on: date) -> bool:
        """Tell whether the row is valid on that day."""
        return (self.valid_from is None or self.valid_from <= on) and (
            self.valid_to is None or on <= self.valid_to
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeEdition(Dated):
    """A list of waste codes as one circular printed it."""

    edition: str
    instrument: str
    confirmed: bool
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """A group (`NN`) or subgroup (`NN NN`) of the list; no waste is declared under it."""

    code: str
    name_vi: str
    name_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WasteCode:
    """One waste of the list, as an edition has it.

    ``classification`` is `**` (hazardous in every case) or `*` (hazardous above a threshold).
    ``confirmed`` is False while the edition was not compared with the official print.
    """

    code: str
    group: str
    subgroup: str
    name_vi: str
    name_en: str
    hazards: tuple[str, ...]
    states: tuple[str, ...]  # of solid, liquid, sludge; empty when the list does not say
    classification: str
    edition: str
    confirmed: bool

    @property
    def tested(self) -> bool:
        """Whether it is hazardous above a threshold only (mark KS), so that a test decides."""
        return self.classification == "*"

    @property
    def state(self) -> str | None:
        """The physical state, when the list leaves exactly one."""
        return self.states[0] if len(self.states) == 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Method(Dated):
    """A treatment method by its symbol on the manifest.

    ``final`` tells whether it can end a line's treatment; ``operation`` is recovery, disposal or depends.
    """

    code: str
    name_vi: str
    name_en: str
    final: bool
    operation: str
    basel_eu_operations: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hazard:
    """A hazardous property by its symbol in the list of codes."""

    symbol: str
    name_vi: str
    name_en: str
    basel_h_codes: tuple[str, ...]
    un_classes: tuple[str, ...]
    eu_hp_codes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Area(Dated):
    """A district (three digits, until 30/06/2025) or a commune or ward (five digits, from 01/07/2025)."""

    code: str
    level: str  # district or commune
    kind: str  # quận, huyện, thị xã, phường, xã
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """Where an old commune went on 01/07/2025: as a whole, or one of its parts."""

    old_code: str
    old_name: str
    district: str
    new_code: str
    new_name: str
    whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """An industrial park, cluster, craft village or high-tech park.

    ``district`` is the area code until 30/06/2025, ``communes`` those from 01/07/2025: several where the old
    commune was split, none where the place is known only by its district.
    """

    id: str
    name: str
    kind: ZoneKind
    district: str | None
    communes: tuple[str, ...]
    former_commune: str
    main_activity: str
    status: str
    counts_for_t1: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Dated):
    """A limit, tolerance or deadline: a whole number with its unit, its source and the dates it holds.

    ``verified_by`` is who has put it beside the official print, and when; None while nobody has.
    """

    name: str
    integer: int
    unit: str
    source: str
    confirmed: bool
    verified_by: str | None = None
    verified_on: date | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance(Dated):
    """How far a scale may differ from what was declared, for waste, packaging and instrument of a kind.

    What is None fits everything; ``code`` is the beginning of a waste code.
    """

    code: str | None
    state: State | None
    packaging: Packaging | None
    instrument: Instrument | None
    permille: int
    source: str
    confirmed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FormEdition(Dated):
    """An edition of the manifest form: its copies, and those the generator waits for."""

    edition: str
    instrument: str
    copies: tuple[str, ...]
    copies_awaited: tuple[str, ...]
    labels_confirmed: bool
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """Every file of the reference data, indexed for look-up."""

    code_editions: tuple[CodeEdition, ...]
    wastes: Mapping[str, Mapping[str, WasteCode]]  # by edition, then by code
    headings: Mapping[str, Heading]
    methods: Mapping[str, Method]
    hazards: Mapping[str, Hazard]
    areas: Mapping[str, Area]
    conversions: Mapping[str, tuple[Conversion, ...]]  # by old commune
    communes_of: Mapping[str, tuple[Area, ...]]  # by district
    zones: Mapping[str, Zone]
    rules: Mapping[str, tuple[Rule, ...]]  # by name; where rows overlap the last one counts
    tolerances: tuple[Tolerance, ...]
    form_editions: tuple[FormEdition, ...]
