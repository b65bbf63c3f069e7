"""Read tables: what the ledger says, arranged for queries. Delete them, replay, and the same rows come back.

Here are lots, manifests and the mass accounts; `VIEWS` lists these and all others. Every key begins with the
log's number. `seq` is the entry that wrote the row last.
"""

from sqlalchemy import CheckConstraint, Index, Table, UniqueConstraint
from sqlmodel import SQLModel

from ledger.storage.store import table_of
from manifest import obligation_views as obligations
from manifest import tables as t
from manifest.cases import views as cases
from manifest.claims import views as claims
from manifest.correcting import views as correcting
from manifest.findings import views as findings
from manifest.lots import views as lots
from manifest.outages import views as outages
from manifest.register import entry_views as entries
from manifest.register import views as register
from manifest.vocabulary import SOURCES


class LotView(SQLModel, table=True):
    """A lot with the dimensions that ratios are cut by, as they were when it arose."""

    __tablename__ = "lot"
    __table_args__ = t.of_log(
        CheckConstraint("declared_g > 0", name="lot_declared"),
        Index("lot_site", "log", "site"),
        Index("lot_order", "log", "seq"),
        Index("lot_party", "log", "party", "seq"),
    )
    log: int = t.log()
    lot: str = t.key(36)
    lot_kind: str = t.text(20)
    party: str = t.text()
    site: str = t.text()
    code: str = t.text(12)
    state: str = t.text(12)
    generated_on: t.Day = t.day()
    declared_g: int = t.whole()
    basis: str = t.text(20)
    zone_kind: str = t.text(30)
    zone: str | None = t.text(100, null=True)
    area: str | None = t.text(12, null=True)
    seq: int = t.whole()


class ManifestView(SQLModel, table=True):
    """A manifest's head, status and clock; ``on_paper`` and ``contested`` count its acts of that kind.

    ``second`` is the second facility where one is planned, ``vehicle_plate`` that of the newest leg and
    ``vehicles`` how many the load is in.
    """

    __tablename__ = "manifest"
    __table_args__ = t.of_log(
        UniqueConstraint("log", "issuer", "year", "sequence", name="manifest_number"),
        CheckConstraint("accepted_g >= 0 AND refused_g >= 0 AND left_g >= 0", name="manifest_masses"),
        # A page is read in the order of `seq`: with it in the index nothing has to be sorted for one.
        Index("manifest_order", "log", "seq"),
        Index("manifest_generator", "log", "generator", "seq"),
        Index("manifest_facility", "log", "facility", "seq"),
        Index("manifest_status", "log", "status", "seq"),
        Index("manifest_second", "log", "second"),
        Index("manifest_round", "log", "round"),
        Index("manifest_paper", "log", "paper_number"),
        Index("manifest_plate", "log", "vehicle_plate"),
    )
    log: int = t.log()
    manifest: str = t.key(36)
    number: str = t.text(60)
    issuer: str = t.text(40)
    year: int = t.small()
    sequence: int = t.small()
    status: str = t.text(20)
    generator: str = t.text()
    site: str = t.text()
    facility: str = t.text()
    facility_site: str = t.text()
    permit: str = t.text()
    holder: str = t.text()
    form: str = t.text(60)
    registered_at: t.Moment = t.moment()
    transferred_at: t.Moment | None = t.moment(null=True)
    arrived_at: t.Moment | None = t.moment(null=True)
    decided_at: t.Moment | None = t.moment(null=True)
    completed_at: t.Moment | None = t.moment(null=True)
    declared_g: int = t.whole()
    accepted_g: int = t.whole()
    refused_g: int = t.whole()
    left_g: int = t.whole()
    corrections_open: int = t.small()
    document: str = t.text(20)
    paper_number: str | None = t.text(60, null=True)
    second: str | None = t.text(null=True)
    second_site: str | None = t.text(null=True)
    export_country: str | None = t.text(2, null=True)
    round: str | None = t.text(36, null=True)
    round_net_g: int | None = t.whole(null=True)
    collection_point: str | None = t.text(null=True)
    vehicle_plate: str | None = t.text(60, null=True)
    vehicles: int = t.small()
    forwarded_at: t.Moment | None = t.moment(null=True)
    received_second_at: t.Moment | None = t.moment(null=True)
    storage_notified_at: t.Moment | None = t.moment(null=True)
    exported_at: t.Moment | None = t.moment(null=True)
    copies_at: t.Moment | None = t.moment(null=True)
    on_paper: int = t.small()
    contested: int = t.small()
    seq: int = t.whole()


class ManifestPartyView(SQLModel, table=True):
    """Who takes part in a manifest, in which role: what a party may see."""

    __tablename__ = "manifest_party"
    __table_args__ = t.of_log(Index("manifest_party_of", "log", "party", "manifest"))
    log: int = t.log()
    manifest: str = t.key(36)
    party: str = t.key()
    role: str = t.key(40)


class ManifestLineView(SQLModel, table=True):
    """A line of a manifest with its masses; what the scale says otherwise is restated or unexplained."""

    __tablename__ = "manifest_line"
    __table_args__ = t.of_log(
        CheckConstraint("declared_g > 0", name="line_declared"),
        CheckConstraint(
            "second_net_g IS NULL OR second_accepted_g + second_refused_g = second_net_g",
            name="line_divided_second",
        ),
        CheckConstraint("restated_g = 0 OR unexplained_g = 0", name="line_difference"),
        CheckConstraint(
            "net_g IS NULL OR accepted_g IS NULL OR accepted_g + refused_g = net_g", name="line_divided"
        ),
        CheckConstraint(
            "refused_g >= 0 AND treated_g >= 0 AND interim_g >= 0 AND batched_g >= 0 AND"
            " treated_g + interim_g + batched_g <= coalesce(second_accepted_g, accepted_g, declared_g)",
            name="line_treated",
        ),
    )
    log: int = t.log()
    manifest: str = t.key(36)
    line: int = t.number_key()
    code: str = t.text(12)
    name: str = t.text(300)
    state: str = t.text(12)
    planned_methods: str = t.text(120)
    declared_g: int = t.whole()
    net_g: int | None = t.whole(null=True)
    instrument: str | None = t.text(20, null=True)
    uncertainty_g: int = t.whole()
    restated_g: int = t.whole()
    unexplained_g: int = t.whole()
    returned_g: int = t.whole()
    forwarded_g: int = t.whole()
    accepted_g: int | None = t.whole(null=True)
    refused_g: int = t.whole()
    treated_g: int = t.whole()
    interim_g: int = t.whole()
    batched_g: int = t.whole()
    facility_site: str = t.text()
    second_net_g: int | None = t.whole(null=True)
    second_accepted_g: int | None = t.whole(null=True)
    second_refused_g: int = t.whole()


class ActView(SQLModel, table=True):
    """An act of a manifest: who, when, its assurance (-1 paper, 0 account, 1 own key, 2 certificate).

    ``levels`` has that of each of ``parties``, ``assurance`` the lowest.
    """

    __tablename__ = "act"
    __table_args__ = t.of_log()
    log: int = t.log()
    manifest: str = t.key(36)
    seq: int = t.number_key()
    kind: str = t.text(60)
    occurred_at: t.Moment = t.moment()
    recorded_at: t.Moment = t.moment()
    parties: str = t.text(400)
    levels: str = t.text(60)
    assurance: int = t.small()


class PostingView(SQLModel, table=True):
    """Grams into (or, negative, out of) an account: the journal of the mass accounts."""

    __tablename__ = "posting"
    __table_args__ = t.of_log(
        CheckConstraint("grams <> 0", name="posting_moves"),
        Index("posting_lot", "log", "lot"),
        Index("posting_manifest", "log", "manifest"),
    )
    log: int = t.log()
    seq: int = t.number_key()
    n: int = t.number_key()
    account: str = t.text(30)
    place: str = t.text()
    lot: str = t.text(36)
    grams: int = t.whole()
    reason: str = t.text(30)
    posted_on: t.Day = t.day()
    manifest: str | None = t.text(36, null=True)
    line: int | None = t.small(null=True)
    method: str | None = t.text(12, null=True)


_SOURCE_LIST = ", ".join(f"'{account.value}'" for account in SOURCES)


class BalanceView(SQLModel, table=True):
    """What an account holds of a lot at a place: the sum of its postings, below zero only for sources."""

    __tablename__ = "balance"
    __table_args__ = t.of_log(
        CheckConstraint(f"grams >= 0 OR account IN ({_SOURCE_LIST})", name="balance_not_negative"),
    )
    log: int = t.log()
    lot: str = t.key(36)
    account: str = t.key(30)
    place: str = t.key()
    grams: int = t.whole()


class PdfView(SQLModel, table=True):
    """A PDF that was issued, by the hash of its bytes."""

    __tablename__ = "pdf_document"
    __table_args__ = t.of_log(Index("pdf_manifest", "log", "manifest"))
    log: int = t.log()
    sha256: str = t.key(64)
    manifest: str = t.text(36)
    head: str = t.text(64)
    size: int = t.whole()
    signatures: int = t.small()
    seq: int = t.whole()


_OWN: tuple[type[SQLModel], ...] = (
    LotView, ManifestView, ManifestPartyView, ManifestLineView, ActView, PostingView, BalanceView, PdfView,
)  # fmt: skip
VIEWS: tuple[type[SQLModel], ...] = (
    *entries.VIEWS, *_OWN, *register.VIEWS, *lots.VIEWS, *cases.VIEWS, *claims.VIEWS, *outages.VIEWS,
    *correcting.VIEWS, *obligations.VIEWS, *findings.VIEWS,
)  # fmt: skip
VIEW_TABLES: tuple[Table, ...] = tuple(table_of(view) for view in VIEWS)
(
    ORGANISATION, IDENTIFIER, SITE, PERMIT, PERMIT_LINE, PERMIT_VEHICLE, PERMIT_USE, APPROVAL, MANDATE,
    NUMBER_BLOCK, PLAN_LINE, RULE, EDITION,
) = (table_of(view) for view in entries.VIEWS)  # fmt: skip
LOT, MANIFEST, MANIFEST_PARTY, MANIFEST_LINE, ACT, POSTING, BALANCE, PDF = (table_of(view) for view in _OWN)
