"""Read tables of register entries as they stand now: parties, sites, permits, mandates, plans, limits.

What holds of them from a day to a day is `views` of this package. `seq` is the entry that wrote the row last.
"""

from sqlalchemy import CheckConstraint, Index
from sqlmodel import SQLModel

from manifest import tables as t


class OrganisationView(SQLModel, table=True):
    """A party; it acts once it is admitted."""

    __tablename__ = "organisation"
    __table_args__ = t.of_log()
    log: int = t.log()
    party: str = t.key()
    name: str = t.text(300)
    roles: str = t.text(200)
    identifier_kind: str = t.text(20)
    identifier: str | None = t.text(60, null=True)
    address: str = t.text(300)
    phone: str | None = t.text(60, null=True)
    admitted: bool = t.flag()
    confirmed: bool = t.flag()
    dated: bool = t.flag()  # something of it holds for a time only: its versions and suspensions are read
    seq: int = t.whole()


class IdentifierView(SQLModel, table=True):
    """Which party has a tax code: no code stands for two."""

    __tablename__ = "organisation_identifier"
    __table_args__ = t.of_log()
    log: int = t.log()
    identifier: str = t.key(60)
    party: str = t.text()


class SiteView(SQLModel, table=True):
    """A place of a party, with its unit on either map and its zone."""

    __tablename__ = "site"
    __table_args__ = t.of_log(Index("site_party", "log", "party"))
    log: int = t.log()
    site: str = t.key()
    party: str = t.text()
    name: str = t.text(300)
    site_kind: str = t.text(20)
    zone_kind: str = t.text(30)
    zone: str | None = t.text(100, null=True)
    district: str | None = t.text(12, null=True)
    commune: str | None = t.text(12, null=True)
    province: str = t.text(300)
    address: str = t.text(300)
    phone: str | None = t.text(60, null=True)
    code: str | None = t.text(60, null=True)
    confirmed: bool = t.flag()
    seq: int = t.whole()


class PermitView(SQLModel, table=True):
    """A permit; ``confirmed`` when an authority signed it, else the holder's own word."""

    __tablename__ = "permit"
    __table_args__ = t.of_log(Index("permit_party", "log", "party"))
    log: int = t.log()
    permit: str = t.key()
    party: str = t.text()
    permit_kind: str = t.text(20)
    number: str = t.text(60)
    valid_from: t.Day = t.day()
    valid_to: t.Day = t.day()
    confirmed: bool = t.flag()
    dated: bool = t.flag()  # it was amended or suspended
    traceability_break: bool = t.flag()
    seq: int = t.whole()


class PermitLineView(SQLModel, table=True):
    """What a permit allows for a code from a day on; ``methods`` are separated by commas."""

    __tablename__ = "permit_line"
    __table_args__ = t.of_log()
    log: int = t.log()
    permit: str = t.key()
    code: str = t.key(12)
    valid_from: t.Day = t.day_key()
    valid_to: t.Day | None = t.day(null=True)
    methods: str = t.text(120)
    mass_g_year: int = t.whole()
    confirmed: bool = t.flag()


class PermitVehicleView(SQLModel, table=True):
    """A vehicle that a permit names from a day on."""

    __tablename__ = "permit_vehicle"
    __table_args__ = t.of_log()
    log: int = t.log()
    permit: str = t.key()
    plate: str = t.key(60)
    valid_from: t.Day = t.day_key()
    valid_to: t.Day | None = t.day(null=True)
    confirmed: bool = t.flag()


class PermitUseView(SQLModel, table=True):
    """Grams accepted, exported or treated on the own site under a code of a permit in a year."""

    __tablename__ = "permit_use"
    __table_args__ = t.of_log(CheckConstraint("accepted_g >= 0", name="permit_use_not_negative"))
    log: int = t.log()
    permit: str = t.key()
    code: str = t.key(12)
    year: int = t.number_key()
    accepted_g: int = t.whole()


class ApprovalView(SQLModel, table=True):
    """A linkage by which one permit holder carries for another."""

    __tablename__ = "approval"
    __table_args__ = t.of_log()
    log: int = t.log()
    approval: str = t.key()
    carrier: str = t.text()
    facility: str = t.text()
    number: str = t.text(60)
    valid_from: t.Day = t.day()
    valid_to: t.Day = t.day()
    confirmed: bool = t.flag()
    seq: int = t.whole()


class MandateView(SQLModel, table=True):
    """Who may sign for whom, in which role, from when to when; ``manifest`` when it is for that one alone."""

    __tablename__ = "mandate"
    __table_args__ = t.of_log(Index("mandate_pair", "log", "principal", "agent"))
    log: int = t.log()
    mandate: str = t.key()
    principal: str = t.text()
    agent: str = t.text()
    role: str = t.text(40)
    valid_from: t.Day = t.day()
    valid_to: t.Day = t.day()
    manifest: str | None = t.text(36, null=True)
    revoked: bool = t.flag()
    confirmed: bool = t.flag()
    seq: int = t.whole()


class NumberBlockView(SQLModel, table=True):
    """A block of manifest numbers and who may use it."""

    __tablename__ = "number_block"
    __table_args__ = t.of_log(Index("number_block_series", "log", "issuer", "year"))
    log: int = t.log()
    block: str = t.key()
    party: str = t.text()
    issuer: str = t.text(40)
    year: int = t.small()
    first: int = t.small()
    last: int = t.small()
    seq: int = t.whole()


class PlanLineView(SQLModel, table=True):
    """Grams of a code that a site expects to generate in a year."""

    __tablename__ = "plan_line"
    __table_args__ = t.of_log()
    log: int = t.log()
    site: str = t.key()
    year: int = t.number_key()
    code: str = t.key(12)
    mass_g: int = t.whole()
    plan: str = t.text()
    party: str = t.text()
    confirmed: bool = t.flag()
    seq: int = t.whole()


class RuleView(SQLModel, table=True):
    """A limit that two operators set for a period."""

    __tablename__ = "rule_set"
    __table_args__ = t.of_log()
    log: int = t.log()
    rule: str = t.key(60)
    valid_from: t.Day = t.day()
    valid_to: t.Day | None = t.day(null=True)
    value: int = t.whole()
    unit: str = t.text(60)
    source: str = t.text(300)
    confirmed: bool = t.flag()
    verified_by: str | None = t.text(300, null=True)
    verified_on: t.Day | None = t.day(null=True)
    seq: int = t.number_key()


class EditionView(SQLModel, table=True):
    """An adopted edition of the reference data."""

    __tablename__ = "edition"
    __table_args__ = t.of_log()
    log: int = t.log()
    seq: int = t.number_key()
    name: str = t.text(60)
    sha256: str = t.text(64)


VIEWS: tuple[type[SQLModel], ...] = (
    OrganisationView, IdentifierView, SiteView, PermitView, PermitLineView, PermitVehicleView, PermitUseView,
    ApprovalView, MandateView, NumberBlockView, PlanLineView, RuleView, EditionView,
)  # fmt: skip
