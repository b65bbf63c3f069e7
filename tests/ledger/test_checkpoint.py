import base64
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ledger.checkpoint import (
    Checkpoint,
    LogProof,
    Receipt,
    check_proof,
    claimed_checkpoint,
    open_checkpoint,
    open_receipt,
    parse_proof,
)
from ledger.errors import Malformed, NotAllowed, Refused
from ledger.note import add_lines
from ledger.tree import inclusion_proof, leaf_hash, root
from tests.ledger.tlog import ORIGIN, START, note_signer, post_quantum_signer

SIGNER = note_signer()
POST_QUANTUM = post_quantum_signer()
LEAVES = [leaf_hash(b"%d" % i) for i in range(7)]
CHECKPOINT = Checkpoint(ORIGIN, 7, root(LEAVES))
NOTE = SIGNER.sign(CHECKPOINT.text, START)
RECEIPT = Receipt(ORIGIN, 3, LEAVES[3], START)
RECEIPT_NOTE = SIGNER.sign(RECEIPT.text, START)
PROOF = LogProof(3, inclusion_proof(LEAVES, 3), NOTE, b"the entry")


def test_a_checkpoint_survives_its_note() -> None:
    assert open_checkpoint(NOTE, [SIGNER.key], ORIGIN) == CHECKPOINT


def test_extension_lines_belong_to_a_checkpoint() -> None:
    further = replace(CHECKPOINT, extensions=("one", "two"))
    assert further.text == CHECKPOINT.text + "one\ntwo\n"
    note = SIGNER.sign(further.text, START)
    assert open_checkpoint(note, [SIGNER.key], ORIGIN) == further
    assert claimed_checkpoint(note) == further != CHECKPOINT


def test_every_kind_of_key_that_the_log_has_must_have_signed() -> None:
    keys = [SIGNER.key, POST_QUANTUM.key]
    both = add_lines(NOTE, [POST_QUANTUM.sign_line(CHECKPOINT.text, START)])
    assert open_checkpoint(both, keys, ORIGIN) == CHECKPOINT
    assert open_checkpoint(both, keys[:1], ORIGIN) == CHECKPOINT
    for half in (NOTE, POST_QUANTUM.sign(CHECKPOINT.text, START)):
        with pytest.raises(NotAllowed, match="note_half_signed"):
            open_checkpoint(half, keys, ORIGIN)
    assert open_receipt(RECEIPT_NOTE, keys, ORIGIN) == RECEIPT


def test_a_receipt_survives_its_note() -> None:
    assert open_receipt(RECEIPT_NOTE, [SIGNER.key], ORIGIN) == RECEIPT


@pytest.mark.parametrize("proof", [PROOF, replace(PROOF, extra=None), LogProof(0, (), NOTE)])
def test_a_proof_survives_its_text(proof: LogProof) -> None:
    assert parse_proof(proof.to_text()) == proof


@given(st.integers(0, len(NOTE) - 1), st.characters(codec="utf-8"))
def test_any_changed_character_of_a_note_is_refused(at: int, character: str) -> None:
    assume(NOTE[at] != character)
    with pytest.raises(Refused):
        open_checkpoint(NOTE[:at] + character + NOTE[at + 1 :], [SIGNER.key], ORIGIN)


@given(st.integers(0, len(RECEIPT_NOTE) - 1), st.characters(codec="utf-8"))
def test_any_changed_character_of_a_receipt_is_refused(at: int, character: str) -> None:
    assume(RECEIPT_NOTE[at] != character)
    with pytest.raises(Refused):
        open_receipt(RECEIPT_NOTE[:at] + character + RECEIPT_NOTE[at + 1 :], [SIGNER.key], ORIGIN)


@given(st.integers(0, len(PROOF.to_text()) - 1), st.characters(codec="utf-8"))
def test_any_changed_character_of_a_proof_is_refused_or_shows_in_it(at: int, character: str) -> None:
    text = PROOF.to_text()
    assume(text[at] != character)
    try:
        proof = parse_proof(text[:at] + character + text[at + 1 :])
        check_proof(proof, LEAVES[3], [SIGNER.key], ORIGIN)
    except Refused:
        return
    assert proof.extra != PROOF.extra, "only the bytes that the proof does not cover may differ"


@pytest.mark.parametrize(
    "text",
    [
        f"{ORIGIN}\n7\n",
        CHECKPOINT.text + "\n",
        CHECKPOINT.text + "\nextension\n",
        CHECKPOINT.text.replace("\n7\n", "\n07\n"),
        CHECKPOINT.text.replace("\n7\n", "\n-7\n"),
        CHECKPOINT.text.replace(ORIGIN, "other.example/notes"),
        f"{ORIGIN}\n7\n{base64.b64encode(bytes(31)).decode()}\n",
        f"{ORIGIN}\n7\nnot base64!\n",
    ],
)
def test_a_signed_text_that_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        open_checkpoint(SIGNER.sign(text, START), [SIGNER.key], ORIGIN)


@pytest.mark.parametrize(
    "text",
    [
        CHECKPOINT.text,
        RECEIPT.text + "more\n",
        RECEIPT.text.replace("\n3\n", "\n03\n"),
        RECEIPT.text.replace("2026-01-05", "2026-02-30"),
        RECEIPT.text.replace(ORIGIN, "other.example/notes"),
        RECEIPT.text.replace(base64.b64encode(LEAVES[3]).decode(), base64.b64encode(b"short").decode()),
    ],
)
def test_a_signed_text_that_is_no_receipt_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        open_receipt(SIGNER.sign(text, START), [SIGNER.key], ORIGIN)


@pytest.mark.parametrize(
    "text",
    [
        "",
        PROOF.to_text().replace("@v1", "@v2"),
        PROOF.to_text().replace("index 3", "index 03"),
        PROOF.to_text().replace("index 3\n", ""),
        "c2sp.org/tlog-proof@v1\n\n" + NOTE,
        "c2sp.org/tlog-proof@v1\nindex 0\n" + "AAAA\n" * 70 + "\n" + NOTE,
        "c2sp.org/tlog-proof@v1\nindex 0\n!\n\n" + NOTE,
        PROOF.to_text() + "x" * 1_000_000,
        PROOF.to_text()[:-1],
        PROOF.to_text().replace("extra ", "extra  "),
        PROOF.to_text().replace("extra ", "Extra "),
        PROOF.to_text().replace("index 3", "index 3 "),
        PROOF.to_text().replace("index 3", "place 3"),
        PROOF.to_text().replace("index 3", "index -3"),
        PROOF.to_text().replace("index 3", f"index {2**63}"),
        PROOF.to_text().replace("index 3\n", "index 3\nAAAA\n"),
        PROOF.to_text().replace("\n\n", "\n", 1),
        "c2sp.org/tlog-proof@v1\nindex 0\n"
        + (base64.b64encode(bytes(32)).decode() + "\n") * 64
        + "\n"
        + NOTE,
        "c2sp.org/tlog-proof@v1\nindex 0\n\n" + RECEIPT_NOTE,
        "\n" + PROOF.to_text(),
    ],
)
def test_a_malformed_proof_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        parse_proof(text)


def test_a_proof_of_another_leaf_is_refused() -> None:
    assert check_proof(PROOF, LEAVES[3], [SIGNER.key], ORIGIN) == CHECKPOINT
    with pytest.raises(NotAllowed, match="proof_invalid"):
        check_proof(PROOF, LEAVES[4], [SIGNER.key], ORIGIN)
