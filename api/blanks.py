"""Blanks for an outage: numbers of a block signed, drawn, kept under the file's hash, and entered.

The service key signs each number, so that whoever holds a blank can have it checked. The file is kept before
the entry that names it is written: a crash between the two leaves an unused file, never a claim without one.
"""

import hashlib
import re
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from api.acting import Done, act, in_request, repeated
from api.desk import Desk
from api.documents import document_path, store_document
from api.home import OPERATOR, Home
from api.reading import Given
from api.recorder import Signing
from ledger.errors import Malformed, NotAllowed, NotFound, Problem, RuleBroken
from ledger.format.signature import KeySigner, b64, load_public_key, pae, sign, unb64, verify_raw
from ledger.ids import uuid7
from ledger.storage.db import Reader, Row, reading
from ledger.storage.store import KEY, one, rows
from ledger.writing.changes import Reads
from manifest.events import Number
from manifest.outages.events import BlanksIssued
from manifest.outages.views import BLANKS
from manifest.reference import default
from manifest.register.lookups import organisation
from manifest.views import NUMBER_BLOCK
from manifest.vocabulary import local_date
from pdf.blanks import MOST_NUMBERS, Blank, Blanks, render_blanks

BLANK_TYPE: Final = "application/vnd.ctnh.blank"
_NUMBER = re.compile(r"([0-9]{1,6})/([0-9]{4})/([0-9A-Z][0-9A-Z.-]{0,39})")
_NOTHING = "0" * 64


@dataclass(frozen=True, slots=True)
class Printed:
    """Blanks that stand in the ledger, and the file of which it knows the hash."""

    done: Done
    data: bytes


def statement(origin: str, number: str) -> bytes:
    """Return what the service key signs of a blank: that this log has issued a blank of this number.

    ``origin`` is the name with which the deployment began; it stays when the log goes on under another.
    """
    return pae(f"ctnh-blank-v1\n{origin}\n{number}\n".encode(), BLANK_TYPE)


def signed_number(home: Home, service: Signing, number: str) -> Blank:
    """Return a number as it is printed: its signature, and the address that checks both."""
    assert isinstance(service.signer, KeySigner), "the service key is a file of this deployment"
    value = b64(sign(service.signer.key, statement(home.settings.origin, number)))
    url = f"{home.settings.public_url}/b/{number}?s={value}"
    return Blank(number=number, verify_url=url, key=service.signer.kid, signature=value)


def issue_blanks(desk: Desk, given: Given) -> Printed:
    """Print numbers of a block and enter them; ``given`` has `block`, `first`, `last` and may have `blanks`.

    Under an idempotency key that was used for the same blanks their file comes again. Raises Malformed for
    wrong fields or more numbers than one file holds, RuleBroken, NotAllowed or Conflict as the ledger does.
    """
    with in_request():
        if "sha256" in given.fields:
            raise Malformed(Problem("manifest.field_unknown", "/sha256"))
        if (done := repeated(desk, BlanksIssued.kind, given, None)) is not None:
            return Printed(done, read_blanks(desk.home, str(done.event.body["sha256"])))
        now = desk.home.clock()
        fields = {"blanks": f"blanks:{uuid7(now)}", **given.fields}
        asked = BlanksIssued.read({**fields, "sha256": _NOTHING})
        data = _drawn(desk, asked, local_date(now))
        digest = hashlib.sha256(data).hexdigest()
        store_document(desk.home, digest, data)
        done = act(desk, BlanksIssued.kind, replace(given, fields={**fields, "sha256": digest}))
    return Printed(done, data)


def _drawn(desk: Desk, asked: BlanksIssued, on: date) -> bytes:
    if asked.last - asked.first >= MOST_NUMBERS:
        raise Malformed(Problem("api.blanks_too_many", "/last", {"limit": MOST_NUMBERS}))
    with reading(desk.home.engine) as reader:
        block = one(reader, NUMBER_BLOCK, log=desk.home.ledger.log, block=asked.block)
        # What the ledger would refuse is not drawn first; whose word that is, is its own.
        if block is None:
            raise RuleBroken(Problem("manifest.block_unknown", "/block"))
        if not desk.view(reader).owns(block["party"]):
            raise NotAllowed(Problem("manifest.block_not_yours", "/block"))
        if not block["first"] <= asked.first <= asked.last <= block["last"]:
            facts = {"number": f"{asked.first}–{asked.last}"}
            raise RuleBroken(Problem("manifest.number_not_allocated", "/first", facts))
        holder = organisation(Reads(reader, desk.home.ledger.log), block["party"], on)
    assert holder is not None, "a block belongs to a registered party"
    service = desk.home.service()
    numbers = (
        str(Number(sequence=sequence, year=block["year"], issuer=block["issuer"]))
        for sequence in range(asked.first, asked.last + 1)
    )
    return render_blanks(
        Blanks(
            edition=default().form_edition(on).edition,
            holder=holder.name,
            blanks=asked.blanks,
            numbers=tuple(signed_number(desk.home, service, number) for number in numbers),
        )
    )


def read_blanks(home: Home, digest: str) -> bytes:
    """Return the file of blanks of this hash; raise NotFound when it is not kept here, or was changed."""
    path = document_path(home, digest)
    data = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(data).hexdigest() != digest:
        raise NotFound(Problem("api.document_missing", "", {"sha256": digest}))
    return data


def blanks_of_number(reader: Reader, log: int, text: str) -> Row | None:
    """Return the blanks on which a number is printed, or None; ``text`` is the number as it reads."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    sequence = int(match[1])
    found = rows(reader, BLANKS, log=log, year=int(match[2]), issuer=match[3])
    return next((row for row in found if row["first"] <= sequence <= row["last"]), None)


def is_signed(reader: Reader, log: int, origin: str, number: str, value: str) -> bool:
    """Tell whether a service key signed a number for the log of that name; ``value`` is base64url.

    A key that has ended since has signed what it signed: the paper may be older.
    """
    try:
        signature = unb64(value)
    except ValueError:
        return False
    message = statement(origin, number)
    keys = [row for row in rows(reader, KEY, log=log, party=OPERATOR) if row["custody"] == "service"]
    return any(verify_raw(load_public_key(row["public_key"])[1], signature, message) for row in keys)
