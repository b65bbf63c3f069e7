"""Reading what a request brings: JSON strictly, times, idempotency keys and personal values.

Nothing is repaired. A name that stands twice, a fraction, a letter in two code points: each is refused at
its path, as it would be in the signed bytes.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from api.errors import WrongMediaType, pointer
from ledger.errors import Malformed, Problem, refuse
from ledger.format import canonical
from ledger.format.event import Event
from ledger.format.signature import b64, unb64
from ledger.personal.vault import SALT_BYTES, Secret
from manifest.body import UUID7
from manifest.vocabulary import VIETNAM

ENVELOPE_TYPE = "application/vnd.ctnh.envelope"
JSON_TYPE = "application/json"
MAX_SECRETS = 32
# Nothing here happened before or will be due after; and a calendar's ends cannot be moved to another zone.
FIRST_YEAR, LAST_YEAR = 2000, 2200
# The dates in the bodies of events, wherever they stand.
DATE_FIELDS = frozenset(
    {
        "generated_on", "treated_on", "valid_from", "valid_to", "charged_on", "discharged_on",
        "declassified_on", "disposed_on", "signed_on", "sampled_on", "assessed_on", "verified_on", "last_day",
        "since", "due_on", "as_of",
    }
)  # fmt: skip
_FIRST = datetime(FIRST_YEAR, 1, 1, tzinfo=VIETNAM)
_AFTER = datetime(LAST_YEAR + 1, 1, 1, tzinfo=VIETNAM)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_UUID7 = re.compile(UUID7)
# Far beyond what an event may hold, which is judged with its path later on, and far below what a parser
# that calls itself can take.
_MAX_DEPTH = 200
_OWN = ("occurred_at", "secrets", "on_behalf_of")


def _in_range(day: date) -> date:
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise PydanticCustomError("date_parsing", "not a date of the years 2000 to 2200")
    return day


# A date as a query parameter.
Day = Annotated[date, AfterValidator(_in_range)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a client asks to have recorded: the event's fields, and what stands around them.

    ``party`` is on whose behalf it acts, where that is not itself; ``idem`` is the Idempotency-Key.
    """

    fields: dict[str, Any]
    occurred_at: datetime | None = None
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    party: str | None = None
    idem: str | None = None


class SecretIn(BaseModel):
    """A personal value that stays outside the ledger; without a salt the server makes one."""

    model_config = ConfigDict(extra="forbid", strict=True)
    value: str = Field(min_length=1, max_length=1000)
    subject: str = Field(pattern=r"^[a-z0-9][a-z0-9._:/-]{0,99}$")
    salt: str | None = None


def media_type(header: str | None) -> str:
    """Return the media type of a Content-Type header, without its parameters."""
    return (header or "").partition(";")[0].strip().lower()


def read_json(data: bytes, content_type: str | None) -> Any:
    """Return the value of a JSON body; an empty one is an empty object.

    Raises WrongMediaType, or Malformed for broken JSON and names that stand twice.
    """
    if not data:
        return {}
    if media_type(content_type) != JSON_TYPE:
        raise WrongMediaType(Problem(WrongMediaType.default, "", {"expected": JSON_TYPE}))
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Malformed(Problem("ledger.json_broken", "", {"at": error.pos})) from error
    # Asked before the parser that recurses: how deep that one gets depends on who called it.
    if _deeper_than(_MAX_DEPTH, value):
        raise Malformed(Problem("ledger.json_too_deep", "", {"limit": canonical.MAX_DEPTH}))
    json.loads(data, object_pairs_hook=_once)
    return value


def _deeper_than(limit: int, value: Any) -> bool:
    level = [value]
    for _ in range(limit):
        nested = [item for item in level if isinstance(item, list | dict)]
        level = [child for item in nested for child in (item.values() if isinstance(item, dict) else item)]
        if not level:
            return False
    return True


def read_object(data: bytes, content_type: str | None) -> dict[str, Any]:
    """Return the object of a JSON body that is to become part of an event; raise Malformed."""
    value = read_json(data, content_type)
    if not isinstance(value, dict):
        raise Malformed(Problem("api.object_expected"))
    canonical.encode(value)
    return value


def read_given(value: dict[str, Any], idempotency_key: str | None) -> Given:
    """Split what a client sent into the event's own fields and what stands around them."""
    fields = {name: item for name, item in value.items() if name not in _OWN}
    party = value.get("on_behalf_of")
    if party is not None and not isinstance(party, str):
        raise Malformed(Problem("manifest.field_invalid", "/on_behalf_of"))
    check_dates(fields)
    return Given(
        fields=fields,
        occurred_at=read_time(value.get("occurred_at"), "/occurred_at"),
        secrets=read_secrets(value.get("secrets")),
        party=party,
        idem=read_idem(idempotency_key),
    )


def read_time(value: object, path: str) -> datetime | None:
    """Return the time of RFC 3339 text with its zone, or None for None; raise Malformed.

    A time outside the years 2000 to 2200 in Viet Nam is refused too.
    """
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.utcoffset() is None:
        raise Malformed(Problem("api.time_invalid", path))
    _check_time(moment, path)
    # A whole number of milliseconds is all that the ledger writes down.
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def check_dates(body: Mapping[str, Any], path: str = "") -> None:
    """Raise Malformed when a date in an event's body lies outside the years 2000 to 2200."""
    refuse((Problem("manifest.date_invalid", place) for place in _out_of_range(body, path)), Malformed)


def check_event(event: Event) -> None:
    """Raise Malformed when a time or date of an event lies outside the years 2000 to 2200."""
    _check_time(event.occurred_at, "/occurred_at")
    check_dates(event.body, "/body")


def _check_time(moment: datetime, path: str) -> None:
    if not _FIRST <= moment < _AFTER:
        raise Malformed(Problem("manifest.date_invalid", path))


def _out_of_range(value: object, path: str) -> Iterator[str]:
    """Yield the paths of dates out of range; what is no date at all is told with the other wrong fields."""
    if isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _out_of_range(item, f"{path}/{index}")
    elif isinstance(value, Mapping):
        for name, item in value.items():
            place = f"{path}/{pointer(name)}"
            if name in DATE_FIELDS and isinstance(item, str):
                if _DATE.fullmatch(item) and not FIRST_YEAR <= int(item[:4]) <= LAST_YEAR:
                    yield place
            else:
                yield from _out_of_range(item, place)


def read_idem(value: object) -> str | None:
    """Return an idempotency key, which is a UUIDv7; raise Malformed for anything else."""
    if value is None:
        return None
    if isinstance(value, str) and _UUID7.fullmatch(value):
        return value
    raise Malformed(Problem("ledger.field_invalid", "/idem"))


def read_secrets(value: object) -> dict[str, Secret]:
    """Return the named personal values of a request; raise Malformed with the path of what is wrong."""
    if value is None:
        return {}
    if not isinstance(value, dict) or len(value) > MAX_SECRETS:
        raise Malformed(Problem("manifest.field_invalid", "/secrets"))
    return {name: _secret(item, f"/secrets/{pointer(name)}") for name, item in value.items()}


def secrets_as_json(secrets: Mapping[str, Secret]) -> dict[str, Any]:
    """Return named personal values as a client sends them back, salts included."""
    return {
        name: {"value": secret.value, "subject": secret.subject, "salt": b64(secret.salt)}
        for name, secret in secrets.items()
    }


def _secret(item: object, path: str) -> Secret:
    try:
        given = SecretIn.model_validate(item)
    except ValidationError as error:
        found = error.errors(include_url=False)
        problems = [
            Problem("manifest.field_invalid", path + "".join(f"/{part}" for part in one["loc"]))
            for one in found
        ]
        raise Malformed(problems) from error
    if given.salt is None:
        return Secret(given.value, given.subject)
    try:
        salt = unb64(given.salt)
    except ValueError as error:
        raise Malformed(Problem("manifest.field_invalid", f"{path}/salt")) from error
    if len(salt) != SALT_BYTES:
        raise Malformed(Problem("manifest.field_invalid", f"{path}/salt"))
    return Secret(given.value, given.subject, salt)


def _once(items: list[tuple[str, Any]]) -> dict[str, Any]:
    seen = dict(items)
    if len(seen) != len(items):
        names = [name for name, _ in items]
        repeated = next(name for name in names if names.count(name) > 1)
        raise Malformed(Problem("ledger.duplicate_key", f"/{pointer(repeated)}", {"key": repeated[:64]}))
    return seen
