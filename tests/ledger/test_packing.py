"""Signature lines survive being packed, to the byte, and nothing else unpacks to them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.format import packing
from ledger.format.event import MAX_ACTORS
from ledger.format.packing import pack, unpack
from ledger.format.signature import Scheme, b64

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


def packed(count: int, scheme: int, *pieces: bytes) -> bytes:
    """Return lines of one kind, as the format says."""
    line = bytes([scheme]) + b"\xab" * 32 + bytes([len(pieces)])
    line += b"".join(len(piece).to_bytes(2, "big") + piece for piece in pieces)
    return bytes([count]) + line * count


@pytest.mark.parametrize(("scheme", "code", "count"), [("pae", 1, 1), ("webauthn", 2, 3), ("batch", 3, 5)])
@pytest.mark.parametrize("lines", [1, 2, MAX_ACTORS])
@pytest.mark.parametrize("length", [1, 63, 64, 300])
def test_the_packed_form_is_the_one_described(
    scheme: str, code: int, count: int, lines: int, length: int
) -> None:
    pieces = [bytes([at]) * length for at in range(count)]
    line = f"{scheme} {'ab' * 32} {'.'.join(map(b64, pieces))}\n"
    text = f"{line * lines}len 70\n\n".encode()
    assert pack(text) == packed(lines, code, *pieces)
    assert unpack(pack(text), 70) == text


def test_the_usual_line_takes_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(packing, "_unpack")
    text = f"pae {'ab' * 32} {b64(bytes(range(64)))}\nlen 1000\n\n".encode()
    assert unpack(packed(1, 1, bytes(range(64))), 1000) == text


def test_only_the_usual_line_takes_the_short_way() -> None:
    usual = packed(1, 1, bytes(64))
    assert unpack(packed(1, 2, bytes(64)), 1).startswith(b"webauthn ")
    for damaged in (
        usual + b"\0", usual[:-1], b"\2" + usual[1:], b"\1\0" + usual[2:], usual[:34] + b"\2" + usual[35:],
        usual[:35] + b"\1" + usual[36:], usual[:36] + b"\x41" + usual[37:], usual[:36] + b"\x3f" + usual[37:],
        packed(1, 1, b""), packed(1, 1, b"", bytes(62)), packed(1, 4, b"x"), packed(1, 0, b"x"),
        packed(MAX_ACTORS + 1, 1, b"x"),
    ):  # fmt: skip
        assert unpack(damaged, 1) == damaged


@pytest.mark.parametrize("kept", [b"", b"\x00", b"\x01", b"\x02\x01", b"\x01\x09" + bytes(40), b"pae x"])
def test_what_is_damaged_stays_as_it_is(kept: bytes) -> None:
    assert unpack(kept, 5) == kept
