"""Where somebody arrives who only knows the address: what this is, and every route, without a script.

A browser gets a page, a program the same as JSON. No login is needed: neither says more than `/openapi.json`.
"""

from collections.abc import Iterator
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from api.answers import Json
from api.deps import TheHome
from api.pages import page
from manifest import wording

router = APIRouter(tags=["public"])
_LINKS = {
    "reference": "/reference",
    "openapi": "/openapi.json",
    "docs": "/docs",
    "checkpoint": "/log/checkpoint",
    "health": "/healthz",
}
_METHODS = ("get", "post", "put", "delete")


def wants_page(accepted: str) -> bool:
    """Tell whether an Accept header names HTML, as that of a browser does."""
    return any(part.partition(";")[0].strip().lower() == "text/html" for part in accepted.split(","))


@router.head("/", include_in_schema=False, response_model=None)
@router.get("/", response_model=None, responses={200: {"content": {"text/html": {}}}})
def start(request: Request, home: TheHome) -> Json | HTMLResponse:
    """Say what this is and where to go on: the API, its description, the log's newest checkpoint."""
    origin = home.ledger.origin
    if not wants_page(request.headers.get("accept", "")):
        made = Json({"name": "CTNH Ledger", "origin": origin, "api": "/api/v1", **_LINKS})
        made.headers["Vary"] = "Accept"
        return made
    items = "".join(
        f'<li><a href="{path}">{path}</a>: {escape(wording.text(f"start_{name}", {}, "vi"))}</li>'
        for name, path in _LINKS.items()
    )
    told = escape(wording.text("start_told", {"origin": origin}, "vi"))
    answer = page(wording.text("start_title", {}, "vi"), f"<p>{told}</p><ul>{items}</ul>")
    answer.headers["Vary"] = "Accept"
    return answer


@router.get("/reference", response_class=HTMLResponse)
def reference(request: Request) -> HTMLResponse:
    """List every route with its fields, from the same description that `/openapi.json` gives."""
    described = request.app.openapi()
    parts = "".join(_route(*one) for one in _routes(described))
    return page(wording.text("start_reference", {}, "vi"), parts)


def _routes(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in described["paths"].items():
        for method in _METHODS:
            if method in methods:
                yield method.upper(), path, methods[method]


def _route(method: str, path: str, operation: dict[str, Any]) -> str:
    """Return a route as a section: what it is for, its parameters, and the fields of its body."""
    words = escape(operation.get("description", "")).replace("\n\n", "</p><p>")
    items = [
        _field(one["name"], one.get("schema", {}), required=one.get("required", False))
        for one in operation.get("parameters", [])
    ]
    contents: list[dict[str, Any]] = [*operation.get("requestBody", {}).get("content", {}).values()]
    schema = contents[0].get("schema", {}) if contents else {}
    required = set(schema.get("required", []))
    items += [
        _field(name, one, required=name in required) for name, one in schema.get("properties", {}).items()
    ]
    listed = f"<ul>{''.join(items)}</ul>" if items else ""
    return f"<h2><code>{method} {escape(path)}</code></h2><p>{words}</p>{listed}"


def _field(name: str, schema: dict[str, Any], *, required: bool) -> str:
    """Return a field: its name, strong where it has to be there, its kind, and what is said of it."""
    mark = "strong" if required else "span"
    kind = _kind(schema)
    said = schema.get("description", "")
    more = f": {escape(said)}" if said else ""
    return f"<li><{mark}><code>{escape(name)}</code></{mark}> {escape(kind)}{more}</li>"


def _kind(schema: dict[str, Any]) -> str:
    """Return what a field holds: a type, a choice, or the name of a schema of `/openapi.json`."""
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return _kind(next((one for one in schema["anyOf"] if one.get("type") != "null"), {}))
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if schema.get("type") == "array":
        return f"[{_kind(schema.get('items', {}))}]"
    return str(schema.get("type", ""))
