"""What is waited for, and what every limit rests on: clocks, size classes, and the rule table."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from api.answers import Json
from api.deps import Now, ReadOnly
from api.reading import Day
from api.scope import View
from ledger.writing.changes import Reads
from manifest import reference, running_clocks
from manifest.acts import find
from manifest.classes import classify, produced
from manifest.clocks import Clock, ClockKind
from manifest.lookups import reference_at
from manifest.reference_tables import Rule
from manifest.rejudge import compare
from manifest.vocabulary import local_date

router = APIRouter(tags=["clocks and rules"])


@router.get("/clocks")
def list_clocks(
    read: ReadOnly,
    now: Now,
    kind: ClockKind | None = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="at most so many of each kind of thing")] = 200,
) -> Json:
    """List the clocks that run for you, the next one due first: who is told now, and the rule behind it."""
    with read() as view:
        watch = running_clocks.Watch(log=view.log, at=now, parties=_whose(view), most=limit)
        found = running_clocks.clocks(view.reader, reference.default(), watch)
    items = [_clock(one) for one in found if kind is None or one.kind is kind]
    return Json({"at": now, "count": len(items), "items": items})


@router.get("/producers")
def list_producers(
    read: ReadOnly, now: Now, year: Annotated[int | None, Query(ge=2015, le=2200)] = None
) -> Json:
    """List what each site generated in a year, by month, and the size class that follows from it."""
    wanted = year or local_date(now).year
    with read() as view:
        found = produced(view.reader, view.log, wanted, _whose(view))
        rules = reference_at(Reads(view.reader, view.log), reference.default())
    items = [
        {
            "site": one.site,
            "party": one.party,
            "year_g": one.year_g,
            "months_g": list(one.months),
            "class": classify(one, rules),
        }
        for one in found
    ]
    return Json({"year": wanted, "count": len(items), "items": items})


@router.get("/rules")
def list_rules(read: ReadOnly) -> Json:
    """List every limit with its dates, its source, and whether and by whom it was verified."""
    with read() as view:
        rules = reference_at(Reads(view.reader, view.log), reference.default()).rules()
    return Json({"count": len(rules), "items": [_rule(one) for one in rules]})


@router.get("/manifests/{manifest}/rejudged")
def rejudge(manifest: str, read: ReadOnly, now: Now, on: Day | None = None) -> Json:
    """Tell what the rules of a day (today's) judge otherwise of a manifest than those of its own days."""
    day = on or local_date(now)
    with read() as view:
        view.manifest(manifest)
        reads = Reads(view.reader, view.log)
        state = find(reads, manifest, reference.default())
        found = compare(state, reference_at(reads, reference.default()), day, now)
    items = [{"subject": one.subject, "then": one.then, "now": one.now} for one in found]
    return Json({"rules_of": day, "count": len(items), "items": items})


def _whose(view: View) -> frozenset[str] | None:
    return None if view.access.sees_all else view.parties


def _clock(clock: Clock) -> dict[str, Any]:
    return {
        "kind": clock.kind,
        "subject": clock.subject,
        "state": clock.state,
        "started_at": clock.started,
        "due_at": clock.due,
        "due_on": clock.due_on,
        "told": list(clock.told),
        "mass_g": clock.grams,
        "source": clock.source,
        "confirmed": clock.confirmed,
    }


def _rule(rule: Rule) -> dict[str, Any]:
    names = ("name", "unit", "valid_from", "valid_to", "source", "confirmed", "verified_by", "verified_on")
    return {"value": rule.integer, **{name: getattr(rule, name) for name in names}}
