"""JSON answers: values of the ledger written as the ledger writes them, times with milliseconds and ``Z``."""

from collections.abc import Mapping
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


def shown(row: Mapping[str, Any], *hidden: str) -> dict[str, Any]:
    """Return a row as it is answered: without the number of its log, and without ``hidden``."""
    return {name: value for name, value in row.items() if name != "log" and name not in hidden}


def _plain(value: object) -> Any:
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"no JSON for {type(value).__name__}")
