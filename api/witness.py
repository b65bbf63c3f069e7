"""The HTTP edge of a witness, of a mirror's copy, and the keys that they keep in a folder.

Small servers of their own, apart from the ledger's: who runs them shares nothing with the log but its key.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path

import uvicorn
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from api.custody import write_secret
from ledger.errors import Malformed, NotAllowed, NotFound, Problem, Refused
from ledger.format.note import Kind, NoteSigner, parse_vkey
from ledger.format.tiles import parse_path
from ledger.watching.mirror import Mirror, MirrorConflict, Standing
from ledger.watching.remote import CHECKPOINT
from ledger.watching.uploads import Receiver
from ledger.watching.witness import MAX_BODY_BYTES, Answer, Witness

Clock = Callable[[], datetime]
KEEP_ALIVE_S = 75
GRACE_S = 10
ED25519_FILE, MLDSA_FILE = "cosigner-ed25519.pem", "cosigner-mldsa.pem"
OCTETS = "application/octet-stream"
MIRROR_INFO = "text/x.tlog.mirror-info"
GZIP = {"accept-encoding": "gzip"}
FOR_EVER = "public, max-age=31536000, immutable"


def witness_app(witness: Witness, clock: Clock) -> Starlette:
    """Return the application of a witness: `POST /add-checkpoint`."""

    async def add_checkpoint(request: Request) -> Response:
        return await _checkpoint(request, witness.add_checkpoint, clock)

    return Starlette(routes=[Route("/add-checkpoint", add_checkpoint, methods=["POST"])])


async def _checkpoint(request: Request, add: Callable[..., Answer], clock: Clock) -> Response:
    body = await whole_body(request, MAX_BODY_BYTES)
    if body is None:
        return _said("api.body_too_large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    answer = await run_in_threadpool(add, body, now=clock())
    # Set as it is: the framework would add a charset to a type that has none.
    return Response(answer.body.encode(), answer.status, headers={"content-type": answer.content_type})


async def whole_body(request: Request, limit: int) -> bytes | None:
    """Return the body of a request, None when it is longer than ``limit``."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            return None
    return bytes(body)


def cosigner(folder: Path, name: str) -> tuple[NoteSigner, NoteSigner]:
    """Return the two keys of a cosigner, Ed25519 and ML-DSA-44, made when the folder has none.

    Raises Malformed when a key cannot bear that name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    classic = _kept(folder / ED25519_FILE, ed25519.Ed25519PrivateKey.generate)
    quantum = _kept(folder / MLDSA_FILE, mldsa.MLDSA44PrivateKey.generate)
    if not isinstance(classic, ed25519.Ed25519PrivateKey) or not isinstance(quantum, mldsa.MLDSA44PrivateKey):
        raise Malformed(Problem("ledger.key_not_accepted"))
    signers = NoteSigner(name, classic, Kind.COSIGNATURE), NoteSigner(name, quantum, Kind.MLDSA44)
    for signer in signers:
        parse_vkey(str(signer.key))
    return signers


def _kept(path: Path, make: Callable[[], ed25519.Ed25519PrivateKey | mldsa.MLDSA44PrivateKey]) -> object:
    if not path.exists():
        pem = make().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_secret(path, pem)
    return serialization.load_pem_private_key(path.read_bytes(), None)


def config(app: Starlette, host: str, port: int) -> uvicorn.Config:
    """Return how uvicorn serves such an application: connections are kept open for the next checkpoint."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
    )


def mirror_app(mirror: Mirror, clock: Clock) -> Starlette:
    """Return the application of a mirror: its copies to be read, and both calls that push to it."""
    edge = _MirrorEdge(mirror, clock)
    return Starlette(
        routes=[
            Route("/add-checkpoint", edge.add_checkpoint, methods=["POST"]),
            Route("/add-entries", edge.add_entries, methods=["POST"]),
            Route("/{log:hash}/{path:path}", edge.read, methods=["GET"]),
        ]
    )


@dataclass(frozen=True, slots=True)
class _MirrorEdge:
    mirror: Mirror
    clock: Clock

    async def add_checkpoint(self, request: Request) -> Response:
        return await _checkpoint(request, self.mirror.add_checkpoint, self.clock)

    async def add_entries(self, request: Request) -> Response:
        encoding = request.headers.get("content-encoding", "identity")
        if request.headers.get("content-type") != OCTETS or encoding not in {"identity", "gzip"}:
            return _said("api.media_type_wrong", HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        receiver = Receiver(self.mirror, gzip=encoding == "gzip")
        try:
            async for chunk in request.stream():
                await run_in_threadpool(receiver.feed, chunk)
            return await run_in_threadpool(self._end, receiver)
        except MirrorConflict as refused:
            return _standing(refused.standing, HTTPStatus.CONFLICT)
        except Refused as refused:
            return _said(refused.code, _STATUSES[type(refused)])

    def _end(self, receiver: Receiver) -> Response:
        upload = receiver.upload
        if upload is None or not (receiver.whole or receiver.taken):
            return _said("ledger.mirror_upload_malformed", HTTPStatus.BAD_REQUEST)
        if not receiver.whole:
            return _standing(self.mirror.standing(upload.head.origin, upload.head.size), HTTPStatus.ACCEPTED)
        lines = upload.finish(now=self.clock())
        return PlainTextResponse("".join(f"{line}\n" for line in lines), headers=GZIP)

    def read(self, request: Request) -> Response:
        path = str(request.path_params["path"])
        try:
            if path != CHECKPOINT:
                parse_path(path)
            data = (self.mirror.folder / request.path_params["log"] / path).read_bytes()
        except (Malformed, OSError):
            return _said("ledger.file_missing", HTTPStatus.NOT_FOUND)
        if path == CHECKPOINT:
            return PlainTextResponse(data, headers={"cache-control": "no-cache"})
        return Response(data, media_type=OCTETS, headers={"cache-control": FOR_EVER})


_STATUSES = {
    Malformed: HTTPStatus.BAD_REQUEST,
    NotAllowed: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotFound: HTTPStatus.NOT_FOUND,
}


class _HashConvertor(Convertor[str]):
    regex = "[0-9a-f]{64}"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("hash", _HashConvertor())


def _said(code: str, status: HTTPStatus) -> Response:
    return PlainTextResponse(f"{code}\n", status, headers=GZIP)


def _standing(standing: Standing, status: HTTPStatus) -> Response:
    body = f"{standing.pending}\n{standing.next}\n\n"
    return Response(body.encode(), status, headers={"content-type": MIRROR_INFO, **GZIP})
