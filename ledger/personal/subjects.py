"""The keys of persons, one per subject, in a folder of their own outside the database and its backups.

`keys.db` holds the keys under SHA-256 of the subject's pseudonym, never the pseudonym. `destroyed.txt` only
grows: a line for each subject whose key was destroyed. It is applied whenever the folder is opened or a key
is asked for, so an older copy of the keys, or of the database, does not bring anybody back, and the pseudonym
is spent: a person who comes again comes under a new one.

What a disk keeps of overwritten blocks is beyond this program: put the folder on an encrypted volume.
"""

import hashlib
import os
import re
import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ledger.errors import Conflict, Problem
from ledger.storage.durable import sync_folder

KEY_BYTES = 32
KEYS, DESTROYED = "keys.db", "destroyed.txt"

_TAG = b"ctnh-subject-v1\n"
_LINE = re.compile(r"[0-9a-f]{64}")
_WAIT_S = 30
_AT_ONCE = 500


class Subjects:
    """The subject keys of one log; several processes may use one folder.

    Keys belong to a log: who is erased from one is not erased from another.
    """

    def __init__(self, folder: Path, origin: str) -> None:
        self._folder = folder
        self._origin = origin
        self._listed: tuple[tuple[int, ...], frozenset[str]] = ((), frozenset())
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in (KEYS, DESTROYED):
            os.close(os.open(folder / name, os.O_CREAT | os.O_RDWR, 0o600))
        sync_folder(folder)
        with self._changing() as connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS subject_key (subject TEXT PRIMARY KEY, key BLOB NOT NULL) STRICT"
            )
            there = {name for (name,) in connection.execute("SELECT subject FROM subject_key")}
            _delete(connection, sorted(there & self._destroyed()))

    def digest(self, subject: str) -> str:
        """Return the name under which a subject's key is kept, lower-case hex."""
        return hashlib.sha256(_TAG + f"{self._origin}\n{subject}".encode()).hexdigest()

    def keys(self, subjects: Iterable[str]) -> dict[str, bytes]:
        """Return the keys of subjects, made and durable where there were none.

        Raises Conflict for a subject that was erased.
        """
        wanted = {self.digest(subject): subject for subject in subjects}
        found = self._found(wanted)
        if len(found) < len(wanted):
            with self._changing() as connection:
                # Under the lock: a key that is destroyed meanwhile must not be made again behind its back.
                if wanted.keys() & self._destroyed():
                    raise Conflict(Problem("ledger.subject_erased", "/secrets"))
                new = [(name, secrets.token_bytes(KEY_BYTES)) for name in wanted]
                connection.executemany("INSERT OR IGNORE INTO subject_key VALUES (?, ?)", new)
            found = self._found(wanted)
        return {wanted[name]: key for name, key in found.items()}

    def find(self, subjects: Iterable[str]) -> dict[str, bytes]:
        """Return the keys of those subjects that have one."""
        wanted = {self.digest(subject): subject for subject in subjects}
        return {wanted[name]: key for name, key in self._found(wanted).items()}

    def destroy(self, subject: str) -> None:
        """Destroy a subject's key for good; doing it again changes nothing."""
        name = self.digest(subject)
        with self._changing() as connection:
            if name not in self._destroyed():
                _append(self._folder / DESTROYED, name)
            _delete(connection, [name])

    def is_destroyed(self, subject: str) -> bool:
        """Tell whether a subject's key was destroyed."""
        return self.digest(subject) in self._destroyed()

    def _found(self, names: Iterable[str]) -> dict[str, bytes]:
        wanted = sorted(names)
        found: dict[str, bytes] = {}
        with closing(sqlite3.connect(self._folder / KEYS, timeout=_WAIT_S)) as connection:
            for start in range(0, len(wanted), _AT_ONCE):
                part = wanted[start : start + _AT_ONCE]
                marks = ", ".join("?" * len(part))
                query = f"SELECT subject, key FROM subject_key WHERE subject IN ({marks})"  # noqa: S608  marks
                found.update(connection.execute(query, part).fetchall())
        # The list is read after the keys: whoever was destroyed by now is not found.
        destroyed = self._destroyed()
        return {name: key for name, key in found.items() if name not in destroyed}

    def _destroyed(self) -> frozenset[str]:
        """Return the list as it stands; it is read again when it has changed."""
        state = (self._folder / DESTROYED).stat()
        seen = (state.st_size, state.st_mtime_ns, state.st_ino)
        if self._listed[0] != seen:
            # A line that a crash cut short was never acknowledged; the entry behind it is carried out again.
            lines = (self._folder / DESTROYED).read_text(encoding="ascii", errors="replace").split("\n")
            self._listed = (seen, frozenset(line for line in lines if _LINE.fullmatch(line)))
        return self._listed[1]

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """Yield the one changing transaction of the folder; it is also the lock over the list."""
        with closing(
            sqlite3.connect(self._folder / KEYS, timeout=_WAIT_S, isolation_level=None)
        ) as connection:
            for pragma in ("secure_delete=ON", "journal_mode=DELETE", "synchronous=EXTRA"):
                connection.execute(f"PRAGMA {pragma}")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")


def _delete(connection: sqlite3.Connection, names: Iterable[str]) -> None:
    connection.executemany("DELETE FROM subject_key WHERE subject = ?", [(name,) for name in names])


def _append(path: Path, line: str) -> None:
    with path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        if end:
            file.seek(end - 1)
            torn = file.read(1) != b"\n"
        else:
            torn = False
        file.write(b"\n" * torn + line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
