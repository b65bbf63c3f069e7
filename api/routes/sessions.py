"""Logging in and out, and a party's own API keys."""

from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request, Response

from api.answers import Json
from api.deps import ActingFor, AnyParty, Now, ReadOnly, TheHome
from api.identity.accounts import log_in
from api.identity.tokens import API_KEY, SESSION, api_keys, hash_of, make_api_key, revoke
from api.schemas import ApiKeyIn, ApiKeyOut, LoginIn, SessionOut
from api.work import Pool
from ledger.errors import Malformed, Problem
from ledger.storage.db import Row
from manifest.wording import label

router = APIRouter(tags=["identity"])


@router.post("/sessions", status_code=201, response_model=SessionOut)
async def begin_session(given: LoginIn, request: Request, home: TheHome, now: Now) -> Json:
    """Log in; the token goes into `Authorization: Bearer …`."""
    # A slow hash is what an attacker would have us compute: few at a time, and few who wait.
    pool: Pool = request.app.state.logins
    with pool.place():
        session = await pool.run(log_in, home, given.login, given.password, now)
    return Json(
        {
            "token": session.token,
            "party": session.party,
            "name": session.name,
            "expires_at": session.expires_at,
        },
        status_code=201,
    )


@router.delete("/sessions/current", status_code=204)
def end_session(access: AnyParty, home: TheHome) -> Response:
    """Log out: the session's token ends here."""
    revoke(home, access.party, access.hash, SESSION)
    return Response(status_code=204)


@router.get("/me")
def whoami(access: AnyParty) -> Json:
    """Tell whom the token speaks for, in which roles, and until when."""
    roles = [{"role": role, "label": label("role", role, "vi")} for role in sorted(access.roles)]
    return Json(
        {
            "party": access.party,
            "roles": roles,
            "scope": "act" if access.may_act else "read",
            "kind": access.kind,
            "login": access.login,
            "expires_at": access.expires_at,
        }
    )


@router.post("/api-keys", status_code=201, response_model=ApiKeyOut)
def new_api_key(given: ApiKeyIn, access: ActingFor, home: TheHome, now: Now) -> Json:
    """Make an API key for your own party. Its secret is shown once; it never outlives the key that made it.

    A session may make one for any time.
    """
    if access.kind == API_KEY and now + timedelta(days=given.days) > access.expires_at:
        most = max((access.expires_at - now).days, 0)
        raise Malformed(Problem("manifest.number_too_large", "/days", {"limit": most}))
    key = make_api_key(home, access.party, name=given.name, scope=given.scope, days=given.days, now=now)
    made = {"id": hash_of(key), "name": given.name.strip(), "scope": given.scope, "created_at": now}
    return Json({**made, "expires_at": now + timedelta(days=given.days), "key": key}, status_code=201)


@router.get("/api-keys")
def list_api_keys(read: ReadOnly) -> Json:
    """List your party's API keys, without their secrets."""
    with read() as view:
        found = api_keys(view.reader, view.log, view.access.party)
    return Json({"items": [_shown(row) for row in found]})


@router.delete("/api-keys/{key}", status_code=204)
def revoke_api_key(key: str, access: ActingFor, home: TheHome) -> Response:
    """Revoke an API key of your party, named by its id; it ends at once."""
    revoke(home, access.party, key)
    return Response(status_code=204)


def _shown(row: Row) -> dict[str, Any]:
    names = ("name", "scope", "created_at", "expires_at", "revoked")
    return {"id": row["hash"], **{name: row[name] for name in names}}
