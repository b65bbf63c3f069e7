"""Typical entries of the registers: change only what the test is about."""

from collections.abc import Callable
from datetime import date
from typing import Any

from ledger.storage.db import reading
from ledger.writing.changes import Reads
from manifest.body import Body
from manifest.register import documents as d
from manifest.register import events as r
from manifest.register import parties as p
from manifest.register import places as q
from manifest.register.judge import stream_of
from manifest.vocabulary import Register, Role, State, Verdict, ZoneKind
from tests.world import (
    AUTHORITY,
    CODE,
    FACILITY,
    GENERATOR,
    OPERATOR,
    OTHER_CODE,
    OTHER_FACILITY,
    PLATE,
    TONNE,
    Who,
    World,
)

HASH = "ab" * 32
AS_AUTHORITY: Who = (AUTHORITY, Role.AUTHORITY)
AS_OPERATOR: Who = (OPERATOR, Role.OPERATOR)
AS_GENERATOR: Who = (GENERATOR, Role.GENERATOR)
AS_FACILITY: Who = (FACILITY, Role.TREATMENT_FACILITY)
AS_SECOND: Who = (OTHER_FACILITY, Role.TREATMENT_FACILITY)
FROM, TO = date(2025, 1, 1), date(2025, 12, 31)
CLUSTER, VILLAGE = "ccn-lien-ha-dong-anh", "ln-may-tre-dan-thon-3"
WHOLE, SPLIT, HOME, NEXT = "00505", "00484", "00454", "00475"  # old communes of Đông Anh, and where they went

_TYPICAL: dict[type[Body], dict[str, Any]] = {
    p.OrganisationChanged: {"party": GENERATOR, "valid_from": date(2025, 3, 1), "name": "Công ty Tên mới"},
    p.EntryConfirmed: {"register": Register.PERMIT, "entry": "permit:own", "document_sha256": HASH},
    p.EntryEnded: {
        "register": Register.PERMIT, "entry": "permit:facility", "last_day": date(2025, 6, 30),
        "reason": "Trả lại giấy phép",
    },
    p.EntrySuspended: {
        "register": Register.PERMIT, "entry": "permit:facility", "valid_from": date(2025, 5, 1),
        "reason": "Kết luận kiểm tra",
    },
    p.EntryResumed: {
        "register": Register.PERMIT, "entry": "permit:facility", "valid_from": date(2025, 6, 1),
    },
    p.VehicleRegistered: {
        "vehicle": "vehicle:1", "party": GENERATOR, "plate": PLATE, "gps_account": "gps-01",
        "payload_g": 5 * TONNE, "valid_from": FROM, "document_sha256": HASH,
    },
    q.SitePlaced: {
        "site": "site:generator", "valid_from": date(2025, 5, 1), "zone_kind": ZoneKind.CLUSTER,
        "zone": CLUSTER, "district": "017", "commune": NEXT, "reason": "Di dời vào cụm công nghiệp",
    },
    q.ZoneRegistered: {
        "zone": "ccn-moi", "name": "CCN Mới", "zone_kind": ZoneKind.CLUSTER, "counts_for_t1": True,
        "district": "017", "communes": (HOME,), "document_sha256": HASH,
    },
    q.ZoneChanged: {"zone": VILLAGE, "valid_from": date(2015, 1, 1), "recognised": True, "decision": "1/QĐ"},
    q.ZoneAssessed: {
        "assessment": "assessment:1", "zone": VILLAGE, "instrument": "TT 31/2016, Phụ lục 3",
        "assessed_on": date(2025, 2, 1), "verdict": Verdict.POLLUTED, "document_sha256": HASH,
    },
    q.CollectionPointOpened: {
        "point": "point:1", "name": "Điểm thu gom thôn 3", "site": "site:generator", "zone": VILLAGE,
        "valid_from": FROM,
    },
    q.TreatmentLineSet: {
        "treatment_line": "line:1", "party": FACILITY, "site": "site:facility", "name": "Lò đốt số 1",
        "methods": ("TĐ", "SC"), "states": (State.LIQUID,), "mass_g_day": TONNE, "valid_from": FROM,
        "document_sha256": HASH,
    },
    d.PermitAmended: {
        "permit": "permit:facility", "valid_from": date(2025, 5, 1), "document_sha256": HASH,
        "lines": (r.PermitLine(code=CODE, methods=("TC",), mass_g_year=TONNE),),
    },
    d.RegistrationReceived: {
        "registration": "registration:1", "party": GENERATOR, "site": "site:generator", "number": "15/ĐKMT",
        "commune": HOME, "valid_from": FROM, "lines": (r.CodeMass(code=CODE, mass_g=TONNE),),
        "document_sha256": HASH,
    },
    d.ContractMade: {
        "contract": "contract:1", "number": "01/HĐ", "generator": GENERATOR, "facility": FACILITY,
        "codes": (CODE,), "areas": ("017", HOME), "signed_on": FROM, "valid_from": FROM, "valid_to": TO,
        "document_sha256": HASH,
    },
    d.ContractAgreed: {"contract": "contract:1"},
    d.CertificateIssued: {
        "certificate": "certificate:1", "party": GENERATOR, "site": "site:generator", "code": OTHER_CODE,
        "process": "Lau chùi máy", "number": "KQ-01", "laboratory": "Trung tâm Quan trắc (giả định)",
        "laboratory_number": "VIMCERTS 000", "sampled_on": date(2025, 2, 1), "valid_from": date(2025, 2, 10),
        "valid_to": date(2025, 8, 9), "below_threshold": True, "document_sha256": HASH,
    },
    d.LinkageApproved: {
        "linkage": "linkage:1", "first": FACILITY, "second": OTHER_FACILITY, "number": "9/VB",
        "codes": (CODE,), "valid_from": FROM, "valid_to": TO, "document_sha256": HASH,
    },
}  # fmt: skip


def typical(kind: type[Body], **changed: Any) -> Body:
    """Return a typical event of a kind; a field that is changed to None is left out."""
    return kind(**(_TYPICAL[kind] | changed))


def enter(world: World, kind: type[Body], who: Who = AS_AUTHORITY, **changed: Any) -> None:
    """Record a typical event of a kind, in its stream."""
    body = typical(kind, **changed)
    world.act(body, who, stream=str(stream_of(body)))


def asked(world: World, question: Callable[[Reads], Any]) -> Any:
    """Return the answer of a look-up."""
    with reading(world.engine) as reader:
        return question(Reads(reader, world.ledger.log))
