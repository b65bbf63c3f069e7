"""What an act's postings mean for batches and shares: looked up, followed, returned as rows and postings."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from functools import cache

from ledger.errors import Problem, RuleBroken
from ledger.format.event import Event
from ledger.storage.db import Row
from ledger.writing.changes import SEQ, Add, Change, Insert, Put, Reads
from manifest.accounts import Posting, Slot, move
from manifest.consignment import Manifest
from manifest.events import Treated
from manifest.lots import fate
from manifest.lots.views import BATCH, BATCH_INPUT, LOT_SHARE
from manifest.reference import Reference
from manifest.rules import in_order, methods
from manifest.views import BALANCE, LOT, MANIFEST, POSTING
from manifest.vocabulary import Account, LotId, LotKind, local_date


def passed_on(
    reads: Reads, event: Event, made: Sequence[Posting]
) -> tuple[list[Change], tuple[Posting, ...]]:
    """Return what follows from an act's postings: rows of batches and shares, and postings of other lots."""
    party, today = event.actors[0].party, local_date(event.occurred_at)
    inputs = list(charged(reads, made, party=party, at=event.occurred_at, today=today))
    changes, postings = credited(reads, made)
    return [*inputs, *changes], postings


def open_shares_g(reads: Reads, manifest: str) -> int:
    """Return the grams that a manifest brought and that a batch or a child lot still stands for."""
    open_ = Account.INTERIM.value
    return sum(row["grams"] for row in reads.rows(LOT_SHARE, manifest=manifest) if row["account"] == open_)


def shares_of(reads: Reads, of: str) -> dict[Slot, dict[fate.Origin, int]]:
    """Return what a batch or a child lot stands for, by the slot in which it lies."""
    found: dict[Slot, dict[fate.Origin, int]] = {}
    rows = sorted(reads.rows(LOT_SHARE, of=of), key=lambda row: (row["lot"], row["manifest"], row["line"]))
    for row in rows:
        if row["grams"]:
            slot = Slot(Account(row["account"]), row["place"])
            origin = fate.Origin(LotId(row["lot"]), row["manifest"] or None, row["line"] or None)
            found.setdefault(slot, {})[origin] = row["grams"]
    return found


def share(of: str, slot: Slot, origin: fate.Origin, grams: int) -> Change:
    """Return the change that adds grams (below zero: takes them) to a share."""
    key = {
        "of": of,
        "account": slot.account.value,
        "place": slot.place,
        "lot": origin.lot,
        "manifest": origin.manifest or "",
        "line": origin.line or 0,
    }
    return Add(LOT_SHARE, key, "grams", grams)


def credited(reads: Reads, made: Sequence[Posting]) -> tuple[list[Change], tuple[Posting, ...]]:
    """Return what an act's postings of child lots mean for the lots that these stand for."""

    @cache
    def child_of(lot: LotId) -> fate.Child | None:
        row = reads.one(LOT, lot=lot)
        if row is None or row["lot_kind"] != LotKind.CHILD:
            return None
        child = fate.Child(lot=lot, home=row["site"], age=row["seq"], grams={}, shares=shares_of(reads, lot))
        grams: dict[Slot, int] = {}
        for held in sorted(reads.rows(BALANCE, lot=lot), key=lambda row: (row["account"], row["place"])):
            pool = child.pool(Slot(Account(held["account"]), held["place"]))
            if pool is not None:
                grams[pool] = grams.get(pool, 0) + held["grams"]
        return fate.Child(lot=lot, home=child.home, age=child.age, grams=grams, shares=child.shares)

    def method_of(lot: LotId, slot: Slot) -> str | None:
        into = reads.rows(POSTING, lot=lot, account=slot.account.value, place=slot.place)
        with_method = [row for row in into if row["method"]]
        newest = max(with_method, key=lambda row: (row["seq"], row["n"]), default=None)
        return None if newest is None else str(newest["method"])

    found = fate.credit(fate.movements(made), child_of, method_of)
    changes = [
        share(child, slot, one.origin, sign * one.grams)
        for child, one in found.shares
        for sign, slot in ((-1, one.source), (1, one.target))
    ]
    return changes, tuple(posting for one in found.movements for posting in _posted(one))


def _posted(one: fate.Movement) -> tuple[Posting, ...]:
    return move(
        one.origin.lot,
        one.grams,
        one.source,
        one.target,
        one.cause.reason,
        line=one.origin.line,
        method=one.cause.method,
        on=one.cause.on,
        manifest=one.origin.manifest,
    )


def chargeable(
    reads: Reads, batch: str, *, party: str, site: str, at: datetime, path: str
) -> Iterator[Problem]:
    """Yield problems of putting something into a batch: another's, elsewhere, out already, or no batch."""
    row = reads.one(BATCH, batch=batch)
    if row is None:
        if reads.one(LOT, lot=batch) is not None or reads.one(MANIFEST, manifest=batch) is not None:
            yield Problem("manifest.batch_id_taken", path)
    elif (row["party"], row["site"]) != (party, site):
        yield Problem("manifest.batch_elsewhere", path)
    elif row["discharged_on"] is not None:
        yield Problem("manifest.batch_discharged", path, {"on": row["discharged_on"].isoformat()})
    else:
        yield from in_order(at, row["last_at"])


def charged(
    reads: Reads, made: Iterable[Posting], *, party: str, at: datetime, today: date
) -> Iterator[Change]:
    """Yield the rows of what an act's postings put into batches: the batch, its inputs, its shares.

    A correction may take back out what it reverses, as long as the batch has not come out.
    """
    inputs: dict[tuple[str, str, fate.Origin], int] = {}
    days: dict[str, list[date]] = {}
    for posting in made:
        if posting.batch is not None:
            origin = fate.Origin(posting.lot, posting.manifest, posting.line)
            key = (posting.batch, posting.place, origin)
            inputs[key] = inputs.get(key, 0) + posting.grams
            days.setdefault(posting.batch, []).append(posting.on or today)
    for (batch, site, origin), grams in inputs.items():
        if grams == 0:
            continue
        known = reads.one(BATCH, batch=batch)
        if known is not None and known["discharged_on"] is not None:
            out = {"on": known["discharged_on"].isoformat()}
            raise RuleBroken(Problem("manifest.batch_discharged", "/body", out))
        row = {"batch": batch, "lot": origin.lot, "manifest": origin.manifest or "", "line": origin.line or 0}
        yield Insert(BATCH_INPUT, {**row, "seq": SEQ, "grams": grams})
        yield share(batch, Slot(Account.INTERIM, site), origin, grams)
    for batch, charged_on in days.items():
        total = sum(grams for (into, _, _), grams in inputs.items() if into == batch)
        if total == 0:
            continue
        before = reads.one(BATCH, batch=batch) or _opened(party, min(charged_on))
        site = next(place for into, place, _ in inputs if into == batch)
        changed = {
            "party": before["party"],
            "site": site,
            "opened_on": min(before["opened_on"], *charged_on),
            "last_on": max(before["last_on"], *charged_on),
            "last_at": at,
            "charged_g": before["charged_g"] + total,
            "seq": SEQ,
        }
        yield Put(BATCH, {"batch": batch}, changed)


def _opened(party: str, on: date) -> Row:
    return {"party": party, "opened_on": on, "last_on": on, "charged_g": 0}


def batch_parts(
    reads: Reads, reference: Reference, before: Manifest, event: Event, body: Treated
) -> Iterator[Problem]:
    """Yield problems of the parts of a manifest that are said to be in a batch: it lies where they are."""
    party, at = event.actors[0].party, event.occurred_at
    for index, part in enumerate(body.parts):
        line = before.line(part.line)
        if part.batch is not None and line is not None:
            path, site = f"/body/parts/{index}", before.site_of(line)
            yield from chargeable(reads, part.batch, party=party, site=site, at=at, path=f"{path}/batch")
            yield from interim(reference, part.methods, local_date(at), f"{path}/methods")


def interim(reference: Reference, given: Sequence[str], on: date, path: str) -> Iterator[Problem]:
    """Yield a problem when one of a batch's methods ends the waste; an unknown one is none."""
    known = not list(methods(reference, given, on, path))
    if known and any(reference.method(method, on).final for method in given):
        yield Problem("manifest.batch_takes_no_final_method", path)
