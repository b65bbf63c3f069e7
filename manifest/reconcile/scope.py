"""What a ratio is asked for, and by which dimensions its rows are cut."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from manifest.reconcile.places import Places
from manifest.vocabulary import quarter

DIMENSIONS = ("zone_kind", "zone", "area", "area_today", "quarter", "code", "group", "generator", "state")
_OF_LOT = {"zone_kind": "zone_kind", "zone": "zone", "area": "area", "code": "code", "generator": "party",
           "state": "state"}  # fmt: skip
# The columns of a lot that the dimensions are read from.
COLUMNS = tuple(dict.fromkeys((*_OF_LOT.values(), "site")))
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scope:
    """What a ratio is asked for: the log up to a size, a period, the dimensions, the as-of date, the map."""

    log: int
    size: int
    start: date
    end: date
    by: tuple[str, ...]
    as_of: date
    places: Places

    @property
    def known_until(self) -> date:
        """The last day of the period that the as-of date knows of."""
        return min(self.end, self.as_of)


def key_of(scope: Scope, row: Mapping[str, Any], on: date) -> Key:
    """Return the row of the ratio to which a lot's grams belong on a day."""

    def value(name: str) -> str:
        if name == "quarter":
            return quarter(on)
        if name == "group":
            return str(row["code"])[:2]
        if name == "area_today":
            return scope.places.today(row, on) or ""
        return str(row[_OF_LOT[name]] or "")

    return tuple(value(name) for name in scope.by)
