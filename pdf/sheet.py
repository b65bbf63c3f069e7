"""A manifest as the form has it: which party stands in which section, which act is signed in which box."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from manifest.body import Signed
from manifest.cases.events import ReceivedSecond
from manifest.consignment import Manifest
from manifest.events import Accepted, Completed, HandedOver, Registered, Treated
from manifest.vocabulary import VIETNAM
from pdf.form import (
    ADJUSTED_NOTE,
    COMPLETION,
    GENERATOR_CONFIRMS,
    RECEIPT_1,
    RECEIPT_2,
    Box,
    ExportBlock,
    Filled,
    LineRow,
    PartyBlock,
    Sheet,
)

Party = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """An act of the manifest: its event, when, by which parties, and who signed for each of them."""

    event: object
    at: datetime
    parties: tuple[str, ...]
    signer_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is registered of the parties: organisation and site rows, and the permit's number."""

    organisations: Mapping[str, Party]
    sites: Mapping[str, Party]
    permit_numbers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Signature:
    """A box that one party signs, with what it fills in."""

    party: str
    at: datetime
    filled: Filled


def sheet(manifest: Manifest, known: Known, *, head: str, verify_url: str) -> Sheet:
    """Return the manifest's sheet.

    A carry-only permit holder that takes the load stands as facility 1 and the facility that treats as
    facility 2; otherwise the facility that treats is facility 1, and one that takes over from it facility 2
    (decision B13). ``head`` is the hash of the
    stream's last envelope, which covers everything that was signed.
    """
    registered = manifest.registered
    carrier = _carrier(registered)
    treating = _block(known, registered.facility, known.sites.get(registered.facility_site))
    carrying = _block(known, carrier, None) if carrier else None
    second = registered.second
    taking_over = _block(known, second.party, known.sites.get(second.site)) if second else None
    return Sheet(
        edition=registered.form,
        province=str(known.sites[registered.site]["province"]),
        number=str(registered.number),
        generator=_block(known, registered.generator, known.sites.get(registered.site)),
        facility_1=carrying or treating,
        facility_2=treating if carrying else taking_over,
        carrier=None,
        export=_export(manifest),
        lines=tuple(
            LineRow(
                n=line.number,
                name=line.declared.name,
                state=line.declared.state.value,
                code=line.declared.code,
                mass_g=line.declared.mass_g,
                methods=line.declared.planned_methods,
            )
            for line in manifest.lines
        ),
        manifest_id=manifest.id,
        data_sha256=head,
        verify_url=verify_url,
        boxes=tuple(
            Box(key=key, party=str(known.organisations[party]["name"])) for key, party in boxes(manifest)
        ),
    )


def _export(manifest: Manifest) -> ExportBlock | None:
    block, left = manifest.registered.export, manifest.exported_at
    if block is None:
        return None
    return ExportBlock(
        country=block.country,
        entry=block.entry_gate,
        vehicle=block.vehicle,
        date=left.astimezone(VIETNAM).strftime("%d/%m/%Y") if left else "",
        exit=block.exit_gate,
    )


def boxes(manifest: Manifest) -> tuple[tuple[str, str], ...]:
    """Return the boxes of the form and the party of each, in the order of signing (decision B9).

    The facility that treats last confirms completion: the second one, where there is one, until it shows
    that the first was last.
    """
    registered = manifest.registered
    carrier, second = _carrier(registered), registered.second
    last = second.party if second else registered.facility
    if manifest.completed_at is not None and manifest.treated_by is not None:
        last = manifest.treated_by
    found = [(GENERATOR_CONFIRMS, registered.generator), (RECEIPT_1, carrier or registered.facility)]
    if carrier:
        found.append((RECEIPT_2, registered.facility))
    elif second:
        found.append((RECEIPT_2, second.party))
    return (*found, (COMPLETION, last))


def signatures(manifest: Manifest, happened: Sequence[Happened]) -> list[Signature]:
    """Return the boxes that the manifest's acts have signed so far, in order.

    The facility's own receipt is its acceptance; a carrier's is the hand-over to it. The box of a party that
    signed by hand stays open: what it signed is on its paper.
    """
    registered = manifest.registered
    carrier = _carrier(registered)
    made: dict[str, Signature] = {}
    methods: dict[int, list[str]] = {}

    def sign(key: str, party: str, act: Happened, values: dict[str, str]) -> None:
        by_hand = {one.party for one in act.event.on_paper} if isinstance(act.event, Signed) else set()
        if party not in by_hand:
            made.setdefault(key, _sign(key, party, act, values))

    for act in happened:
        match act.event:
            case Registered():
                sign(GENERATOR_CONFIRMS, registered.generator, act, {})
            case HandedOver(taker=taker, vehicle_plate=plate) if carrier and taker == carrier:
                sign(RECEIPT_1, carrier, act, {"vehicle": plate})
            case Accepted():
                values = {"vehicle": manifest.legs[-1].vehicle_plate}
                if any(line.mass.accepted_g != line.mass.declared_g for line in manifest.lines):
                    values["note"] = ADJUSTED_NOTE
                sign(RECEIPT_2 if carrier else RECEIPT_1, registered.facility, act, values)
            case ReceivedSecond() if registered.second:
                sign(RECEIPT_2, registered.second.party, act, {})
            case Treated(parts=parts):
                for part in parts:
                    applied = methods.setdefault(part.line, [])
                    applied += [method for method in part.methods if method not in applied]
            case Completed():
                values = {f"methods_{line}": ", ".join(applied) for line, applied in methods.items()}
                sign(COMPLETION, act.parties[0], act, values)
    return [made[key] for key, party in boxes(manifest) if key in made and made[key].party == party]


def _sign(key: str, party: str, act: Happened, values: dict[str, str]) -> Signature:
    day = act.at.astimezone(VIETNAM).strftime("%d/%m/%Y")
    return Signature(
        party, act.at, Filled(key=key, values={"signer_name": act.signer_name, "signed_on": day, **values})
    )


def _carrier(registered: Registered) -> str | None:
    """Return the carry-only permit holder, if one takes part."""
    own = {registered.generator, registered.facility}
    own |= {registered.second.party} if registered.second else set()
    return next((carrier.party for carrier in registered.carriers if carrier.party not in own), None)


def _block(known: Known, party: str, site: Party | None) -> PartyBlock:
    organisation = known.organisations[party]
    code = known.permit_numbers.get(party) or (site or {}).get("code") or ""
    return PartyBlock(
        name=str(organisation["name"]),
        code=str(code),
        office_address=str(organisation["address"]),
        phone=str(organisation["phone"] or ""),
        site_address=str((site or organisation)["address"]),
        site_phone=str((site or {}).get("phone") or ""),
    )
