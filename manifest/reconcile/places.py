"""Where the site of a lot lay on a day, for figures that count by place.

The cohort counts waste where its site was when it arose, the flow where it was on the day of posting, stock
where it was on the day of the count; so what lies in store moves to its new unit on 01/07/2025 without a gram
being made or lost (decision C21). The area by today's map is worked out here and stands in no row.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import or_, select

from ledger.storage.db import Reader, Row
from manifest.register.lookups import MAP_CHANGED_ON, area_of, version
from manifest.register.views import PLACEMENT


class Places:
    """The placements of all sites, as far as entries below a size of the log tell them."""

    def __init__(self, reader: Reader, log: int, size: int) -> None:
        known = or_(PLACEMENT.c.seq < size, PLACEMENT.c.valid_from == date.min)
        query = select(PLACEMENT).where(PLACEMENT.c.log == log, known)
        self._sites: dict[str, list[Row]] = {}
        for row in reader.execute(query).mappings():
            self._sites.setdefault(row["site"], []).append(dict(row))

    def at(self, site: str, on: date) -> Row | None:
        """Return where a site lay on a day."""
        return version(self._sites.get(site, ()), on)

    def on(self, lot: Mapping[str, Any], day: date) -> Row:
        """Return a lot's row with the zone and the unit in which its site lay on a day."""
        place = self.at(lot["site"], day)
        if place is None:
            return dict(lot)
        told = {"zone_kind": place["zone_kind"], "zone": place["zone"], "area": area_of(place, day)}
        return {**lot, **told}

    def today(self, lot: Mapping[str, Any], day: date) -> str | None:
        """Return the unit of today's map in which a lot's site lay on a day; None where it is not known."""
        place = self.at(lot["site"], day)
        return None if place is None else area_of(place, MAP_CHANGED_ON)

    def within(self, site: str, start: date, end: date) -> list[Row]:
        """Return every place in which a site lay during a period."""
        return [
            row
            for row in self._sites.get(site, ())
            if row["valid_from"] <= end and (row["valid_to"] is None or start <= row["valid_to"])
        ]
