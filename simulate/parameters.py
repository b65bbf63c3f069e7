"""The figures that worlds are drawn from, read from `world.toml` and checked."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

Permille = Annotated[int, Field(ge=0, le=1000)]
Factor = Annotated[int, Field(ge=0, le=5000)]
Basis = Annotated[str, Field(pattern="^(published|assumed): ")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Between(_Table):
    """The two ends of what is drawn."""

    least: Factor
    most: Factor


class Delay(_Table):
    """A lognormal delay by its median and its 90th percentile."""

    median: Annotated[int, Field(gt=0)]
    p90: Annotated[int, Field(gt=0)]


class Size(_Table):
    """How many of each there are, and when the world begins."""

    basis: Basis
    generators: int
    facilities: int
    carriers: int
    months: int
    first_day: date


class Zones(_Table):
    """Shares of generators and of tonnes by the kind of place."""

    basis: Basis
    generators_permille: Mapping[str, Permille]
    tonnes_permille: Mapping[str, Permille]


class Sector(_Table):
    """A sector: its tonnes a year in the mix, its codes, and the days between two pick-ups."""

    tonnes: int
    codes: list[str]
    period_days: int


class Seasons(_Table):
    """A month's output in permille of the mean, January first."""

    basis: Basis
    permille: Annotated[list[Factor], Field(min_length=12, max_length=12)]


class Sizes(_Table):
    """How generators of a sector differ in size."""

    basis: Basis
    sigma_permille: int
    least_kg_year: int
    most_kg_year: int


class Delays(_Table):
    """How long each step takes: days, or hours where the name says so."""

    basis: Basis
    storage: Delay
    transit_hours: Delay
    decision_hours: Delay
    treatment: Delay
    completion: Delay
    entry_hours: Delay
    facility_habit_permille: Between


class Scales(_Table):
    """How far scales differ from what was declared."""

    basis: Basis
    typical_permille: Permille
    bias_permille: int
    mistake_permille_of_loads: Permille
    mistake_size_permille: Between


class Fraud(_Table):
    """Who commits it, how many of them, and which part of their waste never reaches treatment."""

    by: Literal["generator", "carrier", "facility"]
    share_permille: Permille
    grams_permille: Between


class HeldOut(_Table):
    """What seeds that nothing was tuned on draw anew, and which seeds these are."""

    basis: Basis
    delay_permille: Between
    magnitude_permille: Between
    mix_permille: Between
    seeds: list[int]
    development_seeds: list[int]


@dataclass(frozen=True, slots=True)
class Parameters:
    """Everything that a world is drawn from; ``sectors``, ``mistakes`` and ``frauds`` by name."""

    version: int
    size: Size
    zones: Zones
    sectors: Mapping[str, Sector]
    seasons: Seasons
    sizes: Sizes
    delays: Delays
    scales: Scales
    mistakes: Mapping[str, Permille]
    frauds: Mapping[str, Fraud]
    held_out: HeldOut

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the parameters of a TOML text; raise ValidationError where a table is not as it must be."""
        tables = tomllib.loads(text)
        size = Size.model_validate(tables["size"])
        sectors, mistakes, frauds = (tables[name] for name in ("sectors", "mistakes", "frauds"))
        for table in (sectors, mistakes, frauds):
            assert str(table.pop("basis")).startswith(("published: ", "assumed: ")), "each says its basis"
        return cls(
            version=tables["version"],
            size=size,
            zones=Zones.model_validate(tables["zones"]),
            sectors={name: Sector.model_validate(one) for name, one in sectors.items()},
            seasons=Seasons.model_validate(tables["seasons"]),
            sizes=Sizes.model_validate(tables["sizes"]),
            delays=Delays.model_validate(tables["delays"]),
            scales=Scales.model_validate(tables["scales"]),
            mistakes=mistakes,
            frauds={name: Fraud.model_validate(one) for name, one in frauds.items()},
            held_out=HeldOut.model_validate(tables["held_out"]),
        )


@cache
def parameters() -> Parameters:
    """Return the parameters as committed."""
    return Parameters.read((resources.files("simulate") / "world.toml").read_text(encoding="utf-8"))
