"""Events of what parties are from a day on, and of the status of any entry: confirmed, suspended, ended."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from manifest.body import Body, Day, Id, Mass, Name, Sha256, Short, Text
from manifest.vocabulary import Register, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationChanged(Body):
    """From a day on a party has another name, address or phone, or other roles; what is left out stays."""

    kind: ClassVar[str] = "organisation.changed.v1"
    party: Id
    valid_from: Day
    name: Name | None = None
    roles: Annotated[tuple[Role, ...], Field(min_length=1, max_length=5)] | None = None
    address: Name | None = None
    phone: Short | None = None
    reason: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryConfirmed(Body):
    """An authority confirms what a holder has declared, on a document that it names by hash."""

    kind: ClassVar[str] = "register.confirmed.v1"
    register: Register
    entry: Id
    document_sha256: Sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryEnded(Body):
    """An entry holds to the end of a day and no longer: by notice, withdrawal or revocation."""

    kind: ClassVar[str] = "register.ended.v1"
    register: Register
    entry: Id
    last_day: Day
    reason: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class EntrySuspended(Body):
    """An authority suspends a party's admission or a permit from a day on, until a day or further notice."""

    kind: ClassVar[str] = "register.suspended.v1"
    register: Register
    entry: Id
    valid_from: Day
    valid_to: Day | None = None
    reason: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryResumed(Body):
    """A suspension ends: from this day on the entry holds again."""

    kind: ClassVar[str] = "register.resumed.v1"
    register: Register
    entry: Id
    valid_from: Day
    reason: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleRegistered(Body):
    """A generator's own vehicle for its own waste, followed under an account that the province was given.

    Source: NĐ 08/2022 Điều 69(3). ``payload_g`` is the load that its registration allows.
    """

    kind: ClassVar[str] = "vehicle.registered.v1"
    vehicle: Id
    party: Id
    plate: Short
    gps_account: Short | None = None
    payload_g: Mass | None = None
    valid_from: Day
    valid_to: Day | None = None
    document_sha256: Sha256 | None = None


PARTY_EVENTS: tuple[type[Body], ...] = (
    OrganisationChanged, EntryConfirmed, EntryEnded, EntrySuspended, EntryResumed, VehicleRegistered,
)  # fmt: skip
