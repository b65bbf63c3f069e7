"""What the acts of a manifest are made of: its number, lines, lots drawn, packages, carriers.

Masses are whole grams.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from manifest.body import (
    STRICT,
    Code,
    Day,
    Id,
    Issuer,
    LineNumber,
    Mass,
    MassOrNothing,
    Methods,
    Name,
    SeriesNumber,
    Short,
    Text,
    Uuid7,
    Year,
)
from manifest.vocabulary import Packaging, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Grams that a line draws from a lot."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    lot: Uuid7
    mass_g: Mass


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A manifest's number: sequence, year and the issuer's code, printed with slashes."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    sequence: SeriesNumber
    year: Year
    issuer: Issuer

    def __str__(self) -> str:
        return f"{self.sequence}/{self.year}/{self.issuer}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Packages:
    """So many packages of one kind and volume, in millilitres each."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    kind: Packaging
    count: Annotated[int, Field(ge=1, le=100_000)]
    volume_ml: Annotated[int, Field(ge=1, le=100_000_000)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineDeclared:
    """A line as the generator declares it; ``name`` is the waste's name on the form."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    line: LineNumber
    code: Code
    name: Name
    state: State
    mass_g: Mass
    planned_methods: Methods
    lots: Annotated[tuple[Draw, ...], Field(min_length=1, max_length=60)]
    containers: Short | None = None
    packages: Annotated[tuple[Packages, ...], Field(max_length=20)] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierPlanned:
    """Who is to carry: the generator, the facility, or a carry-only permit holder with its approval."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    party: Id
    permit: Id | None = None
    approval: Id | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineWeighed:
    """Net grams of a line as the scale says, with the ticket's number and the scale's own uncertainty."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    line: LineNumber
    net_g: MassOrNothing
    ticket: Short
    uncertainty_g: MassOrNothing = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LineDecided:
    """What the facility takes of a line and what it refuses; together what arrived."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    line: LineNumber
    accepted_g: MassOrNothing
    refused_g: MassOrNothing
    reason: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineTreated:
    """A part of a line that was treated, by an ordered list of methods, on a date.

    A part that was poured into a ``batch`` goes on as what comes out of it.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    line: LineNumber
    mass_g: Mass
    methods: Methods
    treated_on: Day
    batch: Uuid7 | None = None
