"""A deployment goes on under a new name after entries were lost for good, with all that it knew."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Table, insert, select
from sqlmodel import SQLModel

from api.home import OPERATOR, ROOTS, Home, open_home
from api.recorder import build_event
from ledger.continuity.epoch import begin, declare, seed_of
from ledger.errors import Conflict, Problem
from ledger.format.entry import Envelope
from ledger.format.keys import key_fields
from ledger.format.note import NoteSigner
from ledger.storage.db import Writer, reading, writing
from ledger.storage.predecessor import Predecessor, next_origin
from ledger.writing.writer import Ledger
from manifest import reference
from manifest.register.log import LogOpened
from manifest.replay import moved_row, rebuild
from manifest.service import Judge

ACCEPTED_DAYS = 30
# The ledger makes its own rows; personal values and keys in custody stay where they are sealed.
_STAYS = ("ledger_", "vault_", "custody_")


def break_epoch(home: Home, *, lost: tuple[int, int], cause: str, days: int = ACCEPTED_DAYS) -> Home:
    """Open the successor of a log that is behind its guard, close the home and return it as it goes on.

    ``lost`` are the positions (first, and the one after the last) that nobody can bring back; events signed
    for the old name are taken for so many ``days``. Raises Conflict when the log is not behind its guard,
    or when ``lost`` is not what is missing.
    """
    problem = home.look()
    if problem is None or problem.code != "ledger.behind_guard":
        raise Conflict(problem or Problem("ledger.nothing_missing", "", {"size": lost[0]}))
    now, old, note = home.clock(), home.ledger, home.guard.last()
    assert note is not None, "the guard knows what is missing"
    origin = next_origin(old.origin)
    with reading(home.engine) as reader:
        before = declare(reader, old.origin, note, lost=lost, cause=cause, until=now + timedelta(days=days))
    signers = [NoteSigner(origin, one.private, one.kind) for one in home.signers]
    judge = Judge(reference.default())
    ledger = Ledger(home.engine, origin, judge=judge, signer=signers[0], subjects=old.subjects)
    envelope = _opening(home, ledger, before, [str(signer.key) for signer in signers])
    with writing(home.engine, old.log) as writer:
        # The views may be from before or after the loss; the surviving entries say what they are.
        rebuild(writer, old.log, reference.default())
    begin(
        ledger,
        envelope.to_bytes(),
        now=now,
        carry=lambda writer, _: _carry(writer, old.log, ledger.log, before),
    )
    ledger.close()
    home.close()
    after = open_home(home.settings, home.clock)
    after.checkpoint()
    return after


def _opening(home: Home, ledger: Ledger, before: Predecessor, log_keys: list[str]) -> Envelope:
    roots = [home.root(name) for name in ROOTS]
    edition = reference.default().edition
    declared: dict[str, Any] = before.body()
    body = LogOpened(
        format=1,
        operator=home.settings.operator,
        log_keys=tuple(log_keys),
        root_keys=tuple(
            key_fields(root.signer.public_key, party=OPERATOR, custody="device") for root in roots
        ),
        reference={"name": edition.name, "sha256": edition.sha256},
        predecessor=declared["predecessor"],
        accept_until=declared["accept_until"],
    )
    with reading(home.engine) as reader:
        actors = [root.actor() for root in roots]
        event = build_event(reader, ledger, body, actors, stream="log", occurred_at=home.clock())
        start = seed_of(reader, before.origin, before.size, frozenset())
    head = next(head for name, _, head in start.streams if name == "log")
    data = replace(event, stream_prev=head).to_bytes()
    return Envelope(tuple(root.signer.sign_event(data) for root in roots), data)


def _carry(writer: Writer, old: int, new: int, before: Predecessor) -> None:
    """Copy every row that is not the ledger's own into the new log; positions count from its first entry."""
    for table in SQLModel.metadata.sorted_tables:
        if "log" in table.c and not table.name.startswith(_STAYS):
            _copy(writer, table, old, new, before.size)


def _copy(writer: Writer, table: Table, old: int, new: int, size: int) -> None:
    found = writer.execute(select(table).where(table.c.log == old)).mappings().all()
    if found:
        writer.execute(insert(table), [moved_row(dict(row), new, size) for row in found])
