"""Erasing a person's values from the vault: the entry that says so, and then the values."""

from typing import Any

from fastapi import APIRouter

from api.answers import Json
from api.deps import Asked, TheDesk, Writes
from api.desk import Desk
from api.erasing import request_erasure
from api.reading import Given
from api.schemas import receipt, takes_object

router = APIRouter(tags=["registers"])


@router.post(
    "/erasures",
    status_code=201,
    openapi_extra=takes_object(
        {
            "subject": {"type": "string", "description": "the pseudonym under which the values came"},
            "reason": {"type": "string"},
            "commitments": {
                "type": "array",
                "items": {"type": "string"},
                "maxItems": 500,
                "description": "only these; left out: all that are kept of the subject",
            },
        },
        ["subject", "reason"],
    ),
)
async def erase(pool: Writes, desk: TheDesk, given: Asked) -> Json:
    """Erase a person's values, all of them or some (operator or authority).

    The entry names the pseudonym and the commitments, never a value. With the last value the person's key is
    destroyed, so that copies in backups can no longer be read, and the pseudonym is spent.
    """
    return Json(await pool.run(_erase, desk, given), status_code=201)


def _erase(desk: Desk, given: Given) -> dict[str, Any]:
    made = request_erasure(desk, given)
    erased = sum(len(done.event.body["commitments"]) for done in made)
    return {"subject": given.fields["subject"], "erased": erased, "entries": [receipt(done) for done in made]}
