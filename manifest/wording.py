"""The words for codes, in Vietnamese and English, and how numbers and dates are written in each.

The catalogues are `locale/<language>/messages.po`. A sentence has its stable code as msgid and no msgctxt;
a label has the value as its msgid and the name of its list as msgctxt. Facts stand in sentences as `{name}`:
a name that ends in `_g` is written as kilograms, a date as a date, and a value of a list by its label.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Literal, get_args

from babel.messages.pofile import read_po

from ledger.errors import Fact
from ledger.format.keys import CUSTODY
from ledger.format.signature import Algorithm
from manifest import vocabulary
from manifest.authority import ASSURANCE
from manifest.classes import ProducerClass
from manifest.clocks import ClockKind, ClockState, Told
from manifest.correcting.fields import Instead
from manifest.events import EVENTS
from manifest.evidence import Grade

Language = Literal["vi", "en"]

# List -> its values. Whatever the ledger stores as one of a list has a label.
LISTS: dict[str, tuple[str, ...]] = {
    "role": tuple(vocabulary.Role),
    "state": tuple(vocabulary.State),
    "zone_kind": tuple(vocabulary.ZoneKind),
    "zone_short": tuple(vocabulary.ZoneKind),
    "site_kind": tuple(vocabulary.SiteKind),
    "permit_kind": tuple(vocabulary.PermitKind),
    "identifier_kind": tuple(vocabulary.IdentifierKind),
    "vehicle_kind": tuple(vocabulary.VehicleKind),
    "status": tuple(vocabulary.Status),
    "document": tuple(vocabulary.Document),
    "entering": tuple(vocabulary.Entering),
    "contest_outcome": tuple(vocabulary.ContestOutcome),
    "copy_means": tuple(vocabulary.CopyMeans),
    "instrument": tuple(vocabulary.Instrument),
    "packaging": tuple(vocabulary.Packaging),
    "account": tuple(vocabulary.Account),
    "reason": tuple(vocabulary.Reason),
    "lot_kind": tuple(vocabulary.LotKind),
    "basis": tuple(vocabulary.Basis),
    "corrected_field": tuple(vocabulary.CorrectedField),
    "consent": tuple(vocabulary.Consent),
    "correction_state": tuple(vocabulary.CorrectionState),
    "request_state": tuple(vocabulary.RequestState),
    "obligation_state": tuple(vocabulary.ObligationState),
    "instead": tuple(Instead),
    "stage": ("forwarded", "batched", "treated", "returned", "explained", "credited"),
    "register": tuple(vocabulary.Register),
    "zone_status": tuple(vocabulary.ZoneStatus),
    "station_status": tuple(vocabulary.StationStatus),
    "verdict": tuple(vocabulary.Verdict),
    "event": tuple(EVENTS),
    "custody": CUSTODY,
    "algorithm": tuple(Algorithm),
    "assurance": ("-1", *sorted({str(level) for level in ASSURANCE.values()})),
    "clock": tuple(ClockKind),
    "clock_state": tuple(ClockState),
    "told": tuple(Told),
    "producer_class": tuple(ProducerClass),
    "grade": tuple(Grade),
    "claim_state": ("kept", "accepted", "rejected"),
    "confirmation": ("confirmed", "declared", "unconfirmed"),
    "text": (
        "rejudged_alike",
        "verifying",
        "verified",
        "not_verified",
        "verdict_title",
        "verdict_status",
        "verdict_size",
        "verdict_documents",
        "verdict_unknown",
        "blank_title",
        "blank_unknown",
        "blank_issued",
        "blank_signed",
        "blank_signature_wrong",
        "blank_unsigned",
        "blank_unused",
        "blank_used",
        "blanks_issued",
        "invitation_title",
        "invitation_asked",
        "invitation_password",
        "invitation_send",
        "invitation_done",
        "invitation_waits",
        "invitation_admitted",
        "first_run_title",
        "first_run_operator",
        "first_run_authority",
        "first_run_zones",
        "first_run_roster",
        "first_run_invitations",
        "first_run_admission",
        "first_run_opening_stock",
        "first_run_parallel_run",
        "first_run_todo_operator",
        "first_run_todo_authority",
        "first_run_todo_zones",
        "first_run_todo_roster",
        "first_run_todo_invitations",
        "first_run_todo_admission",
        "first_run_todo_opening_stock",
        "first_run_todo_parallel_run",
        "leading_paper",
        "leading_from",
        "leading_electronic",
        "initialised_already",
        "first_run_complete",
        "authority_entered",
        "operator_key",
        "roster_entered",
        "roster_refused",
        "letters_written",
        "progress_roster",
        "progress_letters",
        "not_compared",
        "trust_file",
        "trust_self",
        "trust_named",
        "trust_nearby",
        "guard_checked",
        "guard_not_checked",
        "guard_adopted",
        "recovered",
        "epoch_begun",
        "erased",
        "disclosure_valid",
        "exporting",
        "log_exported",
        "anchors_counted",
        "anchor_made",
        "anchor_not_due",
        "log_listed",
        "log_anchored",
        "logs_up_to_date",
        "meaning_checked",
        "meaning_not_checked",
        "ratio_title",
        "ratio_caption",
        "untreated_title",
        "untreated_total",
        "initialised",
        "rebuilt",
        "serving_at",
        "serving_keys",
        "demo_title",
        "demo_acts",
        "demo_pdfs",
        "demo_next",
        "demo_done",
        "more_findings",
        "progress_story",
        "progress_documents",
        "start_title",
        "start_told",
        "start_reference",
        "start_openapi",
        "start_docs",
        "start_checkpoint",
        "start_health",
        "box_unsigned",
        "nothing_found",
        "signed_by",
        "signed_by_party",
        "entry_number",
        "no_proof",
    ),
    "figure": (
        "generated",
        "treated",
        "untreated",
        "unexplained",
        "cohort",
        "flow",
        "coverage",
        "total",
        "number",
        "status",
        "generator",
        "facility",
        "declared",
        "accepted",
        "left",
        "code",
        "where",
        "mass",
        "since",
        "clock",
        "subject",
        "due_on",
        "clock_state",
        "evidence",
        "told",
        "rule",
        "value",
        "valid_from",
        "source",
        "confirmation",
        "party",
        "weighed",
        "refused",
        "held_now",
        "acts",
        "line",
    ),
    "report": (
        "origin",
        "entries",
        "since",
        "root",
        "checkpoint",
        "trust",
        "guard",
        "meaning",
        "anchors",
    ),
    "box": (
        "sig_generator_confirms",
        "sig_receipt_1",
        "sig_receipt_2",
        "sig_completion",
    ),
    "rule": (
        "receipt_tolerance_permille",
        "scale_uncertainty_max_g",
        "road_vehicle_max_mass_g",
        "storage_limit_months",
        "treatment_limit_months",
        "last_copies_limit_months",
        "in_transit_limit_hours",
        "permit_threshold_year_g",
        "permit_threshold_month_g",
        "facility_notice_warning_months",
        "retention_years",
        "coverage_min_permille",
        "facilities_per_lot_max",
        "clock_skew_s",
        "permit_warning_permille",
        "in_transit_warning_hours",
        "acceptance_limit_hours",
        "last_copies_warning_months",
        "last_copies_last_warning_months",
        "storage_warning_months",
        "storage_last_warning_months",
        "obligation_warning_days",
        "obligation_limit_days",
        "correction_warning_days",
        "correction_answer_days",
        "permit_end_warning_days",
        "permit_end_last_warning_days",
        "contract_end_warning_days",
        "certificate_end_warning_days",
        "contest_limit_days",
        "register_book_threshold_year_g",
        "density_max_solid_g_l",
        "density_max_liquid_g_l",
        "density_max_sludge_g_l",
        "payload_excess_max_permille",
        "container_fill_max_permille",
        "incident_longest_hours",
        "electronic_record_leading",
    ),
    "unit": (
        "permille",
        "g",
        "month",
        "hour",
        "year",
        "facility",
        "s",
        "day",
        "g_per_l",
        "flag",
    ),
    "source": ("CTNH Ledger (ours)",),
    "dimension": (
        "zone_kind",
        "zone",
        "area",
        "area_today",
        "quarter",
        "code",
        "group",
        "generator",
        "state",
    ),
    "invitation_field": ("organisation", "code", "name", "login", "password", "again"),
    "first_run_step": (
        "operator",
        "authority",
        "zones",
        "roster",
        "invitations",
        "admission",
        "opening_stock",
        "parallel_run",
    ),
    "first_run_state": ("done", "next", "later"),
    "roster_line": ("zone", "organisation", "site"),
    "roster_column": (
        "line",
        "ref",
        "name",
        "roles",
        "identifier",
        "no_identifier_reason",
        "address",
        "phone",
        "organisation",
        "site_kind",
        "zone_kind",
        "zone",
        "counts_for_t1",
        "district",
        "old_commune",
        "commune",
        "province",
        "latitude",
        "longitude",
        "code",
    ),
    "ending": (
        "completed",
        "completed_after_interim",
        "completed_in_parts",
        "completed_many_lines",
        "completed_own_carriage",
        "completed_facility_carriage",
        "completed_two_legs",
        "difference_unexplained",
        "difference_resolved",
        "part_refused_returned",
        "refused_returned",
        "refused_not_returned",
        "never_arrived",
        "in_transit",
        "awaiting_acceptance",
        "accepted_never_treated",
        "never_treated_since_april",
        "interim_only",
        "partly_treated",
        "treated_not_completed",
        "cancelled",
        "registered",
        "never_picked_up",
        "corrected_plate",
        "corrected_mass",
        "correction_declined",
    ),
    "ratio": ("cohort", "flow", "nothing_generated", "not_concluded", "not_due", "overdue"),
}

_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MISSING = "…"
# Facts that are values of a list: by name, or for one code only. Several are separated by commas.
_LISTED = {"status": "status", "event": "event", "since": "event", "role": "role", "register": "register"}
_LISTED_OF = {
    ("manifest.role_wrong", "expected"): "role",
    ("manifest.lot_of_other_kind", "kind"): "lot_kind",
    ("manifest.correction_never", "field"): "corrected_field",
    ("manifest.correction_never", "instead"): "instead",
    ("manifest.correction_out_of_reach", "stage"): "stage",
    ("manifest.request_of_other_field", "field"): "corrected_field",
}
_SEPARATORS: dict[str, tuple[str, str]] = {"vi": (".", ","), "en": (",", ".")}  # thousands, decimals


def languages() -> tuple[Language, ...]:
    """Return the languages in which everything can be said, the first one first."""
    return get_args(Language)


def message(code: str, facts: Mapping[str, Fact], language: Language) -> str:
    """Return the sentence of a stable code; a fact that is missing shows as …, an unknown code as itself."""

    def filled(match: re.Match[str]) -> str:
        name = match[1]
        return _fact(code, name, facts[name], language) if name in facts else _MISSING

    return _PLACEHOLDER.sub(filled, catalogue(language).get((None, code), code))


def text(name: str, facts: Mapping[str, Fact], language: Language) -> str:
    """Return what the command line says under a name, with its facts filled in as in a sentence."""

    def filled(match: re.Match[str]) -> str:
        return _fact(name, match[1], facts[match[1]], language) if match[1] in facts else _MISSING

    return _PLACEHOLDER.sub(filled, label("text", name, language))


def label(kind: str, value: str | int, language: Language) -> str:
    """Return the label of a value of the list ``kind``; a value without one shows as itself."""
    return catalogue(language).get((kind, str(value)), str(value))


def kg(mass_g: int, language: Language) -> str:
    """Return whole grams as kilograms, exact and without the unit: 1234500 is 1.234,5 in Vietnamese."""
    return _scaled(mass_g, 3, language)


def tonnes(mass_g: int, language: Language) -> str:
    """Return whole grams as tonnes, exact and without the unit: 1234500 is 1,2345 in Vietnamese."""
    return _scaled(mass_g, 6, language)


def percent(numerator: int, denominator: int, language: Language = "vi") -> str:
    """Return a share with two decimals, cut and never rounded up: 99.996 % shows as 99,99 % (decision A8).

    Of nothing generated there is no share, and that is what it says.
    """
    if denominator == 0:
        return label("ratio", "nothing_generated", language)
    cut = abs(numerator) * 10_000 // abs(denominator)
    sign = "-" if cut and (numerator < 0) != (denominator < 0) else ""
    whole, rest = divmod(cut, 100)
    thousands, decimals = _SEPARATORS[language]
    return f"{sign}{_grouped(whole, thousands)}{decimals}{rest:02d} %"


def date_text(day: date, language: Language) -> str:
    """Return a date as it is read: 30/06/2025 in Vietnamese, 2025-06-30 in English."""
    return f"{day.day:02d}/{day.month:02d}/{day.year}" if language == "vi" else day.isoformat()


def moment_text(moment: datetime, language: Language) -> str:
    """Return a moment as it is read, in the time of Viet Nam: 08:30 30/06/2025; in English the date first."""
    local = moment.astimezone(vocabulary.VIETNAM)
    day = date_text(local.date(), language)
    return f"{local:%H:%M} {day}" if language == "vi" else f"{day} {local:%H:%M}"


@cache
def catalogue(language: Language) -> Mapping[tuple[str | None, str], str]:
    """Return every sentence, by (None, code), and every label, by (list, value); read once."""
    place = resources.files("manifest") / "locale" / language / "messages.po"
    with place.open("rb") as file:
        read = read_po(file, locale=language)
    found = {}
    for entry in read:
        if isinstance(entry.id, str) and isinstance(entry.string, str) and entry.id and entry.string:
            found[entry.context, entry.id] = entry.string
    return MappingProxyType(found)


def _fact(code: str, name: str, value: Fact, language: Language) -> str:
    listed = _LISTED_OF.get((code, name)) or _LISTED.get(name)
    if listed is not None:
        return ", ".join(label(listed, part, language) for part in str(value).split(", "))
    if isinstance(value, int):
        return kg(value, language) if name.endswith("_g") else str(value)
    return date_text(date.fromisoformat(value), language) if _is_date(value) else value


def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _scaled(grams: int, digits: int, language: Language) -> str:
    thousands, decimals = _SEPARATORS[language]
    whole, rest = divmod(abs(grams), 10**digits)
    text = ("-" if grams < 0 else "") + _grouped(whole, thousands)
    return f"{text}{decimals}{rest:0{digits}d}".rstrip("0") if rest else text


def _grouped(whole: int, thousands: str) -> str:
    return f"{whole:,}".replace(",", thousands)
