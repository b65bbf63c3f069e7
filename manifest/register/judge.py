"""Judging the events of the registers: what may be entered, and the rows that follow."""

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

from ledger.errors import NotAllowed, Problem, refuse
from ledger.format.event import Event
from ledger.format.keys import Key
from ledger.personal import erasure
from ledger.storage.store import ENTRY, KEY
from ledger.writing.changes import SEQ, Change, Insert, Put, Reads
from manifest import rules
from manifest.body import Body
from manifest.reference import Reference, ReferenceRefused
from manifest.register.events import (
    ApprovalGranted,
    CheckpointAnchored,
    EditionAdopted,
    GuardAdopted,
    KeyRegistered,
    KeyRevoked,
    KeyRotated,
    LogKeyAdded,
    LogKeyRetired,
    LogOpened,
    MandateGranted,
    MandateRevoked,
    NumbersAllocated,
    OrganisationAdmitted,
    OrganisationRegistered,
    PermitGranted,
    PersonalErased,
    PlanDeclared,
    RuleSet,
    SiteRegistered,
)
from manifest.views import (
    APPROVAL,
    EDITION,
    IDENTIFIER,
    MANDATE,
    NUMBER_BLOCK,
    ORGANISATION,
    PERMIT,
    PERMIT_LINE,
    PERMIT_VEHICLE,
    PLAN_LINE,
    RULE,
    SITE,
)
from manifest.vocabulary import IdentifierKind, Role, local_date

# A century of each: beyond it no calendar can follow, and a limit would stop every act or figure.
_LONGEST = {"s": 3_155_760_000, "hour": 876_600, "day": 36_525, "month": 1_200, "year": 100}
_REGISTRARS = {Role.OPERATOR, Role.AUTHORITY}
_MAP_CHANGED_ON = date(2025, 7, 1)
_RULE_COLUMNS = (
    "rule", "valid_from", "valid_to", "value", "unit", "source", "confirmed", "verified_by", "verified_on",
)  # fmt: skip


def judge(
    reads: Reads, event: Event, body: Body, keys: tuple[Key, ...], reference: Reference
) -> list[Change]:
    """Return the rows that a register's event writes; raise Refused when a rule forbids it."""
    return _JUDGES[type(body)](reads, event, body, keys, reference)


_STREAMS: dict[type[Body], str] = {
    LogOpened: "log",
    GuardAdopted: "log",
    LogKeyAdded: "log",
    LogKeyRetired: "log",
    EditionAdopted: "reference",
    CheckpointAnchored: "anchors",
    PersonalErased: erasure.STREAM,
}


def stream_of(body: Body) -> str | None:
    """Return the stream in which a register's event belongs: one per thing that is registered."""
    if (fixed := _STREAMS.get(type(body))) is not None:
        return fixed
    match body:
        case RuleSet():
            return f"rule:{body.rule}"
        case KeyRegistered():
            return f"key:{body.key.get('kid', '')}"
        case KeyRotated() | KeyRevoked():
            return f"key:{body.kid}"
        case PlanDeclared():
            return body.plan
        case OrganisationRegistered() | OrganisationAdmitted():
            return body.party
        case SiteRegistered():
            return body.site
    names = ("permit", "approval", "mandate", "block")
    return next((getattr(body, name) for name in names if hasattr(body, name)), None)


def _opened(
    _reads: Reads, event: Event, body: LogOpened, keys: tuple[Key, ...], _reference: Reference
) -> list[Change]:
    parties = {key.party for key in keys} | {actor.party for actor in event.actors}
    if len(parties) != 1:
        refuse([Problem("manifest.operator_ambiguous", "/body/root_keys")])
    if body.predecessor is not None:
        return []  # the operator's row, like all others, was taken over
    row = {
        "name": body.operator,
        "roles": f"{Role.OPERATOR},{Role.SERVICE}",
        "identifier_kind": IdentifierKind.NONE.value,
        "identifier": None,
        "address": body.operator,
        "phone": None,
        "admitted": True,
        "seq": SEQ,
    }
    return [Insert(ORGANISATION, {"party": parties.pop(), **row})]


def _key_registered(
    reads: Reads, event: Event, _body: KeyRegistered, keys: tuple[Key, ...], _reference: Reference
) -> list[Change]:
    """Judge a key's entry: a party vouches for its own keys by one that it holds, never through an agent."""
    holder, sponsor = keys[0], event.actors[1]
    problems = []
    if reads.one(ORGANISATION, party=holder.party) is None:
        problems.append(Problem("manifest.party_unknown", "/body/key/party"))
    sponsors = {Role.OPERATOR} if holder.custody == "service" else _REGISTRARS
    own = sponsor.party == holder.party == keys[1].party and holder.custody in {"custodial", "device"}
    if not own and sponsor.role not in sponsors:
        problems.append(Problem("manifest.sponsor_wrong", "/actors/1"))
    refuse(problems)
    return []


def _key_rotated(
    reads: Reads, _event: Event, body: KeyRotated, keys: tuple[Key, ...], _reference: Reference
) -> list[Change]:
    old = reads.one(KEY, kid=body.kid)
    good = old is not None and {key.party for key in keys} == {old["party"]}
    if not good or {key.custody for key in keys} != {keys[0].custody}:
        refuse([Problem("manifest.key_of_other_party", "/body/key")])
    return []


def _key_revoked(
    reads: Reads, event: Event, body: KeyRevoked, keys: tuple[Key, ...], _reference: Reference
) -> list[Change]:
    key = reads.one(KEY, kid=body.kid)
    actor = event.actors[0]
    own = key is not None and actor.party == key["party"] == keys[0].party
    holder = reads.one(ORGANISATION, party=key["party"]) if key is not None else None
    # The operator's keys hold the log up: only the operator ends them.
    of_operator = holder is not None and Role.OPERATOR in holder["roles"].split(",")
    if key is None or not (own or (actor.role in _REGISTRARS and not of_operator)):
        refuse([Problem("manifest.key_of_other_party", "/body/kid")])
    return []


def _edition(
    _reads: Reads, _event: Event, body: EditionAdopted, _keys: tuple[Key, ...], _reference: Reference
) -> list[Change]:
    return [Insert(EDITION, {"seq": SEQ, "name": body.name, "sha256": body.sha256})]


def _rule(
    _reads: Reads, _event: Event, body: RuleSet, _keys: tuple[Key, ...], reference: Reference
) -> list[Change]:
    problems = []
    try:
        known = reference.rule(body.rule, body.valid_from)
    except ReferenceRefused as refused:
        problems.append(Problem(refused.code, "/body/rule", refused.facts))
    else:
        if known.unit != body.unit:
            problems.append(Problem("manifest.unit_differs", "/body/unit", {"expected": known.unit}))
        limit = _LONGEST.get(known.unit)
        if limit is not None and body.value > limit:
            problems.append(Problem("manifest.number_too_large", "/body/value", {"limit": limit}))
    if body.valid_to is not None and body.valid_to < body.valid_from:
        problems.append(Problem("manifest.period_empty", "/body/valid_to"))
    refuse(problems)
    row = {name: getattr(body, name) for name in _RULE_COLUMNS}
    return [Insert(RULE, {**row, "seq": SEQ})]


def _organisation(
    reads: Reads, _event: Event, body: OrganisationRegistered, _keys: tuple[Key, ...], _reference: Reference
) -> list[Change]:
    problems = list(rules.identifier(body))
    if reads.one(ORGANISATION, party=body.party) is not None:
        problems.append(Problem("manifest.party_known_already", "/body/party"))
    if Role.HOLDER in body.roles or Role.OPERATOR in body.roles or Role.SERVICE in body.roles:
        problems.append(Problem("manifest.role_not_given", "/body/roles"))
    if body.identifier is not None:
        taken = reads.one(IDENTIFIER, identifier=body.identifier)
        if taken is not None:
            problems.append(Problem("manifest.identifier_taken", "/body/identifier"))
    refuse(problems)
    row = {
        "name": body.name,
        "roles": ",".join(body.roles),
        "identifier_kind": body.identifier_kind.value,
        "identifier": body.identifier,
        "address": body.address,
        "phone": body.phone,
        "admitted": False,
        "seq": SEQ,
    }
    changes: list[Change] = [Insert(ORGANISATION, {"party": body.party, **row})]
    if body.identifier is not None:
        changes.append(Insert(IDENTIFIER, {"identifier": body.identifier, "party": body.party}))
    return changes


def _admitted(
    reads: Reads, _event: Event, body: OrganisationAdmitted, _keys: tuple[Key, ...], _reference: Reference
) -> list[Change]:
    row = reads.one(ORGANISATION, party=body.party)
    if row is None:
        refuse([Problem("manifest.party_unknown", "/body/party")])
    elif row["admitted"]:
        refuse([Problem("manifest.party_admitted_already", "/body/party")])
    return [Put(ORGANISATION, {"party": body.party}, {"admitted": True, "seq": SEQ})]


def _site(
    reads: Reads, _event: Event, body: SiteRegistered, _keys: tuple[Key, ...], reference: Reference
) -> list[Change]:
    problems = []
    if reads.one(ORGANISATION, party=body.party) is None:
        problems.append(Problem("manifest.party_unknown", "/body/party"))
    known = reads.one(SITE, site=body.site)
    if known is not None and known["party"] != body.party:
        problems.append(Problem("manifest.site_not_yours", "/body/party"))
    if body.zone is not None:
        try:
            if reference.zone(body.zone).kind != body.zone_kind:
                problems.append(Problem("manifest.zone_of_other_kind", "/body/zone_kind"))
        except ReferenceRefused as refused:
            problems.append(Problem(refused.code, "/body/zone", refused.facts))
    day_before = date(2025, 6, 30)
    for name, on in (("district", day_before), ("commune", _MAP_CHANGED_ON)):
        code = getattr(body, name)
        if code is not None:
            try:
                reference.area(code, on)
            except ReferenceRefused as refused:
                problems.append(Problem(refused.code, f"/body/{name}", refused.facts))
    refuse(problems)
    names = ("party", "name", "zone", "district", "commune", "province", "address", "phone", "code")
    row = {name: getattr(body, name) for name in names}
    row |= {"site_kind": body.site_kind.value, "zone_kind": body.zone_kind.value, "seq": SEQ}
    return [Put(SITE, {"site": body.site}, row)]


def area_of(site: dict[str, Any], on: date) -> str | None:
    """Return the unit in which a site lies by the map valid on a date; None where it is not known.

    Source: Nghị quyết 1656/NQ-UBTVQH15: 126 communes and wards from 01/07/2025; decision C21.
    """
    found: str | None = site["commune"] if on >= _MAP_CHANGED_ON else site["district"]
    return found


def _by_authority(event: Event, party: str, document: str | None, path: str) -> tuple[bool, list[Problem]]:
    """Tell whether a document is confirmed; the holder's own word needs the document's hash."""
    actor = event.actors[0]
    if actor.role == Role.AUTHORITY:
        return True, []
    problems = []
    if actor.party != party:
        problems.append(Problem("manifest.not_your_document", path))
    if document is None:
        problems.append(Problem("manifest.document_missing", "/body/document_sha256"))
    return False, problems


def _period(body: Any) -> Iterable[Problem]:
    if body.valid_to < body.valid_from:
        yield Problem("manifest.period_empty", "/body/valid_to")


def _permit(
    reads: Reads, event: Event, body: PermitGranted, _keys: tuple[Key, ...], reference: Reference
) -> list[Change]:
    confirmed, problems = _by_authority(event, body.party, body.document_sha256, "/body/party")
    problems += _period(body)
    if reads.one(ORGANISATION, party=body.party) is None:
        problems.append(Problem("manifest.party_unknown", "/body/party"))
    if reads.one(PERMIT, permit=body.permit) is not None:
        problems.append(Problem("manifest.permit_known_already", "/body/permit"))
    on = max(body.valid_from, min(body.valid_to, local_date(event.occurred_at)))
    for index, line in enumerate(body.lines):
        problems += rules.waste_code(reference, line.code, on, f"/body/lines/{index}/code")
        problems += rules.methods(reference, line.methods, on, f"/body/lines/{index}/methods")
    if len({line.code for line in body.lines}) != len(body.lines):
        problems.append(Problem("manifest.line_repeated", "/body/lines"))
    for index, plate in enumerate(body.vehicles):
        problems += rules.plate(plate, f"/body/vehicles/{index}")
    refuse(problems)
    row = {name: getattr(body, name) for name in ("party", "number", "valid_from", "valid_to")}
    row |= {"permit_kind": body.permit_kind.value, "confirmed": confirmed, "seq": SEQ}
    changes: list[Change] = [Insert(PERMIT, {"permit": body.permit, **row})]
    changes += [
        Insert(
            PERMIT_LINE,
            {
                "permit": body.permit,
                "code": line.code,
                "methods": ",".join(line.methods),
                "mass_g_year": line.mass_g_year,
            },
        )
        for line in body.lines
    ]
    vehicles = sorted(set(body.vehicles))
    return changes + [Insert(PERMIT_VEHICLE, {"permit": body.permit, "plate": plate}) for plate in vehicles]


def _approval(
    reads: Reads, event: Event, body: ApprovalGranted, _keys: tuple[Key, ...], _reference: Reference
) -> list[Change]:
    actor = event.actors[0].party
    own = actor if actor in {body.carrier, body.facility} else body.carrier
    confirmed, problems = _by_authority(event, own, body.document_sha256, "/body/carrier")
    problems += _period(body)
    for name in ("carrier", "facility"):
        if reads.one(ORGANISATION, party=getattr(body, name)) is None:
            problems.append(Problem("manifest.party_unknown", f"/body/{name}"))
    if reads.one(APPROVAL, approval=body.approval) is not None:
        problems.append(Problem("manifest.approval_known_already", "/body/approval"))
    refuse(problems)
    names = ("approval", "carrier", "facility", "number", "valid_from", "valid_to")
    row = {name: getattr(body, name) for name in names}
    return [Insert(APPROVAL, {**row, "confirmed": confirmed, "seq": SEQ})]


def _mandate(
    reads: Reads, event: Event, body: MandateGranted, keys: tuple[Key, ...], _reference: Reference
) -> list[Change]:
    problems = list(_period(body))
    if event.actors[0].party != body.principal or keys[0].party != body.principal:
        problems.append(Problem("manifest.not_your_mandate", "/body/principal"))
    if body.role not in {Role.GENERATOR, Role.TRANSPORTER, Role.TREATMENT_FACILITY}:
        problems.append(Problem("manifest.role_not_given", "/body/role"))
    if reads.one(ORGANISATION, party=body.agent) is None:
        problems.append(Problem("manifest.party_unknown", "/body/agent"))
    if reads.one(MANDATE, mandate=body.mandate) is not None:
        problems.append(Problem("manifest.mandate_known_already", "/body/mandate"))
    refuse(problems)
    names = ("mandate", "principal", "agent", "valid_from", "valid_to")
    row = {name: getattr(body, name) for name in names}
    return [Insert(MANDATE, {**row, "role": body.role.value, "revoked": False, "seq": SEQ})]


def _mandate_revoked(
    reads: Reads, event: Event, body: MandateRevoked, keys: tuple[Key, ...], _reference: Reference
) -> list[Change]:
    row = reads.one(MANDATE, mandate=body.mandate)
    actor = event.actors[0].party
    if row is None or row["revoked"]:
        refuse([Problem("manifest.mandate_unknown", "/body/mandate")])
    elif actor != row["principal"] or keys[0].party != actor:
        refuse([Problem("manifest.not_your_mandate", "/body/mandate")])
    return [Put(MANDATE, {"mandate": body.mandate}, {"revoked": True, "seq": SEQ})]


def _numbers(
    reads: Reads, _event: Event, body: NumbersAllocated, _keys: tuple[Key, ...], _reference: Reference
) -> list[Change]:
    problems = []
    if body.last < body.first:
        problems.append(Problem("manifest.period_empty", "/body/last"))
    if reads.one(ORGANISATION, party=body.party) is None:
        problems.append(Problem("manifest.party_unknown", "/body/party"))
    problems += [
        Problem("manifest.numbers_overlap", "/body/first", {"block": other["block"]})
        for other in reads.rows(NUMBER_BLOCK, issuer=body.issuer, year=body.year)
        if body.first <= other["last"] and other["first"] <= body.last
    ]
    refuse(problems)
    names = ("block", "party", "issuer", "year", "first", "last")
    return [Insert(NUMBER_BLOCK, {**{name: getattr(body, name) for name in names}, "seq": SEQ})]


def _plan(
    reads: Reads, event: Event, body: PlanDeclared, _keys: tuple[Key, ...], reference: Reference
) -> list[Change]:
    site = reads.one(SITE, site=body.site)
    if site is None or site["party"] != event.actors[0].party:
        refuse([Problem("manifest.site_not_yours", "/body/site")])
    on = date(body.year, 1, 1)
    problems = [
        problem
        for index, line in enumerate(body.lines)
        for problem in rules.waste_code(reference, line.code, on, f"/body/lines/{index}/code")
    ]
    if len({line.code for line in body.lines}) != len(body.lines):
        problems.append(Problem("manifest.line_repeated", "/body/lines"))
    refuse(problems)
    return [
        Put(
            PLAN_LINE,
            {"site": body.site, "year": body.year, "code": line.code},
            {"mass_g": line.mass_g, "seq": SEQ},
        )
        for line in body.lines
    ]


def _anchored(
    reads: Reads, _event: Event, body: CheckpointAnchored, _keys: tuple[Key, ...], _reference: Reference
) -> list[Change]:
    if reads.one(ENTRY, seq=body.size - 1) is None:
        refuse([Problem("manifest.anchor_beyond_log", "/body/size", {"size": body.size})])
    return []


def _guard_adopted(
    reads: Reads, _event: Event, body: GuardAdopted, keys: tuple[Key, ...], _reference: Reference
) -> list[Change]:
    if body.size and reads.one(ENTRY, seq=body.size - 1) is None:
        refuse([Problem("manifest.anchor_beyond_log", "/body/size", {"size": body.size})])
    if not _is_root(reads, keys[0].since):
        refuse([Problem("ledger.root_keys_missing", "/actors", {"expected": 1})], NotAllowed)
    return []


def _is_root(reads: Reads, since: int) -> bool:
    """Tell whether a key that is active since then opened the log, or took the place of one that did."""
    while since > 0:
        before = reads.one(KEY, until=since)
        if before is None or before["since"] >= since:
            return False
        since = before["since"]
    return since == 0


def _log_key(
    _reads: Reads,
    _event: Event,
    _body: LogKeyAdded | LogKeyRetired,
    _keys: tuple[Key, ...],
    _reference: Reference,
) -> list[Change]:
    return []  # the ledger itself asks for two root keys, and for a change that can be


def _erased(
    _reads: Reads, _event: Event, body: PersonalErased, _keys: tuple[Key, ...], _reference: Reference
) -> list[Change]:
    if len(set(body.commitments)) != len(body.commitments):
        refuse([Problem("manifest.line_repeated", "/body/commitments")])
    return []


_Judge = Callable[[Reads, Event, Any, tuple[Key, ...], Reference], list[Change]]
_JUDGES: dict[type[Body], _Judge] = {
    LogOpened: _opened,
    KeyRegistered: _key_registered,
    KeyRotated: _key_rotated,
    KeyRevoked: _key_revoked,
    EditionAdopted: _edition,
    RuleSet: _rule,
    OrganisationRegistered: _organisation,
    OrganisationAdmitted: _admitted,
    SiteRegistered: _site,
    PermitGranted: _permit,
    ApprovalGranted: _approval,
    MandateGranted: _mandate,
    MandateRevoked: _mandate_revoked,
    NumbersAllocated: _numbers,
    PlanDeclared: _plan,
    CheckpointAnchored: _anchored,
    GuardAdopted: _guard_adopted,
    LogKeyAdded: _log_key,
    LogKeyRetired: _log_key,
    PersonalErased: _erased,
}
