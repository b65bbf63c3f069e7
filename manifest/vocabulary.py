"""The field's words as types: enumerations, and names for the numbers and identifiers in the rules."""

from calendar import monthrange
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, timedelta, timezone
from enum import StrEnum
from typing import NewType

Grams = NewType("Grams", int)
PartyId = NewType("PartyId", str)
SiteId = NewType("SiteId", str)
LotId = NewType("LotId", str)
ManifestId = NewType("ManifestId", str)

# Viet Nam keeps no summer time and has kept UTC+7 since 1975; the zone is written out so that no machine's
# time zone data can move the day on which an act falls.
VIETNAM = timezone(timedelta(hours=7))


def local_date(moment: datetime) -> date:
    """Return the calendar date in Viet Nam of an aware time: the date that deadlines and quarters count."""
    return moment.astimezone(VIETNAM).date()


def local_noon(day: date) -> datetime:
    """Return noon of a calendar date in Viet Nam, in UTC."""
    return datetime(day.year, day.month, day.day, 12, tzinfo=VIETNAM).astimezone(UTC)


def months_later(day: date, months: int) -> date | None:
    """Return the same day of a later month, or that month's last day; None beyond the calendar's end."""
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    if not MINYEAR <= year <= MAXYEAR:
        return None
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def quarter(day: date) -> str:
    """Return the quarter of a date, such as 2025-Q2."""
    return f"{day.year}-Q{(day.month + 2) // 3}"


class Role(StrEnum):
    """In which capacity a party acts."""

    OPERATOR = "operator"
    AUTHORITY = "authority"
    GENERATOR = "generator"
    TRANSPORTER = "transporter"
    TREATMENT_FACILITY = "treatment_facility"
    SERVICE = "service"
    HOLDER = "holder"


class State(StrEnum):
    """Physical state as the form has it: rắn, lỏng, bùn."""

    SOLID = "solid"
    LIQUID = "liquid"
    SLUDGE = "sludge"


class ZoneKind(StrEnum):
    """Kind of place that plan 307 counts by (`domain` decision C22)."""

    PARK = "park"
    CLUSTER = "cluster"
    CRAFT_VILLAGE_CLUSTER = "craft_village_cluster"
    CRAFT_VILLAGE = "craft_village"
    HIGH_TECH_PARK = "high_tech_park"
    OUTSIDE = "outside"


class SiteKind(StrEnum):
    """What happens at a site."""

    FACTORY = "factory"
    WORKSHOP = "workshop"
    HOSPITAL = "hospital"
    TREATMENT = "treatment"
    DEPOT = "depot"
    OFFICE = "office"


class PermitKind(StrEnum):
    """What a permit allows: to treat and carry, only to carry, or the generator's own operation."""

    TREATMENT = "treatment"
    CARRIAGE = "carriage"
    ENVIRONMENTAL = "environmental"


class IdentifierKind(StrEnum):
    """How a party is known to the tax office, or why it is not."""

    TAX_CODE = "tax_code"
    BRANCH_CODE = "branch_code"
    VAULTED = "vaulted"
    NONE = "none"


class VehicleKind(StrEnum):
    """Means of carriage; rail and water need a report to the permit authority (NĐ 08/2022 Điều 69(5))."""

    ROAD = "road"
    RAIL = "rail"
    WATER = "water"


class Status(StrEnum):
    """Where a manifest is."""

    NEW = "new"
    REGISTERED = "registered"
    IN_TRANSIT = "in_transit"
    ARRIVED = "arrived"
    WEIGHED = "weighed"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    RETURNED = "returned"
    IN_TREATMENT = "in_treatment"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class Account(StrEnum):
    """Where grams are. The first three are sources, whose balance is what came out of them, negative."""

    GENERATED = "generated"
    GENERATED_SECONDARY = "generated_secondary"
    OPENING = "opening"
    STORED = "stored"
    IN_TRANSIT = "in_transit"
    AT_FACILITY = "at_facility"
    INTERIM = "interim"
    TREATED_SERVICE = "treated_service"
    SELF_TREATED = "self_treated"
    EXPORTED = "exported"
    DECLASSIFIED = "declassified"
    TRACEABILITY_BREAK = "traceability_break"
    UNEXPLAINED = "unexplained"


SOURCES = (Account.GENERATED, Account.GENERATED_SECONDARY, Account.OPENING)
PLACES = tuple(account for account in Account if account not in SOURCES)


class Reason(StrEnum):
    """Why grams moved, as an inspector would ask."""

    DECLARED = "declared"
    OPENING = "opening"
    ADJUSTED = "adjusted"
    SELF_TREATED = "self_treated"
    SELF_TREATED_WITHOUT_BASIS = "self_treated_without_basis"
    HANDED_OVER = "handed_over"
    RESTATED = "restated"
    DIFFERENCE = "difference"
    ACCEPTED = "accepted"
    RETURNED = "returned"
    TREATED = "treated"
    TREATED_WITHOUT_BASIS = "treated_without_basis"
    INTERIM = "interim"
    RESOLVED = "resolved"
    REVERSED = "reversed"


class LotKind(StrEnum):
    """Primary waste counts as generated; opening stock and residues are rows of their own."""

    PRIMARY = "primary"
    OPENING = "opening"
    SECONDARY = "secondary"


class Basis(StrEnum):
    """How a lot came to be declared; one first declared on the hand-over day weakens coverage."""

    REGULAR = "regular"
    AT_HANDOVER = "at_handover"


class CorrectedField(StrEnum):
    """What a correction may change."""

    VEHICLE_PLATE = "vehicle_plate"
    NET_MASS = "net_g"
    DIFFERENCE = "difference"


class Consent(StrEnum):
    """Who must agree before a correction takes effect."""

    NOTIFY = "notify"
    CONSENT = "consent"
