"""Acts of a party that signed by hand: who may enter them for it, and what is kept of that.

A commune, a carrier or the other side enters what stands on a signed slip, and names the photo by its hash
(decision D23). Such an act has the lowest assurance and can be contested.
"""

from collections.abc import Iterator

from ledger.format.event import Event
from ledger.format.keys import Key
from ledger.writing.changes import RECORDED_AT, SEQ, Change, Insert, Reads
from manifest.body import Body, Signed
from manifest.cases.views import ENTERED_ACT
from manifest.events import (
    MANIFEST_EVENTS,
    CorrectionConsented,
    GenerationAdjusted,
    GenerationDeclared,
    OpeningDeclared,
    Registered,
    SelfTreated,
)
from manifest.lots.events import Declassified
from manifest.register.views import COLLECTION_POINT
from manifest.views import MANIFEST_PARTY, ORGANISATION
from manifest.vocabulary import Role

_BY_AUTHORITY = (SelfTreated, Declassified, CorrectionConsented)
_DECLARES = {GenerationDeclared.kind, OpeningDeclared.kind}
_HELPERS = {Role.AUTHORITY, Role.TRANSPORTER, Role.TREATMENT_FACILITY}


def stands_on_paper(body: Body, party: str) -> bool:
    """Tell whether a party signed an act by hand."""
    return isinstance(body, Signed) and any(one.party == party for one in body.on_paper)


def may_enter(reads: Reads, event: Event, body: Body, helper: str, role: str) -> bool:
    """Tell whether a party may enter an act that another signed by hand in a role.

    In a manifest an authority and whoever takes part; elsewhere an authority, who carries, who treats, and
    who keeps a collection point. What is accepted, treated or found to be ordinary waste counts for the
    ratio, and a consent changes what others have signed, so nobody but an authority enters these. A lot is
    adjusted by who entered it.
    """
    row = reads.one(ORGANISATION, party=helper)
    roles = set() if row is None else set(row["roles"].split(","))
    if Role.AUTHORITY in roles or role == Role.TREATMENT_FACILITY or isinstance(body, _BY_AUTHORITY):
        return Role.AUTHORITY in roles
    if isinstance(body, GenerationAdjusted):
        own = {"party": event.actors[0].party, "stream": body.lot}
        first = [row for row in reads.rows(ENTERED_ACT, **own) if row["kind"] in _DECLARES]
        return any(helper in row["entered_by"].split(",") for row in first)
    if isinstance(body, Registered):
        parties = {body.generator, body.facility, *(carrier.party for carrier in body.carriers)}
        return helper in parties or (body.second is not None and helper == body.second.party)
    if isinstance(body, MANIFEST_EVENTS):
        return bool(reads.rows(MANIFEST_PARTY, manifest=event.stream, party=helper))
    return bool(_HELPERS & roles) or bool(reads.rows(COLLECTION_POINT, operator=helper))


def entered(event: Event, body: Body, keys: tuple[Key, ...]) -> Iterator[Change]:
    """Yield a row for each party that signed an act by hand, with those whose keys entered it."""
    if not isinstance(body, Signed):
        return
    for one in {one.party: one for one in body.on_paper}.values():
        others = {key.party for key in keys} - {one.party} or {one.party}
        yield Insert(
            ENTERED_ACT,
            {
                "seq": SEQ,
                "party": one.party,
                "stream": event.stream,
                "kind": event.kind,
                "how": one.how.value,
                "sha256": one.sha256,
                "entered_by": ",".join(sorted(others)),
                "occurred_at": event.occurred_at,
                "recorded_at": RECORDED_AT,
            },
        )
