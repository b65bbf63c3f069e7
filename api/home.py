"""A deployment on disk and in its database: opening it, and making a new one.

The data folder holds the log's key, the operators' root keys, the master key of the custody and the small
CA; the database holds the ledger, its views and the identities. The trust file is what an auditor needs to
check both from outside.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa
from sqlalchemy import Engine

from api.custody import Custody, MasterKey, new_kept_key, write_secret
from api.database import upgrade
from api.places import guard_path, vault_folder
from api.recorder import Recordable, Signing, record
from api.settings import Settings
from ledger.continuity.epoch import accepted
from ledger.errors import Conflict, NotFound, Problem
from ledger.format.keys import key_fields
from ledger.format.note import Kind, NoteSigner
from ledger.format.signature import KeySigner, PrivateKey
from ledger.format.stamp import split_roots
from ledger.format.trust import Trust
from ledger.personal.erasure import erase_pending
from ledger.personal.subjects import Subjects
from ledger.personal.vault import adopt_all
from ledger.publishing.guard import Guard
from ledger.publishing.publisher import Publisher, last_checkpoint, newest_note
from ledger.publishing.standing import Floor
from ledger.storage.db import open_engine, reading, writing
from ledger.storage.predecessor import newest
from ledger.storage.store import HEAD, LOG, log_number, one, rows
from ledger.writing.writer import Ledger
from manifest import reference
from manifest.register.log import EditionAdopted, KeyRegistered, LogOpened
from manifest.service import Judge
from manifest.vocabulary import Role
from pdf.ca import CertificateAuthority

OPERATOR = "org:operator"
ROOTS = ("root-1", "root-2")
SERVICE = "service"
POST_QUANTUM = "log-mldsa.pem"
# Where version 0.1 kept the one note that it had signed last.
_MEMORY_0_1 = "last-checkpoint.txt"
_log = logging.getLogger("ctnh.home")
Clock = Callable[[], datetime]


def wall_clock() -> datetime:
    """Return the time now, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Home:
    """An opened deployment; ``clock`` tells the time wherever an edge needs it.

    ``signers`` are the log's keys, the Ed25519 one first: all of them sign checkpoints, the first receipts.
    ``guard`` remembers what they signed; ``floor`` says what keeps the log from going on.
    """

    settings: Settings
    engine: Engine
    ledger: Ledger
    custody: Custody
    ca: CertificateAuthority
    signers: tuple[NoteSigner, ...]
    clock: Clock
    guard: Guard
    floor: Floor
    publisher: Publisher

    @property
    def signer(self) -> NoteSigner:
        """The log's Ed25519 key."""
        return self.signers[0]

    @property
    def subjects(self) -> Subjects:
        """The keys under which personal values are sealed."""
        assert self.ledger.subjects is not None, "an opened deployment has its vault"
        return self.ledger.subjects

    @property
    def folder(self) -> Path:
        """The data folder."""
        return self.settings.data_dir

    def root(self, name: str) -> Signing:
        """Return the operator's root key of that name, as one who signs."""
        return Signing(OPERATOR, Role.OPERATOR, KeySigner(_load_key(self.folder / f"{name}.pem")))

    def service(self) -> Signing:
        """Return the service key, as one who signs."""
        return Signing(OPERATOR, Role.SERVICE, KeySigner(_load_key(self.folder / f"{SERVICE}.pem")))

    def checkpoint(self) -> tuple[int, str]:
        """Sign a checkpoint over all entries; return its size and note."""
        return self.publisher.publish(self.clock())

    def newest_note(self) -> str | None:
        """Return the checkpoint to serve: the newest, with its latest heartbeat and all cosignatures."""
        with reading(self.engine) as reader:
            return newest_note(reader, self.ledger.log, self.guard)

    def look(self) -> Problem | None:
        """Compare log and guard; return what keeps the log from going on, None when nothing does."""
        with reading(self.engine) as reader:
            return self.floor.look(reader)

    def trust(self) -> Trust:
        """Return what an auditor needs to check this deployment from outside."""
        pem = self.ca.certificate.public_bytes(serialization.Encoding.PEM).decode()
        kids = tuple(self.root(name).signer.kid for name in ROOTS)
        with reading(self.engine) as reader:
            last = last_checkpoint(reader, self.ledger.log)
        return Trust(
            origin=self.ledger.origin,
            log_keys=tuple(signer.key for signer in self.signers),
            root_kids=kids,
            pdf_roots=(pem,),
            checkpoint=last[1] if last else None,
            tsa_roots=self.tsa_roots(),
        )

    def tsa_roots(self) -> tuple[str, ...]:
        """Return the certificates (PEM) of the authorities whose time stamps are taken."""
        path = self.settings.tsa_roots
        return split_roots(Path(path).read_bytes()) if path else ()

    def close(self) -> None:
        """Write what waits and let go of the database; SQLite then folds its journal into the one file."""
        self.ledger.close()
        self.engine.dispose()


def open_home(settings: Settings, clock: Clock = wall_clock) -> Home:
    """Open a deployment that was made before; raise NotFound when there is none."""
    if not (settings.data_dir / "log.pem").exists():
        raise NotFound(Problem("api.not_initialised", "", {"folder": str(settings.data_dir)}))
    engine = open_engine(settings.database_url)
    upgrade(engine)
    with reading(engine) as reader:
        origins = [row["origin"] for row in rows(reader, LOG)]
    if origins and settings.origin not in origins:
        # A second, empty log beside the real one would be the quiet end of both.
        engine.dispose()
        facts = {"found": ", ".join(origins), "expected": settings.origin}
        raise Conflict(Problem("api.origin_differs", "", facts))
    with reading(engine) as reader:
        # After an epoch break the deployment goes on under another name; its settings stay as they are.
        origin = newest(reader, settings.origin)
    signers = _log_signers(settings, origin)
    subjects = Subjects(vault_folder(settings), settings.origin)
    judge = Judge(reference.default())
    ledger = Ledger(engine, origin, judge=judge, signer=signers[0], subjects=subjects)
    master = MasterKey.load(settings.data_dir, settings.master_passphrase)
    ca = CertificateAuthority.from_pem((settings.data_dir / "ca.pem").read_bytes())
    with reading(engine) as reader:
        ledger.accepted = accepted(reader, ledger.log)
        first = log_number(reader, settings.origin)
    assert first is not None, "the first log stays in the database"
    guard = _guard(settings, origin)
    floor = Floor(ledger.log, guard)
    ledger.bar(floor)
    home = Home(
        settings=settings,
        engine=engine,
        ledger=ledger,
        custody=Custody(ledger.log, master, kept=first[0]),
        ca=ca,
        signers=signers,
        clock=clock,
        guard=guard,
        floor=floor,
        publisher=Publisher(
            engine,
            ledger.log,
            ledger.origin,
            signers,
            guard=guard,
            heartbeat=timedelta(seconds=settings.heartbeat_s),
        ),
    )
    if (problem := home.look()) is not None:
        _log.critical("read only: %s %s", problem.code, dict(problem.facts))
    else:
        adopt_all(engine, ledger.log, subjects)
        erase_pending(engine, ledger.log, subjects)
    return home


def _guard(settings: Settings, origin: str) -> Guard:
    """Return the guard of a log; what version 0.1 remembered in its place becomes the first note."""
    guard = Guard(guard_path(settings, origin))
    if origin != settings.origin:
        return guard
    memory = settings.data_dir / _MEMORY_0_1
    if memory.exists():
        if guard.last() is None:
            guard.swap(None, memory.read_text(encoding="utf-8"))
        memory.unlink()  # once: a guard that goes missing later must not be made up from it
    return guard


def make_home(settings: Settings, clock: Clock = wall_clock) -> Home:
    """Make a new deployment: keys, schema, entry 0, the edition of the reference data, the service key.

    One that was left half made, because the process ended, is finished: what is there stays. Raises
    FileExistsError when the folder holds a whole deployment already.
    """
    now = clock()
    if "://" not in settings.database_url:
        Path(settings.database_url).parent.mkdir(parents=True, exist_ok=True)
    if not _size(settings):
        # With an entry in the log its keys are what they are: a lost one is not made up for.
        _make_keys(settings, now)
    home = open_home(settings, clock)
    if not _begin(home, now):
        home.close()
        raise FileExistsError(f"{settings.data_dir} holds a deployment already")
    return home


def _size(settings: Settings) -> int:
    """Return how many entries the log has in its database, 0 where there is no log yet."""
    engine = open_engine(settings.database_url)
    try:
        upgrade(engine)
        with reading(engine) as reader:
            found = log_number(reader, settings.origin)
            head = None if found is None else one(reader, HEAD, log=found[0])
    finally:
        engine.dispose()
    return 0 if head is None else int(head["size"])


def _make_keys(settings: Settings, now: datetime) -> None:
    """Make the keys of a deployment that are not there yet."""
    for name in ("log", *ROOTS, SERVICE):
        _make_key(settings.data_dir / f"{name}.pem", ed25519.Ed25519PrivateKey.generate())
    _make_key(settings.data_dir / POST_QUANTUM, mldsa.MLDSA44PrivateKey.generate())
    if not (path := settings.data_dir / "ca.pem").exists():
        ca = CertificateAuthority.create(f"{settings.operator} – CA nội bộ", now=now)
        write_secret(path, ca.to_pem())


def _begin(home: Home, now: datetime) -> bool:
    """Record the first entries of a log, those that are missing; return whether there were any."""
    roots = [home.root(name) for name in ROOTS]
    edition = reference.default().edition
    opened = LogOpened(
        format=1,
        operator=home.settings.operator,
        log_keys=tuple(str(signer.key) for signer in home.signers),
        root_keys=tuple(
            key_fields(root.signer.public_key, party=OPERATOR, custody="device") for root in roots
        ),
        reference={"name": edition.name, "sha256": edition.sha256},
    )
    adopted = EditionAdopted(name=edition.name, sha256=edition.sha256, files=dict(edition.files))
    service = home.service()
    fields = key_fields(service.signer.public_key, party=OPERATOR, custody="service")
    holder = Signing(OPERATOR, Role.HOLDER, service.signer)
    first: list[tuple[Recordable, list[Signing], str]] = [
        (opened, roots, "log"),
        (adopted, roots, "reference"),
        (KeyRegistered(key=fields), [holder, roots[0]], f"key:{service.signer.kid}"),
    ]
    with reading(home.engine) as reader:
        head = one(reader, HEAD, log=home.ledger.log)
    size = 0 if head is None else int(head["size"])
    for body, signings, stream in first[size:]:
        record(home.ledger, body, signings, stream=stream, occurred_at=now, now=now)
    return size < len(first)


def give_key(home: Home, party: str, name: str, sponsor: Signing, *, now: datetime) -> Signing:
    """Make a key in custody for a party and register it; return it without a role, as its holder."""
    key, certificate = new_kept_key(home.ca, name=name, party=party, now=now)
    with writing(home.engine, home.ledger.log) as writer:
        kept = home.custody.keep(writer, party, key, certificate)
    holder = Signing(party, Role.HOLDER, kept.signer)
    fields = key_fields(kept.signer.public_key, party=party, custody="custodial")
    record(
        home.ledger,
        KeyRegistered(key=fields),
        [holder, sponsor],
        stream=f"key:{kept.signer.kid}",
        occurred_at=now,
        now=now,
    )
    return holder


def party_signing(home: Home, party: str, role: str) -> Signing:
    """Return a party's key in custody, acting in a role; raise NotFound when none is kept."""
    with reading(home.engine) as reader:
        return Signing(party, role, home.custody.of_party(reader, party).signer)


def _log_signers(settings: Settings, origin: str) -> tuple[NoteSigner, ...]:
    """Return the log's keys; a log that was opened with the Ed25519 one alone goes on so."""
    key = _load_key(settings.data_dir / "log.pem")
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    signers = [NoteSigner(origin, key)]
    if (second := settings.data_dir / POST_QUANTUM).exists():
        key = _load_key(second)
        assert isinstance(key, mldsa.MLDSA44PrivateKey)
        signers.append(NoteSigner(origin, key, Kind.MLDSA44))
    return tuple(signers)


def _make_key(path: Path, key: ed25519.Ed25519PrivateKey | mldsa.MLDSA44PrivateKey) -> None:
    if path.exists():
        return
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_secret(path, pem)


def _load_key(path: Path) -> PrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    assert isinstance(key, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | mldsa.MLDSA44PrivateKey)
    return key
