"""What happens to every request before it is routed: an id, a limit on its body, headers on its answer.

Pure ASGI, so that a body that is too large is refused without having been read.
"""

import time
from http import HTTPStatus
from uuid import uuid4

from fastapi import HTTPException
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import TooLarge, answer
from ledger.errors import Problem

_API_POLICY = "default-src 'none'; frame-ancestors 'none'"
# The interactive documentation brings its script and style from where FastAPI keeps them.
_DOCS_POLICY = (
    "default-src 'none'; connect-src 'self'; script-src 'unsafe-inline' https://cdn.jsdelivr.net; "
    "style-src 'unsafe-inline' https://cdn.jsdelivr.net; img-src 'self' data: https://fastapi.tiangolo.com; "
    "frame-ancestors 'none'"
)


class BodyTooLarge(HTTPException):
    """More came in than is read; the framework lets this one through while it reads a body."""

    def __init__(self) -> None:
        super().__init__(HTTPStatus.REQUEST_ENTITY_TOO_LARGE.value, headers={"Connection": "close"})


class Edge:
    """The outermost layer of ours around the routes."""

    def __init__(self, app: ASGIApp, max_body_bytes: int) -> None:
        self._app = app
        self._limit = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})["request_id"] = request_id = uuid4().hex
        docs = scope["path"] in {"/docs", "/docs/oauth2-redirect"}
        began = time.perf_counter()

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                if message["status"] < HTTPStatus.BAD_REQUEST:
                    # Milliseconds until the answer was there. Not with a refusal, which must not tell by its
                    # time what it does not say: whether there is something that is another's.
                    headers["Server-Timing"] = f"app;dur={(time.perf_counter() - began) * 1000:.2f}"
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
                # A page has its own: it names its style.
                headers.setdefault("Content-Security-Policy", _DOCS_POLICY if docs else _API_POLICY)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        stated = dict(scope["headers"]).get(b"content-length", b"0")
        if not stated.isdigit() or int(stated) > self._limit:
            problem = Problem(TooLarge.default, "", {"limit": self._limit})
            refusal = answer(Request(scope), HTTPStatus.REQUEST_ENTITY_TOO_LARGE, [problem])
            await refusal(scope, receive, send_with_headers)
            return
        read = 0

        async def receive_up_to_limit() -> Message:
            nonlocal read
            message = await receive()
            if message["type"] == "http.request":
                read += len(message.get("body", b""))
                if read > self._limit:
                    raise BodyTooLarge
            return message

        await self._app(scope, receive_up_to_limit, send_with_headers)
