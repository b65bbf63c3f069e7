import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import Malformed, Problem
from ledger.format.entry import (
    MAX_ENTRY_BYTES,
    ZERO,
    Entry,
    Envelope,
    entry_hash,
    parse_entry,
    parse_envelope,
)
from ledger.format.signature import Scheme, SignatureLine, b64
from tests.ledger.test_event import EVENT
from tests.ledger.world import ORIGIN, START, signer

DATA = EVENT.to_bytes()
ENVELOPE = Envelope((signer("an").sign_event(DATA), signer("binh").sign_event(DATA)), DATA)
ENTRY = Entry(ORIGIN, 17, START, "c" * 64, ENVELOPE)


def test_envelope_and_entry_survive_their_bytes() -> None:
    assert parse_envelope(ENVELOPE.to_bytes()) == ENVELOPE
    assert parse_entry(ENTRY.to_bytes()) == ENTRY


def test_the_hashes_are_what_the_format_says() -> None:
    assert ENTRY.hash == hashlib.sha256(b"\0" + ENTRY.to_bytes()).digest()
    tagged = b"ctnh-envelope-v1\n" + ENVELOPE.to_bytes()
    assert ENVELOPE.hash == hashlib.sha256(tagged).hexdigest()


def test_an_entry_reads_as_the_format_says() -> None:
    lines = ENTRY.to_bytes().split(b"\n")
    assert lines[:5] == [
        b"ctnh-entry-v1",
        b"origin ledger.example/notes",
        b"seq 17",
        b"recorded_at 2026-01-05T01:00:00.000Z",
        b"prev " + b"c" * 64,
    ]
    assert lines[7:] == [b"len %d" % len(DATA), b"", DATA]


def test_every_single_byte_counts() -> None:
    data = ENTRY.to_bytes()
    for at in range(len(data)):
        for byte in {data[at] ^ 1, data[at] ^ 0x20, 0x0A, 0x20, 0x30} - {data[at]}:
            other = data[:at] + bytes([byte]) + data[at + 1 :]
            try:
                read = parse_entry(other)
            except Malformed:
                continue
            assert read.to_bytes() == other, "what parses must be the encoding of what it parses to"
            assert entry_hash(other) != ENTRY.hash


@given(st.integers(0, len(ENTRY.to_bytes())), st.binary(max_size=3), st.integers(0, 3))
def test_what_parses_encodes_to_the_same_bytes(at: int, put: bytes, removed: int) -> None:
    data = ENTRY.to_bytes()
    other = data[:at] + put + data[at + removed :]
    try:
        read = parse_entry(other)
    except Malformed:
        return
    assert read.to_bytes() == other


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused(data: bytes) -> None:
    for parse in (parse_entry, parse_envelope):
        with pytest.raises(Malformed):
            parse(data)


def test_a_stated_length_must_be_the_length() -> None:
    head = ENVELOPE.head.replace(b"len %d" % len(DATA), b"len %d" % (len(DATA) - 1))
    with pytest.raises(Malformed, match="envelope_length"):
        parse_envelope(head + DATA)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"len 0\n\n",
        b"len 2\n{}",
        b"pae x\n\n{}",
        b"pae \xff\xff\nlen 2\n\n{}",
        ENVELOPE.head.replace(b"len ", b"len 0") + DATA,
        b"\n".join([ENVELOPE.head.split(b"\n")[0]] * 9) + b"\nlen 2\n\n{}",
    ],
)
def test_a_malformed_envelope_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        parse_envelope(data)


def test_more_than_65535_bytes_are_refused_both_ways() -> None:
    big = replace(ENTRY, envelope=Envelope(ENVELOPE.signatures, b"x" * MAX_ENTRY_BYTES))
    with pytest.raises(Malformed, match="entry_too_large"):
        big.to_bytes()
    with pytest.raises(Malformed, match="entry_too_large"):
        parse_envelope(b"x" * (MAX_ENTRY_BYTES + 1))
    with pytest.raises(Malformed, match="entry_malformed"):
        parse_entry(ENTRY.header + b"x" * MAX_ENTRY_BYTES)


def test_a_date_that_is_none_is_refused() -> None:
    with pytest.raises(Malformed, match="entry_malformed"):
        parse_entry(ENTRY.to_bytes().replace(b"2026-01-05", b"2026-02-30"))


def test_the_first_entry_follows_zero() -> None:
    first = replace(ENTRY, seq=0, prev=ZERO)
    assert parse_entry(first.to_bytes()).prev == "0" * 64


def test_the_largest_signature_lines_fit() -> None:
    line = SignatureLine(Scheme.PAE, "a" * 64, b64(b"s" * 2420))
    assert parse_envelope(Envelope((line,), DATA).to_bytes()).signatures == (line,)


def problem(refused: pytest.ExceptionInfo[Malformed]) -> Problem:
    """Return the one problem, as it is told."""
    (one,) = refused.value.problems
    return one


TOO_LARGE = Problem("ledger.entry_too_large", "", {"limit": 65_535})


def filled(size: int) -> Entry:
    """Return an entry of so many bytes."""
    short = replace(ENTRY, envelope=Envelope(ENVELOPE.signatures, b"x" * 40_000))
    more = size - len(short.to_bytes())
    return replace(ENTRY, envelope=Envelope(ENVELOPE.signatures, b"x" * (40_000 + more)))


def test_an_entry_may_have_65535_bytes_and_not_one_more() -> None:
    largest, larger = filled(65_535), filled(65_536)
    assert parse_entry(largest.to_bytes()) == largest
    with pytest.raises(Malformed) as refused:
        larger.to_bytes()
    assert problem(refused) == TOO_LARGE
    with pytest.raises(Malformed) as refused:
        parse_entry(larger.header + larger.envelope.to_bytes())
    assert problem(refused) == Problem("ledger.entry_malformed")


def test_an_envelope_may_have_65535_bytes_and_not_one_more() -> None:
    for more, fits in ((0, True), (1, False)):
        event = b"x" * (65_535 - len(ENVELOPE.head) + len(str(len(DATA))) - 5 + more)
        data = Envelope(ENVELOPE.signatures, event).to_bytes()
        assert len(data) == 65_535 + more
        if fits:
            assert parse_envelope(data).event == event
            continue
        with pytest.raises(Malformed) as refused:
            parse_envelope(data)
        assert problem(refused) == TOO_LARGE


def test_one_to_eight_signatures_make_an_envelope() -> None:
    line = ENVELOPE.signatures[0]
    for count in (1, 8):
        assert len(parse_envelope(Envelope((line,) * count, DATA).to_bytes()).signatures) == count
    for count in (0, 9):
        with pytest.raises(Malformed) as refused:
            parse_envelope(Envelope((line,) * count, DATA).to_bytes())
        assert problem(refused) == Problem("ledger.envelope_malformed")


def test_without_the_blank_line_there_is_no_envelope() -> None:
    line = ENVELOPE.signatures[0].text().encode()
    for data in (line + b"\nlen 0", line + b"\nlen 0\n", b"pae \xff\nlen 2\n\n{}"):
        with pytest.raises(Malformed) as refused:
            parse_envelope(data)
        assert problem(refused) == Problem("ledger.envelope_malformed")


def test_a_wrong_length_is_told_with_the_right_one() -> None:
    head = ENVELOPE.head.replace(b"len %d" % len(DATA), b"len %d" % (len(DATA) - 1))
    with pytest.raises(Malformed) as refused:
        parse_envelope(head + DATA)
    told = {"stated": len(DATA) - 1, "found": len(DATA)}
    assert problem(refused) == Problem("ledger.envelope_length", "", told)


def test_what_is_no_header_is_told_as_such() -> None:
    for data in (b"", b"ctnh-entry-v2" + ENTRY.to_bytes()[13:]):
        with pytest.raises(Malformed) as refused:
            parse_entry(data)
        assert problem(refused) == Problem("ledger.entry_malformed")
    with pytest.raises(Malformed) as refused:
        parse_entry(ENTRY.to_bytes().replace(b"2026-01-05", b"2026-02-30"))
    assert problem(refused) == Problem("ledger.entry_malformed")
