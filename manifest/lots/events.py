"""What happens to lots: generation, residues, declassification, batches, treatment where they lie.

A batch («mẻ») is what a facility pours together for interim treatment: parts of manifests' lines, its own
residues, and what came out of earlier batches. What comes out of it is child lots and residues. Masses are
whole grams.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from manifest.body import (
    MOST_G,
    STRICT,
    Body,
    Code,
    Day,
    Id,
    Mass,
    MassOrNothing,
    Methods,
    Short,
    Signed,
    Text,
    Uuid7,
)
from manifest.vocabulary import Basis, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A lot that comes out of a batch."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    lot: Uuid7
    code: Code
    state: State
    mass_g: Mass
    container: Short | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LotMass:
    """Grams of a lot in store."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    lot: Uuid7
    mass_g: Mass


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationDeclared(Signed):
    """A lot of waste came to be at a site; ``generated_on`` starts its storage clock."""

    kind: ClassVar[str] = "generation.declared.v1"
    lot: Uuid7
    site: Id
    code: Code
    state: State
    mass_g: Mass
    generated_on: Day
    basis: Basis = Basis.REGULAR
    container: Short | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningDeclared(Signed):
    """Stock that was there before the ledger began; ``generated_on`` is when it arose, as far as known."""

    kind: ClassVar[str] = "generation.opening_declared.v1"
    lot: Uuid7
    site: Id
    code: Code
    state: State
    mass_g: Mass
    generated_on: Day
    container: Short | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationAdjusted(Signed):
    """A lot turns out larger or smaller while it is still stored, with the reason."""

    kind: ClassVar[str] = "generation.adjusted.v1"
    lot: Uuid7
    delta_g: Annotated[int, Field(ge=-MOST_G, le=MOST_G)]
    reason: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTreated(Signed):
    """A generator treated part of a lot on its own site; it counts only under a permit line."""

    kind: ClassVar[str] = "generation.self_treated.v1"
    lot: Uuid7
    mass_g: Mass
    methods: Methods
    treated_on: Day
    permit: Id | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidueDeclared(Signed):
    """Treatment left waste at a facility, which is its generator (Luật BVMT Điều 85(4)).

    It names the batch or the manifests whose treatment it is left from.
    """

    kind: ClassVar[str] = "generation.residue_declared.v1"
    lot: Uuid7
    site: Id
    code: Code
    state: State
    mass_g: Mass
    generated_on: Day
    batch: Uuid7 | None = None
    manifests: Annotated[tuple[Uuid7, ...], Field(max_length=60)] = ()
    container: Short | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Declassified(Signed):
    """A part of a lot is ordinary waste after all, by a test certificate (Luật BVMT Điều 72(1)(c)).

    ``record`` is the number of the record by which ordinary waste is handed over.
    """

    kind: ClassVar[str] = "generation.declassified.v1"
    lot: Uuid7
    mass_g: Mass
    certificate: Id
    declassified_on: Day
    record: Short | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LotTreated(Signed):
    """A facility treated part of a lot of its own, in store at its site, by a final method."""

    kind: ClassVar[str] = "lot.treated.v1"
    lot: Uuid7
    mass_g: Mass
    methods: Methods
    treated_on: Day
    permit: Id | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCharged(Signed):
    """A facility put lots of its own store into a batch; the first charge opens it."""

    kind: ClassVar[str] = "batch.charged.v1"
    batch: Uuid7
    site: Id
    lots: Annotated[tuple[LotMass, ...], Field(min_length=1, max_length=60)]
    methods: Methods
    charged_on: Day


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchDischarged(Signed):
    """A batch came out: child lots that stand for what went in, and residues; nothing more goes in.

    ``broken_g`` is what came out and can no longer be traced, which only the ``permit`` that it names may
    allow.
    """

    kind: ClassVar[str] = "batch.discharged.v1"
    batch: Uuid7
    discharged_on: Day
    outputs: Annotated[tuple[Output, ...], Field(max_length=60)] = ()
    residues: Annotated[tuple[Output, ...], Field(max_length=60)] = ()
    broken_g: MassOrNothing = 0
    permit: Id | None = None


GENERATION_EVENTS: tuple[type[Body], ...] = (
    GenerationDeclared, OpeningDeclared, GenerationAdjusted, SelfTreated, ResidueDeclared, Declassified,
    LotTreated,
)  # fmt: skip
BATCH_EVENTS: tuple[type[Body], ...] = (BatchCharged, BatchDischarged)
