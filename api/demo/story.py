"""Playing the story: every step through the one writer, with keys in custody, on the story's own clock."""

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from api.demo.clock import StoryClock
from api.demo.generators import Generator
from api.demo.plan import Ending
from api.demo.roster import (
    CARRIERS,
    DEPARTMENT,
    DEPARTMENT_NAME,
    FACILITIES,
    PARK_BOARD,
    PARK_BOARD_NAME,
)
from api.demo.script import SEED, Told, by_ending, write
from api.demo.steps import Act, By, NewKey
from api.home import OPERATOR, ROOTS, Home, give_key
from api.recorder import Signing, record
from manifest.vocabulary import Role, local_date

Progress = Callable[[str, int, int], None]

# Between signing and our taking it down pass a few seconds, as they do over a network.
_LAG = timedelta(seconds=4)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedParty:
    """A party of the story, in its main role."""

    id: str
    name: str
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What was played: how many consignments of each ending, one example each, and what is still open.

    ``acts`` were recorded by the story, ``entries`` stand in the log with those that opened it.
    """

    endings: Mapping[Ending, int]
    parties: tuple[PlayedParty, ...]
    examples: Mapping[Ending, Told]
    open: tuple[Told, ...]
    until: date
    acts: int
    entries: int
    seconds: float

    @property
    def manifests(self) -> int:
        """How many consignments there are."""
        return sum(self.endings.values())


class Player:
    """Holds everybody's keys and records step after step."""

    def __init__(self, home: Home, clock: StoryClock) -> None:
        self.home = home
        self.clock = clock
        self.entries = 0
        self._keys = {OPERATOR: home.root(ROOTS[0])}

    def play(self, step: Act | NewKey, entered: datetime | None = None) -> None:
        """Record one step at its time, or when it is entered; a rule that forbids it: the story is wrong."""
        now = self.clock.advance((entered or step.at) + _LAG)
        if isinstance(step, NewKey):
            sponsor = self._signing(step.sponsor)
            self._keys[step.party] = give_key(self.home, step.party, step.name, sponsor, now=now)
            return
        recorded = record(
            self.home.ledger,
            step.body,
            [self._signing(by) for by in step.by],
            stream=step.stream,
            occurred_at=step.at,
            now=now,
            secrets={name: person.secret() for name, person in step.names.items()},
            idem=step.idem,
        )
        self.entries = recorded.receipt.seq + 1

    def _signing(self, by: By) -> Signing:
        return Signing(by.party, by.role, self._keys[by.key or by.party].signer)


def play(home: Home, clock: StoryClock, progress: Progress, *, seed: int = SEED, scale: float = 1.0) -> Story:
    """Play the story into an empty deployment; ``progress`` hears the month, steps done and steps in all."""
    began = time.perf_counter()
    script = write(seed, scale)
    player = Player(home, clock)
    with _settled():
        for done, step in enumerate(script.steps, start=1):
            player.play(step)
            progress(f"{local_date(step.at):%m/%Y}", done, len(script.steps))
    groups = by_ending(script.told)
    return Story(
        endings={ending: len(group) for ending, group in groups.items()},
        parties=_parties(script.generators),
        examples={ending: group[0] for ending, group in groups.items()},
        open=tuple(item for item in script.told if item.open_g),
        until=local_date(clock()),
        acts=len(script.steps),
        entries=player.entries,
        seconds=time.perf_counter() - began,
    )


@contextmanager
def _settled() -> Iterator[None]:
    """Keep the collector from walking what stays anyway, codes, tables and script: a fifth of the time."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _parties(members: tuple[Generator, ...]) -> tuple[PlayedParty, ...]:
    rows = [
        (DEPARTMENT, DEPARTMENT_NAME, Role.AUTHORITY),
        (PARK_BOARD, PARK_BOARD_NAME, Role.AUTHORITY),
        *((facility.party, facility.name, Role.TREATMENT_FACILITY) for facility in FACILITIES),
        *((carrier.party, carrier.name, Role.TRANSPORTER) for carrier in CARRIERS),
        *((generator.party, generator.name, Role.GENERATOR) for generator in members),
    ]
    return tuple(PlayedParty(id=party, name=name, role=role) for party, name, role in rows)
