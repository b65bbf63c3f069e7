"""Invitations: a one-time code that comes by letter, and what it is exchanged for, an account and a key.

A code has a hundred random bits and is kept as a hash; it holds for some weeks and once. Attempts are counted
for each party, and after some failures no code is taken for a while. Whoever is not let in learns nothing: an
unknown organisation, a wrong, used or expired code and a locked invitation give the same answer.
"""

import hashlib
import hmac
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, insert, update

from api.firstrun.rows import identifier_of
from api.firstrun.store import INVITATION
from api.home import ROOTS, Home, give_key
from api.identity.accounts import LOCKED_FOR, MAX_FAILURES, add_account, new_account
from ledger.errors import NotAllowed, Problem, RuleBroken
from ledger.storage.db import Reader, Row, Writer, reading, writing
from ledger.storage.store import KEY, one, rows
from manifest.views import IDENTIFIER, ORGANISATION

DAYS: Final = 60
MAX_DAYS: Final = 366
_SYMBOLS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # without I, L, O and U: they are misread
_GROUPS, _IN_GROUP = 4, 5
_AS_READ = str.maketrans({"O": "0", "I": "1", "L": "1"})
# How long one who has shown the code has to be done before another may try with it.
_CLAIM = timedelta(minutes=1)


class InvitationFailed(NotAllowed):
    """The code is not one that this organisation may use now."""

    default = "api.invitation_failed"


@dataclass(frozen=True, slots=True)
class Code:
    """A new one-time code as it is printed, for whom, and until when it holds."""

    party: str
    text: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Redeemed:
    """What a code was exchanged for: a login at a party, and the key that signs for it."""

    party: str
    organisation: str
    login: str
    kid: str | None
    admitted: bool


def new_code(party: str, now: datetime, days: int = DAYS) -> Code:
    """Return a new code for a party; it opens nothing before it is kept."""
    groups = ("".join(secrets.choice(_SYMBOLS) for _ in range(_IN_GROUP)) for _ in range(_GROUPS))
    return Code(party, "-".join(groups), now + timedelta(days=days))


def keep_code(home: Home, code: Code, now: datetime) -> None:
    """Have a code open its party's invitation, in place of any code before; raise RuleBroken for no party."""
    log = home.ledger.log
    row = {"log": log, "party": code.party, "hash": hash_of(code.party, code.text), "created_at": now}
    row |= {"expires_at": code.expires_at, "failures": 0}
    row |= {"locked_until": None, "claimed_until": None, "used_at": None}
    with writing(home.engine, log) as writer:
        if one(writer, ORGANISATION, log=log, party=code.party) is None:
            raise RuleBroken(Problem("manifest.party_unknown", "/party", {"party": code.party}))
        writer.execute(delete(INVITATION).where(INVITATION.c.log == log, INVITATION.c.party == code.party))
        writer.execute(insert(INVITATION), row)


def hash_of(party: str, text: str) -> str:
    """Return what is kept of a code, however it was typed. Its hundred random bits need no slow hash."""
    bare = "".join(c for c in unicodedata.normalize("NFKC", text).upper() if c.isalnum())
    bare = bare.translate(_AS_READ)
    return hashlib.sha256(f"ctnh-invitation-v1\n{party}\n{bare}".encode()).hexdigest()


def redeem(
    home: Home, *, organisation: str, code: str, login: str, name: str, password: str, now: datetime
) -> Redeemed:
    """Exchange a code for an account and, where the party has none, a key in custody.

    ``organisation`` is its tax code or its name in the ledger. Raises Malformed for an unusable login, name
    or password before the code is looked at, InvitationFailed for a code that does not open, Conflict when
    the login is taken; the code stays good then.
    """
    account = new_account(login=login, password=password, party="", name=name)
    log = home.ledger.log
    with writing(home.engine, log) as writer:
        party = _party(writer, log, organisation)
        good = party is not None and _attempt(writer, log, party, code, now)
    if party is None or not good:
        raise InvitationFailed
    try:
        kid = _key(home, party, now)
        with writing(home.engine, log) as writer:
            add_account(writer, log, {**account, "party": party["party"]})
            _set(writer, log, party["party"], used_at=now)
    finally:
        with writing(home.engine, log) as writer:
            _set(writer, log, party["party"], claimed_until=None)
    return Redeemed(party["party"], party["name"], account["login"], kid, bool(party["admitted"]))


def _party(reader: Reader, log: int, organisation: str) -> Row | None:
    text = "".join(unicodedata.normalize("NFC", organisation).split())
    if not text.isprintable():
        return None  # PostgreSQL has no text with a NUL in it
    known = one(reader, IDENTIFIER, log=log, identifier=identifier_of(text))
    return one(reader, ORGANISATION, log=log, party=text if known is None else known["party"])


def _attempt(writer: Writer, log: int, party: Row, code: str, now: datetime) -> bool:
    """Count an attempt before the code is compared; claim the invitation when it opens."""
    name = party["party"]
    row = one(writer, INVITATION, log=log, party=name)
    if row is None or row["used_at"] is not None or row["expires_at"] <= now:
        return False
    if (row["locked_until"] or now) > now or (row["claimed_until"] or now) > now:
        return False
    if hmac.compare_digest(row["hash"], hash_of(name, code)):
        _set(writer, log, name, failures=0, locked_until=None, claimed_until=now + _CLAIM)
        return True
    failures = (0 if row["locked_until"] is not None else row["failures"]) + 1
    locked = now + LOCKED_FOR if failures >= MAX_FAILURES else None
    _set(writer, log, name, failures=failures, locked_until=locked)
    return False


def _key(home: Home, party: Row, now: datetime) -> str | None:
    """Return the key in custody that was made for a party, None when it has an active key already."""
    with reading(home.engine) as reader:
        known = rows(reader, KEY, log=home.ledger.log, party=party["party"])
    if any(row["until"] is None for row in known):
        return None
    holder = give_key(home, party["party"], party["name"][:60], home.root(ROOTS[0]), now=now)
    return holder.signer.kid


def _set(writer: Writer, log: int, party: str, **values: object) -> None:
    writer.execute(
        update(INVITATION).where(INVITATION.c.log == log, INVITATION.c.party == party).values(**values)
    )
