"""The HTTP application: routes under /api/v1, one shape of refusal, and what surrounds every request."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api import errors
from api.home import Home
from api.middleware import Edge
from api.routes import (
    acts,
    batches,
    blanks,
    cases,
    choices,
    claims,
    clocks,
    corrections,
    drafts,
    erasures,
    events,
    first_run,
    invitations,
    log,
    log_files,
    lots,
    manifest_views,
    manifests,
    reconciliation,
    reference_data,
    register_lists,
    register_views,
    registers,
    sessions,
    start,
    system,
    verdict,
)
from api.schemas import DEFINITIONS
from api.work import Pool

VERSION = "1"
PREFIX = "/api/v1"
# Judging runs side by side; whoever is judged waits in its thread until the batch that it goes along with is
# durable, so that there are as many as one batch may well have.
WRITE_THREADS = 32
WRITE_PLACES = 128
LOGIN_THREADS, LOGIN_PLACES = 2, 16
_ROUTERS = (
    sessions.router,
    events.router,
    acts.router,
    drafts.router,
    manifests.router,
    cases.router,
    corrections.router,
    manifest_views.router,
    lots.router,
    batches.router,
    registers.router,
    register_lists.router,
    erasures.router,
    choices.router,
    register_views.router,
    reference_data.router,
    log.router,
    reconciliation.router,
    clocks.router,
    claims.router,
    blanks.router,
    first_run.router,
    invitations.router,
)
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "code", "errors", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "stable code of the first error; see docs/errors.md"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "code": {"type": "string"},
                    "path": {"type": "string", "description": "JSON Pointer"},
                    "message": {"type": "string"},
                    "facts": {"type": "object"},
                },
            },
        },
    },
}


def create_app(home: Home) -> FastAPI:
    """Return the application that serves a deployment."""
    app = FastAPI(
        title="CTNH Ledger",
        version=VERSION,
        summary="Signed, hash-chained ledger of hazardous-waste manifests · Sổ cái chứng từ CTNH",
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.home = home
    app.state.writes = Pool(WRITE_THREADS, WRITE_PLACES)
    app.state.logins = Pool(LOGIN_THREADS, LOGIN_PLACES)
    app.add_middleware(Edge, max_body_bytes=home.settings.max_body_bytes)
    errors.install(app)
    app.include_router(start.router)
    app.include_router(system.router)
    app.include_router(verdict.router)
    for routes in (blanks, first_run, invitations):
        app.include_router(routes.public)
    app.include_router(log_files.router)
    problem = {"content": {errors.PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    refused: dict[int | str, dict[str, Any]] = {
        "4XX": {"description": "refused; nothing was written", **problem}
    }
    for router in _ROUTERS:
        app.include_router(router, prefix=PREFIX, responses=refused)
    _describe(app)
    return app


def _describe(app: FastAPI) -> None:
    """Have the documentation know the events' own types, the problem's shape and the bearer token."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
            components = made.setdefault("components", {})
            components["schemas"] = {**DEFINITIONS, **components.get("schemas", {}), "Problem": _PROBLEM}
            components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
            made["security"] = [{"bearer": []}]
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
