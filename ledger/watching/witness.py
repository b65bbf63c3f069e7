"""A witness: remembers one checkpoint for each log, and cosigns the next only when it continues that one.

Protocol: c2sp.org/tlog-witness. Also how a log asks its witnesses.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from threading import Lock

import httpx

from ledger.errors import Malformed, NotAllowed, Problem, Refused, Unavailable
from ledger.format.checkpoint import Checkpoint, claimed_checkpoint
from ledger.format.note import (
    MAX_NOTE_BYTES,
    NoteKey,
    NoteSigner,
    add_lines,
    b64,
    decimal,
    decode,
    make_note,
    open_note,
    parse_line,
    split_note,
    unb64,
)
from ledger.format.policy import Policy
from ledger.format.tree import EMPTY_ROOT, verify_consistency

MAX_PROOF = 63
MAX_BODY_BYTES = MAX_NOTE_BYTES
TEXT = "text/plain; charset=utf-8"
SIZE = "text/x.tlog.size"
SAME_SIZE = "same_size"  # the log has signed two roots of one size: this alone convicts it
UNPROVED = "unproved"  # nobody has shown that what is kept is a prefix: perhaps there is no proof
TIMEOUT_S = 10.0
GATHER_S = 20.0
_CHUNKS = 64

Prove = Callable[[int], Sequence[bytes]]
"""Give the consistency proof from an old size to the size of the note in question."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a witness: to go from ``old`` to the checkpoint of ``note`` by ``proof``."""

    old: int
    proof: tuple[bytes, ...]
    note: str

    def to_bytes(self) -> bytes:
        """Return the request's body."""
        return "".join(
            (f"old {self.old}\n", *(f"{b64(node)}\n" for node in self.proof), f"\n{self.note}")
        ).encode()


def parse_request(body: bytes) -> Request:
    """Return the request of a body; raise Malformed when it is none. Nothing is verified."""
    head, blank, note = decode(body).partition("\n\n")
    first, *lines = head.split("\n")
    word, _, old = first.partition(" ")
    proof = tuple(map(unb64, lines)) if len(lines) <= MAX_PROOF else (b"",)
    if word != "old" or not blank or any(len(node) != len(EMPTY_ROOT) for node in proof):
        raise Malformed(Problem("ledger.witness_request_malformed"))
    claimed_checkpoint(note)
    return Request(decimal(old), proof, note)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a witness says: an HTTP status, and a body of a type."""

    status: HTTPStatus
    body: str
    content_type: str = TEXT

    @property
    def ok(self) -> bool:
        """Whether the checkpoint was taken."""
        return self.status == HTTPStatus.OK


def _refusal(status: HTTPStatus, code: str) -> Answer:
    return Answer(status, f"{code}\n")


@dataclass(frozen=True, slots=True)
class Evidence:
    """Two notes that a log has signed; ``kind`` is SAME_SIZE or UNPROVED."""

    origin: str
    kind: str
    kept: str
    offered: str
    found_at: datetime


def _evidence(origin: str, kind: str, kept: str, offered: str, at: int) -> Evidence:
    return Evidence(origin, kind, kept, offered, datetime.fromtimestamp(at, UTC))


_SCHEMA = """
CREATE TABLE IF NOT EXISTS seen (
    origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, note TEXT NOT NULL,
    cosigned_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS evidence (
    origin TEXT, size INTEGER, root BLOB, kind TEXT NOT NULL, kept TEXT NOT NULL, offered TEXT NOT NULL,
    found_at INTEGER NOT NULL, PRIMARY KEY (origin, size, root)
) WITHOUT ROWID;
"""


class Witness:
    """A witness with its memory, one SQLite file.

    ``logs`` are the keys that it believes of each origin; ``signers`` are its own, all of the cosigning
    kinds. Several threads and processes may use one file.
    """

    def __init__(
        self, path: Path, logs: Mapping[str, Sequence[NoteKey]], signers: Sequence[NoteSigner]
    ) -> None:
        self._path = path
        self._logs = logs
        self.signers = tuple(signers)
        with closing(self._connect()) as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.executescript(_SCHEMA)

    def add_checkpoint(self, body: bytes, *, now: datetime) -> Answer:
        """Answer a request: the cosignatures, once the checkpoint is on disk, or why there are none."""
        try:
            request = parse_request(body)
            checkpoint = claimed_checkpoint(request.note)
            keys = self._logs.get(checkpoint.origin)
            if keys is None:
                return _refusal(HTTPStatus.NOT_FOUND, "ledger.log_unknown")
            note = signed_by(request.note, keys)
        except NotAllowed as refused:
            return _refusal(HTTPStatus.FORBIDDEN, refused.code)
        except Malformed as refused:
            return _refusal(HTTPStatus.BAD_REQUEST, refused.code)
        if request.old > checkpoint.size:
            return _refusal(HTTPStatus.BAD_REQUEST, "ledger.witness_request_malformed")
        # The comparison and the writing are one step under the database's lock: of two requests that build
        # on the same checkpoint only one is cosigned.
        with self._writing() as database:
            return self._judge(database, request, checkpoint, note, int(now.timestamp()))

    def latest(self, origin: str) -> str | None:
        """Return the note of the checkpoint last cosigned for a log, None when there is none."""
        with closing(self._connect()) as database:
            row = database.execute("SELECT note FROM seen WHERE origin = ?", (origin,)).fetchone()
        return None if row is None else str(row[0])

    def evidence(self) -> list[Evidence]:
        """Return what speaks against logs, oldest first."""
        query = "SELECT origin, kind, kept, offered, found_at FROM evidence ORDER BY found_at, origin, size"
        with closing(self._connect()) as database:
            return [_evidence(*row) for row in database.execute(query)]

    def _judge(
        self, database: sqlite3.Connection, request: Request, new: Checkpoint, note: str, now: int
    ) -> Answer:
        row = database.execute(
            "SELECT size, root, note, cosigned_at FROM seen WHERE origin = ?", (new.origin,)
        ).fetchone()
        size, root, kept, before = row or (0, EMPTY_ROOT, "", 0)
        against = (new.origin, new.size, new.root, kept, note, now)
        if new.size == size and new.root != root:
            self._keep(database, SAME_SIZE, *against)
            return Answer(HTTPStatus.CONFLICT, f"{size}\n", SIZE)
        if request.old != size:
            return Answer(HTTPStatus.CONFLICT, f"{size}\n", SIZE)
        continues = (
            not request.proof
            if size == 0
            else verify_consistency(size, new.size, request.proof, root, new.root)
        )
        if not continues:
            self._keep(database, UNPROVED, *against)
            return _refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "ledger.proof_invalid")
        # What is cosigned later never bears an earlier time, whatever the clock does.
        at = max(now, before)
        self._take(database, new, note, at)
        lines = [signer.sign_line(new.text, datetime.fromtimestamp(at, UTC)) for signer in self.signers]
        return Answer(HTTPStatus.OK, "".join(f"{line}\n" for line in lines))

    def _take(self, database: sqlite3.Connection, new: Checkpoint, note: str, at: int) -> None:
        row = (new.origin, new.size, new.root, note, at)
        database.execute("INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?, ?)", row)

    @staticmethod
    def _keep(database: sqlite3.Connection, kind: str, *values: object) -> None:
        origin, size, root, kept, offered, now = values
        if kept:
            row = (origin, size, root, kind, kept, offered, now)
            database.execute("INSERT OR IGNORE INTO evidence VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def _connect(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=30, isolation_level=None)
        database.execute("PRAGMA synchronous = FULL")
        return database

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with closing(self._connect()) as database:
            database.execute("BEGIN IMMEDIATE")
            yield database
            database.execute("COMMIT")


def signed_by(note: str, keys: Sequence[NoteKey]) -> str:
    """Return the note with the lines of ``keys`` alone; raise as `open_note` does when there are none."""
    opened = open_note(note, keys)
    known = {(key.name, key.id) for key in keys}
    lines = [line for line in split_note(note)[1] if (line.name, line.key_id) in known]
    return make_note(opened.text, dict.fromkeys(map(str, lines)))


class Client:
    """A witness as a log sees it: where it is, and the keys with which it cosigns.

    ``size`` is what it was last known to have, which saves a question.
    """

    def __init__(self, url: str, keys: Sequence[NoteKey], http: httpx.Client, size: int = 0) -> None:
        self.url = url.rstrip("/")
        self.keys = tuple(keys)
        self.size = size
        self._http = http

    def cosign(self, note: str, prove: Prove) -> list[str]:
        """Return the witness's lines under the checkpoint of ``note``, verified.

        A witness that is at another size says so and is asked once more from there. Raises Unavailable when
        it does not answer, NotAllowed when it refuses, is ahead of the note, or answers with no line of its
        own, or a wrong one.
        """
        size = claimed_checkpoint(note).size
        old = min(self.size, size)
        status, body = self._ask(note, prove, old)
        if status == HTTPStatus.CONFLICT and old != (old := self._stands_at(body, size)):
            status, body = self._ask(note, prove, old)
        if status == HTTPStatus.CONFLICT:
            raise self._differs(old)
        if status != HTTPStatus.OK:
            raise NotAllowed(Problem("ledger.witness_refused", "", {"url": self.url, "status": status}))
        text = split_note(note)[0]
        given = make_note(text, map(str, map(parse_line, body.removesuffix("\n").split("\n"))))
        kept = split_note(signed_by(given, self.keys))[1]
        self.size = size
        return [str(line) for line in kept]

    def _stands_at(self, body: str, size: int) -> int:
        self.size = decimal(body.removesuffix("\n"))
        if self.size > size:
            raise self._differs(self.size)
        return self.size

    def _differs(self, size: int) -> NotAllowed:
        return NotAllowed(Problem("ledger.witness_differs", "", {"url": self.url, "size": size}))

    def _ask(self, note: str, prove: Prove, old: int) -> tuple[int, str]:
        request = Request(old, tuple(prove(old)) if old else (), note)
        try:
            with self._http.stream(
                "POST", f"{self.url}/add-checkpoint", content=request.to_bytes(), timeout=TIMEOUT_S
            ) as response:
                return response.status_code, decode(bounded(response, MAX_BODY_BYTES))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(Problem("ledger.witness_unavailable", "", {"url": self.url})) from error


def bounded(response: httpx.Response, limit: int) -> bytes:
    """Return the body of a streamed answer; raise Malformed when it is longer, or dribbles in."""
    data = b""
    for number, chunk in enumerate(response.iter_bytes()):
        data += chunk
        if len(data) > limit or number > _CHUNKS + len(data) // 1024:
            raise Malformed(Problem("ledger.answer_too_long", "", {"limit": limit}))
    return data


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the witnesses of a policy have answered.

    ``note`` is the one that was asked about with ``lines`` added; ``failed`` tells, by URL, the code of what
    kept a witness from cosigning.
    """

    note: str
    lines: tuple[str, ...]
    quorum: bool
    failed: Mapping[str, str]


def gather(
    policy: Policy,
    note: str,
    prove: Prove,
    http: httpx.Client,
    sizes: MutableMapping[str, int] | None = None,
    *,
    within_s: float = GATHER_S,
) -> Gathered:
    """Ask every witness of a policy that has a URL, all at once, to cosign a note of ours.

    ``sizes`` remembers from call to call what each was last known to have. ``prove`` is called by one
    thread at a time, not necessarily this one. Who has not answered ``within_s`` is left out.
    """
    sizes = {} if sizes is None else sizes
    places: dict[str, list[NoteKey]] = {}
    for witness in policy.witnesses:
        if witness.url is not None:
            places.setdefault(witness.url, []).append(witness.key)
    clients = {url: Client(url, keys, http, sizes.get(url, 0)) for url, keys in places.items()}
    lock = Lock()

    def prove_alone(old: int) -> Sequence[bytes]:
        with lock:
            return prove(old)

    pool = ThreadPoolExecutor(max(len(clients), 1), thread_name_prefix="witness")
    asked = {pool.submit(client.cosign, note, prove_alone): url for url, client in clients.items()}
    done, late = wait(asked, timeout=within_s)
    pool.shutdown(wait=False, cancel_futures=True)
    lines: list[str] = []
    failed = {asked[future]: "ledger.witness_unavailable" for future in late}
    for future in done:
        url = asked[future]
        try:
            lines += future.result()
        except Refused as refused:
            failed[url] = refused.code
        sizes[url] = clients[url].size
    full = add_lines(note, lines)
    return Gathered(full, tuple(lines), policy.reached(policy.cosigned(full)), failed)
