"""Refusals as RFC 9457 problems: one table from kinds of refusal to HTTP statuses, and one shape of answer.

Every answer that is no success has `code` (stable), `errors` (each with code, path, message and facts) and
the request's id, whatever refused: a rule, the ledger, the framework, or a fault of ours.
"""

import logging
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.answers import Json
from api.identity.accounts import LoginFailed
from ledger.errors import (
    Conflict,
    Fact,
    Malformed,
    NotAllowed,
    NotFound,
    Problem,
    Refused,
    RuleBroken,
    Unavailable,
)
from manifest.body import CODES, facts_of
from manifest.reference import ReferenceRefused
from manifest.wording import Language, message
from pdf.errors import PdfError

PROBLEM = "application/problem+json"
_log = logging.getLogger("ctnh.api")


class Unauthenticated(Refused):
    """Nobody is named, or nobody who is known."""

    default = "api.unauthenticated"


class TooLarge(Refused):
    """The body is larger than what is read."""

    default = "api.body_too_large"


class WrongMediaType(Refused):
    """The body is of a kind that the route does not take."""

    default = "api.media_type_wrong"


class Busy(Refused):
    """There is more to do than can be done now; nothing was written, and trying again is safe."""

    default = "api.busy"


# Kind of refusal -> HTTP status; the nearest kind counts.
STATUSES: dict[type[Refused], HTTPStatus] = {
    Malformed: HTTPStatus.UNPROCESSABLE_ENTITY,
    RuleBroken: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotAllowed: HTTPStatus.FORBIDDEN,
    Conflict: HTTPStatus.CONFLICT,
    NotFound: HTTPStatus.NOT_FOUND,
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    LoginFailed: HTTPStatus.UNAUTHORIZED,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    WrongMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Busy: HTTPStatus.SERVICE_UNAVAILABLE,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    Refused: HTTPStatus.BAD_REQUEST,
}
_HEADERS: dict[HTTPStatus, dict[str, str]] = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": "1"},
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: {"Connection": "close"},
}
# What the framework refuses by itself.
_OF_STATUS = {
    404: "api.route_unknown",
    405: "api.method_not_allowed",
    413: "api.body_too_large",
    415: "api.media_type_wrong",
}
# What the framework says of a body that it did not read, because its media type is another.
_UNREAD = "model_attributes_type"
# Parameters and small bodies, which the framework reads: beside what may be wrong in an event's body.
_OF_PYDANTIC = {
    **CODES,
    "int_parsing": "api.integer_required",
    "date_from_datetime_inexact": "manifest.date_invalid",
    "json_invalid": "ledger.json_broken",
}


def status_of(refused: Refused) -> HTTPStatus:
    """Return the HTTP status of a refusal."""
    return next(STATUSES[kind] for kind in type(refused).__mro__ if kind in STATUSES)


def language_of(accepted: str) -> Language:
    """Return the language of an Accept-Language header: Vietnamese, unless English is preferred to it."""
    weights = {"vi": 0.0, "en": 0.0}
    for part in accepted.split(","):
        tag, _, parameters = part.strip().partition(";")
        name, _, value = parameters.strip().partition("=")
        try:
            weight = float(value) if name.strip() == "q" else 1.0
        except ValueError:
            weight = 0.0
        language = tag.strip().lower().partition("-")[0]
        if language in weights:
            weights[language] = max(weights[language], weight)
    return "en" if weights["en"] > weights["vi"] else "vi"


def problem_body(
    status: HTTPStatus, problems: Iterable[Problem], language: Language, request_id: str
) -> dict[str, Any]:
    """Return the body of a problem answer; its title is the sentence of the first error."""
    errors = [_shown(problem, language) for problem in problems]
    code = str(errors[0]["code"])
    return {
        "type": f"urn:ctnh-ledger:error:{code}",
        "title": errors[0]["message"],
        "status": status.value,
        "code": code,
        "errors": errors,
        "request_id": request_id,
    }


def _shown(problem: Problem, language: Language) -> dict[str, Any]:
    return {
        "code": problem.code,
        "path": problem.path,
        "message": message(problem.code, problem.facts, language),
        "facts": dict(problem.facts),
    }


def shown(request: Request, problems: Iterable[Problem]) -> list[dict[str, Any]]:
    """Return problems as an answer lists them, in the language of the request."""
    language = language_of(request.headers.get("accept-language", ""))
    return [_shown(problem, language) for problem in problems]


def answer(request: Request, status: HTTPStatus, problems: Iterable[Problem]) -> Response:
    """Return the problem answer to a request."""
    language = language_of(request.headers.get("accept-language", ""))
    request_id = getattr(request.state, "request_id", "")
    return Json(
        problem_body(status, problems, language, request_id),
        status_code=status.value,
        media_type=PROBLEM,
        headers={
            "Content-Language": language,
            "Vary": "Accept-Language",
            "X-Request-Id": request_id,
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            **_HEADERS.get(status, {}),
        },
    )


def as_problem(request: Request, refused: Refused) -> dict[str, Any]:
    """Return a refusal as the body of a problem, for an item of a list."""
    language = language_of(request.headers.get("accept-language", ""))
    return problem_body(status_of(refused), refused.problems, language, request.state.request_id)


def install(app: FastAPI) -> None:
    """Have every kind of refusal and fault answered in the one shape."""

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        return answer(request, status_of(error), error.problems)

    async def not_in_reference(request: Request, error: Exception) -> Response:
        assert isinstance(error, ReferenceRefused)
        return answer(request, HTTPStatus.UNPROCESSABLE_ENTITY, [Problem(error.code, "", error.facts)])

    async def no_document(request: Request, error: Exception) -> Response:
        assert isinstance(error, PdfError)
        facts = {name: value if isinstance(value, int) else str(value) for name, value in error.facts.items()}
        return answer(request, HTTPStatus.UNPROCESSABLE_ENTITY, [Problem(error.code, "", facts)])

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        details = error.errors()
        if any(detail["type"] == _UNREAD and detail["loc"] == ("body",) for detail in details):
            problem = Problem(WrongMediaType.default, "", {"expected": "application/json"})
            return answer(request, STATUSES[WrongMediaType], [problem])
        return answer(request, HTTPStatus.UNPROCESSABLE_ENTITY, map(_of_pydantic, details))

    async def by_framework(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        status = HTTPStatus(error.status_code)
        given = answer(request, status, [Problem(_OF_STATUS.get(status.value, "api.request_invalid"))])
        given.headers.update(error.headers or {})
        return given

    async def broke_a_constraint(request: Request, _error: Exception) -> Response:
        return answer(request, HTTPStatus.CONFLICT, [Problem("ledger.constraint", "", {"table": ""})])

    async def no_such_text(request: Request, _error: Exception) -> Response:
        # PostgreSQL has no text with a NUL in it, and so nothing that one could find by it.
        return answer(request, HTTPStatus.UNPROCESSABLE_ENTITY, [Problem("api.parameter_invalid")])

    async def unavailable(request: Request, error: Exception) -> Response:
        _log.error("database unavailable, request %s", request.state.request_id, exc_info=error)
        return answer(request, HTTPStatus.SERVICE_UNAVAILABLE, [Problem("api.database_unavailable")])

    async def fault(request: Request, error: Exception) -> Response:
        request_id = getattr(request.state, "request_id", "")
        _log.error("request %s failed", request_id, exc_info=error)
        facts: Mapping[str, Fact] = {"request_id": request_id}
        return answer(request, HTTPStatus.INTERNAL_SERVER_ERROR, [Problem("api.fault", "", facts)])

    for kind, handler in (
        (Refused, refused),
        (ReferenceRefused, not_in_reference),
        (PdfError, no_document),
        (RequestValidationError, invalid),
        (HTTPException, by_framework),
        (IntegrityError, broke_a_constraint),
        (DataError, no_such_text),
        (OperationalError, unavailable),
        (PoolTimeout, unavailable),
        (Exception, fault),
    ):
        app.add_exception_handler(kind, handler)


def _of_pydantic(detail: Mapping[str, Any]) -> Problem:
    code = _OF_PYDANTIC.get(detail["type"], "api.parameter_invalid")
    if code == "ledger.json_broken":
        return Problem(code, "", {"at": int(detail["loc"][-1])})
    # A body is pointed into as it was sent; what is no body is named by where it stands.
    place, *rest = detail["loc"]
    parts = rest if place == "body" else [place, *rest]
    return Problem(code, "".join(f"/{pointer(part)}" for part in parts), facts_of(detail.get("ctx", {})))


def pointer(part: object) -> str:
    """Return a reference token of a JSON Pointer (RFC 6901)."""
    return str(part).replace("~", "~0").replace("/", "~1")
