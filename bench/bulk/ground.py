"""The ground of a bulk load: a deployment whose cast stands in the registers several times over.

Every entry here is judged by the real service. The demo's parties act; their doubles, with the same sites,
permits and linkages under names of their own, only stand in the registers and wait for what is stamped.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from operator import attrgetter
from pathlib import Path
from random import Random
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519

from api.demo.clock import FIRST_DAY, StoryClock, moment
from api.demo.place import demo_settings
from api.demo.roster import DEPARTMENT, FACILITIES, PARK_BOARD
from api.demo.script import write
from api.demo.steps import Act, By, Ids, NewKey, Step
from api.home import OPERATOR, ROOTS, Home, make_home, open_home
from api.recorder import Signing, record
from api.settings import Settings
from bench.bulk.cases import LINKED, cases, linkage_of
from ledger.format.keys import key_fields
from ledger.format.signature import KeySigner
from manifest.body import Body
from manifest.events import read_body
from manifest.register import events as r
from manifest.register.log import KeyRegistered
from manifest.text import tax_code_of
from manifest.vocabulary import Role

_LAG = timedelta(seconds=4)
_LAST_YEAR = 2040
_FOR_LONG = date(_LAST_YEAR, 12, 31)
_NUMBERS = 999_999
_YEARLY_G = 10**12
_SERIALS_FROM = 100_000_000
_NOT_DOUBLED = frozenset({DEPARTMENT, PARK_BOARD, OPERATOR})
# What of a register entry holds for a time only, and has to hold for as long as is loaded.
_DATED = r.PermitGranted | r.ApprovalGranted | r.MandateGranted


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeOf:
    """What journeys are taken from: the demo's story at a scale, so many of each case beside it.

    ``doubles`` is how often the cast stands in the registers beside itself.
    """

    scale: float = 1.0
    each: int = 3
    doubles: int = 5


@dataclass(frozen=True, slots=True)
class Ground:
    """An open deployment, its clock, and for each double of the cast its names: id in the story → id here."""

    home: Home
    clock: StoryClock
    seed: int
    casts: tuple[Mapping[str, str], ...]

    def secret_of(self, party: str) -> bytes:
        """Return the 32 bytes that a party's Ed25519 key is made of."""
        return secret_of(self.seed, party)


def secret_of(seed: int, party: str) -> bytes:
    """Return the 32 bytes that a party's Ed25519 key is made of: the same ones for the same seed."""
    return hashlib.sha256(f"bulk {seed} {party}".encode()).digest()


def lay(folder: Path, place: str, *, seed: int, made_of: MadeOf) -> Ground:
    """Make a deployment in an empty folder and play the story into it.

    ``place`` is the database's URL or file.
    """
    clock = StoryClock()
    home = make_home(_settings(folder, place), clock)
    steps, casts = _script(seed, made_of)
    player = _Player(home, clock, seed)
    for step in steps:
        player.play(step)
    return Ground(home, clock, seed, casts)


def stand_on(folder: Path, place: str, now: datetime, *, seed: int, made_of: MadeOf) -> Ground:
    """Return a ground that was laid before with the same numbers, opened at a time after its last entry."""
    clock = StoryClock(now)
    _, casts = _script(seed, made_of)
    return Ground(open_home(_settings(folder, place), clock), clock, seed, casts)


def _settings(folder: Path, place: str) -> Settings:
    return demo_settings(folder).model_copy(update={"database_url": place})


def _script(seed: int, made_of: MadeOf) -> tuple[list[Step], tuple[dict[str, str], ...]]:
    """Return the steps of everybody in their order, and the names of each double of the cast."""
    steps = sorted(
        [*_eased(write(seed, made_of.scale).steps, Ids(seed + 1)), *cases(seed, made_of.each)],
        key=attrgetter("at"),
    )
    entered = [step for step in steps if step.at < moment(FIRST_DAY, 0)]
    casts = tuple(_names(entered, double) for double in range(made_of.doubles + 1))
    serials = _serials()
    ids = Ids(seed + 2)
    for cast in casts[1:]:
        steps += [_doubled(step, cast, ids, serials) for step in entered if _is_doubled(step)]
    return sorted(steps, key=attrgetter("at")), casts


def _eased(steps: Iterable[Step], ids: Ids) -> Iterator[Step]:
    """Yield the story's steps with permits, numbers and mandates wide and long enough for many years."""
    linked = False
    for step in steps:
        if not isinstance(step, Act):
            yield step
            continue
        body = step.body
        if isinstance(body, _DATED):
            body = replace(body, valid_to=_FOR_LONG)
        if isinstance(body, r.PermitGranted):
            body = replace(body, lines=tuple(replace(one, mass_g_year=_YEARLY_G) for one in body.lines))
        if isinstance(body, r.NumbersAllocated):
            body = replace(body, last=_NUMBERS)
        yield replace(step, body=body)
        if isinstance(body, r.NumbersAllocated):
            for block in _later_years(body):
                yield ids.act(step.at, block, *step.by, stream=block.block)
        if not linked and isinstance(body, r.PermitGranted) and body.party == LINKED.party:
            linked = True
            linkage = linkage_of(_FOR_LONG)
            yield ids.act(step.at, linkage, By(DEPARTMENT, Role.AUTHORITY), stream=linkage.linkage)


def _later_years(body: r.NumbersAllocated) -> Iterator[r.NumbersAllocated]:
    """Yield the blocks of the years beyond those of the story, once, with the last of these."""
    if body.year == max(2028, FIRST_DAY.year):
        for year in range(body.year + 1, _LAST_YEAR + 1):
            yield replace(body, block=body.block.replace(str(body.year), str(year)), year=year)


def _is_doubled(step: Step) -> bool:
    return (step.party if isinstance(step, NewKey) else step.stream) not in _NOT_DOUBLED


def _names(entered: Iterable[Step], double: int) -> dict[str, str]:
    """Return the names of a double of the cast; the first one has the story's own."""
    own = {step.party if isinstance(step, NewKey) else step.stream for step in entered} - _NOT_DOUBLED
    issuers = {facility.issuer for facility in FACILITIES}
    if double == 0:
        return {name: name for name in sorted(own | issuers)}
    return {name: f"{name}.{double}" for name in sorted(own)} | {one: f"{one}-{double}" for one in issuers}


def _serials() -> Iterator[str]:
    random = Random(0)  # noqa: S311  invented tax codes, no secret
    taken: set[str] = set()
    while True:
        code = tax_code_of(random.randrange(_SERIALS_FROM, 9 * _SERIALS_FROM))
        if code is not None and code not in taken:
            taken.add(code)
            yield code


def _doubled(step: Step, cast: Mapping[str, str], ids: Ids, serials: Iterator[str]) -> Step:
    """Return a step of the registers as a double of whoever is entered takes it."""
    if isinstance(step, NewKey):
        return replace(step, party=cast[step.party], sponsor=_by(step.sponsor, cast))
    fields = _renamed(step.body.write(), cast)
    if isinstance(step.body, r.OrganisationRegistered) and fields.get("identifier") is not None:
        fields["identifier"] = next(serials)
    body = read_body(step.body.kind, fields)
    by = [_by(one, cast) for one in step.by]
    return ids.act(step.at, body, *by, stream=cast[step.stream])


def _by(by: By, cast: Mapping[str, str]) -> By:
    key = None if by.key is None else cast.get(by.key, by.key)
    return By(cast.get(by.party, by.party), by.role, key)


def _renamed(value: Any, cast: Mapping[str, str]) -> Any:
    match value:
        case str():
            return cast.get(value, value)
        case Mapping():
            return {name: _renamed(item, cast) for name, item in value.items()}
        case list() | tuple():
            return [_renamed(item, cast) for item in value]
    return value


class _Player:
    """Holds everybody's device key and records step after step."""

    def __init__(self, home: Home, clock: StoryClock, seed: int) -> None:
        self._home = home
        self._clock = clock
        self._seed = seed
        self._root = home.root(ROOTS[0]).signer

    def play(self, step: Step) -> None:
        """Record one step at its time."""
        if isinstance(step, NewKey):
            signer = self._signer(step.party)
            assert isinstance(signer, KeySigner)
            key = key_fields(signer.public_key, party=step.party, custody="device")
            holder = Signing(step.party, Role.HOLDER, signer)
            self._record(
                KeyRegistered(key=key), [holder, self._signing(step.sponsor)], step, f"key:{signer.kid}"
            )
        else:
            self._record(step.body, [self._signing(by) for by in step.by], step, step.stream)

    def _record(self, body: Body, signings: list[Signing], step: Step, stream: str) -> None:
        names = step.names if isinstance(step, Act) else {}
        record(
            self._home.ledger,
            body,
            signings,
            stream=stream,
            occurred_at=step.at,
            now=self._clock.advance(step.at + _LAG),
            secrets={name: person.secret() for name, person in names.items()},
        )

    def _signing(self, by: By) -> Signing:
        return Signing(by.party, by.role, self._signer(by.key or by.party))

    def _signer(self, party: str) -> Any:
        if party == OPERATOR:
            return self._root
        return KeySigner(ed25519.Ed25519PrivateKey.from_private_bytes(secret_of(self._seed, party)))
