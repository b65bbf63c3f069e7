"""Judging other papers: plans, registrations, contracts, test certificates, linkages of facilities."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from ledger.errors import Problem, refuse
from ledger.format.event import Event
from ledger.format.keys import Key
from ledger.writing.changes import SEQ, Change, Insert, Put, Reads
from manifest import lookups, rules
from manifest.reference import Reference, ReferenceRefused
from manifest.register import entering
from manifest.register.documents import (
    CertificateIssued,
    ContractAgreed,
    ContractMade,
    LinkageApproved,
    RegistrationReceived,
)
from manifest.register.entering import Judges
from manifest.register.events import PlanDeclared
from manifest.register.lookups import DISTRICTS_UNTIL, MAP_CHANGED_ON
from manifest.register.views import CERTIFICATE, CONTRACT, LINKAGE, REGISTRATION, REGISTRATION_LINE
from manifest.views import PERMIT, PLAN_LINE
from manifest.vocabulary import PermitKind, Register, Role, local_date


def _plan(
    reads: Reads, event: Event, body: PlanDeclared, _keys: tuple[Key, ...], reference: Reference
) -> list[Change]:
    party = event.actors[0].party
    refuse(entering.site_of(reads, body.site, party))
    problems = list(
        _codes(reference, [line.code for line in body.lines], date(body.year, 1, 1), "lines", "/code")
    )
    if any(row["party"] != party for row in reads.rows(PLAN_LINE, plan=body.plan)):
        # An authority confirms a plan by its name: nobody else's lines may stand under it.
        facts = {"register": Register.PLAN.value}
        problems.append(Problem("manifest.entry_known_already", "/body/plan", facts))
    refuse(problems)
    named = {"plan": body.plan, "party": party, "confirmed": False, "seq": SEQ}
    return [
        Put(
            PLAN_LINE,
            {"site": body.site, "year": body.year, "code": line.code},
            {"mass_g": line.mass_g, **named},
        )
        for line in body.lines
    ]


def _registration(
    reads: Reads, event: Event, body: RegistrationReceived, _keys: tuple[Key, ...], reference: Reference
) -> list[Change]:
    confirmed, problems = entering.word_of(event, [body.party], body.document_sha256, "/body/party")
    problems += entering.new(reads, Register.REGISTRATION, body.registration)
    problems += entering.period(body)
    problems += entering.party_known(reads, body.party, "/body/party", Role.GENERATOR)
    problems += entering.site_of(reads, body.site, body.party)
    problems += _codes(reference, [line.code for line in body.lines], body.valid_from, "lines", "/code")
    if body.commune is not None:
        problems += _areas(reference, {"/body/commune": body.commune})
    refuse(problems)
    names = (
        "registration", "party", "site", "number", "commune", "valid_from", "valid_to", "document_sha256",
    )  # fmt: skip
    row = {name: getattr(body, name) for name in names} | {"confirmed": confirmed, "seq": SEQ}
    named = {"registration": body.registration}
    return [
        Insert(REGISTRATION, row),
        *(
            Insert(REGISTRATION_LINE, {**named, "code": line.code, "mass_g_year": line.mass_g})
            for line in body.lines
        ),
        *entering.confirmation(event, Register.REGISTRATION, body.registration, body.document_sha256),
    ]


def _codes(reference: Reference, codes: Sequence[str], on: date, field: str, below: str) -> Iterator[Problem]:
    for index, code in enumerate(codes):
        yield from rules.waste_code(reference, code, on, f"/body/{field}/{index}{below}")
    if len(set(codes)) != len(codes):
        yield Problem("manifest.line_repeated", f"/body/{field}")


def _areas(reference: Reference, areas: Mapping[str, str]) -> Iterator[Problem]:
    """Yield problems of units that neither map has."""
    known = {area.code for on in (DISTRICTS_UNTIL, MAP_CHANGED_ON) for area in reference.areas(on)}
    for path, code in areas.items():
        if code not in known:
            yield Problem("reference.unknown_area", path, {"area": code})


def _contract(
    reads: Reads, event: Event, body: ContractMade, _keys: tuple[Key, ...], reference: Reference
) -> list[Change]:
    parties = {"generator": body.generator, "facility": body.facility, "third": body.third}
    named = {party for party in parties.values() if party is not None}
    actor = event.actors[0].party
    problems = list(entering.new(reads, Register.CONTRACT, body.contract))
    if actor not in named:
        problems.append(Problem("manifest.not_your_document", "/body/generator"))
    if len(named) != sum(party is not None for party in parties.values()):
        problems.append(Problem("manifest.parties_same", "/body/facility"))
    problems += entering.period(body)
    problems += rules.dates(
        "/body/signed_on", body.signed_on, earliest=None, latest=local_date(event.occurred_at)
    )
    for name, party in parties.items():
        role = Role.GENERATOR if name == "generator" else Role.TREATMENT_FACILITY
        problems += entering.party_known(reads, party, f"/body/{name}", role)
    problems += _codes(reference, body.codes, body.valid_from, "codes", "")
    problems += _areas(reference, {f"/body/areas/{n}": code for n, code in enumerate(body.areas)})
    refuse(problems)
    names = ("contract", "number", "signed_on", "valid_from", "valid_to", "document_sha256")
    row = {name: getattr(body, name) for name in names} | parties
    row |= {f"agreed_{name}": party == actor for name, party in parties.items()}
    row |= {"codes": ",".join(body.codes), "areas": ",".join(body.areas), "confirmed": False, "seq": SEQ}
    return [Insert(CONTRACT, row)]


def _agreed(
    reads: Reads, event: Event, body: ContractAgreed, _keys: tuple[Key, ...], _reference: Reference
) -> list[Change]:
    row = reads.one(CONTRACT, contract=body.contract)
    actor = event.actors[0].party
    if row is None:
        refuse([Problem("manifest.contract_unknown", "/body/contract")])
    assert row is not None
    flags = {f"agreed_{name}": True for name in ("generator", "facility", "third") if row[name] == actor}
    if not flags:
        refuse([Problem("manifest.not_your_document", "/body/contract")])
    if all(row[name] for name in flags):
        refuse([Problem("manifest.agreed_already", "/body/contract")])
    return [Put(CONTRACT, {"contract": body.contract}, {**flags, "seq": SEQ})]


def _certificate(
    reads: Reads, event: Event, body: CertificateIssued, _keys: tuple[Key, ...], reference: Reference
) -> list[Change]:
    """Judge a laboratory's finding: only waste that is hazardous above a threshold can be found below it."""
    confirmed, problems = entering.word_of(event, [body.party], body.document_sha256, "/body/party")
    problems += entering.new(reads, Register.CERTIFICATE, body.certificate)
    problems += entering.period(body)
    problems += entering.party_known(reads, body.party, "/body/party", Role.GENERATOR)
    problems += entering.site_of(reads, body.site, body.party)
    today = local_date(event.occurred_at)
    problems += rules.dates("/body/sampled_on", body.sampled_on, earliest=None, latest=today)
    problems += rules.dates("/body/valid_from", body.valid_from, earliest=body.sampled_on, latest=date.max)
    try:
        if not reference.waste_code(body.code, body.sampled_on).tested:
            problems.append(Problem("manifest.code_always_hazardous", "/body/code", {"code": body.code}))
    except ReferenceRefused as refused:
        problems.append(Problem(refused.code, "/body/code", refused.facts))
    refuse(problems)
    names = (
        "certificate", "party", "site", "code", "process", "number", "laboratory", "laboratory_number",
        "sampled_on", "valid_from", "valid_to", "below_threshold", "document_sha256",
    )  # fmt: skip
    row = {name: getattr(body, name) for name in names}
    return [
        Insert(CERTIFICATE, {**row, "confirmed": confirmed, "seq": SEQ}),
        *entering.confirmation(event, Register.CERTIFICATE, body.certificate, body.document_sha256),
    ]


def _linkage(
    reads: Reads, event: Event, body: LinkageApproved, _keys: tuple[Key, ...], reference: Reference
) -> list[Change]:
    """Judge a linkage (NĐ 08/2022 Điều 73): the first treats something, the second every code named."""
    both = {"first": body.first, "second": body.second}
    confirmed, problems = entering.word_of(event, both.values(), body.document_sha256, "/body/first")
    problems += entering.new(reads, Register.LINKAGE, body.linkage)
    problems += entering.period(body)
    if body.first == body.second:
        problems.append(Problem("manifest.parties_same", "/body/second"))
    for name, party in both.items():
        problems += entering.party_known(reads, party, f"/body/{name}", Role.TREATMENT_FACILITY)
    problems += _codes(reference, body.codes, body.valid_from, "codes", "")
    if not _treats(reads, body.first, body.valid_from):
        problems.append(Problem("manifest.permit_unknown", "/body/first"))
    able = _treats(reads, body.second, body.valid_from)
    for index, code in enumerate(body.codes):
        if code not in able:
            problems.append(Problem("manifest.permit_lacks_code", f"/body/codes/{index}", {"code": code}))
    if body.contract is not None:
        row = reads.one(CONTRACT, contract=body.contract)
        if row is None or (row["facility"], row["third"]) != (body.first, body.second):
            problems.append(Problem("manifest.contract_unknown", "/body/contract"))
    refuse(problems)
    names = (
        "linkage", "first", "second", "number", "contract", "valid_from", "valid_to", "document_sha256",
    )  # fmt: skip
    row = {name: getattr(body, name) for name in names} | {"codes": ",".join(body.codes)}
    return [
        Insert(LINKAGE, {**row, "confirmed": confirmed, "seq": SEQ}),
        *entering.confirmation(event, Register.LINKAGE, body.linkage, body.document_sha256),
    ]


def _treats(reads: Reads, party: str, on: date) -> set[str]:
    """Return the codes that a facility may treat on a day, by all its permits."""
    rows = reads.rows(PERMIT, party=party, permit_kind=PermitKind.TREATMENT.value)
    permits = (lookups.permit(reads, row["permit"], on) for row in rows)
    return {code for one in permits if one is not None and one.valid_on(on) for code in one.lines}


JUDGES: Judges = {
    PlanDeclared: _plan,
    RegistrationReceived: _registration,
    ContractMade: _contract,
    ContractAgreed: _agreed,
    CertificateIssued: _certificate,
    LinkageApproved: _linkage,
}
