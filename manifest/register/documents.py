"""Events of papers: permits amended, environmental registrations, contracts, certificates, linkages."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from manifest.body import Body, Code, Day, Id, Name, Sha256, Short
from manifest.register.events import CodeMass, PermitLine


@dataclass(frozen=True, slots=True, kw_only=True)
class PermitAmended(Body):
    """From a day on a permit has other lines or vehicles, whole lists each, or another last day.

    Signed by an authority it is confirmed; signed by its holder it names the amendment by hash.
    """

    kind: ClassVar[str] = "permit.amended.v1"
    permit: Id
    valid_from: Day
    lines: Annotated[tuple[PermitLine, ...], Field(min_length=1, max_length=600)] | None = None
    vehicles: Annotated[tuple[Short, ...], Field(max_length=400)] | None = None
    valid_to: Day | None = None
    document_sha256: Sha256 | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationReceived(Body):
    """A commune received a small producer's environmental registration (Luật BVMT Điều 49).

    Signed by an authority it is confirmed; signed by the producer it names the paper by hash.
    """

    kind: ClassVar[str] = "registration.received.v1"
    registration: Id
    party: Id
    site: Id
    number: Short
    commune: Code | None = None
    valid_from: Day
    valid_to: Day | None = None
    lines: Annotated[tuple[CodeMass, ...], Field(min_length=1, max_length=200)]
    document_sha256: Sha256 | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractMade(Body):
    """A contract for treatment, entered by one of its parties; the others agree to it by acts of their own.

    With ``third`` it is the three-party contract of NĐ 08/2022 Điều 73(2), and ``third`` the second
    facility. No codes or areas: all of them.
    """

    kind: ClassVar[str] = "contract.made.v1"
    contract: Id
    number: Short
    generator: Id
    facility: Id
    third: Id | None = None
    codes: Annotated[tuple[Code, ...], Field(max_length=600)] = ()
    areas: Annotated[tuple[Code, ...], Field(max_length=30)] = ()
    signed_on: Day
    valid_from: Day
    valid_to: Day | None = None
    document_sha256: Sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractAgreed(Body):
    """Another party to a contract says that it is so."""

    kind: ClassVar[str] = "contract.agreed.v1"
    contract: Id


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateIssued(Body):
    """A laboratory tested a waste that is hazardous above a threshold only: a source, process and code.

    Source: Luật BVMT Điều 72(1)(c). Below the threshold the source's waste is ordinary while this is valid.
    """

    kind: ClassVar[str] = "certificate.issued.v1"
    certificate: Id
    party: Id
    site: Id
    code: Code
    process: Name
    number: Short
    laboratory: Name
    laboratory_number: Short | None = None
    sampled_on: Day
    valid_from: Day
    valid_to: Day | None = None
    below_threshold: bool
    document_sha256: Sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkageApproved(Body):
    """The permit authority approves that one facility passes waste of these codes on to another.

    Source: NĐ 08/2022 Điều 73. ``contract`` is the three-party contract where there is one; without it each
    consignment needs the generator's own consent.
    """

    kind: ClassVar[str] = "linkage.approved.v1"
    linkage: Id
    first: Id
    second: Id
    number: Short
    codes: Annotated[tuple[Code, ...], Field(min_length=1, max_length=600)]
    contract: Id | None = None
    valid_from: Day
    valid_to: Day | None = None
    document_sha256: Sha256 | None = None


DOCUMENT_EVENTS: tuple[type[Body], ...] = (
    PermitAmended, RegistrationReceived, ContractMade, ContractAgreed, CertificateIssued, LinkageApproved,
)  # fmt: skip
