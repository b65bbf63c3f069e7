"""Witnesses and mirrors that are killed at a moment of one's choice: what a process of its own runs."""

import os
from pathlib import Path

import httpx

from ledger.format.note import NoteSigner
from ledger.watching.mirror import Mirror, Upload
from ledger.watching.remote import source
from ledger.watching.witness import Request, Witness
from tests.ledger.tlog import ORIGIN, START, Tlog, cosigners

KILLED = 9
WITNESS = cosigners("witness.example/w")
MIRROR = cosigners("mirror.example/m")


class Dying(NoteSigner):
    """A signer during whose signing the process ends."""

    def sign_line(self, *_: object) -> str:
        os._exit(KILLED)


def witness_dies_signing(path: Path) -> None:
    _ask(path, Dying(WITNESS[0].name, WITNESS[0].private, WITNESS[0].kind))


def witness_dies_answering(path: Path) -> None:
    _ask(path, *WITNESS)
    os._exit(KILLED)


def _ask(path: Path, *signers: NoteSigner) -> None:
    log = Tlog(8)
    request = Request(3, log.proof(3, 8), log.note(8))
    Witness(path, {ORIGIN: log.keys}, signers).add_checkpoint(request.to_bytes(), now=START)


def mirror_dies(folder: Path, log: Path, writes: int) -> None:
    """Pull from a folder, and end before the write after so many."""
    left = iter(range(writes))
    write = Upload._write

    def dying(self: Upload, path: Path, data: bytes) -> None:
        if next(left, None) is None:
            os._exit(KILLED)
        write(self, path, data)

    Upload._write = dying  # type: ignore[method-assign]
    with httpx.Client() as http:
        mirror = Mirror(folder, {ORIGIN: Tlog(0).keys}, MIRROR)
        mirror.pull(source(str(log), http), ORIGIN, now=START)
