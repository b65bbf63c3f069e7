"""What the tests of the cases share: refusals that write nothing, and acts in the hand of others."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from ledger.storage.db import reading
from ledger.storage.store import HEAD
from manifest.body import Body, OnPaper
from manifest.views import VIEW_TABLES
from manifest.vocabulary import Entering, Role
from tests.world import FACILITY, GENERATOR, World, refused

HASH = "cd" * 32
HALF = 500_000
OTHER_PLATE = "29H-678.90"


def dump(world: World) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every view, and the head of the log."""
    with reading(world.engine) as reader:
        return {
            table.name: sorted((tuple(row) for row in reader.execute(select(table))), key=repr)
            for table in (*VIEW_TABLES, HEAD)
        }


def refuses(world: World, act: Callable[[], object]) -> list[tuple[str, str]]:
    """Return code and path of each problem of an act, which has to be refused and to write nothing."""
    before = dump(world)
    problems = refused(act)
    assert dump(world) == before
    return problems


def by(world: World, body: Body, party: str = FACILITY, role: Role = Role.TREATMENT_FACILITY) -> None:
    """Record an act of one party in the manifest at hand."""
    world.act(body, (party, role), stream=world.manifest)


def on_paper(*parties: str, how: Entering = Entering.PAPER) -> tuple[OnPaper, ...]:
    """Return what says that these parties signed by hand."""
    return tuple(OnPaper(party=party, sha256=HASH, how=how) for party in parties or (GENERATOR,))
