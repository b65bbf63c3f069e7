"""Correcting a treated part: its mass, its methods, its day.

Parts of a line build on each other: a final method takes what no method has touched first. So this part and
all after it on the line are reversed, the last one first, and posted again in their order.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ledger.errors import Problem, RuleBroken
from manifest import quantity
from manifest.accounts import Posting
from manifest.consignment import Line, Manifest, Part
from manifest.correcting.masses import reversals
from manifest.events import CorrectionProposed
from manifest.postings import Terms, post, treated_part
from manifest.quantity import LineMass
from manifest.vocabulary import LotKind, Status


@dataclass(frozen=True, slots=True)
class Retreated:
    """A line after a correction of one of its parts: its masses, the manifest's parts, the postings."""

    line: Line
    mass: LineMass
    parts: tuple[Part, ...]
    made: tuple[Posting, ...]


def retreated(before: Manifest, proposed: CorrectionProposed, terms: Terms) -> Retreated:
    """Return what follows from a corrected part; raise RuleBroken where its grams are out of reach."""
    assert proposed.part is not None, "rules have seen the part"
    place = proposed.part - 1
    old = before.parts[place]
    line = before.line(old.declared.line)
    assert line is not None, "a treated part has a line"
    mine = [n for n, part in enumerate(before.parts) if part.declared.line == line.number]
    rest = [n for n in mine if n >= place]
    _in_reach(line, [before.parts[n] for n in rest], terms)

    parts = list(before.parts)
    parts[place] = _anew(line, old, proposed, terms)
    mass = _mass(line.mass, [parts[n] for n in mine])
    if before.status is Status.COMPLETED and mass.left_g:
        raise RuleBroken(Problem("manifest.not_all_treated", "/body/mass_g", {"left_g": mass.left_g}))
    made: list[Posting] = []
    for n in reversed(rest):
        made += reversals(before.parts[n].made)
    held = dict(before.held)
    post(held, made)
    for n in rest:
        parts[n] = replace(parts[n], made=treated_part(before, held, line, parts[n], "/body/mass_g"))
        post(held, parts[n].made)
        made += parts[n].made
    return Retreated(line, mass, tuple(parts), tuple(made))


def _in_reach(line: Line, rest: Sequence[Part], terms: Terms) -> None:
    stage = None
    if line.mass.resolved:
        stage = "explained"
    elif any(part.declared.batch for part in rest):
        stage = "batched"
    elif any(terms.kind_of(lot) is LotKind.CHILD for lot in line.lots):
        stage = "credited"
    if stage is not None:
        raise RuleBroken(Problem("manifest.correction_out_of_reach", "/body/part", {"stage": stage}))


def _anew(line: Line, old: Part, proposed: CorrectionProposed, terms: Terms) -> Part:
    given = {
        name: value
        for name in ("mass_g", "methods", "treated_on")
        if (value := getattr(proposed, name)) is not None
    }
    return terms.part(line, replace(old.declared, **given))


def _mass(mass: LineMass, parts: Sequence[Part]) -> LineMass:
    """Return the masses of a line as if these were its parts."""
    blank = replace(mass, treated_g=0, interim_g=0, batched_g=0, without_basis_g=0, last_method=None)
    for part in parts:
        blank = quantity.treat(
            blank,
            part.declared.mass_g,
            method=part.declared.methods[-1],
            final=part.final,
            permitted=part.permitted,
            path="/body/mass_g",
            batched=part.declared.batch is not None,
        )
    return blank
