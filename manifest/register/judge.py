"""Judging the events of the registers: one table of judges, and the stream in which each event belongs."""

from ledger.format.event import Event
from ledger.format.keys import Key
from ledger.personal import erasure
from ledger.writing.changes import Change, Reads
from manifest.body import Body
from manifest.reference import Reference
from manifest.register import documents as d
from manifest.register import events as e
from manifest.register import (
    judge_documents,
    judge_log,
    judge_parties,
    judge_permits,
    judge_places,
    judge_status,
    judge_zones,
)
from manifest.register import parties as p
from manifest.register import places as q
from manifest.register.entering import Judges
from manifest.register.log import (
    CheckpointAnchored,
    EditionAdopted,
    GuardAdopted,
    KeyRegistered,
    KeyRevoked,
    KeyRotated,
    LogKeyAdded,
    LogKeyRetired,
    LogOpened,
    PersonalErased,
    RuleSet,
)

_JUDGES: Judges = {
    **judge_log.JUDGES,
    **judge_parties.JUDGES,
    **judge_places.JUDGES,
    **judge_zones.JUDGES,
    **judge_permits.JUDGES,
    **judge_documents.JUDGES,
    **judge_status.JUDGES,
}


def judge(
    reads: Reads, event: Event, body: Body, keys: tuple[Key, ...], reference: Reference
) -> list[Change]:
    """Return the rows that a register's event writes; raise Refused when a rule forbids it."""
    return _JUDGES[type(body)](reads, event, body, keys, reference)


_FIXED: dict[type[Body], str] = {
    LogOpened: "log",
    GuardAdopted: "log",
    LogKeyAdded: "log",
    LogKeyRetired: "log",
    EditionAdopted: "reference",
    CheckpointAnchored: "anchors",
    PersonalErased: erasure.STREAM,
}
# Kind -> the field that names what is entered: one stream for each thing.
_NAMED: dict[type[Body], str] = {
    e.OrganisationRegistered: "party",
    e.OrganisationAdmitted: "party",
    e.SiteRegistered: "site",
    e.PermitGranted: "permit",
    e.ApprovalGranted: "approval",
    e.MandateGranted: "mandate",
    e.MandateRevoked: "mandate",
    e.NumbersAllocated: "block",
    e.PlanDeclared: "plan",
    p.OrganisationChanged: "party",
    p.EntryConfirmed: "entry",
    p.EntryEnded: "entry",
    p.EntrySuspended: "entry",
    p.EntryResumed: "entry",
    p.VehicleRegistered: "vehicle",
    q.SitePlaced: "site",
    q.ZoneRegistered: "zone",
    q.ZoneChanged: "zone",
    q.ZoneAssessed: "zone",
    q.CollectionPointOpened: "point",
    q.TreatmentLineSet: "treatment_line",
    d.PermitAmended: "permit",
    d.RegistrationReceived: "registration",
    d.ContractMade: "contract",
    d.ContractAgreed: "contract",
    d.CertificateIssued: "certificate",
    d.LinkageApproved: "linkage",
}


def stream_of(body: Body) -> str | None:
    """Return the stream in which a register's event belongs: one per thing that is registered."""
    if (fixed := _FIXED.get(type(body))) is not None:
        return fixed
    match body:
        case RuleSet():
            return f"rule:{body.rule}"
        case KeyRegistered():
            return f"key:{body.key.get('kid', '')}"
        case KeyRotated() | KeyRevoked():
            return f"key:{body.kid}"
    name = _NAMED.get(type(body))
    return None if name is None else str(getattr(body, name))
