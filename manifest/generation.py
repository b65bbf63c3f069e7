"""Judging generation: lots declared, opened, adjusted and treated on their own site."""

from datetime import date

from ledger.errors import Problem, refuse
from ledger.format.event import Event
from ledger.storage.db import Row
from ledger.writing.changes import SEQ, Change, Insert, Reads
from manifest import lookups, postings, rules
from manifest.accounts import Posting
from manifest.body import Body
from manifest.events import GenerationAdjusted, GenerationDeclared, OpeningDeclared, SelfTreated
from manifest.reference import Reference
from manifest.register.judge import area_of
from manifest.views import LOT, POSTING, SITE
from manifest.vocabulary import Basis, LotKind, PermitKind, local_date


def judge_generation(
    reads: Reads, event: Event, body: Body, reference: Reference
) -> tuple[list[Change], tuple[Posting, ...]]:
    """Return the rows and postings of a generation event; raise Refused when a rule forbids it."""
    match body:
        case GenerationDeclared() | OpeningDeclared():
            return _declared(reads, event, body, reference)
        case GenerationAdjusted():
            return _adjusted(reads, event, body)
        case SelfTreated():
            return _self_treated(reads, event, body, reference)
    raise AssertionError(f"not an event of generation: {type(body).__name__}")


def _declared(
    reads: Reads, event: Event, body: GenerationDeclared | OpeningDeclared, reference: Reference
) -> tuple[list[Change], tuple[Posting, ...]]:
    today = local_date(event.occurred_at)
    site = reads.one(SITE, site=body.site)
    problems = list(rules.waste_code(reference, body.code, body.generated_on, "/body/code"))
    problems += rules.dates("/body/generated_on", body.generated_on, earliest=None, latest=today)
    if site is None or site["party"] != event.actors[0].party:
        problems.append(Problem("manifest.site_not_yours", "/body/site"))
    if reads.one(LOT, lot=body.lot) is not None:
        problems.append(Problem("manifest.lot_known_already", "/body/lot"))
    refuse(problems)
    assert site is not None
    opening = isinstance(body, OpeningDeclared)
    row = {
        "lot": body.lot,
        "lot_kind": (LotKind.OPENING if opening else LotKind.PRIMARY).value,
        "party": site["party"],
        "site": body.site,
        "code": body.code,
        "state": body.state.value,
        "generated_on": body.generated_on,
        "declared_g": body.mass_g,
        "basis": (Basis.REGULAR if isinstance(body, OpeningDeclared) else body.basis).value,
        "zone_kind": site["zone_kind"],
        "zone": site["zone"],
        "area": area_of(site, body.generated_on),
        "seq": SEQ,
    }
    return [Insert(LOT, row)], postings.declared(body)


def _adjusted(
    reads: Reads, event: Event, body: GenerationAdjusted
) -> tuple[list[Change], tuple[Posting, ...]]:
    lot = _own_lot(reads, event, body.lot)
    stored = lookups.stored_g(reads, body.lot, lot["site"])
    if body.delta_g == 0:
        refuse([Problem("manifest.nothing_changes", "/body/delta_g")])
    if stored + body.delta_g < 0:
        facts = {"stored_g": stored, "mass_g": -body.delta_g}
        refuse([Problem("manifest.lot_short", "/body/delta_g", facts)])
    return [], postings.adjusted(body, LotKind(lot["lot_kind"]), lot["site"])


def _self_treated(
    reads: Reads, event: Event, body: SelfTreated, reference: Reference
) -> tuple[list[Change], tuple[Posting, ...]]:
    lot = _own_lot(reads, event, body.lot)
    today = local_date(event.occurred_at)
    # Not before the waste was last moved: it was treated where it lay.
    moved: list[date] = [row["posted_on"] for row in reads.rows(POSTING, lot=body.lot)]
    arose: date = max([lot["generated_on"], *moved])
    problems = list(rules.methods(reference, body.methods, today, "/body/methods"))
    problems += rules.dates("/body/treated_on", body.treated_on, earliest=arose, latest=today)
    stored = lookups.stored_g(reads, body.lot, lot["site"])
    if body.mass_g > stored:
        facts = {"stored_g": stored, "mass_g": body.mass_g}
        problems.append(Problem("manifest.lot_short", "/body/mass_g", facts))
    refuse(problems)
    permit = lookups.permit(reads, body.permit)
    final = any(reference.method(method, today).final for method in body.methods)
    permitted = (
        permit is not None
        and final
        and permit.party == lot["party"]
        and permit.kind is not PermitKind.CARRIAGE
        and permit.covers(lot["code"], body.methods, body.treated_on)
    )
    return [], postings.self_treated(body, lot["site"], permitted=permitted)


def _own_lot(reads: Reads, event: Event, lot: str) -> Row:
    row = reads.one(LOT, lot=lot)
    if row is None or row["party"] != event.actors[0].party:
        refuse([Problem("manifest.lot_unknown", "/body/lot")])
    assert row is not None
    return row
