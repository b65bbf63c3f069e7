"""Signature lines survive being packed, to the byte, and nothing else unpacks to them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.packing import pack, unpack
from ledger.signature import Scheme, b64

PIECES = {Scheme.PAE: (1, 1), Scheme.WEBAUTHN: (3, 3), Scheme.BATCH: (4, 12)}


@st.composite
def heads(draw: st.DrawFn) -> tuple[bytes, int]:
    lines = []
    for _ in range(draw(st.integers(1, 8))):
        scheme = draw(st.sampled_from(list(Scheme)))
        least, most = PIECES[scheme]
        pieces = draw(st.lists(st.binary(min_size=1, max_size=90), min_size=least, max_size=most))
        kid = draw(st.binary(min_size=32, max_size=32)).hex()
        lines.append(f"{scheme} {kid} {'.'.join(map(b64, pieces))}")
    length = draw(st.integers(0, 49_152))
    return "\n".join([*lines, f"len {length}", "", ""]).encode(), length


@given(heads())
def test_lines_come_back_as_they_were(head: tuple[bytes, int]) -> None:
    text, length = head
    packed = pack(text)
    assert unpack(packed, length) == text
    assert len(packed) < len(text)
    assert unpack(text, length) == text, "lines that are kept as they are stay so"


@given(heads(), st.data())
def test_no_other_bytes_unpack_to_the_same_lines(head: tuple[bytes, int], data: st.DataObject) -> None:
    text, length = head
    packed = bytearray(pack(text))
    match data.draw(st.integers(0, 2)):
        case 0:
            packed[data.draw(st.integers(0, len(packed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        case 1:
            del packed[data.draw(st.integers(0, len(packed) - 1)) :]
        case _:
            packed += data.draw(st.binary(min_size=1, max_size=40))
    assert unpack(bytes(packed), length) != text


def test_one_signature_of_64_bytes_takes_100() -> None:
    text = f"pae {'ab' * 32} {b64(bytes(64))}\nlen 1000\n\n".encode()
    assert (len(text), len(pack(text))) == (166, 101)
    assert unpack(pack(text), 1000) == text


@pytest.mark.parametrize("kept", [b"", b"\x00", b"\x01", b"\x02\x01", b"\x01\x09" + bytes(40), b"pae x"])
def test_what_is_damaged_stays_as_it_is(kept: bytes) -> None:
    assert unpack(kept, 5) == kept
