"""The worked vector of the format document is what the code makes, accepts and verifies."""

import hashlib
import re
from pathlib import Path

import pytest
from sqlalchemy import Engine

from api.cli.docs import FOLDER
from ledger.format.checkpoint import check_proof, open_checkpoint, open_receipt, parse_proof
from ledger.format.entry import parse_entry
from ledger.format.event import parse
from ledger.format.keys import KeyRing, check_signatures
from ledger.format.signature import P256_ORDER
from ledger.personal.subjects import Subjects
from ledger.publishing.publisher import publish
from ledger.storage.db import reading
from ledger.storage.store import entries as stored_entries
from ledger.verifying.verify import verify
from ledger.writing.writer import Ledger
from manifest import reference
from manifest.service import Judge
from tests.docs import worked_vector as vector


def test_the_document_holds_the_vector() -> None:
    text = (FOLDER / "ledger-format.md").read_text(encoding="utf-8")
    inside = text[text.index(vector.BEGIN) : text.index(vector.END) + len(vector.END)]
    assert inside == vector.section(), "python -m tests.docs.worked_vector prints the section"


def test_an_entry_copied_from_the_document_has_the_hash_beside_it() -> None:
    text = (FOLDER / "ledger-format.md").read_text(encoding="utf-8")
    for seq, entry in enumerate(vector.entries()):
        part = text.split(f"### Entry {seq}\n")[1]
        copied = part.split("```text\n")[1].split("\n```")[0].encode()
        assert copied == entry.to_bytes()
        stated = re.search(r"entry hash, leaf \| `([0-9a-f]{64})`", part)
        assert stated is not None
        assert hashlib.sha256(b"\x00" + copied).hexdigest() == stated[1]


def test_the_entries_parse_link_and_verify() -> None:
    ring = KeyRing()
    heads: dict[str, str] = {}
    previous = "0" * 64
    for seq, made in enumerate(vector.entries()):
        entry = parse_entry(made.to_bytes())
        event = parse(entry.envelope.event)
        assert (entry.seq, entry.prev) == (seq, previous)
        assert event.stream_prev == heads.get(event.stream)
        check_signatures(entry.envelope, event, seq, ring.get)
        ring.learn(event, seq)
        previous, heads[event.stream] = entry.hash.hex(), entry.envelope.hash


def test_signatures_have_the_low_s() -> None:
    for entry in vector.entries():
        for line in entry.envelope.signatures:
            (raw,) = line.parts
            assert len(raw) == 64
            assert int.from_bytes(raw[32:], "big") <= P256_ORDER // 2


@pytest.mark.parametrize("seq", range(3))
def test_checkpoint_receipt_and_proof_hold(seq: int) -> None:
    entry, keys = vector.entries()[seq], [vector.LOG.key]
    assert open_checkpoint(vector.checkpoint(), keys, vector.ORIGIN).size == 3
    assert open_receipt(vector.receipt(seq), keys, vector.ORIGIN).entry_hash == entry.hash
    read = parse_proof(vector.proof(seq).to_text())
    assert check_proof(read, entry.hash, keys, vector.ORIGIN).size == 3


def test_the_writer_makes_exactly_these_bytes(sqlite_engine: Engine, tmp_path: Path) -> None:
    subjects = Subjects(tmp_path / "subjects", vector.ORIGIN)
    judge = Judge(reference.default())
    ledger = Ledger(sqlite_engine, vector.ORIGIN, judge=judge, signer=vector.LOG, subjects=subjects)
    for seq, entry in enumerate(vector.entries()):
        secrets = (vector.SECRET,) if seq == 1 else ()
        recorded = ledger.submit(entry.envelope.to_bytes(), now=entry.recorded_at, secrets=secrets)
        assert recorded.note == vector.receipt(seq)
    assert publish(sqlite_engine, ledger.log, vector.ORIGIN, [vector.LOG], now=vector.time_of(3)) == (
        3,
        vector.checkpoint(),
    )
    with reading(sqlite_engine) as reader:
        found = [entry.data for entry in stored_entries(reader, ledger.log)]
        report = verify(reader, origin=vector.ORIGIN, subjects=subjects)
    ledger.close()
    assert found == [entry.to_bytes() for entry in vector.entries()]
    assert report.ok, report.findings
    assert report.personal_open == 1
