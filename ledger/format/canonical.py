"""The restricted JSON profile: values to and from the one byte string that gets signed.

RFC 8785 (JSON Canonicalization Scheme) without floats: integers below 2^53 in magnitude, strings in NFC,
booleans, null, arrays, and objects whose keys are short ASCII names. Under this profile a sorted, compact
dump by orjson is byte-identical to RFC 8785, which a test proves against the reference implementation.
"""

import json
import re
import unicodedata
from functools import lru_cache
from typing import Any

import orjson

from ledger.errors import Malformed, Problem, refuse

MAX_EVENT_BYTES = 48 * 1024
MAX_DEPTH = 16
MAX_INTEGER = 2**53 - 1

_KEY = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
# Spelled out instead of asked from the Unicode database, so that no two versions of it disagree: control
# characters but the line feed, soft hyphen, zero-width and bidirectional marks, separators, surrogates,
# private use, byte-order mark, interlinear marks, non-characters of the first plane.
_FORBIDDEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\uf8ff\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U000e0000-\U0010ffff]"
)


def encode(value: object) -> bytes:
    """Return the canonical bytes of ``value``; raise Malformed with every breach of the profile."""
    refuse(_breaches(value, "", 0), Malformed)
    data = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    _check_size(data)
    return data


def decode(data: bytes) -> Any:
    """Return the value of canonical bytes; raise Malformed when they are not canonical.

    Nothing is repaired: a signature covers bytes, so other bytes for the same value are another text.
    """
    if len(data) > MAX_EVENT_BYTES:
        raise Malformed(Problem("ledger.event_too_large", "", {"bytes": len(data), "limit": MAX_EVENT_BYTES}))
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Malformed(Problem("ledger.json_broken", "", {"at": error.pos})) from error
    if not _plain(value, 0):
        refuse(_breaches(value, "", 0), Malformed)
    if orjson.dumps(value, option=orjson.OPT_SORT_KEYS) != data:
        raise Malformed(_why_not_canonical(data))
    return value


def _check_size(data: bytes) -> None:
    if len(data) > MAX_EVENT_BYTES:
        raise Malformed(Problem("ledger.event_too_large", "", {"bytes": len(data), "limit": MAX_EVENT_BYTES}))


def _plain(value: object, depth: int) -> bool:
    """Tell, quickly, whether a value just read keeps the profile; if not, `_breaches` says why."""
    if isinstance(value, str):
        return (value.isascii() and value.isprintable()) or not _string_breaches(value, "")
    if isinstance(value, int):
        return -MAX_INTEGER <= value <= MAX_INTEGER
    if isinstance(value, dict):
        # Loops, not all(): beside hashes and signatures this is where a verifier spends its time.
        if depth >= MAX_DEPTH:
            return False
        for key, item in value.items():  # noqa: SIM110
            if not (_is_name(key) and _plain(item, depth + 1)):
                return False
        return True
    if isinstance(value, list):
        for item in value:
            if not _plain(item, depth + 1):
                return False
        return depth < MAX_DEPTH
    return value is None


@lru_cache(maxsize=4096)
def _is_name(key: str) -> bool:
    return _KEY.fullmatch(key) is not None


def _breaches(value: object, path: str, depth: int) -> list[Problem]:
    if isinstance(value, str):
        return _string_breaches(value, path)
    if isinstance(value, list | tuple | dict):
        if depth >= MAX_DEPTH:
            return [Problem("ledger.json_too_deep", path, {"limit": MAX_DEPTH})]
        return _container_breaches(value, path, depth + 1)
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        return [Problem("ledger.integer_out_of_range", path, {"limit": MAX_INTEGER})]
    if value is None or isinstance(value, int):
        return []
    code = "ledger.float_forbidden" if isinstance(value, float) else "ledger.type_forbidden"
    return [Problem(code, path, {"type": type(value).__name__})]


def _container_breaches(
    value: list[Any] | tuple[Any, ...] | dict[Any, Any], path: str, depth: int
) -> list[Problem]:
    found: list[Problem] = []
    if not isinstance(value, dict):
        for index, item in enumerate(value):
            found += _breaches(item, f"{path}/{index}", depth)
        return found
    for key, item in value.items():
        if isinstance(key, str) and _KEY.fullmatch(key):
            found += _breaches(item, f"{path}/{key}", depth)
        else:
            found.append(Problem("ledger.key_not_ascii", path, {"key": ascii(key)[:80]}))
    return found


def _string_breaches(text: str, path: str) -> list[Problem]:
    if text.isascii() and text.isprintable():
        return []
    if bad := _FORBIDDEN.search(text):
        return [Problem("ledger.character_forbidden", path, {"character": f"U+{ord(bad[0]):04X}"})]
    if not unicodedata.is_normalized("NFC", text):
        return [Problem("ledger.text_not_nfc", path)]
    return []


def _why_not_canonical(data: bytes) -> Problem:
    """Name the usual reasons, so that whoever wrote the client can find the mistake."""
    repeated: list[str] = []

    def pairs(items: list[tuple[str, object]]) -> dict[str, object]:
        seen: dict[str, object] = {}
        for key, item in items:
            if key in seen:
                repeated.append(key)
            seen[key] = item
        return seen

    json.loads(data, object_pairs_hook=pairs)
    if repeated:
        return Problem("ledger.duplicate_key", f"/{repeated[0]}", {"key": repeated[0]})
    return Problem("ledger.json_not_canonical")
