"""A manifest under the rules of another day: what would be judged otherwise, and by which rows.

Only what hangs on dated data is asked again (codes, methods, limits, tolerance, form); who signed and where
grams were is as it was. Nothing is changed by asking.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime

from manifest import rules
from manifest.clocks import ClockKind, ClockState, known, run
from manifest.consignment import Manifest
from manifest.reference import Reference, ReferenceRefused
from manifest.tolerance import tolerance_g
from manifest.vocabulary import VehicleKind, local_date


@dataclass(frozen=True, slots=True)
class Judgement:
    """One thing that was judged: its subject, such as ``lines/1/code``, and what came out."""

    subject: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Differs:
    """What the two sets of rules say of the same thing; None where one of them says nothing of it."""

    subject: str
    then: str | None
    now: str | None


def compare(manifest: Manifest, reference: Reference, on: date, at: datetime) -> list[Differs]:
    """Return what the rules of the day ``on`` judge otherwise than those of each act's own day.

    ``at`` is the moment up to which clocks have run.
    """
    then = {one.subject: one.outcome for one in judge(manifest, reference, None, at)}
    now = {one.subject: one.outcome for one in judge(manifest, reference, on, at)}
    subjects = [*then, *(subject for subject in now if subject not in then)]
    return [
        Differs(subject, then.get(subject), now.get(subject))
        for subject in subjects
        if then.get(subject) != now.get(subject)
    ]


def judge(manifest: Manifest, reference: Reference, on: date | None, at: datetime) -> Iterator[Judgement]:
    """Yield each dated judgement of a manifest, by the rules of ``on``; None stands for each act's day."""
    registered = manifest.registered
    assert manifest.registered_at is not None, "a registered manifest has the time of it"
    day = on or local_date(manifest.registered_at)
    for problem in rules.lines(registered, reference, day):
        yield Judgement(problem.path.removeprefix("/body/"), problem.code)
    try:
        yield Judgement("form", reference.form_edition(day).edition)
    except ReferenceRefused as refused:
        yield Judgement("form", refused.code)
    yield from _road(manifest, reference, on)
    yield from _differences(manifest, reference, on)
    yield from _clocks(manifest, reference, on, at)


def _road(manifest: Manifest, reference: Reference, on: date | None) -> Iterator[Judgement]:
    loaded = sum(line.mass.declared_g for line in manifest.lines)
    for number, leg in enumerate(manifest.legs, start=1):
        if leg.vehicle_kind is VehicleKind.ROAD:
            for problem in rules.road_limit(loaded, reference, on or local_date(leg.at), ""):
                yield Judgement(f"legs/{number}", problem.code)


def _differences(manifest: Manifest, reference: Reference, on: date | None) -> Iterator[Judgement]:
    if manifest.decided_at is None:
        return
    for line in manifest.lines:
        mass = line.mass
        if on is not None:
            limit_g = tolerance_g(reference, line.declared, mass.declared_g, mass, on)
            mass = replace(mass, tolerance_g=limit_g)
        found = mass.difference
        if found.restated_g or found.unexplained_g:
            outcome = "restated" if found.restated_g else "unexplained"
            yield Judgement(f"lines/{line.number}/difference", outcome)


def _clocks(manifest: Manifest, reference: Reference, on: date | None, at: datetime) -> Iterator[Judgement]:
    transferred = manifest.legs[0].at if manifest.legs else None
    spans = (
        (ClockKind.IN_TRANSIT, transferred, manifest.arrived_at or manifest.exported_at),
        (ClockKind.ACCEPTANCE, manifest.arrived_at, manifest.decided_at),
        (ClockKind.TREATMENT, transferred, manifest.completed_at),
    )
    for kind, start, stop in spans:
        if start is None:
            continue
        if not known(reference, kind, on or local_date(start)):
            yield Judgement(f"clocks/{kind}", "no_limit")
            continue
        clock = run(kind, manifest.id, start, at, reference, stopped=stop, rules_of=on)
        if clock.state in {ClockState.LATE, ClockState.DONE_LATE}:
            yield Judgement(f"clocks/{kind}", "late")
