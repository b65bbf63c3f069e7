"""The trust file: what an auditor holds before seeing the ledger, and compares it with."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from cryptography import x509

from ledger.errors import Malformed, Problem
from ledger.format.note import Kind, NoteKey, parse_vkey

FORMAT = 1
MAX_BYTES = 1 << 20

_ORIGIN = re.compile(r"[a-z0-9][a-z0-9._:/-]{0,99}")
_KID = re.compile(r"[0-9a-f]{64}")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom to believe about one log.

    ``log_keys`` sign its checkpoints, ``root_kids`` are the keys that opened it, and ``pdf_roots`` are the
    certificates (PEM) under which its PDFs are signed. ``checkpoint`` is a note of the log that the auditor
    has kept: what stands in the log today must still begin with it. ``tsa_roots`` are the certificates (PEM)
    of time-stamping authorities whose word about the log's checkpoints counts.
    """

    origin: str
    log_keys: tuple[NoteKey, ...]
    root_kids: tuple[str, ...]
    pdf_roots: tuple[str, ...] = ()
    checkpoint: str | None = None
    tsa_roots: tuple[str, ...] = ()

    def to_json(self) -> bytes:
        """Return the file's bytes."""
        made: dict[str, Any] = {
            "format": FORMAT,
            "origin": self.origin,
            "log_keys": [str(key) for key in self.log_keys],
            "root_kids": list(self.root_kids),
            "pdf_roots": list(self.pdf_roots),
        }
        if self.checkpoint is not None:
            made["checkpoint"] = self.checkpoint
        if self.tsa_roots:
            made["tsa_roots"] = list(self.tsa_roots)
        return json.dumps(made, indent=2).encode() + b"\n"


def load(path: Path) -> Trust:
    """Return the trust file at ``path``; raise Malformed when it is not one."""
    with path.open("rb") as file:
        return parse(file.read(MAX_BYTES + 1))


def parse(data: bytes) -> Trust:
    """Return the trust that the file's bytes state; raise Malformed, naming the field, when they do not."""
    if len(data) > MAX_BYTES:
        raise _malformed("", limit=MAX_BYTES)
    try:
        raw = json.loads(data.decode(), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise _malformed("") from error
    names = {"format", "origin", "log_keys", "root_kids", "pdf_roots"}
    # Nobody may have to guess what an unknown field would have restricted.
    if (
        not isinstance(raw, dict)
        or set(raw) - {"checkpoint", "tsa_roots"} != names
        or raw["format"] is True
        or raw["format"] != FORMAT
    ):
        raise _malformed("")
    origin = raw["origin"]
    if not isinstance(origin, str) or not _ORIGIN.fullmatch(origin):
        raise _malformed("/origin")
    kept = raw.get("checkpoint")
    if "checkpoint" in raw and not isinstance(kept, str):
        raise _malformed("/checkpoint")
    return Trust(
        checkpoint=kept,
        origin=origin,
        log_keys=_each(raw, "log_keys", _log_key, least=1),
        root_kids=_each(raw, "root_kids", _kid, least=1),
        pdf_roots=_each(raw, "pdf_roots", _certificate, least=0),
        tsa_roots=_each(raw, "tsa_roots", _certificate, least=1) if "tsa_roots" in raw else (),
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Of a member that stands twice one reader may see the first and another the last.
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a member stands twice")
    return dict(pairs)


def _each(raw: dict[str, Any], name: str, read: Callable[[str], T], *, least: int) -> tuple[T, ...]:
    items = raw[name]
    if not isinstance(items, list) or len(items) < least:
        raise _malformed(f"/{name}")
    made = []
    for index, item in enumerate(items):
        try:
            if not isinstance(item, str):
                raise _malformed("")
            made.append(read(item))
        except (Malformed, ValueError) as error:
            raise _malformed(f"/{name}/{index}") from error
    return tuple(made)


def _log_key(text: str) -> NoteKey:
    key = parse_vkey(text)
    if key.kind is Kind.COSIGNATURE:
        raise ValueError("a witness's key")
    return key


def _kid(text: str) -> str:
    if not _KID.fullmatch(text):
        raise ValueError("not a key identifier")
    return text


def _certificate(text: str) -> str:
    x509.load_pem_x509_certificate(text.encode())
    return text


def _malformed(path: str, **facts: int) -> Malformed:
    return Malformed(Problem("ledger.trust_malformed", path, facts))
