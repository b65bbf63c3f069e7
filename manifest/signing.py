"""Which party each act of a manifest belongs to, in the order of those who sign it.

A party that signed by hand may be left out of the actors, as long as one remains; an act in which giver and
taker are one party needs that party once.
"""

from collections.abc import Iterator

from ledger.errors import Problem
from ledger.format.event import Event
from manifest.authority import SIGNERS
from manifest.body import Body, Signed
from manifest.cases.events import (
    CopiesDelivered,
    Forwarded,
    ReceivedSecond,
    StorageNotified,
    Transshipped,
)
from manifest.consignment import Manifest
from manifest.events import Completed, CorrectionProposed, HandedOver, Registered, Returned, Treated
from manifest.vocabulary import Role


def belongs_to(before: Manifest, event: Event, body: Body) -> tuple[str, ...]:
    """Return the parties of an act, in the order of its signers."""
    registered = body if isinstance(body, Registered) else before.registered
    first = event.actors[0].party
    second = registered.second.party if registered.second else None
    match body:
        case HandedOver():
            return (body.giver, body.taker)
        case Forwarded():
            return (registered.facility, body.taker)
        case ReceivedSecond():
            return (second or registered.facility,)
        case Returned():
            return (body.giver, registered.generator)
        case CorrectionProposed():
            involved = {registered.generator, registered.facility, before.holder, second}
            involved |= {carrier.party for carrier in registered.carriers}
            return (first,) if first in involved else (registered.generator,)
        case _ if event.kind.startswith("manifest.correction_"):
            return (first,)
        case Transshipped():
            return (before.holder,)
        case Treated() | Completed() | StorageNotified() | CopiesDelivered() if first == second:
            return (first,)
    as_generator = event.actors[0].role == Role.GENERATOR
    return (registered.generator if as_generator else registered.facility,)


def by_hand(body: Body) -> frozenset[str]:
    """Return the parties whose word for an act stands on paper."""
    return frozenset(one.party for one in body.on_paper) if isinstance(body, Signed) else frozenset()


def in_place(before: Manifest, event: Event, body: Body) -> Iterator[Problem]:
    """Yield problems of parties that act in another's place, or are missing without a paper of theirs."""
    expected = belongs_to(before, event, body)
    if len(event.actors) == len(expected):
        for index, (actor, party) in enumerate(zip(event.actors, expected, strict=True)):
            if actor.party != party:
                yield Problem("manifest.party_not_in_place", f"/actors/{index}/party", {"expected": party})
    else:
        yield from _in_some_place(event, expected, by_hand(body))
    known = set(expected)
    if isinstance(body, Registered):
        known |= {one.party for one in body.listed}
    for index, one in enumerate(getattr(body, "on_paper", ())):
        if one.party not in known:
            yield Problem("manifest.on_paper_not_a_party", f"/body/on_paper/{index}/party")


def _in_some_place(event: Event, expected: tuple[str, ...], papers: frozenset[str]) -> Iterator[Problem]:
    left = list(zip(expected, SIGNERS[event.kind], strict=True))
    for index, actor in enumerate(event.actors):
        place = next((n for n, (party, _) in enumerate(left) if party == actor.party), None)
        if place is None:
            facts = {"expected": ", ".join(party for party, _ in left)}
            yield Problem("manifest.party_not_in_place", f"/actors/{index}/party", facts)
        elif actor.role not in left[place][1]:
            wrong = {"role": actor.role, "expected": ", ".join(sorted(left[place][1]))}
            yield Problem("manifest.role_wrong", f"/actors/{index}/role", wrong)
        else:
            del left[: place + 1]
    signed = {actor.party for actor in event.actors} | papers
    if not set(expected) <= signed:
        yield Problem("manifest.actors_wrong", "/actors", {"expected": len(expected)})
