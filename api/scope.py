"""What a party may see: the manifests in which it takes part, and what is its own.

Authority and operator see everything. What is another's and what does not exist get the same answer, so that
nobody can find out by asking. Keys, rules and the log's own entries are open to every party: without them no
signature could be checked.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import cached_property

from sqlalchemy import ColumnElement, exists, or_, select

from api.identity.tokens import Access
from ledger.errors import NotFound, Problem
from ledger.format.event import Event
from ledger.personal.subjects import Subjects
from ledger.personal.vault import find_secrets
from ledger.storage.db import Reader, Row
from ledger.storage.store import one, rows
from manifest.events import GENERATION_EVENTS, MANIFEST_EVENTS, PdfIssued, Registered
from manifest.lots.events import BATCH_EVENTS
from manifest.lots.views import BATCH
from manifest.register import documents, parties, places
from manifest.register.entering import KEPT, owners
from manifest.register.log import (
    EditionAdopted,
    GuardAdopted,
    KeyRegistered,
    KeyRevoked,
    KeyRotated,
    LogKeyAdded,
    LogKeyRetired,
    LogOpened,
    RuleSet,
)
from manifest.views import LOT, MANDATE, MANIFEST, MANIFEST_PARTY
from manifest.vocabulary import Register, local_date

_OPEN = {
    LogOpened.kind, KeyRegistered.kind, KeyRotated.kind, KeyRevoked.kind,
    EditionAdopted.kind, RuleSet.kind, GuardAdopted.kind,
    LogKeyAdded.kind, LogKeyRetired.kind,
    places.ZoneRegistered.kind, places.ZoneChanged.kind, places.ZoneAssessed.kind,
    places.CollectionPointOpened.kind,
}  # fmt: skip
_OF_MANIFEST = {event.kind for event in MANIFEST_EVENTS}
_OF_LOT = {event.kind for event in GENERATION_EVENTS}
_OF_BATCH = {event.kind for event in BATCH_EVENTS}
_PARTY_FIELDS = (
    "party", "carrier", "facility", "principal", "agent", "generator", "first", "second", "third",
)  # fmt: skip
# So many manifests of a party are looked up by name; those of one that has more by going through the list.
FEW = 2000
# Acts upon an entry that is known by its name alone.
_ON_ENTRY = {
    documents.PermitAmended.kind: Register.PERMIT,
    documents.ContractAgreed.kind: Register.CONTRACT,
    places.SitePlaced.kind: Register.SITE,
}
_ON_ANY = {
    parties.EntryConfirmed.kind, parties.EntryEnded.kind, parties.EntrySuspended.kind,
    parties.EntryResumed.kind,
}  # fmt: skip


class View:
    """A reader with the eyes of a party."""

    def __init__(
        self, reader: Reader, log: int, access: Access, now: datetime, subjects: Subjects | None = None
    ) -> None:
        self.reader = reader
        self.subjects = subjects
        self.log = log
        self.access = access
        self.now = now
        self._manifests: dict[str, bool] = {}

    @cached_property
    def parties(self) -> frozenset[str]:
        """The party itself and those whose standing mandate it holds today."""
        standing = {row["principal"] for row in self._mandates if row["manifest"] is None}
        return frozenset({self.access.party} | standing)

    @cached_property
    def consignments(self) -> frozenset[str]:
        """The manifests for which alone the party holds a mandate today."""
        return frozenset(row["manifest"] for row in self._mandates if row["manifest"] is not None)

    @cached_property
    def _mandates(self) -> list[Row]:
        today = local_date(self.now)
        found = rows(self.reader, MANDATE, log=self.log, agent=self.access.party, revoked=False)
        return [row for row in found if row["valid_from"] <= today <= row["valid_to"]]

    def personal(self, commitments: Iterable[str]) -> dict[str, str]:
        """Return the values behind commitments, those that the vault still opens."""
        if self.subjects is None:
            return {}
        found = find_secrets(self.reader, self.log, commitments, self.subjects)
        return {commitment: secret.value for commitment, secret in found.items()}

    def owns(self, party: str) -> bool:
        """Tell whether a party's own affairs are this view's to see."""
        return self.access.sees_all or party in self.parties

    def own(self, column: ColumnElement[str]) -> list[ColumnElement[bool]]:
        """Return the condition that keeps a query to what is the party's own."""
        return [] if self.access.sees_all else [column.in_(sorted(self.parties))]

    def taking_part(self, manifest: ColumnElement[str] = MANIFEST.c.manifest) -> list[ColumnElement[bool]]:
        """Return the condition that keeps a query over manifests to those the party takes part in.

        ``manifest`` is the column that names one, of another table where it is that one that is asked.
        """
        if self.access.sees_all:
            return []
        if self._few is not None:
            return [manifest.in_(sorted(self._few | self.consignments))]
        takes_part = exists().where(
            MANIFEST_PARTY.c.log == self.log,
            MANIFEST_PARTY.c.manifest == manifest,
            MANIFEST_PARTY.c.party.in_(sorted(self.parties)),
        )
        return [or_(takes_part, manifest.in_(sorted(self.consignments)))]

    def order(self, seq: ColumnElement[int]) -> ColumnElement[int]:
        """Return what a list that `taking_part` narrows is to be sorted by: the column, or its like.

        Few are sorted once they are found. Left to itself a database may go through the whole list for them,
        because an index has it in order: an expression has none.
        """
        return seq if self.access.sees_all or self._few is None else seq + 0

    @cached_property
    def _few(self) -> frozenset[str] | None:
        """The manifests in which the party takes part, None where they are many.

        A page of few is found by their names. One of many is found sooner in the order of the list, where
        every so many there is one of them: no more than `FEW` rows to name, or to go by for each of a page.
        """
        # Once for each role: weeding out those that come twice would lead through all manifests.
        query = select(MANIFEST_PARTY.c.manifest).where(
            MANIFEST_PARTY.c.log == self.log, MANIFEST_PARTY.c.party.in_(sorted(self.parties))
        )
        found = self.reader.execute(query.limit(FEW + 1)).scalars().all()
        return frozenset(found) if len(found) <= FEW else None

    def manifest(self, manifest: str) -> Row:
        """Return the row of a manifest; raise NotFound when there is none, or none for this party."""
        row = one(self.reader, MANIFEST, log=self.log, manifest=manifest)
        if row is None or not self.takes_part(manifest):
            raise NotFound(Problem("manifest.unknown", "", {"manifest": manifest}))
        return row

    def takes_part(self, manifest: str) -> bool:
        """Tell whether the party takes part in a manifest."""
        if self.access.sees_all or manifest in self.consignments:
            return True
        if manifest not in self._manifests:
            self.look_up([manifest])
        return self._manifests[manifest]

    def look_up(self, manifests: Iterable[str]) -> None:
        """Learn at once in which of these manifests the party takes part."""
        wanted = set(manifests) - set(self._manifests)
        if self.access.sees_all or not wanted:
            return
        query = select(MANIFEST_PARTY.c.manifest).where(
            MANIFEST_PARTY.c.log == self.log,
            MANIFEST_PARTY.c.manifest.in_(sorted(wanted)),
            MANIFEST_PARTY.c.party.in_(sorted(self.parties)),
        )
        found = set(self.reader.execute(query).scalars())
        self._manifests |= {name: name in found for name in wanted}

    def sees(self, event: Event) -> bool:
        """Tell whether the party may see an event of the ledger."""
        if self.access.sees_all or event.kind in _OPEN:
            return True
        if any(actor.party in self.parties for actor in event.actors):
            return True
        if event.kind in _OF_MANIFEST:
            return self.takes_part(event.stream)
        if event.kind == PdfIssued.kind:
            return self.takes_part(str(event.body["manifest"]))
        if event.kind in _OF_LOT:
            lot = one(self.reader, LOT, log=self.log, lot=event.stream)
            return lot is not None and lot["party"] in self.parties
        if event.kind in _OF_BATCH:
            batch = one(self.reader, BATCH, log=self.log, batch=event.stream)
            return batch is not None and batch["party"] in self.parties
        if any(event.body.get(name) in self.parties for name in _PARTY_FIELDS):
            return True
        named = _ON_ENTRY.get(event.kind)
        if event.kind in _ON_ANY:
            named = Register(str(event.body["register"]))
        return named is not None and self._owns_entry(named, event.stream)

    def _owns_entry(self, register: Register, entry: str) -> bool:
        kept = KEPT[register]
        found = rows(self.reader, kept.table, log=self.log, **{kept.name: entry})
        return not self.parties.isdisjoint(owners(register, found))

    def hides(self, event: Event) -> bool:
        """Tell whether an act is in a manifest that, for all that this party may know, does not exist."""
        if event.kind not in _OF_MANIFEST or self.access.sees_all:
            return False
        row = one(self.reader, MANIFEST, log=self.log, manifest=event.stream)
        if row is None:
            return event.kind != Registered.kind
        return not self.takes_part(event.stream)
