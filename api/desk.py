"""Where a party acts: what it sees, in which role it signs, and with which of the keys that are kept here."""

from dataclasses import dataclass

from api.home import OPERATOR, ROOTS, Home
from api.identity.tokens import Access
from api.scope import View
from ledger.errors import NotAllowed, NotFound, Problem, RuleBroken
from ledger.format.signature import Signer
from ledger.storage.db import Reader
from ledger.storage.store import one
from ledger.writing.changes import Reads
from manifest.authority import SIGNERS
from manifest.register.lookups import organisation
from manifest.views import MANIFEST
from manifest.vocabulary import Role, local_date

# Where a kind may be signed in several roles, and the party holds more than one of them.
_PREFERRED = (
    Role.AUTHORITY, Role.OPERATOR, Role.GENERATOR, Role.TRANSPORTER, Role.TREATMENT_FACILITY,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Desk:
    """Where the acts of one who has shown who he is are taken in."""

    home: Home
    access: Access

    def view(self, reader: Reader) -> View:
        """Look with that party's eyes."""
        return View(reader, self.home.ledger.log, self.access, self.home.clock())


def role_in(desk: Desk, reader: Reader, kind: str, *, party: str, stream: str, place: int = 0) -> str:
    """Return the role in which a party signs a kind of event, from what it holds and what the kind needs.

    Raises RuleBroken when it holds none that would do.
    """
    known = organisation(Reads(reader, desk.home.ledger.log), party, local_date(desk.home.clock()))
    held = set(known.roles) if known is not None else set()
    fit = [role for role in _PREFERRED if role in SIGNERS[kind][place] and role in held]
    if not fit:
        needed = ", ".join(sorted(SIGNERS[kind][place]))
        raise NotAllowed(Problem("manifest.role_not_held", f"/actors/{place}/role", {"role": needed}))
    manifest = one(reader, MANIFEST, log=desk.home.ledger.log, manifest=stream) if len(fit) > 1 else None
    if manifest is not None:
        # In a manifest a party acts as what it is there: an organisation may be generator and facility.
        facilities = {manifest["facility"], manifest["second"]}
        as_part = dict.fromkeys(facilities, Role.TREATMENT_FACILITY) | {manifest["generator"]: Role.GENERATOR}
        mine = as_part.get(party, Role.TRANSPORTER)
        return mine if mine in fit else fit[0]
    return fit[0]


def kept_kid(desk: Desk, reader: Reader, party: str, path: str) -> str:
    """Return the newest key in custody of a party; raise RuleBroken, with a path, when none is kept."""
    try:
        return desk.home.custody.of_party(reader, party).signer.kid
    except NotFound as error:
        raise RuleBroken(Problem("api.no_key_in_custody", path, {"party": party})) from error


def own_signer(desk: Desk, reader: Reader, party: str, kid: str | None = None) -> Signer:
    """Return the party's key that is kept here; the operator's, where none is, is its first root key."""
    if party == OPERATOR:
        for name in ROOTS:
            root = desk.home.root(name).signer
            if kid in {None, root.kid}:
                return root
    try:
        kept = (
            desk.home.custody.of_party(reader, party)
            if kid is None
            else desk.home.custody.by_kid(reader, kid)
        )
    except NotFound as error:
        raise RuleBroken(Problem("api.no_key_in_custody", "", {"party": party})) from error
    return kept.signer
