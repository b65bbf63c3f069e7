"""Erasing a person's values: an entry says so, then rows and key go; and how the vault is verified.

`personal.erased.v1` names a subject by its pseudonym and the commitments whose values go. Once the entry is
durable the rows are deleted, and with the last of them the subject's key, which takes the copies in backups
along. Both steps may be repeated, and whatever a crash left undone is done when the log is next opened.
"""

import re
from dataclasses import dataclass, field

from sqlalchemy import Engine, delete, func, select

from ledger.errors import Malformed, Problem
from ledger.format.event import Event, parse
from ledger.personal.subjects import Subjects
from ledger.personal.vault import Secret, open_sealed
from ledger.report import Finding
from ledger.storage.db import Reader, is_sqlite, reading, writing
from ledger.storage.raw import raw_rows
from ledger.storage.store import SEALED, VAULT, stream_events

KIND = "personal.erased.v1"
STREAM = "erasures"
MAX_ERASED = 500
MAX_REASON = 1000
TABLES = (SEALED, VAULT)

_SUBJECT = re.compile(r"[a-z0-9][a-z0-9._:/-]{0,99}")
_COMMITMENT = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Erasure:
    """What an entry erases: the values behind these commitments, all of one subject."""

    subject: str
    commitments: tuple[str, ...]


def read_erasure(event: Event) -> Erasure | None:
    """Return what the event erases, None when it is of another kind; raise Malformed for wrong fields."""
    if event.kind != KIND:
        return None
    body = event.body
    subject, listed, reason = body.get("subject"), body.get("commitments"), body.get("reason")
    good = {
        "subject": isinstance(subject, str) and _SUBJECT.fullmatch(subject) is not None,
        "commitments": isinstance(listed, list)
        and 1 <= len(listed) <= MAX_ERASED
        and all(isinstance(one, str) and _COMMITMENT.fullmatch(one) for one in listed)
        and len(set(listed)) == len(listed),
        "reason": isinstance(reason, str) and 1 <= len(reason) <= MAX_REASON,
    }
    wrong = [name for name, well in good.items() if not well]
    wrong += sorted(set(body) - set(good))
    if wrong:
        raise Malformed([Problem("ledger.field_invalid", f"/body/{name}") for name in wrong])
    assert isinstance(subject, str)
    assert isinstance(listed, list)
    return Erasure(subject, tuple(listed))


def erasures_of(reader: Reader, log: int, subject: str) -> list[tuple[str, ...]]:
    """Return the commitments whose values the vault keeps of a subject, in parts that fit an entry each."""
    names = sorted(
        name
        for table in TABLES
        for (name,) in reader.execute(
            select(table.c.commitment).where(table.c.log == log, table.c.subject == subject)
        )
    )
    return [tuple(names[start : start + MAX_ERASED]) for start in range(0, len(names), MAX_ERASED)]


def erase(engine: Engine, log: int, subjects: Subjects, erasure: Erasure) -> None:
    """Carry an entry out that is durable: delete the rows, and the subject's key when none is left.

    May be repeated; what is gone already stays gone.
    """
    with writing(engine, log) as writer:
        if is_sqlite(writer):
            writer.exec_driver_sql("PRAGMA secure_delete=ON")
        for table in TABLES:
            writer.execute(
                delete(table).where(table.c.log == log, table.c.commitment.in_(erasure.commitments))
            )
        left = _left(writer, log, erasure.subject)
    if left == 0:
        subjects.destroy(erasure.subject)


def erase_pending(engine: Engine, log: int, subjects: Subjects) -> int:
    """Carry out what the log says is erased and the vault still keeps; return how many entries that took."""
    with reading(engine) as reader:
        told = [read_erasure(parse(entry.event)) for entry in stream_events(reader, log, STREAM)]
        due = [one for one in told if one is not None and _is_due(reader, log, subjects, one)]
    for one in due:
        erase(engine, log, subjects, one)
    return len(due)


def _is_due(reader: Reader, log: int, subjects: Subjects, erasure: Erasure) -> bool:
    for table in TABLES:
        there = select(table.c.commitment).where(
            table.c.log == log, table.c.commitment.in_(erasure.commitments)
        )
        if reader.execute(there.limit(1)).first() is not None:
            return True
    return _left(reader, log, erasure.subject) == 0 and not subjects.is_destroyed(erasure.subject)


def _left(reader: Reader, log: int, subject: str) -> int:
    found = (
        reader.execute(
            select(func.count()).select_from(table).where(table.c.log == log, table.c.subject == subject)
        )
        for table in TABLES
    )
    return sum(int(count.scalar_one()) for count in found)


class Promises:
    """What the entries say of personal values: which were promised, which were erased, and where."""

    def __init__(self) -> None:
        self.promised: dict[bytes, int] = {}
        self.erased: dict[bytes, int] = {}

    def learn(self, event: Event, seq: int) -> None:
        """Take in the event at ``seq``; raise Malformed for an erasure that cannot be read."""
        for commitment in event.commitments.values():
            self.promised[bytes.fromhex(commitment)] = seq
        erasure = read_erasure(event)
        if erasure is not None:
            for commitment in erasure.commitments:
                self.erased[bytes.fromhex(commitment)] = seq

    def returned(self, commitment: bytes) -> int | None:
        """Return the position that erased a value which must not be there; a later promise brings it back."""
        erased = self.erased.get(commitment)
        return None if erased is None or self.promised.get(commitment, -1) > erased else erased


@dataclass(slots=True)
class VaultCheck:
    """How the vault stands to what was promised.

    ``opened`` values open their commitments, ``sealed`` ones have their key elsewhere, ``redacted`` ones were
    erased by an entry.
    """

    opened: int = 0
    sealed: int = 0
    redacted: int = 0
    findings: list[Finding] = field(default_factory=list)


def check_vault(
    reader: Reader, log: int, promises: Promises, subjects: Subjects | None = None, *, lost: bool = False
) -> VaultCheck:
    """Compare the vault with what the entries promise and erase.

    ``subjects`` are the keys, where they are at hand. ``lost`` says that entries are damaged or missing: what
    they promised or erased is not known then, so neither a value too many nor one too few is a finding.
    """
    done = VaultCheck()
    present: set[bytes] = set()
    rows = list(raw_rows(reader, SEALED, "commitment", "subject", "sealed", log=log))
    keys = subjects.find({row[1] for row in rows if row[1] is not None}) if subjects else {}
    keyless: set[str] = set()
    for commitment, subject, sealed in rows:
        if not _stands(done, promises, present, commitment, lost=lost):
            continue
        key = keys.get(subject)
        if subject is None or sealed is None:
            _mismatch(done, commitment)
        elif key is not None:
            try:
                open_sealed(sealed, key, subject, commitment)
            except Malformed:
                _mismatch(done, commitment)
            else:
                done.opened += 1
        else:
            done.sealed += 1
            if subjects is not None:
                keyless.add(subject)
    done.findings += [Finding(None, "ledger.vault_key_missing", f"subject {one}") for one in sorted(keyless)]
    _check_clear(reader, log, promises, done, present, lost=lost)
    for name, seq in promises.promised.items():
        if name in present:
            continue
        if name in promises.erased:
            done.redacted += 1
        elif not lost:
            done.findings.append(Finding(seq, "ledger.vault_value_missing", f"commitment {name.hex()}"))
    return done


def _check_clear(
    reader: Reader, log: int, promises: Promises, done: VaultCheck, present: set[bytes], *, lost: bool
) -> None:
    """Compare what version 0.1 left in the clear."""
    names = ("commitment", "subject", "salt", "value")
    for commitment, subject, salt, value in raw_rows(reader, VAULT, *names, log=log):
        if not _stands(done, promises, present, commitment, lost=lost):
            continue
        try:
            good = (
                None not in {subject, salt, value} and Secret(value, subject, salt).commitment == commitment
            )
        except Malformed:
            good = False
        if good:
            done.opened += 1
        else:
            _mismatch(done, commitment)


def _stands(
    done: VaultCheck, promises: Promises, present: set[bytes], commitment: str | None, *, lost: bool
) -> bool:
    """Tell whether a row may stand under this commitment, once; name it when not."""
    if commitment is None or not _COMMITMENT.fullmatch(commitment):
        _mismatch(done, commitment)
        return False
    name = bytes.fromhex(commitment)
    if (erased := promises.returned(name)) is not None:
        done.findings.append(Finding(erased, "ledger.vault_value_returned", f"commitment {commitment}"))
    elif (name not in promises.promised and not lost) or name in present:
        _mismatch(done, commitment)
    else:
        present.add(name)
        return True
    present.add(name)
    return False


def _mismatch(done: VaultCheck, commitment: str | None) -> None:
    done.findings.append(Finding(None, "ledger.vault_mismatch", f"commitment {commitment}"))
