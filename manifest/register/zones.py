"""Zones as of a day: their kind, their facts, and what the assessments of a craft village have found."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from ledger.writing.changes import Reads
from manifest.register.lookups import holds
from manifest.register.views import ZONE, ZONE_ASSESSMENT, ZONE_FACT
from manifest.vocabulary import Verdict, ZoneKind

_POLLUTION = (Verdict.SERIOUSLY_POLLUTED, Verdict.POLLUTED, Verdict.NOT_POLLUTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneOn:
    """A zone as it was on a day.

    ``kind`` is None where the ledger has not entered it: the reference data say it. ``pollution`` is the
    class that target T3 of plan 307 asks for, ``conditions`` the verdict of target T4, each as last found.
    """

    zone: str
    kind: ZoneKind | None
    facts: Mapping[str, str]
    pollution: Verdict | None
    conditions: Verdict | None

    @property
    def recognised(self) -> bool:
        """Whether it had the title of craft village."""
        return self.facts.get("recognised") == "true"


def zone_on(reads: Reads, zone: str, on: date) -> ZoneOn:
    """Return what the ledger says of a zone as of a day; nothing where it was never entered."""
    row = reads.one(ZONE, zone=zone)
    found = sorted(
        (one for one in reads.rows(ZONE_ASSESSMENT, zone=zone) if one["assessed_on"] <= on),
        key=lambda one: (one["assessed_on"], one["seq"]),
    )
    verdicts = [Verdict(one["verdict"]) for one in reversed(found)]
    return ZoneOn(
        zone=zone,
        kind=None if row is None else ZoneKind(row["zone_kind"]),
        facts={one["fact"]: one["value"] for one in reads.rows(ZONE_FACT, zone=zone) if holds(one, on)},
        pollution=next((one for one in verdicts if one in _POLLUTION), None),
        conditions=next((one for one in verdicts if one not in _POLLUTION), None),
    )
