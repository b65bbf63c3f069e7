import base64
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ledger.checkpoint import (
    Checkpoint,
    LogProof,
    NoteKey,
    NoteSigner,
    Receipt,
    check_proof,
    open_checkpoint,
    open_note,
    open_receipt,
    parse_proof,
    parse_vkey,
)
from ledger.errors import Malformed, NotAllowed, Refused
from ledger.tree import inclusion_proof, leaf_hash, root
from tests.ledger.world import ORIGIN, START, note_signer

SIGNER = note_signer()
OTHER = note_signer("somebody.example/else")
LEAVES = [leaf_hash(b"%d" % i) for i in range(7)]
CHECKPOINT = Checkpoint(ORIGIN, 7, root(LEAVES))
NOTE = SIGNER.sign(CHECKPOINT.text)
RECEIPT = Receipt(ORIGIN, 3, LEAVES[3], START)
RECEIPT_NOTE = SIGNER.sign(RECEIPT.text)
PROOF = LogProof(3, inclusion_proof(LEAVES, 3), NOTE, b"the entry")


def test_a_checkpoint_survives_its_note() -> None:
    assert open_checkpoint(NOTE, [SIGNER.key], ORIGIN) == CHECKPOINT


def test_a_receipt_survives_its_note() -> None:
    assert open_receipt(RECEIPT_NOTE, [SIGNER.key], ORIGIN) == RECEIPT


@pytest.mark.parametrize("proof", [PROOF, replace(PROOF, extra=None), LogProof(0, (), NOTE)])
def test_a_proof_survives_its_text(proof: LogProof) -> None:
    assert parse_proof(proof.to_text()) == proof


def test_a_verifier_string_names_the_key() -> None:
    assert parse_vkey(str(SIGNER.key)) == SIGNER.key
    assert str(SIGNER.key).startswith(f"{ORIGIN}+{SIGNER.key.id.hex()}+")


def test_the_key_id_is_that_of_the_public_specification() -> None:
    # The worked example of golang.org/x/mod/sumdb/note, which the C2SP text is taken from.
    key = parse_vkey("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    text = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
    )
    signature = (
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6"
        "RyyBwJnAM="
    )
    assert open_note(f"{text}\n{signature}\n", [key]) == text


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
    "note",
    [
        "",
        "text\n",
        CHECKPOINT.text,
        CHECKPOINT.text + "\n",
        NOTE[:-1],
        NOTE + "\n",
        NOTE + "— nobody AAAA",
        NOTE.replace("— ", "- "),
        NOTE + f"— {ORIGIN}  AAAAAAAA\n",
        NOTE + "— a+b AAAAAAAA\n",
        "\x01" + NOTE,
        NOTE.replace("\n", "\r\n"),
        NOTE + "— a AAAAAAAA\n" * 32,
        "x" * 70_000 + "\n" + NOTE,
        NOTE + "— a AAA\n",
        NOTE + "— a AB==\n",
    ],
)
def test_a_note_out_of_form_is_refused(note: str) -> None:
    with pytest.raises(Malformed, match="note_malformed"):
        open_note(note, [SIGNER.key])


def test_signatures_of_strangers_are_passed_over() -> None:
    twice = NOTE + OTHER.sign(CHECKPOINT.text).rpartition("\n\n")[2]
    assert open_note(twice, [SIGNER.key]) == CHECKPOINT.text
    assert open_note(twice, [OTHER.key]) == CHECKPOINT.text
    assert open_note(twice, [SIGNER.key, OTHER.key]) == CHECKPOINT.text


def test_a_note_that_only_strangers_signed_is_refused() -> None:
    with pytest.raises(NotAllowed, match="note_unsigned"):
        open_note(NOTE, [OTHER.key])
    same_name = NoteSigner(ORIGIN, OTHER.private)
    with pytest.raises(NotAllowed, match="note_unsigned"):
        open_note(same_name.sign(CHECKPOINT.text), [SIGNER.key])


def test_one_wrong_signature_of_a_known_key_spoils_the_note() -> None:
    blob = base64.b64encode(OTHER.key.id + bytes(64)).decode()
    with pytest.raises(NotAllowed, match="note_signature_invalid"):
        open_note(f"{NOTE}— {OTHER.name} {blob}\n", [SIGNER.key, OTHER.key])


@pytest.mark.parametrize(
    "text",
    [
        f"{ORIGIN}\n7\n",
        CHECKPOINT.text + "extension\n",
        CHECKPOINT.text.replace("\n7\n", "\n07\n"),
        CHECKPOINT.text.replace("\n7\n", "\n-7\n"),
        CHECKPOINT.text.replace(ORIGIN, "other.example/notes"),
        f"{ORIGIN}\n7\n{base64.b64encode(bytes(31)).decode()}\n",
        f"{ORIGIN}\n7\nnot base64!\n",
    ],
)
def test_a_signed_text_that_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        open_checkpoint(SIGNER.sign(text), [SIGNER.key], ORIGIN)


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
        open_receipt(SIGNER.sign(text), [SIGNER.key], ORIGIN)


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
        PROOF.to_text() + "x" * 300_000,
    ],
)
def test_a_malformed_proof_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        parse_proof(text)


def test_a_proof_of_another_leaf_is_refused() -> None:
    assert check_proof(PROOF, LEAVES[3], [SIGNER.key], ORIGIN) == CHECKPOINT
    with pytest.raises(NotAllowed, match="proof_invalid"):
        check_proof(PROOF, LEAVES[4], [SIGNER.key], ORIGIN)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        str(SIGNER.key).replace("+", "+0", 1),
        str(SIGNER.key)[:-4],
        str(SIGNER.key).partition("+")[2],
        f"{ORIGIN}+00000000+" + base64.b64encode(b"\x02" + bytes(32)).decode(),
        f"{ORIGIN}+00000000+" + base64.b64encode(b"\x01" + bytes(31)).decode(),
        f"{ORIGIN}+00000000+é",
    ],
)
def test_a_malformed_verifier_string_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        parse_vkey(text)


def test_a_note_key_is_its_name_and_its_point() -> None:
    assert NoteKey("a", SIGNER.key.public) != NoteKey("b", SIGNER.key.public)
    assert NoteKey("a", SIGNER.key.public).id != NoteKey("b", SIGNER.key.public).id
