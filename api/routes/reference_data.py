"""Codes and areas as of a date: public, since it is the law's own list."""

import unicodedata
from typing import Annotated, Any

from fastapi import APIRouter, Query

from api.answers import Json
from api.deps import Now
from api.reading import Day
from ledger.errors import NotFound, Problem
from manifest import reference
from manifest.reference import UnknownWasteCode, WasteCode, normalise_code
from manifest.vocabulary import local_date

router = APIRouter(tags=["reference"])
On = Annotated[Day | None, Query(description="as of this date; today if left out")]
_MOST = 100


def folded(text: str) -> str:
    """Return text for searching: no marks, no case, and đ as d."""
    plain = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


@router.get("/codes")
def search_codes(now: Now, q: Annotated[str, Query(max_length=100)] = "", on: On = None) -> Json:
    """Find wastes by words of their name, Vietnamese (marks or not) or English, or by digits of the code."""
    day = on or local_date(now)
    words = folded(q).split()
    digits = "".join(letter for letter in q if letter.isascii() and letter.isdigit())
    found = []
    for waste in reference.default().waste_codes(day):
        text = folded(f"{waste.code} {waste.name_vi} {waste.name_en}")
        by_code = digits and not any(letter.isalpha() for letter in q)
        matches = (
            waste.code.replace(" ", "").startswith(digits) if by_code else all(word in text for word in words)
        )
        if matches:
            found.append(_shown(waste))
    return Json({"on": day, "count": len(found), "items": found[:_MOST]})


@router.get("/codes/{code}")
def show_code(code: str, now: Now, on: On = None) -> Json:
    """Show a waste of the list in force on a date, by its code with or without separators."""
    day = on or local_date(now)
    try:
        found = reference.default().waste_code(normalise_code(code), day)
    except UnknownWasteCode as error:
        raise NotFound(Problem(error.code, "", error.facts)) from error
    return Json({"on": day, **_shown(found)})


@router.get("/areas")
def list_areas(now: Now, on: On = None) -> Json:
    """List the reporting areas of a date: districts until 30/06/2025, communes and wards after."""
    day = on or local_date(now)
    items = [
        {"code": area.code, "name": area.name, "kind": area.kind, "level": area.level}
        for area in reference.default().areas(day)
    ]
    return Json({"on": day, "count": len(items), "items": items})


def _shown(waste: WasteCode) -> dict[str, Any]:
    names = ("code", "group", "subgroup", "name_vi", "name_en", "classification", "edition", "confirmed")
    shown = {name: getattr(waste, name) for name in names}
    return shown | {"hazards": list(waste.hazards), "states": list(waste.states)}
