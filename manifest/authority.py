"""Who may sign which kind of event, in which role, for whom.

The table says which roles each kind needs, in the order of the actors. A party acts through its own keys, or
through those of an agent that holds its mandate for the role on that day.
"""

from collections.abc import Iterator
from datetime import date

from ledger.errors import Problem
from ledger.format.event import Actor, Event
from ledger.format.keys import Key
from ledger.writing.changes import Reads
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
from manifest.lots import events as lots
from manifest.register import events as register
from manifest.views import MANDATE, ORGANISATION
from manifest.vocabulary import Role, local_date

Roles = frozenset[Role]


def _one_of(*roles: Role) -> Roles:
    return frozenset(roles)


_OPERATOR = _one_of(Role.OPERATOR)
_REGISTRAR = _one_of(Role.OPERATOR, Role.AUTHORITY)
_GENERATOR = _one_of(Role.GENERATOR)
_FACILITY = _one_of(Role.TREATMENT_FACILITY)
_CARRIER = _one_of(Role.GENERATOR, Role.TRANSPORTER, Role.TREATMENT_FACILITY)
_PARTY = _CARRIER
_ANYONE = frozenset(Role) - {Role.HOLDER}
_HOLDER = _one_of(Role.HOLDER)

# Kind of event -> the roles that each of its actors may have, in their order.
SIGNERS: dict[str, tuple[Roles, ...]] = {
    register.LogOpened.kind: (_OPERATOR, _OPERATOR),
    register.KeyRegistered.kind: (_HOLDER, _ANYONE),
    register.KeyRotated.kind: (_HOLDER, _HOLDER),
    register.KeyRevoked.kind: (_ANYONE | _HOLDER,),
    register.EditionAdopted.kind: (_OPERATOR, _OPERATOR),
    register.RuleSet.kind: (_OPERATOR, _OPERATOR),
    register.OrganisationRegistered.kind: (_REGISTRAR,),
    register.OrganisationAdmitted.kind: (_REGISTRAR,),
    register.SiteRegistered.kind: (_REGISTRAR,),
    register.PermitGranted.kind: (_PARTY | _one_of(Role.AUTHORITY),),
    register.ApprovalGranted.kind: (_PARTY | _one_of(Role.AUTHORITY),),
    register.MandateGranted.kind: (_PARTY,),
    register.MandateRevoked.kind: (_PARTY,),
    register.NumbersAllocated.kind: (_REGISTRAR,),
    register.PlanDeclared.kind: (_GENERATOR,),
    register.CheckpointAnchored.kind: (_one_of(Role.SERVICE),),
    register.GuardAdopted.kind: (_OPERATOR,),
    register.LogKeyAdded.kind: (_OPERATOR, _OPERATOR),
    register.LogKeyRetired.kind: (_OPERATOR, _OPERATOR),
    register.PersonalErased.kind: (_REGISTRAR,),
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
    Completed.kind: (_FACILITY,),
    Cancelled.kind: (_GENERATOR,),
    CorrectionProposed.kind: (_PARTY,),
    CorrectionConsented.kind: (_PARTY,),
    CorrectionDeclined.kind: (_PARTY,),
    PdfIssued.kind: (_one_of(Role.SERVICE),),
}

# Assurance of an act by the custody of the key that signed it (`design` section 5): account, own key, and
# public certificate. A service key signs for the system, not for a person.
ASSURANCE = {"custodial": 0, "service": 0, "device": 1, "certificate": 2}


def signers(event: Event) -> Iterator[Problem]:
    """Yield problems of the number of actors and of their roles, for the kind of event."""
    expected = SIGNERS[event.kind]
    if len(event.actors) != len(expected):
        yield Problem("manifest.actors_wrong", "/actors", {"expected": len(expected)})
        return
    for index, (actor, roles) in enumerate(zip(event.actors, expected, strict=True)):
        if actor.role not in roles:
            facts = {"role": actor.role, "expected": ", ".join(sorted(roles))}
            yield Problem("manifest.role_wrong", f"/actors/{index}/role", facts)


def acting(reads: Reads, event: Event, keys: tuple[Key, ...]) -> Iterator[Problem]:
    """Yield problems of who acts: unknown or not admitted, without the role, or without a mandate."""
    on = local_date(event.occurred_at)
    for index, (actor, key) in enumerate(zip(event.actors, keys, strict=True)):
        path = f"/actors/{index}"
        if actor.role == Role.HOLDER:
            if key.party != actor.party:
                yield Problem("manifest.mandate_missing", f"{path}/kid", {"party": actor.party})
            continue
        yield from _party(reads, actor, path)
        yield from _key(reads, actor, key, on, path)


def _party(reads: Reads, actor: Actor, path: str) -> Iterator[Problem]:
    row = reads.one(ORGANISATION, party=actor.party)
    if row is None:
        yield Problem("manifest.party_unknown", f"{path}/party", {"party": actor.party})
    elif not row["admitted"]:
        yield Problem("manifest.party_not_admitted", f"{path}/party", {"party": actor.party})
    elif actor.role not in row["roles"].split(","):
        yield Problem("manifest.role_not_held", f"{path}/role", {"role": actor.role})


def _key(reads: Reads, actor: Actor, key: Key, on: date, path: str) -> Iterator[Problem]:
    if (actor.role == Role.SERVICE) != (key.custody == "service"):
        yield Problem("manifest.service_key_only", f"{path}/kid")
    if key.party == actor.party:
        return
    mandates = reads.rows(MANDATE, principal=actor.party, agent=key.party)
    good = any(
        row["role"] == actor.role and not row["revoked"] and row["valid_from"] <= on <= row["valid_to"]
        for row in mandates
    )
    if not good:
        yield Problem("manifest.mandate_missing", f"{path}/kid", {"party": actor.party})
