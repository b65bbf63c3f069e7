"""One step of the story: an act with everything that signs, or a key that somebody gets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from api.demo.people import Person
from ledger.ids import uuid7
from manifest.body import Body


@dataclass(frozen=True, slots=True)
class By:
    """Who signs, in which role; ``key`` names the party whose key does it, under a mandate."""

    party: str
    role: str
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """A body to record, by whom, in which stream; ``names`` are persons that only the vault knows."""

    at: datetime
    body: Body
    by: tuple[By, ...]
    stream: str
    idem: str
    names: Mapping[str, Person] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A party gets a key in custody, vouched for by ``sponsor``."""

    at: datetime
    party: str
    name: str
    sponsor: By


Step = Act | NewKey


class Ids:
    """Identifiers that repeat with the seed, and sort by the story's time."""

    def __init__(self, seed: int) -> None:
        self._random = Random(f"ids {seed}")  # noqa: S311  a repeatable story, no secret

    def new(self, at: datetime) -> str:
        """Return a UUIDv7 of that time."""
        return uuid7(at, self._random)

    def act(
        self, at: datetime, body: Body, *by: By, stream: str, names: Mapping[str, Person] | None = None
    ) -> Act:
        """Return an act with an ``idem`` of its own."""
        return Act(at=at, body=body, by=by, stream=stream, idem=self.new(at), names=names or {})
