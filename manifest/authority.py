"""Who may sign which kind of event, in which role, for whom.

The table says which roles each kind needs, in the order of the actors. A party acts through its own keys, or
through those of an agent that holds its mandate for the role on that day.
"""

from collections.abc import Iterator
from datetime import date, datetime

from ledger.errors import Problem
from ledger.format.event import Actor, Event
from ledger.format.keys import Key
from ledger.writing.changes import Reads
from manifest.body import Body
from manifest.cases import events as cases
from manifest.cases.on_paper import may_enter, stands_on_paper
from manifest.claims.events import ClaimKept, ClaimResolved
from manifest.correcting.events import CorrectionRequested, CorrectionWithdrawn
from manifest.events import (
    Accepted,
    Arrived,
    Cancelled,
    Completed,
    CorrectionConsented,
    CorrectionDeclined,
    CorrectionProposed,
    GenerationAdjusted,
    GenerationDeclared,
    HandedOver,
    OpeningDeclared,
    PdfIssued,
    Refused,
    Registered,
    Returned,
    SelfTreated,
    Treated,
    Weighed,
)
from manifest.evidence import Assurance
from manifest.findings import events as findings
from manifest.lots import events as lots
from manifest.outages.events import BlanksIssued, IncidentRecorded
from manifest.register import documents, parties, places
from manifest.register import events as register
from manifest.register.log import (
    CheckpointAnchored,
    EditionAdopted,
    GuardAdopted,
    KeyRegistered,
    KeyRevoked,
    KeyRotated,
    LogKeyAdded,
    LogKeyRetired,
    LogOpened,
    PersonalErased,
    RuleSet,
)
from manifest.register.lookups import mandated, organisation
from manifest.vocabulary import Role, local_date

Roles = frozenset[Role]


def _one_of(*roles: Role) -> Roles:
    return frozenset(roles)


_OPERATOR = _one_of(Role.OPERATOR)
_AUTHORITY = _one_of(Role.AUTHORITY)
_REGISTRAR = _one_of(Role.OPERATOR, Role.AUTHORITY)
_GENERATOR = _one_of(Role.GENERATOR)
_FACILITY = _one_of(Role.TREATMENT_FACILITY)
_CARRIER = _one_of(Role.GENERATOR, Role.TRANSPORTER, Role.TREATMENT_FACILITY)
_PARTY = _CARRIER
_ANYONE = frozenset(Role) - {Role.HOLDER}
_HOLDER = _one_of(Role.HOLDER)

# Kind of event -> the roles that each of its actors may have, in their order.
SIGNERS: dict[str, tuple[Roles, ...]] = {
    LogOpened.kind: (_OPERATOR, _OPERATOR),
    KeyRegistered.kind: (_HOLDER, _ANYONE),
    KeyRotated.kind: (_HOLDER, _HOLDER),
    KeyRevoked.kind: (_ANYONE | _HOLDER,),
    EditionAdopted.kind: (_OPERATOR, _OPERATOR),
    RuleSet.kind: (_OPERATOR, _OPERATOR),
    register.OrganisationRegistered.kind: (_REGISTRAR,),
    register.OrganisationAdmitted.kind: (_REGISTRAR,),
    register.SiteRegistered.kind: (_REGISTRAR,),
    register.PermitGranted.kind: (_PARTY | _one_of(Role.AUTHORITY),),
    register.ApprovalGranted.kind: (_PARTY | _one_of(Role.AUTHORITY),),
    register.MandateGranted.kind: (_PARTY,),
    register.MandateRevoked.kind: (_PARTY,),
    register.NumbersAllocated.kind: (_REGISTRAR,),
    register.PlanDeclared.kind: (_GENERATOR,),
    CheckpointAnchored.kind: (_one_of(Role.SERVICE),),
    GuardAdopted.kind: (_OPERATOR,),
    LogKeyAdded.kind: (_OPERATOR, _OPERATOR),
    LogKeyRetired.kind: (_OPERATOR, _OPERATOR),
    PersonalErased.kind: (_REGISTRAR,),
    parties.OrganisationChanged.kind: (_REGISTRAR,),
    parties.EntryConfirmed.kind: (_AUTHORITY,),
    parties.EntryEnded.kind: (_PARTY | _REGISTRAR,),
    parties.EntrySuspended.kind: (_AUTHORITY,),
    parties.EntryResumed.kind: (_AUTHORITY,),
    parties.VehicleRegistered.kind: (_GENERATOR | _AUTHORITY,),
    places.SitePlaced.kind: (_REGISTRAR,),
    places.ZoneRegistered.kind: (_REGISTRAR,),
    places.ZoneChanged.kind: (_REGISTRAR,),
    places.ZoneAssessed.kind: (_AUTHORITY,),
    places.CollectionPointOpened.kind: (_REGISTRAR,),
    places.TreatmentLineSet.kind: (_FACILITY | _AUTHORITY,),
    documents.PermitAmended.kind: (_PARTY | _AUTHORITY,),
    documents.RegistrationReceived.kind: (_GENERATOR | _AUTHORITY,),
    documents.ContractMade.kind: (_GENERATOR | _FACILITY,),
    documents.ContractAgreed.kind: (_GENERATOR | _FACILITY,),
    documents.CertificateIssued.kind: (_GENERATOR | _AUTHORITY,),
    documents.LinkageApproved.kind: (_FACILITY | _AUTHORITY,),
    GenerationDeclared.kind: (_GENERATOR,),
    OpeningDeclared.kind: (_GENERATOR,),
    GenerationAdjusted.kind: (_GENERATOR,),
    SelfTreated.kind: (_GENERATOR,),
    lots.ResidueDeclared.kind: (_FACILITY,),
    lots.Declassified.kind: (_GENERATOR,),
    lots.LotTreated.kind: (_FACILITY,),
    lots.BatchCharged.kind: (_FACILITY,),
    lots.BatchDischarged.kind: (_FACILITY,),
    Registered.kind: (_GENERATOR,),
    HandedOver.kind: (_CARRIER, _CARRIER),
    Arrived.kind: (_FACILITY,),
    Weighed.kind: (_FACILITY,),
    Accepted.kind: (_FACILITY,),
    Refused.kind: (_FACILITY,),
    Returned.kind: (_CARRIER, _GENERATOR),
    Treated.kind: (_FACILITY,),
    # An export is the generator's or its facility's; what stays here is completed by a facility alone.
    Completed.kind: (_FACILITY | _GENERATOR,),
    Cancelled.kind: (_GENERATOR,),
    cases.Transshipped.kind: (_CARRIER,),
    cases.Forwarded.kind: (_FACILITY, _one_of(Role.TRANSPORTER, Role.TREATMENT_FACILITY)),
    cases.ReceivedSecond.kind: (_FACILITY,),
    cases.StorageNotified.kind: (_FACILITY,),
    cases.Exported.kind: (_FACILITY | _GENERATOR,),
    cases.DisposalCertified.kind: (_FACILITY | _GENERATOR,),
    cases.CopiesDelivered.kind: (_FACILITY | _GENERATOR,),
    cases.Contested.kind: (_PARTY | _AUTHORITY,),
    cases.ContestSettled.kind: (_PARTY | _AUTHORITY,),
    IncidentRecorded.kind: (_REGISTRAR,),
    BlanksIssued.kind: (_PARTY | _REGISTRAR,),
    findings.FindingOpened.kind: (_one_of(Role.SERVICE),),
    findings.FindingChanged.kind: (_one_of(Role.SERVICE),),
    findings.FindingLapsed.kind: (_one_of(Role.SERVICE),),
    findings.Reconciled.kind: (_one_of(Role.SERVICE),),
    findings.FindingAcknowledged.kind: (_PARTY | _AUTHORITY,),
    findings.FindingExplained.kind: (_PARTY | _AUTHORITY,),
    findings.FindingAssigned.kind: (_AUTHORITY,),
    findings.FindingClosed.kind: (_AUTHORITY,),
    findings.FindingReopened.kind: (_AUTHORITY,),
    ClaimKept.kind: (_one_of(Role.SERVICE),),
    ClaimResolved.kind: (_AUTHORITY,),
    CorrectionProposed.kind: (_PARTY,),
    CorrectionConsented.kind: (_PARTY,),
    CorrectionDeclined.kind: (_PARTY,),
    CorrectionWithdrawn.kind: (_PARTY,),
    CorrectionRequested.kind: (_AUTHORITY,),
    PdfIssued.kind: (_one_of(Role.SERVICE),),
}

# Assurance of an act by the custody of the key that signed it (`design` section 5): account, own key, and
# public certificate. A service key signs for the system, not for a person.
ASSURANCE = {
    "custodial": Assurance.ACCOUNT, "service": Assurance.ACCOUNT, "device": Assurance.OWN_KEY,
    "certificate": Assurance.CERTIFICATE,
}  # fmt: skip


# Giver and taker may be one party: a generator or facility that carries itself.
_MAY_BE_ONE = {HandedOver.kind, Returned.kind, cases.Forwarded.kind}


def signers(event: Event, body: Body) -> Iterator[Problem]:
    """Yield problems of the number of actors and of their roles, for the kind of event.

    Fewer may sign when others signed by hand, or when giver and taker are one party; whose place each of them
    takes is known only with the manifest (`manifest.signing`).
    """
    expected = SIGNERS[event.kind]
    fewer = bool(getattr(body, "on_paper", ())) or event.kind in _MAY_BE_ONE
    if len(event.actors) > len(expected) or (len(event.actors) < len(expected) and not fewer):
        yield Problem("manifest.actors_wrong", "/actors", {"expected": len(expected)})
        return
    places = expected
    if len(event.actors) < len(expected):
        places = (frozenset().union(*expected),) * len(event.actors)
    for index, (actor, roles) in enumerate(zip(event.actors, places, strict=True)):
        if actor.role not in roles:
            facts = {"role": actor.role, "expected": ", ".join(sorted(roles))}
            yield Problem("manifest.role_wrong", f"/actors/{index}/role", facts)


def acting(reads: Reads, event: Event, body: Body, keys: tuple[Key, ...], now: datetime) -> Iterator[Problem]:
    """Yield problems of who acts: unknown or not admitted, without the role, or without a mandate.

    ``now`` is the ledger's time, beside the attested one of the event.
    """
    on = local_date(event.occurred_at)
    for index, (actor, key) in enumerate(zip(event.actors, keys, strict=True)):
        path = f"/actors/{index}"
        if actor.role == Role.HOLDER:
            if key.party != actor.party:
                yield Problem("manifest.mandate_missing", f"{path}/kid", {"party": actor.party})
            continue
        yield from _party(reads, event, actor, on, path)
        yield from _dated_back(reads, event, index, key, local_date(now))
        yield from _key(reads, event, body, index, key)


def _party(reads: Reads, event: Event, actor: Actor, on: date, path: str) -> Iterator[Problem]:
    party = organisation(reads, actor.party, on)
    if party is None:
        yield Problem("manifest.party_unknown", f"{path}/party", {"party": actor.party})
    elif not party.admitted:
        yield Problem("manifest.party_not_admitted", f"{path}/party", {"party": actor.party})
    elif party.suspended and _begins(event):
        yield Problem("manifest.party_suspended", f"{path}/party", {"party": actor.party})
    elif actor.role not in party.roles:
        yield Problem("manifest.role_not_held", f"{path}/role", {"role": actor.role})


def _dated_back(reads: Reads, event: Event, index: int, key: Key, today: date) -> Iterator[Problem]:
    """Yield a problem when a party that is suspended today says that it had begun something before.

    What stands on paper from the time before is entered for it by an authority.
    """
    actor, on = event.actors[index], local_date(event.occurred_at)
    if event.kind not in _BEGINNINGS or on == today:
        return
    party = organisation(reads, actor.party, today)
    if party is None or not party.suspended:
        return
    signer = None if key.party == actor.party else organisation(reads, key.party, today)
    before = organisation(reads, actor.party, on)
    told_already = before is not None and before.suspended
    if not told_already and (signer is None or Role.AUTHORITY not in signer.roles):
        yield Problem("manifest.party_suspended", f"/actors/{index}/party", {"party": actor.party})


# What begins something new: a suspended party does not, though what is on the road or in store goes on
# (decision B18: hard refusals stop only acts that have not happened).
_BEGINNINGS = {
    Registered.kind, register.MandateGranted.kind, documents.ContractMade.kind, documents.ContractAgreed.kind,
}  # fmt: skip


def _begins(event: Event) -> bool:
    return event.kind in _BEGINNINGS or (event.kind == HandedOver.kind and event.body.get("leg") == 1)


def _key(reads: Reads, event: Event, body: Body, index: int, key: Key) -> Iterator[Problem]:
    actor, on = event.actors[index], local_date(event.occurred_at)
    if (actor.role == Role.SERVICE) != (key.custody == "service"):
        yield Problem("manifest.service_key_only", f"/actors/{index}/kid")
    if key.party == actor.party:
        return
    if mandated(reads, actor.party, key.party, actor.role, on, manifest=event.stream):
        return
    if not stands_on_paper(body, actor.party):
        yield Problem("manifest.mandate_missing", f"/actors/{index}/kid", {"party": actor.party})
    elif not may_enter(reads, event, body, key.party, actor.role):
        yield Problem("manifest.helper_not_allowed", f"/actors/{index}/kid", {"party": key.party})
