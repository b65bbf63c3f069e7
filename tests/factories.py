"""Typical events and manifests for tests that need no database: change only what the test is about."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

from manifest import events as e
from manifest.body import Body
from manifest.cases import events as c
from manifest.cases import parts
from manifest.consignment import Manifest
from manifest.correcting.events import CorrectionRequested, CorrectionWithdrawn
from manifest.lifecycle import step
from manifest.postings import Terms
from manifest.vocabulary import (
    CopyMeans,
    CorrectedField,
    LotKind,
    ManifestId,
    State,
    Status,
    VehicleKind,
)

AT = datetime(2025, 4, 10, 3, 0, tzinfo=UTC)
DAY = date(2025, 4, 10)
CODE, OTHER_CODE = "17 02 03", "18 02 01"
GENERATOR, FACILITY, CARRIER, STRANGER = "org:generator", "org:facility", "org:carrier", "org:stranger"
SECOND = "org:second"
SITE, FACILITY_SITE, SECOND_SITE = "site:generator", "site:facility", "site:second"
PLATE, OTHER_PLATE = "29C-123.45", "29H-678.90"
CORRECTION = "019b0000-0000-7000-8000-00000000c001"
FINAL = frozenset({"TC", "TĐ", "OH"})
PERMITTED = frozenset({"TC", "SC", "TĐ"})

B = TypeVar("B", bound=Body)


def lot_id(number: int) -> str:
    return f"019b0000-0000-7000-8000-{number:012x}"


def terms(
    tolerance_permille: int = 50, *, kind_of: Callable[[str], LotKind] = lambda _: LotKind.PRIMARY
) -> Terms:
    """Return terms under which TC, TĐ and OH end the waste, and the permit names TC, TĐ and SC."""
    return Terms(
        tolerance_g=lambda _line, grams, mass: max(tolerance_permille * grams // 1000, mass.uncertainty_g),
        is_final=lambda methods: not FINAL.isdisjoint(methods),
        permits=lambda _code, methods, _on: set(methods) <= PERMITTED,
        kind_of=kind_of,
        site_of=lambda _: SITE,
    )


def declared(number: int = 1, *grams: int, **changed: Any) -> e.LineDeclared:
    """Return a line that draws these grams from lots 10·number, 10·number + 1, …; 600 and 400 by default."""
    drawn = grams or (600, 400)
    lots = tuple(e.Draw(lot=lot_id(number * 10 + i), mass_g=mass) for i, mass in enumerate(drawn))
    typical: dict[str, Any] = {
        "line": number, "code": CODE, "name": "Dầu bôi trơn tổng hợp thải", "state": State.LIQUID,
        "mass_g": sum(drawn), "planned_methods": ("TC",), "lots": lots,
    }  # fmt: skip
    return e.LineDeclared(**(typical | changed))


def _typical() -> dict[type[Body], dict[str, Any]]:
    return {
        e.Registered: {
            "number": e.Number(sequence=1, year=2025, issuer="1-2-3.047.VX"), "generator": GENERATOR,
            "site": SITE, "facility": FACILITY, "facility_site": FACILITY_SITE, "permit": "permit:facility",
            "form": "tt02-2022", "carriers": (
                e.CarrierPlanned(party=CARRIER, permit="permit:carrier", approval="approval:1"),
            ),
            "lines": (declared(1), declared(2, 1000)), "vehicle_kind": VehicleKind.ROAD,
        },
        e.HandedOver: {
            "leg": 1, "giver": GENERATOR, "taker": CARRIER, "vehicle_kind": VehicleKind.ROAD,
            "vehicle_plate": PLATE,
        },
        e.Arrived: {"vehicle_plate": PLATE},
        e.Weighed: {
            "instrument": "Cân 80 t số 1",
            "lines": tuple(e.LineWeighed(line=n, net_g=1000, ticket=f"PC-{n}") for n in (1, 2)),
        },
        e.Accepted: {
            "lines": (
                e.LineDecided(line=1, accepted_g=700, refused_g=300, reason="Lẫn nước"),
                e.LineDecided(line=2, accepted_g=1000, refused_g=0),
            ),
        },
        e.Refused: {"reason": "Không đúng loại đã khai"},
        e.Returned: {"giver": CARRIER, "vehicle_plate": PLATE},
        e.Treated: {
            "parts": (
                e.LineTreated(line=1, mass_g=350, methods=("TC",), treated_on=DAY),
                e.LineTreated(line=2, mass_g=500, methods=("TC",), treated_on=DAY),
            ),
        },
        e.Completed: {},
        e.Cancelled: {"reason": "Đổi lịch thu gom"},
        e.CorrectionProposed: {
            "correction": CORRECTION, "field": CorrectedField.NET_MASS, "line": 2, "net_g": 990,
            "reason": "Đọc nhầm",
        },
        c.Transshipped: {
            "from_plate": PLATE, "to_plate": OTHER_PLATE, "lines": (parts.LineMoved(line=1, mass_g=400),),
        },
        c.Forwarded: {
            "facility": SECOND, "taker": FACILITY, "vehicle_plate": PLATE, "lines": (2,),
        },
        c.ReceivedSecond: {
            "instrument": "Cân 40 t", "lines": (
                parts.LineReceived(
                    line=2, net_g=990, ticket="PC-2", accepted_g=900, refused_g=90, reason="Lẫn nước"
                ),
            ),
        },
        c.StorageNotified: {
            "reason": "Lò đốt bảo dưỡng", "sent_to": "Bộ Nông nghiệp và Môi trường",
            "document_sha256": "0" * 64,
        },
        c.CopiesDelivered: {
            "copies": ("3",), "means": CopyMeans.PAPER, "receipt_sha256": "0" * 64,
        },
        c.Exported: {"exit_gate": "Cảng Hải Phòng", "declaration": "TK-1"},
        c.DisposalCertified: {
            "certificate": "CN-1", "certificate_sha256": "0" * 64, "disposed_on": DAY, "lines": (
                parts.LineDisposed(line=1, mass_g=600, method="TĐ"),
            ),
        },
        e.CorrectionConsented: {"correction": CORRECTION},
        e.CorrectionDeclined: {"correction": CORRECTION, "reason": "Phiếu cân ghi đúng"},
        CorrectionWithdrawn: {"correction": CORRECTION, "reason": "Phiếu cân ghi đúng"},
        CorrectionRequested: {
            "request": lot_id(999), "field": CorrectedField.NET_MASS, "line": 2, "reason": "Lệch sổ cân",
        },
    }  # fmt: skip


def some(kind: type[B], **changed: Any) -> B:
    """Return a typical event of a kind."""
    return kind(**(_typical()[kind] | changed))


# Which acts bring a manifest into each status, from the beginning.
_WAY: dict[Status, Sequence[type[Body]]] = {
    Status.NEW: (),
    Status.REGISTERED: (e.Registered,),
    Status.CANCELLED: (e.Registered, e.Cancelled),
    Status.IN_TRANSIT: (e.Registered, e.HandedOver),
    Status.ARRIVED: (e.Registered, e.HandedOver, e.Arrived),
    Status.WEIGHED: (e.Registered, e.HandedOver, e.Arrived, e.Weighed),
    Status.REFUSED: (e.Registered, e.HandedOver, e.Arrived, e.Weighed, e.Refused),
    Status.RETURNED: (e.Registered, e.HandedOver, e.Arrived, e.Weighed, e.Refused, e.Returned),
    Status.ACCEPTED: (e.Registered, e.HandedOver, e.Arrived, e.Weighed, e.Accepted),
    Status.IN_TREATMENT: (e.Registered, e.HandedOver, e.Arrived, e.Weighed, e.Accepted, e.Treated),
    Status.EXPORTED: (e.Registered, e.HandedOver, c.Exported),
    Status.COMPLETED: (
        e.Registered, e.HandedOver, e.Arrived, e.Weighed, e.Accepted, e.Treated, e.Treated, e.Completed,
    ),
}  # fmt: skip


def by(event: Body | type[Body]) -> str:
    """Return the party that typically signs first."""
    kind = event if isinstance(event, type) else type(event)
    mine = (e.Registered, e.HandedOver, e.Cancelled, e.CorrectionProposed)
    if kind is c.ReceivedSecond:
        return SECOND
    return GENERATOR if kind in mine else CARRIER if kind in {e.Returned, c.Transshipped} else FACILITY


def play(before: Manifest, *events: Body, using: Terms | None = None) -> Manifest:
    """Return the manifest after events, an hour apart."""
    for event in events:
        at = (before.last_at or AT) + timedelta(hours=1)
        before, _ = step(before, event, at, by(event), using or terms())
    return before


def second() -> parts.Second:
    """Return the second facility as a typical register event plans it."""
    return parts.Second(
        party=SECOND,
        site=SECOND_SITE,
        permit="permit:second",
        linkage="linkage:1",
        consent="generator_signed",
    )


def export() -> parts.Export:
    """Return the export block of a typical register event."""
    return parts.Export(
        country="JP", entry_gate="Cảng Yokohama", exit_gate="Cảng Hải Phòng", vehicle="Tàu biển",
        consent_number="12/XK",
    )  # fmt: skip


def manifest_in(status: Status, *more: Body, **changed: dict[str, Any]) -> Manifest:
    """Return a manifest in a status and after ``more`` events.

    ``Registered={…}`` changes a field of the event of that kind on the way.
    """
    way = [some(kind, **changed.get(kind.__name__, {})) for kind in _WAY[status]]
    return play(Manifest(id=ManifestId(lot_id(1))), *way, *more)


@dataclass(frozen=True)
class Scale:
    """A line at the scale: what was declared per lot, what it weighed, what was accepted of that."""

    drawn: tuple[int, ...]
    net_g: int
    accepted_g: int

    def manifest(self, using: Terms | None = None) -> Manifest:
        """Return the manifest of this one line once it is accepted."""
        before = manifest_in(Status.ARRIVED, Registered={"lines": (declared(1, *self.drawn),)})
        refused_g = self.net_g - self.accepted_g
        decided = e.LineDecided(line=1, accepted_g=self.accepted_g, refused_g=refused_g, reason="Lẫn nước")
        return play(
            before,
            some(e.Weighed, lines=(e.LineWeighed(line=1, net_g=self.net_g, ticket="PC-1"),)),
            some(e.Accepted, lines=(decided,)),
            using=using,
        )
