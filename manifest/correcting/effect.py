"""A correction takes effect: the manifest as it should have been, and the postings that lead there."""

from dataclasses import replace

from ledger.errors import Problem, RuleBroken
from ledger.format.event import parse_time
from manifest.accounts import Posting
from manifest.cases import carriage
from manifest.consignment import Leg, Line, Manifest
from manifest.correcting import masses, recoding
from manifest.correcting.fields import FIELDS
from manifest.correcting.treatment import retreated
from manifest.events import CorrectionProposed, LineDeclared
from manifest.postings import Terms
from manifest.vocabulary import CorrectedField

_Done = tuple[Manifest, tuple[Posting, ...]]


def take_effect(before: Manifest, proposed: CorrectionProposed, terms: Terms) -> _Done:
    """Return the manifest after a correction, and its postings; raise RuleBroken when it cannot be any more.

    Postings without a line make or unmake lots; all others are the line's.
    """
    if before.status not in FIELDS[proposed.field].status:
        raise RuleBroken(Problem("manifest.correction_out_of_time", "/body/field"))
    match proposed.field:
        case CorrectedField.VEHICLE_PLATE | CorrectedField.VEHICLE_KIND:
            return _on_the_road(before, proposed), ()
        case CorrectedField.ARRIVAL:
            assert proposed.arrived_at is not None, "rules have seen the time"
            return replace(before, arrived_at=parse_time(proposed.arrived_at)), ()
        case CorrectedField.PAPER_NUMBER:
            return replace(before, header=replace(before.registered, paper_number=proposed.value)), ()
        case CorrectedField.TREATED:
            done = retreated(before, proposed, terms)
            after = replace(before, parts=done.parts)
            return _with_line(after, done.line, replace(done.line, mass=done.mass)), done.made
    line = before.line(proposed.line or 0)
    assert line is not None, "rules have seen the line"
    match proposed.field:
        case CorrectedField.CODE | CorrectedField.STATE:
            recoded = recoding.recoded(line, proposed, terms)
            made = tuple(recoding.postings(before, line, recoded, terms))
            return _with_line(before, line, recoded), made
        case CorrectedField.NET_MASS | CorrectedField.SPLIT | CorrectedField.DIFFERENCE:
            mass = masses.corrected(before, line, proposed)
            made = tuple(masses.postings(before, line, mass, proposed.field, terms))
            return _with_line(before, line, replace(line, mass=mass)), made
    return _with_line(before, line, replace(line, declared=_in_words(line.declared, proposed))), ()


def _in_words(declared: LineDeclared, proposed: CorrectionProposed) -> LineDeclared:
    """Return a line as declared after a correction by words alone."""
    if proposed.field is CorrectedField.WASTE_NAME:
        assert proposed.name is not None, "rules have seen the name"
        return replace(declared, name=proposed.name)
    if proposed.field is CorrectedField.CONTAINERS:
        return replace(declared, containers=proposed.value)
    assert proposed.packages is not None, "rules have seen the packages"
    return replace(declared, packages=proposed.packages)


def _with_line(before: Manifest, old: Line, new: Line) -> Manifest:
    return replace(before, lines=tuple(new if line is old else line for line in before.lines))


def _on_the_road(before: Manifest, proposed: CorrectionProposed) -> Manifest:
    assert proposed.leg is not None, "rules have seen the leg"
    legs = list(before.legs)
    old: Leg = legs[proposed.leg - 1]
    if proposed.field is CorrectedField.VEHICLE_KIND:
        assert proposed.vehicle_kind is not None, "rules have seen the kind"
        legs[proposed.leg - 1] = replace(old, vehicle_kind=proposed.vehicle_kind)
        return replace(before, legs=tuple(legs))
    assert proposed.value is not None, "rules have seen the plate"
    legs[proposed.leg - 1] = replace(old, vehicle_plate=proposed.value)
    after = replace(before, legs=tuple(legs))
    if proposed.leg < len(legs):
        return after  # what was on an earlier leg is in other vehicles by now
    return carriage.renamed(after, old.vehicle_plate, proposed.value)
