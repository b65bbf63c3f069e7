"""The words for codes, in Vietnamese and English, and how numbers and dates are written in each.

The catalogues are `locale/<language>/messages.po`. A sentence has its stable code as msgid and no msgctxt;
a label has the value as its msgid and the name of its list (`manifest.labelled`) as msgctxt. Facts stand in
sentences as `{name}`: a name that ends in `_g` is written as kilograms, a date as a date, and a value of a
list by its label.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Literal, get_args

from babel.messages.pofile import read_po

from ledger.errors import Fact
from manifest.vocabulary import VIETNAM

Language = Literal["vi", "en"]

_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MISSING = "…"
# Facts that are values of a list: by name, or for one code only. Several are separated by commas.
_LISTED = {"status": "status", "event": "event", "since": "event", "role": "role", "register": "register"}
_LISTED_OF = {
    ("manifest.role_wrong", "expected"): "role",
    ("manifest.lot_of_other_kind", "kind"): "lot_kind",
    ("manifest.correction_never", "field"): "corrected_field",
    ("manifest.correction_never", "instead"): "instead",
    ("manifest.correction_out_of_reach", "stage"): "stage",
    ("manifest.request_of_other_field", "field"): "corrected_field",
}
_SEPARATORS: dict[str, tuple[str, str]] = {"vi": (".", ","), "en": (",", ".")}  # thousands, decimals


def languages() -> tuple[Language, ...]:
    """Return the languages in which everything can be said, the first one first."""
    return get_args(Language)


def message(code: str, facts: Mapping[str, Fact], language: Language) -> str:
    """Return the sentence of a stable code; a fact that is missing shows as …, an unknown code as itself."""
    return _filled(catalogue(language).get((None, code), code), code, facts, language)


def text(name: str, facts: Mapping[str, Fact], language: Language) -> str:
    """Return what the command line says under a name, with its facts filled in as in a sentence."""
    return _filled(label("text", name, language), name, facts, language)


def label(kind: str, value: str | int, language: Language) -> str:
    """Return the label of a value of the list ``kind``; a value without one shows as itself."""
    return catalogue(language).get((kind, str(value)), str(value))


def kg(mass_g: int, language: Language) -> str:
    """Return whole grams as kilograms, exact and without the unit: 1234500 is 1.234,5 in Vietnamese."""
    return _scaled(mass_g, 3, language)


def tonnes(mass_g: int, language: Language) -> str:
    """Return whole grams as tonnes, exact and without the unit: 1234500 is 1,2345 in Vietnamese."""
    return _scaled(mass_g, 6, language)


def percent(numerator: int, denominator: int, language: Language = "vi") -> str:
    """Return a share with two decimals, cut and never rounded up: 99.996 % shows as 99,99 % (decision A8).

    Of nothing generated there is no share, and that is what it says.
    """
    if denominator == 0:
        return label("ratio", "nothing_generated", language)
    cut = abs(numerator) * 10_000 // abs(denominator)
    sign = "-" if cut and (numerator < 0) != (denominator < 0) else ""
    whole, rest = divmod(cut, 100)
    thousands, decimals = _SEPARATORS[language]
    return f"{sign}{_grouped(whole, thousands)}{decimals}{rest:02d} %"


def date_text(day: date, language: Language) -> str:
    """Return a date as it is read: 30/06/2025 in Vietnamese, 2025-06-30 in English."""
    return f"{day.day:02d}/{day.month:02d}/{day.year}" if language == "vi" else day.isoformat()


def moment_text(moment: datetime, language: Language) -> str:
    """Return a moment as it is read, in the time of Viet Nam: 08:30 30/06/2025; in English the date first."""
    local = moment.astimezone(VIETNAM)
    day = date_text(local.date(), language)
    return f"{local:%H:%M} {day}" if language == "vi" else f"{day} {local:%H:%M}"


@cache
def catalogue(language: Language) -> Mapping[tuple[str | None, str], str]:
    """Return every sentence, by (None, code), and every label, by (list, value); read once."""
    place = resources.files("manifest") / "locale" / language / "messages.po"
    with place.open("rb") as file:
        read = read_po(file, locale=language)
    found = {}
    for entry in read:
        if isinstance(entry.id, str) and isinstance(entry.string, str) and entry.id and entry.string:
            found[entry.context, entry.id] = entry.string
    return MappingProxyType(found)


def _filled(sentence: str, code: str, facts: Mapping[str, Fact], language: Language) -> str:
    def fact(match: re.Match[str]) -> str:
        name = match[1]
        return _fact(code, name, facts[name], language) if name in facts else _MISSING

    return _PLACEHOLDER.sub(fact, sentence)


def _fact(code: str, name: str, value: Fact, language: Language) -> str:
    listed = _LISTED_OF.get((code, name)) or _LISTED.get(name)
    if listed is not None:
        return ", ".join(label(listed, part, language) for part in str(value).split(", "))
    if isinstance(value, int):
        return kg(value, language) if name.endswith("_g") else str(value)
    return date_text(date.fromisoformat(value), language) if _is_date(value) else value


def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _scaled(grams: int, digits: int, language: Language) -> str:
    thousands, decimals = _SEPARATORS[language]
    whole, rest = divmod(abs(grams), 10**digits)
    text = ("-" if grams < 0 else "") + _grouped(whole, thousands)
    return f"{text}{decimals}{rest:0{digits}d}".rstrip("0") if rest else text


def _grouped(whole: int, thousands: str) -> str:
    return f"{whole:,}".replace(",", thousands)
