"""Registering a manifest: its parties and sites, its number, its lots, its permits and who is to carry."""

from collections.abc import Iterator
from datetime import date

from ledger.errors import Problem
from ledger.writing.changes import Reads
from manifest import lookups, plausibility, rules
from manifest.cases import planned
from manifest.events import Registered
from manifest.lots.declassification import no_manifest_needed
from manifest.obligations import settling
from manifest.outages.judge import on_blank
from manifest.permits import carriers
from manifest.reference import Reference, ReferenceRefused
from manifest.register.lookups import standing
from manifest.signing import by_hand
from manifest.views import MANIFEST, NUMBER_BLOCK, SITE
from manifest.vocabulary import Document


def problems(
    reads: Reads, body: Registered, stream: str, reference: Reference, on: date
) -> Iterator[Problem]:
    """Yield everything that is wrong with a registration on a day; ``stream`` is the manifest's id."""
    yield from rules.lines(body, reference, on)
    yield from plausibility.containers(body.lines, reference, on)
    if body.generator == body.facility:
        # Whoever treats its own waste does so on site; a manifest needs a second pair of eyes.
        yield Problem("manifest.generator_is_facility", "/body/facility")
    site = reads.one(SITE, site=body.site)
    if site is None or site["party"] != body.generator:
        yield Problem("manifest.site_not_yours", "/body/site")
    facility_site = reads.one(SITE, site=body.facility_site)
    if facility_site is None or facility_site["party"] != body.facility:
        yield Problem("manifest.site_unknown", "/body/facility_site")
    yield from _form(body, reference, on)
    yield from _number(reads, body, on)
    yield from planned.paper_alias(reads, body)
    yield from settling(reads, body)
    yield from draws(reads, body, on)
    yield from planned.listing(reads, body, stream, by_hand(body), on)
    yield from planned.at_point(reads, body, on)
    yield from no_manifest_needed(reads, reference, body, on)
    yield from _allowed(reads, body, on)


def pick_up(reads: Reads, body: Registered, on: date) -> Iterator[Problem]:
    """Yield what is wrong with a load that is about to leave: lots, permits, carriers, standing of that day.

    What allowed its registration may have ended since; until it is picked up nothing has happened yet that
    would have to be recorded all the same (decision B18).
    """
    yield from draws(reads, body, on)
    yield from _allowed(reads, body, on)


def _allowed(reads: Reads, body: Registered, on: date) -> Iterator[Problem]:
    """Yield problems of what has to allow a load on a day: permits, linkage, carriage, nobody suspended."""
    yield from planned.permits(reads, body, on)
    permits = {
        carrier.permit: known
        for carrier in body.carriers
        if carrier.permit and (known := lookups.permit(reads, carrier.permit, on))
    }
    approvals = {
        carrier.approval: found
        for carrier in body.carriers
        if carrier.approval and (found := lookups.approval(reads, carrier.approval))
    }
    yield from carriers(body, permits, approvals, on)
    named = {f"/body/carriers/{n}/party": carrier.party for n, carrier in enumerate(body.carriers)}
    second = {} if body.second is None else {"/body/second/party": body.second.party}
    yield from standing(reads, {"/body/facility": body.facility, **named, **second}, on)


def _form(body: Registered, reference: Reference, on: date) -> Iterator[Problem]:
    if body.document is Document.HANDOVER_RECORD:
        return  # among hospitals the record of the province, which has no edition of ours
    try:
        edition = reference.form_edition(on).edition
    except ReferenceRefused as refused:
        yield Problem(refused.code, "/body/form", refused.facts)
    else:
        if body.form != edition:
            yield Problem("manifest.form_not_valid", "/body/form", {"expected": edition})


def draws(reads: Reads, body: Registered, on: date) -> Iterator[Problem]:
    """Yield problems of the lots drawn from, at the generator's own site and those on its list."""
    listed = frozenset(one.site for one in body.listed)
    yield from rules.draws(body.lines, body.site, _lots(reads, body), on, also=listed)


def _number(reads: Reads, body: Registered, on: date) -> Iterator[Problem]:
    number = body.number
    if number.year != on.year:
        yield Problem("manifest.number_of_other_year", "/body/number/year", {"expected": on.year})
    blocks = reads.rows(NUMBER_BLOCK, issuer=number.issuer, year=number.year)
    parties = {body.generator, body.facility}
    good = any(
        block["party"] in parties and block["first"] <= number.sequence <= block["last"] for block in blocks
    )
    if not good:
        yield Problem("manifest.number_not_allocated", "/body/number", {"number": str(number)})
    yield from on_blank(reads, body)
    taken = reads.one(MANIFEST, issuer=number.issuer, year=number.year, sequence=number.sequence)
    if taken is not None:
        yield Problem("manifest.number_taken", "/body/number", {"number": str(number)})


def _lots(reads: Reads, body: Registered) -> dict[str, rules.LotFacts]:
    return {
        draw.lot: found
        for line in body.lines
        for draw in line.lots
        if (found := lookups.lot_facts(reads, draw.lot)) is not None
    }
