"""Importing a roster: every row is checked first, on what the ledger says and on the rows before it.

Only then the rows are entered, each by an entry that the operator signs; what the operator enters is «tự
khai» until an authority confirms it, and an organisation may not act before it is admitted. A row that was
entered already counts as there, so that the same file may be imported again, also after a crash half-way.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from api.firstrun.rehearsal import Rehearsal
from api.firstrun.rows import Planned, column_of, read_rows
from api.firstrun.table import Wrong, read_table
from api.home import ROOTS, Home
from api.recorder import record
from ledger.errors import Refused
from ledger.format.event import parse
from ledger.storage.db import Reader, reading
from ledger.storage.predecessor import whole_stream
from ledger.storage.store import HEAD, one
from manifest.views import IDENTIFIER
from manifest.wording import Language


@dataclass(frozen=True, slots=True)
class Entered:
    """A row that stands in the ledger now: the thing's name and the position of its entry."""

    row: int
    name: str
    seq: int


@dataclass
class Imported:
    """What became of a roster: rows entered now, rows that stood already, rows refused.

    ``waiting`` are good rows that were not entered: something else was refused, or it was a trial.
    """

    entered: list[Entered] = field(default_factory=list)
    unchanged: list[int] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    refused: list[Wrong] = field(default_factory=list)

    def as_json(self, language: Language) -> dict[str, Any]:
        """Return it as the command prints it."""
        return {
            "ok": not self.refused,
            "entered": [{"row": one.row, "name": one.name, "seq": one.seq} for one in self.entered],
            "unchanged": self.unchanged,
            "waiting": self.waiting,
            "refused": [one.as_json(language) for one in self.refused],
        }


def import_roster(
    home: Home,
    data: bytes,
    *,
    trial: bool = False,
    partial: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Imported:
    """Check a roster file and enter its rows; with one row refused nothing is entered, unless ``partial``.

    ``trial`` checks alone. Raises Malformed when the file is no roster at all.
    """
    found = read_table(data)
    now = home.clock()
    with reading(home.engine) as reader:
        planned, wrong = read_rows(found, lambda text: _party_of(reader, home.ledger.log, text))
        done = Imported(refused=wrong)
        good = _check(home, reader, planned, done, now)
    done.refused.sort(key=lambda one: one.row)
    if trial or (done.refused and not partial):
        done.waiting = sorted(one.row for one in good)
        return done
    root = home.root(ROOTS[0])
    for count, one_row in enumerate(good, start=1):
        try:
            at = home.clock()
            made = record(home.ledger, one_row.body, [root], stream=one_row.stream, occurred_at=at, now=at)
        except Refused as refused:
            # Somebody has entered something meanwhile; the other rows do not suffer for it.
            done.refused += [one_row.wrong(problem) for problem in refused.problems]
        else:
            done.entered.append(Entered(one_row.row, one_row.stream, made.receipt.seq))
        progress(count, len(good))
    return done


def _party_of(reader: Reader, log: int, identifier: str) -> str | None:
    row = one(reader, IDENTIFIER, log=log, identifier=identifier)
    return None if row is None else str(row["party"])


def _check(
    home: Home, reader: Reader, planned: list[Planned], done: Imported, now: datetime
) -> list[Planned]:
    """Return the rows that may be entered, in order; note in ``done`` those that stand and those refused."""
    head = one(reader, HEAD, log=home.ledger.log)
    assert head is not None, "a deployment that is open has its first entry"
    rehearsal = Rehearsal(reader, home.ledger, home.root(ROOTS[0]), now, int(head["size"]))
    good = []
    for row in planned:
        before = _entered_before(reader, home.ledger.log, row)
        if before is not None:
            differing = _differing(row, before)
            done.refused += [
                Wrong(row.row, column, "api.roster_differs", {"name": row.stream}) for column in differing
            ]
            done.unchanged += [] if differing else [row.row]
            continue
        try:
            rehearsal.take(row.body, row.stream)
        except Refused as refused:
            done.refused += [row.wrong(problem) for problem in refused.problems]
        else:
            good.append(row)
    done.unchanged.sort()
    return good


def _entered_before(reader: Reader, log: int, row: Planned) -> list[dict[str, Any]] | None:
    """Return the bodies by which the row's thing was entered, the newest last; None where it is not known."""
    events = [parse(entry.event) for entry in whole_stream(reader, log, row.stream)]
    bodies = [dict(event.body) for event in events if event.kind == row.body.kind]
    return bodies or None


def _differing(row: Planned, before: list[dict[str, Any]]) -> list[str]:
    """Return the columns in which a row says something else than what stands, none when it stands so.

    What was changed later by an entry of its own is not the roster's to take back: the row is compared with
    what was entered, not with what holds today.
    """
    body = row.body.write()
    if body in before:
        return []
    last = before[-1]
    names = [name for name in {**body, **last} if body.get(name) != last.get(name)]
    return list(dict.fromkeys(column_of(row.line, f"/body/{name}") for name in names))
