"""Proposing a correction over HTTP: new lots for grams of another code get their names here."""

from api.desk import Desk
from api.reading import Given
from ledger.ids import uuid7
from ledger.storage.db import Reader
from ledger.writing.changes import Reads
from manifest import reference
from manifest.acts import find
from manifest.correcting.fields import FIELDS
from manifest.vocabulary import CorrectedField


def new_lots(desk: Desk, reader: Reader, manifest: str, given: Given) -> list[str] | None:
    """Return names for the lots that a proposal needs and does not name itself; None when it needs none."""
    field, number = given.fields.get("field"), given.fields.get("line")
    known = field in set(CorrectedField) and "lots" in FIELDS[CorrectedField(str(field))].value
    if not known or "lots" in given.fields or not isinstance(number, int):
        return None
    line = find(Reads(reader, desk.home.ledger.log), manifest, reference.default()).line(number)
    return None if line is None else [uuid7(desk.home.clock()) for _ in line.lots]
