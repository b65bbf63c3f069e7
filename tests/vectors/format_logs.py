"""The cases of whole exported logs: good ones, and bad ones that each break a single rule."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.vectors.maker import (
    AN,
    BINH,
    LOG_KEY,
    LOG_PQ,
    ORDER,
    ORIGIN,
    ROOT_A,
    ROOT_B,
    START,
    WITNESS_1,
    WITNESS_2,
    Files,
    Hand,
    Log,
    Pen,
    b64url,
    bundle,
    export,
    head_text,
    key_fields,
    leaf,
    note,
    pae,
    root,
    rsa_spki,
    time_text,
    unb64url,
    vkey,
)

L = 2**252 + 27742317777372353535851937790883648493
RSA, PQ, P256 = Hand("rsa", "rsa-pkcs1-sha256"), Hand("pq", "ml-dsa-44"), Hand("p256", "ecdsa-p256")
BINH_2 = Hand("binh 2")
HANDS = (AN, BINH, BINH_2, RSA, PQ, P256, ROOT_A, ROOT_B)
BUNDLE, TILE, CHECKPOINT = "tile/entries/000.p/6", "tile/0/000.p/6", "checkpoint"


@dataclass(frozen=True)
class Case:
    """Files, what of them is to be verified, and what has to come out.

    ``code`` and ``seq`` are of the finding at the lowest position, or of the refusal; None when all is well.
    ``before`` says that the log which it goes on from lies in the folder of that name. ``exit`` is the status
    of a command. ``signature`` marks what only signatures of parties or of
    ML-DSA-44 show, so that a verifier without them finds nothing.
    """

    name: str
    why: str
    files: Files
    code: str | None = None
    seq: int | None = None
    target: str = "."
    policy: bool = False
    before: bool = False
    exit: int = 1
    signature: bool = False

    def to_json(self) -> bytes:
        """Return what is kept beside the files."""
        made = {
            "why": self.why,
            "target": self.target,
            "policy": self.policy,
            "before": self.before,
            "exit": self.exit,
            "code": self.code,
            "seq": self.seq,
            "signature": self.signature,
        }
        return json.dumps(made, indent=1, ensure_ascii=False).encode() + b"\n"


def short(until: int = 6, /, **odd: Callable[[Log], object]) -> Log:
    """Return a log of six entries; ``n3=…`` puts something else in the place of entry 3."""
    log = Log()
    usual: list[Callable[[Log], object]] = [
        Log.open,
        lambda log: log.register(AN),
        lambda log: log.note("one"),
        lambda log: log.note("two"),
        lambda log: log.note("three", event={"commitments": {"driver": log.commitment("Nguyễn Văn A")}}),
        lambda log: log.note("four"),
    ]
    for number, make in enumerate(usual[:until]):
        odd.get(f"n{number}", make)(log)
    return log


def good() -> Iterator[Case]:
    """Yield logs with which nothing is wrong."""
    yield Case("short", "six entries, a log with an Ed25519 key alone", short().files(), exit=0)
    yield Case("one-entry", "a log that was only opened", Log().open().files(), exit=0)
    full = lived_in()
    witnessed = full.files(full.checkpoint(WITNESS_1, WITNESS_2))
    witnessed["policy"] = policy_text()
    why = "every kind of key, key events, erasure, two log keys, two witnesses and their policy"
    yield Case("full", why, witnessed, policy=True, exit=0)
    kept = short(4).checkpoint()
    yield Case("kept-checkpoint", "begins with the checkpoint kept", short().files(kept=kept), exit=0)
    why = "goes on after a loss, keys and streams as they were, an act signed for the old name"
    yield Case("continued", why, _with_before(continued()), before=True, exit=0)
    files = _with_before(continued("2026-03-02T01:02:00.000Z"))
    yield Case("continued-in-time", "an act for the old name at the last moment", files, before=True, exit=0)
    why = "acts signed offline: two on the first note, one on one of these, then one on the head"
    yield Case("stream-goes-back", why, gone_back().files(), exit=0)
    goes_on = continued()
    goes_on.late(short(5).envelope_hash(2))
    why = "signed offline on a note of the log before"
    yield Case("continued-goes-back", why, _with_before(goes_on), before=True, exit=0)
    rotated = short(3).rotate_log_key()
    why = "signed by a log key that took over; the trust file knows the first one"
    yield Case("log-key-rotated", why, rotated.files(rotated.checkpoint(), keys=(LOG_KEY,)), exit=0)
    yield Case("log-key-rotated-trusted", "the trust file knows the later one", rotated.files(), exit=0)
    yield Case("tiles", "a full tile, a level above it", tiled().files(), exit=0)
    yield Case("bounds", "everything as large as it may be", bounds().files(), exit=0)
    padded = short().files()
    padded["tile/0/000"] = padded.pop(TILE) + bytes(250 * 32)
    yield Case("full-tile-for-partial", "the full tile stands in for the partial one", padded, exit=0)


def gone_back() -> Log:
    """Return a log of ten entries in which acts that were signed offline stand after later ones."""
    log = short()
    first = log.envelope_hash(2)
    log.late(first).late(first)
    log.late(log.envelope_hash(6))
    return log.note("at the head", event={"offline": True}).note("and on")


def continued(
    until: str = "2026-04-01T00:00:00.000Z", *, roots: Sequence[Hand] = (ROOT_A, ROOT_B), **changed: Any
) -> Log:
    """Return a log that goes on from the first five entries of the short one, whose sixth is lost."""
    old = short(5)
    predecessor = {
        "origin": ORIGIN,
        "size": 5,
        "root": root(old.leaves).hex(),
        "note": short().checkpoint(),
        "lost": {"from": 5, "to": 6},
        "cause": "disk",
    }
    log = Log(f"{ORIGIN}/2", (Pen(f"{ORIGIN}/2", 1, Hand("log")),), heads=dict(old.heads))
    log.open(roots, predecessor=predecessor | changed, accept_until=until).note("goes on")
    return log.note("signed before the loss was known", event={"origin": ORIGIN})


def _with_before(log: Log, old: Log | None = None) -> Files:
    before = (old or short(5)).files()
    del before["trust.json"]
    return log.files() | {f"before/{name}": data for name, data in before.items()}


def policy_text() -> bytes:
    """Return a policy of one log and two witnesses, both of them needed."""
    lines = [
        "# both witnesses",
        f"log {LOG_KEY.vkey}",
        f"witness one {WITNESS_1.vkey} https://witness.example/one",
        f"witness two\t{WITNESS_2.vkey}",
        "group both all one two",
        "quorum both",
    ]
    return "\n".join(lines).encode() + b"\n"


def tiled() -> Log:
    """Return a log of 258 entries."""
    log = short()
    for number in range(252):
        log.note(str(number))
    return log


def bounds() -> Log:
    """Return a log whose entries go to the bounds, in most of what is bounded."""
    log = Log().open()
    hands = (AN, BINH, BINH_2, RSA, P256, Hand("seventh"), ROOT_A, ROOT_B)
    for hand in hands[:6]:
        log.register(hand)
    most: dict[str, Any] = {
        "integers": [2**53 - 1, 1 - 2**53, 0, -1],
        "deep": [[[[[[[[[[[[[[]]]]]]]]]]]]]],
        "text": '"\\\n/ é \U0001f600',
        "n" * 64: True,
        "A.b_c:d-9": None,
        "empty": ["", {}, [], False],
    }
    log.add("note.written.v999", most, [("org:an", "r" + "_" * 39, AN)], stream="s" * 100)
    everybody = [("p" * 100, "writer", hand) for hand in hands]
    promised = {f"value.{number}": log.commitment(str(number)) for number in range(32)}
    log.add("note.agreed.v1", {}, everybody, event={"commitments": promised})
    _fill(log, 49_152)
    _fill_entry(log)
    times = ("2028-02-29T23:59:59.999Z", "9999-12-31T23:59:59.999Z")
    return log.note("late", at=times[0], event={"occurred_at": times[1]}).note("at once", at=times[0])


def _fill(log: Log, size: int) -> None:
    """Append a note whose event has just that many bytes."""
    heads = dict(log.heads)
    log.note("")
    less = len(log.entries.pop().partition(b"\n\n")[2])
    log.heads = heads
    log.note("x" * (size - less))


def _fill_entry(log: Log) -> None:
    """Append an entry of 65,535 bytes: long signatures beside a long event."""
    hands = [Hand(f"pq {number}", "ml-dsa-44") for number in range(5)]
    for hand in hands:
        log.register(hand)
    actors = [("org:an", "writer", hand) for hand in hands]
    heads = dict(log.heads)
    log.add("note.agreed.v1", {"text": "x" * 40_000}, actors)
    more = 65_535 - len(log.entries.pop())
    log.heads = heads
    log.add("note.agreed.v1", {"text": "x" * (40_000 + more)}, actors)
    assert len(log.entries[-1]) == 65_535


def lived_in(*pens: Pen) -> Log:
    """Return a log with everything in it."""
    log = Log(pens=pens or (LOG_KEY, LOG_PQ)).open().register(AN)
    rsa, pq, p256 = RSA, PQ, P256
    for hand in (BINH, rsa, pq, p256):
        log.register(hand, "org:binh")
    log.note("by Ed25519").note("by RSA", rsa).note("by ML-DSA", pq).note("by P-256", p256)
    both = [("org:an", "giver", AN), ("org:binh", "taker", BINH)]
    secret = log.commitment("Trần Thị Bình")
    log.add("note.agreed.v1", {"text": "hai bên"}, both, event={"commitments": {"driver": secret}})
    for count in range(3):
        log.add("note.counted.v1", {"n": count}, [("org:binh", "device", p256, count)])
    new = BINH_2
    body = {"kid": BINH.kid, "key": new.fields("org:binh")}
    log.add(
        "key.rotated.v1", body, [("org:binh", "holder", BINH), ("org:binh", "holder", new)], stream="keys/an"
    )
    log.add("key.revoked.v1", {"kid": AN.kid}, [("org:operator", "operator", ROOT_A)], stream="keys/an")
    roots = [("org:operator", "operator", ROOT_A), ("org:operator", "operator", ROOT_B)]
    erased = {"subject": "person:1", "commitments": [secret], "reason": "request"}
    log.add("personal.erased.v1", erased, roots[:1], stream="erasures")
    spare = Pen(ORIGIN, 1, Hand("log 2"))
    log.add("log.key_added.v1", {"key": spare.vkey}, roots, stream="log")
    log.add("log.key_retired.v1", {"key": spare.vkey}, roots, stream="log")
    return log.note("after all", new, event={"offline": True})


def bad() -> Iterator[Case]:
    """Yield logs with which one thing is wrong."""
    yield from _changed_afterwards()
    yield from _made_wrong()
    yield from _wrong_keys()
    yield from _wrong_bytes()
    yield from _wrong_headers()
    yield from _wrong_members()
    yield from _wrong_files()
    yield from _wrong_predecessors()
    yield from _wrong_heads()


def _changed_afterwards() -> Iterator[Case]:
    log = short()
    entry = log.entries[3]

    def swapped(files: Files, entries: list[bytes], leaves: list[bytes] | None = None) -> Files:
        return files | export(entries, leaves or log.leaves)

    forged = entry.replace(b'"two"', b'"owt"')
    entries = [*log.entries[:3], forged, *log.entries[4:]]
    yield Case(
        "entry-changed", "a word in an entry", swapped(log.files(), entries), "ledger.leaf_mismatch", 3
    )
    hashed = [leaf(one) for one in entries]
    files = swapped(log.files(), entries, hashed)
    yield Case("entry-and-leaf-changed", "a word, and its leaf", files, "ledger.signature_invalid", 3)
    rewritten = short(n3=lambda log: log.note("two", tail=lambda e: e.replace(b'"two"', b'"owt"')))
    why = "a word, everything after it made again, the checkpoint signed again"
    yield Case("chain-rewritten", why, rewritten.files(), "ledger.signature_invalid", 3, signature=True)
    later = short(n5=lambda log: log.note("four", at=time_text(START.replace(hour=9))))
    files = later.files(log.checkpoint())
    yield Case("time-changed", "recorded_at of the last entry", files, "ledger.checkpoint_mismatch")
    order = [*log.entries[:3], log.entries[4], log.entries[3], log.entries[5]]
    files = swapped(log.files(), order, [leaf(one) for one in order])
    yield Case("entries-swapped", "two entries, with their leaves", files, "ledger.entry_misplaced", 3)
    dropped = [*log.entries[:3], *log.entries[4:]]
    text = head_text([leaf(one) for one in dropped])
    files = {**export(dropped, [leaf(one) for one in dropped]), "trust.json": log.trust()}
    files[CHECKPOINT] = note(text, LOG_KEY.line(text)).encode()
    yield Case("entry-dropped", "an entry out of the middle", files, "ledger.entry_misplaced", 3)
    cut = short(5)
    files = cut.files(log.checkpoint())
    yield Case("tail-cut", "the last entry is gone, the checkpoint stays", files, "ledger.bundle_missing")


def _made_wrong() -> Iterator[Case]:
    def made(name: str, why: str, code: str, seq: int = 3, **odd: Callable[[Log], object]) -> Case:
        return Case(name, why, short(**odd).files(), code, seq)

    yield made(
        "time-runs-back",
        "recorded before the entry before",
        "ledger.time_runs_back",
        n3=lambda log: log.note("two", at=time_text(START)),
    )
    yield made(
        "prev-wrong",
        "prev is not the hash of the entry before",
        "ledger.link_broken",
        n3=lambda log: log.note("two", prev="ab" * 32),
    )
    yield made("prev-not-zero", "entry 0 links to something", "ledger.link_broken", 0, n0=_opening_with_prev)
    yield made(
        "seq-wrong", "a position twice", "ledger.entry_misplaced", n3=lambda log: log.note("two", seq=2)
    )
    yield made(
        "header-of-another-log",
        "origin in the header",
        "ledger.entry_misplaced",
        n3=lambda log: log.note("two", header_origin="ledger.example/other"),
    )
    yield made(
        "event-of-another-log",
        "an event that was signed for another log",
        "ledger.other_origin",
        n3=lambda log: log.note("two", event={"origin": "ledger.example/other"}),
    )
    yield made(
        "stream-prev-wrong",
        "does not continue its stream",
        "ledger.stream_broken",
        n3=lambda log: log.note("two", event={"stream_prev": "ab" * 32}),
    )
    yield made(
        "stream-prev-null",
        "begins a stream that has begun",
        "ledger.stream_broken",
        n3=lambda log: log.note("two", event={"stream_prev": None}),
    )
    yield made(
        "stream-goes-back-online",
        "names the note before the last one, and was not signed offline",
        "ledger.stream_broken",
        4,
        n4=lambda log: log.note("three", event={"stream_prev": log.envelope_hash(2)}),
    )
    yield made(
        "stream-goes-back-to-nothing",
        "signed offline, and begins a stream that has begun",
        "ledger.stream_broken",
        n3=lambda log: log.late(None),
    )
    yield made(
        "stream-goes-back-to-nobody",
        "signed offline on an envelope that is not in the log",
        "ledger.stream_broken",
        n3=lambda log: log.late("ab" * 32),
    )
    yield made(
        "stream-goes-back-elsewhere",
        "signed offline on an envelope of another stream",
        "ledger.stream_broken",
        n3=lambda log: log.late(log.envelope_hash(1)),
    )
    yield made(
        "stream-begun-by-going-back",
        "signed offline on an envelope of another stream, as the first of its own",
        "ledger.stream_broken",
        n3=lambda log: log.late(log.envelope_hash(2), stream="other"),
    )
    yield made(
        "stream-goes-back-to-itself",
        "signed offline on an envelope that comes only later",
        "ledger.stream_broken",
        n3=_on_a_later_one,
    )
    yield made(
        "idem-repeated",
        "the idem of entry 2 again",
        "ledger.idem_repeated",
        n3=lambda log: log.note("two", event={"idem": "019c0000-0000-7000-8000-000000000002"}),
    )
    yield made(
        "opened-twice",
        "log.opened.v1 in the middle",
        "ledger.opening_out_of_place",
        n3=lambda log: log.open((Hand("root c"),)),
    )
    lone = Log()
    lone.add("note.written.v1", {}, [("org:an", "writer", AN)])
    yield Case("never-opened", "entry 0 is a note", lone.files(), "ledger.opening_out_of_place", 0)
    yield made(
        "opening-of-another-format",
        "format 2",
        "ledger.opening_malformed",
        0,
        n0=lambda log: log.open(format=2),
    )
    yield made(
        "opening-without-log-keys",
        "log_keys is empty",
        "ledger.opening_malformed",
        0,
        n0=lambda log: log.open(log_keys=[]),
    )
    other = Pen(ORIGIN, 1, Hand("other log"))
    yield made(
        "opening-names-other-log-key",
        "another log key than the trust file",
        "ledger.trust_mismatch",
        0,
        n0=lambda log: log.open(log_keys=[other.vkey]),
    )
    yield made(
        "opening-by-other-roots",
        "other root keys than the trust file",
        "ledger.trust_mismatch",
        0,
        n0=lambda log: log.open((ROOT_A, Hand("root c", "ecdsa-p256"))),
    )


def _opening_with_prev(log: Log) -> None:
    log.open()
    log.entries[0] = log.entries[0].replace(b"prev " + b"0" * 64, b"prev " + b"ab" * 32)


def _wrong_keys() -> Iterator[Case]:
    def made(
        name: str, why: str, code: str, act: Callable[[Log], object], *, signature: bool = False
    ) -> Case:
        return Case(name, why, short(n3=act).files(), code, 3, signature=signature)

    def resigned(change: Callable[[bytes, bytes], bytes]) -> Callable[[Log], object]:
        """Return a note whose signature is made from event and right signature."""

        def act(log: Log) -> object:
            def again(lines: list[str], event: bytes) -> list[str]:
                signature = change(event, AN.sign(pae(event)))
                return [f"pae {AN.kid} {b64url(signature)}" for _ in lines]

            return log.note("two", signed=again)

        return act

    def plus_order(_event: bytes, signature: bytes) -> bytes:
        return signature[:32] + (int.from_bytes(signature[32:], "little") + L).to_bytes(32, "little")

    yield made(
        "ed25519-s-not-reduced", "S + L", "ledger.signature_invalid", resigned(plus_order), signature=True
    )
    yield made(
        "signature-of-another-type",
        "the same event signed as another payload type",
        "ledger.signature_invalid",
        resigned(lambda event, _: AN.sign(pae(event, b"application/json"))),
        signature=True,
    )
    yield made(
        "signature-without-pae",
        "over the bare event",
        "ledger.signature_invalid",
        resigned(lambda event, _: AN.sign(event)),
        signature=True,
    )
    yield made(
        "signature-cut",
        "63 bytes",
        "ledger.signature_invalid",
        resigned(lambda _, signature: signature[:63]),
        signature=True,
    )

    def high_s(log: Log) -> object:
        def flip(lines: list[str]) -> list[str]:
            scheme, kid, value = lines[0].split(" ")
            raw = unb64url(value)
            s = ORDER - int.from_bytes(raw[32:], "big")
            return [f"{scheme} {kid} {b64url(raw[:32] + s.to_bytes(32, 'big'))}"]

        return log.note("two", ROOT_A, lines=flip)

    yield made("p256-high-s", "n − s instead of s", "ledger.signature_invalid", high_s, signature=True)
    yield made(
        "key-unknown", "a key that nobody registered", "ledger.key_unknown", lambda log: log.note("", BINH)
    )
    revoke = short(n3=_revoke, n4=lambda log: log.note("three"))
    yield Case("key-revoked", "signed after its end", revoke.files(), "ledger.key_revoked", 4)
    early = short(n1=lambda log: log.note("zero"), n2=lambda log: log.register(AN))
    yield Case("key-not-yet", "signed before its registration", early.files(), "ledger.key_unknown", 1)
    yield made(
        "signers-differ",
        "the line names another key than the actor",
        "ledger.signers_differ",
        lambda log: log.note("two", lines=lambda lines: [lines[0].replace(AN.kid, BINH.kid)]),
    )
    two = [("org:operator", "operator", ROOT_A), ("org:an", "writer", AN)]
    yield made(
        "signature-missing",
        "one line for two actors",
        "ledger.signers_differ",
        lambda log: log.add("note.agreed.v1", {}, two, lines=lambda lines: lines[:1]),
    )
    yield made(
        "signatures-swapped",
        "two lines in the other order",
        "ledger.signers_differ",
        lambda log: log.add("note.agreed.v1", {}, two, lines=lambda lines: lines[::-1]),
    )
    yield made(
        "key-not-possessed",
        "registered without its own signature",
        "ledger.key_not_possessed",
        lambda log: log.add("key.registered.v1", {"key": BINH.fields("org:binh")}, two[:1]),
    )
    yield made("key-twice", "registered again", "ledger.key_known_already", lambda log: log.register(AN))
    yield made(
        "rotation-without-the-old-key",
        "signed by the new key and an operator",
        "ledger.key_not_possessed",
        lambda log: log.add(
            "key.rotated.v1",
            {"kid": AN.kid, "key": BINH.fields("org:an")},
            [("org:an", "holder", BINH), two[0]],
        ),
    )
    yield made(
        "key-with-another-kid",
        "kid is not the hash of the key",
        "ledger.field_invalid",
        lambda log: _brings(log, BINH.fields("org:binh", kid="ab" * 32)),
    )
    small = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
    mixed = bytes.fromhex("cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d")
    for name, why, raw in (
        ("ed25519-small-order", "a point of order eight", small),
        ("ed25519-neutral", "the neutral element", b"\x01" + bytes(31)),
        ("ed25519-not-canonical", "y = p + 3", (2**255 - 19 + 3).to_bytes(32, "little")),
        ("ed25519-mixed-order", "a point outside the prime-order subgroup", mixed),
    ):
        spki = bytes.fromhex("302a300506032b6570032100") + raw
        fields = key_fields(spki, "ed25519", "org:binh")
        yield made(name, why, "ledger.key_not_accepted", lambda log, fields=fields: _brings(log, fields))  # type: ignore[misc]
    off = Hand("p256", "ecdsa-p256").spki
    off = off[:-1] + bytes([off[-1] ^ 1])
    yield made(
        "p256-not-on-curve",
        "a point off the curve",
        "ledger.key_malformed",
        lambda log: _brings(log, key_fields(off, "ecdsa-p256", "org:binh")),
    )
    three = rsa_spki(3)
    yield made(
        "rsa-exponent",
        "the exponent 3",
        "ledger.key_not_accepted",
        lambda log: _brings(log, key_fields(three, "rsa-pkcs1-sha256", "org:binh")),
    )
    yield from _counts_and_log_keys(made)


def _counts_and_log_keys(made: Callable[..., Case]) -> Iterator[Case]:
    def counted(*counts: int | None) -> Log:
        log = short(2)
        for number, count in enumerate(counts):
            actor = ("org:an", "device", AN) if count is None else ("org:an", "device", AN, count)
            log.add("note.counted.v1", {"n": number}, [actor])
        return log

    yield Case("key-seq-gap", "0, 2", counted(0, 2).files(), "ledger.key_seq_gap", 3)
    yield Case("key-seq-repeated", "0, 0", counted(0, 0).files(), "ledger.key_seq_gap", 3)
    yield Case("key-seq-left-out", "0, then none", counted(0, None).files(), "ledger.key_seq_gap", 3)
    yield Case("key-seq-from-one", "begins with 1", counted(None, 1).files(), "ledger.key_seq_gap", 3)
    spare = Pen(ORIGIN, 1, Hand("log 2"))
    roots = [("org:operator", "operator", hand) for hand in (ROOT_A, ROOT_B)]
    yield made(
        "log-key-by-one-root",
        "added with the signature of one root key",
        "ledger.root_keys_missing",
        lambda log: log.add("log.key_added.v1", {"key": spare.vkey}, roots[:1]),
    )
    yield made(
        "log-key-of-another-name",
        "a vkey that is not named like the log",
        "ledger.field_invalid",
        lambda log: log.add("log.key_added.v1", {"key": WITNESS_1.vkey}, roots),
    )
    yield made(
        "log-key-twice",
        "a log key that is there",
        "ledger.log_key_known",
        lambda log: log.add("log.key_added.v1", {"key": LOG_KEY.vkey}, roots),
    )
    yield made(
        "log-key-unknown",
        "retires a key that is not there",
        "ledger.log_key_unknown",
        lambda log: log.add("log.key_retired.v1", {"key": spare.vkey}, roots),
    )
    yield made(
        "log-key-last",
        "retires the last Ed25519 key",
        "ledger.log_key_last",
        lambda log: log.add("log.key_retired.v1", {"key": LOG_KEY.vkey}, roots),
    )
    small = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
    right = spare.vkey
    witness = Pen(ORIGIN, 4, Hand("log 2"))
    for name, why, text in (
        ("vkey-small-order", "an Ed25519 point of order eight", vkey(ORIGIN, 1, small)),
        ("vkey-type-2", "a type of others", vkey(ORIGIN, 2, Hand("log 2").raw)),
        ("vkey-of-a-witness", "type 0x04", witness.vkey),
        ("vkey-short", "31 bytes", vkey(ORIGIN, 1, Hand("log 2").raw[:31])),
        ("vkey-ml-dsa-short", "an ML-DSA-44 key cut off", vkey(ORIGIN, 6, LOG_PQ.hand.raw[:-1])),
        ("vkey-id", "another id", right.replace(right[len(ORIGIN) + 1 :][:8], "00000000")),
        ("vkey-id-upper-case", "hex with capitals", right.replace("+", "+A", 1)),
        ("vkey-unpadded", "base64 with a letter less", right[:-1]),
        ("vkey-line-feed", "a line feed at the end", right + "\n"),
        ("vkey-number", "no text", 7),
    ):
        yield made(
            name,
            why,
            "ledger.field_invalid",
            lambda log, text=text: log.add("log.key_added.v1", {"key": text}, roots),
        )
    pens = [Pen(ORIGIN, 1, Hand(f"log {number}")) for number in range(10, 19)]
    many = short(3)
    for pen in pens[:7]:
        many.add("log.key_added.v1", {"key": pen.vkey}, roots)
    many.pens = (LOG_KEY, *pens[:7])
    many.add("log.key_added.v1", {"key": pens[7].vkey}, roots)
    files = many.files(many.checkpoint(), keys=(LOG_KEY,))
    yield Case("log-keys-nine", "one more than eight", files, "ledger.log_key_known", 10)
    nine = Log().open(log_keys=[pen.vkey for pen in pens])
    yield Case("opening-with-nine-log-keys", "nine", nine.files(), "ledger.opening_malformed", 0)
    digest = "ab" * 32
    for name, why, body in (
        ("erasure-of-nothing", "no commitment", {"commitments": []}),
        ("erasure-twice-the-same", "one commitment twice", {"commitments": [digest, digest]}),
        ("erasure-of-501", "one too many", {"commitments": [f"{n:064}" for n in range(501)]}),
        ("erasure-commitment", "62 digits", {"commitments": [digest[:62]]}),
        ("erasure-subject", "a space in it", {"subject": "person 1"}),
        ("erasure-without-reason", "an empty reason", {"reason": ""}),
        ("erasure-reason-long", "1,001 characters", {"reason": "x" * 1001}),
        ("erasure-member-more", "a member more", {"value": "Nguyễn"}),
    ):
        whole: dict[str, Any] = {"subject": "person:1", "commitments": [digest], "reason": "request"} | body
        yield made(
            name,
            why,
            "ledger.field_invalid",
            lambda log, whole=whole: log.add("personal.erased.v1", whole, roots[:1], stream="erasures"),
        )
    log = short(n3=lambda log: log.add("log.key_added.v1", {"key": spare.vkey}, roots))
    text = head_text(log.leaves[:3])
    files = Log(entries=log.entries[:3]).files(note(text, spare.line(text)))
    yield Case("log-key-not-yet", "signed by a key that is added later", files, "ledger.note_unsigned")
    retired = short(
        n3=lambda log: log.add("log.key_added.v1", {"key": spare.vkey}, roots),
        n4=lambda log: log.add("log.key_retired.v1", {"key": LOG_KEY.vkey}, roots),
    )
    yield Case("log-key-retired", "signed by a retired key", retired.files(), "ledger.note_unsigned")
    retired.entries.pop()
    why = "signed by a key that the last entry retires"
    yield Case("log-key-just-retired", why, retired.files(), "ledger.note_unsigned")
    yield made(
        "key-custody",
        "a custody of nobody",
        "ledger.field_invalid",
        lambda log: _brings(log, BINH.fields("org:binh", custody="pocket")),
    )


def _revoke(log: Log) -> Log:
    return log.add(
        "key.revoked.v1", {"kid": AN.kid}, [("org:operator", "operator", ROOT_A)], stream="keys/an"
    )


def _brings(log: Log, fields: dict[str, str]) -> Log:
    actors = [("org:binh", "holder", BINH), ("org:operator", "operator", ROOT_A)]
    return log.add("key.registered.v1", {"key": fields}, actors, stream="keys/binh")


def _wrong_bytes() -> Iterator[Case]:
    def spelt(name: str, why: str, old: bytes, new: bytes) -> Case:
        """Return a log in which an event was signed in bytes that are not canonical."""

        def change(event: bytes) -> bytes:
            assert old in event
            return event.replace(old, new, 1)

        log = short(n3=lambda log: log.note("two", spelt=change))
        return Case(name, why, log.files(), "ledger.entry_malformed", 3)

    def enveloped(
        name: str, why: str, change: Callable[[bytes], bytes], code: str = "entry_malformed"
    ) -> Case:
        log = short(n3=lambda log: log.note("two", tail=change))
        return Case(name, why, log.files(), f"ledger.{code}", 3)

    text = b'{"text":"two"}'
    yield spelt("json-duplicate-member", "a member twice", text, b'{"text":"one","text":"two"}')
    yield spelt("json-white-space", "a space after a colon", text, b'{"text": "two"}')
    yield spelt("json-unsorted", "members out of order", text, b'{"text":"two","a":1}')
    yield spelt("json-fraction", "1.5", text, b'{"text":1.5}')
    yield spelt("json-exponent", "1e2", text, b'{"text":1e2}')
    yield spelt("json-minus-zero", "-0", text, b'{"text":-0}')
    yield spelt("json-leading-zero", "007", text, b'{"text":007}')
    yield spelt("json-large-integer", "2^53", text, b'{"text":9007199254740992}')
    yield spelt("json-nan", "NaN", text, b'{"text":NaN}')
    yield spelt("json-escaped-slash", r"\/", text, b'{"text":"a\\/b"}')
    yield spelt("json-escaped-letter", r"\u0061", text, b'{"text":"\\u0061"}')
    yield spelt("json-lone-surrogate", r"\ud800", text, b'{"text":"\\ud800"}')
    yield spelt("json-not-utf-8", "a stray byte", text, b'{"text":"\xff"}')
    yield spelt("json-too-deep", "17 levels", text, b'{"text":' + b"[" * 15 + b"]" * 15 + b"}")
    yield spelt("json-cyrillic-name", "a name outside ASCII", text, '{"tеxt":"two"}'.encode())
    yield spelt("json-trailing-bytes", "a line feed after the event", b'"v":1}', b'"v":1}\n')
    yield spelt("text-not-nfc", "e and an accent apart", text, '{"text":"e\u0301"}'.encode())
    yield spelt("text-bidirectional", "U+202E", text, '{"text":"a\u202eb"}'.encode())
    yield spelt("text-zero-width", "U+200B", text, '{"text":"a\u200bb"}'.encode())
    yield spelt("event-too-large", "49,153 bytes or more", text, b'{"text":"' + b"x" * 49_152 + b'"}')
    yield spelt("event-member-unknown", "a member that the format does not know", b'"v":1}', b'"v":1,"w":1}')
    yield spelt("event-member-missing", "no commitments", b'"commitments":{},', b"")
    yield spelt("event-version", "v is 2", b'"v":1}', b'"v":2}')
    yield spelt("event-kind-without-version", "kind", b"note.written.v1", b"note.written")
    yield spelt("event-kid-upper-case", "kid", AN.kid.encode(), AN.kid.upper().encode())
    yield spelt("event-idem-version-4", "idem", b"-7000-8000-", b"-4000-8000-")
    yield spelt("event-february-30", "a day that does not exist", b"2026-03-02T", b"2026-02-30T")
    yield spelt("event-hour-24", "24:00", b"T01:02:59", b"T24:00:00")
    yield spelt("event-leap-second", "23:59:60", b"T01:02:59", b"T23:59:60")
    yield spelt(
        "event-offline-false", "offline is left out or true", b'"origin"', b'"offline":false,"origin"'
    )
    yield enveloped("envelope-length", "len is one too many", _longer)
    yield enveloped("envelope-crlf", "carriage returns", lambda e: e.replace(b"\n", b"\r\n", 1))
    yield enveloped("envelope-two-spaces", "two spaces in a line", lambda e: e.replace(b" ", b"  ", 1))
    yield enveloped("scheme-unknown", "a scheme of nobody", lambda e: b"jws" + e[3:])
    yield enveloped("scheme-webauthn", "reserved", _webauthn, "signature_scheme_unsupported")
    yield enveloped("signature-padded", "base64url with =", lambda e: e.replace(b"\nlen", b"==\nlen", 1))
    yield enveloped("signature-unused-bits", "unused bits set", _unused_bits)


def _wrong_members() -> Iterator[Case]:
    actor = {"kid": AN.kid, "party": "org:an", "role": "writer"}
    digest = "ab" * 32
    for name, why, changed in (
        ("event-body-list", "the body is no object", {"body": []}),
        ("event-v-true", "v is true", {"v": True}),
        ("event-stream-upper-case", "a capital in a name", {"stream": "Notes"}),
        ("event-stream-long", "101 characters", {"stream": "s" * 101}),
        ("event-origin-empty", "no origin", {"origin": ""}),
        ("event-stream-prev-upper-case", "hex with capitals", {"stream_prev": digest.upper()}),
        ("event-stream-prev-empty", "an empty text for null", {"stream_prev": ""}),
        ("event-occurred-at-offset", "+00:00 for Z", {"occurred_at": "2026-03-02T01:02:59.000+00:00"}),
        ("event-occurred-at-micro", "six places", {"occurred_at": "2026-03-02T01:02:59.000000Z"}),
        ("event-occurred-at-number", "a number", {"occurred_at": 1772413379}),
        ("event-year-0", "a year that is not counted", {"occurred_at": "0000-03-02T01:02:59.000Z"}),
        ("actors-none", "nobody", {"actors": []}),
        ("actors-object", "one actor without a list", {"actors": actor}),
        ("actors-nine", "nine", {"actors": [actor | {"kid": f"{n:064}"} for n in range(9)]}),
        ("actors-same-key", "a key for two", {"actors": [actor, actor]}),
        ("actor-text", "an actor that is a text", {"actors": [AN.kid]}),
        ("actor-member-more", "a member more", {"actors": [actor | {"name": "An"}]}),
        ("actor-without-role", "no role", {"actors": [{"kid": AN.kid, "party": "org:an"}]}),
        ("actor-role", "a capital in a role", {"actors": [actor | {"role": "Writer"}]}),
        ("actor-party", "a space in a name", {"actors": [actor | {"party": "org an"}]}),
        ("actor-key-seq-true", "key_seq is true", {"actors": [actor | {"key_seq": True}]}),
        ("actor-key-seq-negative", "key_seq is -1", {"actors": [actor | {"key_seq": -1}]}),
        ("actor-key-seq-text", "key_seq is a text", {"actors": [actor | {"key_seq": "0"}]}),
        ("actor-key-seq-null", "key_seq is null", {"actors": [actor | {"key_seq": None}]}),
        ("commitments-list", "a list", {"commitments": [digest]}),
        ("commitments-too-many", "33", {"commitments": {f"n{n}": digest for n in range(33)}}),
        ("commitment-short", "62 digits", {"commitments": {"a": digest[:62]}}),
        ("member-name-long", "65 characters", {"body": {"n" * 65: 1}}),
        ("member-name-empty", "none", {"body": {"": 1}}),
        ("member-name-space", "a space", {"body": {"a b": 1}}),
        ("json-small-integer", "-2^53", {"body": {"a": -(2**53)}}),
    ):
        log = short(n3=lambda log, changed=changed: log.note("two", event=changed))  # type: ignore[misc]
        yield Case(name, why, log.files(), "ledger.entry_malformed", 3)
    late = short(n3=lambda log: log.add("note.written.v1000", {}, [("org:an", "writer", AN)]))
    yield Case("event-kind-version-1000", "four digits", late.files(), "ledger.entry_malformed", 3)
    listed = short(n3=lambda log: log.note("two", spelt=lambda event: b"[" + event + b"]"))
    yield Case("event-list", "a list with the event in it", listed.files(), "ledger.entry_malformed", 3)
    exact = Log().open().register(AN)
    _fill(exact, 49_153)
    yield Case("event-one-byte-too-large", "49,153 bytes", exact.files(), "ledger.entry_malformed", 2)


def _wrong_headers() -> Iterator[Case]:
    value = b64url(bytes(64))
    for name, why, odd in (
        ("header-time-without-milliseconds", "recorded_at", {"at": "2026-03-02T01:03:00Z"}),
        ("header-february-30", "recorded_at of no day", {"at": "2026-02-30T01:03:00.000Z"}),
        ("header-hour-24", "recorded_at", {"at": "2026-03-02T24:00:00.000Z"}),
        ("header-seq-leading-zero", "03", {"seq": "03"}),
        ("header-seq-17-digits", "too many digits", {"seq": "1" * 17}),
        ("header-prev-upper-case", "hex with capitals", {"prev": "AB" * 32}),
        ("header-origin-long", "101 characters", {"header_origin": "o" * 101}),
        ("header-origin-space", "a space", {"header_origin": "ledger example"}),
        ("line-kid-short", "63 digits", {"lines": lambda _: [f"pae {AN.kid[1:]} {value}"]}),
        ("line-kid-upper-case", "capitals", {"lines": lambda _: [f"pae {AN.kid.upper()} {value}"]}),
        ("line-two-parts", "a dot in a pae value", {"lines": lambda _: [f"pae {AN.kid} {value}.AA"]}),
        ("line-empty-part", "nothing signed", {"lines": lambda _: [f"pae {AN.kid} "]}),
        ("line-webauthn-two-parts", "two of three", {"lines": lambda _: [f"webauthn {AN.kid} AA.AA"]}),
        ("line-batch-three-parts", "three of four", {"lines": lambda _: [f"batch {AN.kid} AA.AA.AA"]}),
        ("line-too-long", "8,193 characters", {"lines": lambda _: [f"pae {AN.kid} {'A' * 8124}"]}),
        ("line-none", "no signature line", {"lines": lambda _: []}),
        ("lines-nine", "nine of them", {"lines": lambda lines: lines * 9}),
        ("envelope-not-ascii", "a letter outside ASCII", {"lines": lambda _: [f"pae {AN.kid} é"]}),
    ):
        log = short(n3=lambda log, odd=odd: log.note("two", **odd))  # type: ignore[misc]
        yield Case(name, why, log.files(), "ledger.entry_malformed", 3)
    for name, value in (("line-batch", "AA.AA.AA.AA"), ("line-batch-67-parts", ".".join(["AA"] * 67))):
        log = short(n3=lambda log, v=value: log.note("two", lines=lambda _: [f"batch {AN.kid} {v}"]))  # type: ignore[misc]
        yield Case(name, "reserved", log.files(), "ledger.signature_scheme_unsupported", 3)
    many = ".".join(["AA"] * 68)
    log = short(n3=lambda log: log.note("two", lines=lambda _: [f"batch {AN.kid} {many}"]))
    yield Case("line-batch-68-parts", "too many", log.files(), "ledger.entry_malformed", 3)
    longest = f"webauthn {AN.kid} AA.AA."
    longest += "A" * (8192 - len(longest))
    log = short(n3=lambda log: log.note("two", lines=lambda _: [longest]))
    yield Case("line-longest", "8,192 characters", log.files(), "ledger.signature_scheme_unsupported", 3)


def _on_a_later_one(log: Log) -> Log:
    """Append an act on an envelope that is recorded next, which whoever has signed it may well know."""
    later = Log(entries=list(log.entries), heads=dict(log.heads))
    # Its number and its hash stay the same when one act comes in before it.
    fixed = {"idem": "019c0000-0000-7000-8000-000000000099", "occurred_at": time_text(START)}
    on_first = {"offline": True, "stream_prev": log.envelope_hash(2)} | fixed
    later.note("later", event=on_first)
    log.late(later.envelope_hash(3))
    return log.note("later", event=on_first)


def _longer(envelope: bytes) -> bytes:
    head, _, event = envelope.partition(b"\n\n")
    return head.replace(b"len %d" % len(event), b"len %d" % (len(event) + 1)) + b"\n\n" + event


def _webauthn(envelope: bytes) -> bytes:
    scheme, kid, rest = envelope.split(b" ", 2)
    assert scheme == b"pae"
    return b" ".join((b"webauthn", kid, b"AAAA.AAAA." + rest))


def _unused_bits(envelope: bytes) -> bytes:
    head, line, rest = envelope.partition(b"\nlen")
    # 64 bytes leave four bits of the last character unused.
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return head[:-1] + alphabet[alphabet.index(head[-1]) + 1 :][:1] + line + rest


def _wrong_files() -> Iterator[Case]:
    log = short()
    files = log.files()

    def changed(name: str, why: str, code: str, seq: int | None = None, /, **to: bytes | None) -> Case:
        paths = {"bundle": BUNDLE, "tile": TILE, "checkpoint": CHECKPOINT}
        made = dict(files)
        for word, data in to.items():
            if data is None:
                del made[paths[word]]
            else:
                made[paths[word]] = data
        return Case(name, why, made, code, seq)

    tile = bytearray(files[TILE])
    tile[3 * 32] ^= 1
    yield changed("tile-changed", "a bit of a leaf", "ledger.leaf_mismatch", 3, tile=bytes(tile))
    yield changed("tile-cut", "one byte short", "ledger.tile_malformed", tile=files[TILE][:-1])
    yield changed("tile-missing", "no tile of level 0", "ledger.tile_missing", tile=None)
    yield changed("bundle-missing", "no bundle", "ledger.bundle_missing", bundle=None)
    yield changed("bundle-cut", "one byte short", "ledger.bundle_malformed", bundle=files[BUNDLE][:-1])
    more = bundle([*log.entries, log.entries[5]])
    yield changed("bundle-too-long", "an entry more", "ledger.bundle_malformed", bundle=more)
    fewer = bundle(log.entries[:5])
    yield changed("bundle-too-short", "an entry less", "ledger.bundle_malformed", bundle=fewer)
    yield changed("checkpoint-missing", "no checkpoint", "ledger.checkpoint_missing", checkpoint=None)
    moved = dict(files)
    moved["tile/0/0.p/6"] = moved.pop(TILE)
    yield Case("tile-path", "a number without its zeros", moved, "ledger.tile_missing")


def _wrong_predecessors() -> Iterator[Case]:
    late = continued("2026-03-02T01:01:00.000Z")
    missing = continued().files()
    yield Case("predecessor-missing", "the log before is not given", missing, "ledger.predecessor_missing", 0)
    files = _with_before(late)
    why = "an act signed for the old name, after the time set for that"
    yield Case("predecessor-act-too-late", why, files, "ledger.other_origin", 2, before=True)
    other = short(5, n3=lambda log: log.note("another two"))
    files = _with_before(continued(), other)
    yield Case("predecessor-other", "another past", files, "ledger.predecessor_mismatch", 0, before=True)
    files = _with_before(continued(), short(4))
    yield Case(
        "predecessor-short", "four of five entries", files, "ledger.predecessor_mismatch", 0, before=True
    )
    for name, why, changed in (
        ("predecessor-without-cause", "cause is a number", {"cause": 1}),
        ("predecessor-lost-nothing", "nothing is lost", {"lost": {"from": 5, "to": 5}}),
        ("predecessor-gap", "lost from six on, five survive", {"lost": {"from": 6, "to": 7}}),
        ("predecessor-other-name", "a log of another name", {"origin": "ledger.example/other"}),
    ):
        log = continued(**changed)
        yield Case(name, why, _with_before(log), "ledger.field_invalid", 0, before=True)
    forged = head_text([*short(5).leaves, bytes(32)])
    strange = note(forged, Pen(ORIGIN, 1, Hand("stranger")).line(forged))
    files = _with_before(continued(note=strange))
    yield Case(
        "predecessor-note", "signed by a stranger", files, "ledger.predecessor_mismatch", 0, before=True
    )
    taken = continued(roots=(ROOT_A, Hand("root c", "ecdsa-p256")))
    files = _with_before(taken)
    trusted = taken.trust(root_kids=[ROOT_A.kid, Hand("root c", "ecdsa-p256").kid])
    why = "a root key that the log before did not have"
    yield Case(
        "predecessor-taken-over",
        why,
        files | {"trust.json": trusted},
        "ledger.root_keys_missing",
        0,
        before=True,
    )
    unknown = continued().note("", BINH)
    yield Case(
        "predecessor-key-unknown",
        "a key neither has",
        _with_before(unknown),
        "ledger.key_unknown",
        3,
        before=True,
    )
    elsewhere = continued().late(short().envelope_hash(5))
    yield Case(
        "predecessor-goes-back-to-what-is-lost",
        "signed offline on a note that did not survive",
        _with_before(elsewhere),
        "ledger.stream_broken",
        3,
        before=True,
    )
    broken = continued().note("", event={"stream_prev": None})
    yield Case(
        "predecessor-stream-anew",
        "begins again",
        _with_before(broken),
        "ledger.stream_broken",
        3,
        before=True,
    )


def _wrong_heads() -> Iterator[Case]:
    log = short()

    def headed(name: str, why: str, code: str, seq: int | None, checkpoint: str, **trust: Any) -> Case:
        return Case(name, why, log.files(checkpoint, **trust), code, seq)

    larger = head_text(log.leaves, size=300)
    yield headed(
        "size-too-large",
        "a size above the entries",
        "ledger.tile_missing",
        None,
        note(larger, LOG_KEY.line(larger)),
    )
    forged = head_text([*log.leaves[:5], bytes(32)])
    yield headed(
        "root-wrong", "another root", "ledger.checkpoint_mismatch", None, note(forged, LOG_KEY.line(forged))
    )
    other = Log("ledger.example/other", entries=log.entries)
    yield headed("checkpoint-of-another-log", "origin", "ledger.note_unsigned", None, _other_head(other))
    empty = head_text([])
    files = {CHECKPOINT: note(empty, LOG_KEY.line(empty)).encode(), "trust.json": log.trust()}
    yield Case("no-entries", "a checkpoint of size 0", files, "ledger.entry_missing", 0)
    fork = short(n3=lambda log: log.note("another two")).checkpoint()
    yield headed(
        "fork",
        "the checkpoint kept is of another history",
        "ledger.checkpoint_mismatch",
        None,
        log.checkpoint(),
        kept=fork,
    )
    strange = Pen(ORIGIN, 1, Hand("stranger"))
    text = head_text(log.leaves[:4])
    yield headed(
        "kept-by-a-stranger",
        "the checkpoint kept is not the log's",
        "ledger.note_unsigned",
        None,
        log.checkpoint(),
        kept=note(text, strange.line(text)),
    )
    ahead = Log(entries=list(log.entries)).note("five").checkpoint()
    yield headed(
        "rolled-back",
        "the checkpoint kept is of more entries",
        "ledger.tail_missing",
        6,
        log.checkpoint(),
        kept=ahead,
    )


def _other_head(log: Log) -> str:
    text = head_text(log.leaves, log.origin)
    return note(text, Pen(log.origin, 1, Hand("log")).line(text))
