"""The copies of a manifest («liên»): what each act delivers by itself, and what is entered as delivered.

One electronic original stands for the whole set, so an act reaches its receiver as it is recorded. Who signs
by hand has no such original: for that party a copy is delivered when somebody enters that it was. The last
copies that the form's edition waits for stop the generator's clock (decisions B9, B15, B16).
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from ledger.errors import Problem
from manifest.body import Body, Signed
from manifest.cases.events import CopiesDelivered, ReceivedSecond
from manifest.consignment import Manifest
from manifest.events import Completed, HandedOver
from manifest.reference import Reference
from manifest.reference_tables import FormEdition
from manifest.vocabulary import CopyMeans, local_date

_WITH_HAND_OVER, _WITH_SECOND, _WITH_COMPLETION = "3", "2", "4"


def receiver(manifest: Manifest, copy: str) -> str:
    """Return the party that a copy is for: 1 the facility, 2 the second one, the others the generator."""
    registered = manifest.registered
    match copy[:1]:
        case "1":
            return registered.facility
        case "2":
            return registered.second.party if registered.second else registered.facility
    return registered.generator


def delivered(before: Manifest, after: Manifest, event: Body, at: datetime) -> Manifest:
    """Return a manifest after an act, with the copies that the act delivered, or tells of."""
    copies = event.copies if isinstance(event, CopiesDelivered) else _by_itself(before, event)
    new = {copy: at for copy in copies if copy not in before.copies}
    return replace(after, copies=MappingProxyType({**before.copies, **new})) if new else after


def _by_itself(before: Manifest, event: Body) -> tuple[str, ...]:
    match event:
        case HandedOver() if not before.legs:
            copy = _WITH_HAND_OVER
        case ReceivedSecond():
            copy = _WITH_SECOND
        case Completed():
            copy = _WITH_COMPLETION
        case _:
            return ()
    by_hand = _by_hand(before.registered) | _by_hand(event)
    on_paper = before.registered.paper_number is not None or receiver(before, copy) in by_hand
    return () if on_paper else (copy,)


def _by_hand(event: Body) -> AbstractSet[str]:
    return {one.party for one in event.on_paper} if isinstance(event, Signed) else set()


def delivery(before: Manifest, event: CopiesDelivered, reference: Reference) -> Iterator[Problem]:
    """Yield problems of copies that are said to be delivered: which, when, and by what proof."""
    edition = _edition(before, reference)
    if event.means is CopyMeans.PAPER and event.receipt_sha256 is None:
        yield Problem("manifest.copy_receipt_missing", "/body/receipt_sha256")
    for index, copy in enumerate(event.copies):
        path = f"/body/copies/{index}"
        if copy not in edition.copies:
            yield Problem("manifest.copy_unknown", path, {"expected": ", ".join(edition.copies)})
        elif copy in before.copies or copy in event.copies[:index]:
            yield Problem("manifest.copy_delivered_already", path, {"copy": copy})
        elif copy == edition.copies_awaited[-1] and before.completed_at is None:
            # It tells of the treatment, so it does not exist before.
            yield Problem("manifest.copy_not_yet", path, {"copy": copy})


def all_at(manifest: Manifest, reference: Reference) -> datetime | None:
    """Return when the last of the copies awaited was delivered; None while one is missing."""
    times = [manifest.copies.get(copy) for copy in _edition(manifest, reference).copies_awaited]
    found = [at for at in times if at is not None]
    return max(found) if len(found) == len(times) else None


def _edition(manifest: Manifest, reference: Reference) -> FormEdition:
    assert manifest.registered_at is not None, "copies are delivered of what was registered"
    return reference.form_edition(local_date(manifest.registered_at))
