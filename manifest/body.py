"""What all event bodies share: field types, and how a body is read and written.

A body is read strictly: no number from text, no unknown field, every wrong field reported at its path.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, ClassVar, Self

import orjson
from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from ledger.errors import Fact, Malformed, Problem
from manifest.vocabulary import Document, Entering

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _read_date(value: object) -> object:
    # The library would also take a count of seconds for a date, and one day would have many spellings.
    if not isinstance(value, str):
        return value
    try:
        if _DATE.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass  # a day that no calendar has
    raise PydanticCustomError("date_parsing", "not a date as YYYY-MM-DD")


# Ten million tonnes: far above any plan, far below 2^53.
MOST_G = 10**13
Mass = Annotated[int, Field(gt=0, le=MOST_G)]
MassOrNothing = Annotated[int, Field(ge=0, le=MOST_G)]
Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._:/-]{0,99}$")]
UUID7 = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
Uuid7 = Annotated[str, Field(pattern=f"^{UUID7}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Field(min_length=1, max_length=300)]
Text = Annotated[str, Field(min_length=1, max_length=1000)]
Short = Annotated[str, Field(min_length=1, max_length=60)]
Code = Annotated[str, Field(min_length=1, max_length=12)]
Methods = Annotated[tuple[Code, ...], Field(min_length=1, max_length=6)]
LineNumber = Annotated[int, Field(ge=1, le=99)]
# The parts of a manifest's number: its place in a series, and the code of whoever issues the series.
SeriesNumber = Annotated[int, Field(ge=1, le=999_999)]
Issuer = Annotated[str, Field(pattern=r"^[0-9A-Z][0-9A-Z.-]{0,39}$")]
# Millionths of a degree.
Latitude = Annotated[int, Field(ge=-90_000_000, le=90_000_000)]
Longitude = Annotated[int, Field(ge=-180_000_000, le=180_000_000)]
Year = Annotated[int, Field(ge=2000, le=2200)]
Day = Annotated[date, BeforeValidator(_read_date)]
# A time as the ledger writes it; `ledger.format.event.parse_time` reads it.
Moment = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])-([0-2][0-9]|3[01])T([01][0-9]|2[0-3])(:[0-5][0-9]){2}\.[0-9]{3}Z$"
    ),
]

STRICT = ConfigDict(strict=True, extra="forbid")
# Fields that came to a kind after its first events: what they say by default is left out when written.
_NEUTRAL: dict[str, Any] = {
    "on_paper": [], "listed": [], "document": Document.MANIFEST.value, "packages": [], "uncertainty_g": 0,
    "settles": [],
}  # fmt: skip


class Body:
    """What all event bodies share: how to be read and written."""

    __slots__ = ()
    kind: ClassVar[str]
    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Self:
        """Return the event of a body; raise Malformed with every wrong field at its path."""
        try:
            read: Self = _adapter(cls).validate_json(orjson.dumps(body))
        except ValidationError as error:
            raise Malformed(_problems(error.errors(include_url=False))) from error
        return read

    def write(self) -> dict[str, Any]:
        """Return the body: fields that are None, or neutral and younger than their kind, are left out."""
        dumped = _adapter(type(self)).dump_python(self, mode="json", exclude_none=True)
        assert isinstance(dumped, dict)
        return {name: _written(value) for name, value in dumped.items() if not _is_neutral(name, value)}


def _is_neutral(name: str, value: object) -> bool:
    return name in _NEUTRAL and value == _NEUTRAL[name]


def _written(value: Any) -> Any:
    """Return a value without what is neutral in the objects of a list, such as the lines of a manifest."""
    if isinstance(value, list):
        return [_written(item) for item in value]
    if isinstance(value, dict):
        return {name: item for name, item in value.items() if not _is_neutral(name, item)}
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class OnPaper:
    """A party whose word for an act stands on paper, or was taken down for it: the photo's hash."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    party: Id
    sha256: Sha256
    how: Entering


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed(Body):
    """An act that a party may also sign by hand: ``on_paper`` names each party that did."""

    on_paper: Annotated[tuple[OnPaper, ...], Field(max_length=61)] = ()


_ADAPTERS: dict[type[Body], TypeAdapter[Any]] = {}


def _adapter(cls: type[Body]) -> TypeAdapter[Any]:
    if cls not in _ADAPTERS:
        _ADAPTERS[cls] = TypeAdapter(cls)
    return _ADAPTERS[cls]


def prepare(kinds: Iterable[type[Body]]) -> None:
    """Make what reads and writes these kinds now, so that the first of each to come need not wait for it."""
    for kind in kinds:
        _adapter(kind)


# What the library finds wrong, as a stable code; the rest is `manifest.field_invalid`.
CODES = {
    "missing": "manifest.field_missing",
    "unexpected_keyword_argument": "manifest.field_unknown",
    "extra_forbidden": "manifest.field_unknown",
    "enum": "manifest.choice_unknown",
    "literal_error": "manifest.choice_unknown",
    "int_type": "manifest.integer_required",
    "int_from_float": "manifest.integer_required",
    "string_too_long": "manifest.text_too_long",
    "string_too_short": "manifest.text_missing",
    "too_short": "manifest.list_too_short",
    "too_long": "manifest.list_too_long",
    "date_parsing": "manifest.date_invalid",
    "date_from_datetime_parsing": "manifest.date_invalid",
    "date_type": "manifest.date_invalid",
    "greater_than": "manifest.number_too_small",
    "greater_than_equal": "manifest.number_too_small",
    "less_than_equal": "manifest.number_too_large",
}
# What the library says beside it, by the name of the fact.
_FACTS = {
    "gt": "limit", "ge": "limit", "le": "limit", "max_length": "limit", "min_length": "limit",
    "expected": "expected",
}  # fmt: skip


def _problems(details: Sequence[Any]) -> list[Problem]:
    # The library counts only the good items of a list: one whose items are wrong is "too short" as well.
    inside = {detail["loc"][:depth] for detail in details for depth in range(len(detail["loc"]))}
    counted = ("too_short", "too_long")
    return [_problem(d) for d in details if not (d["type"] in counted and d["loc"] in inside)]


def _problem(detail: Any) -> Problem:
    path = "/body" + "".join(f"/{part}" for part in detail["loc"])
    context = detail.get("ctx", {})
    code = CODES.get(detail["type"], "manifest.field_invalid")
    if path.endswith("_g") and code == "manifest.number_too_small":
        code = "manifest.mass_not_positive" if "gt" in context else "manifest.mass_negative"
    return Problem(code, path, facts_of(context))


def facts_of(context: Mapping[str, Any]) -> dict[str, Fact]:
    """Return what the library says of a wrong value, as the facts of a problem."""
    return {
        # The library lists what may be chosen as English does: 'a', 'b' or 'c'.
        _FACTS[name]: value if isinstance(value, int) else str(value).replace("'", "").replace(" or ", ", ")
        for name, value in context.items()
        if name in _FACTS
    }
