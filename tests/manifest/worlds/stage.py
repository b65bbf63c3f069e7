"""The stage of a random world: parties, sites and papers for every case of a manifest."""

from datetime import date
from typing import Any

from manifest import events as e
from manifest.cases.parts import GENERATOR_SIGNED, Export, Second
from manifest.register import documents as d
from manifest.register import events as r
from manifest.vocabulary import Document, IdentifierKind, PermitKind, Role, SiteKind, ZoneKind
from tests.manifest.register.entries import enter
from tests.world import (
    CARRIER,
    CODE,
    FACILITY,
    GENERATOR,
    OTHER_CODE,
    OTHER_FACILITY,
    RIVAL,
    TONNE,
    World,
)

HOUSEHOLD, STRANGER = "org:household", "org:stranger"
CLINIC, CLUSTER = "site:clinic", "site:cluster"
PLATES = ("29C-123.45", "29H-678.90", "30F-111.22")
FACILITIES = (FACILITY, OTHER_FACILITY)
# Who stores waste, and at which sites.
SITES = {
    "site:generator": GENERATOR, "site:rival": RIVAL, "site:household": HOUSEHOLD, CLINIC: GENERATOR,
    "site:facility": FACILITY, "site:facility-2": OTHER_FACILITY, CLUSTER: FACILITY,
}  # fmt: skip
ISSUERS = {FACILITY: "1-2-3.047.VX", OTHER_FACILITY: "1-2-3.048.VX"}
EXPORT = Export(
    country="JP", entry_gate="Cảng Yokohama", exit_gate="Cảng Hải Phòng", vehicle="Tàu biển",
    consent_number="12/XK",
)  # fmt: skip
CARRIED = e.CarrierPlanned(party=CARRIER, permit="permit:carrier", approval="approval:carrier:facility")
FETCHED: dict[str, Any] = {"carriers": (e.CarrierPlanned(party=FACILITY),)}
PLAIN: dict[str, Any] = {
    "generator": GENERATOR, "site": "site:generator", "facility": FACILITY, "facility_site": "site:facility",
    "permit": "permit:facility", "carriers": (CARRIED,),
}  # fmt: skip
SECOND = Second(
    party=OTHER_FACILITY, site="site:facility-2", permit="permit:facility-2", linkage="linkage:1",
    consent=GENERATOR_SIGNED,
)  # fmt: skip
# What the register event of each case says.
CASES: dict[str, dict[str, Any]] = {
    "plain": PLAIN,
    "rival": PLAIN | {"generator": RIVAL, "site": "site:rival"},
    "own": PLAIN | {"carriers": (e.CarrierPlanned(party=GENERATOR),)},
    "carriers": PLAIN | {"carriers": (CARRIED, e.CarrierPlanned(party=FACILITY))},
    "fetched": PLAIN | FETCHED,
    "second": PLAIN | FETCHED | {"permit": "permit:narrow", "second": SECOND},
    "round": PLAIN,
    "listed": PLAIN,
    "export": PLAIN | {"permit": "permit:export", "export": EXPORT},
    "small": PLAIN | {"permit": "permit:small"},
    "hospital": PLAIN | FETCHED | {
        "site": CLINIC, "facility_site": CLUSTER, "permit": "permit:cluster",
        "document": Document.HANDOVER_RECORD, "form": "biên bản bàn giao",
    },
    "out": PLAIN | {
        "generator": FACILITY, "site": "site:facility", "facility": OTHER_FACILITY,
        "facility_site": "site:facility-2", "permit": "permit:facility-2",
        "carriers": (e.CarrierPlanned(party=OTHER_FACILITY),),
    },
    "back": PLAIN | FETCHED | {"generator": OTHER_FACILITY, "site": "site:facility-2"},
}  # fmt: skip
# Between facilities goes what came out of batches, so that it grows deep.
KINDS = (*CASES, "plain", "second", "second", "second", "round", "round", "out", "out", "back", "back")


def set_up(world: World) -> World:
    """Fill the registers with what the cases need."""
    none: dict[str, Any] = {
        "identifier_kind": IdentifierKind.NONE, "identifier": None, "reason": "Hộ chưa có mã số thuế",
    }  # fmt: skip
    world.add_party(HOUSEHOLD, "Hộ sản xuất", Role.GENERATOR, **none)
    world.add_site(HOUSEHOLD, zone_kind=ZoneKind.CRAFT_VILLAGE, zone="ln-may-tre-dan-thon-3")
    world.grant(HOUSEHOLD, GENERATOR, Role.GENERATOR)
    everything = (Role.GENERATOR, Role.TRANSPORTER, Role.TREATMENT_FACILITY)
    world.add_party(STRANGER, "Công ty Người Ngoài", *everything)
    world.add_site(GENERATOR, site=CLINIC, site_kind=SiteKind.HOSPITAL)
    world.add_site(FACILITY, site=CLUSTER, site_kind=SiteKind.HOSPITAL)
    world.allocate(OTHER_FACILITY, issuer=ISSUERS[OTHER_FACILITY])
    narrow = (r.PermitLine(code=CODE, methods=("TC", "SC"), mass_g_year=100 * TONNE),)
    world.add_permit(FACILITY, permit="permit:narrow", lines=narrow)
    enter(world, d.LinkageApproved, codes=(OTHER_CODE,))
    small = tuple(
        r.PermitLine(code=code, methods=("TC", "SC"), mass_g_year=3_000) for code in (CODE, OTHER_CODE)
    )
    world.add_permit(FACILITY, permit="permit:small", lines=small)
    for party in FACILITIES:
        world.add_permit(party, permit=f"permit:break:{party[4:]}", traceability_break=True)
    own = (r.PermitLine(code=CODE, methods=("TĐ",), mass_g_year=TONNE),)
    world.add_permit(GENERATOR, permit="permit:own", kind=PermitKind.ENVIRONMENTAL, lines=own)
    cluster = (r.PermitLine(code=CODE, methods=("TC",), mass_g_year=TONNE),)
    world.add_permit(FACILITY, permit="permit:cluster", kind=PermitKind.ENVIRONMENTAL, lines=cluster)
    abroad = tuple(
        r.PermitLine(code=code, methods=(), mass_g_year=100 * TONNE) for code in (CODE, OTHER_CODE)
    )
    world.add_permit(FACILITY, permit="permit:export", kind=PermitKind.EXPORT, number="12/XK", lines=abroad)
    enter(
        world,
        d.CertificateIssued,
        party=RIVAL,
        site="site:rival",
        sampled_on=date(2025, 3, 1),
        valid_from=date(2025, 3, 10),
        valid_to=date(2026, 3, 9),
    )
    for site, party in SITES.items():
        facility = party in FACILITIES
        for code, mass_g in ((CODE, 10_007), (CODE, 501), (OTHER_CODE, 4_999)):
            (world.opening if facility else world.lot)(mass_g, party=party, site=site, code=code)
    return world
