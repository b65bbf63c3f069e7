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
_HALF_DAY = timedelta(hours=12)


def local_date(moment: datetime) -> date:
    """Return the calendar date in Viet Nam of an aware time: the date that deadlines and quarters count."""
    return moment.astimezone(VIETNAM).date()


def local_noon(day: date) -> datetime:
    """Return noon of a calendar date in Viet Nam, in UTC."""
    return datetime(day.year, day.month, day.day, 12, tzinfo=VIETNAM).astimezone(UTC)


def day_begins(day: date) -> datetime:
    """Return the first moment of a calendar date in Viet Nam, in UTC."""
    return local_noon(day) - _HALF_DAY


def day_ends(day: date) -> datetime:
    """Return the first moment after a calendar date in Viet Nam, in UTC."""
    return local_noon(day) + _HALF_DAY


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
    """Kind of place that plan 307 counts by."""

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
    """What a permit allows: to treat and carry, only to carry, the own operation, or to export."""

    TREATMENT = "treatment"
    CARRIAGE = "carriage"
    ENVIRONMENTAL = "environmental"
    EXPORT = "export"


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


class Document(StrEnum):
    """What accompanies the load: among hospitals a handover record in place of the manifest (Điều 70(4))."""

    MANIFEST = "manifest"
    HANDOVER_RECORD = "handover_record"


class FindingStatus(StrEnum):
    """How a finding stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    EXPLAINED = "explained"
    CLOSED = "closed"


class ContestOutcome(StrEnum):
    """What became of a contest: right, wrong, or taken back by whoever contested."""

    UPHELD = "upheld"
    DISMISSED = "dismissed"
    WITHDRAWN = "withdrawn"


class CopyMeans(StrEnum):
    """How a copy of a manifest reached its receiver."""

    ELECTRONIC = "electronic"
    PAPER = "paper"


class Entering(StrEnum):
    """How an act of a party came to be entered by another: from its paper, or with its help and slip."""

    PAPER = "paper"
    ASSISTED = "assisted"


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
    EXPORTED = "exported"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class Account(StrEnum):
    """Where grams are. The first four are sources, whose balance is what came out of them, negative."""

    GENERATED = "generated"
    GENERATED_SECONDARY = "generated_secondary"
    OPENING = "opening"
    REGROUPED = "regrouped"
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


SOURCES = (Account.GENERATED, Account.GENERATED_SECONDARY, Account.OPENING, Account.REGROUPED)
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
    RECODED = "recoded"
    RESIDUE = "residue"
    DECLASSIFIED = "declassified"
    BATCHED = "batched"
    REGROUPED = "regrouped"
    TRACEABILITY_BREAK = "traceability_break"
    FORWARDED = "forwarded"
    DISPOSED_ABROAD = "disposed_abroad"


class LotKind(StrEnum):
    """Primary waste counts as generated; opening stock and residues are rows of their own.

    A child lot is what came out of a batch: other lots in another shape, never generated.
    """

    PRIMARY = "primary"
    OPENING = "opening"
    SECONDARY = "secondary"
    CHILD = "child"


class Instrument(StrEnum):
    """What a mass was found with."""

    WEIGHBRIDGE = "weighbridge"
    PLATFORM = "platform"
    HANGING = "hanging"
    FLOW_METER = "flow_meter"
    ESTIMATE = "estimate"


class Packaging(StrEnum):
    """What waste is kept and carried in."""

    DRUM = "drum"
    IBC = "ibc"
    BAG = "bag"
    BOX = "box"
    TANK = "tank"
    LOOSE = "loose"


class Basis(StrEnum):
    """How a lot came to be declared; one first declared on the hand-over day weakens coverage."""

    REGULAR = "regular"
    AT_HANDOVER = "at_handover"


class CorrectedField(StrEnum):
    """What somebody may want to correct; the last three never change (`manifest.correcting.fields`)."""

    VEHICLE_PLATE = "vehicle_plate"
    VEHICLE_KIND = "vehicle_kind"
    ARRIVAL = "arrived_at"
    PAPER_NUMBER = "paper_number"
    WASTE_NAME = "name"
    CONTAINERS = "containers"
    PACKAGES = "packages"
    STATE = "state"
    CODE = "code"
    NET_MASS = "net_g"
    SPLIT = "accepted_g"
    DIFFERENCE = "difference"
    TREATED = "treated"
    PARTIES = "parties"
    NUMBER = "number"
    DECLARED_MASS = "mass_g"


class Consent(StrEnum):
    """Who must agree before a correction takes effect; none: nobody can, the field never changes."""

    NONE = "none"
    NOTIFY = "notify"
    CONSENT = "consent"


class CorrectionState(StrEnum):
    """What became of a proposed correction."""

    PROPOSED = "proposed"
    TAKEN = "taken"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


class RequestState(StrEnum):
    """Whether a proposal answers what an authority wants corrected."""

    OPEN = "open"
    ANSWERED = "answered"


class ObligationState(StrEnum):
    """Where refused waste is: with the carrier, at home again, treated since, or no longer refused at all.

    Settled: another manifest that names the obligation is completed. Lifted: a correction says that nothing
    was refused.
    """

    REFUSED = "refused"
    RETURNED = "returned"
    ENDED = "ended"
    SETTLED = "settled"
    LIFTED = "lifted"


class Register(StrEnum):
    """A register that the ledger keeps; each of its entries is declared («tự khai») or confirmed."""

    ORGANISATION = "organisation"
    SITE = "site"
    ZONE = "zone"
    PERMIT = "permit"
    APPROVAL = "approval"
    MANDATE = "mandate"
    PLAN = "plan"
    REGISTRATION = "registration"
    CONTRACT = "contract"
    COLLECTION_POINT = "collection_point"
    CERTIFICATE = "certificate"
    LINKAGE = "linkage"
    TREATMENT_LINE = "treatment_line"
    VEHICLE = "vehicle"


class ZoneStatus(StrEnum):
    """How far a zone is: targets of plan 307 count the operating and the newly built ones."""

    PLANNED = "planned"
    NEW = "new"
    OPERATING = "operating"
    CLOSED = "closed"


class StationStatus(StrEnum):
    """A zone's central wastewater station (target T2 of plan 307)."""

    NONE = "none"
    BUILDING = "building"
    OPERATING = "operating"
    STOPPED = "stopped"


class Verdict(StrEnum):
    """What an assessment of a craft village found: its class (target T3), or the conditions (T4)."""

    SERIOUSLY_POLLUTED = "seriously_polluted"
    POLLUTED = "polluted"
    NOT_POLLUTED = "not_polluted"
    MEETS_CONDITIONS = "meets_conditions"
    LACKS_CONDITIONS = "lacks_conditions"
