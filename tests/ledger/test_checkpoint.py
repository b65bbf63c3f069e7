import base64
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ledger.errors import Malformed, NotAllowed, Refused
from ledger.format.checkpoint import (
    MAX_PROOF_BYTES,
    Checkpoint,
    LogProof,
    Receipt,
    check_proof,
    claimed_checkpoint,
    open_checkpoint,
    open_receipt,
    parse_proof,
)
from ledger.format.note import MAX_NOTE_BYTES, add_lines
from ledger.format.tree import inclusion_proof, leaf_hash, root
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
    with pytest.raises(Malformed, match=r"^ledger\.checkpoint_malformed  {}$"):
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
    with pytest.raises(Malformed, match=r"^ledger\.receipt_malformed  {}$"):
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
    with pytest.raises(Malformed, match=r"^ledger\.proof_malformed  {}$"):
        parse_proof(text)


def test_a_proof_may_be_as_long_as_the_limit_and_no_longer() -> None:
    def proof(extra: int, extension: int) -> str:
        longer = replace(CHECKPOINT, extensions=("x" * extension,))
        return LogProof(3, PROOF.path, SIGNER.sign(longer.text, START), bytes(extra)).to_text()

    room = (MAX_PROOF_BYTES - len(proof(0, 4))) // 4 * 3
    rest = (MAX_PROOF_BYTES - len(proof(0, 4))) % 4
    fits = proof(room, 4 + rest)
    assert len(fits) == MAX_PROOF_BYTES == MAX_NOTE_BYTES + 131_072
    assert parse_proof(fits).to_text() == fits
    with pytest.raises(Malformed, match="proof_malformed"):
        parse_proof(proof(room, 5 + rest))


@pytest.mark.parametrize("extra", [None, b"", b"the entry"])
def test_a_path_has_at_most_63_nodes(extra: bytes | None) -> None:
    longest = LogProof(3, (bytes(32),) * 63, NOTE, extra)
    assert parse_proof(longest.to_text()) == longest
    with pytest.raises(Malformed, match="proof_malformed"):
        parse_proof(replace(longest, path=(bytes(32),) * 64).to_text())


def test_what_is_refused_says_what_it_was() -> None:
    with pytest.raises(NotAllowed) as refused:
        check_proof(replace(PROOF, index=4), LEAVES[3], [SIGNER.key], ORIGIN)
    assert [(p.code, p.path, p.facts) for p in refused.value.problems] == [
        ("ledger.proof_invalid", "", {"index": 4})
    ]
    with pytest.raises(NotAllowed) as refused:
        open_checkpoint(NOTE, [SIGNER.key, POST_QUANTUM.key], ORIGIN)
    assert [(p.code, p.path, p.facts) for p in refused.value.problems] == [
        ("ledger.note_half_signed", "", {"kind": POST_QUANTUM.key.kind.name})
    ]


def test_the_texts_are_those_of_the_formats() -> None:
    head, leaf = (base64.b64encode(node).decode() for node in (CHECKPOINT.root, LEAVES[3]))
    assert CHECKPOINT.text == f"{ORIGIN}\n7\n{head}\n"
    assert RECEIPT.text == f"ctnh-receipt-v1\n{ORIGIN}\n3\n{leaf}\n2026-01-05T01:00:00.000Z\n"
    path = "".join(f"{base64.b64encode(node).decode()}\n" for node in PROOF.path)
    extra = base64.b64encode(b"the entry").decode()
    assert PROOF.to_text() == f"c2sp.org/tlog-proof@v1\nextra {extra}\nindex 3\n{path}\n{NOTE}"
    with pytest.raises(Malformed, match="checkpoint_malformed"):
        claimed_checkpoint(NOTE, "other.example/notes")
    assert claimed_checkpoint(NOTE, ORIGIN) == claimed_checkpoint(NOTE) == CHECKPOINT


def test_a_proof_of_another_leaf_is_refused() -> None:
    assert check_proof(PROOF, LEAVES[3], [SIGNER.key], ORIGIN) == CHECKPOINT
    with pytest.raises(NotAllowed, match="proof_invalid"):
        check_proof(PROOF, LEAVES[4], [SIGNER.key], ORIGIN)
