"""What the register event of each case has to show: linkage and consent, export consent, hospitals, lists.

Each yields problems from the registers as of the day; a plain manifest passes through all of them untouched.
"""

from collections.abc import Collection, Iterator
from datetime import date

from ledger.errors import Problem
from ledger.writing.changes import Reads
from manifest import lookups
from manifest.cases.events import Forwarded
from manifest.cases.parts import ARTICLE, GENERATOR_SIGNED, Second
from manifest.consignment import Manifest
from manifest.events import Registered
from manifest.permits import permitted
from manifest.register.lookups import collection_point, mandated
from manifest.register.papers import contract, linkage
from manifest.text import plain_number
from manifest.views import LOT, MANIFEST, PERMIT, SITE
from manifest.vocabulary import Document, PermitKind, Role, SiteKind

_HOSPITAL_PERMITS = frozenset({PermitKind.TREATMENT, PermitKind.ENVIRONMENTAL})


def permits(reads: Reads, body: Registered, on: date) -> Iterator[Problem]:
    """Yield problems of the permits that the case of a manifest needs."""
    known = lookups.permit(reads, body.permit, on)
    used = lookups.permit_used(reads, body.permit, on.year)
    given = [
        name
        for name, is_it in (
            ("second", body.second is not None),
            ("export", body.export is not None),
            ("document", body.document is Document.HANDOVER_RECORD),
        )
        if is_it
    ]
    if len(given) > 1:
        yield Problem("manifest.cases_exclude_each_other", f"/body/{given[1]}", {"cases": ", ".join(given)})
    elif body.second is not None:
        yield from _second(reads, body, body.second, on)
    elif body.export is not None:
        yield from _export(reads, body, on)
    elif body.document is Document.HANDOVER_RECORD:
        yield from _among_hospitals(reads, body)
        yield from permitted(body, known, used, on, kinds=_HOSPITAL_PERMITS)
    else:
        yield from permitted(body, known, used, on)


def _second(reads: Reads, body: Registered, second: Second, on: date) -> Iterator[Problem]:
    """Yield problems of a planned second facility.

    Its linkage is approved for the codes that go on to it, the generator has signed or a three-party contract
    stands, and the first facility may itself treat at least one of the lines (NĐ 08/2022 Điều 73(1), 73(2)).
    """
    if second.party in {body.generator, body.facility}:
        yield Problem("manifest.second_is_first", "/body/second/party")
    site = reads.one(SITE, site=second.site)
    if site is None or site["party"] != second.party:
        yield Problem("manifest.site_unknown", "/body/second/site")
    first = lookups.permit(reads, body.permit, on)
    mine = {
        line.line
        for line in body.lines
        if first is not None and first.covers(line.code, line.planned_methods, on)
    }
    others = {line.line for line in body.lines} - mine
    if not mine:
        yield Problem("manifest.first_treats_nothing", "/body/permit", {"article": ARTICLE})
    used = lookups.permit_used(reads, body.permit, on.year)
    yield from permitted(body, first, used, on, only=mine)
    used = lookups.permit_used(reads, second.permit, on.year)
    theirs = lookups.permit(reads, second.permit, on)
    path = "/body/second/permit"
    yield from permitted(body, theirs, used, on, only=others, party=second.party, path=path)

    approved = linkage(reads, second.linkage)
    pair = (body.facility, second.party)
    if approved is None or (approved.first, approved.second) != pair or not approved.valid_on(on):
        yield Problem("manifest.linkage_missing", "/body/second/linkage", {"article": ARTICLE})
    else:
        for index, line in enumerate(body.lines):
            if line.line in others and line.code not in approved.codes:
                facts = {"code": line.code}
                yield Problem("manifest.linkage_lacks_code", f"/body/lines/{index}/code", facts)
    if second.consent != GENERATOR_SIGNED:
        agreed = contract(reads, second.consent, on)
        three = (body.generator, body.facility, second.party)
        good = agreed is not None and (agreed.generator, agreed.facility, agreed.third) == three
        if agreed is None or not good or not agreed.agreed:
            yield Problem("manifest.consent_missing", "/body/second/consent", {"article": ARTICLE})


def passing_on(reads: Reads, before: Manifest, event: Forwarded, on: date) -> Iterator[Problem]:
    """Yield problems of lines that are about to go on to the second facility: the linkage of that day.

    It has to name each of them, also one that the first facility might have treated itself or that turned out
    to be of another code: nothing has gone on yet.
    """
    second = before.registered.second
    if second is None:
        return
    approved = linkage(reads, second.linkage)
    if approved is None or not approved.valid_on(on):
        yield Problem("manifest.linkage_missing", "/body/facility", {"article": ARTICLE})
        return
    for index, number in enumerate(event.lines):
        line = before.line(number)
        if line is not None and line.declared.code not in approved.codes:
            facts = {"code": line.declared.code}
            yield Problem("manifest.linkage_lacks_code", f"/body/lines/{index}", facts)


def _export(reads: Reads, body: Registered, on: date) -> Iterator[Problem]:
    """Yield problems of the export consent: whose it is, its number, its codes, grams and days."""
    known = lookups.permit(reads, body.permit, on)
    used = lookups.permit_used(reads, body.permit, on.year)
    exporter = known.party if known and known.party == body.generator else body.facility
    kinds = frozenset({PermitKind.EXPORT})
    yield from permitted(body, known, used, on, party=exporter, kinds=kinds, by_methods=False)
    row = reads.one(PERMIT, permit=body.permit)
    if row is not None and body.export is not None and row["number"] != body.export.consent_number:
        facts = {"expected": row["number"]}
        yield Problem("manifest.consent_number_wrong", "/body/export/consent_number", facts)


def _among_hospitals(reads: Reads, body: Registered) -> Iterator[Problem]:
    """Yield problems unless a handover record goes from one hospital to another.

    A hospital that treats for its neighbours is no treatment service, and a handover record takes the place
    of the manifest (NĐ 08/2022 Điều 70(4), 71(4)).
    """
    for name in ("site", "facility_site"):
        row = reads.one(SITE, site=getattr(body, name))
        if row is not None and row["site_kind"] != SiteKind.HOSPITAL:
            yield Problem("manifest.not_a_hospital", f"/body/{name}")


def listing(
    reads: Reads, body: Registered, stream: str, papers: Collection[str], on: date
) -> Iterator[Problem]:
    """Yield problems of a list of households: whose sites they are, who may speak for them, what is drawn.

    Each household stays the generator of its own waste (decision B14), so it has mandated whoever signs for
    all of them, or has signed by hand. Nobody carries the waste of others in its own vehicle
    (NĐ 08/2022 Điều 69(3)).
    """
    drawn = {
        row["site"]
        for line in body.lines
        for draw in line.lots
        if (row := reads.one(LOT, lot=draw.lot)) is not None
    }
    seen = {body.site}
    for index, one in enumerate(body.listed):
        path = f"/body/listed/{index}"
        if one.party == body.generator or one.site in seen:
            yield Problem("manifest.listed_twice", path)
        if one.party == body.facility or (body.second is not None and one.party == body.second.party):
            # Whoever treats its own waste does so on site, in nobody's name.
            yield Problem("manifest.generator_is_facility", f"{path}/party")
        seen.add(one.site)
        site = reads.one(SITE, site=one.site)
        if site is None or site["party"] != one.party:
            yield Problem("manifest.site_unknown", f"{path}/site")
        spoken_for = mandated(reads, one.party, body.generator, Role.GENERATOR, on, manifest=stream)
        if not spoken_for and one.party not in papers:
            yield Problem("manifest.listed_without_mandate", f"{path}/party", {"party": one.party})
        if one.site not in drawn:
            yield Problem("manifest.listed_gives_nothing", f"{path}/site")
    if body.listed and any(carrier.party == body.generator for carrier in body.carriers):
        yield Problem("manifest.own_carriage_of_others", "/body/carriers")


def at_point(reads: Reads, body: Registered, on: date) -> Iterator[Problem]:
    """Yield problems of a collection point: it is open, and a place alone unless a decision says otherwise.

    Source: decision B14.
    """
    if body.collection_point is None:
        return
    point = collection_point(reads, body.collection_point)
    if point is None or not point.open_on(on):
        yield Problem("manifest.collection_point_unknown", "/body/collection_point")
    elif point.operator == body.generator and not body.listed and not point.is_generator:
        yield Problem("manifest.collection_point_is_place", "/body/generator")


def paper_alias(reads: Reads, body: Registered) -> Iterator[Problem]:
    """Yield a problem when the paper of a generator was entered before."""
    if body.paper_number is not None:
        yield from paper_number(reads, body.generator, body.paper_number, "/body/paper_number")


def paper_number(reads: Reads, generator: str, number: str, path: str) -> Iterator[Problem]:
    """Yield problems of a paper's number: written in more ways than one, or taken.

    In capitals and without spaces it has one form only, so that no paper is entered twice under another.
    """
    plain = plain_number(number)
    if number != plain:
        yield Problem("manifest.paper_number_unclear", path, {"expected": plain})
    elif reads.rows(MANIFEST, paper_number=number, generator=generator):
        yield Problem("manifest.paper_number_taken", path, {"number": number})
