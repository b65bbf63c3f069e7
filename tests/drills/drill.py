"""What a drill is, and the list of all of them.

A drill plays an attack on a stage and returns who has detected it, by what code. It declares the same
beforehand. On a stage that was not attacked the same detectors must find nothing: that is the control.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from tests.drills.stage import Stage

Database = Literal["sqlite", "postgres"]
BOTH: tuple[Database, ...] = ("sqlite", "postgres")


class Who(StrEnum):
    """Who detects an attack, or refuses to take part in it."""

    VERIFIER = "verifier"
    SECOND = "second verifier"
    FENCE = "fence"
    WRITER = "writer"
    GUARD = "guard"
    PUBLISHER = "publisher"
    START_UP = "start-up"
    WITNESS = "witness"
    MONITOR = "monitor"
    HOLDER = "receipt holder"
    MIRROR = "mirror"
    OFFLINE = "offline check"
    EXPORT = "export"
    PARSER = "parser"
    REPLAY = "replay"
    DOCUMENT = "document check"
    ANCHOR = "anchor check"


Detection = tuple[Who, str]
Named = Mapping[Who, tuple[str, ...]]
Play = Callable[[Stage], set[Detection]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """One attack, and who must notice it.

    ``databases`` are the kinds it is played on, none when it touches no database; ``elsewhere`` says what the
    reason is where it is not. ``only`` are detections that one kind of database adds.
    """

    number: int
    attack: str
    detected_by: tuple[Detection, ...]
    play: Play
    databases: tuple[Database, ...] = BOTH
    elsewhere: str = ""
    only: Mapping[Database, tuple[Detection, ...]] = field(default_factory=dict)

    def expected(self, database: Database | None) -> set[Detection]:
        """Return what must be detected on a kind of database."""
        return {*self.detected_by, *(self.only.get(database, ()) if database else ())}


DRILLS: dict[int, Drill] = {}


def drill(
    number: int,
    attack: str,
    detected_by: Named,
    *,
    databases: tuple[Database, ...] = BOTH,
    elsewhere: str = "",
    only: Mapping[Database, Named] | None = None,
) -> Callable[[Play], Play]:
    """Enter a drill into the list; who detects it is given with all of his codes."""

    def enter(play: Play) -> Play:
        assert number not in DRILLS, number
        DRILLS[number] = Drill(
            number=number,
            attack=attack,
            detected_by=_pairs(detected_by),
            play=play,
            databases=databases,
            elsewhere=elsewhere,
            only={database: _pairs(named) for database, named in (only or {}).items()},
        )
        return play

    return enter


def _pairs(named: Named) -> tuple[Detection, ...]:
    return tuple((who, code) for who, codes in named.items() for code in codes)


PURE = "no database has a part in it"
