"""Judging batches: own lots put in, and what comes out of them."""

from collections.abc import Iterator, Mapping
from datetime import date

from ledger.errors import NotFound, Problem, refuse
from ledger.format.event import Event
from ledger.storage.db import Row
from ledger.writing.changes import SEQ, Change, Insert, Put, Reads
from manifest import lookups, rules
from manifest.accounts import Posting, Slot, move
from manifest.body import Body
from manifest.lots import fate
from manifest.lots.events import BatchCharged, BatchDischarged
from manifest.lots.following import chargeable, interim, share, shares_of
from manifest.lots.postings import arisen
from manifest.lots.rows import in_store, lot_row, moved_on, source_row, unknown_lots
from manifest.lots.views import BATCH
from manifest.reference import Reference
from manifest.views import LOT, PERMIT, SITE
from manifest.vocabulary import Account, LotId, LotKind, PermitKind, Reason, local_date

# What a facility may pour together beside what manifests bring: what is left of treatment, and old stock.
_OWN_KINDS = {LotKind.CHILD, LotKind.SECONDARY, LotKind.OPENING}


def judge_batch(
    reads: Reads, event: Event, body: Body, reference: Reference
) -> tuple[list[Change], tuple[Posting, ...]]:
    """Return the rows and postings of a batch's event; raise Refused when a rule forbids it."""
    if isinstance(body, BatchCharged):
        return [], _charged(reads, event, body, reference)
    assert isinstance(body, BatchDischarged), f"not an event of batches: {type(body).__name__}"
    return _discharged(reads, event, body, reference)


def _charged(reads: Reads, event: Event, body: BatchCharged, reference: Reference) -> tuple[Posting, ...]:
    today, party = local_date(event.occurred_at), event.actors[0].party
    site = reads.one(SITE, site=body.site)
    problems = []
    if site is None or site["party"] != party:
        problems.append(Problem("manifest.site_not_yours", "/body/site"))
    problems += chargeable(
        reads, body.batch, party=party, site=body.site, at=event.occurred_at, path="/body/batch"
    )
    problems += rules.methods(reference, body.methods, today, "/body/methods")
    problems += interim(reference, body.methods, today, "/body/methods")
    if len({item.lot for item in body.lots}) != len(body.lots):
        problems.append(Problem("manifest.lot_repeated", "/body/lots"))
    arose: list[date] = []
    for index, item in enumerate(body.lots):
        row = reads.one(LOT, lot=item.lot)
        path = f"/body/lots/{index}"
        if row is None or row["party"] != party:
            problems.append(Problem("manifest.lot_unknown", f"{path}/lot"))
            continue
        arose.append(moved_on(reads, row))
        problems += _chargeable_lot(reads, row, body.site, item.mass_g, path)
    problems += rules.dates(
        "/body/charged_on", body.charged_on, earliest=max(arose, default=None), latest=today
    )
    refuse(problems)
    return tuple(
        posting
        for item in body.lots
        for posting in move(
            LotId(item.lot),
            item.mass_g,
            Slot(Account.STORED, body.site),
            Slot(Account.INTERIM, body.site),
            Reason.BATCHED,
            method=body.methods[-1],
            on=body.charged_on,
            batch=body.batch,
        )
    )


def _chargeable_lot(reads: Reads, row: Row, site: str, mass_g: int, path: str) -> Iterator[Problem]:
    if row["lot_kind"] not in _OWN_KINDS:
        yield Problem("manifest.lot_of_other_kind", f"{path}/lot", {"kind": row["lot_kind"]})
    if row["site"] != site:
        yield Problem("manifest.lot_elsewhere", f"{path}/lot")
        return
    yield from in_store(reads, row, mass_g, f"{path}/mass_g")


def _discharged(
    reads: Reads, event: Event, body: BatchDischarged, reference: Reference
) -> tuple[list[Change], tuple[Posting, ...]]:
    today, party = local_date(event.occurred_at), event.actors[0].party
    batch = reads.one(BATCH, batch=body.batch)
    if batch is None or batch["party"] != party:
        raise NotFound(Problem("manifest.batch_unknown", "/body/batch"))
    problems = list(
        chargeable(
            reads, body.batch, party=party, site=batch["site"], at=event.occurred_at, path="/body/batch"
        )
    )
    problems += rules.dates(
        "/body/discharged_on", body.discharged_on, earliest=batch["last_on"], latest=today
    )
    problems += _outputs(reads, body, reference)
    if body.broken_g and not _may_break(reads, body, party):
        problems.append(Problem("manifest.break_not_permitted", "/body/permit"))
    refuse(problems)
    changes: list[Change] = []
    made: list[Posting] = []
    outputs = [(output, LotKind.CHILD) for output in body.outputs]
    outputs += [(residue, LotKind.SECONDARY) for residue in body.residues]
    for output, kind in outputs:
        changes.append(Insert(LOT, lot_row(reads, output, kind, batch["site"], body.discharged_on)))
        changes.append(source_row(output.lot, body.batch, "batch"))
        made += arisen(output.lot, output.mass_g, kind, batch["site"], body.discharged_on)
    passed, broken = _passed_on(reads, body, Slot(Account.INTERIM, batch["site"]))
    closed = {
        "discharged_on": body.discharged_on,
        "last_at": event.occurred_at,
        "output_g": sum(output.mass_g for output in body.outputs),
        "residue_g": sum(residue.mass_g for residue in body.residues),
        "broken_g": body.broken_g,
        "seq": SEQ,
    }
    return [*changes, *passed, Put(BATCH, {"batch": body.batch}, closed)], (*made, *broken)


def _outputs(reads: Reads, body: BatchDischarged, reference: Reference) -> Iterator[Problem]:
    if not body.outputs and not body.broken_g:
        # What went in is somewhere; a batch that ends the waste is a child lot that is treated.
        yield Problem("manifest.batch_without_output", "/body/outputs")
    for name in ("outputs", "residues"):
        for index, output in enumerate(getattr(body, name)):
            path = f"/body/{name}/{index}/code"
            yield from rules.waste_code(reference, output.code, body.discharged_on, path)
    yield from unknown_lots(
        reads, [output.lot for output in (*body.outputs, *body.residues)], "/body/outputs"
    )


def _may_break(reads: Reads, body: BatchDischarged, party: str) -> bool:
    """Tell whether a permit that an authority confirmed allows its holder to lose the trace."""
    permit = lookups.permit(reads, body.permit, body.discharged_on)
    row = None if permit is None else reads.one(PERMIT, permit=permit.id)
    return (
        permit is not None
        and row is not None
        and permit.party == party
        and permit.kind is PermitKind.TREATMENT
        and permit.valid_on(body.discharged_on)
        and bool(row["confirmed"])
        and bool(row["traceability_break"])
    )


def _passed_on(reads: Reads, body: BatchDischarged, held: Slot) -> tuple[list[Change], list[Posting]]:
    """Return how the batch's shares go over to its child lots, and the postings of those that are lost."""
    shares: Mapping[fate.Origin, int] = shares_of(reads, body.batch).get(held, {})
    lost = Slot(Account.TRACEABILITY_BREAK, held.place)
    # What can no longer be traced takes its part like a child lot, under the batch's own name.
    outputs = [(LotId(output.lot), output.mass_g) for output in body.outputs]
    outputs += [(LotId(body.batch), body.broken_g)] if body.broken_g else []
    changes: list[Change] = [share(body.batch, held, origin, -grams) for origin, grams in shares.items()]
    made: list[Posting] = []
    for lot, parts in fate.divide(shares, outputs).items():
        for origin, grams in parts.items():
            broken = lot == body.batch
            changes.append(share(lot, lost if broken else held, origin, grams))
            if broken:
                made += move(
                    origin.lot,
                    grams,
                    held,
                    lost,
                    Reason.TRACEABILITY_BREAK,
                    line=origin.line,
                    on=body.discharged_on,
                    manifest=origin.manifest,
                )
    return changes, made
