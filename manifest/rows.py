"""The rows of a manifest's views that an act changes: head, parties, lines, the act itself, permit use."""

from collections.abc import Iterator
from datetime import date

from ledger.format.event import Event
from ledger.format.keys import Key
from ledger.writing.changes import RECORDED_AT, SEQ, Add, Change, Insert, Put
from manifest.authority import ASSURANCE
from manifest.body import Body
from manifest.cases import copies
from manifest.cases.events import CopiesDelivered
from manifest.cases.views import COPY, LISTED
from manifest.consignment import Line, Manifest
from manifest.events import Registered, Weighed
from manifest.evidence import Assurance
from manifest.postings import Terms
from manifest.quantity import Difference
from manifest.reference import Reference
from manifest.signing import belongs_to, by_hand
from manifest.views import ACT, MANIFEST, MANIFEST_LINE, MANIFEST_PARTY, PERMIT_USE
from manifest.vocabulary import CopyMeans, Role, local_date


def act_row(before: Manifest, event: Event, body: Body, keys: tuple[Key, ...]) -> Change:
    """Return the row of an act: its parties, by key or by hand, and how well it is assured."""
    papers = by_hand(body)
    signed = [actor.party for actor in event.actors]
    signed += [party for party in belongs_to(before, event, body) if party in papers - set(signed)]
    by_key = [ASSURANCE[key.custody] for key in keys]
    levels = [
        Assurance.ON_PAPER if party in papers else by_key[index]  # who has no key here signed by hand
        for index, party in enumerate(signed)
    ]
    row = {
        "manifest": event.stream,
        "seq": SEQ,
        "kind": event.kind,
        "occurred_at": event.occurred_at,
        "recorded_at": RECORDED_AT,
        "parties": ",".join(signed),
        "levels": ",".join(str(level.value) for level in levels),
        "assurance": min(levels).value,
    }
    return Insert(ACT, row)


def permit_use(before: Manifest, after: Manifest, on: date) -> Iterator[Change]:
    """Yield what an act adds to the use of permits: grams accepted or exported, and corrections of them.

    A correction counts in the year in which the load was accepted. What a second facility accepts counts for
    its permit, and no longer for the first one's.
    """
    decided = local_date(after.decided_at).year if after.decided_at else on.year
    second = after.registered.second
    for old, new in zip(before.lines, after.lines, strict=False):
        delta = _taken_g(new) - _taken_g(old)
        code = new.declared.code
        if old.declared.code != code:
            # A corrected code takes along what was counted under the wrong one.
            key = {"permit": after.registered.permit, "code": old.declared.code, "year": decided}
            yield from (Add(PERMIT_USE, key, "accepted_g", -taken) for taken in [_taken_g(old)] if taken)
            delta = _taken_g(new)
        if delta:
            key = {"permit": after.registered.permit, "code": code, "year": decided}
            yield Add(PERMIT_USE, key, "accepted_g", delta)
        theirs = _second_g(new) - _second_g(old)
        if theirs and second is not None:
            key = {"permit": second.permit, "code": code, "year": on.year}
            yield Add(PERMIT_USE, key, "accepted_g", theirs)


def _taken_g(line: Line) -> int:
    mass = line.mass
    passed_on = mass.second is not None and mass.second.accepted_g is not None
    return 0 if passed_on else (mass.accepted_g or mass.exported_g or 0)


def _second_g(line: Line) -> int:
    return 0 if line.mass.second is None else line.mass.second.accepted_g or 0


def copies_delivered(before: Manifest, after: Manifest, body: Body, reference: Reference) -> Iterator[Change]:
    """Yield the rows of copies that an act delivered, and when the last of those awaited was."""
    new = {copy: at for copy, at in after.copies.items() if copy not in before.copies}
    entered = body if isinstance(body, CopiesDelivered) else None
    for copy, at in new.items():
        row = {
            "receiver": copies.receiver(after, copy),
            "means": (entered.means if entered else CopyMeans.ELECTRONIC).value,
            "receipt_sha256": entered.receipt_sha256 if entered else None,
            "delivered_at": at,
            "seq": SEQ,
        }
        yield Put(COPY, {"manifest": after.id, "copy_name": copy}, row)
    if new:
        yield Put(MANIFEST, {"manifest": after.id}, {"copies_at": copies.all_at(after, reference)})


def rows(before: Manifest, after: Manifest, body: Body, terms: Terms) -> Iterator[Change]:
    """Yield the rows of the manifest's head, parties and lines as they are after an act."""
    registered = after.registered
    key = {"manifest": after.id}
    row = {
        "status": after.status.value,
        "holder": after.holder,
        "transferred_at": after.legs[0].at if after.legs else None,
        "arrived_at": after.arrived_at,
        "decided_at": after.decided_at,
        "completed_at": after.completed_at,
        "accepted_g": sum(line.mass.accepted_g or 0 for line in after.lines),
        "refused_g": sum(line.mass.refused_g + _refused_second_g(line) for line in after.lines),
        "left_g": after.left_g,
        "corrections_open": len(after.corrections),
        "vehicle_plate": after.legs[-1].vehicle_plate if after.legs else None,
        "vehicles": len(after.vehicles),
        "forwarded_at": after.forwarded_at,
        "received_second_at": after.received_second_at,
        "storage_notified_at": after.storage_notified_at,
        "exported_at": after.exported_at,
        "on_paper": after.on_paper,
        "paper_number": registered.paper_number,
        "seq": SEQ,
    }
    if isinstance(body, Weighed):
        row["round_net_g"] = body.round_net_g
    if isinstance(body, Registered):
        names = ("generator", "site", "facility", "facility_site", "permit", "form")
        row |= {name: getattr(registered, name) for name in names}
        row |= {
            "number": str(registered.number),
            "issuer": registered.number.issuer,
            "year": registered.number.year,
            "sequence": registered.number.sequence,
            "registered_at": after.registered_at,
            "declared_g": sum(line.mass.declared_g for line in after.lines),
        }
        row |= _case_columns(registered)
        for party, role in _parties(registered):
            yield Put(MANIFEST_PARTY, {**key, "party": party, "role": role.value}, {})
        yield from _listed(after, terms)
    yield Put(MANIFEST, key, row)
    if after.lines != before.lines:
        for line in after.lines:
            yield Put(MANIFEST_LINE, {**key, "line": line.number}, _line_row(after, line))


def _case_columns(registered: Registered) -> dict[str, str | int | None]:
    second, export = registered.second, registered.export
    return {
        "document": registered.document.value,
        "second": second.party if second else None,
        "second_site": second.site if second else None,
        "export_country": export.country if export else None,
        "round": registered.round,
        "collection_point": registered.collection_point,
        "contested": 0,
    }


def _refused_second_g(line: Line) -> int:
    return 0 if line.mass.second is None else line.mass.second.refused_g


def _parties(registered: Registered) -> set[tuple[str, Role]]:
    found = {
        (registered.generator, Role.GENERATOR),
        (registered.facility, Role.TREATMENT_FACILITY),
        *((one.party, Role.GENERATOR) for one in registered.listed),
    }
    if registered.second is not None:
        found.add((registered.second.party, Role.TREATMENT_FACILITY))
    known = {party for party, _ in found}
    return found | {
        (carrier.party, Role.TRANSPORTER) for carrier in registered.carriers if carrier.party not in known
    }


def _listed(after: Manifest, terms: Terms) -> Iterator[Change]:
    """Yield a row for each household on the list, with what is drawn from its site."""
    for one in after.registered.listed:
        grams = sum(
            mass_g for line in after.lines for lot, mass_g in line.drawn if terms.site_of(lot) == one.site
        )
        yield Put(LISTED, {"manifest": after.id, "site": one.site}, {"party": one.party, "declared_g": grams})


def _line_row(manifest: Manifest, line: Line) -> dict[str, object]:
    declared, mass, second = line.declared, line.mass, line.mass.second
    found = Difference(0, 0) if mass.accepted_g is None else mass.difference
    return {
        "code": declared.code,
        "name": declared.name,
        "state": declared.state.value,
        "planned_methods": ",".join(declared.planned_methods),
        "declared_g": mass.declared_g,
        "net_g": mass.net_g,
        "instrument": mass.instrument.value if mass.instrument else None,
        "uncertainty_g": mass.uncertainty_g,
        "restated_g": found.restated_g,
        "unexplained_g": 0 if mass.resolved else found.unexplained_g,
        "returned_g": mass.refused_g if mass.returned else 0,
        "forwarded_g": second.forwarded_g if second else 0,
        "accepted_g": mass.accepted_g,
        "refused_g": mass.refused_g,
        "treated_g": mass.treated_g,
        "interim_g": mass.interim_g,
        "batched_g": mass.batched_g,
        "facility_site": manifest.site_of(line),
        "second_net_g": second.net_g if second else None,
        "second_accepted_g": second.accepted_g if second else None,
        "second_refused_g": second.refused_g if second else 0,
    }
