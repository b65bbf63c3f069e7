"""Entering the registers: who is who, where, and with which papers; and the status of what is entered."""

from dataclasses import dataclass, replace
from typing import Any

from fastapi import APIRouter, Request

from api.acting import Done, act, in_request
from api.answers import Json
from api.deps import Asked, TheDesk, Writes
from api.desk import Desk, role_in
from api.home import OPERATOR, ROOTS, give_key
from api.reading import Given
from api.recorder import Signing
from api.routes.events import answered
from api.schemas import REPEATED, ReceiptOut, takes, takes_object
from ledger.errors import Malformed, NotAllowed, Problem, RuleBroken
from ledger.storage.db import reading
from ledger.storage.store import one
from manifest.body import Body
from manifest.register import documents, parties, places
from manifest.register import events as r
from manifest.register.log import KeyRegistered, KeyRevoked
from manifest.views import ORGANISATION
from manifest.vocabulary import Role
from manifest.wording import label

router = APIRouter(tags=["registers"])


@dataclass(frozen=True, slots=True)
class _Entering:
    """A route that enters something: which fields the path fills, and which are made when left out."""

    path: str
    event: type[Body]
    words: str
    from_path: str | None = None
    own: str | None = None


def _plan_name(fields: dict[str, Any]) -> str:
    return f"plan:{str(fields.get('site', '')).removeprefix('site:')}:{fields.get('year', '')}"


def _enter(desk: Desk, entering: _Entering, given: Given, named: str | None) -> Done:
    fields = dict(given.fields)
    with in_request():
        if named is not None:
            fields[str(entering.from_path)] = named
        if entering.own is not None:
            fields.setdefault(entering.own, given.party or desk.access.party)
        if entering.event is r.PlanDeclared:
            fields.setdefault("plan", _plan_name(fields))
        return act(desk, entering.event.kind, replace(given, fields=fields))


def _add(entering: _Entering) -> None:
    async def enter(pool: Writes, desk: TheDesk, given: Asked) -> Json:
        return answered(await pool.run(_enter, desk, entering, given, None))

    async def enter_named(request: Request, pool: Writes, desk: TheDesk, given: Asked) -> Json:
        named = str(request.path_params[str(entering.from_path)])
        return answered(await pool.run(_enter, desk, entering, given, named))

    named = entering.from_path is not None
    extra = takes(
        entering.event,
        filled=(entering.from_path,) if entering.from_path else (),
        may_omit=[name for name in (entering.own, "plan") if name],
    )
    if named:
        schema = {"type": "string"}
        place = {"name": entering.from_path, "in": "path", "required": True, "schema": schema}
        extra["parameters"] = [place]
    router.add_api_route(
        entering.path,
        enter_named if named else enter,
        methods=["POST"],
        status_code=201,
        response_model=ReceiptOut,
        responses=REPEATED,
        name=entering.event.kind,
        summary=label("event", entering.event.kind, "en"),
        description=entering.words,
        openapi_extra=extra,
    )


for _one in (
    _Entering("/organisations", r.OrganisationRegistered, "Enter a party (operator or authority)."),
    _Entering(
        "/organisations/{party:path}/admission",
        r.OrganisationAdmitted,
        "Let a registered party act (operator or authority).",
        "party",
    ),
    _Entering("/sites", r.SiteRegistered, "Enter a place of a party (operator or authority)."),
    _Entering(
        "/permits", r.PermitGranted, "Enter a permit: the authority's word or its holder's.", own="party"
    ),
    _Entering("/approvals", r.ApprovalGranted, "Enter that one permit holder carries for another."),
    _Entering("/mandates", r.MandateGranted, "Let another sign for you in a role.", own="principal"),
    _Entering("/mandates/{mandate:path}/revocation", r.MandateRevoked, "End a mandate of yours.", "mandate"),
    _Entering("/number-blocks", r.NumbersAllocated, "Allocate manifest numbers (operator or authority)."),
    _Entering("/plans", r.PlanDeclared, "Declare what a site of yours expects to generate in a year."),
    _Entering("/keys/{kid}/revocation", KeyRevoked, "End a key, of your own or as registrar.", "kid"),
    _Entering(
        "/organisations/{party:path}/changes",
        parties.OrganisationChanged,
        "Say what a party is from a day on (operator or authority).",
        "party",
    ),
    _Entering(
        "/sites/{site:path}/placements",
        places.SitePlaced,
        "Say where a site lies from a day on (operator or authority).",
        "site",
    ),
    _Entering("/zones", places.ZoneRegistered, "Enter a park, cluster or craft village."),
    _Entering("/zones/{zone}/changes", places.ZoneChanged, "Say what holds of a zone from a day on.", "zone"),
    _Entering("/zones/{zone}/assessments", places.ZoneAssessed, "Enter what an assessment found.", "zone"),
    _Entering("/collection-points", places.CollectionPointOpened, "Open a collection point."),
    _Entering(
        "/treatment-lines", places.TreatmentLineSet, "Say what a line of yours treats a day.", own="party"
    ),
    _Entering("/vehicles", parties.VehicleRegistered, "Enter a vehicle of your own.", own="party"),
    _Entering(
        "/permits/{permit:path}/amendments",
        documents.PermitAmended,
        "Enter an amendment: the authority's word or its holder's.",
        "permit",
    ),
    _Entering(
        "/registrations",
        documents.RegistrationReceived,
        "Enter an environmental registration: the authority's word or its holder's.",
        own="party",
    ),
    _Entering("/contracts", documents.ContractMade, "Enter a contract of yours."),
    _Entering(
        "/contracts/{contract:path}/agreement", documents.ContractAgreed, "Agree to a contract.", "contract"
    ),
    _Entering("/certificates", documents.CertificateIssued, "Enter a laboratory's finding.", own="party"),
    _Entering("/linkages", documents.LinkageApproved, "Enter that one facility passes waste on to another."),
    _Entering("/confirmations", parties.EntryConfirmed, "Confirm what a holder has declared (authority)."),
    _Entering("/endings", parties.EntryEnded, "End an entry of yours, or any as authority."),
    _Entering("/suspensions", parties.EntrySuspended, "Suspend an admission or a permit (authority)."),
    _Entering("/resumptions", parties.EntryResumed, "Lift a suspension (authority)."),
):
    _add(_one)


@router.post(
    "/keys",
    status_code=201,
    openapi_extra=takes_object({"party": {"type": "string"}, "name": {"type": "string"}}),
)
async def new_key(pool: Writes, desk: TheDesk, given: Asked) -> Json:
    """Make a key in custody for a party: for your own, or as operator or authority for any.

    A key that is held elsewhere is entered with `/prepare` (its holder signs first, a sponsor second) and
    `/acts/countersign`.
    """
    return Json(await pool.run(_new_key, desk, given), status_code=201)


def _new_key(desk: Desk, given: Given) -> dict[str, Any]:
    party, name = given.fields.get("party", desk.access.party), given.fields.get("name")
    unknown = sorted(set(given.fields) - {"party", "name"})
    problems = [Problem("manifest.field_unknown", f"/{field}") for field in unknown]
    problems += [
        Problem("manifest.field_invalid", f"/{field}")
        for field, value in (("party", party), ("name", name if name is not None else ""))
        if not isinstance(value, str) or len(value) > 60  # noqa: PLR2004  a certificate's name has 64 places
    ]
    if problems:
        raise Malformed(problems)
    if party != desk.access.party and not desk.access.sees_all:
        raise NotAllowed(Problem("api.authority_only", "/party"))
    with reading(desk.home.engine) as reader:
        row = one(reader, ORGANISATION, log=desk.home.ledger.log, party=party)
        if row is None:
            raise RuleBroken(Problem("manifest.party_unknown", "/party", {"party": party}))
        sponsor = _sponsor(desk, party)
    holder = give_key(desk.home, party, name or row["name"][:60], sponsor, now=desk.home.clock())
    return {"kid": holder.signer.kid, "party": party, "custody": "custodial"}


def _sponsor(desk: Desk, party: str) -> Signing:
    """Return who vouches for a new key: the registrar's key, or the party's own."""
    if desk.access.party == OPERATOR:
        return desk.home.root(ROOTS[0])
    with reading(desk.home.engine) as reader:
        signer = desk.home.custody.of_party(reader, desk.access.party).signer
        if desk.access.sees_all:
            return Signing(desk.access.party, Role.AUTHORITY, signer)
        kind = KeyRegistered.kind
        return Signing(party, role_in(desk, reader, kind, party=party, stream="", place=1), signer)
