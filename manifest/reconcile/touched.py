"""What entries since a run have touched: the manifests, lots, sites and parties to look at again."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Column, select

from ledger.format.event import Event, parse
from ledger.storage.db import Reader
from ledger.storage.store import entries
from manifest.events import GENERATION_EVENTS, MANIFEST_EVENTS
from manifest.findings.events import FINDING_EVENTS
from manifest.lots.events import BATCH_EVENTS
from manifest.reconcile.rule import Subject, Touched
from manifest.views import LOT, MANIFEST_PARTY, POSTING

_OF_MANIFESTS = {kind.kind for kind in MANIFEST_EVENTS}
_OF_LOTS = {kind.kind for kind in (*GENERATION_EVENTS, *BATCH_EVENTS)}
# What changes nothing that a rule looks at.
_BESIDE = {kind.kind for kind in FINDING_EVENTS} | {"pdf.issued.v1", "checkpoint.anchored.v1"}
MOST = 500  # of ids that one query names


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """What happened since a run: what was touched, and whether limits or registers were."""

    touched: Touched
    limits: bool
    registers: bool


def since(reader: Reader, log: int, size: int, as_of: date) -> Since:
    """Return what the entries from a size of the log on have touched; ``as_of`` is the day of that run."""
    manifests: set[str] = set()
    limits = registers = False
    for stored in entries(reader, log, start=size):
        event: Event = parse(stored.event)
        if event.kind in _OF_MANIFESTS:
            manifests.add(event.stream)
        elif event.kind in {"rule.set.v1", "edition.adopted.v1"}:
            limits = True
        elif event.kind not in _OF_LOTS | _BESIDE:
            registers = True
    moved = select(POSTING.c.lot, POSTING.c.manifest).where(POSTING.c.log == log, POSTING.c.seq >= size)
    lots: set[str] = set()
    for row in reader.execute(moved):
        lots.add(row.lot)
        manifests |= {row.manifest} - {None}
    parties = _column(reader, log, manifests, MANIFEST_PARTY.c.manifest, MANIFEST_PARTY.c.party)
    parties |= _column(reader, log, lots, LOT.c.lot, LOT.c.party)
    subjects: defaultdict[Subject, frozenset[str]] = defaultdict(frozenset)
    subjects |= {
        Subject.MANIFEST: frozenset(manifests),
        Subject.LOT: frozenset(lots),
        Subject.SITE: frozenset(_column(reader, log, lots, LOT.c.lot, LOT.c.site)),
        Subject.PARTY: frozenset(parties),
    }
    return Since(touched=Touched(since=as_of, subjects=subjects), limits=limits, registers=registers)


def _column(reader: Reader, log: int, ids: Iterable[str], key: Column[str], wanted: Column[str]) -> set[str]:
    """Return the values of a column in the rows that some ids name."""
    names = sorted(ids)
    found: set[str] = set()
    for start in range(0, len(names), MOST):
        query = select(wanted).distinct().where(key.table.c.log == log, key.in_(names[start : start + MOST]))
        found |= set(reader.scalars(query))
    return found
