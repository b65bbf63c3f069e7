"""What a register event may say beside the plain journey, and the lines of the acts of each case.

Masses are whole grams.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from manifest.body import STRICT, Code, Id, LineNumber, Mass, MassOrNothing, Short, Text

# The generator's signature on the register event, which names the second facility, is its written consent.
GENERATOR_SIGNED = "generator_signed"
# Waste as received passes through two facilities at most: what a refusal names as its ground.
ARTICLE = "NĐ 08/2022/NĐ-CP, Điều 72(3), 73(2)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Second:
    """The facility that takes over from the first what that one may not treat (NĐ 08/2022 Điều 73(2)).

    ``linkage`` is the approval, ``consent`` either ``generator_signed`` or the three-party contract.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    party: Id
    site: Id
    permit: Id
    linkage: Id
    consent: Id


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """The export block: where the load goes, through which gates, how, and under which consent.

    ``country`` is the ISO 3166 code of the country that treats it, ``consent_number`` the number of the
    consent, which is registered as a permit of the kind for export.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    entry_gate: Short
    exit_gate: Short
    vehicle: Short
    consent_number: Short


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A household on the list of a manifest: it stays the generator of what is drawn from its site."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    party: Id
    site: Id


@dataclass(frozen=True, slots=True, kw_only=True)
class LineMoved:
    """Grams of a line, as declared, that change vehicles."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    line: LineNumber
    mass_g: Mass


@dataclass(frozen=True, slots=True, kw_only=True)
class LineReceived:
    """A line at the second facility: weighed, and what of it is accepted and refused."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    line: LineNumber
    net_g: MassOrNothing
    ticket: Short
    accepted_g: MassOrNothing
    refused_g: MassOrNothing
    reason: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineDisposed:
    """Grams of a line that a certificate from abroad says were disposed of, and by which method."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    line: LineNumber
    mass_g: Mass
    method: Code
