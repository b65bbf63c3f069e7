import base64
import hashlib
from datetime import UTC, datetime

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa
from hypothesis import assume, given
from hypothesis import strategies as st

from ledger.errors import Malformed, NotAllowed, Refused
from ledger.format.checkpoint import Checkpoint
from ledger.format.note import (
    MAX_NOTE_BYTES,
    MAX_NOTE_SIGNATURES,
    Kind,
    NoteKey,
    NoteSigner,
    add_lines,
    b64,
    cosigned_message,
    decimal,
    decode,
    make_note,
    open_note,
    parse_line,
    parse_vkey,
    split_note,
    tree_head,
    unb64,
)
from ledger.format.tree import EMPTY_ROOT
from tests.ledger.tlog import ORIGIN, START, note_signer, post_quantum_signer

TEXT = Checkpoint(ORIGIN, 7, bytes(range(32))).text
LOG = note_signer()
LOG_PQ = post_quantum_signer()
STRANGER = note_signer("somebody.example/else")
WITNESS = NoteSigner("witness.example/w", STRANGER.private, Kind.COSIGNATURE)
WITNESS_PQ = NoteSigner("witness.example/w", post_quantum_signer("w").private, Kind.MLDSA44)
SIGNERS = (LOG, LOG_PQ, WITNESS, WITNESS_PQ)
KEYS = [signer.key for signer in SIGNERS]
NOTE = make_note(TEXT, [signer.sign_line(TEXT, START) for signer in SIGNERS])
SHORT = make_note(TEXT, [LOG.sign_line(TEXT, START), WITNESS.sign_line(TEXT, START)])
SECONDS = int(START.timestamp())


def test_a_note_tells_who_signed_it_and_when() -> None:
    opened = open_note(NOTE, KEYS)
    assert opened.text == TEXT
    assert opened.signed_by == tuple(KEYS)
    assert opened.timestamps == (None, SECONDS, SECONDS, SECONDS)
    text, lines = split_note(NOTE)
    assert make_note(text, map(str, lines)) == NOTE


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
    assert open_note(f"{text}\n{signature}\n", [key]).text == text


def test_a_cosignature_of_ed25519_is_over_time_and_text() -> None:
    line = parse_line(WITNESS.sign_line(TEXT, START))
    assert len(line.signature) == 8 + 64
    assert line.signature[:8] == SECONDS.to_bytes(8, "big")
    public = WITNESS.private.public_key()
    assert isinstance(public, ed25519.Ed25519PublicKey)
    public.verify(line.signature[8:], f"cosignature/v1\ntime {SECONDS}\n{TEXT}".encode())


def test_a_cosignature_of_ml_dsa_is_over_the_structure_of_the_specification() -> None:
    line = parse_line(WITNESS_PQ.sign_line(TEXT + "an extension\n", START))
    assert len(line.signature) == 8 + 2420
    message = b"subtree/v1\n\x00" + bytes([17]) + b"witness.example/w" + SECONDS.to_bytes(8, "big")
    message += bytes([len(ORIGIN)]) + ORIGIN.encode() + bytes(8) + (7).to_bytes(8, "big") + bytes(range(32))
    public = WITNESS_PQ.private.public_key()
    assert isinstance(public, mldsa.MLDSA44PublicKey)
    public.verify(line.signature[8:], message)
    with pytest.raises(InvalidSignature):
        public.verify(line.signature[8:], message[:-1] + b"\x00")


@pytest.mark.parametrize("name", ["", "n" * 256])
def test_a_cosigned_message_names_cosigner_and_log_in_255_bytes(name: str) -> None:
    assert cosigned_message("n" * 255, 0, "o" * 255, bytes(32), end=1)
    with pytest.raises(Malformed):
        cosigned_message(name, 0, "origin", bytes(32), end=1)
    with pytest.raises(Malformed):
        cosigned_message("name", 0, name, bytes(32), end=1)


@pytest.mark.parametrize("signer", SIGNERS[1:])
def test_a_cosigner_signs_nothing_but_checkpoints(signer: NoteSigner) -> None:
    with pytest.raises(Malformed, match="checkpoint_malformed"):
        signer.sign_line("a text\n", START)
    blob = b64(signer.key.id + bytes(8 + 2420))
    with pytest.raises(Malformed, match="checkpoint_malformed"):
        open_note(f"a text\n\n— {signer.name} {blob}\n", [signer.key])


@pytest.mark.parametrize("signer", SIGNERS)
def test_a_verifier_string_names_the_key(signer: NoteSigner) -> None:
    assert parse_vkey(str(signer.key)) == signer.key
    assert str(signer.key).startswith(f"{signer.name}+{signer.key.id.hex()}+")


@given(st.sampled_from(SIGNERS), st.data())
def test_any_changed_character_of_a_verifier_string_is_refused(
    signer: NoteSigner, data: st.DataObject
) -> None:
    text = str(signer.key)
    at = data.draw(st.integers(0, len(text) - 1))
    character = data.draw(st.characters())
    assume(text[at] != character)
    with pytest.raises(Malformed, match="vkey_malformed"):
        parse_vkey(text[:at] + character + text[at + 1 :])


@given(st.sampled_from((SHORT, NOTE)), st.data())
def test_any_changed_character_of_a_note_is_refused_or_makes_a_stranger_of_a_signer(
    note: str, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(note) - 1))
    character = data.draw(st.characters())
    assume(note[at] != character)
    before = open_note(note, KEYS)
    try:
        opened = open_note(note[:at] + character + note[at + 1 :], KEYS)
    except Refused:
        return
    assert opened.text == before.text
    assert len(set(before.signed_by) - set(opened.signed_by)) == 1


@given(st.binary(max_size=200))
def test_bytes_that_are_no_note_are_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        open_note(decode(data), KEYS)


LINE = f"— {LOG.name} AAAAAAAA\n"


@pytest.mark.parametrize(
    "note",
    [
        "",
        "text\n",
        TEXT,
        TEXT + "\n",
        SHORT[:-1],
        SHORT + "\n",
        SHORT + "— nobody AAAAAAAA",
        SHORT.replace("— ", "- "),
        SHORT.replace("— ", "—"),
        SHORT.replace("— ", "—\u00a0"),
        SHORT + f"— {ORIGIN}  AAAAAAAA\n",
        SHORT + f"— {ORIGIN} AAAAAAAA \n",
        SHORT + f"— {ORIGIN} AAAA AAAA\n",
        SHORT + f" — {ORIGIN} AAAAAAAA\n",
        SHORT + "—  AAAAAAAA\n",
        SHORT + "— a+b AAAAAAAA\n",
        SHORT + "— a\u2003b AAAAAAAA\n",
        SHORT + "— a\u0085 AAAAAAAA\n",
        SHORT + "— a\u3000 AAAAAAAA\n",
        SHORT + "— a\ud800 AAAAAAAA\n",
        SHORT + "text below the signatures\n",
        "\x01" + SHORT,
        "\x00" + SHORT,
        "a\tb" + SHORT,
        "\x1f" + SHORT,
        "\ud800" + SHORT,
        SHORT.replace("\n", "\r\n"),
        SHORT + LINE * MAX_NOTE_SIGNATURES,
        "x" * MAX_NOTE_BYTES + "\n" + SHORT,
        "é" * (MAX_NOTE_BYTES // 2) + "\n" + SHORT,
        SHORT + "— a AAA\n",
        SHORT + "— a AAAAAAB=\n",
        SHORT + "— a AAAAAAAA==\n",
        SHORT + "— a AAA-AAA_\n",
        SHORT + "— a AAAA\n",  # three bytes: not even a key id
        SHORT + "— a AAAAAA==\n",  # a key id and no signature
    ],
)
def test_a_note_out_of_form_is_refused(note: str) -> None:
    with pytest.raises(Malformed, match="note_malformed"):
        open_note(note, KEYS)


def test_sixteen_post_quantum_signatures_and_the_last_allowed_line_are_read() -> None:
    lines = [NoteSigner(f"w{n}", WITNESS_PQ.private, Kind.MLDSA44).sign_line(TEXT, START) for n in range(16)]
    note = add_lines(NOTE, lines)
    assert open_note(note, KEYS).signed_by == tuple(KEYS)
    full = SHORT + "".join(f"— w{n} AAAAAAAA\n" for n in range(MAX_NOTE_SIGNATURES - 2))
    assert open_note(full, [LOG.key]).text == TEXT


def test_text_may_hold_empty_lines_and_anything_but_control_characters() -> None:
    text = "một dòng\n\n — x y\n\u0085\u00a0\n\n"
    assert open_note(LOG.sign(text, START), [LOG.key]).text == text
    assert open_note(LOG.sign("\n", START), [LOG.key]).text == "\n"
    for wrong in ("no line feed", "", "a\x01b\n", "a\r\n"):
        with pytest.raises(Malformed):
            LOG.sign(wrong, START)


def test_bytes_from_outside_are_bounded_and_utf_8() -> None:
    assert decode("chữ".encode()) == "chữ"
    for data in (b"\xff", b"\xed\xa0\x80", b"\xc0\x8a", b"x" * (MAX_NOTE_BYTES + 1)):
        with pytest.raises(Malformed):
            decode(data)


def test_signatures_of_strangers_are_passed_over() -> None:
    twice = add_lines(LOG.sign(TEXT, START), [STRANGER.sign_line(TEXT, START)])
    assert open_note(twice, [LOG.key]).signed_by == (LOG.key,)
    assert open_note(twice, [STRANGER.key]).signed_by == (STRANGER.key,)
    assert open_note(twice, [LOG.key, STRANGER.key]).signed_by == (LOG.key, STRANGER.key)


def test_a_note_that_only_strangers_signed_is_refused() -> None:
    with pytest.raises(NotAllowed, match="note_unsigned"):
        open_note(SHORT, [STRANGER.key])
    with pytest.raises(NotAllowed, match="note_unsigned"):
        open_note(SHORT, [])
    same_name = NoteSigner(ORIGIN, STRANGER.private)
    with pytest.raises(NotAllowed, match="note_unsigned"):
        open_note(same_name.sign(TEXT, START), [LOG.key])


@pytest.mark.parametrize("signer", SIGNERS)
@pytest.mark.parametrize("length", [1, 7, 8, 9, 63, 64, 65, 72, 73, 2428, 2429])
def test_one_wrong_signature_of_a_known_key_spoils_the_note(signer: NoteSigner, length: int) -> None:
    line = f"— {signer.name} {b64(signer.key.id + bytes(length))}"
    with pytest.raises(NotAllowed, match="note_signature_invalid"):
        open_note(add_lines(LOG.sign(TEXT, START), [line]), [LOG.key, signer.key])


@pytest.mark.parametrize("signer", SIGNERS[1:])
def test_a_changed_time_spoils_a_cosignature(signer: NoteSigner) -> None:
    line = parse_line(signer.sign_line(TEXT, START))
    later = (SECONDS + 1).to_bytes(8, "big") + line.signature[8:]
    with pytest.raises(NotAllowed, match="note_signature_invalid"):
        signer.key.check(TEXT, later)
    assert signer.key.check(TEXT, line.signature) == SECONDS


def test_a_time_beyond_2_63_is_refused_even_when_signed() -> None:
    for timestamp, good in ((2**63 - 1, True), (2**63, False)):
        message = cosigned_message(WITNESS_PQ.name, timestamp, ORIGIN, bytes(range(32)), end=7)
        private = WITNESS_PQ.private
        assert isinstance(private, mldsa.MLDSA44PrivateKey)
        signature = timestamp.to_bytes(8, "big") + private.sign(message)
        if good:
            assert WITNESS_PQ.key.check(TEXT, signature) == timestamp
        else:
            with pytest.raises(NotAllowed, match="note_signature_invalid"):
                WITNESS_PQ.key.check(TEXT, signature)


def test_a_key_that_signed_twice_counts_once_with_its_later_time() -> None:
    earlier = datetime(2026, 1, 1, tzinfo=UTC)
    lines = [WITNESS.sign_line(TEXT, at) for at in (earlier, START, earlier)]
    note = make_note(TEXT, lines)
    assert open_note(note, KEYS).signed_by == (WITNESS.key,)
    assert open_note(note, KEYS).timestamps == (SECONDS,)


def test_lines_that_a_note_has_are_not_added_again() -> None:
    assert add_lines(NOTE, [LOG.sign_line(TEXT, START), WITNESS.sign_line(TEXT, START)]) == NOTE
    with pytest.raises(Malformed):
        add_lines(NOTE, ["two\nlines"])


def test_one_private_key_of_two_kinds_is_two_keys() -> None:
    plain, timed = STRANGER.key, NoteSigner(STRANGER.name, STRANGER.private, Kind.COSIGNATURE).key
    assert plain != timed
    assert plain.id != timed.id
    with pytest.raises(NotAllowed):
        timed.check(TEXT, parse_line(STRANGER.sign_line(TEXT, START)).signature)


SMALL_ORDER = (1).to_bytes(32, "little")


def vkey(name: str, typed: bytes) -> str:
    """Return a verifier string whose identifier is right, whatever its key is."""
    identifier = hashlib.sha256(name.encode() + b"\n" + typed).hexdigest()[:8]
    return f"{name}+{identifier}+{b64(typed)}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+00000000",
        str(LOG.key).replace("+", "+0", 1),
        str(LOG.key)[:-4],
        str(LOG.key) + "\n",
        str(LOG.key).partition("+")[2],
        str(LOG.key).replace(LOG.key.id.hex(), LOG.key.id.hex().upper()),
        vkey("", b"\x01" + LOG.key.public),
        vkey("a b", b"\x01" + LOG.key.public),
        vkey("a+b", b"\x01" + LOG.key.public),
        vkey("a\u2003b", b"\x01" + LOG.key.public),
        vkey("a\x01", b"\x01" + LOG.key.public),
        vkey("n", b""),
        vkey("n", b"\x02" + bytes(32)),
        vkey("n", b"\x05" + LOG.key.public),
        vkey("n", b"\x01" + LOG.key.public[:31]),
        vkey("n", b"\x01" + LOG.key.public + b"\x00"),
        vkey("n", b"\x01" + SMALL_ORDER),
        vkey("n", b"\x04" + SMALL_ORDER),
        vkey("n", b"\x06" + bytes(1311)),
        vkey("n", b"\x06" + bytes(1313)),
        vkey("n", b"\x06" + LOG.key.public),
        "n+00000000+é",
        "\ud800+00000000+AAAA",
    ],
)
def test_a_malformed_verifier_string_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="vkey_malformed"):
        parse_vkey(text)


def test_a_note_key_is_its_name_its_kind_and_its_point() -> None:
    public = LOG.key.public
    keys = {NoteKey(name, kind, public) for name in ("a", "b") for kind in (Kind.ED25519, Kind.COSIGNATURE)}
    assert len(keys) == len({key.id for key in keys}) == 4


@pytest.mark.parametrize("text", ["", "-1", "+1", "01", "1_0", "1 ", "٣", str(2**63), "9" * 40])
def test_a_size_has_one_spelling_and_a_bound(text: str) -> None:
    assert decimal("0") == 0
    assert decimal(str(2**63 - 1)) == 2**63 - 1
    with pytest.raises(Malformed):
        decimal(text)


@given(st.binary())
def test_base64_has_one_spelling(data: bytes) -> None:
    assert unb64(base64.b64encode(data).decode()) == data


ROOT = b64(EMPTY_ROOT)


def test_a_tree_head_may_have_extension_lines() -> None:
    assert tree_head(f"o\n0\n{ROOT}\n") == ("o", 0, EMPTY_ROOT, ())
    assert tree_head(f"o\n5\n{ROOT}\none\nmột nữa\n") == ("o", 5, EMPTY_ROOT, ("one", "một nữa"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "o\n1\n",
        f"\n1\n{ROOT}\n",
        f"o\n1\n{ROOT}",
        f"o\n1\n{ROOT}\n\n",
        f"o\n1\n{ROOT}\n\nextension\n",
        f"o\n01\n{ROOT}\n",
        f"o\n-1\n{ROOT}\n",
        f"o\n{2**63}\n{ROOT}\n",
        f"o\n1\n{ROOT} \n",
        f"o\n1\n{ROOT[:-1]}\n",
        f"o\n1\n{b64(bytes(31))}\n",
        f"o\n1\n{b64(bytes(33))}\n",
        "o\n1\nnot base64!\n",
    ],
)
def test_a_text_that_is_no_tree_head_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="checkpoint_malformed"):
        tree_head(text)
