"""The HTTP edge of a witness, of a mirror's copy, and the keys that they keep in a folder.

Small servers of their own, apart from the ledger's: who runs them shares nothing with the log but its key.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import uvicorn
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from api.custody import write_secret
from ledger.errors import Malformed, Problem
from ledger.note import Kind, NoteSigner, parse_vkey
from ledger.witness import MAX_BODY_BYTES, Witness

Clock = Callable[[], datetime]
KEEP_ALIVE_S = 75
GRACE_S = 10
ED25519_FILE, MLDSA_FILE = "cosigner-ed25519.pem", "cosigner-mldsa.pem"
TOO_LARGE = 413


def witness_app(witness: Witness, clock: Clock) -> Starlette:
    """Return the application of a witness: `POST /add-checkpoint`."""

    async def add_checkpoint(request: Request) -> Response:
        body = await whole_body(request, MAX_BODY_BYTES)
        if body is None:
            return PlainTextResponse("api.body_too_large\n", TOO_LARGE)
        answer = await run_in_threadpool(witness.add_checkpoint, body, now=clock())
        # Set as it is: the framework would add a charset to a type that has none.
        headers = {"content-type": answer.content_type}
        return Response(answer.body.encode(), answer.status, headers=headers)

    return Starlette(routes=[Route("/add-checkpoint", add_checkpoint, methods=["POST"])])


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
