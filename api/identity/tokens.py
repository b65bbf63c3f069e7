"""Sessions and API keys: bearer secrets of 256 random bits, of which only the SHA-256 is kept.

A session belongs to a login, an API key to a party. A party's keys are told apart by name and named in the
API by their hash, which opens nothing.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import delete, insert, select, update

from api.home import Home
from api.identity.store import ACCOUNT, TOKEN
from ledger.errors import Malformed, NotFound, Problem, RuleBroken
from ledger.storage.db import Reader, Row, Writer, writing
from ledger.storage.store import one
from manifest.views import ORGANISATION
from manifest.vocabulary import Role

Scope = Literal["read", "act"]
SCOPES = ("read", "act")
SESSION, API_KEY = "session", "api_key"
MAX_DAYS = 3660
_PREFIX = {SESSION: "ctns_", API_KEY: "ctnh_"}
_SECRET_BYTES = 32
_TOKEN = re.compile(r"ctn[hs]_[A-Za-z0-9_-]{43}")
_SEES_ALL = frozenset({Role.AUTHORITY.value, Role.OPERATOR.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """On whose behalf a request comes: the party, the roles it holds, and what the token allows.

    A party that is not admitted yet holds no role: it sees what is its own and may not act.
    """

    party: str
    roles: frozenset[str]
    may_act: bool
    hash: str
    kind: str
    login: str | None
    expires_at: datetime

    @property
    def sees_all(self) -> bool:
        """Tell whether every party's affairs are this one's business: the authority's and the operator's."""
        return bool(self.roles & _SEES_ALL)


def make_api_key(
    home: Home, party: str, *, name: str, scope: str = "act", days: int = 365, now: datetime
) -> str:
    """Make an API key of a party and return its secret, which is never shown again.

    ``scope`` is `read` or `act`. Raises Malformed for another scope, a nameless key or an impossible period,
    RuleBroken for an unknown party.
    """
    wrong = [
        Problem("api.parameter_invalid", path)
        for path, good in (
            ("/scope", scope in SCOPES),
            ("/name", 0 < len(name.strip()) <= 100),  # noqa: PLR2004  the column's length
            ("/days", 0 < days <= MAX_DAYS),
        )
        if not good
    ]
    if wrong:
        raise Malformed(wrong)
    until = now + timedelta(days=days)
    with writing(home.engine, home.ledger.log) as writer:
        if one(writer, ORGANISATION, log=home.ledger.log, party=party) is None:
            raise RuleBroken(Problem("manifest.party_unknown", "/party", {"party": party}))
        return _make(
            writer,
            home.ledger.log,
            API_KEY,
            party=party,
            name=name.strip(),
            scope=scope,
            now=now,
            until=until,
        )


def make_session(writer: Writer, log: int, account: Row, now: datetime, until: datetime) -> str:
    """Make a session of an account and return its secret; the login's expired ones are swept out."""
    writer.execute(
        delete(TOKEN).where(
            TOKEN.c.log == log,
            TOKEN.c.kind == SESSION,
            TOKEN.c.login == account["login"],
            TOKEN.c.expires_at <= now,
        )
    )
    of = {"party": account["party"], "name": account["name"][:100], "scope": "act"}
    return _make(writer, log, SESSION, now=now, until=until, login=account["login"], **of)


def _make(
    writer: Writer,
    log: int,
    kind: str,
    *,
    now: datetime,
    until: datetime,
    login: str | None = None,
    **of: str,
) -> str:
    token = _PREFIX[kind] + secrets.token_urlsafe(_SECRET_BYTES)
    row = {"log": log, "hash": hash_of(token), "kind": kind, "login": login, **of}
    writer.execute(insert(TOKEN), {**row, "created_at": now, "expires_at": until, "revoked": False})
    return token


def hash_of(token: str) -> str:
    """Return what is kept of a token. Its 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def check(reader: Reader, log: int, token: str, now: datetime) -> Access | None:
    """Return whom a token speaks for; None when it is unknown, revoked or expired, and not which of them.

    The look-up is by the hash: how long it takes tells nothing about a secret that nobody can steer.
    """
    if not _TOKEN.fullmatch(token):
        return None
    row = one(reader, TOKEN, log=log, hash=hash_of(token))
    if row is None or row["revoked"] or row["expires_at"] <= now:
        return None
    if row["login"] is not None:
        account = one(reader, ACCOUNT, log=log, login=row["login"])
        if account is None or account["disabled"] or account["party"] != row["party"]:
            return None
    organisation = one(reader, ORGANISATION, log=log, party=row["party"])
    admitted = organisation is not None and organisation["admitted"]
    return Access(
        party=row["party"],
        roles=frozenset(organisation["roles"].split(",")) if organisation and admitted else frozenset(),
        may_act=row["scope"] == "act",
        hash=row["hash"],
        kind=row["kind"],
        login=row["login"],
        expires_at=row["expires_at"],
    )


def api_keys(reader: Reader, log: int, party: str) -> list[Row]:
    """Return the API keys of a party, the newest first, revoked ones too."""
    query = (
        select(TOKEN)
        .where(TOKEN.c.log == log, TOKEN.c.party == party, TOKEN.c.kind == API_KEY)
        .order_by(TOKEN.c.created_at.desc(), TOKEN.c.hash)
    )
    return [dict(row) for row in reader.execute(query).mappings()]


def revoke(home: Home, party: str, digest: str, kind: str = API_KEY) -> None:
    """Revoke a token of a party by its hash; raise NotFound when the party has none such."""
    with writing(home.engine, home.ledger.log) as writer:
        done = writer.execute(
            update(TOKEN)
            .where(
                TOKEN.c.log == home.ledger.log,
                TOKEN.c.hash == digest,
                TOKEN.c.party == party,
                TOKEN.c.kind == kind,
            )
            .values(revoked=True)
        )
        if done.rowcount != 1:
            raise NotFound(Problem("api.key_unknown", ""))
