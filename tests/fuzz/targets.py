"""What is fuzzed: each target takes any bytes, raises Refused or nothing, and asserts what it took in.

Keys sign a few texts here and nothing else: whatever else a parser lets through as signed is a forgery.
"""

from collections.abc import Callable

from ledger.errors import Refused
from ledger.format.checkpoint import (
    Checkpoint,
    LogProof,
    Receipt,
    check_proof,
    open_checkpoint,
    open_receipt,
    parse_checkpoint,
    parse_proof,
)
from ledger.format.note import (
    Kind,
    NoteSigner,
    add_lines,
    decode,
    make_note,
    open_note,
    parse_line,
    parse_vkey,
    split_note,
)
from ledger.format.policy import NONE, Policy, parse
from ledger.format.tiles import pack_bundle, unpack_bundle
from ledger.watching.monitor import SplitView, parse_split_view
from ledger.watching.uploads import Header, take_header, take_package
from ledger.watching.witness import Request, parse_request
from tests.ledger.tlog import ORIGIN, START, Tlog, cosigners, note_signer, post_quantum_signer

LOG = Tlog(9)
FORK = Tlog(9, salt="other")
SIGNERS = (note_signer(), post_quantum_signer(), *cosigners("witness.example/w"))
KEYS = [signer.key for signer in SIGNERS]
SIZES = (0, 3, 8)
TEXTS = [LOG.checkpoint(size).text for size in SIZES]
FULL = [make_note(text, [signer.sign_line(text, START) for signer in SIGNERS]) for text in TEXTS]
RECEIPT = Receipt(ORIGIN, 3, LOG.leaves[3], START)
RECEIPT_NOTE = SIGNERS[0].sign(RECEIPT.text, START)
EXTENDED_TEXT = Checkpoint("other.example", 3, bytes(32), ("more", "lines")).text
EXTENDED = SIGNERS[0].sign(EXTENDED_TEXT, START)
SIGNED = {*TEXTS, RECEIPT.text, EXTENDED_TEXT}
PROOF = LogProof(3, LOG.proof(3, 8), LOG.note(8), b"the entry")
SECOND = cosigners("second.example")


def note(data: bytes) -> None:
    """Signed notes: text and lines, and who has signed."""
    text = decode(data)
    assert text.encode() == data
    body, lines = split_note(text)
    assert make_note(body, map(str, lines)) == text
    assert split_note(add_lines(text, map(str, lines)))[0] == body
    opened = open_note(text, KEYS)
    assert opened.text == body
    # A post-quantum line covers the head that a checkpoint states, and no lines that follow it.
    head = "".join(body.splitlines(keepends=True)[:3])
    assert body in SIGNED or (head in TEXTS and {key.kind for key in opened.signed_by} == {Kind.MLDSA44})
    assert set(opened.signed_by) <= set(KEYS)
    assert all(at in {None, int(START.timestamp())} for at in opened.timestamps)


def checkpoint(data: bytes) -> None:
    """Checkpoints, as a text and as a signed note; receipts, which are told apart from them."""
    text = decode(data)
    for read in (parse_checkpoint, _signed_checkpoint, _signed_receipt):
        try:
            found = read(text)
        except Refused:
            continue
        assert found.text == text or found.text in SIGNED


def _signed_checkpoint(text: str) -> Checkpoint:
    found = open_checkpoint(text, KEYS[:2], ORIGIN)
    assert found.text in TEXTS
    return found


def _signed_receipt(text: str) -> Receipt:
    found = open_receipt(text, KEYS[:1], ORIGIN)
    assert found == RECEIPT
    return found


def cosignature(data: bytes) -> None:
    """Signature lines, and the bytes of signatures of every kind."""
    for key in KEYS:
        for text in TEXTS:
            try:
                key.check(text, data)
            except Refused:
                continue
            assert any(data == parse_line(line).signature for note in FULL for line in _lines(note))
    text = decode(data)
    line = parse_line(text)
    assert str(line) == text
    for key in KEYS:
        if (key.name, key.id) == (line.name, line.key_id):
            key.check(TEXTS[0], line.signature)
            assert text in _lines(FULL[0])


def _lines(text: str) -> list[str]:
    return [str(line) for line in split_note(text)[1]]


def proof(data: bytes) -> None:
    """Proof files: what proves an entry proves the right one."""
    text = decode(data)
    found = parse_proof(text)
    assert found.to_text() == text
    for seq, leaf in enumerate(LOG.leaves):
        try:
            assert check_proof(found, leaf, KEYS[:2], ORIGIN).text in TEXTS
        except Refused:
            continue
        assert found.index == seq


def policy(data: bytes) -> None:
    """Policies: what was read, written again, is read as the same."""
    found = parse(data)
    assert parse(_written(found)) == found
    everybody = [witness.name for witness in found.witnesses]
    assert found.reached(everybody) or not found.reached(())
    assert (found.quorum is None) == found.reached(())


def _written(found: Policy) -> bytes:
    lines = [f"log {log.key} {log.url or ''}" for log in found.logs]
    lines += [f"witness {one.name} {one.key} {one.url or ''}" for one in found.witnesses]
    lines += [f"group {group.name} {group.threshold} {' '.join(group.members)}" for group in found.groups]
    lines += [f"quorum {NONE if found.quorum is None else found.quorum}", ""]
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def witness_request(data: bytes) -> None:
    """What is asked of a witness."""
    assert parse_request(data).to_bytes() == data


def vkey(data: bytes) -> None:
    """Verifier strings."""
    text = decode(data)
    key = parse_vkey(text)
    assert str(key) == text
    assert key in KEYS or key.public not in {known.public for known in KEYS} or key.name not in _NAMES


_NAMES = {key.name for key in KEYS}


def split_view(data: bytes) -> None:
    """Proof files against a log: an honest one is never convicted."""
    found = parse_split_view(data)
    assert parse_split_view(found.to_json()) == found
    if found.convicts(KEYS[:2]):
        assert FORK.note(8) in {found.first, found.second}


def upload(data: bytes) -> None:
    """What is pushed to a mirror, and bundles of entries."""
    assert pack_bundle(unpack_bundle(data)) == data
    if (head := take_header(data)) is not None:
        assert data[: head[1]] == head[0].to_bytes()
        take_package(data[head[1] :], 2)


Target = Callable[[bytes], None]
TARGETS: dict[str, Target] = {
    target.__name__: target
    for target in (
        note,
        checkpoint,
        cosignature,
        proof,
        policy,
        witness_request,
        vkey,
        split_view,
        upload,
    )
}


def seeds(target: str) -> list[bytes]:
    """Return good inputs of a target, from which others are bred."""
    odd = NoteSigner("một.nhân.chứng", SIGNERS[2].private, Kind.COSIGNATURE).sign_line(TEXTS[1], START)
    keys = "".join(f"witness w{n} {key}\n" for n, key in enumerate([KEYS[2], KEYS[3], SECOND[0].key]))
    request = Request(3, LOG.proof(3, 8), LOG.note(8))
    found: dict[str, list[str | bytes]] = {
        "note": [*FULL, LOG.note(3), RECEIPT_NOTE, EXTENDED, add_lines(FULL[1], [odd]), "\n\n— a AAAAAAAA\n"],
        "checkpoint": [*TEXTS, *FULL, RECEIPT_NOTE, EXTENDED],
        "cosignature": [*_lines(FULL[0]), odd, *(parse_line(line).signature for line in _lines(FULL[1]))],
        "proof": [
            PROOF.to_text(),
            LogProof(0, (), LOG.note(3)).to_text(),
            LogProof(8, LOG.proof(8, 9), LOG.note(9), b"").to_text(),
        ],
        "policy": [
            "quorum none\n",
            f"log {KEYS[0]} https://log.example/\nlog {KEYS[1]}\n{keys}quorum w1\n",
            f"# a comment\n{keys}group a 1 w0 w1\ngroup b all a w2\n\t quorum  b \n",
            f"{keys}group a 1 w0 w1\nquorum a\nwitness x {SECOND[1].key} u\n",
        ],
        "witness_request": [request.to_bytes(), Request(0, (), LOG.note(0)).to_bytes()],
        "vkey": [*map(str, KEYS)],
        "split_view": [
            SplitView(ORIGIN, LOG.note(8), FORK.note(8)).to_json(),
            SplitView(ORIGIN, LOG.note(3), LOG.note(8), LOG.checkpoint(3).root, LOG.proof(3, 8)).to_json(),
            SplitView(ORIGIN, LOG.note(3), FORK.note(8), FORK.checkpoint(3).root, FORK.proof(3, 8)).to_json(),
        ],
        "upload": [
            pack_bundle(LOG.entries),
            Header(ORIGIN, 0, 2, b"ticket").to_bytes() + pack_bundle(LOG.entries[:2]) + b"\x01" + bytes(32),
        ],
    }
    return [one if isinstance(one, bytes) else one.encode() for one in found[target]]
