"""Entering the first authority: nobody but the operator can let it in, and it lets in everybody else."""

from typing import Final

from api.home import ROOTS, Home
from api.recorder import record
from ledger.errors import Malformed, Problem, RuleBroken
from ledger.storage.db import reading
from ledger.storage.store import one
from manifest.body import Body
from manifest.register.events import OrganisationAdmitted, OrganisationRegistered
from manifest.text import is_branch_code
from manifest.views import IDENTIFIER, ORGANISATION
from manifest.vocabulary import IdentifierKind, Role

NO_CODE: Final = "Cơ quan nhà nước, chưa khai mã số thuế"


def enter_authority(
    home: Home, name: str, *, party: str | None = None, code: str | None = None, address: str
) -> tuple[str, bool]:
    """Enter and admit an authority; return its name in the ledger, and whether anything was entered now.

    ``code`` is its tax code; without one it needs ``party``. One that is there stays as it is, so that the
    same may be asked twice. Raises Malformed for neither, RuleBroken when the party is no authority.
    """
    if party is None and code is None:
        raise Malformed(Problem("manifest.field_missing", "/party"))
    log, before = home.ledger.log, None
    with reading(home.engine) as reader:
        if party is None:
            known = one(reader, IDENTIFIER, log=log, identifier=code)
            party = f"org:{code}" if known is None else str(known["party"])
        before = one(reader, ORGANISATION, log=log, party=party)
    if before is not None and Role.AUTHORITY.value not in before["roles"].split(","):
        raise RuleBroken(Problem("manifest.role_not_held", "/party", {"role": Role.AUTHORITY.value}))
    if before is not None and before["admitted"]:
        return party, False
    if before is None:
        kind = IdentifierKind.NONE
        if code is not None:
            kind = IdentifierKind.BRANCH_CODE if is_branch_code(code) else IdentifierKind.TAX_CODE
        body = {"party": party, "name": name, "roles": [Role.AUTHORITY.value], "identifier_kind": kind.value}
        body |= {"address": address, **({"identifier": code} if code else {"reason": NO_CODE})}
        _enter(home, OrganisationRegistered.read(body), party)
    _enter(home, OrganisationAdmitted(party=party), party)
    return party, True


def _enter(home: Home, body: Body, party: str) -> None:
    now = home.clock()
    record(home.ledger, body, [home.root(ROOTS[0])], stream=party, occurred_at=now, now=now)
