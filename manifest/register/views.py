"""Read tables of the registers that are dated row by row: versions, facts, documents, confirmations.

A row with ``valid_to`` empty holds until further notice. ``confirmed`` tells the word of an authority from
the holder's own («tự khai»); who confirmed it, when and on which document stands in `confirmation`.
"""

from sqlalchemy import Index
from sqlmodel import SQLModel

from ledger.storage.store import table_of
from manifest import tables as t


class OrganisationVersionView(SQLModel, table=True):
    """How a party was called and reached, and its roles, from a day on."""

    __tablename__ = "organisation_version"
    __table_args__ = t.of_log()
    log: int = t.log()
    party: str = t.key()
    valid_from: t.Day = t.day_key()
    valid_to: t.Day | None = t.day(null=True)
    name: str = t.text(300)
    roles: str = t.text(200)
    address: str = t.text(300)
    phone: str | None = t.text(60, null=True)
    seq: int = t.whole()


class SuspensionView(SQLModel, table=True):
    """A time in which an entry does not hold, such as a permit or an admission that is suspended."""

    __tablename__ = "suspension"
    __table_args__ = t.of_log()
    log: int = t.log()
    kept_in: str = t.key(20)
    entry: str = t.key()
    valid_from: t.Day = t.day_key()
    valid_to: t.Day | None = t.day(null=True)
    reason: str = t.text(1000)
    seq: int = t.whole()


class ConfirmationView(SQLModel, table=True):
    """Which authority has confirmed an entry last, when, and on which document."""

    __tablename__ = "confirmation"
    __table_args__ = t.of_log()
    log: int = t.log()
    kept_in: str = t.key(20)
    entry: str = t.key()
    authority: str = t.text()
    confirmed_on: t.Day = t.day()
    document_sha256: str | None = t.text(64, null=True)
    seq: int = t.whole()


class PlacementView(SQLModel, table=True):
    """Where a site lies from a day on; ``undetermined``: its commune was split, and nobody measured."""

    __tablename__ = "site_placement"
    __table_args__ = t.of_log()
    log: int = t.log()
    site: str = t.key()
    valid_from: t.Day = t.day_key()
    valid_to: t.Day | None = t.day(null=True)
    zone_kind: str = t.text(30)
    zone: str | None = t.text(100, null=True)
    district: str | None = t.text(12, null=True)
    commune: str | None = t.text(12, null=True)
    old_commune: str | None = t.text(12, null=True)
    undetermined: bool = t.flag()
    latitude_e6: int | None = t.whole(null=True)
    longitude_e6: int | None = t.whole(null=True)
    seq: int = t.whole()


class ZoneView(SQLModel, table=True):
    """A zone that an authority or the operator has entered, beside those of the reference data."""

    __tablename__ = "zone"
    __table_args__ = t.of_log()
    log: int = t.log()
    zone: str = t.key()
    name: str = t.text(300)
    zone_kind: str = t.text(30)
    district: str | None = t.text(12, null=True)
    communes: str = t.text(400)
    confirmed: bool = t.flag()
    seq: int = t.whole()


class ZoneFactView(SQLModel, table=True):
    """A fact of a zone from a day on: status, wastewater station, title, who reports it, if it counts."""

    __tablename__ = "zone_fact"
    __table_args__ = t.of_log()
    log: int = t.log()
    zone: str = t.key()
    fact: str = t.key(30)
    valid_from: t.Day = t.day_key()
    valid_to: t.Day | None = t.day(null=True)
    value: str = t.text(100)
    decision: str | None = t.text(60, null=True)
    document_sha256: str | None = t.text(64, null=True)
    confirmed: bool = t.flag()
    seq: int = t.whole()


class ZoneAssessmentView(SQLModel, table=True):
    """What an assessment of a craft village found, by which instrument, on which day."""

    __tablename__ = "zone_assessment"
    __table_args__ = t.of_log(Index("zone_assessment_zone", "log", "zone"))
    log: int = t.log()
    assessment: str = t.key()
    zone: str = t.text()
    instrument: str = t.text(300)
    assessed_on: t.Day = t.day()
    verdict: str = t.text(30)
    decision: str | None = t.text(60, null=True)
    document_sha256: str = t.text(64)
    seq: int = t.whole()


class CollectionPointView(SQLModel, table=True):
    """A place where small producers bring their waste; a generator only where a decision says so."""

    __tablename__ = "collection_point"
    __table_args__ = t.of_log()
    log: int = t.log()
    point: str = t.key()
    name: str = t.text(300)
    site: str = t.text()
    zone: str | None = t.text(100, null=True)
    operator: str | None = t.text(100, null=True)
    generator_decision: str | None = t.text(60, null=True)
    valid_from: t.Day = t.day()
    valid_to: t.Day | None = t.day(null=True)
    document_sha256: str | None = t.text(64, null=True)
    confirmed: bool = t.flag()
    seq: int = t.whole()


class TreatmentLineView(SQLModel, table=True):
    """A treatment line of a facility from a day on: methods, states and what it can do in a day."""

    __tablename__ = "treatment_line"
    __table_args__ = t.of_log(Index("treatment_line_site", "log", "site"))
    log: int = t.log()
    treatment_line: str = t.key()
    valid_from: t.Day = t.day_key()
    valid_to: t.Day | None = t.day(null=True)
    party: str = t.text()
    site: str = t.text()
    name: str = t.text(300)
    methods: str = t.text(120)
    states: str = t.text(40)
    mass_g_day: int = t.whole()
    document_sha256: str | None = t.text(64, null=True)
    confirmed: bool = t.flag()
    seq: int = t.whole()


class VehicleView(SQLModel, table=True):
    """A vehicle that a generator owns, with the account under which the province follows it."""

    __tablename__ = "generator_vehicle"
    __table_args__ = t.of_log(Index("generator_vehicle_party", "log", "party"))
    log: int = t.log()
    vehicle: str = t.key()
    party: str = t.text()
    plate: str = t.text(60)
    gps_account: str | None = t.text(60, null=True)
    payload_g: int | None = t.whole(null=True)
    valid_from: t.Day = t.day()
    valid_to: t.Day | None = t.day(null=True)
    document_sha256: str | None = t.text(64, null=True)
    confirmed: bool = t.flag()
    seq: int = t.whole()


class RegistrationView(SQLModel, table=True):
    """An environmental registration that a commune received from a small producer."""

    __tablename__ = "registration"
    __table_args__ = t.of_log(Index("registration_party", "log", "party"))
    log: int = t.log()
    registration: str = t.key()
    party: str = t.text()
    site: str = t.text()
    number: str = t.text(60)
    commune: str | None = t.text(12, null=True)
    valid_from: t.Day = t.day()
    valid_to: t.Day | None = t.day(null=True)
    document_sha256: str | None = t.text(64, null=True)
    confirmed: bool = t.flag()
    seq: int = t.whole()


class RegistrationLineView(SQLModel, table=True):
    """Grams of a code a year that a registration states."""

    __tablename__ = "registration_line"
    __table_args__ = t.of_log()
    log: int = t.log()
    registration: str = t.key()
    code: str = t.key(12)
    mass_g_year: int = t.whole()


class ContractView(SQLModel, table=True):
    """A contract between a generator and a facility, or with a second facility as the third party.

    ``codes`` and ``areas`` are separated by commas; none means all. The flags tell who has signed it here.
    """

    __tablename__ = "contract"
    __table_args__ = t.of_log(Index("contract_pair", "log", "generator", "facility"))
    log: int = t.log()
    contract: str = t.key()
    number: str = t.text(60)
    generator: str = t.text()
    facility: str = t.text()
    third: str | None = t.text(100, null=True)
    codes: str = t.text(6000)
    areas: str = t.text(400)
    signed_on: t.Day = t.day()
    valid_from: t.Day = t.day()
    valid_to: t.Day | None = t.day(null=True)
    document_sha256: str = t.text(64)
    agreed_generator: bool = t.flag()
    agreed_facility: bool = t.flag()
    agreed_third: bool = t.flag()
    confirmed: bool = t.flag()
    seq: int = t.whole()


class CertificateView(SQLModel, table=True):
    """A laboratory's finding on a waste that has to be tested: of a site, a process and a code."""

    __tablename__ = "certificate"
    __table_args__ = t.of_log(Index("certificate_source", "log", "party", "site", "code"))
    log: int = t.log()
    certificate: str = t.key()
    party: str = t.text()
    site: str = t.text()
    code: str = t.text(12)
    process: str = t.text(300)
    number: str = t.text(60)
    laboratory: str = t.text(300)
    laboratory_number: str | None = t.text(60, null=True)
    sampled_on: t.Day = t.day()
    valid_from: t.Day = t.day()
    valid_to: t.Day | None = t.day(null=True)
    below_threshold: bool = t.flag()
    document_sha256: str = t.text(64)
    confirmed: bool = t.flag()
    seq: int = t.whole()


class LinkageView(SQLModel, table=True):
    """That one facility may pass waste on to another; ``codes`` are separated by commas."""

    __tablename__ = "linkage"
    __table_args__ = t.of_log()
    log: int = t.log()
    linkage: str = t.key()
    first: str = t.text()
    second: str = t.text()
    number: str = t.text(60)
    codes: str = t.text(6000)
    contract: str | None = t.text(100, null=True)
    valid_from: t.Day = t.day()
    valid_to: t.Day | None = t.day(null=True)
    document_sha256: str | None = t.text(64, null=True)
    confirmed: bool = t.flag()
    seq: int = t.whole()


VIEWS: tuple[type[SQLModel], ...] = (
    OrganisationVersionView, SuspensionView, ConfirmationView, PlacementView, ZoneView, ZoneFactView,
    ZoneAssessmentView, CollectionPointView, TreatmentLineView, VehicleView, RegistrationView,
    RegistrationLineView, ContractView, CertificateView, LinkageView,
)  # fmt: skip
(
    ORGANISATION_VERSION, SUSPENSION, CONFIRMATION, PLACEMENT, ZONE, ZONE_FACT, ZONE_ASSESSMENT,
    COLLECTION_POINT, TREATMENT_LINE, VEHICLE, REGISTRATION, REGISTRATION_LINE, CONTRACT, CERTIFICATE,
    LINKAGE,
) = (table_of(view) for view in VIEWS)  # fmt: skip
