"""Judging who is who: parties, what they are from a day on, mandates, number blocks, own vehicles."""

from collections.abc import Iterable

from ledger.errors import Problem, refuse
from ledger.format.event import Event
from ledger.format.keys import Key
from ledger.writing.changes import SEQ, Change, Insert, Put, Reads
from manifest import rules
from manifest.reference import Reference
from manifest.register import entering
from manifest.register.entering import Judges
from manifest.register.events import (
    MandateGranted,
    MandateRevoked,
    NumbersAllocated,
    OrganisationAdmitted,
    OrganisationRegistered,
)
from manifest.register.parties import OrganisationChanged, VehicleRegistered
from manifest.register.views import ORGANISATION_VERSION, VEHICLE
from manifest.views import IDENTIFIER, MANDATE, NUMBER_BLOCK, ORGANISATION
from manifest.vocabulary import Register, Role

_NEVER_GIVEN = {Role.HOLDER, Role.OPERATOR, Role.SERVICE}
_TRADES = {Role.GENERATOR, Role.TRANSPORTER, Role.TREATMENT_FACILITY}
_CHANGEABLE = ("name", "roles", "address", "phone")


def _organisation(
    reads: Reads, event: Event, body: OrganisationRegistered, _keys: tuple[Key, ...], _reference: Reference
) -> list[Change]:
    problems = list(rules.identifier(body))
    if reads.one(ORGANISATION, party=body.party) is not None:
        problems.append(Problem("manifest.party_known_already", "/body/party"))
    if _NEVER_GIVEN & set(body.roles) or _on_both_sides(body.roles):
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
        "confirmed": entering.by_authority(event),
        "dated": False,
        "seq": SEQ,
    }
    changes: list[Change] = [Insert(ORGANISATION, {"party": body.party, **row})]
    if body.identifier is not None:
        changes.append(Insert(IDENTIFIER, {"identifier": body.identifier, "party": body.party}))
    return [*changes, *entering.confirmation(event, Register.ORGANISATION, body.party, None)]


def _on_both_sides(roles: Iterable[str]) -> bool:
    """Tell whether one party would keep the registers and stand in them.

    An authority's word counts as that of another: it confirms papers, decides on claims, enters for those who
    sign by hand. Its own waste is that of a party beside it.
    """
    return Role.AUTHORITY in roles and bool(_TRADES & set(roles))


def _admitted(
    reads: Reads, event: Event, body: OrganisationAdmitted, _keys: tuple[Key, ...], _reference: Reference
) -> list[Change]:
    row = reads.one(ORGANISATION, party=body.party)
    if row is None:
        refuse([Problem("manifest.party_unknown", "/body/party")])
    elif row["admitted"]:
        refuse([Problem("manifest.party_admitted_already", "/body/party")])
    assert row is not None
    # The authority that lets a party act has seen who it is; the operator has not (decision D26).
    confirmed = row["confirmed"] or entering.by_authority(event)
    return [
        Put(ORGANISATION, {"party": body.party}, {"admitted": True, "confirmed": confirmed, "seq": SEQ}),
        *entering.confirmation(event, Register.ORGANISATION, body.party, None),
    ]


def _mandate(
    reads: Reads, event: Event, body: MandateGranted, keys: tuple[Key, ...], _reference: Reference
) -> list[Change]:
    problems = list(entering.period(body))
    if event.actors[0].party != body.principal or keys[0].party != body.principal:
        problems.append(Problem("manifest.not_your_mandate", "/body/principal"))
    if body.role not in {Role.GENERATOR, Role.TRANSPORTER, Role.TREATMENT_FACILITY}:
        problems.append(Problem("manifest.role_not_given", "/body/role"))
    problems += entering.party_known(reads, body.agent, "/body/agent")
    if reads.one(MANDATE, mandate=body.mandate) is not None:
        problems.append(Problem("manifest.mandate_known_already", "/body/mandate"))
    refuse(problems)
    names = ("mandate", "principal", "agent", "valid_from", "valid_to", "manifest")
    row = {name: getattr(body, name) for name in names}
    row |= {"role": body.role.value, "revoked": False, "confirmed": False}
    return [Insert(MANDATE, {**row, "seq": SEQ})]


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
    problems += entering.party_known(reads, body.party, "/body/party")
    problems += [
        Problem("manifest.numbers_overlap", "/body/first", {"block": other["block"]})
        for other in reads.rows(NUMBER_BLOCK, issuer=body.issuer, year=body.year)
        if body.first <= other["last"] and other["first"] <= body.last
    ]
    refuse(problems)
    names = ("block", "party", "issuer", "year", "first", "last")
    return [Insert(NUMBER_BLOCK, {**{name: getattr(body, name) for name in names}, "seq": SEQ})]


def _changed(
    reads: Reads, event: Event, body: OrganisationChanged, _keys: tuple[Key, ...], _reference: Reference
) -> list[Change]:
    row = reads.one(ORGANISATION, party=body.party)
    if row is None:
        refuse([Problem("manifest.party_unknown", "/body/party", {"party": body.party})])
    assert row is not None
    given = {name: value for name in _CHANGEABLE if (value := getattr(body, name)) is not None}
    problems = []
    if not given:
        problems.append(Problem("manifest.nothing_changes", "/body"))
    held = {*(body.roles or ()), *row["roles"].split(",")}
    if body.roles is not None and (_NEVER_GIVEN & held or _on_both_sides(held)):
        problems.append(Problem("manifest.role_not_given", "/body/roles"))
    refuse(problems)
    if body.roles is not None:
        given["roles"] = ",".join(body.roles)
    key = {"party": body.party}
    now = {name: row[name] for name in _CHANGEABLE} | given
    changes = entering.supersede(
        reads.rows(ORGANISATION_VERSION, party=body.party),
        ORGANISATION_VERSION,
        key,
        {**now, "seq": SEQ},
        body.valid_from,
        before={**{name: row[name] for name in _CHANGEABLE}, "seq": row["seq"]},
    )
    # What the operator changes is no longer the authority's word.
    confirmed = row["confirmed"] and entering.by_authority(event)
    return [*changes, Put(ORGANISATION, key, {**now, "confirmed": confirmed, "dated": True})]


def _vehicle(
    reads: Reads, event: Event, body: VehicleRegistered, _keys: tuple[Key, ...], _reference: Reference
) -> list[Change]:
    """Judge the entry of a vehicle: it is its owner's alone for as long as it is entered."""
    confirmed, problems = entering.word_of(event, [body.party], body.document_sha256, "/body/party")
    problems += entering.new(reads, Register.VEHICLE, body.vehicle)
    problems += entering.period(body)
    problems += entering.party_known(reads, body.party, "/body/party", Role.GENERATOR)
    problems += rules.plate(body.plate, "/body/plate")
    if entering.meets(reads.rows(VEHICLE, plate=body.plate), body):
        problems.append(Problem("manifest.vehicle_entered_already", "/body/plate"))
    refuse(problems)
    names = (
        "vehicle", "party", "plate", "gps_account", "payload_g", "valid_from", "valid_to", "document_sha256",
    )  # fmt: skip
    row = {name: getattr(body, name) for name in names}
    return [
        Insert(VEHICLE, {**row, "confirmed": confirmed, "seq": SEQ}),
        *entering.confirmation(event, Register.VEHICLE, body.vehicle, body.document_sha256),
    ]


JUDGES: Judges = {
    OrganisationRegistered: _organisation,
    OrganisationAdmitted: _admitted,
    OrganisationChanged: _changed,
    MandateGranted: _mandate,
    MandateRevoked: _mandate_revoked,
    NumbersAllocated: _numbers,
    VehicleRegistered: _vehicle,
}
