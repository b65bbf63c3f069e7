"""Export: the load leaves the country, and is treated once a certificate from abroad says so.

It stays in transit until then: what left the country is not yet disposed of (decision A3). The consent is a
permit of its own kind, with its codes and grams; no treatment permit of ours covers it.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime

from ledger.errors import Problem
from manifest import quantity, rules
from manifest.accounts import Posting, Slot, allocate, move
from manifest.cases.events import DisposalCertified, Exported
from manifest.consignment import Manifest
from manifest.reference import Reference
from manifest.vocabulary import Account, Reason, local_date


def leaving(before: Manifest) -> Iterator[Problem]:
    """Yield a problem when a load that stays in the country is said to have left it."""
    if before.registered.export is None:
        yield Problem("manifest.not_an_export", "/kind")


def staying(before: Manifest) -> Iterator[Problem]:
    """Yield a problem when a load that goes abroad is said to arrive at a facility here."""
    if before.registered.export is not None:
        yield Problem("manifest.goes_abroad", "/kind")


def certificate(
    before: Manifest, event: DisposalCertified, reference: Reference, on: date
) -> Iterator[Problem]:
    """Yield problems of a certificate: lines and methods, and a day between departure and the act."""
    left_on = local_date(before.exported_at) if before.exported_at else on
    yield from rules.dates("/body/disposed_on", event.disposed_on, earliest=left_on, latest=on)
    for index, item in enumerate(event.lines):
        if before.line(item.line) is None:
            yield Problem("manifest.line_unknown", f"/body/lines/{index}/line", {"line": item.line})
        yield from rules.method(reference, item.method, on, f"/body/lines/{index}/method")


def apply(before: Manifest, event: Exported | DisposalCertified, at: datetime) -> Manifest:
    """Return the manifest after the load left, or after a certificate came."""
    if isinstance(event, Exported):
        after = before.with_masses(quantity.send_abroad(line.mass) for line in before.lines)
        return replace(after, exported_at=at)
    masses = {line.number: line.mass for line in before.lines}
    for index, item in enumerate(event.lines):
        masses[item.line] = quantity.treat(
            masses[item.line],
            item.mass_g,
            method=item.method,
            final=True,
            permitted=True,
            path=f"/body/lines/{index}/mass_g",
        )
    return before.with_masses(masses[line.number] for line in before.lines)


def postings(before: Manifest, event: object) -> tuple[Posting, ...]:
    """Return what a certificate moves: out of the hands of whoever took the load, and out of the country."""
    if not isinstance(event, DisposalCertified):
        return ()
    carried = Slot(Account.IN_TRANSIT, before.holder)
    target = Slot(Account.EXPORTED, before.registered.facility_site)
    held = {line.number: before.on_line(line, carried) for line in before.lines}
    made: list[Posting] = []
    for item in event.lines:
        poured = allocate(item.mass_g, held[item.line])
        for lot, grams in poured:
            made += move(
                lot,
                grams,
                carried,
                target,
                Reason.DISPOSED_ABROAD,
                line=item.line,
                method=item.method,
                on=event.disposed_on,
            )
        taken = dict(poured)
        held[item.line] = [(lot, grams - taken[lot]) for lot, grams in held[item.line]]
    return tuple(made)
