"""Waste that is hazardous only above a threshold: when a test certificate makes it ordinary waste.

Such a code (mark KS) is handled as hazardous until a valid certificate of its site and process finds it below
the threshold (Luật BVMT Điều 72(1)(c)); from then on it is ordinary waste and needs no manifest.
"""

from collections.abc import Iterator
from datetime import date

from ledger.errors import Problem
from ledger.storage.db import Row
from ledger.writing.changes import Reads
from manifest.events import Registered
from manifest.reference import Reference, ReferenceRefused
from manifest.register.papers import Certificate, certificate_for
from manifest.views import LOT
from manifest.vocabulary import LotKind, months_later


def tested_codes_only(reference: Reference, lot: Row, on: date) -> Iterator[Problem]:
    """Yield a problem when a lot's code is hazardous whatever a test finds."""
    if not _is_tested(reference, lot["code"], on):
        yield Problem("manifest.code_always_hazardous", "/body/lot", {"code": lot["code"]})


def _is_tested(reference: Reference, code: str, on: date) -> bool:
    try:
        return reference.waste_code(code, on).tested
    except ReferenceRefused:
        return False


def ordinary_by(reads: Reads, reference: Reference, lot: Row, on: date) -> Certificate | None:
    """Return the certificate by which a lot is ordinary waste on a day, or None.

    It has to be valid that day, and its sample must fit the lot (decision A6): of waste that arose after it,
    or of a lot that was still within its storage limit when it was taken. What was mixed in a batch is never
    made ordinary: thinning is no treatment.
    """
    if lot["lot_kind"] == LotKind.CHILD or not _is_tested(reference, lot["code"], on):
        return None
    found = certificate_for(reads, lot["party"], lot["site"], lot["code"], on)
    if found is None:
        return None
    months = reference.rule("storage_limit_months", on).integer
    last = months_later(lot["generated_on"], months)
    return found if last is None or found.sampled_on <= last else None


def no_manifest_needed(reads: Reads, reference: Reference, body: Registered, on: date) -> Iterator[Problem]:
    """Yield a problem for each lot of a manifest that a certificate has made ordinary waste."""
    for index, line in enumerate(body.lines):
        for place, draw in enumerate(line.lots):
            lot = reads.one(LOT, lot=draw.lot)
            found = None if lot is None else ordinary_by(reads, reference, lot, on)
            if found is not None:
                facts = {"code": line.code, "certificate": found.certificate}
                yield Problem("manifest.ordinary_waste", f"/body/lines/{index}/lots/{place}", facts)
