"""JSON answers: values of the ledger written as the ledger writes them, times with milliseconds and ``Z``."""

from datetime import date, datetime
from typing import Any

import orjson
from starlette.responses import JSONResponse

from ledger.format.event import time_text


class Json(JSONResponse):
    """An answer in JSON."""

    def render(self, content: Any) -> bytes:
        """Return the bytes of the content."""
        return orjson.dumps(content, default=_plain, option=orjson.OPT_PASSTHROUGH_DATETIME)


def _plain(value: object) -> Any:
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"no JSON for {type(value).__name__}")
