"""Rows of lots, and what several judges ask about them."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, Protocol

from ledger.errors import Problem
from ledger.storage.db import Row
from ledger.writing.changes import SEQ, Change, Insert, Reads
from manifest.lookups import stored_g
from manifest.lots.views import BATCH, LOT_SOURCE
from manifest.register.lookups import placement
from manifest.views import LOT, MANIFEST, POSTING
from manifest.vocabulary import Basis, LotKind, State


class Arisen(Protocol):
    """What every event that makes a lot says of it."""

    @property
    def lot(self) -> str:
        """The lot's id."""

    @property
    def code(self) -> str:
        """Its waste code."""

    @property
    def state(self) -> State:
        """Its physical state."""

    @property
    def mass_g(self) -> int:
        """Its grams."""


def lot_row(
    reads: Reads, body: Arisen, kind: LotKind, site: str, arose_on: date, *, basis: Basis = Basis.REGULAR
) -> dict[str, Any]:
    """Return the row of a new lot, with the dimensions of its site as they were when it arose."""
    place = placement(reads, site, arose_on)
    assert place is not None, "a lot arises at a site"
    return {
        "lot": body.lot,
        "lot_kind": kind.value,
        "party": place.party,
        "site": site,
        "code": body.code,
        "state": body.state.value,
        "generated_on": arose_on,
        "declared_g": body.mass_g,
        "basis": basis.value,
        "zone_kind": place.zone_kind.value,
        "zone": place.zone,
        "area": place.area,
        "seq": SEQ,
    }


def source_row(lot: str, source: str, kind: str) -> Change:
    """Return the row that says what a lot came from."""
    return Insert(LOT_SOURCE, {"lot": lot, "source": source, "source_kind": kind, "seq": SEQ})


def moved_on(reads: Reads, lot: Row) -> date:
    """Return the day on which grams of a lot last moved: nothing can be done to it before."""
    moved: list[date] = [row["posted_on"] for row in reads.rows(POSTING, lot=lot["lot"])]
    latest: date = max([lot["generated_on"], *moved])
    return latest


def in_store(reads: Reads, lot: Row, mass_g: int, path: str) -> Iterator[Problem]:
    """Yield a problem when less than so many grams of a lot are in store at its site."""
    stored = stored_g(reads, lot["lot"], lot["site"])
    if mass_g > stored:
        yield Problem("manifest.lot_short", path, {"stored_g": stored, "mass_g": mass_g})


def unknown_lots(reads: Reads, lots: Sequence[str], path: str) -> Iterator[Problem]:
    """Yield problems of ids for new lots: repeated, or in use for a lot, a manifest or a batch."""
    if len(set(lots)) != len(lots):
        yield Problem("manifest.lot_repeated", path)
    for lot in lots:
        taken = reads.one(LOT, lot=lot) or reads.one(MANIFEST, manifest=lot) or reads.one(BATCH, batch=lot)
        if taken is not None:
            yield Problem("manifest.lot_known_already", path, {"lot": lot})
