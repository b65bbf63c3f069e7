"""Judging zones: parks, clusters and craft villages, what holds of them from a day on, their assessments."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from ledger.errors import Problem, refuse
from ledger.format.event import Event
from ledger.format.keys import Key
from ledger.writing.changes import SEQ, Change, Insert, Reads
from manifest import rules
from manifest.reference import Reference, ReferenceRefused
from manifest.register import entering
from manifest.register.entering import Judges
from manifest.register.lookups import DISTRICTS_UNTIL, MAP_CHANGED_ON
from manifest.register.places import ZoneAssessed, ZoneChanged, ZoneRegistered
from manifest.register.views import ZONE, ZONE_ASSESSMENT, ZONE_FACT
from manifest.vocabulary import Register, ZoneKind, local_date

_VILLAGES = {ZoneKind.CRAFT_VILLAGE, ZoneKind.CRAFT_VILLAGE_CLUSTER}
_FACTS = ("status", "station", "station_meets_rules", "recognised", "counts_for_t1", "reporting_unit")


def zone_kind(reads: Reads, reference: Reference, zone: str) -> ZoneKind:
    """Return the kind of a zone, by the ledger or else by the reference data; raise ReferenceRefused."""
    row = reads.one(ZONE, zone=zone)
    return reference.zone(zone).kind if row is None else ZoneKind(row["zone_kind"])


def zone_known(reads: Reads, reference: Reference, zone: str, *, village: bool) -> Iterator[Problem]:
    """Yield a problem when there is no such zone, or no craft village where it has to be one."""
    try:
        kind = zone_kind(reads, reference, zone)
    except ReferenceRefused as refused:
        yield Problem(refused.code, "/body/zone", refused.facts)
    else:
        if village and kind not in _VILLAGES:
            yield Problem("manifest.zone_no_village", "/body/zone")


def _zone(
    reads: Reads, event: Event, body: ZoneRegistered, _keys: tuple[Key, ...], reference: Reference
) -> list[Change]:
    problems = list(entering.new(reads, Register.ZONE, body.zone))
    listed = {zone.id: zone.kind for zone in reference.zones()}
    if listed.get(body.zone, body.zone_kind) != body.zone_kind:
        problems.append(Problem("manifest.zone_of_other_kind", "/body/zone_kind"))
    if body.zone_kind is ZoneKind.OUTSIDE:
        problems.append(Problem("manifest.zone_of_other_kind", "/body/zone_kind"))
    problems += entering.area_known(reference, body.district, DISTRICTS_UNTIL, "/body/district")
    for n, code in enumerate(body.communes):
        problems += entering.area_known(reference, code, MAP_CHANGED_ON, f"/body/communes/{n}")
    refuse(problems)
    confirmed = entering.by_authority(event)
    row = {"zone": body.zone, "name": body.name, "district": body.district, "confirmed": confirmed}
    row |= {"zone_kind": body.zone_kind.value, "communes": ",".join(body.communes)}
    counts = _fact(body.zone, "counts_for_t1", body.counts_for_t1, confirmed=confirmed)
    counts |= {"valid_from": date.min, "valid_to": None, "decision": None}
    return [
        Insert(ZONE, {**row, "seq": SEQ}),
        Insert(ZONE_FACT, {**counts, "document_sha256": body.document_sha256}),
        *entering.confirmation(event, Register.ZONE, body.zone, body.document_sha256),
    ]


def _fact(zone: str, fact: str, value: object, *, confirmed: bool) -> dict[str, Any]:
    written = str(value).lower() if isinstance(value, bool) else str(value)
    return {"zone": zone, "fact": fact, "value": written, "confirmed": confirmed, "seq": SEQ}


def _zone_changed(
    reads: Reads, event: Event, body: ZoneChanged, _keys: tuple[Key, ...], reference: Reference
) -> list[Change]:
    """Judge facts of a zone from a day on; the title of a craft village comes and goes by a decision."""
    given = {name: value for name in _FACTS if (value := getattr(body, name)) is not None}
    problems = list(zone_known(reads, reference, body.zone, village=body.recognised is not None))
    if not given:
        problems.append(Problem("manifest.nothing_changes", "/body"))
    if body.recognised is not None and body.decision is None:
        problems.append(Problem("manifest.decision_missing", "/body/decision"))
    problems += entering.party_known(reads, body.reporting_unit, "/body/reporting_unit")
    refuse(problems)
    known = reads.rows(ZONE_FACT, zone=body.zone)
    changes: list[Change] = []
    for name, value in given.items():
        fact = _fact(body.zone, name, value, confirmed=entering.by_authority(event))
        fact |= {"decision": body.decision, "document_sha256": body.document_sha256}
        key = {"zone": fact.pop("zone"), "fact": fact.pop("fact")}
        before = [row for row in known if row["fact"] == name]
        changes += entering.supersede(before, ZONE_FACT, key, fact, body.valid_from)
    return changes


def _zone_assessed(
    reads: Reads, event: Event, body: ZoneAssessed, _keys: tuple[Key, ...], reference: Reference
) -> list[Change]:
    problems = list(zone_known(reads, reference, body.zone, village=True))
    problems += rules.dates(
        "/body/assessed_on", body.assessed_on, earliest=None, latest=local_date(event.occurred_at)
    )
    if reads.one(ZONE_ASSESSMENT, assessment=body.assessment) is not None:
        facts = {"register": Register.ZONE.value}
        problems.append(Problem("manifest.entry_known_already", "/body/assessment", facts))
    refuse(problems)
    names = ("assessment", "zone", "instrument", "assessed_on", "decision", "document_sha256")
    row = {name: getattr(body, name) for name in names}
    return [Insert(ZONE_ASSESSMENT, {**row, "verdict": body.verdict.value, "seq": SEQ})]


JUDGES: Judges = {
    ZoneRegistered: _zone,
    ZoneChanged: _zone_changed,
    ZoneAssessed: _zone_assessed,
}
