"""Judging places: sites and where they lie, collection points, treatment lines."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from ledger.errors import Problem, refuse
from ledger.format.event import Event
from ledger.format.keys import Key
from ledger.storage.db import Row
from ledger.writing.changes import SEQ, Change, Insert, Put, Reads
from manifest import rules
from manifest.reference import Reference, ReferenceRefused
from manifest.register import entering
from manifest.register.entering import Judges
from manifest.register.events import SiteRegistered
from manifest.register.judge_zones import zone_kind, zone_known
from manifest.register.lookups import DISTRICTS_UNTIL, MAP_CHANGED_ON
from manifest.register.places import CollectionPointOpened, SitePlaced, TreatmentLineSet
from manifest.register.views import COLLECTION_POINT, PLACEMENT, TREATMENT_LINE
from manifest.views import SITE
from manifest.vocabulary import Register, Role, ZoneKind

_PLACE = ("zone", "latitude_e6", "longitude_e6", "old_commune")


def _site(
    reads: Reads, event: Event, body: SiteRegistered, _keys: tuple[Key, ...], reference: Reference
) -> list[Change]:
    problems = list(entering.party_known(reads, body.party, "/body/party"))
    known = reads.one(SITE, site=body.site)
    if known is not None and known["party"] != body.party:
        problems.append(Problem("manifest.site_not_yours", "/body/party"))
    problems += _in_zone(reads, reference, body.zone, body.zone_kind)
    place, more = _placed(body, reference)
    refuse([*problems, *more])
    # Entered once more, it is put right from the beginning; where it has moved to since stands.
    moves = [row for row in reads.rows(PLACEMENT, site=body.site) if row["valid_from"] > date.min]
    lies = max(moves, key=lambda row: row["valid_from"], default=place)
    names = ("party", "name", "province", "address", "phone", "code")
    row = {name: getattr(body, name) for name in names}
    row |= {name: lies[name] for name in ("zone_kind", "zone", "district", "commune")}
    row |= {"site_kind": body.site_kind.value, "confirmed": entering.by_authority(event), "seq": SEQ}
    return [
        Put(SITE, {"site": body.site}, row),
        Put(PLACEMENT, {"site": body.site, "valid_from": date.min}, {**place, "seq": SEQ}),
        *entering.confirmation(event, Register.SITE, body.site, None),
    ]


def _site_placed(
    reads: Reads, event: Event, body: SitePlaced, _keys: tuple[Key, ...], reference: Reference
) -> list[Change]:
    site = reads.one(SITE, site=body.site)
    problems = [] if site is not None else [Problem("manifest.site_unknown", "/body/site")]
    problems += _in_zone(reads, reference, body.zone, body.zone_kind)
    place, more = _placed(body, reference)
    refuse([*problems, *more])
    changes = entering.supersede(
        reads.rows(PLACEMENT, site=body.site),
        PLACEMENT,
        {"site": body.site},
        {**place, "seq": SEQ},
        body.valid_from,
    )
    lies = {name: place[name] for name in ("zone_kind", "zone", "district", "commune")}
    lies["confirmed"] = entering.by_authority(event)
    return [
        *changes,
        Put(SITE, {"site": body.site}, lies),
        *entering.confirmation(event, Register.SITE, body.site, None),
    ]


def _placed(body: SiteRegistered | SitePlaced, reference: Reference) -> tuple[dict[str, Any], list[Problem]]:
    """Return the columns of a placement, and problems of its units.

    The official table says where an old commune went on 01/07/2025. As a whole, it tells the new one; in
    parts, only who has measured the place can name it (decision C21).
    """
    problems = [
        *entering.area_known(reference, body.district, DISTRICTS_UNTIL, "/body/district"),
        *entering.area_known(reference, body.commune, MAP_CHANGED_ON, "/body/commune"),
    ]
    district, commune, split = body.district, body.commune, False
    if body.old_commune is not None:
        try:
            went = reference.conversions(body.old_commune)
        except ReferenceRefused as refused:
            problems.append(Problem(refused.code, "/body/old_commune", refused.facts))
        else:
            district = went[0].district
            new = {one.new_code for one in went}
            split = not all(one.whole for one in went)
            if body.district not in {None, district}:
                problems.append(Problem("manifest.commune_elsewhere", "/body/old_commune"))
            if commune is not None and commune not in new:
                problems.append(Problem("manifest.commune_elsewhere", "/body/commune"))
            elif commune is not None and split and None in {body.latitude_e6, body.longitude_e6}:
                problems.append(Problem("manifest.coordinates_missing", "/body/commune"))
            if not split:
                commune = went[0].new_code
    place = {name: getattr(body, name) for name in _PLACE}
    place |= {"zone_kind": body.zone_kind.value, "district": district, "commune": commune}
    return place | {"undetermined": split and commune is None}, problems


def _in_zone(reads: Reads, reference: Reference, zone: str | None, kind: ZoneKind) -> Iterator[Problem]:
    if zone is None:
        return
    try:
        if zone_kind(reads, reference, zone) != kind:
            yield Problem("manifest.zone_of_other_kind", "/body/zone_kind")
    except ReferenceRefused as refused:
        yield Problem(refused.code, "/body/zone", refused.facts)


def _collection_point(
    reads: Reads, event: Event, body: CollectionPointOpened, _keys: tuple[Key, ...], reference: Reference
) -> list[Change]:
    """Judge a collection point: a place, and a generator only by a decision on record (decision B14)."""
    problems = list(entering.new(reads, Register.COLLECTION_POINT, body.point))
    problems += entering.period(body)
    site = reads.one(SITE, site=body.site)
    if site is None:
        problems.append(Problem("manifest.site_unknown", "/body/site"))
    elif body.operator_is_generator and site["party"] != body.operator:
        problems.append(Problem("manifest.site_not_yours", "/body/site"))
    if body.zone is not None:
        problems += zone_known(reads, reference, body.zone, village=False)
    role = Role.GENERATOR if body.operator_is_generator else None
    problems += entering.party_known(reads, body.operator, "/body/operator", role)
    if body.operator_is_generator and body.operator is None:
        problems.append(Problem("manifest.field_missing", "/body/operator"))
    if body.operator_is_generator and body.generator_decision is None:
        problems.append(Problem("manifest.decision_missing", "/body/generator_decision"))
    refuse(problems)
    names = ("point", "name", "site", "zone", "operator", "valid_from", "valid_to", "document_sha256")
    row = {name: getattr(body, name) for name in names}
    row["generator_decision"] = body.generator_decision if body.operator_is_generator else None
    return [
        Insert(COLLECTION_POINT, {**row, "confirmed": entering.by_authority(event), "seq": SEQ}),
        *entering.confirmation(event, Register.COLLECTION_POINT, body.point, body.document_sha256),
    ]


def _treatment_line(
    reads: Reads, event: Event, body: TreatmentLineSet, _keys: tuple[Key, ...], reference: Reference
) -> list[Change]:
    confirmed, problems = entering.word_of(event, [body.party], body.document_sha256, "/body/party")
    known: list[Row] = reads.rows(TREATMENT_LINE, treatment_line=body.treatment_line)
    if any((row["party"], row["site"]) != (body.party, body.site) for row in known):
        facts = {"register": Register.TREATMENT_LINE.value}
        problems.append(Problem("manifest.entry_known_already", "/body/treatment_line", facts))
    problems += entering.party_known(reads, body.party, "/body/party", Role.TREATMENT_FACILITY)
    problems += entering.site_of(reads, body.site, body.party)
    problems += rules.methods(reference, body.methods, body.valid_from, "/body/methods")
    refuse(problems)
    row = {name: getattr(body, name) for name in ("party", "site", "name", "mass_g_day", "document_sha256")}
    row |= {"methods": ",".join(body.methods), "states": ",".join(body.states)}
    row |= {"confirmed": confirmed, "seq": SEQ}
    key = {"treatment_line": body.treatment_line}
    return [
        *entering.supersede(known, TREATMENT_LINE, key, row, body.valid_from),
        *entering.confirmation(event, Register.TREATMENT_LINE, body.treatment_line, body.document_sha256),
    ]


JUDGES: Judges = {
    SiteRegistered: _site,
    SitePlaced: _site_placed,
    CollectionPointOpened: _collection_point,
    TreatmentLineSet: _treatment_line,
}
