"""What entries since a run have touched: manifests and lots to look at again, and whether limits moved."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select

from ledger.format.event import parse
from ledger.storage.db import Reader
from ledger.storage.store import entries
from manifest.events import MANIFEST_EVENTS
from manifest.reconcile.rule import Subject, Touched
from manifest.register.log import EditionAdopted, RuleSet
from manifest.views import POSTING

_OF_MANIFESTS = {kind.kind for kind in MANIFEST_EVENTS}
_OF_LIMITS = {RuleSet.kind, EditionAdopted.kind}


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """What happened since a run: what was touched, and whether limits were."""

    touched: Touched
    limits: bool


def since(reader: Reader, log: int, size: int, as_of: date) -> Since:
    """Return what the entries from a size of the log on have touched; ``as_of`` is the day of that run.

    A manifest is touched by its acts and by grams that move in its name, a lot by grams alone.
    """
    manifests: set[str] = set()
    limits = False
    for stored in entries(reader, log, start=size):
        event = parse(stored.event)
        if event.kind in _OF_MANIFESTS:
            manifests.add(event.stream)
        limits = limits or event.kind in _OF_LIMITS
    moved = select(POSTING.c.lot, POSTING.c.manifest).where(POSTING.c.log == log, POSTING.c.seq >= size)
    lots: set[str] = set()
    for row in reader.execute(moved):
        lots.add(row.lot)
        manifests |= {row.manifest} - {None}
    subjects = {Subject.MANIFEST: frozenset(manifests), Subject.LOT: frozenset(lots)}
    return Since(touched=Touched(since=as_of, subjects=subjects), limits=limits)
