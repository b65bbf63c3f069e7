"""The log as the static files of C2SP tlog-tiles, from the database: checkpoint, tiles, bundles of entries.

Below `/log/` lies the log of this deployment, below `/log/<SHA-256 of an origin>/` any log of its database.
Checkpoint and tiles are hashes and signatures, and anyone may have them. Bundles name parties: they are for
authority and operator, unless the setting opens them to everyone.
"""

import gzip
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import PlainTextResponse, Response

from api.deps import TheHome, bearer
from api.errors import Unauthenticated
from api.home import Home
from api.identity.tokens import check
from ledger.errors import Malformed, NotAllowed, NotFound, Problem
from ledger.format.tiles import Place, parse_path
from ledger.publishing.logs import logs_origin
from ledger.publishing.published import Published, bundle, log_by_hash, published, tile
from ledger.storage.db import Reader, reading

router = APIRouter(prefix="/log", tags=["log files"])

# A tile never changes; the checkpoint moves about once a second.
FOR_EVER = "max-age=31536000, immutable"
BRIEFLY = "public, max-age=1"
_GZIP_LEVEL = 6
_NEVER = re.compile(r"q\s*=\s*0(\.0{0,3})?")

OriginHash = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 of the log's origin, hex")]
TilePath = Annotated[str, Path(max_length=100, description="`<L>/<N>[.p/<W>]` or `entries/<N>[.p/<W>]`")]
_BYTES: dict[int | str, dict[str, Any]] = {200: {"content": {"application/octet-stream": {}}}}


@router.get("/checkpoint", response_class=PlainTextResponse)
def show_checkpoint(home: TheHome) -> Response:
    """Answer the newest checkpoint with its cosignatures."""
    return _checkpoint(home, None)


@router.get("/tile/{path:path}", response_class=Response, responses=_BYTES)
def show_tile(path: TilePath, home: TheHome, request: Request) -> Response:
    """Answer a tile of the tree, or a bundle of entries."""
    return _file(home, None, path, request)


@router.get("/{origin_hash}/checkpoint", response_class=PlainTextResponse)
def show_checkpoint_of(origin_hash: OriginHash, home: TheHome) -> Response:
    """Answer the newest checkpoint of any log of this database."""
    return _checkpoint(home, origin_hash)


@router.get("/{origin_hash}/tile/{path:path}", response_class=Response, responses=_BYTES)
def show_tile_of(origin_hash: OriginHash, path: TilePath, home: TheHome, request: Request) -> Response:
    """Answer a tile or a bundle of any log of this database."""
    return _file(home, origin_hash, path, request)


@contextmanager
def _looking_at(home: Home, origin_hash: str | None) -> Iterator[tuple[Reader, Published]]:
    with reading(home.engine) as reader:
        log = home.ledger.log if origin_hash is None else log_by_hash(reader, origin_hash)
        found = published(reader, log)
        if found is None:
            raise NotFound(Problem("api.no_checkpoint"))
        yield reader, found


def _checkpoint(home: Home, origin_hash: str | None) -> Response:
    with _looking_at(home, origin_hash) as (_, found):
        note = found.note
    if found.log == home.ledger.log:
        note = home.newest_note() or note  # signed again since, as a sign of life
    return PlainTextResponse(note, headers={"Cache-Control": BRIEFLY})


def _file(home: Home, origin_hash: str | None, path: str, request: Request) -> Response:
    try:
        place = parse_path(f"tile/{path}")
    except Malformed as error:
        raise NotFound(error.problems) from error
    with _looking_at(home, origin_hash) as (reader, found):
        if place.level is None:
            return _bundle(home, reader, found, place, request)
        return _octets(tile(reader, found, place), {"Cache-Control": f"public, {FOR_EVER}"})


def _bundle(home: Home, reader: Reader, found: Published, place: Place, request: Request) -> Response:
    everyone = home.settings.log_public == "entries"
    if not everyone:
        _check_overseer(home, reader, found, request)
    data = bundle(reader, found, place)
    headers = {
        "Cache-Control": f"{'public' if everyone else 'private'}, {FOR_EVER}",
        "Vary": "Accept-Encoding" if everyone else "Accept-Encoding, Authorization",
    }
    if _takes_gzip(request.headers.get("accept-encoding", "")):
        headers["Content-Encoding"] = "gzip"
        data = gzip.compress(data, _GZIP_LEVEL, mtime=0)
    return _octets(data, headers)


def _check_overseer(home: Home, reader: Reader, found: Published, request: Request) -> None:
    """Raise unless the token is that of an authority or operator of the very log that is asked for.

    The log of logs has no accounts of its own; it is read with those of the log that it lies beside.
    """
    own = home.ledger.log if found.checkpoint.origin == logs_origin(home.ledger.origin) else found.log
    access = check(reader, own, bearer(request), home.clock())
    if access is None:
        raise Unauthenticated(Problem("api.token_invalid"))
    if not access.sees_all:
        raise NotAllowed(Problem("api.authority_only"))


def _takes_gzip(accepted: str) -> bool:
    """Tell whether an Accept-Encoding names gzip and does not weigh it nothing."""
    for part in accepted.split(","):
        name, *options = (piece.strip().lower() for piece in part.split(";"))
        if name in {"gzip", "x-gzip"}:
            return not any(_NEVER.fullmatch(option) for option in options)
    return False


def _octets(data: bytes, headers: dict[str, str]) -> Response:
    return Response(data, media_type="application/octet-stream", headers=headers)
