"""What each trade throws away: real codes of the list, with the methods that may end them.

The names on the form are those of the list; they are looked up, so that they cannot drift from it.
"""

from dataclasses import dataclass
from enum import StrEnum

from api.demo.clock import FIRST_DAY
from manifest import reference
from manifest.vocabulary import State


@dataclass(frozen=True, slots=True)
class Waste:
    """A waste as the demo's parties have it; ``methods`` are final ones, the usual one first."""

    code: str
    state: State
    methods: tuple[str, ...]

    @property
    def name(self) -> str:
        """The waste's name in the list of codes."""
        return reference.default().waste_code(self.code, FIRST_DAY).name_vi


_SOLID, _LIQUID, _SLUDGE = State.SOLID, State.LIQUID, State.SLUDGE

WASTES = {
    waste.code: waste
    for waste in (
        Waste("05 08 06", _SOLID, ("HR", "CL")),
        Waste("05 09 06", _SOLID, ("HR", "TC")),
        Waste("07 01 01", _LIQUID, ("TH",)),
        Waste("07 01 05", _SLUDGE, ("HR", "CL")),
        Waste("07 01 06", _LIQUID, ("TH", "OH")),
        Waste("07 03 04", _LIQUID, ("OH", "TĐ")),
        Waste("07 03 09", _SLUDGE, ("TĐ", "HR")),
        Waste("07 03 11", _SOLID, ("TC",)),
        Waste("07 04 02", _SOLID, ("HR",)),
        Waste("08 01 01", _SOLID, ("TĐ", "ĐX")),
        Waste("08 01 02", _SLUDGE, ("TĐ", "ĐX")),
        Waste("08 01 05", _LIQUID, ("TC", "TĐ")),
        Waste("08 02 01", _LIQUID, ("TĐ",)),
        Waste("08 02 04", _SOLID, ("TĐ", "TC")),
        Waste("08 03 01", _SOLID, ("TĐ", "ĐX")),
        Waste("10 02 02", _SOLID, ("TĐ",)),
        Waste("10 02 03", _SLUDGE, ("HR", "TĐ")),
        Waste("12 06 05", _SLUDGE, ("HR", "TĐ")),
        Waste("12 06 06", _SLUDGE, ("HR", "CL")),
        Waste("12 08 01", _SOLID, ("TĐ", "ĐX")),
        Waste("13 01 01", _SOLID, ("TĐ",)),
        Waste("13 01 02", _LIQUID, ("TĐ", "TH")),
        Waste("15 01 02", _SOLID, ("TC", "TĐ")),
        Waste("16 01 06", _SOLID, ("HR", "TC")),
        Waste("17 02 03", _LIQUID, ("TC", "TĐ")),
        Waste("17 05 02", _SLUDGE, ("TĐ",)),
        Waste("17 08 03", _LIQUID, ("TC", "TĐ")),
        Waste("18 01 01", _SOLID, ("TĐ", "ĐX")),
        Waste("18 01 02", _SOLID, ("TC",)),
        Waste("18 01 03", _SOLID, ("TC", "TĐ")),
        Waste("18 02 01", _SOLID, ("TĐ", "ĐX")),
        Waste("19 02 06", _SOLID, ("TC",)),
        Waste("19 05 02", _LIQUID, ("TĐ", "TH")),
        Waste("19 06 01", _SOLID, ("TC",)),
        Waste("19 12 03", _SOLID, ("TĐ", "HR")),
    )
}
MEDICAL = ("13 01 01", "13 01 02")


class Trade(StrEnum):
    """What a generator does for a living."""

    MECHANICAL = "mechanical"
    ELECTRONICS = "electronics"
    PLATING = "plating"
    PAINTING = "painting"
    PRINTING = "printing"
    DYEING = "dyeing"
    RECYCLING = "recycling"
    CASTING = "casting"
    LACQUER = "lacquer"
    WOODWORK = "woodwork"
    CERAMICS = "ceramics"
    HOSPITAL = "hospital"
    GARAGE = "garage"
    LABORATORY = "laboratory"


# Trade -> its wastes, the heaviest first.
OF_TRADE: dict[Trade, tuple[str, ...]] = {
    Trade.MECHANICAL: ("07 03 04", "07 03 11", "17 02 03", "18 02 01", "07 03 09", "07 04 02"),
    Trade.ELECTRONICS: ("17 08 03", "19 02 06", "12 06 05", "18 02 01", "16 01 06"),
    Trade.PLATING: ("07 01 05", "07 01 06", "12 06 06", "07 01 01", "18 01 03"),
    Trade.PAINTING: ("08 01 02", "08 01 01", "08 01 05", "18 01 02"),
    Trade.PRINTING: ("17 08 03", "08 02 01", "18 01 01", "08 02 04"),
    Trade.DYEING: ("10 02 03", "10 02 02", "18 01 03"),
    Trade.RECYCLING: ("12 06 06", "18 01 01", "19 12 03"),
    Trade.CASTING: ("05 09 06", "05 08 06", "17 02 03", "18 02 01"),
    Trade.LACQUER: ("08 01 01", "08 01 05", "18 01 02"),
    Trade.WOODWORK: ("08 01 01", "08 03 01", "18 01 02", "12 08 01"),
    Trade.CERAMICS: ("08 01 01", "18 01 03", "17 02 03"),
    Trade.HOSPITAL: ("13 01 01", "13 01 02", "16 01 06"),
    Trade.GARAGE: ("17 02 03", "15 01 02", "19 06 01", "18 02 01", "17 05 02"),
    Trade.LABORATORY: ("19 05 02", "18 01 03", "16 01 06"),
}


def container(state: State, mass_g: int) -> str:
    """Return plausible containers for a mass of a state."""
    kg = mass_g / 1000
    match state:
        case State.LIQUID if kg > 900:  # noqa: PLR2004  beyond that drums give way to tanks
            return f"{-int(-kg // 900)} tank 1 m³"
        case State.LIQUID:
            return f"{-int(-kg // 180)} phuy 200 L"
        case State.SLUDGE:
            return f"{-int(-kg // 700)} bao jumbo"
        case _:
            return f"{-int(-kg // 25)} bao PP 50 kg"
