"""Whether the process lives, and whether it can do its work."""

from functools import cache

from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError

from api.answers import Json
from api.database import newest_revision, revision_of
from api.deps import TheHome

router = APIRouter(tags=["system"])


@cache
def _needed() -> str:
    return newest_revision()


@router.get("/healthz")
async def healthz() -> Json:
    """Tell that the process answers."""
    return Json({"status": "ok"})


@router.get("/readyz", responses={503: {"description": "not ready, and why"}})
def readyz(home: TheHome) -> Json:
    """Tell whether the database is there, at the revision that this program needs, and may be written to."""
    needed = _needed()
    try:
        found = revision_of(home.engine)
    except SQLAlchemyError:
        return Json({"status": "unavailable", "database": False}, status_code=503)
    body = {"database": True, "revision": found, "needed": needed}
    if found != needed:
        return Json({"status": "stale", **body}, status_code=503)
    if (problem := home.floor.problem) is not None:
        # Who reads and verifies is served; nobody may be sent here to record.
        return Json({"status": "read_only", "code": problem.code, **body}, status_code=503)
    return Json({"status": "ok", **body})
