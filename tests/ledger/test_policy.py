import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import Malformed, NotAllowed, Refused
from ledger.format.checkpoint import Checkpoint
from ledger.format.note import Kind, NoteSigner, add_lines, b64, make_note
from ledger.format.policy import MAX_BYTES, Policy, parse
from tests.ledger.tlog import ORIGIN, START, note_signer, post_quantum_signer

LOG, LOG_PQ = note_signer(), post_quantum_signer()
CHECKPOINT = Checkpoint(ORIGIN, 7, bytes(32))
SECONDS = int(START.timestamp())


def witness(name: str, *, quantum: bool = False) -> NoteSigner:
    if quantum:
        return NoteSigner(f"{name}.example", post_quantum_signer(name).private, Kind.MLDSA44)
    return NoteSigner(f"{name}.example", note_signer(name).private, Kind.COSIGNATURE)


X = [witness("X1"), witness("X2", quantum=True), witness("X3")]
Y = [witness("Y1"), witness("Y2"), witness("Y3", quantum=True)]
TEXT = f"""# the example of the specification, with keys
log {LOG.key} https://log.example/
\t
  # a comment after blanks
witness X1 {X[0].key}
witness X2 {X[1].key}   https://x2.example/witness\t
\twitness X3\t{X[2].key}
group X-witnesses 2 X1 X2 X3

witness Y1 {Y[0].key}
witness Y2 {Y[1].key}
witness Y3 {Y[2].key}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""
POLICY = parse(TEXT.encode())
W1, W2 = f"witness a {X[0].key}\n", f"witness b {X[2].key}\n"


def signed(*by: NoteSigner) -> str:
    return make_note(CHECKPOINT.text, [signer.sign_line(CHECKPOINT.text, START) for signer in (LOG, *by)])


def test_a_policy_names_logs_witnesses_groups_and_the_quorum() -> None:
    assert [(log.key, log.url) for log in POLICY.logs] == [(LOG.key, "https://log.example/")]
    assert [witness.name for witness in POLICY.witnesses] == ["X1", "X2", "X3", "Y1", "Y2", "Y3"]
    assert POLICY.witnesses[1].url == "https://x2.example/witness"
    assert [(group.name, group.threshold) for group in POLICY.groups] == [
        ("X-witnesses", 2),
        ("Y-witnesses", 1),
        ("X-and-Y", 2),
    ]
    assert POLICY.quorum == "X-and-Y"


@pytest.mark.parametrize(
    ("by", "names", "quorum"),
    [
        ([], (), False),
        ([X[0]], ("X1",), False),
        ([X[0], X[1]], ("X1", "X2"), False),
        ([*X], ("X1", "X2", "X3"), False),
        ([*Y], ("Y1", "Y2", "Y3"), False),
        ([X[0], Y[2]], ("X1", "Y3"), False),
        ([Y[2], X[2], X[1]], ("X2", "X3", "Y3"), True),
        ([*X, *Y], ("X1", "X2", "X3", "Y1", "Y2", "Y3"), True),
    ],
)
def test_the_quorum_follows_the_groups(by: list[NoteSigner], names: tuple[str, ...], quorum: bool) -> None:
    checked = POLICY.check(signed(*by), ORIGIN)
    assert checked.checkpoint == CHECKPOINT
    assert (checked.witnesses, checked.quorum) == (names, quorum)
    assert checked.times == (SECONDS,) * len(names)


@given(st.sets(st.sampled_from([f"{side}{n}" for side in "XY" for n in (1, 2, 3)] + ["stranger"])))
def test_more_witnesses_never_undo_a_quorum(names: set[str]) -> None:
    counted = {side: sum(name[0] == side for name in names - {"stranger"}) for side in "XY"}
    assert POLICY.reached(names) == (counted["X"] >= 2 and counted["Y"] >= 1)


def test_the_name_of_a_group_witnesses_nothing() -> None:
    assert not POLICY.reached({"X-and-Y", "X-witnesses", "Y-witnesses"})


def test_a_witness_alone_or_nobody_can_be_the_quorum() -> None:
    log = f"log {LOG.key}\n"
    one = parse(f"{log}{W1}{W2}quorum b\n".encode())
    assert not one.check(signed(X[0]), ORIGIN).quorum
    assert one.check(signed(X[2]), ORIGIN).quorum
    assert parse(f"{log}quorum none\n".encode()).check(signed(), ORIGIN).quorum


def test_definitions_after_the_quorum_do_not_count_for_it() -> None:
    policy = parse(f"{W1}quorum a\n{W2}log {LOG.key}\n".encode())
    assert policy.check(signed(X[0], X[2]), ORIGIN).witnesses == ("a", "b")


def test_a_policy_without_logs_takes_the_keys_that_are_known_otherwise() -> None:
    policy = parse(b"quorum none\n")
    assert policy.check(signed(), ORIGIN, [LOG.key]).quorum
    with pytest.raises(NotAllowed, match="policy_other_log"):
        policy.check(signed(), ORIGIN)


def test_the_logs_of_a_policy_are_the_only_ones() -> None:
    with pytest.raises(NotAllowed, match="policy_other_log"):
        POLICY.check(signed(), "other.example/log", [LOG.key])
    stranger = note_signer("stranger")
    note = make_note(CHECKPOINT.text, [stranger.sign_line(CHECKPOINT.text, START)])
    with pytest.raises(NotAllowed, match="note_unsigned"):
        POLICY.check(note, ORIGIN, [stranger.key])
    only_witnesses = make_note(CHECKPOINT.text, [X[0].sign_line(CHECKPOINT.text, START)])
    with pytest.raises(NotAllowed, match="note_unsigned"):
        POLICY.check(only_witnesses, ORIGIN)


def test_of_a_log_with_two_kinds_of_keys_both_must_have_signed() -> None:
    policy = parse(f"log {LOG.key}\nlog {LOG_PQ.key}\nquorum none\n".encode())
    with pytest.raises(NotAllowed, match="note_half_signed"):
        policy.check(signed(), ORIGIN)
    assert policy.check(signed(LOG_PQ), ORIGIN).quorum


def test_a_line_that_is_not_the_witness_s_spoils_the_note() -> None:
    forged = add_lines(signed(X[0]), [f"— {X[2].name} {b64(X[2].key.id + bytes(72))}"])
    with pytest.raises(NotAllowed, match="note_signature_invalid"):
        POLICY.check(forged, ORIGIN)


def test_names_are_octets_and_nothing_else() -> None:
    kelvin = b"\xe2\x84\xaa"
    data = b"witness K %b\nwitness %b %b\nwitness \xff\xfe %b http://\xc3\xa9.example\nquorum \xff\xfe\n" % (
        str(X[0].key).encode(), kelvin, str(X[1].key).encode(), str(X[2].key).encode(),
    )  # fmt: skip
    policy = parse(data)
    assert len({witness.name for witness in policy.witnesses}) == 3
    name = policy.witnesses[2].name
    assert name.encode("utf-8", "surrogateescape") == b"\xff\xfe"
    assert policy.reached({name})
    assert not policy.reached({"K", "\u212a"})


def test_a_policy_may_be_large() -> None:
    lines = []
    for n in range(64):
        kind = Kind.ED25519 if n < 32 else Kind.COSIGNATURE
        key = NoteSigner(f"k{n}.example", note_signer(f"bulk {n}").private, kind).key
        lines.append(f"log {key}" if n < 32 else f"witness w{n} {key}")
    lines += [f"group g{n} 1 w{n}" for n in range(32, 64)]
    lines += ["group all 32 " + " ".join(f"g{n}" for n in range(32, 64)), "quorum all"]
    policy = parse("\n".join(lines).encode() + b"\n")
    assert (len(policy.logs), len(policy.witnesses), len(policy.groups)) == (32, 32, 33)
    assert policy.reached({f"w{n}" for n in range(32, 64)})
    assert not policy.reached({f"w{n}" for n in range(32, 63)})


X1, X3 = X[0].key, X[2].key
SAME_POINT = NoteSigner("another.example", X[0].private, Kind.COSIGNATURE).key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "quorum none",
        "quorum\n",
        "quorum none none\n",
        "quorum none\nquorum none\n",
        f"{W1}quorum a\nquorum a\n",
        "quorum a\n",
        f"quorum a\n{W1}",
        "Quorum none\n",
        "quorum None\n",
        "unknown line\nquorum none\n",
        "quorum none # no comment here\n",
        "quorum\u00a0none\n",
        "quorum none\r\n",
        "quorum none\n\x00\n",
        "quorum none\n# \x7f\n",
        "quorum none\n# \x0b\n",
        "log\nquorum none\n",
        "log x\nquorum none\n",
        f"log {LOG.key} url more\nquorum none\n",
        f"log {LOG.key}\nlog {LOG.key}\nquorum none\n",
        f"log {NoteSigner('other.example', LOG.private).key}\nlog {LOG.key}\nquorum none\n",
        f"log {LOG.key}\nlog {NoteSigner('o.example', LOG.private, Kind.COSIGNATURE).key}\nquorum none\n",
        f"log {X1}\nquorum none\n",
        f"witness {X1}\nquorum none\n",
        f"witness a {X1} url more\nquorum none\n",
        f"witness a {LOG.key}\nquorum none\n",
        f"witness none {X1}\nquorum none\n",
        f"{W1}witness b {SAME_POINT}\nquorum none\n",
        f"{W1}witness a {X3}\nquorum none\n",
        f"{W1}group g any\nquorum none\n",
        f"{W1}group g a\nquorum none\n",
        f"{W1}group g 0 a\nquorum none\n",
        f"{W1}group g 2 a\nquorum none\n",
        f"{W1}group g 01 a\nquorum none\n",
        f"{W1}group g +1 a\nquorum none\n",
        f"{W1}group g -1 a\nquorum none\n",
        f"{W1}group g 1.0 a\nquorum none\n",
        f"{W1}group g ١ a\nquorum none\n",
        f"{W1}group g Any a\nquorum none\n",
        f"{W1}group g any b\nquorum none\n",
        f"{W1}group g any g\nquorum none\n",
        f"{W1}group g any none\nquorum none\n",
        f"{W1}group none any a\nquorum none\n",
        f"{W1}group a any a\nquorum none\n",
        f"{W1}group g 2 a a\nquorum none\n",
        f"{W1}group g any a\ngroup h any a\nquorum h\n",
        f"{W1}{W2}group g any a\ngroup g any b\nquorum none\n",
        f"{W1}group h any g\ngroup g any a\nquorum none\n",
        "#" * MAX_BYTES + "\nquorum none\n",
    ],
)
def test_a_policy_out_of_form_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="policy_malformed"):
        parse(text.encode())


def test_what_is_wrong_is_named_by_its_line() -> None:
    with pytest.raises(Malformed) as refused:
        parse(f"# one\n{W1}group g any b\nquorum none\n".encode())
    assert refused.value.problems[0].facts == {"line": 3}


@given(st.binary(max_size=300))
def test_any_octets_are_a_policy_or_refused(data: bytes) -> None:
    try:
        policy = parse(data)
    except Refused:
        return
    assert isinstance(policy, Policy)


@given(st.data())
def test_a_changed_octet_never_lets_fewer_witnesses_do(data: st.DataObject) -> None:
    octets = bytearray(TEXT.encode())
    at = data.draw(st.integers(TEXT.index("group"), len(octets) - 1))
    octets[at] = data.draw(st.integers(0, 255))
    try:
        policy = parse(bytes(octets))
    except Malformed:
        return
    assert policy.quorum is not None
    assert not policy.reached(())
