"""The cases of single files: checkpoints, proofs, receipts and policies."""

from collections.abc import Callable, Iterator

from tests.vectors.format_logs import Case, policy_text, short
from tests.vectors.maker import (
    LOG_KEY,
    LOG_PQ,
    ORIGIN,
    WITNESS_1,
    WITNESS_2,
    Files,
    Hand,
    Log,
    Pen,
    b64,
    head_text,
    leaf,
    note,
    path,
    proof,
    receipt_text,
    root,
)

MALFORMED, INVALID = "ledger.note_malformed", "ledger.note_signature_invalid"


def both() -> Log:
    """Return the short log, with both kinds of log keys."""
    log = short()
    log.pens = (LOG_KEY, LOG_PQ)
    return log


def alone(log: Log, name: str, text: str | bytes, **further: bytes) -> Files:
    """Return one file with the trust file, and a policy where one is given."""
    data = text if isinstance(text, bytes) else text.encode()
    return {name: data, "trust.json": log.trust(), **further}


def good() -> Iterator[Case]:
    """Yield files with which nothing is wrong."""
    log = both()
    witnessed = log.checkpoint(WITNESS_1, WITNESS_2)
    files = alone(log, "note", witnessed, policy=policy_text())
    yield Case("checkpoint", "both log keys, both witnesses", files, target="note", policy=True, exit=0)
    text = head_text(log.leaves)
    stranger = Pen("witness.example/three", 4, Hand("stranger"))
    unknown = note(text, *(pen.line(text) for pen in log.pens), stranger.line(text, change=_flip))
    files = alone(log, "note", unknown)
    yield Case("checkpoint-unknown-signer", "a line of nobody known", files, target="note", exit=0)
    for name, why, asked in (
        ("policy-one-of-two", "one of the two is enough", policy_text().replace(b"both all", b"both 1")),
        ("policy-nobody", "quorum none", policy_text().replace(b"quorum both", b"quorum none")),
        ("policy-one-witness", "a witness as quorum", policy_text().replace(b"quorum both", b"quorum one")),
        (
            "policy-spelling",
            "spaces, tabs, comments, octets",
            b" # \xff\n\t\n" + policy_text().replace(b" ", b" \t "),
        ),
    ):
        files = alone(log, "note", log.checkpoint(WITNESS_1), policy=asked)
        if name == "policy-spelling":
            files = alone(log, "note", witnessed, policy=asked)
        yield Case(name, why, files, target="note", policy=True, exit=0)
    shorter = short()
    largest = head_text(log.leaves, size=2**63 - 1)
    for name, why, body, more in (
        ("checkpoint-largest-size", "2^63 - 1", largest, ()),
        ("checkpoint-extension", "a further line, which means nothing", text + "extension\n", ()),
        ("checkpoint-128-lines", "as many lines as there may be", text, ["— a AAAAAAAA\n"] * 127),
    ):
        files = alone(shorter, "note", note(body, LOG_KEY.line(body), *more))
        yield Case(name, why, files, target="note", exit=0)
    for index in (0, 3, 5):
        files = alone(shorter, "entry.tlog-proof", proof(shorter, index, shorter.checkpoint()))
        yield Case(f"proof-{index}", f"of entry {index} of six", files, target="entry.tlog-proof", exit=0)
    one = Log().open()
    files = alone(one, "entry.tlog-proof", proof(one, 0, one.checkpoint()))
    yield Case("proof-alone", "of the only entry, an empty path", files, target="entry.tlog-proof", exit=0)
    text = receipt_text(shorter, 3)
    files = alone(shorter, "receipt", note(text, LOG_KEY.line(text)))
    yield Case("receipt", "of entry 3", files, target="receipt", exit=0)


def bad() -> Iterator[Case]:
    """Yield files with which one thing is wrong."""
    yield from _checkpoints()
    yield from _proofs()
    yield from _receipts()
    yield from _policies()


def _flip(signature: bytes) -> bytes:
    return signature[:-1] + bytes([signature[-1] ^ 1])


def _checkpoints() -> Iterator[Case]:
    log = both()
    text = head_text(log.leaves)
    ours = [pen.line(text) for pen in log.pens]

    def made(name: str, why: str, code: str, content: str | bytes, policy: bytes | None = None) -> Case:
        further = {"policy": policy} if policy is not None else {}
        files = alone(log, "note", content, **further)
        signature = name.startswith("note-ml-dsa") or name == "cosignature-ml-dsa-invalid"
        return Case(name, why, files, code, target="note", policy=policy is not None, signature=signature)

    right = note(text, *ours)
    yield made("note-without-blank-line", "no blank line", MALFORMED, text + "".join(ours))
    yield made("note-without-last-line-feed", "the last line is not ended", MALFORMED, right[:-1])
    yield made("note-without-signatures", "a text alone", MALFORMED, text + "\n")
    yield made("note-carriage-return", "CR LF", MALFORMED, right.replace("\n", "\r\n"))
    yield made("note-control-character", "a tab in a line", MALFORMED, right.replace("— ", "—\t", 1))
    tabbed = text + "a\tb\n"
    content = note(tabbed, LOG_KEY.line(tabbed))
    yield Case("note-tab-in-text", "a tab", alone(short(), "note", content), MALFORMED, target="note")
    yield made("note-hyphen", "a hyphen for the dash", MALFORMED, right.replace("—", "-", 1))
    yield made("note-base64-unpadded", "no padding", MALFORMED, right.replace("=\n", "\n"))
    yield made("note-plus-in-name", "a plus in a name", MALFORMED, note(text, "— a+b AAAAAAAA\n", *ours))
    yield made("note-id-alone", "four bytes after the name", MALFORMED, note(text, "— a AAAAAA==\n", *ours))
    yield made("note-not-utf-8", "a stray byte", MALFORMED, right.encode() + b"\xff\n")
    yield made("note-too-many-lines", "129 lines", MALFORMED, note(text, *ours, *["— a AAAAAAAA\n"] * 127))
    stranger = Pen(ORIGIN, 1, Hand("stranger"))
    yield made(
        "note-unsigned", "a key of the right name", "ledger.note_unsigned", note(text, stranger.line(text))
    )
    yield made(
        "note-invalid",
        "a bit of the signature",
        INVALID,
        note(text, LOG_KEY.line(text, change=_flip), ours[1]),
    )
    yield made(
        "note-one-of-two-invalid",
        "right and wrong lines of one key",
        INVALID,
        note(text, *ours, LOG_KEY.line(text, change=_flip)),
    )
    yield made(
        "note-ml-dsa-invalid", "a bit of it", INVALID, note(text, ours[0], LOG_PQ.line(text, change=_flip))
    )
    other = head_text(log.leaves[:5])
    moved = LOG_PQ.line(other)
    yield made("note-ml-dsa-of-another-head", "signed for five entries", INVALID, note(text, ours[0], moved))
    half = "ledger.note_half_signed"
    yield made("note-ed25519-alone", "no line of the ML-DSA-44 key", half, note(text, ours[0]))
    yield made("note-post-quantum-alone", "no line of the Ed25519 key", half, note(text, ours[1]))
    wrong = "ledger.checkpoint_malformed"
    for name, why, body in (
        ("checkpoint-size-leading-zero", "06", text.replace("\n6\n", "\n06\n")),
        ("checkpoint-size-negative", "-6", text.replace("\n6\n", "\n-6\n")),
        ("checkpoint-size-other-digits", "an Arabic six", text.replace("\n6\n", "\n٦\n")),
        ("checkpoint-size-too-large", "2^63", text.replace("\n6\n", f"\n{2**63}\n")),
        ("checkpoint-root-short", "31 bytes", _with_root(text, root(log.leaves)[:31])),
        ("checkpoint-empty-line", "an empty extension line", text + "\nextension\n"),
        ("checkpoint-two-lines", "no root", text.rsplit("\n", 2)[0] + "\n"),
    ):
        lone = Log(entries=log.entries)
        content = note(body, LOG_KEY.line(body))
        yield Case(name, why, alone(lone, "note", content), wrong, target="note")
    body = head_text(log.leaves, "ledger.example/other")
    lone = Log(entries=log.entries)
    content = note(body, LOG_KEY.line(body))
    yield Case("checkpoint-other-origin", "by our key", alone(lone, "note", content), wrong, target="note")
    yield from _cosignatures(made, text, ours)


def _with_root(text: str, value: bytes) -> str:
    return "\n".join([*text.split("\n")[:2], b64(value)]) + "\n"


def _cosignatures(made: Callable[..., Case], text: str, ours: list[str]) -> Iterator[Case]:
    policy = policy_text()
    first, second = WITNESS_1.line(text), WITNESS_2.line(text)
    missing = "ledger.quorum_missing"
    yield made("quorum-missing", "one of two witnesses", missing, note(text, *ours, first), policy)
    yield made(
        "cosignature-twice",
        "the same witness twice",
        missing,
        note(text, *ours, first, WITNESS_1.line(text, 1)),
        policy,
    )
    yield made(
        "cosignature-invalid",
        "a bit of it",
        INVALID,
        note(text, *ours, WITNESS_1.line(text, change=_flip), second),
        policy,
    )
    flipped = WITNESS_2.line(text, change=_flip)
    yield made(
        "cosignature-ml-dsa-invalid", "a bit of it", INVALID, note(text, *ours, first, flipped), policy
    )
    late = WITNESS_1.line(text, 2**63)
    yield made("cosignature-time-too-large", "2^63", INVALID, note(text, *ours, late, second), policy)
    plain = Pen(WITNESS_1.name, 1, WITNESS_1.hand)
    yield made(
        "cosignature-without-time",
        "a plain signature of the witness's key",
        missing,
        note(text, *ours, plain.line(text), second),
        policy,
    )
    elsewhere = policy.replace(
        LOG_KEY.vkey.encode(), Pen("ledger.example/other", 1, Hand("log")).vkey.encode()
    )
    yield made(
        "policy-of-another-log",
        "names another log",
        "ledger.policy_other_log",
        note(text, *ours, first, second),
        elsewhere,
    )


def _proofs() -> Iterator[Case]:
    log = short()
    head, nodes = log.checkpoint(), path(log.leaves, 3)

    def made(name: str, why: str, code: str, seq: int | None, content: str) -> Case:
        return Case(name, why, alone(log, "entry.tlog-proof", content), code, seq, target="entry.tlog-proof")

    invalid, malformed = "ledger.proof_invalid", "ledger.proof_malformed"
    yield made("proof-hash-missing", "a hash less", invalid, 3, proof(log, 3, head, path=nodes[:-1]))
    yield made("proof-hash-too-many", "a hash more", invalid, 3, proof(log, 3, head, path=[*nodes, nodes[0]]))
    yield made("proof-hashes-swapped", "two of them", invalid, 3, proof(log, 3, head, path=nodes[::-1]))
    yield made(
        "proof-of-another-entry", "extra is entry 2", invalid, 3, proof(log, 3, head, extra=log.entries[2])
    )
    yield made("proof-index", "4 instead of 3", invalid, 4, proof(log, 3, head, index=4))
    yield made("proof-index-beyond", "an index above the size", invalid, 9, proof(log, 3, head, index=9))
    inner = log.leaves[2] + log.leaves[3]
    assert leaf(inner) != root(log.leaves[2:4])
    yield made(
        "proof-inner-node",
        "two hashes offered as an entry",
        invalid,
        1,
        proof(log, 3, head, index=1, extra=inner, path=nodes[1:]),
    )
    misplaced = short(n3=lambda log: log.note("two", seq=2))
    lied = alone(misplaced, "entry.tlog-proof", proof(misplaced, 3, misplaced.checkpoint()))
    yield Case(
        "proof-entry-of-another-position",
        "the entry says 2",
        lied,
        "ledger.entry_misplaced",
        3,
        target="entry.tlog-proof",
    )
    right = proof(log, 3, head)
    yield made("proof-tag", "version 2", malformed, None, proof(log, 3, head, tag="c2sp.org/tlog-proof@v2"))
    yield made("proof-index-leading-zero", "03", malformed, None, proof(log, 3, head, index="03"))
    yield made("proof-without-index", "no index", malformed, None, right.replace("index 3\n", ""))
    yield made("proof-without-entry", "no extra", malformed, None, proof(log, 3, head, extra=None))
    yield made(
        "proof-short-hash", "31 bytes", malformed, None, proof(log, 3, head, path=[nodes[0][:31], *nodes[1:]])
    )
    yield made("proof-without-blank-line", "no blank line", malformed, None, right.replace("\n\n", "\n"))
    yield made("proof-carriage-return", "CR LF", malformed, None, right.replace("\n", "\r\n"))
    unsigned = Log(entries=log.entries, pens=(Pen(ORIGIN, 1, Hand("stranger")),)).checkpoint()
    yield made(
        "proof-unsigned", "a checkpoint of a stranger", "ledger.note_unsigned", None, proof(log, 3, unsigned)
    )


def _receipts() -> Iterator[Case]:
    log = short()

    def made(name: str, why: str, code: str, text: str, pen: Pen = LOG_KEY) -> Case:
        return Case(name, why, alone(log, "receipt", note(text, pen.line(text))), code, target="receipt")

    malformed, right = "ledger.receipt_malformed", receipt_text(log, 3)
    yield made("receipt-seq", "03", malformed, receipt_text(log, 3, seq="03"))
    yield made("receipt-time", "no milliseconds", malformed, receipt_text(log, 3, at="2026-03-02T01:03:00Z"))
    yield made("receipt-line-more", "a line more", malformed, right + "more\n")
    yield made(
        "receipt-other-log", "another origin", malformed, right.replace(ORIGIN, "ledger.example/other")
    )
    yield made(
        "receipt-unsigned", "a stranger", "ledger.note_unsigned", right, Pen(ORIGIN, 1, Hand("stranger"))
    )
    forged = note(right.replace("\n3\n", "\n2\n"), LOG_KEY.line(right))
    yield Case("receipt-changed", "position 2", alone(log, "receipt", forged), INVALID, target="receipt")


def _policies() -> Iterator[Case]:
    log = both()
    right = policy_text().decode()
    content = log.checkpoint(WITNESS_1, WITNESS_2)
    small = Pen("witness.example/weak", 4, Hand("weak"))
    weak = small.vkey.rsplit("+", 1)[0]
    for name, why, text in (
        ("policy-two-quorums", "two quorum lines", right + "quorum one\n"),
        ("policy-without-quorum", "none", right.replace("quorum both\n", "")),
        ("policy-unknown-member", "a name not defined", right.replace("all one two", "all one three")),
        ("policy-defined-later", "a group before its witness", _reordered(right)),
        ("policy-member-twice", "in one group", right.replace("all one two", "all one one")),
        (
            "policy-member-of-two-groups",
            "in two groups",
            right.replace("quorum", "group more any one\nquorum"),
        ),
        ("policy-threshold-too-large", "3 of 2", right.replace("all one two", "3 one two")),
        ("policy-threshold-zero", "0 of 2", right.replace("all one two", "0 one two")),
        ("policy-none-as-member", "none in a group", right.replace("all one two", "all one none")),
        ("policy-name-twice", "two witnesses of a name", right.replace("witness two", "witness one")),
        (
            "policy-key-twice",
            "one key under two names",
            right.replace("group", f"witness x {WITNESS_1.vkey}\ngroup"),
        ),
        (
            "policy-witness-without-time",
            "a plain key as witness",
            right.replace("group", f"witness x {LOG_KEY.vkey}\ngroup"),
        ),
        ("policy-control-character", "U+0007 in a comment", "# \x07\n" + right),
        ("policy-delete-character", "U+007F in a comment", "# \x7f\n" + right),
        ("policy-log-of-a-witness", "a log of type 0x04", f"log {small.vkey}\n" + right),
        ("policy-log-twice", "one log key twice", f"log {LOG_KEY.vkey}\n" + right),
        (
            "policy-witness-again",
            "a name again, another key",
            _before_quorum(right, f"witness one {small.vkey}"),
        ),
        ("policy-group-named-none", "a group named none", _before_quorum(right, "group none any both")),
        ("policy-witness-named-none", "a witness named none", f"witness none {small.vkey}\n" + right),
        ("policy-group-again", "a group's name again", _before_quorum(right, "group both any both")),
        ("policy-group-without-members", "nobody in it", _before_quorum(right, "group more any")),
        ("policy-threshold-leading-zero", "02 of 2", right.replace("all one two", "02 one two")),
        ("policy-quorum-two-names", "two names", right.replace("quorum both", "quorum both both")),
        ("policy-quorum-undefined", "a name of nobody", right.replace("quorum both", "quorum some")),
        (
            "policy-log-three-words",
            "more than an address",
            right.replace("quorum", f"log {small.vkey} a b\nquorum"),
        ),
        ("policy-carriage-return", "CR LF", right.replace("\n", "\r\n")),
        ("policy-last-line-open", "no line feed at the end", right[:-1]),
        ("policy-unknown-line", "a word of nobody", right + "threshold 2\n"),
        (
            "policy-vkey-id",
            "an id that is not the key's",
            right.replace("group", f"witness x {weak}+AAAA\ngroup"),
        ),
    ):
        files = alone(log, "note", content, policy=text.encode())
        yield Case(name, why, files, "ledger.policy_malformed", target="note", policy=True, exit=2)


def _before_quorum(text: str, line: str) -> str:
    return text.replace("quorum", f"{line}\nquorum")


def _reordered(text: str) -> str:
    lines = text.splitlines(keepends=True)
    group = next(line for line in lines if line.startswith("group"))
    return "".join([group, *(line for line in lines if line != group)])
