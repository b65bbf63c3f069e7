"""`ctnh ledger guard …`, `recover` and `epoch`: going on after a database or a guard was lost."""

import re
from contextlib import closing
from dataclasses import dataclass
from typing import Annotated

import httpx
import typer

from api.cli.admin import write_trust
from api.cli.common import GOOD, WRONG, AsJson, Db, chosen, describe, language, out, print_json, telling
from api.epoch import ACCEPTED_DAYS, break_epoch
from api.home import Home, open_home
from api.recorder import record
from ledger.continuity.recovery import Recovered, recover
from ledger.errors import Conflict, Problem
from ledger.format.checkpoint import claimed_checkpoint
from ledger.format.tiles import root_at
from ledger.publishing.publisher import last_checkpoint
from ledger.storage.db import reading
from ledger.storage.store import tile_reader
from ledger.watching.mirror import suffix
from ledger.watching.remote import source
from ledger.watching.witness import TIMEOUT_S
from manifest import wording
from manifest.register.log import GuardAdopted

guard = typer.Typer(help="The guard: what the signer remembers of what it signed.", no_args_is_help=True)
ADOPTABLE = {"ledger.guard_missing", "ledger.guard_behind"}


@guard.command("show")
def show_command(db: Db = None, as_json: AsJson = False) -> None:
    """Read the whole journal, compare it with the database; exit 1 when the log may not go on."""
    with telling(), closing(open_home(chosen(db))) as home:
        problem = home.look()
        damaged = problem is not None and problem.code == "ledger.guard_damaged"
        notes = 0 if damaged else sum(1 for _ in home.guard.notes())
        last = None if damaged else home.guard.last()
    head = claimed_checkpoint(last) if last else None
    if as_json:
        print_json(
            {
                "file": str(home.guard.path),
                "notes": notes,
                "checkpoint": {"size": head.size, "root": head.root.hex()} if head else None,
                "problem": {"code": problem.code, "facts": dict(problem.facts)} if problem else None,
            }
        )
    else:
        out.print(f"{home.guard.path}: {notes}", markup=False)
        out.print(describe(problem) if problem else last or "", markup=False, end="\n" if problem else "")
    raise typer.Exit(WRONG if problem else GOOD)


@guard.command("adopt")
def adopt_command(
    reason: Annotated[str, typer.Option("--reason", help="What happened to the guard.")],
    db: Db = None,
    yes: Annotated[
        bool,
        typer.Option("--yes", help="Answer for the database as it stands: nobody can check it any more."),
    ] = False,
) -> None:
    """Begin a guard anew from the database's own checkpoint, as an entry signed by a root key."""
    with telling(), closing(open_home(chosen(db))) as home:
        if not yes:
            raise Conflict(Problem("api.yes_missing"))
        note = adopt(home, reason)
    size = claimed_checkpoint(note).size
    out.print(wording.text("guard_adopted", {"size": size}, language()), markup=False)


def adopt(home: Home, reason: str) -> str:
    """Record that the operator takes the database as it stands, and give it a guard; return its newest note.

    Raises Conflict unless the guard is missing or behind and the database agrees with its own checkpoint.
    """
    problem = home.look()
    if problem is None or problem.code not in ADOPTABLE:
        raise Conflict(problem or Problem("ledger.guard_there"))
    with reading(home.engine) as reader:
        last = last_checkpoint(reader, home.ledger.log)
        assert last is not None, "the guard is missed only where there are checkpoints"
        size, note = last
        head = claimed_checkpoint(note, home.ledger.origin)
        if root_at(tile_reader(reader, home.ledger.log), size) != head.root:
            raise Conflict(Problem("ledger.checkpoint_mismatch", "", {"size": size}))
    # The entry comes first: a guard that nobody answers for must not come about by a crash.
    home.floor.problem = None
    now = home.clock()
    body = GuardAdopted(size=size, root=head.root.hex(), reason=reason)
    record(home.ledger, body, [home.root("root-1")], stream="log", occurred_at=now, now=now)
    home.guard.swap(home.guard.last(), note)
    home.look()
    return home.checkpoint()[1]


def recover_command(
    where: Annotated[
        str, typer.Option("--from", help="Export or mirror of the log: a folder or an address.")
    ],
    db: Db = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Take what the copy has, though the guard has signed more.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring back the entries that the database has lost, from a copy of the log, as far as was signed."""
    with telling(), closing(open_home(chosen(db))) as home:
        done = recover_from(home, where, partial=partial)
        problem = home.look()
        if problem is None:
            home.checkpoint()
    answer = {"start": done.start, "stop": done.stop, "personal_lost": done.personal}
    if as_json:
        print_json(answer)
    else:
        out.print(wording.text("recovered", answer, language()), markup=False)
        if problem is not None:
            out.print(describe(problem), markup=False)
    raise typer.Exit(GOOD if problem is None else WRONG)


def recover_from(home: Home, where: str, *, partial: bool = False) -> Recovered:
    """Recover a deployment's log from a folder or an address; raise Refused when the copy does not fit."""
    keys, log = [signer.key for signer in home.signers], home.ledger
    with httpx.Client(timeout=TIMEOUT_S) as http:
        copy = source(where, http)
        has = claimed_checkpoint(copy.note(), log.origin).size
        signed = [claimed_checkpoint(note, log.origin) for note in home.guard.notes()]
        if not signed:
            raise Conflict(Problem("ledger.guard_missing"))
        wanted = max(signed, key=lambda one: one.size)
        if partial:
            wanted = max((one for one in signed if one.size <= has), key=lambda one: one.size, default=wanted)
        return recover(log, lambda start: suffix(copy, start, keys, log.origin), wanted)


@dataclass(frozen=True, slots=True)
class Range:
    """Positions as they are written on a command line: ``FROM-TO``, the last one included."""

    start: int
    stop: int

    @classmethod
    def parse(cls, text: str) -> "Range":
        """Return the range of a text; raise BadParameter when it is none."""
        found = re.fullmatch(r"([0-9]{1,15})-([0-9]{1,15})", text)
        if found is None or int(found[1]) > int(found[2]):
            raise typer.BadParameter("FROM-TO")
        return cls(int(found[1]), int(found[2]) + 1)


def epoch_command(
    cause: Annotated[str, typer.Option("--cause", help="How the entries were lost.")],
    lost: Annotated[
        Range,
        typer.Option("--lost", parser=Range.parse, help="Positions lost for good: FROM-TO, both included."),
    ],
    db: Db = None,
    days: Annotated[
        int,
        typer.Option("--accept-days", min=0, max=3650, help="How long acts signed for the old name count."),
    ] = ACCEPTED_DAYS,
    yes: Annotated[
        bool, typer.Option("--yes", help="Close the log for ever and go on under a new name.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Go on under a new name after a real loss: a declaration signed by the root keys, in entry 0."""
    with telling(), closing(open_home(chosen(db))) as before:
        if not yes:
            raise Conflict(Problem("api.yes_missing"))
        lost_range = (lost.start, lost.stop)
        with closing(break_epoch(before, lost=lost_range, cause=cause, days=days)) as after:
            trust = write_trust(after.folder.parent / "trust.json", after.trust().to_json())
    answer = {"closed": before.ledger.origin, "origin": after.ledger.origin, "trust": str(trust)}
    if as_json:
        print_json(answer)
    else:
        out.print(wording.text("epoch_begun", answer, language()), markup=False)
