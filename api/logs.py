"""A deployment's log of logs: opening it, and giving it the newest checkpoint of every log beside it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa

from api.custody import write_secret
from api.home import OPERATOR, ROOTS, Home
from api.recorder import Signing, record
from ledger.format.keys import OPENED, key_fields
from ledger.format.note import Kind, NoteSigner
from ledger.format.trust import Trust
from ledger.publishing.guard import Guard
from ledger.publishing.logs import HOLDS, LogAnchored, behind, judge, logs_origin
from ledger.publishing.publisher import last_checkpoint, publish
from ledger.storage.db import reading
from ledger.storage.store import HEAD, one
from ledger.writing.writer import Ledger
from manifest.register.log import KeyRegistered
from manifest.vocabulary import Role

NotePrivate = ed25519.Ed25519PrivateKey | mldsa.MLDSA44PrivateKey


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsOpened:
    """The operator opened a log of logs: who it is, and the keys that it begins with."""

    kind: ClassVar[str] = OPENED
    operator: str
    log_keys: tuple[str, ...]
    root_keys: tuple[dict[str, Any], ...]

    def write(self) -> dict[str, Any]:
        """Return the body."""
        return {
            "format": 1,
            "holds": HOLDS,
            "operator": self.operator,
            "log_keys": list(self.log_keys),
            "root_keys": list(self.root_keys),
        }


class Logs:
    """The log of logs beside a deployment's log, opened when it is first asked for; close it after use."""

    def __init__(self, home: Home) -> None:
        self._home = home
        origin = logs_origin(home.ledger.origin)
        first = _note_key(home.folder / "logs.pem", ed25519.Ed25519PrivateKey.generate)
        second = _note_key(home.folder / "logs-mldsa.pem", mldsa.MLDSA44PrivateKey.generate)
        self.signers = (NoteSigner(origin, first), NoteSigner(origin, second, Kind.MLDSA44))
        self.ledger = Ledger(home.engine, origin, judge=judge, signer=self.signers[0])
        self._roots = [home.root(name) for name in ROOTS]
        with reading(home.engine) as reader:
            head = one(reader, HEAD, log=self.ledger.log)
        assert head is not None, "a log has its head from the start"
        if head["size"] == 0:
            self._open()

    def _open(self) -> None:
        """Write entry 0, and let the service key in, which anchors from then on."""
        now = self._home.clock()
        fields = tuple(
            key_fields(root.signer.public_key, party=OPERATOR, custody="device") for root in self._roots
        )
        keys = tuple(str(signer.key) for signer in self.signers)
        opened = LogsOpened(operator=self._home.settings.operator, log_keys=keys, root_keys=fields)
        record(self.ledger, opened, self._roots, stream="log", occurred_at=now, now=now)
        service = self._home.service()
        registered = KeyRegistered(
            key=key_fields(service.signer.public_key, party=OPERATOR, custody="service")
        )
        holder = Signing(OPERATOR, Role.HOLDER, service.signer)
        stream = f"key:{service.signer.kid}"
        record(self.ledger, registered, [holder, self._roots[0]], stream=stream, occurred_at=now, now=now)

    def anchor(self) -> list[LogAnchored]:
        """Sign a checkpoint of the deployment's log, record what is new of every log, sign one over that.

        Return what was recorded.
        """
        self._home.checkpoint()
        with reading(self._home.engine) as reader:
            new = behind(reader, self.ledger.log)
        for one_log in new:
            now = self._home.clock()
            record(
                self.ledger,
                one_log,
                [self._home.service()],
                stream=one_log.origin,
                occurred_at=now,
                now=now,
            )
        self.checkpoint()
        return new

    def checkpoint(self) -> tuple[int, str]:
        """Sign a checkpoint over all entries of the log of logs; return its size and note."""
        guard = self._home.guard.path
        return publish(
            self._home.engine,
            self.ledger.log,
            self.ledger.origin,
            self.signers,
            now=self._home.clock(),
            guard=Guard(guard.with_name(f"logs-{guard.name}")),
        )

    def trust(self) -> Trust:
        """Return what an auditor needs to check the log of logs from outside."""
        with reading(self._home.engine) as reader:
            last = last_checkpoint(reader, self.ledger.log)
        return Trust(
            origin=self.ledger.origin,
            log_keys=tuple(signer.key for signer in self.signers),
            root_kids=tuple(root.signer.kid for root in self._roots),
            checkpoint=last[1] if last else None,
        )

    def close(self) -> None:
        """Write what still waits."""
        self.ledger.close()


def _note_key(path: Path, make: Callable[[], NotePrivate]) -> NotePrivate:
    """Return the key of a file, made at first use."""
    if not path.exists():
        pem = make().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_secret(path, pem)
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    assert isinstance(key, ed25519.Ed25519PrivateKey | mldsa.MLDSA44PrivateKey)
    return key
