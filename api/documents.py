"""Issuing a manifest's PDF: draw it, let each party's kept key sign its box in turn, record the file's hash.

The file is stored under its own hash before the entry that names it is written: a crash between the two
leaves an unused file, never a claim without a file.
"""

import hashlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from api.finding import find_manifest
from api.home import Home
from api.recorder import record
from ledger.errors import NotFound
from ledger.personal.subjects import Subjects
from ledger.personal.vault import find_secrets
from ledger.publishing.published import prove_entry
from ledger.storage.db import Reader, Row, reading
from ledger.storage.store import STREAM
from ledger.writing.changes import Reads
from manifest.acts import find, read_stored
from manifest.consignment import Manifest
from manifest.events import HandedOver, PdfIssued
from manifest.reference import default
from manifest.register.lookups import organisation
from manifest.views import PERMIT, SITE
from manifest.vocabulary import PermitKind, local_date
from pdf.draw import render
from pdf.form import Stamp
from pdf.proof import proof_path
from pdf.sheet import Happened, Known, sheet, signatures
from pdf.sign import CustodySigner, add_signature


@dataclass(frozen=True, slots=True)
class Issued:
    """A PDF that was issued: its bytes, its hash, the entry that names it, and who could not sign it here."""

    number: str
    data: bytes
    sha256: str
    seq: int
    proof: str
    signed: tuple[str, ...]
    unsigned: tuple[str, ...]


def issue_pdf(home: Home, name: str) -> Issued:
    """Issue the PDF of a manifest named by id or number, as it stands now, and prove it.

    A party whose key is not kept here cannot sign here; its box stays open and it is named in the result.
    """
    now = home.clock()
    with reading(home.engine) as reader:
        manifest_id = find_manifest(reader, home.ledger.log, name)
        reads = Reads(reader, home.ledger.log)
        manifest = find(reads, manifest_id, default())
        happened = _happened(reads, reader, manifest_id, home.subjects)
        known = _known(reads, manifest)
        stream = reads.one(STREAM, name=manifest_id)
        assert stream is not None
        url = f"{home.settings.public_url}/v/{manifest_id}"
        drawn = sheet(manifest, known, head=stream["head"], verify_url=url)
        data = render(drawn)
        signed: list[str] = []
        unsigned: list[str] = []
        for signature in signatures(manifest, happened):
            organisation = str(known.organisations[signature.party]["name"])
            try:
                kept = home.custody.of_party(reader, signature.party)
            except NotFound:
                unsigned.append(signature.party)
                continue
            assert kept.certificate is not None, "every key in custody has a certificate"
            signer = CustodySigner(kept.private, kept.certificate, (home.ca.certificate,))
            who = signature.filled.values.get("signer_name") or organisation
            data = add_signature(
                data,
                filled=signature.filled,
                signer=signer,
                signed_at=now,
                first=not signed,
                stamp=Stamp(signer=who, organization=organisation),
            )
            signed.append(signature.party)
    digest = hashlib.sha256(data).hexdigest()
    store_document(home, digest, data)
    body = PdfIssued(
        manifest=manifest_id,
        number=str(manifest.registered.number),
        head=stream["head"],
        sha256=digest,
        size=len(data),
        signatures=len(signed),
    )
    recorded = record(
        home.ledger, body, [home.service()], stream=f"pdf:{manifest_id}", occurred_at=now, now=now
    )
    home.checkpoint()
    with reading(home.engine) as reader:
        proof = prove_entry(reader, home.ledger.log, recorded.receipt.seq).to_text()
    return Issued(body.number, data, digest, recorded.receipt.seq, proof, tuple(signed), tuple(unsigned))


def write_issued(issued: Issued, path: Path) -> None:
    """Write the PDF and, beside it, its proof."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(issued.data)
    proof_path(path).write_text(issued.proof, encoding="utf-8")


def document_path(home: Home, digest: str) -> Path:
    """Return where a document of that hash is kept."""
    return home.folder / "documents" / f"{digest}.pdf"


def store_document(home: Home, digest: str, data: bytes) -> None:
    """Keep a document under its own hash; it is there whole or not at all."""
    path = document_path(home, digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(data)
    part.replace(path)


def _happened(reads: Reads, reader: Reader, manifest_id: str, subjects: Subjects) -> list[Happened]:
    found = []
    for stored in reads.stream(manifest_id):
        event, body = read_stored(stored)
        # At a hand-over the box is the taker's, and the driver signs for it.
        name_of = "driver_name" if isinstance(body, HandedOver) else "signer_name"
        commitment = event.commitments.get(name_of) or event.commitments.get("signer_name")
        kept = find_secrets(reader, reads.log, [commitment] if commitment else [], subjects)
        parties = tuple(actor.party for actor in event.actors)
        name = next((secret.value for secret in kept.values()), "")
        found.append(Happened(event=body, at=event.occurred_at, parties=parties, signer_name=name))
    return found


def _known(reads: Reads, manifest: Manifest) -> Known:
    registered = manifest.registered
    assert manifest.registered_at is not None
    on = local_date(manifest.registered_at)
    carriers = {carrier.party: carrier.permit for carrier in registered.carriers}
    parties = {registered.generator, registered.facility, *carriers}
    sites = [registered.site, registered.facility_site]
    permits = {registered.facility: registered.permit} | {
        party: permit for party, permit in carriers.items() if permit
    }
    if registered.second is not None:
        parties.add(registered.second.party)
        sites.append(registered.second.site)
        permits[registered.second.party] = registered.second.permit
    numbers = {}
    for party, permit in permits.items():
        row = reads.one(PERMIT, permit=permit)
        if row is not None and row["permit_kind"] != PermitKind.ENVIRONMENTAL:
            numbers[party] = str(row["number"])
    return Known(
        organisations={party: _party(reads, party, on) for party in parties},
        sites={site: reads.one(SITE, site=site) or {} for site in sites},
        permit_numbers=numbers,
    )


def _party(reads: Reads, party: str, on: date) -> Row:
    """Return how a party was called and reached when the manifest was registered."""
    told = organisation(reads, party, on)
    return {} if told is None else {"name": told.name, "address": told.address, "phone": told.phone}
