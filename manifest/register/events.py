"""Events of the registers: who is who, where, and what is permitted."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from manifest.body import (
    STRICT,
    Body,
    Code,
    Day,
    Id,
    Issuer,
    Latitude,
    Longitude,
    Mass,
    Name,
    SeriesNumber,
    Sha256,
    Short,
    Text,
    Uuid7,
    Year,
)
from manifest.vocabulary import IdentifierKind, PermitKind, Role, SiteKind, ZoneKind


@dataclass(frozen=True, slots=True, kw_only=True)
class PermitLine:
    """What a permit allows for one code: methods, and at most so many grams a year."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    code: Code
    methods: Annotated[tuple[Code, ...], Field(max_length=20)] = ()
    mass_g_year: Mass


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeMass:
    """Grams of one code."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    code: Code
    mass_g: Mass


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationRegistered(Body):
    """A party enters the register with its roles and identifier; ``area`` is the unit's code of that day."""

    kind: ClassVar[str] = "organisation.registered.v1"
    party: Id
    name: Name
    roles: Annotated[tuple[Role, ...], Field(min_length=1, max_length=5)]
    identifier_kind: IdentifierKind
    identifier: Short | None = None
    reason: Text | None = None
    address: Name
    phone: Short | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationAdmitted(Body):
    """The authority or the operator lets a registered party act."""

    kind: ClassVar[str] = "organisation.admitted.v1"
    party: Id


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRegistered(Body):
    """A place of a party: where it lies on either map, and in which zone.

    ``district`` is the unit's code valid to 30/06/2025, ``commune`` the one from 01/07/2025. ``code`` is the
    number under which the form names the site (mã số QLCTNH or permit number). ``old_commune`` is the unit
    below the district; where it was split only coordinates tell the new one.
    """

    kind: ClassVar[str] = "site.registered.v1"
    site: Id
    party: Id
    name: Name
    site_kind: SiteKind
    zone_kind: ZoneKind
    zone: Id | None = None
    district: Code | None = None
    commune: Code | None = None
    province: Name
    address: Name
    phone: Short | None = None
    code: Short | None = None
    latitude_e6: Latitude | None = None
    longitude_e6: Longitude | None = None
    old_commune: Code | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PermitGranted(Body):
    """A permit: what, how much a year, in which vehicles, from when to when.

    Signed by an authority it is confirmed; signed by its holder it is the holder's word («tự khai») and
    names the document by its hash. ``traceability_break`` lets the holder mix waste beyond tracing.
    """

    kind: ClassVar[str] = "permit.granted.v1"
    permit: Id
    party: Id
    permit_kind: PermitKind
    number: Short
    valid_from: Day
    valid_to: Day
    lines: Annotated[tuple[PermitLine, ...], Field(min_length=1, max_length=600)]
    vehicles: Annotated[tuple[Short, ...], Field(max_length=400)] = ()
    document_sha256: Sha256 | None = None
    traceability_break: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalGranted(Body):
    """An authority approves that one permit holder carries for another (NĐ 08/2022 Điều 73(1))."""

    kind: ClassVar[str] = "approval.granted.v1"
    approval: Id
    carrier: Id
    facility: Id
    number: Short
    valid_from: Day
    valid_to: Day
    document_sha256: Sha256 | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MandateGranted(Body):
    """A party lets another sign for it in a role, for a time; with ``manifest`` for that one alone."""

    kind: ClassVar[str] = "mandate.granted.v1"
    mandate: Id
    principal: Id
    agent: Id
    role: Role
    valid_from: Day
    valid_to: Day
    manifest: Uuid7 | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MandateRevoked(Body):
    """The mandate ends with this act."""

    kind: ClassVar[str] = "mandate.revoked.v1"
    mandate: Id


@dataclass(frozen=True, slots=True, kw_only=True)
class NumbersAllocated(Body):
    """A block of manifest numbers of an issuer's series for a party to use."""

    kind: ClassVar[str] = "numbers.allocated.v1"
    block: Id
    party: Id
    issuer: Issuer
    year: Year
    first: SeriesNumber
    last: SeriesNumber


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanDeclared(Body):
    """What a site expects to generate in a year, as its permit or registration states it."""

    kind: ClassVar[str] = "plan.declared.v1"
    plan: Id
    site: Id
    year: Year
    lines: Annotated[tuple[CodeMass, ...], Field(min_length=1, max_length=200)]


REGISTER_EVENTS: tuple[type[Body], ...] = (
    OrganisationRegistered, OrganisationAdmitted, SiteRegistered, PermitGranted, ApprovalGranted,
    MandateGranted, MandateRevoked, NumbersAllocated, PlanDeclared,
)  # fmt: skip
