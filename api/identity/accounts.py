"""Accounts: who may log in for which party, with a password under argon2id and a lock after failures.

Whoever does not get in learns nothing: an unknown login, a wrong password, a disabled and a locked account
give the same answer after the same work.
"""

import secrets
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, insert, update

from api.home import Home
from api.identity.store import ACCOUNT, TOKEN
from api.identity.tokens import hash_of, make_session
from ledger.errors import Conflict, Malformed, NotAllowed, NotFound, Problem, RuleBroken, refuse
from ledger.storage.db import Row, Writer, writing
from ledger.storage.store import one
from manifest.views import ORGANISATION

MAX_FAILURES = 5
LOCKED_FOR = timedelta(minutes=15)
MIN_PASSWORD, MAX_PASSWORD = 10, 200
_MAX_LOGIN, _MAX_NAME = 100, 300
_HASHER = PasswordHasher()


class LoginFailed(NotAllowed):
    """The login and password do not go together, or the account may not be used now."""

    default = "api.login_failed"


@dataclass(frozen=True, slots=True)
class Session:
    """A login that succeeded: the bearer token and until when it holds."""

    token: str
    party: str
    name: str
    expires_at: datetime


def make_account(home: Home, *, login: str, password: str, party: str, name: str) -> None:
    """Make an account for a person of a party.

    Raises Malformed for an unusable login, name or password, RuleBroken for an unknown party, Conflict
    when the login is taken.
    """
    row = new_account(login=login, password=password, party=party, name=name)
    with writing(home.engine, home.ledger.log) as writer:
        add_account(writer, home.ledger.log, row)


def new_account(*, login: str, password: str, party: str, name: str) -> Row:
    """Return the row of an account, its password hashed, which is slow; raise Malformed as `make_account`."""
    known = _login(login)
    problems = []
    if not known or len(known) > _MAX_LOGIN or not known.isprintable() or " " in known:
        problems.append(Problem("api.login_invalid", "/login"))
    if not 0 < len(name.strip()) <= _MAX_NAME:
        problems.append(Problem("api.parameter_invalid", "/name"))
    refuse([*problems, *_length(password)], Malformed)
    row = {
        "login": known,
        "party": party,
        "name": name.strip(),
        "password": _HASHER.hash(_password(password)),
    }
    return row | {"disabled": False, "failures": 0, "locked_until": None}


def add_account(writer: Writer, log: int, row: Row) -> None:
    """Write an account; raise RuleBroken for an unknown party, Conflict when the login is taken."""
    if one(writer, ORGANISATION, log=log, party=row["party"]) is None:
        raise RuleBroken(Problem("manifest.party_unknown", "/party", {"party": row["party"]}))
    if one(writer, ACCOUNT, log=log, login=row["login"]) is not None:
        raise Conflict(Problem("api.login_taken", "/login"))
    writer.execute(insert(ACCOUNT), {"log": log, **row})


def change_account(home: Home, login: str, *, password: str | None = None, disabled: bool = False) -> None:
    """Give an account a new password, or disable it; its sessions end.

    Raises Malformed for a password that is too short or too long, NotFound for an unknown login.
    """
    values: dict[str, Any] = {"disabled": disabled, "failures": 0, "locked_until": None}
    if password is not None:
        refuse(_length(password), Malformed)
        values["password"] = _HASHER.hash(_password(password))
    log, known = home.ledger.log, _login(login)
    with writing(home.engine, log) as writer:
        changed = writer.execute(
            update(ACCOUNT).where(ACCOUNT.c.log == log, ACCOUNT.c.login == known).values(**values)
        )
        if changed.rowcount != 1:
            raise NotFound(Problem("api.account_unknown", "/login"))
        writer.execute(delete(TOKEN).where(TOKEN.c.log == log, TOKEN.c.login == known))


def log_in(home: Home, login: str, password: str, now: datetime) -> Session:
    """Return a new session; raise LoginFailed, always for the same reason.

    The attempt is counted before the password is looked at, so that many at once are not all let through.
    """
    log, known = home.ledger.log, _login(login)
    with writing(home.engine, log) as writer:
        account = one(writer, ACCOUNT, log=log, login=known)
        _count(writer, log, account, now)
    good = _verify(account["password"] if account else _decoy(), _password(password))
    locked = account is not None and account["locked_until"] is not None and account["locked_until"] > now
    if account is None or not good or locked or account["disabled"]:
        raise LoginFailed
    until = now + timedelta(hours=home.settings.session_hours)
    with writing(home.engine, log) as writer:
        values: dict[str, Any] = {"failures": 0, "locked_until": None}
        if _HASHER.check_needs_rehash(account["password"]):
            values["password"] = _HASHER.hash(_password(password))
        writer.execute(update(ACCOUNT).where(ACCOUNT.c.log == log, ACCOUNT.c.login == known).values(**values))
        token = make_session(writer, log, account, now, until)
    return Session(token, account["party"], account["name"], until)


def _count(writer: Writer, log: int, account: Row | None, now: datetime) -> None:
    if account is None:
        # The same kind of write as for a login that exists: its absence would show in the time it takes.
        digest = hash_of(secrets.token_hex())
        row = {"log": log, "hash": digest, "kind": "none", "party": "", "login": None, "name": ""}
        row |= {"scope": "read", "created_at": now, "expires_at": now, "revoked": True}
        writer.execute(insert(TOKEN), row)
        writer.execute(delete(TOKEN).where(TOKEN.c.log == log, TOKEN.c.hash == digest))
        return
    locked = account["locked_until"]
    if locked is not None and locked > now:
        failures = account["failures"]  # knocking on a locked door does not keep it locked
    else:
        failures = (0 if locked is not None else account["failures"]) + 1
        locked = now + LOCKED_FOR if failures >= MAX_FAILURES else None
    writer.execute(
        update(ACCOUNT)
        .where(ACCOUNT.c.log == log, ACCOUNT.c.login == account["login"])
        .values(failures=failures, locked_until=locked)
    )


def _verify(hashed: str, password: str) -> bool:
    try:
        return _HASHER.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _decoy() -> str:
    """Return the hash of a password that nobody has, to be checked where there is no account."""
    make: Callable[[str], str] = _HASHER.hash
    return make(secrets.token_hex())


def _length(password: str) -> list[Problem]:
    """Return what is wrong with the length of a new password."""
    if MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        return []
    return [Problem("api.password_length", "/password", {"least": MIN_PASSWORD, "most": MAX_PASSWORD})]


def _login(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().casefold()


def _password(text: str) -> str:
    # Two keyboards may spell the same Vietnamese letter in two ways.
    return unicodedata.normalize("NFC", text)
